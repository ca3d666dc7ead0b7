package inventory

import (
	"context"
	"fmt"
	"testing"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// recorder keeps what is written, so that the same can be written without the inventory.
type recorder struct {
	store.Store
	writes [][]store.Write
}

func (r *recorder) Update(ctx context.Context, fn func(store.Tx) error) error {
	return r.Store.Update(ctx, func(tx store.Tx) error { return fn(&recorderTx{tx, r}) })
}

type recorderTx struct {
	store.Tx
	r *recorder
}

func (t *recorderTx) Write(ctx context.Context, ops ...store.Write) ([]int, error) {
	t.r.writes = append(t.r.writes, append([]store.Write(nil), ops...))
	return t.Tx.Write(ctx, ops...)
}

func benchItems(n int) []resource.Envelope {
	items := make([]resource.Envelope, n)
	for i := range items {
		items[i] = thing(one, fmt.Sprintf("vm-%05d", i), has("bios_uuid", fmt.Sprintf("4210f2a4-0000-1111-2222-%012d", i)), has("mac", fmt.Sprintf("02:00:00:%02x:%02x:%02x", i>>16&255, i>>8&255, i&255)),
			tagged("env", "prod"), tagged("team", "payments"), related("member_of", "cluster", "c1"),
			attrs(`{"type":"virtual","power_state":"on","cpu_count":%d,"memory_bytes":8589934592,"hostname":"host-%d.example.org","os":{"family":"linux","name":"Ubuntu","version":"24.04"},"primary_ip":"10.0.%d.%d","ip_addresses":["10.0.%d.%d"],"guest_agent_status":"running","folder":"/prod/payments","description":"made by the benchmark"}`,
				i%16, i, i>>8&255, i&255, i>>8&255, i&255))
	}
	return items
}

// BenchmarkIngest is the first push of 2,000 servers, an unchanged one, and the rows of the first written as they are.
func BenchmarkIngest(b *testing.B) {
	const n = 2000
	items := benchItems(n)
	ctx := context.Background()
	var rows [][]store.Write
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			rec := &recorder{Store: openSQLite(b)}
			c := newClock()
			s := New(Options{Store: rec, Clock: c.now})
			if err := s.Prepare(ctx); err != nil {
				b.Fatal(err)
			}
			a := newAgent(s, "a", 1)
			a.batch = 500
			sp := a.build([]string{"server"}, c.now(), complete(one, items...))
			b.StartTimer()
			if _, err := a.push(ctx, sp); err != nil {
				b.Fatal(err)
			}
			rows = rec.writes
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/item")
	})
	b.Run("raw", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			st := openSQLite(b)
			s := New(Options{Store: st})
			if err := s.Prepare(ctx); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			for _, ops := range rows {
				err := st.Update(ctx, func(tx store.Tx) error {
					_, err := tx.Write(ctx, ops...)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/item")
	})
	b.Run("unchanged", func(b *testing.B) {
		c := newClock()
		s := New(Options{Store: openSQLite(b), Clock: c.now})
		a := newAgent(s, "a", 1)
		a.batch = 500
		if _, err := a.push(ctx, a.build([]string{"server"}, c.now(), complete(one, items...))); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			b.StopTimer()
			sp := a.build([]string{"server"}, c.now(), complete(one, items...))
			b.StartTimer()
			if _, err := a.push(ctx, sp); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/item")
	})
}
