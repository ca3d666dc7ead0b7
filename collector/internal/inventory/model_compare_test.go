package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"maestro.internal/collector/internal/store"
)

// actual is the inventory by natural names.
func (x *comparison) actual() (looks map[string]string, ids map[string]string) {
	x.rt.Helper()
	looks, ids = map[string]string{}, map[string]string{}
	ctx := context.Background()
	err := store.Each(ctx, x.s.opt.Store, store.Query{Table: tResources, Tenant: tenant, Part: "server"}, func(r store.Row) error {
		doc, err := decodeRow[resourceDoc](r)
		if err != nil {
			return err
		}
		name := x.nameOf(r.ID)
		if _, twice := looks[name]; twice {
			return fmt.Errorf("two resources of %s", name)
		}
		looks[name], ids[name] = doc.look(), r.ID
		return nil
	})
	if err != nil && !strings.Contains(err.Error(), "no part") {
		x.fail("%v", err)
	}
	return looks, ids
}

func (r *revision) look() string {
	attributes, _ := decodeJSON(r.Attributes).(map[string]any)
	text := func(v any) string {
		if v == nil {
			return ""
		}
		return fmt.Sprint(v)
	}
	common, _ := decodeJSON(r.Common).(map[string]any)
	return fmt.Sprintf("%s name=%q cpu=%s host=%s by=%s notes=%s", r.State, r.Name, text(attributes["cpu_count"]), text(attributes["hostname"]),
		strings.Join(r.Connections, ""), text(common["notes"]))
}

func (x *comparison) compare() {
	x.rt.Helper()
	got, _ := x.actual()
	want := map[string]string{}
	for server := range x.m.history {
		want[server] = x.m.look(server)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			x.fail("%s is\n\t%s, should be\n\t%s", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		x.fail("%d servers, should be %d: %v", len(got), len(want), got)
	}
	held := 0
	for _, c := range x.m.conns {
		for _, rows := range c.rows {
			for _, r := range rows {
				if r.state == "held" {
					held++
				}
			}
		}
	}
	n, err := x.s.opt.Store.Count(context.Background(), store.Query{Table: tIndex, Tenant: tenant, Where: eq(text("state"), string(rowHeld))}, 0)
	if err != nil || n != held {
		x.fail("%d keys are held, should be %d: %v", n, held, err)
	}
}

func (x *comparison) compareHistory() {
	x.rt.Helper()
	ctx := context.Background()
	_, ids := x.actual()
	for _, server := range slices.Sorted(maps.Keys(x.m.history)) {
		var got, runs []string
		err := store.Each(ctx, x.s.opt.Store, store.Query{Table: tChanges, Tenant: tenant, Where: eq(text("resource_id"), ids[server]),
			Order: []store.Order{{Field: number("version")}}}, func(r store.Row) error {
			c, err := decodeRow[changeDoc](r)
			got, runs = append(got, c.Action+": "+c.Revision.look()), append(runs, c.RunID)
			return err
		})
		if err == nil {
			err = x.s.Verify(ctx, tenant, ids[server])
		}
		if err != nil {
			x.fail("%v", err)
		}
		got, want := seenChanges(x.withoutTries(got, runs)), seenChanges(x.m.history[server])
		if !slices.Equal(got, want) {
			x.fail("history of %s is\n\t%s\nshould be\n\t%s", server, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
}

// withoutTries leaves out what a store without transactions was left with by tries of what it choked on, and had taken back.
func (x *comparison) withoutTries(history, runs []string) []string {
	look := func(h string) string {
		_, l, _ := strings.Cut(h, ": ")
		return l
	}
	var out []string
	for i := 0; i < len(history); i++ {
		tried := x.tried[runs[i]] && slices.ContainsFunc(x.poisoned, func(looks string) bool { return strings.Contains(history[i], looks) })
		if tried && len(out) > 0 && i+1 < len(history) && look(out[len(out)-1]) == look(history[i+1]) {
			i++
			continue
		}
		out = append(out, history[i])
	}
	return out
}
