package inventory

import (
	"strings"
	"testing"

	"maestro.internal/sdk/resource"
)

func (l *lab) observations(name string) []ObservationView {
	l.t.Helper()
	obs, err := l.s.Observations(l.ctx, everyone, "server", l.server(name).ID)
	if err != nil {
		l.t.Fatal(err)
	}
	return obs
}

func TestJunkJoinsNothingAndIsSeen(t *testing.T) {
	for name, id := range map[string]struct{ typ, value string }{
		"a placeholder":              {"serial", "To be filled by O.E.M."},
		"an all-zero UUID":           {"bios_uuid", "00000000-0000-0000-0000-000000000000"},
		"an all-F UUID":              {"bios_uuid", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"},
		"no MAC address":             {"mac", "00:00:00:00:00:00"},
		"a driver's MAC address":     {"mac", "02:00:4c:4f:4f:50"},
		"what the administrator set": {"serial", "LAB-0001"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, func(o *Options) { o.Junk = []string{"serial=LAB-0001"} })
			a, b := newAgent(l.s, "a", 1), newAgent(l.s, "b", 2)
			b.conn.Provider = "other"
			l.run(a, complete(one, thing(one, "a1", has(id.typ, id.value))))
			l.run(b, complete(one, thing(one, "b1", has(id.typ, id.value))))
			l.want(l.servers(), "name of a1 active a", "name of b1 active b")
			r := l.server("name of b1")
			if len(r.Identifiers) != 1 || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "names no single thing") {
				t.Errorf("identifiers %v, warnings %q", r.Identifiers, r.Warnings)
			}
			if w := l.observations("name of b1")[0].Warnings; len(w) != 1 {
				t.Errorf("the observation's warnings: %q", w)
			}
			// The warning lasts as long as the value does.
			l.run(b, complete(one, thing(one, "b1", named("b1"), has(id.typ, id.value))))
			if w := l.server("b1").Warnings; len(w) != 1 {
				t.Errorf("after an edit: %q", w)
			}
			l.run(b, complete(one, thing(one, "b1", named("b1"))))
			if w := l.server("b1").Warnings; len(w) != 0 {
				t.Errorf("without it: %q", w)
			}
		})
	}
}

func TestMatchExplainsItself(t *testing.T) {
	const uuid = "4210f2a4-0000-1111-2222-333344445555"
	with := func(addr string) func(*resource.Envelope) {
		return attrs(`{"ip_addresses":["%s"],"primary_ip":"%s"}`, addr, addr)
	}
	for name, tc := range map[string]struct {
		first, second []func(*resource.Envelope)
		match         string
		conflicts     string
	}{
		"nothing differs": {
			[]func(*resource.Envelope){has("serial", "S-4711"), with("10.0.0.1")}, []func(*resource.Envelope){has("serial", "S-4711"), with("10.0.0.1")},
			"matched on serial, rank 3", ""},
		"addresses moved": {
			[]func(*resource.Envelope){has("serial", "S-4711"), with("10.0.0.1")}, []func(*resource.Envelope){has("serial", "S-4711"), with("10.0.0.2")},
			"matched on serial, rank 3; addresses conflict", "addresses"},
		"the strongest is told": {
			[]func(*resource.Envelope){has("serial", "S-4711"), has("bios_uuid", uuid)}, []func(*resource.Envelope){has("serial", "S-4711"), has("bios_uuid", uuid)},
			"matched on bios_uuid, rank 2", ""},
		"others differ": {
			[]func(*resource.Envelope){has("serial", "S-4711"), has("bios_uuid", uuid), has("mac", "02:00:00:00:01:01"), with("10.0.0.1")},
			[]func(*resource.Envelope){has("serial", "S-4712"), has("bios_uuid", uuid), has("mac", "02:00:00:00:01:02"), with("10.0.0.2")},
			"matched on bios_uuid, rank 2; addresses, mac and serial conflict", "addresses mac serial"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			a, b := newAgent(l.s, "a", 1), newAgent(l.s, "b", 2)
			b.conn.Provider = "other"
			l.run(a, complete(one, thing(one, "a1", tc.first...)))
			l.run(b, complete(one, thing(one, "b1", tc.second...)))
			obs := l.observations("name of a1")
			if len(obs) != 2 || obs[0].Match != "first seen here" || obs[0].Matched != nil || obs[1].Match != tc.match || obs[1].Matched == nil {
				t.Fatalf("%+v", obs)
			}
			if got := strings.Join(obs[1].Matched.Conflicts, " "); got != tc.conflicts {
				t.Errorf("conflicts %q", got)
			}
		})
	}
}

// One identity seen by two live connections of one plugin at things that cannot be one: a machine cloned with its agent.
func TestClonedAgentsAreQuarantined(t *testing.T) {
	l := newLab(t)
	a, b := newAgent(l.s, "a", 1), newAgent(l.s, "b", 2)
	machine := func(key, uuid string, more ...func(*resource.Envelope)) resource.Envelope {
		return thing(one, key, append(more, named(key), has("machine_id", "b08dfa6083e7567a1921a715000001fb"), has("bios_uuid", uuid))...)
	}
	const first, second = "4210f2a4-0000-1111-2222-333344445501", "4210f2a4-0000-1111-2222-333344445502"
	l.run(a, complete(one, machine("a1", first)))
	l.run(b, complete(one, machine("b1", second)))
	id := l.server("a1").ID
	// However often the two take turns, each keeps its own resource and its own history.
	for i := range 3 {
		l.run(a, complete(one, machine("a1", first, tagged("turn", string(rune('a'+i))))))
		l.run(b, complete(one, machine("b1", second, tagged("turn", string(rune('a'+i))))))
		l.want(l.servers(), "a1 active a", "b1 active b")
	}
	for _, line := range l.history(id)[1:] {
		if line != "updated /tags/turn" && line != "updated /tags/turn /warnings" {
			t.Errorf("history: %s", line)
		}
	}
	items := l.reviews(everyone, ReviewQuery{Type: ReviewQuarantine})
	if items.Total != 1 || !strings.Contains(items.Items[0].Detail, "at things with different bios_uuid") {
		t.Fatalf("%+v", items)
	}
	if _, err := l.s.DecideReview(l.ctx, everyone, items.Items[0].ID, true, "it got a new board"); err != nil {
		t.Fatal(err)
	}
	l.want(l.servers(), "a1 active a+b")
	l.checkChain("server")
}

// A join by a weak identifier that a stronger one contradicts is made, and a person is asked.
func TestContradictionsAreAskedAbout(t *testing.T) {
	for _, together := range []bool{true, false} {
		l := newLab(t)
		a, b := l.twoPlugins()
		mac := has("mac", "02:00:00:00:01:01")
		l.run(a, complete(one, thing(one, "a1", named("old"), mac, has("serial", "S-1"))))
		l.run(b, complete(one, thing(one, "b1", named("new"), mac, has("serial", "S-2"))))
		l.want(l.servers(), "old active a+b")
		items := l.reviews(everyone, ReviewQuery{Type: ReviewConflict})
		if items.Total != 1 || items.Items[0].Detail != "joined by mac=02:00:00:00:01:01, but serial differs, which is stronger" || items.Items[0].ExternalID != "b1" {
			t.Fatalf("%+v", items)
		}
		if _, err := l.s.DecideReview(l.ctx, everyone, items.Items[0].ID, together, ""); err != nil {
			t.Fatal(err)
		}
		if together {
			l.want(l.servers(), "old active a+b")
		} else {
			l.want(l.servers(), "new active b", "old active a")
		}
		if left := l.reviews(everyone, ReviewQuery{}); left.Total != 0 {
			t.Errorf("%+v", left)
		}
		l.checkChain("server")
	}
}

// Firmware of one machine is read in either order of bytes; that is no contradiction.
func TestSwappedUUIDsAreOne(t *testing.T) {
	l := newLab(t)
	a, b := l.twoPlugins()
	l.run(a, complete(one, thing(one, "a1", named("vm"), has("serial", "S-1"), has("bios_uuid", "a4f21042-0000-1111-2222-333344445555"))))
	l.run(b, complete(one, thing(one, "b1", has("serial", "S-1"), has("bios_uuid", "4210f2a4-0000-1111-2222-333344445555"))))
	l.want(l.servers(), "vm active a+b")
	if m := l.observations("vm")[1].Match; m != "matched on serial, rank 3" {
		t.Error(m)
	}
}
