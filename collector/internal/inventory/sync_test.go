package inventory

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"maestro.internal/sdk/resource"
)

var (
	one = scopeOf("server", "region", "one")
	two = scopeOf("server", "region", "two")
)

func TestFirstSyncAndEdit(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	info := l.run(a, complete(one, thing(one, "k1", tagged("env", "prod")), thing(one, "k2"), thing(one, "k3"), thing(one, "k4")))
	if info.State != "succeeded" || info.Created != 4 || info.Statuses["complete"] != 1 {
		t.Fatalf("run %+v", info)
	}
	l.want(l.servers(), "name of k1 active a", "name of k2 active a", "name of k3 active a", "name of k4 active a")
	info = l.run(a, complete(one, thing(one, "k1", tagged("env", "test")), thing(one, "k2", named("other"), attrs(`{"cpu_count":4,"memory_bytes":1024}`)), thing(one, "k3"), thing(one, "k4")))
	if info.Updated != 2 || info.Created != 0 {
		t.Fatalf("run %+v", info)
	}
	l.want(l.history(l.server("name of k1").ID), "created", "updated /tags/env")
	other := l.server("other")
	l.want(l.history(other.ID), "created", "updated /attributes/cpu_count /attributes/memory_bytes /name")
	if other.LastSeen.IsZero() || len(other.Provenance) != 3 || other.Provenance[0].Connection != "a" {
		t.Fatalf("provenance %+v, last seen %v", other.Provenance, other.LastSeen)
	}
	l.checkChain("server")
}

func TestUnchangedResyncWritesOnlyTheRun(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	items := func(s resource.Scope) (out []resource.Envelope) {
		for i := range 10 {
			out = append(out, thing(s, fmt.Sprintf("%s-%d", s.Partition[0].Value, i)))
		}
		return out
	}
	l.run(a, complete(one, items(one)...), complete(two, items(two)...))
	l.count.Reset()
	info := l.run(a, complete(one, items(one)...), complete(two, items(two)...))
	if !info.Unchanged || info.State != "succeeded" || info.Listed != 20 {
		t.Fatalf("run %+v", info)
	}
	if got, want := fmt.Sprint(l.count.Writes()), "map[run_chunks:1 runs:1 scope_chunks:1]"; got != want {
		t.Fatalf("an unchanged resync wrote %s, allowed is %s", got, want)
	}
	before := l.server("name of one-1")
	l.clock.add(time.Hour)
	l.run(a, complete(one, items(one)...), complete(two, items(two)...))
	if after := l.server("name of one-1"); !after.LastSeen.After(before.LastSeen) || after.Version != 1 {
		t.Fatalf("last seen %v, before %v, version %d", after.LastSeen, before.LastSeen, after.Version)
	}

	// One scope of two changes: nothing of the other one is written but its place in the run and its state.
	l.count.Reset()
	l.run(a, complete(one, append(items(one)[1:], thing(one, "one-0", named("new")))...), complete(two, items(two)...))
	w := l.count.Writes()
	if w["observations"] != 1 || w["resources"] != 1 || w["heads"] != 1 || w["changes"] != 1 || w["scope_index"] != 1 || w["claims"] != 0 {
		t.Fatalf("one changed item wrote %v", w)
	}
}

func TestGoneAndReturned(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1"), thing(one, "k2")))
	id := l.server("name of k1").ID
	l.run(a, complete(one, thing(one, "k2")))
	l.want(l.servers(), "name of k1 gone a", "name of k2 active a")
	list, err := l.s.List(l.ctx, everyone, ListQuery{Kind: "server"})
	if err != nil || len(list.Items) != 1 || list.Total != 1 {
		t.Fatalf("gone ones are hidden unless asked for: %v %v", list, err)
	}
	l.run(a, complete(one, thing(one, "k1"), thing(one, "k2")))
	if got := l.server("name of k1"); got.ID != id || got.State != Active {
		t.Fatalf("it came back as %+v", got)
	}
	l.want(l.history(id), "created", "gone", "returned")
}

func TestOnlyCompleteProvesAbsence(t *testing.T) {
	for _, status := range []resource.Status{resource.StatusPartial, resource.StatusDenied, resource.StatusThrottled, resource.StatusUnreachable,
		resource.StatusUnsupported, resource.StatusFailed, resource.StatusNotTried} {
		t.Run(string(status), func(t *testing.T) {
			l := newLab(t)
			a := newAgent(l.s, "a", 1)
			l.run(a, complete(one, thing(one, "k1"), thing(one, "k2")))
			var items []resource.Envelope
			if status == resource.StatusPartial {
				items = append(items, thing(one, "k1", named("new")))
			}
			info := l.run(a, ended(status, one, items...))
			if info.State == "succeeded" != (status == resource.StatusUnsupported) {
				t.Fatalf("run %+v", info)
			}
			if len(l.servers()) != 2 || strings.Contains(strings.Join(l.servers(), ""), "gone") {
				t.Fatalf("servers %q", l.servers())
			}
			cov, err := l.s.Coverage(l.ctx, everyone, "server")
			if err != nil || cov.Scopes != 1 || cov.Complete != 0 || len(cov.Exceptions) != 1 || cov.Exceptions[0].Status != status {
				t.Fatalf("coverage %+v %v", cov, err)
			}
			l.run(a, complete(one, thing(one, "k1")))
			l.want(l.servers(), "name of k1 active a", "name of k2 gone a")
		})
	}
}

func TestMovedBetweenScopesSurvives(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			l := newLab(t)
			a := newAgent(l.s, "a", 1)
			l.run(a, complete(one, thing(one, "vm"), thing(one, "k")), complete(two))
			id := l.server("name of vm").ID
			reads := []read{complete(one, thing(one, "k")), complete(two, thing(two, "vm"))}
			l.run(a, reads[order[0]], reads[order[1]])
			l.want(l.servers(), "name of k active a", "name of vm active a")
			l.want(l.history(id), "created")
			l.run(a, complete(one, thing(one, "k")), complete(two))
			l.want(l.history(id), "created", "gone")
		})
	}
}

func TestListedTwiceSurvivesLosingOne(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "vm")), complete(two, thing(two, "vm", named("seen in two"))))
	l.run(a, complete(one, thing(one, "vm")), complete(two))
	if got := l.servers(); len(got) != 1 || !strings.Contains(got[0], "active") {
		t.Fatalf("servers %q", got)
	}
	l.run(a, complete(one, thing(one, "vm")), complete(two))
	l.want(l.servers(), "name of vm active a")
	l.run(a, complete(one), complete(two))
	l.want(l.servers(), "name of vm gone a")
}

func TestNarrowedSettingsUnwatch(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1"), thing(one, "k2"), thing(one, "k3")))
	narrow := a.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "k1"), thing(one, "k2")))
	narrow.fp = "f2"
	l.push(a, narrow)
	l.want(l.servers(), "name of k1 active a", "name of k2 active a", "name of k3 unwatched a")
	again := a.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "k1")))
	again.fp = "f2"
	l.push(a, again)
	l.want(l.servers(), "name of k1 active a", "name of k2 gone a", "name of k3 unwatched a")
	wide := a.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "k1"), thing(one, "k3")))
	l.push(a, wide)
	l.want(l.servers(), "name of k1 active a", "name of k2 gone a", "name of k3 active a")
}

func TestScopeMissingFromCompletePlanIsUnwatched(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1")), complete(two, thing(two, "k2")))
	incomplete := a.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "k1")))
	incomplete.partialPlan = true
	l.push(a, incomplete)
	l.want(l.servers(), "name of k1 active a", "name of k2 active a")
	l.run(a, complete(one, thing(one, "k1")))
	l.want(l.servers(), "name of k1 active a", "name of k2 unwatched a")
	l.run(a, complete(one, thing(one, "k1")), complete(two, thing(two, "k2")))
	l.want(l.servers(), "name of k1 active a", "name of k2 active a")
	l.want(l.history(l.server("name of k2").ID), "created", "unwatched", "returned")
}

func TestHeldRemovals(t *testing.T) {
	setup := func(t *testing.T) (*lab, *agent, *HeldRemoval) {
		l := newLab(t, func(o *Options) { o.HoldItems, o.HoldPercent = 2, 20 })
		a := newAgent(l.s, "a", 1)
		l.run(a, complete(one, thing(one, "k1"), thing(one, "k2"), thing(one, "k3"), thing(one, "k4")))
		info := l.run(a, complete(one, thing(one, "k4")))
		if info.Held != 3 || info.Gone != 0 {
			t.Fatalf("run %+v", info)
		}
		held, err := l.s.HeldRemovals(l.ctx, everyone, HeldQuery{State: "held"})
		if err != nil || len(held.Items) != 1 {
			t.Fatalf("held %+v %v", held, err)
		}
		h, err := l.s.HeldRemoval(l.ctx, everyone, held.Items[0].ID)
		if err != nil || h.Count != 3 || h.ScopeSize != 4 || len(h.Items) != 3 {
			t.Fatalf("held %+v %v", h, err)
		}
		l.want(l.servers(), "name of k1 active a", "name of k2 active a", "name of k3 active a", "name of k4 active a")
		return l, a, h
	}
	t.Run("counted only for those who may know the connection", func(t *testing.T) {
		l, _, h := setup(t)
		counts := func(c Caller) [4]int {
			t.Helper()
			cov, err := l.s.Coverage(l.ctx, c, "")
			if err != nil {
				t.Fatal(err)
			}
			kinds, err := l.s.CoverageOfKinds(l.ctx, c)
			if err != nil {
				t.Fatal(err)
			}
			ofKinds := 0
			for _, k := range kinds {
				ofKinds += k.Held
			}
			sum, err := l.s.Summary(l.ctx, c, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			waits, err := l.s.Waits(l.ctx, c)
			if err != nil {
				t.Fatal(err)
			}
			return [4]int{cov.Held, ofKinds, sum.Held, waits.Held}
		}
		for name, c := range map[string]struct {
			caller Caller
			want   [4]int
		}{
			"everyone":                     {everyone, [4]int{1, 1, 1, 1}},
			"a reader of that connection":  {Caller{Tenant: everyone.Tenant, Connections: []string{h.Connection}}, [4]int{1, 1, 1, 1}},
			"a reader of another one":      {Caller{Tenant: everyone.Tenant, Connections: []string{"another"}}, [4]int{}},
			"one who may know none at all": {Caller{Tenant: everyone.Tenant}, [4]int{}},
		} {
			if got := counts(c.caller); got != c.want {
				t.Errorf("%s: coverage, coverage of kinds, summary and waits count %v, want %v", name, got, c.want)
			}
		}
	})
	t.Run("approved", func(t *testing.T) {
		l, a, h := setup(t)
		if _, err := l.s.Approve(l.ctx, everyone, h.ID, "decommissioned"); err != nil {
			t.Fatal(err)
		}
		l.want(l.servers(), "name of k1 gone a", "name of k2 gone a", "name of k3 gone a", "name of k4 active a")
		if _, err := l.s.Refuse(l.ctx, everyone, h.ID, ""); err == nil {
			t.Fatal("decided twice")
		}
		if info := l.run(a, complete(one, thing(one, "k4"))); !info.Unchanged {
			t.Fatalf("run %+v", info)
		}
	})
	t.Run("refused is sticky until seen again", func(t *testing.T) {
		l, a, h := setup(t)
		if _, err := l.s.Refuse(l.ctx, everyone, h.ID, "the provider lies"); err != nil {
			t.Fatal(err)
		}
		all := []string{"name of k1 active a", "name of k2 active a", "name of k3 active a", "name of k4 active a"}
		l.run(a, complete(one, thing(one, "k4")))
		l.want(l.servers(), all...)
		l.run(a, complete(one, thing(one, "k1"), thing(one, "k4")))
		l.want(l.servers(), all...)
		l.run(a, complete(one, thing(one, "k4")))
		l.want(l.servers(), "name of k1 gone a", "name of k2 active a", "name of k3 active a", "name of k4 active a")
	})
	t.Run("released when all is seen again", func(t *testing.T) {
		l, a, h := setup(t)
		l.run(a, complete(one, thing(one, "k1"), thing(one, "k4")))
		got, err := l.s.HeldRemoval(l.ctx, everyone, h.ID)
		if err != nil || got.Count != 2 || got.State != "held" {
			t.Fatalf("held %+v %v", got, err)
		}
		l.run(a, complete(one, thing(one, "k1"), thing(one, "k2"), thing(one, "k3"), thing(one, "k4")))
		if got, err = l.s.HeldRemoval(l.ctx, everyone, h.ID); err != nil || got.State != "released" {
			t.Fatalf("held %+v %v", got, err)
		}
	})
}

func TestSupersededAndReplayed(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1")))
	old := a.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "k1", named("old"))))
	l.run(a, complete(one, thing(one, "k1", named("new"))))
	l.count.Reset()
	v, err := a.push(l.ctx, old)
	if err != nil || v[one.Key()] != Superseded {
		t.Fatalf("verdicts %v %v", v, err)
	}
	if w := l.count.Writes(); w["observations"]+w["changes"]+w["resources"]+w["scope_index"] != 0 {
		t.Fatalf("a superseded capture wrote %v", w)
	}
	l.want(l.servers(), "new active a")

	// The connection moves to another agent: the one that held it before is superseded whatever its generation.
	b := newAgent(l.s, "a", 1)
	b.epoch, b.runs = 2, 100
	l.run(b, complete(one, thing(one, "k1", named("newer"))))
	stale := a.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "k1", named("stale"))))
	if v, err = a.push(l.ctx, stale); err != nil || v[one.Key()] != Superseded {
		t.Fatalf("verdicts %v %v", v, err)
	}
	l.want(l.servers(), "newer active a")
}

func TestUnknownBaselineAsksForTheList(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1"), thing(one, "k2"), thing(one, "k3"), thing(one, "k4"), thing(one, "k5")))
	clear(a.base) // the spool was wiped
	l.count.Reset()
	l.run(a, complete(one, thing(one, "k1"), thing(one, "k3"), thing(one, "k4"), thing(one, "k5", named("new"))))
	l.want(l.servers(), "name of k1 active a", "name of k2 gone a", "name of k3 active a", "name of k4 active a", "new active a")
	if w := l.count.Writes(); w["observations"] != 2 {
		t.Fatalf("a list wrote %v\n%s", w, strings.Join(a.log, "\n"))
	}
	if info := l.run(a, complete(one, thing(one, "k1"), thing(one, "k3"), thing(one, "k4"), thing(one, "k5", named("new")))); !info.Unchanged {
		t.Fatalf("run %+v", info)
	}
}

func TestPartialWithoutBaselineLearnsTheIndex(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1"), thing(one, "k2")))
	clear(a.base)
	l.run(a, ended(resource.StatusPartial, one, thing(one, "k2", named("new"))))
	l.want(l.servers(), "name of k1 active a", "new active a")
	if len(a.base[one.Key()].rows) != 2 {
		t.Fatalf("baseline %v", a.base[one.Key()])
	}
	if info := l.run(a, ended(resource.StatusPartial, one, thing(one, "k2", named("new")))); !info.Unchanged || info.State != "partial" {
		t.Fatalf("run %+v\n%s", info, strings.Join(a.log, "\n"))
	}
}

func TestUnreadKeepsPreviousValues(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1", attrs(`{"cpu_count":2,"hostname":"h"}`), tagged("env", "prod"))))
	l.run(a, complete(one, thing(one, "k1", attrs(`{"cpu_count":4}`), unread("/attributes/hostname", "/tags"))))
	got := l.server("name of k1")
	if string(got.Attributes) != `{"cpu_count":4,"hostname":"h"}` || len(got.Tags) != 1 {
		t.Fatalf("attributes %s, tags %v", got.Attributes, got.Tags)
	}
	l.want(got.Stale, "/attributes/hostname", "/tags")
	l.want(l.history(got.ID), "created", "updated /attributes/cpu_count /stale")
	for _, p := range got.Provenance {
		if stale := p.Pointer == "/attributes/hostname" || p.Pointer == "/tags/env"; p.Stale != stale {
			t.Fatalf("provenance %+v", p)
		}
	}
	l.run(a, complete(one, thing(one, "k1", attrs(`{"cpu_count":8}`), unread("/attributes/hostname", "/tags"))))
	l.run(a, complete(one, thing(one, "k1", attrs(`{"cpu_count":8}`))))
	if got = l.server("name of k1"); string(got.Attributes) != `{"cpu_count":8}` || len(got.Stale)+len(got.Tags) != 0 {
		t.Fatalf("attributes %s, stale %v, tags %v", got.Attributes, got.Stale, got.Tags)
	}
}

// A source whose whole answer about a thing was unreadable says so in one pointer.
func TestUnreadAsAWholeKeepsEverything(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1", attrs(`{"cpu_count":2,"hostname":"h"}`))))
	for range 2 {
		l.run(a, complete(one, thing(one, "k1", attrs(`{}`), unread("/attributes"))))
		got := l.server("name of k1")
		if string(got.Attributes) != `{"cpu_count":2,"hostname":"h"}` {
			t.Fatalf("attributes %s", got.Attributes)
		}
		l.want(got.Stale, "/attributes")
	}
	l.run(a, complete(one, thing(one, "k1", attrs(`{"cpu_count":8}`))))
	if got := l.server("name of k1"); string(got.Attributes) != `{"cpu_count":8}` || len(got.Stale) != 0 {
		t.Fatalf("attributes %s, stale %v", got.Attributes, got.Stale)
	}
}

func TestRejectedItemsSpoilNothing(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	wrong := thing(one, "bad")
	wrong.Major = 2
	info := l.run(a, complete(one, thing(one, "k1", attrs(`{"cpu_count":"many","hostname":"h","extra":{"x":1}}`)), wrong))
	if info.Rejected != 1 || info.State != "succeeded" {
		t.Fatalf("run %+v", info)
	}
	l.want(l.servers(), "name of k1 active a")
	if got := l.server("name of k1"); string(got.Attributes) != `{"extra":{"x":1},"hostname":"h"}` {
		t.Fatalf("attributes %s", got.Attributes)
	}
	scopes, err := l.s.RunScopes(l.ctx, everyone, info.ID, "", 0)
	if err != nil || len(scopes.Items) != 1 || len(scopes.Items[0].Rejected) != 1 || scopes.Items[0].Rejected[0].Key != "bad" {
		t.Fatalf("scopes %+v %v", scopes, err)
	}
	if info = l.run(a, complete(one, thing(one, "k1", attrs(`{"cpu_count":"many","hostname":"h","extra":{"x":1}}`)), wrong)); !info.Unchanged {
		t.Fatalf("a rejected item is not asked for again: %+v", info)
	}
}

func TestRulesMakeNoChange(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1", attrs(`{"cpu_count":2,"hostname":"h"}`)), thing(one, "k2")))
	masked := thing(one, "k1", attrs(`{"cpu_count":2,"hostname":"***"}`))
	masked.Withheld = []string{"/attributes/hostname"}
	sp := a.build([]string{"server"}, l.clock.now(), complete(one, masked, thing(one, "k2", named("renamed"))))
	sp.policy = "p2"
	info := l.push(a, sp)
	if info.Updated != 1 {
		t.Fatalf("run %+v", info)
	}
	got := l.server("name of k1")
	l.want(l.history(got.ID), "created")
	if !strings.Contains(string(got.Attributes), "***") || len(got.Withheld) != 1 {
		t.Fatalf("attributes %s, withheld %v", got.Attributes, got.Withheld)
	}
	l.want(l.history(l.server("renamed").ID), "created", "updated /name")
}

// TestVolatileValuesComeOnceADay: when nothing real changes for a day, the bodies are asked for, and make no change.
func TestVolatileValuesComeOnceADay(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1")))
	b, err := resource.Canonical(thing(one, "k1"))
	if err != nil {
		t.Fatal(err)
	}
	hash := resource.HashOf(b)
	base := a.base[one.Key()]
	capture := Capture{Outcome: resource.Outcome{Status: resource.StatusComplete, Listed: 1}, Digest: base.digest(), Fingerprint: []byte("f1"),
		HashFormat: 1, KindDigest: []byte("k1"), PolicyDigest: []byte("p1"), Baseline: &Baseline{Digest: base.digest()}}
	open := func(uptime string) (verdict Verdict, want []string) {
		t.Helper()
		sp := a.build([]string{"server"}, l.clock.now())
		run, _, _, err := l.s.OpenRun(l.ctx, RunStart{Tenant: tenant, Connection: a.conn, RunID: sp.id, Epoch: 1, Generation: sp.gen, Kinds: sp.kinds})
		if err != nil {
			t.Fatal(err)
		}
		if err := run.Plan(l.ctx, []resource.Scope{one}, true, nil); err != nil {
			t.Fatal(err)
		}
		verdict, _, err = run.OpenCapture(l.ctx, capture)
		if err != nil {
			t.Fatal(err)
		}
		if verdict == List {
			res, err := run.Apply(l.ctx, Batch{List: []Row{{Key: "k1", Hash: hash[:]}}, Last: true})
			if err != nil {
				t.Fatal(err)
			}
			want = res.Want
			res, err = run.Apply(l.ctx, Batch{Seq: 1, Upserts: []Item{{Canonical: b, Hash: hash[:], Volatile: []byte(`{"uptime_seconds":` + uptime + `}`)}}, Last: true})
			if err != nil || res.Verdict != Done {
				t.Fatal(res, err)
			}
		}
		if _, _, err := run.Close(l.ctx, RunEnd{FinishedAt: l.clock.now()}); err != nil {
			t.Fatal(err)
		}
		return verdict, want
	}
	l.clock.add(23 * time.Hour)
	if v, _ := open("1"); v != Done {
		t.Errorf("after 23 hours: %s, want %s", v, Done)
	}
	l.clock.add(2 * time.Hour)
	if v, want := open("2"); v != List || len(want) != 1 {
		t.Errorf("after 25 hours: %s %v, want the list and one body", v, want)
	}
	if v, _ := open("3"); v != Done {
		t.Errorf("right afterwards: %s, want %s", v, Done)
	}
	got := l.server(thing(one, "k1").Name)
	if !strings.Contains(string(got.Volatile), `"uptime_seconds":2`) {
		t.Errorf("volatile %s", got.Volatile)
	}
	l.want(l.history(got.ID), "created")
}

func TestVolatileValuesMakeNoChange(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1")))
	env := thing(one, "k1", named("new"))
	b, err := resource.Canonical(env)
	if err != nil {
		t.Fatal(err)
	}
	sp := a.build([]string{"server"}, l.clock.now())
	run, _, _, err := l.s.OpenRun(l.ctx, RunStart{Tenant: tenant, Connection: a.conn, RunID: sp.id, Epoch: 1, Generation: sp.gen, Kinds: sp.kinds})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Plan(l.ctx, []resource.Scope{one}, true, nil); err != nil {
		t.Fatal(err)
	}
	base := a.base[one.Key()]
	var digest resource.Digest
	digest.AddRow("k1", resource.HashOf(b))
	v, _, err := run.OpenCapture(l.ctx, Capture{Outcome: resource.Outcome{Status: resource.StatusComplete}, Digest: digest, Fingerprint: []byte("f1"),
		HashFormat: 1, KindDigest: []byte("k1"), PolicyDigest: []byte("p1"), Baseline: &Baseline{Digest: base.digest()}})
	if err != nil || v != Send {
		t.Fatal(v, err)
	}
	hash := resource.HashOf(b)
	res, err := run.Apply(l.ctx, Batch{Upserts: []Item{{Canonical: b, Hash: hash[:], Volatile: []byte(`{"uptime_seconds":5}`)}}, Last: true})
	if err != nil || res.Verdict != Done {
		t.Fatal(res, err)
	}
	got := l.server("new")
	var values map[string]any
	if err := json.Unmarshal(got.Volatile, &values); err != nil || values["uptime_seconds"] != 5.0 {
		t.Fatalf("volatile %s %v", got.Volatile, err)
	}
	if strings.Contains(string(got.Attributes), "uptime") {
		t.Fatalf("attributes %s", got.Attributes)
	}
}
