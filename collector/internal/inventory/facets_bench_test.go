package inventory

import (
	"fmt"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// BenchmarkQueryFacets is all default facets of 20,000 servers (MAESTRO_BENCH_RESOURCES) for readers of all, of half and of 1 % of
// them, and under filters, as a ratio to one scan of the same servers by hand: a count by a condition that no index answers.
func BenchmarkQueryFacets(b *testing.B) {
	s, c, n := benchService(b, 20_000)
	fillDatacenters(b, s, c, n, func(i, j int) resource.Envelope {
		return thing(one, fmt.Sprintf("vm-%02d-%06d", i, j), tagged("env", []string{"prod", "test"}[j%2]), tagged("team", fmt.Sprint("t", j%20)), tagged("host", fmt.Sprint("h", i, j)),
			attrs(`{"memory_bytes":%d,"hostname":"host-%02d-%06d","type":"virtual","power_state":%q,"os":{"family":"linux"}}`, 1<<30*(j%8), i, j, []string{"on", "off"}[j%3/2]))
	})
	k, err := s.kind(b.Context(), tenant, "server")
	if err != nil {
		b.Fatal(err)
	}
	fields, err := s.Fields(b.Context(), tenant, "server")
	if err != nil {
		b.Fatal(err)
	}
	some := func(n int) Caller {
		c := Caller{Tenant: tenant, Name: "user:some"}
		for i := range n {
			c.Roots = append(c.Roots, fmt.Sprintf("dc%d", i))
		}
		return c
	}
	scan := func() time.Duration {
		begun := time.Now()
		no := filter.Compare{Field: text("attributes", "hostname"), Op: filter.Contains, Value: "nowhere"}
		if _, err := s.opt.Store.Count(b.Context(), store.Query{Table: tResources, Tenant: tenant, Part: "server", Where: no}, 0); err != nil {
			b.Fatal(err)
		}
		return time.Since(begun)
	}
	for _, ask := range []struct {
		name, text string
		who        Caller
	}{
		{"all", "", everyone}, {"all/half-may", "", some(benchParts / 2)}, {"all/few-may", "", some(1)},
		{"by-facet", "power_state = on", everyone}, {"by-tag", "tags.env = prod", everyone}, {"by-words", "host", everyone}, {"unindexed", "memory_bytes >= 4000000000", everyone},
	} {
		b.Run(ask.name, func(b *testing.B) {
			q := ListQuery{Kind: "server"}
			if ask.text != "" {
				if q.Where, _, err = filter.Parse(ask.text, fields, c.t); err != nil {
					b.Fatal(err)
				}
			}
			var took, scanned time.Duration
			for b.Loop() {
				begun := time.Now()
				got, err := s.Facets(b.Context(), ask.who, q, DefaultFacets(k.Kind), 12)
				if err != nil || len(got.Facets) < 8 || len(got.Facets[0].Values) == 0 {
					b.Fatalf("%+v %v", got, err)
				}
				took += time.Since(begun)
				scanned += scan()
			}
			b.ReportMetric(float64(took)/float64(scanned), "of-a-scan")
		})
	}
}
