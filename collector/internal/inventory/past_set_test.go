package inventory

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// What was forgotten for having been unwatched or gone for long is there in lists of before, and not in those of after.
func TestThePastOfWhatWasPruned(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Retention = 24 * time.Hour })
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1", named("left"), attrs(`{"ip_addresses":["10.0.0.1"]}`)), thing(one, "k2", named("stays")), thing(one, "k3", named("went"))))
	l.run(a, complete(one, thing(one, "k1", named("left"), attrs(`{"ip_addresses":["10.0.0.1"]}`)), thing(one, "k2", named("stays"))))
	if err := l.s.UnwatchConnection(l.ctx, tenant, "a", "user:test", "moved"); err != nil {
		t.Fatal(err)
	}
	then := l.clock.now()
	l.clock.add(48 * time.Hour)
	if err := l.s.Sweep(l.ctx, l.clock.now()); err != nil {
		t.Fatal(err)
	}
	look := func(at time.Time) string {
		t.Helper()
		q := ListQuery{Kind: "server", AsOf: at, Order: []store.Order{{Field: text("name")}}}
		var out []string
		list, err := l.s.List(l.ctx, everyone, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list.Items {
			out = append(out, r.Name)
		}
		heads, err := l.s.Heads(l.ctx, everyone, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range heads.Items {
			out = append(out, h.Name)
		}
		facets, err := l.s.Facets(l.ctx, everyone, q, []string{"state"}, 5)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range facets.Facets[0].Values {
			out = append(out, v.Where, fmt.Sprint(v.Count))
		}
		tree, err := l.s.Ranges(l.ctx, everyone, RoutingDomain{Connections: []string{"a"}}, netip.Prefix{}, at)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(append(out, tree.lines()...), " ")
	}
	if got := look(time.Time{}); got != "" {
		t.Errorf("now there is %s", got)
	}
	if got, want := look(then), "left stays left stays state = unwatched 2 state = gone 1 10.0.0.1 server left"; got != want {
		t.Errorf("then there was %s, want %s", got, want)
	}
	horizon := l.clock.now().Add(time.Hour)
	l.s.opt.Horizon = func(context.Context, string) (time.Time, error) { return horizon, nil }
	if err := l.s.Sweep(l.ctx, l.clock.now()); err != nil {
		t.Fatal(err)
	}
	if n, err := l.s.opt.Store.Count(l.ctx, store.Query{Table: tPruned, Tenant: tenant}, 0); err != nil || n != 0 {
		t.Errorf("%d are remembered for nobody: %v", n, err)
	}
}

// Values are the most frequent ones of the moment, also those that few or none have today, with rights as they are today.
func TestFacetsOfThePastAmongManyValues(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	a.conn.Datacenter = "dc1"
	fill := func(host func(i int) string) {
		t.Helper()
		var items []resource.Envelope
		for i := range 40 {
			items = append(items, thing(one, fmt.Sprintf("k%02d", i), named(fmt.Sprintf("n%02d", i)), attrs(`{"hostname":%q}`, host(i)), tagged("role", host(i))))
		}
		l.run(a, complete(one, items...))
	}
	fill(func(i int) string { // twelve are "old", six "older", and the others differ
		switch {
		case i < 12:
			return "old"
		case i < 18:
			return "older"
		}
		return fmt.Sprintf("h%02d", i)
	})
	then := l.clock.now()
	fill(func(i int) string {
		switch {
		case i < 18:
			return fmt.Sprintf("h%02d", i)
		case i < 30:
			return "new"
		}
		return fmt.Sprintf("h%02d", i)
	})
	mine := Caller{Tenant: tenant, Name: "user:x", Roots: []string{resourceIDOf(obsID(tenant, "a", "server", "k03"))}}
	for _, ask := range []struct {
		who   Caller
		at    time.Time
		limit int
		want  string
	}{
		{everyone, time.Time{}, 1, "new 12"}, {everyone, then, 1, "old 12"}, {everyone, then, 2, "old 12 older 6"}, {everyone, then, 3, "old 12 older 6 h18 1"},
		{mine, then, 3, "old 1"}, {mine, time.Time{}, 3, "h03 1"}, {Caller{Tenant: "other", TenantWide: true}, then, 3, ""},
	} {
		facets, err := l.s.Facets(l.ctx, ask.who, ListQuery{Kind: "server", AsOf: ask.at}, []string{"hostname", "tags"}, ask.limit)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range facets.Facets {
			var out []string
			for _, v := range f.Values {
				out = append(out, fmt.Sprint(strings.TrimPrefix(fmt.Sprint(v.Value), "role="), " ", v.Count))
			}
			if got := strings.Join(out, " "); got != ask.want {
				t.Errorf("%d of %s at %s, field %d: %s, want %s", ask.limit, ask.who.Name, ask.at, i, got, ask.want)
			}
		}
	}
}

// A document that is passed over surely lacks a word; what is written with escapes or other letters is looked at.
func TestWordsThatADocumentMayHave(t *testing.T) {
	for _, ask := range []struct {
		doc   string
		words string
		want  bool
	}{
		{`{"name":"Web-1"}`, "web 1", true}, {`{"name":"Web-1"}`, "web 2", false}, {`{"name":"w\u0065b"}`, "web", true}, {`{"name":"ＷＥＢ"}`, "web", true}, {`{}`, "", true},
	} {
		if got := mayHaveWords([]byte(ask.doc), strings.Fields(ask.words)); got != ask.want {
			t.Errorf("%s may have %q: %t", ask.doc, ask.words, got)
		}
		if words := filter.Words(ask.doc); !ask.want && !slices.ContainsFunc(strings.Fields(ask.words), func(w string) bool { return !slices.Contains(words, w) }) {
			t.Errorf("%s has %q", ask.doc, ask.words)
		}
	}
}
