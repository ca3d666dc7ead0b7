package inventory

import (
	"context"
	"fmt"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

func (d heldDoc) view(id string) HeldRemoval {
	return HeldRemoval{ID: id, Connection: d.Connection, Kind: d.Kind, Partition: d.Partition, RunID: d.RunID, HeldAt: d.HeldAt.Time,
		State: d.State, Count: d.Count, ScopeSize: d.ScopeSize, DecidedBy: d.DecidedBy, DecidedAt: d.DecidedAt.Time, Reason: d.Reason}
}

// HeldRemovals is a page of removals that wait, or waited, for a person.
func (s *Service) HeldRemovals(ctx context.Context, c Caller, q HeldQuery) (*HeldList, error) {
	where := filter.And{}
	if !c.TenantWide {
		where = append(where, in(text("connection"), c.Connections))
	}
	if q.NotState != "" {
		where = append(where, filter.Not{Of: eq(text("state"), q.NotState)})
	}
	if q.State != "" {
		where = append(where, eq(text("state"), q.State))
	}
	if q.Connection != "" {
		where = append(where, eq(text("connection"), q.Connection))
	}
	sq := store.Query{Table: tHeld, Tenant: c.Tenant, Where: where, Order: []store.Order{{Field: when("held_at"), Desc: true}}, After: q.After, Limit: q.Limit}
	page, err := s.opt.Store.Find(ctx, sq)
	if err != nil {
		return nil, fmt.Errorf("list held removals: %w", err)
	}
	out := &HeldList{Next: page.Next}
	for _, row := range page.Rows {
		doc, err := decodeRow[heldDoc](row)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, doc.view(row.ID))
	}
	if out.Total, err = s.opt.Store.Count(ctx, sq, countMax); err != nil {
		return nil, fmt.Errorf("count held removals: %w", err)
	}
	return out, nil
}

func (s *Service) heldRow(ctx context.Context, r store.Reader, tenant, id string) (heldDoc, int64, error) {
	rows, err := getRows(ctx, r, tHeld, tenant, "", []string{id})
	if err != nil {
		return heldDoc{}, 0, err
	}
	row, ok := rows[id]
	if !ok {
		return heldDoc{}, 0, fmt.Errorf("held removal %s: %w", id, ErrNotFound)
	}
	doc, err := decodeRow[heldDoc](row)
	return doc, row.Version, err
}

// HeldRemoval is one of them with the resources concerned.
func (s *Service) HeldRemoval(ctx context.Context, c Caller, id string) (*HeldRemoval, error) {
	doc, _, err := s.heldRow(ctx, s.opt.Store, c.Tenant, id)
	if err != nil {
		return nil, err
	}
	if !c.sees(doc.Connection) {
		return nil, fmt.Errorf("held removal %s: %w", id, ErrNotFound)
	}
	out := doc.view(id)
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tIndex, Tenant: c.Tenant, Limit: 1000,
		Where: filter.And{eq(text("scope_id"), doc.ScopeID), eq(text("held"), id)}, Order: []store.Order{{Field: text("key")}}})
	if err != nil {
		return nil, fmt.Errorf("read held removal: %w", err)
	}
	var keys []string
	for _, row := range page.Rows {
		r, err := decodeRow[indexDoc](row)
		if err != nil {
			return nil, err
		}
		keys = append(keys, obsID(c.Tenant, doc.Connection, doc.Kind, r.Key))
	}
	out.Items, err = s.headsOfObservations(ctx, c, keys)
	return &out, err
}

// headsOfObservations are the resources that observations belong to, as far as the caller may see them.
func (s *Service) headsOfObservations(ctx context.Context, c Caller, obs []string) ([]Head, error) {
	rows, err := getChunks(ctx, s.opt.Store, tObservations, c.Tenant, "", obs)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, id := range obs {
		row, ok := rows[id]
		if !ok {
			continue
		}
		doc, err := decodeRow[obsDoc](row)
		if err != nil {
			return nil, err
		}
		ids = append(ids, doc.ResourceID)
	}
	heads, err := s.heads(ctx, c, ids)
	if err != nil {
		return nil, err
	}
	var out []Head
	for _, id := range ids {
		if h, ok := heads[id]; ok {
			out = append(out, h)
		}
	}
	return out, nil
}

// Approve lets a held removal happen: what it concerns is gone.
func (s *Service) Approve(ctx context.Context, c Caller, id, reason string) (*HeldRemoval, error) {
	return s.settleHeld(ctx, c, id, "approved", reason)
}

// Refuse keeps what a held removal concerns, until it is seen again.
func (s *Service) Refuse(ctx context.Context, c Caller, id, reason string) (*HeldRemoval, error) {
	return s.settleHeld(ctx, c, id, "refused", reason)
}

func (s *Service) settleHeld(ctx context.Context, c Caller, id, state, reason string) (*HeldRemoval, error) {
	verb := map[string]string{"approved": "removal.approve", "refused": "removal.refuse"}[state]
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: verb, Address: c.Address,
		Object: &audit.Ref{ID: id, Kind: "removal"}, Reason: reason})
	if err != nil {
		return nil, err
	}
	err = s.markHeld(ctx, c, id, state, reason, entry)
	if err == nil {
		err = again(func() error { return s.carryOut(ctx, c.Tenant, id) })
	}
	if err = s.finish(ctx, c.Tenant, entry, err); err != nil {
		return nil, fmt.Errorf("settle held removal: %w", err)
	}
	return s.HeldRemoval(ctx, c, id)
}

// markHeld writes the decision, before anything of it is done.
func (s *Service) markHeld(ctx context.Context, c Caller, id, state, reason, entry string) error {
	return s.opt.Store.Update(ctx, func(tx store.Tx) error {
		doc, version, err := s.heldRow(ctx, tx, c.Tenant, id)
		if err != nil {
			return err
		}
		if !c.sees(doc.Connection) {
			return ErrNotFound
		}
		if doc.State != "held" {
			return fmt.Errorf("it is %s: %w", doc.State, ErrNotHeld)
		}
		doc.State, doc.DecidedBy, doc.DecidedAt, doc.Reason, doc.AuditID, doc.Settled = state, c.Name, store.At(s.now()), reason, entry, false
		row, err := encodeRow(id, c.Tenant, "", version+1, doc)
		if err != nil {
			return err
		}
		conflicts, err := tx.Write(ctx, store.Write{Table: tHeld, Op: store.Replace, Row: row})
		if err == nil && len(conflicts) > 0 {
			err = ErrNotHeld
		}
		return err
	})
}

// carryOut does what was decided. It can be done again from wherever it stopped.
func (s *Service) carryOut(ctx context.Context, tenant, id string) error {
	doc, version, err := s.heldRow(ctx, s.opt.Store, tenant, id)
	if err != nil || doc.Settled {
		return err
	}
	rows, err := s.heldIndex(ctx, tenant, id, doc)
	if err != nil {
		return err
	}
	set, err := loadScopes(ctx, s.opt.Store, tenant, doc.Connection)
	if err != nil {
		return err
	}
	seen := func(key string) bool { return set.state(key, store.Time{}).Status == resource.StatusComplete }
	a := &absence{s: s, tenant: tenant, conn: doc.Connection, set: set, seen: seen, scope: resource.Scope{Kind: doc.Kind, Partition: doc.Partition},
		cause: cause{actor: doc.DecidedBy, connection: doc.Connection, auditID: doc.AuditID, reason: doc.Reason}}
	if doc.State == "approved" {
		var stay []*indexDoc
		if err := a.split(ctx, rows, func(r *indexDoc) { stay = append(stay, r) }); err != nil {
			return err
		}
		if err := a.end(ctx, stay, Gone, "a complete reading no longer listed it"); err != nil {
			return err
		}
	} else {
		kind, err := s.kind(ctx, tenant, doc.Kind)
		if err != nil {
			return err
		}
		for len(rows) > 0 {
			n := min(len(rows), rowsPerUnit)
			err := s.work(ctx, tenant, kind.Kind, a.cause, func(u *unit) error {
				return a.mark(ctx, u, rows[:n], Active, rowRefused, id)
			})
			if err != nil {
				return err
			}
			rows = rows[n:]
		}
	}
	doc.Settled = true
	row, err := encodeRow(id, tenant, "", version+1, doc)
	if err != nil {
		return err
	}
	err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, store.Write{Table: tHeld, Op: store.Replace, Row: row})
		return err
	})
	if err != nil {
		return fmt.Errorf("write held removal: %w", err)
	}
	return s.saveScopes(ctx, set)
}

func (s *Service) heldIndex(ctx context.Context, tenant, id string, doc heldDoc) ([]*indexDoc, error) {
	all, err := s.rows(ctx, s.opt.Store, tenant, doc.ScopeID, rowHeld)
	if err != nil {
		return nil, err
	}
	var out []*indexDoc
	for _, r := range all {
		if r.Held == id {
			out = append(out, r)
		}
	}
	return out, nil
}

// releaseHeld looks again at held removals of which something was seen again: what is left waits, an empty one is released.
func (s *Service) releaseHeld(ctx context.Context, tenant string, ids []string) error {
	for _, id := range unique(ids) {
		doc, version, err := s.heldRow(ctx, s.opt.Store, tenant, id)
		if err != nil {
			return err
		}
		if doc.State != "held" {
			continue
		}
		rows, err := s.heldIndex(ctx, tenant, id, doc)
		if err != nil {
			return err
		}
		if doc.Count = len(rows); doc.Count == 0 {
			doc.State, doc.Settled, doc.Reason, doc.DecidedAt = "released", true, "all of it was seen again", store.At(s.now())
		}
		row, err := encodeRow(id, tenant, "", version+1, doc)
		if err != nil {
			return err
		}
		err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
			_, err := tx.Write(ctx, store.Write{Table: tHeld, Op: store.Replace, Row: row})
			return err
		})
		if err != nil {
			return fmt.Errorf("write held removal: %w", err)
		}
	}
	return nil
}
