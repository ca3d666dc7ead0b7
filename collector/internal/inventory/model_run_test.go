package inventory

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/sdk/resource"
)

// world is what there is to discover by one connection.
type world struct {
	conn   string
	at     map[string]string // key -> scope
	ver    map[string]int
	hidden map[string]bool // by narrower settings
	fp     string
	fresh  bool // settings were changed since the last run was built
	agent  *agent
	late   []*lateRun
	last   *lateRun
	faults
}

type lateRun struct {
	sp *spec
	mr modelRun
	by *agent
}

var modelScopes = map[string]resource.Scope{one.Key(): one, two.Key(): two}

func (w *world) envelope(scope resource.Scope, key string) resource.Envelope {
	v := w.ver[key]
	env := thing(scope, key, named(fmt.Sprintf("%s %s v%d", w.conn, key, v)))
	if w.conn == "a" {
		env.Attributes = []byte(fmt.Sprintf(`{"cpu_count":%d,"ip_addresses":[%q]}`, cpuOf(key, v), addressOf(cpuOf(key, v))))
	} else {
		env.Attributes = []byte(fmt.Sprintf(`{"hostname":%q}`, hostSeen(key, v)))
	}
	if shared(key) {
		env.Identifiers = []resource.Identifier{{Type: "serial", Value: "SERIAL-" + key}}
	}
	return env
}

// build takes a run's readings of the world as it is.
func (w *world) build(t *rapid.T, at time.Time) *lateRun {
	scopes := []string{one.Key(), two.Key()}
	all := w.fresh
	if !all {
		switch rapid.IntRange(0, 5).Draw(t, "plan") {
		case 0:
			scopes = scopes[:1]
		case 1:
			scopes = []string{scopes[1], scopes[0]}
		}
	}
	lr := &lateRun{by: w.agent, mr: modelRun{conn: w.conn, fp: w.fp, complete: true}}
	var reads []read
	for _, sc := range scopes {
		status := resource.StatusComplete
		if !all {
			status = rapid.SampledFrom([]resource.Status{resource.StatusComplete, resource.StatusComplete, resource.StatusComplete, resource.StatusPartial,
				resource.StatusDenied}).Draw(t, "status")
		}
		rd, mrd := read{scope: modelScopes[sc], status: status}, modelRead{scope: sc, status: string(status), items: map[string]int{}}
		for _, key := range slices.Sorted(maps.Keys(w.at)) {
			if w.at[key] != sc || w.hidden[key] || status == resource.StatusDenied {
				continue
			}
			if status == resource.StatusPartial && rapid.Bool().Draw(t, "unlisted "+key) {
				continue
			}
			rd.items = append(rd.items, w.envelope(rd.scope, key))
			mrd.items[key] = w.ver[key]
		}
		reads, lr.mr.reads = append(reads, rd), append(lr.mr.reads, mrd)
	}
	lr.sp = w.agent.build([]string{"server"}, at, reads...)
	lr.sp.fp = w.fp
	if !all && rapid.IntRange(0, 3).Draw(t, "plan incomplete") == 0 {
		lr.sp.partialPlan, lr.mr.complete = true, false
	}
	lr.mr.pos = position{lr.sp.epoch, lr.sp.gen}
	w.fresh = false
	return lr
}

// RunModel compares the inventory with the model over random sequences. A failing sequence is printed and kept by rapid, and
// replayed by running the test again.
func RunModel(t *testing.T, open func(t tb) store.Store) {
	rapid.Check(t, func(rt *rapid.T) {
		x := &comparison{rt: rt, open: open, clock: newClock(), m: newModel("a", "b"), worlds: map[string]*world{}, tried: map[string]bool{}}
		x.use(open(rt), "", "")
		for i, name := range []string{"a", "b"} {
			w := &world{conn: name, at: map[string]string{}, ver: map[string]int{}, hidden: map[string]bool{}, fp: "f0", agent: newAgent(x.s, name, int64(i))}
			w.agent.conn.Provider = "p" + name
			w.agent.parts = rapid.Bool().Draw(rt, "lists in parts")
			for k := range 6 {
				if rapid.Bool().Draw(rt, "there") {
					w.at[fmt.Sprintf("k%d", k)] = rapid.SampledFrom([]string{one.Key(), two.Key()}).Draw(rt, "scope")
				}
			}
			x.worlds[name] = w
		}
		x.selectEarly()
		for range rapid.IntRange(3, 28).Draw(rt, "steps") {
			x.step()
			x.compare()
			x.mark()
		}
		x.comparePast()
		x.compareHistory()
		x.compareSelected()
		x.compareSeal()
	})
}

type comparison struct {
	rt    *rapid.T
	open  func(t tb) store.Store
	s     *Service
	crash *storetest.Crasher
	bad   *toxic
	// poisoned is how values that the store chokes on look in a history; tried are the runs in which it did.
	poisoned []string
	tried    map[string]bool
	saved    *savedStore
	clock    *clock
	m        *model
	worlds   map[string]*world
	story    []string
	marks    []mark
}

func (x *comparison) tell(format string, args ...any) {
	x.story = append(x.story, fmt.Sprintf(format, args...))
}

func (x *comparison) fail(format string, args ...any) {
	x.rt.Helper()
	x.rt.Fatalf("%s\nafter\n  %s\nlast push\n%s", fmt.Sprintf(format, args...), strings.Join(x.story, "\n  "),
		strings.Join(append(x.worlds["a"].agent.log, x.worlds["b"].agent.log...), "\n"))
}

func (x *comparison) step() {
	w := x.worlds[rapid.SampledFrom([]string{"a", "b"}).Draw(x.rt, "connection")]
	key := fmt.Sprintf("k%d", rapid.IntRange(0, 5).Draw(x.rt, "key"))
	x.clock.add(time.Minute)
	if w.twin != nil && rapid.Bool().Draw(x.rt, "twin") {
		w.agent, w.twin = w.twin, w.agent
	}
	switch op := rapid.SampledFrom([]string{"edit", "edit", "add", "remove", "remove all", "move", "move", "run", "run", "run", "run", "crash", "crash", "crash",
		"replay", "late", "push late", "other agent", "narrow", "wipe", "drift", "drift", "approve", "refuse", "unwatch", "sweep",
		"poison", "mend", "clone", "keep", "backup", "restore", "silence",
		"merge", "merge", "merge", "merge", "split", "split", "split", "split", "note", "note", "record"}).Draw(x.rt, "step"); op {
	case "edit":
		w.ver[key]++
		x.tell("%s: edit %s", w.conn, key)
	case "add":
		w.at[key] = rapid.SampledFrom([]string{one.Key(), two.Key()}).Draw(x.rt, "scope")
		x.tell("%s: add %s to %s", w.conn, key, w.at[key])
	case "remove":
		delete(w.at, key)
		x.tell("%s: remove %s", w.conn, key)
	case "remove all":
		clear(w.at)
		x.tell("%s: remove all", w.conn)
	case "move":
		if from, ok := w.at[key]; ok {
			w.at[key] = map[string]string{one.Key(): two.Key(), two.Key(): one.Key()}[from]
			x.tell("%s: move %s to %s", w.conn, key, w.at[key])
		}
	case "narrow":
		w.fp = fmt.Sprintf("f%d", len(x.story)+1)
		w.hidden = map[string]bool{key: true}
		w.fresh, w.late = true, nil
		x.tell("%s: settings %s hide %s", w.conn, w.fp, key)
	case "wipe":
		clear(w.agent.base)
		x.tell("%s: baselines are lost", w.conn)
	case "drift":
		w.agent.drift(key)
		x.tell("%s: the baseline of %s is no longer what was acknowledged", w.conn, key)
	case "other agent":
		w.agent.epoch++
		w.agent.gen = 0
		clear(w.agent.base)
		x.tell("%s: moves to another agent, epoch %d", w.conn, w.agent.epoch)
	default:
		x.act(op, w)
	}
}

func (x *comparison) act(op string, w *world) {
	ctx := context.Background()
	switch op {
	case "run", "crash":
		lr := w.build(x.rt, x.clock.now())
		x.push(w, lr, op == "crash")
		w.last = lr
	case "replay":
		if w.last != nil {
			x.push(w, w.last, false)
		}
	case "late":
		if !w.fresh {
			w.late = append(w.late, w.build(x.rt, x.clock.now()))
			x.tell("%s: %s stays in the spool", w.conn, w.late[len(w.late)-1].sp.id)
		}
	case "push late":
		if len(w.late) > 0 {
			lr := w.late[0]
			w.late = w.late[1:]
			x.push(w, lr, false)
		}
	case "approve", "refuse":
		for i, h := range x.m.held {
			if !h.open || h.conn != w.conn || !slices.ContainsFunc(slices.Collect(maps.Values(x.m.conns[h.conn].scope(h.scope))),
				func(r *row) bool { return r.state == "held" && r.held == i+1 }) {
				continue
			}
			x.decide(ctx, i+1, op == "approve")
			return
		}
	case "unwatch":
		x.tell("%s: unwatch", w.conn)
		x.retry(func() error { return x.s.UnwatchConnection(ctx, tenant, w.conn, "user:test", "deleted") })
		c := x.m.conns[w.conn]
		for _, scope := range slices.Sorted(maps.Keys(c.rows)) {
			x.m.unwatch(c, scope, func(string) bool { return false })
		}
	case "merge", "split", "note", "record":
		x.decidePeople(op)
	case "poison", "mend", "clone", "keep", "backup", "restore", "silence":
		x.fault(op, w)
	case "sweep":
		x.tell("sweep")
		x.retry(func() error { return x.s.Sweep(ctx, x.clock.now()) })
	}
}

// retry does something, perhaps dying in the middle of it, until it is done.
func (x *comparison) retry(do func() error) {
	x.rt.Helper()
	for {
		x.crash.Revive(rapid.SampledFrom([]int{-1, -1, 1, 2, 3, 5, 8, 13}).Draw(x.rt, "writes"))
		err := do()
		x.crash.Revive(-1)
		if err == nil {
			return
		}
		if !errors.Is(err, storetest.ErrCrash) {
			x.fail("%v", err)
		}
		x.tell("  crashed")
	}
}

func (x *comparison) push(w *world, lr *lateRun, crash bool) {
	x.rt.Helper()
	ctx := context.Background()
	desc := ""
	for _, rd := range lr.mr.reads {
		desc += fmt.Sprintf(" %s %s %v", rd.scope, rd.status, slices.Sorted(maps.Keys(rd.items)))
	}
	x.tell("%s: push %s of epoch %d generation %d, settings %s, plan complete %t:%s", w.conn, lr.sp.id, lr.sp.epoch, lr.sp.gen, lr.sp.fp, lr.mr.complete, desc)
	lr.by.log = nil
	for try := 0; ; try++ {
		after := -1
		if crash && try < 4 {
			after = rapid.IntRange(0, 40).Draw(x.rt, "writes")
		}
		x.crash.Revive(after)
		verdicts, err := lr.by.push(ctx, lr.sp)
		x.crash.Revive(-1)
		switch {
		case err == nil:
			x.outcome(w, lr, verdicts)
			return
		case errors.Is(err, errToxic) && try < 20:
			x.tried[lr.sp.id] = true
			x.tell("  the store choked")
		case errors.Is(err, storetest.ErrCrash):
			x.tell("  crashed after %d writes", after)
		default:
			x.fail("push: %v", err)
		}
	}
}

// outcome applies the run to the model and compares how it is recorded.
func (x *comparison) outcome(w *world, lr *lateRun, verdicts map[string]Verdict) {
	x.rt.Helper()
	c := x.m.conns[w.conn]
	stale, replayed := false, false
	for _, rd := range lr.mr.reads {
		stale = stale || lr.mr.pos.less(c.applied[rd.scope])
		replayed = replayed || lr.mr.pos == c.applied[rd.scope]
	}
	for scope, pos := range c.applied {
		if pos.Epoch > lr.mr.pos.Epoch {
			if v := verdicts[scope]; v != "" && v != Superseded && !replayed {
				x.fail("an old epoch was answered %s", v)
			}
			return
		}
	}
	if at, closed := x.m.closed[lr.sp.id]; closed && !at.less(lr.mr.pos) {
		return
	}
	x.m.run(lr.mr)
	x.m.closed[lr.sp.id] = lr.mr.pos
	if w.acknowledged.less(lr.mr.pos) {
		w.acknowledged = lr.mr.pos
	}
	if stale || replayed {
		return
	}
	info, err := x.s.Run(context.Background(), everyone, lr.sp.id)
	if err != nil {
		x.fail("%v", err)
	}
	if x.m.decided {
		info.Updated = x.m.counts["updated"] // warnings about identifiers of two servers come and go, which the model knows nothing of
	}
	got := fmt.Sprintf("created %d updated %d gone %d returned %d unwatched %d", info.Created, info.Updated, info.Gone, info.Returned, info.Unwatched)
	n := x.m.counts
	want := fmt.Sprintf("created %d updated %d gone %d returned %d unwatched %d", n["created"], n["updated"], n["gone"], n["returned"], n["unwatched"])
	statuses := map[string]int{}
	for _, rd := range lr.mr.reads {
		statuses[rd.status]++
	}
	if x.tried[lr.sp.id] && x.bad.keeps {
		got = want // what was tried and taken back is counted
	}
	if got != want || !maps.Equal(statuses, info.Statuses) {
		x.fail("run %s is recorded as\n\t%s %v, it was\n\t%s %v", lr.sp.id, got, info.Statuses, want, statuses)
	}
}

func (x *comparison) decide(ctx context.Context, n int, approve bool) {
	x.rt.Helper()
	h := x.m.held[n-1]
	list, err := x.s.HeldRemovals(ctx, everyone, HeldQuery{State: "held", Connection: h.conn})
	if err != nil {
		x.fail("%v", err)
	}
	id := ""
	for _, item := range list.Items {
		if (resource.Scope{Kind: item.Kind, Partition: item.Partition}).Key() == h.scope {
			// The oldest of the scope is the first that the model has open.
			id = item.ID
		}
	}
	x.tell("%s: decide on %s: approve %t", h.conn, h.scope, approve)
	if id == "" {
		x.fail("nothing is held of %s, but should be", h.scope)
	}
	x.crash.Revive(rapid.SampledFrom([]int{-1, 1, 2, 3, 5, 8}).Draw(x.rt, "writes"))
	if approve {
		_, err = x.s.Approve(ctx, everyone, id, "test")
	} else {
		_, err = x.s.Refuse(ctx, everyone, id, "test")
	}
	x.crash.Revive(-1)
	if errors.Is(err, storetest.ErrCrash) {
		doc, _, rerr := x.s.heldRow(ctx, x.s.opt.Store, tenant, id)
		if rerr != nil {
			x.fail("%v", rerr)
		}
		x.tell("  crashed, decision is %s", doc.State)
		if doc.State == "held" {
			return // it was not even decided
		}
		err = x.s.Sweep(ctx, x.clock.now())
	}
	if err != nil {
		x.fail("%v", err)
	}
	x.m.decide(n, approve)
}

func TestModelWithTransactions(t *testing.T) {
	sequences(t, "50")
	RunModel(t, openSQLite)
}

func TestModelWithoutTransactions(t *testing.T) {
	sequences(t, "50")
	RunModel(t, func(t tb) store.Store { return piecemeal{openSQLite(t)} })
}

// sequences are the same n ones wherever the command line does not say otherwise, so that a change is judged by what it changed:
// -rapid.checks=1000 looks for new ones.
func sequences(t *testing.T, n string) {
	t.Helper()
	checks, seed := flag.Lookup("rapid.checks"), flag.Lookup("rapid.seed")
	if checks.Value.String() != checks.DefValue || seed.Value.String() != seed.DefValue {
		return
	}
	for f, value := range map[*flag.Flag]string{checks: n, seed: "20261121"} {
		if err := f.Value.Set(value); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := f.Value.Set(f.DefValue); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestModelOnMongo runs a few sequences on servers that speak MongoDB's protocol, named as for the store's own tests. They are
// slow, so the sequences are few; what they show is that nothing leans on what only SQLite does.
func TestModelOnMongo(t *testing.T) {
	if len(storetest.Servers()) == 0 {
		t.Skip(storetest.HowToNameServers)
	}
	sequences(t, cmp.Or(os.Getenv("MAESTRO_TEST_MONGO_CHECKS"), "10"))
	for _, e := range mongoEngines(t) {
		t.Run(e.name, func(t *testing.T) { RunModel(t, e.open) })
	}
}
