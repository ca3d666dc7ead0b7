package inventory

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// BenchmarkQueryByRights is the same lists for an administrator and for a reader who may see 1 % of the servers, one datacenter of a
// hundred, over 20,000 servers (MAESTRO_BENCH_RESOURCES). The ratio is between the medians of lists that are asked in turns.
func BenchmarkQueryByRights(b *testing.B) {
	n := 20_000
	if text := os.Getenv("MAESTRO_BENCH_RESOURCES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	c := newClock()
	s := New(Options{Store: openSQLite(b), Clock: c.now})
	if err := s.Prepare(b.Context()); err != nil {
		b.Fatal(err)
	}
	const parts = 100
	for i := range parts {
		a := newAgent(s, fmt.Sprintf("a%d", i), int64(i+1))
		a.batch, a.conn.Datacenter = 500, fmt.Sprintf("dc%d", i)
		var items []resource.Envelope
		for j := range n / parts {
			items = append(items, thing(one, fmt.Sprintf("vm-%02d-%06d", i, j), attrs(`{"memory_bytes":%d,"hostname":"host-%02d-%06d"}`, 1<<30*(j%8), i, j)))
		}
		if _, err := a.push(b.Context(), a.build([]string{"server"}, c.now(), complete(one, items...))); err != nil {
			b.Fatal(err)
		}
	}
	few := Caller{Tenant: tenant, Name: "user:few", Roots: []string{"dc42"}}
	for _, ask := range []struct{ name, text, order string }{
		{"by-name", ``, "name"}, {"newest", ``, "updated_at"}, {"filtered", `memory_bytes >= 4000000000`, "name"}, {"words", `host`, "name"},
	} {
		b.Run(ask.name, func(b *testing.B) {
			q := ListQuery{Kind: "server", Limit: 50, Order: []store.Order{{Field: text(ask.order), Desc: ask.order != "name"}}}
			if ask.order == "updated_at" {
				q.Order[0].Field = when("updated_at")
			}
			if ask.text != "" {
				fields, err := s.Fields(b.Context(), tenant, "server")
				if err != nil {
					b.Fatal(err)
				}
				if q.Where, _, err = filter.Parse(ask.text, fields, c.t); err != nil {
					b.Fatal(err)
				}
			}
			var all, some []time.Duration
			list := func(as Caller) time.Duration {
				begun := time.Now()
				got, err := s.List(b.Context(), as, q)
				if err != nil || len(got.Items) == 0 || !as.TenantWide && got.Total > n/parts {
					b.Fatalf("%d of %d: %v", len(got.Items), got.Total, err)
				}
				return time.Since(begun)
			}
			for b.Loop() {
				all, some = append(all, list(everyone)), append(some, list(few))
			}
			b.ReportMetric(float64(middle(some))/float64(middle(all)), "ratio")
			b.ReportMetric(float64(middle(all).Microseconds()), "µs/all")
			b.ReportMetric(float64(middle(some).Microseconds()), "µs/few")
		})
	}
}

func middle(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}
