package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// filtered is for a moment what lab.filtered is for today.
func (l *lab) filteredAt(c Caller, at time.Time, kind, text string, want ...string) {
	l.t.Helper()
	got, err := filteredAt(l.ctx, l.s, c, l.clock, kind, text, at)
	if err != nil || !slices.Equal(got, want) {
		l.t.Errorf("%s as of %s where %s: %q (%v), want %q", kind, at.Format(store.TimeLayout), text, got, err, want)
	}
}

// A list of a moment is filtered across the relations of that moment, by what the resources at their ends were then.
func TestFilterAcrossRelationsOfThePast(t *testing.T) {
	filterAcrossRelationsOfThePast(t, openSQLite(t))
}

func TestFilterAcrossRelationsOfThePastOnMongo(t *testing.T) {
	if len(storetest.Servers()) == 0 {
		t.Skip(storetest.HowToNameServers)
	}
	for _, e := range mongoEngines(t) {
		t.Run(e.name, func(t *testing.T) { filterAcrossRelationsOfThePast(t, e.open(t)) })
	}
}

func filterAcrossRelationsOfThePast(t *testing.T, st store.Store) {
	l := newLab(t, func(o *Options) { o.Store = st })
	a := l.shop()
	first := l.clock.now()
	asks := []struct {
		kind, text  string
		then, later []string
	}{
		{"application", `system.clients.name = "ACME"`, []string{"storefront"}, []string{"ledger"}},
		{"application", `system.clients.name = "ACME Ltd."`, nil, nil},
		{"application", `system.name = sh*`, []string{"storefront"}, nil},
		{"application", `system = null`, []string{"ledger"}, []string{"storefront"}},
		{"application", `system.name != shop`, []string{"ledger"}, []string{"ledger", "storefront"}},
		{"application", `servers.cpu_count > 4`, []string{"ledger"}, []string{"ledger", "storefront"}},
		{"server", `volumes:*`, []string{"db", "web"}, []string{"db"}},
		{"server", `volumes.name = (root OR data) AND NOT name = web`, []string{"db"}, []string{"db"}},
		{"server", `applications.system.clients.name ~ acm`, []string{"web"}, []string{"db"}},
		{"volume", `servers.name = web`, []string{"root"}, nil},
		{"volume", `servers.state = gone`, nil, nil},
		{"client", `systems.applications.servers.name = web`, []string{"ACME"}, nil},
	}
	apps, systems, clients, disks := scopeOf("application"), scopeOf("system"), scopeOf("client"), scopeOf("volume")
	// The storefront leaves the system and moves to the server db, the ledger joins it, the system is renamed, a disk moves and one goes.
	l.push(a, a.build([]string{"volume", "application", "system", "client"}, l.clock.now(),
		complete(disks, thing(disks, "d1", named("root"), attrs(`{"size_bytes":1000}`), related("attached_to", "server", "s2"))),
		complete(apps, thing(apps, "a1", named("storefront"), attrs(`{}`), related("runs_on", "server", "s2")),
			thing(apps, "a2", named("ledger"), attrs(`{}`), related("runs_on", "server", "s2"), related("part_of", "system", "y1"))),
		complete(systems, thing(systems, "y1", named("store"), attrs(`{}`))),
		complete(clients, thing(clients, "c1", named("ACME"), attrs(`{}`), related("uses", "system", "y1")))))
	second := l.clock.now()
	// Then nothing is left of it.
	l.push(a, a.build([]string{"server", "volume", "application", "system", "client"}, l.clock.now(), complete(one), complete(two), complete(disks), complete(apps),
		complete(systems), complete(clients)))
	for _, ask := range asks {
		l.filteredAt(everyone, first, ask.kind, ask.text, ask.then...)
		l.filteredAt(everyone, second, ask.kind, ask.text, ask.later...)
		l.filteredAt(everyone, l.clock.now(), ask.kind, ask.text)
		l.filtered(everyone, ask.kind, ask.text)
	}
	l.filtered(everyone, "volume", `servers.state = gone AND state = gone`, "data", "root")
	l.filteredAt(everyone, l.clock.now(), "volume", `servers.state = gone AND state = gone`, "data", "root")
	l.filteredAt(everyone, second, "volume", `servers.state = gone AND state = gone`)
	l.filteredAt(Caller{Tenant: tenant, Roots: []string{"dc2"}}, first, "server", `volumes = null`, "spare")
	l.filteredAt(Caller{Tenant: tenant, Roots: []string{"dc2"}}, first, "server", `volumes:*`)
	l.filteredAt(Caller{Tenant: "another", TenantWide: true}, first, "server", `volumes:*`)

	// What a page counts beside the list is of the same resources.
	fields, err := l.s.Fields(l.ctx, tenant, "server")
	if err != nil {
		t.Fatal(err)
	}
	e, _, err := filter.Parse(`volumes:*`, fields, l.clock.t)
	if err != nil {
		t.Fatal(err)
	}
	facets, err := l.s.Facets(l.ctx, everyone, ListQuery{Kind: "server", Where: e, AsOf: first}, []string{"name", "state"}, 5)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"[{db 1 name = db} {web 1 name = web}]", "[{active 2 state = active}]"} {
		if got := fmt.Sprint(facets.Facets[i].Values); got != want {
			t.Errorf("facet %s: %s, want %s", facets.Facets[i].Field, got, want)
		}
	}
}

// What a filter across relations found at a moment it finds of that moment for ever: whatever joins, moves, goes and comes back.
func TestHopsOfAnyMomentStay(t *testing.T) {
	sequences(t, "40")
	rapid.Check(t, func(rt *rapid.T) {
		c := newClock()
		s := New(Options{Store: openSQLite(rt), Clock: c.now})
		ctx := context.Background()
		agents := []*agent{newAgent(s, "a", 1), newAgent(s, "b", 2)}
		agents[1].conn.Provider = "other"
		disks := scopeOf("volume")
		keys := []string{"k1", "k2", "k3"}
		var asks [][2]string
		for _, key := range keys {
			asks = append(asks, [2]string{"server", `volumes.name = "disk ` + key + `"`}, [2]string{"server", `volumes.name != "disk ` + key + `"`},
				[2]string{"volume", `servers.name = "` + key + `0"`}, [2]string{"volume", `servers.volumes.name = "disk ` + key + `"`})
		}
		asks = append(asks, [2]string{"volume", `servers:*`}, [2]string{"server", `volumes = null AND state = active`})
		type memory struct {
			at   time.Time
			said [][]string
		}
		var remembered []memory
		for range rapid.IntRange(2, 6).Draw(rt, "steps") {
			ag := rapid.SampledFrom(agents).Draw(rt, "agent")
			servers, volumes := randomlyRelated(rt, keys, disks)
			if _, err := ag.push(ctx, ag.build([]string{"server", "volume"}, c.now(), complete(one, servers...), complete(disks, volumes...))); err != nil {
				rt.Fatal(err)
			}
			m := memory{at: c.now()}
			for _, ask := range asks {
				found, err := filtered(ctx, s, everyone, c, ask[0], ask[1])
				if err != nil {
					rt.Fatal(err)
				}
				m.said = append(m.said, found)
			}
			remembered = append(remembered, m)
		}
		for _, m := range remembered {
			for i, ask := range asks {
				found, err := filteredAt(ctx, s, everyone, c, ask[0], ask[1], m.at)
				if err != nil || !slices.Equal(found, m.said[i]) {
					rt.Fatalf("%s as of %s where %s: %q (%v), was %q", ask[0], m.at.Format(store.TimeLayout), ask[1], found, err, m.said[i])
				}
			}
		}
	})
}

// Relations that people and rules state count as well, and a step that led too far is an error with its place.
func TestFilterAcrossStatedRelationsOfThePast(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Builtin = schema.Builtin() })
	base := l.apply(Operation{ID: "base"}, "server", Edit{Row: 1, Set: set("/name", "base")})[0].ID
	before := l.clock.now()
	l.apply(Operation{ID: "app"}, "application", Edit{Row: 1, Set: set("/name", "payroll"), Relations: []PersonRelation{{Verb: "runs_on", Kind: "server", ID: base, Name: "base"}}})
	after := l.clock.now()
	l.apply(Operation{ID: "rename"}, "server", Edit{Row: 1, ID: base, Set: set("/name", "ground")})
	l.filteredAt(everyone, before, "server", `applications.name = payroll`)
	l.filteredAt(everyone, after, "server", `applications.name = payroll`, "base")
	l.filteredAt(everyone, after, "application", `servers.name = base`, "payroll")
	l.filteredAt(everyone, after, "application", `servers.name = ground`)
	l.filteredAt(everyone, l.clock.now(), "application", `servers.name = ground`, "payroll")

	ends := pastEnds{s: l.s, c: everyone, at: after, h: filter.Hop{Name: "servers", Rune: 3}, target: &schema.Kind{Name: "server"}, batch: map[string][]edge{}, n: hopIDs}
	var bad *FilterError
	if err := ends.add(l.ctx, store.Row{ID: resource.Scope{}.Key()}); !errors.Is(err, ErrTooBroad) || !errors.As(err, &bad) || bad.Problem.Rune != 3 {
		t.Fatalf("%v", err)
	}
}
