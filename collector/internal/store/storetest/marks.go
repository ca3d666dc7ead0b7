package storetest

import (
	"fmt"
	"testing"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// testMarks: from every mark the list goes on as if one had come page by page.
func testMarks(t *testing.T, s store.Store, _ Lacks) {
	var ops []store.Write
	for i := range 33 {
		doc := fmt.Sprintf(`{"name":"n%d","size":%d,"on":%t}`, i%7, i%4, i%2 == 0)
		if i%5 == 0 {
			doc = `{}`
		}
		ops = append(ops, op(store.Insert, fmt.Sprintf("r%02d", i), 1, doc))
	}
	write(t, s, ops...)
	on := filter.Field{Path: []string{"on"}, Type: filter.Bool}
	for _, q := range []store.Query{
		{},
		{Order: []store.Order{{Field: name}}},
		{Order: []store.Order{{Field: name, Desc: true}}},
		{Order: []store.Order{{Field: size, Desc: true}, {Field: name}}},
		{Order: []store.Order{{Field: on}}},
		{Order: []store.Order{{Field: name}}, Where: filter.Compare{Field: size, Op: filter.Ge, Value: int64(2)}},
		{Where: filter.Compare{Field: size, Op: filter.Ge, Value: int64(99)}},
	} {
		q.Table, q.Tenant = "items", "t"
		all, err := s.Find(t.Context(), q)
		must(t, err)
		for _, every := range []int{1, 4, 11, 33, 50} {
			what := fmt.Sprintf("every %d by %v", every, q.Order)
			q.Limit = 1000
			marks, rows, err := s.Marks(t.Context(), q, every)
			must(t, err)
			same(t, "rows, "+what, rows, len(all.Rows))
			same(t, "marks, "+what, len(marks), max(0, (len(all.Rows)-1)/every))
			for i, mark := range marks {
				page := q
				page.After, page.Limit = mark, every
				got, err := s.Find(t.Context(), page)
				must(t, err)
				same(t, fmt.Sprintf("page after mark %d, %s", i, what), ids(got.Rows), ids(all.Rows[(i+1)*every:min(len(all.Rows), (i+2)*every)]))
			}
		}
	}
	q := store.Query{Table: "items", Tenant: "t", Limit: 9}
	marks, rows, err := s.Marks(t.Context(), q, 4)
	must(t, err)
	same(t, "rows up to a limit", rows, 9)
	same(t, "marks up to a limit", len(marks), 2)
	if _, _, err := s.Marks(t.Context(), q, 0); err == nil {
		t.Error("marks of nothing were answered")
	}
}
