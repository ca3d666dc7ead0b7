package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"maestro.internal/collector/internal/archive"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/ledger"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/sdk/resource"
)

const tenant = "default"

var everyone = Caller{Tenant: tenant, Name: "user:test", TenantWide: true}

// clock is a time that tests move.
type clock struct{ t time.Time }

func newClock() *clock               { return &clock{time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)} }
func (c *clock) now() time.Time      { c.t = c.t.Add(time.Millisecond); return c.t }
func (c *clock) add(d time.Duration) { c.t = c.t.Add(d) }

// tb is what *testing.T, *testing.B and *rapid.T have in common here.
type tb interface {
	Helper()
	Fatal(args ...any)
	Error(args ...any)
	Cleanup(fn func())
}

func openSQLite(t tb) store.Store {
	t.Helper()
	base := ""
	if _, err := os.Stat("/dev/shm"); err == nil {
		base = "/dev/shm" // durability is for storetest to prove
	}
	dir, err := os.MkdirTemp(base, "maestro-inventory-")
	if err != nil {
		t.Fatal(err)
	}
	st, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(dir, "maestro.db"),
		Tables: slices.Concat(Tables(), audit.Tables(), ledger.Tables(), archive.Tables())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(st.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return st
}

// piecemeal is a store without transactions: every write stays as it is done.
type piecemeal struct{ store.Store }

func (p piecemeal) Update(ctx context.Context, fn func(store.Tx) error) error {
	return fn(piecemealTx{p.Store})
}

type piecemealTx struct{ store.Store }

func (p piecemealTx) Write(ctx context.Context, ops ...store.Write) (conflicts []int, err error) {
	err = p.Store.Update(ctx, func(tx store.Tx) error {
		conflicts, err = tx.Write(ctx, ops...)
		return err
	})
	return conflicts, err
}

// agent pushes runs as the real one does: differences against what was acknowledged, lists when asked, bodies when wanted.
type agent struct {
	s     *Service
	conn  Connection
	epoch int64
	gen   int64
	runs  int
	// base is the acknowledged (key, hash) list of each scope.
	base map[string]*listing
	// batch is how many items go into one batch.
	batch int
	// parts says that it lists only the parts of a scope that the collector holds otherwise; listed counts the rows it listed,
	// sent the bodies.
	parts        bool
	listed, sent int
	log          []string
}

type listing struct {
	rows       map[string]resource.Hash
	epoch, gen int64
}

func (l *listing) digest() resource.Digest {
	var d resource.Digest
	for k, h := range l.rows {
		d.AddRow(k, h)
	}
	return d
}

func newAgent(s *Service, name string, precedence int64) *agent {
	return &agent{s: s, conn: Connection{ID: name, Name: name, Provider: "test", AgentID: "agent-" + name, Precedence: precedence},
		epoch: 1, base: map[string]*listing{}, batch: 3}
}

// read is one scope as the plugin read it.
type read struct {
	scope  resource.Scope
	status resource.Status
	items  []resource.Envelope
}

// spec is one run, as it lies in the spool.
type spec struct {
	id               string
	epoch, gen       int64
	kinds            []string
	partialPlan      bool
	fp, kind, policy string
	reads            []read
	at               time.Time
	err              string
}

// build puts a run into the spool.
func (a *agent) build(kinds []string, at time.Time, reads ...read) *spec {
	a.gen++
	a.runs++
	return &spec{id: fmt.Sprintf("%s-run-%03d", a.conn.ID, a.runs), epoch: a.epoch, gen: a.gen, kinds: kinds, reads: reads,
		fp: "f1", kind: "k1", policy: "p1", at: at}
}

type body struct {
	canonical []byte
	hash      resource.Hash
}

// capture is a scope of a run ready to send.
type sending struct {
	read
	all    map[string]body
	base   *listing
	digest resource.Digest
	open   Capture
}

func (a *agent) prepare(sp *spec, i int) *sending {
	rd := sp.reads[i]
	s := &sending{read: rd, all: map[string]body{}, base: a.base[rd.scope.Key()]}
	for _, env := range rd.items {
		b, err := resource.Canonical(env)
		if err != nil {
			panic(err)
		}
		s.all[env.ExternalID] = body{b, resource.HashOf(b)}
	}
	known := map[string]resource.Hash{}
	if rd.status != resource.StatusComplete && s.base != nil {
		maps.Copy(known, s.base.rows)
	}
	for k, b := range s.all {
		known[k] = b.hash
	}
	s.digest = (&listing{rows: known}).digest()
	s.open = Capture{Scope: i, Outcome: resource.Outcome{Status: rd.status, Listed: len(s.all)}, Digest: s.digest, Fingerprint: []byte(sp.fp),
		HashFormat: resource.HashFormat, KindDigest: []byte(sp.kind), PolicyDigest: []byte(sp.policy), ReadAt: sp.at}
	if s.base != nil {
		s.open.Baseline = &Baseline{Epoch: s.base.epoch, Generation: s.base.gen, Digest: s.base.digest()}
	}
	return s
}

func (s *sending) state() resource.ScopeState {
	return resource.ScopeState{Scope: s.scope, Status: s.status, Digest: s.digest, Fingerprint: s.open.Fingerprint,
		HashFormat: s.open.HashFormat, KindDigest: s.open.KindDigest, PolicyDigest: s.open.PolicyDigest}
}

// push sends a run; the verdicts of its captures come back by scope key.
func (a *agent) push(ctx context.Context, sp *spec) (map[string]Verdict, error) {
	out := map[string]Verdict{}
	var states []resource.ScopeState
	changed := false
	all := make([]*sending, len(sp.reads))
	for i := range sp.reads {
		all[i] = a.prepare(sp, i)
		states = append(states, all[i].state())
		if all[i].base == nil || all[i].base.digest() != all[i].digest {
			changed = true
		}
	}
	start := RunStart{Tenant: tenant, Connection: a.conn, RunID: sp.id, Epoch: sp.epoch, Generation: sp.gen, Trigger: "schedule",
		Kinds: sp.kinds, StartedAt: sp.at, Scopes: len(sp.reads)}
	if !changed && sp.err == "" {
		root := resource.Root(states, !sp.partialPlan)
		start.Root, start.FinishedAt = root[:], sp.at
	}
	run, v, reason, err := a.s.OpenRun(ctx, start)
	if err != nil {
		return out, err
	}
	a.log = append(a.log, fmt.Sprintf("run %s: %s %s", sp.id, v, reason))
	if v != Send {
		for i, s := range all {
			out[s.scope.Key()] = v
			if v == Done {
				a.acknowledge(sp, all[i], nil)
			}
		}
		return out, nil
	}
	var scopes []resource.Scope
	for _, r := range sp.reads {
		scopes = append(scopes, r.scope)
	}
	if err := run.Plan(ctx, scopes, !sp.partialPlan, nil); err != nil {
		return out, err
	}
	for _, s := range all {
		v, err := a.send(ctx, run, sp, s)
		if err != nil {
			return out, err
		}
		out[s.scope.Key()] = v
	}
	_, _, err = run.Close(ctx, RunEnd{FinishedAt: sp.at, Error: sp.err})
	return out, err
}

func (a *agent) acknowledge(sp *spec, s *sending, index []Row) {
	l := &listing{rows: map[string]resource.Hash{}, epoch: sp.epoch, gen: sp.gen}
	switch {
	case s.status == resource.StatusComplete:
		for k, b := range s.all {
			l.rows[k] = b.hash
		}
	case index != nil || s.base == nil:
		for _, r := range index {
			l.rows[r.Key] = resource.Hash(r.Hash)
		}
	default:
		maps.Copy(l.rows, s.base.rows)
		for k, b := range s.all {
			l.rows[k] = b.hash
		}
	}
	a.base[s.scope.Key()] = l
}

func (a *agent) send(ctx context.Context, run *Run, sp *spec, s *sending) (Verdict, error) {
	v, reason, err := run.OpenCapture(ctx, s.open)
	if err == nil && v == List && s.status != resource.StatusComplete && s.base != nil {
		// The baseline means nothing to the collector, and its bodies are not here: speak of what was listed only.
		s.base, s.open.Baseline, s.open.Digest = nil, nil, resource.Digest{}
		for k, b := range s.all {
			s.open.Digest.AddRow(k, b.hash)
		}
		v, reason, err = run.OpenCapture(ctx, s.open)
	}
	if err != nil {
		return "", err
	}
	a.log = append(a.log, fmt.Sprintf("  %s: %s %s", s.scope.Key(), v, reason))
	var index []Row
	for step := 0; step < 5; step++ {
		switch v {
		case Done:
			a.acknowledge(sp, s, index)
			return v, nil
		case Superseded, Failed, Refused:
			delete(a.base, s.scope.Key())
			return v, nil
		case Send:
			v, index, err = a.difference(ctx, run, s)
		case List:
			v, index, err = a.list(ctx, run, s)
		default:
			return "", fmt.Errorf("verdict %q", v)
		}
		if err != nil {
			return "", err
		}
		a.log = append(a.log, fmt.Sprintf("  %s: then %s", s.scope.Key(), v))
	}
	return "", errors.New("the collector never ends")
}

func (a *agent) difference(ctx context.Context, run *Run, s *sending) (Verdict, []Row, error) {
	var keys, removed []string
	for k, b := range s.all {
		if s.base == nil || s.base.rows[k] != b.hash {
			keys = append(keys, k)
		}
	}
	if s.base != nil && s.status == resource.StatusComplete {
		for k := range s.base.rows {
			if _, ok := s.all[k]; !ok {
				removed = append(removed, k)
			}
		}
	}
	slices.Sort(removed)
	return a.bodies(ctx, run, s, keys, removed)
}

func (a *agent) bodies(ctx context.Context, run *Run, s *sending, keys, removed []string) (Verdict, []Row, error) {
	slices.Sort(keys)
	for seq := int64(1); ; seq++ {
		n := min(a.batch, len(keys))
		b := Batch{Scope: s.open.Scope, Seq: seq}
		for _, k := range keys[:n] {
			if body, ok := s.all[k]; ok {
				b.Upserts = append(b.Upserts, Item{Canonical: body.canonical, Hash: body.hash.Bytes()})
				a.sent++
			}
		}
		keys = keys[n:]
		if len(keys) == 0 {
			b.Removed, b.Last = removed, true
		}
		res, err := run.Apply(ctx, b)
		if err != nil || b.Last {
			return res.Verdict, res.Index, err
		}
	}
}

func (a *agent) list(ctx context.Context, run *Run, s *sending) (Verdict, []Row, error) {
	keys := slices.Sorted(maps.Keys(s.all))
	var set *resource.BucketSet
	if a.parts {
		theirs, err := run.Buckets(ctx, s.open.Scope)
		if err != nil {
			return "", nil, err
		}
		if theirs != nil {
			var ours resource.Buckets
			for k, b := range s.all {
				ours.AddRow(k, b.hash)
			}
			differ := ours.Differing(theirs)
			set = &differ
			keys = slices.DeleteFunc(keys, func(k string) bool { return !set.Has(k) })
		}
	}
	a.listed += len(keys)
	var want []string
	for {
		n := min(a.batch, len(keys))
		b := Batch{Scope: s.open.Scope, Last: n == len(keys), Buckets: set}
		for _, k := range keys[:n] {
			b.List = append(b.List, Row{Key: k, Hash: s.all[k].hash.Bytes()})
		}
		keys = keys[n:]
		res, err := run.Apply(ctx, b)
		if err != nil {
			return "", nil, err
		}
		want = append(want, res.Want...)
		if !b.Last {
			continue
		}
		if res.Verdict != Send {
			return res.Verdict, res.Index, nil
		}
		return a.bodies(ctx, run, s, want, nil)
	}
}

// ---- things to discover ----

func scopeOf(kind string, labels ...string) resource.Scope {
	s := resource.Scope{Kind: kind}
	for i := 0; i+1 < len(labels); i += 2 {
		s.Partition = append(s.Partition, resource.Label{Key: labels[i], Value: labels[i+1]})
	}
	return s
}

// thing makes an envelope of a server; edits change it.
func thing(scope resource.Scope, key string, edits ...func(*resource.Envelope)) resource.Envelope {
	env := resource.Envelope{Kind: scope.Kind, Major: 1, ExternalID: key, Name: "name of " + key, Partition: scope.Partition,
		Attributes: json.RawMessage(`{"cpu_count":2}`)}
	for _, e := range edits {
		e(&env)
	}
	return env
}

func named(name string) func(*resource.Envelope) {
	return func(e *resource.Envelope) { e.Name = name }
}

func attrs(format string, args ...any) func(*resource.Envelope) {
	return func(e *resource.Envelope) { e.Attributes = json.RawMessage(fmt.Sprintf(format, args...)) }
}

func has(typ, value string) func(*resource.Envelope) {
	return func(e *resource.Envelope) {
		e.Identifiers = append(e.Identifiers, resource.Identifier{Type: typ, Value: value})
	}
}

func related(verb, kind, externalID string) func(*resource.Envelope) {
	return func(e *resource.Envelope) {
		e.Relations = append(e.Relations, resource.Relation{Verb: verb, Kind: kind, ExternalID: externalID})
	}
}

func selects(verb, kind, typ, value string) func(*resource.Envelope) {
	return func(e *resource.Envelope) {
		e.Relations = append(e.Relations, resource.Relation{Verb: verb, Kind: kind, Selector: &resource.Identifier{Type: typ, Value: value}})
	}
}

func tagged(key, value string) func(*resource.Envelope) {
	return func(e *resource.Envelope) { e.Tags = append(e.Tags, resource.Tag{Key: key, Value: value}) }
}

func unread(pointers ...string) func(*resource.Envelope) {
	return func(e *resource.Envelope) { e.Unread = pointers }
}

func complete(scope resource.Scope, items ...resource.Envelope) read {
	return read{scope: scope, status: resource.StatusComplete, items: items}
}

func ended(status resource.Status, scope resource.Scope, items ...resource.Envelope) read {
	return read{scope: scope, status: status, items: items}
}

// nobody is how long to wait for another writer that has died.
const nobody = 10 * time.Microsecond
