package ingest_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"maestro.internal/collector/internal/ingest"
	"maestro.internal/collector/internal/lease"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/resource"
)

const fullWindow = 8 << 20

// target has the world's agents reach a collector whose batches ought to take at most so long.
func (w *world) target(d time.Duration) {
	w.t.Helper()
	s, err := ingest.New(ingest.Options{Authority: w.authority, Fleet: w.fleet, Inventory: w.inventory, Audit: w.audit, Clock: w.clock,
		Leases: lease.New(w.store, "collector-2", w.clock), Names: []string{"127.0.0.1"}, Poll: 20 * time.Millisecond, Lists: 1, BatchTarget: d})
	must(w.t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	w.t.Cleanup(func() {
		cancel()
		must(w.t, <-served)
	})
	w.address = l.Addr().String()
}

// A store that has become slow has agents slow down, and one that has recovered lets them go on as before.
func TestAgentsAreSlowedDownAndRecover(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	w.target(150 * time.Millisecond)
	welcome := func() *uplinkv1.Welcome {
		s := a.session(a.hello())
		defer s.hangUp()
		return s.next().GetWelcome()
	}
	if got := welcome(); got.GetBatchWindow() != fullWindow || got.GetRetryAfterMs() != 0 || got.GetHeartbeatFactor() > 1 {
		t.Fatalf("welcome of an idle collector: %v", got)
	}
	p := a.push(conn, "run-1")
	if got := p.openAnswer(1); got.GetBatchWindow() != fullWindow || got.GetHeartbeatFactor() != 0 {
		t.Fatalf("a run begins with %v", got)
	}
	p.plan(resource.Scope{Kind: "server"})
	_, digest := servers(t, "never all of them")
	p.capture(0, digest)
	seq := int64(0)
	batch := func() *uplinkv1.PushResponse {
		t.Helper()
		it, _ := server(t, fmt.Sprint("s", seq), "s")
		seq++
		return p.ask(&uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Batch{Batch: &uplinkv1.Batch{RunId: "run-1", Seq: seq, Upserts: []*uplinkv1.Item{it}}}})
	}
	if got := batch(); got.GetRetryAfterMs() != 0 || got.GetBatchWindow() != 0 {
		t.Fatalf("a quick batch is answered %v", got)
	}
	w.store.slow.Store(int64(500 * time.Millisecond))
	var got *uplinkv1.PushResponse
	for range 6 {
		got = batch()
	}
	if got.GetRetryAfterMs() < 200 || got.GetBatchWindow() >= fullWindow/2 || got.GetBatchWindow() < 1<<20 || got.GetHeartbeatFactor() != 2 {
		t.Fatalf("under pressure a receipt says %d ms, window %d, heartbeat %g", got.GetRetryAfterMs(), got.GetBatchWindow(), got.GetHeartbeatFactor())
	}
	w.store.slow.Store(0)
	if got := welcome(); got.GetBatchWindow() >= fullWindow || got.GetRetryAfterMs() == 0 || got.GetHeartbeatFactor() <= 1 {
		t.Fatalf("welcome under pressure: %v", got)
	}
	for range 20 {
		if got = batch(); got.GetRetryAfterMs() == 0 {
			break
		}
	}
	if got.GetRetryAfterMs() != 0 || got.GetBatchWindow() != fullWindow || got.GetHeartbeatFactor() != 0 {
		t.Fatalf("recovered, a receipt says %d ms, window %d, heartbeat %g", got.GetRetryAfterMs(), got.GetBatchWindow(), got.GetHeartbeatFactor())
	}
	if got := batch(); got.GetBatchWindow() != 0 {
		t.Errorf("it is said again: %d", got.GetBatchWindow())
	}
	if got := welcome(); got.GetBatchWindow() != fullWindow || got.GetRetryAfterMs() != 0 {
		t.Fatalf("welcome after it: %v", got)
	}
}

// openAnswer opens a run and answers all that the collector says.
func (p *clientPush) openAnswer(generation int64) *uplinkv1.PushResponse {
	p.a.w.t.Helper()
	return p.ask(&uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Open{Open: &uplinkv1.RunOpen{RunId: p.runID, ConnectionId: p.conn,
		Epoch: p.epoch, Generation: generation, Kinds: []string{"server"}}}})
}

// First readings of large scopes share the places of lists.
func TestFullResendsAreBounded(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	b, other := w.described("default")
	_, _, digest := large(t, 1000)
	first := a.push(conn, "run-1")
	first.open(1, nil)
	first.plan(resource.Scope{Kind: "server"})
	if got := first.capture(0, digest); got.GetVerdict() != send {
		t.Fatalf("the first: %v", got)
	}
	second := b.push(other, "run-2")
	second.open(1, nil)
	second.plan(resource.Scope{Kind: "server"})
	if got := second.capture(0, digest); got.GetVerdict() != retry {
		t.Fatalf("one more than there is room for: %v", got)
	}
	small := b.push(other, "run-3").run(2, "a")
	if small.GetVerdict() != done {
		t.Errorf("a small one: %v", small)
	}
}
