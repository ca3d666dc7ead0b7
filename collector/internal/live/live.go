// Package live tells those who listen what changes while they listen.
//
// With several collectors, what changes at one of them must be told by all, so nothing here is a bus inside a process:
// a watcher looks at the store again and again, for as long as somebody listens. Listeners who may see the same share a
// watcher; what they may see is decided by the watches it is made of. A listener who does not keep up loses what has
// been told and is told that, so that nobody's slowness costs memory.
package live

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

var (
	// ErrTooMany says that the user, or all of them together, listen as often as they may.
	ErrTooMany = errors.New("too many live streams")
	// ErrEnded says that the hub has ended.
	ErrEnded = errors.New("live streams have ended")
)

// Event is something to tell. At is the moment that everything up to it has been told.
type Event struct {
	Name string
	At   time.Time
	Data any
}

// Watch looks for what changed since it looked last; Every is how often.
type Watch struct {
	Every time.Duration
	Look  func(ctx context.Context, now time.Time) ([]Event, error)
}

// Options of a Hub. Zero values mean the defaults named.
type Options struct {
	Clock func() time.Time
	Log   *slog.Logger
	// PerUser (12) and Total (2,000) bound the streams.
	PerUser int
	Total   int
	// Backlog (256) is how many events may wait for a listener.
	Backlog int
}

// Hub holds the watchers and their listeners.
type Hub struct {
	opt  Options
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup

	mu       sync.Mutex
	ended    bool
	watchers map[string]*watcher
	perUser  map[string]int
	total    int
}

// New makes a Hub; End it.
func New(opt Options) *Hub {
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	opt.PerUser, opt.Total, opt.Backlog = or(opt.PerUser, 12), or(opt.Total, 2000), or(opt.Backlog, 256)
	h := &Hub{opt: opt, watchers: map[string]*watcher{}, perUser: map[string]int{}}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// End ends every stream and waits for the watchers.
func (h *Hub) End() {
	h.mu.Lock()
	h.ended = true
	h.stop()
	h.mu.Unlock()
	h.work.Wait()
}

// Streams is how many listen.
func (h *Hub) Streams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.total
}

// watcher looks on behalf of all streams with one key.
type watcher struct {
	key     string
	cancel  context.CancelFunc
	ready   chan struct{}
	failed  error // of beginning; set before ready is closed
	streams map[*Stream]struct{}
}

// Stream is one listener's side.
type Stream struct {
	hub  *Hub
	user string
	of   *watcher
	wake chan struct{}
	// Under the hub's lock.
	waiting []Event
	lost    bool
	closed  bool
}

// Listen opens a stream; Close it. Streams with the same key share what begin makes, so the key must say all that decides
// what may be seen. It answers once the watches know what is there, so that all that comes later is told.
func (h *Hub) Listen(ctx context.Context, user, key string, begin func(context.Context, time.Time) ([]Watch, error)) (*Stream, error) {
	h.mu.Lock()
	switch {
	case h.ended:
		h.mu.Unlock()
		return nil, ErrEnded
	case h.total >= h.opt.Total || h.perUser[user] >= h.opt.PerUser:
		h.mu.Unlock()
		return nil, ErrTooMany
	}
	w := h.watchers[key]
	if w == nil {
		w = &watcher{key: key, ready: make(chan struct{}), streams: map[*Stream]struct{}{}}
		var wctx context.Context
		wctx, w.cancel = context.WithCancel(h.ctx)
		h.watchers[key] = w
		h.work.Add(1)
		go h.watch(wctx, w, begin)
	}
	s := &Stream{hub: h, user: user, of: w, wake: make(chan struct{}, 1)}
	w.streams[s] = struct{}{}
	h.total++
	h.perUser[user]++
	h.mu.Unlock()
	select {
	case <-w.ready:
	case <-ctx.Done():
		s.Close()
		return nil, ctx.Err()
	}
	if w.failed != nil {
		s.Close()
		return nil, w.failed
	}
	return s, nil
}

// Close gives the stream's place free. The last listener of a watcher ends it.
func (s *Stream) Close() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	h.total--
	if h.perUser[s.user]--; h.perUser[s.user] == 0 {
		delete(h.perUser, s.user)
	}
	delete(s.of.streams, s)
	if len(s.of.streams) == 0 {
		s.of.cancel()
		if h.watchers[s.of.key] == s.of {
			delete(h.watchers, s.of.key)
		}
	}
}

// Ready says that there is something to take.
func (s *Stream) Ready() <-chan struct{} { return s.wake }

// Ended is closed when the hub ends.
func (s *Stream) Ended() <-chan struct{} { return s.hub.ctx.Done() }

// Take answers what waits; lost says that something before it was dropped.
func (s *Stream) Take() (events []Event, lost bool) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	events, lost = s.waiting, s.lost
	s.waiting, s.lost = nil, false
	return events, lost
}

func (h *Hub) tell(w *watcher, events []Event) {
	if len(events) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range w.streams {
		if len(s.waiting)+len(events) > h.opt.Backlog {
			s.waiting, s.lost = nil, true
		} else {
			s.waiting = append(s.waiting, events...)
		}
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// watch looks until nobody listens. An error ends nothing: the next look tells what this one would have.
func (h *Hub) watch(ctx context.Context, w *watcher, begin func(context.Context, time.Time) ([]Watch, error)) {
	defer h.work.Done()
	watches, err := begin(ctx, h.opt.Clock())
	if err != nil {
		h.mu.Lock()
		w.failed = err
		if h.watchers[w.key] == w {
			delete(h.watchers, w.key)
		}
		h.mu.Unlock()
		close(w.ready)
		return
	}
	close(w.ready)
	next := make([]time.Time, len(watches))
	for i, x := range watches {
		next[i] = time.Now().Add(x.Every)
	}
	failing := false
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		soonest := time.Now().Add(time.Minute)
		for i, x := range watches {
			if start := time.Now(); !start.Before(next[i]) {
				events, err := x.Look(ctx, h.opt.Clock())
				if ctx.Err() != nil {
					return
				}
				if err != nil && !failing {
					h.opt.Log.Warn("watch for live events", "error", err)
				}
				failing = err != nil
				h.tell(w, events)
				// Looking costs at most a tenth of the time, however much there is to see.
				next[i] = start.Add(max(x.Every, 10*time.Since(start)))
			}
			if next[i].Before(soonest) {
				soonest = next[i]
			}
		}
		timer.Reset(max(time.Until(soonest), time.Millisecond))
	}
}
