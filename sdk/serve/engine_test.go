package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"maestro.internal/sdk/ceiling"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a provider made of functions.
type fake struct {
	description provider.Description
	connect     func(context.Context) error
	discover    func(context.Context, resource.Scope, provider.Emitter) error
	closed      atomic.Int32
}

type fakeSession struct{ *fake }

func (f *fake) Describe() provider.Description {
	d := f.description
	d.Provider, d.Version, d.Title = "fake", "1", "Fake"
	for _, k := range []string{"fake.a", "fake.b", "fake.c"} {
		d.Kinds = append(d.Kinds, provider.KindSupport{Kind: k, Major: 1, Unstable: k == "fake.c",
			Schema: json.RawMessage(`{"type":"object","properties":{"uptime":{"type":"integer","x-maestro-volatile":true}}}`)})
	}
	return d
}

func (f *fake) Connect(ctx context.Context, _ provider.Connection) (provider.Session, error) {
	if f.connect != nil {
		if err := f.connect(ctx); err != nil {
			return nil, err
		}
	}
	return fakeSession{f}, nil
}

func (s fakeSession) Discover(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
	return s.discover(ctx, scope, out)
}

func (s fakeSession) Close() error { s.closed.Add(1); return nil }

// gather is a sink that keeps everything and fails when it is called by two at a time.
type gather struct {
	t         *testing.T
	busy      atomic.Bool
	batches   [][]resource.Envelope
	ids       map[int][]string
	outcomes  map[int]resource.Outcome
	progress  int
	resources func(int) error
}

func newGather(t *testing.T) *gather {
	return &gather{t: t, ids: map[int][]string{}, outcomes: map[int]resource.Outcome{}}
}

func (g *gather) enter() func() {
	if g.busy.Swap(true) {
		g.t.Error("the sink is called by two at a time")
	}
	return func() { g.busy.Store(false) }
}

func (g *gather) Resources(i int, batch []resource.Envelope) error {
	defer g.enter()()
	g.batches = append(g.batches, batch)
	for _, env := range batch {
		g.ids[i] = append(g.ids[i], env.ExternalID)
	}
	if g.resources != nil {
		return g.resources(i)
	}
	return nil
}

func (g *gather) Progress(int, int, int) error { defer g.enter()(); g.progress++; return nil }

func (g *gather) ScopeDone(i int, o resource.Outcome) error {
	defer g.enter()()
	g.outcomes[i] = o
	return nil
}

func hurried(p provider.Provider) *engine {
	return &engine{provider: p, pace: pace{firstRetry: time.Millisecond, maxRetry: 5 * time.Millisecond,
		giveUp: 200 * time.Millisecond, progress: 10 * time.Millisecond, flush: time.Hour}}
}

func scopes(kinds ...string) []resource.Scope {
	var out []resource.Scope
	for _, k := range kinds {
		out = append(out, resource.Scope{Kind: k})
	}
	return out
}

func thing(id string) resource.Envelope { return resource.Envelope{ExternalID: id} }

func emitAll(ctx context.Context, out provider.Emitter, envs ...resource.Envelope) error {
	for _, e := range envs {
		if err := out.Emit(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// TestOutcomes says what each way of ending a scope becomes.
func TestOutcomes(t *testing.T) {
	cause := errors.New("the provider's words")
	tests := []struct {
		name     string
		kind     string
		discover func(context.Context, provider.Emitter) error
		want     resource.Outcome
	}{
		{"to its end", "fake.a", func(ctx context.Context, out provider.Emitter) error {
			out.Page()
			out.Page()
			out.Warn("odd %d", 1)
			incomplete := thing("b")
			incomplete.Unread = []string{"/attributes/x"}
			return emitAll(ctx, out, thing("a"), incomplete)
		}, resource.Outcome{Status: resource.StatusComplete, Listed: 2, Incomplete: 1, Pages: 2, Warnings: []string{"odd 1"}}},
		{"denied", "fake.a", func(context.Context, provider.Emitter) error { return provider.Denied(cause, "grant it") },
			resource.Outcome{Status: resource.StatusDenied, Error: "the provider's words", Advice: "grant it"}},
		{"denied half-way", "fake.a", func(ctx context.Context, out provider.Emitter) error {
			return errors.Join(emitAll(ctx, out, thing("a")), provider.Denied(cause, "grant it"))
		}, resource.Outcome{Status: resource.StatusPartial, Listed: 1, Error: "denied after 1: denied: the provider's words", Advice: "grant it"}},
		{"a plain error", "fake.a", func(context.Context, provider.Emitter) error { return cause },
			resource.Outcome{Status: resource.StatusFailed, Error: "the provider's words"}},
		{"a panic", "fake.a", func(context.Context, provider.Emitter) error { panic("oh") },
			resource.Outcome{Status: resource.StatusFailed, Error: "panic: oh"}},
		{"equal repeats", "fake.a", func(ctx context.Context, out provider.Emitter) error {
			one, two := thing("a"), thing("a")
			one.Attributes = json.RawMessage(`{"uptime":1,"x":[]}`)
			two.Attributes = json.RawMessage(`{"x": [], "uptime":2}`) // only the volatile leaf differs
			return emitAll(ctx, out, one, two)
		}, resource.Outcome{Status: resource.StatusComplete, Listed: 1, Duplicates: 1}},
		{"differing repeats", "fake.a", func(ctx context.Context, out provider.Emitter) error {
			other := thing("a")
			other.Name = "x"
			return emitAll(ctx, out, thing("a"), other, thing("b"))
		}, resource.Outcome{Status: resource.StatusFailed, Listed: 1, Error: `external id "a" was emitted twice with different content`}},
		{"differing repeats that are ignored", "fake.a", func(ctx context.Context, out provider.Emitter) error {
			other := thing("a")
			other.Name = "x"
			_ = emitAll(ctx, out, thing("a"), other, thing("b"))
			return nil
		}, resource.Outcome{Status: resource.StatusFailed, Listed: 1, Error: `external id "a" was emitted twice with different content`}},
		{"differing repeats of an unstable listing", "fake.c", func(ctx context.Context, out provider.Emitter) error {
			other := thing("a")
			other.Name = "x"
			return emitAll(ctx, out, thing("a"), other)
		}, resource.Outcome{Status: resource.StatusComplete, Listed: 1, Warnings: []string{"1 ids repeated with other content; the later one was kept"}}},
		{"another kind", "fake.a", func(ctx context.Context, out provider.Emitter) error {
			return emitAll(ctx, out, resource.Envelope{Kind: "fake.b", ExternalID: "a"}, thing("b"))
		}, resource.Outcome{Status: resource.StatusPartial, Listed: 1, Error: `1 resources could not be taken; first "a": kind "fake.b" in a scope of kind "fake.a"`}},
		{"another partition", "fake.a", func(ctx context.Context, out provider.Emitter) error {
			return out.Emit(ctx, resource.Envelope{ExternalID: "a", Partition: resource.Partition{{Key: "x", Value: "y"}}})
		}, resource.Outcome{Status: resource.StatusPartial, Error: `1 resources could not be taken; first "a": partition {x=y} in scope fake.a`}},
		{"an undeclared kind", "server", func(context.Context, provider.Emitter) error { panic("never asked") },
			resource.Outcome{Status: resource.StatusUnsupported, Error: `the plugin does not read kind "server"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{discover: func(ctx context.Context, _ resource.Scope, out provider.Emitter) error { return tt.discover(ctx, out) }}
			g := newGather(t)
			if err := hurried(f).Discover(t.Context(), provider.Connection{}, scopes(tt.kind), g); err != nil {
				t.Fatal(err)
			}
			got := g.outcomes[0]
			got.DurationMS = 0
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", tt.want) {
				t.Errorf("\n got %+v\nwant %+v", got, tt.want)
			}
			if f.closed.Load() != 1 {
				t.Errorf("the session was closed %d times", f.closed.Load())
			}
		})
	}
}

func TestConnectFails(t *testing.T) {
	f := &fake{connect: func(context.Context) error { return provider.Denied(errors.New("wrong password"), "") }}
	g := newGather(t)
	if err := hurried(f).Discover(t.Context(), provider.Connection{}, scopes("fake.a", "fake.b"), g); err != nil {
		t.Fatal(err)
	}
	if len(g.outcomes) != 2 || g.outcomes[1].Status != resource.StatusDenied || g.outcomes[1].Error != "wrong password" {
		t.Errorf("%+v", g.outcomes)
	}
	f.connect = func(context.Context) error { return &provider.SettingsError{Pointer: "/url", Problem: "bad"} }
	var wrong *provider.SettingsError
	if err := hurried(f).Discover(t.Context(), provider.Connection{}, scopes("fake.a"), newGather(t)); !errors.As(err, &wrong) {
		t.Errorf("%v", err)
	}
	f.connect = func(context.Context) error { panic("no") }
	if _, err := hurried(f).Plan(t.Context(), provider.Connection{}, nil); err == nil || !strings.Contains(err.Error(), "panic: no") {
		t.Errorf("%v", err)
	}
}

func TestPlanWithoutPlanner(t *testing.T) {
	plan, err := hurried(&fake{}).Plan(t.Context(), provider.Connection{}, []string{"fake.a", "server"})
	if err != nil || !plan.Complete || len(plan.Scopes) != 2 {
		t.Fatalf("%+v, %v", plan, err)
	}
	report, err := hurried(&fake{}).Check(t.Context(), provider.Connection{}, nil)
	if err != nil || len(report.Items) != 1 || !report.Items[0].OK {
		t.Fatalf("%+v, %v", report, err)
	}
}

func TestBatches(t *testing.T) {
	big := json.RawMessage(`{"x":"` + strings.Repeat("x", 300<<10) + `"}`)
	f := &fake{discover: func(ctx context.Context, s resource.Scope, out provider.Emitter) error {
		for i := range 1300 {
			env := thing(fmt.Sprint(i))
			if s.Kind == "fake.b" {
				if i == 10 {
					return nil
				}
				env.Attributes = big
			}
			if err := out.Emit(ctx, env); err != nil {
				return err
			}
		}
		return nil
	}}
	g := newGather(t)
	if err := hurried(f).Discover(t.Context(), provider.Connection{}, scopes("fake.a", "fake.b"), g); err != nil {
		t.Fatal(err)
	}
	if len(g.ids[0]) != 1300 || len(g.ids[1]) != 10 {
		t.Errorf("%d and %d resources", len(g.ids[0]), len(g.ids[1]))
	}
	for _, b := range g.batches {
		size := 0
		for _, env := range b {
			size += sizeOf(&env)
		}
		if len(b) > wire.BatchItems || size > wire.BatchBytes {
			t.Errorf("a batch of %d resources and %d bytes", len(b), size)
		}
	}
	if len(g.batches) > 3+4 {
		t.Errorf("%d batches", len(g.batches))
	}
}

// TestBackPressure shows that a plugin cannot run ahead of a host that takes nothing.
func TestBackPressure(t *testing.T) {
	var emitted atomic.Int32
	f := &fake{discover: func(ctx context.Context, _ resource.Scope, out provider.Emitter) error {
		for i := range 100_000 {
			if err := out.Emit(ctx, thing(fmt.Sprint(i))); err != nil {
				return err
			}
			emitted.Add(1)
		}
		return nil
	}}
	g := newGather(t)
	stop := errors.New("full")
	g.resources = func(int) error {
		time.Sleep(50 * time.Millisecond)
		if n := emitted.Load(); n > 2*wire.BatchItems {
			t.Errorf("%d resources emitted while the host was busy", n)
		}
		return stop
	}
	if err := hurried(f).Discover(t.Context(), provider.Connection{}, scopes("fake.a"), g); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	if len(g.outcomes) != 0 {
		t.Errorf("%+v", g.outcomes)
	}
}

func TestCancellation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var begun sync.WaitGroup
	begun.Add(4)
	f := &fake{discover: func(ctx context.Context, _ resource.Scope, out provider.Emitter) error {
		begun.Done()
		<-ctx.Done()
		return out.Emit(ctx, thing("late"))
	}}
	go func() { begun.Wait(); cancel() }()
	g := newGather(t)
	many := make([]resource.Scope, 40)
	for i := range many {
		many[i] = resource.Scope{Kind: "fake.a", Partition: resource.Partition{{Key: "n", Value: fmt.Sprint(i)}}}
	}
	if err := hurried(f).Discover(ctx, provider.Connection{}, many, g); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if len(g.outcomes) != 0 || len(g.ids) != 0 || f.closed.Load() != 1 {
		t.Errorf("%+v %+v", g.outcomes, g.ids)
	}
}

// TestEmitFromManyGoroutines is what a scope may do that fetches details side by side.
func TestEmitFromManyGoroutines(t *testing.T) {
	f := &fake{discover: func(ctx context.Context, _ resource.Scope, out provider.Emitter) error {
		var all sync.WaitGroup
		errs := make([]error, 8)
		for w := range errs {
			all.Go(func() {
				for i := range 300 {
					errs[w] = errors.Join(errs[w], out.Emit(ctx, thing(fmt.Sprint(w, "-", i))))
					out.Page()
					out.Warn("page %d", i)
				}
			})
		}
		all.Wait()
		return errors.Join(errs...)
	}}
	g := newGather(t)
	if err := hurried(f).Discover(t.Context(), provider.Connection{}, scopes("fake.a", "fake.b"), g); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if o := g.outcomes[i]; o.Status != resource.StatusComplete || o.Listed != 2400 || len(g.ids[i]) != 2400 || o.Pages != 2400 || len(o.Warnings) != 51 {
			t.Errorf("%s: %d listed, %d pages, %d warnings, %s", o.Status, o.Listed, o.Pages, len(o.Warnings), o.Error)
		}
	}
}

func TestEmitAfterTheEnd(t *testing.T) {
	var kept provider.Emitter
	f := &fake{discover: func(_ context.Context, _ resource.Scope, out provider.Emitter) error { kept = out; return nil }}
	if err := hurried(f).Discover(t.Context(), provider.Connection{}, scopes("fake.a"), newGather(t)); err != nil {
		t.Fatal(err)
	}
	kept.Page()
	kept.Warn("x")
	if err := kept.Emit(t.Context(), thing("late")); !errors.Is(err, errEnded) {
		t.Errorf("%v", err)
	}
}

func TestParallelScopes(t *testing.T) {
	var now, most atomic.Int32
	f := &fake{discover: func(context.Context, resource.Scope, provider.Emitter) error {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(10 * time.Millisecond)
		now.Add(-1)
		return nil
	}}
	f.description.MaxParallelScopes = 3
	many := make([]resource.Scope, 12)
	for i := range many {
		many[i] = resource.Scope{Kind: "fake.a", Partition: resource.Partition{{Key: "n", Value: fmt.Sprint(i)}}}
	}
	g := newGather(t)
	if err := hurried(f).Discover(t.Context(), provider.Connection{}, many, g); err != nil {
		t.Fatal(err)
	}
	if most.Load() != 3 || len(g.outcomes) != 12 {
		t.Errorf("%d scopes at a time, %d outcomes", most.Load(), len(g.outcomes))
	}
}

func TestFairOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 20).Draw(t, "kinds")
		order := fairOrder(scopes(kinds...))
		seen := map[int]bool{}
		for _, i := range order {
			seen[i] = true
		}
		if len(order) != len(kinds) || len(seen) != len(kinds) {
			t.Fatalf("order %v of %d scopes", order, len(kinds))
		}
	})
	var many []resource.Scope
	for _, kind := range []string{"a", "b"} {
		for _, account := range []string{"1", "2", "3"} {
			many = append(many, resource.Scope{Kind: kind, Partition: resource.Partition{{Key: "account", Value: account}}})
		}
	}
	var got []string
	for _, i := range fairOrder(many) {
		got = append(got, many[i].Kind+many[i].Partition[0].Value)
	}
	if s := strings.Join(got, " "); s != "a1 b2 a2 b3 a3 b1" {
		t.Errorf("order %s", s)
	}
}

// The ceiling holds over everything that a call does, whichever scope it is for.
func TestCeiling(t *testing.T) {
	var now, most atomic.Int64
	f := &fake{discover: func(ctx context.Context, _ resource.Scope, _ provider.Emitter) error {
		done, err := ceiling.Wait(ctx)
		if err != nil {
			return err
		}
		defer done()
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
		return nil
	}}
	g := newGather(t)
	conn := provider.Connection{Ceiling: provider.Ceiling{MaxConcurrent: 1}}
	if err := hurried(f).Discover(t.Context(), conn, scopes("fake.a", "fake.b", "fake.c"), g); err != nil {
		t.Fatal(err)
	}
	if most.Load() != 1 {
		t.Errorf("%d requests at a time", most.Load())
	}
}
