package serve

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/seal"
	"maestro.internal/sdk/wire"
)

// errEnded is what an emitter answers after its Discover has returned.
var errEnded = errors.New("emit: Discover of this scope has returned")

// emitter gathers what one scope emits into batches. Its lock is held while a batch is handed over: that is
// the back-pressure on every goroutine of the scope.
type emitter struct {
	engine *engine
	index  int
	scope  resource.Scope
	limits *limits
	out    *output

	mu       sync.Mutex
	intake   *seal.Intake
	batch    []resource.Envelope
	bytes    int
	filled   time.Time // when the batch got its first resource
	spoke    time.Time // when the host last heard of this scope
	pages    int
	retries  int
	warnings []string
	ended    bool
}

var _ provider.Emitter = (*emitter)(nil)

func (em *emitter) Emit(ctx context.Context, env resource.Envelope) error {
	em.mu.Lock()
	defer em.mu.Unlock()
	if em.ended {
		return errEnded
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	keep, err := em.intake.Take(&env)
	if err != nil || !keep {
		return err
	}
	size := sizeOf(&env)
	if len(em.batch) > 0 && em.bytes+size > wire.BatchBytes {
		if err := em.flush(); err != nil {
			return err
		}
	}
	if len(em.batch) == 0 {
		em.filled = time.Now()
	}
	em.batch = append(em.batch, env)
	em.bytes += size
	if len(em.batch) >= wire.BatchItems || time.Since(em.filled) >= em.engine.pace.flush {
		return em.flush()
	}
	return em.progress()
}

func (em *emitter) Page() {
	em.mu.Lock()
	defer em.mu.Unlock()
	if em.ended {
		return
	}
	em.pages++
	// An error of the sink is remembered by the output and met by the next Emit.
	_ = em.progress()
}

func (em *emitter) Warn(format string, args ...any) {
	em.mu.Lock()
	defer em.mu.Unlock()
	// One more than an outcome carries is enough to say that there are more.
	if !em.ended && len(em.warnings) <= 1000 {
		em.warnings = append(em.warnings, fmt.Sprintf(format, args...))
	}
}

// flush hands the batch over. The caller holds the lock.
func (em *emitter) flush() error {
	if len(em.batch) == 0 {
		return nil
	}
	batch := em.batch
	em.batch, em.bytes = nil, 0
	em.spoke = time.Now()
	return em.out.send(func(s provider.Sink) error { return s.Resources(em.index, batch) })
}

// progress tells where the scope stands, now and then. The caller holds the lock.
func (em *emitter) progress() error {
	if time.Since(em.spoke) < em.engine.pace.progress {
		return nil
	}
	em.spoke = time.Now()
	listed, pages := em.intake.Listed(), em.pages
	return em.out.send(func(s provider.Sink) error { return s.Progress(em.index, listed, pages) })
}

// alive tells the host that waiting is not hanging.
func (em *emitter) alive() {
	em.mu.Lock()
	defer em.mu.Unlock()
	em.retries++
	if !em.ended {
		_ = em.progress()
	}
}

// finish ends the scope after its Discover has returned err, and makes its outcome. Its own error means that
// there is nobody to tell.
func (em *emitter) finish(ctx context.Context, err error) (resource.Outcome, error) {
	em.mu.Lock()
	defer em.mu.Unlock()
	em.ended = true
	if ferr := em.flush(); ferr != nil {
		return resource.Outcome{}, ferr
	}
	if ctx.Err() != nil {
		return resource.Outcome{}, context.Cause(ctx)
	}
	result := outcomeOf(err)
	result.Pages, result.Retries, result.Warnings = em.pages, em.retries, em.warnings
	result = em.intake.Settle(result)
	if stopped(result.Status) && result.Listed > 0 {
		result.Error = fmt.Sprintf("%s after %d: %s", result.Status, result.Listed, result.Error)
		result.Status = resource.StatusPartial
	}
	return result, nil
}

// stopped says that reading ended for a reason outside the plugin; with something listed before, that is a
// partial scope.
func stopped(s resource.Status) bool {
	return s == resource.StatusDenied || s == resource.StatusThrottled || s == resource.StatusUnreachable
}

// sizeOf is about what a resource takes on the wire.
func sizeOf(env *resource.Envelope) int {
	n := 64 + len(env.Kind) + len(env.ExternalID) + len(env.Name) + len(env.Region) + len(env.Zone) +
		len(env.ConsoleURL) + len(env.Attributes) + len(env.Volatile)
	for _, l := range env.Partition {
		n += 8 + len(l.Key) + len(l.Value)
	}
	for _, t := range env.Tags {
		n += 8 + len(t.Key) + len(t.Value)
	}
	for _, id := range env.Identifiers {
		n += 8 + len(id.Type) + len(id.Value)
	}
	for _, r := range env.Relations {
		n += 16 + len(r.Verb) + len(r.Kind) + len(r.ExternalID)
		if r.Selector != nil {
			n += 8 + len(r.Selector.Type) + len(r.Selector.Value)
		}
	}
	for _, u := range env.Unread {
		n += 4 + len(u)
	}
	return n
}
