package inventory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// A page of the past is cut out of rows that come in any order as if all of them had been kept, and keeps a few.
func TestPastPage(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	const n, limit = 500, 7
	rows := make([]pastRow, n)
	for i := range rows {
		doc := fmt.Sprintf(`{"name":"n%02d"}`, i%23) // names repeat, so the id decides
		if i%11 == 0 {
			doc = `{}`
		}
		rows[i] = pastRow{id: fmt.Sprintf("id-%03d", i), version: 1, doc: []byte(doc)}
	}
	for _, desc := range []bool{false, true} {
		order := []store.Order{{Field: text("name"), Desc: desc}}
		at := make(map[string]store.Cursor, n)
		for _, r := range rows {
			cur, err := store.CursorOf(order, store.Row{ID: r.id, Doc: r.doc})
			if err != nil {
				t.Fatal(err)
			}
			at[r.id] = cur
		}
		sorted := slices.SortedFunc(slices.Values(rows), func(a, b pastRow) int { return store.CompareCursors(order, at[a.id], at[b.id]) })
		for from := 0; from < n; from += limit {
			rnd.Shuffle(n, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			q := ListQuery{Order: order, Limit: limit}
			if from > 0 {
				var err error
				if q.After, err = at[sorted[from-1].id].Encode(order); err != nil {
					t.Fatal(err)
				}
			}
			p, err := newPastPage(q)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				doc, err := filter.NewRowReader(r.id, r.doc)
				if err != nil {
					t.Fatal(err)
				}
				p.take(r, doc)
				if len(p.first) > 4*(limit+1) {
					t.Fatalf("%d rows are kept", len(p.first))
				}
			}
			p.cut()
			var got, want []string
			for _, r := range p.first {
				got = append(got, r.id)
			}
			for _, r := range sorted[from:min(n, from+limit+1)] {
				want = append(want, r.id)
			}
			if !slices.Equal(got, want) || p.matched != n {
				t.Fatalf("from %d, descending %t: %v of %d, want %v", from, desc, got, p.matched, want)
			}
		}
	}
}

// A list of the past by what only a row's document says (words, tags, rights) is the same either way.
func TestThePastByWhatIsDerived(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	a.conn.Datacenter = "dc1"
	l.run(a, complete(one, thing(one, "k1", named("payments one"), tagged("env", "prod")), thing(one, "k2", named("payments two")), thing(one, "k3", named("shop"), tagged("env", "prod"))))
	before := l.clock.now()
	l.run(a, complete(one, thing(one, "k1", named("billing")), thing(one, "k2", named("payments two"), tagged("env", "prod")), thing(one, "k3", named("shop"), tagged("env", "prod"))))
	reader := Caller{Tenant: tenant, Name: "user:x", Roots: []string{l.server("billing").ID}, Connections: []string{"a"}}
	fields, err := l.s.Fields(l.ctx, tenant, "server")
	if err != nil {
		t.Fatal(err)
	}
	for _, ask := range []struct {
		who  Caller
		text string
		want []string
	}{
		{everyone, `payments`, []string{"payments one", "payments two"}},
		{everyone, `tags.env = "prod"`, []string{"payments one", "shop"}},
		{everyone, `NOT name = "shop"`, []string{"payments one", "payments two"}},
		{everyone, `id = "` + l.server("billing").ID + `"`, []string{"payments one"}},
		{reader, `name = *`, []string{"payments one"}},
		{reader, `shop`, nil},
	} {
		where, _, err := filter.Parse(ask.text, fields, l.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		list, err := l.s.List(l.ctx, ask.who, ListQuery{Kind: "server", AsOf: before, Where: where, Order: []store.Order{{Field: text("name")}}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range list.Items {
			got = append(got, r.Name)
		}
		if !slices.Equal(got, ask.want) || list.Total != len(ask.want) {
			t.Errorf("%s: %v, %d in all, want %v", ask.text, got, list.Total, ask.want)
		}
	}
}
