// Package retry repeats a request to a provider that is throttled or unanswered. Within Discover Emitter.Call does it; this is
// for what happens beside a scope: signing in, planning, checking. It exists so that no plugin has to write a loop of its own,
// which would forget the provider's Retry-After, the jitter or the end.
package retry

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v5"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// Policy says how patient somebody is. Zero fields have defaults.
type Policy struct {
	// First and Most bound the first pause and all later ones; a pause is any time below its bound, which doubles. Default
	// 300 ms and 10 s. A provider's RetryAfter is kept instead.
	First, Most time.Duration
	// GiveUp is when no other try begins; a pause that would end after it is not begun. Default 100 s: providers that
	// throttle at all often do so for a minute.
	GiveUp time.Duration
	// Tries at most that nobody answered; 0 is as many as there is time for. A provider that says "too often" is there, and
	// is waited for until GiveUp.
	Tries uint
	// Each is called before every pause; may be nil.
	Each func()
}

// Do tries four times, which takes about a second where nobody answers: somebody may be waiting for a check. A provider that
// throttles is waited for.
func Do(ctx context.Context, fn func(context.Context) error) error {
	return Policy{Tries: 4}.Do(ctx, fn)
}

// Do runs fn, which makes one request and answers a classified error, again while its error is Temporary. Whoever gives up gets
// the last error as fn made it. The site's ceiling holds for every try, since it is asked for by the request.
func (p Policy) Do(ctx context.Context, fn func(context.Context) error) error {
	for _, d := range []struct {
		to    *time.Duration
		value time.Duration
	}{{&p.First, 300 * time.Millisecond}, {&p.Most, 10 * time.Second}, {&p.GiveUp, 100 * time.Second}} {
		if *d.to <= 0 {
			*d.to = d.value
		}
	}
	unanswered := uint(0)
	try := func() (struct{}, error) {
		err := fn(ctx)
		if provider.StatusOf(err) == resource.StatusUnreachable {
			unanswered++
		}
		var classed *provider.Error
		switch {
		case err == nil:
			return struct{}{}, nil
		case p.Tries > 0 && unanswered >= p.Tries:
			return struct{}{}, backoff.Permanent(err)
		case !errors.As(err, &classed) || !classed.Temporary():
			return struct{}{}, backoff.Permanent(err)
		case classed.RetryAfter > 0:
			return struct{}{}, &later{err, classed.RetryAfter}
		}
		return struct{}{}, err
	}
	_, err := backoff.Retry(ctx, try,
		backoff.WithBackOff(&fullJitter{first: p.First, most: p.Most}),
		backoff.WithMaxElapsedTime(p.GiveUp),
		backoff.WithNotify(func(error, time.Duration) {
			if p.Each != nil {
				p.Each()
			}
		}))
	var wait *later
	var permanent *backoff.PermanentError // of the last try
	switch {
	case errors.As(err, &wait):
		return wait.error
	case errors.As(err, &permanent):
		return permanent.Unwrap()
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
