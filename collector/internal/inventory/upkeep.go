package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// UnwatchConnection turns everything that the connection observed unwatched: it was deleted, or its agent was.
func (s *Service) UnwatchConnection(ctx context.Context, tenant, connectionID, actor, reason string) error {
	return s.unwatch(ctx, tenant, connectionID, "", actor, reason)
}

// UnwatchKind does it for one kind of a connection: it was disabled.
func (s *Service) UnwatchKind(ctx context.Context, tenant, connectionID, kind, actor, reason string) error {
	return s.unwatch(ctx, tenant, connectionID, kind, actor, reason)
}

func (s *Service) unwatch(ctx context.Context, tenant, connectionID, kind, actor, reason string) error {
	return again(func() error { return s.unwatchOnce(ctx, tenant, connectionID, kind, actor, reason) })
}

// again repeats what can be done again while a run of the same connection gets in between.
func again(do func() error) error {
	var err error
	for range mostRaces {
		if err = do(); !errors.Is(err, ErrMoved) {
			return err
		}
	}
	return err
}

func (s *Service) unwatchOnce(ctx context.Context, tenant, connectionID, kind, actor, reason string) error {
	set, err := loadScopes(ctx, s.opt.Store, tenant, connectionID)
	if err != nil {
		return fmt.Errorf("read scopes: %w", err)
	}
	for _, st := range set.states {
		scope, err := resource.ParseScopeKey(st.Key)
		if err != nil {
			return err
		}
		if kind != "" && scope.Kind != kind {
			continue
		}
		st.Planned = false
		if err := s.dropScope(ctx, set, st, cause{actor: actor, connection: connectionID}, reason, nil); err != nil {
			return fmt.Errorf("unwatch scope %s: %w", st.Key, err)
		}
	}
	return s.saveScopes(ctx, set)
}

// Resend has the whole lists of a connection's scopes asked for with their next captures, and the bodies of what was rejected.
func (s *Service) Resend(ctx context.Context, tenant, connectionID string) error {
	return again(func() error {
		set, err := loadScopes(ctx, s.opt.Store, tenant, connectionID)
		if err != nil {
			return fmt.Errorf("read scopes: %w", err)
		}
		for _, st := range set.states {
			st.Resend = true
			set.touch(st.Key)
			if st.Rejected == 0 && st.Open == (position{}) {
				continue
			}
			if err := s.askRejected(ctx, set, st, ""); err != nil {
				return err
			}
		}
		return s.saveScopes(ctx, set)
	})
}

// Remap applies a connection's datacenter, rules and name to what it has observed, after an edit.
func (s *Service) Remap(ctx context.Context, tenant string, c Connection, actor string) error {
	byKind := map[string][]string{}
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tObservations, Tenant: tenant, Where: eq(text("connection"), c.ID)}, func(row store.Row) error {
		doc, err := decodeRow[obsDoc](row)
		if err != nil {
			return err
		}
		scope, err := resource.ParseScopeKey(doc.Scope)
		if err != nil {
			return err
		}
		dc, client := located(c, scope.Partition)
		if dc != doc.Datacenter || client != doc.Client || c.Precedence != doc.Precedence || c.preference(doc.Kind) != cmp.Or(doc.Preference, usualPreference) {
			byKind[doc.Kind] = append(byKind[doc.Kind], row.ID)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read observations: %w", err)
	}
	for name, ids := range byKind {
		kind, err := s.kind(ctx, tenant, name)
		if err != nil {
			return err
		}
		for part := range slices.Chunk(ids, rowsPerUnit) {
			err := s.work(ctx, tenant, kind.Kind, cause{actor: actor, connection: c.ID}, func(u *unit) error { return u.remap(ctx, c, part) })
			if err != nil {
				return fmt.Errorf("remap %s: %w", name, err)
			}
		}
	}
	return nil
}

func (u *unit) remap(ctx context.Context, c Connection, ids []string) error {
	if err := u.loadObs(ctx, ids); err != nil {
		return err
	}
	var owners []string
	for _, id := range ids {
		if o := u.obs[id]; o != nil {
			owners = append(owners, o.doc.ResourceID)
		}
	}
	if err := u.loadResources(ctx, owners); err != nil {
		return err
	}
	for _, id := range ids {
		o := u.obs[id]
		if o == nil {
			continue
		}
		scope, err := resource.ParseScopeKey(o.doc.Scope)
		if err != nil {
			return err
		}
		rec, seen := *o, *o.seen
		rec.doc.Datacenter, rec.doc.Client = located(c, scope.Partition)
		rec.doc.Precedence, rec.doc.Preference, rec.dirty = c.Precedence, c.preference(u.kind.Name), true
		seen.datacenter, seen.client, seen.precedence = rec.doc.Datacenter, rec.doc.Client, c.Precedence
		seen.preference = rec.doc.Preference
		rec.seen = &seen
		u.obs[id] = &rec
		u.touch(u.newResource(u.resolve(o.doc.ResourceID)))
	}
	return nil
}

// Sweep does what time asks for: rolls forward what a crash left behind, turns what is not read any more
// unwatched, prunes, and fails runs without news. One collector at a time runs it, under a lease.
func (s *Service) Sweep(ctx context.Context, now time.Time) error {
	err := s.runOperations(ctx, "")
	if err != nil {
		err = fmt.Errorf("carry out merges and splits: %w", err)
	}
	for _, step := range []struct {
		name string
		do   func(context.Context, time.Time) error
	}{
		{"carry out decisions on removals", s.sweepHeld}, {"unwatch what is not read", s.sweepUnread}, {"let others speak for what is silent", s.sweepSilent}, {"look for duplicates", s.sweepDuplicates},
		{"notice whom accounts serve", s.sweepServed}, {"follow mapping rules", s.sweepMappings}, {"fail runs without news", s.sweepRuns}, {"prune", s.prune}, {"forget what was pruned", s.forgetPruned},
		{"write relations by people", s.sweepRelinks},
	} {
		if e := step.do(ctx, now); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", step.name, e))
		}
	}
	if _, e := s.opt.Audit.Sweep(ctx, now); e != nil {
		err = errors.Join(err, e)
	}
	return err
}

func (s *Service) sweepHeld(ctx context.Context, _ time.Time) error {
	var rows []store.Row
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tHeld, AllTenants: true, Where: in(text("state"), []string{"approved", "refused"})}, func(row store.Row) error {
		doc, err := decodeRow[heldDoc](row)
		if !doc.Settled {
			rows = append(rows, row)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := s.carryOut(ctx, row.Tenant, row.ID); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) sweepUnread(ctx context.Context, now time.Time) error {
	type conn struct{ tenant, id string }
	late := map[conn]bool{}
	isLate := func(st *scopeState) bool {
		last := st.LastComplete
		if last.IsZero() {
			last = st.Since
		}
		return !st.Unread && !st.Dropped && st.Applied != (position{}) && now.Sub(last.Time) > s.opt.UnreadAfter
	}
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tScopes, AllTenants: true}, func(row store.Row) error {
		doc, err := decodeRow[scopeChunk](row)
		for i := range doc.States {
			if isLate(&doc.States[i]) {
				late[conn{row.Tenant, doc.Connection}] = true
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for c := range late {
		set, err := loadScopes(ctx, s.opt.Store, c.tenant, c.id)
		if err != nil {
			return err
		}
		fresh := func(key string) bool { return !isLate(set.state(key, store.Time{})) }
		for _, st := range set.states {
			if !isLate(st) {
				continue
			}
			planned := st.Planned
			if err := s.dropScope(ctx, set, st, cause{actor: "rule:unread", connection: c.id}, "not read to its end since "+lastRead(st), fresh); err != nil {
				return err
			}
			st.Planned, st.Dropped, st.Unread = planned, false, true
		}
		if err := s.saveScopes(ctx, set); err != nil {
			return err
		}
	}
	return nil
}

func lastRead(st *scopeState) string {
	if st.LastComplete.IsZero() {
		return "ever"
	}
	return st.LastComplete.Format(time.RFC3339)
}

func (s *Service) sweepRuns(ctx context.Context, now time.Time) error {
	var rows []store.Row
	q := store.Query{Table: tRuns, AllTenants: true, Where: filter.And{in(text("state"), []string{"queued", "running"}),
		filter.Compare{Field: when("updated_at"), Op: filter.Lt, Value: now.Add(-s.opt.RunTimeout).UTC().Format(store.TimeLayout)}}}
	if err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error { rows = append(rows, row); return nil }); err != nil {
		return err
	}
	for _, row := range rows {
		if err := s.FailRun(ctx, row.Tenant, row.ID, "no news of it for "+s.opt.RunTimeout.String()); err != nil {
			return err
		}
	}
	return nil
}

// prune forgets what has been gone or unwatched for longer than the retention. Its changes stay, so that it comes back with
// its id and history if it is ever seen again.
func (s *Service) prune(ctx context.Context, now time.Time) error {
	if s.opt.Retention <= 0 {
		return nil
	}
	limit := now.Add(-s.opt.Retention).UTC().Format(store.TimeLayout)
	var heads []store.Row
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tHeads, AllTenants: true, Where: in(text("state"), []string{string(Gone), string(Unwatched)})},
		func(row store.Row) error { heads = append(heads, row); return nil })
	if err != nil {
		return err
	}
	for _, row := range heads {
		head, err := decodeRow[headDoc](row)
		if err != nil {
			return err
		}
		if head.UpdatedAt.UTC().Format(store.TimeLayout) >= limit {
			continue
		}
		if err := s.pruneOne(ctx, row.Tenant, head.Kind, row.ID, now); err != nil {
			return fmt.Errorf("prune %s: %w", row.ID, err)
		}
	}
	return nil
}

// pruneOne notes it, deletes index rows first, so that a key is asked for again, and the resource last.
func (s *Service) pruneOne(ctx context.Context, tenant, kind, id string, now time.Time) error {
	return s.opt.Store.Update(ctx, func(tx store.Tx) error {
		rows, err := getRows(ctx, tx, tResources, tenant, kind, []string{id})
		if err != nil {
			return err
		}
		var ops []store.Write
		del := func(table, part, id string) {
			ops = append(ops, store.Write{Table: table, Op: store.Delete, Row: store.Row{ID: id, Tenant: tenant, Part: part}})
		}
		if row, ok := rows[id]; ok {
			doc, err := decodeRow[resourceDoc](row)
			if err != nil {
				return err
			}
			note, err := rememberPruned(tenant, kind, id, row.Version, now)
			if err != nil {
				return err
			}
			ops = append(ops, note)
			var sources []string
			for _, src := range doc.Sources {
				sources = append(sources, src.Observation)
			}
			obs, err := getChunks(ctx, tx, tObservations, tenant, "", sources)
			if err != nil {
				return err
			}
			for obsKey, row := range obs {
				o, err := decodeRow[obsDoc](row)
				if err != nil {
					return err
				}
				for _, scope := range append(o.Also, o.Scope) {
					del(tIndex, "", indexID(tenant, scopeID(o.Connection, scope), o.ExternalID))
				}
				del(tObservations, "", obsKey)
			}
		}
		for _, table := range []struct {
			name  string
			field filter.Field
		}{{tRelations, text("from")}, {tClaims, text("resource_id")}, {tPastRelations, text("from")}, {tPastHolders, text("resource_id")}} {
			err := store.Each(ctx, tx, store.Query{Table: table.name, Tenant: tenant, Where: eq(table.field, id)}, func(row store.Row) error {
				del(table.name, "", row.ID)
				return nil
			})
			if err != nil {
				return err
			}
		}
		del(tResources, kind, id)
		del(tHeads, "", id)
		_, err = tx.Write(ctx, ops...)
		return err
	})
}
