package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"maestro.internal/cli"
	"maestro.internal/internal/rest"
)

// TestTokensAndAccessTakeNames: what is asked of the collector where people name things; what it decides is proven there.
func TestTokensAndAccessTakeNames(t *testing.T) {
	now := time.Now()
	var asked []string
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	lists := map[string]any{
		"/api/v1/tokens": rest.List[rest.Token]{Items: []rest.Token{{ID: "t1", Name: "backup", Role: "reader", CreatedAt: now, ExpiresAt: now.Add(71*time.Hour + 59*time.Minute)}}},
		"/api/v1/teams":  rest.List[rest.Team]{Items: []rest.Team{{ID: "m1", Name: "Operations"}}},
		"/api/v1/datacenters": rest.List[rest.Datacenter]{Items: []rest.Datacenter{{ID: "d1", Name: "FRA1"},
			{ID: "d2", Name: "twice"}, {ID: "d3", Name: "Twice"}}},
		"/api/v1/connections":      rest.List[rest.Connection]{Items: []rest.Connection{{ID: "c1", Name: "lab"}}},
		"/api/v1/resources/server": rest.List[rest.Resource]{Items: []rest.Resource{{ID: "r1", Name: "web-1"}}, TotalSize: 1},
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if list, ok := lists[r.URL.Path]; ok && r.Method == http.MethodGet {
			answer(w, list)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/v1/resources/") {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			answer(w, rest.Problem{Status: 404, Title: "Not Found", Detail: "There is none."})
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		asked = append(asked, strings.TrimSpace(r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v1")+" "+r.URL.Query().Get("subject")+string(body)))
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/api/v1/tokens":
			answer(w, rest.Token{ID: "t2", Name: "ci", Role: "none", CreatedAt: now, Secret: "mst_secret"})
		case strings.HasSuffix(r.URL.Path, "/access/datacenter/d1"):
			answer(w, rest.AccessTo{Grants: []rest.Grant{{ID: "g1", Subject: rest.AccessSubject{Type: "team", ID: "m1"}}}})
		default:
			answer(w, map[string]any{})
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	env := map[string]string{"HOME": t.TempDir(), "MAESTRO_URL": server.URL, "MAESTRO_TOKEN": "token"}
	for _, tc := range []struct {
		args, says, asked string
		code              int
	}{
		{"tokens", "in 3 d", "", 0},
		{"tokens create ci --role none --ttl 24h", "Secret, shown this once: mst_secret", `POST /tokens {"name":"ci","role":"none","ttl_seconds":86400}`, 0},
		{"tokens create ci --ttl 1500ms", "whole seconds", "", 2},
		{"tokens delete Backup", "", "DELETE /tokens/t1", 0},
		{"tokens delete t1", "", "DELETE /tokens/t1", 0},
		{"tokens delete nothing", `there is no token "nothing"`, "", 5},
		{"access datacenter fra1", "", "GET /access/datacenter/d1", 0},
		{"access datacenter twice", "use an id of datacenter: d2, d3", "", 2},
		{"access connection lab", "", "GET /access/connection/c1", 0},
		{"access server web-1", "", "GET /access/server/r1", 0},
		{"access tenant default", "", "GET /access/tenant/default", 0},
		{"access explain anna server web-1", "", "GET /access/server/r1/explain user:anna", 0},
		{"access explain token:backup server web-1", "", "GET /access/server/r1/explain token:t1", 0},
		{"access grant write team:operations datacenter FRA1", "", `POST /grants {"subject":{"type":"team","id":"m1"},"right":"write","target":{"kind":"datacenter","id":"d1"}}`, 0},
		{"access grant write robot:x datacenter FRA1", "want user:NAME, team:NAME or token:NAME", "", 2},
		{"access revoke team:Operations datacenter FRA1", "", "GET /access/datacenter/d1; DELETE /grants/g1", 0},
		{"users reset-factor anna", "", "DELETE /users/anna/second-factor", 0},
		{"users sessions anna --end", "", "DELETE /users/anna/sessions", 0},
	} {
		asked = nil
		var out lockedText
		code := cli.Main(strings.Fields(tc.args), cli.Environment{In: strings.NewReader(""), Out: &out, Err: &out, Now: func() time.Time { return now }, Getenv: func(k string) string { return env[k] }})
		if got := strings.Join(asked, "; "); code != tc.code || !strings.Contains(out.String(), tc.says) || got != tc.asked {
			t.Errorf("%s: exit %d, asked %s\nwant %s\n%s", tc.args, code, got, tc.asked, out.String())
		}
	}
	lists["/api/v1/teams"] = rest.List[rest.Team]{Items: []rest.Team{}}
	var out lockedText
	if code := cli.Main([]string{"teams"}, cli.Environment{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now, Getenv: func(k string) string { return env[k] }}); code != 0 || out.String() != "None.\n" {
		t.Errorf("exit %d: %s", code, out.String())
	}
}
