package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"maestro.internal/cli"
	"maestro.internal/internal/rest"
)

// TestRemovals: what is asked of the collector for each decision, and with which reason; the real thing is proven end to end.
func TestRemovals(t *testing.T) {
	held := rest.HeldRemoval{ID: "h1", Connection: rest.Ref{ID: "c1", Name: "vcenter"}, Kind: "server", State: "held", Count: 30, ScopeSize: 40, RunID: "r1", HeldAt: time.Now(),
		Items: []rest.Ref{{ID: "s1", Name: "web\x1b[2J"}}}
	var asked []string
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/removals", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, rest.List[rest.HeldRemoval]{Items: []rest.HeldRemoval{held}, TotalSize: 1})
	})
	mux.HandleFunc("GET /api/v1/removals/h1", func(w http.ResponseWriter, _ *http.Request) { answer(w, held) })
	mux.HandleFunc("POST /api/v1/removals/{id}/{verb}", func(w http.ResponseWriter, r *http.Request) {
		var d rest.Decision
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
			t.Error(err)
		}
		if r.PathValue("id") != "h1" {
			w.WriteHeader(http.StatusNotFound)
			answer(w, rest.Problem{Status: 404, Title: "Not Found", Detail: "There is no such removal."})
			return
		}
		asked = append(asked, fmt.Sprintf("%s %s: %s", r.PathValue("verb"), r.PathValue("id"), d.Reason))
		answer(w, held)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	env := map[string]string{"HOME": t.TempDir(), "MAESTRO_URL": server.URL, "MAESTRO_TOKEN": "token"}
	for _, tc := range []struct {
		args  string
		code  int
		says  string
		asked string
	}{
		{"removals", 0, "vcenter", ""},
		{"removals h1", 0, "the first 1 are shown", ""},
		{"removals h1", 0, "web�[2J", ""},
		{"removals approve h1 --reason off", 0, "h1", "approve h1: off"},
		{"removals refuse h1", 0, "h1", "refuse h1: "},
		{"removals approve h2", 5, "no such removal", ""},
		{"removals approve", 2, "want maestro removals approve ID..., and 0 came", ""},
	} {
		asked = nil
		var out lockedText
		code := cli.Main(strings.Fields(tc.args), cli.Environment{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now, Getenv: func(k string) string { return env[k] }})
		if code != tc.code || !strings.Contains(out.String(), tc.says) || strings.Join(asked, ", ") != tc.asked {
			t.Errorf("%s: exit %d, asked %q, said\n%s", tc.args, code, asked, out.String())
		}
	}
}
