package inventory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

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
	var out *ResourceList
	err = s.listThen(ctx, c, q, k.Kind, func(found pastFound) error {
		out = &ResourceList{Next: found.next, Total: found.total, More: found.more, Looked: found.looked}
		for _, r := range found.rows {
			doc, err := decodeRow[resourceDoc](r)
			if err != nil {
				return err
			}
			out.Items = append(out.Items, doc.view(c, r.ID, r.Version))
			out.Items[len(out.Items)-1].reduce(c, k.Kind)
		}
		return nil
	})
	return out, err
}

// headsPast is a page of resources across kinds as they were.
func (s *Service) headsPast(ctx context.Context, c Caller, q ListQuery) (*HeadList, error) {
	var out *HeadList
	err := s.listThen(ctx, c, q, nil, func(found pastFound) error {
		out = &HeadList{Next: found.next, Total: found.total, More: found.more, Looked: found.looked}
		for _, r := range found.rows {
			doc, err := decodeRow[headDoc](r)
			if err != nil {
				return err
			}
			out.Items = append(out.Items, doc.view(r))
		}
		return nil
	})
	return out, err
}

// pastFound is a page of rows as they were.
type pastFound struct {
	rows  []store.Row
	next  string
	total int
	more  bool
	// looked is not zero where the page ends because the work for it was used up.
	looked int
}

// listThen answers a question about a moment from a kind's table or, without a kind, from the heads'.
func (s *Service) listThen(ctx context.Context, c Caller, q ListQuery, kind *schema.Kind, fn func(pastFound) error) error {
	where, err := s.conditionThen(ctx, c, &q)
	if err != nil {
		return err
	}
	from, err := pastPositionOf(q.After)
	if err != nil {
		return err
	}
	q.After, q.Limit = from.After, cmp.Or(max(q.Limit, 0), store.DefaultLimit)
	// What was pruned by a collector that did not write it down is found by going through everything only.
	return s.differing(ctx, c, kind, q.AsOf, !q.StateNamed, func(p *pastSet) error {
		found, err := s.pageThen(ctx, c, p, q, where, from)
		if err != nil {
			return err
		}
		return fn(found)
	})
}

// conditionThen is what a list of the past has to meet. Relations in the query's condition are resolved in place.
func (s *Service) conditionThen(ctx context.Context, c Caller, q *ListQuery) (filter.And, error) {
	if err := s.withinHorizon(ctx, c.Tenant, q.AsOf); err != nil {
		return nil, err
	}
	var err error
	if q.Where, err = s.resolveHops(ctx, c, q.Kind, q.Where, q.AsOf); err != nil {
		return nil, err
	}
	where := filter.And{c.may(), shown(q.StateNamed)}
	if q.Where != nil {
		where = append(where, q.Where)
	}
	return where, nil
}

func (s *Service) pageThen(ctx context.Context, c Caller, p *pastSet, q ListQuery, where filter.And, from pastPosition) (pastFound, error) {
	if p.walked() {
		p.work = s.pastWork(1)
		if from.Gone == "" {
			if found, ok, err := s.pageWalked(ctx, c, p, q, where, from); ok || err != nil {
				return found, err
			}
		}
		return s.pageSwept(ctx, c, p, q, where, from)
	}
	past, err := newPastPage(q)
	if err != nil {
		return pastFound{}, err
	}
	rows, err := s.pastRows(ctx, c, p, where, past)
	if err != nil {
		return pastFound{}, err
	}
	if p.changed == nil {
		found, err := pageOf(rows, q)
		found.total = past.matched
		return found, err
	}
	if rows, err = s.withUnchanged(ctx, c, p, q, where, rows); err != nil {
		return pastFound{}, err
	}
	found, err := pageOf(rows, q)
	if err != nil {
		return found, err
	}
	most := 0
	if !q.CountExact {
		most = countMax + len(p.changed)
	}
	n, err := s.opt.Store.Count(ctx, p.today(c, where), most)
	if err != nil {
		return found, fmt.Errorf("count %s: %w", p.of(), err)
	}
	if most > 0 && n >= most {
		found.total, found.more = countMax, true
		return found, nil
	}
	now, err := s.matchToday(ctx, c, p, where)
	if err != nil {
		return found, err
	}
	found.total = n - now + past.matched
	if most > 0 && found.total >= countMax {
		found.total, found.more = countMax, true
	}
	return found, nil
}

// withUnchanged adds to rows, from where the query begins, those of today that were so then: enough for a page.
func (s *Service) withUnchanged(ctx context.Context, c Caller, p *pastSet, q ListQuery, where filter.And, rows []store.Row) ([]store.Row, error) {
	var hidden []string
	if p.kind != nil {
		hidden = sensitivePointers(p.kind)
	}
	sq := p.today(c, where)
	sq.Order, sq.After, sq.Limit = q.Order, q.After, q.Limit+1
	for unchanged := 0; unchanged <= q.Limit; {
		page, err := s.opt.Store.Find(ctx, sq)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", p.of(), err)
		}
		for _, row := range page.Rows {
			if _, other := p.changed[row.ID]; other {
				continue
			}
			if len(hidden) > 0 { // the past knows hashes only
				doc, err := decodeRow[resourceDoc](row)
				if err != nil {
					return nil, err
				}
				doc.Attributes = s.hideAt(doc.Attributes, hidden)
				if row, err = encodeRow(row.ID, c.Tenant, p.kind.Name, row.Version, doc); err != nil {
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
	return rows, nil
}

// matchToday is how many of those that changed meet the condition today.
func (s *Service) matchToday(ctx context.Context, c Caller, p *pastSet, where filter.And) (n int, err error) {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(p.changed)), rowsPerUnit) {
		found, err := s.opt.Store.Count(ctx, p.today(c, append(slices.Clone(where), in(filter.RowID, ids))), 0)
		if err != nil {
			return 0, fmt.Errorf("count %s: %w", p.of(), err)
		}
		n += found
	}
	return n, nil
}

// pageOf orders rows from where the query begins as a store does, and cuts a page out of them.
func pageOf(rows []store.Row, q ListQuery) (pastFound, error) {
	keys := make(map[string]store.Cursor, len(rows))
	for _, r := range rows {
		cur, err := store.CursorOf(q.Order, r)
		if err != nil {
			return pastFound{}, err
		}
		keys[r.ID] = cur
	}
	slices.SortFunc(rows, func(a, b store.Row) int { return store.CompareCursors(q.Order, keys[a.ID], keys[b.ID]) })
	found := pastFound{rows: rows}
	if len(rows) > q.Limit {
		found.rows = rows[:q.Limit]
		next, err := keys[rows[q.Limit-1].ID].Encode(q.Order)
		if err != nil {
			return pastFound{}, err
		}
		found.next = next
	}
	return found, nil
}
