package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"maestro.internal/internal/rest"
)

// TestDrainWaits: what an agent waits for is a line in a pipe each time it changes; the end is said once, and that somebody took the
// drain back ends the waiting with an error.
func TestDrainWaits(t *testing.T) {
	steps := []*rest.AgentDrain{{State: "draining", Waits: "for the agent to confirm"}, {State: "draining", Waits: "for runs to end: 1", Runs: 1}, {State: "drained"}}
	var asked int
	agent := func() rest.Agent {
		return rest.Agent{ID: "a1", Name: "fra\x1b[2J", Status: "online", Drain: steps[min(asked, len(steps)-1)]}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any
		switch r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/v1") {
		case "GET /agents":
			answer = rest.List[rest.Agent]{Items: []rest.Agent{{ID: "a1", Name: "fra"}, {ID: "a2", Name: "two"}, {ID: "a3", Name: "two"}}}
		case "POST /agents/a1/drain":
			asked = 0
			answer = agent()
		case "GET /agents/a1":
			asked++
			answer = agent()
		default:
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	run := func(args ...string) (int, string, string) {
		var out, errs strings.Builder
		now := time.Now()
		clock := func() time.Time { // lines in a pipe keep a distance
			now = now.Add(time.Minute)
			return now
		}
		env := Environment{In: strings.NewReader(""), Out: &out, Err: &errs, Now: clock, Getenv: func(k string) string {
			return map[string]string{"MAESTRO_URL": server.URL, "MAESTRO_TOKEN": "x"}[k]
		}}
		return Main(args, env), out.String(), errs.String()
	}
	code, out, errs := run("agents", "drain", "fra", "--wait")
	if code != exitOK || strings.Count(out, "is drained: it can be stopped") != 1 || !strings.Contains(errs, "it waits for the agent to confirm\n") || !strings.Contains(errs, "it waits for runs to end: 1\n") || strings.Contains(out+errs, "\x1b") {
		t.Errorf("%d\n%s\n%s", code, out, errs)
	}
	for name, want := range map[string]int{"two": exitUsage, "nobody": exitNotFound} {
		if code, _, errs := run("agents", "drain", name); code != want {
			t.Errorf("%s: %d %s", name, code, errs)
		}
	}
	steps = []*rest.AgentDrain{{State: "draining"}, nil}
	if code, _, errs := run("agents", "drain", "a1", "-w"); code != exitFailed || !strings.Contains(errs, "somebody has it take work again") {
		t.Errorf("%d %s", code, errs)
	}
}
