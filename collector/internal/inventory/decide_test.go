package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/storetest"
)

func (l *lab) merge(into, other *Resource) *Resource {
	l.t.Helper()
	got, err := l.s.Merge(l.ctx, everyone, MergeRequest{Kind: "server", ID: into.ID, Other: other.ID, Version: into.Version, Reason: "the same machine"})
	if err != nil {
		l.t.Fatal(err)
	}
	return got
}

func (l *lab) split(r *Resource, keys ...ObservationKey) *Resource {
	l.t.Helper()
	got, err := l.s.Split(l.ctx, everyone, SplitRequest{Kind: "server", ID: r.ID, Version: r.Version, Observations: keys, Reason: "two machines"})
	if err != nil {
		l.t.Fatal(err)
	}
	return got
}

func (l *lab) patch(r *Resource, pointer, value string) *Resource {
	l.t.Helper()
	got, err := l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "server", ID: r.ID, Version: r.Version, Set: map[string]json.RawMessage{pointer: json.RawMessage(value)}})
	if err != nil {
		l.t.Fatal(err)
	}
	return got
}

func (l *lab) get(id string) *Resource {
	l.t.Helper()
	got, err := l.s.Get(l.ctx, everyone, "server", id)
	if err != nil {
		l.t.Fatal(err)
	}
	return got
}

// twoPlugins are connections of different plugins, the first preferred.
func (l *lab) twoPlugins() (a, b *agent) {
	a, b = newAgent(l.s, "a", 1), newAgent(l.s, "b", 2)
	a.conn.Provider, b.conn.Provider = "pa", "pb"
	return a, b
}

func TestMergeByHandStaysMerged(t *testing.T) {
	l := newLab(t)
	a, b := l.twoPlugins()
	l.run(a, complete(one, thing(one, "a1", named("web"), attrs(`{"cpu_count":2}`))))
	l.run(b, complete(one, thing(one, "b1", named("web.lan"), attrs(`{"hostname":"web"}`))))
	first, second := l.server("web"), l.patch(l.server("web.lan"), "/common/notes", `"keep me"`)
	got := l.merge(first, second)
	if got.ID != first.ID || string(got.Attributes) != `{"cpu_count":2,"hostname":"web"}` || string(got.Common) != `{"notes":"keep me"}` ||
		!slices.Equal(got.Absorbed, []Absorbed{{second.ID, "web.lan"}}) {
		t.Fatalf("%+v", got)
	}
	if r := l.get(second.ID); r.State != Merged || r.RedirectTo != first.ID {
		t.Fatalf("the other: %+v", r)
	}
	// Later readings of both, whatever changes in them, leave it at that.
	for i := range 3 {
		l.run(a, complete(one, thing(one, "a1", named("web"), has("serial", fmt.Sprint("SA-", i)))))
		l.run(b, complete(one, thing(one, "b1", named(fmt.Sprint("web.lan ", i)), has("serial", fmt.Sprint("SB-", i)))))
		l.want(l.servers(), "web active a+b")
	}
	l.checkChain("server")
	entries, err := l.s.opt.Audit.List(l.ctx, tenant, audit.Query{Action: "resource.merge"})
	if err != nil || len(entries.Entries) != 1 || entries.Entries[0].Outcome != audit.OK || entries.Entries[0].Reason != "the same machine" {
		t.Errorf("audit: %+v %v", entries, err)
	}
	h, err := l.s.History(l.ctx, everyone, "server", second.ID, "", 0)
	if err != nil || h.Items[0].Action != "merged" || h.Items[0].Actor != "user:test" || h.Items[0].AuditID != entries.Entries[0].ID {
		t.Errorf("history of the other: %+v %v", h, err)
	}
}

func TestSplitRestoresBoth(t *testing.T) {
	l := newLab(t)
	a, b := l.twoPlugins()
	l.run(a, complete(one, thing(one, "a1", named("web"), attrs(`{"cpu_count":2}`))))
	l.run(b, complete(one, thing(one, "b1", named("web.lan"), attrs(`{"hostname":"web"}`))))
	first := l.patch(l.server("web"), "/common/notes", `"mine"`)
	second := l.patch(l.patch(l.server("web.lan"), "/common/notes", `"yours"`), "/common/environment", `"prod"`)
	both := l.merge(first, second)
	if string(both.Common) != `{"environment":"prod","notes":"mine"}` {
		t.Fatalf("%s", both.Common)
	}
	back, err := l.s.Split(l.ctx, everyone, SplitRequest{Kind: "server", ID: both.ID, Version: both.Version, Absorbed: second.ID})
	if err != nil {
		t.Fatal(err)
	}
	if back.ID != second.ID || string(back.Common) != `{"environment":"prod","notes":"yours"}` || string(back.Attributes) != `{"hostname":"web"}` || back.State != Active {
		t.Errorf("the one that comes back: %+v", back)
	}
	stays := l.get(first.ID)
	if string(stays.Common) != `{"notes":"mine"}` || string(stays.Attributes) != `{"cpu_count":2}` || len(stays.Absorbed) != 0 || !slices.Equal(stays.Apart, []string{second.ID}) {
		t.Errorf("the one that stays: %+v", stays)
	}
	l.want(l.history(second.ID)[3:], "merged", "split")
	l.want(l.servers(), "web active a", "web.lan active b")
	l.checkChain("server")
}

// A wrong join by a rule is split, and the rule does not join them again: neither by what both have, nor by what is new, nor after
// one of them was forgotten and comes back.
func TestSplitByHandStaysSplit(t *testing.T) {
	const uuid = "4210f2a4-0000-1111-2222-333344445555"
	l := newLab(t, func(o *Options) { o.Retention = 24 * time.Hour })
	a, b := l.twoPlugins()
	l.run(a, complete(one, thing(one, "a1", named("web"), has("bios_uuid", uuid))))
	l.run(b, complete(one, thing(one, "b1", named("clone"), has("bios_uuid", uuid))))
	l.want(l.servers(), "web active a+b")
	split := l.split(l.server("web"), ObservationKey{"b", "b1"})
	l.want(l.servers(), "clone active b", "web active a")
	if split.Warnings == nil || !strings.Contains(split.Warnings[0], "names several things") {
		t.Errorf("warnings %q", split.Warnings)
	}
	l.run(b, complete(one, thing(one, "b1", named("clone 2"), has("bios_uuid", uuid), has("instance_id", "i-1"))))
	l.run(a, complete(one, thing(one, "a1", named("web"), has("bios_uuid", uuid), has("instance_id", "i-1"))))
	l.want(l.servers(), "clone 2 active b", "web active a")
	if got := l.reviews(everyone, ReviewQuery{}); got.Total != 0 {
		t.Errorf("what was decided is asked again: %+v", got.Items)
	}
	// A third source with the same identifier belongs to neither.
	c := newAgent(l.s, "c", 3)
	c.conn.Provider = "pc"
	l.run(c, complete(one, thing(one, "c1", named("third"), has("bios_uuid", uuid))))
	l.want(l.servers(), "clone 2 active b", "third active c", "web active a")
	l.run(b, complete(one))
	l.run(c, complete(one))
	l.clock.add(48 * time.Hour)
	if err := l.s.Sweep(l.ctx, l.clock.now()); err != nil {
		t.Fatal(err)
	}
	l.want(l.servers(), "web active a")
	l.run(b, complete(one, thing(one, "b1", named("clone"), has("bios_uuid", uuid))))
	l.want(l.servers(), "clone active b", "web active a")
	if got := l.server("clone"); got.ID != split.ID {
		t.Errorf("it came back as %s, was %s", got.ID, split.ID)
	}
	l.checkChain("server")
}

// What was merged by hand stays so after it was forgotten and is seen again.
func TestMergeByHandOutlivesPruning(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Retention = 24 * time.Hour })
	a, b := l.twoPlugins()
	l.run(a, complete(one, thing(one, "a1", named("web"), has("serial", "S-1"))))
	l.run(b, complete(one, thing(one, "b1", named("web.lan"), has("serial", "S-2"))))
	both := l.merge(l.server("web"), l.server("web.lan"))
	l.run(a, complete(one))
	l.run(b, complete(one))
	l.clock.add(48 * time.Hour)
	if err := l.s.Sweep(l.ctx, l.clock.now()); err != nil {
		t.Fatal(err)
	}
	l.run(b, complete(one, thing(one, "b1", named("web.lan"), has("serial", "S-2"))))
	if got := l.server("web.lan"); got.ID != both.ID {
		t.Errorf("b1 came back as %s, was %s", got.ID, both.ID)
	}
	l.run(a, complete(one, thing(one, "a1", named("web"), has("serial", "S-1"))))
	l.want(slices.DeleteFunc(l.servers(), func(s string) bool { return strings.Contains(s, "merged") }), "web active a+b")
}

// Merging undoes a split, and the other way round, as often as people change their minds.
func TestMindsChange(t *testing.T) {
	l := newLab(t)
	a, b := l.twoPlugins()
	l.run(a, complete(one, thing(one, "a1", named("web"), has("serial", "S-1"))))
	l.run(b, complete(one, thing(one, "b1", named("clone"), has("serial", "S-1"))))
	ids := map[string]bool{}
	for range 3 {
		split := l.split(l.server("web"), ObservationKey{"b", "b1"})
		ids[split.ID] = true
		l.want(l.servers(), "clone active b", "web active a")
		l.merge(l.server("web"), split)
		l.want(l.servers(), "web active a+b")
	}
	if len(ids) != 1 {
		t.Errorf("each split made another resource: %v", ids)
	}
	// One again, its identifier joins others again.
	c := newAgent(l.s, "c", 3)
	c.conn.Provider = "pc"
	l.run(c, complete(one, thing(one, "c1", has("serial", "S-1"))))
	l.want(l.servers(), "web active a+b+c")
	l.checkChain("server")
}

// Two things of one connection are never joined by a rule, but a person may know that the provider lists one thing twice.
func TestMergeOfOneConnection(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "a1", named("web"), has("serial", "S-1")), thing(one, "a2", named("web again"), has("serial", "S-1"))))
	got := l.merge(l.server("web"), l.server("web again"))
	if len(got.Warnings) != 0 {
		t.Logf("warnings of the last reading stay until the next: %q", got.Warnings)
	}
	l.run(a, complete(one, thing(one, "a1", named("web"), has("serial", "S-1")), thing(one, "a2", named("still web"), has("serial", "S-1"))))
	l.want(l.servers(), "web active a")
	l.run(a, complete(one, thing(one, "a2", named("still web"), has("serial", "S-1"))))
	l.want(l.servers(), "still web active a")
}

func TestDecisionsAreChecked(t *testing.T) {
	l := newLab(t)
	a, b := l.twoPlugins()
	l.run(a, complete(one, thing(one, "a1", named("web"), has("serial", "S-1")), thing(one, "a2", named("other"))))
	l.run(b, complete(one, thing(one, "b1", has("serial", "S-1"))))
	web, other := l.server("web"), l.server("other")
	narrow := Caller{Tenant: tenant, Name: "user:narrow", Roots: []string{web.ID}}
	stale, invalid, conflict := &StaleError{}, &InvalidError{}, &ConflictError{}
	for name, tc := range map[string]struct {
		do   func() (*Resource, error)
		want any
	}{
		"merge with itself": {func() (*Resource, error) {
			return l.s.Merge(l.ctx, everyone, MergeRequest{Kind: "server", ID: web.ID, Other: web.ID, Version: web.Version})
		}, &invalid},
		"merge of an old version": {func() (*Resource, error) {
			return l.s.Merge(l.ctx, everyone, MergeRequest{Kind: "server", ID: web.ID, Other: other.ID, Version: web.Version - 1})
		}, &stale},
		"merge with what is not there": {func() (*Resource, error) {
			return l.s.Merge(l.ctx, everyone, MergeRequest{Kind: "server", ID: web.ID, Other: "nothing", Version: web.Version})
		}, ErrNotFound},
		"merge with what one may not see": {func() (*Resource, error) {
			return l.s.Merge(l.ctx, narrow, MergeRequest{Kind: "server", ID: web.ID, Other: other.ID, Version: web.Version})
		}, ErrNotFound},
		"split of everything": {func() (*Resource, error) {
			return l.s.Split(l.ctx, everyone, SplitRequest{Kind: "server", ID: web.ID, Version: web.Version, Observations: []ObservationKey{{"a", "a1"}, {"b", "b1"}}})
		}, &invalid},
		"split of nothing": {func() (*Resource, error) {
			return l.s.Split(l.ctx, everyone, SplitRequest{Kind: "server", ID: web.ID, Version: web.Version})
		}, &invalid},
		"split of another's observation": {func() (*Resource, error) {
			return l.s.Split(l.ctx, everyone, SplitRequest{Kind: "server", ID: web.ID, Version: web.Version, Observations: []ObservationKey{{"a", "a2"}}})
		}, &invalid},
		"split of an observation that one may not see": {func() (*Resource, error) {
			return l.s.Split(l.ctx, narrow, SplitRequest{Kind: "server", ID: web.ID, Version: web.Version, Observations: []ObservationKey{{"b", "b1"}}})
		}, &invalid},
		"split of what was never merged": {func() (*Resource, error) {
			return l.s.Split(l.ctx, everyone, SplitRequest{Kind: "server", ID: web.ID, Version: web.Version, Absorbed: other.ID})
		}, &invalid},
	} {
		before := len(l.history(web.ID))
		_, err := tc.do()
		var ok bool
		switch want := tc.want.(type) {
		case error:
			ok = errors.Is(err, want)
		default:
			ok = err != nil && errors.As(err, want)
		}
		if !ok || len(l.history(web.ID)) != before {
			t.Errorf("%s: %v", name, err)
		}
	}
	l.merge(web, other)
	if _, err := l.s.Merge(l.ctx, everyone, MergeRequest{Kind: "server", ID: other.ID, Other: web.ID, Version: l.get(other.ID).Version}); !errors.As(err, &conflict) || conflict.ResourceID != web.ID {
		t.Errorf("merge into what was merged: %v", err)
	}
}

// Wherever a merge or split stops, the sweeper ends it, and the result is that of one that did not stop.
func TestDecisionsSurviveCrashes(t *testing.T) {
	for _, e := range engines(t) {
		for after := 0; after < 40+e.stride; after += e.stride {
			crash := storetest.Crashing(e.open(t), -1)
			l := newLab(t, func(o *Options) { o.Store, o.firstWait = crash, nobody })
			a, b := l.twoPlugins()
			l.run(a, complete(one, thing(one, "a1", named("web"), has("serial", "S-1"))))
			l.run(b, complete(one, thing(one, "b1", named("web.lan"), has("serial", "S-2"))))
			web, lan := l.server("web"), l.patch(l.server("web.lan"), "/common/notes", `"mine"`)
			settle := func(err error) bool {
				crash.Revive(-1)
				if err != nil && !errors.Is(err, storetest.ErrCrash) {
					t.Fatalf("after %d writes: %v", after, err)
				}
				l.clock.add(time.Hour)
				if err := l.s.Sweep(l.ctx, l.clock.now()); err != nil {
					t.Fatal(err)
				}
				n, cerr := l.s.opt.Store.Count(l.ctx, store.Query{Table: tOperations, Tenant: tenant, Where: eq(text("state"), "open")}, 0)
				if cerr != nil || n != 0 {
					t.Fatalf("%d operations are open: %v", n, cerr)
				}
				return err != nil
			}
			crash.Revive(after)
			_, err := l.s.Merge(l.ctx, everyone, MergeRequest{Kind: "server", ID: web.ID, Other: lan.ID, Version: web.Version})
			crashed := settle(err)
			if l.get(lan.ID).State != Merged {
				l.want(l.servers(), "web active a", "web.lan active b") // it died before it was decided
				continue
			}
			both := l.get(web.ID)
			l.want(l.servers(), "web active a+b")
			l.want(l.history(lan.ID)[2:], "merged")
			if string(both.Common) != `{"notes":"mine"}` || len(l.history(web.ID)) != 2 {
				t.Fatalf("after %d writes: %s %q", after, both.Common, l.history(web.ID))
			}
			crash.Revive(after)
			_, err = l.s.Split(l.ctx, everyone, SplitRequest{Kind: "server", ID: web.ID, Version: both.Version, Absorbed: lan.ID})
			crashed = settle(err) || crashed
			if l.get(lan.ID).State == Merged {
				l.want(l.servers(), "web active a+b")
				continue
			}
			l.want(l.servers(), "web active a", "web.lan active b")
			l.want(l.history(lan.ID)[3:], "split")
			if n := len(l.history(web.ID)); n != 3 || string(l.get(web.ID).Common) != "{}" || string(l.get(lan.ID).Common) != `{"notes":"mine"}` {
				t.Fatalf("after %d writes: %q %s", after, l.history(web.ID), l.get(web.ID).Common)
			}
			l.run(b, complete(one, thing(one, "b1", named("web.lan"), has("serial", "S-1"))))
			l.want(l.servers(), "web active a", "web.lan active b")
			l.checkChain("server")
			if !crashed {
				break // it needs no more writes than these
			}
		}
	}
}

func TestReviewIsDecided(t *testing.T) {
	for _, one := range []bool{true, false} {
		l := newLab(t)
		l.bridged(1)
		item := l.reviews(everyone, ReviewQuery{}).Items[0]
		got, err := l.s.DecideReview(l.ctx, everyone, item.ID, one, "looked at both")
		if err != nil {
			t.Fatal(err)
		}
		state := map[bool]string{true: "merged", false: "apart"}[one]
		if got.State != state || got.DecidedBy != "user:test" || got.Reason != "looked at both" || got.DecidedAt.IsZero() {
			t.Errorf("%+v", got)
		}
		if one {
			l.want(l.servers(), "mac 0 active a+b")
		} else {
			l.want(l.servers(), "mac 0 active a", "uuid 0 active a+b")
		}
		if _, err := l.s.DecideReview(l.ctx, everyone, item.ID, !one, ""); !errors.Is(err, ErrReviewed) {
			t.Errorf("decided twice: %v", err)
		}
		if open, done := l.reviews(everyone, ReviewQuery{}), l.reviews(everyone, ReviewQuery{State: state, Type: ReviewBridge}); open.Total != 0 || done.Total != 1 {
			t.Errorf("%d open, %d %s", open.Total, done.Total, state)
		}
		if _, err := l.s.DecideReview(l.ctx, Caller{Tenant: "other", TenantWide: true}, item.ID, one, ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("another tenant: %v", err)
		}
	}
}
