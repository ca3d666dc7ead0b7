package dispatch_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"maestro.internal/agent/internal/credential"
	"maestro.internal/agent/internal/dispatch"
	"maestro.internal/agent/internal/files"
	"maestro.internal/agent/internal/policy"
	"maestro.internal/agent/internal/runner"
	"maestro.internal/agent/internal/schedule"
	"maestro.internal/agent/internal/spool"
	"maestro.internal/agent/internal/supervisor"
	"maestro.internal/sdk/resource"
)

// rig is a dispatcher with real plugins and a real spool.
type rig struct {
	t          testing.TB
	dir        string
	spool      *spool.Spool
	dispatcher *dispatch.Dispatcher
	plugins    *supervisor.Supervisor
	logs       *lockedBuffer
	mu         sync.Mutex
	news       []dispatch.Running
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// install puts this test binary where a plugin would be.
func install(t testing.TB, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "maestro-plugin-demo")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func newRig(t testing.TB, rules ...policy.Rule) *rig {
	t.Helper()
	return newRigAt(t, time.Now, rules...)
}

func newRigAt(t testing.TB, now func() time.Time, rules ...policy.Rule) *rig {
	t.Helper()
	return newRigWith(t, now, nil, rules...)
}

func newRigWith(t testing.TB, now func() time.Time, uploads files.Remote, rules ...policy.Rule) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), logs: &lockedBuffer{}}
	install(t, filepath.Join(r.dir, "plugins"))
	t.Setenv("THE_PASSWORD", "hunter2-secret")
	file := filepath.Join(r.dir, "credentials.yaml")
	text := "credentials:\n  demo: {providers: [demo], endpoints: [good.example.com], env: {DEMO_PASSWORD: {env: THE_PASSWORD}, DEMO_NAME: {value: named}}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	credentials, err := credential.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.New(rules, []byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if r.spool, err = spool.Open(filepath.Join(r.dir, "spool"), spool.Options{MachineID: "m"}); err != nil {
		t.Fatal(err)
	}
	if r.plugins, err = supervisor.New(supervisor.Config{Dir: filepath.Join(r.dir, "plugins"), CacheDir: filepath.Join(r.dir, "cache"), Log: log}); err != nil {
		t.Fatal(err)
	}
	var folders *files.Folders
	if uploads != nil {
		folders = files.New(filepath.Join(r.dir, "files"), uploads, log)
	}
	r.dispatcher, err = dispatch.New(dispatch.Config{Files: folders, Runner: &runner.Runner{Policy: p, Log: log, Now: time.Now, Every: time.Millisecond},
		Supervisor: r.plugins, Spool: r.spool, Credentials: credentials, StateFile: filepath.Join(r.dir, "schedule.json"), Log: log, Now: now,
		Progress: func(run dispatch.Running) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.news = append(r.news, run)
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { r.dispatcher.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		work.Wait()
		if err := r.spool.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func assignment(s settings, kinds ...schedule.Kind) dispatch.Assignment {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return dispatch.Assignment{ConnectionID: "c1", Epoch: 1, Provider: "demo", Settings: b,
		Plan: schedule.Plan{Connection: "c1", Kinds: kinds}}
}

var onRequest = []schedule.Kind{{Name: "demo.thing", Enabled: true}}

func (r *rig) ended(id string) spool.State {
	r.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, run := range r.spool.Runs("") {
			if st := run.State(); st.Info.RunID == id && st.End != nil {
				return st
			}
		}
	}
	r.t.Fatalf("run %s never ended; log:\n%s", id, r.logs)
	return spool.State{}
}

func (r *rig) run(id string, a dispatch.Assignment) spool.State {
	r.t.Helper()
	r.dispatcher.Assign([]dispatch.Assignment{a})
	if err := r.dispatcher.Request(dispatch.Request{RunID: id, ConnectionID: "c1", Epoch: a.Epoch}); err != nil {
		r.t.Fatal(err)
	}
	return r.ended(id)
}

func statuses(st spool.State) string {
	var out []string
	for _, c := range st.Captures {
		out = append(out, fmt.Sprintf("%s=%s/%d", c.Key(), c.Outcome.Status, c.Outcome.Listed))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestARunReadsEverything(t *testing.T) {
	r := newRig(t)
	a := assignment(settings{Count: 3, URL: "https://good.example.com"}, onRequest...)
	a.Credential = "demo"
	st := r.run("r1", a)
	if got, want := statuses(st), "demo.thing{region=eu}=complete/3 demo.thing{region=us}=complete/3"; got != want || st.End.Error != "" {
		t.Fatalf("got %s, error %q", got, st.End.Error)
	}
	if st.Plan.PluginVersion != "1.2" || !st.Plan.Complete {
		t.Errorf("plan %+v", st.Plan)
	}
	c := st.Captures[0]
	if len(c.Fingerprint) != 32 || len(c.KindDigest) != 32 || c.HashFormat != resource.HashFormat {
		t.Errorf("capture %+v", c)
	}
	again := r.run("r2", a)
	if again.Captures[0].Digest != digestOf(st, again.Captures[0].Key()) {
		t.Error("volatile values changed the digest")
	}
	r.mu.Lock()
	last := r.news[len(r.news)-1]
	r.mu.Unlock()
	if last.Phase != runner.PhaseEnded || last.ScopesDone != 2 || last.Listed != 6 {
		t.Errorf("progress %+v", last)
	}
	r.noSecrets("hunter2-secret")
}

// A run over more scopes than any message holds comes into the spool whole.
func TestAWideRun(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes minutes under the race detector")
	}
	r := newRig(t)
	r.dispatcher.Assign([]dispatch.Assignment{assignment(settings{Count: 1, Mode: "wide"}, onRequest...)})
	if err := r.dispatcher.Request(dispatch.Request{RunID: "r1", ConnectionID: "c1", Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		r.mu.Lock()
		over := len(r.news) > 0 && r.news[len(r.news)-1].Phase == runner.PhaseEnded
		r.mu.Unlock()
		if over || time.Now().After(deadline) {
			break
		}
	}
	st := r.ended("r1")
	if len(st.Captures) != wideRegions+2 || st.End.Error != "" || !st.Plan.Complete {
		t.Fatalf("%d captures, error %q", len(st.Captures), st.End.Error)
	}
	listed := 0
	for i := range st.Captures {
		if c := &st.Captures[i]; c.Outcome.Status != resource.StatusComplete {
			t.Fatalf("%s: %+v", c.Key(), c.Outcome)
		}
		listed += int(st.Captures[i].Digest.Count)
	}
	if listed != wideRegions/1000+2 {
		t.Errorf("%d things", listed)
	}
}

func digestOf(st spool.State, key string) resource.Digest {
	for _, c := range st.Captures {
		if c.Key() == key {
			return c.Digest
		}
	}
	return resource.Digest{}
}

// noSecrets looks through everything that was written.
func (r *rig) noSecrets(secret string) {
	r.t.Helper()
	if strings.Contains(r.logs.String(), secret) {
		r.t.Error("a secret is in the log")
	}
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(b), secret) {
			r.t.Errorf("a secret is in %s", path)
		}
		return err
	})
	if err != nil {
		r.t.Error(err)
	}
}

func TestWhateverHappensEveryScopeHasAnOutcome(t *testing.T) {
	r := newRig(t)
	tests := []struct{ mode, want, problem string }{
		{"panic", "demo.thing{region=eu}=complete/4 demo.thing{region=us}=failed/3", ""},
		{"denied", "demo.thing{region=eu}=complete/4 demo.thing{region=us}=partial/3", ""},
		{"plan-denied", "", "no entry"},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			st := r.run(tt.mode, assignment(settings{Count: 4, Mode: tt.mode}, onRequest...))
			if got := statuses(st); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if !strings.Contains(st.End.Error, tt.problem) || tt.problem == "" && st.End.Error != "" {
				t.Errorf("error %q", st.End.Error)
			}
		})
	}
	t.Run("exit", func(t *testing.T) {
		st := r.run("exit", assignment(settings{Count: 4, Mode: "exit"}, onRequest...))
		if !strings.Contains(st.End.Error, "exit code 7") || len(st.Captures) != 2 {
			t.Errorf("error %q, %d captures", st.End.Error, len(st.Captures))
		}
		for _, c := range st.Captures {
			if c.Outcome.Status != resource.StatusComplete && !strings.Contains(c.Outcome.Error, "exit code 7") {
				t.Errorf("%s: %+v", c.Key(), c.Outcome)
			}
		}
	})
	t.Run("canceled", func(t *testing.T) {
		r.dispatcher.Assign([]dispatch.Assignment{assignment(settings{Count: 4, Mode: "hang"}, onRequest...)})
		if err := r.dispatcher.Request(dispatch.Request{RunID: "hang", ConnectionID: "c1", Epoch: 1}); err != nil {
			t.Fatal(err)
		}
		reading := func(x dispatch.Running) bool { return x.RunID == "hang" && x.ScopesDone > 0 }
		for !slices.ContainsFunc(r.dispatcher.Running(), reading) { // the run before may not have left yet
			time.Sleep(5 * time.Millisecond)
		}
		if err := r.dispatcher.Cancel("hang"); err != nil {
			t.Fatal(err)
		}
		st := r.ended("hang")
		if !strings.Contains(st.End.Error, "canceled") || len(st.Captures) != 2 {
			t.Errorf("error %q, %s", st.End.Error, statuses(st))
		}
	})
}

func TestRefusalsAreRunsWithAReason(t *testing.T) {
	r := newRig(t)
	tests := []struct {
		name   string
		change func(*dispatch.Assignment)
		want   string
	}{
		{"no such plugin", func(a *dispatch.Assignment) { a.Provider = "nope" }, "not installed"},
		{"unknown credential", func(a *dispatch.Assignment) { a.Credential = "nope" }, "unknown credential"},
		{"another endpoint", func(a *dispatch.Assignment) {
			a.Credential, a.Settings = "demo", json.RawMessage(`{"url":"https://evil.example.com"}`)
		}, "may not be sent"},
		{"wrong settings", func(a *dispatch.Assignment) { a.Settings = json.RawMessage(`{"cuont":1}`) }, "cuont"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := assignment(settings{Count: 1}, onRequest...)
			tt.change(&a)
			if st := r.run(tt.name, a); !strings.Contains(st.End.Error, tt.want) {
				t.Errorf("error %q", st.End.Error)
			}
		})
	}
	r.noSecrets("hunter2-secret")
}

func TestThePolicyActsBeforeTheSpool(t *testing.T) {
	r := newRig(t, policy.Rule{Action: policy.Drop, Kind: "demo.other"}, policy.Rule{Action: policy.Drop, Field: "/attributes/owner"})
	kinds := append(slices.Clone(onRequest), schedule.Kind{Name: "demo.other", Enabled: true})
	st := r.run("r1", assignment(settings{Count: 2}, kinds...))
	if got, want := statuses(st), "demo.thing{region=eu}=complete/2 demo.thing{region=us}=complete/2"; got != want {
		t.Errorf("got %s", got)
	}
	if !strings.Contains(strings.Join(st.Plan.Warnings, " "), "policy drops kind demo.other") {
		t.Errorf("warnings %v", st.Plan.Warnings)
	}
	run := r.spool.Runs("")[0]
	for items, err := range run.Items(&st.Captures[0], func(spool.Row) bool { return true }) {
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			if strings.Contains(string(it.Canonical), "alice") || !strings.Contains(string(it.Canonical), `"withheld":["/attributes/owner"]`) {
				t.Errorf("left the site: %s", it.Canonical)
			}
			if !strings.Contains(string(it.Volatile), "load") {
				t.Errorf("volatile: %s", it.Volatile)
			}
		}
	}
	if len(st.Captures[0].PolicyDigest) == 0 {
		t.Error("no policy digest")
	}
}

func TestANarrowerSettingChangesTheFingerprint(t *testing.T) {
	r := newRig(t)
	one := r.run("r1", assignment(settings{Count: 1}, onRequest...))
	same := r.run("r2", assignment(settings{Count: 2}, onRequest...))
	narrower := r.run("r3", assignment(settings{Count: 1, Filter: "prod"}, onRequest...))
	if string(one.Captures[0].Fingerprint) != string(same.Captures[0].Fingerprint) {
		t.Error("a setting that narrows nothing changed the fingerprint")
	}
	if string(one.Captures[0].Fingerprint) == string(narrower.Captures[0].Fingerprint) {
		t.Error("a filter did not change the fingerprint")
	}
}

func TestTheClockIsKeptWithoutACollector(t *testing.T) {
	r := newRig(t)
	r.dispatcher.Assign([]dispatch.Assignment{assignment(settings{Count: 1}, schedule.Kind{Name: "demo.thing", Enabled: true, Interval: time.Second},
		schedule.Kind{Name: "demo.other", Enabled: true, Interval: time.Second})})
	var ids []string
	for deadline := time.Now().Add(20 * time.Second); len(ids) < 2 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		for _, run := range r.spool.Runs("") {
			if st := run.State(); st.End != nil && !slices.Contains(ids, st.Info.RunID) {
				ids = append(ids, st.Info.RunID)
				if st.Info.Trigger != dispatch.TriggerSchedule || len(st.Info.Kinds) != 2 {
					t.Errorf("run %+v", st.Info)
				}
			}
		}
	}
	if len(ids) < 2 {
		t.Fatalf("%d runs", len(ids))
	}
	r.dispatcher.Assign(nil)
	if err := r.dispatcher.Request(dispatch.Request{RunID: "x", ConnectionID: "c1", Epoch: 1}); err == nil {
		t.Error("a connection that is gone was run")
	}
}

// A scheduled run ends when quiet hours begin; what people ask for then is read all the same.
func TestQuietHours(t *testing.T) {
	noon := time.Date(2026, 11, 21, 11, 59, 59, 0, time.UTC)
	began := time.Now()
	r := newRigAt(t, func() time.Time { return noon.Add(time.Since(began)) })
	a := assignment(settings{Count: 4, Mode: "hang"}, schedule.Kind{Name: "demo.thing", Enabled: true, Interval: time.Hour})
	a.Plan.Quiet = []string{"12:00-13:00"}
	r.dispatcher.Assign([]dispatch.Assignment{a})
	for len(r.dispatcher.Running()) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	st := r.ended(r.dispatcher.Running()[0].RunID)
	if !strings.Contains(st.End.Error, "quiet hours") {
		t.Errorf("error %q, %s", st.End.Error, statuses(st))
	}
	asked := assignment(settings{Count: 4}, onRequest...)
	asked.Plan.Quiet = a.Plan.Quiet
	if st := r.run("asked", asked); st.End.Error != "" {
		t.Errorf("a run that was asked for in quiet hours: %q", st.End.Error)
	}
}

// promises is a dispatcher that begins nothing, over a file and a spool that outlive it.
func promises(t *testing.T, file string, s *spool.Spool) *dispatch.Dispatcher {
	t.Helper()
	d, err := dispatch.New(dispatch.Config{StateFile: file, Spool: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	d.Assign([]dispatch.Assignment{assignment(settings{}, onRequest...)})
	return d
}

func openSpool(t *testing.T) *spool.Spool {
	t.Helper()
	s, err := spool.Open(t.TempDir(), spool.Options{MachineID: "m"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestAPromisedRunSurvivesARestart(t *testing.T) {
	file, s := filepath.Join(t.TempDir(), "schedule.json"), openSpool(t)
	if err := promises(t, file, s).Request(dispatch.Request{RunID: "r1", ConnectionID: "c1", Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	// Only what waits can be canceled without running.
	if err := promises(t, file, s).Cancel("r1"); err != nil {
		t.Error(err)
	}
	if err := promises(t, file, s).Cancel("r1"); err == nil {
		t.Error("a canceled run is still promised")
	}
}

// An agent that is killed after a run came into its spool, and before it noted that, does not read it a second time: one id would stand
// for two readings, and the collector closes it once. Nor does it when the collector asks again since it never heard the answer.
func TestARunThatWasBegunIsNotBegunAgain(t *testing.T) {
	file, s := filepath.Join(t.TempDir(), "schedule.json"), openSpool(t)
	asked := dispatch.Request{RunID: "r1", ConnectionID: "c1", Epoch: 1}
	if err := promises(t, file, s).Request(asked); err != nil {
		t.Fatal(err)
	}
	run, err := s.Begin(spool.RunInfo{RunID: "r1", ConnectionID: "c1", Epoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := promises(t, file, s).Request(asked); err != nil {
		t.Fatal(err)
	}
	// It is no longer promised even when nothing of it is left in the spool.
	if err := run.End(spool.RunEnd{Error: "the agent ended"}); err != nil {
		t.Fatal(err)
	}
	if err := run.Done(true); err != nil {
		t.Fatal(err)
	}
	if err := promises(t, file, s).Cancel("r1"); err == nil {
		t.Error("a run that was begun is still promised")
	}
}

func TestManifest(t *testing.T) {
	dir := t.TempDir()
	path := install(t, filepath.Join(dir, "plugins"))
	manifest := filepath.Join(dir, "plugins.sha256")
	open := func(text string) *supervisor.Supervisor {
		if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := supervisor.New(supervisor.Config{Dir: filepath.Dir(path), Manifest: manifest, RunDir: filepath.Join(dir, "run"), Attempts: 1})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	plain, err := supervisor.New(supervisor.Config{Dir: filepath.Dir(path)})
	if err != nil {
		t.Fatal(err)
	}
	file, err := plain.Find("demo")
	if err != nil {
		t.Fatal(err)
	}
	good := open(file.SHA256 + "  maestro-plugin-demo\n")
	if all, err := good.All(t.Context()); err != nil || len(all) != 1 || all[0].Description.Provider != "demo" {
		t.Errorf("listed: %v, %v", all, err)
	}
	if _, err := open("# nothing\n").Find("demo"); err == nil {
		t.Error("an unlisted plugin was found")
	}
	wrong := open(strings.Repeat("0", 64) + "  maestro-plugin-demo\n")
	if f, err := wrong.Find("demo"); err != nil {
		t.Error(err)
	} else if _, err := wrong.Start(t.Context(), f, nil, "", slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a plugin with another digest was started")
	}
	if _, err := open("zz  maestro-plugin-demo\n").Files(); err == nil || !strings.Contains(err.Error(), "plugins.sha256:1") {
		t.Errorf("got %v", err)
	}
}

// doomedAgent is another process that reads slowly into a spool until it is killed.
func doomedAgent() {
	dir := os.Args[1]
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{MachineID: "m"})
	if err != nil {
		panic(err)
	}
	plugins, err := supervisor.New(supervisor.Config{Dir: filepath.Join(dir, "plugins"), CacheDir: filepath.Join(dir, "cache"), Log: log})
	if err != nil {
		panic(err)
	}
	d, err := dispatch.New(dispatch.Config{Runner: &runner.Runner{Log: log, Now: time.Now}, Supervisor: plugins, Spool: s,
		StateFile: filepath.Join(dir, "schedule.json"), Log: log, Progress: func(r dispatch.Running) {
			fmt.Println(r.Phase, r.Listed)
		}})
	if err != nil {
		panic(err)
	}
	d.Assign([]dispatch.Assignment{assignment(settings{Count: 2000, Mode: "slow"}, schedule.Kind{Name: "demo.thing", Enabled: true, Interval: 10 * time.Millisecond})})
	d.Run(context.Background())
}

// TestKilledWhileSpooling kills an agent at different moments of its runs, again and again over the same spool.
// Whatever was spooled before is there, and what was being read ends with an outcome.
func TestKilledWhileSpooling(t *testing.T) {
	dir := t.TempDir()
	plugin := install(t, filepath.Join(dir, "plugins"))
	agent := filepath.Join(dir, "doomed-agent")
	if err := os.Link(must(os.Readlink(plugin)), agent); err != nil {
		if err := os.Symlink(must(os.Readlink(plugin)), agent); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 5 {
		cmd := exec.Command(agent, dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			phase, count, _ := strings.Cut(lines.Text(), " ")
			n, err := strconv.Atoi(count)
			if err != nil {
				t.Fatal(err)
			}
			if phase == runner.PhaseReading && n >= round*300 && n > 0 {
				break
			}
		}
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		s, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{MachineID: "m"})
		if err != nil {
			t.Fatal(err)
		}
		runs := s.Runs("")
		if len(runs) == 0 {
			t.Fatal("no run is left")
		}
		st := runs[len(runs)-1].State()
		if st.End == nil || st.Plan != nil && len(st.Captures) != len(st.Plan.Scopes) {
			t.Errorf("round %d: %+v", round, st)
		}
		for i := range st.Captures {
			c := &st.Captures[i]
			n := 0
			for items, err := range runs[len(runs)-1].Items(c, func(spool.Row) bool { return true }) {
				if err != nil {
					t.Error(err)
				}
				n += len(items)
			}
			if c.Stored() && int64(n) != c.Digest.Count {
				t.Errorf("round %d: %d of %d resources", round, n, c.Digest.Count)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func must(s string, err error) string {
	if err != nil {
		panic(err)
	}
	return s
}
