package inventory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// mark is what the model's servers looked like at a moment.
type mark struct {
	at    time.Time
	looks map[string]string
}

func (x *comparison) mark() {
	m := mark{at: x.clock.now(), looks: map[string]string{}}
	for server := range x.m.history {
		m.looks[server] = x.m.look(server)
	}
	x.marks = append(x.marks, m)
}

// addressOf tells of a server's memory of processors which address it had. Servers share some.
func addressOf(cpus int) string { return fmt.Sprintf("10.0.0.%d", 1+(cpus/100_000+cpus)%5) }

// part of a look, "" where it has none.
func part(look, name string) string {
	_, rest, _ := strings.Cut(look, " "+name+"=")
	if q, err := strconv.QuotedPrefix(rest); err == nil {
		rest, _ = strconv.Unquote(q)
		return rest
	}
	value, _, _ := strings.Cut(rest, " ")
	return value
}

func (m mark) state(server string) string { return strings.Fields(m.looks[server])[0] }

// comparePast asks for moments that went by what was asked of the present then.
func (x *comparison) comparePast() {
	x.rt.Helper()
	if len(x.marks) == 0 {
		return
	}
	held := x.s
	defer func() { x.s = held }()
	for range 3 {
		m := rapid.SampledFrom(x.marks).Draw(x.rt, "moment")
		if x.s = held; rapid.Bool().Draw(x.rt, "gone through") {
			x.s = walking(held)
			if rapid.Bool().Draw(x.rt, "a little at a time") {
				x.s = working(held, rapid.IntRange(1, 2000).Draw(x.rt, "work"))
			}
		}
		x.compareSearch(m)
		x.compareFacets(m)
		x.compareAddresses(m)
	}
}

func (x *comparison) compareSearch(m mark) {
	x.rt.Helper()
	ask := func(what string, where filter.Expr, stateNamed bool, meets func(server string) bool) {
		x.rt.Helper()
		var want []string
		for server := range m.looks {
			if m.state(server) != "merged" && (stateNamed || m.state(server) != "gone") && meets(server) {
				want = append(want, server)
			}
		}
		slices.SortFunc(want, func(a, b string) int {
			return cmp.Or(strings.Compare(part(m.looks[a], "name"), part(m.looks[b], "name")), strings.Compare(x.idOf(a), x.idOf(b)))
		})
		var got []string
		servers := filter.And{eq(text("kind"), "server")} // there are volumes too
		if where != nil {
			servers = append(servers, where)
		}
		q := ListQuery{AsOf: m.at, Where: servers, StateNamed: stateNamed, Limit: 2, Order: []store.Order{{Field: text("name")}}}
		for {
			page, err := x.s.Heads(context.Background(), everyone, q)
			if err != nil {
				x.fail("%v", err)
			}
			for _, h := range page.Items {
				server := x.nameOf(h.ID)
				if got = append(got, server); h.Name != part(m.looks[server], "name") || string(h.State) != m.state(server) {
					x.fail("as of %s %s is %+v, was %s", m.at, server, h, m.looks[server])
				}
			}
			if page.Total != len(want) && (!page.More || page.Total > len(want)) || page.Looked != 0 && page.Next == "" {
				x.fail("as of %s %d are found by %s, should be %d", m.at, page.Total, what, len(want))
			}
			if q.After = page.Next; page.Next == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			x.fail("as of %s %s finds %v, should be %v", m.at, what, got, want)
		}
	}
	named := func(word string) func(string) bool {
		return func(server string) bool { return strings.Contains(part(m.looks[server], "name"), word) }
	}
	ask("nothing", nil, false, func(string) bool { return true })
	ask("a word", filter.Text{Field: texts("words"), Words: []string{"k1"}}, false, func(s string) bool {
		return named("k1")(s) || part(m.looks[s], "host") != "" && strings.Contains(part(m.looks[s], "host"), "k1") || strings.HasSuffix(s, "/k1") && shared("k1") && m.state(s) != "merged"
	})
	ask("a state", eq(text("state"), "gone"), true, func(s string) bool { return m.state(s) == "gone" })
	ask("another state", filter.Compare{Field: text("state"), Op: filter.Ne, Value: "active"}, true, func(s string) bool { return m.state(s) != "active" })
}

func (x *comparison) compareFacets(m mark) {
	x.rt.Helper()
	fields := map[string]string{"name": "name", "hostname": "host", "cpu_count": "cpu"}
	names := slices.Sorted(maps.Keys(fields))
	for _, limit := range []int{1, 3, 100} {
		got, err := x.s.Facets(context.Background(), everyone, ListQuery{Kind: "server", AsOf: m.at}, append(names, "state"), limit)
		if err != nil {
			x.fail("%v", err)
		}
		if got.Looked != 0 {
			x.comparePart(m, got)
			continue
		}
		for _, f := range got.Facets {
			counts := map[string]int{}
			for server, look := range m.looks {
				switch state := m.state(server); {
				case f.Field == "state" && state != "merged":
					counts[state]++
				case state != "merged" && state != "gone" && part(look, fields[f.Field]) != "":
					counts[part(look, fields[f.Field])]++
				}
			}
			order := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
				i, _ := strconv.Atoi(a)
				j, _ := strconv.Atoi(b)
				return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(i, j), strings.Compare(a, b))
			})
			var has, want []string
			for _, v := range order[:min(limit, len(order))] {
				want = append(want, fmt.Sprintf("%s %d", v, counts[v]))
			}
			for _, v := range f.Values {
				value := fmt.Sprint(v.Value)
				if n, ok := v.Value.(float64); ok {
					value = strconv.Itoa(int(n))
				}
				has = append(has, fmt.Sprintf("%s %d", value, v.Count))
			}
			if !slices.Equal(has, want) || f.More != (len(order) > limit) {
				x.fail("as of %s the values of %s are %q, more %t, should be %q of %d", m.at, f.Field, has, f.More, want, len(order))
			}
		}
	}
	sum, err := x.s.Summary(context.Background(), everyone, m.at)
	if err != nil {
		x.fail("%v", err)
	}
	want := map[string]int{}
	for server := range m.looks {
		want[m.state(server)]++
	}
	for _, k := range sum.Kinds {
		if k.Kind == "server" && (k.Active != want["active"] || k.Gone != want["gone"] || k.Unwatched != want["unwatched"]) {
			x.fail("as of %s there are %+v, should be %v", m.at, k, want)
		}
	}
}

// comparePart is of values of which not all were counted: none is counted too often.
func (x *comparison) comparePart(m mark, got *FacetList) {
	x.rt.Helper()
	if x.s.opt.PastWork > 2000 || got.Looked > 2*len(m.looks)+rowsPerUnit {
		x.fail("as of %s the values were counted among %d of %d", m.at, got.Looked, len(m.looks))
	}
	for _, f := range got.Facets {
		n := f.Without
		for _, v := range f.Values {
			n += v.Count
		}
		if n > len(m.looks) {
			x.fail("as of %s there are %d values of %s among %d servers", m.at, n, f.Field, len(m.looks))
		}
	}
}

func (x *comparison) compareAddresses(m mark) {
	x.rt.Helper()
	tree, err := x.s.Ranges(context.Background(), everyone, RoutingDomain{Connections: []string{"a", "b", ""}}, netip.Prefix{}, m.at)
	if err != nil {
		x.fail("%v", err)
	}
	want := map[string][]string{}
	for server, look := range m.looks {
		if cpus, err := strconv.Atoi(part(look, "cpu")); err == nil && m.state(server) != "gone" && m.state(server) != "merged" {
			want[addressOf(cpus)] = append(want[addressOf(cpus)], server)
		}
	}
	for _, a := range tree.Addresses {
		var holders []string
		for _, h := range a.Holders {
			holders = append(holders, x.nameOf(h.ID))
		}
		slices.Sort(holders)
		if should := slices.Sorted(slices.Values(want[a.Address.String()])); !slices.Equal(holders, should) || a.Duplicate != (len(should) > 1) {
			x.fail("as of %s %s is of %v, duplicate %t, should be %v", m.at, a.Address, holders, a.Duplicate, should)
		}
		delete(want, a.Address.String())
	}
	if len(want) > 0 {
		x.fail("as of %s addresses are missing: %v", m.at, want)
	}
}
