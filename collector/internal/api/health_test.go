package api

import (
	"net/url"
	"testing"
	"time"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

func TestTheHealthMatrix(t *testing.T) {
	w := newWorld(t)
	mine := documentOf[rest.Connection](w.ask(w.admin, "POST", "/api/v1/connections", connectionOf("fra", w.agent("lab-1").ID)).is(201))
	src := w.source("fra")
	src.connection.ID = mine.ID
	run := src.sync("server", server("1", "web-1", 1<<30))
	type matrix = rest.List[rest.ConnectionHealth]
	all := documentOf[matrix](w.ask(w.reader, "GET", "/api/v1/connections/health", nil).is(200))
	if all.TotalSize != 1 || len(all.Items[0].Kinds) == 0 {
		t.Fatalf("the matrix: %+v", all)
	}
	for _, k := range all.Items[0].Kinds {
		if want := map[bool]string{true: "complete", false: "never"}[k.Kind == "server"]; k.Status != want {
			t.Errorf("%s is %s, want %s", k.Kind, k.Status, want)
		}
		if k.Kind == "server" && (k.LastComplete == nil || k.RunID != run || k.Listed != 1 || k.Scopes != 1 || k.Complete != 1 || k.Late) {
			t.Errorf("servers: %+v", k)
		}
		if k.Kind != "server" && k.LastComplete != nil {
			t.Errorf("never read, and yet complete: %+v", k)
		}
	}
	for text, want := range map[string]int{`provider = "` + all.Items[0].Provider + `"`: 1, `provider = "other"`: 0} {
		if got := documentOf[matrix](w.ask(w.reader, "GET", "/api/v1/connections/health?filter="+url.QueryEscape(text), nil).is(200)); got.TotalSize != want {
			t.Errorf("%s: %d, want %d", text, got.TotalSize, want)
		}
	}
	if other := documentOf[matrix](w.ask(w.stranger, "GET", "/api/v1/connections/health", nil).is(200)); other.TotalSize != 0 {
		t.Errorf("another tenant's: %+v", other)
	}
}

func TestAKindIsLateAfterTwoOfItsIntervals(t *testing.T) {
	now := time.Unix(10_000, 0)
	read := map[string]*inventory.KindHealth{"server": {Kind: "server", Status: "complete", LastComplete: now.Add(-130 * time.Second)}}
	for seconds, late := range map[int64]bool{60: true, 3600: false, 0: false} {
		for _, paused := range []bool{false, true} {
			x := rest.Connection{Paused: paused, Kinds: []rest.KindSchedule{{Kind: "server", Enabled: true, IntervalSeconds: seconds}, {Kind: "volume"}}}
			got := healthDocument(&x, read, now)
			if len(got.Kinds) != 1 || got.Kinds[0].Late != (late && !paused) {
				t.Errorf("every %d s, paused %v: %+v", seconds, paused, got.Kinds)
			}
		}
	}
}
