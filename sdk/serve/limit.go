package serve

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/time/rate"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
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
	try := func() (struct{}, error) {
		err := l.do(ctx, fn)
		var classed *provider.Error
		switch {
		case err == nil:
			return struct{}{}, nil
		case !errors.As(err, &classed) || !classed.Temporary():
			return struct{}{}, backoff.Permanent(err)
		case classed.RetryAfter > 0:
			return struct{}{}, &later{err, classed.RetryAfter}
		}
		return struct{}{}, err
	}
	_, err = backoff.Retry(ctx, try,
		backoff.WithBackOff(&fullJitter{first: p.firstRetry, most: p.maxRetry}),
		backoff.WithMaxElapsedTime(p.giveUp),
		backoff.WithNotify(func(error, time.Duration) { em.alive() }))
	// Whoever gives up gets the error as the author made it.
	var wait *later
	if errors.As(err, &wait) {
		return wait.error
	}
	return err
}

// later is an error that says when to try again, in backoff's words.
type later struct {
	error
	after time.Duration
}

func (l *later) Unwrap() []error {
	return []error{l.error, &backoff.RetryAfterError{Duration: l.after}}
}

// fullJitter waits a random time below a bound that doubles, so that many callers that were refused together
// do not come back together.
type fullJitter struct {
	first, most time.Duration
	bound       time.Duration
}

func (b *fullJitter) NextBackOff() time.Duration {
	b.bound = min(max(b.first, 2*b.bound), b.most)
	return rand.N(b.bound) + time.Millisecond
}

func (b *fullJitter) Reset() { b.bound = 0 }
