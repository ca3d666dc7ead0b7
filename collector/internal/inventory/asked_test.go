package inventory

import (
	"testing"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// rejectedScope is a scope of three servers, one of which the store chokes on; the store is mended then, and a person asked for it again.
func rejectedScope(t *testing.T, parts bool) (*lab, *agent, []resource.Envelope) {
	t.Helper()
	bad := &toxic{Store: openSQLite(t)}
	l := newLab(t, func(o *Options) { o.Store, o.BucketRows = bad, 1 })
	a := newAgent(l.s, "a", 1)
	a.parts = parts
	l.run(a, complete(one, fleetOf(3)...))
	items := fleetOf(3)
	items[1].Name = "poison"
	bad.word = "poison"
	l.untilTaken(a, a.build([]string{"server"}, l.clock.now(), complete(one, items...)))
	bad.word = ""
	if err := l.s.Resend(l.ctx, tenant, "a"); err != nil {
		t.Fatal(err)
	}
	return l, a, items
}

// A reading that did not come to what was asked for again leaves the question open, whatever it told; the answer is taken once it comes,
// also from a reading that does not come to its end.
func TestWhatIsAskedForAgainWaitsUntilItIsRead(t *testing.T) {
	for _, e := range []struct {
		name string
		last resource.Status
	}{{"complete", resource.StatusComplete}, {"partial", resource.StatusPartial}} {
		t.Run(e.name, func(t *testing.T) {
			l, a, items := rejectedScope(t, true)
			l.run(a, ended(resource.StatusDenied, one))
			l.run(a, ended(resource.StatusPartial, one, items[0]))
			if info := l.run(a, ended(e.last, one, items...)); info.Updated != 1 || info.Rejected != 0 {
				t.Fatalf("run %+v\n%v", info, a.log)
			}
			if list, _, err := l.s.Rejected(l.ctx, tenant, "a"); err != nil || len(list) != 0 {
				t.Fatalf("still rejected: %+v %v", list, err)
			}
			if info := l.run(a, ended(e.last, one, items...)); !info.Unchanged {
				t.Fatalf("then %+v\n%v", info, a.log)
			}
		})
	}
}

// What was asked for again may be there no more: it goes, and the scope is not read in vain for it.
func TestWhatIsAskedForAgainMayBeGone(t *testing.T) {
	for _, parts := range []bool{true, false} {
		l, a, items := rejectedScope(t, parts)
		info := l.run(a, complete(one, items[0], items[2]))
		if info.State != "succeeded" || info.Gone != 1 || info.Rejected != 0 {
			t.Fatalf("lists in parts %t: %+v\n%v", parts, info, a.log)
		}
	}
}

// What is asked for again is told as rejected until it comes, with what is kept of it.
func TestWhatIsAskedForAgainIsStillShown(t *testing.T) {
	l, _, _ := rejectedScope(t, false)
	list, _, err := l.s.Rejected(l.ctx, tenant, "a")
	if err != nil || len(list) != 1 || list[0].Hash != "" || list[0].Reason == "" || list[0].At.IsZero() {
		t.Fatalf("rejected: %+v %v", list, err)
	}
	if body, err := l.s.RejectedBody(l.ctx, tenant, "a", one.Key(), list[0].Key); err != nil || len(body) != list[0].Kept {
		t.Fatalf("kept are %d bytes, said are %d: %v", len(body), list[0].Kept, err)
	}
}

// An approval has what waited for it asked for again, though the next reading does not come to all of it.
func TestAnotherRuleIsNotForgottenByAReadingWithoutTheItem(t *testing.T) {
	l := newLab(t)
	_, err := l.s.RegisterKinds(l.ctx, tenant, provider.Description{Provider: "test", Version: "1", Kinds: []provider.KindSupport{
		{Kind: "test.widget", Major: 1, Schema: []byte(`{"type":"object","properties":{"size":{"type":"integer"}}}`)}}})
	if err != nil {
		t.Fatal(err)
	}
	widgets := scopeOf("test.widget")
	a := newAgent(l.s, "a", 1)
	read := func(r read) *RunInfo {
		t.Helper()
		return l.push(a, a.build([]string{"test.widget"}, l.clock.now(), r))
	}
	w1, w2 := thing(widgets, "w1", attrs(`{"size":1}`)), thing(widgets, "w2", attrs(`{"size":2}`))
	if info := read(complete(widgets, w1, w2)); info.Rejected != 2 {
		t.Fatalf("a kind that waits: %+v", info)
	}
	if _, err := l.s.ApproveKind(l.ctx, everyone, "test.widget", "fine"); err != nil {
		t.Fatal(err)
	}
	if info := read(ended(resource.StatusPartial, widgets, w1)); info.Created != 1 || info.Rejected != 1 {
		t.Fatalf("the one that was read: %+v\n%v", info, a.log)
	}
	if info := read(complete(widgets, w1, w2)); info.Created != 1 || info.Rejected != 0 {
		t.Fatalf("the other one: %+v\n%v", info, a.log)
	}
}
