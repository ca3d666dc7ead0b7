package inventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// moments of collectors' clocks may differ by this much.
const clockMargin = time.Minute

// listRecentPast answers for a moment by what changed since: the rest is as it is today, where the store has indexes for it. So
// it costs what happened since the moment, and not what happened before. False: too much did, or too fast.
func (s *Service) listRecentPast(ctx context.Context, c Caller, kind *schema.Kind, q ListQuery, where filter.And) (*ResourceList, bool, error) {
	for range 3 {
		begun := s.now()
		changed, err := s.changedSince(ctx, c.Tenant, kind.Name, q.AsOf)
		if errors.Is(err, ErrTooBroad) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		list, err := s.unchangedAndPast(ctx, c, kind, q, where, changed)
		if err != nil {
			return nil, false, err
		}
		again, err := s.changedSince(ctx, c.Tenant, kind.Name, latest(q.AsOf, begun.Add(-clockMargin)))
		if err != nil && !errors.Is(err, ErrTooBroad) {
			return nil, false, err
		}
		if err == nil && !slices.ContainsFunc(slices.Collect(maps.Keys(again)), func(id string) bool { _, known := changed[id]; return !known }) {
			return list, true, nil
		}
	}
	return nil, false, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (s *Service) changedSince(ctx context.Context, tenant, kind string, at time.Time) (map[string]span, error) {
	return s.spans(ctx, tenant, kind, filter.And{eq(text("kind"), kind),
		filter.Compare{Field: when("at"), Op: filter.Gt, Value: at.UTC().Format(store.TimeLayout)}})
}

func (s *Service) unchangedAndPast(ctx context.Context, c Caller, kind *schema.Kind, q ListQuery, where filter.And, changed map[string]span) (*ResourceList, error) {
	past, err := newPastPage(q)
	if err != nil {
		return nil, err
	}
	var keys []string
	for id, sp := range changed {
		if sp.first > 1 {
			keys = append(keys, changeID(id, sp.first-1))
		}
	}
	rows, err := s.pastRows(ctx, c, kind, where, keys, past)
	if err != nil {
		return nil, err
	}
	hidden := sensitivePointers(kind)
	sq := store.Query{Table: tResources, Tenant: c.Tenant, Part: kind.Name, Where: where, Order: q.Order, After: q.After, Limit: q.Limit + 1}
	for unchanged := 0; unchanged <= q.Limit; {
		page, err := s.opt.Store.Find(ctx, sq)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", kind.Name, err)
		}
		for _, row := range page.Rows {
			if _, other := changed[row.ID]; other {
				continue
			}
			if len(hidden) > 0 { // the past knows hashes only
				doc, err := decodeRow[resourceDoc](row)
				if err != nil {
					return nil, err
				}
				doc.Attributes = s.hideAt(doc.Attributes, hidden)
				if row, err = encodeRow(row.ID, c.Tenant, kind.Name, row.Version, doc); err != nil {
					return nil, err
				}
			}
			unchanged++
			rows = append(rows, row)
		}
		if page.Next == "" {
			break
		}
		sq.After = page.Next
	}
	out, err := pageOf(c, kind, rows, q)
	if err != nil {
		return nil, err
	}
	sq.After = ""
	most := 0
	if !q.CountExact {
		most = countMax + len(changed)
	}
	n, err := s.opt.Store.Count(ctx, sq, most)
	if err != nil {
		return nil, fmt.Errorf("count %s: %w", kind.Name, err)
	}
	if most > 0 && n >= most {
		out.Total, out.More = countMax, true
		return out, nil
	}
	now, err := s.matchToday(ctx, c, kind, where, changed)
	if err != nil {
		return nil, err
	}
	out.Total = n - now + past.matched
	if most > 0 && out.Total >= countMax {
		out.Total, out.More = countMax, true
	}
	return out, nil
}

// matchToday is how many of those that changed meet the condition today.
func (s *Service) matchToday(ctx context.Context, c Caller, kind *schema.Kind, where filter.And, changed map[string]span) (n int, err error) {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(changed)), rowsPerUnit) {
		those := append(slices.Clone(where), in(filter.RowID, ids))
		found, err := s.opt.Store.Count(ctx, store.Query{Table: tResources, Tenant: c.Tenant, Part: kind.Name, Where: those}, 0)
		if err != nil {
			return 0, fmt.Errorf("count %s: %w", kind.Name, err)
		}
		n += found
	}
	return n, nil
}
