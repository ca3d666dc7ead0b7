package api

import (
	"net/url"
	"strings"
	"testing"

	"maestro.internal/internal/rest"
)

// Whatever is too much for a filter is said in words, with the place where it became too much.
func TestAFilterThatIsTooMuchSaysWhere(t *testing.T) {
	w := newWorld(t)
	for what, tt := range map[string]struct {
		text, message string
		position      int
	}{
		"length": {strings.Repeat("web ", 5000), "the filter is 20000 bytes long, at most 8192 are allowed", 8192},
		"terms":  {strings.Repeat("a OR ", 1500) + "a", "the filter has more than 100 conditions", 500},
		"depth":  {strings.Repeat("(", 11) + "a" + strings.Repeat(")", 11), "the filter is nested deeper than 10 levels", 10},
		"hops":   {"name = x host.host.host.host.name = y", "host.host.host.host.name passes more than 3 relations", 9},
	} {
		p := w.ask(w.reader, "GET", "/api/v1/resources/server?"+url.Values{"filter": {tt.text}}.Encode(), nil).problem(400)
		if p.Filter == nil || p.Filter.Message != tt.message || p.Filter.Position != tt.position {
			t.Errorf("%s: %+v %+v", what, p, p.Filter)
		}
	}
	// The same where a body brings it, which may be larger: a megabyte, ten thousand terms.
	for what, text := range map[string]string{"1 MB": strings.Repeat("a OR ", 200_000) + "a", "10,000 terms": strings.Repeat("a OR ", 10_000) + "a"} {
		p := w.ask(w.admin, "POST", "/api/v1/edits", map[string]any{"kind": "server", "filter": text, "set": map[string]any{"/region": "x"}}).problem(422)
		if p.Detail != "filter has more than 8192 characters." {
			t.Errorf("%s: %.300s", what, p.Detail)
		}
	}
	// What is found through relations is counted and paged like everything else.
	w.source("vc").sync("server", server("000000000001", "web", 1), server("000000000002", "db", 2))
	l := documentOf[rest.List[rest.Resource]](w.ask(w.reader, "GET", "/api/v1/resources/server?"+
		url.Values{"filter": {"volumes = null"}, "order_by": {"name"}, "page_size": {"1"}}.Encode(), nil).is(200))
	if len(l.Items) != 1 || l.Items[0].Name != "db" || l.TotalSize != 2 || l.NextPageToken == "" {
		t.Fatalf("%+v", l)
	}
	l = documentOf[rest.List[rest.Resource]](w.ask(w.reader, "GET", "/api/v1/resources/server?"+
		url.Values{"filter": {"volumes = null"}, "order_by": {"name"}, "page_size": {"1"}, "page_token": {l.NextPageToken}}.Encode(), nil).is(200))
	if len(l.Items) != 1 || l.Items[0].Name != "web" || l.NextPageToken != "" {
		t.Fatalf("%+v", l)
	}
}
