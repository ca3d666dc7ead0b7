package sqlite

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// sqlText builds a statement with its arguments.
type sqlText struct {
	strings.Builder
	args []any
}

func (b *sqlText) add(text string, args ...any) {
	b.WriteString(text)
	b.args = append(b.args, args...)
}

func ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// jsonPath is a path in SQLite's words, as an SQL literal. Names are quoted as JSON strings, which it unescapes.
func jsonPath(names ...string) string {
	var b strings.Builder
	b.WriteByte('$')
	for _, n := range names {
		b.WriteString(`."`)
		for _, r := range n {
			switch {
			case r == '"' || r == '\\':
				b.WriteByte('\\')
				b.WriteRune(r)
			case r < 0x20:
				fmt.Fprintf(&b, `\u%04x`, r)
			default:
				b.WriteRune(r)
			}
		}
		b.WriteByte('"')
	}
	return quote(b.String())
}

// valueExpr is a single-valued field's value, NULL when there is none of its type. Indexes and queries are both
// made by it.
func valueExpr(doc string, f filter.Field) string {
	if f.Type == filter.ID {
		return "t.id"
	}
	path := jsonPath(f.Path...)
	return typed(f.Type, "json_type("+doc+", "+path+")", "json_extract("+doc+", "+path+")")
}

func typed(t filter.Type, kind, value string) string {
	switch t {
	case filter.Number:
		return "CASE " + kind + " WHEN 'integer' THEN " + value + " WHEN 'real' THEN " + value + " END"
	case filter.Bool:
		return "CASE " + kind + " WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"
	default:
		return "CASE " + kind + " WHEN 'text' THEN " + value + " END"
	}
}

func sqlValue(v any) any {
	if b, ok := v.(bool); ok {
		if b {
			return int64(1)
		}
		return int64(0)
	}
	return v
}

// condition translates expressions for one table and part.
type condition struct {
	*sqlText
	t      *table
	part   string
	multi  map[string]multiField
	first  map[string]bool
	tenant *string // nil across tenants, where the side table has no useful order
	// common are conditions on indexed fields of several values that most rows may meet.
	common map[string]bool
	// grouped leaves the part of tables without parts out: an index has all that is counted then, and no row is read.
	grouped bool
	// covered says that an index with all that is asked for is gone through, so that what most rows meet is no way to find rows.
	covered bool
}

// expr writes e, or its opposite. A comparison with NULL is NULL in SQL, neither true nor false, so negation is
// pushed down to where NULL can be told from false.
func (c condition) expr(e filter.Expr, negated bool) {
	switch e := e.(type) {
	case nil:
		c.constant(!negated)
	case filter.Const:
		c.constant(bool(e) != negated)
	case filter.Not:
		c.expr(e.Of, !negated)
	case filter.And:
		c.list(e, negated, negated)
	case filter.Or:
		c.list(e, !negated, negated)
	case filter.Text:
		words := make(filter.And, len(e.Words))
		for i, w := range e.Words {
			words[i] = filter.Compare{Field: e.Field, Op: filter.Prefix, Value: w}
		}
		c.expr(words, negated)
	case filter.Compare:
		if e.Op == filter.Ne {
			e.Op, negated = filter.Eq, !negated
		}
		c.leaf(e, e.Field, negated)
	case filter.In:
		if len(e.Values) == 0 {
			c.constant(negated)
			return
		}
		c.leaf(e, e.Field, negated)
	case filter.Within:
		if len(e.Spans) == 0 {
			c.constant(negated)
			return
		}
		c.leaf(e, e.Field, negated)
	case filter.Exists:
		c.leaf(e, e.Field, negated)
	}
}

// test writes what a leaf says of one value.
func (c condition) test(e filter.Expr, value string) {
	switch e := e.(type) {
	case filter.Compare:
		c.compare(value, e.Op, e.Value)
	case filter.In:
		c.in(value, e.Values)
	case filter.Within:
		c.add("(")
		for i, s := range e.Spans {
			if i > 0 {
				c.add(" OR ")
			}
			c.add(value+" BETWEEN ? AND ?", s.From, s.To)
		}
		c.add(")")
	default:
		c.add(value + " IS NOT NULL")
	}
}

func (c condition) constant(b bool) {
	if b {
		c.add("1")
	} else {
		c.add("0")
	}
}

func (c condition) list(list []filter.Expr, or, negated bool) {
	if len(list) == 0 {
		c.constant(!or)
		return
	}
	word := " AND "
	if or {
		word = " OR "
	}
	c.add("(")
	for i, e := range list {
		if i > 0 {
			c.add(word)
		}
		c.expr(e, negated)
	}
	c.add(")")
}

func (c condition) leaf(e filter.Expr, f filter.Field, negated bool) {
	c.add("(")
	switch m, indexed := c.multi[fieldKey(f)]; {
	case !f.Multi:
		if list, ok := e.(filter.In); ok && len(list.Values) > fewValues && c.first[fieldKey(f)] && c.tenant != nil {
			c.each(list)
			break
		}
		value := valueExpr("t.doc", f)
		if c.covered {
			value = "(+" + value + ")" // a value that is said to be constant would break the index's order, and all be sorted
		}
		c.test(e, value)
	case !indexed || c.tenant == nil:
		c.anyElement(e, f)
	case c.covered:
		c.add("+t.rid IN (") // the sign keeps the planner from looking each of them up
		c.sideRows("m.rid", m, e)
		c.add(")")
	case negated || !c.common[filter.Format(e)]:
		c.add("t.rid IN (")
		c.sideRows("m.rid", m, e)
		c.add(")")
	case looksUp(e):
		c.add("EXISTS (")
		c.sideRows("1", m, e)
		c.add(" AND m.rid = +t.rid)") // the sign keeps the planner from beginning with m
	default:
		c.anyElement(e, f)
	}
	c.add(")")
	if negated {
		c.add(" IS NOT TRUE")
	}
}

// sideRows selects from the side table what meets a leaf.
func (c condition) sideRows(what string, m multiField, e filter.Expr) {
	if w, ok := e.(filter.Within); ok && len(w.Spans) > 1 { // each span by itself, so that each is a search
		for i, s := range w.Spans {
			if i > 0 {
				c.add(" UNION ALL ")
			}
			c.sideRows(what, m, filter.Within{Field: w.Field, Spans: []filter.Span{s}})
		}
		return
	}
	c.add("SELECT "+what+" FROM "+ident(c.t.side())+" m WHERE m.field = ? AND m.tenant = ? AND ", m.id, *c.tenant)
	c.test(e, "m.value")
}

// looksUp says whether a row's own side rows can be found without reading all that meet the leaf.
func looksUp(e filter.Expr) bool {
	switch e := e.(type) {
	case filter.Compare:
		return e.Op == filter.Eq
	case filter.In:
		return len(e.Values) <= fewValues
	}
	return false
}

// anyElement looks at every value that a path through arrays leads to. Where on the path the arrays lie is not
// known, so each step goes through one: what is no array is taken as an array of itself.
func (c condition) anyElement(e filter.Expr, f filter.Field) {
	c.add("EXISTS (SELECT 1 FROM ")
	doc := "t.doc"
	last := ""
	for i, name := range f.Path {
		if i > 0 {
			c.add(", ")
		}
		last = fmt.Sprintf("e%d", i)
		path := jsonPath(name)
		c.add(fmt.Sprintf("json_each(CASE json_type(%[1]s, %[2]s) WHEN 'array' THEN %[1]s -> %[2]s ELSE json_array(json(%[1]s -> %[2]s)) END) %[3]s", doc, path, last))
		doc = "CASE " + last + ".type WHEN 'object' THEN " + last + ".value ELSE '{}' END"
	}
	c.add(" WHERE ")
	c.test(e, "("+typed(f.Type, last+".type", last+".value")+")")
	c.add(")")
}

func (c condition) compare(value string, op filter.Op, want any) {
	switch op {
	case filter.Contains:
		c.add("maestro_contains("+value+", ?)", filter.Fold(want.(string)))
	case filter.Prefix:
		prefix := want.(string)
		c.add(value+" >= ?", prefix)
		if end, ok := prefixEnd(prefix); ok {
			c.add(" AND "+value+" < ?", end)
		}
	default:
		c.add(value+" "+string(op)+" ?", sqlValue(want))
	}
}

// fewValues is how many are written out one by one.
const fewValues = 50

// each looks every value of a long list up by itself. The planner takes a long list for a reason to go through the whole
// table, so the order of the join is written down: CROSS JOIN keeps it.
func (c condition) each(list filter.In) {
	c.add("t.rid IN (SELECT r.rid FROM json_each(?) j CROSS JOIN "+ident(c.t.Name)+" r WHERE r.tenant = ? AND r.part = "+quote(c.part)+
		" AND "+valueExpr("r.doc", list.Field)+" = j.value)", jsonList(list.Values), *c.tenant)
}

// in passes long lists as one argument, to stay within SQLite's number of them.
func (c condition) in(value string, values []any) {
	if len(values) <= fewValues {
		c.add(value + " IN (?" + strings.Repeat(", ?", len(values)-1) + ")")
		for _, v := range values {
			c.args = append(c.args, sqlValue(v))
		}
		return
	}
	c.add(value+" IN (SELECT value FROM json_each(?))", jsonList(values))
}

func jsonList(values []any) string {
	plain := make([]any, len(values))
	for i, v := range values {
		plain[i] = sqlValue(v)
	}
	list, err := json.Marshal(plain)
	if err != nil { // only floats that Check refuses
		return "[]"
	}
	return string(list)
}

// prefixEnd is the least text after all that begin with prefix; false when there is none.
func prefixEnd(prefix string) (string, bool) {
	runes := []rune(prefix)
	for i := len(runes) - 1; i >= 0; i-- {
		next := runes[i] + 1
		if next == 0xD800 { // surrogates are not in UTF-8
			next = 0xE000
		}
		if next <= utf8.MaxRune {
			return string(runes[:i]) + string(next), true
		}
	}
	return "", false
}

// where writes the condition of a query without its position.
func (c condition) where(q store.Query) {
	c.add(" WHERE ")
	if !q.AllTenants {
		c.add("t.tenant = ? AND ", q.Tenant)
	}
	if !c.grouped || c.t.Parts {
		// The part is written out: SQLite uses a partial index only for a condition it sees.
		c.add("t.part = " + quote(q.Part) + " AND ")
	}
	c.expr(q.Where, false)
}

// after restricts to rows that follow the cursor, where rows without a value come last.
func (c condition) after(order []store.Order, at store.Cursor) {
	if len(order) == 0 {
		c.add("t.id > ?", at.ID)
		return
	}
	e := valueExpr("t.doc", order[0].Field)
	v := sqlValue(at.Values[0])
	rest := store.Cursor{Values: at.Values[1:], ID: at.ID}
	if v == nil {
		c.add("(" + e + " IS NULL AND ")
		c.after(order[1:], rest)
		c.add(")")
		return
	}
	sign := ">"
	if order[0].Desc {
		sign = "<"
	}
	c.add("("+e+" "+sign+" ? OR "+e+" IS NULL OR ("+e+" = ? AND ", v, v)
	c.after(order[1:], rest)
	c.add("))")
}

// from finds what follows a position among the rows that have a value to be ordered by first: at that value the search begins.
func (c condition) from(order []store.Order, at store.Cursor) {
	e, v := valueExpr("t.doc", order[0].Field), sqlValue(at.Values[0])
	sign := ">"
	if order[0].Desc {
		sign = "<"
	}
	c.add(e+" "+sign+"= ? AND ("+e+" "+sign+" ? OR ", v, v)
	c.after(order[1:], store.Cursor{Values: at.Values[1:], ID: at.ID})
	c.add(")")
}

// follows restricts to the rows of a stretch that follow a position, if there is one.
func (c condition) follows(order []store.Order, at *store.Cursor, of stretch) {
	switch {
	case of == valueless:
		c.add(" AND " + valueExpr("t.doc", order[0].Field) + " IS NULL")
	case at == nil:
	case of == valued:
		c.add(" AND ")
		c.from(order, *at)
	default:
		c.add(" AND ")
		c.after(order, *at)
	}
}

func orderBy(order []store.Order, of stretch) string {
	var b strings.Builder
	b.WriteString(" ORDER BY ")
	for i, o := range order {
		if i == 0 && of == valueless {
			continue
		}
		b.WriteString(valueExpr("t.doc", o.Field))
		switch {
		case o.Desc:
			b.WriteString(" DESC, ") // SQLite's NULL is the smallest, so it is last already
		case i == 0 && of == valued:
			b.WriteString(" ASC, ")
		default:
			b.WriteString(" ASC NULLS LAST, ")
		}
	}
	b.WriteString("t.id")
	return b.String()
}
