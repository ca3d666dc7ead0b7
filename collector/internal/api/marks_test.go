package api

import (
	"fmt"
	"net/url"
	"slices"
	"testing"

	"maestro.internal/internal/rest"
)

// Whoever jumps to a mark reads what he would have read page by page, and no more than he may see.
func TestListsAreReadFromMarks(t *testing.T) {
	w := newWorld(t)
	w.source("one").sync("server", tagged(57)...)
	for _, ask := range []struct {
		filter, order string
		want          int
	}{{"", "name", 57}, {"", "memory_bytes desc, name", 57}, {"tags.env = prod", "region", 38}, {"nothinglikethis", "", 0}} {
		q := url.Values{"filter": {ask.filter}, "order_by": {ask.order}}
		list := func(token string, size int) []string {
			q := url.Values{"filter": {ask.filter}, "order_by": {ask.order}, "page_size": {fmt.Sprint(size)}, "page_token": {token}}
			var out []string
			for _, r := range documentOf[rest.List[rest.Resource]](w.ask(w.reader, "GET", "/api/v1/resources/server?"+q.Encode(), nil).is(200)).Items {
				out = append(out, r.ID)
			}
			return out
		}
		q.Set("page_size", "10")
		marks := documentOf[rest.Marks](w.ask(w.reader, "GET", "/api/v1/resources/server/marks?"+q.Encode(), nil).is(200))
		if marks.Every != 10 || marks.TotalSize != ask.want || marks.TotalSizeIsLowerBound || len(marks.Marks) != max(0, (ask.want-1)/10) {
			t.Fatalf("%+v: %+v", ask, marks)
		}
		all := list("", 1000)
		for i, mark := range marks.Marks {
			if got, want := list(mark, 10), all[(i+1)*10:min(len(all), (i+2)*10)]; !slices.Equal(got, want) {
				t.Errorf("%+v, mark %d: %v, not %v", ask, i, got, want)
			}
		}
	}
	w.ask(w.reader, "GET", "/api/v1/resources/server/marks?order_by=nothing", nil).is(400)
	w.ask(w.reader, "GET", "/api/v1/resources/nothing/marks", nil).is(404)
}
