package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// filtered is the names of what a filter finds in a kind.
func filtered(ctx context.Context, s *Service, c Caller, now *clock, kind, text string) ([]string, error) {
	return filteredAt(ctx, s, c, now, kind, text, time.Time{})
}

// filteredAt is what a filter finds among the resources of a moment.
func filteredAt(ctx context.Context, s *Service, c Caller, now *clock, kind, text string, at time.Time) ([]string, error) {
	fields, err := s.Fields(ctx, tenant, kind)
	if err != nil {
		return nil, err
	}
	e, info, err := filter.Parse(text, fields, now.t)
	if err != nil {
		return nil, err
	}
	q := ListQuery{Kind: kind, Where: e, AsOf: at, StateNamed: info.Names("state"), Order: []store.Order{{Field: text1("name")}}}
	list, err := s.List(ctx, c, q)
	if err != nil {
		return nil, err
	}
	if !at.IsZero() { // the stored changes tell the same when they are gone through
		walked, err := walking(s).List(ctx, c, q)
		if err != nil {
			return nil, err
		}
		if got, want := fmt.Sprintf("%+v", walked), fmt.Sprintf("%+v", list); got != want {
			return nil, fmt.Errorf("gone through the changes it is %s, else %s", got, want)
		}
	}
	var out []string
	for _, r := range list.Items {
		out = append(out, r.Name)
	}
	if list.Total != len(out) {
		return nil, fmt.Errorf("total is %d, listed are %d", list.Total, len(out))
	}
	return out, nil
}

func text1(name string) filter.Field { return filter.Field{Path: []string{name}, Type: filter.String} }

func (l *lab) filtered(c Caller, kind, text string, want ...string) {
	l.t.Helper()
	got, err := filtered(l.ctx, l.s, c, l.clock, kind, text)
	if err != nil || !slices.Equal(got, want) {
		l.t.Errorf("%s where %s: %q (%v), want %q", kind, text, got, err, want)
	}
}

// shop is two applications on three servers, one system, one client, and the servers' disks.
func (l *lab) shop() *agent {
	a := newAgent(l.s, "a", 1)
	a.conn.Datacenter = "dc1"
	a.conn.Rules = []MappingRule{{Label: "region", Value: "two", Datacenter: "dc2"}}
	apps, systems, clients, disks := scopeOf("application"), scopeOf("system"), scopeOf("client"), scopeOf("volume")
	l.push(a, a.build([]string{"server", "volume", "application", "system", "client"}, l.clock.now(),
		complete(one, thing(one, "s1", named("web"), attrs(`{}`)), thing(one, "s2", named("db"), attrs(`{"cpu_count":8}`), has("serial", "SN12345"))),
		complete(two, thing(two, "s3", named("spare"))),
		complete(disks, thing(disks, "d1", named("root"), attrs(`{"size_bytes":1000}`), related("attached_to", "server", "s1")),
			thing(disks, "d2", named("data"), attrs(`{"size_bytes":5000}`), selects("attached_to", "", "serial", "SN12345"))),
		complete(apps, thing(apps, "a1", named("storefront"), attrs(`{}`), related("runs_on", "server", "s1"), related("part_of", "system", "y1")),
			thing(apps, "a2", named("ledger"), attrs(`{}`), related("runs_on", "server", "s2"))),
		complete(systems, thing(systems, "y1", named("shop"), attrs(`{}`), tagged("env", "prod"))),
		complete(clients, thing(clients, "c1", named("ACME"), attrs(`{}`), related("uses", "system", "y1")))))
	return a
}

func TestFilterAcrossRelations(t *testing.T) {
	l := newLab(t)
	a := l.shop()
	for _, c := range []struct {
		kind, text string
		want       []string
	}{
		{"application", `system.clients.name = "ACME"`, []string{"storefront"}},
		{"application", `system.name = sh*`, []string{"storefront"}},
		{"application", `system.tags.env = prod`, []string{"storefront"}},
		{"application", `system.name != "shop"`, []string{"ledger"}},
		{"application", `system = null`, []string{"ledger"}},
		{"application", `system:*`, []string{"storefront"}},
		{"application", `servers.cpu_count > 4`, []string{"ledger"}},
		{"application", `servers.cpu_count = null`, []string{"storefront"}},
		{"application", `servers.volumes.size_bytes >= 5000`, []string{"ledger"}},
		{"application", `servers.volumes.name = (root OR data) AND NOT system.name = shop`, []string{"ledger"}},
		{"client", `systems.applications.servers.name = web`, []string{"ACME"}},
		{"server", `applications.system.clients.name ~ acm`, []string{"web"}},
		{"server", `volumes:*`, []string{"db", "web"}},
		{"server", `volumes = null`, []string{"spare"}},
		{"server", `volumes.name = data OR name = spare`, []string{"db", "spare"}},
		{"volume", `servers.name = db`, []string{"data"}},
		{"volume", `servers.applications.name = storefront`, []string{"root"}},
	} {
		l.filtered(everyone, c.kind, c.text, c.want...)
	}

	// Rights are those of every step: who may see the second datacenter only finds nothing through the first.
	spare := l.server("spare")
	l.filtered(Caller{Tenant: tenant, Roots: []string{"dc2"}}, "server", `volumes = null`, "spare")
	l.filtered(Caller{Tenant: tenant, Roots: []string{"dc2", l.server("web").ID}}, "server", `volumes = null`, "spare", "web")
	l.filtered(Caller{Tenant: tenant, Roots: []string{"dc1"}}, "server", `volumes:*`, "db", "web")
	l.filtered(Caller{Tenant: tenant, Roots: []string{spare.ID}}, "server", `volumes:*`)
	l.filtered(Caller{Tenant: "another", TenantWide: true}, "server", `volumes:*`)

	// What is gone is related only where the filter speaks of states.
	disks := scopeOf("volume")
	l.push(a, a.build([]string{"volume"}, l.clock.now(), complete(disks, thing(disks, "d2", named("data"), attrs(`{"size_bytes":5000}`), selects("attached_to", "", "serial", "SN12345")))))
	l.filtered(everyone, "server", `volumes:*`, "db")
	l.filtered(everyone, "volume", `servers.state = active`, "data")

	for text, want := range map[string]string{
		`system.clients.systems.clients.name = a`: "character 1: system.clients.systems.clients.name passes more than 3 relations",
		`system.colour = red`:                     `character 1: a system has no field "colour"`,
		`sistem.name = a`:                         "did you mean system.name?",
	} {
		_, err := filtered(l.ctx, l.s, everyone, l.clock, "application", text)
		var fe *filter.Error
		if !errors.As(err, &fe) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// A filter across a relation finds what the relations of each resource, read one by one, say.
func TestHopsSayWhatRelationsSay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newClock()
		s := New(Options{Store: openSQLite(rt), Clock: c.now})
		ctx := context.Background()
		agents := []*agent{newAgent(s, "a", 1), newAgent(s, "b", 2)}
		agents[1].conn.Provider = "other"
		agents[0].conn.Datacenter, agents[1].conn.Datacenter = "dc1", "dc2"
		disks := scopeOf("volume")
		keys := []string{"k1", "k2", "k3"}
		for range rapid.IntRange(1, 4).Draw(rt, "steps") {
			ag := rapid.SampledFrom(agents).Draw(rt, "agent")
			servers, volumes := randomlyRelated(rt, keys, disks)
			if _, err := ag.push(ctx, ag.build([]string{"server", "volume"}, c.now(), complete(one, servers...), complete(disks, volumes...))); err != nil {
				rt.Fatal(err)
			}
		}
		caller := rapid.SampledFrom([]Caller{everyone, {Tenant: tenant, Roots: []string{"dc1"}}, {Tenant: tenant, Roots: []string{"dc2"}}}).Draw(rt, "caller")
		for _, ask := range []struct{ kind, alias, other, direction string }{{"server", "volumes", "volume", "in"}, {"volume", "servers", "server", "out"}} {
			list, err := s.List(ctx, caller, ListQuery{Kind: ask.kind, Order: []store.Order{{Field: text1("name")}}})
			if err != nil {
				rt.Fatal(err)
			}
			for _, key := range keys {
				name := map[string]string{"volume": "disk " + key, "server": key + "0"}[ask.other]
				var want, without []string
				for _, r := range list.Items {
					related, err := s.RelatedTo(ctx, caller, ask.kind, r.ID)
					if err != nil {
						rt.Fatal(err)
					}
					if slices.ContainsFunc(related, func(x Related) bool {
						return x.Verb == "attached_to" && x.Direction == ask.direction && x.Kind == ask.other && x.Name == name && (x.State == Active || x.State == Unwatched)
					}) {
						want = append(want, r.Name)
					} else {
						without = append(without, r.Name)
					}
				}
				for text, want := range map[string][]string{ask.alias + ".name = \"" + name + "\"": want, ask.alias + ".name != \"" + name + "\"": without} {
					got, err := filtered(ctx, s, caller, c, ask.kind, text)
					if err != nil || !slices.Equal(got, want) {
						rt.Fatalf("%s where %s: %q (%v), its relations say %q", ask.kind, text, got, err, want)
					}
				}
			}
		}
	})
}

// More than can be gone through is said, with the place in the filter, before it is gone through.
func TestHopsAreBounded(t *testing.T) {
	l := newLab(t)
	l.shop()
	h := filter.Hop{Name: "system.clients", Offset: 7, Rune: 7}
	err := tooBroad(h, "%s leads to more than %d resources of the kind %s", h.Name, hopIDs, "client")
	var bad *FilterError
	if !errors.Is(err, ErrTooBroad) || !errors.As(err, &bad) || bad.Problem.Rune != 7 {
		t.Fatalf("%v", err)
	}
	ends := hopEnds{s: l.s, c: everyone, h: filter.Hop{Name: "volumes", Relation: filter.Relation{Verb: "attached_to", Direction: "in", Target: "volume"}},
		kind: "server", found: map[string]bool{}}
	for i := range hopIDs {
		ends.found[fmt.Sprint(i)] = true
	}
	var disks []string
	for _, r := range must1(l.s.List(l.ctx, everyone, ListQuery{Kind: "volume"})).Items {
		disks = append(disks, r.ID)
	}
	for _, id := range disks {
		ends.batch = append(ends.batch, farEnd{id: id})
	}
	if err := ends.flush(l.ctx); !errors.Is(err, ErrTooBroad) {
		t.Fatalf("%v", err)
	}
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Relations that people state are followed like those that were discovered, also after one end was merged into another.
func TestFilterAcrossStatedRelations(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Builtin = schema.Builtin() })
	base := l.apply(Operation{ID: "base"}, "server", Edit{Row: 1, Set: set("/name", "base")})[0].ID
	l.apply(Operation{ID: "app"}, "application", Edit{Row: 1, Set: set("/name", "payroll"), Relations: []PersonRelation{{Verb: "runs_on", Kind: "server", ID: base, Name: "base"}}})
	l.filtered(everyone, "application", `servers.name = base`, "payroll")
	l.filtered(everyone, "application", `servers.name != base`)
	l.filtered(everyone, "server", `applications.name = payroll`, "base")
	l.filtered(everyone, "server", `applications = null`)
}
