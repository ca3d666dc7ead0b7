package fleet_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/blob"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
)

var admin = inventory.Caller{Tenant: "default", Name: "user:anna", TenantWide: true}

type world struct {
	*fleet.Service
	t         *testing.T
	audit     *audit.Log
	inventory *inventory.Service
	now       time.Time
	store     store.Store
	// files says that the plugin of the agents reads files.
	files bool
	// fileTypes are what it says of them.
	fileTypes []provider.FileType
	// runs is the generation of the latest run.
	runs int64
}

var prepared storetest.Prepared

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	tables := slices.Concat(fleet.Tables(), inventory.Tables(), audit.Tables(), blob.Tables())
	path := prepared.Copy(t, func(path string) error {
		st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Tables: tables})
		if err != nil {
			return err
		}
		return errors.Join(inventory.New(inventory.Options{Store: st, Audit: audit.New(st, clock)}).Prepare(t.Context()), st.Close())
	})
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Tables: tables})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	w.store, w.audit = st, audit.New(st, clock)
	w.inventory = inventory.New(inventory.Options{Store: st, Audit: w.audit, Clock: clock})
	if err := w.inventory.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Service = fleet.New(fleet.Options{Store: st, Inventory: w.inventory, Audit: w.audit, Clock: clock, AgentAddress: func() string { return "maestro.example:7071" }})
	return w
}

func keyOf(name string) [32]byte { return sha256.Sum256([]byte(name)) }

func (w *world) token() string {
	w.t.Helper()
	tok, err := w.CreateJoinToken(w.t.Context(), admin, rest.JoinTokenCreate{Name: "fra-1", Site: "fra", TTLSeconds: 600})
	if err != nil {
		w.t.Fatal(err)
	}
	return tok.Token
}

func (w *world) join(token, key string) (fleet.Known, error) {
	return w.Enroll(w.t.Context(), fleet.Join{Token: token, KeyHash: keyOf(key), Name: key, Address: "10.0.0.9"},
		func(string, string) (time.Time, error) { return w.now.Add(24 * time.Hour), nil })
}

// agent is one that is enrolled, connected and has a plugin for "toy" with the kinds server and volume.
func (w *world) agent(key string) fleet.Known {
	w.t.Helper()
	k, err := w.join(w.token(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	desc, err := json.Marshal(provider.Description{Provider: "toy", Version: "1.0.0", Title: "Toy", Files: w.files, FileTypes: w.fileTypes,
		Kinds: []provider.KindSupport{{Kind: "server", Major: 1, IntervalSeconds: 300}, {Kind: "volume", Major: 1}},
		Settings: json.RawMessage(`{"type":"object","additionalProperties":false,"required":["url"],"properties":{
			"url":{"type":"string"},"depth":{"type":"integer"},"password":{"type":"string","x-maestro-secret":true}}}`)})
	if err != nil {
		w.t.Fatal(err)
	}
	sum := sha256.Sum256(desc)
	digest := hex.EncodeToString(sum[:])
	want := w.greet(k, "spool-1", digest)
	if slices.Contains(want, digest) {
		if err := w.Describe(w.t.Context(), k, digest, desc, ""); err != nil {
			w.t.Fatal(err)
		}
	}
	return k
}

func (w *world) greet(k fleet.Known, spool string, digests ...string) []string {
	w.t.Helper()
	want, err := w.Greet(w.t.Context(), k, fleet.Greeting{SpoolID: spool, Plugins: digests, Clock: w.now,
		Credentials: []rest.CredentialRef{{Name: "toy-reader", Providers: []string{"toy"}}, {Name: "other", Providers: []string{"aws"}}}})
	if err != nil {
		w.t.Fatal(err)
	}
	return want
}

func (w *world) connect(k fleet.Known, name string) rest.Connection {
	w.t.Helper()
	c, err := w.CreateConnection(w.t.Context(), admin, rest.ConnectionWrite{Name: name, Provider: "toy", Agent: k.ID, Settings: json.RawMessage(`{"url":"https://toy"}`)})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) audited(action, outcome string) int {
	w.t.Helper()
	page, err := w.audit.List(w.t.Context(), "default", audit.Query{Action: action, Outcome: outcome})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(page.Entries)
}

// TestJoinToken: a token lets one agent in, once; the same key may come again, since its answer may have been lost.
func TestJoinToken(t *testing.T) {
	w := newWorld(t)
	token := w.token()
	first, err := w.join(token, "key-1")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.join(token, "key-1"); err != nil || again.ID != first.ID {
		t.Errorf("the same key again: %v, %v", again, err)
	}
	if _, err := w.join(token, "key-2"); !errors.Is(err, fleet.ErrJoin) {
		t.Errorf("used token: %v", err)
	}
	late := w.token()
	w.now = w.now.Add(time.Hour)
	if _, err := w.join(late, "key-3"); !errors.Is(err, fleet.ErrJoin) {
		t.Errorf("expired token: %v", err)
	}
	if _, err := w.join("mjt_rubbish", "key-4"); !errors.Is(err, fleet.ErrJoin) {
		t.Errorf("rubbish: %v", err)
	}
	if n := w.audited("agent.enroll", audit.Refused); n != 2 {
		t.Errorf("%d refusals audited, want 2", n)
	}
	list, err := w.JoinTokens(t.Context(), admin)
	if err != nil || len(list) != 2 || list[0].Token != "" {
		t.Errorf("tokens %+v, %v", list, err)
	}
}

// TestAuthenticate: a certificate is worth what the agent's row says.
func TestAuthenticate(t *testing.T) {
	w := newWorld(t)
	k := w.agent("key-1")
	for _, tc := range []struct {
		name, tenant, id, key string
		want                  error
	}{
		{"itself", "default", k.ID, "key-1", nil},
		{"another key", "default", k.ID, "key-2", fleet.ErrStranger},
		{"another tenant", "other", k.ID, "key-1", fleet.ErrStranger},
		{"unknown", "default", "nobody", "key-1", fleet.ErrStranger},
	} {
		if _, err := w.Authenticate(t.Context(), tc.tenant, tc.id, keyOf(tc.key)); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
	if _, err := w.RevokeAgent(t.Context(), admin, k.ID, "stolen"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Authenticate(t.Context(), "default", k.ID, keyOf("key-1")); !errors.Is(err, fleet.ErrRevoked) {
		t.Errorf("revoked: %v", err)
	}
}

// TestConnectionIsChecked: what a person wrote is held to the plugin's schema and the agent's means, and the answer
// names the place.
// What an administrator allowed is used up, ends by itself, and is for the key that enrolled.
func TestRecovery(t *testing.T) {
	w := newWorld(t)
	k := w.agent("fra-1")
	recovers := func(key string) error {
		_, err := w.Recover(t.Context(), k.ID, keyOf(key), "10.0.0.9")
		return err
	}
	grant := func(count, seconds int) {
		t.Helper()
		if _, err := w.GrantRecovery(t.Context(), admin, k.ID, rest.RecoveryGrant{Count: &count, TTLSeconds: seconds}); err != nil {
			t.Fatal(err)
		}
	}
	if err := recovers("fra-1"); !errors.Is(err, fleet.ErrRecovery) {
		t.Errorf("not allowed: %v", err)
	}
	grant(2, 3600)
	if err := recovers("another"); !errors.Is(err, fleet.ErrStranger) {
		t.Errorf("another key: %v", err)
	}
	for i := range 2 {
		if err := recovers("fra-1"); err != nil {
			t.Errorf("recovery %d of 2: %v", i+1, err)
		}
	}
	if err := recovers("fra-1"); !errors.Is(err, fleet.ErrRecovery) {
		t.Errorf("a third time: %v", err)
	}
	grant(1, 3600)
	w.now = w.now.Add(time.Hour)
	if err := recovers("fra-1"); !errors.Is(err, fleet.ErrRecovery) {
		t.Errorf("too late: %v", err)
	}
	if a, err := w.Agent(t.Context(), admin, k.ID); err != nil || a.Recoveries != 0 {
		t.Errorf("what has ended is shown: %d, %v", a.Recoveries, err)
	}
	grant(1, 3600)
	grant(0, 0)
	if err := recovers("fra-1"); !errors.Is(err, fleet.ErrRecovery) {
		t.Errorf("taken back: %v", err)
	}
	other := admin
	other.Tenant = "other"
	if _, err := w.GrantRecovery(t.Context(), other, k.ID, rest.RecoveryGrant{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of another tenant: %v", err)
	}
	if n := w.audited("agent.allow_recovery", audit.OK); n != 4 {
		t.Errorf("%d grants in the audit trail, want 4", n)
	}
}

func TestConnectionIsChecked(t *testing.T) {
	w := newWorld(t)
	k := w.agent("key-1")
	w.connect(k, "taken")
	for _, tc := range []struct {
		name    string
		edit    func(*rest.ConnectionWrite)
		pointer string
	}{
		{"name is taken", func(x *rest.ConnectionWrite) { x.Name = "taken" }, "/name"},
		{"no such agent", func(x *rest.ConnectionWrite) { x.Agent = "nobody" }, "/agent"},
		{"agent lacks the plugin", func(x *rest.ConnectionWrite) { x.Provider = "aws" }, "/provider"},
		{"no such datacenter", func(x *rest.ConnectionWrite) { x.Datacenter = "nowhere" }, "/datacenter"},
		{"setting of another type", func(x *rest.ConnectionWrite) { x.Settings = json.RawMessage(`{"url":"u","depth":"deep"}`) }, "/settings/depth"},
		{"unknown setting", func(x *rest.ConnectionWrite) { x.Settings = json.RawMessage(`{"url":"u","colour":1}`) }, "/settings"},
		{"missing setting", func(x *rest.ConnectionWrite) { x.Settings = nil }, "/settings"},
		{"secret in the settings", func(x *rest.ConnectionWrite) { x.Settings = json.RawMessage(`{"url":"u","password":"p"}`) }, "/settings/password"},
		{"unknown credential", func(x *rest.ConnectionWrite) { x.Credential = "nothing" }, "/credential"},
		{"credential for another provider", func(x *rest.ConnectionWrite) { x.Credential = "other" }, "/credential"},
		{"kind that is not read", func(x *rest.ConnectionWrite) { x.Kinds = []rest.KindScheduleWrite{{Kind: "network"}} }, "/kinds/0"},
		{"interval and cron", func(x *rest.ConnectionWrite) {
			x.Kinds = []rest.KindScheduleWrite{{Kind: "server", IntervalSeconds: 60, Cron: "@daily"}}
		}, "/kinds/0"},
		{"bad cron", func(x *rest.ConnectionWrite) {
			x.Kinds = []rest.KindScheduleWrite{{Kind: "server", Cron: "now and then"}}
		}, "/kinds/0/cron"},
		{"quiet hours that are none", func(x *rest.ConnectionWrite) { x.QuietHours = []string{"22:00-06:00", "at night"} }, "/quiet_hours/1"},
		{"time zone that is none", func(x *rest.ConnectionWrite) { x.TimeZone = "Mars/Base" }, "/time_zone"},
		{"less than no requests", func(x *rest.ConnectionWrite) { x.MaxRequestsPerSecond = -1 }, "/max_requests_per_second"},
		{"too often", func(x *rest.ConnectionWrite) {
			x.Kinds = []rest.KindScheduleWrite{{Kind: "server", IntervalSeconds: 1}}
		}, "/kinds/0/interval_seconds"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			write := rest.ConnectionWrite{Name: "fine", Provider: "toy", Agent: k.ID, Settings: json.RawMessage(`{"url":"u"}`), Credential: "toy-reader"}
			tc.edit(&write)
			_, err := w.CreateConnection(t.Context(), admin, write)
			var invalid *inventory.InvalidError
			if !errors.As(err, &invalid) || invalid.Pointer != tc.pointer {
				t.Errorf("got %v, want an error at %s", err, tc.pointer)
			}
		})
	}
}

// What a person does not say of a kind's interval the plugin does; how the provider is spared travels with the
// assignment.
func TestConnectionSparesItsProvider(t *testing.T) {
	w := newWorld(t)
	k := w.agent("key-1")
	made, err := w.CreateConnection(t.Context(), admin, rest.ConnectionWrite{Name: "spared", Provider: "toy", Agent: k.ID, Settings: json.RawMessage(`{"url":"u"}`),
		MaxRequestsPerSecond: 2.5, MaxParallelRequests: 3, QuietHours: []string{"mon-fri 08:00-18:00"}, TimeZone: "Europe/Lisbon"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.Connection(t.Context(), admin, made.ID)
	if err != nil || c.MaxRequestsPerSecond != 2.5 || c.MaxParallelRequests != 3 || c.TimeZone != "Europe/Lisbon" || len(c.QuietHours) != 1 {
		t.Fatalf("kept %+v, %v", c, err)
	}
	for _, s := range c.Kinds {
		want := int64(3600)
		if s.Kind == "server" {
			want = 300 // the toy says so
		}
		if s.IntervalSeconds != want || !s.Enabled {
			t.Errorf("%+v, want every %d s", s, want)
		}
	}
	assigned, err := w.Assignments(t.Context(), k)
	if err != nil || len(assigned) != 1 {
		t.Fatalf("%d assignments, %v", len(assigned), err)
	}
	if a := assigned[0]; a.MaxRequestsPerSecond != 2.5 || a.MaxParallel != 3 || len(a.QuietHours) != 1 || a.TimeZone != "Europe/Lisbon" {
		t.Errorf("assigned %+v", a)
	}
}

// TestEpochs: every move and edit raises the epoch; who held it once is superseded, who never did is refused.
func TestEpochs(t *testing.T) {
	w := newWorld(t)
	one, two, three := w.agent("key-1"), w.agent("key-2"), w.agent("key-3")
	c := w.connect(one, "toy")
	holds := func(k fleet.Known, epoch int64) fleet.Holding {
		t.Helper()
		h, _, err := w.Holds(t.Context(), k, c.ID, epoch)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if holds(one, 1) != fleet.Now || holds(two, 1) != fleet.Never || holds(one, 2) != fleet.Never {
		t.Error("at the beginning only the first agent holds it, under epoch 1")
	}
	moved, err := w.UpdateConnection(t.Context(), admin, c.ID, c.Version, rest.ConnectionWrite{Name: "toy", Provider: "toy", Agent: two.ID, Settings: c.Settings})
	if err != nil || moved.Epoch != 2 {
		t.Fatalf("moved: %+v, %v", moved, err)
	}
	if holds(one, 1) != fleet.Once || holds(two, 2) != fleet.Now || holds(two, 1) != fleet.Once || holds(three, 2) != fleet.Never {
		t.Error("after the move the second agent holds it, the first did once")
	}
	if _, err := w.UpdateConnection(t.Context(), admin, c.ID, c.Version, rest.ConnectionWrite{Name: "toy", Provider: "toy", Agent: one.ID, Settings: c.Settings}); err == nil {
		t.Error("an edit of an old version was taken")
	}
	w.greet(two, "spool-1") // the same spool: nothing new
	if holds(two, 2) != fleet.Now {
		t.Error("a new session raised the epoch")
	}
	w.greet(two, "spool-2")
	if holds(two, 2) != fleet.Once || holds(two, 3) != fleet.Now {
		t.Error("another spool did not raise the epoch")
	}
	if err := w.DeleteConnection(t.Context(), admin, c.ID); err != nil {
		t.Fatal(err)
	}
	if holds(two, 3) != fleet.Once || holds(two, 4) != fleet.Once {
		t.Error("a deleted connection is held")
	}
	if list, err := w.Assignments(t.Context(), two); err != nil || len(list) != 0 {
		t.Errorf("assignments of a deleted connection: %v, %v", list, err)
	}
}

// TestCommands: a run that was asked for reaches the agent once; an unanswered one fails its run.
func TestCommands(t *testing.T) {
	w := newWorld(t)
	k := w.agent("key-1")
	c := w.connect(k, "toy")
	news, stop := w.Watch(k.ID)
	defer stop()
	runID, err := w.RequestRun(t.Context(), admin, c.ID, []string{"server"})
	if err != nil {
		t.Fatal(err)
	}
	<-news
	due, err := w.Due(t.Context(), k)
	if err != nil || len(due) != 1 || due[0].RunID != runID || due[0].Epoch != 1 {
		t.Fatalf("due %+v, %v", due, err)
	}
	if again, err := w.Due(t.Context(), k); err != nil || len(again) != 0 {
		t.Errorf("due again: %+v, %v", again, err)
	}
	if err := w.Answered(t.Context(), k, due[0].ID, false, "busy", nil); err != nil {
		t.Fatal(err)
	}
	w.wantRun(runID, "failed", "busy")
	unheard, err := w.RequestRun(t.Context(), admin, c.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(2 * time.Hour)
	if err := w.Sweep(t.Context(), w.now); err != nil {
		t.Fatal(err)
	}
	w.wantRun(unheard, "failed", "not reached")
	if _, err := w.RequestRun(t.Context(), admin, c.ID, []string{"network"}); err == nil {
		t.Error("a run of a kind that is not read was queued")
	}
	// Nobody would ever take it: not what waits already, and nothing more.
	waiting, err := w.RequestRun(t.Context(), admin, c.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.RevokeAgent(t.Context(), admin, k.ID, "lost"); err != nil {
		t.Fatal(err)
	}
	w.wantRun(waiting, "failed", "revoked")
	if x, err := w.Connection(t.Context(), admin, c.ID); err != nil || x.Health != "no_agent" {
		t.Errorf("health %q %v", x.Health, err)
	}
	var conflict *inventory.ConflictError
	if _, err := w.RequestRun(t.Context(), admin, c.ID, nil); !errors.As(err, &conflict) || !strings.Contains(conflict.Problem, "revoked") {
		t.Errorf("a run for a revoked agent: %v", err)
	}
}

// A run is canceled here while its agent has not heard of it, and by the agent after that.
func TestCancel(t *testing.T) {
	w := newWorld(t)
	k := w.agent("key-1")
	c := w.connect(k, "toy")
	request := func() string {
		t.Helper()
		id, err := w.RequestRun(t.Context(), admin, c.ID, nil)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	cancel := func(id string) {
		t.Helper()
		if err := w.CancelRun(t.Context(), admin, id, "a mistake"); err != nil {
			t.Fatal(err)
		}
	}
	deliver := func(typ, runID string) string {
		t.Helper()
		due, err := w.Due(t.Context(), k)
		if err != nil || len(due) != 1 || due[0].Type != typ || due[0].RunID != runID {
			t.Fatalf("due %+v, %v; want %s of %s", due, err, typ, runID)
		}
		return due[0].ID
	}
	answer := func(command string, ok bool) {
		t.Helper()
		if err := w.Answered(t.Context(), k, command, ok, "", nil); err != nil {
			t.Fatal(err)
		}
	}
	progress := func(id string) {
		t.Helper()
		if err := w.inventory.Progress(t.Context(), inventory.RunProgress{Tenant: "default", RunID: id, Connection: inventory.Connection{ID: c.ID, AgentID: k.ID}}); err != nil {
			t.Fatal(err)
		}
	}
	unheard := request()
	cancel(unheard)
	w.wantRun(unheard, "canceled", "on request")
	if due, err := w.Due(t.Context(), k); err != nil || len(due) != 0 {
		t.Errorf("it is delivered all the same: %+v, %v", due, err)
	}

	queued := request() // at the agent, behind another one
	answer(deliver(fleet.CommandRun, queued), true)
	cancel(queued)
	w.wantRun(queued, "queued", "")
	answer(deliver(fleet.CommandCancel, queued), true)
	w.wantRun(queued, "canceled", "on request")

	running := request()
	answer(deliver(fleet.CommandRun, running), true)
	progress(running)
	cancel(running)
	answer(deliver(fleet.CommandCancel, running), true)
	w.wantRun(running, "running", "") // the agent says how it ended
	cancel(running)
	answer(deliver(fleet.CommandCancel, running), false)
	w.wantRun(running, "canceled", "on request") // it knows of no such run

	var conflict *inventory.ConflictError
	if err := w.CancelRun(t.Context(), admin, running, ""); !errors.As(err, &conflict) || !strings.Contains(conflict.Problem, "was canceled") {
		t.Errorf("canceled twice: %v", err)
	}
	stranger := inventory.Caller{Tenant: "default", Name: "user:bert"}
	if err := w.CancelRun(t.Context(), stranger, running, ""); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a stranger's cancel: %v", err)
	}
	orphan := request()
	answer(deliver(fleet.CommandRun, orphan), true)
	progress(orphan)
	if _, err := w.RevokeAgent(t.Context(), admin, k.ID, "lost"); err != nil {
		t.Fatal(err)
	}
	if run, err := w.inventory.Run(t.Context(), admin, orphan); err != nil {
		t.Fatal(err)
	} else if run.State == "running" {
		cancel(orphan)
		w.wantRun(orphan, "canceled", "on request")
	}
	entries, err := w.audit.List(t.Context(), "default", audit.Query{Action: "run.cancel"})
	if err != nil || len(entries.Entries) < 4 || entries.Entries[0].Reason != "a mistake" {
		t.Errorf("audit %+v, %v", entries.Entries, err)
	}
}

// Everything is asked for again from both ends.
func TestResend(t *testing.T) {
	w := newWorld(t)
	k := w.agent("key-1")
	c := w.connect(k, "toy")
	if err := w.Resend(t.Context(), admin, c.ID, "it looks wrong"); err != nil {
		t.Fatal(err)
	}
	due, err := w.Due(t.Context(), k)
	if err != nil || len(due) != 1 || due[0].Type != fleet.CommandResend || due[0].Connection != c.ID {
		t.Errorf("due %+v, %v", due, err)
	}
	stranger := inventory.Caller{Tenant: "default", Name: "user:bert"}
	if err := w.Resend(t.Context(), stranger, c.ID, ""); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a stranger's: %v", err)
	}
}

func (w *world) wantRun(id, state, text string) {
	w.t.Helper()
	run, err := w.inventory.Run(w.t.Context(), admin, id)
	if err != nil || run.State != state || !strings.Contains(run.Error, text) {
		w.t.Errorf("run %+v, %v; want %s: ... %s", run, err, state, text)
	}
}

// TestCheck: the answer of the agent comes back; while it is missing the same check is waited for.
func TestCheck(t *testing.T) {
	w := newWorld(t)
	k := w.agent("key-1")
	c := w.connect(k, "toy")
	check := func(wait time.Duration) rest.CheckResult {
		t.Helper()
		res, err := w.Check(t.Context(), admin, c.ID, nil, wait)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	if res := check(time.Millisecond); res.State != "pending" {
		t.Errorf("unanswered: %+v", res)
	}
	due, err := w.Due(t.Context(), k)
	if err != nil || len(due) != 1 || due[0].Assignment.Settings == "" {
		t.Fatalf("due %+v, %v", due, err)
	}
	if check(time.Millisecond); len(mustDue(t, w, k)) != 0 {
		t.Error("a second check was sent while the first was under way")
	}
	// The answer comes while somebody waits.
	var answering sync.WaitGroup
	answering.Go(func() {
		time.Sleep(300 * time.Millisecond)
		if err := w.Answered(t.Context(), k, due[0].ID, true, "", []byte(`{"items":[{"name":"read","ok":true}]}`)); err != nil {
			t.Error(err)
		}
	})
	if res := check(30 * time.Second); res.State != "done" || len(res.Report.Items) != 1 {
		t.Errorf("answered: %+v", res)
	}
	answering.Wait()
}

func mustDue(t *testing.T, w *world, k fleet.Known) []fleet.Command {
	t.Helper()
	due, err := w.Due(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return due
}

// TestReadersSeeTheirOwn: who has no right to a datacenter sees neither it nor what leads there, nor any agent.
func TestReadersSeeTheirOwn(t *testing.T) {
	w := newWorld(t)
	k := w.agent("key-1")
	dc, err := w.CreateDatacenter(t.Context(), admin, rest.DatacenterWrite{Name: "Frankfurt"})
	if err != nil {
		t.Fatal(err)
	}
	c := w.connect(k, "elsewhere")
	reader := inventory.Caller{Tenant: "default", Name: "user:bert", Roots: []string{dc.ID}}
	if list, err := w.Datacenters(t.Context(), reader); err != nil || len(list) != 1 {
		t.Errorf("datacenters %v, %v", list, err)
	}
	if list, err := w.Connections(t.Context(), reader); err != nil || len(list) != 0 {
		t.Errorf("connections %v, %v", list, err)
	}
	if _, err := w.Connection(t.Context(), reader, c.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("connection: %v", err)
	}
	if list, err := w.Agents(t.Context(), reader); err != nil || len(list) != 0 {
		t.Errorf("agents %v, %v", list, err)
	}
	stranger := inventory.Caller{Tenant: "other", Name: "user:eve", TenantWide: true}
	if _, err := w.Connection(t.Context(), stranger, c.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another tenant: %v", err)
	}
}

// TestDatacenterInUse: one that a connection leads to stays.
func TestDatacenterInUse(t *testing.T) {
	w := newWorld(t)
	k := w.agent("key-1")
	dc, err := w.CreateDatacenter(t.Context(), admin, rest.DatacenterWrite{Name: "Frankfurt"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.CreateConnection(t.Context(), admin, rest.ConnectionWrite{Name: "toy", Provider: "toy", Agent: k.ID, Datacenter: dc.ID, Settings: json.RawMessage(`{"url":"u"}`)})
	if err != nil {
		t.Fatal(err)
	}
	var conflict *inventory.ConflictError
	if err := w.DeleteDatacenter(t.Context(), admin, dc.ID); !errors.As(err, &conflict) {
		t.Errorf("deleted while in use: %v", err)
	}
	if err := w.DeleteConnection(t.Context(), admin, c.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.DeleteDatacenter(t.Context(), admin, dc.ID); err != nil {
		t.Error(err)
	}
}
