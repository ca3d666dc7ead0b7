package inventory

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/sdk/resource"
)

func (l *lab) record(name string, more ...func(*CreateRequest)) *Resource {
	l.t.Helper()
	req := CreateRequest{Kind: "server", Name: name}
	for _, m := range more {
		m(&req)
	}
	r, err := l.s.Create(l.ctx, everyone, req)
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

func (l *lab) byOrigin(origin string) string {
	l.t.Helper()
	list, err := l.s.List(l.ctx, everyone, ListQuery{Kind: "server", Where: filter.And{eq(text("datacenter"), "dc1"), eq(text("origin"), origin)}})
	if err != nil {
		l.t.Fatal(err)
	}
	var names []string
	for _, r := range list.Items {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// A person records a server before and another one after discovery could see it, and types its identifier into the record later.
func TestDiscoveryAdoptsRecords(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	a.conn.Datacenter = "dc1"
	inDC := func(r *CreateRequest) { r.Datacenter = "dc1" }
	by := func(typ, value string) func(*CreateRequest) {
		return func(r *CreateRequest) { r.Identifiers = []resource.Identifier{{Type: typ, Value: value}} }
	}
	first := l.record("planned", inDC, by("instance_id", "i-1"))
	second := l.record("typed later", inDC)
	l.record("nobody sees it", inDC, by("serial", "S-9"))
	second, err := l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "server", ID: second.ID, Version: second.Version,
		Identifiers: []resource.Identifier{{Type: "serial", Value: "  S-2 "}}})
	if err != nil || len(second.Identifiers) != 1 || second.Identifiers[0].Value != "S-2" {
		t.Fatalf("%+v %v", second, err)
	}
	l.run(a, complete(one, thing(one, "a1", named("ip-10-0-0-1"), has("instance_id", "i-1"), attrs(`{"cpu_count":4}`)), thing(one, "a2", named("srv2"), has("serial", "S-2")),
		thing(one, "a3", named("surprise"))))
	for origin, want := range map[string]string{OriginRecorded: "nobody sees it", OriginDiscovered: "surprise", OriginBoth: "planned typed later"} {
		if got := l.byOrigin(origin); got != want {
			t.Errorf("%s: %s", origin, got)
		}
	}
	counts, err := l.s.Origins(l.ctx, everyone, "dc1", time.Time{})
	if err != nil || len(counts) != 1 || counts[0] != (OriginCount{Kind: "server", Recorded: 1, Discovered: 1, Both: 2}) {
		t.Errorf("%+v %v", counts, err)
	}
	if none, err := l.s.Origins(l.ctx, Caller{Tenant: tenant}, "dc1", time.Time{}); err != nil || len(none) != 0 {
		t.Errorf("somebody without rights: %+v %v", none, err)
	}
	got := l.get(first.ID)
	if got.Name != "planned" || string(got.Attributes) != `{"cpu_count":4}` || got.Origin != OriginBoth {
		t.Errorf("%+v", got)
	}
	// The corrected field says what discovery has, and gives it back.
	for _, p := range got.Provenance {
		if want := map[string]string{"/name": `"ip-10-0-0-1"`, "/datacenter": `"dc1"`}[p.Pointer]; string(p.Discovered) != want {
			t.Errorf("%s: discovered %s, want %s", p.Pointer, p.Discovered, want)
		}
	}
	got, err = l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "server", ID: got.ID, Version: got.Version, Reset: []string{"/name"}})
	if err != nil || got.Name != "ip-10-0-0-1" {
		t.Errorf("%+v %v", got, err)
	}
	l.checkChain("server")
}

func TestIdentifiersByHand(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "a1", named("one"), has("serial", "S-1")), thing(one, "a2", has("bios_uuid", "4210f2a4-0000-1111-2222-333344445555")),
		thing(one, "a3", has("bios_uuid", "4210f2a4-0000-1111-2222-333344445555"))))
	r := l.record("mine")
	patch := func(add, remove []resource.Identifier) error {
		t.Helper()
		r = l.get(r.ID)
		_, err := l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "server", ID: r.ID, Version: r.Version, Identifiers: add, RemoveIdentifiers: remove})
		return err
	}
	id := func(typ, value string) []resource.Identifier { return []resource.Identifier{{Type: typ, Value: value}} }
	invalid, conflict := &InvalidError{}, &ConflictError{}
	if err := patch(id("serial", "S-1"), nil); !errors.As(err, &conflict) || !strings.Contains(err.Error(), "merge the two") {
		t.Errorf("of another: %v", err)
	}
	// Which one it is, is for whoever may see it: not for an editor of other things.
	owner := l.server("one")
	_, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "server", Name: "again", Identifiers: id("serial", "S-1")})
	if !errors.As(err, &conflict) || conflict.ResourceID != owner.ID || !strings.Contains(err.Error(), owner.ID) {
		t.Errorf("made with another's: %v", err)
	}
	_, err = l.s.Patch(l.ctx, Caller{Tenant: tenant, Name: "user:stranger", Roots: l.get(r.ID).AccessRoots}, PatchRequest{Kind: "server", ID: r.ID, Version: r.Version, Identifiers: id("serial", "S-1")})
	if !errors.As(err, &conflict) || conflict.ResourceID != "" || strings.Contains(err.Error(), "one") || strings.Contains(err.Error(), owner.ID) {
		t.Errorf("told a stranger: %v", err)
	}
	for name, err := range map[string]error{
		"junk": patch(id("serial", "Default string"), nil), "contested": patch(id("bios_uuid", "4210f2a4-0000-1111-2222-333344445555"), nil),
		"unknown type": patch(id("colour", "red"), nil), "never given": patch(nil, id("serial", "S-7")),
	} {
		if !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := errors.Join(patch(id("serial", "S-7"), nil), patch(id("serial", "S-7"), nil), patch(id("mac", "02:00:00:00:07:07"), id("serial", "S-7"))); err != nil {
		t.Fatal(err)
	}
	l.record("has it now", func(req *CreateRequest) { req.Identifiers = id("serial", "S-7") })
	if got := l.get(r.ID).Identifiers; len(got) != 1 || got[0].Type != "mac" {
		t.Errorf("%v", got)
	}
}

func TestTaken(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	a.conn.Datacenter = "dc1"
	l.run(a, complete(one, thing(one, "a1", named("web"), attrs(`{"primary_ip":"10.0.0.1","ip_addresses":["10.0.0.1","10.0.0.9"]}`)), thing(one, "a2", named("db"))))
	mine := l.record("web")
	for name, tc := range map[string]struct {
		q    TakenQuery
		c    Caller
		want string
	}{
		"a name":                  {TakenQuery{Kind: "server", Name: " web "}, everyone, "web name, web name"},
		"but for itself":          {TakenQuery{Kind: "server", Name: "web", Except: mine.ID}, everyone, "web name"},
		"an address":              {TakenQuery{Kind: "server", Address: "10.0.0.9"}, everyone, "web address"},
		"both":                    {TakenQuery{Kind: "server", Name: "web", Address: "10.0.0.1", Datacenter: "dc1", Except: mine.ID}, everyone, "web address name"},
		"in another datacenter":   {TakenQuery{Kind: "server", Address: "10.0.0.1", Datacenter: "dc2"}, everyone, ""},
		"nothing asked":           {TakenQuery{Kind: "server"}, everyone, ""},
		"what one may not see":    {TakenQuery{Kind: "server", Name: "web"}, Caller{Tenant: tenant}, ""},
		"what another tenant has": {TakenQuery{Kind: "server", Name: "web"}, Caller{Tenant: "other", TenantWide: true}, ""},
	} {
		found, err := l.s.Taken(l.ctx, tc.c, tc.q)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range found {
			got = append(got, x.Name+" "+strings.Join(x.What, " "))
		}
		if strings.Join(got, ", ") != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if _, err := l.s.Taken(l.ctx, everyone, TakenQuery{Kind: "nothing"}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}
