package uplink_test

import (
	"fmt"
	"testing"
	"time"

	"maestro.internal/internal/protocol/uplinkv1"
)

func (c *collector) heartbeats() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.beats
}

// A collector under load asks for pauses and rarer heartbeats, and takes it back.
func TestTheCollectorSetsThePace(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	const pause = 150 * time.Millisecond
	c.set(func() {
		c.pace = func(a *uplinkv1.PushResponse) {
			a.BatchWindow, a.HeartbeatFactor = 1, 20
			if a.GetBatch() != nil {
				a.RetryAfterMs = pause.Milliseconds()
			}
		}
	})
	s.start()
	var pairs []string
	for i := range 2600 { // six batches
		pairs = append(pairs, fmt.Sprintf("vm-%04d", i), "1")
	}
	took := func(id string) time.Duration {
		t.Helper()
		began := time.Now()
		s.run(id, complete(pairs...), complete(), complete())
		s.drained()
		return time.Since(began)
	}
	if got := took("r1"); got < 6*pause {
		t.Errorf("six receipts that ask for %s each took %s", pause, got)
	}
	time.Sleep(1500 * time.Millisecond) // for a heartbeat that was set before
	before := c.heartbeats()
	time.Sleep(2500 * time.Millisecond)
	if got := c.heartbeats() - before; got != 0 {
		t.Errorf("%d heartbeats within 2.5 seconds, asked for was one in 20", got)
	}
	c.set(func() {
		c.pace = func(a *uplinkv1.PushResponse) { a.BatchWindow = 8 << 20 }
	})
	for i := range 2600 {
		pairs[2*i+1] = "2"
	}
	if got := took("r2"); got > 20*pause {
		t.Errorf("recovered, it took %s", got)
	}
	if got := c.rows(0); len(got) != 2600 {
		t.Errorf("the collector holds %d rows", len(got))
	}
}
