// Package serve runs a provider: it is all that a plugin's main calls, and it does for every author what
// none should do again: reading scopes side by side and fairly, limits, retries, batches, outcomes.
//
// Provider serves a child process of the agent. Local is the same engine without a process, for tests and for
// trying a plugin out.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"maestro.internal/sdk/ceiling"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/seal"
)

const defaultParallelScopes = 4

// Local runs p in this process. Calls wait for everything that they started, so a provider that ignores its
// context makes them late; only a process can be killed.
func Local(p provider.Provider) provider.Plugin { return &engine{provider: p, pace: defaultPace()} }

// pace is how patient the engine is; tests hurry it.
type pace struct {
	firstRetry, maxRetry, giveUp time.Duration
	progress, flush              time.Duration
}

func defaultPace() pace {
	return pace{
		firstRetry: 500 * time.Millisecond,
		maxRetry:   30 * time.Second,
		// The host takes five minutes without a word for a hang, so retrying ends before.
		giveUp:   4 * time.Minute,
		progress: 500 * time.Millisecond,
		flush:    2 * time.Second,
	}
}

type engine struct {
	provider provider.Provider
	pace     pace
}

var _ provider.Plugin = (*engine)(nil)

func (e *engine) Describe(context.Context) (d provider.Description, err error) {
	defer recovered("describe", &err)
	return e.provider.Describe(), nil
}

func (e *engine) Check(ctx context.Context, conn provider.Connection, kinds []string) (report provider.CheckReport, err error) {
	ctx = ceiling.With(ctx, conn.Ceiling)
	err = e.session(ctx, conn, func(_ provider.Description, s provider.Session) (err error) {
		defer recovered("check", &err)
		checker, ok := s.(provider.Checker)
		if !ok {
			// The session stands, so settings and credential are right; more is not known.
			report = provider.CheckReport{Items: []provider.CheckItem{{Name: "connect", OK: true}}}
			return nil
		}
		report, err = checker.Check(ctx, kinds)
		return err
	})
	var failed *provider.Error
	if errors.As(err, &failed) && failed.Certificate != nil && failed.Certificate.Setting != "" {
		// Somebody can decide this, so it is an answer.
		report.Items = append(report.Items, provider.CheckItem{Name: "certificate", Message: failed.Err.Error(), Advice: failed.Advice, Certificate: failed.Certificate})
		return report, nil
	}
	return report, err
}

func (e *engine) Plan(ctx context.Context, conn provider.Connection, kinds []string) (plan provider.Plan, err error) {
	ctx = ceiling.With(ctx, conn.Ceiling)
	err = e.session(ctx, conn, func(d provider.Description, s provider.Session) (err error) {
		defer recovered("plan", &err)
		known, unknown := split(d, kinds)
		if planner, ok := s.(provider.Planner); ok {
			if plan, err = planner.Plan(ctx, known); err != nil {
				return err
			}
		} else {
			plan = wholeKinds(known)
		}
		// What the plugin does not read is planned all the same, so that its outcome says why nothing came.
		plan.Scopes = append(plan.Scopes, wholeKinds(unknown).Scopes...)
		return nil
	})
	return plan, err
}

func (e *engine) Choices(ctx context.Context, conn provider.Connection, setting string) (c provider.Choices, err error) {
	defer recovered("choices", &err)
	chooser, ok := e.provider.(provider.Chooser)
	if !ok {
		return c, provider.Unsupported(errors.New("the plugin does not know what its settings may be"))
	}
	return chooser.Choices(ceiling.With(ctx, conn.Ceiling), conn, setting)
}

// wholeKinds is the plan of a provider without partitions.
func wholeKinds(kinds []string) provider.Plan {
	plan := provider.Plan{Complete: true}
	for _, k := range kinds {
		plan.Scopes = append(plan.Scopes, resource.Scope{Kind: k})
	}
	return plan
}

func split(d provider.Description, kinds []string) (known, unknown []string) {
	for _, k := range kinds {
		if slices.ContainsFunc(d.Kinds, func(s provider.KindSupport) bool { return s.Kind == k }) {
			known = append(known, k)
		} else {
			unknown = append(unknown, k)
		}
	}
	return known, unknown
}

// session connects, calls fn and ends the session.
func (e *engine) session(ctx context.Context, conn provider.Connection, fn func(provider.Description, provider.Session) error) (err error) {
	d, err := e.Describe(ctx)
	if err != nil {
		return err
	}
	s, err := e.connect(ctx, conn)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := closeSession(s); cerr != nil {
			// The work is done; that the session could not be ended politely changes nothing of it.
			slog.Warn("end session", "error", cerr)
		}
	}()
	return fn(d, s)
}

func (e *engine) connect(ctx context.Context, conn provider.Connection) (s provider.Session, err error) {
	defer recovered("connect", &err)
	s, err = e.provider.Connect(ctx, conn)
	if err == nil && s == nil {
		err = errors.New("connect: the plugin made no session and no error")
	}
	return s, err
}

func closeSession(s provider.Session) (err error) {
	defer recovered("close", &err)
	if c, ok := s.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (e *engine) Discover(ctx context.Context, conn provider.Connection, scopes []resource.Scope, sink provider.Sink) error {
	ctx, cancel := context.WithCancelCause(ceiling.With(ctx, conn.Ceiling))
	defer cancel(nil)
	out := &output{sink: sink, cancel: cancel}

	var settings *provider.SettingsError
	err := e.session(ctx, conn, func(d provider.Description, s provider.Session) error {
		e.discover(ctx, d, s, scopes, out)
		return nil
	})
	switch {
	case err == nil:
	case errors.As(err, &settings):
		return err
	case ctx.Err() == nil:
		// Without a session no scope was tried in vain silently: each says why.
		for i := range scopes {
			out.done(i, outcomeOf(err))
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return nil
}

// discover reads the scopes, some at a time, and returns when all of them have ended.
func (e *engine) discover(ctx context.Context, d provider.Description, s provider.Session, scopes []resource.Scope, out *output) {
	rules := seal.For(d)
	limits := newLimits(d.Limits)
	parallel := d.MaxParallelScopes
	if parallel <= 0 {
		parallel = defaultParallelScopes
	}
	queue := make(chan int)
	var workers sync.WaitGroup
	for range min(parallel, len(scopes)) {
		workers.Go(func() {
			for i := range queue {
				e.scope(ctx, s, rules, limits, i, scopes[i], out)
			}
		})
	}
	for _, i := range fairOrder(scopes) {
		select {
		case queue <- i:
		case <-ctx.Done():
		}
	}
	close(queue)
	workers.Wait()
}

// scope reads one scope to its end.
func (e *engine) scope(ctx context.Context, s provider.Session, rules *seal.Rules, limits *limits, index int, scope resource.Scope, out *output) {
	if ctx.Err() != nil {
		return
	}
	began := time.Now()
	intake, err := rules.Intake(scope)
	if err != nil {
		out.done(index, outcomeOf(err))
		return
	}
	em := &emitter{engine: e, index: index, scope: scope, intake: intake, limits: limits, out: out, spoke: began}
	err = discoverScope(ctx, s, scope, em)
	result, err := em.finish(ctx, err)
	if err != nil {
		return // canceled, or the sink is gone: nobody is left to be told
	}
	result.DurationMS = time.Since(began).Milliseconds()
	out.done(index, result)
}

func discoverScope(ctx context.Context, s provider.Session, scope resource.Scope, em *emitter) (err error) {
	defer recovered("discover "+scope.Key(), &err)
	return s.Discover(ctx, scope, em)
}

// outcomeOf is what an error alone says of a scope.
func outcomeOf(err error) resource.Outcome {
	o := resource.Outcome{Status: provider.StatusOf(err)}
	if err == nil {
		return o
	}
	o.Error = err.Error()
	var classed *provider.Error
	if errors.As(err, &classed) {
		o.Advice = classed.Advice
		if err == error(classed) {
			o.Error = classed.Err.Error()
		}
	}
	return seal.Tidy(o)
}

// fairOrder takes one scope of each kind in turn, and of each kind another partition than of the one before,
// so that the scopes read side by side meet different parts of the provider.
func fairOrder(scopes []resource.Scope) []int {
	var kinds []string
	byKind := map[string][]int{}
	for i, s := range scopes {
		if byKind[s.Kind] == nil {
			kinds = append(kinds, s.Kind)
		}
		byKind[s.Kind] = append(byKind[s.Kind], i)
	}
	order := make([]int, 0, len(scopes))
	for round := 0; len(order) < len(scopes); round++ {
		for k, kind := range kinds {
			if of := byKind[kind]; round < len(of) {
				order = append(order, of[(round+k)%len(of)])
			}
		}
	}
	return order
}

// recovered turns a panic in an author's code into an error, so that one scope's bug ends one scope.
func recovered(doing string, err *error) {
	if p := recover(); p != nil {
		slog.Error("panic", "doing", doing, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		*err = provider.Permanent(fmt.Errorf("panic: %v", p))
	}
}

// output is the sink, one call at a time. The first error ends the call.
type output struct {
	mu     sync.Mutex
	sink   provider.Sink
	cancel context.CancelCauseFunc
	err    error
}

func (o *output) send(fn func(provider.Sink) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	if err := fn(o.sink); err != nil {
		o.err = fmt.Errorf("hand over to the host: %w", err)
		o.cancel(o.err)
	}
	return o.err
}

// done tells a scope's end. Its error is remembered and ends the call, so nobody has to look at it here.
func (o *output) done(index int, out resource.Outcome) {
	_ = o.send(func(s provider.Sink) error { return s.ScopeDone(index, out) })
}
