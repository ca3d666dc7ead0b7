package notify

import (
	"context"
	"fmt"
	"slices"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

// atOnce is how many changes are read, and asked about, at once.
const atOnce = 1000

// within says that something that carries a moment lies in the window, and that the subscription was there already.
func within(cur cursor, sub *subscription, at rest.NotificationItem) bool {
	return at.At.After(cur.From.Time) && !at.At.After(cur.Until.Time) && !at.At.Before(sub.CreatedAt.Time)
}

// everything reads as the collector itself; what of it somebody is told is decided by his own rights.
func (r *round) everything() inventory.Caller {
	return inventory.Caller{Tenant: r.tenant, Name: "system", TenantWide: true}
}

// changes looks at what happened to resources: each page of changes is one question a subscription and kind.
func (r *round) changes(ctx context.Context, cur cursor, found map[string]*notice) error {
	if !r.any(rest.EventResources) {
		return nil
	}
	q := inventory.ChangeQuery{Since: cur.From.Time, Until: cur.Until.Time, Limit: atOnce}
	for {
		page, err := r.s.opt.History.Changes(ctx, r.everything(), q)
		if err != nil {
			return fmt.Errorf("read changes: %w", err)
		}
		byKind := map[string][]rest.NotificationItem{}
		for i := range page.Items {
			c := &page.Items[i]
			byKind[c.Kind] = append(byKind[c.Kind], rest.NotificationItem{ID: c.ResourceID, Kind: c.Kind, Name: c.Name, Action: c.Action, Detail: c.Reason, At: c.At})
		}
		err = r.each(ctx, rest.EventResources, func(sub *subscription, p *Person) error {
			for kind, items := range byKind {
				if sub.Kind != "" && sub.Kind != kind {
					continue
				}
				if err := r.match(ctx, cur, sub, p, kind, items, found); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
	}
}

// match adds those changes that the subscription means and whose resource its owner may read.
func (r *round) match(ctx context.Context, cur cursor, sub *subscription, p *Person, kind string, items []rest.NotificationItem, found map[string]*notice) error {
	var meant []rest.NotificationItem
	var ids []string
	for _, it := range items {
		if within(cur, sub, it) && sub.wants(it.Action) {
			meant = append(meant, it)
			ids = append(ids, it.ID)
		}
	}
	if len(meant) == 0 {
		return nil
	}
	slices.Sort(ids)
	theirs, err := p.Eyes.Among(ctx, kind, sub.Filter, slices.Compact(ids))
	if err != nil {
		// A filter that has become wrong is said on the subscription; others are told all the same.
		r.s.opt.Log.WarnContext(ctx, "subscription cannot be asked", "subscription", sub.id, "error", err)
		return nil
	}
	names := map[string]string{}
	for _, f := range theirs {
		names[f.ID] = f.Name
	}
	for _, it := range meant {
		if name, ok := names[it.ID]; ok {
			it.Name = name
			of(found, sub).add(it)
		}
	}
	return nil
}

// runs looks at runs that failed.
func (r *round) runs(ctx context.Context, cur cursor, found map[string]*notice) error {
	if !r.any(rest.EventRuns) {
		return nil
	}
	q := inventory.RunQuery{FinishedFrom: cur.From.Time, FinishedUntil: cur.Until.Time, Limit: atOnce}
	for {
		page, err := r.s.opt.History.Runs(ctx, r.everything(), q)
		if err != nil {
			return fmt.Errorf("read runs: %w", err)
		}
		for i := range page.Items {
			run := &page.Items[i]
			it := rest.NotificationItem{ID: run.ID, Kind: "run", Name: run.ConnectionRef, Action: run.State, Detail: run.Error, At: run.FinishedAt}
			if err := r.ofConnection(ctx, rest.EventRuns, cur, run.Connection, it, found); err != nil {
				return err
			}
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
	}
}

// ofConnection adds what happened at a connection for those who may know of it.
func (r *round) ofConnection(ctx context.Context, event string, cur cursor, connection string, it rest.NotificationItem, found map[string]*notice) error {
	return r.each(ctx, event, func(sub *subscription, p *Person) error {
		meant := within(cur, sub, it) && (sub.Connection == "" || sub.Connection == connection) && (event != rest.EventRuns || sub.wants(it.Action))
		if meant && (p.TenantWide || slices.Contains(p.Connections, connection)) {
			of(found, sub).add(it)
		}
		return nil
	})
}

// removals looks at removals that were held for a person.
func (r *round) removals(ctx context.Context, cur cursor, found map[string]*notice) error {
	if !r.any(rest.EventRemovals) {
		return nil
	}
	q := inventory.HeldQuery{State: "held", Limit: 100}
	for {
		page, err := r.s.opt.History.HeldRemovals(ctx, r.everything(), q)
		if err != nil {
			return fmt.Errorf("read held removals: %w", err)
		}
		for _, h := range page.Items {
			if !h.HeldAt.After(cur.From.Time) {
				return nil // the newest come first
			}
			it := rest.NotificationItem{ID: h.ID, Kind: "removal", Name: h.Kind, Action: "held", Detail: fmt.Sprintf("%d of %d", h.Count, h.ScopeSize), At: h.HeldAt}
			if err := r.ofConnection(ctx, rest.EventRemovals, cur, h.Connection, it, found); err != nil {
				return err
			}
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
	}
}

// approvals looks at what was asked for and decided; whom it concerns, approvals know.
func (r *round) approvals(ctx context.Context, cur cursor, found map[string]*notice) error {
	return r.each(ctx, rest.EventApprovals, func(sub *subscription, p *Person) error {
		news, err := p.Eyes.Approvals(ctx, cur.From.Time, cur.Until.Time)
		if err != nil {
			return fmt.Errorf("read approvals: %w", err)
		}
		for _, it := range news {
			if within(cur, sub, it) && sub.wants(it.Action) {
				of(found, sub).add(it)
			}
		}
		return nil
	})
}
