package inventory

import (
	"fmt"
	"testing"

	"maestro.internal/sdk/resource"
)

func (l *lab) reviews(c Caller, q ReviewQuery) *ReviewList {
	l.t.Helper()
	got, err := l.s.ReviewItems(l.ctx, c, q)
	if err != nil {
		l.t.Fatal(err)
	}
	return got
}

// bridged makes n pairs of servers that a third connection says to be one, by an identifier that is too weak to join them.
func (l *lab) bridged(n int) {
	l.t.Helper()
	a, b := newAgent(l.s, "a", 1), newAgent(l.s, "b", 2)
	a.conn.Provider, b.conn.Provider, a.conn.Datacenter = "pa", "pb", "dc1"
	var apart, together []resource.Envelope
	for i := range n {
		mac, uuid := has("mac", fmt.Sprintf("02:00:00:00:01:%02d", i)), has("bios_uuid", fmt.Sprintf("4210f2a4-0000-1111-2222-3333444455%02d", i))
		apart = append(apart, thing(one, fmt.Sprintf("m%d", i), named(fmt.Sprintf("mac %d", i)), mac), thing(one, fmt.Sprintf("u%d", i), named(fmt.Sprintf("uuid %d", i)), uuid))
		together = append(together, thing(one, fmt.Sprintf("b%d", i), mac, uuid))
	}
	l.run(a, complete(one, apart...))
	for i := range n {
		l.run(b, complete(one, together[:i+1]...))
	}
}

func TestReviewItems(t *testing.T) {
	l := newLab(t)
	l.bridged(3)
	all := l.reviews(everyone, ReviewQuery{})
	if len(all.Items) != 3 || all.Total != 3 || all.Next != "" || all.More {
		t.Fatalf("%+v", all)
	}
	first := all.Items[0]
	if first.Kind != "server" || first.State != "open" || first.Identifier.Type != "mac" || first.Identifier.Value != "02:00:00:00:01:02" ||
		first.Connection != "b" || first.ExternalID != "b2" || first.Resources[0].Name != "uuid 2" || first.Resources[1].Name != "mac 2" {
		t.Errorf("the newest: %+v", first)
	}
	// Pages follow each other without gaps, whatever their size.
	for size := 1; size <= 3; size++ {
		var got []string
		q := ReviewQuery{Kind: "server", Limit: size}
		for {
			page := l.reviews(everyone, q)
			for _, r := range page.Items {
				got = append(got, r.ID)
			}
			if len(page.Items) > size || page.Total != 3 {
				t.Errorf("pages of %d: %+v", size, page)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		l.want(got, all.Items[0].ID, all.Items[1].ID, all.Items[2].ID)
	}
	if got := l.reviews(everyone, ReviewQuery{Kind: "volume"}); len(got.Items) != 0 || got.Total != 0 {
		t.Errorf("of another kind: %+v", got)
	}
}

func TestReviewItemsAreForWhoMayReadBoth(t *testing.T) {
	l := newLab(t)
	l.bridged(2)
	a, b := l.server("mac 1").ID, l.server("uuid 1").ID
	for name, tc := range map[string]struct {
		roots []string
		want  int
	}{
		"nothing": {nil, 0}, "one of the two": {[]string{a}, 0}, "the other": {[]string{b}, 0}, "both": {[]string{a, b}, 1}, "the datacenter": {[]string{"dc1"}, 2},
	} {
		got := l.reviews(Caller{Tenant: tenant, Roots: tc.roots}, ReviewQuery{Limit: 1})
		if got.Total != tc.want || len(got.Items) != min(1, tc.want) || (got.Next != "") != (tc.want > 1) {
			t.Errorf("%s: %d of %d", name, len(got.Items), got.Total)
		}
		for _, r := range got.Items {
			if r.Connection != "" || r.ExternalID != "" {
				t.Errorf("%s: tells of another's connection: %+v", name, r)
			}
		}
	}
	if got := l.reviews(Caller{Tenant: "other", TenantWide: true}, ReviewQuery{}); got.Total != 0 {
		t.Errorf("another tenant sees %+v", got.Items)
	}
}

// What has become one since, by a stronger identifier, waits for nobody.
func TestReviewItemsEndWithTheirReason(t *testing.T) {
	l := newLab(t)
	a, b, c := newAgent(l.s, "a", 1), newAgent(l.s, "b", 2), newAgent(l.s, "c", 3)
	a.conn.Provider, b.conn.Provider, c.conn.Provider = "pa", "pb", "pc"
	l.run(a, complete(one, thing(one, "a1", named("one"), has("mac", "02:00:00:00:00:01"))))
	l.run(b, complete(one, thing(one, "b1", named("two"), has("bios_uuid", "4210f2a4-0000-1111-2222-333344445555"))))
	weak := []func(*resource.Envelope){has("mac", "02:00:00:00:00:01"), has("bios_uuid", "4210f2a4-0000-1111-2222-333344445555")}
	l.run(c, complete(one, thing(one, "c1", weak...)))
	if got := l.reviews(everyone, ReviewQuery{}); got.Total != 1 {
		t.Fatalf("%+v", got)
	}
	l.run(a, complete(one, thing(one, "a1", named("one"), has("mac", "02:00:00:00:00:01"), has("instance_id", "i-1"))))
	l.run(b, complete(one, thing(one, "b1", named("two"), has("bios_uuid", "4210f2a4-0000-1111-2222-333344445555"), has("instance_id", "i-1"))))
	l.want(l.servers(), "one active a+b+c")
	if got := l.reviews(everyone, ReviewQuery{}); got.Total != 0 || len(got.Items) != 0 {
		t.Errorf("%+v", got.Items)
	}
}
