//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"maestro.internal/internal/rest"
)

// Machines that are missing, each for another reason, and what `maestro why` says of them: with the collector, the agent, the plugin
// and the simulated vCenter as they are shipped.
func TestWhy(t *testing.T) {
	work := workshop(t)
	me, err := os.Executable()
	if err == nil {
		err = os.Symlink(me, filepath.Join(work, "bin", "maestro-plugin-moody"))
	}
	if err != nil {
		t.Fatal(err)
	}
	d := startDev(t, work, 40)
	env := []string{"MAESTRO_URL=" + d.info.URL, "MAESTRO_TOKEN=" + d.info.APIToken}
	why := func(args ...string) rest.Why {
		t.Helper()
		stdout, stderr, code := d.cli(env, append([]string{"why", "-o", "json"}, args...)...)
		var a rest.Why
		if err := json.Unmarshal([]byte(stdout), &a); err != nil || code != 0 {
			t.Fatalf("maestro why %q: %d %v\n%s%s", args, code, err, stdout, stderr)
		}
		return a
	}
	expect := func(a rest.Why, verdict, at string, words ...string) {
		t.Helper()
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if a.Verdict != verdict || a.StopsAt != at || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(string(text), w) }) {
			t.Errorf("%q: %s at %q, want %s at %q with %q:\n%s", a.Asked, a.Verdict, a.StopsAt, verdict, at, words, text)
		}
	}
	servers := list[resource](d.api, "/resources/server")

	t.Run("there", func(t *testing.T) {
		expect(why(servers[0].Name), "ok", "")
		expect(why(servers[0].ID, "--kind", "server"), "ok", "")
	})
	t.Run("gone", func(t *testing.T) {
		var name string
		for n := range destroyHalf(t, d.demo) {
			name = n
		}
		eventually(t, "the inventory knows that "+name+" is gone", 30*time.Second, func() bool {
			runNow(d.api, "demo vCenter")
			return why(name).Verdict != "ok"
		})
		expect(why(name), "stops_here", "inventory", "is gone since", "state = gone")
	})
	t.Run("merged", func(t *testing.T) {
		var two []resource
		for _, r := range list[resource](d.api, "/resources/server") {
			if r.State == "active" && r.Datacenter.Name == "demo vCenter" && len(two) < 2 && (len(two) == 0 || two[0].Name != r.Name) {
				two = append(two, r)
			}
		}
		if stdout, stderr, code := d.cli(env, "merge", "server", two[0].ID, two[1].ID, "--reason", "the same"); code != 0 {
			t.Fatalf("merge: %s%s", stdout, stderr)
		}
		expect(why(two[1].ID), "stops_here", "inventory", "lives on as", "maestro split server "+two[0].ID)
	})
	t.Run("left out by the settings", func(t *testing.T) {
		var conn rest.Connection
		for _, c := range list[rest.Connection](d.api, "/connections") {
			if c.Name == "demo vCenter" {
				conn = c
			}
		}
		var settings map[string]any
		if err := json.Unmarshal(conn.Settings, &settings); err != nil {
			t.Fatal(err)
		}
		settings["datacenters"] = []string{"Frankfurt"}
		text, err := json.Marshal(settings)
		if err != nil {
			t.Fatal(err)
		}
		var before []resource
		for _, r := range list[resource](d.api, "/resources/server") {
			if r.State == "active" && r.Datacenter.Name == "demo vCenter" {
				before = append(before, r)
			}
		}
		d.put("/connections/"+conn.ID, conn.Version, rest.ConnectionWrite{Name: conn.Name, Provider: conn.Provider, Agent: conn.Agent.ID, Datacenter: conn.Datacenter.ID,
			Settings: text, Credential: conn.Credential, Kinds: rest.WriteKinds(conn.Kinds)})
		var lost resource
		eventually(t, "machines of London are unwatched", 30*time.Second, func() bool {
			runNow(d.api, "demo vCenter")
			for _, r := range before {
				var now resource
				d.get("/resources/server/"+r.ID, &now)
				if now.State == "unwatched" {
					lost = r
					return true
				}
			}
			return false
		})
		expect(why(lost.ID), "stops_here", "inventory", "nobody looks at it")
		expect(why("lon-never-seen", "--connection", "demo vCenter"), "cannot_tell", "connection", "datacenters = Frankfurt")
	})
	t.Run("denied", func(t *testing.T) {
		denied := filepath.Join(work, "denied")
		if err := os.WriteFile(denied, []byte("server"), 0o600); err != nil {
			t.Fatal(err)
		}
		settings, err := json.Marshal(map[string]string{"file": denied})
		if err != nil {
			t.Fatal(err)
		}
		var agent string
		eventually(t, "the agent has told of the plugin", 20*time.Second, func() bool {
			for _, p := range list[rest.Plugin](d.api, "/plugins") {
				if p.Provider == "moody" {
					agent = p.Agents[0].ID
				}
			}
			return agent != ""
		})
		d.call("POST", "/connections", rest.ConnectionWrite{Name: "moody", Provider: "moody", Agent: agent, Settings: settings}, nil)
		if stdout, stderr, code := d.cli(env, "run", "moody", "--wait"); code != 3 {
			t.Fatalf("run: %d %s%s", code, stdout, stderr)
		}
		expect(why("moody server", "--kind", "server", "--connection", "moody"), "stops_here", "permission", "not in the mood for a server", "try again tomorrow")
		stdout, stderr, code := d.cli(env, "coverage", "--status", "denied")
		if code != 0 || !strings.Contains(stdout, "not in the mood for a server") {
			t.Errorf("maestro coverage: %d\n%s%s", code, stdout, stderr)
		}
	})
	d.stop()
}

// put replaces a document of a version.
func (a api) put(path string, version int64, body any) {
	a.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodPut, a.base+"/api/v1"+path, strings.NewReader(string(b)))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("If-Match", `"`+strconv.FormatInt(version, 10)+`"`)
	res, err := plainClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		var problem rest.Problem
		_ = json.NewDecoder(res.Body).Decode(&problem) // what it says is a help only
		a.t.Fatalf("PUT %s: %d %s %+v", path, res.StatusCode, problem.Detail, problem.Errors)
	}
}
