package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

func testPaging(t *testing.T, s store.Store, _ Lacks) {
	var ops []store.Write
	for i := range 25 {
		doc := fmt.Sprintf(`{"name":"n%d","size":%d}`, i%3, i%4)
		if i%5 == 0 {
			doc = `{}`
		}
		ops = append(ops, op(store.Insert, fmt.Sprintf("r%02d", i), 1, doc))
	}
	write(t, s, ops...)
	for _, order := range [][]store.Order{
		nil,
		{{Field: name}},
		{{Field: name, Desc: true}},
		{{Field: size, Desc: true}, {Field: name}},
	} {
		q := store.Query{Table: "items", Tenant: "t", Order: order}
		all, err := s.Find(t.Context(), q)
		must(t, err)
		same(t, "rows in one page", len(all.Rows), 25)
		same(t, "next of the only page", all.Next, "")
		q.Limit = 4
		var got []string
		for range 20 {
			page, err := s.Find(t.Context(), q)
			must(t, err)
			got = append(got, ids(page.Rows)...)
			if q.After = page.Next; q.After == "" {
				break
			}
			// What comes and goes before the position changes nothing of what follows.
			write(t, s, op(store.Put, "r00", 1, `{"name":"","size":-1}`), op(store.Delete, "r00", 0, ``), op(store.Put, "r00", 1, `{}`))
		}
		same(t, fmt.Sprintf("pages by %v", order), got, ids(all.Rows))
	}
	bare := store.Query{Table: "items", Tenant: "t", Bare: true, Limit: 4, Where: filter.Compare{Field: size, Op: filter.Ge, Value: int64(2)}}
	var got, want []string
	must(t, store.Each(t.Context(), s, bare, func(r store.Row) error {
		got = append(got, fmt.Sprint(r.ID, r.Tenant, r.Version, len(r.Doc)))
		return nil
	}))
	bare.Bare = false
	must(t, store.Each(t.Context(), s, bare, func(r store.Row) error { want = append(want, fmt.Sprint(r.ID, "t", 1, 0)); return nil }))
	if same(t, "rows without documents", got, want); len(want) < 5 {
		t.Errorf("only %d rows are large", len(want))
	}
	if _, err := s.Find(t.Context(), store.Query{Table: "items", Tenant: "t", Bare: true, Order: []store.Order{{Field: name}}}); err == nil {
		t.Error("rows without documents come in another order than that of ids")
	}
}

func testCount(t *testing.T, s store.Store, _ Lacks) {
	var ops []store.Write
	for i := range 12 {
		ops = append(ops, op(store.Insert, fmt.Sprint(i), 1, fmt.Sprintf(`{"size":%d}`, i)))
	}
	write(t, s, ops...)
	q := store.Query{Table: "items", Tenant: "t", Where: filter.Compare{Field: size, Op: filter.Ge, Value: int64(2)}}
	for max, want := range map[int]int{0: 10, 3: 3, 10: 10, 11: 10} {
		n, err := s.Count(t.Context(), q, max)
		must(t, err)
		same(t, fmt.Sprintf("count up to %d", max), n, want)
	}
	n, err := s.Count(t.Context(), store.Query{Table: "items", Tenant: "nobody"}, 5)
	must(t, err)
	same(t, "count of nothing", n, 0)
}

func testGroup(t *testing.T, s store.Store, _ Lacks) {
	docs := []string{
		`{"name":"a","size":1,"on":true}`, `{"name":"a","size":1.0,"on":true}`, `{"name":"a","size":2}`, `{"name":"b","on":false}`,
		`{"name":"b","size":null}`, `{}`, `{"name":null}`, `{"name":7}`, `{"name":"c","size":2.5}`,
	}
	var ops []store.Write
	for i, d := range docs {
		ops = append(ops, op(store.Insert, fmt.Sprint(i), 1, d))
	}
	write(t, s, ops...)
	for _, c := range []struct {
		by    []filter.Field
		where filter.Expr
		limit int
		want  []store.Group
	}{
		{[]filter.Field{name}, nil, 0, groups(3, "a", 3, nil, 2, "b", 1, "c")},
		{[]filter.Field{name}, nil, 2, groups(3, "a", 3, nil)},
		{[]filter.Field{size}, filter.Exists{Field: size}, 0, groups(2, 1.0, 1, 2.0, 1, 2.5)},
		{[]filter.Field{on, name}, filter.Exists{Field: name}, 0, []store.Group{
			{Values: []any{true, "a"}, Count: 2}, {Values: []any{false, "b"}, Count: 1}, {Values: []any{nil, "a"}, Count: 1},
			{Values: []any{nil, "b"}, Count: 1}, {Values: []any{nil, "c"}, Count: 1},
		}},
		{[]filter.Field{name}, filter.Const(false), 0, nil},
	} {
		got, err := s.Group(t.Context(), store.Query{Table: "items", Tenant: "t", Where: c.where, Limit: c.limit}, c.by)
		must(t, err)
		same(t, fmt.Sprintf("groups by %v", c.by), got, c.want)
	}
}

// A row counts for each of its values.
func testGroupValues(t *testing.T, s store.Store, lacks Lacks) {
	if lacks.ListValues {
		t.Skip("this server is known not to count rows by the values of their lists")
	}
	var ops []store.Write
	for i, d := range []string{
		`{"name":"a","tag_pairs":["env=prod","team=shop"]}`, `{"name":"a","tag_pairs":["env=prod"]}`, `{"name":"b","tag_pairs":["env=test","team=shop"]}`,
		`{"name":"b","tag_pairs":["Äpfel=|"]}`, `{"name":"a","tag_pairs":[]}`, `{"name":"a"}`,
	} {
		ops = append(ops, op(store.Insert, fmt.Sprint(i), 1, d))
	}
	other := op(store.Insert, "x", 1, `{"name":"a","tag_pairs":["env=prod"]}`)
	other.Row.Tenant = "other"
	write(t, s, append(ops, other)...)
	for _, c := range []struct {
		where filter.Expr
		limit int
		want  []store.Group
	}{
		{nil, 0, groups(2, "env=prod", 2, "team=shop", 1, "env=test", 1, "Äpfel=|")},
		{nil, 2, groups(2, "env=prod", 2, "team=shop")},
		{filter.Compare{Field: name, Op: filter.Eq, Value: "b"}, 0, groups(1, "env=test", 1, "team=shop", 1, "Äpfel=|")},
		{filter.Compare{Field: tagPairs, Op: filter.Eq, Value: "team=shop"}, 0, groups(2, "team=shop", 1, "env=prod", 1, "env=test")},
		{filter.Const(false), 0, nil},
	} {
		got, err := s.Group(t.Context(), store.Query{Table: "items", Tenant: "t", Where: c.where, Limit: c.limit}, []filter.Field{tagPairs})
		must(t, err)
		same(t, fmt.Sprintf("values where %v", c.where), got, c.want)
	}
}

// Each field is counted as it is alone, together with others or not.
func testTally(t *testing.T, s store.Store, lacks Lacks) {
	var ops []store.Write
	for i := range 60 {
		d := fmt.Sprintf(`{"name":"n%d","size":%d,"on":%t,"tag_pairs":["env=%d","all=1"]}`, i%7, i%5, i%3 == 0, i%2)
		switch {
		case i%11 == 0:
			d = `{"name":null,"size":"many","on":1}`
		case i%10 == 0:
			d = `{}`
		}
		ops = append(ops, op(store.Insert, fmt.Sprint(i), 1, d))
	}
	write(t, s, ops...)
	fields := []filter.Field{name, on, size}
	if !lacks.ListValues {
		fields = append(fields, tagPairs)
	}
	for _, where := range []filter.Expr{nil, filter.Const(false), filter.Compare{Field: name, Op: filter.Gt, Value: "n3"}, filter.Exists{Field: on},
		filter.Not{Of: filter.In{Field: size, Values: []any{1.0, 2.0}}}, filter.Compare{Field: tagPairs, Op: filter.Eq, Value: "env=1"}} {
		for _, limit := range []int{0, 2} {
			q := store.Query{Table: "items", Tenant: "t", Where: where, Limit: limit}
			got, err := s.Tally(t.Context(), q, fields)
			must(t, err)
			for i, f := range fields {
				want, err := s.Group(t.Context(), q, []filter.Field{f})
				must(t, err)
				same(t, fmt.Sprintf("tally of %v where %v", f.Path, where), got[i], want)
			}
		}
	}
	if _, err := s.Tally(t.Context(), store.Query{Table: "nothing", Tenant: "t"}, fields); err == nil {
		t.Error("a table that is not there was counted")
	}
}

// groups are counts and values in turn.
func groups(list ...any) []store.Group {
	var out []store.Group
	for i := 0; i < len(list); i += 2 {
		out = append(out, store.Group{Values: []any{list[i+1]}, Count: list[i].(int)})
	}
	return out
}

// Relation hops ask for up to 50,000 ids at once.
func testLongIn(t *testing.T, s store.Store, _ Lacks) {
	write(t, s, op(store.Insert, "a", 1, `{"name":"n70","size":3,"tag_pairs":["n3"]}`), op(store.Insert, "b", 1, `{"name":"x"}`))
	var names, numbers []any
	var keys []string
	for i := range 2000 {
		names = append(names, fmt.Sprintf("n%d", i))
		numbers = append(numbers, int64(i))
		keys = append(keys, fmt.Sprintf("k%d", i))
	}
	for _, where := range []filter.Expr{filter.In{Field: name, Values: names}, filter.In{Field: tagPairs, Values: names}, filter.In{Field: size, Values: numbers}} {
		page, err := s.Find(t.Context(), store.Query{Table: "items", Tenant: "t", Where: where})
		must(t, err)
		same(t, "rows", ids(page.Rows), []string{"a"})
	}
	rows, err := s.Get(t.Context(), "items", "t", "", append(keys, "a", "b"))
	must(t, err)
	same(t, "rows by id", len(rows), 2)
}

// testModel compares what is found with the model, for documents and expressions made at random.
func testModel(t *testing.T, s store.Store, lacks Lacks) {
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		tenant := fmt.Sprintf("t%d", run) // each run has rows of its own and sees whether others' show through
		g := generator{lacks: lacks, tenant: tenant}
		var docs []json.RawMessage
		for i := range rapid.IntRange(1, 12).Draw(rt, "rows") {
			docs = append(docs, g.doc(rt, fmt.Sprintf("doc%d", i)))
		}
		rows := map[string]json.RawMessage{}
		must(t, s.Update(t.Context(), func(tx store.Tx) error {
			var ops []store.Write
			for i, d := range docs {
				// Every row is written twice, so that what is indexed has to follow.
				id := fmt.Sprintf("%s-%d", tenant, i)
				ops = append(ops, store.Write{Table: "items", Op: store.Put, Row: store.Row{ID: id, Tenant: tenant, Version: 1, Doc: docs[len(docs)-1-i]}})
				rows[id] = d
			}
			if _, err := tx.Write(t.Context(), ops...); err != nil {
				return err
			}
			for i := range ops {
				ops[i].Row.Doc = rows[ops[i].Row.ID]
			}
			_, err := tx.Write(t.Context(), ops...)
			return err
		}))
		for i := range 6 {
			q := store.Query{Table: "items", Tenant: tenant, Where: g.expr(rt, fmt.Sprintf("expr%d", i), 3)}
			for _, f := range rapid.Permutation([]filter.Field{name, size, on, at, cores, weird}).Draw(rt, "order")[:rapid.IntRange(0, 3).Draw(rt, "orders")] {
				q.Order = append(q.Order, store.Order{Field: f, Desc: rapid.Bool().Draw(rt, "desc")})
			}
			if rapid.Bool().Draw(rt, "ranked") { // an index has the rows of a tag in this order
				q.Where = filter.And{g.tagged(rt), q.Where}
				first := store.Order{Field: rapid.SampledFrom([]filter.Field{name, at}).Draw(rt, "rank"), Desc: rapid.Bool().Draw(rt, "back")}
				q.Order = append([]store.Order{first}, slices.DeleteFunc(q.Order, func(o store.Order) bool { return slices.Equal(o.Field.Path, first.Field.Path) })...)
				q.Order = q.Order[:min(3, len(q.Order))]
			}
			want := model(rows, q)
			for _, max := range []int{0, 3} {
				n, err := s.Count(t.Context(), q, max)
				if most := len(want); err != nil || n != most && (max == 0 || n != min(max, most)) {
					rt.Fatalf("count up to %d is %d (%v), want %d\nof %#v", max, n, err, len(want), q.Where)
				}
			}
			q.Limit = rapid.IntRange(1, 13).Draw(rt, "limit")
			got := []string{}
			for {
				page, err := s.Find(t.Context(), q)
				if err != nil {
					rt.Fatalf("find %#v: %v", q, err)
				}
				got = append(got, ids(page.Rows)...)
				if q.After = page.Next; q.After == "" || len(got) > len(want) {
					break
				}
			}
			if !slices.Equal(got, want) {
				rt.Fatalf("found %v, want %v\nwhere %#v\nordered by %v\nrows:%s", got, want, q.Where, q.Order, list(rows))
			}
		}
	})
}

func list(rows map[string]json.RawMessage) string {
	var b strings.Builder
	for id, doc := range rows {
		fmt.Fprintf(&b, "\n  %s %s", id, doc)
	}
	return b.String()
}

// model answers a query in Go.
func model(rows map[string]json.RawMessage, q store.Query) []string {
	found := []string{}
	for id, doc := range rows {
		if filter.MatchRow(q.Where, id, doc) {
			found = append(found, id)
		}
	}
	slices.SortFunc(found, func(a, b string) int {
		for _, o := range q.Order {
			x, y := filter.Values(o.Field, rows[a]), filter.Values(o.Field, rows[b])
			switch {
			case len(x) == 0 && len(y) == 0:
				continue
			case len(x) == 0:
				return 1
			case len(y) == 0:
				return -1
			}
			c, _ := filter.CompareValues(x[0], y[0])
			if o.Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return strings.Compare(a, b)
	})
	return found
}

// generator makes documents and expressions that have a chance to meet.
type generator struct {
	lacks  Lacks
	tenant string
}

func (g generator) text(t *rapid.T) string {
	texts := []string{"", "a", "A", "ab", "aB", "b", "B", "abc", "k", "*", "%", ".", "$x", "a\nb", "a b", "(a", "\\", "'", "\"", "[a-z]", "_", "1", "true", "null"}
	if !g.lacks.UnicodeCase {
		texts = append(texts, "\u212a", "ſ", "É", "é", "ß", "Σ", "ς", "σ")
	}
	if !g.lacks.ByteOrder {
		texts = append(texts, "\uffff", "🚢", "日本", "\U0010ffff")
	}
	return rapid.SampledFrom(texts).Draw(t, "text")
}

func (g generator) number(t *rapid.T) any {
	numbers := []any{int64(0), int64(1), int64(-1), int64(2), int64(4), 0.5, 1.0, -1.5, 2.25, int64(1000000)}
	if !g.lacks.BigNumbers {
		numbers = append(numbers, int64(1)<<53, int64(1)<<53+1, float64(1<<53), int64(9223372036854775807), -9.5e18, 1e300)
	}
	return rapid.SampledFrom(numbers).Draw(t, "number")
}

func (g generator) moment(t *rapid.T) string {
	return rapid.SampledFrom([]string{"2026-01-02T03:04:05.000000Z", "2026-01-02T03:04:05.000001Z", "1999-12-31T23:59:59.999999Z"}).Draw(t, "time")
}

func (g generator) value(t *rapid.T, of filter.Type) any {
	switch of {
	case filter.Number:
		return g.number(t)
	case filter.Bool:
		return rapid.Bool().Draw(t, "bool")
	case filter.Time:
		return g.moment(t)
	}
	return g.text(t)
}

// member sets a property to a value of the type; now and then to none, null or one of another type.
func (g generator) member(t *rapid.T, m map[string]any, name string, of filter.Type) {
	switch rapid.IntRange(0, 9).Draw(t, name) {
	case 0:
	case 1:
		m[name] = nil
	case 2:
		m[name] = g.value(t, rapid.SampledFrom([]filter.Type{filter.String, filter.Number, filter.Bool}).Draw(t, "type"))
	default:
		m[name] = g.value(t, of)
	}
}

func (g generator) elements(t *rapid.T, m map[string]any, name string, element func() any) {
	n := rapid.IntRange(-1, 3).Draw(t, name)
	if n < 0 {
		return
	}
	values := []any{}
	for range n {
		values = append(values, element())
	}
	m[name] = values
}

func (g generator) doc(t *rapid.T, label string) json.RawMessage {
	m := map[string]any{}
	g.member(t, m, "name", filter.String)
	g.member(t, m, "size", filter.Number)
	g.member(t, m, "on", filter.Bool)
	g.member(t, m, "at", filter.Time)
	attributes := map[string]any{}
	cpu := map[string]any{}
	g.member(t, cpu, "cores", filter.Number)
	attributes["cpu"] = cpu
	g.elements(t, attributes, "disks", func() any {
		d := map[string]any{}
		g.member(t, d, "size", filter.Number)
		return d
	})
	m["attributes"] = attributes
	inner := map[string]any{}
	g.member(t, inner, weird.Path[4], filter.String)
	m["a.b"] = map[string]any{"$c": map[string]any{"50%": map[string]any{"": inner}}}
	g.elements(t, m, "tags", func() any {
		return map[string]any{"key": g.text(t), "value": g.text(t)}
	})
	g.elements(t, m, "tag_pairs", func() any { return g.text(t) })
	g.elements(t, m, "words", func() any { return g.text(t) })
	g.elements(t, m, "flags", func() any {
		x := map[string]any{}
		g.member(t, x, "x", filter.Bool)
		return x["x"]
	})
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatalf("%s: %v", label, err)
	}
	return b
}

// rows asks for ids, of which some may be rows of the run.
func (g generator) rows(t *rapid.T) filter.Expr {
	id := func() string {
		return fmt.Sprintf("%s-%d", g.tenant, rapid.IntRange(0, 12).Draw(t, "id"))
	}
	switch rapid.IntRange(0, 3).Draw(t, "ids") {
	case 0:
		return filter.Compare{Field: filter.RowID, Op: rapid.SampledFrom([]filter.Op{filter.Eq, filter.Ne, filter.Lt, filter.Ge}).Draw(t, "op"), Value: id()}
	case 1:
		return filter.Compare{Field: filter.RowID, Op: filter.Prefix, Value: id()}
	}
	in := filter.In{Field: filter.RowID}
	for range rapid.IntRange(0, 80).Draw(t, "many") {
		in.Values = append(in.Values, id())
	}
	return in
}

// tagged asks for rows with one of a few tags.
func (g generator) tagged(t *rapid.T) filter.Expr {
	if rapid.Bool().Draw(t, "one tag") {
		return filter.Compare{Field: tagPairs, Op: filter.Eq, Value: g.value(t, filter.String)}
	}
	in := filter.In{Field: tagPairs}
	for range rapid.IntRange(0, 4).Draw(t, "tags") {
		in.Values = append(in.Values, g.value(t, filter.String))
	}
	return in
}

func (g generator) expr(t *rapid.T, label string, depth int) filter.Expr {
	choices := 10
	if depth == 0 {
		choices = 7
	}
	field := rapid.SampledFrom([]filter.Field{name, size, on, at, cores, weird, tagKey, tagPairs, diskSizes, flags, words}).Draw(t, "field")
	switch rapid.IntRange(0, choices).Draw(t, label) {
	case 0:
		if rapid.IntRange(0, 4).Draw(t, "const") == 0 {
			return filter.Const(rapid.Bool().Draw(t, "value"))
		}
		fallthrough
	case 1, 2:
		ops := []filter.Op{filter.Eq, filter.Eq, filter.Ne, filter.Lt, filter.Le, filter.Gt, filter.Ge}
		if field.Type == filter.String {
			ops = append(ops, filter.Contains, filter.Contains, filter.Prefix, filter.Prefix)
		}
		return filter.Compare{Field: field, Op: rapid.SampledFrom(ops).Draw(t, "op"), Value: g.value(t, field.Type)}
	case 3:
		in := filter.In{Field: field}
		for range rapid.IntRange(0, 3).Draw(t, "values") {
			in.Values = append(in.Values, g.value(t, field.Type))
		}
		return in
	case 4:
		return filter.Exists{Field: field}
	case 5:
		text := filter.Text{Field: words}
		for range rapid.IntRange(0, 2).Draw(t, "words") {
			text.Words = append(text.Words, g.text(t))
		}
		return text
	case 6:
		fields := []filter.Field{name}
		if !g.lacks.SpansInLists {
			fields = append(fields, tagPairs, words)
		}
		within := filter.Within{Field: rapid.SampledFrom(fields).Draw(t, "field")}
		for range rapid.IntRange(0, 3).Draw(t, "spans") {
			within.Spans = append(within.Spans, filter.Span{From: g.text(t), To: g.text(t)})
		}
		return within
	case 7:
		return g.rows(t)
	case 8:
		return filter.Not{Of: g.expr(t, "not", depth-1)}
	}
	var list []filter.Expr
	for range rapid.IntRange(0, 3).Draw(t, "members") {
		list = append(list, g.expr(t, "member", depth-1))
	}
	if rapid.Bool().Draw(t, "and") {
		return filter.And(list)
	}
	return filter.Or(list)
}
