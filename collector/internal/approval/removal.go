package approval

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"maestro.internal/collector/internal/inventory"
)

// Removals are those that the inventory holds.
type Removals struct {
	Inventory *inventory.Service
	// Names are what people call the tenant's connections, by id.
	Names func(ctx context.Context, tenant string) (map[string]string, error)
}

// Waiting hands out what is held.
func (r Removals) Waiting(ctx context.Context, tenant string, fn func(Ask) error) error {
	var names map[string]string
	q := inventory.HeldQuery{State: "held", Limit: noticeAtOnce}
	for {
		page, err := r.Inventory.HeldRemovals(ctx, inventory.Caller{Tenant: tenant, Name: System, TenantWide: true}, q)
		if err != nil {
			return err
		}
		if len(page.Items) > 0 && names == nil {
			if names, err = r.Names(ctx, tenant); err != nil {
				return err
			}
		}
		for i := range page.Items {
			h := &page.Items[i]
			name := cmp.Or(names[h.Connection], h.Connection)
			ask := Ask{Kind: Removal, Key: h.ID, Count: h.Count, Roots: []string{h.Connection}, At: h.HeldAt,
				Title: fmt.Sprintf("Remove %d of %d %s of %s", h.Count, h.ScopeSize, h.Kind, name),
				Refs:  []Ref{{Kind: "connection", ID: h.Connection, Name: name}, {Kind: "run", ID: h.RunID, Name: h.RunID}}}
			if err := fn(ask); err != nil {
				return err
			}
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
	}
}

// Carry has the inventory do what was decided. What expired stays held: nothing is gone because nobody looked.
func (r Removals) Carry(ctx context.Context, a *Approval) (bool, error) {
	last := a.Last()
	as := inventory.Caller{Tenant: a.Tenant, Name: last.By, TenantWide: true}
	var err error
	switch a.State {
	case Approved:
		_, err = r.Inventory.Approve(ctx, as, a.Key, last.Reason)
	case Refused:
		_, err = r.Inventory.Refuse(ctx, as, a.Key, last.Reason)
	case Pending, Expired, Withdrawn, Failed:
	}
	if errors.Is(err, inventory.ErrNotHeld) {
		h, e := r.Inventory.HeldRemoval(ctx, as, a.Key)
		switch {
		case e != nil:
			return false, e
		case h.State == string(a.State): // done, by this decision before a crash
			return true, nil
		}
		return true, &UnableError{Problem: fmt.Sprintf("meanwhile it was %s", h.State)}
	}
	if errors.Is(err, inventory.ErrNotFound) {
		return true, &UnableError{Problem: "it is no longer there"}
	}
	return err == nil, err
}
