package inventory

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

func (l *lab) tree(c Caller, d RoutingDomain, within string) *RangeTree {
	l.t.Helper()
	var p netip.Prefix
	if within != "" {
		p = netip.MustParsePrefix(within)
	}
	tree, err := l.s.Ranges(l.ctx, c, d, p, time.Time{})
	if err != nil {
		l.t.Fatal(err)
	}
	return tree
}

// lines are the ranges as a tree, then the addresses.
func (t *RangeTree) lines() []string {
	var out []string
	names := func(list []Head) string {
		var names []string
		for _, h := range list {
			names = append(names, h.Kind+" "+h.Name)
		}
		return strings.Join(names, ", ")
	}
	for _, r := range t.Ranges {
		line := fmt.Sprintf("%s%s %s: used %v, allocated %v, free %v", strings.Repeat("  ", r.Depth), r.Prefix, names(r.Resources), r.Used, r.Allocated, r.Free)
		if r.Duplicate {
			line += ", duplicate"
		}
		if len(r.Overlaps) > 0 {
			line += ", overlaps " + names(r.Overlaps)
		}
		out = append(out, line)
	}
	for _, a := range t.Addresses {
		line := a.Address.String() + " " + names(a.Holders)
		if a.Duplicate {
			line += ", duplicate"
		}
		out = append(out, line)
	}
	return out
}

// sites are two datacenters that both use 10.0.0.0/8.
func (l *lab) sites() *agent {
	a := newAgent(l.s, "a", 1)
	a.conn.Rules = []MappingRule{{Label: "region", Value: "one", Datacenter: "dc1"}, {Label: "region", Value: "two", Datacenter: "dc2"}}
	nets1, nets2 := scopeOf("network", "region", "one"), scopeOf("network", "region", "two")
	subs1, subs2, pre := scopeOf("subnet", "region", "one"), scopeOf("subnet", "region", "two"), scopeOf("prefix", "region", "three")
	l.push(a, a.build([]string{"server", "network", "subnet", "prefix"}, l.clock.now(),
		complete(nets1, thing(nets1, "n1", named("lan"), attrs(`{"cidrs":["10.0.0.0/8","fd00::/48"]}`)),
			thing(nets1, "n2", named("vpc"), attrs(`{"cidrs":["10.9.0.0/16"]}`))),
		complete(nets2, thing(nets2, "n3", named("lan"), attrs(`{"cidrs":["10.0.0.0/8"]}`))),
		complete(subs1, thing(subs1, "u1", named("front"), attrs(`{"cidrs":["10.1.0.0/24"],"gateway_ip":"10.1.0.1"}`)),
			thing(subs1, "u2", named("front again"), attrs(`{"cidrs":["10.1.0.0/24"]}`))),
		complete(subs2),
		complete(pre, thing(pre, "p1", named("shared"), attrs(`{"cidr":"192.168.0.0/16","routing_domain":"lab"}`))),
		complete(one, thing(one, "s1", named("web"), attrs(`{"primary_ip":"10.1.0.5","ip_addresses":["10.1.0.5","127.0.0.1","fe80::1","fd00::5"]}`)),
			thing(one, "s2", named("db"), attrs(`{"primary_ip":"10.1.0.5","ip_addresses":["10.2.0.9"]}`))),
		complete(two, thing(two, "s3", named("web"), attrs(`{"primary_ip":"10.1.0.5"}`)))))
	return a
}

func TestRanges(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Builtin = schema.Builtin() })
	a := l.sites()
	dc1 := RoutingDomain{ID: "1", Name: "one", Datacenters: []string{"dc1"}}
	dc2 := RoutingDomain{ID: "2", Name: "two", Datacenters: []string{"dc2"}}
	l.want(l.tree(everyone, dc1, "").lines(),
		"10.0.0.0/8 network lan: used 2, allocated 65792, free 1.6711423e+07",
		"  10.1.0.0/24 subnet front, subnet front again: used 1, allocated 0, free 255, duplicate",
		"  10.9.0.0/16 network vpc: used 0, allocated 0, free 65536, overlaps network lan",
		"fd00::/48 network lan: used 1, allocated 0, free 1.2089258196146292e+24",
		"10.1.0.5 server db, server web, duplicate", "10.2.0.9 server db", "fd00::5 server web")
	// The other site's addresses are others, though they are written alike.
	l.want(l.tree(everyone, dc2, "").lines(), "10.0.0.0/8 network lan: used 1, allocated 0, free 1.6777215e+07", "10.1.0.5 server web")
	l.want(l.tree(everyone, RoutingDomain{ID: "3", Named: "lab"}, "").lines(), "192.168.0.0/16 prefix shared: used 0, allocated 0, free 65536")
	if names, err := l.s.RoutingDomainNames(l.ctx, everyone, time.Time{}); err != nil || !slices.Equal(names, []string{"lab"}) {
		t.Errorf("%v %v", names, err)
	}
	// Sites that are one routing domain share their addresses.
	both := RoutingDomain{ID: "4", Named: "lab", Datacenters: []string{"dc1", "dc2"}}
	tree := l.tree(everyone, both, "10.1.0.0/16")
	l.want(tree.lines(), "10.0.0.0/8 network lan, network lan: used 1, allocated 256, free 1.677696e+07, duplicate",
		"  10.1.0.0/24 subnet front, subnet front again: used 1, allocated 0, free 255, duplicate",
		"10.1.0.5 server db, server web, server web, duplicate")
	// One sees what one's rights reach, and nothing of the rest.
	l.want(l.tree(Caller{Tenant: tenant, Roots: []string{"dc2"}}, both, "").lines(), "10.0.0.0/8 network lan: used 1, allocated 0, free 1.6777215e+07", "10.1.0.5 server web")
	l.want(l.tree(Caller{Tenant: tenant, Roots: []string{"dc2"}}, dc1, "").lines())
	l.want(l.tree(Caller{Tenant: "another", TenantWide: true}, dc1, "").lines())

	blocks, more := l.tree(everyone, dc1, "10.1.0.0/24").FreeIn(netip.MustParsePrefix("10.1.0.0/24"), 3)
	if fmt.Sprint(blocks) != "[10.1.0.0/30 10.1.0.4/32 10.1.0.6/31]" || !more {
		t.Errorf("free are %v, more %v", blocks, more)
	}
	// What is gone has no address any more.
	l.run(a, complete(one), complete(two))
	l.want(l.tree(everyone, dc2, "").lines(), "10.0.0.0/8 network lan: used 0, allocated 0, free 1.6777216e+07")
}

// The tree's figures are those of counting every single address.
func TestRangesCountLikeOneByOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ranges, addresses := map[netip.Prefix][]Head{}, map[netip.Prefix][]Head{}
		for i := range rapid.IntRange(0, 8).Draw(rt, "ranges") {
			a := netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(0, 255).Draw(rt, "base"))})
			ranges[netip.PrefixFrom(a, rapid.IntRange(24, 32).Draw(rt, "bits")).Masked()] = []Head{{ID: fmt.Sprint(i), Kind: "subnet"}}
		}
		for i := range rapid.IntRange(0, 20).Draw(rt, "addresses") {
			a := netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(0, 255).Draw(rt, "address"))})
			addresses[netip.PrefixFrom(a, 32)] = []Head{{ID: fmt.Sprint("s", i), Kind: "server"}}
		}
		tree := rangeTree(ranges, addresses, false)
		for _, r := range tree.Ranges {
			var used, allocated, free float64
			for a := r.Prefix.Addr(); r.Prefix.Contains(a); a = a.Next() {
				_, isUsed := addresses[netip.PrefixFrom(a, 32)]
				inner := false
				for p := range ranges {
					inner = inner || p != r.Prefix && p.Bits() > r.Prefix.Bits() && p.Contains(a)
				}
				if isUsed {
					used++
				}
				if inner {
					allocated++
				}
				if !isUsed && !inner {
					free++
				}
			}
			if r.Used != used || r.Allocated != allocated || r.Free != free {
				rt.Fatalf("%s: used %v, allocated %v, free %v; one by one %v, %v, %v", r.Prefix, r.Used, r.Allocated, r.Free, used, allocated, free)
			}
			blocks, _ := tree.FreeIn(r.Prefix, 1000)
			sum := 0.0
			for i, b := range blocks {
				sum += sizeOf(b)
				if b != b.Masked() || i > 0 && comparePrefixes(blocks[i-1], b) >= 0 {
					rt.Fatalf("free blocks of %s: %v", r.Prefix, blocks)
				}
			}
			if sum != free {
				rt.Fatalf("free blocks of %s hold %v addresses, %v are free: %v", r.Prefix, sum, free, blocks)
			}
		}
	})
}

// An older release's documents have no keys; the upgrade gives them to every resource, and done again it changes nothing.
func TestRederive(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Builtin = schema.Builtin() })
	l.sites()
	l.filtered(everyone, "server", `cidr(address, 10.1.0.0/24)`, "db", "web", "web")
	strip := func(table, part string, fields ...string) {
		t.Helper()
		page, err := l.s.opt.Store.Find(l.ctx, store.Query{Table: table, Tenant: tenant, Part: part})
		if err != nil || len(page.Rows) == 0 {
			t.Fatalf("%s: %v", table, err)
		}
		var ops []store.Write
		for _, row := range page.Rows {
			var doc map[string]json.RawMessage
			if err := json.Unmarshal(row.Doc, &doc); err != nil {
				t.Fatal(err)
			}
			for _, f := range fields {
				delete(doc, f)
			}
			row.Doc = encodeJSON(doc)
			ops = append(ops, store.Write{Table: table, Op: store.Put, Row: row})
		}
		if err := l.s.opt.Store.Update(l.ctx, func(tx store.Tx) error { _, err := tx.Write(l.ctx, ops...); return err }); err != nil {
			t.Fatal(err)
		}
	}
	strip(tHeads, "", "addresses")
	strip(tResources, "server", "nets", "words")
	l.filtered(everyone, "server", `cidr(address, 10.1.0.0/24)`)
	for range 2 {
		if err := l.s.Rederive(l.ctx, func(int) {}); err != nil {
			t.Fatal(err)
		}
		l.filtered(everyone, "server", `cidr(address, 10.1.0.0/24)`, "db", "web", "web")
		l.filtered(everyone, "server", `db`, "db")
		l.want(l.tree(everyone, RoutingDomain{Datacenters: []string{"dc2"}}, "").lines(), "10.0.0.0/8 network lan: used 1, allocated 0, free 1.6777215e+07", "10.1.0.5 server web")
	}
	l.checkChain("server")
}

// Which fields are addresses of the resource itself decides what is used; a new field has to be looked at here.
func TestOwnAddresses(t *testing.T) {
	var own, others []string
	for _, k := range schema.Builtin() {
		for _, f := range addressFields(k) {
			if f.own {
				own = append(own, k.Name+"."+f.name())
			} else {
				others = append(others, k.Name+"."+f.name())
			}
		}
	}
	l := &lab{t: t}
	slices.Sort(own)
	slices.Sort(others)
	l.want(own, strings.Fields(`address.ip gateway.private_ips gateway.public_ips load_balancer.virtual_ips network.cidrs network_endpoint.private_ips
		network_interface.addresses.ip network_interface.primary_ip prefix.cidr router.external_ips server.ip_addresses server.primary_ip server.public_ip
		storage_system.management_ip subnet.cidrs`)...)
	l.want(others, strings.Fields(`address.fixed_ip load_balancer.listeners.address network.dns_servers network.gateways peering.accepter_cidrs
		peering.requester_cidrs subnet.allocation_pools.first subnet.allocation_pools.last subnet.dns_servers subnet.gateway_ip subnet.host_routes.next_hop`)...)
}
