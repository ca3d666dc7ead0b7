package inventory

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maestro.internal/collector/internal/reference"
)

// What a product's version and a size are known for is filled in, named as what it is, and gives way to what anybody says.
func TestReferenceData(t *testing.T) {
	shipped, err := reference.Load("")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, func(o *Options) { o.Reference = shipped })
	a := newAgent(l.s, "a", 1)
	a.conn.Provider = "aws"
	item := thing(one, "k1", named("web-1"), attrs(`{"flavor":"m5.large","os":{"family":"linux","name":"Ubuntu","version":"20.04"}}`))
	item.Region = "us-east-1"
	l.run(a, complete(one, item))
	web := l.server("web-1")
	common := map[string]any{}
	if err := json.Unmarshal(web.Common, &common); err != nil {
		t.Fatal(err)
	}
	cost, _ := common["monthly_cost"].(map[string]any)
	if common["end_of_support_at"] != "2025-05-31T00:00:00Z" || cost["amount"] != 70.08 || cost["currency"] != "USD" {
		t.Fatalf("common block %s", web.Common)
	}
	from := map[string]string{}
	for _, p := range web.Provenance {
		from[p.Pointer] = p.Actor
	}
	if from["/common/end_of_support_at"] != "reference:end-of-support "+shipped.SupportFile().Version || !strings.HasPrefix(from["/common/monthly_cost/amount"], "reference:prices ") {
		t.Errorf("provenance %v", from)
	}
	l.want(l.history(web.ID), "created")

	// People stand above it, also where they say that there is nothing to say.
	if _, err := l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "server", ID: web.ID, Version: web.Version,
		Set: map[string]json.RawMessage{"/common/end_of_support_at": json.RawMessage(`"2030-01-01T00:00:00Z"`), "/common/monthly_cost/amount": json.RawMessage(`12`)}}); err != nil {
		t.Fatal(err)
	}
	if got := string(l.server("web-1").Common); !strings.Contains(got, `"2030-01-01T00:00:00Z"`) || !strings.Contains(got, `"amount":12`) || strings.Contains(got, "70.08") {
		t.Errorf("what a person set gave way: %s", got)
	}
	web = l.server("web-1")
	if _, err := l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "server", ID: web.ID, Version: web.Version, Reset: []string{"/common/end_of_support_at", "/common/monthly_cost/amount"}}); err != nil {
		t.Fatal(err)
	}
	if got := string(l.server("web-1").Common); !strings.Contains(got, "2025-05-31") || !strings.Contains(got, "70.08") {
		t.Errorf("what a person handed back is not known again: %s", got)
	}
}

// Other files are applied to what is there already, by a job that any collector may carry on.
func TestOtherReferenceData(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1", named("web-1"), attrs(`{"os":{"name":"Inhouse","version":"3"}}`)), thing(one, "k2", named("web-2"))))
	dir := t.TempDir()
	text := "version: v9\ndate: 2026-10-01\nsources: {us: our own}\nentries:\n  - {product: Inhouse, kind: server, name: inhouse, version: \"3\", until: 2027-01-01, source: us}\n"
	if err := os.WriteFile(filepath.Join(dir, reference.SupportFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := reference.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	next := New(Options{Store: l.count, Clock: l.clock.now, Reference: known})
	for range 2 { // a second start with the same files finds nothing to do
		if err := next.FollowReference(l.ctx); err != nil {
			t.Fatal(err)
		}
		if err := next.sweepMappings(l.ctx, l.clock.now()); err != nil {
			t.Fatal(err)
		}
		web := l.server("web-1")
		if !strings.Contains(string(web.Common), "2027-01-01") || web.Version != 2 {
			t.Fatalf("version %d: %s", web.Version, web.Common)
		}
		if other := l.server("web-2"); other.Version != 1 {
			t.Errorf("what it says nothing of changed: %+v", other)
		}
	}
	job, err := next.MappingJob(l.ctx, tenant)
	if err != nil || job.Running || job.Changed != 1 {
		t.Errorf("the job: %+v %v", job, err)
	}
}
