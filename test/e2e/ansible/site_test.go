//go:build e2e

package ansible

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"maestro.internal/internal/rest"
)

// running is a collector with an agent, and the simulated vCenter beside it.
type running struct {
	t     *testing.T
	dir   string
	url   string
	token string
	agent string
	demo  struct{ URL, Username, Password, Thumbprint string }
}

func startAll(t *testing.T) *running {
	t.Helper()
	s := &running{t: t, dir: t.TempDir()}
	s.start("maestro-demo", "--machines", "20", "--ready-file", s.path("demo.json"))
	human, machine := freeAddress(t), freeAddress(t)
	s.start("maestro-collector", "serve", "--data-dir", s.path("collector"), "--listen", human, "--agent-listen", machine, "--ready-file", s.path("ready.json"))
	var ready struct{ URL string }
	s.await("ready.json", &ready)
	s.url = ready.URL
	var admin struct{ Username, Password string }
	s.await("collector/initial-admin.json", &admin)
	s.signIn(admin.Password)
	s.await("demo.json", &s.demo)
	var join rest.JoinToken
	s.call(http.MethodPost, "/join-tokens", rest.JoinTokenCreate{Name: "a", TTLSeconds: 600}, &join)
	write(t, s.path("join-token"), join.Token)
	write(t, s.path("credentials.yaml"), fmt.Sprintf(`credentials:
  facts: {providers: [ansible], env: {ANSIBLE_MAESTRO_ROOT: {value: %q}}}
  vcenter: {providers: [vsphere], env: {VSPHERE_USERNAME: {value: %q}, VSPHERE_PASSWORD: {value: %q}}}
`, s.path("facts"), s.demo.Username, s.demo.Password))
	s.start("maestro-agent", "serve", "--data-dir", s.path("agent"), "--collector", machine, "--plugin-dir", filepath.Dir(binary(t, "maestro-plugin-ansible")),
		"--credentials-file", s.path("credentials.yaml"), "--join-token-file", s.path("join-token"), "--name", "site")
	s.eventually("the agent has told of its plugins", time.Minute, func() bool {
		var list struct{ Items []rest.Agent }
		s.call(http.MethodGet, "/agents", nil, &list)
		known := map[string]bool{}
		for _, a := range list.Items {
			s.agent = a.ID
			for _, p := range a.Plugins {
				known[p.Provider] = true
			}
		}
		return known["ansible"] && known["vsphere"]
	})
	return s
}

func (s *running) path(name string) string { return filepath.Join(s.dir, name) }

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *running) start(name string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(binary(s.t, name), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer // read after the end only
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // the tests look at what it did, not at how it ended
		late.Stop()
		if s.t.Failed() {
			s.t.Logf("%s:\n%s", name, out.Bytes()[max(0, out.Len()-3000):])
		}
	})
}

func (s *running) eventually(what string, limit time.Duration, ask func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(limit); !ask(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not so after %s: %s", limit, what)
		}
	}
}

func (s *running) await(file string, into any) {
	s.t.Helper()
	s.eventually(file+" is there", time.Minute, func() bool {
		b, err := os.ReadFile(s.path(file))
		return err == nil && json.Unmarshal(b, into) == nil
	})
}

func (s *running) signIn(password string) {
	s.t.Helper()
	cmd := exec.Command(binary(s.t, "maestro"), "login", s.url, "--password-stdin")
	cmd.Env, cmd.Stdin = []string{"HOME=" + s.dir}, strings.NewReader(password+"\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("login: %v\n%s", err, out)
	}
	b, err := os.ReadFile(s.path(".config/maestro/config.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "token: ")
	token, _, _ := strings.Cut(rest, "\n")
	s.token = strings.TrimSpace(token)
}

func (s *running) call(method, path string, body, into any) {
	s.t.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/api/v1"+path, in)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, b)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// connect makes a connection and answers its id.
func (s *running) connect(name, provider, credential string, settings map[string]any) string {
	s.t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		s.t.Fatal(err)
	}
	var made rest.Connection
	s.call(http.MethodPost, "/connections", rest.ConnectionWrite{Name: name, Provider: provider, Agent: s.agent, Settings: text, Credential: credential}, &made)
	return made.ID
}

// run reads a connection now and answers how that ended.
func (s *running) run(connection string) rest.Run {
	s.t.Helper()
	var r rest.Run
	s.call(http.MethodPost, "/connections/"+connection+"/runs", rest.RunRequest{}, &r)
	s.eventually("the run has ended", 2*time.Minute, func() bool {
		s.call(http.MethodGet, "/runs/"+r.ID, nil, &r)
		return r.State != "queued" && r.State != "running"
	})
	return r
}

// server is the one server that a filter finds, with its observations.
func (s *running) server(filter string) rest.Resource {
	s.t.Helper()
	var page struct{ Items []rest.Resource }
	s.call(http.MethodGet, "/resources/server?page_size=5&filter="+url.QueryEscape(filter), nil, &page)
	if len(page.Items) != 1 {
		s.t.Fatalf("%d servers with %s, want one", len(page.Items), filter)
	}
	var one rest.Resource
	s.call(http.MethodGet, "/resources/server/"+page.Items[0].ID, nil, &one)
	return one
}

func (s *running) count() int {
	s.t.Helper()
	var page struct {
		Total int `json:"total_size"`
	}
	s.call(http.MethodGet, "/resources/server?page_size=1", nil, &page)
	return page.Total
}
