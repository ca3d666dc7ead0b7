package inventory

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

func (l *lab) relations(kind, id string) []string {
	l.t.Helper()
	list, err := l.s.RelatedTo(l.ctx, everyone, kind, id)
	if err != nil {
		l.t.Fatal(err)
	}
	var out []string
	for _, r := range list {
		line := r.Direction + " " + r.Verb + " " + r.Name
		if r.ID == "" {
			line += "? " + r.Wanted
		}
		if r.Warning != "" {
			line += " (" + r.Warning + ")"
		}
		out = append(out, line)
	}
	return out
}

func TestJoinAcrossConnections(t *testing.T) {
	l := newLab(t)
	a, b := newAgent(l.s, "a", 1), newAgent(l.s, "b", 2)
	b.conn.Provider = "other"
	l.run(b, complete(one, thing(one, "b1", named("seen by b"), has("mac", "02:00:00:00:00:01"), attrs(`{"cpu_count":1,"hostname":"h"}`))))
	id := l.server("seen by b").ID
	l.run(a, complete(one, thing(one, "a1", named("seen by a"), has("mac", "02-00-00-00-00-01"), attrs(`{"cpu_count":2}`))))
	l.want(l.servers(), "seen by a active a+b")
	got := l.server("seen by a")
	if got.ID != id || string(got.Attributes) != `{"cpu_count":2,"hostname":"h"}` {
		t.Fatalf("%s %s", got.ID, got.Attributes)
	}
	l.want(got.Conflicts, "/attributes/cpu_count", "/name")
	l.want(l.history(id), "created", "updated /attributes/cpu_count /conflicts /connections /name")
	from := map[string]string{}
	for _, p := range got.Provenance {
		from[p.Pointer] = p.Connection
	}
	if from["/name"] != "a" || from["/attributes/hostname"] != "b" || from["/attributes/cpu_count"] != "a" {
		t.Fatalf("provenance %v", from)
	}
	obs, err := l.s.Observations(l.ctx, everyone, "server", id)
	if err != nil || len(obs) != 2 || obs[0].Match != "matched on mac, rank 4" || obs[1].Match != "first seen here" {
		t.Fatalf("observations %+v %v", obs, err)
	}

	// What only one of two still sees is there; the preferred source's last values make room for the other's.
	l.run(a, complete(one))
	l.want(l.servers(), "seen by b active b")
	l.run(b, complete(one))
	l.want(l.servers(), "seen by b gone b")
	l.want(l.history(id)[2:], "updated /attributes/cpu_count /conflicts /connections /name", "gone")
}

func TestStrongestIdentifierDecides(t *testing.T) {
	l := newLab(t)
	a, b, c := newAgent(l.s, "a", 1), newAgent(l.s, "b", 2), newAgent(l.s, "c", 3)
	a.conn.Provider, b.conn.Provider, c.conn.Provider = "pa", "pb", "pc"
	l.run(a, complete(one, thing(one, "a1", named("one"), has("mac", "02:00:00:00:00:01")), thing(one, "a2", named("two"), has("bios_uuid", "4210f2a4-0000-1111-2222-333344445555"))))
	l.run(b, complete(one, thing(one, "b1", has("mac", "02:00:00:00:00:01"), has("bios_uuid", "4210f2a4-0000-1111-2222-333344445555"))))
	l.want(l.servers(), "one active a", "two active a+b")
	page, err := l.s.opt.Store.Find(l.ctx, store.Query{Table: tReviews, Tenant: tenant})
	if err != nil || len(page.Rows) != 1 {
		t.Fatalf("a weaker identifier that would bridge is for a person to look at: %v %v", page.Rows, err)
	}
}

func TestRankOneBridges(t *testing.T) {
	l := newLab(t)
	a, b := newAgent(l.s, "a", 1), newAgent(l.s, "b", 2)
	b.conn.Provider = "other"
	l.run(a, complete(one, thing(one, "a1", named("old"))))
	l.run(b, complete(one, thing(one, "b1", named("young"), has("instance_id", "i-1"), tagged("env", "prod"))))
	oldID, youngID := l.server("old").ID, l.server("young").ID
	young := l.server("young")
	if _, err := l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "server", ID: youngID, Version: young.Version, Set: map[string]json.RawMessage{"/common/notes": json.RawMessage(`"mine"`)}}); err != nil {
		t.Fatal(err)
	}
	l.run(a, complete(one, thing(one, "a1", named("old"), has("instance_id", "i-1"))))
	l.want(l.servers(), "old active a+b")
	got := l.server("old")
	if got.ID != oldID || string(got.Common) != `{"notes":"mine"}` || len(got.Tags) != 1 {
		t.Fatalf("%+v", got)
	}
	merged, err := l.s.Get(l.ctx, everyone, "server", youngID)
	if err != nil || merged.State != Merged || merged.RedirectTo != oldID {
		t.Fatalf("%+v %v", merged, err)
	}
	l.want(l.history(youngID), "created", "updated /common/notes", "merged")
	l.run(b, complete(one, thing(one, "b1", named("young"), has("instance_id", "i-1"), tagged("env", "test"))))
	if got = l.server("old"); got.Tags[0].Value != "test" {
		t.Fatalf("%+v", got)
	}
	l.checkChain("server")
}

func TestContestedIdentifiersJoinNothing(t *testing.T) {
	const uuid = "4210f2a4-0000-1111-2222-333344445555"
	l := newLab(t)
	a, b := newAgent(l.s, "a", 1), newAgent(l.s, "b", 2)
	b.conn.Provider = "other"
	l.run(a, complete(one, thing(one, "a1", has("bios_uuid", uuid)), thing(one, "a2", has("bios_uuid", uuid))))
	l.want(l.servers(), "name of a1 active a", "name of a2 active a")
	l.run(b, complete(one, thing(one, "b1", has("bios_uuid", uuid))))
	l.want(l.servers(), "name of a1 active a", "name of a2 active a", "name of b1 active b")
	if w := l.server("name of b1").Warnings; len(w) != 1 || !strings.Contains(w[0], "names several things") {
		t.Fatalf("warnings %q", w)
	}
	// Once only one of the clones is left, whatever comes next with the identifier finds it.
	l.run(a, complete(one, thing(one, "a2", has("bios_uuid", uuid))))
	l.run(b, complete(one))
	c := newAgent(l.s, "c", 3)
	c.conn.Provider = "third"
	l.run(c, complete(one, thing(one, "c1", has("bios_uuid", uuid))))
	l.want(l.servers(), "name of a1 gone a", "name of a2 active a+c", "name of b1 gone b")
}

func TestSamePluginWithOtherGlobalIDsIsContested(t *testing.T) {
	const uuid = "4210f2a4-0000-1111-2222-333344445555"
	l := newLab(t)
	a, b := newAgent(l.s, "a", 1), newAgent(l.s, "b", 2)
	l.run(a, complete(one, thing(one, "x1", has("test.id", "vc1:vm-1"), has("bios_uuid", uuid))))
	l.run(b, complete(one, thing(one, "y1", has("test.id", "vc2:vm-1"), has("bios_uuid", uuid))))
	l.want(l.servers(), "name of x1 active a", "name of y1 active b")
}

func TestReplacedConnectionFindsItsResources(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k", has("test.id", "k"))))
	id := l.server("name of k").ID
	if err := l.s.UnwatchConnection(l.ctx, tenant, "a", "user:anna", "connection deleted"); err != nil {
		t.Fatal(err)
	}
	l.want(l.servers(), "name of k unwatched a")
	if got := l.server("name of k"); got.StateReason != "connection deleted" {
		t.Fatalf("%+v", got)
	}
	b := newAgent(l.s, "b", 2)
	l.run(b, complete(one, thing(one, "k", has("test.id", "k"))))
	l.want(l.servers(), "name of k active b")
	if got := l.server("name of k"); got.ID != id {
		t.Fatal("it got another id")
	}
}

func TestVanishedIdentifierSplitsNothing(t *testing.T) {
	l := newLab(t)
	a, b, c := newAgent(l.s, "a", 1), newAgent(l.s, "b", 2), newAgent(l.s, "c", 3)
	b.conn.Provider, c.conn.Provider = "pb", "pc"
	l.run(a, complete(one, thing(one, "a1", has("serial", "SN12345"))))
	l.run(b, complete(one, thing(one, "b1", has("serial", "SN12345"))))
	l.run(b, complete(one, thing(one, "b1")))
	l.run(a, complete(one, thing(one, "a1")))
	l.want(l.servers(), "name of a1 active a+b")
	l.run(c, complete(one, thing(one, "c1", has("serial", "SN12345"))))
	l.want(l.servers(), "name of a1 active a+b", "name of c1 active c")
}

func TestHandMadeRecordIsAdopted(t *testing.T) {
	l := newLab(t)
	made, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "server", Name: "planned", Identifiers: []resource.Identifier{{Type: "serial", Value: " SN12345 "}},
		Attributes: json.RawMessage(`{"memory_bytes":1024}`), Common: json.RawMessage(`{"lifecycle":"planned"}`), RequestID: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "server", Name: "planned", RequestID: "r1"})
	if err != nil || again.ID != made.ID {
		t.Fatalf("%v %v", again, err)
	}
	if _, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "server", Name: "other", Identifiers: []resource.Identifier{{Type: "serial", Value: "SN12345"}}}); err == nil {
		t.Fatal("the identifier is taken")
	}
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "a1", named("found"), has("serial", "SN12345"), attrs(`{"cpu_count":2,"memory_bytes":2048}`))))
	l.want(l.servers(), "planned active a")
	got := l.server("planned")
	if got.ID != made.ID || string(got.Attributes) != `{"cpu_count":2,"memory_bytes":1024}` {
		t.Fatalf("%s", got.Attributes)
	}
	entries, err := l.s.opt.Audit.List(l.ctx, tenant, auditQuery("resource.create"))
	if err != nil || len(entries.Entries) != 2 || entries.Entries[1].Outcome != "ok" || entries.Entries[0].Outcome != "failed" {
		t.Fatalf("%+v %v", entries, err)
	}
}

func TestPatch(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k", attrs(`{"cpu_count":2,"hostname":"h"}`), tagged("env", "prod"))))
	got := l.server("name of k")
	patch := func(version int64, set map[string]string, reset ...string) (*Resource, error) {
		req := PatchRequest{Kind: "server", ID: got.ID, Version: version, Set: map[string]json.RawMessage{}, Reset: reset}
		for p, v := range set {
			req.Set[p] = json.RawMessage(v)
		}
		return l.s.Patch(l.ctx, everyone, req)
	}
	for name, set := range map[string]map[string]string{
		"no such field": {"/attributes/nonsense": `1`}, "wrong type": {"/attributes/cpu_count": `"two"`}, "no name": {"/name": `" "`},
		"outside": {"/state": `"gone"`}, "no JSON": {"/name": `x`}, "not an enum's": {"/common/lifecycle": `"sleeping"`},
		"volatile": {"/attributes/uptime_seconds": `1`}, "whole": {"/attributes": `{}`},
	} {
		if _, err := patch(1, set); !errorAs[*InvalidError](err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	edited, err := patch(1, map[string]string{"/name": `"my name"`, "/attributes/cpu_count": `4`, "/tags/env": `"test"`, "/tags/team": `"x"`, "/common/owner/name": `"anna"`})
	if err != nil || edited.Version != 2 || edited.Name != "my name" || string(edited.Attributes) != `{"cpu_count":4,"hostname":"h"}` {
		t.Fatalf("%+v %v", edited, err)
	}
	if _, err := patch(1, map[string]string{"/name": `"late"`}); !errorAs[*StaleError](err) {
		t.Fatalf("%v", err)
	}
	// Discovery never overwrites what people set.
	l.run(a, complete(one, thing(one, "k", attrs(`{"cpu_count":8,"hostname":"h2"}`), tagged("env", "prod"))))
	seen := l.server("my name")
	if string(seen.Attributes) != `{"cpu_count":4,"hostname":"h2"}` {
		t.Fatalf("%s", seen.Attributes)
	}
	l.want(l.history(got.ID), "created", "updated /attributes/cpu_count /common/owner/name /name /tags/env /tags/team", "updated /attributes/hostname")
	for _, p := range seen.Provenance {
		want := slices.Contains([]string{"/name", "/attributes/cpu_count", "/tags/env", "/tags/team", "/common/owner/name"}, p.Pointer)
		if p.Curated != want || want && p.Actor != "user:test" {
			t.Fatalf("provenance %+v", p)
		}
	}
	back, err := patch(seen.Version, nil, "/name", "/attributes/cpu_count", "/tags")
	if err != nil || back.Name != "name of k" || string(back.Attributes) != `{"cpu_count":8,"hostname":"h2"}` || len(back.Tags) != 1 {
		t.Fatalf("%+v %v", back, err)
	}
	l.checkChain("server")
	then, err := l.s.AsOf(l.ctx, everyone, "server", got.ID, edited.UpdatedAt)
	if err != nil || then.Version != 2 || then.Name != "my name" {
		t.Fatalf("%+v %v", then, err)
	}
	if _, err := l.s.AsOf(l.ctx, everyone, "server", got.ID, got.CreatedAt.Add(-time.Second)); !errorIs(err, ErrNotFound) {
		t.Fatalf("%v", err)
	}
	list, err := l.s.List(l.ctx, everyone, ListQuery{Kind: "server", AsOf: edited.UpdatedAt, Where: filter.Compare{Field: text("name"), Op: filter.Eq, Value: "my name"}})
	if err != nil || len(list.Items) != 1 || list.Items[0].Version != 2 {
		t.Fatalf("%+v %v", list, err)
	}
}

func TestRelations(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	vol := scopeOf("volume")
	push := func(servers, volumes []resource.Envelope) {
		t.Helper()
		l.push(a, a.build([]string{"server", "volume"}, l.clock.now(), read{one, resource.StatusComplete, servers}, read{vol, resource.StatusComplete, volumes}))
	}
	disk := thing(vol, "d1", named("disk"), attrs(`{}`), related("attached_to", "server", "s1"), selects("stored_on", "", "serial", "SN12345"))
	push(nil, []resource.Envelope{disk})
	heads, err := l.s.Heads(l.ctx, everyone, ListQuery{})
	if err != nil || len(heads.Items) != 1 {
		t.Fatalf("%+v %v", heads, err)
	}
	id := heads.Items[0].ID
	l.want(l.relations("volume", id), "out attached_to ? s1", "out stored_on ? serial=SN12345")
	push([]resource.Envelope{thing(one, "s1"), thing(one, "s2", has("serial", "SN12345"))}, []resource.Envelope{disk})
	l.want(l.relations("volume", id), "out attached_to name of s1", "out stored_on name of s2")
	l.want(l.relations("server", l.server("name of s1").ID), "in attached_to disk")
	l.want(l.relations("server", l.server("name of s2").ID), "in stored_on disk")

	// Two hits are no edge but a warning.
	other := thing(vol, "d2", named("other disk"), attrs(`{}`), has("serial", "SN12345"))
	push([]resource.Envelope{thing(one, "s1"), thing(one, "s2", has("serial", "SN12345"))}, []resource.Envelope{disk, other})
	l.want(l.relations("volume", id), "out attached_to name of s1", "out stored_on ? serial=SN12345 (2 resources have serial=SN12345)")
	l.want(l.relations("server", l.server("name of s2").ID))

	moved := thing(vol, "d1", named("disk"), attrs(`{}`), related("attached_to", "server", "s2"))
	push([]resource.Envelope{thing(one, "s1"), thing(one, "s2", has("serial", "SN12345"))}, []resource.Envelope{moved, other})
	l.want(l.relations("volume", id), "out attached_to name of s2")
	l.want(l.relations("server", l.server("name of s1").ID))

	// Who may not see the other end does not see the edge.
	few := Caller{Tenant: tenant, Roots: []string{id}}
	list, err := l.s.RelatedTo(l.ctx, few, "volume", id)
	if err != nil || len(list) != 0 {
		t.Fatalf("%+v %v", list, err)
	}
}

func TestAccessRoots(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	a.conn.Datacenter = "dc1"
	a.conn.Rules = []MappingRule{{Label: "region", Value: "two", Datacenter: "dc2", Client: "acme"}}
	l.run(a, complete(one, thing(one, "k1")), complete(two, thing(two, "k2")))
	k1, k2 := l.server("name of k1"), l.server("name of k2")
	if k1.Datacenter != "dc1" || k2.Datacenter != "dc2" || string(k2.Common) != `{"client":"acme"}` {
		t.Fatalf("%+v %+v", k1, k2)
	}
	for _, tc := range []struct {
		roots []string
		want  int
	}{{nil, 0}, {[]string{"dc1"}, 1}, {[]string{"dc1", "dc2"}, 2}, {[]string{k2.ID}, 1}, {[]string{"other"}, 0}} {
		c := Caller{Tenant: tenant, Roots: tc.roots}
		list, err := l.s.List(l.ctx, c, ListQuery{Kind: "server"})
		if err != nil || len(list.Items) != tc.want || list.Total != tc.want {
			t.Errorf("roots %v: %+v %v", tc.roots, list, err)
		}
		heads, err := l.s.Heads(l.ctx, c, ListQuery{})
		if err != nil || len(heads.Items) != tc.want {
			t.Errorf("roots %v: %+v %v", tc.roots, heads, err)
		}
		changes, err := l.s.Changes(l.ctx, c, ChangeQuery{})
		if err != nil || len(changes.Items) != tc.want {
			t.Errorf("roots %v: %+v %v", tc.roots, changes, err)
		}
		past, err := l.s.List(l.ctx, c, ListQuery{Kind: "server", AsOf: l.clock.now()})
		if err != nil || len(past.Items) != tc.want {
			t.Errorf("roots %v: %+v %v", tc.roots, past, err)
		}
	}
	few := Caller{Tenant: tenant, Roots: []string{"dc1"}}
	if _, err := l.s.Get(l.ctx, few, "server", k2.ID); !errorIs(err, ErrNotFound) {
		t.Fatalf("%v", err)
	}
	mine, err := l.s.Get(l.ctx, few, "server", k1.ID)
	if err != nil || len(mine.Connections) != 0 || mine.Provenance[0].Connection != "" {
		t.Fatalf("a connection that one may not know is another source: %+v %v", mine, err)
	}
	if _, err := l.s.Get(l.ctx, Caller{Tenant: "another", TenantWide: true}, "server", k1.ID); !errorIs(err, ErrNotFound) {
		t.Fatalf("%v", err)
	}

	a.conn.Datacenter, a.conn.Rules = "dc3", nil
	if err := l.s.Remap(l.ctx, tenant, a.conn, "user:anna"); err != nil {
		t.Fatal(err)
	}
	if got := l.server("name of k2"); got.Datacenter != "dc3" || string(got.Common) != `{}` {
		t.Fatalf("%+v", got)
	}
	counts, err := l.s.CountBy(l.ctx, everyone, []string{"dc1", "dc3"}, time.Time{})
	if err != nil || fmt.Sprint(counts) != "map[dc3:map[server:2]]" {
		t.Fatalf("%v %v", counts, err)
	}
}

func TestFilterFields(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one,
		thing(one, "k1", attrs(`{"cpu_count":2,"os":{"name":"Ubuntu"},"ip_addresses":["10.0.0.1"]}`), tagged("env", "prod")),
		thing(one, "k2", attrs(`{"cpu_count":8,"network_adapters":[{"name":"eth0","mac":"02:00:00:00:00:01"}]}`))))
	kind, err := l.s.Kind(l.ctx, tenant, "server")
	if err != nil {
		t.Fatal(err)
	}
	set := FieldsOf(kind.Kind)
	for text, want := range map[string]int{
		`cpu_count > 2`: 1, `attributes.cpu_count >= 2`: 2, `os.name = "Ubuntu"`: 1, `tags.env = "prod"`: 1, `tags:env`: 1,
		`ip_addresses:"10.0.0.1"`: 1, `network_adapters.mac = "02:00:00:00:00:01"`: 1, `ubuntu`: 1, `name of`: 2, `state = gone`: 0,
		`connection = "a"`: 2, `created_at > "2026-01-01T00:00:00Z"`: 2,
	} {
		e, info, err := filter.Parse(text, set, l.clock.now())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		list, err := l.s.List(l.ctx, everyone, ListQuery{Kind: "server", Where: e, StateNamed: info.Names("state")})
		if err != nil || len(list.Items) != want {
			t.Errorf("%s: %d hits, want %d, %v", text, len(list.Items), want, err)
		}
	}
}
