//go:build unix

package host_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// tally is a sink for many scopes.
type tally struct {
	scopes []resource.Scope
	done   []bool
	found  int
	t      *testing.T
}

func (c *tally) Resources(at int, batch []resource.Envelope) error {
	for _, env := range batch {
		if account, _ := c.scopes[at].Partition.Get("account"); env.ExternalID != account {
			c.t.Errorf("%s is said of scope %s", env.ExternalID, c.scopes[at])
		}
	}
	c.found += len(batch)
	return nil
}

func (c *tally) Progress(int, int, int) error { return nil }

func (c *tally) ScopeDone(at int, out resource.Outcome) error {
	if c.done[at] || out.Status != resource.StatusComplete {
		return fmt.Errorf("scope %s ends as %s, before %v: %s", c.scopes[at], out.Status, c.done[at], out.Error)
	}
	c.done[at] = true
	return nil
}

// TestALargeOrganisation is a plan that no message holds, through a real process: 120,000 scopes are those of 200 accounts in
// 17 regions with all kinds.
func TestALargeOrganisation(t *testing.T) {
	const want = 120_000
	p := launch(t, config(t, "sparse"))
	large := provider.Connection{ID: "c1", Settings: json.RawMessage(fmt.Sprintf(`{"scopes":%d}`, want/2))}
	began := time.Now()
	plan, err := p.Plan(t.Context(), large, []string{"demo.thing", "demo.other"})
	if err != nil || len(plan.Scopes) != want || !plan.Complete {
		t.Fatalf("%d scopes, complete %v: %v", len(plan.Scopes), plan.Complete, err)
	}
	planned := time.Since(began)
	sink := &tally{scopes: plan.Scopes, done: make([]bool, want), t: t}
	if err := p.Discover(t.Context(), large, plan.Scopes, sink); err != nil {
		t.Fatal(err)
	}
	for i, done := range sink.done {
		if !done {
			t.Fatalf("scope %s has no outcome", plan.Scopes[i])
		}
	}
	if accounts := 2 * ((want/2 + 16) / 17); sink.found != accounts {
		t.Errorf("%d things, want %d", sink.found, accounts)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err == nil {
		t.Logf("plan %s, all %s; of the plugin %s", planned.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), regexp.MustCompile(`VmHWM:.*`).Find(status))
	}
}
