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

// walking is the same inventory holding of no moment what changed, so that the stored changes are gone through.
func walking(s *Service) *Service {
	opt := s.opt
	opt.ChangesHeld = 1
	return New(opt)
}

// working is one that goes through no more than so much for one answer.
func working(s *Service, work int) *Service {
	opt := walking(s).opt
	opt.PastWork = work
	return New(opt)
}

// eventful makes an inventory with a history and answers its moments: servers of two sources that come, go, are renamed and called otherwise by the
// second one, which is a change that is not shown; some that were pruned since; and a volume.
func eventful(t *testing.T, l *lab) (moments []time.Time) {
	t.Helper()
	l.s.opt.Retention = 30 * 24 * time.Hour
	a, b := l.twoPlugins()
	a.conn.Datacenter, b.conn.Datacenter = "dc1", "dc2"
	left := newAgent(l.s, "left", 9)
	serial := func(i int) func(*resource.Envelope) { return has("serial", fmt.Sprintf("SN-4711-%d", i)) }
	l.run(left, complete(one, thing(one, "old-1", named("n1")), thing(one, "old-2", named("m"))))
	if _, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "volume", Name: "n2", Datacenter: "dc2"}); err != nil {
		t.Fatal(err)
	}
	for round := range 6 {
		of, by := complete(one), complete(one)
		for i := range 5 {
			if (i+round)%4 != 0 {
				of.items = append(of.items, thing(one, fmt.Sprintf("vm-%d", i), serial(i), named(fmt.Sprintf("n%d", (i*round)%4)),
					attrs(`{"cpu_count":%d,"hostname":"h%d"}`, i*(1+round%2), round), tagged("round", fmt.Sprint(round/2))))
			}
			by.items = append(by.items, thing(one, fmt.Sprintf("pc-%d", i), serial(i), named(fmt.Sprintf("alias-%d-%d", i, round*i/4))))
		}
		l.run(a, of)
		moments = append(moments, l.clock.now())
		l.clock.add(time.Minute)
		l.run(b, by)
		moments = append(moments, l.clock.now())
		l.clock.add(time.Minute)
		if round == 3 {
			if err := l.s.UnwatchConnection(l.ctx, tenant, "left", "user:test", "moved"); err != nil {
				t.Fatal(err)
			}
			l.clock.add(31 * 24 * time.Hour)
			l.s.opt.Retention = 24 * time.Hour
			if err := l.s.prune(l.ctx, l.clock.now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	return moments
}

// Where more changed on both sides of a moment than is held, lists of it are gone through in their order, and are the same, page by page.
func TestPastIsWalkedAsItIsHeld(t *testing.T) {
	for _, e := range engines(t) {
		t.Run(e.name, func(t *testing.T) {
			l := newLab(t, func(o *Options) { o.Store = e.open(t) })
			moments := eventful(t, l)
			few := walking(l.s)
			every := 2 // of all questions
			if e.name != "with transactions" {
				every = 48 // the others are to show that they answer as that one does
			}
			hidden, pruned := 0, 0
			if err := store.Each(l.ctx, l.s.opt.Store, store.Query{Table: tChanges, Tenant: tenant, Where: eq(filter.Field{Path: []string{"quiet"}, Type: filter.Bool}, true)}, func(store.Row) error { hidden++; return nil }); err != nil || hidden == 0 {
				t.Fatalf("%d changes are not shown: %v", hidden, err)
			}
			if err := store.Each(l.ctx, l.s.opt.Store, store.Query{Table: tPruned, Tenant: tenant}, func(store.Row) error { pruned++; return nil }); err != nil || pruned != 2 {
				t.Fatalf("%d were pruned: %v", pruned, err)
			}
			kinds, err := few.kindsOfChanges(l.ctx, tenant)
			if err != nil || !slices.Equal(kinds, []string{"server", "volume"}) {
				t.Fatalf("there were changes of %v: %v", kinds, err)
			}
			orders := [][]store.Order{nil, {{Field: text("name")}}, {{Field: text("name"), Desc: true}}, {{Field: when("updated_at"), Desc: true}},
				{{Field: when("updated_at")}}, {{Field: text("name")}, {Field: when("updated_at"), Desc: true}}}
			one, err := l.s.List(l.ctx, everyone, ListQuery{Kind: "server", StateNamed: true})
			if err != nil {
				t.Fatal(err)
			}
			wheres := []filter.Expr{nil, eq(text("name"), "n2"), filter.Compare{Field: number("attributes", "cpu_count"), Op: filter.Ge, Value: 3.0}, filter.Text{Field: texts("words"), Words: []string{"alias"}},
				in(text("state"), []string{"gone", "unwatched"}), in(filter.RowID, []string{one.Items[0].ID, one.Items[1].ID}), eq(texts("tag_pairs"), "round=1"),
				filter.Or{filter.Compare{Field: text("attributes", "hostname"), Op: filter.Contains, Value: "H3"}, filter.Not{Of: filter.Exists{Field: number("attributes", "cpu_count")}}}}
			callers := []Caller{everyone, {Tenant: tenant, Name: "user:part", Roots: []string{"dc2"}}, {Tenant: tenant, Name: "user:one", Roots: []string{one.Items[0].ID, one.Items[2].ID}}, {Tenant: "other", TenantWide: true}}
			found, shortened := map[int]int{}, 0
			for i, at := range moments {
				for j, order := range orders {
					for k, where := range wheres {
						if (i+7*j+3*k)%every != 0 {
							continue
						}
						for w, who := range callers {
							q := ListQuery{Kind: "server", AsOf: at, Limit: 2, Order: order, Where: where, StateNamed: k == 4, CountExact: i%2 == 0}
							want, n := listsOf(t, l, l.s, who, q)
							got, _ := listsOf(t, l, few, who, q)
							if found[w] += n; got != want {
								t.Errorf("as of %s by %v, condition %d, %s: got\n%swant\n%s", at, order, k, who.Name, got, want)
							}
							work := []int{1, 9, 150, 1000}[(i+j+k+w)%4]
							if every > 2 {
								work = 150 // each answer takes these long
							}
							want, _ = rowsOf(t, l, l.s, who, q, n)
							part := working(l.s, work)
							if (i+k)%2 == 0 {
								part.opt.ChangesHeld = 12 // who sees little has that looked up
							}
							got, cut := rowsOf(t, l, part, who, q, n)
							if shortened += cut; got != want {
								t.Errorf("with work %d as of %s by %v, condition %d, %s: got\n%swant\n%s", work, at, order, k, who.Name, got, want)
							}
						}
					}
				}
				for w, who := range callers {
					if i%every > 1 {
						continue
					}
					want, err := l.s.Facets(l.ctx, who, ListQuery{Kind: "server", AsOf: at}, []string{"state", "name", "hostname", "tags"}, 3)
					got, ferr := few.Facets(l.ctx, who, ListQuery{Kind: "server", AsOf: at}, []string{"state", "name", "hostname", "tags"}, 3)
					if err != nil || ferr != nil || got.Looked != 0 || fmt.Sprint(got.Facets) != fmt.Sprint(want.Facets) {
						t.Errorf("values as of %s for caller %d: got %v (%v), want %v (%v)", at, w, got, ferr, want, err)
					}
				}
			}
			if shortened == 0 {
				t.Error("no page was cut short")
			}
			for w := range callers {
				if (found[w] == 0) != (w == 3) {
					t.Errorf("caller %d sees %d", w, found[w])
				}
			}
		})
	}
}

// listsOf are all pages of a kind's list and of that of all kinds, and how many there are.
func listsOf(t *testing.T, l *lab, s *Service, who Caller, q ListQuery) (out string, n int) {
	t.Helper()
	heads := q
	for {
		list, err := s.List(l.ctx, who, q)
		if err != nil {
			t.Fatal(err)
		}
		out += fmt.Sprintf("(%d %t:", list.Total, list.More)
		for _, r := range list.Items {
			out += fmt.Sprintf(" %s %s/%d %s %s", r.ID[:4], r.Name, r.Version, r.State, r.Attributes)
		}
		n += len(list.Items)
		out += ")\n"
		if q.After = list.Next; q.After == "" {
			break
		}
	}
	for {
		list, err := s.Heads(l.ctx, who, heads)
		if err != nil {
			t.Fatal(err)
		}
		out += fmt.Sprintf("[%d %t:", list.Total, list.More)
		for _, h := range list.Items {
			out += fmt.Sprintf(" %s %s/%d %s %s", h.ID[:4], h.Name, h.Version, h.State, h.UpdatedAt.Format(time.StampMicro))
		}
		n += len(list.Items)
		out += "]\n"
		if heads.After = list.Next; heads.After == "" {
			return out, n
		}
	}
}

// rowsOf are the rows of all pages of a kind's list and of that of all kinds, of n, and how many pages were cut short.
func rowsOf(t *testing.T, l *lab, s *Service, who Caller, q ListQuery, n int) (out string, cut int) {
	t.Helper()
	pages, looked := 0, 0
	turn := func(next string, total, sofar, found int, more bool) bool {
		if pages++; pages > 1000 {
			t.Fatalf("there is no end after %d pages", pages)
		}
		if (sofar != 0) && (next == "" || sofar <= looked) {
			t.Errorf("a page is cut short after %d, the one before after %d, and goes on at %q", sofar, looked, next)
		}
		if sofar != 0 {
			looked, cut = sofar, cut+1
		} else {
			looked = 0
		}
		if n > 0 && total > n || total < found && !more {
			t.Errorf("%d are counted, more %t, %d found until then", total, more, found)
		}
		return next != ""
	}
	heads := q
	for found := 0; ; {
		list, err := s.List(l.ctx, who, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list.Items {
			out += fmt.Sprintf(" %s %s/%d %s %s\n", r.ID[:4], r.Name, r.Version, r.State, r.Attributes)
		}
		found += len(list.Items)
		if q.After = list.Next; !turn(list.Next, list.Total, list.Looked, found, list.More) {
			break
		}
	}
	pages, looked = 0, 0
	for found := 0; ; {
		list, err := s.Heads(l.ctx, who, heads)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range list.Items {
			out += fmt.Sprintf(" %s %s/%d %s %s\n", h.ID[:4], h.Name, h.Version, h.State, h.UpdatedAt.Format(time.StampMicro))
		}
		found += len(list.Items)
		if heads.After = list.Next; !turn(list.Next, list.Total, list.Looked, found, list.More) {
			return out, cut
		}
	}
}
