package api

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"maestro.internal/collector/internal/access"
)

// operation is one of the OpenAPI document, with its parameters filled in by something that is nowhere.
type operation struct {
	id, method, path string
	public           bool
}

// own says that everyone may do it, with what is his own.
func (o operation) own() bool {
	return slices.Contains([]string{"get-session", "sign-out", "change-password", "get-profile", "update-profile", "list-sessions", "end-session",
		"end-other-sessions", "begin-second-factor", "confirm-second-factor", "turn-off-second-factor", "make-recovery-codes",
		"set-own-picture", "delete-own-picture", "get-picture", "choose-language", "unlink-provider",
		"list-own-tenants", "enter-tenant", "list-own-summaries", "search-own-tenants", "list-own-resources", "list-own-connections", "list-own-agents", "list-own-runs"}, o.id) ||
		strings.HasSuffix(o.id, "-subscription") || strings.HasSuffix(o.id, "-subscriptions") || strings.HasSuffix(o.id, "-notification") || strings.HasSuffix(o.id, "-notifications") || o.id == "renew-subscription-secret"
}

func operations(t *testing.T) []operation {
	t.Helper()
	text, err := Document()
	must(t, err)
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string            `json:"operationId"`
			Security    *[]map[string]any `json:"security"`
		} `json:"paths"`
	}
	must(t, json.Unmarshal(text, &doc))
	var all []operation
	for path, methods := range doc.Paths {
		path = strings.ReplaceAll(path, "{kind}", "server")
		path = regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, "0198d5a2-0000-7000-8000-000000000000")
		for method, op := range methods {
			all = append(all, operation{id: op.OperationID, method: strings.ToUpper(method), path: path, public: op.Security != nil && len(*op.Security) == 0})
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d operations", len(all))
	}
	return all
}

func TestEverythingButSignInNeedsALogin(t *testing.T) {
	w := newWorld(t)
	for _, op := range operations(t) {
		if op.public {
			if !slices.Contains([]string{"sign-in", "use-link", "forgotten-password", "list-sign-in-ways", "sign-in-code", "get-logo"}, op.id) {
				t.Errorf("%s is public", op.id)
			}
			continue
		}
		for name, header := range map[string][]string{
			"nothing": nil, "a wrong token": {"Authorization", "Bearer mst_x"}, "another scheme": {"Authorization", "Basic YTpi"},
			"a wrong cookie": {"Cookie", "maestro_session=x", "X-Maestro-CSRF", "1"},
		} {
			if a := w.ask("", op.method, op.path, nil, header...); a.status != http.StatusUnauthorized {
				t.Errorf("%s %s with %s: %d: %s", op.method, op.path, name, a.status, a.body)
			}
		}
	}
	for _, path := range []string{"/api/v1/openapi.json", "/api/v1/", "/api/v1/none", "/api/v2"} {
		w.ask("", "GET", path, nil).problem(401)
	}
}

// Asking needs no body: rights come before what the request says.
func TestAReaderMayChangeNothing(t *testing.T) {
	w := newWorld(t)
	for _, op := range operations(t) {
		if op.method == "GET" || op.public || op.own() || slices.Contains([]string{"create-view", "update-view", "delete-view", "export-chosen-resources"}, op.id) { // his own views are a reader's to change; an export changes nothing
			continue
		}
		if a := w.ask(w.reader, op.method, op.path, nil); a.status != http.StatusForbidden {
			t.Errorf("%s %s: %d: %s", op.method, op.path, a.status, a.body)
		}
	}
	for _, path := range []string{"/api/v1/tokens", "/api/v1/join-tokens", "/api/v1/users", "/api/v1/users/anna"} {
		w.ask(w.reader, "GET", path, nil).problem(403)
	}
}

func TestARoleOfNothingSeesNothing(t *testing.T) {
	w := newWorld(t)
	w.user("guest", access.RoleNone)
	cookie := w.signIn("guest")
	for _, op := range operations(t) {
		if op.method != "GET" || op.own() || op.public {
			continue
		}
		if a := w.ask("", op.method, op.path, nil, "Cookie", cookie); a.status != http.StatusForbidden {
			t.Errorf("%s: %d: %s", op.id, a.status, a.body)
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	w := newWorld(t)
	w.ask(w.admin, "GET", "/api/v1/none", nil).problem(404)
	a := w.ask(w.admin, "PUT", "/api/v1/tokens", nil)
	a.problem(405)
	if got := a.header.Get("Allow"); got != "GET, POST" {
		t.Errorf("Allow: %q", got)
	}
	w.ask(w.admin, "GET", "/api/v1/tokens?surprise=1", nil).problem(422)
	w.ask(w.admin, "GET", "/api/v1/tokens?page_size=1001", nil).problem(422)
	w.ask(w.admin, "GET", "/api/v1/tokens?page_token=x", nil).problem(400)
	if got := w.ask(w.reader, "GET", "/api/v1/openapi.json", nil).is(200).header.Get("Content-Type"); got != "application/openapi+json" {
		t.Errorf("Content-Type %q", got)
	}
}

func TestLongAnswersTravelCompressed(t *testing.T) {
	w := newWorld(t)
	long := w.ask(w.reader, "GET", "/api/v1/kinds", nil, "Accept-Encoding", "gzip").is(200)
	short := w.ask(w.reader, "GET", "/api/v1/session", nil, "Accept-Encoding", "gzip").is(200)
	if long.header.Get("Content-Encoding") != "gzip" || short.header.Get("Content-Encoding") != "" {
		t.Errorf("long %q, short %q", long.header.Get("Content-Encoding"), short.header.Get("Content-Encoding"))
	}
}

// A page of another site can neither read an answer nor send what a plain form can send; a browser takes no answer for a page.
func TestOtherSitesReadAndSendNothing(t *testing.T) {
	w := newWorld(t)
	for _, op := range operations(t) {
		a := w.ask(w.admin, "OPTIONS", op.path, nil, "Origin", "https://elsewhere.example", "Access-Control-Request-Method", op.method)
		if a.status < 400 {
			t.Errorf("%s answers a browser's question whether others may: %d", op.path, a.status)
		}
		if op.method == "POST" && !op.own() { // what is one's own would be done here
			for _, form := range []string{"application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"} {
				if f := w.ask(w.admin, op.method, op.path, json.RawMessage(`{}`), "Content-Type", form, "Origin", "https://elsewhere.example"); f.status < 400 {
					t.Errorf("%s %s as %s: %d", op.method, op.path, form, f.status)
				}
			}
		}
		if op.method == "GET" && !strings.HasSuffix(op.path, "/events") {
			a = w.ask(w.admin, "GET", op.path, nil, "Origin", "https://elsewhere.example")
		}
		for name := range a.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s %s: %s: %s", op.method, op.path, name, a.header.Get(name))
			}
		}
		if kind := a.header.Get("Content-Type"); strings.Contains(kind, "html") || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %q may be taken for a page", op.method, op.path, kind)
		}
	}
}
