package inventory

import (
	"fmt"
	"testing"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Of more changes than a question about the past holds, the stored ones are gone through: on every engine that answers the same lists of
// the past and the same comparisons, page by page, as holding them does.
func TestMoreChangesThanAreHeldOnMongo(t *testing.T) {
	for _, e := range engines(t) {
		t.Run(e.name, func(t *testing.T) {
			l := newLab(t, func(o *Options) { o.Store = e.open(t) })
			few := New(Options{Store: l.s.opt.Store, Clock: l.s.opt.Clock, ChangesHeld: 3})
			a := newAgent(l.s, "a", 1)
			a.conn.Datacenter = "dc1"
			start := l.clock.now()
			if _, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "volume", Name: "by hand", Datacenter: "dc2"}); err != nil {
				t.Fatal(err)
			}
			moments := []string{}
			at := []ListQuery{}
			for round := range 12 { // ids of changes do not sort as their versions do
				r := complete(one)
				for i := range 6 {
					if (i+round)%4 != 0 {
						r.items = append(r.items, thing(one, fmt.Sprintf("vm-%02d", i), named(fmt.Sprintf("n%d", (i*round)%5)), attrs(`{"cpu_count":%d}`, i*(1+round%2))))
					}
				}
				l.run(a, r)
				moments = append(moments, fmt.Sprint("round ", round))
				at = append(at, ListQuery{Kind: "server", AsOf: l.clock.now(), Limit: 2, Order: []store.Order{{Field: text("name")}}})
			}
			if _, err := few.changedSince(l.ctx, tenant, nil, start); err == nil {
				t.Fatal("all changes are held")
			}
			early := New(Options{Store: l.s.opt.Store, Clock: l.s.opt.Clock, ChangesHeld: 12})
			if then, err := early.changedUntil(l.ctx, tenant, nil, at[0].AsOf); err != nil || len(then) == 0 {
				t.Fatalf("at first there were %d: %v", len(then), err)
			}
			for i, q := range at {
				for _, where := range []filter.Expr{nil, filter.Compare{Field: number("attributes", "cpu_count"), Op: filter.Ge, Value: 4.0}} {
					q.Where = where
					want := pastOf(t, l, l.s, q)
					// Of 12 and 30, the first moments have no more changes before them: those are all there was then.
					for _, held := range []int{3, 12, 30} {
						some := New(Options{Store: l.s.opt.Store, Clock: l.s.opt.Clock, ChangesHeld: held})
						if got := pastOf(t, l, some, q); got != want {
							t.Errorf("%s, %d held: got\n%swant\n%s", moments[i], held, got, want)
						}
					}
				}
			}
			for _, who := range []Caller{everyone, {Tenant: tenant, Name: "user:part", Roots: []string{"dc2"}}} {
				for _, since := range []int{-1, 0, 5, 9} {
					for _, kind := range []string{"", "server", "volume"} {
						q := CompareQuery{Since: start, Kind: kind, Limit: 2}
						if since >= 0 {
							q.Since = at[since].AsOf
						}
						for _, until := range []int{since + 1, 11} {
							q.Until = at[until].AsOf
							want, got := differencesOf(t, l, l.s, who, q), differencesOf(t, l, few, who, q)
							if got != want {
								t.Errorf("%s from %d to %d, kind %q: got\n%swant\n%s", who.Name, since, until, kind, got, want)
							}
						}
					}
				}
			}
			if all := differencesOf(t, l, few, everyone, CompareQuery{Since: start, Until: at[11].AsOf, Limit: 2}); len(all) < 200 {
				t.Errorf("there is nothing to compare: %s", all)
			}
		})
	}
}

func pastOf(t *testing.T, l *lab, s *Service, q ListQuery) (out string) {
	t.Helper()
	for {
		list, err := s.List(l.ctx, everyone, q)
		if err != nil {
			t.Fatal(err)
		}
		out += fmt.Sprintf("(%d:", list.Total)
		for _, r := range list.Items {
			out += fmt.Sprintf(" %s/%d %s %s", r.Name, r.Version, r.State, r.Attributes)
		}
		out += ")\n"
		if q.After = list.Next; q.After == "" {
			return out
		}
	}
}

func differencesOf(t *testing.T, l *lab, s *Service, who Caller, q CompareQuery) (out string) {
	t.Helper()
	for {
		list, err := s.Compare(l.ctx, who, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list.Items {
			out += fmt.Sprintf(" %+v\n", d)
		}
		if out += "-\n"; list.Next == "" {
			return out
		}
		q.After = list.Next
	}
}
