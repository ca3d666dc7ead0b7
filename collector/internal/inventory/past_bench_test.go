package inventory

import (
	"fmt"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// BenchmarkListOfThePast is pages of 50 as of a moment since which half of 10,000 servers (MAESTRO_BENCH_RESOURCES) changed: its price is that of what
// changed. The same page of today is beside it, and the same of the past where more changed on both sides than is held, so that the changes are gone through.
func BenchmarkListOfThePast(b *testing.B) {
	s, c, n := benchService(b, 10_000)
	a := newAgent(s, "a", 1)
	a.batch = 500
	push := func(items []resource.Envelope) {
		b.Helper()
		if _, err := a.push(b.Context(), a.build([]string{"server"}, c.now(), complete(one, items...))); err != nil {
			b.Fatal(err)
		}
	}
	items := benchItems(n)
	push(items)
	c.add(time.Hour)
	before := c.now()
	c.add(time.Hour)
	for i := range items {
		if i%2 == 0 {
			items[i].Name = fmt.Sprintf("renamed %d", i)
		}
	}
	push(items)
	c.add(time.Hour)
	through := walking(s)
	for _, ask := range []struct {
		name string
		s    *Service
		at   time.Time
		text string
	}{{"today", s, time.Time{}, ""}, {"past", s, before, ""}, {"past, filtered", s, before, `memory_bytes > 4`}, {"past, by word", s, before, "payments"},
		{"gone through", through, before, ""}, {"gone through, filtered", through, before, `memory_bytes > 4`}, {"gone through, by word", through, before, "payments"}} {
		b.Run(ask.name, func(b *testing.B) {
			q := ListQuery{Kind: "server", AsOf: ask.at, Limit: 50, Order: []store.Order{{Field: text("name")}}}
			if ask.text != "" {
				fields, err := s.Fields(b.Context(), tenant, "server")
				if err != nil {
					b.Fatal(err)
				}
				if q.Where, _, err = filter.Parse(ask.text, fields, c.t); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				list, err := ask.s.List(b.Context(), everyone, q)
				if err != nil || len(list.Items) == 0 {
					b.Fatalf("%+v %v", list, err)
				}
				b.ReportMetric(float64(list.Total), "found")
			}
		})
	}
}
