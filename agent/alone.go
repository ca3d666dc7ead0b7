package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"maestro.internal/agent/internal/credential"
	"maestro.internal/agent/internal/dispatch"
	"maestro.internal/agent/internal/policy"
	"maestro.internal/agent/internal/runner"
	"maestro.internal/agent/internal/spool"
	"maestro.internal/agent/internal/supervisor"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// Alone runs plugins once, without spool and collector, but with the same credentials, policy and limits as the agent
// that serves: what it prints is what would leave the site.
type Alone struct {
	plugins     *supervisor.Supervisor
	credentials *credential.Store
	runner      *runner.Runner
	log         *slog.Logger
}

// Job is one call of a plugin.
type Job struct {
	// Plugin is a name or a path.
	Plugin     string
	Settings   json.RawMessage
	Credential string
	// Kinds to read; all that the plugin knows when empty.
	Kinds []string
	// Files is the folder of files for plugins that read such; empty for none.
	Files string
}

// Resource is one thing as it would leave the site.
type Resource struct {
	Hash      string
	Canonical json.RawMessage
	Volatile  json.RawMessage
}

// Listener takes what a run reads; its methods are called one at a time.
type Listener interface {
	Plan(plan provider.Plan) error
	Resource(scope string, r Resource) error
	Outcome(scope string, o resource.Outcome) error
	Progress(text string)
}

// Result is how a run ended.
type Result struct {
	Outcomes map[string]resource.Outcome
	Error    string
	Complete bool
	// Misused says that the settings that were given are why.
	Misused bool
}

// Misused says of an error that what was asked for is wrong, not that it could not be done: a kind that the plugin does
// not read, a setting that is unknown, missing or wrong.
func Misused(err error) bool {
	var settings *provider.SettingsError
	return errors.Is(err, errUnknownKind) || errors.As(err, &settings)
}

var errUnknownKind = errors.New("unknown kind")

// NewAlone opens what is needed; nothing needs to be closed.
func NewAlone(cfg Config, log *slog.Logger) (*Alone, error) {
	credentials, err := credential.Load(cfg.CredentialsFile)
	if err != nil {
		return nil, err
	}
	rules, err := policy.Load(cfg.PolicyFile, (&Agent{cfg: cfg}).path("policy.key"))
	if err != nil {
		return nil, err
	}
	plugins, err := supervisor.New(supervisor.Config{Dir: cfg.pluginDir(), Manifest: cfg.PluginManifest,
		MemoryLimit: cfg.PluginMemoryMB << 20, Log: log})
	if err != nil {
		return nil, err
	}
	return &Alone{plugins: plugins, credentials: credentials, log: log,
		runner: &runner.Runner{Policy: rules, Log: log, Now: time.Now, Every: 200 * time.Millisecond}}, nil
}

// Describe answers what a plugin says of itself.
func (a *Alone) Describe(ctx context.Context, plugin string) (provider.Description, error) {
	file, err := a.plugins.Find(plugin)
	if err != nil {
		return provider.Description{}, err
	}
	d, err := a.plugins.Describe(ctx, file)
	return d.Description, err
}

func (a *Alone) job(ctx context.Context, j Job) (runner.Job, error) {
	file, err := a.plugins.Find(j.Plugin)
	if err != nil {
		return runner.Job{}, err
	}
	d, err := a.plugins.Describe(ctx, file)
	if err != nil {
		return runner.Job{}, err
	}
	out := runner.Job{Connection: provider.Connection{ID: "standalone", Settings: j.Settings}, Kinds: j.Kinds}
	var known []string
	for _, k := range d.Description.Kinds {
		known = append(known, k.Kind)
	}
	if len(out.Kinds) == 0 {
		out.Kinds = known
	}
	for _, k := range out.Kinds {
		if !slices.Contains(known, k) {
			return out, fmt.Errorf("%w: plugin %s does not read %q; it reads %s", errUnknownKind, file.Name, k, strings.Join(known, ", "))
		}
	}
	out.Launch = func(ctx context.Context) (runner.Process, error) {
		env, err := dispatch.Environment(ctx, a.plugins, a.credentials, file, j.Credential, j.Settings)
		if err != nil {
			return nil, err
		}
		return a.plugins.Start(ctx, file, env, j.Files, a.log)
	}
	return out, nil
}

// Check asks what the connection may read.
func (a *Alone) Check(ctx context.Context, j Job) (provider.CheckReport, error) {
	job, err := a.job(ctx, j)
	if err != nil {
		return provider.CheckReport{}, err
	}
	return a.runner.Check(ctx, job)
}

// Run reads the connection once.
func (a *Alone) Run(ctx context.Context, j Job, to Listener) (Result, error) {
	job, err := a.job(ctx, j)
	if err != nil {
		return Result{}, err
	}
	heard := &listening{to: to, outcomes: map[string]resource.Outcome{}}
	r, err := a.runner.Run(ctx, job, heard, func(p runner.Progress) {
		to.Progress(fmt.Sprintf("%s: %d of %d scopes, %d resources", p.Phase, p.ScopesDone, p.ScopesTotal, p.Listed))
	})
	return Result{Outcomes: heard.outcomes, Error: r.Error, Complete: r.Complete(), Misused: Misused(r.Cause)}, err
}

// listening is the recorder that keeps nothing.
type listening struct {
	to       Listener
	scopes   []resource.Scope
	outcomes map[string]resource.Outcome
}

func (l *listening) Plan(plan spool.RunPlan) error {
	l.scopes = plan.Scopes
	return l.to.Plan(plan.Plan)
}

func (l *listening) Items(scope int, items []spool.Item) error {
	for _, it := range items {
		r := Resource{Hash: it.Hash.String(), Canonical: it.Canonical, Volatile: it.Volatile}
		if err := l.to.Resource(l.scopes[scope].Key(), r); err != nil {
			return err
		}
	}
	return nil
}

func (l *listening) Done(scope int, end spool.CaptureEnd) error {
	l.outcomes[l.scopes[scope].Key()] = end.Outcome
	return l.to.Outcome(l.scopes[scope].Key(), end.Outcome)
}

func (l *listening) End(spool.RunEnd) error { return nil }

var _ runner.Recorder = (*listening)(nil)
