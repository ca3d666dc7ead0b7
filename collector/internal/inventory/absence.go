package inventory

import (
	"context"
	"fmt"
	"slices"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// rowsPerUnit bounds one unit of work on absences.
const rowsPerUnit = 500

// absence applies what it means that keys of a scope are absent.
type absence struct {
	s      *Service
	tenant string
	conn   string
	scope  resource.Scope
	cause  cause
	// set is where the states of the connection's scopes are.
	set *scopeSet
	// seen says of another scope of the connection that it was read lately, so that what it lists is there; nil is never.
	seen func(scopeKey string) bool
}

func (a *absence) scopeID() string { return scopeID(a.conn, a.scope.Key()) }

// rows reads the scope's index rows in any of the states.
func (s *Service) rows(ctx context.Context, r store.Reader, tenant, scopeID string, states ...rowState) ([]*indexDoc, error) {
	where := filter.And{eq(text("scope_id"), scopeID)}
	if len(states) > 0 {
		var names []string
		for _, st := range states {
			names = append(names, string(st))
		}
		where = append(where, in(text("state"), names))
	}
	var out []*indexDoc
	err := store.Each(ctx, r, store.Query{Table: tIndex, Tenant: tenant, Where: where, Order: []store.Order{{Field: text("key")}}},
		func(row store.Row) error {
			doc, err := decodeRow[indexDoc](row)
			out = append(out, &doc)
			return err
		})
	return out, err
}

// decide settles the rows that the scope's complete capture did not list: moved to another scope, left out by narrower
// settings, gone, or so many that a person has to look.
func (a *absence) decide(ctx context.Context, size int) error {
	rows, err := a.s.rows(ctx, a.s.opt.Store, a.tenant, a.scopeID(), rowPending, rowLeaving)
	if err != nil {
		return err
	}
	var leaving, pending []*indexDoc
	err = a.split(ctx, rows, func(r *indexDoc) {
		if r.State == rowLeaving {
			leaving = append(leaving, r)
		} else {
			pending = append(pending, r)
		}
	})
	if err != nil {
		return err
	}
	if err := a.end(ctx, leaving, Unwatched, "the settings no longer ask for it"); err != nil {
		return err
	}
	if len(pending) == 0 {
		return nil
	}
	held, err := a.openHeld(ctx)
	if err != nil {
		return err
	}
	if held == nil && !a.tooMany(len(pending), size+len(pending)) {
		return a.end(ctx, pending, Gone, "a complete reading no longer listed it")
	}
	return a.hold(ctx, held, pending, size+len(pending))
}

func (a *absence) tooMany(n, of int) bool {
	return n > a.s.opt.HoldItems && n*100 > a.s.opt.HoldPercent*of
}

// split drops the rows of what has moved on to another scope, and hands out the others.
func (a *absence) split(ctx context.Context, rows []*indexDoc, rest func(*indexDoc)) error {
	kind, err := a.s.kind(ctx, a.tenant, a.scope.Kind)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(rows, rowsPerUnit) {
		var stay []*indexDoc
		err := a.s.work(ctx, a.tenant, kind.Kind, a.cause, func(u *unit) error {
			stay = nil
			ids := make([]string, len(part))
			for i, r := range part {
				ids[i] = obsID(a.tenant, a.conn, a.scope.Kind, r.Key)
			}
			if err := u.loadObs(ctx, ids); err != nil {
				return err
			}
			var t tally
			for i, r := range part {
				o := u.obs[ids[i]]
				switch {
				case o == nil || o.doc.Scope != a.scope.Key() || o.doc.State == Gone:
					u.dropIndex(a.scopeID(), &t, r)
				default:
					other, err := a.elsewhere(ctx, u, o)
					if err != nil {
						return err
					}
					if other == "" {
						stay = append(stay, r)
						continue
					}
					u.dropIndex(a.scopeID(), &t, r)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, r := range stay {
			rest(r)
		}
	}
	return nil
}

// elsewhere finds another scope that still lists the observation, gives it to that one and has its body asked for.
func (a *absence) elsewhere(ctx context.Context, u *unit, o *obsRec) (string, error) {
	for _, key := range o.doc.Also {
		if a.seen == nil || !a.seen(key) {
			continue
		}
		rows, err := u.indexRows(ctx, &scopeWork{id: scopeID(a.conn, key)}, []string{o.doc.ExternalID})
		if err != nil {
			return "", err
		}
		row := rows[o.doc.ExternalID]
		if row == nil || row.State != rowApplied {
			continue
		}
		rec := *o
		rec.doc.Also = slices.DeleteFunc(slices.Clone(o.doc.Also), func(s string) bool { return s == key })
		rec.doc.Scope, rec.dirty = key, true
		u.obs[o.id] = &rec
		row.ask()
		a.doubt(u, key)
		var t tally
		return key, u.setIndex(&scopeWork{id: scopeID(a.conn, key)}, &t, nil, *row)
	}
	return a.refusedElsewhere(ctx, u, o)
}

// refusedElsewhere finds another scope that was read and lists the observation with a body that is not taken: it has moved there, and what
// was known of it stays.
func (a *absence) refusedElsewhere(ctx context.Context, u *unit, o *obsRec) (string, error) {
	for _, st := range a.set.states {
		if st.Rejected == 0 || st.Key == a.scope.Key() || a.seen == nil || !a.seen(st.Key) {
			continue
		}
		if scope, err := resource.ParseScopeKey(st.Key); err != nil || scope.Kind != a.scope.Kind {
			continue
		}
		rows, err := u.indexRows(ctx, &scopeWork{id: scopeID(a.conn, st.Key)}, []string{o.doc.ExternalID})
		if err != nil {
			return "", err
		}
		if row := rows[o.doc.ExternalID]; row == nil || row.State != rowRejected {
			continue
		}
		rec := *o
		rec.doc.Also = slices.DeleteFunc(slices.Clone(o.doc.Also), func(s string) bool { return s == st.Key })
		rec.doc.Scope, rec.dirty = st.Key, true
		u.obs[o.id] = &rec
		return st.Key, nil
	}
	return "", nil
}

// end turns the observations of rows gone or unwatched. Rows of what is gone are deleted, others stay unwatched.
func (a *absence) end(ctx context.Context, rows []*indexDoc, state State, reason string) error {
	if len(rows) == 0 {
		return nil
	}
	kind, err := a.s.kind(ctx, a.tenant, a.scope.Kind)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(rows, rowsPerUnit) {
		err := a.s.work(ctx, a.tenant, kind.Kind, a.cause, func(u *unit) error {
			return a.endUnit(ctx, u, part, state, reason)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *absence) endUnit(ctx context.Context, u *unit, rows []*indexDoc, state State, reason string) error {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = obsID(a.tenant, a.conn, a.scope.Kind, r.Key)
	}
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
	var t tally
	for i, r := range rows {
		o := u.obs[ids[i]]
		mine := o != nil && o.doc.Scope == a.scope.Key()
		if mine && o.doc.State != Gone {
			if err := a.forget(ctx, u, o); err != nil {
				return err
			}
			u.turn(o, state, reason)
		}
		if state == Gone || !mine {
			u.dropIndex(a.scopeID(), &t, r)
			continue
		}
		next := *r
		next.State, next.Held = rowUnwatched, ""
		if err := u.setIndex(&scopeWork{id: a.scopeID()}, &t, r, next); err != nil {
			return err
		}
	}
	return nil
}

// forget deletes what other scopes, which were not read, still say of an observation that leaves: when one of them lists it
// again, its body is asked for.
func (a *absence) forget(ctx context.Context, u *unit, o *obsRec) error {
	for _, key := range o.doc.Also {
		id := scopeID(a.conn, key)
		rows, err := u.indexRows(ctx, &scopeWork{id: id}, []string{o.doc.ExternalID})
		if err != nil {
			return err
		}
		if row := rows[o.doc.ExternalID]; row != nil {
			var t tally
			u.dropIndex(id, &t, row)
			a.doubt(u, key)
		}
	}
	return nil
}

// doubt has the index of another scope counted before anybody relies on its digest. It is written before that index is touched.
func (a *absence) doubt(u *unit, key string) {
	a.set.doubt(key, store.At(u.now))
	u.scopes = a.set
}

// turn gives an observation another state and has its resource looked at again.
func (u *unit) turn(o *obsRec, state State, reason string) {
	if o.doc.State != state {
		rec := *o
		seen := *o.seen
		rec.seen = &seen
		rec.doc.State, rec.doc.StateReason, rec.doc.Also, rec.dirty = state, reason, nil, true
		if !(state == stateHeld || state == Active && o.doc.State == stateHeld) {
			rec.doc.StateSince = store.At(u.now)
		}
		seen.state, seen.since, seen.reason = state, rec.doc.StateSince.Time, reason
		u.obs[o.id] = &rec
	}
	u.touch(u.newResource(u.resolve(o.doc.ResourceID)))
}

// openHeld finds a removal of the scope that is still being held together: a crash must not make two of one, nor let
// what was held fall below the threshold.
func (a *absence) openHeld(ctx context.Context) (*store.Row, error) {
	page, err := a.s.opt.Store.Find(ctx, store.Query{Table: tHeld, Tenant: a.tenant, Limit: 1, Where: filter.And{
		eq(text("state"), "held"), eq(text("scope_id"), a.scopeID()), eq(text("run_id"), a.cause.runID)}})
	if err != nil {
		return nil, fmt.Errorf("find held removals: %w", err)
	}
	if len(page.Rows) == 0 {
		return nil, nil
	}
	return &page.Rows[0], nil
}

// hold keeps the rows for a person to decide.
func (a *absence) hold(ctx context.Context, have *store.Row, rows []*indexDoc, size int) error {
	kind, err := a.s.kind(ctx, a.tenant, a.scope.Kind)
	if err != nil {
		return err
	}
	id := uuidOf("held", a.tenant, a.cause.runID, a.scopeID())
	if have == nil {
		row, err := encodeRow(id, a.tenant, "", 1, heldDoc{Connection: a.conn, ScopeID: a.scopeID(), Kind: a.scope.Kind,
			Partition: a.scope.Partition, RunID: a.cause.runID, HeldAt: store.At(a.s.now()), State: "held", Count: len(rows), ScopeSize: size})
		if err != nil {
			return err
		}
		err = a.s.opt.Store.Update(ctx, func(tx store.Tx) error {
			_, err := tx.Write(ctx, store.Write{Table: tHeld, Op: store.Insert, Row: row})
			return err
		})
		if err != nil {
			return fmt.Errorf("write held removal: %w", err)
		}
	}
	for part := range slices.Chunk(rows, rowsPerUnit) {
		err := a.s.work(ctx, a.tenant, kind.Kind, a.cause, func(u *unit) error {
			return a.mark(ctx, u, part, stateHeld, rowHeld, id)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// mark changes the state of observations and their rows where the resource stays as it is.
func (a *absence) mark(ctx context.Context, u *unit, rows []*indexDoc, state State, rs rowState, held string) error {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = obsID(a.tenant, a.conn, a.scope.Kind, r.Key)
	}
	if err := u.loadObs(ctx, ids); err != nil {
		return err
	}
	var t tally
	for i, r := range rows {
		if o := u.obs[ids[i]]; o != nil && o.doc.State != state && o.was.live() {
			o.doc.State, o.dirty = state, true
		}
		next := *r
		next.State, next.Held = rs, held
		if err := u.setIndex(&scopeWork{id: a.scopeID()}, &t, r, next); err != nil {
			return err
		}
	}
	return nil
}

// unwatch turns everything of the scope unwatched.
func (a *absence) unwatch(ctx context.Context, reason string) error {
	rows, err := a.s.rows(ctx, a.s.opt.Store, a.tenant, a.scopeID(), rowApplied, rowRejected, rowPending, rowLeaving, rowHeld, rowRefused)
	if err != nil {
		return err
	}
	var stay []*indexDoc
	var held []string
	for _, r := range rows {
		if r.State == rowHeld {
			held = append(held, r.Held)
		}
	}
	if err := a.split(ctx, rows, func(r *indexDoc) { stay = append(stay, r) }); err != nil {
		return err
	}
	if err := a.end(ctx, stay, Unwatched, reason); err != nil {
		return err
	}
	return a.s.releaseHeld(ctx, a.tenant, held)
}
