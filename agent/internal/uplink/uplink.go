// Package uplink is the agent's side of the machine plane: the one way out. It enrolls and renews, keeps one session
// open, stores the assignments that arrive over it, and pushes what the spool holds, scope by scope, as the difference
// against what the collector acknowledged last.
//
// Nothing here decides what is read or when; without a collector everything else goes on. Everything is sent at least
// once: after a broken stream a run is replayed from its beginning, and the collector finds that it knows it.
package uplink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"maestro.internal/agent/internal/credential"
	"maestro.internal/agent/internal/dispatch"
	"maestro.internal/agent/internal/spool"
	"maestro.internal/agent/internal/supervisor"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/provider"
)

// Dispatcher is what the session hands assignments and commands to.
type Dispatcher interface {
	Assign(list []dispatch.Assignment)
	Request(r dispatch.Request) error
	Cancel(runID string) error
	Check(ctx context.Context, a dispatch.Assignment) (provider.CheckReport, error)
	Choices(ctx context.Context, a dispatch.Assignment, setting string) (provider.Choices, error)
	Running() []dispatch.Running
}

// Plugins is what the session tells of the plugins at hand.
type Plugins interface {
	All(ctx context.Context) ([]supervisor.Described, error)
	// Files is cheap while nothing changes.
	Files() ([]supervisor.File, error)
}

// Pace is how fast things are tried again. The zero value is what contracts 4.3 say; tests are quicker.
type Pace struct {
	// FirstRetry bounds the first pause after a broken session, MaxRetry all later ones.
	FirstRetry, MaxRetry time.Duration
	// Heartbeat is used until the collector says another.
	Heartbeat time.Duration
	// Step bounds how long one answer of the collector may take.
	Step time.Duration
	// Plugins is how often the plugins' files are looked at.
	Plugins time.Duration
}

func (p Pace) withDefaults() Pace {
	for _, d := range []struct {
		to    *time.Duration
		value time.Duration
	}{{&p.FirstRetry, 10 * time.Second}, {&p.MaxRetry, 90 * time.Second}, {&p.Heartbeat, 15 * time.Second}, {&p.Step, 2 * time.Minute},
		{&p.Plugins, 30 * time.Second}} {
		if *d.to <= 0 {
			*d.to = d.value
		}
	}
	return p
}

// Config is what an Uplink works with.
type Config struct {
	// Collector is host:port.
	Collector string
	Identity  *Identity
	Info      Info
	Spool     *spool.Spool
	Plugins   Plugins
	// Dispatcher is told of assignments, also of the stored ones before there is a connection.
	Dispatcher  Dispatcher
	Credentials []credential.Name
	// Sealing is what credentials are sealed to.
	Sealing *credential.Sealing
	// PolicySummary and PolicyDigest tell what the site withholds.
	PolicySummary []string
	PolicyDigest  string
	// AssignmentsFile keeps the signed assignments.
	AssignmentsFile string
	Pace            Pace
	Log             *slog.Logger
	Now             func() time.Time
}

// Uplink is the agent's connection to its collector.
type Uplink struct {
	cfg Config

	mu          sync.Mutex
	assignments []*uplinkv1.SignedAssignment
	progress    map[string]dispatch.Running // not yet told, by run
	news        chan struct{}
	status      Status
	// client is there while there is a session.
	client uplinkv1.UplinkClient
}

// Status is for `maestro-agent status`.
type Status struct {
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"`
	// Problem is why there is no session.
	Problem          string `json:"problem,omitempty"`
	CollectorVersion string `json:"collector_version,omitempty"`
}

// New loads the stored assignments and hands them to the dispatcher, so that runs begin without a collector.
func New(cfg Config) (*Uplink, error) {
	cfg.Pace = cfg.Pace.withDefaults()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	u := &Uplink{cfg: cfg, progress: map[string]dispatch.Running{}, news: make(chan struct{}, 1),
		status: Status{Problem: "not connected yet"}}
	b, err := os.ReadFile(cfg.AssignmentsFile)
	if errors.Is(err, os.ErrNotExist) {
		return u, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read assignments: %w", err)
	}
	var kept []storedAssignment
	if err := json.Unmarshal(b, &kept); err != nil {
		cfg.Log.Error("stored assignments are unreadable; the collector will send them again", "error", err)
		return u, nil
	}
	var signed []*uplinkv1.SignedAssignment
	for _, k := range kept {
		signed = append(signed, &uplinkv1.SignedAssignment{Assignment: k.Assignment, Signature: k.Signature})
	}
	u.assign(signed)
	return u, nil
}

type storedAssignment struct {
	Assignment []byte `json:"assignment"`
	Signature  []byte `json:"signature"`
}

// assign verifies, holds and hands on. What is not signed by the collector, or is for another agent, is left out.
func (u *Uplink) assign(signed []*uplinkv1.SignedAssignment) {
	var good []*uplinkv1.SignedAssignment
	var list []dispatch.Assignment
	for _, s := range signed {
		if err := protocol.VerifyAssignment(u.cfg.Identity.trusted(), s.GetAssignment(), s.GetSignature()); err != nil {
			u.cfg.Log.Error("assignment refused", "error", err)
			continue
		}
		a, err := parseAssignment(s.GetAssignment())
		if err == nil && a.GetAgentId() != u.cfg.Identity.AgentID() {
			err = fmt.Errorf("it is for agent %s", a.GetAgentId())
		}
		if err != nil {
			u.cfg.Log.Error("assignment refused", "error", err)
			continue
		}
		good = append(good, s)
		list = append(list, assignmentOf(a))
	}
	u.mu.Lock()
	u.assignments = good
	u.mu.Unlock()
	u.cfg.Dispatcher.Assign(list)
}

func (u *Uplink) keepAssignments() error {
	u.mu.Lock()
	kept := make([]storedAssignment, 0, len(u.assignments))
	for _, s := range u.assignments {
		kept = append(kept, storedAssignment{s.GetAssignment(), s.GetSignature()})
	}
	u.mu.Unlock()
	b, err := json.Marshal(kept)
	if err == nil {
		err = spool.WriteFile(u.cfg.AssignmentsFile, b)
	}
	if err != nil {
		return fmt.Errorf("keep assignments: %w", err)
	}
	return nil
}

// Progress is told of running runs. It does not block; only the newest word on each run is kept.
func (u *Uplink) Progress(r dispatch.Running) {
	u.mu.Lock()
	u.progress[r.RunID] = r
	u.mu.Unlock()
	select {
	case u.news <- struct{}{}:
	default:
	}
}

func (u *Uplink) takeProgress() []dispatch.Running {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []dispatch.Running
	for id, r := range u.progress {
		out = append(out, r)
		delete(u.progress, id)
	}
	return out
}

// Status says how the connection stands.
func (u *Uplink) Status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.status
}

func (u *Uplink) setStatus(s Status) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status = s
}

// Run keeps a session open until ctx is done. It never gives up: whatever is wrong may be mended at the other end.
func (u *Uplink) Run(ctx context.Context) {
	attempt := 0
	for ctx.Err() == nil {
		began := u.cfg.Now()
		wait, err := u.connect(ctx)
		if ctx.Err() != nil {
			break
		}
		if u.cfg.Now().Sub(began) > time.Minute {
			attempt = 0
		}
		pause := max(u.backoff(attempt), wait)
		attempt++
		problem := "the session ended"
		if err != nil {
			problem = err.Error()
		}
		u.setStatus(Status{Problem: problem, Since: u.cfg.Now()})
		u.cfg.Log.Warn("no session with the collector; discovery goes on", "collector", u.cfg.Collector, "error", problem,
			"next_try_in", pause.Round(time.Millisecond))
		if !sleep(ctx, pause) {
			break
		}
	}
	u.setStatus(Status{Problem: "the agent is stopping", Since: u.cfg.Now()})
}

// backoff is full jitter: anything from nothing to a bound that doubles, so that agents that were cut off together do
// not come back together.
func (u *Uplink) backoff(attempt int) time.Duration {
	bound := u.cfg.Pace.FirstRetry << min(attempt, 10)
	return rand.N(min(bound, u.cfg.Pace.MaxRetry) + 1)
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// connect holds one session from beginning to end. wait is how long the collector asked to stay away.
func (u *Uplink) connect(ctx context.Context) (wait time.Duration, err error) {
	id := u.cfg.Identity
	if !id.Enrolled() {
		return 0, ErrNotEnrolled
	}
	if now := u.cfg.Now(); now.After(id.NotAfter()) {
		// Discovery goes on; only pushing stops until somebody lets the agent recover.
		if err := id.recover(ctx, u.cfg.Collector, now); err != nil {
			return 0, fmt.Errorf("the certificate expired on %s: %w", id.NotAfter().UTC().Format(time.RFC3339), err)
		}
		u.cfg.Log.Info("certificate recovered", "not_after", id.NotAfter())
	}
	conn, err := dial(u.cfg.Collector, id.tlsConfig(true))
	if err != nil {
		return 0, err
	}
	s := &session{uplink: u, client: uplinkv1.NewUplinkClient(conn), log: u.cfg.Log}
	err = s.run(ctx)
	err = errors.Join(err, conn.Close())
	if code := status.Code(err); code == codes.Unauthenticated || code == codes.PermissionDenied {
		wait = u.cfg.Pace.FirstRetry
	}
	return wait, err
}
