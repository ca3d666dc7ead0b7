package why_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/why"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// stop checks where the walk ends, and that the step there says the words.
func stop(t *testing.T, a rest.Why, verdict, at string, words ...string) {
	t.Helper()
	if a.Verdict != verdict || a.StopsAt != at {
		t.Errorf("%s at %q, want %s at %q: %s", a.Verdict, a.StopsAt, verdict, at, a.Summary)
		for _, s := range a.Steps {
			t.Logf("%s %s: %s %+v", s.Step, s.Verdict, s.Found, s.Findings)
		}
		return
	}
	said := a.Summary
	for _, s := range a.Steps {
		if s.Step == at {
			for _, f := range s.Findings {
				said += "\n" + f.Text + "\n" + f.Advice
			}
			said += "\n" + s.Found + "\n" + s.Advice
		}
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("%q is not said in:\n%s", word, said)
		}
	}
}

func step(a rest.Why, name string) rest.WhyStep {
	for _, s := range a.Steps {
		if s.Step == name {
			return s
		}
	}
	return rest.WhyStep{}
}

func TestItIsThere(t *testing.T) {
	w := newWorld(t)
	x := w.connect("fra")
	w.sync(x, complete("a", server("k1", "web-1", serial("SN-4711"), func(e *resource.Envelope) { e.Attributes = []byte(`{"primary_ip":"10.1.2.3"}`) })))
	id := w.ask("web-1").Resources[0].Resource.ID
	for text, how := range map[string]string{"web-1": "id|name", "WEB-1": "name", " web-1 ": "name", id: "id", "sn-4711": "identifier", "SN-4711": "identifier", "k1": "external id", "10.1.2.3": "address"} {
		a := w.ask(text)
		stop(t, a, "ok", "")
		if len(a.Resources) != 1 || !strings.Contains(how, a.Resources[0].How) || a.Resources[0].Resource.ID != id {
			t.Errorf("%q is found as %+v, want it by its %s", text, a.Resources, how)
		}
		if m := step(a, "merge"); m.Verdict != "ok" || len(m.Findings) != 1 || m.Findings[0].Connection.Name != "fra" {
			t.Errorf("merge says %+v", m)
		}
	}
	if a := w.ask("web"); a.Verdict == "ok" || len(a.Resources) != 1 || a.Resources[0].How != "words" {
		t.Errorf("what is merely alike: %s %+v", a.Verdict, a.Resources)
	}
	for _, text := range []string{"10.1.2.4", "10.1.2.0/30", "00:50:56:0a:01:02"} {
		if a := w.ask(text); len(a.Resources) != 0 {
			t.Errorf("%s is no name that is remembered in part: %+v", text, a.Resources)
		}
	}
	if a := w.ask("web-1", ofKind("volume")); a.Verdict == "ok" {
		t.Errorf("a server was found among the volumes: %+v", a)
	}
}

// Blanks belong to a name: only where nothing is called so with them are they taken for a slip.
func TestBlanksAreOfTheName(t *testing.T) {
	w := newWorld(t)
	x := w.connect("fra")
	w.sync(x, complete("a", server("k1", "web-1"), server("k2", "web-1 "), server("k3", " db")))
	for text, want := range map[string]string{"web-1": "web-1", "web-1 ": "web-1 ", " web-1": "web-1", " db": " db"} {
		a := w.ask(text)
		stop(t, a, "ok", "")
		if len(a.Resources) != 1 || a.Resources[0].Resource.Name != want {
			t.Errorf("%q is found as %+v, want %q", text, a.Resources, want)
		}
	}
}

// Whatever it was that took a resource away is told by the first step.
func TestItLeft(t *testing.T) {
	w := newWorld(t)
	x := w.connect("fra")
	all := []resource.Envelope{server("k1", "web-1"), server("k2", "web-2"), server("k3", "web-3")}
	w.sync(x, complete("a", all...), complete("b", server("k9", "db-1")))
	run := w.sync(x, complete("a", all[1:]...), complete("b", server("k9", "db-1")))
	a := w.ask("web-1")
	stop(t, a, "stops_here", "inventory", "is gone since", "no longer listed it", "state = gone")
	if f := step(a, "inventory").Findings[0]; f.RunID != run {
		t.Errorf("the run that proved it is %q, want %q", f.RunID, run)
	}
	w.sync(x, complete("a", all[1:]...)) // the plan has no rack b any more
	stop(t, w.ask("db-1"), "stops_here", "inventory", "nobody looks at it", "plan")

	kept, err := w.inventory.List(t.Context(), admin, inventory.ListQuery{Kind: "server"})
	must(t, err)
	ids := map[string]inventory.Resource{}
	for _, r := range kept.Items {
		ids[r.Name] = r
	}
	_, err = w.inventory.Merge(t.Context(), admin, inventory.MergeRequest{Kind: "server", ID: ids["web-2"].ID, Version: ids["web-2"].Version, Other: ids["web-3"].ID, Reason: "the same"})
	must(t, err)
	stop(t, w.ask("web-3"), "stops_here", "inventory", `lives on as "web-2"`, "user:anna", "maestro split")
}

func TestARemovalIsHeld(t *testing.T) {
	w := newWorld(t)
	x := w.connect("fra")
	var many []resource.Envelope
	for i := range 30 {
		name := "vm-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		many = append(many, server(name, name))
	}
	w.sync(x, complete("a", many...))
	w.sync(x, complete("a"))
	a := w.ask("vm-aa")
	stop(t, a, "ok", "")
	if s := step(a, "inventory"); !strings.Contains(s.Found, "waits for a person") {
		t.Errorf("inventory says %q", s.Found)
	}
}

func TestItWasRenamed(t *testing.T) {
	w := newWorld(t)
	x := w.connect("fra")
	w.sync(x, complete("a", server("k1", "old-name")))
	w.sync(x, complete("a", server("k1", "new-name")))
	a := w.ask("old-name")
	stop(t, a, "ok", "", `"new-name"`)
	if a.Resources[0].How != "former name" {
		t.Errorf("found by %q", a.Resources[0].How)
	}
}

func TestConnections(t *testing.T) {
	w := newWorld(t)
	stop(t, w.ask("web-1"), "cannot_tell", "connection", "No connection")
	off := w.connect("fra", func(c *rest.ConnectionWrite) {
		c.Kinds = []rest.KindScheduleWrite{{Kind: "server", Enabled: new(bool)}, {Kind: "volume", IntervalSeconds: 60}}
	})
	stop(t, w.ask("web-1", ofKind("server")), "stops_here", "connection", "does not read the kind server", "Turn the kind on")
	stop(t, w.ask("web-1", ofKind("software")), "stops_here", "connection", "No connection reads the kind software")

	change := func(edit func(*rest.ConnectionWrite)) {
		t.Helper()
		now, err := w.fleet.Connection(t.Context(), admin, off.ID)
		must(t, err)
		write := rest.ConnectionWrite{Name: "fra", Provider: "toy", Agent: w.agent.ID, Settings: json.RawMessage(`{}`)}
		edit(&write)
		off, err = w.fleet.UpdateConnection(t.Context(), admin, off.ID, now.Version, write)
		must(t, err)
	}
	change(func(c *rest.ConnectionWrite) { c.Paused = true })
	stop(t, w.ask("web-1"), "stops_here", "connection", "is paused")
	change(func(c *rest.ConnectionWrite) { c.Agent = "" })
	stop(t, w.ask("web-1"), "stops_here", "connection", "has no agent")

	change(func(c *rest.ConnectionWrite) { c.Settings = json.RawMessage(`{"racks":["b"]}`) })
	w.sync(off, complete("b"))
	stop(t, w.ask("web-1"), "cannot_tell", "connection", "racks = b", "leave it out")
	change(func(c *rest.ConnectionWrite) { c.QuietHours = []string{"00:00-24:00"} })
	stop(t, w.ask("web-1"), "cannot_tell", "connection", "quiet hours")

	change(func(*rest.ConnectionWrite) {})
	w.sync(off, complete("b"))
	w.beat(rest.SpoolStatus{})
	a := w.ask("web-1")
	if a.Verdict != "cannot_tell" || a.StopsAt != "" || !strings.Contains(a.Summary, "None listed it") {
		t.Errorf("when all is well and it is not at the provider: %s at %q: %s", a.Verdict, a.StopsAt, a.Summary)
	}
	w.now = w.now.Add(time.Hour)
	stop(t, w.ask("web-1"), "cannot_tell", "connection", "offline")
}

func TestNarrowedSettingsOfWhatWasThere(t *testing.T) {
	w := newWorld(t)
	x := w.connect("fra")
	w.sync(x, complete("a", server("k1", "web-1")), complete("b"))
	w.sync(x, complete("b"))
	stop(t, w.ask("web-1"), "stops_here", "inventory", "nobody looks at it")
}

func TestPermission(t *testing.T) {
	w := newWorld(t)
	x := w.connect("fra")
	w.sync(x, complete("a", server("k1", "web-1")), ended(resource.StatusDenied, "b", "NoPermission: System.View on rack b", "Grant System.View."))
	a := w.ask("web-2")
	stop(t, a, "stops_here", "permission", "NoPermission: System.View on rack b", "rack b", "Grant System.View.")
	if f := step(a, "permission").Findings[0]; f.Connection.ID != x.ID || f.Kind != "server" || f.RunID == "" {
		t.Errorf("the finding is %+v", f)
	}
	if a := w.ask("web-1"); a.Verdict != "ok" {
		t.Errorf("what is there is not missing because something else is denied: %s", a.Summary)
	}
}

func TestTheLastCheck(t *testing.T) {
	w := newWorld(t)
	x := w.connect("fra")
	w.sync(x, complete("a"))
	_, err := w.fleet.Check(t.Context(), admin, x.ID, nil, 0)
	must(t, err)
	due, err := w.fleet.Due(t.Context(), w.agent)
	must(t, err)
	report, err := json.Marshal(provider.CheckReport{Items: []provider.CheckItem{{Kind: "server", Name: "racks.list", Message: "403 Forbidden", Advice: "Add the role reader."},
		{Kind: "volume", Name: "disks.list", Message: "nothing to do with it"}}})
	must(t, err)
	must(t, w.fleet.Answered(t.Context(), w.agent, due[0].ID, true, "", report))
	w.now = w.now.Add(48 * time.Hour)
	must(t, w.fleet.Sweep(t.Context(), w.now)) // commands are forgotten, what a check said is not
	w.beat(rest.SpoolStatus{})
	a := w.ask("web-1", ofKind("server"))
	stop(t, a, "stops_here", "permission", "racks.list", "403 Forbidden", "Add the role reader.")
	if n := len(step(a, "permission").Findings); n != 1 {
		t.Errorf("%d findings, want the one of servers", n)
	}
}

func TestRuns(t *testing.T) {
	w := newWorld(t)
	x := w.connect("fra")
	stop(t, w.ask("web-1"), "stops_here", "run", "never ran", "maestro run "+x.ID)
	w.sync(x, complete("a"), ended(resource.StatusThrottled, "b", "429 Too Many Requests", "Lower the request rate."))
	stop(t, w.ask("web-1"), "stops_here", "run", "429 Too Many Requests", "throttled", "rack b", "Lower the request rate.")
	w.sync(x, complete("a"), ended(resource.StatusNotTried, "b", "", ""))
	stop(t, w.ask("web-1"), "stops_here", "run", "not tried")
	w.sync(x, complete("a"), complete("b"))
	w.beat(rest.SpoolStatus{})
	id, err := w.fleet.RequestRun(t.Context(), admin, x.ID, nil)
	must(t, err)
	stop(t, w.ask("web-1"), "cannot_tell", "run", "waits for its agent")
	must(t, w.inventory.FailRun(t.Context(), "default", id, "the plugin crashed"))
	stop(t, w.ask("web-1"), "stops_here", "run", "the plugin crashed")
}

func TestSpoolAndPolicy(t *testing.T) {
	w := newWorld(t, "kind vol* is dropped", "field /name of server is masked")
	x := w.connect("fra")
	w.sync(x, complete("a"))
	w.beat(rest.SpoolStatus{Captures: 3})
	a := w.ask("web-1", ofKind("server"))
	stop(t, a, "cannot_tell", "spool", "field /name of server is masked", "3 captures")
	stop(t, w.ask("disk-1", ofKind("volume")), "stops_here", "spool", "kind vol* is dropped", "who runs the site")
}

func TestReceipt(t *testing.T) {
	w := newWorld(t)
	x := w.connect("fra")
	wrong := server("k2", "web-2")
	wrong.Major = 2
	w.sync(x, complete("a", server("k1", "web-1"), wrong))
	w.beat(rest.SpoolStatus{})
	for _, text := range []string{"web-2", "k2"} {
		stop(t, w.ask(text), "stops_here", "receipt", `"k2"`, "major version 2")
	}
	stop(t, w.ask("web-3"), "cannot_tell", "receipt", "1 item of server in rack a not taken")
	stop(t, w.ask("web-1"), "ok", "")
}

func TestJoinedIntoAnother(t *testing.T) {
	w := newWorld(t)
	a, b := w.connect("one"), w.connect("two")
	w.sync(a, complete("a", server("k1", "web-1", serial("SN-1"))))
	w.sync(b, complete("a", server("m1", "node-17.example", serial("SN-1"))))
	got := w.ask("node-17.example")
	stop(t, got, "stops_here", "merge", `joined into "web-1"`, "maestro split", "matched on serial, rank 3")
	if len(got.Resources) != 1 || got.Resources[0].How != "other name" {
		t.Errorf("found as %+v", got.Resources)
	}
	stop(t, w.ask("web-1"), "ok", "")
	if found, err := w.inventory.List(t.Context(), admin, inventory.ListQuery{Kind: "server"}); err != nil || found.Total != 1 {
		t.Fatalf("%v %v", found, err)
	}
}

func TestNamedByAPerson(t *testing.T) {
	w := newWorld(t)
	w.sync(w.connect("one"), complete("a", server("k1", "web-1")))
	found, err := w.inventory.List(t.Context(), admin, inventory.ListQuery{Kind: "server"})
	must(t, err)
	it := found.Items[0]
	_, err = w.inventory.Patch(t.Context(), admin, inventory.PatchRequest{Kind: "server", ID: it.ID, Version: it.Version, Set: map[string]json.RawMessage{"/name": json.RawMessage(`"shop"`)}})
	must(t, err)
	got := w.ask("web-1")
	stop(t, got, "ok", "")
	if len(got.Resources) != 1 || !strings.Contains(got.Resources[0].Detail, "somebody changed") {
		t.Errorf("found as %+v", got.Resources)
	}
	for _, s := range got.Steps {
		if s.Step == "merge" && (len(s.Findings) == 0 || s.Findings[0].Text != `A source calls it "web-1"; a person named it "shop".`) {
			t.Errorf("merge: %+v", s)
		}
	}
}

func TestContested(t *testing.T) {
	w := newWorld(t)
	x := w.connect("one")
	w.sync(x, complete("a", server("k1", "web-1", serial("SN-1")), server("k2", "web-2", serial("SN-1"))))
	a := w.ask("SN-1")
	stop(t, a, "stops_here", "merge", "several things", "joins nothing")
	if len(a.Resources) != 2 {
		t.Errorf("found %+v", a.Resources)
	}
}

// Whoever may not see something learns nothing of it: the answer is the one for what does not exist.
func TestNothingLeaks(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	mine, err := w.fleet.CreateDatacenter(ctx, admin, rest.DatacenterWrite{Name: "mine"})
	must(t, err)
	other, err := w.fleet.CreateDatacenter(ctx, admin, rest.DatacenterWrite{Name: "other"})
	must(t, err)
	in := func(id string) func(*rest.ConnectionWrite) {
		return func(c *rest.ConnectionWrite) { c.Datacenter = id }
	}
	a, b := w.connect("a", in(mine.ID)), w.connect("b", in(other.ID))
	w.sync(a, complete("a", server("k1", "web-1", serial("SN-1"))))
	w.sync(b, complete("secret rack", server("m1", "payroll", serial("SN-2"))), ended(resource.StatusDenied, "vault", "denied", ""))
	guest := inventory.Caller{Tenant: "default", Name: "user:guest", Roots: []string{mine.ID}}
	stop(t, w.askAs(guest, "web-1"), "ok", "")
	plain := func(text string) string {
		out := w.askAs(guest, text)
		for i := range out.Steps {
			for j := range out.Steps[i].Findings {
				out.Steps[i].Findings[j].At = time.Time{}
			}
		}
		b, err := json.Marshal(out)
		must(t, err)
		return strings.ReplaceAll(string(b), text, "X")
	}
	nothing := plain("nowhere")
	for _, text := range []string{"payroll", "SN-2", "m1"} {
		if got := plain(text); got != nothing {
			t.Errorf("the answer for %s is another one than for what does not exist:\n%s\n%s", text, got, nothing)
		}
	}
	for _, word := range []string{"vault", "secret", other.ID, b.ID, `"other"`} {
		if strings.Contains(nothing, word) {
			t.Errorf("%q is told: %s", word, nothing)
		}
	}
	if s := step(w.askAs(guest, "payroll"), "access"); s.Verdict != "cannot_tell" || !strings.Contains(s.Found, "granted to you") {
		t.Errorf("access says %+v", s)
	}
	var invalid *inventory.InvalidError
	if _, err := w.why.Ask(ctx, guest, why.Question{Text: "x", Connection: b.ID}); !errors.As(err, &invalid) {
		t.Errorf("a connection that he may not read: %v", err)
	}
}

func TestWhatIsAskedMustMakeSense(t *testing.T) {
	w := newWorld(t)
	for _, q := range []why.Question{{Text: "  "}, {Text: "x", Kind: "sever"}, {Text: "x", Connection: "nowhere"}} {
		var invalid *inventory.InvalidError
		if _, err := w.why.Ask(context.Background(), admin, q); !errors.As(err, &invalid) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}
