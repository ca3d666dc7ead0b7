package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// usualPreference is of a connection that people gave none. The lower one wins.
const usualPreference = 500

// preference is the connection's for a kind.
func (c *Connection) preference(kind string) int {
	if p := c.KindPreference[kind]; p != 0 {
		return p
	}
	if c.Preference != 0 {
		return c.Preference
	}
	return usualPreference
}

// isSilent says whether a scope has not been read to its end for so long that the sources after it may write what it says too.
func (r *Staleness) isSilent(st *scopeState, now time.Time) bool {
	last := st.LastComplete
	if last.IsZero() {
		last = st.Since
	}
	after := r.Default
	if scope, err := resource.ParseScopeKey(st.Key); err == nil {
		after = r.after(scope.Kind)
	}
	return after > 0 && !st.Unread && !st.Dropped && st.Applied != (position{}) && now.Sub(last.Time) > after
}

// sweepSilent gives way to other sources where the preferred one has been silent for too long, and back when it speaks again.
// The deadline is the scope's: all that it holds fell silent at one moment.
func (s *Service) sweepSilent(ctx context.Context, now time.Time) error {
	type conn struct{ tenant, id string }
	turned := map[conn]bool{}
	rules := map[string]*Staleness{} // by tenant
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tScopes, AllTenants: true}, func(row store.Row) error {
		doc, err := decodeRow[scopeChunk](row)
		if err != nil {
			return err
		}
		rule := rules[row.Tenant]
		if rule == nil {
			if rule, err = s.Staleness(ctx, row.Tenant); err != nil {
				return err
			}
			rules[row.Tenant] = rule
		}
		for i := range doc.States {
			if st := &doc.States[i]; st.Silent != rule.isSilent(st, now) {
				turned[conn{row.Tenant, doc.Connection}] = true
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read scopes: %w", err)
	}
	for c := range turned {
		err := again(func() error {
			set, err := loadScopes(ctx, s.opt.Store, c.tenant, c.id)
			if err != nil {
				return err
			}
			for _, st := range set.states {
				silent := rules[c.tenant].isSilent(st, now)
				if st.Silent == silent {
					continue
				}
				if err := s.silence(ctx, c.tenant, c.id, st, silent); err != nil {
					return fmt.Errorf("scope %s: %w", st.Key, err)
				}
				st.Silent = silent
				set.touch(st.Key)
			}
			return s.saveScopes(ctx, set)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// silence marks what a scope holds. A resource of which no other source says anything stays as it is.
func (s *Service) silence(ctx context.Context, tenant, connection string, st *scopeState, silent bool) error {
	scope, err := resource.ParseScopeKey(st.Key)
	if err != nil {
		return err
	}
	kind, err := s.kind(ctx, tenant, scope.Kind)
	if err != nil {
		return err
	}
	rows, err := s.rows(ctx, s.opt.Store, tenant, scopeID(connection, st.Key), rowApplied, rowHeld, rowRefused)
	if err != nil {
		return err
	}
	reason := "last read to its end at " + lastRead(st)
	if !silent {
		reason = "read again, or the rule of silence is another"
	}
	c := cause{actor: "rule:staleness", connection: connection, reason: reason}
	for part := range slices.Chunk(rows, rowsPerUnit) {
		err := s.work(ctx, tenant, kind.Kind, c, func(u *unit) error { return u.silence(ctx, connection, st.Key, part, silent) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *unit) silence(ctx context.Context, connection, scope string, rows []*indexDoc, silent bool) error {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = obsID(u.tenant, connection, u.kind.Name, r.Key)
	}
	if err := u.loadObs(ctx, ids); err != nil {
		return err
	}
	var owners []string
	for _, id := range ids {
		if o := u.obs[id]; o != nil && o.doc.Scope == scope && o.doc.Silent != silent {
			owners = append(owners, o.doc.ResourceID)
		}
	}
	if err := u.loadResources(ctx, owners); err != nil {
		return err
	}
	for _, id := range ids {
		o := u.obs[id]
		if o == nil || o.doc.Scope != scope || o.doc.Silent == silent {
			continue
		}
		rec := u.copyOf(o)
		rec.doc.Silent, rec.seen.silent = silent, silent
		if owner := u.newResource(u.resolve(o.doc.ResourceID)); len(owner.members) > 1 {
			u.touch(owner)
		}
	}
	return nil
}
