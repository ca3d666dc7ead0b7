package inventory

import (
	"fmt"
	"slices"
	"testing"

	"maestro.internal/sdk/resource"
)

// onEveryToxic runs a test on every store, made to choke at each table that an item's way into the inventory leads over.
func onEveryToxic(t *testing.T, fn func(t *testing.T, l *lab, bad *toxic)) {
	for _, e := range engines(t) {
		for _, at := range []string{tChanges, tHeads, tResources, tRelations, tObservations} {
			t.Run(e.name+"/"+at, func(t *testing.T) {
				bad := &toxic{Store: e.open(t), at: at, keeps: e.name != "with transactions"}
				fn(t, newLab(t, func(o *Options) { o.Store = bad }), bad)
			})
		}
	}
}

// unstored finds what of the resource's sources is not stored as its revision says.
func (l *lab) unstored(name string) []string {
	l.t.Helper()
	id := l.server(name).ID
	rows, err := l.s.opt.Store.Get(l.ctx, tResources, tenant, "server", []string{id})
	if err != nil {
		l.t.Fatal(err)
	}
	doc, err := decodeRow[resourceDoc](rows[id])
	if err != nil {
		l.t.Fatal(err)
	}
	var out []string
	for _, src := range doc.Sources {
		stored, err := l.s.opt.Store.Get(l.ctx, tObservations, tenant, "", []string{src.Observation})
		if err != nil {
			l.t.Fatal(err)
		}
		if stored[src.Observation].Version < src.Row {
			out = append(out, fmt.Sprintf("%s in row %d of %d", src.Connection, stored[src.Observation].Version, src.Row))
		}
	}
	return out
}

// What is given up is not shown, however far the store got with it; when the store is mended it is taken.
func TestWhatIsGivenUpLeavesTheServerAsItWas(t *testing.T) {
	onEveryToxic(t, func(t *testing.T, l *lab, bad *toxic) {
		a := newAgent(l.s, "a", 1)
		web := thing(one, "k", named("web"), has("serial", "SN-4711-X"))
		l.run(a, complete(one, web, thing(one, "other")))
		before := l.history(l.server("web").ID)
		bad.word = "poison"
		after := thing(one, "k", named("poison"), has("serial", "SN-4711-Y"), related("runs_on", "server", "poison host"))
		reads := complete(one, after, thing(one, "other", named("other")))
		l.untilTaken(a, a.build([]string{"server"}, l.clock.now(), reads))
		l.want(l.servers(), "other active a", "web active a")
		if list := l.unstored("web"); len(list) > 0 {
			t.Errorf("not stored: %v", list)
		}
		related, err := l.s.RelatedTo(l.ctx, everyone, "server", l.server("web").ID)
		if err != nil || len(related) != 0 {
			t.Errorf("relations: %+v %v", related, err)
		}
		if history := l.history(l.server("web").ID); !bad.keeps && !slices.Equal(history, before) {
			t.Errorf("history %v, was %v", history, before)
		}
		bad.word = ""
		// The serial number that it was going to have is free, the one that it has is not.
		b := newAgent(l.s, "b", 2)
		l.run(b, complete(one, thing(one, "x", named("by b"), has("serial", "SN-4711-X")), thing(one, "y", named("another"), has("serial", "SN-4711-Y"))))
		l.want(l.servers(), "another active b", "other active a", "web active a+b")
		if err := l.s.Resend(l.ctx, tenant, "a"); err != nil {
			t.Fatal(err)
		}
		l.run(a, reads)
		l.want(l.servers(), "another active b", "other active a", "poison active a+b")
		l.checkChain("server")
	})
}

// A thing that was never taken is not there, or no more where the store had got as far as to make it. It comes into being when the store is
// mended. Until then its identifiers lead nowhere.
func TestWhatIsGivenUpAtFirstSight(t *testing.T) {
	onEveryToxic(t, func(t *testing.T, l *lab, bad *toxic) {
		bad.word = "poison"
		b := newAgent(l.s, "b", 2)
		fresh := thing(one, "x", named("poison"), has("serial", "SN-4711-X"))
		l.untilTaken(b, b.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "other", named("other")), fresh)))
		if list := l.servers(); slices.Contains(list, "poison active b") || !slices.Contains(list, "other active b") {
			t.Fatalf("servers %v", list)
		}
		l.checkChain("server")
		bad.word = ""
		a := newAgent(l.s, "a", 1)
		l.run(a, complete(one, thing(one, "k", named("web"), has("serial", "SN-4711-X"))))
		l.run(b, ended(resource.StatusPartial, one, thing(one, "other", named("other"))))
		if bad.at == tChanges {
			// It was a misreading: what comes under the key is something else, and does not join what has taken its serial number.
			l.run(b, complete(one, thing(one, "other", named("other")), thing(one, "x", named("printer"), has("serial", "SN-0815-Z"))))
			l.want(l.servers(), "other active b", "printer active b", "web active a")
			return
		}
		if err := l.s.Resend(l.ctx, tenant, "b"); err != nil {
			t.Fatal(err)
		}
		l.run(b, complete(one, thing(one, "other", named("other")), fresh))
		if list := l.servers(); !slices.Contains(list, "web active a+b") {
			t.Fatalf("servers %v", list)
		}
		l.checkChain("server")
	})
}
