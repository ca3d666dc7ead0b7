package inventory

import (
	"errors"
	"testing"
	"time"
)

const day = 24 * time.Hour

// A lower source may write only once the preferred one has been silent for so long, and gives way again when it speaks.
func TestSilentSourceGivesWay(t *testing.T) {
	l := newLab(t, func(o *Options) { o.SilentAfter = 7 * day })
	a, b := l.twoPlugins()
	fromA := complete(one, thing(one, "a1", named("by a"), has("serial", "S-1"), attrs(`{"cpu_count":2}`)), thing(one, "a2", named("only a")))
	fromB := func(cpus string) read {
		return complete(one, thing(one, "b1", named("by b"), has("serial", "S-1"), attrs(`{"cpu_count":%s,"hostname":"h"}`, cpus)))
	}
	l.run(a, fromA)
	l.run(b, fromB("4"))
	id := l.server("by a").ID
	l.clock.add(6 * day)
	l.run(b, fromB("8"))
	l.sweep()
	l.want(l.servers(), "by a active a+b", "only a active a")
	before := len(l.history(id))
	l.clock.add(2 * day)
	l.run(b, fromB("8"))
	l.sweep()
	l.want(l.servers(), "by b active a+b", "only a active a")
	if r := l.get(id); string(r.Attributes) != `{"cpu_count":8,"hostname":"h"}` {
		t.Errorf("%s", r.Attributes)
	}
	h, err := l.s.History(l.ctx, everyone, "server", id, "", 0)
	if err != nil || len(h.Items) != before+1 || h.Items[0].Actor != "rule:staleness" || h.Items[0].Reason == "" {
		t.Fatalf("%+v %v", h.Items[0], err)
	}
	l.sweep()
	if n := len(l.history(id)); n != before+1 {
		t.Errorf("a second sweep changed it again: %q", l.history(id))
	}
	// It speaks again, with nothing new to say.
	l.run(a, fromA)
	l.sweep()
	l.want(l.servers(), "by a active a+b", "only a active a")
	// Falling silent once more, one reading of a single machine counts at once.
	l.clock.add(8 * day)
	l.run(b, fromB("8"))
	l.sweep()
	l.want(l.servers(), "by b active a+b", "only a active a")
	l.run(a, complete(one, thing(one, "a1", named("by a again"), has("serial", "S-1")), thing(one, "a2", named("only a"))))
	l.want(l.servers(), "by a again active a+b", "only a active a")
	l.sweep()
	l.checkChain("server")
}

func TestPrecedenceIsSettable(t *testing.T) {
	l := newLab(t)
	a, b := l.twoPlugins()
	l.run(a, complete(one, thing(one, "a1", named("by a"), has("serial", "S-1"))))
	l.run(b, complete(one, thing(one, "b1", named("by b"), has("serial", "S-1"))))
	l.want(l.servers(), "by a active a+b")
	remap := func(c Connection) {
		t.Helper()
		if err := l.s.Remap(l.ctx, tenant, c, "user:test"); err != nil {
			t.Fatal(err)
		}
	}
	b.conn.Preference = 100
	remap(b.conn)
	l.want(l.servers(), "by b active a+b")
	a.conn.KindPreference = map[string]int{"server": 50, "volume": 900}
	remap(a.conn)
	l.want(l.servers(), "by a active a+b")
	a.conn.KindPreference = map[string]int{"volume": 50}
	remap(a.conn)
	l.want(l.servers(), "by b active a+b")
	// Later readings keep to it.
	l.run(a, complete(one, thing(one, "a1", named("by a 2"), has("serial", "S-1"))))
	l.want(l.servers(), "by b active a+b")
}

// The tenant's own rule stands before the collector's, of a kind before that of all; each version says who wrote it.
func TestStalenessIsSettable(t *testing.T) {
	l := newLab(t, func(o *Options) { o.SilentAfter = 7 * day })
	a, b := l.twoPlugins()
	l.run(a, complete(one, thing(one, "a1", named("by a"), has("serial", "S-1"))))
	read := func() { l.run(b, complete(one, thing(one, "b1", named("by b"), has("serial", "S-1")))) }
	read()
	l.clock.add(3 * day)
	read()
	l.sweep()
	l.want(l.servers(), "by a active a+b")
	save := func(r Staleness) *Staleness {
		t.Helper()
		now, err := l.s.Staleness(l.ctx, tenant)
		if err != nil {
			t.Fatal(err)
		}
		r.Version = now.Version
		saved, err := l.s.SaveStaleness(l.ctx, everyone, r, "because")
		if err != nil {
			t.Fatal(err)
		}
		l.sweep()
		return saved
	}
	span := func(d time.Duration) *time.Duration { return &d }
	if r := save(Staleness{SilentAfter: span(2 * day)}); r.Version != 1 || *r.SilentAfter != 2*day || r.Default != 7*day || r.Reason != "because" || r.SavedBy == "" {
		t.Errorf("%+v", r)
	}
	l.want(l.servers(), "by b active a+b")
	save(Staleness{SilentAfter: span(2 * day), Kinds: map[string]time.Duration{"server": 0}})
	l.want(l.servers(), "by a active a+b")
	save(Staleness{SilentAfter: span(0), Kinds: map[string]time.Duration{"server": day}})
	l.want(l.servers(), "by b active a+b")
	r := save(Staleness{})
	l.want(l.servers(), "by a active a+b")
	l.clock.add(5 * day)
	read()
	l.sweep()
	l.want(l.servers(), "by b active a+b")

	var stale *StaleError
	if _, err := l.s.SaveStaleness(l.ctx, everyone, Staleness{Version: r.Version - 1}, ""); !errors.As(err, &stale) || stale.Current != r.Version {
		t.Errorf("an edit of an old version: %v", err)
	}
	for pointer, wrong := range map[string]Staleness{
		"/silent_after_seconds": {Version: r.Version, SilentAfter: span(-1)},
		"/kinds":                {Version: r.Version, Kinds: map[string]time.Duration{"nosuch": day}},
	} {
		var invalid *InvalidError
		if _, err := l.s.SaveStaleness(l.ctx, everyone, wrong, ""); !errors.As(err, &invalid) || invalid.Pointer != pointer {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	if other, err := l.s.Staleness(l.ctx, "other"); err != nil || other.Version != 0 || other.Default != 7*day {
		t.Errorf("another tenant has %+v, %v", other, err)
	}
}
