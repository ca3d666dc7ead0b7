package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// A ranked index is one of a field of several values and then of one of one value: it has, for each value, the rows in an order.
// Who may read one datacenter of a hundred has a page of its servers by name from it, however many others there are and wherever in
// the order these lie: going along the order of all would meet the others first, and looking up all that may be read would sort them.
// Its entries lie in the side table as values made of both.

// ranked says whether an index is one.
func ranked(ix store.Index) bool {
	return len(ix.Fields) == 2 && ix.Fields[0].Multi && ix.Fields[0].Type == filter.String && !ix.Fields[1].Multi &&
		(ix.Fields[1].Type == filter.String || ix.Fields[1].Type == filter.Time)
}

func rankedKey(of, by filter.Field) string { return "ranked|" + fieldKey(of) + "|" + fieldKey(by) }

// rankedPrefix is what all entries of a value begin with, and those of no other: its length stands before it.
func rankedPrefix(value string) string { return strconv.Itoa(len(value)) + ":" + value }

// After a value's prefix follows one of these, and after withRank what the row is ordered by.
const (
	withRank = "\x00"
	noRank   = "\x01"
	rankEnd  = "\x02"
)

// entries are the values in the side table of a row.
func (m multiField) entries(r filter.Reader) []any {
	values := r.Values(m.field)
	if m.by == nil {
		return values
	}
	rank := noRank
	if by := r.Values(*m.by); len(by) > 0 {
		rank = withRank + sqlValue(by[0]).(string)
	}
	for i, v := range values {
		values[i] = rankedPrefix(v.(string)) + rank
	}
	return values
}

// mostRanks is how many values are searched for one by one; each costs a page.
const mostRanks = 32

// mostExcluded is how many rows are excluded as a list.
const mostExcluded = 20 * commonRows

// lead is a condition that a statement begins with: one that many rows meet, beside others by which nothing is found sooner.
type lead struct {
	at     multiField
	is     filter.Expr
	values []any
	rest   filter.And
	// excluded are those of rest that exclude few rows, which an index tells.
	excluded int
}

// leading finds the condition to begin with, if there is one. by restricts it to those with a ranked index in that order.
func (r reader) leading(ctx context.Context, q store.Query, by *filter.Field) (*lead, error) {
	if q.AllTenants {
		return nil, nil
	}
	t, err := r.s.table(q.Table)
	if err != nil {
		return nil, fmt.Errorf("find rows: %w", err)
	}
	conjuncts, ok := q.Where.(filter.And)
	if !ok && q.Where != nil {
		conjuncts = filter.And{q.Where}
	}
	multi := t.multiOf(q.Part)
	var l *lead
	for i, all := 0, flat(conjuncts); i < len(all) && l == nil; i++ {
		of, values := alternatives(all[i])
		at, ok := multi[fieldKey(of)]
		if by != nil {
			at, ok = multi[rankedKey(of, *by)]
		}
		if ok && of.Multi && len(values) > 0 && len(values) <= mostRanks {
			l = &lead{at: at, is: all[i], values: values, rest: slices.Delete(slices.Clone(all), i, i+1)}
		}
	}
	if l == nil {
		return nil, nil
	}
	n, err := r.meets(ctx, t, q, l.is, r.s.common)
	if err != nil || n < r.s.common {
		return nil, err
	}
	first := t.firstOf(q.Part)
	for _, e := range l.rest {
		if not, ok := e.(filter.Not); ok && every(not.Of, func(f filter.Field) bool { return !f.Multi && first[fieldKey(f)] }) {
			n, err := r.meets(ctx, t, q, not.Of, mostExcluded)
			if err != nil {
				return nil, err
			}
			if n < mostExcluded {
				l.excluded++
			}
			continue
		}
		if e == filter.Const(true) {
			l.excluded++
			continue
		}
		if !every(e, func(f filter.Field) bool {
			return f.Multi && multi[fieldKey(f)].id != 0 || !f.Multi && first[fieldKey(f)]
		}) {
			continue
		}
		n, err := r.meets(ctx, t, q, e, r.s.common)
		if err != nil {
			return nil, err
		}
		if n < r.s.common { // what is found by it is little, so that is to be begun with
			return nil, nil
		}
	}
	return l, nil
}

// alternatives are the values of which a field has to have one.
func alternatives(e filter.Expr) (filter.Field, []any) {
	switch e := e.(type) {
	case filter.Compare:
		if e.Op == filter.Eq {
			return e.Field, []any{e.Value}
		}
	case filter.In:
		return e.Field, e.Values
	}
	return filter.Field{}, nil
}

// meets counts the rows that meet a condition, up to a limit.
func (r reader) meets(ctx context.Context, t *table, q store.Query, e filter.Expr, limit int) (int, error) {
	c := condition{sqlText: &sqlText{}, t: t, part: q.Part, multi: t.multiOf(q.Part), first: t.firstOf(q.Part), tenant: &q.Tenant}
	if m, ok := aside(t, q.Part, e); ok {
		c.add("SELECT count(*) FROM (")
		c.sideRows("1", m, e)
	} else {
		c.add("SELECT count(*) FROM (SELECT 1 FROM " + ident(t.Name) + " t")
		c.where(store.Query{Tenant: q.Tenant, Part: q.Part, Where: e})
	}
	c.add(" LIMIT ?)", limit)
	var n int
	err := r.on.query(ctx, c.String(), c.args, func(rows *sql.Rows) error { return rows.Scan(&n) })
	if err != nil {
		return 0, fmt.Errorf("estimate rows of %s: %w", t.Name, err)
	}
	return n, nil
}

// page makes the statement for a stretch of what follows a position, for each value in its own order and then together.
func (r reader) page(ctx context.Context, sel string, q store.Query, l *lead, at *store.Cursor, of stretch, limit int) (condition, error) {
	c, err := r.condition(ctx, q, l.rest)
	if err != nil {
		return c, err
	}
	c.add(sel + " FROM (SELECT DISTINCT rid FROM (")
	for i, v := range l.values {
		if i > 0 {
			c.add(" UNION ALL ")
		}
		c.ranks(q, l, v.(string), at, of, limit)
	}
	c.add(")) x CROSS JOIN " + ident(c.t.Name) + " t ON t.rid = x.rid")
	c.add(orderBy(q.Order, of)+" LIMIT ?", limit)
	return c, nil
}

// ranks selects the first rows of a value.
func (c condition) ranks(q store.Query, l *lead, value string, at *store.Cursor, of stretch, limit int) {
	from, to := rankedPrefix(value)+withRank, rankedPrefix(value)+rankEnd
	switch {
	case of == valued:
		to = rankedPrefix(value) + noRank
	case of == valueless, at != nil && at.Values[0] == nil:
		from = rankedPrefix(value) + noRank
	}
	c.add("SELECT rid FROM (SELECT m.rid AS rid FROM "+ident(c.t.side())+" m CROSS JOIN "+ident(c.t.Name)+" t ON t.rid = m.rid WHERE m.field = ? AND m.tenant = ? AND m.value >= ? AND m.value < ?",
		l.at.id, q.Tenant, from, to)
	if of == valued && at != nil {
		sign := ">="
		if q.Order[0].Desc {
			sign = "<="
		}
		c.add(" AND m.value "+sign+" ?", rankedPrefix(value)+withRank+at.Values[0].(string))
	}
	for _, e := range l.rest {
		c.add(" AND ")
		c.expr(e, false)
	}
	c.follows(q.Order, at, of)
	direction := " ASC, "
	if q.Order[0].Desc {
		direction = " DESC, "
	}
	c.add(" ORDER BY m.value"+direction+strings.TrimPrefix(orderBy(q.Order, valueless), " ORDER BY ")+" LIMIT ?)", limit)
}

// condition is one for conditions that are not what a statement begins with.
func (r reader) condition(ctx context.Context, q store.Query, of filter.And) (condition, error) {
	t, err := r.s.table(q.Table)
	if err != nil {
		return condition{}, fmt.Errorf("find rows: %w", err)
	}
	if err := store.CheckQuery(t.Table, q); err != nil {
		return condition{}, err
	}
	c := condition{sqlText: &sqlText{}, t: t, part: q.Part, multi: t.multiOf(q.Part), first: t.firstOf(q.Part), tenant: &q.Tenant, common: map[string]bool{}}
	if err := r.findCommon(ctx, c, of); err != nil {
		return c, fmt.Errorf("estimate rows of %s: %w", t.Name, err)
	}
	return c, nil
}

// countLed counts, up to a limit, what a query finds that begins with a condition. Where the rest only excludes few, no row is read.
func (r reader) countLed(ctx context.Context, q store.Query, l *lead, max int) (condition, error) {
	c, err := r.condition(ctx, q, l.rest)
	if err != nil {
		return c, err
	}
	distinct := ""
	if len(l.values) > 1 {
		distinct = "DISTINCT "
	}
	c.add("SELECT count(*) FROM (SELECT " + distinct + "m.rid FROM " + ident(c.t.side()) + " m")
	byIndex := l.excluded == len(l.rest)
	if !byIndex {
		c.add(" CROSS JOIN " + ident(c.t.Name) + " t ON t.rid = m.rid")
	}
	c.add(" WHERE m.field = ? AND m.tenant = ? AND ", l.at.id, q.Tenant)
	c.test(l.is, "m.value")
	for _, e := range l.rest {
		not, ok := e.(filter.Not)
		switch {
		case !byIndex:
			c.add(" AND ")
			c.expr(e, false)
		case ok:
			c.add(" AND m.rid NOT IN (SELECT t.rid FROM " + ident(c.t.Name) + " t")
			c.where(store.Query{Tenant: q.Tenant, Part: q.Part, Where: not.Of})
			c.add(")")
		}
	}
	c.add(" LIMIT ?)", max)
	return c, nil
}
