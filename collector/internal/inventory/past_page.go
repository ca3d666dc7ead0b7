package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
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

func (p *pastPage) cut() {
	slices.SortFunc(p.first, func(a, b pastRow) int { return store.CompareCursors(p.order, a.at, b.at) })
	if len(p.first) > p.limit {
		clear(p.first[p.limit:])
		p.first = p.first[:p.limit]
	}
}

// pastRows takes the revisions of changes that meet the condition, and answers the first ones as rows of the kind's table.
func (s *Service) pastRows(ctx context.Context, c Caller, kind *schema.Kind, where filter.And, changes []string, into *pastPage) ([]store.Row, error) {
	asItWas := saidByRevision(where) && !slices.ContainsFunc(into.order, func(o store.Order) bool { return isDerivedField(o.Field) })
	slices.Sort(changes)
	for keys := range slices.Chunk(changes, rowsPerUnit) {
		found, err := getRows(ctx, s.opt.Store, tChanges, c.Tenant, "", keys)
		if err != nil {
			return nil, err
		}
		rows := make([]pastRow, 0, len(found))
		for _, row := range found {
			was, err := revisionOf(row)
			if err != nil {
				return nil, err
			}
			rows = append(rows, was)
		}
		if !asItWas {
			if err := s.complete(ctx, c, kind, rows); err != nil {
				return nil, err
			}
		}
		for _, was := range rows {
			doc, err := filter.NewRowReader(was.id, was.doc)
			if err != nil {
				return nil, err
			}
			if doc.Match(where) {
				into.take(was, doc)
			}
		}
	}
	into.cut()
	if asItWas {
		if err := s.complete(ctx, c, kind, into.first); err != nil {
			return nil, err
		}
	}
	out := make([]store.Row, len(into.first))
	for i, r := range into.first {
		out[i] = store.Row{ID: r.id, Tenant: c.Tenant, Part: kind.Name, Version: r.version, Doc: r.doc}
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

// complete adds what a resource's row has beside its revision. Rights are today's.
func (s *Service) complete(ctx context.Context, c Caller, kind *schema.Kind, rows []pastRow) error {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.id
	}
	today, err := getRows(ctx, s.opt.Store, tHeads, c.Tenant, "", ids)
	if err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		var doc resourceDoc
		if err := json.Unmarshal(r.doc, &doc.revision); err != nil {
			return fmt.Errorf("decode revision of %s: %w", r.id, err)
		}
		if row, ok := today[r.id]; ok {
			head, err := decodeRow[headDoc](row)
			if err != nil {
				return err
			}
			doc.AccessRoots = head.AccessRoots
		}
		doc.derive(kind)
		row, err := encodeRow(r.id, c.Tenant, kind.Name, r.version, doc)
		if err != nil {
			return err
		}
		r.doc = row.Doc
	}
	return nil
}

// isDerivedField says that a row's document has the field and its revision has not, or has it as it was where rights are meant.
func isDerivedField(f filter.Field) bool {
	return len(f.Path) > 0 && slices.Contains([]string{"access_roots", "tag_pairs", "label_pairs", "words", "nets", "origin"}, f.Path[0])
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
