package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Tally counts rows by the values of each of several fields.
func (s *Store) Tally(ctx context.Context, q store.Query, by []filter.Field) ([][]store.Group, error) {
	return reader{s, s.reads}.Tally(ctx, q, by)
}

// pass counts some of the fields of a Tally together: by an index that has them all, or by the rows.
type pass struct {
	fields []int
	by     *cover
}

// A condition that no index answers is asked of every row, so it is asked once: the rows that meet it are noted, and what is counted
// is counted among them. So many are noted at most, 8 bytes each, before each field is counted by the condition itself; of few their
// values are read, of more the index is gone through.
var usuallyNoted = noted{few: 1_000, most: 1_000_000}

type noted struct{ few, most int }

// Tally goes through an index that has many of the fields, if there is one, and through the rows for the others.
func (r reader) Tally(ctx context.Context, q store.Query, by []filter.Field) ([][]store.Group, error) {
	t, err := r.s.table(q.Table)
	if err != nil {
		return nil, fmt.Errorf("tally rows: %w", err)
	}
	whole := q
	var single []int
	for i, f := range by {
		if f.Multi {
			continue
		}
		if err := filter.CheckOrder(f); err != nil {
			return nil, err
		}
		single = append(single, i)
	}
	few, err := r.few(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("tally rows of %s: %w", q.Table, err)
	}
	covers := t.coversOf(q.Part)
	if few || q.AllTenants {
		covers = nil
	}
	out := make([][]store.Group, len(by))
	alone := make([]bool, len(by))
	sides := t.multiOf(q.Part)
	answered := func(c cover) bool {
		return every(q.Where, func(f filter.Field) bool {
			_, aside := sides[fieldKey(f)]
			return f.Type == filter.ID || f.Multi && aside || !f.Multi && c.has(f)
		})
	}
	list, among := passes(covers, answered, by, single), ""
	if len(covers) > 0 && !slices.ContainsFunc(covers, answered) {
		var n int
		if n, among, err = r.note(ctx, q, r.s.noted.most); err != nil {
			return nil, fmt.Errorf("tally rows of %s: %w", q.Table, err)
		}
		if among != "" {
			q.Where = nil
			if n > r.s.noted.few {
				list = passes(covers, func(cover) bool { return true }, by, single)
			}
		}
	}
	for _, p := range list {
		tally, err := r.tally(ctx, q, by, p, among)
		if err != nil {
			return nil, fmt.Errorf("tally rows of %s: %w", q.Table, err)
		}
		for _, i := range p.fields {
			groups, ok := tally.Groups(i, q.Limit)
			out[i], alone[i] = groups, !ok
		}
	}
	for i, f := range by {
		switch {
		case f.Multi:
			out[i], err = r.groupValues(ctx, q, by[i:i+1], among)
		case alone[i]:
			out[i], err = r.Group(ctx, whole, by[i:i+1])
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// note asks a condition of all rows and answers which meet it, as a JSON list; "" when they are too many.
func (r reader) note(ctx context.Context, q store.Query, most int) (n int, among string, err error) {
	c, err := r.begin(ctx, "SELECT t.rid", q, asked{})
	if err != nil {
		return 0, "", err
	}
	c.add(" LIMIT ?", most+1)
	rids := []byte{'['}
	err = r.on.query(ctx, c.String(), c.args, func(rows *sql.Rows) error {
		var rid int64
		if n > 0 {
			rids = append(rids, ',')
		}
		n++
		err := rows.Scan(&rid)
		rids = strconv.AppendInt(rids, rid, 10)
		return err
	})
	if err != nil || n > most {
		return n, "", err
	}
	return n, string(append(rids, ']')), nil
}

// few says whether a condition on an indexed field of several values leaves few rows, which are best looked up.
func (r reader) few(ctx context.Context, q store.Query) (bool, error) {
	c, err := r.begin(ctx, "SELECT 1", q, asked{listed: true})
	if err != nil {
		return false, err
	}
	return slices.Contains(slices.Collect(maps.Values(c.common)), false), nil
}

// passes splits fields into those that the best index has, and the others. An index is of use only when it has what the condition
// asks for as well: else each row is read all the same.
func passes(covers []cover, answered func(cover) bool, by []filter.Field, fields []int) []pass {
	var best pass
	for _, c := range covers {
		if !answered(c) {
			continue
		}
		has := slices.DeleteFunc(slices.Clone(fields), func(i int) bool { return !c.has(by[i]) })
		if len(has) > len(best.fields) {
			best = pass{has, &c}
		}
	}
	rest := pass{fields: slices.DeleteFunc(slices.Clone(fields), func(i int) bool { return slices.Contains(best.fields, i) })}
	return slices.DeleteFunc([]pass{best, rest}, func(p pass) bool { return len(p.fields) == 0 })
}

// every says whether all fields that an expression looks at meet a condition.
func every(e filter.Expr, ok func(filter.Field) bool) bool {
	all := func(list []filter.Expr) bool {
		return !slices.ContainsFunc(list, func(e filter.Expr) bool { return !every(e, ok) })
	}
	switch e := e.(type) {
	case nil, filter.Const:
		return true
	case filter.Not:
		return every(e.Of, ok)
	case filter.And:
		return all(e)
	case filter.Or:
		return all(e)
	case filter.Text:
		return ok(e.Field)
	case filter.Compare:
		return ok(e.Field)
	case filter.In:
		return ok(e.Field)
	case filter.Within:
		return ok(e.Field)
	case filter.Exists:
		return ok(e.Field)
	}
	return false
}

// tally counts in one pass. An index is gone through in its order, so that rows with the same values come out as one without being
// sorted; SQLite takes values from an index only where it groups by them.
func (r reader) tally(ctx context.Context, q store.Query, by []filter.Field, p pass, among string) (*store.Tally, error) {
	c, fields, to, err := r.tallied(ctx, q, by, p, among)
	if err != nil {
		return nil, err
	}
	tally := store.NewTally(len(by))
	err = r.on.query(ctx, c.String(), c.args, func(rows *sql.Rows) error {
		g, err := scanGroup(rows, fields)
		for n, v := range g.Values {
			if whole, ok := v.(int64); ok {
				v = float64(whole)
			}
			if to[n] >= 0 {
				tally.Add(to[n], v, g.Count)
			}
		}
		return err
	})
	return tally, err
}

// tallied makes the statement, with the fields of its columns and which of by each of them is.
func (r reader) tallied(ctx context.Context, q store.Query, by []filter.Field, p pass, among string) (c condition, fields []filter.Field, to []int, err error) {
	to = p.fields
	for _, i := range p.fields {
		fields = append(fields, by[i])
	}
	how, counted := asked{grouped: true}, "1"
	if p.by != nil {
		fields, to = p.columns(by)
		how.through, counted = p.by.index, "count(*)"
	}
	exprs, positions := make([]string, len(fields)), make([]string, len(fields))
	for n, f := range fields {
		exprs[n], positions[n] = valueExpr("t.doc", f), fmt.Sprint(n+1)
	}
	if c, err = r.begin(ctx, "SELECT "+strings.Join(exprs, ", ")+", "+counted, q, how); err != nil {
		return c, nil, nil, err
	}
	if p.by != nil {
		c.among("+t.rid", among)
	} else {
		c.among("t.rid", among)
	}
	if p.by != nil {
		c.add(" GROUP BY " + strings.Join(positions, ", "))
	}
	return c, fields, to, nil
}

// columns are the index's fields up to the last that is asked for, and which of by each is; -1 for none.
func (p pass) columns(by []filter.Field) (fields []filter.Field, to []int) {
	last := 0
	for n, f := range p.by.fields {
		at := -1
		if i := slices.IndexFunc(p.fields, func(i int) bool { return fieldKey(by[i]) == fieldKey(f) }); i >= 0 {
			at, last = p.fields[i], n+1
		}
		to = append(to, at)
	}
	return p.by.fields[:last], to[:last]
}

// groupValues counts in the side table, which has a row for each value; the values of few rows are read from these.
func (r reader) groupValues(ctx context.Context, q store.Query, by []filter.Field, among string) ([]store.Group, error) {
	t, err := r.s.table(q.Table)
	if err != nil {
		return nil, fmt.Errorf("group rows: %w", err)
	}
	f := by[0]
	m, indexed := t.multiOf(q.Part)[fieldKey(f)]
	if !indexed || f.Type != filter.String || q.AllTenants {
		return nil, fmt.Errorf("group rows of %s: %v has several values and no index", q.Table, f.Path)
	}
	few := false
	if among == "" {
		if few, err = r.few(ctx, q); err != nil {
			return nil, err
		}
	}
	limit := q.Limit
	if limit <= 0 {
		limit = store.DefaultLimit
	}
	c := &sqlText{}
	if few && len(f.Path) == 1 {
		rows, err := r.begin(ctx, "SELECT t.doc AS doc", q, asked{})
		if err != nil {
			return nil, err
		}
		c.add("SELECT e.value, count(*) FROM ("+rows.String()+") d, json_each(d.doc, "+jsonPath(f.Path...)+") e WHERE e.type = 'text'", rows.args...)
	} else {
		c.add("SELECT m.value, count(*) FROM "+ident(t.side())+" m WHERE m.field = ? AND m.tenant = ?", m.id, q.Tenant)
		c.among("+m.rid", among)
		if err := r.members(ctx, c, t, q); err != nil {
			return nil, err
		}
	}
	c.add(" GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT ?", limit)
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

// among restricts rows to those that were noted, if any were: rid with a sign keeps SQLite from looking each of them up.
func (b *sqlText) among(rid, noted string) {
	if noted != "" {
		b.add(" AND "+rid+" IN (SELECT value FROM json_each(?))", noted)
	}
}

// members restricts side rows m to those of the rows that a query finds. What the query excludes by an index is mostly little, and is
// excluded here as well, rather than having all others looked up in a list.
func (r reader) members(ctx context.Context, c *sqlText, t *table, q store.Query) error {
	var rest filter.And
	first := t.firstOf(q.Part)
	conjuncts, ok := q.Where.(filter.And)
	if !ok && q.Where != nil {
		conjuncts = filter.And{q.Where}
	}
	for _, e := range flat(conjuncts) {
		not, ok := e.(filter.Not)
		m, leaf := aside(t, q.Part, e)
		switch {
		case e == filter.Const(true):
			continue
		case leaf:
			// The side table says which rows these are without any of them being read.
			at := condition{sqlText: c, tenant: &q.Tenant, t: t}
			c.add(" AND m.rid IN (")
			at.sideRows("m.rid", m, e)
			c.add(")")
			continue
		case !ok || !every(not.Of, func(f filter.Field) bool { return first[fieldKey(f)] }):
			rest = append(rest, e)
			continue
		}
		q.Where = not.Of
		rows, err := r.begin(ctx, "SELECT t.rid", q, asked{})
		if err != nil {
			return err
		}
		c.add(" AND m.rid NOT IN ("+rows.String()+")", rows.args...)
	}
	if len(rest) == 0 {
		return nil
	}
	q.Where = rest
	rows, err := r.begin(ctx, "SELECT t.rid", q, asked{})
	if err == nil {
		c.add(" AND m.rid IN ("+rows.String()+")", rows.args...)
	}
	return err
}

// aside says whether a condition is one on values in the side table.
func aside(t *table, part string, e filter.Expr) (multiField, bool) {
	var f filter.Field
	switch e := e.(type) {
	case filter.Compare:
		if f = e.Field; e.Op == filter.Ne {
			return multiField{}, false
		}
	case filter.In:
		if f = e.Field; len(e.Values) == 0 {
			return multiField{}, false
		}
	}
	m, indexed := t.multiOf(part)[fieldKey(f)]
	return m, indexed && f.Multi
}

// flat writes conditions that are several as such.
func flat(list []filter.Expr) (out []filter.Expr) {
	for _, e := range list {
		switch e := e.(type) {
		case filter.And:
			out = append(out, flat(e)...)
		case filter.Text:
			for _, w := range e.Words {
				out = append(out, filter.Compare{Field: e.Field, Op: filter.Prefix, Value: w})
			}
		default:
			out = append(out, e)
		}
	}
	return out
}
