package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

func errorAs[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

func errorIs(err, target error) bool { return errors.Is(err, target) }

func auditQuery(action string) audit.Query { return audit.Query{Action: action} }

func TestNotReadForLongIsUnwatched(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1")), complete(two, thing(two, "k2")))
	l.clock.add(20 * 24 * time.Hour)
	l.run(a, complete(one, thing(one, "k1")), ended(resource.StatusDenied, two))
	l.clock.add(11 * 24 * time.Hour)
	if err := l.s.Sweep(l.ctx, l.clock.now()); err != nil {
		t.Fatal(err)
	}
	l.want(l.servers(), "name of k1 active a", "name of k2 unwatched a")
	cov, err := l.s.Coverage(l.ctx, everyone, "")
	if err != nil || cov.Unwatched != 1 || cov.Scopes != 2 || cov.Complete != 1 {
		t.Fatalf("%+v %v", cov, err)
	}
	l.run(a, complete(one, thing(one, "k1")), complete(two, thing(two, "k2")))
	l.want(l.servers(), "name of k1 active a", "name of k2 active a")
}

func TestPruneAndComeBack(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Retention = 24 * time.Hour })
	a := newAgent(l.s, "a", 1)
	item := thing(one, "k1", has("serial", "SN12345"), related("attached_to", "server", "k2"))
	l.run(a, complete(one, item, thing(one, "k2")))
	got := l.server("name of k1")
	if _, err := l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "server", ID: got.ID, Version: 1, Set: map[string]json.RawMessage{"/common/notes": json.RawMessage(`"keep"`)}}); err != nil {
		t.Fatal(err)
	}
	l.run(a, complete(one, thing(one, "k2")))
	if err := l.s.Sweep(l.ctx, l.clock.now()); err != nil {
		t.Fatal(err)
	}
	l.want(l.servers(), "name of k1 gone a", "name of k2 active a")
	l.clock.add(25 * time.Hour)
	if err := l.s.Sweep(l.ctx, l.clock.now()); err != nil {
		t.Fatal(err)
	}
	l.want(l.servers(), "name of k2 active a")
	l.run(a, complete(one, item, thing(one, "k2")))
	back := l.server("name of k1")
	if back.ID != got.ID || string(back.Common) != `{"notes":"keep"}` {
		t.Fatalf("%+v", back)
	}
	l.want(l.history(got.ID), "created", "updated /common/notes", "gone", "returned")
	l.want(l.relations("server", got.ID), "out attached_to name of k2")
	l.checkChain("server")
}

func TestUnwatchKindAndRunRows(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	vol := scopeOf("volume")
	l.push(a, a.build([]string{"server", "volume"}, l.clock.now(), complete(one, thing(one, "k1")), complete(vol, thing(vol, "v1", attrs(`{}`)))))
	if err := l.s.UnwatchKind(l.ctx, tenant, "a", "volume", "user:anna", "kind disabled"); err != nil {
		t.Fatal(err)
	}
	sum, err := l.s.Summary(l.ctx, everyone, time.Time{})
	if err != nil || len(sum.Kinds) != 2 || sum.Kinds[0].Active != 1 || sum.Kinds[1].Unwatched != 1 {
		t.Fatalf("%+v %v", sum, err)
	}

	id, err := l.s.RequestRun(l.ctx, RunRequest{Tenant: tenant, Connection: a.conn, Trigger: "user:anna", Kinds: []string{"server"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.s.Progress(l.ctx, RunProgress{Tenant: tenant, RunID: id, Connection: a.conn, ScopesTotal: 3, ScopesDone: 1, Phase: "reading"}); err != nil {
		t.Fatal(err)
	}
	run, err := l.s.Run(l.ctx, everyone, id)
	if err != nil || run.State != "running" || run.ScopesDone != 1 || run.QueuedAt.IsZero() {
		t.Fatalf("%+v %v", run, err)
	}
	l.clock.add(7 * time.Hour)
	if err := l.s.Sweep(l.ctx, l.clock.now()); err != nil {
		t.Fatal(err)
	}
	if run, err = l.s.Run(l.ctx, everyone, id); err != nil || run.State != "failed" || run.Error == "" {
		t.Fatalf("%+v %v", run, err)
	}
	// It was only late: the agent kept it in its spool.
	sp := a.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "k1", named("new"))))
	sp.id = id
	if run = l.push(a, sp); run.State != "succeeded" || run.Trigger != "schedule" || run.Updated != 1 {
		t.Fatalf("%+v", run)
	}
	if err := l.s.CancelRun(l.ctx, tenant, id, "too late"); err != nil {
		t.Fatal(err)
	}
	last, err := l.s.LastRuns(l.ctx, tenant, []string{"a", "none"})
	if err != nil || len(last) != 1 || last["a"].State != "succeeded" {
		t.Fatalf("%+v %v", last, err)
	}
	runs, err := l.s.Runs(l.ctx, everyone, RunQuery{Connection: "a", Limit: 1})
	if err != nil || len(runs.Items) != 1 || runs.Next == "" || runs.Total != 2 || runs.Items[0].ID != id {
		t.Fatalf("%+v %v", runs, err)
	}
}

func TestPluginKinds(t *testing.T) {
	l := newLab(t)
	schemaV1 := `{"type":"object","x-maestro-identifiers":{"serial":1},"properties":{"size":{"type":"integer","x-maestro-indexed":true}}}`
	describe := func(schema string) provider.Description {
		return provider.Description{Provider: "test", Version: "1", Kinds: []provider.KindSupport{{Kind: "server", Major: 1},
			{Kind: "test.widget", Major: 1, Schema: json.RawMessage(schema)}}}
	}
	register := func(schema string) []string {
		t.Helper()
		w, err := l.s.RegisterKinds(l.ctx, tenant, describe(schema))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	widget := scopeOf("test.widget")
	a := newAgent(l.s, "a", 1)
	push := func(items ...resource.Envelope) *RunInfo {
		t.Helper()
		return l.push(a, a.build([]string{"test.widget"}, l.clock.now(), complete(widget, items...)))
	}
	w1 := thing(widget, "w1", attrs(`{"size":1,"colour":"red"}`))

	if info := push(w1); info.State == "succeeded" {
		t.Fatalf("an undeclared kind: %+v", info)
	}
	if w := register(schemaV1); len(w) != 0 {
		t.Fatal(w)
	}
	info := push(w1)
	if info.Rejected != 1 || info.Created != 0 {
		t.Fatalf("a kind that waits: %+v", info)
	}
	sum, err := l.s.Summary(l.ctx, everyone, time.Time{})
	if err != nil || sum.PendingKinds != 1 {
		t.Fatalf("%+v %v", sum, err)
	}
	if info = push(w1); !info.Unchanged {
		t.Fatalf("%+v", info)
	}
	if _, err := l.s.ApproveKind(l.ctx, everyone, "test.widget", "fine"); err != nil {
		t.Fatal(err)
	}
	if info = push(w1); info.Created != 1 || info.Rejected != 0 {
		t.Fatalf("after approval its body is asked for again: %+v\n%v", info, a.log)
	}
	list, err := l.s.List(l.ctx, everyone, ListQuery{Kind: "test.widget"})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%+v %v", list, err)
	}

	// A newer minor adds a field, an older plugin does not take it away, a contradiction is refused with a word.
	schemaV2 := `{"type":"object","properties":{"size":{"type":"integer"},"colour":{"type":"string"}}}`
	if w := register(schemaV2); len(w) != 0 {
		t.Fatal(w)
	}
	if w := register(schemaV1); len(w) != 0 {
		t.Fatal(w)
	}
	k, err := l.s.Kind(l.ctx, tenant, "test.widget")
	if err != nil || k.Minor != 1 || k.Approval != Approved {
		t.Fatalf("%+v %v", k, err)
	}
	if w := register(`{"type":"object","properties":{"size":{"type":"string"}}}`); len(w) != 1 {
		t.Fatal(w)
	}
	if w := register(`{"type":"nonsense"}`); len(w) != 1 {
		t.Fatal(w)
	}
	foreign := describe(schemaV1)
	foreign.Provider = "thief"
	if w, err := l.s.RegisterKinds(l.ctx, tenant, foreign); err != nil || len(w) != 1 {
		t.Fatal(w, err)
	}
	if _, err := l.s.Kind(l.ctx, "another", "test.widget"); !errorIs(err, ErrNotFound) {
		t.Fatal("kinds of one tenant are no other's")
	}
}

func TestHostileBatches(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	good, err := resource.Canonical(thing(one, "k1"))
	if err != nil {
		t.Fatal(err)
	}
	hash := resource.HashOf(good)
	other := resource.HashOf([]byte("x"))
	for name, tc := range map[string]struct {
		item   Item
		key    string
		reason string
	}{
		"hash of other bytes": {Item{Canonical: good, Hash: other[:]}, "k1", "hash"},
		"not canonical":       {Item{Canonical: []byte(`{"kind":"server", "major":1,"external_id":"k1"}`), Hash: hash[:]}, "k1", "canonical"},
		"not UTF-8":           {Item{Canonical: []byte("{\"external_id\":\"k1\",\"kind\":\"server\",\"major\":1,\"name\":\"\xff\"}"), Hash: hash[:]}, "k1", "UTF-8"},
		"other kind":          {itemOf(t, thing(scopeOf("volume"), "k1")), "k1", "kind"},
		"no key at all":       {Item{Canonical: []byte(`{}`), Hash: hash[:]}, "", ""},
		"rubbish":             {Item{Canonical: []byte{0, 1, 2}, Hash: hash[:]}, "", ""},
		"no hash":             {Item{Canonical: good, Hash: hash[:3]}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			sp := a.build([]string{"server"}, l.clock.now())
			run, _, _, err := l.s.OpenRun(l.ctx, RunStart{Tenant: tenant, Connection: a.conn, RunID: sp.id, Epoch: 1, Generation: sp.gen, Kinds: sp.kinds})
			if err != nil {
				t.Fatal(err)
			}
			if err := run.Plan(l.ctx, []resource.Scope{one}, true, nil); err != nil {
				t.Fatal(err)
			}
			if _, _, err := run.OpenCapture(l.ctx, Capture{Outcome: resource.Outcome{Status: resource.StatusPartial}, Digest: resource.Digest{Count: 1}, HashFormat: 1}); err != nil {
				t.Fatal(err)
			}
			res, err := run.Apply(l.ctx, Batch{Upserts: []Item{tc.item, itemOf(t, thing(one, "good "+name))}})
			if err != nil {
				t.Fatal(err)
			}
			if tc.key == "" {
				if res.Verdict != Failed || res.Reason == "" {
					t.Fatalf("%+v", res)
				}
				return
			}
			if len(res.Rejected) != 1 || res.Rejected[0].Key != tc.key {
				t.Fatalf("%+v", res)
			}
			l.server("name of good " + name)
		})
	}
	run, _, _, err := l.s.OpenRun(l.ctx, RunStart{Tenant: tenant, Connection: a.conn, RunID: "list", Epoch: 1, Generation: 1000, Kinds: []string{"server"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Plan(l.ctx, []resource.Scope{one, one}, true, nil); !errorAs[*InvalidError](err) {
		t.Fatalf("a scope that repeats: %v", err)
	}
	if err := run.Plan(l.ctx, []resource.Scope{one}, true, nil); err != nil {
		t.Fatal(err)
	}
	if v, _, err := run.OpenCapture(l.ctx, Capture{Scope: 7}); err != nil || v != Refused {
		t.Fatal(v, err)
	}
	if v, _, err := run.OpenCapture(l.ctx, Capture{Outcome: resource.Outcome{Status: resource.StatusComplete}, Digest: resource.Digest{Count: 9}, HashFormat: 1}); err != nil || v != List {
		t.Fatal(v, err)
	}
	res, err := run.Apply(l.ctx, Batch{List: []Row{{"b", hash[:]}, {"a", hash[:]}}, Last: true})
	if err != nil || res.Verdict != Failed {
		t.Fatalf("a list out of order proves nothing: %+v %v", res, err)
	}
}

func itemOf(t *testing.T, env resource.Envelope) Item {
	t.Helper()
	b, err := resource.Canonical(env)
	if err != nil {
		t.Fatal(err)
	}
	h := resource.HashOf(b)
	return Item{Canonical: b, Hash: h[:]}
}

func TestSensitiveValues(t *testing.T) {
	l := newLab(t, func(o *Options) { o.AutoApprove, o.HistoryKey = true, []byte("key") })
	_, err := l.s.RegisterKinds(l.ctx, tenant, provider.Description{Provider: "test", Version: "1", Kinds: []provider.KindSupport{{Kind: "test.box", Major: 1,
		Schema: json.RawMessage(`{"type":"object","properties":{"pin":{"type":"string","x-maestro-sensitive":true},"size":{"type":"integer"}}}`)}}})
	if err != nil {
		t.Fatal(err)
	}
	box := scopeOf("test.box")
	a := newAgent(l.s, "a", 1)
	push := func(format string, args ...any) {
		t.Helper()
		l.push(a, a.build([]string{"test.box"}, l.clock.now(), complete(box, thing(box, "b", attrs(format, args...)))))
	}
	push(`{"pin":"PLANTED-1","size":1}`)
	push(`{"pin":"PLANTED-2","size":1}`)
	push(`{"pin":"PLANTED-1","size":2}`)
	heads, err := l.s.Heads(l.ctx, everyone, ListQuery{})
	if err != nil || len(heads.Items) != 1 {
		t.Fatal(heads, err)
	}
	id := heads.Items[0].ID
	for name, c := range map[string]struct {
		caller Caller
		want   string
	}{"may": {Caller{Tenant: tenant, TenantWide: true, Sensitive: true}, `{"pin":"PLANTED-1","size":2}`}, "may not": {everyone, `{"size":2}`}} {
		got, err := l.s.Get(l.ctx, c.caller, "test.box", id)
		if err != nil || string(got.Attributes) != c.want {
			t.Errorf("%s: %s %v", name, got.Attributes, err)
		}
		list, err := l.s.List(l.ctx, c.caller, ListQuery{Kind: "test.box"})
		if err != nil || len(list.Items) != 1 || string(list.Items[0].Attributes) != c.want {
			t.Errorf("%s: %+v %v", name, list, err)
		}
	}
	h, err := l.s.History(l.ctx, everyone, "test.box", id, "", 0)
	if err != nil || len(h.Items) != 3 || len(h.Items[0].Diff) != 2 || len(h.Items[1].Diff) != 1 {
		t.Fatalf("%+v %v", h, err)
	}
	if string(h.Items[0].Diff[0].New) != string(h.Items[1].Diff[0].Old) || string(h.Items[0].Diff[0].New) == string(h.Items[1].Diff[0].New) {
		t.Fatalf("equal values have equal hashes, others have not: %+v", h.Items)
	}
	err = store.Each(l.ctx, l.s.opt.Store, store.Query{Table: tChanges, Tenant: tenant}, func(r store.Row) error {
		if strings.Contains(string(r.Doc), "PLANTED") {
			t.Errorf("history holds a sensitive value: %s", r.Doc)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.s.Verify(l.ctx, tenant, id); err != nil {
		t.Fatal(err)
	}
}

func TestManyScopes(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	var reads []read
	for i := range 250 {
		sc := scopeOf("server", "account", fmt.Sprintf("%03d", i))
		reads = append(reads, complete(sc, thing(sc, fmt.Sprintf("k%d", i))))
	}
	if info := l.run(a, reads...); info.Created != 250 || info.ScopesDone != 250 {
		t.Fatalf("%+v", info)
	}
	l.count.Reset()
	if info := l.run(a, reads...); !info.Unchanged {
		t.Fatalf("%+v", info)
	}
	if got, want := fmt.Sprint(l.count.Writes()), "map[run_chunks:1 runs:1 scope_chunks:3]"; got != want {
		t.Fatalf("an unchanged resync wrote %s, allowed is %s", got, want)
	}
	list, err := l.s.RunScopes(l.ctx, everyone, "a-run-002", "240", 100)
	if err != nil || len(list.Items) != 10 || list.Next != "" || list.Total != 250 {
		t.Fatalf("%+v %v", list, err)
	}
	if list, err = l.s.RunScopes(l.ctx, everyone, "a-run-002", "", 100); err != nil || len(list.Items) != 100 || list.Next != "100" {
		t.Fatalf("%+v %v", list, err)
	}
	if err := l.s.Resend(l.ctx, tenant, "a"); err != nil {
		t.Fatal(err)
	}
	if info := l.run(a, reads...); info.Unchanged || info.Updated != 0 {
		t.Fatalf("%+v", info)
	}
}
