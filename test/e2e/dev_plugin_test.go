//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"maestro.internal/test/e2e/site"
)

// heard is what a program says, while it says it.
type heard struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.String()
}

// TestPluginWorkshop: a plugin under development is loaded, shown, checked and run; a build that is broken is told and ends nothing;
// and the next build is loaded by itself.
func TestPluginWorkshop(t *testing.T) {
	built, err := os.ReadFile(site.Binary(t, "maestro-plugin-host"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	plugin := filepath.Join(dir, "work", "myplugin")
	build := func(content []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(plugin), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(plugin+".o", content, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(plugin+".o", plugin); err != nil {
			t.Fatal(err)
		}
	}
	build(built)
	settings := filepath.Join(dir, "settings.yaml")
	if err := os.WriteFile(settings, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said heard
	cmd := exec.Command(site.Binary(t, "maestro"), "dev", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "data"), "--plugin", plugin, "--plugin-settings", settings)
	cmd.Stderr, cmd.Stdout = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	over := false
	defer func() {
		if !over {
			_ = cmd.Process.Signal(syscall.SIGINT)
			<-ended
		}
	}()
	turns := func(n int) string {
		t.Helper()
		for range 600 {
			if text := said.String(); strings.Count(text, "Watching "+plugin) >= n {
				return text
			}
			select {
			case err := <-ended:
				over = true
				t.Fatalf("it ended: %v\n%s", err, said.String())
			case <-time.After(200 * time.Millisecond):
			}
		}
		t.Fatalf("turn %d did not come:\n%s", n, said.String())
		return ""
	}
	first := turns(1)
	for _, want := range []string{"provider host", "KIND", "server", "first run: succeeded", "second run: succeeded", "check:"} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in\n%s", want, first)
		}
	}
	build([]byte("#!/bin/sh\necho it is broken >&2\nexit 3\n"))
	if second := turns(2)[len(first):]; !strings.Contains(second, "does not describe itself") || strings.Contains(second, "first run") {
		t.Errorf("got\n%s", second)
	}
	// Another build of the same: bytes behind the end of a program change nothing but its digest.
	build(append(built[:len(built):len(built)], "build 2"...))
	if third := turns(3); strings.Count(third, "second run: succeeded") != 2 {
		t.Errorf("got\n%s", third[len(first):])
	}
	over = true
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v:\n%s", err, said.String())
	}
}
