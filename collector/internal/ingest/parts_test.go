package ingest_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"

	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/resource"
)

// wireOf is what a list costs: bytes both ways and rows.
type wireOf struct{ rows, up, down int }

func (w wireOf) String() string {
	return fmt.Sprintf("%d rows, %d bytes up, %d bytes down", w.rows, w.up, w.down)
}

// large is a scope of n servers as an agent holds it, sorted by key.
func large(t *testing.T, n int) (items []*uplinkv1.Item, rows []*uplinkv1.Row, digest resource.Digest) {
	t.Helper()
	for i := range n {
		key := fmt.Sprintf("i-%017x", i)
		it, h := server(t, key, key)
		items, rows = append(items, it), append(rows, &uplinkv1.Row{Key: key, Hash: h.Bytes()})
		digest.AddRow(key, h)
	}
	return items, rows, digest
}

// A baseline that was lost while one row of a large scope changed costs an agent of today a few kilobytes, and one of the first
// release, which does not know of parts, the whole list. With MAESTRO_TEST_ROWS=50000 it takes a minute: 176 rows, 10 kB up and 8 kB
// down, instead of 50,000 rows and 2.9 MB.
func TestWhatAListCosts(t *testing.T) {
	n := 4_000
	if text := os.Getenv("MAESTRO_TEST_ROWS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		must(t, err)
	}
	w := newWorld(t)
	a, conn := w.described("default")
	items, rows, digest := large(t, n)
	p := a.push(conn, "run-1")
	p.open(1, nil)
	p.plan(resource.Scope{Kind: "server"})
	p.capture(0, digest)
	for at := 0; at < n; at += 500 {
		got := p.batch(&uplinkv1.Batch{Seq: int64(at), Upserts: items[at:min(n, at+500)], Last: at+500 >= n})
		if at+500 >= n && got.GetVerdict() != done {
			t.Fatalf("first run: %v", got)
		}
	}
	p.close()
	costs := map[int32]wireOf{}
	for i, capability := range []int32{protocol.CapabilityParts, 1} {
		generation := int64(i) + 2
		hello := a.hello()
		hello.Capability = capability
		s := a.session(hello)
		if got := s.next().GetWelcome().GetCapability(); got != capability {
			t.Fatalf("welcome of capability %d to one of %d", got, capability)
		}
		s.hangUp()
		changed := n / int(generation)
		key := rows[changed].GetKey()
		it, h := server(t, key, fmt.Sprintf("changed in %d", generation))
		digest.RemoveRow(key, resource.Hash(rows[changed].GetHash()))
		rows[changed].Hash = h.Bytes()
		digest.AddRow(key, h)
		costs[capability] = a.push(conn, fmt.Sprintf("run-%d", generation)).listInParts(generation, digest, rows, map[string]*uplinkv1.Item{key: it})
	}
	now, before := costs[protocol.CapabilityParts], costs[1]
	t.Logf("one of %d rows differs: in parts %s; as a whole %s", n, now, before)
	if before.rows != n || now.rows > n/100 || now.up+now.down > 60_000 {
		t.Errorf("in parts %s; as a whole %s", now, before)
	}
}

// listInParts tells a scope whose baseline was lost as the agent does, and what it cost.
func (p *clientPush) listInParts(generation int64, digest resource.Digest, rows []*uplinkv1.Row, bodies map[string]*uplinkv1.Item) (cost wireOf) {
	t := p.a.w.t
	t.Helper()
	p.open(generation, nil)
	p.plan(resource.Scope{Kind: "server"})
	reply := p.capture(0, digest)
	if reply.GetVerdict() != list {
		t.Fatalf("capture: %v", reply.GetVerdict())
	}
	cost.down += proto.Size(reply)
	var set *resource.BucketSet
	if sums := reply.GetBucketSums(); len(sums) > 0 {
		theirs, err := resource.BucketsFromBytes(sums)
		must(t, err)
		var ours resource.Buckets
		for _, r := range rows {
			ours.AddRow(r.GetKey(), resource.Hash(r.GetHash()))
		}
		differ := ours.Differing(theirs)
		set = &differ
	}
	b := &uplinkv1.Batch{}
	var want []string
	ship := func(last bool) *uplinkv1.BatchReceipt {
		b.Last = last
		if set != nil {
			b.Buckets = set.Bytes()
		}
		got := p.batch(b)
		cost.up, cost.down, cost.rows = cost.up+proto.Size(b), cost.down+proto.Size(got), cost.rows+len(b.GetList())
		want = append(want, got.GetWant()...)
		b = &uplinkv1.Batch{Seq: b.GetSeq() + 1}
		return got
	}
	for _, r := range rows {
		if set != nil && !set.Has(r.GetKey()) {
			continue
		}
		if b.List = append(b.List, r); len(b.GetList()) == 500 {
			ship(false)
		}
	}
	if got := ship(true); got.GetVerdict() != send {
		t.Fatalf("list: %v", got)
	}
	for _, key := range want {
		b.Upserts = append(b.Upserts, bodies[key])
	}
	set = nil
	if got := ship(true); got.GetVerdict() != done {
		t.Fatalf("bodies: %v", got)
	}
	if got := p.close(); got.GetVerdict() != done {
		t.Fatalf("close: %v", got)
	}
	return cost
}
