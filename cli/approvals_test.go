package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"maestro.internal/cli"
	"maestro.internal/internal/rest"
)

// TestApprovals: what is asked of the collector, and what a person is told; that it is decided so is proven end to end.
func TestApprovals(t *testing.T) {
	now := time.Now()
	newcomer := rest.Approval{ID: "a1", Kind: "agent_enrolment", State: "pending", Title: "Let in the agent fra", Count: 1, RequestedBy: "user:ada", RequestedAt: now, Needed: 2, Approvals: 1,
		WhyNot: "You asked for this; another person has to decide it.", ExpiresAt: now.Add(time.Hour),
		Enrolment: &rest.ApprovalEnrolment{Name: "fra\x1b[2J", Hostname: "host-1", OS: "linux", Arch: "amd64", Version: "1.2.3", Address: "10.0.0.7", Fingerprint: "sha256:ab12"}}
	merged := rest.Approval{ID: "a2", Kind: "merge", State: "failed", Title: "Merge server b into a", Count: 2, RequestedBy: "user:ada", RequestedAt: now, Problem: "the other resource was merged already",
		Refs: []rest.Ref{{Kind: "server", ID: "s1", Name: "a"}, {Kind: "server", ID: "s2", Name: "b"}}}
	edited := rest.Approval{ID: "a4", Kind: "bulk_edit", State: "pending", Title: "Edit resources of kind server: 81", Count: 81, RequestedBy: "user:ada", RequestedAt: now, Needed: 1, Operation: "op1",
		Refs: []rest.Ref{{Kind: "server", ID: "s1", Name: "a"}}, Edit: &rest.ApprovalEdit{Kind: "server", Filter: `name : "web*"`, Found: 128, Fields: []string{"/attributes/custom/door", "/common/environment", "/datacenter", "/tags/old"}, Reset: []string{"/common/owner/name"},
			Set:     []rest.ApprovalField{{Pointer: "/common/environment", Value: "production"}, {Pointer: "/datacenter", Value: "01a1", Name: "FRA1"}, {Pointer: "/tags/old"}},
			Changes: []rest.OperationChange{{Resource: rest.Ref{Kind: "server", ID: "s1", Name: "a"}, Action: "updated", Diff: []rest.FieldChange{{Pointer: "/common/environment", Old: "lab", New: "production"}, {Pointer: "/datacenter", Old: "02b2", OldName: "LON2", New: "01a1", NewName: "FRA1"}}}}}}
	rules := rest.ApprovalRules{Version: 3, Items: []rest.ApprovalRule{{Kind: "removal", Required: true, Persons: 1}, {Kind: "bulk_edit", Over: 100, Persons: 1, ExpiresAfterHours: 168}, {Kind: "merge", Persons: 1}}}
	var asked []string
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/approvals", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, "list "+r.URL.Query().Get("filter"))
		answer(w, rest.List[rest.Approval]{Items: []rest.Approval{newcomer, merged}, TotalSize: 2})
	})
	mux.HandleFunc("GET /api/v1/approvals/{id}", func(w http.ResponseWriter, r *http.Request) {
		switch r.PathValue("id") {
		case "a1":
			answer(w, newcomer)
		case "a2":
			answer(w, merged)
		case "a4":
			answer(w, edited)
		default:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			answer(w, rest.Problem{Status: 404, Title: "Not Found", Detail: "There is no such approval."})
		}
	})
	mux.HandleFunc("POST /api/v1/approvals/{id}/{verb}", func(w http.ResponseWriter, r *http.Request) {
		var d rest.Decision
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
			t.Error(err)
		}
		asked = append(asked, r.PathValue("verb")+" "+r.PathValue("id")+": "+d.Reason)
		answer(w, merged)
	})
	mux.HandleFunc("GET /api/v1/approval-rules", func(w http.ResponseWriter, _ *http.Request) { answer(w, rules) })
	mux.HandleFunc("PUT /api/v1/approval-rules", func(w http.ResponseWriter, r *http.Request) {
		var body rest.ApprovalRulesWrite
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		for i, x := range body.Items {
			if before := rules.Items[i]; x.Required != before.Required || x.Persons != before.Persons || x.Over != before.Over {
				b, err := json.Marshal(x)
				if err != nil {
					t.Error(err)
				}
				asked = append(asked, r.Header.Get("If-Match")+" "+string(b))
			}
		}
		answer(w, rest.ApprovalRules{Version: 4, Items: body.Items})
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
		{"approvals -f state=pending", 0, "1 of 2", "list state=pending"},
		{"approvals show a1", 0, "came from 10.0.0.7 with the key sha256:ab12", ""},
		{"approvals show a1", 0, "fra\uFFFD[2J on host-1", ""},
		{"approvals show a1", 0, "you cannot decide it: You asked for this", ""},
		{"approvals show a2", 0, "the other resource was merged already", ""},
		{"approvals show a4", 0, "LON2", ""},
		{"approvals show a4", 0, `name : "web*" finds 128 of kind server, 81 of them change; custom.door becomes what you may not read, environment becomes production, datacenter becomes FRA1, tags.old is hidden, owner.name is handed back to discovery`, ""},
		{"approvals show a4", 0, "the first 1 of 81 are shown", ""},
		{"approvals show a3", 5, "no such approval", ""},
		{"approvals approve a2 --reason agreed", 0, "Merge server b into a", "approve a2: agreed"},
		{"approvals refuse a2", 0, "a2", "refuse a2: "},
		{"approvals withdraw a2", 0, "a2", "withdraw a2: "},
		{"approvals rules", 0, "168 h", ""},
		{"approvals rules merge --required --persons 2", 0, "merge", `3 {"kind":"merge","required":true,"expires_after_hours":0,"persons":2,"requester_may_decide":false}`},
		{"approvals rules nothing --required", 2, "removal, bulk_edit, merge", ""},
	} {
		asked = nil
		var out lockedText
		code := cli.Main(strings.Fields(tc.args), cli.Environment{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now, Getenv: func(k string) string { return env[k] }})
		if got := strings.ReplaceAll(strings.Join(asked, ", "), `"3"`, "3"); code != tc.code || !strings.Contains(out.String(), tc.says) || got != tc.asked {
			t.Errorf("%s: exit %d, asked %q, said\n%s", tc.args, code, got, out.String())
		}
	}
}
