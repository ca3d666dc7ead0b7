package inventory

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// BenchmarkQuery is pages of 50 by filters that follow relations or compare addresses, and a tree of addresses, over 5,000
// servers (MAESTRO_BENCH_SERVERS) with a disk each in 40 subnets.
func BenchmarkQuery(b *testing.B) {
	n := 5000
	if text := os.Getenv("MAESTRO_BENCH_SERVERS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	ctx := context.Background()
	c := newClock()
	s := New(Options{Store: openSQLite(b), Clock: c.now})
	if err := s.Prepare(ctx); err != nil {
		b.Fatal(err)
	}
	a := newAgent(s, "a", 1)
	a.batch, a.conn.Datacenter = 500, "dc1"
	disks, subnets := scopeOf("volume"), scopeOf("subnet")
	var volumes, nets []resource.Envelope
	for i := range n {
		volumes = append(volumes, thing(disks, fmt.Sprintf("d-%05d", i), attrs(`{"size_bytes":%d}`, 1000*(i%1000)), related("attached_to", "server", fmt.Sprintf("vm-%05d", i))))
	}
	for i := range 40 {
		nets = append(nets, thing(subnets, fmt.Sprintf("n-%d", i), attrs(`{"cidrs":["10.0.%d.0/24"]}`, i)))
	}
	if _, err := a.push(ctx, a.build([]string{"server", "volume", "subnet"}, c.now(), complete(one, benchItems(n)...), complete(disks, volumes...), complete(subnets, nets...))); err != nil {
		b.Fatal(err)
	}
	for _, ask := range []struct{ name, kind, text string }{
		{"cidr/24", "server", `cidr(primary_ip, 10.0.7.0/24)`},
		{"cidr/8", "server", `cidr(primary_ip, 10.0.0.0/8)`},
		{"hop/few", "server", `volumes.size_bytes = 999000`},
		{"hop/half", "server", `volumes.size_bytes >= 500000`},
		{"hop/to-one", "volume", `servers.name = "name of vm-00777"`},
		{"words", "server", `payments host`},
		{"indexed", "server", `primary_ip = "10.0.7.9"`},
	} {
		b.Run(ask.name, func(b *testing.B) {
			fields, err := s.Fields(ctx, tenant, ask.kind)
			if err != nil {
				b.Fatal(err)
			}
			e, _, err := filter.Parse(ask.text, fields, c.t)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				list, err := s.List(ctx, everyone, ListQuery{Kind: ask.kind, Where: e, Limit: 50, Order: []store.Order{{Field: text("name")}}})
				if err != nil || len(list.Items) == 0 {
					b.Fatalf("%+v %v", list, err)
				}
				b.ReportMetric(float64(list.Total), "found")
			}
		})
	}
	for name, within := range map[string]netip.Prefix{"tree": {}, "range": netip.MustParsePrefix("10.0.7.0/24")} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				tree, err := s.Ranges(ctx, everyone, RoutingDomain{Datacenters: []string{"dc1"}}, within, time.Time{})
				if err != nil || len(tree.Addresses) == 0 {
					b.Fatalf("%+v %v", tree, err)
				}
				b.ReportMetric(float64(len(tree.Addresses)), "addresses")
			}
		})
	}
}
