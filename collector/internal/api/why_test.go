package api

import (
	"net/url"
	"reflect"
	"testing"

	"maestro.internal/internal/rest"
)

func TestWhy(t *testing.T) {
	w := newWorld(t)
	w.source("fra").sync("server", server("1", "web-1", 1<<30))
	ask := func(token, name string) rest.Why {
		return documentOf[rest.Why](w.ask(token, "GET", "/api/v1/why?name="+url.QueryEscape(name), nil).is(200))
	}
	if a := ask(w.reader, "web-1"); a.Verdict != "ok" || len(a.Resources) != 1 || a.Resources[0].Resource.Name != "web-1" || len(a.Steps) != 8 {
		t.Errorf("what is there: %+v", a)
	}
	if a := ask(w.reader, "web-2"); a.Verdict == "ok" || a.Summary == "" {
		t.Errorf("what is not there: %+v", a)
	}
	if a := ask(w.stranger, "web-1"); a.Verdict == "ok" || len(a.Resources) != 0 {
		t.Errorf("another tenant's: %+v", a)
	}
	w.ask(w.reader, "GET", "/api/v1/why?name=x&kind=sever", nil).problem(422)
	w.ask(w.reader, "GET", "/api/v1/why", nil).problem(422)
	w.ask("", "GET", "/api/v1/why?name=x", nil).problem(401)
}

func TestCoverageLedger(t *testing.T) {
	w := newWorld(t)
	src := w.source("fra")
	run := src.sync("server", server("1", "web-1", 1<<30))
	src.sync("volume")
	type scopes = rest.List[rest.Scope]
	all := documentOf[scopes](w.ask(w.reader, "GET", "/api/v1/coverage/scopes", nil).is(200))
	if all.TotalSize != 2 || all.Items[0].Status != "complete" || all.Items[0].LastComplete.IsZero() {
		t.Errorf("the ledger: %+v", all)
	}
	first := documentOf[scopes](w.ask(w.reader, "GET", "/api/v1/coverage/scopes?page_size=1", nil).is(200))
	second := documentOf[scopes](w.ask(w.reader, "GET", "/api/v1/coverage/scopes?page_size=1&page_token="+first.NextPageToken, nil).is(200))
	if len(first.Items) != 1 || len(second.Items) != 1 || first.Items[0].Kind == second.Items[0].Kind || second.NextPageToken != "" {
		t.Errorf("in pages: %+v %+v", first, second)
	}
	one := documentOf[scopes](w.ask(w.reader, "GET", "/api/v1/coverage/scopes?filter="+url.QueryEscape(`kind = "server" AND status = "complete"`), nil).is(200))
	if len(one.Items) != 1 || one.Items[0].Listed != 1 || one.Items[0].RunID != run {
		t.Errorf("of a kind: %+v", one)
	}
	none := documentOf[scopes](w.ask(w.reader, "GET", "/api/v1/coverage/scopes?filter="+url.QueryEscape(`status = "incomplete"`), nil).is(200))
	if none.TotalSize != 0 {
		t.Errorf("what is not complete: %+v", none)
	}
	if other := documentOf[scopes](w.ask(w.stranger, "GET", "/api/v1/coverage/scopes", nil).is(200)); other.TotalSize != 0 {
		t.Errorf("another tenant's: %+v", other)
	}
	found := documentOf[rest.List[rest.ResourceHead]](w.ask(w.reader, "GET", "/api/v1/resources?q=web-1", nil).is(200))
	path := "/api/v1/resources/server/" + found.Items[0].ID + "/coverage"
	own := documentOf[scopes](w.ask(w.reader, "GET", path, nil).is(200))
	if len(own.Items) != 1 || own.Items[0].Kind != "server" || own.Items[0].Status != "complete" {
		t.Errorf("a resource's own: %+v", own)
	}
	w.ask(w.stranger, "GET", path, nil).problem(404)
}

func TestCoverageOfAllKindsIsThatOfEach(t *testing.T) {
	w := newWorld(t)
	src := w.source("fra")
	src.sync("server", server("1", "web-1", 1<<30))
	src.sync("volume")
	all := documentOf[rest.List[rest.KindCoverage]](w.ask(w.reader, "GET", "/api/v1/coverage/kinds", nil).is(200))
	if len(all.Items) != 2 || all.Items[0].Kind != "server" || all.Items[1].Kind != "volume" {
		t.Fatalf("the kinds: %+v", all)
	}
	for _, k := range all.Items {
		one := documentOf[rest.Coverage](w.ask(w.reader, "GET", "/api/v1/coverage?kind="+k.Kind, nil).is(200))
		if !reflect.DeepEqual(k.Coverage, one) || one.Scopes != 1 {
			t.Errorf("%s: %+v here, %+v there", k.Kind, k.Coverage, one)
		}
	}
	if other := documentOf[rest.List[rest.KindCoverage]](w.ask(w.stranger, "GET", "/api/v1/coverage/kinds", nil).is(200)); len(other.Items) != 0 {
		t.Errorf("another tenant's: %+v", other)
	}
}
