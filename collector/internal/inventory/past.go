package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// asOfMax is how many changes a list of the past goes through.
const asOfMax = 200_000

// listPast is a list of the past: from today backwards where little happened since, from the beginning otherwise. That is slower
// than a list of today: nothing is indexed by what a resource once was.
func (s *Service) listPast(ctx context.Context, c Caller, q ListQuery) (*ResourceList, error) {
	k, err := s.kind(ctx, c.Tenant, q.Kind)
	if err != nil {
		return nil, err
	}
	if err := s.ensureKind(ctx, k.Kind); err != nil {
		return nil, err
	}
	if err := withoutHops(q.Where); err != nil {
		return nil, err
	}
	where := filter.And{c.may(), shown(q.StateNamed)}
	if q.Where != nil {
		where = append(where, q.Where)
	}
	if err := s.withinHorizon(ctx, c.Tenant, q.AsOf); err != nil {
		return nil, err
	}
	q.Limit = cmp.Or(max(q.Limit, 0), store.DefaultLimit)
	if !q.StateNamed { // what was pruned since left no change
		if list, ok, err := s.listRecentPast(ctx, c, k.Kind, q, where); ok || err != nil {
			return list, err
		}
	}
	return s.listAllPast(ctx, c, k.Kind, q, where)
}

// listAllPast goes through all changes up to the moment.
func (s *Service) listAllPast(ctx context.Context, c Caller, kind *schema.Kind, q ListQuery, where filter.And) (*ResourceList, error) {
	latest, n := map[string]int64{}, 0
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tChanges, Tenant: c.Tenant, Where: filter.And{eq(text("kind"), kind.Name),
		filter.Compare{Field: when("at"), Op: filter.Le, Value: q.AsOf.UTC().Format(store.TimeLayout)}}}, func(row store.Row) error {
		if n++; n > asOfMax {
			return fmt.Errorf("list %s as of %s: %w: more than %d changes", kind.Name, q.AsOf.Format(time.RFC3339), ErrTooBroad, asOfMax)
		}
		id, version, err := changeOf(row.ID)
		latest[id] = max(latest[id], version)
		return err
	})
	if err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(latest))
	for id, version := range latest {
		keys = append(keys, changeID(id, version))
	}
	past, err := newPastPage(q)
	if err != nil {
		return nil, err
	}
	rows, err := s.pastRows(ctx, c, kind, where, keys, past)
	if err != nil {
		return nil, err
	}
	out, err := pageOf(c, kind, rows, q)
	if err == nil {
		out.Total = past.matched
	}
	return out, err
}

// pageOf orders rows from where the query begins as a store does, and cuts a page out of them.
func pageOf(c Caller, kind *schema.Kind, rows []store.Row, q ListQuery) (*ResourceList, error) {
	keys := make(map[string]store.Cursor, len(rows))
	for _, r := range rows {
		cur, err := store.CursorOf(q.Order, r)
		if err != nil {
			return nil, err
		}
		keys[r.ID] = cur
	}
	slices.SortFunc(rows, func(a, b store.Row) int { return store.CompareCursors(q.Order, keys[a.ID], keys[b.ID]) })
	out := &ResourceList{}
	if len(rows) > q.Limit {
		rows = rows[:q.Limit]
		next, err := keys[rows[q.Limit-1].ID].Encode(q.Order)
		if err != nil {
			return nil, err
		}
		out.Next = next
	}
	for _, r := range rows {
		doc, err := decodeRow[resourceDoc](r)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, doc.view(c, r.ID, r.Version))
		out.Items[len(out.Items)-1].reduce(c, kind)
	}
	return out, nil
}
