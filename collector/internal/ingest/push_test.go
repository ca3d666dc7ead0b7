package ingest_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

const (
	done       = uplinkv1.Verdict_VERDICT_DONE
	send       = uplinkv1.Verdict_VERDICT_SEND
	list       = uplinkv1.Verdict_VERDICT_LIST
	superseded = uplinkv1.Verdict_VERDICT_SUPERSEDED
	refused    = uplinkv1.Verdict_VERDICT_REFUSED
	failed     = uplinkv1.Verdict_VERDICT_FAILED
	retry      = uplinkv1.Verdict_VERDICT_RETRY
)

func (w *world) want(kind string, names ...string) {
	w.t.Helper()
	if got := w.names("default", kind); !slices.Equal(got, names) {
		w.t.Errorf("active %ss %q, want %q", kind, got, names)
	}
}

// What is pushed is there, and pushing it again, late or out of order changes nothing.
func TestReplayedAndReorderedPushesChangeNothing(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	if got := a.push(conn, "run-1").run(1, "a", "b"); got.GetVerdict() != done {
		t.Fatalf("close: %v", got)
	}
	w.want("server", "a", "b")
	if got := a.push(conn, "run-1").open(1, nil); got.GetVerdict() != done {
		t.Errorf("the same run again: %v", got)
	}
	if got := a.push(conn, "run-3").run(3, "a", "c"); got.GetVerdict() != done {
		t.Fatalf("close: %v", got)
	}
	w.want("server", "a", "c")
	// A run that was read before, and arrives after.
	late := a.push(conn, "run-2")
	late.open(2, nil)
	late.plan(resource.Scope{Kind: "server"})
	_, digest := servers(t, "a", "b")
	if got := late.capture(0, digest); got.GetVerdict() != superseded {
		t.Errorf("a capture that is older than what is known: %v", got)
	}
	late.close()
	w.want("server", "a", "c")
}

// An agent pushes for its own connections only, under the epoch that it was given.
func TestWhoMayPush(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	b, theirs := w.described("default")
	c, _ := w.described("other")
	if got := b.push(conn, "run-1").open(1, nil); got.GetVerdict() != refused {
		t.Errorf("for somebody else's connection: %v", got)
	}
	if got := c.push(conn, "run-1").open(1, nil); got.GetVerdict() != refused {
		t.Errorf("for another tenant's connection: %v", got)
	}
	if n, m := w.refusals("default", "push.open"), w.refusals("other", "push.open"); n != 1 || m != 1 {
		t.Errorf("%d and %d refusals in the audit trails, want one each", n, m)
	}
	moved, err := w.fleet.UpdateConnection(t.Context(), admin, conn.ID, conn.Version, rest.ConnectionWrite{Name: conn.Name, Provider: "toy", Agent: b.id})
	must(t, err)
	if got := a.push(conn, "run-1").open(1, nil); got.GetVerdict() != superseded {
		t.Errorf("the agent that held it before: %v", got)
	}
	if got := b.push(moved, "run-2").run(1, "x"); got.GetVerdict() != done {
		t.Errorf("the agent that holds it now: %v", got)
	}
	must(t, w.fleet.DeleteConnection(t.Context(), admin, theirs.ID))
	if got := b.push(theirs, "run-3").open(1, nil); got.GetVerdict() != superseded {
		t.Errorf("for a connection that was deleted: %v", got)
	}
	for name, open := range map[string]*uplinkv1.RunOpen{
		"no run": {ConnectionId: moved.ID, Epoch: 2, Generation: 1}, "no epoch": {RunId: "r", ConnectionId: moved.ID, Generation: 1},
		"no connection": {RunId: "r", Epoch: 2, Generation: 1}, "an epoch to come": {RunId: "r", ConnectionId: moved.ID, Epoch: 99, Generation: 1},
	} {
		p := b.push(moved, "r")
		if got := p.ask(&uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Open{Open: open}}).GetRun(); got.GetVerdict() != refused {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// An edit in the middle of a run ends it: what was read under the old settings does not come in any more.
func TestAnEditDuringARunSupersedesIt(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	p := a.push(conn, "run-1")
	p.open(1, nil)
	p.plan(resource.Scope{Kind: "server"})
	_, err := w.fleet.UpdateConnection(t.Context(), admin, conn.ID, conn.Version, rest.ConnectionWrite{Name: "other name", Provider: "toy", Agent: a.id})
	must(t, err)
	_, digest := servers(t, "a")
	if got := p.capture(0, digest); got.GetVerdict() != superseded {
		t.Errorf("capture: %v", got)
	}
	if got := p.close(); got.GetVerdict() != superseded {
		t.Errorf("close: %v", got)
	}
	w.want("server")
	run, err := w.inventory.Run(t.Context(), admin, "run-1")
	must(t, err)
	if run.State != "canceled" || !strings.Contains(run.Error, "edited") {
		t.Errorf("the run is %s: %q", run.State, run.Error)
	}
}

// An agent that ended a run because its connection was edited says so by pushing it: then nobody sees it running any more.
func TestASupersededRunIsOver(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	id, err := w.inventory.RequestRun(t.Context(), inventory.RunRequest{Tenant: "default", Connection: inventory.Connection{ID: conn.ID, Name: conn.Name, AgentID: a.id}, Trigger: "manual"})
	must(t, err)
	_, err = w.fleet.UpdateConnection(t.Context(), admin, conn.ID, conn.Version, rest.ConnectionWrite{Name: "other name", Provider: "toy", Agent: a.id})
	must(t, err)
	if got := a.push(conn, id).open(1, nil); got.GetVerdict() != superseded {
		t.Errorf("open: %v", got)
	}
	run, err := w.inventory.Run(t.Context(), admin, id)
	must(t, err)
	if run.State != "canceled" || !strings.Contains(run.Error, "edited") {
		t.Errorf("the run is %s: %q", run.State, run.Error)
	}
}

// Limits have an answer that names them, and hurt only the scope that exceeds them.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	items, digest := servers(t, "a")
	var many []*uplinkv1.Item
	for i := range resource.MaxBatchItems + 1 {
		it, _ := server(t, "s"+strconv.Itoa(i), "s")
		many = append(many, it)
	}
	var heavy []*uplinkv1.Item
	for i := range 5 {
		it, _ := item(t, resource.Envelope{Kind: "server", Major: 1, ExternalID: "h" + strconv.Itoa(i), Name: strings.Repeat("x", 900<<10)})
		heavy = append(heavy, it)
	}
	generation := int64(0)
	for name, b := range map[string]*uplinkv1.Batch{
		"items": {Upserts: many, Last: true}, "bytes": {Upserts: heavy, Last: true},
		"key that is none": {Removed: []string{strings.Repeat("k", resource.MaxExternalID+1)}, Last: true},
	} {
		generation++
		p := a.push(conn, "run-"+name)
		p.open(generation, nil)
		p.plan(resource.Scope{Kind: "server"}, resource.Scope{Kind: "volume"})
		p.capture(0, digest)
		if got := p.batch(b); got.GetVerdict() != failed || got.GetReason() == "" {
			t.Errorf("too many %s: %v", name, got)
		}
		if got := p.capture(2, digest); got.GetVerdict() != refused {
			t.Errorf("a capture of no scope: %v", got)
		}
		if got := p.close(); got.GetVerdict() != done {
			t.Errorf("close: %v", got)
		}
	}
	w.want("server")
	if got := a.push(conn, "run-good").run(9, "a"); got.GetVerdict() != done {
		t.Errorf("a good run after all: %v", got)
	}
	w.want("server", "a")
	p := a.push(conn, "run-huge")
	p.open(10, nil)
	p.plan(resource.Scope{Kind: "server"})
	p.capture(0, digest)
	items[0].Volatile = bytes.Repeat([]byte{'x'}, protocol.MaxMessage)
	must(t, p.stream.Send(&uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Batch{Batch: &uplinkv1.Batch{Upserts: items}}}))
	_, err := p.stream.Recv()
	wantCode(t, "a message beyond the limit", err, codes.ResourceExhausted)
}

// One bad item never spoils the rest.
func TestBadItemsAreRejectedByThemselves(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	good, goodHash := server(t, "good", "good")
	// Valid in every way but one: a name that is not UTF-8.
	broken := &uplinkv1.Item{Canonical: bytes.Replace(slices.Clone(mustItem(t, "bad", "#").Canonical), []byte("#"), []byte{0xff}, 1)}
	brokenHash := resource.HashOf(broken.Canonical)
	broken.Hash = brokenHash.Bytes()
	var digest resource.Digest
	digest.AddRow("good", goodHash)
	digest.AddRow("bad", brokenHash)
	p := a.push(conn, "run-1")
	p.open(1, nil)
	p.plan(resource.Scope{Kind: "server"})
	p.capture(0, digest)
	got := p.batch(&uplinkv1.Batch{Upserts: []*uplinkv1.Item{good, broken}, Last: true})
	if got.GetVerdict() != done || len(got.GetRejected()) != 1 || got.GetRejected()[0].GetKey() != "bad" {
		t.Errorf("an item that is not UTF-8: %v", got)
	}
	if got := p.close(); got.GetVerdict() != done {
		t.Errorf("close: %v", got)
	}
	w.want("server", "good")
}

func mustItem(t *testing.T, id, name string) *uplinkv1.Item {
	t.Helper()
	it, _ := server(t, id, name)
	return it
}

// A kind that nobody approved waits; one that nobody declared is not taken.
func TestKindsThatAreNotKnown(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	push := func(runID string, generation int64, kind string) *uplinkv1.BatchReceipt {
		it, h := item(t, resource.Envelope{Kind: kind, Major: 1, ExternalID: "r1", Name: "r1"})
		var d resource.Digest
		d.AddRow("r1", h)
		p := a.push(conn, runID)
		p.open(generation, nil)
		p.plan(resource.Scope{Kind: kind})
		out := &uplinkv1.BatchReceipt{}
		switch v := p.capture(0, d); v.GetVerdict() {
		case send:
			out = p.batch(&uplinkv1.Batch{Upserts: []*uplinkv1.Item{it}, Last: true})
		case list:
			out = p.batch(&uplinkv1.Batch{List: []*uplinkv1.Row{{Key: "r1", Hash: h.Bytes()}}, Last: true})
			if len(out.GetWant()) > 0 {
				out = p.batch(&uplinkv1.Batch{Upserts: []*uplinkv1.Item{it}, Last: true, Seq: 1})
			}
		default:
			out.Verdict, out.Reason = v.GetVerdict(), v.GetReason()
		}
		p.close()
		return out
	}
	if got := push("run-1", 1, "toy.robot"); len(got.GetRejected()) != 1 || !strings.Contains(got.GetRejected()[0].GetReason(), "pending") {
		t.Errorf("a kind that waits for approval: %v", got)
	}
	if got := push("run-2", 2, "toy.ghost"); got.GetVerdict() == done && len(got.GetRejected()) == 0 {
		t.Errorf("an undeclared kind: %v", got)
	}
	_, err := w.inventory.ApproveKind(t.Context(), admin, "toy.robot", "")
	must(t, err)
	if got := push("run-3", 3, "toy.robot"); got.GetVerdict() != done || len(got.GetRejected()) != 0 {
		t.Errorf("after approval: %v", got)
	}
	w.want("toy.robot", "r1")
}

// An error of the collector's own is never an answer about the data: the agent keeps everything and comes again.
func TestAnErrorOfTheCollectorsOwnIsRetry(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	items, digest := servers(t, "a", "b")
	p := a.push(conn, "run-1")
	p.open(1, nil)
	p.plan(resource.Scope{Kind: "server"})
	p.capture(0, digest)
	w.store.broken.Store(true)
	answer := p.ask(&uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Batch{Batch: &uplinkv1.Batch{RunId: "run-1", Upserts: items, Last: true}}})
	if got := answer.GetBatch(); got.GetVerdict() != retry || answer.GetRetryAfterMs() <= 0 || len(got.GetRejected()) != 0 {
		t.Errorf("batch: %v", answer)
	}
	w.store.broken.Store(false)
	for range 2 { // what is still under way of the run is answered likewise
		if got := p.batch(&uplinkv1.Batch{Upserts: items, Last: true}); got.GetVerdict() != retry {
			t.Errorf("batch after the error: %v", got)
		}
	}
	if got := p.close(); got.GetVerdict() != retry {
		t.Errorf("close after the error: %v", got)
	}
	w.want("server")
	// On the same stream or another: the run is replayed from its beginning.
	if got := p.run(1, "a", "b"); got.GetVerdict() != done {
		t.Errorf("close: %v", got)
	}
	w.want("server", "a", "b")
}

// Lists are heavy, so that a bounded number is taken at a time.
func TestListsAreBounded(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	other, err := w.fleet.CreateConnection(t.Context(), admin, rest.ConnectionWrite{Name: "second", Provider: "toy", Agent: a.id})
	must(t, err)
	for i, c := range []rest.Connection{conn, other} {
		if got := a.push(c, "run-"+strconv.Itoa(i)).run(1, "a"); got.GetVerdict() != done {
			t.Fatalf("close: %v", got)
		}
	}
	_, digest := servers(t, "a", "b")
	ask := func(c rest.Connection, runID string) (*clientPush, *uplinkv1.CaptureReply) {
		p := a.push(c, runID)
		p.open(2, nil)
		p.plan(resource.Scope{Kind: "server"})
		return p, p.capture(0, digest) // without a baseline, so that the list is wanted
	}
	first, got := ask(conn, "run-3")
	if got.GetVerdict() != list {
		t.Fatalf("the first list: %v", got)
	}
	_, got = ask(other, "run-4")
	if got.GetVerdict() != retry {
		t.Errorf("one more than there is room for: %v", got)
	}
	items, _ := servers(t, "a", "b")
	first.list(items)
	first.close()
	second, got := ask(other, "run-4")
	if got.GetVerdict() != list {
		t.Errorf("when there is room again: %v", got)
	}
	second.list(items)
}

// A plan that makes no sense is answered at the first chance, and takes nothing with it.
func TestABadPlan(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	_, digest := servers(t, "a")
	p := a.push(conn, "run-1")
	p.open(1, nil)
	p.plan(resource.Scope{Kind: "server"}, resource.Scope{Kind: "server"})
	if got := p.capture(0, digest); got.GetVerdict() != failed || !strings.Contains(got.GetReason(), "repeats") {
		t.Errorf("capture: %v", got)
	}
	if got := p.close(); got.GetVerdict() != failed {
		t.Errorf("close: %v", got)
	}
	run, err := w.inventory.Run(t.Context(), admin, "run-1")
	must(t, err)
	if run.State != "failed" || run.Error == "" {
		t.Errorf("the run is %s (%s)", run.State, run.Error)
	}
}

// A new stream for a connection takes over: the one before must not work beside it.
func TestANewPushTakesOver(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	old := a.push(conn, "run-1")
	old.open(1, nil)
	if got := a.push(conn, "run-1").run(1, "a"); got.GetVerdict() != done {
		t.Errorf("close: %v", got)
	}
	_, err := old.stream.Recv()
	wantCode(t, "the stream before", err, codes.Aborted)
	w.want("server", "a")
}

// Two collectors over one store: the one that an agent came to last takes the connection over, the other one finds out when it
// renews its lease, and writes nothing any more.
func TestAnotherCollectorTakesAConnectionOver(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	_, digest := servers(t, "old")
	first := a.push(conn, "run-1")
	first.open(1, nil)
	first.plan(resource.Scope{Kind: "server"})
	w.address = w.serve("collector-2")
	if got := a.push(conn, "run-2").run(2, "new"); got.GetVerdict() != done {
		t.Fatalf("close: %v", got)
	}
	w.skip.Store(int64(time.Minute))
	if got := first.capture(0, digest); got.GetVerdict() != retry {
		t.Errorf("at the collector that lost the connection: %v", got)
	}
	w.want("server", "new")
}
