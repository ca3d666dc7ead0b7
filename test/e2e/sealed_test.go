//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"maestro.internal/internal/rest"
)

// lab is the collector of `maestro dev` with agents of a site of their own, and connections whose credentials are only sealed.
type lab struct {
	*dev
	env      []string
	agents   string // where they reach the collector
	password string // a file
}

func newLab(t *testing.T) *lab {
	t.Helper()
	work := workshop(t)
	l := &lab{dev: startDev(t, work, 20), password: filepath.Join(work, "typed")}
	l.env = []string{"MAESTRO_URL=" + l.info.URL, "MAESTRO_TOKEN=" + l.info.APIToken}
	var ready struct {
		AgentAddress string `json:"agent_address"`
	}
	readJSON(t, filepath.Join(l.data, "agent-address.json"), &ready)
	l.agents = ready.AgentAddress
	if err := os.WriteFile(l.password, []byte(l.demo.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

// agent starts one at the site "lab", without any credentials file, and waits until it is there with its plugins.
func (l *lab) agent(name string) (rest.Agent, *process) {
	l.t.Helper()
	var token rest.JoinToken
	l.call(http.MethodPost, "/join-tokens", rest.JoinTokenCreate{Name: name, Site: "lab"}, &token)
	config, err := json.Marshal(map[string]any{"data_dir": filepath.Join(l.work, name), "collector": l.agents, "join_token": token.Token,
		"name": name, "site": "lab", "plugin_dir": filepath.Join(l.work, "bin")})
	if err != nil {
		l.t.Fatal(err)
	}
	file := filepath.Join(l.work, name+".yaml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		l.t.Fatal(err)
	}
	p := start(l.t, filepath.Join(l.work, "bin", "maestro-agent"), "serve", "--config", file)
	var found rest.Agent
	eventually(l.t, name+" is there", time.Minute, func() bool {
		for _, a := range list[rest.Agent](l.api, "/agents") {
			vsphere := slices.ContainsFunc(a.Plugins, func(p rest.AgentPlugin) bool { return p.Provider == "vsphere" })
			if a.Name == name && a.Status == "online" && a.SealingKey != "" && vsphere {
				found = a
			}
		}
		return found.ID != ""
	})
	return found, p
}

// write is a connection to the simulated vCenter without a credential, that reads only when it is asked.
func (l *lab) write(name, agent string) rest.ConnectionWrite {
	settings, err := json.Marshal(map[string]string{"url": l.demo.URL, "thumbprint": l.demo.Thumbprint})
	if err != nil {
		l.t.Fatal(err)
	}
	return rest.ConnectionWrite{Name: name, Provider: "vsphere", Agent: agent, Settings: settings,
		Kinds: []rest.KindScheduleWrite{{Kind: "cluster", IntervalSeconds: 86400}}}
}

func (l *lab) connection(name, agent string) rest.Connection {
	l.t.Helper()
	var c rest.Connection
	l.call(http.MethodPost, "/connections", l.write(name, agent), &c)
	return c
}

// says runs the command line and answers what it printed; the exit code must be the one wanted.
func (l *lab) says(code int, args ...string) string {
	l.t.Helper()
	stdout, stderr, got := l.cli(l.env, args...)
	if got != code {
		l.t.Fatalf("maestro %s: exit code %d, want %d:\n%s%s", strings.Join(args, " "), got, code, stdout, stderr)
	}
	return stdout + stderr
}

func (l *lab) seal(connections ...string) string {
	return l.says(0, append([]string{"seal", "--set", "VSPHERE_USERNAME=" + l.demo.Username, "--file", "VSPHERE_PASSWORD=" + l.password}, connections...)...)
}

// read asks for a run and answers how it went, with the reasons.
func (l *lab) read(connection rest.Connection) (state, why string) {
	l.t.Helper()
	stdout, stderr, _ := l.cli(l.env, "run", connection.Name, "--wait", "-o", "json")
	var run rest.Run
	if err := json.Unmarshal([]byte(stdout), &run); err != nil {
		l.t.Fatalf("run %s: %v: %s%s", connection.Name, err, stdout, stderr)
	}
	why = run.Error
	for _, s := range list[rest.RunScope](l.api, "/runs/"+run.ID+"/scopes") {
		why += " " + s.Outcome.Error
	}
	return run.State, why
}

func (l *lab) reads(c rest.Connection) {
	l.t.Helper()
	if state, why := l.read(c); state != "succeeded" {
		l.t.Fatalf("%s: the run %s: %s", c.Name, state, why)
	}
}

func (l *lab) refused(c rest.Connection, want string) {
	l.t.Helper()
	if state, why := l.read(c); state != "failed" || !strings.Contains(why, want) {
		l.t.Errorf("%s: the run %s and says %q; want it to fail and say %q", c.Name, state, why, want)
	}
}

func (l *lab) sealed(c rest.Connection) rest.SealedCredential {
	l.t.Helper()
	var s rest.SealedCredential
	l.get("/sealed-credentials/"+c.ID, &s)
	return s
}

func (l *lab) openedBy(c rest.Connection) string {
	var names []string
	for _, r := range l.sealed(c).OpenedBy {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func TestSealedCredentials(t *testing.T) {
	l := newLab(t)
	first, one := l.agent("lab-1")
	a, b := l.connection("sealed-a", first.ID), l.connection("sealed-b", first.ID)
	l.refused(a, "")
	out := l.seal("sealed-a")
	if !strings.Contains(out, first.SealingKey) || !strings.Contains(out, l.demo.URL) || strings.Contains(out, l.demo.Password) {
		t.Errorf("maestro seal does not say for whom and where to, or says too much:\n%s", out)
	}
	l.reads(a)

	t.Run("a ciphertext moved to another connection is refused", func(t *testing.T) {
		var e rest.SealedEnvelope
		l.get("/sealed-credentials/"+a.ID+"/envelope", &e)
		status, body, err := l.try(http.MethodPut, "/sealed-credentials/"+b.ID, e)
		if err != nil || status != http.StatusUnprocessableEntity || !strings.Contains(string(body), "another connection") {
			t.Errorf("status %d, %v: %s", status, err, body)
		}
		l.refused(b, "")
	})
	t.Run("one pointed at another address is refused", func(t *testing.T) {
		var now rest.Connection
		l.get("/connections/"+a.ID, &now)
		w := l.write("sealed-a", first.ID)
		w.Settings = json.RawMessage(strings.Replace(string(w.Settings), "127.0.0.1", "localhost", 1))
		l.put("/connections/"+a.ID, now.Version, w)
		if s := l.sealed(a); s.State != "reenter" || !strings.Contains(s.Reason, "another place") {
			t.Errorf("it is %s: %s", s.State, s.Reason)
		}
		l.refused(a, "sealed to be sent to")
		l.says(0, "sealed", "--reenter")
		l.get("/connections/"+a.ID, &now)
		l.put("/connections/"+a.ID, now.Version, l.write("sealed-a", first.ID))
		l.reads(a)
	})
	t.Run("only what the plugin may be given is taken", func(t *testing.T) {
		out := l.says(2, "seal", "sealed-b", "--set", "HTTPS_PROXY=http://evil.example", "--file", "VSPHERE_PASSWORD="+l.password)
		if !strings.Contains(out, "HTTPS_PROXY") {
			t.Error(out)
		}
	})
	t.Run("keys that are not named are refused", func(t *testing.T) {
		l.says(1, "seal", "sealed-b", "--only", "SHA256:another", "--set", "VSPHERE_USERNAME=x", "--file", "VSPHERE_PASSWORD="+l.password)
		l.says(0, "seal", "sealed-b", "--only", first.SealingKey, "--set", "VSPHERE_USERNAME=x", "--file", "VSPHERE_PASSWORD="+l.password)
	})
	t.Run("one password for many is rotated at once", func(t *testing.T) {
		l.refused(b, "") // it has the wrong user
		l.seal("sealed-a", "sealed-b")
		l.reads(b)
		actions := fmt.Sprint(list[rest.AuditEntry](l.api, "/audit"))
		for _, want := range []string{"credential.set", "credential.rotate"} {
			if !strings.Contains(actions, want) {
				t.Errorf("the audit trail has no %s", want)
			}
		}
	})

	key := filepath.Join(l.work, "recovery.pem")
	l.says(0, "sealed", "recovery-key", "make", key)
	second, two := l.agent("lab-2")
	eventually(t, "the first agent has shared it with the second and the recovery key", time.Minute, func() bool {
		return l.openedBy(a) == "lab-1, lab-2, recovery key" && l.openedBy(b) == l.openedBy(a)
	})
	t.Run("the second agent runs it", func(t *testing.T) {
		var now rest.Connection
		l.get("/connections/"+a.ID, &now)
		l.put("/connections/"+a.ID, now.Version, l.write("sealed-a", second.ID))
		l.reads(a)
	})
	l.nowhere(t, one, two)
	var three *process
	t.Run("when all agents are gone it has to be entered again", func(t *testing.T) {
		for agent, p := range map[string]*process{first.ID: one, second.ID: two} {
			l.call(http.MethodPost, "/agents/"+agent+"/revoke", map[string]string{"reason": "the machines burnt"}, nil)
			p.end(t, syscall.SIGTERM)
		}
		third, p := l.agent("lab-3")
		three = p
		for _, c := range []rest.Connection{a, b} {
			var now rest.Connection
			l.get("/connections/"+c.ID, &now)
			l.put("/connections/"+c.ID, now.Version, l.write(c.Name, third.ID))
			if s := l.sealed(c); s.State != "reenter" || !s.Recoverable || !strings.Contains(s.Advice, "revoked") {
				t.Errorf("%s is %s (%s), recoverable %v, advice %q", c.Name, s.State, s.Reason, s.Recoverable, s.Advice)
			}
		}
		l.refused(a, "not sealed to this recipient")
		if out := l.says(0, "sealed", "--reenter"); !strings.Contains(out, "sealed-a") || !strings.Contains(out, "sealed-b") {
			t.Errorf("the list of what has to be entered again:\n%s", out)
		}
		if out := l.says(0, "sealed", "open", "sealed-a", "--recovery-key", key); !strings.Contains(out, l.demo.Password) {
			t.Error("the recovery key does not open it")
		}
		l.says(0, "sealed", "recover", "--recovery-key", key)
		l.reads(a)
		l.reads(b)
		l.says(0, "sealed", "delete", "sealed-b")
		l.refused(b, "")
	})
	three.end(t, syscall.SIGTERM)
	l.stop()
}

// nowhere looks for the password in everything that the collector wrote, in a backup and in the API's answers.
func (l *lab) nowhere(t *testing.T, agents ...*process) {
	t.Helper()
	backup := start(t, filepath.Join(l.work, "bin", "maestro-collector"), "backup", filepath.Join(l.data, "collector", "sealed-test.backup"), "--config", filepath.Join(l.data, "collector.yaml"))
	if <-backup.done; backup.code != 0 {
		t.Fatalf("back up: %s", backup.out)
	}
	for path, body := range walk(l.api, signIn(t, l.dev)) {
		if strings.Contains(string(body), l.demo.Password) {
			t.Errorf("the sealed password is in the answer of GET %s", path)
		}
	}
	// The agents' folders and logs.
	for _, p := range agents {
		if strings.Contains(p.out.String(), l.demo.Password) {
			t.Errorf("the sealed password is in the log of %s", p.name)
		}
	}
	dirs := []string{filepath.Join(l.data, "collector")}
	for i := range agents {
		dirs = append(dirs, filepath.Join(l.work, fmt.Sprintf("lab-%d", i+1)))
	}
	for _, dir := range dirs {
		seen := 0
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return nil //nolint:nilerr // what is gone meanwhile holds nothing
			}
			seen++
			if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), l.demo.Password) {
				t.Errorf("the sealed password is in %s", path)
			}
			return nil
		})
		if err != nil || seen < 3 {
			t.Errorf("%d files in %s: %v", seen, dir, err)
		}
	}
}
