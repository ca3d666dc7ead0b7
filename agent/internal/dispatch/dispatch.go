// Package dispatch decides which run begins when: by the assignments' schedules, by what people ask for, one run per
// connection and so many in all at a time. It works the same whether the collector can be reached or not.
package dispatch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"maestro.internal/agent/internal/credential"
	"maestro.internal/agent/internal/files"
	"maestro.internal/agent/internal/runner"
	"maestro.internal/agent/internal/schedule"
	"maestro.internal/agent/internal/spool"
	"maestro.internal/agent/internal/supervisor"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/schema"
)

// Assignment is one connection that this agent is told to run.
type Assignment struct {
	Tenant       string
	ConnectionID string
	Name         string
	Epoch        int64
	Provider     string
	// Version of the plugin; empty for whichever the agent prefers.
	Version  string
	Settings json.RawMessage
	// Credential is a name in the agent's own file.
	Credential string
	// Sealed is a credential that people sealed to this agent, the JSON of a sealed.Envelope.
	Sealed []byte
	Plan   schedule.Plan
	// Ceiling bounds what the plugin may ask of its provider.
	Ceiling provider.Ceiling
}

// Kinds that are enabled.
func (a Assignment) Kinds() []string {
	var out []string
	for _, k := range a.Plan.Kinds {
		if k.Enabled {
			out = append(out, k.Name)
		}
	}
	slices.Sort(out)
	return out
}

// Request is a run that somebody asked for.
type Request struct {
	RunID        string `json:"run_id"`
	ConnectionID string `json:"connection_id"`
	Epoch        int64  `json:"epoch"`
	// Kinds to read; empty means all that are enabled.
	Kinds []string `json:"kinds,omitempty"`
}

// Running is a run that goes on.
type Running struct {
	RunID        string
	ConnectionID string
	Epoch        int64
	Trigger      string
	Kinds        []string
	StartedAt    time.Time
	runner.Progress
}

// Triggers of runs. The collector knows who asked for a run, so nothing is said of it here.
const (
	TriggerSchedule = "schedule"
	TriggerRequest  = ""
)

// ErrCanceled is the cause of a run that somebody ended.
var ErrCanceled = errors.New("canceled on request")

var (
	errMoved    = errors.New("canceled: the connection was changed or moved")
	errStopping = errors.New("canceled: the agent is stopping")
	errQuiet    = errors.New("ended: the connection's quiet hours have begun")
	errUnknown  = errors.New("this agent does not run that connection")
)

// Config is what a Dispatcher works with.
type Config struct {
	Runner      *runner.Runner
	Supervisor  *supervisor.Supervisor
	Spool       *spool.Spool
	Credentials *credential.Store
	// Sealing opens what was sealed to this agent.
	Sealing *credential.Sealing
	// Files keeps what people uploaded to connections.
	Files *files.Folders
	// StateFile remembers when each kind was last read and which runs were promised.
	StateFile string
	// MaxParallel runs at a time; 0 means 2.
	MaxParallel int
	Log         *slog.Logger
	Now         func() time.Time
	// Progress is told of running runs. It must not block.
	Progress func(Running)
}

// Dispatcher begins runs. Its methods may be called from several goroutines.
type Dispatcher struct {
	cfg Config

	mu          sync.Mutex
	assignments map[string]Assignment
	last        map[string]map[string]time.Time
	running     map[string]*active // by connection
	queue       []Request
	// begun are requests whose runs are not in the spool yet: a crash must not lose them.
	begun []Request
	wake  chan struct{}
	runs  sync.WaitGroup
}

type active struct {
	Running
	cancel context.CancelCauseFunc
}

// New reads when each kind was last read.
func New(cfg Config) (*Dispatcher, error) {
	if cfg.MaxParallel <= 0 {
		cfg.MaxParallel = 2
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Progress == nil {
		cfg.Progress = func(Running) {}
	}
	d := &Dispatcher{cfg: cfg, assignments: map[string]Assignment{}, last: map[string]map[string]time.Time{},
		running: map[string]*active{}, wake: make(chan struct{}, 1)}
	var kept memory
	b, err := os.ReadFile(cfg.StateFile)
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		// Without it everything is read once more; that is no reason not to start.
		cfg.Log.Warn("forget when kinds were last read", "error", err)
		kept = memory{}
	}
	if kept.Last != nil {
		d.last = kept.Last
	}
	// What was begun is in the spool, even if the agent was killed before it could note that: one id is one reading.
	d.queue = slices.DeleteFunc(slices.Clone(kept.Queue), func(r Request) bool { return cfg.Spool.Holds(r.RunID) })
	if len(d.queue) < len(kept.Queue) {
		d.remember()
	}
	return d, nil
}

// memory is what a restart must know.
type memory struct {
	// Last is when each kind of each connection was last read.
	Last map[string]map[string]time.Time `json:"last"`
	// Queue are the runs that were promised.
	Queue []Request `json:"queue,omitempty"`
}

// Assign replaces everything the agent was told to run. A run of a connection that is gone or was changed ends.
func (d *Dispatcher) Assign(list []Assignment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := make(map[string]Assignment, len(list))
	for _, a := range list {
		if err := a.Plan.Check(); err != nil {
			d.cfg.Log.Error("assignment has a schedule that cannot be kept", "connection", a.ConnectionID, "error", err)
		}
		next[a.ConnectionID] = a
	}
	for id, run := range d.running {
		if a, ok := next[id]; !ok || a.Epoch != run.Epoch {
			run.cancel(errMoved)
		}
	}
	for id := range d.last {
		if _, ok := next[id]; !ok {
			delete(d.last, id)
		}
	}
	d.assignments = next
	if d.cfg.Files != nil {
		d.cfg.Files.Keep(slices.Collect(maps.Keys(next)))
	}
	d.poke()
}

// poke is called with the lock held.
func (d *Dispatcher) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Request asks for a run now, or as soon as the connection's current one has ended.
func (d *Dispatcher) Request(r Request) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok := d.assignments[r.ConnectionID]
	switch {
	case !ok:
		return errUnknown
	case a.Epoch != r.Epoch:
		return fmt.Errorf("the connection has epoch %d here, not %d", a.Epoch, r.Epoch)
	case !a.Plan.Until.IsZero() && d.cfg.Now().After(a.Plan.Until):
		return errors.New("the assignment has ended")
	case len(d.queue) >= 100:
		return errors.New("too many runs are waiting")
	}
	for _, run := range d.running {
		if run.RunID == r.RunID {
			return nil // asked twice
		}
	}
	if d.cfg.Spool.Holds(r.RunID) {
		return nil // asked twice: it is read, and waits to be sent
	}
	if !slices.ContainsFunc(d.queue, func(q Request) bool { return q.RunID == r.RunID }) {
		d.queue = append(d.queue, r)
		// A promise is kept across a restart.
		if err := d.save(); err != nil {
			d.queue = d.queue[:len(d.queue)-1]
			return err
		}
	}
	d.poke()
	return nil
}

// Cancel ends a run, or takes it out of the queue.
func (d *Dispatcher) Cancel(runID string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, run := range d.running {
		if run.RunID == runID {
			run.cancel(ErrCanceled)
			return nil
		}
	}
	if at := slices.IndexFunc(d.queue, func(q Request) bool { return q.RunID == runID }); at >= 0 {
		d.queue = slices.Delete(d.queue, at, at+1)
		return d.save()
	}
	return errors.New("no such run is going on")
}

// Running are the runs that go on, by start.
func (d *Dispatcher) Running() []Running {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Running
	for _, run := range d.running {
		out = append(out, run.Running)
	}
	slices.SortFunc(out, func(a, b Running) int { return a.StartedAt.Compare(b.StartedAt) })
	return out
}

// Check asks the plugin of an assignment, which need not be one of ours yet, what it may read.
func (d *Dispatcher) Check(ctx context.Context, a Assignment) (provider.CheckReport, error) {
	return d.cfg.Runner.Check(ctx, d.job(a, a.Kinds(), true, d.cfg.Log.With("connection", a.ConnectionID)))
}

// Choices asks the plugin of an assignment, which may be nobody's yet, what one of its settings may be.
func (d *Dispatcher) Choices(ctx context.Context, a Assignment, setting string) (provider.Choices, error) {
	return d.cfg.Runner.Choices(ctx, d.job(a, nil, true, d.cfg.Log.With("connection", a.ConnectionID)), setting)
}

// Run begins runs until ctx is done, then ends those that go on and waits for them.
func (d *Dispatcher) Run(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer d.runs.Wait()
	defer cancel(errStopping)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-timer.C:
		}
		timer.Reset(d.step(ctx))
	}
}

// step begins what is due and answers how long to sleep.
func (d *Dispatcher) step(ctx context.Context) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if ctx.Err() != nil {
		return time.Hour
	}
	now := d.cfg.Now()
	sleep := time.Minute // the clock may be set meanwhile
	for _, r := range slices.Clone(d.queue) {
		a, ok := d.assignments[r.ConnectionID]
		if ok && !d.free(a) {
			continue
		}
		d.queue = slices.DeleteFunc(d.queue, func(q Request) bool { return q.RunID == r.RunID })
		if !ok || a.Epoch != r.Epoch {
			continue
		}
		d.begun = append(d.begun, r)
		kinds := r.Kinds
		if len(kinds) == 0 {
			kinds = a.Kinds()
		}
		d.begin(ctx, a, r.RunID, TriggerRequest, kinds, now)
	}
	for _, id := range d.waiting() {
		a := d.assignments[id]
		kinds, next := a.Plan.Due(d.last[id], now)
		if len(kinds) > 0 && d.free(a) {
			d.begin(ctx, a, uuid.Must(uuid.NewV7()).String(), TriggerSchedule, kinds, now)
		}
		if !next.IsZero() {
			sleep = min(sleep, max(next.Sub(now), 10*time.Millisecond))
		}
	}
	return sleep
}

// waiting are the connections in the order in which they were last read, so that none starves.
func (d *Dispatcher) waiting() []string {
	newest := func(id string) (t time.Time) {
		for _, at := range d.last[id] {
			if at.After(t) {
				t = at
			}
		}
		return t
	}
	ids := slices.Sorted(maps.Keys(d.assignments))
	slices.SortStableFunc(ids, func(a, b string) int { return newest(a).Compare(newest(b)) })
	return ids
}

func (d *Dispatcher) free(a Assignment) bool {
	return d.running[a.ConnectionID] == nil && len(d.running) < d.cfg.MaxParallel
}

// begin is called with the lock held.
func (d *Dispatcher) begin(ctx context.Context, a Assignment, runID, trigger string, kinds []string, now time.Time) {
	ctx, cancel := context.WithCancelCause(ctx)
	run := &active{cancel: cancel, Running: Running{RunID: runID, ConnectionID: a.ConnectionID, Epoch: a.Epoch,
		Trigger: trigger, Kinds: kinds, StartedAt: now}}
	d.running[a.ConnectionID] = run
	if d.last[a.ConnectionID] == nil {
		d.last[a.ConnectionID] = map[string]time.Time{}
	}
	for _, k := range kinds {
		d.last[a.ConnectionID][k] = now
	}
	d.remember()
	// A run that people asked for goes on: whoever asks in quiet hours means it.
	var untilQuiet *time.Timer
	if from := a.Plan.QuietFrom(now); trigger == TriggerSchedule && !from.IsZero() {
		untilQuiet = time.AfterFunc(from.Sub(now), func() { cancel(errQuiet) })
	}
	d.runs.Go(func() {
		defer cancel(nil)
		if untilQuiet != nil {
			defer untilQuiet.Stop()
		}
		log := d.cfg.Log.With("run", runID, "connection", a.ConnectionID)
		if err := d.execute(ctx, a, run, log); err != nil {
			log.Error("run was not recorded", "error", err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.running, a.ConnectionID)
		d.poke()
	})
}

// save is called with the lock held.
func (d *Dispatcher) save() error {
	b, err := json.Marshal(memory{Last: d.last, Queue: slices.Concat(d.begun, d.queue)})
	if err == nil {
		err = spool.WriteFile(d.cfg.StateFile, b)
	}
	if err != nil {
		return fmt.Errorf("remember what is to be read: %w", err)
	}
	return nil
}

// remember is save where losing it means no more than reading once more.
func (d *Dispatcher) remember() {
	if err := d.save(); err != nil {
		d.cfg.Log.Warn("what was read is not remembered", "error", err)
	}
}

func (d *Dispatcher) execute(ctx context.Context, a Assignment, run *active, log *slog.Logger) error {
	spooled, err := d.cfg.Spool.Begin(spool.RunInfo{RunID: run.RunID, ConnectionID: a.ConnectionID, Epoch: a.Epoch,
		Trigger: run.Trigger, Kinds: run.Kinds, StartedAt: run.StartedAt})
	d.mu.Lock()
	if at := slices.IndexFunc(d.begun, func(r Request) bool { return r.RunID == run.RunID }); at >= 0 {
		d.begun = slices.Delete(d.begun, at, at+1)
		d.remember()
	}
	d.mu.Unlock()
	if err != nil {
		return err
	}
	log.Info("run begins", "trigger", cmp.Or(run.Trigger, "manual"), "kinds", run.Kinds)
	result, err := d.cfg.Runner.Run(ctx, d.job(a, run.Kinds, false, log), runner.ToSpool(spooled), func(p runner.Progress) {
		d.mu.Lock()
		run.Progress = p
		news := run.Running
		d.mu.Unlock()
		d.cfg.Progress(news)
	})
	level := slog.LevelInfo
	if !result.Complete() {
		level = slog.LevelWarn
	}
	log.Log(ctx, level, "run ended", "scopes", result.Scopes, "listed", result.Listed, "error", result.Error,
		"duration", d.cfg.Now().Sub(run.StartedAt).Round(time.Millisecond))
	return err
}

// job resolves the credential when the plugin is started, so that secrets are held only while a run needs them. A check
// makes do with the files at hand, since a run may be reading them.
func (d *Dispatcher) job(a Assignment, kinds []string, check bool, log *slog.Logger) runner.Job {
	return runner.Job{
		Connection: provider.Connection{ID: a.ConnectionID, Settings: a.Settings, Ceiling: a.Ceiling}, Provider: a.Provider, Kinds: kinds,
		Launch: func(ctx context.Context) (runner.Process, error) {
			file, err := d.cfg.Supervisor.Version(ctx, a.Provider, a.Version)
			if err != nil {
				return nil, err
			}
			env, err := d.environment(ctx, a, file)
			if err != nil {
				return nil, err
			}
			dir, warning, err := d.files(ctx, a, file, check)
			if err != nil {
				return nil, err
			}
			p, err := d.cfg.Supervisor.Start(ctx, file, env, dir, log)
			if err != nil {
				return nil, err
			}
			return warned{p, warning}, nil
		},
	}
}

// files brings the folder of a connection's files up to date, for a plugin that reads such.
func (d *Dispatcher) files(ctx context.Context, a Assignment, file supervisor.File, atHand bool) (dir, warning string, err error) {
	if d.cfg.Files == nil {
		return "", "", nil
	}
	plugin, err := d.cfg.Supervisor.Describe(ctx, file)
	if err != nil || !plugin.Description.Files {
		return "", "", err
	}
	return d.cfg.Files.Open(ctx, a.ConnectionID, a.Epoch, atHand)
}

// warned adds to the plan what the plugin cannot know.
type warned struct {
	runner.Process
	warning string
}

func (w warned) Plan(ctx context.Context, conn provider.Connection, kinds []string) (provider.Plan, error) {
	plan, err := w.Process.Plan(ctx, conn, kinds)
	if err == nil && w.warning != "" {
		plan.Warnings = append(plan.Warnings, w.warning)
	}
	return plan, err
}

// Environment resolves a credential for a plugin and the settings it is to be used with.
func Environment(ctx context.Context, s *supervisor.Supervisor, c *credential.Store, file supervisor.File, name string, settings json.RawMessage) (map[string]credential.Secret, error) {
	if name == "" {
		return nil, nil
	}
	d, targets, err := targetsOf(ctx, s, file, settings)
	if err != nil {
		return nil, err
	}
	return c.Resolve(ctx, name, d.Provider, targets)
}

// targetsOf are the settings that say where a credential will be sent, by the plugin's own account.
func targetsOf(ctx context.Context, s *supervisor.Supervisor, file supervisor.File, settings json.RawMessage) (provider.Description, json.RawMessage, error) {
	d, err := s.Describe(ctx, file)
	if err != nil {
		return provider.Description{}, nil, err
	}
	form, err := schema.ParseSettings(d.Description.Settings)
	if err != nil {
		return provider.Description{}, nil, err
	}
	targets, err := form.Targets(settings)
	if err != nil {
		return provider.Description{}, nil, fmt.Errorf("read settings: %w", err)
	}
	return d.Description, targets, nil
}

// environment is what the connection's credentials say, the one in the agent's file and the sealed one; of a variable in
// both the sealed one holds.
func (d *Dispatcher) environment(ctx context.Context, a Assignment, file supervisor.File) (map[string]credential.Secret, error) {
	env, err := Environment(ctx, d.cfg.Supervisor, d.cfg.Credentials, file, a.Credential, a.Settings)
	if err != nil || len(a.Sealed) == 0 {
		return env, err
	}
	desc, targets, err := targetsOf(ctx, d.cfg.Supervisor, file, a.Settings)
	if err != nil {
		return nil, err
	}
	opened, err := d.cfg.Sealing.Open(a.Sealed, credential.Use{Tenant: a.Tenant, Connection: a.ConnectionID, Provider: desc.Provider, Targets: targets, Variables: desc.CredentialEnv})
	if err != nil {
		return nil, err
	}
	if env == nil {
		return opened, nil
	}
	maps.Copy(env, opened)
	return env, nil
}
