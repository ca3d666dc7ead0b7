package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// mostRisers is how many values are counted by themselves because they may have been among the most frequent once.
const mostRisers = 200

// mostValues is how many values of a field are held to be counted.
const mostValues = 200_000

// tuple is the values of up to two fields.
type tuple [2]any

// groupsAt counts the rows of a kind's table or, without a kind, of the heads', by the values of up to two fields: as they are,
// or as they were at a moment.
func (s *Service) groupsAt(ctx context.Context, c Caller, at time.Time, kind *schema.Kind, where filter.And, by []filter.Field, limit int) ([]store.Group, error) {
	q := (&pastSet{kind: kind}).today(c, where)
	q.Limit = limit
	if at.IsZero() {
		return s.opt.Store.Group(ctx, q, by)
	}
	if err := s.withinHorizon(ctx, c.Tenant, at); err != nil {
		return nil, err
	}
	var out []store.Group
	err := s.differing(ctx, c, kind, at, true, func(p *pastSet) error {
		found, err := s.countThen(ctx, c, p, where, [][]filter.Field{by}, limit)
		if err == nil {
			out = found[0]
		}
		return err
	})
	return out, err
}

// countThen answers for each list of fields what a store's Group would have answered at the moment. What is as today the store
// counts; what changed is taken off that and added as it was.
func (s *Service) countThen(ctx context.Context, c Caller, p *pastSet, where filter.And, bys [][]filter.Field, limit int) ([][]store.Group, error) {
	more, err := s.moreThen(ctx, c, p, where, bys)
	if err != nil {
		return nil, err
	}
	most := 0
	for i := range bys {
		most = max(most, len(more[i]))
	}
	var today [][]store.Group
	if p.changed == nil {
		today = make([][]store.Group, len(bys))
	} else if today, err = s.countToday(ctx, p.today(c, where), bys, limit+most); err != nil {
		return nil, err
	}
	out := make([][]store.Group, len(bys))
	for i, by := range bys {
		whole := p.changed == nil || len(today[i]) < limit+most
		if out[i], err = s.added(ctx, p.today(c, where), by, today[i], more[i], whole, limit); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// moreThen is how many more of what is not as today had each values at the moment.
func (s *Service) moreThen(ctx context.Context, c Caller, p *pastSet, where filter.And, bys [][]filter.Field) ([]map[tuple]int, error) {
	more, needed := make([]map[tuple]int, len(bys)), false
	for i, by := range bys {
		more[i] = map[tuple]int{}
		needed = needed || slices.ContainsFunc(by, isDerivedField)
	}
	err := s.eachChanged(ctx, c, p, where, needed, func(_ pastRow, doc filter.Reader) error {
		for i, by := range bys {
			for _, t := range tuplesOf(doc, by) {
				more[i][t]++
			}
			if len(more[i]) > mostValues {
				return fmt.Errorf("count %s of the past: %w: there were more than %d values", by[0], ErrTooBroad, mostValues)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(p.changed)), rowsPerUnit) {
		const all = 1 << 20 // each of the few rows has a few values
		groups, err := s.countToday(ctx, p.today(c, append(slices.Clone(where), in(filter.RowID, ids))), bys, all)
		if err != nil {
			return nil, err
		}
		for i := range bys {
			for _, g := range groups[i] {
				more[i][tupleOf(g.Values)] -= g.Count
			}
		}
	}
	for i := range more {
		maps.DeleteFunc(more[i], func(_ tuple, n int) bool { return n == 0 })
	}
	return more, nil
}

func (s *Service) countToday(ctx context.Context, q store.Query, bys [][]filter.Field, limit int) ([][]store.Group, error) {
	q.Limit = limit
	single := make([]filter.Field, len(bys))
	for i, by := range bys {
		if single[i] = by[0]; len(by) > 1 {
			groups, err := s.opt.Store.Group(ctx, q, by)
			return [][]store.Group{groups}, err
		}
	}
	return s.opt.Store.Tally(ctx, q, single)
}

// added are the largest groups of today's with more added. Where these are not the whole, there is room among them for all that
// has more: another value can be among the largest only for what it had more then.
func (s *Service) added(ctx context.Context, q store.Query, by []filter.Field, today []store.Group, more map[tuple]int, whole bool, limit int) ([]store.Group, error) {
	var out []store.Group
	least := 0 // what has fewer today is not among today's
	for _, g := range today {
		least = g.Count
		t := tupleOf(g.Values)
		if n := g.Count + more[t]; n > 0 {
			out = append(out, store.Group{Values: g.Values, Count: n})
		}
		delete(more, t)
	}
	slices.SortFunc(out, store.CompareGroups)
	var risers []tuple
	for t, n := range more {
		if whole {
			if n > 0 {
				out = append(out, store.Group{Values: t[:len(by)], Count: n})
			}
		} else if len(out) < limit || n+least >= out[limit-1].Count {
			risers = append(risers, t)
		}
	}
	if len(risers) > mostRisers {
		return nil, fmt.Errorf("count %s of the past: %w: there were too many values", by[0], ErrTooBroad)
	}
	for _, t := range risers {
		where := filter.And{q.Where}
		for i, f := range by {
			if t[i] == nil {
				where = append(where, filter.Not{Of: filter.Exists{Field: f}})
			} else {
				where = append(where, eq(f, t[i]))
			}
		}
		those := q
		those.Where = where
		n, err := s.opt.Store.Count(ctx, those, 0)
		if err != nil {
			return nil, fmt.Errorf("count one value of %s: %w", by[0], err)
		}
		if n += more[t]; n > 0 {
			out = append(out, store.Group{Values: t[:len(by)], Count: n})
		}
	}
	slices.SortFunc(out, store.CompareGroups)
	return out[:min(limit, len(out))], nil
}

func tupleOf(values []any) (t tuple) {
	for i, v := range values {
		t[i] = asGrouped(v)
	}
	return t
}

// asGrouped is a value of a document as a store's Group has it.
func asGrouped(v any) any {
	if n, ok := v.(int64); ok {
		return float64(n)
	}
	return v
}

// tuplesOf are the groups that a document belongs to: one, or one for each value of a field of several.
func tuplesOf(doc filter.Reader, by []filter.Field) []tuple {
	if by[0].Multi {
		var out []tuple
		for _, v := range doc.Values(by[0]) {
			if t := tupleOf([]any{v}); !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
		return out
	}
	var t tuple
	for i, f := range by {
		if values := doc.Values(f); len(values) > 0 {
			t[i] = asGrouped(values[0])
		}
	}
	return []tuple{t}
}
