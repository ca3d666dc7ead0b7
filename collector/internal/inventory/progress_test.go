package inventory

import (
	"testing"
	"time"

	"maestro.internal/sdk/resource"
)

// TestProgressNeverGoesBack: the agent tells how far it has read while what it read is pushed, which is behind that.
func TestProgressNeverGoesBack(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	sp := a.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "k1")), complete(two, thing(two, "k2")))
	var last RunInfo
	look := func(when string) {
		t.Helper()
		now, err := l.s.Run(l.ctx, everyone, sp.id)
		if err != nil {
			t.Fatal(err)
		}
		if now.ScopesDone < last.ScopesDone || now.Listed < last.Listed || now.ScopesTotal < last.ScopesTotal || len(now.Log) < len(last.Log) {
			t.Errorf("%s: %d of %d scopes, %d listed, log %v; before %d of %d, %d, %v", when, now.ScopesDone, now.ScopesTotal, now.Listed, now.Log,
				last.ScopesDone, last.ScopesTotal, last.Listed, last.Log)
		}
		last = *now
	}
	tell := func(done int, listed int64) {
		t.Helper()
		p := RunProgress{Tenant: tenant, RunID: sp.id, Connection: a.conn, ScopesTotal: 2, ScopesDone: done, Listed: listed, Phase: "reading", Log: []string{"reading"}}
		if err := l.s.Progress(l.ctx, p); err != nil {
			t.Fatal(err)
		}
		look("after progress")
	}
	tell(1, 1)
	run, v, _, err := l.s.OpenRun(l.ctx, RunStart{Tenant: tenant, Connection: a.conn, RunID: sp.id, Epoch: 1, Generation: 1, Kinds: sp.kinds, Scopes: 2})
	if err != nil || v != Send {
		t.Fatal(v, err)
	}
	look("after the opening")
	tell(2, 2)
	if err := run.Plan(l.ctx, []resource.Scope{one, two}, true, nil); err != nil {
		t.Fatal(err)
	}
	look("after the plan")
	for i := range sp.reads {
		l.clock.add(2 * time.Second) // or the row would not be written
		if _, err := a.send(l.ctx, run, sp, a.prepare(sp, i)); err != nil {
			t.Fatal(err)
		}
		look("after a scope")
	}
	if _, _, err := run.Close(l.ctx, RunEnd{Log: []string{"read"}}); err != nil {
		t.Fatal(err)
	}
	if look("at the end"); last.State != "succeeded" || last.ScopesDone != 2 || last.Listed != 2 || last.Phase != "" {
		t.Errorf("at the end %+v", last)
	}
}

// TestACanceledRun keeps what it read and takes nothing for gone.
func TestACanceledRun(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "k1")), complete(two, thing(two, "k2")))
	sp := a.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "k1", named("new"))), read{scope: two, status: resource.StatusNotTried})
	sp.err = CanceledOnRequest
	if info := l.push(a, sp); info.State != "canceled" || info.Updated != 1 || info.Gone != 0 || info.Error != CanceledOnRequest {
		t.Errorf("run %+v", info)
	}
	l.want(l.servers(), "name of k2 active a", "new active a")
}
