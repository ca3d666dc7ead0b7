package openstack

import (
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { plugintest.Main(m, func() provider.Provider { return New() }) }

func TestConformance(t *testing.T) {
	c := startCloud(t)
	plugintest.RunProvider(t, func() provider.Provider { return New() }, plugintest.Case{
		Connection: provider.Connection{Settings: c.settings()},
		Env:        map[string]string{"OS_USERNAME": "admin", "OS_PASSWORD": testPassword, "OS_PROJECT_NAME": "admin"},
		BadSettings: []json.RawMessage{
			json.RawMessage(`{}`), json.RawMessage(`{"auth_url":"keystone"}`), json.RawMessage(`{"auth_url":"https://u:p@keystone.example.org"}`),
			json.RawMessage(`{"auth_url":"https://k/v3","regions":["["]}`), json.RawMessage(`{"auth_url":"https://k/v3","projects":"some"}`),
			json.RawMessage(`{"auth_url":"https://k/v3","fingerprint":"zz"}`), json.RawMessage(`{"auth_url":"https://k/v3","ca_certificate":"zz"}`),
			json.RawMessage(`{"auth_url":"https://k/v2.0"}`), json.RawMessage(`{"auth_url":"https://k/v3","cloud":"x"}`),
		},
		MinResources: map[string]int{
			"address": 2, "backing_service": 2, "flavor": 3, "image": 3, "key_pair": 2, "load_balancer": 1, "network": 5, "network_interface": 20,
			"router": 2, "security_group": 7, "server": 7, "snapshot": 1, "subnet": 6, "volume": 3,
		},
	})
}

// What a real control plane answered, and what is made of it: one golden file for each kind.
func TestTranslation(t *testing.T) {
	c := startCloud(t)
	credential(t)
	found := discover(t, c.settings("dashboard", `"https://horizon.example.org/"`))
	for key, out := range found.outcomes {
		if out.Status != resource.StatusComplete || len(out.Warnings) > 0 {
			t.Errorf("%s: %+v", key, out)
		}
	}
	byKind := map[string][]resource.Envelope{}
	for _, key := range slices.Sorted(maps.Keys(found.resources)) {
		env := found.resources[key]
		byKind[env.Kind] = append(byKind[env.Kind], env)
	}
	for kind, list := range byKind {
		text, err := json.MarshalIndent(list, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		// The fake's port is another one every time.
		text = append([]byte(strings.ReplaceAll(string(text), c.URL, "http://cloud")), '\n')
		file := filepath.Join("testdata", "golden", kind+".json")
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(want) != string(text) {
			t.Errorf("%s differs from %s; look at it and run with -update:\n%s", kind, file, cmp.Diff(string(want), string(text)))
		}
	}
}

// An administrator's scopes are regions, and every service is asked once for all projects.
func TestAllProjectsAtOnce(t *testing.T) {
	c := startCloud(t)
	c.pageSize = 1000
	credential(t)
	found := discover(t, c.settings())
	for _, s := range found.scopes {
		_, labelled := s.Partition.Get(labelProject)
		if labelled != (s.Kind == "backing_service") {
			t.Errorf("scope %s", s.Key())
		}
	}
	for _, path := range []string{"/servers/detail", "/volumes/detail", "/snapshots/detail"} {
		for _, asked := range c.requests(path) {
			if !strings.Contains(asked, "all_tenants=1") {
				t.Errorf("%s", asked)
			}
		}
	}
	for path, most := range map[string]int{"/volumes/detail": 1, "/networks": 1, "/routers": 1, "/floatingips": 1, "/lbaas/loadbalancers": 2, "/projects": 1, "/security-groups": 1} {
		if n := len(c.requests(path)); n != most {
			t.Errorf("%s was asked for %d times, want %d", path, n, most)
		}
	}
}

// Without the role admin one project is read, and the scopes say which.
func TestOneProject(t *testing.T) {
	c := startCloud(t)
	c.roles = []string{"reader"}
	credential(t)
	found := discover(t, c.settings())
	for _, s := range found.scopes {
		if project, _ := s.Partition.Get(labelProject); !isID(project) {
			t.Errorf("scope %s", s.Key())
		}
	}
	for _, path := range []string{"/servers/detail", "/volumes/detail"} {
		if strings.Contains(strings.Join(c.requests(path), " "), "all_tenants") {
			t.Errorf("%s is asked for all projects", path)
		}
	}
	if n := len(c.requests("/projects")); n != 0 {
		t.Errorf("projects were asked for %d times", n)
	}
	for _, asked := range c.requests("/floatingips") {
		if !strings.Contains(asked, "project_id=") {
			t.Error(asked)
		}
	}
	// The same for an administrator who wants no more, from whom Neutron would hide nothing.
	c.roles = []string{"admin"}
	found = discover(t, c.settings("projects", `"own"`), "network")
	if project, _ := found.scopes[0].Partition.Get(labelProject); project == "" || !strings.Contains(c.requests("/networks")[len(c.requests("/networks"))-1], "project_id="+project) {
		t.Errorf("an administrator's own project: %v", found.scopes)
	}
}

// A service that the catalogue does not have is unsupported, and one that two regions share is read once.
func TestRegions(t *testing.T) {
	c := startCloud(t)
	c.second, c.without = true, []string{"load-balancer", "object-store"}
	credential(t)
	found := discover(t, c.settings(), "server", "volume", "image", "load_balancer")
	want := map[string]resource.Status{
		"server{region=RegionOne}": resource.StatusComplete, "server{region=RegionTwo}": resource.StatusComplete,
		"volume{region=RegionOne}": resource.StatusComplete, "volume{region=RegionTwo}": resource.StatusUnsupported,
		"image{region=RegionOne}": resource.StatusComplete, "load_balancer{region=RegionOne}": resource.StatusUnsupported, "load_balancer{region=RegionTwo}": resource.StatusUnsupported,
	}
	if len(found.outcomes) != len(want) {
		t.Errorf("%d scopes, want %d", len(found.outcomes), len(want))
	}
	for key, status := range want {
		if got := found.outcomes[key]; got.Status != status {
			t.Errorf("%s: %s (%s), want %s", key, got.Status, got.Error, status)
		}
	}
	if !strings.Contains(strings.Join(found.warnings, " "), "same service") {
		t.Errorf("nothing is said of the shared service: %v", found.warnings)
	}
	for filter, n := range map[string]int{`["*One"]`: 1, `["nowhere"]`: 0} {
		if found := discover(t, c.settings("regions", filter), "server"); len(found.scopes) != n {
			t.Errorf("%s selects %d scopes, want %d", filter, len(found.scopes), n)
		}
	}
}

// Every way to sign in.
func TestCredentials(t *testing.T) {
	c := startCloud(t)
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	text := "clouds:\n  lab:\n    auth:\n      auth_url: " + c.URL + "/identity/v3\n      username: admin\n      user_domain_name: Default\n      project_name: admin\n      project_domain_name: Default\n" +
		"  bare: {}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// The password lies in a file of its own, as secure.yaml is for.
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "secure.yaml"), []byte("clouds:\n  lab:\n    auth:\n      password: "+testPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.tokens["a-token"] = true
	c.mu.Unlock()
	for name, tt := range map[string]struct {
		settings json.RawMessage
		env      map[string]string
		status   resource.Status
		advice   string
	}{
		"password":               {c.settings(), map[string]string{"OS_USERNAME": "u", "OS_PASSWORD": testPassword, "OS_PROJECT_NAME": "p"}, resource.StatusComplete, ""},
		"project of settings":    {c.settings("project", `"p"`), map[string]string{"OS_USERNAME": "u", "OS_PASSWORD": testPassword}, resource.StatusComplete, ""},
		"application credential": {c.settings(), map[string]string{"OS_APPLICATION_CREDENTIAL_ID": "x", "OS_APPLICATION_CREDENTIAL_SECRET": testSecret}, resource.StatusComplete, ""},
		"its name":               {c.settings(), map[string]string{"OS_APPLICATION_CREDENTIAL_NAME": "x", "OS_USERNAME": "u", "OS_APPLICATION_CREDENTIAL_SECRET": testSecret}, resource.StatusComplete, ""},
		"token":                  {c.settings(), map[string]string{"OS_TOKEN": "a-token"}, resource.StatusComplete, ""},
		"clouds.yaml":            {json.RawMessage(`{"cloud":"lab"}`), map[string]string{"OS_CLIENT_CONFIG_FILE": file}, resource.StatusComplete, ""},
		"wrong password":         {c.settings(), map[string]string{"OS_USERNAME": "u", "OS_PASSWORD": "wrong", "OS_PROJECT_NAME": "p"}, resource.StatusDenied, "check user, password"},
		"wrong secret":           {c.settings(), map[string]string{"OS_APPLICATION_CREDENTIAL_ID": "x", "OS_APPLICATION_CREDENTIAL_SECRET": "wrong"}, resource.StatusDenied, "has not expired"},
		"old token":              {c.settings(), map[string]string{"OS_TOKEN": "old"}, resource.StatusDenied, "get a new one"},
		"nothing":                {c.settings(), nil, resource.StatusDenied, "OS_APPLICATION_CREDENTIAL_ID"},
		"no project":             {c.settings(), map[string]string{"OS_USERNAME": "u", "OS_PASSWORD": testPassword}, resource.StatusDenied, "OS_PROJECT_NAME"},
		"no such cloud":          {json.RawMessage(`{"cloud":"other"}`), map[string]string{"OS_CLIENT_CONFIG_FILE": file}, resource.StatusFailed, ""},
		"a cloud without auth":   {json.RawMessage(`{"cloud":"bare"}`), map[string]string{"OS_CLIENT_CONFIG_FILE": file}, resource.StatusFailed, ""},
		"no clouds.yaml":         {json.RawMessage(`{"cloud":"lab"}`), nil, resource.StatusDenied, "OS_CLIENT_CONFIG_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			clearCredential(t)
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			s, err := New().Connect(t.Context(), provider.Connection{Settings: tt.settings})
			if got := provider.StatusOf(err); got != tt.status {
				t.Fatalf("%s (%v), want %s", got, err, tt.status)
			}
			if err == nil {
				if err := s.(*session).Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if got := adviceOf(err); !strings.Contains(got, tt.advice) {
				t.Errorf("advice %q, want %q", got, tt.advice)
			}
		})
	}
}

// Check says of each kind whether it would work, and what to allow.
func TestCheck(t *testing.T) {
	c := startCloud(t)
	c.without = []string{"object-store"}
	c.hook = deny("/volumes/detail")
	credential(t)
	report, err := serve.Local(New()).Check(t.Context(), provider.Connection{Settings: c.settings()}, allKinds())
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range report.Items {
		bad := item.Kind == "volume" || item.Kind == "backing_service"
		if item.OK == bad {
			t.Errorf("%+v", item)
		}
		if bad && item.Advice == "" {
			t.Errorf("no advice: %+v", item)
		}
	}
	if !strings.Contains(report.Policy, "volumes/detail") || strings.Contains(report.Policy, "servers") {
		t.Errorf("the policy for what is missing is %s", report.Policy)
	}
}

// The catalogue's addresses come in all forms.
func TestBaseOf(t *testing.T) {
	for _, tt := range []struct{ kind, address, want string }{
		{"compute", "http://c:8774/v2.1", "http://c:8774/v2.1/"},
		{"compute", "http://c:8774/v2.1/p1/", "http://c:8774/v2.1/p1/"},
		{"compute", "https://c/compute", "https://c/compute/v2.1/"},
		{"volume", "http://c:8776/v3/p1", "http://c:8776/v3/p1/"},
		{"volume", "http://c:8776/v3", "http://c:8776/v3/p1/"},
		{"volume", "https://c/volume", "https://c/volume/v3/p1/"},
		{"network", "http://c:9696", "http://c:9696/v2.0/"},
		{"network", "http://c/network/v2.0/", "http://c/network/v2.0/"},
		{"image", "http://c:9292/v2", "http://c:9292/v2/"},
		{"image", "http://c/image", "http://c/image/v2/"},
		{"load_balancer", "http://c:9876/v2", "http://c:9876/v2.0/"},
		{"object_store", "https://c/v1/AUTH_p1", "https://c/v1/AUTH_p1/"},
	} {
		if got, err := baseOf(tt.kind, tt.address, "p1"); err != nil || got != tt.want {
			t.Errorf("%s %s: %s %v, want %s", tt.kind, tt.address, got, err, tt.want)
		}
	}
	for _, bad := range []string{"", "ftp://c", "//c", "\x00"} {
		if got, err := baseOf("compute", bad, "p1"); err == nil {
			t.Errorf("%q became %s", bad, got)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, tt := range []struct {
		info versionInfo
		most [2]int
		want string
	}{
		{versionInfo{Max: "2.93"}, [2]int{2, 96}, "2.93"},
		{versionInfo{Max: "2.100"}, [2]int{2, 96}, "2.96"},
		{versionInfo{Max: ""}, [2]int{2, 96}, ""},
		{versionInfo{Max: "3.70"}, [2]int{2, 96}, ""},
		{versionInfo{Max: "x"}, [2]int{2, 96}, ""},
	} {
		if got := tt.info.choose(tt.most); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.info, got, tt.want)
		}
	}
}

// The forms that answers have in other releases than the recorded one.
func TestOtherReleases(t *testing.T) {
	r := &reader{scope: resource.Scope{Kind: "server"}, region: "r", session: &session{}}
	book := flavorBook{byID: map[string]novaFlavor{"1": {ID: "1", Name: "m1.tiny", VCPUs: 1, RAM: 512, Disk: 1}}, byName: map[string]string{"m1.tiny": "1"}}
	parse := func(text string) (resource.Envelope, schema.Server) {
		t.Helper()
		var s novaServer
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		env, a := r.server(s, serverContext{flavors: book, images: &imageBook{}})
		return env, a.Server
	}
	// Before 2.47 the flavor is an id, and a config drive is a text.
	env, a := parse(`{"id":"s1","name":"","status":"ACTIVE","flavor":{"id":"1"},"image":"","config_drive":"True","addresses":{},"OS-EXT-STS:power_state":1,"OS-EXT-STS:vm_state":"active"}`)
	if a.Flavor != "m1.tiny" || a.MemoryBytes != 512<<20 || a.CPUCount != 1 || a.PowerState != "on" {
		t.Errorf("%+v", a)
	}
	if want := (resource.Relation{Verb: "uses", Kind: "flavor", ExternalID: "r/1"}); !slices.Contains(env.Relations, want) {
		t.Errorf("%+v", env.Relations)
	}
	// A flavor that was deleted leaves its numbers unread.
	if env, _ = parse(`{"id":"s1","flavor":{"id":"9"},"status":"ACTIVE","OS-EXT-STS:vm_state":"active"}`); !slices.Contains(env.Unread, "/attributes/memory_bytes") {
		t.Errorf("%+v", env.Unread)
	}
	// A cell that is down: the server is there and nothing is known of it.
	if env, _ = parse(`{"id":"s1","status":"UNKNOWN","tenant_id":"p","created":"2026-01-01T00:00:00Z","links":[]}`); !slices.Contains(env.Unread, "/attributes") {
		t.Errorf("%+v", env.Unread)
	}
	// The address that people chose counts more than the order of networks; what the internet routes is public.
	_, a = parse(`{"id":"s1","status":"SHELVED_OFFLOADED","flavor":{"original_name":"x"},"accessIPv4":"10.0.0.9","addresses":{
		"b":[{"addr":"10.0.0.9","version":4,"OS-EXT-IPS:type":"fixed"}],"a":[{"addr":"fe80::1"},{"addr":"8.8.4.4","OS-EXT-IPS:type":"fixed"}]},"OS-EXT-STS:power_state":1}`)
	if a.PrimaryIP != "10.0.0.9" || a.PublicIP != "8.8.4.4" || a.PowerState != "off" || len(a.IPAddresses) != 2 {
		t.Errorf("%+v", a)
	}
}

// Where somebody who is no administrator is to read all projects, nothing may pass for all of them: most services would
// just show the own project.
func TestAllNeedsAnAdministrator(t *testing.T) {
	c := startCloud(t)
	c.roles = []string{"reader"}
	credential(t)
	found := discover(t, c.settings("projects", `"all"`))
	for key, out := range found.outcomes {
		if want := resource.StatusDenied; !strings.HasPrefix(key, "backing_service") && (out.Status != want || out.Listed > 0 || !strings.Contains(out.Advice, "projects to own")) {
			t.Errorf("%s: %+v", key, out)
		}
	}
	// Octavia has roles of its own: an administrator without them is shown the own project, unless it is asked for another.
	c.roles = []string{"admin"}
	c.hook = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/loadbalancers") || !r.URL.Query().Has("project_id") {
			return false
		}
		refuse(w, 403, `{"faultcode":"Client","faultstring":"Policy does not allow this request to be performed."}`)
		return true
	}
	if out := discover(t, c.settings(), "load_balancer").outcome(t, "load_balancer"); out.Status != resource.StatusDenied || !strings.Contains(out.Advice, "global_observer") {
		t.Errorf("%+v", out)
	}
	// Elsewhere the role has another name.
	c.roles, c.hook = []string{"cloud_admin"}, nil
	if out := discover(t, c.settings("admin_role", `"cloud_admin"`), "server").outcome(t, "server"); out.Status != resource.StatusComplete || out.Listed != 7 {
		t.Errorf("%+v", out)
	}
}

// What clouds.yaml says of the interface holds unless the settings say otherwise.
func TestInterface(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	text := "clouds: {lab: {interface: internal, auth: {auth_url: 'http://k/v3', username: u, password: p, project_name: p}}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	clearCredential(t)
	t.Setenv("OS_CLIENT_CONFIG_FILE", file)
	for settings, want := range map[string]string{`{"cloud":"lab"}`: "internal", `{"cloud":"lab","interface":"admin"}`: "admin"} {
		s, err := readSettings(json.RawMessage(settings))
		if err != nil {
			t.Fatal(err)
		}
		if l, err := readLogin(s); err != nil || l.wanted != want {
			t.Errorf("%s: %q %v, want %s", settings, l.wanted, err, want)
		}
	}
}

// The newest microversion that both know is asked for; a service that hides its versions is read without.
func TestMicroversions(t *testing.T) {
	c := startCloud(t)
	credential(t)
	for name, tt := range map[string]struct {
		hidden bool
		want   map[string]string
	}{
		"agreed": {false, map[string]string{"server": "compute 2.93", "volume": "volume 3.70"}},
		"hidden": {true, map[string]string{"server": "", "volume": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan string, 100)
			c.hook = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/detail") && !strings.HasSuffix(r.URL.Path, "flavors/detail") {
					seen <- r.Header.Get("OpenStack-API-Version")
				}
				return tt.hidden && (deny("/v2.1/")(w, r) || deny("/v3/")(w, r))
			}
			for kind, want := range tt.want {
				if out := discover(t, c.settings(), kind).outcome(t, kind); out.Status != resource.StatusComplete {
					t.Errorf("%s: %+v", kind, out)
				}
				if got := <-seen; got != want {
					t.Errorf("%s is asked for with %q, want %q", kind, got, want)
				}
				for len(seen) > 0 {
					<-seen
				}
			}
		})
	}
}
