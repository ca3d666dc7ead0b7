package lease

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Job is what one collector does again and again, on behalf of all.
type Job struct {
	// Name of the lease.
	Name string
	// Round does a bounded part and says whether there is more to do at once.
	Round func(ctx context.Context) (more bool, err error)
	// Within is how long a round may take (Life/2).
	Within time.Duration
	// Poll is the pause when there was nothing, Longest the longest pause after failures; the first is a second.
	Poll, Longest time.Duration
	Log           *slog.Logger
}

// Work does a job until ctx is done, while this collector holds its lease. A round that fails is tried again, later and later, and is
// logged once.
func (l *Leases) Work(ctx context.Context, j Job) {
	for ctx.Err() == nil {
		held, err := l.Acquire(ctx, "", j.Name)
		switch {
		case err == nil:
			j.hold(ctx, held)
		case !errors.Is(err, ErrHeld) && ctx.Err() == nil:
			j.Log.ErrorContext(ctx, "job waits for its lease", "job", j.Name, "error", err)
		}
		pause(ctx, Life/3)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// hold works while the lease is held.
func (j Job) hold(outer context.Context, l *Lease) {
	ctx, lost := context.WithCancel(outer)
	kept := make(chan struct{})
	go func() { // waited for below
		defer close(kept)
		for ctx.Err() == nil {
			pause(ctx, Life/3)
			if ctx.Err() == nil && l.Renew(ctx) != nil {
				lost() // somebody else works now
			}
		}
	}()
	j.rounds(ctx)
	lost()
	<-kept
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := l.Release(release); err != nil && !errors.Is(err, ErrLost) {
		j.Log.WarnContext(ctx, "release lease", "job", j.Name, "error", err)
	}
}

func (j Job) rounds(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		round, cancel := context.WithTimeout(ctx, cmp.Or(j.Within, Life/2)) // what hangs must not hold the lease for ever
		more, err := j.Round(round)
		cancel()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			if failures++; failures == 1 {
				j.Log.ErrorContext(ctx, "job fails and is tried again", "job", j.Name, "error", err)
			}
			pause(ctx, j.backoff(failures))
		default:
			if failures > 0 {
				j.Log.InfoContext(ctx, "job works again", "job", j.Name, "failures", failures)
			}
			failures = 0
			if !more {
				pause(ctx, j.Poll)
			}
		}
	}
}

func (j Job) backoff(failures int) time.Duration {
	d := time.Second << min(failures-1, 10)
	return time.Duration(float64(min(d, j.Longest, Life/3)) * (0.5 + rand.Float64()/2)) //nolint:gosec // jitter is no secret
}
