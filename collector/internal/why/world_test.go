package why_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/collector/internal/why"
	"maestro.internal/collector/internal/words"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

var admin = inventory.Caller{Tenant: "default", Name: "user:anna", TenantWide: true}

// world is a collector's domain over a real store, with one agent and what it reads.
type world struct {
	t         *testing.T
	fleet     *fleet.Service
	inventory *inventory.Service
	why       *why.Service
	now       time.Time
	agent     fleet.Known
	runs, seq int64
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var prepared storetest.Prepared

func newWorld(t *testing.T, policy ...string) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	clock := func() time.Time { w.now = w.now.Add(time.Millisecond); return w.now }
	tables := slices.Concat(fleet.Tables(), inventory.Tables(), audit.Tables())
	path := prepared.Copy(t, func(path string) error {
		st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Tables: tables})
		if err != nil {
			return err
		}
		return errors.Join(inventory.New(inventory.Options{Store: st, Audit: audit.New(st, clock)}).Prepare(t.Context()), st.Close())
	})
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Tables: tables})
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	log := audit.New(st, clock)
	w.inventory = inventory.New(inventory.Options{Store: st, Audit: log, Clock: clock})
	must(t, w.inventory.Prepare(t.Context()))
	w.fleet = fleet.New(fleet.Options{Store: st, Inventory: w.inventory, Audit: log, Clock: clock, AgentAddress: func() string { return "maestro.example:7071" }})
	w.why = why.New(why.Options{Inventory: w.inventory, Fleet: w.fleet, Clock: clock})
	w.agent = w.enroll(policy)
	return w
}

// enroll brings in an agent that has the plugin toy, which may be told to read only some racks.
func (w *world) enroll(policy []string) fleet.Known {
	w.t.Helper()
	ctx := w.t.Context()
	tok, err := w.fleet.CreateJoinToken(ctx, admin, rest.JoinTokenCreate{Name: "fra-1", TTLSeconds: 600})
	must(w.t, err)
	k, err := w.fleet.Enroll(ctx, fleet.Join{Token: tok.Token, KeyHash: sha256.Sum256([]byte("key")), Name: "fra-1", Address: "10.0.0.9"},
		func(string, string) (time.Time, error) { return w.now.Add(24 * time.Hour), nil })
	must(w.t, err)
	desc, err := json.Marshal(provider.Description{Provider: "toy", Version: "1.0.0", Title: "Toy", Kinds: []provider.KindSupport{{Kind: "server", Major: 1}, {Kind: "volume", Major: 1}},
		Settings: json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{"racks":{"type":"array","items":{"type":"string"},"x-maestro-narrows":true}}}`)})
	must(w.t, err)
	sum := sha256.Sum256(desc)
	digest := hex.EncodeToString(sum[:])
	_, err = w.fleet.Greet(ctx, k, fleet.Greeting{SpoolID: "spool-1", Plugins: []string{digest}, Clock: w.now, Policy: policy})
	must(w.t, err)
	must(w.t, w.fleet.Describe(ctx, k, digest, desc, ""))
	return k
}

// beat is a sign of life of the agent.
func (w *world) beat(spool rest.SpoolStatus) {
	w.t.Helper()
	must(w.t, w.fleet.Heard(w.t.Context(), w.agent, fleet.Beat{Spool: spool}))
}

func (w *world) connect(name string, edit ...func(*rest.ConnectionWrite)) rest.Connection {
	w.t.Helper()
	write := rest.ConnectionWrite{Name: name, Provider: "toy", Agent: w.agent.ID, Settings: json.RawMessage(`{}`)}
	for _, e := range edit {
		e(&write)
	}
	c, err := w.fleet.CreateConnection(w.t.Context(), admin, write)
	must(w.t, err)
	return c
}

// reading is one scope as a run ended with it.
type reading struct {
	scope   resource.Scope
	outcome resource.Outcome
	items   []resource.Envelope
}

func scope(rack string) resource.Scope {
	return resource.Scope{Kind: "server", Partition: resource.Partition{{Key: "rack", Value: rack}}}
}

func complete(rack string, items ...resource.Envelope) reading {
	return reading{scope(rack), resource.Outcome{Status: resource.StatusComplete, Listed: len(items)}, items}
}

func ended(status resource.Status, rack, problem, advice string) reading {
	return reading{scope(rack), resource.Outcome{Status: status, Error: problem, Advice: advice}, nil}
}

func server(id, name string, edit ...func(*resource.Envelope)) resource.Envelope {
	e := resource.Envelope{Kind: "server", Major: 1, ExternalID: id, Name: name, Attributes: []byte(`{}`)}
	for _, f := range edit {
		f(&e)
	}
	return e
}

func serial(value string) func(*resource.Envelope) {
	return func(e *resource.Envelope) {
		e.Identifiers = append(e.Identifiers, resource.Identifier{Type: "serial", Value: value})
	}
}

// sync is a run of a connection.
func (w *world) sync(x rest.Connection, readings ...reading) string {
	w.t.Helper()
	ctx, id := w.t.Context(), uuid.NewString()
	w.runs, w.seq = w.runs+1, 0
	conn := inventory.Connection{ID: x.ID, Name: x.Name, Provider: x.Provider, Precedence: x.CreatedAt.UnixMicro()}
	if x.Datacenter != nil {
		conn.Datacenter = x.Datacenter.ID
	}
	run, v, reason, err := w.inventory.OpenRun(ctx, inventory.RunStart{Tenant: "default", Connection: conn, RunID: id,
		Epoch: x.Epoch, Generation: w.runs, Trigger: "schedule", Kinds: []string{"server"}, StartedAt: w.now, Scopes: len(readings), PluginVersion: "1"})
	must(w.t, err)
	if v != inventory.Send {
		w.t.Fatalf("open run: %s %s", v, reason)
	}
	var scopes []resource.Scope
	for _, r := range readings {
		scopes = append(scopes, r.scope)
	}
	must(w.t, run.Plan(ctx, scopes, true, nil))
	for i, r := range readings {
		w.capture(ctx, run, i, r)
	}
	_, _, err = run.Close(ctx, inventory.RunEnd{FinishedAt: w.now})
	must(w.t, err)
	return id
}

func (w *world) capture(ctx context.Context, run *inventory.Run, i int, r reading) {
	w.t.Helper()
	var items []inventory.Item
	var rows []inventory.Row
	var digest resource.Digest
	for _, e := range r.items {
		b, err := resource.Canonical(e)
		must(w.t, err)
		h := resource.HashOf(b)
		digest.AddRow(e.ExternalID, h)
		items = append(items, inventory.Item{Canonical: b, Hash: h.Bytes()})
		rows = append(rows, inventory.Row{Key: e.ExternalID, Hash: h.Bytes()})
	}
	v, reason, err := run.OpenCapture(ctx, inventory.Capture{Scope: i, Digest: digest, HashFormat: 1, ReadAt: w.now, Outcome: r.outcome})
	must(w.t, err)
	apply := func(b inventory.Batch) inventory.BatchResult {
		w.seq++
		b.Seq, b.Scope = w.seq, i
		res, err := run.Apply(ctx, b)
		must(w.t, err)
		return res
	}
	switch v {
	case inventory.Done:
		return
	case inventory.List:
		if apply(inventory.Batch{List: rows, Last: true}).Verdict == inventory.Done {
			return
		}
	case inventory.Send:
	default:
		w.t.Fatalf("open capture: %s %s", v, reason)
	}
	if res := apply(inventory.Batch{Upserts: items, Last: true}); res.Verdict != inventory.Done {
		w.t.Fatalf("apply: %+v", res)
	}
}

// ask asks as the administrator.
func (w *world) ask(text string, edit ...func(*why.Question)) rest.Why {
	w.t.Helper()
	return w.askAs(admin, text, edit...)
}

func (w *world) askAs(c inventory.Caller, text string, edit ...func(*why.Question)) rest.Why {
	w.t.Helper()
	q := why.Question{Text: text}
	for _, e := range edit {
		e(&q)
	}
	out, err := w.why.Ask(w.t.Context(), c, q)
	must(w.t, err)
	var steps []string
	for _, s := range out.Steps {
		steps = append(steps, s.Step)
		if s.Found == "" || s.Verdict != "ok" && s.Verdict != "stops_here" && s.Verdict != "cannot_tell" {
			w.t.Errorf("step %+v says nothing", s)
		}
	}
	if !slices.Equal(steps, []string{"inventory", "connection", "permission", "run", "spool", "receipt", "merge", "access"}) || out.Summary == "" {
		w.t.Errorf("the walk is %v: %q", steps, out.Summary)
	}
	q.In = words.Portuguese
	said, err := w.why.Ask(w.t.Context(), c, q)
	must(w.t, err)
	w.translated(out, said)
	return out
}

// translated insists that an answer in Portuguese is the same answer, with no sentence left in English. What a provider, an agent
// or a site's policy said stays as it was said, so only the beginnings are compared.
func (w *world) translated(english, portuguese rest.Why) {
	w.t.Helper()
	differ := func(what, a, b string) {
		w.t.Helper()
		if (a == "") != (b == "") || a != "" && a == b {
			w.t.Errorf("%s is not translated: %q, %q", what, a, b)
		}
		for _, word := range []string{" the ", " was ", " is ", " not "} {
			if head := b[:min(len(b), 25)]; strings.Contains(head, word) {
				w.t.Errorf("%s has English in it: %q", what, b)
			}
		}
	}
	differ("the summary", english.Summary, portuguese.Summary)
	for i, s := range english.Steps {
		p := portuguese.Steps[i]
		if s.Verdict != p.Verdict || len(s.Findings) != len(p.Findings) {
			w.t.Errorf("%s: %s with %d findings, in Portuguese %s with %d", s.Step, s.Verdict, len(s.Findings), p.Verdict, len(p.Findings))
			continue
		}
		differ(s.Step, s.Found, p.Found)
		for n, f := range s.Findings {
			differ(s.Step, f.Text, p.Findings[n].Text)
		}
	}
}

func ofKind(kind string) func(*why.Question) { return func(q *why.Question) { q.Kind = kind } }
