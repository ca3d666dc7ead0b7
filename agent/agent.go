// Package agent wires the agent: the process installed in a network that runs the connections assigned to it and
// pushes what they saw to its collector. Agent is the real wiring, for main, tests and `maestro dev` alike.
package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"maestro.internal/agent/internal/credential"
	"maestro.internal/agent/internal/dispatch"
	"maestro.internal/agent/internal/files"
	"maestro.internal/agent/internal/policy"
	"maestro.internal/agent/internal/runner"
	"maestro.internal/agent/internal/spool"
	"maestro.internal/agent/internal/supervisor"
	"maestro.internal/agent/internal/uplink"
	"maestro.internal/internal/build"
)

// Options are what developers and tests set beside the configuration.
type Options struct {
	Log *slog.Logger
	Now func() time.Time
	// Pace is how fast things are tried again.
	Pace uplink.Pace
	// PluginArgs are passed to every plugin: for tests in which one binary plays several.
	PluginArgs []string
}

// Agent is one agent.
type Agent struct {
	cfg        Config
	opt        Options
	log        *slog.Logger
	identity   *uplink.Identity
	spool      *spool.Spool
	dispatcher *dispatch.Dispatcher
	uplink     *uplink.Uplink
	info       uplink.Info
	link       uplink.Config
	sealing    *credential.Sealing

	mu sync.Mutex
	// waiting is there while somebody has to let the agent in.
	waiting *Waiting
}

// New opens everything the agent needs and starts nothing. Whoever makes an Agent closes it.
func New(cfg Config, opt Options) (*Agent, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	a := &Agent{cfg: cfg, opt: opt, log: opt.Log}
	if err := a.open(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *Agent) open() error {
	if err := os.MkdirAll(a.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}
	var err error
	if a.identity, err = uplink.OpenIdentity(a.path("identity")); err != nil {
		return err
	}
	a.info = machineInfo(a.cfg)
	a.spool, err = spool.Open(a.path("spool"), spool.Options{MaxBytes: a.cfg.SpoolMaxBytes, MachineID: a.info.MachineID,
		BootID: a.info.BootID, Log: a.log, Now: a.opt.Now})
	if err != nil {
		return err
	}
	credentials, err := credential.Load(a.cfg.CredentialsFile)
	if err != nil {
		return err
	}
	if a.sealing, err = credential.OpenSealing(a.path("sealing.key"), a.cfg.SealRecipients, spool.WriteFile); err != nil {
		return err
	}
	rules, err := policy.Load(a.cfg.PolicyFile, a.path("policy.key"))
	if err != nil {
		return err
	}
	plugins, err := a.supervisor()
	if err != nil {
		return err
	}
	a.dispatcher, err = dispatch.New(dispatch.Config{
		Runner: &runner.Runner{Policy: rules, Log: a.log, Now: a.opt.Now}, Supervisor: plugins, Spool: a.spool,
		Credentials: credentials, Sealing: a.sealing, Files: files.New(a.path("files"), a.files, a.log), StateFile: a.path("schedule.json"), MaxParallel: a.cfg.MaxParallelRuns,
		Log: a.log, Now: a.opt.Now, Progress: a.progress,
	})
	if err != nil {
		return err
	}
	a.link = uplink.Config{Identity: a.identity, Info: a.info, Spool: a.spool, Plugins: plugins, Dispatcher: a.dispatcher,
		Credentials: credentials.Names(), Sealing: a.sealing, PolicySummary: rules.Summary(), PolicyDigest: hex.EncodeToString(rules.Digest()),
		AssignmentsFile: a.path("assignments.json"), Pace: a.opt.Pace, Log: a.log, Now: a.opt.Now}
	return nil
}

func (a *Agent) path(name string) string { return filepath.Join(a.cfg.DataDir, name) }

func (a *Agent) supervisor() (*supervisor.Supervisor, error) {
	return supervisor.New(supervisor.Config{Dir: a.cfg.pluginDir(), Manifest: a.cfg.PluginManifest, CacheDir: a.path("plugins"),
		RunDir: a.path("run"), MemoryLimit: a.cfg.PluginMemoryMB << 20, Log: a.log, Args: a.opt.PluginArgs})
}

// files asks the collector for a connection's files, once there is an uplink.
func (a *Agent) files(ctx context.Context, connection string, epoch int64, have []string, to files.Receiver) error {
	a.mu.Lock()
	link := a.uplink
	a.mu.Unlock()
	if link == nil {
		return errors.New("there is no collector yet")
	}
	return link.Files(ctx, connection, epoch, have, to)
}

// progress hands news of runs to the uplink, once there is one.
func (a *Agent) progress(r dispatch.Running) {
	a.mu.Lock()
	link := a.uplink
	a.mu.Unlock()
	if link != nil {
		link.Progress(r)
	}
}

func machineInfo(cfg Config) uplink.Info {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	machine, boot := machineIDs()
	return uplink.Info{Version: build.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, Hostname: host, Site: cfg.Site,
		MachineID: machine, BootID: boot, Instance: rand.Text()}
}

// AgentID is who the agent is to its collector; empty before enrolment.
func (a *Agent) AgentID() string { return a.identity.AgentID() }

// Enroll binds this agent to the collector with the join token of the configuration. Where somebody has to let it in first, it waits.
func (a *Agent) Enroll(ctx context.Context) error {
	stop := a.reporting(ctx)
	defer stop()
	return a.enrollWhile(ctx, func(err error) bool { return a.waitingSince() && uplink.Unreachable(err) })
}

func (a *Agent) enroll(ctx context.Context) error {
	lost := a.identity.KeyLost()
	if a.cfg.Collector == "" {
		return errors.Join(lost, errors.New("enroll: collector is not set"))
	}
	token, err := a.cfg.joinToken()
	if err != nil {
		return errors.Join(lost, fmt.Errorf("enroll: %w", err))
	}
	if token == "" && lost != nil {
		return lost
	}
	if token == "" {
		return errors.New("enroll: neither join_token nor join_token_file is set, and there is no terminal to ask at")
	}
	name := a.cfg.Name
	if name == "" {
		name = a.info.Hostname
	}
	if lost != nil {
		a.log.Error("another key is made to enroll with", "reason", lost)
	}
	if err := a.identity.Enroll(ctx, a.cfg.Collector, token, name, a.info); err != nil {
		return err
	}
	a.log.Info("enrolled", "agent", a.identity.AgentID(), "collector", a.cfg.Collector, "certificate_not_after", a.identity.NotAfter())
	return nil
}

// Run works until ctx is done: it enrols if need be, runs the assignments by its own clock and pushes what they saw.
func (a *Agent) Run(ctx context.Context) error {
	stop := a.reporting(ctx)
	defer stop()
	if !a.identity.Enrolled() {
		// A collector that is not there yet is waited for; a token that is refused ends it.
		if err := a.enrollWhile(ctx, uplink.Unreachable); err != nil || !a.identity.Enrolled() {
			return err
		}
	}
	a.link.Collector = a.cfg.Collector
	if a.link.Collector == "" {
		a.link.Collector = a.identity.Collector()
	}
	link, err := uplink.New(a.link)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.uplink = link
	a.mu.Unlock()
	a.log.Info("agent works", "version", build.Version(), "agent", a.identity.AgentID(), "collector", a.link.Collector,
		"data_dir", a.cfg.DataDir)
	var parts sync.WaitGroup
	parts.Go(func() { a.dispatcher.Run(ctx) })
	parts.Go(func() { link.Run(ctx) })
	parts.Wait()
	a.log.Info("agent ended")
	return nil
}

// enrollWhile tries again while the agent waits to be let in, and after what else is worth it. Nil without an identity: ctx is done.
func (a *Agent) enrollWhile(ctx context.Context, again func(error) bool) error {
	pause := time.Second
	for {
		err := a.enroll(ctx)
		var waits *uplink.WaitingError
		switch {
		case errors.As(err, &waits):
			a.waits(waits.Said)
			a.log.Warn("waiting for approval", "reason", waits.Said, "key", a.identity.Fingerprint(), "next_try_in", pause)
		case err == nil || !again(err):
			a.waits("")
			return err
		default:
			a.log.Warn("the collector cannot be reached to enroll", "error", err, "next_try_in", pause)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, 30*time.Second)
	}
}

// waits notes what the agent waits for before it may work; empty: for nothing.
func (a *Agent) waits(said string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil && said != "" {
		a.waiting = &Waiting{Since: a.opt.Now().UTC(), Key: a.identity.Fingerprint()}
	}
	if a.waiting != nil {
		a.waiting.For = said
	}
	if said == "" {
		a.waiting = nil
	}
}

func (a *Agent) waitingSince() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.waiting != nil
}

// reporting keeps the status readable until it is stopped.
func (a *Agent) reporting(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // waited for by stop
		defer close(done)
		a.report(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// Close releases what New opened. Run has returned before.
func (a *Agent) Close() error {
	if a.spool == nil {
		return nil
	}
	if err := a.spool.Close(); err != nil {
		return fmt.Errorf("close spool: %w", err)
	}
	return nil
}

// Status is what `maestro-agent status` shows.
type Status struct {
	AgentID   string        `json:"agent_id,omitempty"`
	Version   string        `json:"version"`
	Collector string        `json:"collector,omitempty"`
	Uplink    uplink.Status `json:"uplink"`
	// Waiting is there while the agent waits for somebody at the collector to let it in.
	Waiting *Waiting `json:"waiting,omitempty"`
	// CertificateNotAfter is when the agent can no longer push unless it is renewed.
	CertificateNotAfter time.Time   `json:"certificate_not_after,omitzero"`
	Spool               spool.Stats `json:"spool"`
	Running             []Activity  `json:"running,omitempty"`
	// SealingKey is the fingerprint of the key that credentials are sealed to.
	SealingKey string `json:"sealing_key,omitempty"`
	// Copy is this process as the collector names it where an agent was copied: what "maestro agents release --keep" takes.
	Copy string `json:"copy,omitempty"`
	// PID and At say who wrote this and when.
	PID int       `json:"pid"`
	At  time.Time `json:"at"`
}

// Waiting says what an agent waits for before it may work.
type Waiting struct {
	For   string    `json:"for"`
	Since time.Time `json:"since"`
	// Key is the fingerprint that whoever decides is shown too.
	Key string `json:"key"`
}

// Activity is a run that goes on.
type Activity struct {
	RunID      string    `json:"run_id"`
	Connection string    `json:"connection"`
	Kinds      []string  `json:"kinds"`
	Phase      string    `json:"phase"`
	Listed     int64     `json:"listed"`
	StartedAt  time.Time `json:"started_at"`
}

// Status says how the agent stands.
func (a *Agent) Status() Status {
	st := Status{AgentID: a.identity.AgentID(), Version: build.Version(), Collector: a.identity.Collector(),
		CertificateNotAfter: a.identity.NotAfter(), Spool: a.spool.Stats(), SealingKey: a.sealing.Fingerprint(), Copy: a.info.Copy(), PID: os.Getpid(), At: a.opt.Now().UTC()}
	a.mu.Lock()
	link := a.uplink
	if a.waiting != nil {
		w := *a.waiting
		st.Waiting = &w
	}
	a.mu.Unlock()
	if link != nil {
		st.Uplink = link.Status()
	}
	for _, r := range a.dispatcher.Running() {
		st.Running = append(st.Running, Activity{RunID: r.RunID, Connection: r.ConnectionID, Kinds: r.Kinds, Phase: r.Phase,
			Listed: r.Listed, StartedAt: r.StartedAt})
	}
	return st
}

// report keeps the status where another process can read it.
func (a *Agent) report(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last string
	for {
		st := a.Status()
		at := st.At
		st.At = time.Time{}
		if now := fmt.Sprintf("%+v %+v", st.Waiting != nil, st); now != last {
			st.At = at
			if err := a.writeStatus(st); err != nil {
				a.log.Warn("write status", "error", err)
			}
			last = now
		}
		select {
		case <-ctx.Done():
			if err := os.Remove(a.path("status.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
				a.log.Warn("remove status", "error", err)
			}
			return
		case <-tick.C:
		}
	}
}

func (a *Agent) writeStatus(st Status) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	tmp := a.path("status.json.new")
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, a.path("status.json"))
}

// ReadStatus reads what the agent that runs in a data directory last said of itself.
func ReadStatus(dataDir string) (Status, error) {
	var st Status
	b, err := os.ReadFile(filepath.Join(dataDir, "status.json"))
	if errors.Is(err, os.ErrNotExist) {
		return st, fmt.Errorf("read status: no agent runs in %s", dataDir)
	}
	if err == nil {
		err = json.Unmarshal(b, &st)
	}
	if err != nil {
		return st, fmt.Errorf("read status: %w", err)
	}
	return st, nil
}
