//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// keepers hold a secret on purpose, and each only the ones named: its owner reads them there.
var keepers = map[string][]string{
	"dev.json":                     {"admin password", "API token"},
	"collector/initial-admin.json": {"admin password"},
	"join-token":                   {"join token"},
	"vcenter.password":             {"vCenter password"},
	"demo-ready.json":              {"vCenter password"},
	"demo/demo-identity.json":      {"vCenter password"},
}

func TestSecretsAreNowhere(t *testing.T) {
	d := startDev(t, workshop(t), 40)
	secrets := map[string]string{"vCenter password": d.demo.Password, "API token": d.info.APIToken, "admin password": d.info.Password}
	used, err := os.ReadFile(filepath.Join(d.data, "join-token"))
	if err != nil {
		t.Fatal(err)
	}
	secrets["join token"] = strings.TrimSpace(string(used))
	secrets["session cookie"] = signIn(t, d)
	var fresh struct {
		Token string `json:"token"`
	}
	d.call(http.MethodPost, "/join-tokens", map[string]any{"name": "second", "ttl_seconds": 600}, &fresh)
	secrets["second join token"] = fresh.Token
	for name, s := range secrets {
		if len(s) < 12 {
			t.Fatalf("%s is %d characters long: the test does not look right", name, len(s))
		}
	}
	// Work that touches each secret: a login at the vCenter, failing ones at the collector, secrets given at the wrong places.
	if out, errs, code := d.cli([]string{"MAESTRO_URL=" + d.info.URL, "MAESTRO_TOKEN=" + d.info.APIToken}, "run", "demo vCenter", "--wait"); code != 0 {
		t.Fatalf("run: %s%s", out, errs)
	}
	typed := filepath.Join(d.work, "typed")
	if err := os.WriteFile(typed, []byte(d.demo.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, code := d.cli([]string{"MAESTRO_URL=" + d.info.URL, "MAESTRO_TOKEN=" + d.info.APIToken}, "seal", "demo vCenter", "--set", "VSPHERE_USERNAME="+d.demo.Username,
		"--file", "VSPHERE_PASSWORD="+typed); code != 0 {
		t.Fatalf("seal: %s%s", out, errs)
	}
	nobody := api{t: t, base: d.base}
	for _, password := range []string{d.info.Password + "x", d.demo.Password} {
		if status, b, err := nobody.try(http.MethodPost, "/session", map[string]any{"username": "admin", "password": password}); err != nil || status < 400 {
			t.Fatalf("sign in with a wrong password: %d %s %v", status, b, err)
		}
	}
	t.Run("API answers", func(t *testing.T) {
		n := 0
		for path, body := range walk(d.api, secrets["session cookie"]) {
			n++
			for name, s := range secrets {
				if bytes.Contains(body, []byte(s)) {
					t.Errorf("%s is in the answer of GET %s", name, path)
				}
			}
		}
		t.Logf("%d answers", n)
	})
	// Open files with what is written to them so far, then the same after a clean end.
	files(t, d.data, secrets)
	d.stop()
	files(t, d.data, secrets)
}

// signIn answers the cookie of a session.
func signIn(t *testing.T, d *dev) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"username": d.info.Username, "password": d.info.Password})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.base+"/api/v1/session", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Maestro-CSRF", "1")
	res, err := plainClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	cookies := res.Cookies()
	if len(cookies) != 1 || cookies[0].Value == "" {
		t.Fatalf("%d cookies after signing in, want 1: %d %s", len(cookies), res.StatusCode, answer)
	}
	if strings.Contains(string(answer), cookies[0].Value) {
		t.Error("the session's secret is in the answer's body")
	}
	return cookies[0].Value
}

// files looks for each secret in every regular file below dir, but for the keepers.
func files(t *testing.T, dir string, secrets map[string]string) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil // the spool moves on
		}
		if err != nil {
			return err
		}
		seen++
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		for name, s := range secrets {
			meant := false
			for _, k := range keepers[rel] {
				meant = meant || k == name
			}
			if !meant && bytes.Contains(b, []byte(s)) {
				t.Errorf("%s is in %s", name, rel)
			}
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	if seen < 12 {
		t.Errorf("only %d files below %s: the test does not look right", seen, dir)
	}
}

// walk gets every route of the description, with the ids that the lists above them name; what is about the asker
// himself is asked with a session, since a token is nobody.
func walk(a api, cookie string) map[string][]byte {
	a.t.Helper()
	person := api{t: a.t, base: a.base, cookie: cookie}
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []parameter `json:"parameters"`
		} `json:"paths"`
	}
	a.get("/openapi.json", &doc)
	answers := map[string][]byte{}
	for route, methods := range doc.Paths {
		get, ok := methods["get"]
		if !ok {
			continue
		}
		if route == "/api/v1/events" {
			answers[route] = a.overhear(2 * time.Second)
			continue
		}
		query := a.query(route, get.Parameters)
		asker, route := a, strings.TrimPrefix(route, "/api/v1")
		if slices.Contains([]string{"session", "notifications", "subscriptions"}, strings.Split(route, "/")[1]) && route != "/session" {
			asker = person
		}
		for _, path := range asker.fill(route) {
			path += query
			status, b, err := asker.try(http.MethodGet, path, nil)
			if err != nil || status >= 300 && status != http.StatusNotFound {
				a.t.Errorf("GET %s: %d %s %v", path, status, b, err)
			}
			answers[path] = b
		}
	}
	return answers
}

// overhear takes what the stream of events tells for a while: it has no end of its own.
func (a api) overhear(d time.Duration) []byte {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), d)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/api/v1/events", nil)
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	res, err := plainClient.Do(req)
	if err != nil {
		a.t.Fatalf("GET /events: %v", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if !errors.Is(err, context.DeadlineExceeded) || !bytes.Contains(b, []byte("event: hello")) {
		a.t.Errorf("GET /events: %d %s %v", res.StatusCode, b, err)
	}
	return b
}

// parameter is what the description says of one.
type parameter struct {
	Name     string `json:"name"`
	In       string `json:"in"`
	Required bool   `json:"required"`
}

// asked is a value for each query parameter that a route cannot do without.
var asked = map[string]string{
	"kind":        "server",
	"name":        "nosuch",
	"scope":       "nosuch",
	"subject":     "user:admin",
	"external_id": "nosuch",
	"since":       time.Now().Add(-time.Hour).UTC().Format(time.RFC3339),
}

// query is the part after the path with the parameters a route asks for; a new one needs a value above.
func (a api) query(route string, parameters []parameter) string {
	a.t.Helper()
	q := url.Values{}
	for _, p := range parameters {
		if p.In == "query" && p.Name == "domain" { // needed where there is more than one
			var domains struct {
				Items []struct {
					ID string `json:"id"`
				} `json:"items"`
			}
			a.get("/routing_domains", &domains)
			if len(domains.Items) > 0 {
				q.Set(p.Name, domains.Items[0].ID)
			}
			continue
		}
		if p.In != "query" || !p.Required {
			continue
		}
		v, ok := asked[p.Name]
		if !ok {
			a.t.Errorf("GET %s asks for %s: the test has no value for it", route, p.Name)
		}
		q.Set(p.Name, v)
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// fill replaces the parameters of a route, left to right, by the first few names in the list before each.
func (a api) fill(route string) []string {
	open := strings.IndexByte(route, '{')
	if open < 0 {
		return []string{route}
	}
	end := strings.IndexByte(route, '}')
	before, after := route[:open], route[end+1:]
	values := []string{"nosuch"}
	at := strings.TrimSuffix(before, "/")
	if at == "/resources" {
		at = "/kinds" // its names are kinds, not ids
	}
	var found struct {
		Items []map[string]any `json:"items"`
	}
	if status, b, err := a.try(http.MethodGet, at, nil); err == nil && status == http.StatusOK && json.Unmarshal(b, &found) == nil {
		for _, item := range found.Items {
			for _, key := range []string{"id", "kind", "provider", "name"} {
				if v, ok := item[key].(string); ok && len(values) < 8 {
					values = append(values, v)
					break
				}
			}
		}
	}
	var paths []string
	for _, v := range values {
		paths = append(paths, a.fill(before+v+after)...)
	}
	return paths
}
