package inventory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"maestro.internal/collector/internal/archive"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/ledger"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/sdk/resource"
)

// What goes wrong around a sync, as steps of the model: a value that the store chokes on, an agent whose disk was copied, a collector whose
// store was restored from a backup, a source that falls silent; and what has to hold at the end of every story: selectors lead to what they
// name, and the sealed history verifies until somebody touches it.

// faults are what a connection's agent knows beside its runs.
type faults struct {
	// twin is the other copy of the agent.
	twin   *agent
	copies int
	// acknowledged is the highest run that the collector settled.
	acknowledged position
}

// savedStore is a backup with what was true when it was made.
type savedStore struct {
	store store.Store
	model *model
	acked map[string]position
	epoch map[string]int64
}

const silentAfter = 7 * 24 * time.Hour

// use makes a collector over a store.
func (x *comparison) use(st store.Store, word, at string) {
	_, atomic := st.(*sqlite.Store)
	x.crash = storetest.Crashing(st, -1)
	x.bad = &toxic{Store: x.crash, word: word, at: at, keeps: !atomic}
	x.s = New(Options{Store: x.bad, Clock: x.clock.now, firstWait: nobody, HoldItems: holdItems, HoldPercent: holdPercent, BucketRows: 1,
		SilentAfter: silentAfter, UnreadAfter: 1000 * silentAfter})
	for _, w := range x.worlds {
		w.agent.s = x.s
		if w.twin != nil {
			w.twin.s = x.s
		}
	}
}

func (x *comparison) fault(op string, w *world) {
	x.rt.Helper()
	switch op {
	case "poison":
		x.poison(w)
	case "mend":
		x.mend()
	case "clone":
		x.cloneAgent(w)
	case "keep":
		if w.twin != nil {
			w.agent.epoch = max(w.agent.epoch, w.twin.epoch) + 1
			w.twin = nil
			x.tell("%s: one copy of the agent is kept, epoch %d", w.conn, w.agent.epoch)
		}
	case "backup":
		x.backup()
	case "restore":
		x.restore()
	case "silence":
		x.silence(w)
	}
}

// poison changes something into what the store chokes on.
func (x *comparison) poison(w *world) {
	keys := slices.Sorted(maps.Keys(w.at))
	if x.m.poison != "" || len(keys) == 0 {
		return
	}
	key := rapid.SampledFrom(keys).Draw(x.rt, "poisoned")
	w.ver[key]++
	x.m.poison = poisonOf(w.conn, key, w.ver[key])
	x.bad.word = fmt.Sprintf(`"cpu_count":%d`, cpuOf(key, w.ver[key]))
	looks := fmt.Sprintf(" cpu=%d ", cpuOf(key, w.ver[key]))
	if w.conn == "b" {
		x.bad.word = fmt.Sprintf("%q", hostSeen(key, w.ver[key]))
		looks = fmt.Sprintf(" host=%s ", hostSeen(key, w.ver[key]))
	}
	x.poisoned = append(x.poisoned, looks)
	x.bad.at = rapid.SampledFrom([]string{tChanges, tResources, tObservations}).Draw(x.rt, "chokes at")
	if x.m.conns[w.conn].seen[key] == nil {
		x.bad.at = tChanges // a server that was made and is gone again is more than the model knows of
	}
	if rapid.IntRange(0, 2).Draw(x.rt, "moved too") == 0 {
		w.at[key] = map[string]string{one.Key(): two.Key(), two.Key(): one.Key()}[w.at[key]]
	}
	x.tell("%s: the store chokes on %s, in %s, when it comes to %s", w.conn, x.m.poison, w.at[key], x.bad.at)
}

// hasSeen says whether the connection of a poisoned content has seen its key.
func (m *model) hasSeen(poison string) bool {
	parts := strings.Fields(poison)
	return m.conns[parts[0]].seen[parts[1]] != nil
}

// mend heals the store; people then have everything asked for again.
func (x *comparison) mend() {
	if x.m.poison == "" {
		return
	}
	x.tell("the store is mended")
	x.m.poison, x.bad.word = "", ""
	x.resend()
}

func (x *comparison) resend() {
	for _, conn := range []string{"a", "b"} {
		x.retry(func() error { return x.s.Resend(context.Background(), tenant, conn) })
	}
}

func (a *agent) fork(runs int) *agent {
	twin := *a
	twin.base = map[string]*listing{}
	for scope, l := range a.base {
		twin.base[scope] = &listing{rows: maps.Clone(l.rows), epoch: l.epoch, gen: l.gen}
	}
	twin.runs += runs
	return &twin
}

// cloneAgent copies an agent's disk: from now on two of them number their runs alike.
func (x *comparison) cloneAgent(w *world) {
	if w.twin != nil {
		return
	}
	w.copies++
	w.twin = w.agent.fork(1000 * w.copies)
	x.tell("%s: the agent is copied", w.conn)
}

// copyStore copies as a backup does.
func (x *comparison) copyStore(from, to store.Store) {
	x.rt.Helper()
	_, err := archive.Copy(context.Background(), archive.Options{From: from, To: to, Tables: slices.Concat(Tables(), audit.Tables()), Identity: tRuns,
		Online: true, Now: x.clock.now()})
	if err != nil {
		x.fail("copy the store: %v", err)
	}
}

func (x *comparison) backup() {
	if x.saved != nil {
		return
	}
	x.saved = &savedStore{store: openSQLite(x.rt), model: x.m.copy(), acked: map[string]position{}, epoch: map[string]int64{}}
	x.copyStore(x.crash.Store, x.saved.store)
	for name, w := range x.worlds {
		x.saved.acked[name], x.saved.epoch[name] = w.acknowledged, w.highestEpoch()
	}
	x.tell("the store is backed up")
}

func (w *world) highestEpoch() int64 {
	if w.twin != nil {
		return max(w.agent.epoch, w.twin.epoch)
	}
	return w.agent.epoch
}

// restore puts the backup back under running agents, which hold what the store has forgotten. What follows is what the fleet does when
// they open their sessions.
func (x *comparison) restore() {
	x.rt.Helper()
	if x.saved == nil {
		return
	}
	x.tell("the backup is restored")
	fresh := x.open(x.rt)
	x.copyStore(x.saved.store, fresh)
	poison := x.m.poison
	x.m, x.marks = x.saved.model.copy(), nil // the history is an older one
	x.m.poison = poison
	if x.bad.word != "" && !x.m.hasSeen(poison) {
		x.bad.at = tChanges
	}
	x.use(fresh, x.bad.word, x.bad.at)
	for _, name := range []string{"a", "b"} {
		w := x.worlds[name]
		lost := x.saved.acked[name].less(w.acknowledged)
		if w.acknowledged != (position{}) {
			known, err := x.s.Reached(context.Background(), tenant, name, w.acknowledged.Epoch, w.acknowledged.Generation)
			if err != nil || known == lost {
				x.fail("%s: run %v is known: %t %v, was lost: %t", name, w.acknowledged, known, err, lost)
			}
		}
		if lost || x.saved.epoch[name] != w.highestEpoch() {
			w.agent.epoch = w.highestEpoch() + 1
			w.twin, w.late, w.last = nil, nil, nil // what is of an older epoch is refused before it gets here
			x.tell("%s: knew more, epoch %d", name, w.agent.epoch)
		}
		w.acknowledged = x.saved.acked[name]
	}
	x.resend()
}

// silence lets a source fall silent for longer than the others wait for it, and speak again. Everything is read twice before, so that nothing
// is left to be asked for.
func (x *comparison) silence(w *world) {
	x.rt.Helper()
	other := x.worlds[map[string]string{"a": "b", "b": "a"}[w.conn]]
	if w.twin != nil || other.twin != nil {
		return // a copy's runs may come too late to be heard
	}
	w.late, other.late = nil, nil
	for range 2 {
		x.whole(w)
		x.whole(other)
	}
	x.clock.add(silentAfter + time.Hour)
	x.whole(other)
	x.tell("%s has been silent for long", w.conn)
	x.retry(func() error { return x.s.Sweep(context.Background(), x.clock.now()) })
	x.m.silence(w.conn, true)
	x.compare()
	if key := rapid.SampledFrom([]string{"k0", "k1", "k2", "k3"}).Draw(x.rt, "says"); rapid.Bool().Draw(x.rt, "something new") {
		w.ver[key]++
	}
	x.whole(w)
	x.retry(func() error { return x.s.Sweep(context.Background(), x.clock.now()) })
	x.m.silence(w.conn, false)
}

// whole reads all there is.
func (x *comparison) whole(w *world) {
	w.fresh = true
	lr := w.build(x.rt, x.clock.now())
	x.push(w, lr, false)
	w.last = lr
}

func (m *model) silence(conn string, silent bool) {
	c := m.conns[conn]
	for _, scope := range slices.Sorted(maps.Keys(c.rows)) {
		for _, key := range slices.Sorted(maps.Keys(c.rows[scope])) {
			s, w := c.seen[key], c.rows[scope][key]
			if s == nil || s.scope != scope || s.silent == silent || !slices.Contains([]string{"applied", "held", "refused"}, w.state) {
				continue
			}
			s.silent = silent
			m.changed(m.server(conn, key))
		}
	}
}

// ---- selectors ----

// selecting is a connection whose volumes name servers that others see, by their serial numbers.
const selecting = "c"

var volumes = scopeOf("volume")

func serialOf(n int) string { return fmt.Sprintf("SERIAL-k%d", n) }

// selectEarly states the relations before anything is there that they could lead to.
func (x *comparison) selectEarly() {
	x.rt.Helper()
	c := newAgent(x.s, selecting, 9)
	var items []resource.Envelope
	for n := range 3 {
		items = append(items, thing(volumes, fmt.Sprintf("v%d", n), attrs(`{}`), selects("attached_to", "server", "serial", serialOf(n))))
	}
	if _, err := c.push(context.Background(), c.build([]string{"volume"}, x.clock.now(), complete(volumes, items...))); err != nil {
		x.fail("push volumes: %v", err)
	}
}

// compareSelected finds that every selector leads to the one server that has the serial number, whoever saw it and whenever it came.
func (x *comparison) compareSelected() {
	x.rt.Helper()
	if x.m.decided {
		return // whose serial number it is after people decided is more than this model can tell
	}
	ctx := context.Background()
	for n := range 3 {
		key := fmt.Sprintf("k%d", n)
		want := ""
		for _, server := range []string{x.m.place["a/"+key], x.m.place["b/"+key], x.m.serials[key]} {
			if server != "" {
				want = x.idOf(server)
			}
		}
		id := resourceIDOf(obsID(tenant, selecting, "volume", fmt.Sprintf("v%d", n)))
		related, err := x.s.RelatedTo(ctx, everyone, "volume", id)
		if err != nil || len(related) != 1 || related[0].ID != want || related[0].Warning != "" {
			x.fail("v%d leads to %+v (%v), should be %q", n, related, err, want)
		}
		if want == "" {
			continue
		}
		back, err := x.s.RelatedTo(ctx, everyone, "server", want)
		if err != nil || !slices.ContainsFunc(back, func(r Related) bool { return r.ID == id && r.Direction == "in" }) {
			x.fail("%s does not know of v%d: %+v %v", want, n, back, err)
		}
	}
}

// ---- the sealed history ----

// compareSeal closes the history and verifies it, then touches one change of it, which is found by its name.
func (x *comparison) compareSeal() {
	x.rt.Helper()
	ctx := context.Background()
	x.clock.add(2 * time.Hour)
	l, err := ledger.New(ledger.Options{Store: x.crash, Seed: bytes.Repeat([]byte{7}, 32), Streams: []ledger.Stream{x.s.Stream()}, Clock: x.clock.now, Most: 5})
	if err != nil {
		x.fail("%v", err)
	}
	x.retry(func() error { return l.Seal(ctx) })
	v, err := l.Verify(ctx, []string{tenant}, nil)
	if err != nil || !v.OK() {
		x.fail("the sealed history: %+v %v", v, err)
	}
	page, err := x.crash.Find(ctx, store.Query{Table: tChanges, Tenant: tenant, Limit: 500})
	if err != nil || v.Sealed != v.Entries || len(page.Rows) < 500 && v.Entries != len(page.Rows) {
		x.fail("%d entries, %d sealed, %d in the store: %v", v.Entries, v.Sealed, len(page.Rows), err)
	}
	row := page.Rows[rapid.IntRange(0, len(page.Rows)-1).Draw(x.rt, "touched")]
	op := store.Write{Table: tChanges, Op: store.Delete, Row: store.Row{ID: row.ID, Tenant: tenant}}
	if rapid.Bool().Draw(x.rt, "edited") {
		row.Doc = bytes.Replace(row.Doc, []byte(`"actor":"`), []byte(`"actor":"x`), 1)
		op = store.Write{Table: tChanges, Op: store.Put, Row: row}
	}
	err = x.crash.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, op)
		return err
	})
	if err != nil {
		x.fail("%v", err)
	}
	v, err = l.Verify(ctx, []string{tenant}, nil)
	if err != nil || !slices.ContainsFunc(v.Findings, func(f ledger.Finding) bool { return f.ID == row.ID }) {
		x.fail("change %s was touched, found was %+v %v", row.ID, v, err)
	}
}

// ---- a copy of the model ----

func (m *model) copy() *model {
	out := &model{conns: map[string]*modelConn{}, history: copyLists(m.history), now: m.now, counts: map[string]int{}, closed: maps.Clone(m.closed), poison: m.poison}
	for name, c := range m.conns {
		n := &modelConn{name: name, seen: map[string]*seen{}, rows: map[string]map[string]*row{}, applied: maps.Clone(c.applied), status: maps.Clone(c.status)}
		for key, s := range c.seen {
			one := *s
			n.seen[key] = &one
		}
		for scope, rows := range c.rows {
			for key, r := range rows {
				one := *r
				n.scope(scope)[key] = &one
			}
		}
		out.conns[name] = n
	}
	for _, h := range m.held {
		one := *h
		out.held = append(out.held, &one)
	}
	p := &m.people
	out.people = people{place: maps.Clone(p.place), merged: maps.Clone(p.merged), frozen: maps.Clone(p.frozen), was: copyLists(p.was), absorbed: copyLists(p.absorbed),
		curated: map[string]map[string]note{}, manual: maps.Clone(p.manual), came: maps.Clone(p.came), serials: maps.Clone(p.serials), typed: copyLists(p.typed),
		ids: maps.Clone(p.ids), decided: p.decided, stamps: p.stamps}
	for server, notes := range p.curated {
		out.curated[server] = maps.Clone(notes)
	}
	return out
}

func copyLists(m map[string][]string) map[string][]string {
	out := map[string][]string{}
	for k, list := range m {
		out[k] = slices.Clone(list)
	}
	return out
}
