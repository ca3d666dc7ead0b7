package inventory

import (
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/sdk/resource"
)

// The cases that a CMDB's users meet, each by its name.

func TestClonedVMsWithEqualBIOSUUIDs(t *testing.T) {
	const uuid = "4210f2a4-0000-1111-2222-333344445555"
	l := newLab(t)
	vsphere, ansible := newAgent(l.s, "vsphere", 1), newAgent(l.s, "ansible", 2)
	vsphere.conn.Provider, ansible.conn.Provider = "vsphere", "ansible"
	l.run(vsphere, complete(one, thing(one, "vm-1", named("web"), has("bios_uuid", uuid), has("instance_uuid", "5010f2a4-0000-1111-2222-333344440001")),
		thing(one, "vm-2", named("web clone"), has("bios_uuid", uuid), has("instance_uuid", "5010f2a4-0000-1111-2222-333344440002"))))
	l.run(ansible, complete(one, thing(one, "web", named("web.lan"), has("bios_uuid", uuid))))
	l.want(l.servers(), "web active vsphere", "web clone active vsphere", "web.lan active ansible")
	// What tells them apart still joins.
	l.run(ansible, complete(one, thing(one, "web", named("web.lan"), has("bios_uuid", uuid), has("mac", "02:00:00:00:01:01"))))
	l.run(vsphere, complete(one, thing(one, "vm-1", named("web"), has("bios_uuid", uuid), has("instance_uuid", "5010f2a4-0000-1111-2222-333344440001")),
		thing(one, "vm-3", named("third"), has("mac", "02:00:00:00:01:01"))))
	if !slices.Contains(l.servers(), "third active ansible+vsphere") && !slices.Contains(l.servers(), "third active vsphere+ansible") {
		t.Errorf("%q", l.servers())
	}
}

func TestDHCPAddressesMove(t *testing.T) {
	l := newLab(t)
	a, b := l.twoPlugins()
	read := func(x, y string) read {
		return complete(one, thing(one, "a1", named("one"), has("serial", "S-1"), attrs(`{"primary_ip":"%s"}`, x)), thing(one, "a2", named("two"), has("serial", "S-2"), attrs(`{"primary_ip":"%s"}`, y)))
	}
	l.run(a, read("10.0.0.1", "10.0.0.2"))
	l.run(b, complete(one, thing(one, "b1", has("serial", "S-1"), attrs(`{"primary_ip":"10.0.0.1"}`))))
	first, second := l.server("one").ID, l.server("two").ID
	l.run(a, read("10.0.0.2", "10.0.0.1"))
	l.want(l.servers(), "one active a+b", "two active a")
	if got := l.get(first); string(got.Attributes) != `{"primary_ip":"10.0.0.2"}` || !slices.Contains(got.Conflicts, "/attributes/primary_ip") {
		t.Errorf("%s %v", got.Attributes, got.Conflicts)
	}
	if got := l.get(second); string(got.Attributes) != `{"primary_ip":"10.0.0.1"}` || len(got.Connections) != 1 {
		t.Errorf("%s %v", got.Attributes, got.Connections)
	}
}

func TestRecycledInstanceIDs(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "x/i-1", named("old"), has("instance_id", "i-1"))))
	l.run(a, complete(one))
	l.run(a, complete(one, thing(one, "y/i-1", named("new"), has("instance_id", "i-1"))))
	l.want(l.servers(), "new active a", "old gone a")
	b := newAgent(l.s, "b", 2)
	b.conn.Provider = "other"
	l.run(b, complete(one, thing(one, "b1", has("instance_id", "i-1"))))
	l.want(l.servers(), "new active a+b", "old gone a")
}

func TestTwoTenantsHoldTheSameCloudObject(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "arn:1", named("ours"), has("aws.id", "arn:1"), has("instance_id", "i-1"))))
	other := Caller{Tenant: "other", Name: "user:stranger", TenantWide: true}
	theirs, err := l.s.Create(l.ctx, other, CreateRequest{Kind: "server", Name: "theirs",
		Identifiers: []resource.Identifier{{Type: "aws.id", Value: "arn:1"}, {Type: "instance_id", Value: "i-1"}}})
	if err != nil {
		t.Fatal(err)
	}
	ours := l.server("ours")
	if ours.ID == theirs.ID || len(l.servers()) != 1 {
		t.Errorf("%q", l.servers())
	}
	if _, err := l.s.Merge(l.ctx, other, MergeRequest{Kind: "server", ID: theirs.ID, Other: ours.ID, Version: theirs.Version}); err == nil {
		t.Error("merged across tenants")
	}
	l.run(a, complete(one, thing(one, "arn:1", named("ours still"), has("aws.id", "arn:1"), has("instance_id", "i-1"))))
	if got, err := l.s.Get(l.ctx, other, "server", theirs.ID); err != nil || got.Name != "theirs" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestVSphereAnsibleAndHandMadeAreOneServer(t *testing.T) {
	const uuid = "4210f2a4-0000-1111-2222-333344445555"
	l := newLab(t)
	record := l.record("web (rack 3)", func(r *CreateRequest) { r.Identifiers = []resource.Identifier{{Type: "serial", Value: "CZJ1234"}} })
	vsphere, ansible := newAgent(l.s, "vsphere", 1), newAgent(l.s, "ansible", 2)
	vsphere.conn.Provider, ansible.conn.Provider = "vsphere", "ansible"
	l.run(vsphere, complete(one, thing(one, "vm-1", named("web"), has("bios_uuid", uuid), attrs(`{"cpu_count":4}`))))
	l.run(ansible, complete(one, thing(one, "web", named("web.lan"), has("serial", "CZJ1234"), attrs(`{"hostname":"web"}`))))
	l.want(l.servers(), "web (rack 3) active ansible", "web active vsphere")
	// Facts that know both identifiers say that it is one machine; below rank 1 a person confirms it.
	l.run(ansible, complete(one, thing(one, "web", named("web.lan"), has("serial", "CZJ1234"), has("bios_uuid", uuid), attrs(`{"hostname":"web"}`))))
	items := l.reviews(everyone, ReviewQuery{Type: ReviewBridge})
	if items.Total != 1 {
		t.Fatalf("%+v", items)
	}
	if _, err := l.s.DecideReview(l.ctx, everyone, items.Items[0].ID, true, ""); err != nil {
		t.Fatal(err)
	}
	got := l.get(record.ID)
	if got.Name != "web (rack 3)" || string(got.Attributes) != `{"cpu_count":4,"hostname":"web"}` || got.Origin != OriginBoth || len(got.Connections) != 2 {
		t.Errorf("%+v", got)
	}
	from := map[string]string{}
	for _, p := range got.Provenance {
		from[p.Pointer] = p.Connection
	}
	if from["/attributes/cpu_count"] != "vsphere" || from["/attributes/hostname"] != "ansible" {
		t.Errorf("%v", from)
	}
	l.checkChain("server")
}

// Two resources of other connections with one name in one datacenter, or one address, are asked about once; namesakes of one
// connection are its own business.
func TestLikelyDuplicatesAreAskedAbout(t *testing.T) {
	l := newLab(t)
	a, b := l.twoPlugins()
	a.conn.Datacenter, b.conn.Datacenter = "dc1", "dc1"
	l.run(a, complete(one, thing(one, "a1", named("web")), thing(one, "a2", named("twin")), thing(one, "a3", named("twin")), thing(one, "a4", named("x"), attrs(`{"primary_ip":"10.0.0.4"}`)),
		thing(one, "a5", named("localhost")), thing(one, "a6", named("localhost")), thing(one, "a7", named("localhost"))))
	l.run(b, complete(one, thing(one, "b1", named("web")), thing(one, "b4", named("y"), attrs(`{"primary_ip":"10.0.0.4"}`)), thing(one, "b5", named("localhost")), thing(one, "b6", named("localhost"))))
	l.record("web") // in no datacenter
	ask := func() []string {
		t.Helper()
		l.clock.add(time.Hour)
		l.sweep()
		var out []string
		for _, i := range l.reviews(everyone, ReviewQuery{Type: ReviewDuplicate}).Items {
			out = append(out, i.Detail)
		}
		slices.Sort(out)
		return out
	}
	l.want(ask(), `both are called "web" in one datacenter`, "both have the address 10.0.0.4 in one datacenter")
	l.want(ask(), `both are called "web" in one datacenter`, "both have the address 10.0.0.4 in one datacenter")
	for _, i := range l.reviews(everyone, ReviewQuery{Type: ReviewDuplicate}).Items {
		if _, err := l.s.DecideReview(l.ctx, everyone, i.ID, strings.Contains(i.Detail, "address"), ""); err != nil {
			t.Fatal(err)
		}
	}
	l.run(b, complete(one, thing(one, "b1", named("web 2")), thing(one, "b4", named("y"), attrs(`{"primary_ip":"10.0.0.4"}`))))
	l.run(b, complete(one, thing(one, "b1", named("web")), thing(one, "b4", named("y"), attrs(`{"primary_ip":"10.0.0.4"}`))))
	l.want(ask())
	// One that is renamed later is found then.
	l.run(b, complete(one, thing(one, "b1", named("web")), thing(one, "b4", named("y"), attrs(`{"primary_ip":"10.0.0.4"}`)), thing(one, "b9", named("other"))))
	l.run(a, complete(one, thing(one, "a1", named("web")), thing(one, "a4", named("x")), thing(one, "a9", named("new"))))
	l.run(a, complete(one, thing(one, "a1", named("web")), thing(one, "a4", named("x")), thing(one, "a9", named("other"))))
	l.want(ask(), `both are called "other" in one datacenter`)
}
