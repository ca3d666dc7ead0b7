//go:build e2e

package azure

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"maestro.internal/plugins/azure/armtest"
	"maestro.internal/test/e2e/site"
)

// bench is a folder of its own with links to the binaries, and a cloud.
type bench struct {
	t    *testing.T
	dir  string
	a    *armtest.Azure
	want map[string]map[string]string // kind -> external id -> name, as plain reads have it
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir, err := os.MkdirTemp("", "maestro-azure-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("kept for a look: %s", dir)
		} else if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"maestro", "maestro-collector", "maestro-agent", "maestro-plugin-host", "maestro-plugin-azure"} {
		if err := os.Symlink(site.Binary(t, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	a := armtest.Seed()
	a.PageSize = 5
	a.Start()
	t.Cleanup(a.Close)
	b := &bench{t: t, dir: dir, a: a}
	b.write("secret", []byte(a.Secret+"\n"))
	b.write("settings.json", a.Settings(nil))
	b.write("credentials.yaml", fmt.Appendf(nil, "credentials:\n  cloud:\n    providers: [azure]\n    endpoints: [custom, %q]\n    env:\n      AZURE_CLIENT_SECRET: {file: %q}\n", strings.TrimPrefix(a.URL(), "https://"), b.path("secret")))
	b.want = b.plainReads()
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name string, text []byte) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), text, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// run runs a binary to its end.
func (b *bench) run(name string, args ...string) (stdout, stderr string, code int) {
	b.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(b.t.Context(), b.path(name), args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &errs, b.dir
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func (b *bench) alone(verb string, more ...string) (stdout, stderr string, code int) {
	b.t.Helper()
	args := append([]string{verb, "--plugin", b.path("maestro-plugin-azure"), "--settings", b.path("settings.json"), "--credential", "cloud",
		"--credentials-file", b.path("credentials.yaml"), "--data-dir", b.path("agent-alone")}, more...)
	return b.run("maestro-agent", args...)
}

// record is what a plain read says of a resource.
type record struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Properties struct {
		Orchestration string   `json:"orchestrationMode"`
		Subnets       []record `json:"subnets"`
		Peerings      []record `json:"virtualNetworkPeerings"`
	} `json:"properties"`
}

// list reads a list of the API page by page.
func (b *bench) list(path, version string) []record {
	b.t.Helper()
	var out []record
	link := b.a.URL() + path + "?api-version=" + version
	for link != "" {
		req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, link, nil)
		if err != nil {
			b.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+b.a.Token())
		resp, err := b.a.HTTP().Do(req)
		if err != nil {
			b.t.Fatal(err)
		}
		var page struct {
			Value    []record `json:"value"`
			NextLink string   `json:"nextLink"`
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil {
			err = json.Unmarshal(text, &page)
		}
		if err != nil || resp.StatusCode != http.StatusOK {
			b.t.Fatalf("GET %s: %d %v %s", link, resp.StatusCode, err, text)
		}
		out, link = append(out, page.Value...), page.NextLink
	}
	return out
}

// plainReads is the whole inventory as the API lists it.
func (b *bench) plainReads() map[string]map[string]string {
	out := map[string]map[string]string{}
	add := func(kind string, list []record) {
		if out[kind] == nil {
			out[kind] = map[string]string{}
		}
		for _, r := range list {
			out[kind][strings.ToLower(r.ID)] = r.Name
		}
	}
	for _, sub := range []string{armtest.Production, armtest.Staging, armtest.Customer} {
		below := func(path string) []record { return b.list("/subscriptions/"+sub+path, "2024-01-01") }
		for path, kind := range map[string]string{
			armtest.Machines: "server", armtest.Disks: "volume", armtest.Snapshots: "snapshot", armtest.Images: "image", armtest.ScaleSets: "backing_service",
			armtest.Kubernetes: "backing_service", armtest.Interfaces: "network_interface", armtest.PublicIPs: "address", armtest.RouteTables: "route_table",
			armtest.Networks: "network", armtest.SecurityGroups: "security_group", armtest.NATGateways: "gateway", armtest.LoadBalancers: "load_balancer",
			armtest.Gateways: "load_balancer", armtest.SQLServers: "database", armtest.ManagedInstances: "database", armtest.Postgres: "database",
			armtest.MySQL: "database", armtest.Accounts: "storage_system",
		} {
			list := below(path)
			add(kind, list)
			for _, r := range list {
				switch {
				case path == armtest.Networks:
					add("subnet", r.Properties.Subnets)
					add("peering", r.Properties.Peerings)
				case path == armtest.ScaleSets && r.Properties.Orchestration == "Uniform":
					add("server", b.list(r.ID+"/virtualMachines", "2024-01-01"))
				case path == armtest.SQLServers:
					add("database", slices.DeleteFunc(b.list(r.ID+"/databases", "2024-01-01"), func(d record) bool { return d.Name == "master" }))
				}
			}
		}
	}
	return out
}

// compare says what is missing, what is too much, and what has another name.
func (b *bench) compare(got map[string]map[string]string) {
	b.t.Helper()
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(b.want)) {
		for id, name := range b.want[kind] {
			total++
			if have, ok := got[kind][id]; !ok || have != name {
				b.t.Errorf("%s %s: %q, want %q", kind, id, have, name)
			}
		}
		for id := range got[kind] {
			if _, ok := b.want[kind][id]; !ok {
				b.t.Errorf("%s %s is not there", kind, id)
			}
		}
	}
	b.t.Logf("%d records of %d kinds agree", total, len(b.want))
	if total < 300 || len(got) != len(b.want) {
		b.t.Errorf("kinds %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(b.want)))
	}
}

func TestAlone(t *testing.T) {
	b := newBench(t)
	out, errs, code := b.alone("run", "-q")
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, errs)
	}
	b.compare(b.printed(out))
	if strings.Contains(out+errs, b.a.Secret) {
		t.Error("the secret is printed")
	}
	t.Run("check and describe", func(t *testing.T) {
		if out, errs, code := b.alone("check"); code != 0 || !strings.Contains(out, "3 visible, 3 selected") {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
		out, errs, code := b.run("maestro-agent", "describe", "--plugin", b.path("maestro-plugin-azure"), "--data-dir", b.path("agent-alone"))
		if code != 0 || !strings.Contains(out, "Microsoft.Compute/virtualMachines/read") {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
	})
	t.Run("one subscription is denied", func(t *testing.T) {
		b.a.Inject(armtest.Fault{Path: "/subscriptions/" + armtest.Staging, Status: 403, Code: "AuthorizationFailed"})
		defer b.a.Heal()
		out, errs, code := b.alone("run", "-q", "--kinds", "server,volume")
		got := b.printed(out)
		if code != 3 || len(got["server"]) != 2*len(b.want["server"])/3 || len(got["volume"]) != 2*len(b.want["volume"])/3 {
			t.Errorf("exit code %d, %d servers, %d volumes\n%s", code, len(got["server"]), len(got["volume"]), errs)
		}
	})
	t.Run("trouble that passes", func(t *testing.T) {
		b.a.Inject(armtest.Fault{Path: "/disks", Times: 2, Status: 429, RetryAfter: 1})
		b.a.Inject(armtest.Fault{Path: "/virtualmachines", Times: 2, Cut: true})
		b.a.Inject(armtest.Fault{Path: "/snapshots", Times: 2, Truncate: true})
		defer b.a.Heal()
		out, errs, code := b.alone("run", "-q", "--kinds", "server,volume,snapshot")
		got := b.printed(out)
		if code != 0 || len(got["server"]) != len(b.want["server"]) || len(got["volume"]) != len(b.want["volume"]) || len(got["snapshot"]) != len(b.want["snapshot"]) {
			t.Errorf("exit code %d\n%s", code, errs)
		}
	})
	t.Run("a wrong secret", func(t *testing.T) {
		b.write("secret", []byte("not-the-secret-at-all\n"))
		defer b.write("secret", []byte(b.a.Secret))
		out, errs, code := b.alone("run", "-q")
		if code != 1 || !strings.Contains(out+errs, "AADSTS7000215") || strings.Contains(out+errs, "not-the-secret-at-all") {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
	})
}

// printed reads what `maestro-agent run` prints.
func (b *bench) printed(out string) map[string]map[string]string {
	b.t.Helper()
	got := map[string]map[string]string{}
	decoder := json.NewDecoder(strings.NewReader(out))
	for {
		var printed struct {
			Resource struct {
				Kind       string `json:"kind"`
				ExternalID string `json:"external_id"`
				Name       string `json:"name"`
			} `json:"resource"`
		}
		if err := decoder.Decode(&printed); errors.Is(err, io.EOF) {
			return got
		} else if err != nil {
			b.t.Fatal(err)
		}
		line := printed.Resource
		if line.ExternalID == "" {
			continue
		}
		if got[line.Kind] == nil {
			got[line.Kind] = map[string]string{}
		}
		got[line.Kind][line.ExternalID] = line.Name
	}
}

// child is a process that runs until the test ends it.
func (b *bench) child(name string, args ...string) *bytes.Buffer {
	b.t.Helper()
	out := &bytes.Buffer{}
	cmd := exec.Command(b.path(name), args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.WaitDelay = out, out, b.dir, 2*time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		force := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		force.Stop()
		if b.t.Failed() {
			b.t.Logf("%s:\n%s", name, out)
		}
	})
	return out
}

// api asks the collector.
type api struct {
	t           *testing.T
	base, token string
}

func (a api) call(method, path string, body, into any) {
	a.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.base+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+a.token)
	resp, err := (&http.Client{Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%d %s", resp.StatusCode, answer)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(answer, into)
	}
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func eventually(t *testing.T, what string, limit time.Duration, ask func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ask(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so after %s: %s", limit, what)
		}
	}
}

func readJSON(t *testing.T, path string, into any) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	return err == nil && json.Unmarshal(text, into) == nil
}

func TestUnderTheAgent(t *testing.T) {
	b := newBench(t)
	b.child("maestro", "dev", "--listen", "127.0.0.1:0", "--data-dir", b.path("dev"), "--bin-dir", b.dir)
	var info struct {
		URL   string `json:"url"`
		Token string `json:"api_token"`
	}
	var machine struct {
		Address string `json:"agent_address"`
	}
	eventually(t, "the collector is ready", time.Minute, func() bool {
		return readJSON(t, b.path("dev/dev.json"), &info) && readJSON(t, b.path("dev/agent-address.json"), &machine) && info.Token != ""
	})
	a := api{t, info.URL, info.Token}
	var join struct {
		Token string `json:"token"`
	}
	a.call("POST", "/join-tokens", map[string]any{"name": "azure-agent", "site": "azure", "ttl_seconds": 600}, &join)
	b.write("join-token", []byte(join.Token))
	b.child("maestro-agent", "serve", "--collector", machine.Address, "--join-token-file", b.path("join-token"), "--name", "azure-agent", "--site", "azure",
		"--plugin-dir", b.dir, "--data-dir", b.path("agent"), "--credentials-file", b.path("credentials.yaml"))
	agent := ""
	eventually(t, "the agent is there with the plugin", time.Minute, func() bool {
		var agents struct {
			Items []struct{ ID, Name, Status string } `json:"items"`
		}
		a.call("GET", "/agents", nil, &agents)
		for _, one := range agents.Items {
			if one.Name == "azure-agent" {
				agent = one.ID
			}
		}
		var plugins struct {
			Items []struct {
				Provider string
				Agents   []struct{ ID string }
			} `json:"items"`
		}
		a.call("GET", "/plugins", nil, &plugins)
		known := false
		for _, p := range plugins.Items {
			known = known || p.Provider == "azure" && slices.Contains(p.Agents, struct{ ID string }{agent})
		}
		return agent != "" && known
	})
	var connection struct {
		ID string `json:"id"`
	}
	a.call("POST", "/connections", map[string]any{"name": "cloud", "provider": "azure", "agent": agent, "credential": "cloud", "settings": b.a.Settings(nil)}, &connection)
	got := map[string]map[string]string{}
	eventually(t, "everything has arrived", 3*time.Minute, func() bool {
		got = b.arrived(a)
		for kind := range b.want {
			if len(got[kind]) < len(b.want[kind]) {
				return false
			}
		}
		return true
	})
	b.compare(got)
	// A machine that is deleted is gone after the next run; a subscription that is denied loses nothing.
	production := b.a.Subscriptions()[0]
	production.Drop(armtest.Images)
	b.a.Inject(armtest.Fault{Path: "/subscriptions/" + armtest.Staging, Status: 403, Code: "AuthorizationFailed"})
	a.call("POST", "/connections/"+connection.ID+"/runs", map[string]any{"kinds": []string{"image", "snapshot"}}, nil)
	eventually(t, "the image of production is gone, and no other", time.Minute, func() bool {
		got := b.arrived(a)
		return len(got["image"]) == len(b.want["image"])-1 && len(got["snapshot"]) == len(b.want["snapshot"])
	})
}

// arrived is what the collector has of the cloud, without what is gone.
func (b *bench) arrived(a api) map[string]map[string]string {
	b.t.Helper()
	got := map[string]map[string]string{}
	for kind := range b.want {
		for token := ""; ; {
			var page struct {
				Items []struct {
					Name         string `json:"name"`
					Observations []struct {
						ExternalID string `json:"external_id"`
					} `json:"observations"`
					Identifiers []struct{ Type, Value string } `json:"identifiers"`
				} `json:"items"`
				Next string `json:"next_page_token"`
			}
			a.call("GET", "/resources/"+kind+"?"+url.Values{"page_size": {"100"}, "page_token": {token}, "filter": {`datacenter != "this machine"`}}.Encode(), nil, &page)
			for _, r := range page.Items {
				for _, id := range r.Identifiers {
					if id.Type == "azure.id" {
						if got[kind] == nil {
							got[kind] = map[string]string{}
						}
						got[kind][id.Value] = r.Name
					}
				}
			}
			if token = page.Next; token == "" {
				break
			}
		}
	}
	return got
}
