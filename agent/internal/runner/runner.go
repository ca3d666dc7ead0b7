// Package runner executes one run of one connection: plan, discover, apply the site's policy, seal, record. It
// interprets nothing of what it reads. Whatever happens to the plugin, every planned scope ends with an outcome.
package runner

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"maestro.internal/agent/internal/policy"
	"maestro.internal/agent/internal/spool"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/seal"
)

// Process is a running plugin; sdk/host launches it.
type Process interface {
	provider.Plugin
	// Rules say how its resources are sealed; after a Describe that succeeded.
	Rules() *seal.Rules
	// Tail is the last lines of its log.
	Tail() []string
	Close() error
}

// Recorder takes what a run reads. Its methods are called one at a time. Items may fail without the run caring: the
// recorder says at Done what became of the scope.
type Recorder interface {
	Plan(plan spool.RunPlan) error
	Items(scope int, items []spool.Item) error
	Done(scope int, end spool.CaptureEnd) error
	End(end spool.RunEnd) error
}

// Job is one run.
type Job struct {
	Connection provider.Connection
	Provider   string
	Kinds      []string
	// Launch starts the plugin with the credential's environment.
	Launch func(ctx context.Context) (Process, error)
}

// Progress is how far a run is.
type Progress struct {
	Phase       string
	ScopesTotal int
	ScopesDone  int
	Listed      int64
	Log         []string
}

// Phases of a run.
const (
	PhaseStarting = "starting"
	PhasePlanning = "planning"
	PhaseReading  = "reading"
	PhaseEnded    = "ended"
)

// Runner executes runs; it may execute several at a time.
type Runner struct {
	// Policy is the site's; nil withholds nothing.
	Policy *policy.Policy
	Log    *slog.Logger
	Now    func() time.Time
	// Every is the least time between two progress reports; 0 means half a second.
	Every time.Duration
	// CheckWithin bounds a check; 0 means 25 seconds.
	CheckWithin time.Duration
}

// Result sums up a run for people and exit codes.
type Result struct {
	// Scopes that were planned, those of them that were not read to their end, and what was listed in all.
	Scopes, Short, Listed int
	// Error says why the run ended early; empty when it did not.
	Error string
	// Cause is the error that Error is the text of.
	Cause error
	Log   []string
}

// Complete says whether everything was read.
func (r Result) Complete() bool {
	return r.Short == 0 && r.Error == ""
}

// Run executes the job. What goes wrong with plugin or provider is part of the Result; the error is about the
// recorder alone.
func (r *Runner) Run(ctx context.Context, job Job, rec Recorder, progress func(Progress)) (Result, error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	x := &execution{runner: r, job: job, rec: rec, report: progress, marks: map[string]*marks{}}
	x.tell(PhaseStarting)
	err := x.run(ctx)
	if x.process != nil {
		x.result.Log = x.process.Tail()
		if cerr := x.process.Close(); cerr != nil && err == nil {
			r.Log.Warn("end plugin", "error", cerr)
		}
	}
	if err != nil {
		x.result.Error, x.result.Cause = err.Error(), err
		if cause := context.Cause(ctx); cause != nil {
			x.result.Error = cause.Error()
		}
	}
	x.tell(PhaseEnded)
	end := spool.RunEnd{FinishedAt: r.Now(), Error: x.result.Error, Log: x.result.Log}
	return x.result, errors.Join(x.broken, rec.End(end))
}

type execution struct {
	runner  *Runner
	job     Job
	rec     Recorder
	report  func(Progress)
	process Process
	rules   *seal.Rules
	narrows []byte
	scopes  []reading
	marks   map[string]*marks // by kind; a run may have a hundred thousand scopes
	result  Result
	// broken is the first error of the recorder that ends the run.
	broken error

	phase string
	told  time.Time
}

// marks say under which rules a kind was read.
type marks struct{ fingerprint, kindDigest []byte }

// reading is one scope while it is read.
type reading struct {
	scope   resource.Scope
	begun   time.Time
	listed  int
	pages   int
	refused int
	refusal error
	lossy   bool
	done    bool
}

func (x *execution) run(ctx context.Context) error {
	process, err := x.job.Launch(ctx)
	if err != nil {
		return err
	}
	x.process = process
	d, err := process.Describe(ctx)
	if err != nil {
		return err
	}
	if x.job.Provider != "" && d.Provider != x.job.Provider {
		return fmt.Errorf("plugin: it serves provider %s, not %s", d.Provider, x.job.Provider)
	}
	x.rules = process.Rules()
	settings, err := schema.ParseSettings(d.Settings)
	if err != nil {
		return err
	}
	given := x.job.Connection.Settings
	if len(given) == 0 {
		given = json.RawMessage("{}")
	}
	if x.narrows, err = settings.Narrowing(given); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	x.tell(PhasePlanning)
	plan, err := x.plan(ctx, d)
	if err != nil {
		return err
	}
	if err := x.rec.Plan(spool.RunPlan{Plan: plan, PluginVersion: d.Version}); err != nil {
		x.broken = err
		return err
	}
	x.scopes = make([]reading, len(plan.Scopes))
	for i, s := range plan.Scopes {
		x.scopes[i].scope = s
	}
	x.tell(PhaseReading)
	if len(plan.Scopes) > 0 {
		err = process.Discover(ctx, x.job.Connection, plan.Scopes, sink{x})
	}
	return errors.Join(err, x.settle(ctx, err))
}

// plan asks for the scopes of the kinds that plugin and policy let through.
func (x *execution) plan(ctx context.Context, d provider.Description) (provider.Plan, error) {
	var kinds, warnings []string
	for _, k := range x.job.Kinds {
		switch {
		case !slices.ContainsFunc(d.Kinds, func(s provider.KindSupport) bool { return s.Kind == k }):
			warnings = append(warnings, fmt.Sprintf("plugin %s %s does not read kind %s", d.Provider, d.Version, k))
		case x.runner.Policy.DropsKind(k):
			warnings = append(warnings, fmt.Sprintf("the site's policy drops kind %s", k))
		default:
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		return provider.Plan{Complete: true, Warnings: warnings}, nil
	}
	plan, err := x.process.Plan(ctx, x.job.Connection, kinds)
	if err != nil {
		return plan, fmt.Errorf("plan: %w", err)
	}
	plan.Warnings = append(plan.Warnings, warnings...)
	return plan, nil
}

// settle gives an outcome to every scope that has none.
func (x *execution) settle(ctx context.Context, cause error) error {
	for i := range x.scopes {
		s := &x.scopes[i]
		if s.done {
			continue
		}
		out := resource.Outcome{Status: resource.StatusNotTried, Listed: s.listed, Pages: s.pages}
		switch {
		case s.begun.IsZero():
		case ctx.Err() != nil && s.listed > 0:
			out.Status = resource.StatusPartial
		default:
			out.Status = resource.StatusFailed
		}
		out.Error = "the plugin did not say how this scope ended"
		if cause != nil {
			out.Error = cause.Error()
		}
		if reason := context.Cause(ctx); reason != nil {
			out.Error = reason.Error()
		}
		if !s.begun.IsZero() {
			out.DurationMS = x.runner.Now().Sub(s.begun).Milliseconds()
		}
		if err := x.done(i, out); err != nil {
			return err
		}
	}
	return nil
}

func (x *execution) done(at int, out resource.Outcome) error {
	s := &x.scopes[at]
	s.done = true
	if s.refused > 0 {
		text := fmt.Sprintf("%d resources could not be sealed; first %v", s.refused, s.refusal)
		if out.Status == resource.StatusComplete {
			out.Status, out.Error = resource.StatusPartial, text
		} else {
			out.Warnings = append(out.Warnings, text)
		}
	}
	out = seal.Tidy(out)
	end := spool.CaptureEnd{Outcome: out, HashFormat: resource.HashFormat, PolicyDigest: x.runner.Policy.Digest(), ReadAt: x.runner.Now()}
	m, err := x.marksOf(s.scope.Kind)
	if err == nil {
		end.Fingerprint, end.KindDigest = m.fingerprint, m.kindDigest
		err = x.rec.Done(at, end)
	}
	if err != nil {
		x.broken = errors.Join(x.broken, err)
		return err
	}
	x.result.Scopes++
	x.result.Listed += out.Listed
	if out.Status != resource.StatusComplete && out.Status != resource.StatusUnsupported {
		x.result.Short++
	}
	x.tell("")
	return nil
}

func (x *execution) marksOf(kind string) (*marks, error) {
	if m := x.marks[kind]; m != nil {
		return m, nil
	}
	fp, err := x.fingerprint(kind)
	if err != nil {
		return nil, err
	}
	m := &marks{fingerprint: fp, kindDigest: x.kindDigest(kind)}
	x.marks[kind] = m
	return m, nil
}

// fingerprint is over what narrows the reading of a kind: settings that are filters, and what the policy drops.
func (x *execution) fingerprint(kind string) ([]byte, error) {
	dropped, err := x.runner.Policy.DropRules(kind)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	for _, part := range [][]byte{x.narrows, dropped} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return h.Sum(nil), nil
}

func (x *execution) kindDigest(kind string) []byte {
	k := x.rules.Kind(kind)
	if k == nil {
		return nil
	}
	b, err := hex.DecodeString(k.Digest)
	if err != nil {
		return nil
	}
	return b
}

// tell reports progress, at once when the phase changes and else not too often.
func (x *execution) tell(phase string) {
	now := time.Now()
	if phase == "" && now.Sub(x.told) < x.every() {
		return
	}
	if phase != "" {
		x.phase = phase
	}
	x.told = now
	p := Progress{Phase: x.phase, ScopesTotal: len(x.scopes)}
	for i := range x.scopes {
		p.Listed += int64(x.scopes[i].listed)
		if x.scopes[i].done {
			p.ScopesDone++
		}
	}
	if x.process != nil {
		p.Log = x.process.Tail()
	}
	x.report(p)
}

func (x *execution) every() time.Duration {
	if x.runner.Every > 0 {
		return x.runner.Every
	}
	return 500 * time.Millisecond
}

// sink is what the plugin's stream is handed to; its methods are called one at a time.
type sink struct{ *execution }

func (x sink) begin(at int) *reading {
	s := &x.scopes[at]
	if s.begun.IsZero() {
		s.begun = x.runner.Now()
	}
	return s
}

func (x sink) Resources(at int, batch []resource.Envelope) error {
	s := x.begin(at)
	sealer, err := x.rules.Sealer(s.scope.Kind)
	if err != nil {
		return err
	}
	items := make([]spool.Item, 0, len(batch))
	for i := range batch {
		item, err := x.sealed(sealer, batch[i])
		if err != nil {
			if s.refused++; s.refusal == nil {
				s.refusal = fmt.Errorf("%q: %w", batch[i].ExternalID, err)
			}
			continue
		}
		items = append(items, item)
	}
	s.listed += len(items)
	if err := x.rec.Items(at, items); err != nil && !s.lossy {
		// Reading goes on: the recorder tells at the scope's end what is missing.
		s.lossy = true
		x.runner.Log.Error("what is read cannot be kept", "scope", s.scope.Key(), "error", err)
	}
	x.tell("")
	return nil
}

func (x sink) sealed(sealer *seal.Sealer, env resource.Envelope) (spool.Item, error) {
	if err := x.runner.Policy.Apply(&env); err != nil {
		return spool.Item{}, err
	}
	out, err := sealer.Seal(env)
	if err != nil {
		return spool.Item{}, err
	}
	return spool.Item{Key: env.ExternalID, Hash: out.Hash, Canonical: out.Canonical, Volatile: out.Volatile}, nil
}

func (x sink) Progress(at int, listed, pages int) error {
	s := x.begin(at)
	s.pages = pages
	x.tell("")
	return nil
}

func (x sink) ScopeDone(at int, out resource.Outcome) error {
	x.begin(at)
	return x.done(at, out)
}

// checkWithin bounds a check: somebody waits before the screen. A provider that limits requests makes one last minutes, and a run has that patience.
const checkWithin = 25 * time.Second

// Check asks a plugin what the connection may read. What takes too long is said to be unknown, kind by kind, and is no error.
func (r *Runner) Check(ctx context.Context, job Job) (report provider.CheckReport, err error) {
	process, err := job.Launch(ctx)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, process.Close()) }()
	d, err := process.Describe(ctx)
	if err != nil {
		return report, err
	}
	kinds := job.Kinds
	if len(kinds) == 0 {
		for _, k := range d.Kinds {
			kinds = append(kinds, k.Kind)
		}
	}
	within := r.CheckWithin
	if within <= 0 {
		within = checkWithin
	}
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	report, err = process.Check(bounded, job.Connection, kinds)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return unfinished(kinds, within), nil
	}
	return report, err
}

// unfinished is the report of a check that took too long.
func unfinished(kinds []string, within time.Duration) provider.CheckReport {
	report := provider.CheckReport{Items: []provider.CheckItem{{Name: "answers in time",
		Message: fmt.Sprintf("The provider had not answered everything after %s, so the check was ended. Nothing is wrong yet.", within.Round(time.Second)),
		Advice:  "It is slow, or limits how often it may be asked. A run waits longer and says what it may read; or check fewer kinds."}}}
	for _, kind := range kinds {
		report.Items = append(report.Items, provider.CheckItem{Kind: kind, Name: kind, Message: "not finished: whether it may be read is not known"})
	}
	return report
}
