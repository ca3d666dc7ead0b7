package ceiling_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"maestro.internal/sdk/ceiling"
	"maestro.internal/sdk/provider"
)

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := ceiling.With(t.Context(), provider.Ceiling{PerSecond: 2})
		began := time.Now()
		for range 5 {
			done, err := ceiling.Wait(ctx)
			if err != nil {
				t.Fatal(err)
			}
			done()
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("5 requests at 2/s took %s, want 2s", took)
		}
	})
}

func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := ceiling.With(t.Context(), provider.Ceiling{MaxConcurrent: 3})
		var now, most atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				done, err := ceiling.Wait(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				most.Store(max(most.Load(), now.Add(1)))
				time.Sleep(time.Second)
				now.Add(-1)
				done()
				done() // a second time gives no second slot
			})
		}
		all.Wait()
		if most.Load() != 3 {
			t.Errorf("%d at a time, want 3", most.Load())
		}
	})
}

func TestNoCeiling(t *testing.T) {
	for name, ctx := range map[string]context.Context{"none": t.Context(), "zero": ceiling.With(t.Context(), provider.Ceiling{})} {
		for range 1000 {
			if _, err := ceiling.Wait(ctx); err != nil {
				t.Fatal(name, err)
			}
		}
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(ceiling.With(t.Context(), provider.Ceiling{MaxConcurrent: 1}))
	if _, err := ceiling.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := ceiling.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("answered %v", err)
	}
}
