package inventory

import (
	"fmt"
	"testing"
	"time"

	"maestro.internal/sdk/resource"
)

// acknowledged is whether a run that its agent was told is settled is known afterwards. If not the store would be taken for one that was
// restored from a backup.
func (l *lab) acknowledged(a *agent, generation int64) bool {
	l.t.Helper()
	known, err := l.s.Reached(l.ctx, tenant, a.conn.ID, a.epoch, generation)
	if err != nil {
		l.t.Fatal(err)
	}
	return known
}

// broken is a run that its agent ended before it had read anything, as after kill -9.
func (l *lab) broken(a *agent) *spec {
	l.t.Helper()
	sp := a.build([]string{"server"}, l.clock.now())
	sp.partialPlan, sp.err = true, "the agent ended while this run was going on"
	if got := l.push(a, sp); got.State != "failed" {
		l.t.Fatalf("a run that broke ends as %q", got.State)
	}
	return sp
}

func (l *lab) ask(a *agent) string {
	l.t.Helper()
	l.clock.add(time.Second)
	id, err := l.s.RequestRun(l.ctx, RunRequest{Tenant: tenant, Connection: a.conn})
	if err != nil {
		l.t.Fatal(err)
	}
	return id
}

// What was acknowledged is known, whatever became of the run and whatever was asked for since.
func TestWhatWasAcknowledgedIsKnown(t *testing.T) {
	for name, story := range map[string]func(l *lab, a *agent){
		"a run that read something": func(l *lab, a *agent) {
			l.run(a, complete(one, thing(one, "a"), thing(one, "b")))
		},
		"a run that changed nothing": func(l *lab, a *agent) {
			l.run(a, complete(one, thing(one, "a")))
		},
		"a run that broke": func(l *lab, a *agent) { l.broken(a) },
		"a run that broke while many others wait": func(l *lab, a *agent) {
			l.broken(a)
			for range 120 {
				l.ask(a)
			}
		},
		"a run that broke, and that retention would forget": func(l *lab, a *agent) {
			l.broken(a)
			asked := l.ask(a)
			if err := l.s.CancelRun(l.ctx, tenant, asked, "canceled on request"); err != nil {
				l.t.Fatal(err)
			}
			l.clock.add(1000 * time.Hour)
			if err := l.s.PurgeRuns(l.ctx, l.clock.now(), func(string, int) error { return nil }); err != nil {
				l.t.Fatal(err)
			}
		},
		"a run that its agent began twice": func(l *lab, a *agent) {
			first := l.broken(a)
			again := a.build([]string{"server"}, l.clock.now())
			again.id = first.id
			again.err = first.err
			l.push(a, again)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			a := newAgent(l.s, "c", 0)
			l.run(a, complete(one, thing(one, "a")))
			story(l, a)
			if !l.acknowledged(a, a.gen) {
				t.Errorf("generation %d was acknowledged and is not known", a.gen)
			}
			if l.acknowledged(a, a.gen+1) {
				t.Error("a generation is known that never came")
			}
		})
	}
}

// An agent that is killed while it begins a run may begin it again, under the same id. Both readings are taken, in their order.
func TestARunThatIsReadTwice(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "c", 0)
	l.run(a, complete(one, thing(one, "a")))
	first := l.broken(a)
	again := a.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "a"), thing(one, "b")))
	again.id = first.id
	got := l.push(a, again)
	if got.State != "succeeded" || got.Error != "" || got.Created != 1 || got.Generation != again.gen {
		t.Errorf("the second reading: %+v", got)
	}
	if now := fmt.Sprint(l.servers()); now != "[name of a active c name of b active c]" {
		t.Errorf("servers %v", now)
	}
	// What comes of the first one late changes nothing.
	start := RunStart{Tenant: tenant, Connection: a.conn, RunID: first.id, Epoch: first.epoch, Generation: first.gen}
	if _, v, _, err := l.s.OpenRun(l.ctx, start); v != Done || err != nil {
		t.Errorf("the first reading, once more: %s, %v", v, err)
	}
	if after := l.push(a, a.build([]string{"server"}, l.clock.now(), ended(resource.StatusFailed, one))); after.ID == again.id {
		t.Error("another run has the same id")
	}
}
