package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"maestro.internal/collector/internal/mapping"
)

// A rule takes the client from the account; moved, renamed and merged, the resources follow with a change each, and only those of the
// account are looked at.
func TestResourcesFollowWhomTheirAccountServes(t *testing.T) {
	var accounts []Account
	l := newLab(t, func(o *Options) {
		o.Accounts = func(context.Context, string) ([]Account, error) { return slices.Clone(accounts), nil }
	})
	client := func(name string) *Resource {
		r, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "client", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	acme, globex := client("ACME"), client("Globex")
	for _, site := range []string{"fra", "lis"} {
		a := newAgent(l.s, site, 1)
		a.conn.Datacenter = site
		l.run(a, complete(one, thing(one, site+"-1", named(site+"-1")), thing(one, site+"-2", named(site+"-2"), tagged("client", "tagged"))))
	}
	l.save(mapping.Usual()...)
	if got := l.commonOf("fra-1"); got != "{}" {
		t.Fatalf("nobody is served: %s", got)
	}
	accounts = []Account{{ID: "fra", Kind: "datacenter", Name: "Frankfurt", Client: acme.ID, Since: l.clock.now()}}
	l.sweep()
	want := func(name, common string) {
		t.Helper()
		if got := l.commonOf(name); got != common {
			t.Errorf("%s: %s, want %s", name, got, common)
		}
	}
	want("fra-1", `{"client":"ACME"}`)
	want("fra-2", `{"client":"tagged"}`)
	want("lis-1", `{}`)
	job, err := l.s.MappingJob(l.ctx, tenant)
	if err != nil || job.Total != 2 || job.Changed != 1 || job.Running {
		t.Errorf("job %+v, %v", job, err)
	}
	accounts[0].Client, accounts[0].Since = globex.ID, l.clock.now()
	l.sweep()
	want("fra-1", `{"client":"Globex"}`)
	r := l.server("fra-1")
	if i := slices.IndexFunc(r.Provenance, func(p Provenance) bool { return p.Pointer == "/common/client" }); i < 0 || r.Provenance[i].Actor != "rule:client of the account" {
		t.Errorf("provenance %+v", r.Provenance)
	}
	history, err := l.s.History(l.ctx, everyone, "server", r.ID, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	last := history.Items[0]
	if len(last.Diff) != 1 || string(last.Diff[0].Old) != `"ACME"` || string(last.Diff[0].New) != `"Globex"` || last.Actor != "rule:mapping" || last.Reason != "its account serves another client" {
		t.Errorf("history %+v", last)
	}
	before := r.Version
	l.sweep()
	if got := l.server("fra-1").Version; got != before {
		t.Error("a sweep that finds nothing new wrote something")
	}
	// A renamed client, and one that was merged into another.
	if _, err := l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "client", ID: globex.ID, Version: globex.Version, Set: map[string]json.RawMessage{"/name": json.RawMessage(`"Globex AG"`)}}); err != nil {
		t.Fatal(err)
	}
	l.sweep()
	want("fra-1", `{"client":"Globex AG"}`)
	if acme, err = l.s.Get(l.ctx, everyone, "client", acme.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := l.s.Merge(l.ctx, everyone, MergeRequest{Kind: "client", ID: acme.ID, Version: acme.Version, Other: globex.ID}); err != nil {
		t.Fatal(err)
	}
	l.sweep()
	want("fra-1", `{"client":"ACME"}`)
	if acme, err = l.s.Get(l.ctx, everyone, "client", acme.ID); err != nil {
		t.Fatal(err)
	}
	_, err = l.s.Delete(l.ctx, everyone, DeleteRequest{Kind: "client", ID: acme.ID, Version: acme.Version})
	var refused *ConflictError
	if !errors.As(err, &refused) || !strings.Contains(refused.Problem, `the datacenter "Frankfurt" serves this client`) {
		t.Errorf("deleting it: %v", err)
	}
	accounts = nil
	l.sweep()
	want("fra-1", `{}`)
}
