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

// TestUsersAndRoles: what is asked of the collector; the rules are proven where they are decided.
func TestUsersAndRoles(t *testing.T) {
	var asked []string
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	anna := rest.User{Username: "anna", DisplayName: "Anna", Role: "reader", Version: 4}
	ops := rest.Role{Name: "operations", Description: "Runs things", Groups: []string{"operators"}, Version: 2, Users: 1}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/users", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, rest.List[rest.User]{Items: []rest.User{anna, {Username: "ben\x1b[2J", Role: "none", Invited: true, Groups: []string{"operators"}}}})
	})
	mux.HandleFunc("GET /api/v1/users/anna", func(w http.ResponseWriter, _ *http.Request) { answer(w, anna) })
	mux.HandleFunc("GET /api/v1/roles", func(w http.ResponseWriter, _ *http.Request) { answer(w, rest.List[rest.Role]{Items: []rest.Role{ops}}) })
	mux.HandleFunc("GET /api/v1/roles/operations", func(w http.ResponseWriter, _ *http.Request) { answer(w, ops) })
	mux.HandleFunc("GET /api/v1/everybody", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, rest.Everybody{Groups: []string{}, Version: 3})
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		answer(w, rest.Problem{Status: 404, Title: "Not Found", Detail: "There is none."})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		asked = append(asked, strings.TrimSpace(strings.Join([]string{r.Method, strings.TrimPrefix(r.URL.Path, "/api/v1"), r.Header.Get("If-Match"), string(body)}, " ")))
		if r.URL.Path == "/api/v1/users" {
			answer(w, rest.UserInvited{User: anna, Link: rest.UserLink{Link: "https://m/#secret", Mailed: true}})
			return
		}
		if strings.HasSuffix(r.URL.Path, "/link") {
			answer(w, rest.UserLink{Link: "/link#secret"}) // of a collector that does not know its public address
			return
		}
		answer(w, map[string]any{})
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	env := map[string]string{"HOME": t.TempDir(), "MAESTRO_URL": server.URL, "MAESTRO_TOKEN": "token"}
	for _, tc := range []struct {
		args, says, asked string
		code              int
	}{
		{"users", "anna", "", 0},
		{"users", "group operators (in place of the role none)", "", 0},
		{"users invite carla --mail c@example.org --group operators", "https://m/#secret (sent by mail too)", `POST /users  {"username":"carla","email":"c@example.org","role":"reader","groups":["operators"]}`, 0},
		{"users role anna operations", "", `PUT /users/anna "4" {"display_name":"Anna","email":"","role":"operations","disabled":false}`, 0},
		{"users disable anna", "", `PUT /users/anna "4" {"display_name":"Anna","email":"","role":"reader","disabled":true}`, 0},
		{"users disable nobody", "There is none", "", 5},
		{"users link anna", "Link, shown this once: " + server.URL + "/link#secret", `POST /users/anna/link`, 0},
		{"users delete anna", "", "DELETE /users/anna", 0},
		{"roles", "operators", "", 0},
		{"roles set operations operators read_only", "", `PUT /roles/operations "2" {"description":"Runs things","groups":["operators","read_only"]}`, 0},
		{"roles set new", "", `POST /roles  {"name":"new","groups":[]}`, 0},
		{"roles set-group g read run.request --description x", "", `POST /permission-groups  {"name":"g","description":"x","actions":["read","run.request"]}`, 0},
		{"roles everybody", "EVERYBODY HAS", "", 0},
		{"roles everybody read_only", "", `PUT /everybody "3" {"groups":["read_only"]}`, 0},
		{"roles everybody --nothing", "", `PUT /everybody "3" {"groups":[]}`, 0},
		{"roles delete operations", "", "DELETE /roles/operations", 0},
		{"roles delete-group g", "", "DELETE /permission-groups/g", 0},
	} {
		asked = nil
		var out lockedText
		code := cli.Main(strings.Fields(tc.args), cli.Environment{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now, Getenv: func(k string) string { return env[k] }})
		if got := strings.Join(asked, "; "); code != tc.code || !strings.Contains(out.String(), tc.says) || got != tc.asked {
			t.Errorf("%s: exit %d, asked %s\nwant %s\n%s", tc.args, code, got, tc.asked, out.String())
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Errorf("%s moves the terminal", tc.args)
		}
	}
}
