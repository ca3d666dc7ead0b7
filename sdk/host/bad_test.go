//go:build unix

package host_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// TestBadStarts proves that whatever goes wrong before the first call is one clear line that names the plugin.
func TestBadStarts(t *testing.T) {
	tests := map[string]string{
		"rubbish":         `launch plugin rubbish: it wrote "Welcome to my plugin!" on stdout instead of the handshake line`,
		"silent":          "launch plugin silent: it wrote no handshake line within 300ms",
		"closes":          "launch plugin closes: it closed stdout without a handshake line",
		"dies early":      "launch plugin dies early: plugin dies early ended: exit code 3; its last words: no such library: [redacted]",
		"version 9":       "speaks version 9 of the plugin protocol, this agent speaks 1",
		"core 2":          "speaks core protocol 2 of go-plugin",
		"netrpc":          `offers the transport "netrpc" instead of grpc`,
		"plaintext":       "offers no TLS certificate",
		"odd certificate": "launch plugin odd certificate: error parsing server cert",
		"no socket":       "launch plugin no socket: describe: plugin no socket: connection error",
		"mute":            "launch plugin mute: it did not describe itself within 6s",
		"endless line":    "xxx…",
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t, name)
			switch name {
			case "silent":
				cfg.StartTimeout = 300 * time.Millisecond
			case "mute":
				cfg.StartTimeout = 6 * time.Second // it has to start within it, on a busy machine too
			}
			p, err := host.Launch(t.Context(), cfg)
			if err == nil {
				t.Fatal(errors.Join(errors.New("it was launched"), p.Close()))
			}
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
				t.Fatalf("got %q, want %q", err, want)
			}
			if left, err := os.ReadDir(cfg.Dir); err != nil || len(left) > 0 {
				t.Fatalf("left behind: %v, %v", left, err)
			}
			if passing := name == "dies early" || name == "no socket"; host.Permanent(err) == passing {
				t.Errorf("permanent: %v", !passing)
			}
		})
	}
}

// TestNotAProgram is what no attempt can start.
func TestNotAProgram(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := map[string]string{
		file("text", "not a program", 0o700):              "it is not a program for " + runtime.GOOS + "/" + runtime.GOARCH,
		file("plain", "#!/bin/sh\n", 0o600):               "make it executable (chmod +x)",
		file("orphan", "#!/no/such/interpreter\n", 0o700): "no such file",
		filepath.Join(dir, "missing"):                     "no such file",
		dir:                                               "launch plugin ",
	}
	for path, want := range tests {
		p, err := host.Launch(t.Context(), host.Config{Path: path, Dir: config(t, "x").Dir})
		if err == nil {
			t.Fatal(errors.Join(errors.New("it was launched"), p.Close()))
		}
		if !strings.Contains(err.Error(), want) || !host.Permanent(err) {
			t.Errorf("%s: %v, permanent %v", filepath.Base(path), err, host.Permanent(err))
		}
	}
}

func TestStartIsCanceled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := host.Launch(ctx, config(t, "silent")); err == nil || time.Since(began) > 5*time.Second {
		t.Fatalf("%v after %s", err, time.Since(began))
	}
	if _, err := host.Launch(t.Context(), host.Config{Path: "/does/not/exist"}); err == nil || !strings.Contains(err.Error(), "launch plugin exist") {
		t.Fatal(err)
	}
}

func TestPanicFailsItsScopeOnly(t *testing.T) {
	p := launch(t, config(t, "panics"))
	g := newGather()
	if err := p.Discover(t.Context(), conn, scopes("demo.thing", "demo.other"), g); err != nil {
		t.Fatal(err)
	}
	if o := g.outcomes[0]; o.Status != resource.StatusFailed || o.Error != "panic: seeded panic" || o.Listed != 1 {
		t.Errorf("%+v", o)
	}
	if o := g.outcomes[1]; o.Status != resource.StatusComplete || o.Listed != 3 {
		t.Errorf("%+v", o)
	}
}

// TestEndings kills, crashes and starves plugins in the middle of a Discover: the call fails with the reason,
// what came before has arrived, and no scope claims to be complete.
func TestEndings(t *testing.T) {
	tests := []struct {
		plugin string
		cfg    func(*host.Config)
		want   []string
	}{
		{"crashes", nil, []string{"plugin crashes ended: exit code 2", "the ground gives way", "panic: in a goroutine of the author's"}},
		{"exits", nil, []string{"plugin exits ended: exit code 7"}},
		{"hangs", func(c *host.Config) { c.StallTimeout = 400 * time.Millisecond }, []string{"plugin hangs hangs: no word for 400ms"}},
		{"floods", func(c *host.Config) { c.MaxResources = 5000 }, []string{"scope demo.thing: more than 5000 resources"}},
		{"eats", func(c *host.Config) { c.MemoryLimit = 128 << 20 }, []string{"killed: out of memory at ", "the limit is 128 MiB"}},
	}
	for _, tt := range tests {
		t.Run(tt.plugin, func(t *testing.T) {
			t.Parallel()
			cfg := config(t, tt.plugin)
			if tt.cfg != nil {
				tt.cfg(&cfg)
			}
			p := launch(t, cfg)
			g := newGather()
			err := p.Discover(t.Context(), conn, scopes("demo.thing"), g)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q", err, want)
				}
			}
			if o, done := g.outcomes[0]; done {
				t.Errorf("the scope ended: %+v", o)
			}
			if tt.plugin == "exits" && len(g.resources[0]) < 1000 {
				t.Errorf("%d resources arrived of what was sent before the end", len(g.resources[0]))
			}
		})
	}
}

func TestKilledBySignal(t *testing.T) {
	tests := map[syscall.Signal][]string{
		// Go prints its stacks for some signals and exits by itself.
		syscall.SIGSEGV: {"exit code 2", "killed by signal 11"},
		syscall.SIGKILL: {"killed by signal 9"},
	}
	for sig, want := range tests {
		p := launch(t, config(t, "hangs"))
		g := newGather()
		g.onDone = func() { _ = syscall.Kill(p.PID(), sig) } // as soon as the scope that does not hang has ended
		err := p.Discover(t.Context(), conn, scopes("demo.thing", "demo.other"), g)
		var ended *host.ExitError
		if !errors.As(err, &ended) || !slices.ContainsFunc(want, func(s string) bool { return strings.Contains(ended.Reason, s) }) {
			t.Errorf("%s: %v", sig, err)
		}
		if _, done := g.outcomes[0]; done || g.outcomes[1].Status != resource.StatusComplete {
			t.Errorf("%s: %+v", sig, g.outcomes)
		}
		if err := p.Wait(); !errors.As(err, &ended) {
			t.Errorf("%s: wait: %v", sig, err)
		}
	}
}

func TestCanceledDiscoverReturnsAtOnce(t *testing.T) {
	p := launch(t, config(t, "hangs"))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := p.Discover(ctx, conn, scopes("demo.thing"), newGather())
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Second {
		t.Fatalf("%v after %s", err, time.Since(began))
	}
	// It hangs on, so asking does not help: Close is bounded all the same.
	began = time.Now()
	if err := p.Close(); err != nil || time.Since(began) > 5*time.Second {
		t.Fatalf("close: %v after %s", err, time.Since(began))
	}
}

// TestSessionsAreEnded cancels a call and closes the plugin at once: the session at the provider is ended all the
// same.
func TestSessionsAreEnded(t *testing.T) {
	cfg := config(t, "waits")
	cfg.StopTimeout = 5 * time.Second
	p := launch(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for !strings.Contains(strings.Join(p.Tail(), " "), "waiting") {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	slow := provider.Connection{Settings: []byte(`{"count":99}`)}
	if err := p.Discover(ctx, slow, scopes("demo.thing"), newGather()); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if tail := strings.Join(p.Tail(), " "); !strings.Contains(tail, "session ended") || p.Killed() {
		t.Errorf("killed %v, its last words: %s", p.Killed(), tail)
	}
}

func TestWhatCannotBeTaken(t *testing.T) {
	p := launch(t, config(t, "repeats"))
	g := newGather()
	if err := p.Discover(t.Context(), conn, scopes("demo.thing", "demo.other"), g); err != nil {
		t.Fatal(err)
	}
	if o := g.outcomes[0]; o.Status != resource.StatusFailed || !strings.Contains(o.Error, `"thing-1" was emitted twice`) || o.Duplicates != 1 {
		t.Errorf("%+v", o)
	}
	if o := g.outcomes[1]; o.Status != resource.StatusComplete || o.Listed != 1 || len(o.Warnings) != 1 {
		t.Errorf("a listing declared unstable: %+v", o)
	}
	q := launch(t, config(t, "invalid"))
	g = newGather()
	if err := q.Discover(t.Context(), conn, scopes("demo.thing"), g); err != nil {
		t.Fatal(err)
	}
	if o := g.outcomes[0]; o.Status != resource.StatusPartial || o.Listed != 1 || !strings.Contains(o.Error, "5 resources could not be taken") || len(g.resources[0]) != 1 {
		t.Errorf("%+v", o)
	}
}

func TestChildrenEndWithThePlugin(t *testing.T) {
	p := launch(t, config(t, "breeds"))
	g := newGather()
	if err := p.Discover(t.Context(), conn, scopes("demo.thing"), g); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if len(g.resources[0]) != 2 {
		t.Fatalf("%+v", g)
	}
	for _, r := range g.resources[0] {
		pid, err := strconv.Atoi(r.Name)
		if err != nil {
			t.Fatal(err)
		}
		waitGone(t, pid)
	}
}

func TestDeafPluginIsKilled(t *testing.T) {
	p := launch(t, config(t, "deaf"))
	if err := p.Discover(t.Context(), conn, scopes("demo.thing"), newGather()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.PID(), syscall.SIGSTOP); err != nil { // now it hears nothing at all
		t.Fatal(err)
	}
	began := time.Now()
	if err := p.Close(); err != nil || time.Since(began) > 5*time.Second {
		t.Fatalf("%v after %s", err, time.Since(began))
	}
	waitGone(t, p.PID())
}

// TestLogFloodIsBounded is a plugin that writes without end: the log gets the first lines and one that counts the others.
func TestLogFloodIsBounded(t *testing.T) {
	tests := []struct {
		plugin string
		most   int
		wants  []string
	}{
		{"logs", 10_001, []string{"line 0 ", "plugin wrote too much: "}},
		{"prints", 52, []string{`line="printed 0"`, `line="printed 49"`, "the log goes on", "plugin wrote too much: 49950 more lines suppressed"}},
	}
	for _, tt := range tests {
		t.Run(tt.plugin, func(t *testing.T) {
			var mu sync.Mutex
			var kept []string
			cfg := config(t, tt.plugin)
			cfg.Log = slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
				mu.Lock()
				defer mu.Unlock()
				kept = append(kept, string(b))
				return len(b), nil
			}), nil))
			p := launch(t, cfg)
			if err := p.Discover(t.Context(), conn, scopes("demo.thing"), newGather()); err != nil {
				t.Fatal(err)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if len(p.Tail()) != 20 {
				t.Errorf("%d lines remembered", len(p.Tail()))
			}
			mu.Lock()
			defer mu.Unlock()
			all := strings.Join(kept, "")
			for _, want := range tt.wants {
				if !strings.Contains(all, want) {
					t.Errorf("no %q in %d lines: %.300s", want, len(kept), all)
				}
			}
			if len(kept) > tt.most {
				t.Errorf("%d lines relayed, want at most %d", len(kept), tt.most)
			}
		})
	}
}

func TestChecksum(t *testing.T) {
	cfg := config(t, "good")
	cfg.SHA256 = strings.Repeat("0", 64)
	if _, err := host.Launch(t.Context(), cfg); !errors.Is(err, host.ErrChecksum) {
		t.Fatal(err)
	}
	// A plugin that is swapped after it was approved does not run, and one that is swapped while it runs does
	// not matter.
	script := filepath.Join(t.TempDir(), "maestro-plugin-x")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec "+cfg.Path+" -plugin good\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	sum, err := host.FileSHA256(script)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Path, cfg.SHA256, cfg.Name = script, sum, ""
	launch(t, cfg)
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho swapped\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := host.Launch(t.Context(), cfg); !errors.Is(err, host.ErrChecksum) || !strings.Contains(err.Error(), "plugin x") {
		t.Fatal(err)
	}
}

// TestSweep kills an agent so that nothing of it can tidy up, and looks at what the next one finds.
func TestSweep(t *testing.T) {
	cfg := config(t, "good")
	agent := exec.Command(cfg.Path, "-plugin", "agent")
	agent.Env = append(os.Environ(), "AGENT_DIR="+cfg.Dir)
	out, err := agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 32)
	n, err := out.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Sweep(cfg.Dir, ""); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(cfg.Dir); len(left) == 0 {
		t.Fatal("the directories of a living agent were swept")
	}
	_ = agent.Process.Kill()
	_ = agent.Wait()
	waitGone(t, pid) // no orphans, without anybody's help
	if err := host.Sweep(cfg.Dir, ""); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(cfg.Dir); len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
}

func waitGone(t *testing.T, pid int) {
	t.Helper()
	for range 100 {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(b), ") Z ") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %d is still there", pid)
}
