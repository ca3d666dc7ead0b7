package serve

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/time/rate"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/retry"
)

// limits are the limiters of one call, made when a scope first needs them.
type limits struct {
	declared map[string]provider.Limit

	mu   sync.Mutex
	made map[string]*limiter
}

// limiter bounds the calls that share it.
type limiter struct {
	rate *rate.Limiter // nil: without limit
	slot chan struct{} // nil: without limit
}

func newLimits(declared []provider.Limit) *limits {
	l := &limits{declared: map[string]provider.Limit{}, made: map[string]*limiter{}}
	for _, d := range declared {
		l.declared[d.Name] = d
	}
	return l
}

// of finds the limiter of that name for a scope: one for each combination of values of the limit's labels.
// No name is no limit.
func (l *limits) of(name string, scope resource.Scope) (*limiter, error) {
	if name == "" {
		return &limiter{}, nil
	}
	d, ok := l.declared[name]
	if !ok {
		return nil, provider.Permanent(fmt.Errorf("the plugin asks for limit %q, which its description does not have", name))
	}
	key := []string{name}
	for _, label := range d.Per {
		value, _ := scope.Partition.Get(label)
		key = append(key, value)
	}
	id := strings.Join(key, "\x00")
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made[id] == nil {
		made := &limiter{}
		if d.PerSecond > 0 {
			made.rate = rate.NewLimiter(rate.Limit(d.PerSecond), max(d.Burst, 1))
		}
		if d.MaxConcurrent > 0 {
			made.slot = make(chan struct{}, d.MaxConcurrent)
		}
		l.made[id] = made
	}
	return l.made[id], nil
}

// do runs fn when the limiter allows it.
func (l *limiter) do(ctx context.Context, fn func(context.Context) error) error {
	if l.slot != nil {
		select {
		case l.slot <- struct{}{}:
			defer func() { <-l.slot }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if l.rate != nil {
		if err := l.rate.Wait(ctx); err != nil {
			return err
		}
	}
	return fn(ctx)
}

func (em *emitter) Call(ctx context.Context, limit string, fn func(context.Context) error) error {
	l, err := em.limits.of(limit, em.scope)
	if err != nil {
		return err
	}
	p := em.engine.pace
	return retry.Policy{First: p.firstRetry, Most: p.maxRetry, GiveUp: p.giveUp, Each: em.alive}.Do(ctx, func(ctx context.Context) error { return l.do(ctx, fn) })
}
