package inventory

import (
	"context"
	"encoding/json"
	"slices"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// pastPage is the first rows after a position in an order, of rows that come in none. It holds a few pages, however many come.
type pastPage struct {
	order   []store.Order
	after   *store.Cursor
	limit   int
	matched int // wherever they stand in the order
	first   []pastRow
}

// pastRow is a resource as it was.
type pastRow struct {
	at      store.Cursor
	id      string
	version int64
	doc     []byte
}

// newPastPage holds one row more than the query asks for, which says that there is a next page.
func newPastPage(q ListQuery) (*pastPage, error) {
	p := &pastPage{order: q.Order, limit: q.Limit + 1}
	if q.After != "" {
		at, err := store.DecodeCursor(q.After, q.Order)
		if err != nil {
			return nil, err
		}
		p.after = &at
	}
	return p, nil
}

// take counts a row that meets the condition, and keeps it if it may be among the first.
func (p *pastPage) take(row pastRow, doc filter.Reader) {
	p.matched++
	row.at = store.Cursor{ID: row.id}
	for _, o := range p.order {
		var v any
		if values := doc.Values(o.Field); len(values) > 0 {
			v = values[0]
		}
		row.at.Values = append(row.at.Values, v)
	}
	if p.after != nil && store.CompareCursors(p.order, row.at, *p.after) <= 0 {
		return
	}
	if p.first = append(p.first, row); len(p.first) >= 4*p.limit {
		p.cut()
	}
}

// follow takes a row that comes in the order, from where the page begins.
func (p *pastPage) follow(row pastRow) {
	if p.matched++; len(p.first) < p.limit {
		p.first = append(p.first, row)
	}
}

func (p *pastPage) followAll(rows []pastRow) {
	for _, row := range rows {
		p.follow(row)
	}
}

func (p *pastPage) cut() {
	slices.SortFunc(p.first, func(a, b pastRow) int { return store.CompareCursors(p.order, a.at, b.at) })
	if len(p.first) > p.limit {
		clear(p.first[p.limit:])
		p.first = p.first[:p.limit]
	}
}

// pastRows takes the revisions that meet the condition, of what is not as today, and answers the first ones as rows.
func (s *Service) pastRows(ctx context.Context, c Caller, p *pastSet, where filter.And, into *pastPage) ([]store.Row, error) {
	// Whether a row is complete shows where something asks for what only a complete one has.
	complete := slices.ContainsFunc(into.order, func(o store.Order) bool { return isDerivedField(o.Field) }) ||
		slices.ContainsFunc(flattened(where), func(e filter.Expr) bool { return !saidByRevision(e) })
	err := s.eachChanged(ctx, c, p, where, complete, func(was pastRow, doc filter.Reader) error { into.take(was, doc); return nil })
	if err != nil {
		return nil, err
	}
	into.cut()
	if !complete {
		if err := s.complete(ctx, c, p.kind, into.first); err != nil {
			return nil, err
		}
	}
	out := make([]store.Row, len(into.first))
	for i, r := range into.first {
		out[i] = r.row(c, p)
	}
	return out, nil
}

func revisionOf(change store.Row) (pastRow, error) {
	ch, err := decodeRow[struct {
		ResourceID string          `json:"resource_id"`
		Version    int64           `json:"version"`
		Revision   json.RawMessage `json:"revision"`
	}](change)
	return pastRow{id: ch.ResourceID, version: ch.Version, doc: ch.Revision}, err
}

// isDerivedField says that a row's document has the field and its revision has not, or has it as it was where rights are meant.
func isDerivedField(f filter.Field) bool {
	return len(f.Path) > 0 && slices.Contains([]string{"access_roots", "tag_pairs", "label_pairs", "identifier_pairs", "words", "nets", "origin", "addresses"}, f.Path[0])
}

// saidByRevision says that a condition can be answered by a revision alone.
func saidByRevision(e filter.Expr) bool {
	other := func(list []filter.Expr) bool {
		return slices.ContainsFunc(list, func(x filter.Expr) bool { return !saidByRevision(x) })
	}
	switch e := e.(type) {
	case filter.And:
		return !other(e)
	case filter.Or:
		return !other(e)
	case filter.Not:
		return saidByRevision(e.Of)
	case filter.Const:
		return true
	case filter.Compare:
		return !isDerivedField(e.Field)
	case filter.In:
		return !isDerivedField(e.Field)
	case filter.Exists:
		return !isDerivedField(e.Field)
	}
	return false
}
