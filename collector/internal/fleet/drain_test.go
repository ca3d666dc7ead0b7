package fleet_test

import (
	"errors"
	"slices"
	"testing"

	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

// A drained agent is told its assignments as paused and gets no runs; it is drained when it has said often enough that nothing goes
// on and nothing waits, and what happens against expectation shows.
func TestDrain(t *testing.T) {
	w := newWorld(t)
	k := w.agent("key-1")
	c := w.connect(k, "toy")
	going, err := w.RequestRun(t.Context(), admin, c.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if due, err := w.Due(t.Context(), k); err != nil || len(due) != 1 {
		t.Fatalf("%+v %v", due, err)
	}
	waiting, err := w.RequestRun(t.Context(), admin, c.ID, []string{"volume"})
	if err != nil {
		t.Fatal(err)
	}
	paused := func() bool {
		t.Helper()
		list, err := w.Assignments(t.Context(), k)
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v %v", list, err)
		}
		return list[0].Paused
	}
	beat := func(running, captures int) {
		t.Helper()
		if err := w.Heard(t.Context(), k, fleet.Beat{Running: running, Spool: rest.SpoolStatus{Captures: captures}}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(state, waits string) {
		t.Helper()
		a, err := w.Agent(t.Context(), admin, k.ID)
		if err != nil || a.Drain == nil || a.Drain.State != state || a.Drain.Waits != waits {
			t.Fatalf("%+v %v, want %s %s", a.Drain, err, state, waits)
		}
	}
	runState := func(id string) string {
		t.Helper()
		r, err := w.inventory.Run(t.Context(), admin, id)
		if err != nil {
			t.Fatal(err)
		}
		return r.State
	}
	if paused() {
		t.Fatal("paused before")
	}
	if _, err := w.DrainAgent(t.Context(), admin, k.ID, "moved"); err != nil {
		t.Fatal(err)
	}
	want("draining", "for the agent to confirm")
	if !paused() || w.audited("agent.drain", "") != 1 {
		t.Error("not paused, or not audited")
	}
	if runState(waiting) != "failed" || runState(going) != "queued" {
		t.Errorf("the run that waited is %s, the one that was given out %s", runState(waiting), runState(going))
	}
	var conflict *inventory.ConflictError
	if _, err := w.RequestRun(t.Context(), admin, c.ID, nil); !errors.As(err, &conflict) {
		t.Errorf("a run was taken: %v", err)
	}
	beat(0, 0) // before it was told: says nothing
	if err := w.DrainTold(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	beat(1, 0)
	want("draining", "for the agent to confirm")
	beat(1, 2)
	want("draining", "for runs to end: 1")
	if err := w.inventory.FailRun(t.Context(), "default", going, "it ended"); err != nil {
		t.Fatal(err)
	}
	beat(0, 2)
	want("draining", "for captures to be sent: 2")
	beat(0, 0)
	want("drained", "")
	beat(1, 0)
	want("draining", "for runs to end: 1")

	// A run that a broken session gave back is not given out again.
	if _, err := w.ResumeAgent(t.Context(), admin, k.ID, ""); err != nil {
		t.Fatal(err)
	}
	if a, err := w.Agent(t.Context(), admin, k.ID); err != nil || a.Drain != nil || paused() {
		t.Errorf("resumed: %+v %v", a.Drain, err)
	}
	again, err := w.RequestRun(t.Context(), admin, c.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if due, err := w.Due(t.Context(), k); err != nil || len(due) != 1 {
		t.Fatalf("%+v %v", due, err)
	}
	if _, err := w.DrainAgent(t.Context(), admin, k.ID, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.Resume(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	due, err := w.Due(t.Context(), k)
	if err != nil || slices.ContainsFunc(due, func(c fleet.Command) bool { return c.Type == fleet.CommandRun }) || runState(again) != "failed" {
		t.Errorf("%+v %v, the run is %s", due, err, runState(again))
	}
	if _, err := w.RevokeAgent(t.Context(), admin, k.ID, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.DrainAgent(t.Context(), admin, k.ID, ""); !errors.As(err, &conflict) {
		t.Errorf("a revoked agent was drained: %v", err)
	}
	if _, err := w.ResumeAgent(t.Context(), admin, k.ID, ""); !errors.As(err, &conflict) {
		t.Errorf("one that is not drained was resumed: %v", err)
	}
}
