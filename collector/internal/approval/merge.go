package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
)

// Merges are merges and splits by hand.
type Merges struct {
	Inventory *inventory.Service
	// As is who asked, with the rights that he has now; store.ErrNotFound: he is nobody any more.
	As func(ctx context.Context, tenant, who string) (inventory.Caller, error)
}

// Carry merges or splits as whoever asked for it.
func (m Merges) Carry(ctx context.Context, a *Approval) (bool, error) {
	if a.State != Approved {
		return true, nil
	}
	var d inventory.Deferred
	if err := json.Unmarshal([]byte(a.Payload), &d); err != nil {
		return false, fmt.Errorf("decode merge of approval %s: %w", a.ID, err)
	}
	as, err := m.As(ctx, a.Tenant, a.RequestedBy)
	if errors.Is(err, store.ErrNotFound) {
		return true, &UnableError{"who asked for it cannot sign in any more"}
	}
	if err != nil {
		return false, err
	}
	err = m.Inventory.Carry(ctx, as, a.ID, d)
	var invalid *inventory.InvalidError
	var conflict *inventory.ConflictError
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, inventory.ErrNotFound):
		return true, &UnableError{"who asked for it cannot see all of it any more, or it is not there"}
	case errors.Is(err, inventory.ErrForbidden), errors.Is(err, inventory.ErrReviewed), errors.As(err, &invalid), errors.As(err, &conflict):
		return true, &UnableError{err.Error()}
	}
	return false, err
}

// MergeGate asks before people merge and split.
type MergeGate struct{ Approvals func() *Service }

// Asks says whether it has to be approved.
func (g MergeGate) Asks(ctx context.Context, tenant string) (bool, error) {
	rules, err := g.Approvals().Rules(ctx, tenant)
	return rules.Of[Merge].Required, err
}

// Ask asks for it, unless it waits already.
func (g MergeGate) Ask(ctx context.Context, c inventory.Caller, d inventory.Deferred) (string, error) {
	s := g.Approvals()
	before, err := s.latest(ctx, c.Tenant, Merge, d.Key)
	switch {
	case err == nil && before.open(s.now()) == nil:
		return before.ID, nil
	case err != nil && !errors.Is(err, ErrNotFound):
		return "", err
	}
	payload, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("encode merge: %w", err)
	}
	ask := Ask{Kind: Merge, Key: d.Key, Title: d.Title, Count: len(d.Resources), Roots: d.Roots, Reason: d.Reason, Payload: string(payload)}
	for _, r := range d.Resources {
		ask.Refs = append(ask.Refs, Ref{Kind: r.Kind, ID: r.ID, Name: r.Name})
	}
	v, err := s.Ask(ctx, access.Caller{Tenant: c.Tenant, Name: c.Name, Address: c.Address}, ask)
	if err != nil {
		return "", err
	}
	return v.ID, nil
}

var (
	_ inventory.Gate = MergeGate{}
	_ Subject        = Merges{}
)
