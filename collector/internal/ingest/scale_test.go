package ingest_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/resource"
)

// organisation is a plan of n scopes: accounts in 17 regions, all of one kind here.
func organisation(n int) []resource.Scope {
	out := make([]resource.Scope, n)
	for i := range out {
		out[i] = resource.Scope{Kind: "server", Partition: resource.Partition{
			{Key: "account", Value: fmt.Sprintf("%012d", i/17)}, {Key: "region", Value: fmt.Sprintf("region-%02d", i%17)}}}
	}
	return out
}

// everyOther scope of so many has one server.
const everyOther = 100

// pushAll sends a run over many scopes as the agent does: what is empty or unchanged is announced many at a time.
func (p *clientPush) pushAll(generation int64, scopes []resource.Scope, known bool) *uplinkv1.RunReceipt {
	t := p.a.w.t
	t.Helper()
	if got := p.open(generation, nil); got.GetVerdict() != uplinkv1.Verdict_VERDICT_SEND {
		t.Fatalf("open: %v", got)
	}
	for first := 0; first < len(scopes); first += protocol.MaxPlanChunk {
		chunk := scopes[first:min(len(scopes), first+protocol.MaxPlanChunk)]
		m := &uplinkv1.RunPlan{RunId: p.runID, First: int32(first), Last: first+len(chunk) == len(scopes), Complete: true}
		for _, s := range chunk {
			sc := &uplinkv1.Scope{Kind: s.Kind}
			for _, l := range s.Partition {
				sc.Partition = append(sc.Partition, &uplinkv1.Label{Key: l.Key, Value: l.Value})
			}
			m.Scopes = append(m.Scopes, sc)
		}
		must(t, p.stream.Send(&uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Plan{Plan: m}}))
	}
	const ahead = 100
	waiting := 0
	drain := func(atMost int) {
		for ; waiting > atMost; waiting-- {
			answer, err := p.stream.Recv()
			must(t, err)
			if v := answer.GetCapture().GetVerdict(); v != uplinkv1.Verdict_VERDICT_DONE {
				t.Fatalf("scope %d: %v %s", answer.GetCapture().GetScope(), v, answer.GetCapture().GetReason())
			}
		}
	}
	for i := range scopes {
		items, digest := servers(t)
		if i%everyOther == 0 {
			items, digest = servers(t, scopes[i].Key())
		}
		if i%everyOther == 0 && !known {
			drain(0)
			if got := p.capture(int32(i), digest); got.GetVerdict() != uplinkv1.Verdict_VERDICT_SEND {
				t.Fatalf("scope %d: %v", i, got)
			}
			if got := p.batch(&uplinkv1.Batch{Scope: int32(i), Upserts: items, Last: true}); got.GetVerdict() != uplinkv1.Verdict_VERDICT_DONE {
				t.Fatalf("batch %d: %v", i, got)
			}
			continue
		}
		must(t, p.stream.Send(p.opening(int32(i), digest)))
		waiting++
		drain(ahead)
	}
	drain(0)
	return p.close()
}

// A plan of 120,000 scopes is that of 200 accounts in 17 regions with all kinds. It goes through ingest into the store, and
// again by its root alone when nothing changed.
func TestALargeOrganisation(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 20 seconds; the same with fewer scopes is tried")
	}
	syncOrganisation(t, 120_000, false)
}

// A run over many scopes, again with every scope told, again by its root alone; and accounts that are gone from the plan take
// their servers out of sight.
func TestAnOrganisation(t *testing.T) {
	n := 12_000
	if testing.Short() {
		n = 3_000 // for the race detector
	}
	syncOrganisation(t, n, true)
}

func syncOrganisation(t *testing.T, n int, every bool) {
	w := newWorld(t)
	a, conn := w.described("default")
	scopes := organisation(n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	step := func(what string) {
		runtime.ReadMemStats(&after)
		t.Logf("%s: %s, heap %d MiB more", what, time.Since(began).Round(time.Millisecond), (int64(after.HeapInuse)-int64(before.HeapInuse))>>20)
		began = time.Now()
	}
	p := a.push(conn, "run-1")
	if got := p.pushAll(1, scopes, false); got.GetVerdict() != uplinkv1.Verdict_VERDICT_DONE {
		t.Fatalf("close: %v", got)
	}
	step("first run")
	check := func(id string, total, updated, unwatched int) {
		t.Helper()
		run, err := w.inventory.Run(t.Context(), admin, id)
		must(t, err)
		if run.State != "succeeded" || run.ScopesTotal != total || run.ScopesDone != total || run.Statuses["complete"] != total ||
			run.Created+run.Updated+run.Gone != updated || run.Unwatched != unwatched {
			t.Errorf("run %+v", run)
		}
	}
	check("run-1", n, n/everyOther, 0)
	if every {
		p = a.push(conn, "run-2")
		if got := p.pushAll(2, scopes, true); got.GetVerdict() != uplinkv1.Verdict_VERDICT_DONE {
			t.Fatalf("close: %v", got)
		}
		check("run-2", n, 0, 0)
		step("unchanged run, every scope told")
	}
	p = a.push(conn, "run-3")
	if got := p.open(3, rootOf(t, scopes)); got.GetVerdict() != uplinkv1.Verdict_VERDICT_DONE {
		t.Fatalf("open with a root: %v", got)
	}
	check("run-3", n, 0, 0)
	step("unchanged run, its root told")
	if !every {
		return
	}
	rest := scopes[1000:]
	p = a.push(conn, "run-4")
	if got := p.pushAll(4, rest, true); got.GetVerdict() != uplinkv1.Verdict_VERDICT_DONE {
		t.Fatalf("close: %v", got)
	}
	check("run-4", n-1000, 0, 1000/everyOther)
	step("run with fewer scopes")
	list, err := w.inventory.List(t.Context(), admin, inventory.ListQuery{Kind: "server"})
	must(t, err)
	if list.Total != n/everyOther {
		t.Errorf("%d servers", list.Total)
	}
}

// rootOf is the root of a run in which every scope stands as pushAll tells it.
func rootOf(t *testing.T, scopes []resource.Scope) []byte {
	var states []resource.ScopeState
	for i, s := range scopes {
		_, digest := servers(t)
		if i%everyOther == 0 {
			_, digest = servers(t, scopes[i].Key())
		}
		states = append(states, resource.ScopeState{Scope: s, Status: resource.StatusComplete, Digest: digest, Fingerprint: fingerprint,
			HashFormat: resource.HashFormat, KindDigest: kindDigest, PolicyDigest: policyDigest})
	}
	root := resource.Root(states, true)
	return root[:]
}
