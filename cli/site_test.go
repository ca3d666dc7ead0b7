package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"maestro.internal/cli"
	"maestro.internal/collector"
)

// site is a real collector in this process, and somebody at a command line who is signed in to it.
type site struct {
	t   *testing.T
	dir string
	url string
	env map[string]string
	in  string
	now func() time.Time
	// terminal says that a person looks.
	terminal bool
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), env: map[string]string{}, now: time.Now}
	s.env["HOME"] = s.dir
	cfg := collector.DefaultConfig()
	cfg.DataDir, cfg.Listen, cfg.AgentListen, cfg.ReadyFile = filepath.Join(s.dir, "collector"), "127.0.0.1:0", "127.0.0.1:0", filepath.Join(s.dir, "ready.json")
	c, err := collector.New(t.Context(), cfg, collector.Options{Log: slog.New(slog.DiscardHandler)})
	s.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		s.must(<-ended)
		s.must(c.Close())
	})
	var ready struct{ URL string }
	s.await(cfg.ReadyFile, &ready)
	s.url = ready.URL
	var admin struct{ Username, Password string }
	s.await(filepath.Join(cfg.DataDir, "initial-admin.json"), &admin)
	s.in = admin.Password + "\n"
	s.run("login", s.url, "--username", admin.Username, "--password-stdin")
	s.in = ""
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) await(path string, into any) {
	s.t.Helper()
	for range 500 {
		if b, err := os.ReadFile(path); err == nil && json.Unmarshal(b, into) == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("%s is not there", path)
}

// lockedText takes what a command says while the test reads it.
type lockedText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// try runs the command as a script would.
func (s *site) try(args ...string) (out, errs string, code int) {
	s.t.Helper()
	var o, e lockedText
	code = s.start(&o, &e, args...)
	return o.String(), e.String(), code
}

func (s *site) start(out, errs *lockedText, args ...string) int {
	return cli.Main(args, cli.Environment{In: strings.NewReader(s.in), Out: out, Err: errs, Now: s.now, Terminal: s.terminal, ErrTerminal: s.terminal,
		Getenv: func(k string) string { return s.env[k] }})
}

// run is try of what must work.
func (s *site) run(args ...string) string {
	s.t.Helper()
	out, errs, code := s.try(args...)
	if code != 0 {
		s.t.Fatalf("maestro %s: exit %d: %s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// write makes a file and says where.
func (s *site) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	s.must(os.MkdirAll(filepath.Dir(path), 0o700))
	s.must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// servers records some by hand.
func (s *site) servers(csv string) {
	s.t.Helper()
	s.run("import", s.write("servers.csv", csv), "--kind", "server")
}
