package storetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

func testDocuments(t *testing.T, s store.Store, lacks Lacks) {
	docs := []string{
		`{}`,
		`{"":""}`,
		`{"a.b":{"$c":1,"$":2,".":3,"..":4},"$set":{"x":1},"%":"%25","%2e":"%","a%b.c$d":null}`,
		`{"_id":"x","t":1,"v":2,"b":3,"d":{"d":4}}`,
		`{"Ünïcode ⅷ":"日本語 🚢","\"quoted\\":"back\\slash \"q\" \n\t\r\u0001"}`,
		`{"a\u0001b":"\u0000","html":"<a href='x'>&amp;\u2028</a>"}`,
		`{"a":[],"b":{},"c":[{}],"d":null,"e":[null,true,false]}`,
		`{"0":{"1":2},"list":[{"0":"x"}]}`,
		`{"n":[0,-0,1,-1,1.5,0.1,-2.25,1000000]}`,
		`{"z":1,"a":2,"m":{"z":1,"a":2}}`,
		`{"__proto__":1,"constructor":{"name":"x"}}`,
		`{"deep":` + strings.Repeat(`{"x":`, 30) + `1` + strings.Repeat(`}`, 31),
	}
	if !lacks.BigNumbers {
		docs = append(docs, `{"n":[9007199254740993,9223372036854775807,-9223372036854775808,1e300,1.7976931348623157e+308,5e-324]}`)
	}
	if !lacks.NestedArrays {
		docs = append(docs, `{"c":[[1,[2,[]]],{}]}`)
	}
	for i, doc := range docs {
		id := fmt.Sprintf("%d|\\p $a.b \"%%2e/ü\n🚢\\", i) // keys are any text, too
		blob := []byte{0, 1, 2, 255, byte(i)}
		w := op(store.Insert, id, 1, doc)
		w.Row.Blob = blob
		same(t, "conflicts", write(t, s, w), nil)
		rows, err := s.Get(t.Context(), "items", "t", "", []string{id, "not there", "\xff"})
		must(t, err)
		same(t, "rows found", len(rows), 1)
		got := rows[id]
		sameDoc(t, got.Doc, doc)
		if !bytes.Equal(got.Blob, blob) || got.Tenant != "t" || got.ID != id || got.Part != "" {
			t.Errorf("got %+v", got)
		}
	}
	page, err := s.Find(t.Context(), store.Query{Table: "items", Tenant: "t"})
	must(t, err)
	same(t, "rows", len(page.Rows), len(docs))
	for _, r := range page.Rows {
		same(t, "blob that was not asked for", len(r.Blob), 0)
	}
	page, err = s.Find(t.Context(), store.Query{Table: "items", Tenant: "t", WithBlob: true, Limit: 1})
	must(t, err)
	same(t, "blob that was asked for", len(page.Rows[0].Blob), 5)

	large := `{"name":"large","text":"` + strings.Repeat("0123456789abcdef", 60_000) + `"}`
	w := op(store.Insert, "large", 1, large)
	w.Row.Blob = bytes.Repeat([]byte{7}, 2<<20)
	same(t, "conflicts", write(t, s, w), nil)
	rows, err := s.Get(t.Context(), "items", "t", "", []string{"large"})
	must(t, err)
	sameDoc(t, rows["large"].Doc, large)
	same(t, "large blob", len(rows["large"].Blob), 2<<20)
}

// sameDoc compares numbers by value: an engine may write 1e+06 for 1000000, but not another number.
func sameDoc(t *testing.T, got json.RawMessage, want string) {
	t.Helper()
	var g, w any
	decode := func(text string, into *any) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(into); err != nil {
			t.Fatalf("document %.200q: %v", text, err)
		}
	}
	decode(string(got), &g)
	decode(want, &w)
	if !sameJSON(g, w) {
		t.Errorf("document came back as %.300s\nwanted %.300s", got, want)
	}
}

func sameJSON(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		n, ok := b.(json.Number)
		if !ok {
			return false
		}
		x := filter.Values(filter.Field{Path: []string{"v"}, Type: filter.Number}, []byte(`{"v":`+string(a)+`}`))
		y := filter.Values(filter.Field{Path: []string{"v"}, Type: filter.Number}, []byte(`{"v":`+string(n)+`}`))
		if len(x) != 1 || len(y) != 1 {
			return a == n
		}
		c, ok := filter.CompareValues(x[0], y[0])
		return ok && c == 0
	case []any:
		l, ok := b.([]any)
		if !ok || len(a) != len(l) {
			return false
		}
		for i := range a {
			if !sameJSON(a[i], l[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		m, ok := b.(map[string]any)
		if !ok || len(a) != len(m) {
			return false
		}
		for k, v := range a {
			w, ok := m[k]
			if !ok || !sameJSON(v, w) {
				return false
			}
		}
		return true
	}
	return a == b
}

func testInvalid(t *testing.T, s store.Store, _ Lacks) {
	for what, w := range map[string]store.Write{
		"no document":      op(store.Insert, "a", 1, ``),
		"no object":        op(store.Insert, "a", 1, `[]`),
		"two documents":    op(store.Insert, "a", 1, `{}{}`),
		"no JSON":          op(store.Insert, "a", 1, `{a:1}`),
		"twice a name":     op(store.Insert, "a", 1, `{"a":1,"a":2}`),
		"no UTF-8":         op(store.Insert, "a", 1, "{\"a\":\"\xff\"}"),
		"NUL in a name":    op(store.Insert, "a", 1, `{"a\u0000b":1}`),
		"number too large": op(store.Insert, "a", 1, `{"a":1e999}`),
		"no id":            op(store.Insert, "", 1, `{}`),
		"id no UTF-8":      op(store.Insert, "\xff", 1, `{}`),
		"negative version": op(store.Insert, "a", -1, `{}`),
		"unknown table":    {Table: "nothing", Op: store.Insert, Row: store.Row{ID: "a", Tenant: "t", Doc: json.RawMessage(`{}`)}},
		"unknown op":       op(store.Op(17), "a", 1, `{}`),
		"part where none":  {Table: "items", Op: store.Insert, Row: store.Row{ID: "a", Tenant: "t", Part: "p", Doc: json.RawMessage(`{}`)}},
		"no part":          {Table: "things", Op: store.Insert, Row: store.Row{ID: "a", Tenant: "t", Doc: json.RawMessage(`{}`)}},
	} {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			_, err := tx.Write(t.Context(), w)
			return err
		})
		if err == nil {
			t.Errorf("%s: written", what)
		}
	}
	for what, q := range map[string]store.Query{
		"unknown table":   {Table: "nothing"},
		"part where none": {Table: "items", Part: "p"},
		"no part":         {Table: "things"},
		"wrong value":     {Table: "items", Where: filter.Compare{Field: size, Op: filter.Eq, Value: "x"}},
		"wrong op":        {Table: "items", Where: filter.Compare{Field: size, Op: filter.Contains, Value: "x"}},
		"order by many":   {Table: "items", Order: []store.Order{{Field: tagPairs}}},
		"order twice":     {Table: "items", Order: []store.Order{{Field: name}, {Field: name, Desc: true}}},
		"not of nothing":  {Table: "items", Where: filter.Not{}},
	} {
		if _, err := s.Find(t.Context(), q); err == nil {
			t.Errorf("%s: found", what)
		}
	}
	if _, err := s.Group(t.Context(), store.Query{Table: "items"}, []filter.Field{tagPairs, name}); err == nil {
		t.Error("grouped by a field of several values, beside another")
	}
	same(t, "rows", dump(t, s), []string{})
}

func testTenants(t *testing.T, s store.Store, _ Lacks) {
	of := func(tenant string, o store.Op, id string, version int64) store.Write {
		return store.Write{Table: "items", Op: o, Row: store.Row{ID: id, Tenant: tenant, Version: version, Doc: json.RawMessage(`{"name":"x","tag_pairs":["a"]}`)}}
	}
	write(t, s, of("one", store.Insert, "a", 1), of("two", store.Insert, "b", 1), of("", store.Insert, "c", 1))
	for _, where := range []filter.Expr{nil, filter.Compare{Field: name, Op: filter.Eq, Value: "x"}, filter.Compare{Field: tagPairs, Op: filter.Eq, Value: "a"}} {
		for tenant, want := range map[string][]string{"one": {"a"}, "two": {"b"}, "": {"c"}, "three": {}} {
			page, err := s.Find(t.Context(), store.Query{Table: "items", Tenant: tenant, Where: where})
			must(t, err)
			same(t, "rows of tenant "+tenant, ids(page.Rows), want)
		}
		page, err := s.Find(t.Context(), store.Query{Table: "items", AllTenants: true, Where: where})
		must(t, err)
		same(t, "rows of all", ids(page.Rows), []string{"a", "b", "c"})
	}
	rows, err := s.Get(t.Context(), "items", "two", "", []string{"a", "b"})
	must(t, err)
	same(t, "rows by id", len(rows), 1)
	// Another tenant's row can neither be read nor touched, even by who knows its id.
	same(t, "conflicts", write(t, s, of("two", store.Insert, "a", 1), of("two", store.Put, "a", 1), of("two", store.Replace, "a", 2),
		of("two", store.Advance, "a", 9), of("two", store.Delete, "a", 0)), []int{0, 1, 2, 3})
	rows, err = s.Get(t.Context(), "items", "one", "", []string{"a"})
	must(t, err)
	same(t, "the row", rows["a"].Version, int64(1))
	groups, err := s.Group(t.Context(), store.Query{Table: "items", Tenant: "one"}, []filter.Field{name})
	must(t, err)
	same(t, "groups", groups, []store.Group{{Values: []any{"x"}, Count: 1}})
}

func thing(part, id, doc string) store.Write {
	return store.Write{Table: "things", Op: store.Put, Row: store.Row{ID: id, Tenant: "t", Part: part, Version: 1, Doc: json.RawMessage(doc)}}
}

func testParts(t *testing.T, s store.Store, _ Lacks) {
	for _, part := range []string{"server", "acme.box", "it's"} {
		must(t, s.EnsurePart(t.Context(), "things", part, []store.Index{{Name: "by_cores", Fields: []filter.Field{cores, name}}}))
		must(t, s.EnsurePart(t.Context(), "things", part, []store.Index{{Name: "by_cores", Fields: []filter.Field{cores, name}}}))
		write(t, s, thing(part, part+"1", `{"name":"a","words":["one"],"attributes":{"cpu":{"cores":4}}}`),
			thing(part, part+"2", `{"name":"b","words":["two"],"attributes":{"cpu":{"cores":8}}}`))
	}
	for _, part := range []string{"server", "acme.box", "it's"} {
		for _, where := range []filter.Expr{
			filter.Compare{Field: cores, Op: filter.Gt, Value: int64(4)},
			filter.Compare{Field: name, Op: filter.Eq, Value: "b"},
			filter.Text{Field: words, Words: []string{"tw"}},
		} {
			q := store.Query{Table: "things", Tenant: "t", Part: part, Where: where, Order: []store.Order{{Field: cores}}}
			page, err := s.Find(t.Context(), q)
			must(t, err)
			same(t, "rows of "+part, ids(page.Rows), []string{part + "2"})
			same(t, "part of the row", page.Rows[0].Part, part)
		}
	}
	page, err := s.Find(t.Context(), store.Query{Table: "things", Tenant: "t", Part: "volume"})
	must(t, err)
	same(t, "rows of a part never written", ids(page.Rows), []string{})
	if err := s.EnsurePart(t.Context(), "items", "server", nil); err == nil {
		t.Error("made a part of a table without parts")
	}
}

// A new minor version of a kind indexes more fields of rows that are there already.
func testEnsurePartLater(t *testing.T, s store.Store, _ Lacks) {
	write(t, s, thing("server", "a", `{"flags":[true],"words":["x"]}`), thing("server", "b", `{"flags":[false],"attributes":{"disks":[{"size":3}]}}`))
	check := func() {
		t.Helper()
		for _, c := range []struct {
			where filter.Expr
			want  []string
		}{
			{filter.Compare{Field: flags, Op: filter.Eq, Value: true}, []string{"a"}},
			{filter.Compare{Field: diskSizes, Op: filter.Ge, Value: 2.5}, []string{"b"}},
			{filter.Text{Field: words, Words: []string{"x"}}, []string{"a"}},
		} {
			page, err := s.Find(t.Context(), store.Query{Table: "things", Tenant: "t", Part: "server", Where: c.where})
			must(t, err)
			same(t, "rows", ids(page.Rows), c.want)
		}
	}
	check()
	must(t, s.EnsurePart(t.Context(), "things", "server", []store.Index{{Name: "by_flag", Fields: []filter.Field{flags}}}))
	check()
	must(t, s.EnsurePart(t.Context(), "things", "server", []store.Index{{Name: "by_disk", Fields: []filter.Field{diskSizes, name}}}))
	check()
	must(t, s.EnsurePart(t.Context(), "things", "server", nil))
	check()
}

func testCursor(t *testing.T, s store.Store, _ Lacks) {
	write(t, s, op(store.Insert, "a", 1, `{"name":"x"}`), op(store.Insert, "b", 1, `{"name":"y"}`))
	q := store.Query{Table: "items", Tenant: "t", Order: []store.Order{{Field: name}}, Limit: 1}
	page, err := s.Find(t.Context(), q)
	must(t, err)
	for what, after := range map[string]string{"garbage": "!!", "no JSON": "AAAA", "of another order": page.Next} {
		bad := q
		bad.After = after
		if what == "of another order" {
			bad.Order = []store.Order{{Field: name, Desc: true}}
		}
		if _, err := s.Find(t.Context(), bad); !errors.Is(err, store.ErrBadCursor) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func testListParts(t *testing.T, s store.Store, _ Lacks) {
	indexes := []store.Index{{Name: "by_flag", Fields: []filter.Field{flags}}}
	must(t, s.EnsurePart(t.Context(), "things", "server", indexes))
	write(t, s, thing("acme.100%$x", "a", `{}`)) // never made ready, but it has a row
	got, err := s.Parts(t.Context(), "things")
	must(t, err)
	same(t, "parts", got, []store.Part{{Name: "acme.100%$x"}, {Name: "server", Indexes: indexes}})
	for _, tenant := range []string{"", "t", "tt", "ü"} {
		write(t, s, store.Write{Table: "plain", Op: store.Insert, Row: store.Row{ID: "1" + tenant, Tenant: tenant, Version: 1, Doc: json.RawMessage(`{}`)}},
			store.Write{Table: "plain", Op: store.Insert, Row: store.Row{ID: "2" + tenant, Tenant: tenant, Version: 1, Doc: json.RawMessage(`{}`)}})
	}
	tenants, err := s.Tenants(t.Context(), "plain")
	must(t, err)
	same(t, "tenants", tenants, []string{"", "t", "tt", "ü"})
	nobody, err := s.Tenants(t.Context(), "items")
	must(t, err)
	if len(nobody) != 0 {
		t.Errorf("an empty table has tenants %v", nobody)
	}
	none, err := s.Parts(t.Context(), "items")
	must(t, err)
	if len(none) != 0 {
		t.Errorf("a table without parts has %v", none)
	}
}
