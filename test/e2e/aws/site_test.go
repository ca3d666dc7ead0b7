//go:build e2e

package aws

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
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"maestro.internal/internal/rest"
)

// site is a collector and an agent, as they are installed.
type site struct {
	t     *testing.T
	dir   string
	url   string
	token string
}

func startSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	human, machine := freeAddress(t), freeAddress(t)
	s.start("maestro-collector", "serve", "--data-dir", s.path("collector"), "--listen", human, "--agent-listen", machine, "--ready-file", s.path("collector.json"))
	var ready struct{ URL string }
	s.await("collector.json", &ready)
	s.url = ready.URL
	var admin struct{ Username, Password string }
	s.await("collector/initial-admin.json", &admin)
	s.signIn(admin.Password)
	var join rest.JoinToken
	s.call(http.MethodPost, "/join-tokens", rest.JoinTokenCreate{Name: "a", TTLSeconds: 600}, &join)
	s.write("join-token", join.Token)
	s.write("credentials.yaml", "credentials:\n  moto: {providers: [aws], env: {AWS_ACCESS_KEY_ID: {value: AKIAIOSFODNN7EXAMPLE}, AWS_SECRET_ACCESS_KEY: {value: a-secret-key-of-the-test}}}\n")
	s.start("maestro-agent", "serve", "--data-dir", s.path("agent"), "--collector", machine, "--plugin-dir", filepath.Dir(binary(t, "maestro-plugin-aws")),
		"--credentials-file", s.path("credentials.yaml"), "--join-token-file", s.path("join-token"), "--name", "aws")
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *site) start(name string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(binary(s.t, name), args...)
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

func (s *site) eventually(what string, limit time.Duration, ask func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(limit); !ask(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not so after %s: %s", limit, what)
		}
	}
}

func (s *site) await(file string, into any) {
	s.t.Helper()
	s.eventually(file+" is there", time.Minute, func() bool {
		b, err := os.ReadFile(s.path(file))
		return err == nil && json.Unmarshal(b, into) == nil
	})
}

func (s *site) signIn(password string) {
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

func (s *site) call(method, path string, body, into any) {
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

// count is how many resources of a kind a filter finds.
func (s *site) count(kind, filter string) int {
	s.t.Helper()
	var page struct {
		Total int `json:"total_size"`
	}
	s.call(http.MethodGet, "/resources/"+kind+"?page_size=1&filter="+url.QueryEscape(filter), nil, &page)
	return page.Total
}

// run reads the connection now and answers how that ended.
func (s *site) run(connection string) rest.Run {
	s.t.Helper()
	var r rest.Run
	s.call(http.MethodPost, "/connections/"+connection+"/runs", rest.RunRequest{}, &r)
	s.eventually("the run has ended", 2*time.Minute, func() bool {
		s.call(http.MethodGet, "/runs/"+r.ID, nil, &r)
		return r.State != "queued" && r.State != "running"
	})
	return r
}

// TestUnderTheAgent goes the whole way: connection, agent, plugin, collector, filters; and a machine that is terminated
// is gone after the next run, alone.
func TestUnderTheAgent(t *testing.T) {
	e := startEmulator(t)
	e.python(t, "seed.py")
	s := startSite(t)
	var agent rest.Agent
	s.eventually("the agent has told of its plugins", time.Minute, func() bool {
		var list struct{ Items []rest.Agent }
		if s.call(http.MethodGet, "/agents", nil, &list); len(list.Items) == 1 {
			agent = list.Items[0]
		}
		return slices.ContainsFunc(agent.Plugins, func(x rest.AgentPlugin) bool { return x.Provider == "aws" })
	})
	settings, err := json.Marshal(map[string]any{"endpoint": e.url, "regions": regions})
	if err != nil {
		t.Fatal(err)
	}
	var made rest.Connection
	s.call(http.MethodPost, "/connections", rest.ConnectionWrite{Name: "cloud", Provider: "aws", Agent: agent.ID, Settings: settings, Credential: "moto"}, &made)
	first := s.run(made.ID)
	if first.State != "succeeded" || first.Rejected > 0 || !first.PlanComplete {
		t.Fatalf("the first run: %+v", first)
	}
	want := map[string]int{}
	for text := range bytes.Lines(e.python(t, "inventory.py", regions...)) {
		var r record
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		want[r.Kind]++
	}
	for kind, n := range want {
		if got := s.count(kind, ""); got != n {
			t.Errorf("%d of %s in the inventory, want %d", got, kind, n)
		}
	}
	for filter, n := range map[string]int{
		`attributes.aws.instance_type = "m5.large"`: 6,
		`attributes.power_state = "off"`:            3,
		`region = "eu-west-1" AND name = "web-1"`:   1,
	} {
		if got := s.count("server", filter); got != n {
			t.Errorf("%d machines with %s, want %d", got, filter, n)
		}
	}
	e.python(t, "seed.py", "terminate", "eu-west-1", "web-1")
	second := s.run(made.ID)
	if second.State != "succeeded" {
		t.Errorf("the second run: %+v", second)
	}
	if got := s.count("server", `state = gone`); got != 1 {
		t.Errorf("%d machines are gone, want the one that was terminated", got)
	}
	if got := s.count("server", ""); got != want["server"]-1 {
		t.Errorf("%d machines, want %d", got, want["server"]-1)
	}
}
