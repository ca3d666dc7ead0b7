package ingest_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/internal/protocol/uplinkv1"
)

// as is a session of a copy of the agent: the same key, another process.
func (a *agent) as(boot, instance string) *clientSession {
	hello := a.hello()
	hello.Info.BootId, hello.Info.Instance = boot, instance
	return a.session(hello)
}

// Two copies of an agent take turns. They are held, both of them, until a person says which one is the agent; the other is shut out.
func TestCopiesOfAnAgentAreHeld(t *testing.T) {
	for name, boots := range map[string][2]string{"on two machines": {"boot-1", "boot-2"}, "in two containers": {"boot-1", "boot-1"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a, conn := w.described("default")
			if got := a.push(conn, "run-1").run(1, "a", "b"); got.GetVerdict() != done {
				t.Fatalf("close: %v", got)
			}
			for i := range 4 {
				w.skip.Add(int64(time.Minute))
				s := a.as(boots[i%2], fmt.Sprint("process-", i%2))
				if s.next().GetWelcome() == nil {
					t.Fatal("no welcome: a copy goes on discovering")
				}
				held, err := w.fleet.Agent(t.Context(), admin, a.id)
				must(t, err)
				if (held.Status == "held") != (i == 3) {
					t.Fatalf("after takeover %d the agent is %s", i, held.Status)
				}
				s.hangUp()
			}
			agent, err := w.fleet.Agent(t.Context(), admin, a.id)
			must(t, err)
			if agent.Hold == nil || len(agent.Hold.Copies) != 2 || agent.Hold.Advice == "" {
				t.Fatalf("held as %+v", agent.Hold)
			}
			p := a.push(conn, "run-2")
			got := p.ask(&uplinkv1.PushRequest{Message: &uplinkv1.PushRequest_Open{Open: &uplinkv1.RunOpen{RunId: "run-2", ConnectionId: conn.ID, Epoch: conn.Epoch, Generation: 2}}})
			if got.GetRun().GetVerdict() != retry || got.GetRetryAfterMs() < 10_000 {
				t.Fatalf("a push of a held agent: %v", got)
			}
			w.want("server", "a", "b")
			entries, err := w.audit.List(t.Context(), "default", audit.Query{Action: "agent.hold"})
			must(t, err)
			if len(entries.Entries) != 1 {
				t.Errorf("%d audit entries", len(entries.Entries))
			}

			if _, err := w.fleet.ReleaseAgent(t.Context(), admin, a.id, "nobody", ""); err == nil {
				t.Error("released for a copy that is none")
			}
			keep := boots[0] + "/process-0"
			agent, err = w.fleet.ReleaseAgent(t.Context(), admin, a.id, keep, "the other is a test clone")
			must(t, err)
			if agent.Status == "held" || agent.Hold != nil {
				t.Fatalf("released as %+v", agent)
			}
			now, err := w.fleet.Connection(t.Context(), admin, conn.ID)
			must(t, err)
			if now.Epoch <= conn.Epoch {
				t.Errorf("the epoch is still %d", now.Epoch)
			}
			wantCode(t, "the copy", a.as(boots[1], "process-1").ended(), codes.PermissionDenied)
			real := a.as(boots[0], "process-0")
			if real.next().GetWelcome() == nil {
				t.Fatal("the agent is shut out")
			}
			real.hangUp()
			restarted := a.as(boots[0], "process-2") // it may be started again at any time
			if restarted.next().GetWelcome() == nil {
				t.Fatal("the agent is shut out after a restart")
			}
			if got := a.push(now, "run-3").run(3, "a", "c"); got.GetVerdict() != done {
				t.Fatalf("close: %v", got)
			}
			w.want("server", "a", "c")
		})
	}
}

// An agent that crashes and starts again and again, on a machine that boots again and again, is no copy of itself.
func TestRestartsAreNoCopies(t *testing.T) {
	w := newWorld(t)
	a := w.joined("default")
	for i := range 30 {
		w.skip.Add(int64(10 * time.Second))
		s := a.as(fmt.Sprint("boot-", i/3), fmt.Sprint("process-", i))
		s.next()
		s.hangUp()
	}
	agent, err := w.fleet.Agent(t.Context(), admin, a.id)
	must(t, err)
	if agent.Hold != nil {
		t.Fatalf("held: %+v", agent.Hold)
	}
	// Slow turns are people who move an agent to and fro, not a race of two.
	for i := range 8 {
		w.skip.Add(int64(11 * time.Minute))
		s := a.as("boot", fmt.Sprint("turn-", i%2))
		s.next()
		s.hangUp()
	}
	if agent, err = w.fleet.Agent(t.Context(), admin, a.id); err != nil || agent.Hold != nil {
		t.Fatalf("held: %+v %v", agent.Hold, errors.Unwrap(err))
	}
}
