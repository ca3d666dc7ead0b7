package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// What a page asks of a list beside its rows is the same on every engine, for who may see all and for who may see a part: the marks to
// jump to, the values of its fields, the newest changes, and what is committed while somebody looks on.
func TestWhatAPageAsksOnMongo(t *testing.T) {
	for _, e := range engines(t) {
		t.Run(e.name, func(t *testing.T) {
			l := newLab(t, func(o *Options) { o.Store = e.open(t) })
			all := map[string][]read{}
			agents := map[string]*agent{}
			for n, dc := range []string{"dc1", "dc2"} {
				agents[dc] = newAgent(l.s, "a-"+dc, int64(n+1))
				agents[dc].conn.Datacenter = dc
				r := complete(one)
				for i := range 12 {
					power := []string{"on", "off", "on"}[i%3]
					r.items = append(r.items, thing(one, fmt.Sprintf("%s-%02d", dc, i), named(fmt.Sprintf("%s-%02d", dc, i)), tagged("env", power),
						attrs(`{"power_state":%q,"memory_bytes":%d}`, power, 1<<(20+i%4))))
				}
				all[dc] = []read{r}
				l.run(agents[dc], r)
			}
			part := Caller{Tenant: tenant, Name: "user:part", Roots: []string{"dc2"}}
			fields, err := l.s.Fields(l.ctx, tenant, "server")
			if err != nil {
				t.Fatal(err)
			}
			for _, ask := range []struct {
				who  Caller
				text string
				rows int
				want string
			}{
				{everyone, "", 24, "state active=24; power_state on=16 off=8; datacenter dc1=12 dc2=12"},
				{part, "", 12, "state active=12; power_state on=8 off=4; datacenter dc2=12"},
				{part, "power_state = off", 4, "state active=4; power_state off=4; datacenter dc2=4"},
				{everyone, "memory_bytes > 2000000 AND power_state = on", 12, "state active=12; power_state on=12; datacenter dc1=6 dc2=6"},
				{everyone, "name = nobody", 0, "state; power_state; datacenter"},
			} {
				q := ListQuery{Kind: "server", Order: []store.Order{{Field: text("name")}}}
				if ask.text != "" {
					if q.Where, _, err = filter.Parse(ask.text, fields, l.clock.t); err != nil {
						t.Fatal(err)
					}
				}
				names := []string{"state", "power_state", "datacenter"}
				if e.name != "ferretdb" { // which does not count the values of lists within documents
					names = append(names, "tags")
				}
				facets, err := l.s.Facets(l.ctx, ask.who, q, names, 5)
				if err != nil {
					t.Fatal(err)
				}
				got := ""
				for _, f := range facets.Facets[:3] {
					got += "; " + f.Field
					for _, v := range f.Values {
						got += fmt.Sprintf(" %v=%d", v.Value, v.Count)
					}
				}
				if got[2:] != ask.want {
					t.Errorf("%s of %s: %s, want %s", ask.text, ask.who.Name, got[2:], ask.want)
				}
				for _, tags := range facets.Facets[3:] {
					power := facets.Facets[1].Values
					if !slices.EqualFunc(tags.Values, power, func(a, b FacetValue) bool { return a.Value == "env="+b.Value.(string) && a.Count == b.Count }) {
						t.Errorf("tags %+v, but power states %+v", tags.Values, power)
					}
				}
				marks, err := l.s.Marks(l.ctx, ask.who, q, 5)
				if err != nil || marks.Total != ask.rows || len(marks.Positions) != max(0, (ask.rows-1)/5) {
					t.Fatalf("%s: %+v %v", ask.text, marks, err)
				}
				q.Limit = 100
				whole, err := l.s.List(l.ctx, ask.who, q)
				if err != nil || len(whole.Items) != ask.rows {
					t.Fatalf("%s: %d listed, %v", ask.text, len(whole.Items), err)
				}
				for i, at := range marks.Positions {
					q.After = at
					rest, err := l.s.List(l.ctx, ask.who, q)
					if err != nil || len(rest.Items) != ask.rows-5*(i+1) || rest.Items[0].ID != whole.Items[5*(i+1)].ID {
						t.Errorf("%s: from mark %d on %d are listed, %v", ask.text, i, len(rest.Items), err)
					}
				}
			}

			watches := map[string]*ChangeWatch{}
			for name, who := range map[string]Caller{"all": everyone, "part": part} {
				if watches[name], err = l.s.WatchChanges(l.ctx, who, l.clock.t); err != nil {
					t.Fatal(err)
				}
			}
			l.clock.t = l.clock.t.Add(time.Second)
			r := all["dc1"][0]
			r.items = slices.Clone(r.items)
			r.items[0] = thing(one, "dc1-00", named("renamed"))
			l.run(agents["dc1"], r)
			for name, want := range map[string]int{"all": 1, "part": 0} {
				told, err := watches[name].Look(l.ctx, l.clock.t)
				n := 0
				for _, c := range told {
					n += c.Count
				}
				if err != nil || n != want {
					t.Errorf("who may see %s is told of %+v, %v", name, told, err)
				}
			}
			for who, want := range map[string]int{"all": 25, "part": 12} {
				c := map[string]Caller{"all": everyone, "part": part}[who]
				list, err := l.s.Changes(l.ctx, c, ChangeQuery{Limit: 100})
				if err != nil || len(list.Items) != want || !slices.IsSortedFunc(list.Items, func(a, b Change) int { return b.At.Compare(a.At) }) {
					t.Errorf("who may see %s has %d changes, %v", who, len(list.Items), err)
				}
			}
		})
	}
}
