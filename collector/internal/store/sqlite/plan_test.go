package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/storetest"
)

// Queries on indexed fields must use the index: SQLite recognises an expression only if it is written as it was
// when the index was made.
func TestPlans(t *testing.T) {
	text := func(path ...string) filter.Field { return filter.Field{Path: path, Type: filter.String} }
	name, cores := text("name"), filter.Field{Path: []string{"attributes", "cpu", "cores"}, Type: filter.Number}
	weird, updated := text(`a'"b.$c`, ""), filter.Field{Path: []string{"updated_at"}, Type: filter.Time}
	flag := filter.Field{Path: []string{"quiet"}, Type: filter.Bool}
	tags := filter.Field{Path: []string{"tag_pairs"}, Type: filter.String, Multi: true}
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: []store.Table{
		{Name: "things", Parts: true, Indexes: []store.Index{{Name: "by_name", Fields: []filter.Field{name}}, {Name: "by_tag", Fields: []filter.Field{tags}}, {Name: "by_update", Fields: []filter.Field{updated}}}},
		{Name: "plain", Indexes: []store.Index{{Name: "by_weird", Fields: []filter.Field{weird}}, {Name: "by_update", Fields: []filter.Field{updated}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.EnsurePart(t.Context(), "things", "it's", []store.Index{{Name: "by_cores", Fields: []filter.Field{cores, name}}}); err != nil {
		t.Fatal(err)
	}
	is := func(f filter.Field, op filter.Op, v any) filter.Expr {
		return filter.Compare{Field: f, Op: op, Value: v}
	}
	things := store.Query{Table: "things", Tenant: "t", Part: "it's"}
	sweep := store.Query{Table: "things", AllTenants: true, Part: "it's"}
	plain := store.Query{Table: "plain", Tenant: "t"}
	after, err := store.Cursor{Values: []any{"x"}, ID: "y"}.Encode([]store.Order{{Field: name}})
	if err != nil {
		t.Fatal(err)
	}
	back, err := store.Cursor{Values: []any{"x"}, ID: "y"}.Encode([]store.Order{{Field: name, Desc: true}})
	if err != nil {
		t.Fatal(err)
	}
	since, err := store.Cursor{Values: []any{"2026-11-22T08:00:00.000000Z"}, ID: "y"}.Encode([]store.Order{{Field: updated}})
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		q     store.Query
		where filter.Expr
		order []store.Order
		after string
		want  []string
		not   string
	}{
		"all":                {things, nil, nil, "", []string{"things__list (tenant=? AND part=?)"}, "TEMP B-TREE"},
		"equal":              {things, is(name, filter.Eq, "x"), nil, "", []string{"by_name", "(tenant=? AND part=? AND <expr>=?)"}, "TEMP B-TREE"},
		"any of":             {things, filter.In{Field: name, Values: []any{"x", "y"}}, nil, "", []string{"by_name", "<expr>=?"}, ""},
		"begins":             {things, is(name, filter.Prefix, "x"), nil, "", []string{"by_name", "<expr>>? AND <expr><?"}, ""},
		"strange name":       {plain, is(weird, filter.Eq, "x"), nil, "", []string{"by_weird", "<expr>=?"}, ""},
		"across tenants":     {sweep, is(updated, filter.Lt, "2026"), []store.Order{{Field: updated}}, "", []string{"by_update", "(ANY(tenant) AND part=? AND <expr><?)"}, ""},
		"one across tenants": {sweep, is(name, filter.Eq, "x"), nil, "", []string{"by_name", "(ANY(tenant) AND part=? AND <expr>=?)"}, ""},
		"both in a part":     {things, filter.And{is(cores, filter.Eq, int64(4)), is(name, filter.Eq, "x")}, nil, "", []string{"by_cores", "<expr>=? AND <expr>=?"}, ""},
		"has a tag":          {things, is(tags, filter.Eq, "env=prod"), nil, "", []string{"SEARCH m USING PRIMARY KEY (field=? AND tenant=? AND value=?)"}, ""},
		"word begins":        {things, filter.Text{Field: tags, Words: []string{"env"}}, nil, "", []string{"PRIMARY KEY (field=? AND tenant=? AND value>? AND value<?)"}, ""},
		"ordered":            {things, nil, []store.Order{{Field: name}}, "", []string{"by_name"}, "ORDER BY"},
		"newest first":       {things, nil, []store.Order{{Field: updated, Desc: true}}, "", []string{"by_update", "LAST TERM OF ORDER BY"}, "FOR ORDER BY"},
		"newest of all":      {plain, filter.Not{Of: is(flag, filter.Eq, true)}, []store.Order{{Field: updated, Desc: true}}, "", []string{"by_update", "LAST TERM OF ORDER BY"}, "FOR ORDER BY"},
		"all of no part":     {plain, nil, nil, "", []string{"plain__list (tenant=? AND part=?)"}, "TEMP B-TREE"},
		"second page":        {things, nil, []store.Order{{Field: name}}, after, []string{"by_name", "(tenant=? AND part=? AND <expr>>?)"}, "ORDER BY"},
		"second page back":   {things, nil, []store.Order{{Field: name, Desc: true}}, back, []string{"by_name", "(tenant=? AND part=? AND <expr><?)"}, "FOR ORDER BY"},
		"second page of a range": {plain, is(updated, filter.Lt, "2026-12"), []store.Order{{Field: updated}}, since,
			[]string{"by_update", "(tenant=? AND <expr>>? AND <expr><?)"}, "ORDER BY"},
		"filtered by a flag": {things, is(cores, filter.Ge, 1.5), []store.Order{{Field: cores}}, "", []string{"by_cores"}, "FOR ORDER BY"},
	} {
		t.Run(what, func(t *testing.T) {
			q := c.q
			q.Where, q.Order, q.After = c.where, c.order, c.after
			stmt, err := firstOf(t.Context(), s, q)
			if err != nil {
				t.Fatal(err)
			}
			// A connection notices new indexes when it runs a statement; explaining one is not enough.
			if _, err := s.Find(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			var plan []string
			err = s.reads.query(t.Context(), "EXPLAIN QUERY PLAN "+stmt.String(), stmt.args, func(r *sql.Rows) error {
				var a, b, c int
				var line string
				err := r.Scan(&a, &b, &c, &line)
				plan = append(plan, line)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(plan, "\n")
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("plan lacks %q:\n%s\n%s", want, got, stmt.String())
				}
			}
			if c.not != "" && strings.Contains(got, c.not) {
				t.Errorf("plan holds %q:\n%s", c.not, got)
			}
		})
	}
}

// firstOf is the first statement that a query takes.
func firstOf(ctx context.Context, s *Store, q store.Query) (condition, error) {
	at, err := cursorOf(q)
	if err != nil {
		return condition{}, err
	}
	r := reader{s, s.reads}
	var l *lead
	if len(q.Order) > 0 {
		if l, err = r.leading(ctx, q, &q.Order[0].Field); err != nil {
			return condition{}, err
		}
	}
	return r.find(ctx, q, l, at, stretches(q.Order, at, l != nil)[0], 101)
}

// Fields that an index has together are counted by walking it once: nothing is sorted, and no row is read. That it is so SQLite tells
// only in its program, where a row that is read is a DeferredSeek or NotExists.
func TestPlanOfTally(t *testing.T) {
	text := func(path ...string) filter.Field { return filter.Field{Path: path, Type: filter.String} }
	state, on, cores := text("state"), filter.Field{Path: []string{"on"}, Type: filter.Bool}, filter.Field{Path: []string{"cores"}, Type: filter.Number}
	roots := filter.Field{Path: []string{"roots"}, Type: filter.String, Multi: true}
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: []store.Table{
		{Name: "things", Parts: true, Indexes: []store.Index{{Name: "by_state", Fields: []filter.Field{state}}, {Name: "by_root", Fields: []filter.Field{roots}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.EnsurePart(t.Context(), "things", "it's", []store.Index{{Name: "many", Fields: []filter.Field{state, text("dc"), on, cores}}}); err != nil {
		t.Fatal(err)
	}
	by := []filter.Field{cores, state, text("other")}
	q := store.Query{Table: "things", Tenant: "t", Part: "it's", Where: filter.And{
		filter.Not{Of: filter.In{Field: state, Values: []any{"gone", "merged"}}}, filter.Compare{Field: roots, Op: filter.Eq, Value: "dc1"}, filter.Compare{Field: on, Op: filter.Eq, Value: true}}}
	if _, err := s.Tally(t.Context(), q, by); err != nil { // a connection notices new indexes when it runs a statement
		t.Fatal(err)
	}
	list := passes(s.tables["things"].coversOf("it's"), func(cover) bool { return true }, by, []int{0, 1, 2})
	if len(list) != 2 || list[0].by == nil || list[1].by != nil || len(list[0].fields) != 2 {
		t.Fatalf("%+v", list)
	}
	c, _, _, err := reader{s, s.reads}.tallied(t.Context(), q, by, list[0], "")
	if err != nil {
		t.Fatal(err)
	}
	got := programOf(t, s, c)
	for _, not := range []string{"Sorter", "NotExists", "SeekRowid", "Function"} {
		if strings.Contains(got, not) {
			t.Errorf("the program has %s:\n%s\n%s", not, got, c.String())
		}
	}
}

// programOf is a statement's program, by operations.
func programOf(t *testing.T, s *Store, c condition) string {
	t.Helper()
	var program []string
	err := s.reads.query(t.Context(), "EXPLAIN "+c.String(), c.args, func(r *sql.Rows) error {
		var addr, p1, p2, p3, p5 int
		var op string
		var p4, note any
		err := r.Scan(&addr, &op, &p1, &p2, &p3, &p4, &p5, &note)
		program = append(program, op)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(program, " ")
}

// What an index answers alone is counted from it, and no row is read: that of a table without parts has none to be looked at.
func TestPlanOfCount(t *testing.T) {
	kind, at := filter.Field{Path: []string{"kind"}, Type: filter.String}, filter.Field{Path: []string{"at"}, Type: filter.Time}
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: []store.Table{
		{Name: "events", Indexes: []store.Index{{Name: "by_kind", Fields: []filter.Field{kind, at}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	q := store.Query{Table: "events", Tenant: "t", Where: filter.And{filter.Compare{Field: kind, Op: filter.Eq, Value: "server"}, filter.Compare{Field: at, Op: filter.Gt, Value: "2026"}}}
	if _, err := s.Count(t.Context(), q, 10); err != nil { // a connection notices new indexes when it runs a statement
		t.Fatal(err)
	}
	c, err := reader{s, s.reads}.counted(t.Context(), q, 10)
	if err != nil {
		t.Fatal(err)
	}
	if got := programOf(t, s, c); strings.Contains(got, "Column") || strings.Contains(got, "Function") {
		t.Errorf("the program reads rows:\n%s\n%s", got, c.String())
	}
}

// The suite's tables are small, so what is done with values that most rows have is asked for here.
func TestStoreWithCommonValues(t *testing.T) {
	storetest.Run(t, func(t *testing.T, tables []store.Table) store.Store {
		t.Helper()
		s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: tables})
		if err != nil {
			t.Fatal(err)
		}
		s.common = 1
		return s
	}, storetest.Lacks{})
}

func TestPrefixEnd(t *testing.T) {
	for prefix, want := range map[string]string{
		"a": "b", "az": "a{", "": "", "\U0010ffff": "", "a\U0010ffff": "b", "\ud7ff": "\ue000", "é": "ê",
	} {
		got, ok := prefixEnd(prefix)
		if got != want || ok != (want != "") {
			t.Errorf("%q ends at %q, want %q", prefix, got, want)
		}
	}
}

// However many meet a condition that no index answers, each field is counted as it is alone: among rows that were looked up, along
// the index, and by the condition itself when they are too many to note.
func TestTallyOfWhatNoIndexAnswers(t *testing.T) {
	text := func(path ...string) filter.Field { return filter.Field{Path: path, Type: filter.String} }
	state, dc := text("state"), text("dc")
	tags := filter.Field{Path: []string{"tags"}, Type: filter.String, Multi: true}
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: []store.Table{
		{Name: "things", Indexes: []store.Index{{Name: "many", Fields: []filter.Field{state, dc}}, {Name: "by_tag", Fields: []filter.Field{tags}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	var ops []store.Write
	for i := range 90 {
		doc := fmt.Sprintf(`{"state":"s%d","dc":"d%d","size":%d,"other":"o%d","tags":["a=%d","b"]}`, i%3, i%7, i, i%2, i%4)
		tenant := []string{"t", "t", "other"}[i%3]
		ops = append(ops, store.Write{Table: "things", Op: store.Insert, Row: store.Row{ID: fmt.Sprint(i), Tenant: tenant, Version: 1, Doc: json.RawMessage(doc)}})
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error { _, err := tx.Write(t.Context(), ops...); return err }); err != nil {
		t.Fatal(err)
	}
	by := []filter.Field{state, dc, text("other"), tags}
	for _, from := range []float64{-1, 20, 80, 1000} {
		q := store.Query{Table: "things", Tenant: "t", Where: filter.Compare{Field: filter.Field{Path: []string{"size"}, Type: filter.Number}, Op: filter.Ge, Value: from}}
		for what, noted := range map[string]noted{"looked up": {few: 100, most: 100}, "along the index": {few: 0, most: 100}, "too many": {few: 0, most: 1}} {
			s.noted = noted
			got, err := s.Tally(t.Context(), q, by)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			for i, f := range by {
				want, err := s.Group(t.Context(), q, []filter.Field{f})
				if err != nil {
					t.Fatal(err)
				}
				if len(want) > 0 != (from < 100) || !reflect.DeepEqual(got[i], want) {
					t.Errorf("%s, size from %v, %v: %v, alone %v", what, from, f.Path, got[i], want)
				}
			}
		}
	}
}

// A page of what has one of a few values is read off each value's own order: no more than the page is looked at, and counting it reads
// no row at all.
func TestPlanOfRanks(t *testing.T) {
	text := func(path ...string) filter.Field { return filter.Field{Path: path, Type: filter.String} }
	name, state := text("name"), text("state")
	roots := filter.Field{Path: []string{"roots"}, Type: filter.String, Multi: true}
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: []store.Table{
		{Name: "things", Parts: true, Indexes: []store.Index{{Name: "by_name", Fields: []filter.Field{name}}, {Name: "by_state", Fields: []filter.Field{state}},
			{Name: "by_root", Fields: []filter.Field{roots, name}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	s.common = 1
	if err := s.EnsurePart(t.Context(), "things", "p", nil); err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx store.Tx) error {
		for i, dc := range []string{"dc1", "dc2", "dc3"} {
			row := store.Row{ID: fmt.Sprint(i), Tenant: "t", Part: "p", Version: 1, Doc: json.RawMessage(`{"name":"n","state":"active","roots":["` + dc + `"]}`)}
			if _, err := tx.Write(t.Context(), store.Write{Table: "things", Op: store.Insert, Row: row}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	q := store.Query{Table: "things", Tenant: "t", Part: "p", Order: []store.Order{{Field: name}},
		Where: filter.And{filter.In{Field: roots, Values: []any{"dc1", "dc2"}}, filter.Not{Of: filter.Compare{Field: state, Op: filter.Eq, Value: "gone"}}}}
	if page, err := s.Find(t.Context(), q); err != nil || len(page.Rows) != 2 {
		t.Fatalf("found %v (%v)", page.Rows, err)
	}
	plan := func(c condition, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var steps []string
		err = s.reads.query(t.Context(), "EXPLAIN QUERY PLAN "+c.String(), c.args, func(r *sql.Rows) error {
			var id, parent, unused int
			var detail string
			err := r.Scan(&id, &parent, &unused, &detail)
			steps = append(steps, detail)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(steps, "\n")
	}
	list := plan(firstOf(t.Context(), s, q))
	if n := strings.Count(list, "SEARCH m USING PRIMARY KEY (field=? AND tenant=? AND value>? AND value<?)"); n != 2 || strings.Contains(list, "SCAN t") || strings.Contains(list, "things__list") {
		t.Errorf("the page:\n%s", list)
	}
	if n := strings.Count(list, "USE TEMP B-TREE FOR LAST TERM OF ORDER BY"); n != 2 {
		t.Errorf("each value's rows are sorted by more than the id of equal names:\n%s", list)
	}
	r := reader{s, s.reads}
	count := plan(r.counted(t.Context(), q, 100))
	if strings.Contains(count, "USING INTEGER PRIMARY KEY") || !strings.Contains(count, "SEARCH m USING PRIMARY KEY") {
		t.Errorf("the count reads rows:\n%s", count)
	}
}
