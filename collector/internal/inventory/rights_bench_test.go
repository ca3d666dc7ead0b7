package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// BenchmarkQueryByRights is the same lists for an administrator and for a reader who may see 1 % of the servers, one datacenter of a
// hundred, over 20,000 servers (MAESTRO_BENCH_RESOURCES). The ratio is between the medians of lists that are asked in turns.
func BenchmarkQueryByRights(b *testing.B) {
	s, c, n := benchService(b, 20_000)
	fillDatacenters(b, s, c, n, func(i, j int) resource.Envelope {
		return thing(one, fmt.Sprintf("vm-%02d-%06d", i, j), attrs(`{"memory_bytes":%d,"hostname":"host-%02d-%06d"}`, 1<<30*(j%8), i, j))
	})
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
				if err != nil || len(got.Items) == 0 || !as.TenantWide && got.Total > n/benchParts {
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
