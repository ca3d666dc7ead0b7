package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// reader reads through the pool or, within an Update, through the writing connection.
type reader struct {
	s  *Store
	on *statements
}

// Get reads rows by id.
func (s *Store) Get(ctx context.Context, table, tenant, part string, ids []string) (map[string]store.Row, error) {
	return reader{s, s.reads}.Get(ctx, table, tenant, part, ids)
}

// Find answers a page of rows.
func (s *Store) Find(ctx context.Context, q store.Query) (store.Page, error) {
	return reader{s, s.reads}.Find(ctx, q)
}

// Count counts rows.
func (s *Store) Count(ctx context.Context, q store.Query, max int) (int, error) {
	return reader{s, s.reads}.Count(ctx, q, max)
}

// Group counts rows by values.
func (s *Store) Group(ctx context.Context, q store.Query, by []filter.Field) ([]store.Group, error) {
	return reader{s, s.reads}.Group(ctx, q, by)
}

func (r reader) Get(ctx context.Context, name, tenant, part string, ids []string) (map[string]store.Row, error) {
	t, err := r.s.table(name)
	if err != nil {
		return nil, fmt.Errorf("get rows: %w", err)
	}
	if err := store.CheckPart(t.Table, part); err != nil {
		return nil, err
	}
	found := make(map[string]store.Row, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	list, err := idList(ids)
	if err != nil {
		return nil, fmt.Errorf("get rows of %s: %w", name, err)
	}
	query := "SELECT t.id, t.tenant, t.part, t.version, json(t.doc), t.blob FROM " + ident(name) +
		" t WHERE t.id IN (SELECT value FROM json_each(?)) AND t.tenant = ? AND t.part = ?"
	err = r.on.query(ctx, query, []any{list, tenant, part}, func(rows *sql.Rows) error {
		row, err := scanRow(rows, true)
		found[row.ID] = row
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("get rows of %s: %w", name, err)
	}
	return found, nil
}

// idList is ids as a JSON array, without those that no row can have.
func idList(ids []string) (string, error) {
	valid := make([]string, 0, len(ids))
	for _, id := range ids {
		if utf8.ValidString(id) {
			valid = append(valid, id)
		}
	}
	b, err := json.Marshal(valid)
	return string(b), err
}

func scanRow(rows *sql.Rows, blob bool) (store.Row, error) {
	var r store.Row
	var doc, b []byte
	to := []any{&r.ID, &r.Tenant, &r.Part, &r.Version, &doc}
	if blob {
		to = append(to, &b)
	}
	err := rows.Scan(to...)
	r.Doc = doc
	if len(b) > 0 {
		r.Blob = b
	}
	return r, err
}

// sureRows is by how much more rows are looked up first where each may be found by itself: what may be read of a datacenter often lies
// together in an order too, far from where the list begins.
const sureRows = 7

// commonRows is how many rows make a condition common: fewer are looked up first and then sorted; more are better
// met on the way along the order of the list, which may be over soon.
const commonRows = 3000

// findCommon counts, up to a limit, what the conditions on indexed fields of several values lead to.
func (r reader) findCommon(ctx context.Context, c condition, e filter.Expr) error {
	var field filter.Field
	switch e := e.(type) {
	case filter.And:
		for _, x := range e {
			if err := r.findCommon(ctx, c, x); err != nil {
				return err
			}
		}
		return nil
	case filter.Text:
		for _, w := range e.Words {
			if err := r.findCommon(ctx, c, filter.Compare{Field: e.Field, Op: filter.Prefix, Value: w}); err != nil {
				return err
			}
		}
		return nil
	case filter.Compare:
		if field = e.Field; e.Op == filter.Ne {
			return nil
		}
	case filter.In:
		if field = e.Field; len(e.Values) == 0 || !looksUp(e) {
			return nil
		}
	case filter.Within:
		if field = e.Field; len(e.Spans) == 0 {
			return nil
		}
	case filter.Exists:
		field = e.Field
	default:
		return nil
	}
	m, indexed := c.multi[fieldKey(field)]
	if !field.Multi || !indexed {
		return nil
	}
	probe := c
	probe.sqlText = &sqlText{}
	probe.add("SELECT count(*) FROM (")
	probe.sideRows("1", m, e)
	limit := r.s.common
	if looksUp(e) {
		limit *= sureRows
	}
	probe.add(" LIMIT ?)", limit)
	return r.on.query(ctx, probe.String(), probe.args, func(rows *sql.Rows) error {
		var n int
		err := rows.Scan(&n)
		c.common[filter.Format(e)] = n == limit
		return err
	})
}

// asked is what a statement is for: listed says that it may end before all rows are found, grouped that it counts, by values or all, through
// names the index to go through.
type asked struct {
	listed, grouped bool
	through         string
}

// begin starts a statement up to its conditions.
func (r reader) begin(ctx context.Context, sel string, q store.Query, how asked) (condition, error) {
	t, err := r.s.table(q.Table)
	if err != nil {
		return condition{}, fmt.Errorf("find rows: %w", err)
	}
	if err := store.CheckQuery(t.Table, q); err != nil {
		return condition{}, err
	}
	c := condition{sqlText: &sqlText{}, t: t, part: q.Part, multi: t.multiOf(q.Part), first: t.firstOf(q.Part), common: map[string]bool{}}
	if !q.AllTenants {
		c.tenant = &q.Tenant
	}
	if how.listed && !q.AllTenants {
		if err := r.findCommon(ctx, c, q.Where); err != nil {
			return c, fmt.Errorf("estimate rows of %s: %w", t.Name, err)
		}
	}
	c.grouped = how.grouped
	c.add(sel + " FROM " + ident(t.Name) + " t")
	if how.through != "" {
		c.covered = true
		c.add(" INDEXED BY " + ident(how.through))
	}
	c.where(q)
	return c, nil
}

func (r reader) Find(ctx context.Context, q store.Query) (store.Page, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = store.DefaultLimit
	}
	at, err := cursorOf(q)
	if err != nil {
		return store.Page{}, err
	}
	var l *lead
	if len(q.Order) > 0 {
		if l, err = r.leading(ctx, q, &q.Order[0].Field); err != nil {
			return store.Page{}, err
		}
	}
	var page store.Page
	for _, of := range stretches(q.Order, at, l != nil) {
		if len(page.Rows) > limit {
			break
		}
		c, err := r.find(ctx, q, l, at, of, limit+1-len(page.Rows))
		if err != nil {
			return store.Page{}, err
		}
		err = r.on.query(ctx, c.String(), c.args, func(rows *sql.Rows) error {
			row, err := scanRow(rows, q.WithBlob)
			page.Rows = append(page.Rows, row)
			return err
		})
		if err != nil {
			return store.Page{}, fmt.Errorf("find rows of %s: %w", q.Table, err)
		}
	}
	if len(page.Rows) > limit {
		page.Rows = page.Rows[:limit]
		at, err := store.CursorOf(q.Order, page.Rows[limit-1])
		if err != nil {
			return store.Page{}, fmt.Errorf("find rows of %s: %w", q.Table, err)
		}
		if page.Next, err = at.Encode(q.Order); err != nil {
			return store.Page{}, fmt.Errorf("find rows of %s: %w", q.Table, err)
		}
	}
	return page, nil
}

func cursorOf(q store.Query) (*store.Cursor, error) {
	if q.After == "" {
		return nil, nil
	}
	at, err := store.DecodeCursor(q.After, q.Order)
	return &at, err
}

// stretch is a part of an order that one search of an index finds. A page after a position is asked for in two: said as one, SQLite
// sorts all that follows, or goes through all that comes before.
type stretch int

const (
	wholeOrder stretch = iota
	// valued rows have a value to be ordered by first, valueless ones, which are last, have none.
	valued
	valueless
)

// led says that a ranked index is gone through, in which what has no value comes first when it is gone through backwards.
func stretches(order []store.Order, at *store.Cursor, led bool) []stretch {
	switch {
	case at == nil && led && order[0].Desc:
	case at == nil || len(order) == 0 || at.Values[0] == nil:
		return []stretch{wholeOrder}
	}
	return []stretch{valued, valueless}
}

// find makes the statement for a stretch of what follows a position.
func (r reader) find(ctx context.Context, q store.Query, l *lead, at *store.Cursor, of stretch, limit int) (condition, error) {
	sel := "SELECT t.id, t.tenant, t.part, t.version, json(t.doc)"
	if q.Bare {
		sel = "SELECT t.id, t.tenant, t.part, t.version, NULL"
	}
	if q.WithBlob {
		sel += ", t.blob"
	}
	if l != nil {
		return r.page(ctx, sel, q, l, at, of, limit)
	}
	c, err := r.begin(ctx, sel, q, asked{listed: true})
	if err != nil {
		return c, err
	}
	c.follows(q.Order, at, of)
	c.add(orderBy(q.Order, of)+" LIMIT ?", limit)
	return c, nil
}

func (r reader) Count(ctx context.Context, q store.Query, max int) (int, error) {
	c, err := r.counted(ctx, q, max)
	if err != nil {
		return 0, err
	}
	var n int
	err = r.on.query(ctx, c.String(), c.args, func(rows *sql.Rows) error { return rows.Scan(&n) })
	if err != nil {
		return 0, fmt.Errorf("count rows of %s: %w", q.Table, err)
	}
	return n, nil
}

// counted makes the statement for a Count.
func (r reader) counted(ctx context.Context, q store.Query, max int) (condition, error) {
	if max > 0 {
		l, err := r.leading(ctx, q, nil)
		if err != nil {
			return condition{}, err
		}
		if l != nil {
			return r.countLed(ctx, q, l, max)
		}
	}
	c, err := r.begin(ctx, "SELECT count(*) FROM (SELECT 1", q, asked{listed: max > 0, grouped: true})
	if err != nil {
		return c, err
	}
	if max > 0 {
		c.add(" LIMIT ?", max)
	}
	c.add(")")
	return c, nil
}

func (r reader) Group(ctx context.Context, q store.Query, by []filter.Field) ([]store.Group, error) {
	if len(by) == 1 && by[0].Multi {
		return r.groupValues(ctx, q, by, "")
	}
	exprs := make([]string, len(by))
	positions := make([]string, len(by))
	ties := ""
	for i, f := range by {
		if err := filter.CheckOrder(f); err != nil {
			return nil, err
		}
		exprs[i] = valueExpr("t.doc", f)
		if f.Type == filter.Number {
			exprs[i] = "CAST(" + exprs[i] + " AS REAL)"
		}
		positions[i] = fmt.Sprint(i + 1)
		ties += ", " + positions[i] + " ASC NULLS LAST"
	}
	if len(by) == 0 {
		return nil, fmt.Errorf("group rows of %s: by nothing", q.Table)
	}
	c, err := r.begin(ctx, "SELECT "+strings.Join(exprs, ", ")+", count(*)", q, asked{grouped: true})
	if err != nil {
		return nil, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = store.DefaultLimit
	}
	c.add(" GROUP BY "+strings.Join(positions, ", ")+" ORDER BY count(*) DESC"+ties+" LIMIT ?", limit)
	var groups []store.Group
	err = r.on.query(ctx, c.String(), c.args, func(rows *sql.Rows) error {
		g, err := scanGroup(rows, by)
		groups = append(groups, g)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("group rows of %s: %w", q.Table, err)
	}
	return groups, nil
}

func scanGroup(rows *sql.Rows, by []filter.Field) (store.Group, error) {
	g := store.Group{Values: make([]any, len(by))}
	to := make([]any, len(by)+1)
	for i := range by {
		to[i] = &g.Values[i]
	}
	to[len(by)] = &g.Count
	if err := rows.Scan(to...); err != nil {
		return g, err
	}
	for i, f := range by {
		switch v := g.Values[i].(type) {
		case []byte:
			g.Values[i] = string(v)
		case int64:
			if f.Type == filter.Bool {
				g.Values[i] = v != 0
			}
		}
	}
	return g, nil
}
