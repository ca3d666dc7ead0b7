// Package storetest is the suite that every store engine passes, so that the domain can be written against the
// port alone. The model is filter.Match and a few lines of Go; what an engine answers differently is a bug of it.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Lacks names what an engine, or a server that stands in for it in tests, is known not to do. Tests of it are
// skipped with the name, so that a table of what is proven where can be read off the output.
type Lacks struct {
	// Transactions: Updates are neither atomic nor exclusive.
	Transactions bool
	// CompareAndSwap: two racing Replace of one version may both win.
	CompareAndSwap bool
	// BigNumbers: integers beyond 2^53 and floats beyond 1e15 do not survive or compare exactly.
	BigNumbers bool
	// UnicodeCase: Contains ignores case of ASCII letters only.
	UnicodeCase bool
	// NestedArrays: a list directly within a list cannot be stored.
	NestedArrays bool
	// ByteOrder: texts are not ordered by their UTF-8 bytes beyond ASCII.
	ByteOrder bool
	// SpansInLists: the two ends of a span may be met by different elements of a list.
	SpansInLists bool
	// ListValues: rows cannot be counted by the values of their lists.
	ListValues bool
}

// Open opens an empty store with the tables.
type Open func(t *testing.T, tables []store.Table) store.Store

// Fields of the suite's documents.
var (
	name      = filter.Field{Path: []string{"name"}, Type: filter.String}
	size      = filter.Field{Path: []string{"size"}, Type: filter.Number}
	on        = filter.Field{Path: []string{"on"}, Type: filter.Bool}
	at        = filter.Field{Path: []string{"at"}, Type: filter.Time}
	cores     = filter.Field{Path: []string{"attributes", "cpu", "cores"}, Type: filter.Number}
	weird     = filter.Field{Path: []string{"a.b", "$c", "50%", "", `é"\`}, Type: filter.String}
	tagKey    = filter.Field{Path: []string{"tags", "key"}, Type: filter.String, Multi: true}
	tagPairs  = filter.Field{Path: []string{"tag_pairs"}, Type: filter.String, Multi: true}
	diskSizes = filter.Field{Path: []string{"attributes", "disks", "size"}, Type: filter.Number, Multi: true}
	flags     = filter.Field{Path: []string{"flags"}, Type: filter.Bool, Multi: true}
	words     = filter.Field{Path: []string{"words"}, Type: filter.String, Multi: true}
)

// Tables that the suite opens a store with.
func Tables() []store.Table {
	indexes := []store.Index{
		{Name: "by_name", Fields: []filter.Field{name}},
		{Name: "by_size_name", Fields: []filter.Field{size, name}},
		{Name: "by_tag", Fields: []filter.Field{tagPairs}},
		{Name: "by_tag_name", Fields: []filter.Field{tagPairs, name}},
		{Name: "by_tag_at", Fields: []filter.Field{tagPairs, at}},
		{Name: "by_word", Fields: []filter.Field{words}},
	}
	return []store.Table{
		{Name: "plain"},
		{Name: "items", Indexes: indexes},
		{Name: "things", Parts: true, Indexes: indexes},
	}
}

// Run runs the suite; each part of it opens a store of its own.
func Run(t *testing.T, open Open, lacks Lacks) {
	tests := []struct {
		name string
		run  func(*testing.T, store.Store, Lacks)
	}{
		{"Operations", testOperations},
		{"OrderWithinWrite", testOrderWithinWrite},
		{"Documents", testDocuments},
		{"Invalid", testInvalid},
		{"Atomic", testAtomic},
		{"Panic", testPanic},
		{"ReadYourWrites", testReadYourWrites},
		{"Tenants", testTenants},
		{"Parts", testParts},
		{"EnsurePartLater", testEnsurePartLater},
		{"ListParts", testListParts},
		{"Paging", testPaging},
		{"Cursor", testCursor},
		{"Count", testCount},
		{"Marks", testMarks},
		{"Group", testGroup}, {"GroupValues", testGroupValues}, {"Tally", testTally},
		{"LongIn", testLongIn},
		{"Model", testModel},
		{"ConcurrentInserts", testConcurrentInserts},
		{"ConcurrentUpdates", testConcurrentUpdates},
		{"ConcurrentAdvances", testConcurrentAdvances},
		{"Status", testStatus},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := open(t, Tables())
			defer func() { // a test that skips ends here too
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}()
			test.run(t, s, lacks)
		})
	}
}

func skip(t *testing.T, lacking bool, what string) {
	if lacking {
		t.Skip("lacks " + what)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write does one Write in one Update and answers the conflicts.
func write(t testing.TB, s store.Store, ops ...store.Write) []int {
	t.Helper()
	var conflicts []int
	must(t, s.Update(t.Context(), func(tx store.Tx) error {
		var err error
		conflicts, err = tx.Write(t.Context(), ops...)
		return err
	}))
	return conflicts
}

func op(o store.Op, id string, version int64, doc string) store.Write {
	return store.Write{Table: "items", Op: o, Row: store.Row{ID: id, Tenant: "t", Version: version, Doc: json.RawMessage(doc)}}
}

// dump is what is stored in items of tenant t, as "id/version doc".
func dump(t testing.TB, r store.Reader) []string {
	t.Helper()
	page, err := r.Find(t.Context(), store.Query{Table: "items", Tenant: "t"})
	must(t, err)
	out := []string{}
	for _, row := range page.Rows {
		out = append(out, fmt.Sprintf("%s/%d %s", row.ID, row.Version, normal(t, row.Doc)))
	}
	return out
}

// normal is a document with its names sorted and numbers as they are.
func normal(t testing.TB, doc []byte) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(doc)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("document %q: %v", doc, err)
	}
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}

func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func ids(rows []store.Row) []string {
	out := []string{}
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

func testOperations(t *testing.T, s store.Store, _ Lacks) {
	steps := []struct {
		what     string
		op       store.Write
		conflict bool
		then     []string
	}{
		{"insert", op(store.Insert, "a", 1, `{"n":1}`), false, []string{`a/1 {"n":1}`}},
		{"insert again", op(store.Insert, "a", 1, `{"n":2}`), true, []string{`a/1 {"n":1}`}},
		{"put over", op(store.Put, "a", 5, `{"n":3}`), false, []string{`a/5 {"n":3}`}},
		{"put new", op(store.Put, "b", 1, `{"n":4}`), false, []string{`a/5 {"n":3}`, `b/1 {"n":4}`}},
		{"replace the version before", op(store.Replace, "a", 6, `{"n":5}`), false, []string{`a/6 {"n":5}`, `b/1 {"n":4}`}},
		{"replace the same version", op(store.Replace, "a", 6, `{"n":6}`), true, []string{`a/6 {"n":5}`, `b/1 {"n":4}`}},
		{"replace skipping one", op(store.Replace, "a", 8, `{"n":6}`), true, []string{`a/6 {"n":5}`, `b/1 {"n":4}`}},
		{"replace what is not there", op(store.Replace, "c", 2, `{}`), true, []string{`a/6 {"n":5}`, `b/1 {"n":4}`}},
		{"replace from nothing", op(store.Replace, "c", 1, `{}`), true, []string{`a/6 {"n":5}`, `b/1 {"n":4}`}},
		{"advance", op(store.Advance, "a", 9, `{"n":7}`), false, []string{`a/9 {"n":7}`, `b/1 {"n":4}`}},
		{"advance to the same", op(store.Advance, "a", 9, `{"n":8}`), false, []string{`a/9 {"n":7}`, `b/1 {"n":4}`}},
		{"advance backwards", op(store.Advance, "a", 2, `{"n":9}`), false, []string{`a/9 {"n":7}`, `b/1 {"n":4}`}},
		{"advance new", op(store.Advance, "c", 3, `{"n":10}`), false, []string{`a/9 {"n":7}`, `b/1 {"n":4}`, `c/3 {"n":10}`}},
		{"put with a lower version", op(store.Put, "a", 1, `{}`), false, []string{`a/1 {}`, `b/1 {"n":4}`, `c/3 {"n":10}`}},
		{"delete", op(store.Delete, "b", 0, ``), false, []string{`a/1 {}`, `c/3 {"n":10}`}},
		{"delete again", op(store.Delete, "b", 0, ``), false, []string{`a/1 {}`, `c/3 {"n":10}`}},
	}
	for _, step := range steps {
		conflicts := write(t, s, step.op)
		if (len(conflicts) == 1 && conflicts[0] == 0) != step.conflict || len(conflicts) > 1 {
			t.Errorf("%s: conflicts %v", step.what, conflicts)
		}
		same(t, step.what, dump(t, s), step.then)
	}
}

func testOrderWithinWrite(t *testing.T, s store.Store, _ Lacks) {
	conflicts := write(t, s,
		op(store.Insert, "a", 1, `{"n":1}`),  // 0
		op(store.Insert, "a", 1, `{"n":2}`),  // 1 conflict
		op(store.Replace, "a", 2, `{"n":3}`), // 2
		op(store.Insert, "b", 1, `{"n":4}`),  // 3
		op(store.Delete, "a", 0, ``),         // 4
		op(store.Replace, "a", 3, `{"n":5}`), // 5 conflict
		op(store.Insert, "a", 1, `{"n":6}`),  // 6
		op(store.Advance, "b", 4, `{"n":7}`), // 7
		op(store.Replace, "b", 2, `{"n":8}`), // 8 conflict
		store.Write{Table: "plain", Op: store.Insert, Row: store.Row{ID: "a", Tenant: "t", Version: 1, Doc: json.RawMessage(`{}`)}}, // 9
		op(store.Delete, "c", 0, ``),      // 10
		op(store.Put, "c", 1, `{"n":9}`),  // 11
		op(store.Put, "c", 1, `{"n":10}`), // 12
	)
	same(t, "conflicts", conflicts, []int{1, 5, 8})
	same(t, "rows", dump(t, s), []string{`a/1 {"n":6}`, `b/4 {"n":7}`, `c/1 {"n":10}`})
	n, err := s.Count(t.Context(), store.Query{Table: "plain", Tenant: "t"}, 0)
	must(t, err)
	same(t, "rows of the other table", n, 1)

	var many []store.Write
	var want []int
	for i := range 300 { // more than any batch of an engine
		many = append(many, op(store.Insert, fmt.Sprintf("m%03d", i%200), 1, fmt.Sprintf(`{"n":%d}`, i)))
		if i >= 200 {
			want = append(want, i)
		}
	}
	same(t, "conflicts of many", write(t, s, many...), want)
	same(t, "nothing to write", write(t, s), nil)
}

func testAtomic(t *testing.T, s store.Store, lacks Lacks) {
	skip(t, lacks.Transactions, "transactions")
	stop := errors.New("stop")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if _, err := tx.Write(t.Context(), op(store.Insert, "a", 1, `{}`)); err != nil {
			return err
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("Update answered %v", err)
	}
	same(t, "rows after an error", dump(t, s), []string{})

	err = s.Update(t.Context(), func(tx store.Tx) error {
		_, _ = tx.Write(t.Context(), op(store.Insert, "a", 1, `{}`), op(store.Insert, "b", 1, `not a document`))
		return nil // a caller that overlooks the error must not commit the half
	})
	if err == nil {
		t.Error("Update with a failed Write was committed")
	}
	same(t, "rows after a failed Write", dump(t, s), []string{})

	ctx, cancel := context.WithCancel(t.Context())
	err = s.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.Write(ctx, op(store.Insert, "a", 1, `{}`)); err != nil {
			return err
		}
		cancel()
		_, err := tx.Write(ctx, op(store.Insert, "b", 1, `{}`))
		return err
	})
	if err == nil {
		t.Error("Update with a cancelled context was committed")
	}
	same(t, "rows after a cancelled Update", dump(t, s), []string{})
	same(t, "the next Update", len(write(t, s, op(store.Insert, "a", 1, `{}`))), 0)
}

func testPanic(t *testing.T, s store.Store, lacks Lacks) {
	skip(t, lacks.Transactions, "transactions")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.Update(t.Context(), func(tx store.Tx) error {
			_, err := tx.Write(t.Context(), op(store.Insert, "a", 1, `{}`))
			must(t, err)
			panic("bug")
		})
	}()
	same(t, "rows after a panic", dump(t, s), []string{})
	write(t, s, op(store.Insert, "b", 1, `{}`))
	same(t, "rows after the next Update", dump(t, s), []string{`b/1 {}`})
}

func testReadYourWrites(t *testing.T, s store.Store, lacks Lacks) {
	must(t, s.Update(t.Context(), func(tx store.Tx) error {
		if _, err := tx.Write(t.Context(), op(store.Insert, "a", 1, `{"name":"x","tag_pairs":["k=v"]}`)); err != nil {
			return err
		}
		same(t, "within the Update", dump(t, tx), []string{`a/1 {"name":"x","tag_pairs":["k=v"]}`})
		rows, err := tx.Get(t.Context(), "items", "t", "", []string{"a", "b"})
		same(t, "Get within the Update", len(rows), 1)
		n, err2 := tx.Count(t.Context(), store.Query{Table: "items", Tenant: "t", Where: filter.Compare{Field: tagPairs, Op: filter.Eq, Value: "k=v"}}, 0)
		same(t, "Count within the Update", n, 1)
		if !lacks.Transactions {
			same(t, "outside of the Update", dump(t, s), []string{})
		}
		return errors.Join(err, err2)
	}))
	same(t, "after the Update", len(dump(t, s)), 1)
}

func testConcurrentInserts(t *testing.T, s store.Store, _ Lacks) {
	const racers, each = 8, 20
	var mu sync.Mutex
	won := map[string]int{}
	var wg sync.WaitGroup
	for r := range racers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("c%02d", i)
				var conflicts []int
				err := s.Update(t.Context(), func(tx store.Tx) (err error) {
					conflicts, err = tx.Write(t.Context(), op(store.Insert, id, 1, fmt.Sprintf(`{"by":%d}`, r)))
					return err
				})
				if err != nil {
					t.Errorf("Update: %v", err)
				}
				if err == nil && len(conflicts) == 0 {
					mu.Lock()
					won[id]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for i := range each {
		same(t, "winners of one id", won[fmt.Sprintf("c%02d", i)], 1)
	}
}

func testConcurrentUpdates(t *testing.T, s store.Store, lacks Lacks) {
	skip(t, lacks.CompareAndSwap, "compare and swap")
	write(t, s, op(store.Insert, "n", 1, `{}`))
	const racers, each = 6, 15
	var wg sync.WaitGroup
	for range racers {
		wg.Go(func() {
			for done := 0; done < each; {
				err := s.Update(t.Context(), func(tx store.Tx) error {
					rows, err := tx.Get(t.Context(), "items", "t", "", []string{"n"})
					if err != nil {
						return err
					}
					conflicts, err := tx.Write(t.Context(), op(store.Replace, "n", rows["n"].Version+1, `{}`))
					if err == nil && len(conflicts) == 0 {
						done++
					}
					return err
				})
				if err != nil {
					t.Errorf("Update: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	same(t, "row after all", dump(t, s), []string{fmt.Sprintf(`n/%d {}`, 1+racers*each)})
}

// Several collectors roll a projection forward; whoever comes late must not take it back.
func testConcurrentAdvances(t *testing.T, s store.Store, lacks Lacks) {
	skip(t, lacks.CompareAndSwap, "compare and swap")
	const racers, versions = 6, 20
	for round := range 5 {
		id := fmt.Sprintf("p%d", round)
		var wg sync.WaitGroup
		for r := range racers {
			wg.Go(func() {
				for v := r + 1; v <= versions; v += 1 + r%3 {
					err := s.Update(t.Context(), func(tx store.Tx) error {
						conflicts, err := tx.Write(t.Context(), op(store.Advance, id, int64(v), fmt.Sprintf(`{"v":%d}`, v)))
						if err == nil && len(conflicts) > 0 {
							err = errors.New("an Advance conflicted")
						}
						return err
					})
					if err != nil {
						t.Errorf("Update: %v", err)
					}
				}
			})
		}
		wg.Wait()
		rows, err := s.Get(t.Context(), "items", "t", "", []string{id})
		must(t, err)
		same(t, "version after all", rows[id].Version, int64(versions))
		same(t, "document after all", normal(t, rows[id].Doc), fmt.Sprintf(`{"v":%d}`, versions))
	}
}

func testStatus(t *testing.T, s store.Store, _ Lacks) {
	must(t, s.Ping(t.Context()))
	if _, err := s.Size(t.Context()); err != nil {
		t.Errorf("Size: %v", err)
	}
	if !slices.Contains([]string{"sqlite", "mongo"}, s.Engine()) {
		t.Errorf("Engine is %q", s.Engine())
	}
}
