package ingest

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func stack() string { return string(debug.Stack()) }

var errTakenOver = status.Error(codes.Aborted, "another stream of this agent has taken over")

// streams lets one stream at a time be the one of its name in this collector. A newcomer ends the one before it and
// waits until that has let go, so that the two never work side by side.
type streams struct {
	mu  sync.Mutex
	own map[string]*occupant
}

type occupant struct {
	end  context.CancelCauseFunc
	gone chan struct{}
}

func newStreams() *streams { return &streams{own: map[string]*occupant{}} }

// enter answers the function with which the stream leaves. end ends the stream that enters, when its time has come.
func (s *streams) enter(ctx context.Context, name string, end context.CancelCauseFunc) (leave func(), err error) {
	me := &occupant{end: end, gone: make(chan struct{})}
	s.mu.Lock()
	before := s.own[name]
	s.own[name] = me
	s.mu.Unlock()
	leave = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.own[name] == me {
			delete(s.own, name)
		}
		close(me.gone)
	}
	if before == nil {
		return leave, nil
	}
	before.end(errTakenOver)
	// It ends as soon as what it is doing is interrupted, and only then may this one begin.
	<-before.gone
	if ctx.Err() != nil {
		leave()
		return nil, context.Cause(ctx)
	}
	return leave, nil
}

// throttle lets each subject through once a minute and counts the rest. It remembers a bounded number.
type throttle struct {
	clock func() time.Time

	mu   sync.Mutex
	seen map[string]*attempts
}

type attempts struct {
	since time.Time
	more  int
}

const (
	throttleFor = time.Minute
	throttleMax = 1000
)

func newThrottle(clock func() time.Time) *throttle {
	return &throttle{clock: clock, seen: map[string]*attempts{}}
}

// allow says whether this is the first of its minute, and how many of the minute before were held back.
func (t *throttle) allow(subject string) (heldBack int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock()
	a := t.seen[subject]
	if a != nil && now.Sub(a.since) < throttleFor {
		a.more++
		return 0, false
	}
	if a == nil && len(t.seen) >= throttleMax {
		for k, old := range t.seen {
			if now.Sub(old.since) >= throttleFor {
				delete(t.seen, k)
			}
		}
		if len(t.seen) >= throttleMax {
			return 0, false
		}
	}
	if a != nil {
		heldBack = a.more
	}
	t.seen[subject] = &attempts{since: now}
	return heldBack, true
}

// guesses bounds how many join tokens of one address are refused in a minute. Tokens cannot be guessed; what must not be
// filled is the audit trail.
type guesses struct {
	clock func() time.Time

	mu     sync.Mutex
	misses map[string]*attempts
}

const guessesPerMinute = 20

func newGuesses(clock func() time.Time) *guesses {
	return &guesses{clock: clock, misses: map[string]*attempts{}}
}

func (g *guesses) may(address string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.misses[address]
	if a != nil && g.clock().Sub(a.since) >= throttleFor {
		delete(g.misses, address)
		a = nil
	}
	if a == nil {
		return len(g.misses) < throttleMax || g.forget()
	}
	return a.more < guessesPerMinute
}

// forget makes room for another address.
func (g *guesses) forget() bool {
	now := g.clock()
	for address, a := range g.misses {
		if now.Sub(a.since) >= throttleFor {
			delete(g.misses, address)
		}
	}
	return len(g.misses) < throttleMax
}

func (g *guesses) missed(address string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.misses[address] == nil {
		g.misses[address] = &attempts{since: g.clock()}
	}
	g.misses[address].more++
}

type metrics struct {
	sessions, pushes prometheus.Gauge
	runs, captures   *prometheus.CounterVec
	refused          *prometheus.CounterVec
	items, rejected  prometheus.Counter
	errors           prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, pressure func() float64) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "maestro_ingest_" + name + "_total", Help: help})
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "maestro_ingest_" + name + "_total", Help: help}, []string{label})
	}
	m := &metrics{
		sessions: prometheus.NewGauge(prometheus.GaugeOpts{Name: "maestro_ingest_sessions", Help: "Agents connected to this collector."}),
		pushes:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "maestro_ingest_pushes", Help: "Push streams open at this collector."}),
		runs:     counters("runs", "Runs opened, by verdict.", "verdict"),
		captures: counters("captures", "Captures opened, by verdict.", "verdict"),
		refused:  counters("refused", "What was refused to agents and strangers, by action.", "action"),
		items:    counter("items", "Resources received."),
		rejected: counter("rejected_items", "Resources received and rejected."),
		errors:   counter("errors", "Errors of the collector's own while it took a push."),
	}
	if reg == nil {
		return m, nil
	}
	gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "maestro_ingest_pressure", Help: "How long batches take over how long they may; above 1 agents are slowed down."}, pressure)
	for _, c := range []prometheus.Collector{gauge, m.sessions, m.pushes, m.runs, m.captures, m.refused, m.items, m.rejected, m.errors} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
