package uplink_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"maestro.internal/agent/internal/spool"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// wide spools a run over n scopes; content says what is in a few of them.
func (s *site) wide(id string, n int, content map[int]reading) {
	s.t.Helper()
	run, err := s.spool.Begin(spool.RunInfo{RunID: id, ConnectionID: "c1", Epoch: 1, Kinds: []string{"server"}, StartedAt: time.Now()})
	if err != nil {
		s.t.Fatal(err)
	}
	scopes := make([]resource.Scope, n)
	for i := range scopes {
		scopes[i] = resource.Scope{Kind: "server", Partition: resource.Partition{{Key: "n", Value: fmt.Sprint(i)}}}
	}
	if err := run.SetPlan(spool.RunPlan{Plan: provider.Plan{Scopes: scopes, Complete: true}}); err != nil {
		s.t.Fatal(err)
	}
	for i := range scopes {
		r, ok := content[i]
		if !ok {
			r = complete()
		}
		s.scope(run, i, r)
	}
	if err := run.End(spool.RunEnd{FinishedAt: time.Now()}); err != nil {
		s.t.Fatal(err)
	}
}

// Scopes that did not change are announced many at a time: over a slow line a hundred thousand of them would take an hour
// otherwise. Those that the collector asks about all the same are told after that.
func TestUnchangedScopesDoNotWaitForEachOther(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	const n = 1001 // of which 1 is sent by itself
	content := map[int]reading{500: complete("a", "1")}
	s.start()
	s.wide("run-1", n, content)
	s.drained()
	c.set(func() {
		opened := map[int32]int{}
		c.onCapture = func(m *uplinkv1.CaptureOpen) *uplinkv1.CaptureReply {
			opened[m.GetScope()]++
			c.hold = 200
			switch {
			case m.GetScope() == 0 || opened[m.GetScope()] > 1: // told by themselves
				c.hold = 1
			case m.GetScope() == 7:
				return &uplinkv1.CaptureReply{RunId: m.GetRunId(), Scope: 7, Verdict: uplinkv1.Verdict_VERDICT_LIST}
			}
			return nil
		}
		c.requests = nil
	})
	content[0] = complete("b", "2") // so every scope is told
	s.wide("run-2", n, content)
	s.drained()
	c.mu.Lock()
	defer c.mu.Unlock()
	if got := strings.Count(strings.Join(c.requests, " "), "capture"); got != n+1 {
		t.Errorf("%d captures were opened, want one for each of %d scopes and one again", got, n)
	}
	if len(c.scopes) != n || len(c.scopes["c1/server{n=0}"].rows) != 1 || len(c.scopes["c1/server{n=500}"].rows) != 1 {
		t.Errorf("%d scopes", len(c.scopes))
	}
}
