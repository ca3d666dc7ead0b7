//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binaries are what the tests run; `make build` makes them.
var binaries = []string{"maestro", "maestro-collector", "maestro-agent", "maestro-demo", "maestro-plugin-host", "maestro-plugin-vsphere"}

// workshop is a folder of its own with links to the binaries: every process that a test starts, and every process that
// those start, carries the folder in its command line and can be told from all others on this machine.
func workshop(t *testing.T, more ...string) string {
	t.Helper()
	root, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	// Socket paths are short of room, so not in t.TempDir with the test's long name.
	dir, err := os.MkdirTemp("", "maestro-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("kept for a look: %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(binaries, more) {
		target := filepath.Join(root, name)
		if _, err := os.Stat(target); err != nil {
			if os.Getenv("MAESTRO_E2E_REQUIRED") == "1" {
				t.Fatalf("%s is missing: run `make build`", target)
			}
			t.Skipf("%s is missing: run `make build`", target)
		}
		if err := os.Symlink(target, filepath.Join(dir, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// output collects what a process prints, for reading while it still runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is a child of the test. It is waited for by one goroutine; done closes after its end.
type process struct {
	name string
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
	code int
}

func start(t *testing.T, path string, args ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(path), cmd: exec.Command(path, args...), out: &output{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.Env = environment()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A grandchild that holds the pipe must not keep us from seeing the end.
	p.cmd.WaitDelay = 2 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	go func() {
		defer close(p.done)
		if err := p.cmd.Wait(); err != nil && p.cmd.ProcessState == nil {
			fmt.Fprintln(p.out, "wait:", err)
		}
		p.code = p.cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		select {
		case <-p.done:
		default:
			_ = p.cmd.Process.Kill()
			<-p.done
		}
	})
	return p
}

// end asks the process to end as a person would, and answers its exit code.
func (p *process) end(t *testing.T, sig syscall.Signal) int {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("signal %s: %v", p.name, err)
	}
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s did not end within 30 s of %s; it said:\n%s", p.name, sig, p.out)
	}
	return p.code
}

// environment is ours without what would steer Maestro.
func environment(extra ...string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "MAESTRO_") {
			env = append(env, kv)
		}
	}
	return append(env, extra...)
}

// running lists the processes that carry the folder in their command line, as "pid command line".
func running(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Skip("processes are looked up in /proc, which is not here")
	}
	var found []string
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		cwd, _ := os.Readlink(filepath.Join("/proc", e.Name(), "cwd"))
		if err == nil && len(line) > 0 && (strings.Contains(string(line), dir) || strings.HasPrefix(cwd, dir)) {
			found = append(found, e.Name()+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// noneLeft fails when a process of the folder still lives after the limit.
func noneLeft(t *testing.T, dir string, limit time.Duration) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		left := running(t, dir)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind:\n%s", strings.Join(left, "\n"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, limit time.Duration, ask func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ask() {
		if time.Now().After(deadline) {
			t.Fatalf("not so after %s: %s", limit, what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
