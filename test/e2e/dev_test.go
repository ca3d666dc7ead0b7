//go:build e2e

package e2e

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDevShowsTheVCenterAndThisHost(t *testing.T) {
	work := workshop(t)
	began := time.Now()
	d := startDev(t, work, 240)
	servers := list[resource](d.api, "/resources/server")
	took := time.Since(began)
	t.Logf("%d servers visible %s after the start of the process", len(servers), took.Round(time.Millisecond))
	if len(servers) == 0 || took > 15*time.Second {
		t.Errorf("%d servers after %s; the first one must be there within 15 s", len(servers), took)
	}
	t.Run("dev.json is its owner's alone", func(t *testing.T) {
		path := filepath.Join(d.data, "dev.json")
		st, err := os.Stat(path)
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, error %v; want 0600", st.Mode(), err)
		}
		var fields map[string]string
		readJSON(t, path, &fields)
		for _, name := range []string{"url", "username", "password", "api_token"} {
			if fields[name] == "" {
				t.Errorf("%s is empty", name)
			}
		}
		if len(fields) != 4 {
			t.Errorf("%d fields, want 4", len(fields))
		}
	})
	t.Run("counts are the vCenter's own", func(t *testing.T) {
		c := d.demo.login(t)
		var want, got map[string]int
		// The demo changes a machine now and then: a look may fall between a change and its discovery.
		eventually(t, "the same counts", 30*time.Second, func() bool {
			n := d.demo.counts(t, c, "VirtualMachine", "HostSystem", "ClusterComputeResource", "Datastore")
			want = map[string]int{"server": n["VirtualMachine"] + n["HostSystem"], "image": n["template"], "cluster": n["ClusterComputeResource"], "storage_pool": n["Datastore"]}
			got = map[string]int{}
			for kind := range want {
				for _, r := range list[resource](d.api, "/resources/"+kind) {
					if r.State == "active" && r.Datacenter.Name == "demo vCenter" {
						got[kind]++
					}
				}
			}
			if cmp.Equal(want, got) {
				return true
			}
			runNow(d.api, "demo vCenter")
			return false
		})
		t.Logf("vCenter and inventory: %v", got)
	})
	t.Run("this host is there", func(t *testing.T) {
		name, err := os.Hostname()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range servers {
			if r.Datacenter.Name == "this machine" {
				if !strings.Contains(string(r.Attributes), name) && r.Name != name {
					t.Errorf("the server of this machine is %q, host name is %q", r.Name, name)
				}
				return
			}
		}
		t.Error("no server of the datacenter `this machine`")
	})
	d.stop()
}

func TestSecondStartFindsItsData(t *testing.T) {
	work := workshop(t)
	d := startDev(t, work, 20)
	before := hosts(d.api)
	d.stop()
	d = startDev(t, work, 20)
	after := hosts(d.api)
	if len(before) == 0 {
		t.Fatal("no resources of this machine")
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("another start, another inventory of this machine (-first +second):\n%s", diff)
	}
	d.stop()
}

// hosts are the server and interfaces of this machine by id, with version: a new version is a new change.
// Its mounts are left out, since other work on this machine makes and removes them.
func hosts(a api) map[string]int {
	a.t.Helper()
	found := map[string]int{}
	for _, kind := range []string{"server", "network_interface"} {
		for _, r := range list[resource](a, "/resources/"+kind) {
			if r.Datacenter.Name == "this machine" {
				found[r.Kind+" "+r.ID+" "+r.State] = r.Version
			}
		}
	}
	return found
}

func TestKilledDevLeavesNoChild(t *testing.T) {
	work := workshop(t)
	d := startDev(t, work, 20)
	// It dies in the middle of a run, with a plugin at work.
	eventually(t, "dev, demo, collector, agent and a plugin run", 30*time.Second, func() bool {
		all := running(t, work)
		if strings.Contains(strings.Join(all, "\n"), "/maestro-plugin-vsphere") {
			return len(all) >= 5
		}
		runNow(d.api, "demo vCenter")
		return false
	})
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.done
	noneLeft(t, work, 20*time.Second)
}

func TestDevSaysWhatIsWrong(t *testing.T) {
	work := workshop(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	file := filepath.Join(work, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ listen, data, says string }{
		// root may write anywhere, so the folder is one that cannot be: under a file, and in /proc.
		"port in use":          {busy.Addr().String(), filepath.Join(work, "data"), busy.Addr().String()},
		"folder below a file":  {"127.0.0.1:0", filepath.Join(file, "data"), file},
		"folder not writable":  {"127.0.0.1:0", "/proc/maestro", "/proc/maestro"},
		"address of elsewhere": {"192.0.2.1:7070", filepath.Join(work, "data"), "192.0.2.1:7070"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := start(t, filepath.Join(work, "bin", "maestro"), "dev", "--listen", c.listen, "--data-dir", c.data)
			select {
			case <-p.done:
			case <-time.After(20 * time.Second):
				t.Fatal("still running")
			}
			said := strings.Split(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(p.out.String()), "Ending what was started ...")), "\n")
			if p.code != 1 || len(said) != 1 || !strings.Contains(said[0], c.says) {
				t.Errorf("exit code %d and %d lines, want 1 and 1 line that names %s:\n%s", p.code, len(said), c.says, p.out)
			}
		})
	}
	noneLeft(t, work, time.Second)
}

// The web UI's own tests in a real browser, against a real site.
func TestWebInTheBrowser(t *testing.T) {
	if _, err := os.Stat("/usr/bin/chromium"); err != nil {
		t.Skip("/usr/bin/chromium is not here")
	}
	if _, err := os.Stat("../../web/node_modules"); err != nil {
		t.Skip("web/node_modules is not here: run `make build`")
	}
	d := startDev(t, workshop(t), 240)
	cmd := exec.CommandContext(t.Context(), "npm", "run", "e2e", "--silent")
	cmd.Dir = "../../web"
	cmd.Env = environment("MAESTRO_E2E_DEV_JSON=" + filepath.Join(d.data, "dev.json"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("npm run e2e: %v\n%s", err, out)
	}
	d.stop()
}

// runNow asks for a run; one that is already under way is as good.
func runNow(a api, name string) {
	a.t.Helper()
	for _, c := range list[connection](a, "/connections") {
		if c.Name == name {
			status, b, err := a.try("POST", "/connections/"+c.ID+"/runs", json.RawMessage(`{}`))
			if err != nil || status >= 300 && status != 409 {
				a.t.Fatalf("ask for a run: %d %s %v", status, b, err)
			}
			return
		}
	}
	a.t.Fatalf("no connection %q", name)
}
