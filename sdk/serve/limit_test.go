package serve

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

func TestCallRetries(t *testing.T) {
	busy := errors.New("busy")
	tests := []struct {
		name  string
		fails []error // what each attempt returns; then nil
		tries int32
		want  error
	}{
		{"no error", nil, 1, nil},
		{"throttled twice", []error{provider.Throttled(busy, 0), provider.Throttled(busy, time.Millisecond)}, 3, nil},
		{"unreachable once", []error{provider.Unreachable(busy)}, 2, nil},
		{"denied is not repeated", []error{provider.Denied(busy, "")}, 1, busy},
		{"permanent is not repeated", []error{provider.Permanent(busy)}, 1, busy},
		{"an error without class is not repeated", []error{busy}, 1, busy},
		{"a wait beyond all patience", []error{provider.Throttled(busy, time.Hour)}, 1, busy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var tries atomic.Int32
			var got error
			f := &fake{discover: func(ctx context.Context, _ resource.Scope, out provider.Emitter) error {
				got = out.Call(ctx, "", func(context.Context) error {
					if n := int(tries.Add(1)); n <= len(tt.fails) {
						return tt.fails[n-1]
					}
					return nil
				})
				return got
			}}
			g := newGather(t)
			if err := hurried(f).Discover(t.Context(), provider.Connection{}, scopes("fake.a"), g); err != nil {
				t.Fatal(err)
			}
			if tries.Load() != tt.tries || !errors.Is(got, tt.want) {
				t.Errorf("%d tries, %v", tries.Load(), got)
			}
			if o := g.outcomes[0]; tt.want == nil && o.Retries != int(tt.tries)-1 {
				t.Errorf("%+v", o)
			}
			if tt.want != nil && provider.StatusOf(got) != provider.StatusOf(tt.fails[0]) {
				t.Errorf("the class of %#v is lost", got)
			}
		})
	}
}

// TestCallHonoursRetryAfter measures the wait that the provider asked for, and that the host hears of it.
func TestCallHonoursRetryAfter(t *testing.T) {
	began := time.Now()
	f := &fake{discover: func(ctx context.Context, _ resource.Scope, out provider.Emitter) error {
		again := false
		return out.Call(ctx, "", func(context.Context) error {
			if again {
				return nil
			}
			again = true
			time.Sleep(20 * time.Millisecond)
			return provider.Throttled(errors.New("slow down"), 80*time.Millisecond)
		})
	}}
	g := newGather(t)
	if err := hurried(f).Discover(t.Context(), provider.Connection{}, scopes("fake.a"), g); err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(began); waited < 100*time.Millisecond || g.progress == 0 {
		t.Errorf("waited %s, %d signs of life", waited, g.progress)
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	e := hurried(nil)
	e.pace.giveUp = time.Hour
	e.provider = &fake{discover: func(ctx context.Context, _ resource.Scope, out provider.Emitter) error {
		return out.Call(ctx, "", func(context.Context) error { return provider.Throttled(errors.New("busy"), time.Minute) })
	}}
	began := time.Now()
	if err := e.Discover(ctx, provider.Connection{}, scopes("fake.a"), newGather(t)); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestLimitsAreScoped(t *testing.T) {
	l := newLimits([]provider.Limit{
		{Name: "api", PerSecond: 100, MaxConcurrent: 2, Per: []string{"account"}},
		{Name: "all", MaxConcurrent: 1},
	})
	scope := func(account, region string) resource.Scope {
		return resource.Scope{Kind: "server", Partition: resource.Partition{{Key: "account", Value: account}, {Key: "region", Value: region}}}
	}
	of := func(name string, s resource.Scope) *limiter {
		t.Helper()
		got, err := l.of(name, s)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if of("api", scope("1", "x")) != of("api", scope("1", "y")) {
		t.Error("two regions of an account have limiters of their own")
	}
	if of("api", scope("1", "x")) == of("api", scope("2", "x")) {
		t.Error("two accounts share a limiter")
	}
	if of("all", scope("1", "x")) != of("all", scope("2", "y")) {
		t.Error("a limit without labels is not one for all")
	}
	if _, err := l.of("typo", scope("1", "x")); provider.StatusOf(err) != resource.StatusFailed {
		t.Errorf("%v", err)
	}
}

func TestLimitsHold(t *testing.T) {
	f := &fake{discover: func(ctx context.Context, _ resource.Scope, out provider.Emitter) error { return nil }}
	f.description.Limits = []provider.Limit{{Name: "api", PerSecond: 200, Burst: 1, MaxConcurrent: 2}}
	var now, most, calls atomic.Int32
	f.discover = func(ctx context.Context, _ resource.Scope, out provider.Emitter) error {
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				_ = out.Call(ctx, "api", func(context.Context) error {
					n := now.Add(1)
					for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
					}
					time.Sleep(15 * time.Millisecond)
					now.Add(-1)
					calls.Add(1)
					return nil
				})
			})
		}
		all.Wait()
		return nil
	}
	began := time.Now()
	if err := hurried(f).Discover(t.Context(), provider.Connection{}, scopes("fake.a"), newGather(t)); err != nil {
		t.Fatal(err)
	}
	if calls.Load() != 20 || most.Load() > 2 || time.Since(began) < 19*5*time.Millisecond {
		t.Errorf("%d calls, %d at a time, in %s", calls.Load(), most.Load(), time.Since(began))
	}
}
