package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// What is different between two moments is what two reads of the past differ in, whatever happened in between.
func TestCompareIsTheDifferenceOfTwoPasts(t *testing.T) {
	c := newClock()
	s := New(Options{Store: openSQLite(t), Clock: c.now})
	ctx, sites := t.Context(), 0
	rapid.Check(t, func(t *rapid.T) {
		sites++
		everyone := Caller{Tenant: fmt.Sprint("site", sites), Name: "user:test", TenantWide: true}
		var ids []string
		var moments []time.Time
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			moments = append(moments, c.now())
			if len(ids) == 0 || rapid.Bool().Draw(t, "new") {
				r, err := s.Create(ctx, everyone, CreateRequest{Kind: "server", Name: fmt.Sprintf("s%d", len(ids))})
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, r.ID)
				continue
			}
			id := rapid.SampledFrom(ids).Draw(t, "which")
			r, err := s.Get(ctx, everyone, "server", id)
			if err != nil {
				t.Fatal(err)
			}
			set := map[string]json.RawMessage{rapid.SampledFrom([]string{"/name", "/common/notes"}).Draw(t, "field"): encodeJSON(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "value"))}
			if _, err := s.Patch(ctx, everyone, PatchRequest{Kind: "server", ID: id, Version: r.Version, Set: set}); err != nil {
				t.Fatal(err)
			}
		}
		moments = append(moments, c.now())
		i := rapid.IntRange(0, len(moments)-2).Draw(t, "since")
		j := rapid.IntRange(i+1, len(moments)-1).Draw(t, "until")
		q := CompareQuery{Since: moments[i], Until: moments[j], Limit: rapid.IntRange(1, 3).Draw(t, "page")}
		found := map[string]Difference{}
		for {
			page, err := s.Compare(ctx, everyone, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range page.Items {
				if _, twice := found[d.ID]; twice {
					t.Fatalf("%s is listed twice", d.ID)
				}
				found[d.ID] = d
			}
			if page.Next == "" {
				break
			}
			q.After = page.Next
		}
		for _, id := range ids {
			was, errWas := s.AsOf(ctx, everyone, "server", id, moments[i])
			is, errIs := s.AsOf(ctx, everyone, "server", id, moments[j])
			d, listed := found[id]
			one, err := s.CompareOne(ctx, everyone, "server", id, moments[i], moments[j])
			if err != nil || listed != (one.Action != "") {
				t.Fatalf("%s alone: %+v %v, listed: %v", id, one, err, listed)
			}
			switch {
			case errors.Is(errIs, ErrNotFound):
				if listed {
					t.Errorf("%s is listed before it was there: %+v", id, d)
				}
			case errors.Is(errWas, ErrNotFound):
				if d.Action != "created" {
					t.Errorf("%s was created: %+v", id, d)
				}
			default:
				same := was.Name == is.Name && string(was.Common) == string(is.Common)
				if same == listed || listed && (d.Action != "updated" || len(d.Diff) == 0 || d.From != was.Version || d.To != is.Version) {
					t.Errorf("%s was %s %s, is %s %s: %+v", id, was.Name, was.Common, is.Name, is.Common, d)
				}
			}
		}
	})
}

// Only those who may see a resource today see what became of it.
func TestCompareIsLimitedToWhatOneMaySee(t *testing.T) {
	c := newClock()
	s := New(Options{Store: openSQLite(t), Clock: c.now})
	before := c.now()
	mine, err := s.Create(t.Context(), everyone, CreateRequest{Kind: "server", Name: "mine", Datacenter: "dc1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), everyone, CreateRequest{Kind: "server", Name: "theirs", Datacenter: "dc2"}); err != nil {
		t.Fatal(err)
	}
	check := func(what string, caller Caller, q CompareQuery, want int) {
		t.Helper()
		q.Since = before
		list, err := s.Compare(t.Context(), caller, q)
		if err != nil || len(list.Items) != want || want == 1 && list.Items[0].ID != mine.ID {
			t.Errorf("%s: %+v %v", what, list, err)
		}
	}
	check("everything", everyone, CompareQuery{}, 2)
	check("one datacenter", everyone, CompareQuery{Datacenter: "dc1"}, 1)
	check("another kind", everyone, CompareQuery{Kind: "volume"}, 0)
	check("rights to one of them", Caller{Tenant: tenant, Name: "user:x", Roots: mine.AccessRoots}, CompareQuery{}, 1)
	check("another tenant", Caller{Tenant: "other", TenantWide: true}, CompareQuery{}, 0)
	if _, err := s.Compare(t.Context(), everyone, CompareQuery{Since: c.now().Add(time.Hour)}); err == nil {
		t.Error("compared backwards")
	}
	s.opt.Horizon = func(context.Context, string) (time.Time, error) { return before.Add(time.Second), nil }
	if _, err := s.Compare(t.Context(), everyone, CompareQuery{Since: before}); !errors.Is(err, ErrHorizon) {
		t.Errorf("compared with what is forgotten: %v", err)
	}
}

// Both ways to answer for the past, from today backwards and from the beginning, answer the same, page by page.
func TestTwoWaysIntoThePast(t *testing.T) {
	c := newClock()
	s := New(Options{Store: openSQLite(t), Clock: c.now})
	ctx := t.Context()
	a := newAgent(s, "a", 1)
	var moments []time.Time
	for round := range 13 { // ids of changes do not sort as their versions do
		var items []resource.Envelope
		for i := range 12 {
			if (i+round)%4 == 0 {
				continue // gone this time
			}
			items = append(items, thing(one, fmt.Sprintf("vm-%02d", i), attrs(`{"cpu_count":%d,"hostname":"h%d"}`, i*(1+round%2), (i+round)%3)))
		}
		if _, err := a.push(ctx, a.build([]string{"server"}, c.now(), complete(one, items...))); err != nil {
			t.Fatal(err)
		}
		moments = append(moments, c.now())
	}
	server := s.builtin["server"].Kind
	pages := func(at time.Time, where filter.Expr, order store.Order, list func(ListQuery, filter.And) (pastFound, error)) string {
		t.Helper()
		out := ""
		q := ListQuery{Kind: "server", AsOf: at, Limit: 3, Order: []store.Order{order}}
		for {
			page, err := list(q, filter.And{everyone.may(), shown(false), where})
			if err != nil {
				t.Fatal(err)
			}
			out += fmt.Sprintf("(%d:", page.total)
			for _, row := range page.rows {
				r, err := decodeRow[resourceDoc](row)
				if err != nil {
					t.Fatal(err)
				}
				out += fmt.Sprintf(" %s/%d %s", r.Name, row.Version, r.Attributes)
			}
			out += ")\n"
			if page.next == "" {
				return out
			}
			q.After = page.next
		}
	}
	for i, at := range moments {
		for _, where := range []filter.Expr{filter.Const(true), eq(text("attributes", "hostname"), "h1"), filter.Compare{Field: number("attributes", "cpu_count"), Op: filter.Ge, Value: 6.0}} {
			for _, order := range []store.Order{{Field: text("name")}, {Field: number("attributes", "cpu_count"), Desc: true}} {
				list := func(recent bool) func(ListQuery, filter.And) (pastFound, error) {
					return func(q ListQuery, w filter.And) (found pastFound, err error) {
						err = s.differing(ctx, everyone, server, at, recent, func(p *pastSet) (err error) {
							if recent != (p.changed != nil) {
								t.Fatal("gave up")
							}
							found, err = s.pageThen(ctx, everyone, p, q, w, pastPosition{})
							return err
						})
						return found, err
					}
				}
				want, got := pages(at, where, order, list(false)), pages(at, where, order, list(true))
				if got != want {
					t.Errorf("as of round %d, %s by %v: got\n%swant\n%s", i, filter.Format(where), order, got, want)
				}
			}
		}
	}
}
