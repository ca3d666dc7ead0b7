//go:build e2e

package site

import (
	"bytes"
	"encoding/json"
	"errors"
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

// Missing ends the test: as skipped where it is tried by hand, as failed in CI.
func Missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("MAESTRO_E2E_REQUIRED") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Binary is one that `make build` made, or one of the folder that MAESTRO_E2E_BIN names.
func Binary(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv("MAESTRO_E2E_BIN")
	if folder == "" {
		top, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for _, err := os.Stat(filepath.Join(top, "go.mod")); err != nil; _, err = os.Stat(filepath.Join(top, "go.mod")) {
			if top == filepath.Dir(top) {
				t.Fatal("the test runs outside of the module")
			}
			top = filepath.Dir(top)
		}
		folder = filepath.Join(top, "bin")
	}
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err != nil {
		Missing(t, "%s is missing: run `make build`", path)
	}
	return path
}

// Site is a collector, and what joins it.
type Site struct {
	t *testing.T
	// Dir is where everything lies.
	Dir   string
	URL   string
	Token string
	// Agent is the id of the agent that joined.
	Agent   string
	machine string
}

// New is an empty site: programs can be started at it.
func New(t *testing.T) *Site {
	t.Helper()
	return &Site{t: t, Dir: t.TempDir()}
}

// StartCollector starts the collector and signs in as its administrator.
func (s *Site) StartCollector() {
	s.t.Helper()
	human := freeAddress(s.t)
	s.machine = freeAddress(s.t)
	s.Start("maestro-collector", "serve", "--data-dir", s.Path("collector"), "--listen", human, "--agent-listen", s.machine, "--ready-file", s.Path("collector.json"))
	var ready struct{ URL string }
	s.Await("collector.json", &ready)
	s.URL = ready.URL
	var admin struct{ Username, Password string }
	s.Await("collector/initial-admin.json", &admin)
	if out, err := s.cli(admin.Password+"\n", "login", s.URL, "--password-stdin"); err != nil {
		s.t.Fatalf("login: %v\n%s", err, out)
	}
	b, err := os.ReadFile(s.Path(".config/maestro/config.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "token: ")
	token, _, _ := strings.Cut(rest, "\n")
	s.Token = strings.TrimSpace(token)
}

// StartAgent joins an agent with a file of credentials, and waits until it has told of the plugins.
func (s *Site) StartAgent(name, credentials string, providers ...string) {
	s.t.Helper()
	var join rest.JoinToken
	s.Call(http.MethodPost, "/join-tokens", rest.JoinTokenCreate{Name: name, TTLSeconds: 600}, &join)
	s.Write("join-token", join.Token)
	s.Write("credentials.yaml", credentials)
	s.Start("maestro-agent", "serve", "--data-dir", s.Path("agent"), "--collector", s.machine, "--plugin-dir", filepath.Dir(Binary(s.t, "maestro-plugin-"+providers[0])),
		"--credentials-file", s.Path("credentials.yaml"), "--join-token-file", s.Path("join-token"), "--name", name)
	s.Eventually("the agent has told of its plugins", time.Minute, func() bool {
		var list struct{ Items []rest.Agent }
		s.Call(http.MethodGet, "/agents", nil, &list)
		known := map[string]bool{}
		for _, a := range list.Items {
			s.Agent = a.ID
			for _, p := range a.Plugins {
				known[p.Provider] = true
			}
		}
		for _, p := range providers {
			if !known[p] {
				return false
			}
		}
		return true
	})
}

// Path is one of the site.
func (s *Site) Path(name string) string { return filepath.Join(s.Dir, name) }

// Write makes a file of the site.
func (s *Site) Write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.Path(name)), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.Path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// Start runs a program until the test ends.
func (s *Site) Start(name string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(Binary(s.t, name), args...)
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

// CLI runs the command line as the administrator, and answers what it prints.
func (s *Site) CLI(args ...string) string {
	s.t.Helper()
	out, err := s.cli("", args...)
	if err != nil {
		s.t.Fatalf("maestro %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// TryCLI is CLI for what may fail.
func (s *Site) TryCLI(args ...string) (string, error) { return s.cli("", args...) }

func (s *Site) cli(in string, args ...string) (string, error) {
	cmd := exec.CommandContext(s.t.Context(), Binary(s.t, "maestro"), args...)
	cmd.Env, cmd.Stdin = []string{"HOME=" + s.Dir}, strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Eventually asks until it is so.
func (s *Site) Eventually(what string, limit time.Duration, ask func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(limit); !ask(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not so after %s: %s", limit, what)
		}
	}
}

// Await reads a JSON file as soon as it is there.
func (s *Site) Await(file string, into any) {
	s.t.Helper()
	s.Eventually(file+" is there", time.Minute, func() bool {
		b, err := os.ReadFile(s.Path(file))
		return err == nil && json.Unmarshal(b, into) == nil
	})
}

// Call asks the collector; it must succeed.
func (s *Site) Call(method, path string, body, into any) {
	s.t.Helper()
	err := s.call(method, path, body, into)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (s *Site) call(method, path string, body, into any) error {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+"/api/v1"+path, in)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("status %d: %s", resp.StatusCode, b)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(b, into)
}

// Connect makes a connection of the agent and answers its id.
func (s *Site) Connect(name, provider, credential string, settings map[string]any) string {
	s.t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		s.t.Fatal(err)
	}
	var made rest.Connection
	s.Call(http.MethodPost, "/connections", rest.ConnectionWrite{Name: name, Provider: provider, Agent: s.Agent, Settings: text, Credential: credential}, &made)
	return made.ID
}

// Run reads a connection now and answers how that ended.
func (s *Site) Run(connection string) rest.Run {
	s.t.Helper()
	var r rest.Run
	s.Call(http.MethodPost, "/connections/"+connection+"/runs", rest.RunRequest{}, &r)
	s.Eventually("the run has ended", 2*time.Minute, func() bool {
		s.Call(http.MethodGet, "/runs/"+r.ID, nil, &r)
		return r.State != "queued" && r.State != "running"
	})
	return r
}

// Count is how many resources of a kind a filter finds.
func (s *Site) Count(kind, filter string) int {
	s.t.Helper()
	var page struct {
		Total int `json:"total_size"`
	}
	s.Call(http.MethodGet, "/resources/"+kind+"?page_size=1&filter="+url.QueryEscape(filter), nil, &page)
	return page.Total
}

// Server is the one server that a filter finds, with its observations.
func (s *Site) Server(filter string) rest.Resource {
	s.t.Helper()
	var page struct{ Items []rest.Resource }
	s.Call(http.MethodGet, "/resources/server?page_size=5&filter="+url.QueryEscape(filter), nil, &page)
	if len(page.Items) != 1 {
		s.t.Fatalf("%d servers with %s, want one", len(page.Items), filter)
	}
	var one rest.Resource
	s.Call(http.MethodGet, "/resources/server/"+page.Items[0].ID, nil, &one)
	return one
}
