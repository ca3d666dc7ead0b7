package inventory

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

func lines(list []Related) []string {
	var out []string
	for _, r := range list {
		line := fmt.Sprintf("%s %s %s %s %s %s", r.Direction, r.Verb, r.Kind, r.ID, r.Name, r.State)
		if r.ID == "" {
			line = fmt.Sprintf("%s %s %s ?%s", r.Direction, r.Verb, r.Kind, r.Wanted)
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestRelationsAsOf(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	disks := scopeOf("volume")
	run := func(disk1, disk2 string) time.Time {
		root, data := thing(disks, "d1", named("root")), thing(disks, "d2", named("data"))
		for disk, server := range map[*resource.Envelope]string{&root: disk1, &data: disk2} {
			if server != "" {
				related("attached_to", "server", server)(disk)
			}
		}
		l.push(a, a.build([]string{"server", "volume"}, l.clock.now(), complete(one, thing(one, "s1", named("web")), thing(one, "s2", named("db"))),
			complete(disks, root, data)))
		return l.clock.now()
	}
	first := run("s1", "s2")
	web, db := l.server("web").ID, l.server("db").ID
	second := run("s2", "s2")
	third := run("s1", "")
	at := func(id string, at time.Time) []string {
		t.Helper()
		list, err := l.s.RelatedAsOf(l.ctx, everyone, "server", id, at)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, r := range list {
			out = append(out, r.Direction+" "+r.Verb+" "+r.Name)
		}
		return out
	}
	l.want(at(web, first), "in attached_to root")
	l.want(at(db, first), "in attached_to data")
	l.want(at(web, second))
	l.want(at(db, second), "in attached_to data", "in attached_to root")
	l.want(at(web, third), "in attached_to root")
	l.want(at(db, third))
	if _, err := l.s.RelatedAsOf(l.ctx, everyone, "server", web, first.Add(-24*time.Hour)); err == nil {
		t.Fatal("it was not there yet")
	}
}

// What relations were at a moment is what reading them at that moment had said, whatever has happened since: things that
// move, vanish, come back, are named by identifiers, are found to be one.
func TestRelationsOfAnyMomentStay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newClock()
		s := New(Options{Store: openSQLite(rt), Clock: c.now})
		ctx := context.Background()
		agents := []*agent{newAgent(s, "a", 1), newAgent(s, "b", 2)}
		agents[1].conn.Provider = "other"
		disks := scopeOf("volume")
		keys := []string{"k1", "k2", "k3"}
		type memory struct {
			at   time.Time
			kind string
			id   string
			said []string
		}
		var remembered []memory
		for step := range rapid.IntRange(2, 6).Draw(rt, "steps") {
			ag := rapid.SampledFrom(agents).Draw(rt, "agent")
			servers, volumes := randomlyRelated(rt, keys, disks)
			sp := ag.build([]string{"server", "volume"}, c.now(), complete(one, servers...), complete(disks, volumes...))
			if _, err := ag.push(ctx, sp); err != nil {
				rt.Fatalf("step %d: %v", step, err)
			}
			at := c.now()
			for _, kind := range []string{"server", "volume"} {
				page, err := s.List(ctx, everyone, ListQuery{Kind: kind, StateNamed: true})
				if err != nil {
					rt.Fatal(err)
				}
				for _, r := range page.Items {
					list, err := s.RelatedTo(ctx, everyone, kind, r.ID)
					if err != nil {
						rt.Fatal(err)
					}
					remembered = append(remembered, memory{at, kind, r.ID, lines(list)})
				}
			}
		}
		for _, m := range remembered {
			if _, _, _, err := s.current(ctx, s.opt.Store, everyone, m.kind, m.id); err != nil {
				continue // merged away since: its past is that of the other
			}
			list, err := s.RelatedAsOf(ctx, everyone, m.kind, m.id, m.at)
			if err != nil {
				rt.Fatal(err)
			}
			if got := lines(list); !slices.Equal(got, m.said) {
				rt.Fatalf("%s %s as of %s:\n got %q\nthen %q", m.kind, m.id, m.at.Format(store.TimeLayout), got, m.said)
			}
		}
	})
}

// randomlyRelated are servers, some with a serial number, and volumes attached to them by id or by serial number.
func randomlyRelated(rt *rapid.T, keys []string, disks resource.Scope) (servers, volumes []resource.Envelope) {
	pick := func(what string) string { return rapid.SampledFrom(keys).Draw(rt, what) }
	for _, key := range keys {
		if rapid.Bool().Draw(rt, "server "+key) {
			env := thing(one, key, named(fmt.Sprintf("%s%d", key, rapid.IntRange(0, 1).Draw(rt, "name"))))
			if rapid.Bool().Draw(rt, "serial?") {
				has("serial", "SER-"+pick("serial"))(&env)
			}
			servers = append(servers, env)
		}
		if rapid.Bool().Draw(rt, "volume "+key) {
			env := thing(disks, key, named("disk "+key))
			if rapid.Bool().Draw(rt, "by id") {
				related("attached_to", "server", pick("server"))(&env)
			} else {
				selects("attached_to", "server", "serial", "SER-"+pick("serial"))(&env)
			}
			volumes = append(volumes, env)
		}
	}
	return servers, volumes
}
