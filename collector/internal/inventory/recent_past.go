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
	return s.spans(ctx, tenant, filter.And{eq(text("kind"), kind),
		filter.Compare{Field: when("at"), Op: filter.Gt, Value: at.UTC().Format(store.TimeLayout)}})
}

func (s *Service) unchangedAndPast(ctx context.Context, c Caller, kind *schema.Kind, q ListQuery, where filter.And, changed map[string]span) (*ResourceList, error) {
	past, now, err := s.pastOf(ctx, c, kind, where, changed)
	if err != nil {
		return nil, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = store.DefaultLimit
	}
	hidden := sensitivePointers(kind)
	rows := past
	sq := store.Query{Table: tResources, Tenant: c.Tenant, Part: kind.Name, Where: where, Order: q.Order, After: q.After, Limit: limit + 1}
	for unchanged := 0; unchanged <= limit; {
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
	out.Total = n - now + len(past)
	if most > 0 && (n >= most || out.Total >= countMax) {
		out.Total, out.More = countMax, true
	}
	return out, nil
}

// pastOf is how those that changed since were, as far as they meet the condition; now is how many meet it today.
func (s *Service) pastOf(ctx context.Context, c Caller, kind *schema.Kind, where filter.And, changed map[string]span) (past []store.Row, now int, err error) {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(changed)), rowsPerUnit) {
		var keys []string
		for _, id := range ids {
			if first := changed[id].first; first > 1 {
				keys = append(keys, changeID(id, first-1))
			}
		}
		today, err := getRows(ctx, s.opt.Store, tResources, c.Tenant, kind.Name, ids)
		if err != nil {
			return nil, 0, err
		}
		for _, row := range today {
			if filter.MatchRow(where, row.ID, row.Doc) {
				now++
			}
		}
		changes, err := getRows(ctx, s.opt.Store, tChanges, c.Tenant, "", keys)
		if err != nil {
			return nil, 0, err
		}
		for _, row := range changes {
			ch, err := decodeRow[changeDoc](row)
			if err != nil {
				return nil, 0, err
			}
			doc := resourceDoc{revision: ch.Revision}
			if row, ok := today[ch.ResourceID]; ok {
				roots, err := decodeRow[headDoc](row)
				if err != nil {
					return nil, 0, err
				}
				doc.AccessRoots = roots.AccessRoots // rights are today's
			}
			doc.derive(kind)
			was, err := encodeRow(ch.ResourceID, c.Tenant, kind.Name, ch.Version, doc)
			if err != nil {
				return nil, 0, err
			}
			if filter.MatchRow(where, was.ID, was.Doc) {
				past = append(past, was)
			}
		}
	}
	return past, now, nil
}
