package ingest

import (
	"math"
	"sync"
	"time"

	"maestro.internal/internal/protocol/uplinkv1"
)

// Agents are many and the store is one, so the collector says how fast they may be. What it goes by is how long a batch
// takes from its arrival until it is committed, which has the waiting for other writers in it: smoothed, over what it ought to take at most, that
// is the pressure. Up to 1 nobody is held up. Above, batches in flight shrink, receipts ask for a pause, and heartbeats become rarer;
// as the pressure falls so do these. docs/protocol.md has the figures.
const (
	// batchTarget is what a batch ought to take at most.
	batchTarget = 2 * time.Second
	// smoothing is the weight of the newest batch; without any the pressure halves every halfLife.
	smoothing = 0.25
	halfLife  = 10 * time.Second
	// pausePer is how long a receipt asks to wait for each unit of pressure above 1, up to maxPause.
	pausePer = 500 * time.Millisecond
	maxPause = 5 * time.Second
	// minWindow is a whole batch: less would not let anything through.
	minWindow = 1 << 20
	// maxBeat keeps a slowed heartbeat well within the time after which an agent is shown as offline.
	maxBeat = 2.0
)

// load measures the pressure.
type load struct {
	clock  func() time.Time
	target time.Duration

	mu     sync.Mutex
	smooth time.Duration
	at     time.Time
}

// took notes how long a batch took.
func (l *load) took(d time.Duration) {
	now := l.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.smooth = l.decayed(now)
	l.smooth += time.Duration(smoothing * float64(d-l.smooth))
	l.at = now
}

func (l *load) decayed(now time.Time) time.Duration {
	idle := now.Sub(l.at)
	if l.at.IsZero() || idle <= 0 {
		return l.smooth
	}
	return time.Duration(float64(l.smooth) * math.Exp2(-float64(idle)/float64(halfLife)))
}

// pressure is 0 with nothing to do and 1 when batches take just what they may.
func (l *load) pressure() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return float64(l.decayed(l.clock())) / float64(l.target)
}

// advice is what agents are told under a pressure.
type advice struct {
	pause  time.Duration
	window int64
	beat   float64
}

func advise(pressure float64) advice {
	over := max(pressure, 1)
	return advice{pause: min(time.Duration((over-1)*float64(pausePer)), maxPause), window: max(int64(batchWindow/over), minWindow), beat: min(over, maxBeat)}
}

// pace adds to an answer how fast the agent may go on. The answer to a run's opening always says it, others as long as there is
// pressure, and once more when it has passed.
func (p *push) pace(out *uplinkv1.PushResponse) *uplinkv1.PushResponse {
	a := advise(p.s.load.pressure())
	calm := a.window == batchWindow && a.beat == 1
	if calm && !p.slowed && out.GetRun() == nil {
		return out
	}
	p.slowed = !calm
	out.BatchWindow = a.window
	if a.beat > 1 {
		out.HeartbeatFactor = a.beat
	}
	if out.GetBatch() != nil && out.GetRetryAfterMs() == 0 {
		out.RetryAfterMs = a.pause.Milliseconds()
	}
	return out
}
