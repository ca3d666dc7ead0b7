package openstack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

const (
	testPassword = "pw-5d1e-hunter2"
	testSecret   = "app-secret-77aa"
)

// cloud answers as a real control plane did (testdata/recorded has its answers), in small pages whose links lead to an
// address that nobody can reach, as they do behind many a proxy.
type cloud struct {
	*httptest.Server
	t testing.TB
	// pageSize is the most that a page has.
	pageSize int
	// hook may answer a request instead; it returns true then.
	hook func(w http.ResponseWriter, r *http.Request) bool
	// roles of the token, and services and regions of the catalogue.
	roles    []string
	without  []string
	second   bool     // there is a RegionTwo, with Nova, the same Glance, and nothing else
	more     []string // regions that have the Nova of the first
	tokenFor func(auth map[string]any) int

	mu     sync.Mutex
	tokens map[string]bool
	asked  []string // path?query of every request
	data   map[string]any
}

func startCloud(t testing.TB) *cloud {
	t.Helper()
	c := newCloud(t)
	c.Start()
	t.Cleanup(c.Close)
	return c
}

// newCloud is startCloud for a server that somebody else starts.
func newCloud(t testing.TB) *cloud {
	t.Helper()
	c := &cloud{t: t, pageSize: 4, roles: []string{"admin", "reader"}, tokens: map[string]bool{}, data: map[string]any{}}
	entries, err := os.ReadDir("testdata/recorded")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile("testdata/recorded/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		c.data[strings.TrimSuffix(e.Name(), ".json")] = v
	}
	c.Server = httptest.NewUnstartedServer(c)
	return c
}

func (c *cloud) settings(more ...string) json.RawMessage {
	all := map[string]any{"auth_url": c.URL + "/identity/v3"}
	for i := 0; i+1 < len(more); i += 2 {
		var value any
		if err := json.Unmarshal([]byte(more[i+1]), &value); err != nil {
			panic(err)
		}
		all[more[i]] = value
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return text
}

func clearCredential(t testing.TB) {
	for _, v := range credentialEnv() {
		t.Setenv(v.Name, "")
	}
}

func credential(t testing.TB) {
	clearCredential(t)
	t.Setenv("OS_USERNAME", "admin")
	t.Setenv("OS_PASSWORD", testPassword)
	t.Setenv("OS_PROJECT_NAME", "admin")
}

// requests are what was asked of a path.
func (c *cloud) requests(path string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, a := range c.asked {
		if p, _, _ := strings.Cut(a, "?"); strings.HasSuffix(p, path) {
			out = append(out, a)
		}
	}
	return out
}

// revoke ends all tokens.
func (c *cloud) revoke() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.tokens)
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.asked = append(c.asked, r.Method+" "+r.URL.String())
	c.mu.Unlock()
	if r.Method != http.MethodGet && r.URL.Path != "/identity/v3/auth/tokens" {
		c.t.Errorf("%s %s: the plugin reads only", r.Method, r.URL)
	}
	if c.hook != nil && c.hook(w, r) {
		return
	}
	if r.URL.Path == "/identity/v3/auth/tokens" {
		c.token(w, r)
		return
	}
	c.mu.Lock()
	valid := c.tokens[r.Header.Get("X-Auth-Token")]
	c.mu.Unlock()
	if !valid {
		refuse(w, http.StatusUnauthorized, `{"error":{"code":401,"title":"Unauthorized","message":"The request you have made requires authentication."}}`)
		return
	}
	c.list(w, r)
}

func refuse(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// token is Keystone.
func (c *cloud) token(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet { // what is this token?
		id := r.Header.Get("X-Subject-Token")
		c.mu.Lock()
		known := c.tokens[id]
		c.mu.Unlock()
		if !known {
			refuse(w, http.StatusUnauthorized, `{"error":{"code":401,"message":"The request you have made requires authentication."}}`)
			return
		}
		w.Header().Set("X-Subject-Token", id)
		reply(w, c.grant())
		return
	}
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		c.t.Error(err)
	}
	text, _ := json.Marshal(body)
	switch {
	case c.tokenFor != nil && c.tokenFor(body) != 201:
		refuse(w, c.tokenFor(body), `{"error":{"code":401,"message":"The request you have made requires authentication."}}`)
		return
	case !strings.Contains(string(text), testPassword) && !strings.Contains(string(text), testSecret):
		refuse(w, http.StatusUnauthorized, `{"error":{"code":401,"message":"The request you have made requires authentication."}}`)
		return
	}
	c.mu.Lock()
	id := fmt.Sprintf("token-%d", len(c.asked))
	c.tokens[id] = true
	c.mu.Unlock()
	w.Header().Set("X-Subject-Token", id)
	w.WriteHeader(http.StatusCreated)
	grant := c.grant()
	if auth, _ := body["auth"].(map[string]any); auth["scope"] == nil && strings.Contains(string(text), testPassword) {
		for _, of := range []string{"project", "roles", "catalog"} { // who signs in to no project is told nothing of one
			delete(grant["token"].(map[string]any), of)
		}
	}
	_ = json.NewEncoder(w).Encode(grant)
}

func (c *cloud) grant() map[string]any {
	recorded := c.data["token"].(map[string]any)["token"].(map[string]any)
	project := recorded["project"].(map[string]any)["id"].(string)
	var catalog, roles []any
	for _, s := range []struct{ typ, path string }{
		{"compute", "/compute/v2.1"}, {"volumev3", "/volume/v3/" + project}, {"network", "/network"}, {"image", "/image"}, {"load-balancer", "/lb"}, {"object-store", "/swift/v1/AUTH_" + project},
		{"volumev2", "/volume/v2/" + project}, {"orchestration", "/heat"},
	} {
		if slices.Contains(c.without, s.typ) {
			continue
		}
		endpoints := []any{
			map[string]any{"interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": c.URL + s.path},
			map[string]any{"interface": "internal", "region": "RegionOne", "region_id": "RegionOne", "url": "http://internal.invalid" + s.path},
		}
		if c.second && s.typ == "compute" {
			endpoints = append(endpoints, map[string]any{"interface": "public", "region": "RegionTwo", "region_id": "RegionTwo", "url": c.URL + "/two" + s.path})
		}
		for _, region := range c.more {
			if s.typ == "compute" {
				endpoints = append(endpoints, map[string]any{"interface": "public", "region": region, "region_id": region, "url": c.URL + "/in/" + region + s.path})
			}
		}
		if c.second && s.typ == "image" {
			endpoints = append(endpoints, map[string]any{"interface": "public", "region": "RegionTwo", "region_id": "RegionTwo", "url": c.URL + s.path})
		}
		catalog = append(catalog, map[string]any{"type": s.typ, "name": s.typ, "endpoints": endpoints})
	}
	for _, r := range c.roles {
		roles = append(roles, map[string]any{"id": r, "name": r})
	}
	return map[string]any{"token": map[string]any{
		"project": recorded["project"], "user": recorded["user"], "roles": roles, "catalog": catalog, "expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	}}
}

// list is every other service.
func (c *cloud) list(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if rest, in := strings.CutPrefix(path, "/in/"); in {
		path = rest[strings.Index(rest, "/"):]
	}
	if rest, two := strings.CutPrefix(path, "/two"); two {
		if rest == "/compute/v2.1/" {
			reply(w, c.data["compute"])
		} else {
			reply(w, map[string]any{"servers": []any{}, "flavors": []any{}, "keypairs": []any{}})
		}
		return
	}
	project := c.data["token"].(map[string]any)["token"].(map[string]any)["project"].(map[string]any)["id"].(string)
	switch name := strings.TrimPrefix(path, "/volume/v3/"+project); {
	case path == "/compute/v2.1/":
		reply(w, c.data["compute"])
	case path == "/volume/v3/":
		reply(w, c.data["volume"])
	case path == "/compute/v2.1/os-keypairs":
		user := r.URL.Query().Get("user_id")
		if user == "" {
			user = c.data["token"].(map[string]any)["token"].(map[string]any)["user"].(map[string]any)["id"].(string)
		}
		list, _ := c.data["keypairs"].(map[string]any)[user].([]any)
		reply(w, map[string]any{"keypairs": list})
	case strings.HasPrefix(path, "/lb/v2.0/lbaas/pools/"):
		list, _ := c.data["members"].(map[string]any)[strings.Split(path, "/")[5]].([]any)
		c.page(w, r, "members", "members", list)
	case strings.HasPrefix(path, "/swift/"):
		c.containers(w, r)
	default:
		for _, of := range []struct{ at, file, key string }{
			{"/compute/v2.1/servers/detail", "servers", "servers"}, {"/compute/v2.1/flavors/detail", "flavors", "flavors"}, {"/volumes/detail", "volumes", "volumes"},
			{"/snapshots/detail", "snapshots", "snapshots"}, {"/network/v2.0/networks", "networks", "networks"}, {"/network/v2.0/subnets", "subnets", "subnets"},
			{"/network/v2.0/ports", "ports", "ports"}, {"/network/v2.0/routers", "routers", "routers"}, {"/network/v2.0/security-groups", "security-groups", "security_groups"},
			{"/network/v2.0/floatingips", "floatingips", "floatingips"}, {"/image/v2/images", "images", "images"}, {"/identity/v3/projects", "projects", "projects"},
			{"/identity/v3/auth/projects", "projects", "projects"},
			{"/lb/v2.0/lbaas/loadbalancers", "loadbalancers", "loadbalancers"}, {"/lb/v2.0/lbaas/listeners", "listeners", "listeners"}, {"/lb/v2.0/lbaas/pools", "pools", "pools"},
			{"/lb/v2.0/lbaas/healthmonitors", "healthmonitors", "healthmonitors"},
		} {
			if of.at == path || of.at == name {
				list, _ := c.data[of.file].(map[string]any)[of.key].([]any)
				c.page(w, r, of.file, of.key, list)
				return
			}
		}
		refuse(w, http.StatusNotFound, `{"message":"no such thing"}`)
	}
}

func (c *cloud) containers(w http.ResponseWriter, r *http.Request) {
	var out []any
	for _, item := range c.data["containers"].([]any) {
		if item.(map[string]any)["name"].(string) > r.URL.Query().Get("marker") {
			out = append(out, item)
		}
	}
	if len(out) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	reply(w, out[:1])
}

// page answers a list as far as a page goes, filtered as the services filter.
func (c *cloud) page(w http.ResponseWriter, r *http.Request, file, key string, list []any) {
	q := r.URL.Query()
	list = slices.DeleteFunc(slices.Clone(list), func(item any) bool { return !selected(item.(map[string]any), q) })
	if m := q.Get("marker"); m != "" {
		at := slices.IndexFunc(list, func(item any) bool { return item.(map[string]any)["id"] == m })
		if at < 0 {
			refuse(w, http.StatusBadRequest, `{"badRequest":{"code":400,"message":"marker [`+m+`] not found"}}`)
			return
		}
		list = list[at+1:]
	}
	body := map[string]any{}
	if len(list) > c.pageSize {
		list = list[:c.pageSize]
		next := *r.URL
		next.Host, next.Scheme = "unreachable.invalid", "http"
		q.Set("marker", list[len(list)-1].(map[string]any)["id"].(string))
		next.RawQuery = q.Encode()
		if file == "images" {
			body["next"] = next.RequestURI()
		} else {
			body[key+"_links"] = []any{map[string]any{"rel": "previous", "href": "x"}, map[string]any{"rel": "next", "href": next.String()}}
		}
	}
	body[key] = list
	reply(w, body)
}

func selected(item map[string]any, q url.Values) bool {
	for _, key := range []string{"device_id", "network_id", "project_id", "owner"} {
		if v, ok := item[key].(string); q.Has(key) && (!ok || !slices.Contains(q[key], v)) {
			return false
		}
	}
	if in, ok := strings.CutPrefix(q.Get("id"), "in:"); ok && !slices.Contains(strings.Split(in, ","), item["id"].(string)) {
		return false
	}
	if !q.Has("fixed_ips") {
		return true
	}
	fixed, _ := item["fixed_ips"].([]any)
	return slices.ContainsFunc(fixed, func(f any) bool {
		return slices.Contains(q["fixed_ips"], "ip_address="+f.(map[string]any)["ip_address"].(string))
	})
}

// collected is what a Discover call yields.
type collected struct {
	scopes    []resource.Scope
	warnings  []string // of the plan
	resources map[string]resource.Envelope
	outcomes  map[string]resource.Outcome
}

func (c *collected) Resources(_ int, batch []resource.Envelope) error {
	for _, env := range batch {
		c.resources[env.Kind+" "+env.ExternalID] = env
	}
	return nil
}
func (c *collected) Progress(int, int, int) error { return nil }
func (c *collected) ScopeDone(i int, out resource.Outcome) error {
	c.outcomes[c.scopes[i].Key()] = out
	return nil
}

// outcome is that of the only scope of a kind.
func (c *collected) outcome(t testing.TB, kind string) resource.Outcome {
	t.Helper()
	for key, out := range c.outcomes {
		if k, _, _ := strings.Cut(key, "{"); k == kind {
			return out
		}
	}
	t.Fatalf("no scope of %s", kind)
	return resource.Outcome{}
}

func allKinds() []string {
	var out []string
	for _, l := range lists() {
		out = append(out, l.kind)
	}
	return out
}

func discover(t testing.TB, settings json.RawMessage, kinds ...string) *collected {
	t.Helper()
	if len(kinds) == 0 {
		kinds = allKinds()
	}
	p, conn := serve.Local(New()), provider.Connection{ID: "test", Settings: settings}
	plan, err := p.Plan(t.Context(), conn, kinds)
	if err != nil {
		t.Fatal(err)
	}
	c := &collected{scopes: plan.Scopes, warnings: plan.Warnings, resources: map[string]resource.Envelope{}, outcomes: map[string]resource.Outcome{}}
	if err := p.Discover(t.Context(), conn, plan.Scopes, c); err != nil {
		t.Fatal(err)
	}
	return c
}
