package uplink

import (
	"math"
	"sync/atomic"
	"time"

	"maestro.internal/internal/protocol/uplinkv1"
)

// told is how fast the collector lets this agent be, as of its last word in the session.
type told struct {
	window atomic.Int64
	factor atomic.Uint64 // bits of a float64; 0 is 1
}

// maxFactor bounds what a collector may make of the heartbeat.
const maxFactor = 20

func (t *told) set(window int64, factor float64) {
	if window <= 0 {
		return
	}
	if math.IsNaN(factor) || factor < 1 {
		factor = 1
	}
	t.window.Store(window)
	t.factor.Store(math.Float64bits(min(factor, maxFactor)))
}

// hear takes what an answer says about it.
func (t *told) hear(answer *uplinkv1.PushResponse) {
	t.set(answer.GetBatchWindow(), answer.GetHeartbeatFactor())
}

// inFlight is how many bytes of batches may be without a receipt.
func (t *told) inFlight() int64 {
	if w := t.window.Load(); w > 0 {
		return w
	}
	return defaultWindow
}

// beat is how long until the next heartbeat.
func (t *told) beat(usual time.Duration) time.Duration {
	bits := t.factor.Load()
	if bits == 0 {
		return usual
	}
	return time.Duration(float64(usual) * math.Float64frombits(bits))
}
