package uplink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	"maestro.internal/agent/internal/credential"
	"maestro.internal/agent/internal/dispatch"
	"maestro.internal/agent/internal/spool"
	"maestro.internal/agent/internal/supervisor"
	"maestro.internal/agent/internal/uplink"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// TestMain lets the test binary play a plugin when it is started under a plugin's name.
func TestMain(m *testing.M) {
	if strings.HasPrefix(filepath.Base(os.Args[0]), supervisor.Prefix) {
		serve.Provider(versioned{})
		return
	}
	goleak.VerifyTestMain(m)
}

func keyOf(canonical []byte) string {
	var env resource.Envelope
	if err := json.Unmarshal(canonical, &env); err != nil {
		panic(err)
	}
	return env.ExternalID
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// orders stands where the dispatcher is and remembers what it was told.
type orders struct {
	mu       sync.Mutex
	assigned []dispatch.Assignment
	requests []dispatch.Request
	canceled []string
}

func (o *orders) Assign(list []dispatch.Assignment) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.assigned = list
}

func (o *orders) Request(r dispatch.Request) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests = append(o.requests, r)
	return nil
}

func (o *orders) Cancel(id string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.canceled = append(o.canceled, id)
	return errors.New("no such run is going on")
}

func (o *orders) Choices(_ context.Context, a dispatch.Assignment, setting string) (provider.Choices, error) {
	if setting == "/denied" {
		return provider.Choices{}, provider.Denied(errors.New("no such key"), "make another key")
	}
	return provider.Choices{Items: []provider.Choice{{Value: a.Provider + " " + setting}}}, nil
}

func (o *orders) Check(_ context.Context, a dispatch.Assignment) (provider.CheckReport, error) {
	return provider.CheckReport{Items: []provider.CheckItem{{Name: a.Provider, OK: true}}}, nil
}

func (o *orders) Running() []dispatch.Running { return nil }

type installed []supervisor.Described

func (p installed) All(context.Context) ([]supervisor.Described, error) { return p, nil }

func (p installed) Files() ([]supervisor.File, error) {
	var out []supervisor.File
	for _, d := range p {
		out = append(out, d.File)
	}
	return out, nil
}

// site is one agent's uplink with its spool.
type site struct {
	t        testing.TB
	dir      string
	spool    *spool.Spool
	identity *uplink.Identity
	orders   *orders
	cfg      uplink.Config
	clock    func() time.Time
	end      func()
	link     *uplink.Uplink
}

func newSite(t testing.TB, c *collector) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), orders: &orders{}}
	var err error
	if s.spool, err = spool.Open(filepath.Join(s.dir, "spool"), spool.Options{MachineID: "m"}); err != nil {
		t.Fatal(err)
	}
	if s.identity, err = uplink.OpenIdentity(filepath.Join(s.dir, "identity")); err != nil {
		t.Fatal(err)
	}
	if err := s.identity.Enroll(t.Context(), c.address, c.token.Text(), "agent", uplink.Info{}); err != nil {
		t.Fatal(err)
	}
	s.cfg = uplink.Config{Collector: c.address, Identity: s.identity, Spool: s.spool, Dispatcher: s.orders,
		Plugins:     installed{{Digest: "d1", JSON: []byte(`{"provider":"demo"}`)}},
		Credentials: []credential.Name{{Name: "vc", Providers: []string{"vsphere"}}}, AssignmentsFile: filepath.Join(s.dir, "assignments.json"),
		Pace: uplink.Pace{FirstRetry: 20 * time.Millisecond, MaxRetry: 50 * time.Millisecond, Step: 5 * time.Second},
		Log:  slog.New(slog.DiscardHandler)}
	t.Cleanup(func() {
		s.stop()
		if err := s.spool.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *site) start() {
	s.t.Helper()
	s.cfg.Now = s.clock
	var err error
	if s.link, err = uplink.New(s.cfg); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { s.link.Run(ctx) })
	s.end = sync.OnceFunc(func() {
		cancel()
		run.Wait()
	})
}

func (s *site) stop() {
	if s.end != nil {
		s.end()
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func (s *site) drained() {
	s.t.Helper()
	eventually(s.t, "the spool is empty", func() bool { return len(s.spool.Runs("")) == 0 })
}

// read records a run as the runner would.
type reading struct {
	status  resource.Status
	content map[string]string
	policy  string
}

var plan = []resource.Scope{{Kind: "server"}, {Kind: "server", Partition: resource.Partition{{Key: "region", Value: "eu"}}}, {Kind: "volume"}}

func item(key, name string) spool.Item {
	b, err := resource.Canonical(resource.Envelope{Kind: "server", Major: 1, ExternalID: key, Name: name})
	if err != nil {
		panic(err)
	}
	return spool.Item{Key: key, Canonical: b, Hash: resource.HashOf(b)}
}

func (s *site) begin(id string) *spool.Run {
	s.t.Helper()
	run, err := s.spool.Begin(spool.RunInfo{RunID: id, ConnectionID: "c1", Epoch: 1, Trigger: "schedule", Kinds: []string{"server", "volume"}, StartedAt: time.Now()})
	if err == nil {
		err = run.SetPlan(spool.RunPlan{Plan: provider.Plan{Scopes: plan, Complete: true}, PluginVersion: "1"})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return run
}

func (s *site) scope(run *spool.Run, at int, r reading) {
	s.t.Helper()
	w := run.Capture(at)
	var items []spool.Item
	for _, k := range sortedKeys(r.content) {
		items = append(items, item(k, r.content[k]))
	}
	for chunk := range slices.Chunk(items, 100) {
		if err := w.Append(chunk); err != nil {
			s.t.Fatal(err)
		}
	}
	end := spool.CaptureEnd{Outcome: resource.Outcome{Status: r.status, Listed: len(items)}, HashFormat: 1, Fingerprint: []byte("f"),
		KindDigest: []byte("k"), PolicyDigest: []byte(r.policy), ReadAt: time.Now()}
	if err := w.Finish(end); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) run(id string, scopes ...reading) {
	s.t.Helper()
	run := s.begin(id)
	for i, r := range scopes {
		s.scope(run, i, r)
	}
	if err := run.End(spool.RunEnd{FinishedAt: time.Now()}); err != nil {
		s.t.Fatal(err)
	}
}

func complete(pairs ...string) reading {
	r := reading{status: resource.StatusComplete, content: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		r.content[pairs[i]] = pairs[i+1]
	}
	return r
}

func (c *collector) rows(scope int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.scopes["c1/"+plan[scope].Key()]
	if st == nil {
		return nil
	}
	return sortedKeys(st.rows)
}

func (c *collector) asked() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := strings.Join(c.requests, " ")
	c.requests = nil
	return out
}

func (c *collector) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func TestEnrolment(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	if s.identity.AgentID() != "agent-1" {
		t.Error("no agent id")
	}
	info, err := os.Stat(filepath.Join(s.dir, "identity", "agent.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file %v, %v", info.Mode(), err)
	}
	again, err := uplink.OpenIdentity(filepath.Join(s.dir, "identity"))
	if err != nil || !again.Enrolled() || again.AgentID() != "agent-1" {
		t.Errorf("reopened: %v", err)
	}
	other, err := uplink.OpenIdentity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Enroll(t.Context(), c.address, c.token.Text(), "x", uplink.Info{}); err == nil || !strings.Contains(err.Error(), "used") {
		t.Errorf("a used token: %v", err)
	}
	stranger := newCollector(t)
	err = other.Enroll(t.Context(), stranger.address, c.token.Text(), "x", uplink.Info{})
	if err == nil || !strings.Contains(err.Error(), "not the collector") || uplink.Unreachable(err) {
		t.Errorf("a foreign collector: %v", err)
	}
	c.stop()
	if err := other.Enroll(t.Context(), c.address, c.token.Text(), "x", uplink.Info{}); !uplink.Unreachable(err) {
		t.Errorf("no collector: %v", err)
	}
}

// Without its key an agent is nobody. It says so, and makes another key only to enroll with it.
func TestALostKey(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	dir := filepath.Join(s.dir, "identity")
	key := filepath.Join(dir, "agent.key")
	backup, err := os.ReadFile(key)
	if err == nil {
		err = os.Remove(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	open := func() *uplink.Identity {
		t.Helper()
		id, err := uplink.OpenIdentity(dir)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	id := open()
	if _, err := os.Stat(key); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a new key was made by itself: %v", err)
	}
	if lost := id.KeyLost(); lost == nil || !strings.Contains(lost.Error(), "agent-1") || !strings.Contains(lost.Error(), key) || id.Enrolled() {
		t.Errorf("lost: %v", lost)
	}
	// A token that is refused changes nothing: the key comes back from a backup.
	if err := id.Enroll(t.Context(), c.address, c.token.Text(), "x", uplink.Info{}); err == nil || !strings.Contains(err.Error(), "used") {
		t.Errorf("a used token: %v", err)
	}
	if err := os.WriteFile(key, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	if id = open(); id.KeyLost() != nil || id.AgentID() != "agent-1" {
		t.Errorf("with the backup: %v", id.KeyLost())
	}
	// Or the agent enrolls anew.
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	c.set(func() { c.used = false })
	if err := open().Enroll(t.Context(), c.address, c.token.Text(), "x", uplink.Info{}); err != nil {
		t.Fatal(err)
	}
	if id = open(); id.KeyLost() != nil || !id.Enrolled() {
		t.Errorf("enrolled anew: %v", id.KeyLost())
	}
	if now, err := os.ReadFile(key); err != nil || bytes.Equal(now, backup) {
		t.Errorf("the key is the old one, or %v", err)
	}
	// A key and a certificate that do not belong together are named.
	if err := os.WriteFile(key, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := uplink.OpenIdentity(dir); err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "another key") {
		t.Errorf("mixed up: %v", err)
	}
}

func TestASession(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	mine := c.signed(&uplinkv1.Assignment{ConnectionId: "c1", AgentId: "agent-1", Provider: "demo", Epoch: 3, Settings: []byte(`{}`),
		Kinds: []*uplinkv1.KindSchedule{{Kind: "server", Enabled: true, IntervalSeconds: 60}}})
	foreign := c.signed(&uplinkv1.Assignment{ConnectionId: "c2", AgentId: "agent-2", Provider: "demo"})
	forged := &uplinkv1.SignedAssignment{Assignment: mine.GetAssignment(), Signature: []byte("no")}
	c.tell(
		&uplinkv1.CollectorMessage{Message: &uplinkv1.CollectorMessage_Assignments{Assignments: &uplinkv1.Assignments{
			Assignments: []*uplinkv1.SignedAssignment{forged, foreign, mine}}}},
		command("1", &uplinkv1.Command{Command: &uplinkv1.Command_Run{Run: &uplinkv1.RunCommand{RunId: "r1", ConnectionId: "c1", Epoch: 3}}}),
		command("2", &uplinkv1.Command{Command: &uplinkv1.Command_Cancel{Cancel: &uplinkv1.CancelCommand{RunId: "r9"}}}),
		command("3", &uplinkv1.Command{Command: &uplinkv1.Command_Check{Check: &uplinkv1.CheckCommand{Assignment: &uplinkv1.Assignment{Provider: "demo"}}}}),
		command("4", &uplinkv1.Command{}),
		command("5", &uplinkv1.Command{Command: &uplinkv1.Command_Choices{Choices: &uplinkv1.ChoicesCommand{Assignment: &uplinkv1.Assignment{Provider: "demo"}, Setting: "/regions"}}}),
		command("6", &uplinkv1.Command{Command: &uplinkv1.Command_Choices{Choices: &uplinkv1.ChoicesCommand{Assignment: &uplinkv1.Assignment{Provider: "demo"}, Setting: "/denied"}}}),
		&uplinkv1.CollectorMessage{Message: &uplinkv1.CollectorMessage_WantPlugins{WantPlugins: &uplinkv1.WantPlugins{Digests: []string{"d1", "d2"}}}},
	)
	s.start()
	eventually(t, "all is answered", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.results) == 6 && len(c.plugins) == 1 && c.beats > 0
	})
	c.mu.Lock()
	for id, want := range map[string]bool{"1": true, "2": false, "3": true, "4": false, "5": true, "6": false} {
		if c.results[id].GetOk() != want {
			t.Errorf("command %s: %v", id, c.results[id])
		}
	}
	if !strings.Contains(string(c.results["3"].GetDetail()), `"ok":true`) {
		t.Errorf("check: %s", c.results["3"].GetDetail())
	}
	if got := string(c.results["5"].GetDetail()); got != `{"items":[{"value":"demo /regions"}]}` {
		t.Errorf("choices: %s", got)
	}
	if got := string(c.results["6"].GetDetail()); got != `{"advice":"make another key"}` || !strings.Contains(c.results["6"].GetError(), "no such key") {
		t.Errorf("refused choices: %s, %s", got, c.results["6"].GetError())
	}
	hello := c.hellos[0]
	c.mu.Unlock()
	if hello.GetSpoolId() != s.spool.ID() || hello.GetPluginDigests()[0] != "d1" || hello.GetCredentials()[0].GetName() != "vc" {
		t.Errorf("hello %v", hello)
	}
	s.link.Progress(dispatch.Running{RunID: "r1", ConnectionID: "c1"})
	eventually(t, "progress", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.progress) == 1
	})
	if !s.link.Status().Connected {
		t.Errorf("status %+v", s.link.Status())
	}
	s.orders.mu.Lock()
	got := s.orders.assigned
	s.orders.mu.Unlock()
	if len(got) != 1 || got[0].ConnectionID != "c1" || got[0].Plan.Kinds[0].Interval != time.Minute {
		t.Fatalf("assigned %+v", got)
	}
	// After a restart without a collector the assignments are there.
	s.stop()
	c.stop()
	s.orders = &orders{}
	s.cfg.Dispatcher = s.orders
	s.start()
	if len(s.orders.assigned) != 1 {
		t.Error("assignments are forgotten")
	}
}

func command(id string, c *uplinkv1.Command) *uplinkv1.CollectorMessage {
	c.Id = id
	return &uplinkv1.CollectorMessage{Message: &uplinkv1.CollectorMessage_Command{Command: c}}
}

func TestFirstUnchangedAndChangedRuns(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	s.start()
	s.run("r1", complete("a", "1", "b", "1"), complete(), complete("v", "1"))
	s.drained()
	if got := c.rows(0); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("rows %v", got)
	}
	c.asked()
	s.run("r2", complete("a", "1", "b", "1"), complete(), complete("v", "1"))
	s.drained()
	if got := c.asked(); got != "open" {
		t.Errorf("an unchanged run sent %q", got)
	}
	s.run("r3", complete("a", "2", "c", "1"), complete(), complete("v", "1"))
	s.drained()
	if got := c.asked(); got != "open plan capture batch capture capture close" {
		t.Errorf("a changed run sent %q", got)
	}
	if got := c.rows(0); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("rows %v", got)
	}
	if p := s.spool.Positions()["c1"]; p.Generation != 3 || p.Epoch != 1 {
		t.Errorf("position %+v", p)
	}
}

// TestChangedScopesAreSentWhileTheRunGoesOn: eager, so that the first resource is seen before the last is read.
func TestChangedScopesAreSentWhileTheRunGoesOn(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	s.start()
	run := s.begin("r1")
	s.scope(run, 0, complete("a", "1"))
	eventually(t, "the first scope has arrived", func() bool { return len(c.rows(0)) == 1 })
	s.scope(run, 2, complete("v", "1"))
	eventually(t, "the third scope has arrived", func() bool { return len(c.rows(2)) == 1 })
	s.scope(run, 1, reading{status: resource.StatusDenied})
	if err := run.End(spool.RunEnd{FinishedAt: time.Now(), Error: "canceled"}); err != nil {
		t.Fatal(err)
	}
	s.drained()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runs["r1"].GetError() != "canceled" {
		t.Errorf("closed with %v", c.runs["r1"])
	}
}

func TestPartialCapturesAddAndNeverRemove(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	s.start()
	s.run("r1", complete("a", "1", "b", "1"), complete(), complete())
	s.run("r2", reading{status: resource.StatusPartial, content: map[string]string{"b": "2", "c": "1"}}, complete(), complete())
	s.drained()
	if got := c.rows(0); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("rows %v", got)
	}
	c.asked()
	s.run("r3", reading{status: resource.StatusPartial, content: map[string]string{"c": "1"}}, complete(), complete())
	s.drained()
	if got := c.asked(); got != "open" {
		t.Errorf("a partial run that found nothing new sent %q", got)
	}
}

func TestALostBaselineGoesThroughTheList(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	s.start()
	s.run("r1", complete("a", "1", "b", "1", "c", "1"), complete(), complete())
	s.drained()
	t.Run("lost here", func(t *testing.T) {
		if err := s.spool.ForgetConnection("c1"); err != nil {
			t.Fatal(err)
		}
		s.run("r2", complete("a", "1", "b", "2", "d", "1"), complete(), complete())
		s.drained()
		if got := c.rows(0); !slices.Equal(got, []string{"a", "b", "d"}) {
			t.Errorf("rows %v", got)
		}
	})
	t.Run("lost there", func(t *testing.T) {
		c.set(func() { c.scopes = map[string]*scopeState{"c1/server": {rows: map[string]resource.Hash{"z": {}}}} })
		s.run("r3", complete("a", "1", "b", "2", "d", "2"), complete(), complete())
		s.drained()
		if got := c.rows(0); !slices.Equal(got, []string{"a", "b", "d"}) {
			t.Errorf("rows %v", got)
		}
	})
	t.Run("lost there before a partial one", func(t *testing.T) {
		c.set(func() { c.scopes = map[string]*scopeState{"c1/server": {rows: map[string]resource.Hash{"z": {}}}} })
		s.run("r4", reading{status: resource.StatusPartial, content: map[string]string{"e": "1"}}, complete(), complete())
		s.drained()
		if got := c.rows(0); !slices.Equal(got, []string{"e", "z"}) {
			t.Errorf("rows %v", got)
		}
		s.run("r5", complete("a", "1"), complete(), complete())
		s.drained()
		if got := c.rows(0); !slices.Equal(got, []string{"a"}) {
			t.Errorf("rows %v", got)
		}
	})
	t.Run("other rules", func(t *testing.T) {
		r := complete("a", "1")
		r.policy = "another"
		s.run("r6", r, complete(), complete())
		s.drained()
	})
}

func TestWhatTheCollectorDoesNotTake(t *testing.T) {
	verdict := func(v uplinkv1.Verdict) func(*uplinkv1.CaptureOpen) *uplinkv1.CaptureReply {
		return func(m *uplinkv1.CaptureOpen) *uplinkv1.CaptureReply {
			return &uplinkv1.CaptureReply{RunId: m.GetRunId(), Scope: m.GetScope(), Verdict: v}
		}
	}
	for _, v := range []uplinkv1.Verdict{uplinkv1.Verdict_VERDICT_SUPERSEDED, uplinkv1.Verdict_VERDICT_REFUSED, uplinkv1.Verdict_VERDICT_FAILED} {
		t.Run(v.String(), func(t *testing.T) {
			c := newCollector(t)
			s := newSite(t, c)
			s.start()
			s.run("r1", complete("a", "1"), complete(), complete())
			s.drained()
			c.set(func() {
				c.onCapture = verdict(v)
				c.onOpen = nil
			})
			run := s.begin("r2")
			s.scope(run, 0, complete("a", "2"))
			for i := 1; i < 3; i++ {
				s.scope(run, i, complete())
			}
			if err := run.End(spool.RunEnd{FinishedAt: time.Now(), Error: "x"}); err != nil {
				t.Fatal(err)
			}
			s.drained()
			if s.spool.Baseline("c1", "server") != nil {
				t.Error("the baseline is still believed")
			}
			c.set(func() {
				c.onCapture = nil
				c.onOpen = func(m *uplinkv1.RunOpen) *uplinkv1.RunReply { return &uplinkv1.RunReply{Verdict: v} }
			})
			s.run("r3", complete("a", "3"), complete(), complete())
			s.drained()
			c.set(func() { c.onOpen = nil })
			s.run("r4", complete("a", "4"), complete(), complete())
			s.drained()
			if got := c.rows(0); !slices.Equal(got, []string{"a"}) {
				t.Errorf("rows %v", got)
			}
		})
	}
}

func TestTheCollectorsOwnErrorIsNeverAcknowledged(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	fails := map[string]int{"open": 2, "capture": 2, "batch": 2, "stream": 3}
	fail := func(what string) bool { // with the collector's lock
		fails[what]--
		return fails[what] >= 0
	}
	c.onOpen = func(*uplinkv1.RunOpen) *uplinkv1.RunReply {
		if fail("open") {
			return &uplinkv1.RunReply{Verdict: uplinkv1.Verdict_VERDICT_RETRY, Reason: "busy"}
		}
		return nil
	}
	c.onCapture = func(m *uplinkv1.CaptureOpen) *uplinkv1.CaptureReply {
		if fail("capture") {
			return &uplinkv1.CaptureReply{Scope: m.GetScope(), Verdict: uplinkv1.Verdict_VERDICT_RETRY}
		}
		return nil
	}
	c.onBatch = func(*uplinkv1.Batch) *uplinkv1.BatchReceipt {
		if fail("batch") {
			return &uplinkv1.BatchReceipt{Verdict: uplinkv1.Verdict_VERDICT_RETRY}
		}
		return nil
	}
	n := 0
	c.beforeEach = func() error {
		if n++; n%5 == 0 && fail("stream") {
			return status.Error(codes.Internal, "broken")
		}
		return nil
	}
	s.start()
	s.run("r1", complete("a", "1", "b", "1"), complete(), complete("v", "1"))
	s.drained()
	if got := c.rows(0); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("rows %v", got)
	}
}

func TestManyBatches(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	s.start()
	big := complete()
	for i := range 3000 {
		big.content[fmt.Sprintf("k%05d", i)] = strings.Repeat("x", i%200)
	}
	s.run("r1", big, complete(), complete())
	s.drained()
	if got := len(c.rows(0)); got != 3000 {
		t.Errorf("%d rows", got)
	}
	if err := s.spool.ForgetConnection("c1"); err != nil {
		t.Fatal(err)
	}
	c.set(func() { c.scopes["c1/server"].rows["k00000"] = resource.Hash{} })
	s.run("r2", big, complete(), complete())
	s.drained()
}

func TestADamagedCaptureIsToldAsFailed(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	s.run("r1", complete("a", "1"), complete(), complete("v", "1"))
	files, err := filepath.Glob(filepath.Join(s.dir, "spool", "runs", "*", "0.capture"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/3] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.drained()
	c.mu.Lock()
	st := c.scopes["c1/server"]
	c.mu.Unlock()
	if st == nil || st.status != "not_tried" || len(c.rows(2)) != 1 {
		t.Errorf("state %+v, volumes %v", st, c.rows(2))
	}
	if n := s.spool.Stats().Notices; len(n) == 0 {
		t.Error("nothing was said")
	}
}

func TestCertificates(t *testing.T) {
	c := newCollector(t)
	c.life = 30 * time.Second
	s := newSite(t, c)
	var mu sync.Mutex
	var ahead time.Duration
	s.clock = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(ahead)
	}
	move := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		ahead = d
	}
	first := s.identity.NotAfter()
	s.start()
	eventually(t, "a session", func() bool { return s.link.Status().Connected })
	c.set(func() { c.life = time.Hour })
	move(25 * time.Second)
	eventually(t, "renewed", func() bool { return s.identity.NotAfter().After(first) })
	move(2 * time.Hour)
	s.stop()
	s.start()
	eventually(t, "the expiry is said", func() bool { return strings.Contains(s.link.Status().Problem, "expired") })
	s.run("r1", complete("a", "1"), complete(), complete())
	time.Sleep(50 * time.Millisecond)
	if len(s.spool.Runs("")) != 1 {
		t.Error("something was pushed with an expired certificate")
	}
	c.set(func() { c.recoverable, c.life = true, 4*time.Hour })
	eventually(t, "recovered", func() bool { return s.link.Status().Connected })
	s.drained()
}

func TestTheCollectorGoesAndComesBack(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	s.start()
	s.run("r1", complete("a", "1"), complete(), complete())
	s.drained()
	c.stop()
	s.run("r2", complete("a", "1", "b", "1"), complete(), complete())
	s.run("r3", complete("a", "2", "b", "1"), complete(), complete())
	eventually(t, "the loss is noticed", func() bool { return !s.link.Status().Connected })
	c.serve(c.address)
	s.drained()
	if got := c.rows(0); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("rows %v", got)
	}
	if len(c.hellos[len(c.hellos)-1].GetPositions()) != 1 {
		t.Error("the position is not told")
	}
}

// TestAnythingHealsWithOneCompleteRun plays random runs against a collector that forgets, errs and breaks off. After
// one complete run without trouble both sides hold the same.
func TestAnythingHealsWithOneCompleteRun(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newCollector(t)
		defer func() { c.stop() }()
		s := newSite(t, c)
		defer s.stop()
		s.start()
		content := rapid.MapOfN(rapid.StringMatching(`[a-e]`), rapid.StringMatching(`[12]`), 0, 5)
		statuses := rapid.SampledFrom([]resource.Status{resource.StatusComplete, resource.StatusComplete, resource.StatusPartial, resource.StatusDenied})
		trouble := rapid.SliceOfN(rapid.IntRange(0, 12), 0, 6).Draw(rt, "trouble")
		parts := rapid.Bool().Draw(rt, "lists in parts")
		n := 0
		c.set(func() {
			c.parts = parts
			c.beforeEach = func() error {
				n++
				if len(trouble) == 0 || n%13 != trouble[0] {
					return nil
				}
				trouble = trouble[1:]
				if n%2 == 0 {
					for _, st := range c.scopes {
						st.rows = map[string]resource.Hash{"z": {1}}
					}
				}
				return status.Error(codes.Unavailable, "trouble")
			}
		})
		for i := range rapid.IntRange(1, 4).Draw(rt, "runs") {
			var scopes []reading
			for range plan {
				r := reading{status: statuses.Draw(rt, "status"), content: map[string]string{}}
				if r.status != resource.StatusDenied {
					r.content = content.Draw(rt, "content")
				}
				scopes = append(scopes, r)
			}
			s.run(fmt.Sprintf("r%d", i), scopes...)
			if rapid.Bool().Draw(rt, "wait") {
				s.drained()
			}
		}
		s.drained()
		c.set(func() { c.beforeEach = nil })
		last := complete("x", "1", "y", "2")
		s.run("last", last, complete(), complete("v", "1"))
		s.drained()
		if got := c.rows(0); !slices.Equal(got, []string{"x", "y"}) {
			rt.Fatalf("rows %v", got)
		}
		if got := c.rows(2); !slices.Equal(got, []string{"v"}) {
			rt.Fatalf("rows %v", got)
		}
	})
}
