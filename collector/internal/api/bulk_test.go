package api

import (
	"strings"
	"testing"

	"maestro.internal/internal/rest"
)

// A table of connections goes through the same checks as each of them would, and each is audited.
func TestConnectionsAreImported(t *testing.T) {
	w := newWorld(t)
	w.agent("lab-1")
	table := "name,provider,datacenter,url\nfirst,test,,https://toy.example\nsecond,test,nowhere,https://toy.example\nthird,test,,\n"
	send := func(in rest.ConnectionsImport) []string {
		t.Helper()
		done := documentOf[rest.ConnectionsImported](w.ask(w.admin, "POST", "/api/v1/connections/import", in).is(200))
		var out []string
		for _, x := range done.Rows {
			out = append(out, x.Name+" "+x.Result+" "+x.Column)
		}
		return out
	}
	count := func() int {
		return len(documentOf[rest.List[rest.Connection]](w.ask(w.admin, "GET", "/api/v1/connections", nil).is(200)).Items)
	}
	tried := strings.Join(send(rest.ConnectionsImport{Text: table, DryRun: true}), "|")
	if n := count(); n != 0 {
		t.Fatalf("trying it made %d connections", n)
	}
	done := strings.Join(send(rest.ConnectionsImport{Text: table}), "|")
	if want := "first created |second refused datacenter|third refused settings"; tried != want || done != want {
		t.Errorf("tried %q, done %q, want %q", tried, done, want)
	}
	if again := send(rest.ConnectionsImport{Text: table, Count: 1}); len(again) != 1 || again[0] != "first same " || count() != 1 {
		t.Errorf("again %q, and %d connections", again, count())
	}
	w.ask(w.admin, "POST", "/api/v1/connections/import", rest.ConnectionsImport{Text: "name\n"}).problem(422)
	w.ask(w.reader, "POST", "/api/v1/connections/import", rest.ConnectionsImport{Text: table}).problem(403)
}
