package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"maestro.internal/cli"
	"maestro.internal/internal/rest"
)

// TestDecisions: what is sent for a decision, and that it is on the version that is there now.
func TestDecisions(t *testing.T) {
	var got []string
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("GET /api/v1/connections", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, rest.List[rest.Connection]{Items: []rest.Connection{{ID: "c1", Name: "facts"}}})
	})
	mux.HandleFunc("GET /api/v1/resources/server/r1", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, rest.Resource{ID: "r1", Version: 7})
	})
	mux.HandleFunc("POST /api/v1/", func(w http.ResponseWriter, r *http.Request) {
		var body any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		text, err := json.Marshal(body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, strings.TrimSpace(strings.TrimPrefix(r.URL.Path, "/api/v1/")+" "+r.Header.Get("If-Match")+" "+string(text)))
		if strings.Contains(r.URL.Path, "review") {
			answer(w, rest.ReviewItem{ID: "i1", Type: "bridge", State: "apart", Resources: []rest.ResourceHead{{Name: "web"}, {Name: "clone"}}})
			return
		}
		answer(w, rest.Resource{ID: "r1", Name: "web", Version: 8, Observations: []rest.Observation{{Connection: &rest.Ref{ID: "c1", Name: "facts"}, ExternalID: "web01",
			Match: "matched on serial, rank 3; addresses conflict"}}, Absorbed: []rest.Ref{{ID: "r2", Name: "clone"}}})
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	env := map[string]string{"HOME": t.TempDir(), "MAESTRO_URL": server.URL, "MAESTRO_TOKEN": "token"}
	for _, tc := range []struct {
		args string
		code int
		sent string
		out  []string
	}{
		{"merge server r1 r2 --reason same", 0, `resources/server/r1/merge "7" {"reason":"same","with":"r2"}`, []string{"matched on serial, rank 3; addresses conflict", "clone r2"}},
		{"split server r1 --resource r2", 0, `resources/server/r1/split "7" {"resource":"r2"}`, []string{"web"}},
		{"split server r1 --observation facts/a/b", 0, `resources/server/r1/split "7" {"observations":[{"connection":"c1","external_id":"a/b"}]}`, []string{"web"}},
		{"split server r1", 2, "", []string{"--resource or --observation"}},
		{"split server r1 --observation facts", 2, "", []string{"connection/external id"}},
		{"split server r1 --observation nowhere/x", 5, "", []string{"no connection"}},
		{"review keep-apart i1", 0, `review-items/i1/keep-apart  {}`, []string{"apart", "web", "clone"}},
		{"review merge i1 --reason seen", 0, `review-items/i1/merge  {"reason":"seen"}`, []string{"i1"}},
	} {
		t.Run(tc.args, func(t *testing.T) {
			got = nil
			var out bytes.Buffer
			code := cli.Main(strings.Fields(tc.args), cli.Environment{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now,
				Getenv: func(k string) string { return env[k] }})
			if code != tc.code || strings.Join(got, "\n") != tc.sent {
				t.Errorf("exit %d, sent %q; want %d, %q\n%s", code, got, tc.code, tc.sent, out.String())
			}
			for _, want := range tc.out {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in\n%s", want, out.String())
				}
			}
		})
	}
}
