package inventory

import (
	"fmt"
	"testing"

	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/sdk/resource"
)

// drift has the agent remember another hash of a key than the one that was acknowledged.
func (a *agent) drift(key string) {
	for _, l := range a.base {
		if _, ok := l.rows[key]; ok {
			l.rows[key] = resource.HashOf([]byte("drifted " + key))
		}
	}
}

func fleetOf(n int) []resource.Envelope {
	out := make([]resource.Envelope, n)
	for i := range out {
		out[i] = thing(one, fmt.Sprintf("vm-%05d", i))
	}
	return out
}

// One row of a large scope drifts: only the part that it is in is listed, and the end is the same as with the whole list.
func TestOnlyDifferingPartsAreListed(t *testing.T) {
	const n = 1500
	for _, parts := range []bool{true, false} {
		t.Run(fmt.Sprintf("parts %t", parts), func(t *testing.T) {
			l := newLab(t)
			a := newAgent(l.s, "a", 1)
			a.batch, a.parts = 500, parts
			items := fleetOf(n)
			l.run(a, complete(one, items...))
			a.drift("vm-00007")
			items[7].Name = "seven"
			a.listed = 0
			info := l.run(a, complete(one, items[:n-1]...))
			if info.Updated != 1 || info.Gone != 1 || info.State != "succeeded" {
				t.Fatalf("run %+v", info)
			}
			want := n - 1
			if parts {
				want = n / 20 // two parts of 256, with room
			}
			if a.listed > want || !parts && a.listed != want {
				t.Fatalf("%d rows of %d were listed", a.listed, n)
			}
			if info := l.run(a, complete(one, items[:n-1]...)); !info.Unchanged {
				t.Fatalf("then %+v", info)
			}
		})
	}
}

// A list that breaks off goes on with what still differs: what had arrived is not listed again.
func TestAListInPartsIsResumed(t *testing.T) {
	const n, renamed = 500, 40
	crash := storetest.Crashing(openSQLite(t), -1)
	l := newLab(t, func(o *Options) { o.Store = crash; o.BucketRows = 1 })
	a := newAgent(l.s, "a", 1)
	a.batch, a.parts = 10, true
	l.run(a, complete(one, fleetOf(n)...))
	clear(a.base)
	items := fleetOf(n)
	for i := range renamed {
		items[i].Name = "renamed"
	}
	sp := a.build([]string{"server"}, l.clock.now(), complete(one, items...))
	first := 0
	for broken := 0; ; broken++ {
		a.listed = 0
		crash.Revive(60) // some batches of bodies
		_, err := a.push(l.ctx, sp)
		crash.Revive(-1)
		if first == 0 {
			first = a.listed
		}
		if err == nil {
			if broken == 0 || a.listed >= first {
				t.Fatalf("broke off %d times; %d rows were listed first, %d last", broken, first, a.listed)
			}
			break
		}
	}
	info, err := l.s.Run(l.ctx, everyone, sp.id)
	if err != nil || info.Updated != renamed || first > n/2 {
		t.Fatalf("%d rows were listed first; run %+v %v", first, info, err)
	}
}

// What a list in parts says is checked like any other.
func TestAListInPartsKeepsItsWord(t *testing.T) {
	set := func(keys ...string) *resource.BucketSet {
		var s resource.BucketSet
		for _, k := range keys {
			s.Add(resource.BucketOf(k))
		}
		return &s
	}
	row := func(key string) Row { return Row{Key: key, Hash: make([]byte, 32)} }
	for name, batches := range map[string][]Batch{
		"a row of another part": {{List: []Row{row("vm-00001")}, Buckets: set("vm-00002")}},
		"other parts later":     {{List: []Row{row("vm-00001")}, Buckets: set("vm-00001")}, {List: []Row{row("vm-00002")}, Buckets: set("vm-00002")}},
		"no parts later":        {{List: []Row{row("vm-00001")}, Buckets: set("vm-00001")}, {List: []Row{row("vm-00002")}}},
		"parts later":           {{List: []Row{row("vm-00001")}}, {List: []Row{row("vm-00002")}, Buckets: set("vm-00002")}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, func(o *Options) { o.BucketRows = 1 })
			a := newAgent(l.s, "a", 1)
			l.run(a, complete(one, fleetOf(3)...))
			run, v, _, err := l.s.OpenRun(l.ctx, RunStart{Tenant: tenant, Connection: a.conn, RunID: "r", Epoch: 1, Generation: 9, Kinds: []string{"server"}})
			if err != nil || v != Send {
				t.Fatal(v, err)
			}
			if err := run.Plan(l.ctx, []resource.Scope{one}, true, nil); err != nil {
				t.Fatal(err)
			}
			v, _, err = run.OpenCapture(l.ctx, Capture{Outcome: resource.Outcome{Status: resource.StatusComplete}, Digest: resource.Digest{Count: 2},
				Fingerprint: []byte("f1"), HashFormat: resource.HashFormat, KindDigest: []byte("k1"), PolicyDigest: []byte("p1")})
			if err != nil || v != List {
				t.Fatal(v, err)
			}
			if sums, err := run.Buckets(l.ctx, 0); err != nil || sums == nil {
				t.Fatal("no sums", err)
			}
			var res BatchResult
			for _, b := range batches {
				if res, err = run.Apply(l.ctx, b); err != nil {
					t.Fatal(err)
				}
			}
			if res.Verdict != Failed {
				t.Fatalf("answered %+v", res)
			}
			if got := len(l.servers()); got != 3 {
				t.Fatalf("%d servers are left", got)
			}
		})
	}
}

// Bodies that a person asks for again are listed though their hashes are known.
func TestRejectedBodiesAreAskedForOnRequest(t *testing.T) {
	for _, parts := range []bool{true, false} {
		t.Run(fmt.Sprintf("parts %t", parts), func(t *testing.T) {
			l := newLab(t, func(o *Options) { o.BucketRows = 1 })
			a := newAgent(l.s, "a", 1)
			a.parts = parts
			bad := thing(one, "vm-bad")
			bad.Major = 7
			items := append(fleetOf(5), bad)
			if info := l.run(a, complete(one, items...)); info.Rejected != 1 {
				t.Fatalf("run %+v", info)
			}
			if info := l.run(a, complete(one, items...)); !info.Unchanged {
				t.Fatalf("run %+v", info)
			}
			if err := l.s.Resend(l.ctx, tenant, "a"); err != nil {
				t.Fatal(err)
			}
			a.sent = 0
			if info := l.run(a, complete(one, items...)); info.Unchanged || info.Rejected != 1 || a.sent != 1 {
				t.Fatalf("%d bodies came with run %+v", a.sent, info)
			}
			if info := l.run(a, complete(one, items...)); !info.Unchanged {
				t.Fatalf("it is asked for without end: %+v", info)
			}
		})
	}
}
