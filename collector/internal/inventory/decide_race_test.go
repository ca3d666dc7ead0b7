package inventory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"maestro.internal/collector/internal/store"
)

// Merging and splitting while both resources are being synced: nothing is lost, whoever is first at each write.
func TestDecisionsDuringRunningSyncs(t *testing.T) {
	for _, e := range engines(t) {
		if !e.atomic {
			continue // several of those who write one row at once win there
		}
		l := newLab(t, func(o *Options) { o.Store = e.open(t) })
		a, b := l.twoPlugins()
		l.run(a, complete(one, thing(one, "a1", named("web"))))
		l.run(b, complete(one, thing(one, "b1", named("web.lan"), attrs(`{"hostname":"h0"}`))))
		id, other := l.server("web").ID, l.server("web.lan").ID
		const rounds = 15
		sp := make([]*spec, rounds)
		for i := range sp { // built beforehand: the clock is not for two
			sp[i] = b.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "b1", named("web.lan"), attrs(`{"hostname":"h%d"}`, i+1))))
		}
		now := l.clock.now()
		l.s.opt.Clock = now.Local
		var wg sync.WaitGroup
		wg.Add(1)
		var pushed error
		go func() {
			defer wg.Done()
			for _, s := range sp {
				if _, err := b.push(l.ctx, s); err != nil {
					pushed = err
					return
				}
			}
		}()
		decide := func(do func(version int64) error) {
			t.Helper()
			for range 50 {
				err := do(l.get(id).Version)
				var stale *StaleError
				if err == nil {
					return
				}
				if !errors.As(err, &stale) {
					t.Fatal(err)
				}
			}
			t.Fatal("always stale")
		}
		for range 4 {
			decide(func(v int64) error {
				_, err := l.s.Merge(l.ctx, everyone, MergeRequest{Kind: "server", ID: id, Other: other, Version: v})
				return err
			})
			decide(func(v int64) error {
				_, err := l.s.Split(l.ctx, everyone, SplitRequest{Kind: "server", ID: id, Version: v, Absorbed: other})
				return err
			})
		}
		decide(func(v int64) error {
			_, err := l.s.Merge(l.ctx, everyone, MergeRequest{Kind: "server", ID: id, Other: other, Version: v})
			return err
		})
		wg.Wait()
		if pushed != nil {
			t.Fatal(pushed)
		}
		l.run(b, complete(one, thing(one, "b1", named("web.lan"), attrs(`{"hostname":"last"}`))))
		l.want(l.servers(), "web active a+b")
		if got := l.get(id); string(got.Attributes) != `{"cpu_count":2,"hostname":"last"}` {
			t.Errorf("%s", got.Attributes)
		}
		if n := len(l.history(other)); n < 10 {
			t.Errorf("%d changes of the other: %s", n, fmt.Sprint(l.history(other)))
		}
		l.checkChain("server")
	}
}

// reading is a store without transactions on which something happens before one of a writer's reads.
type reading struct {
	piecemeal
	before func()
}

func (r reading) Update(ctx context.Context, fn func(store.Tx) error) error {
	return fn(readingTx{piecemealTx{r.Store}, r.before})
}

type readingTx struct {
	piecemealTx
	before func()
}

func (t readingTx) Get(ctx context.Context, table, tenant, part string, ids []string) (map[string]store.Row, error) {
	t.before()
	return t.piecemealTx.Get(ctx, table, tenant, part, ids)
}

// A person splits or merges between any two reads of a running sync: what was pushed is where the person put it, and complete.
func TestDecisionsBetweenReads(t *testing.T) {
	for _, decision := range []string{"split", "merge"} {
		for at, over := 1, false; !over; at++ {
			st := piecemeal{openSQLite(t)}
			l := newLab(t, func(o *Options) { o.Store = st })
			a, b := l.twoPlugins()
			l.run(a, complete(one, thing(one, "a1", named("web"))))
			l.run(b, complete(one, thing(one, "b1", named("web.lan"), attrs(`{"hostname":"old"}`))))
			web, lan := l.server("web"), l.server("web.lan")
			if decision == "split" {
				web = l.merge(web, lan)
			}
			reads := 0
			b.s = New(Options{Clock: l.clock.now, Store: reading{st, func() {
				if reads++; reads != at {
					return
				}
				if decision == "split" {
					l.split(web, ObservationKey{Connection: "b", ExternalID: "b1"})
				} else {
					l.merge(web, lan)
				}
			}}})
			l.run(b, complete(one, thing(one, "b1", named("web.lan"), attrs(`{"hostname":"new"}`))))
			b.s, over = l.s, reads < at
			if over {
				break
			}
			want, owner := []string{"web active a", "web.lan active b"}, lan.ID
			if decision == "merge" {
				want, owner = []string{"web active a+b"}, web.ID
			}
			l.want(l.servers(), want...)
			if got := l.get(owner); !strings.Contains(string(got.Attributes), `"hostname":"new"`) {
				t.Errorf("%s before read %d: %s", decision, at, got.Attributes)
			}
			for _, h := range l.history(lan.ID) {
				if strings.Contains(h, "gone") {
					t.Errorf("%s before read %d: %s", decision, at, l.history(lan.ID))
				}
			}
			l.checkChain("server")
		}
	}
}
