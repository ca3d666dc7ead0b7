package cli_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/cli"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/schema"
)

// TestTransferCommands: what is sent, how the end is waited for, and what a person reads of it.
func TestTransferCommands(t *testing.T) {
	var sent []string
	polls := 0
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	note := func(r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		sent = append(sent, strings.TrimSpace(r.Method+" "+r.URL.Path+"?"+r.URL.RawQuery+" "+string(b)))
	}
	begin := func(w http.ResponseWriter, r *http.Request) {
		note(r)
		polls = 0
		answer(w, rest.Operation{ID: "op1", State: "running", Phase: "checking"})
	}
	mux.HandleFunc("POST /api/v1/imports", begin)
	mux.HandleFunc("POST /api/v1/edits", begin)
	mux.HandleFunc("POST /api/v1/operations/op1/undo", begin)
	mux.HandleFunc("GET /api/v1/operations/{id}", func(w http.ResponseWriter, r *http.Request) {
		if polls++; polls < 2 && len(sent) > 0 {
			answer(w, rest.Operation{ID: "op1", State: "running", Rows: 7})
			return
		}
		op := rest.Operation{ID: "op1", State: "done", Rows: 2, Updated: 1, Unchanged: 1,
			Sample: []rest.OperationChange{{Row: 2, Resource: rest.Ref{ID: "r1", Name: "web1"}, Action: "updated", Diff: []rest.FieldChange{{Pointer: "/region", Old: "a", New: "b"}}}}}
		if len(sent) > 0 && strings.Contains(sent[0], "wrong.csv") {
			op = rest.Operation{ID: "op1", State: "refused", Refused: 1, Errors: []rest.OperationError{{Row: 3, Column: "cpu_count", Message: `"many" is no number`}}}
		}
		if len(sent) > 0 && strings.Contains(sent[0], "name=many") {
			op = rest.Operation{ID: "op1", State: "asked", Approval: "ap1", Updated: 81, Unchanged: 47}
		}
		answer(w, op)
	})
	mux.HandleFunc("GET /api/v1/kinds/server", func(w http.ResponseWriter, _ *http.Request) {
		k, _ := schema.Lookup("server")
		answer(w, rest.KindInfo{Kind: *k, CommonFields: schema.CommonFields()})
	})
	mux.HandleFunc("GET /api/v1/exports/server", func(w http.ResponseWriter, r *http.Request) {
		note(r)
		if _, err := io.WriteString(w, "name\nweb1\n"); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	dir := t.TempDir()
	for _, name := range []string{"servers.csv", "wrong.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("name\nweb1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"HOME": t.TempDir(), "MAESTRO_URL": server.URL, "MAESTRO_TOKEN": "token"}
	for _, tc := range []struct {
		args string
		code int
		out  string
		sent string
	}{
		{"import " + dir + "/servers.csv --kind server --dry-run", 0, "web1", "POST /api/v1/imports?dry_run=true&file=servers.csv&kind=server&skip_errors=false name\nweb1"},
		{"import " + dir + "/wrong.csv --kind server", 1, `"many" is no number`, "POST /api/v1/imports?dry_run=false&file=wrong.csv&kind=server&skip_errors=false name\nweb1"},
		{"import " + dir + "/nowhere.csv --kind server", 2, "no such file", ""},
		{"edit server -f name=web1 --set environment=production --set cpu_count=4 --set tags.a/b=x --reset owner.name --expect 3", 0, "1 updated",
			`POST /api/v1/edits? {"kind":"server","filter":"name=web1","set":{"/attributes/cpu_count":4,"/common/environment":"production","/tags/a~1b":"x"},"reset":["/common/owner/name"],"expect":3}`},
		{"edit server -f name=web1 --set memory=4", 2, `server has no field "memory"`, ""},
		{"edit server -f name=web1 --set cpu_count=many", 2, `"many" should be integer`, ""},
		{"edit server -f name=many --set environment=production", 0, "Nothing was written yet: 0 would be created, 81 would be updated, 47 unchanged · waits for approval ap1 (maestro approvals show ap1)",
			`POST /api/v1/edits? {"kind":"server","filter":"name=many","set":{"/common/environment":"production"}}`},
		{"edit server -f name=many --set environment=production -o json", 0, `"approval": "ap1"`, `POST /api/v1/edits? {"kind":"server","filter":"name=many","set":{"/common/environment":"production"}}`},
		{"undo op1 --dry-run", 0, "1 updated", `POST /api/v1/operations/op1/undo? {"dry_run":true}`},
		{"operations op1", 0, "web1", ""},
		{"export server -f name=web1 --columns id,name", 0, "name\nweb1\n", "GET /api/v1/exports/server?columns=id%2Cname&filter=name%3Dweb1&format=csv"},
		{"export server --file " + dir + "/out.xlsx", 0, "", "GET /api/v1/exports/server?format=xlsx"},
	} {
		sent = nil
		var out bytes.Buffer
		code := cli.Main(strings.Split(tc.args, " "), cli.Environment{In: strings.NewReader(""), Out: &out, Err: &out,
			Getenv: func(k string) string { return env[k] }, Now: time.Now})
		if code != tc.code || !strings.Contains(out.String(), tc.out) {
			t.Errorf("%s: code %d, %s", tc.args, code, out.String())
		}
		if got := strings.Join(sent, "\n"); got != tc.sent {
			t.Errorf("%s: sent\n%s\nwant\n%s", tc.args, got, tc.sent)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "out.xlsx")); err != nil || string(b) != "name\nweb1\n" {
		t.Errorf("%q %v", b, err)
	}
}
