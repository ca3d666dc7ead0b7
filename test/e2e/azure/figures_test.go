//go:build e2e && bench

package azure

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/plugins/azure/armtest"
)

// What the plugin's process takes to read 50,000 machines: it streams, so that memory grows with what is joined
// (addresses, states) and not with what is emitted.
func TestFigures(t *testing.T) {
	b := newBench(t)
	crowd := armtest.Crowd(50000)
	crowd.Start()
	t.Cleanup(crowd.Close)
	b.a = crowd
	b.write("settings.json", crowd.Settings(nil))
	b.write("secret", []byte(crowd.Secret))
	b.write("credentials.yaml", []byte("credentials:\n  cloud:\n    env:\n      AZURE_CLIENT_SECRET: {file: "+b.path("secret")+"}\n"))
	cmd := exec.CommandContext(t.Context(), b.path("maestro-agent"), "run", "-q", "--plugin", b.path("maestro-plugin-azure"), "--settings", b.path("settings.json"),
		"--credential", "cloud", "--credentials-file", b.path("credentials.yaml"), "--data-dir", b.path("agent"), "--kinds", "server")
	out, err := os.Create(b.path("out.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	peak := ""
	for {
		select {
		case err := <-done:
			text, _ := os.ReadFile(b.path("out.ndjson"))
			n := strings.Count(string(text), `"type":"resource"`)
			t.Logf("%d machines in %s, the plugin's peak %s", n, time.Since(began).Round(time.Millisecond), peak)
			if err != nil || n != 50000 {
				t.Errorf("%v, %d machines", err, n)
			}
			return
		case <-time.After(50 * time.Millisecond):
			if p := peakOf(b.dir); p != "" {
				peak = p
			}
		}
	}
}

// peakOf is the most memory that the plugin's process of a bench has had, found by its program: the agent names the plugin too.
func peakOf(dir string) string {
	plugin, err := filepath.EvalSymlinks(filepath.Join(dir, "maestro-plugin-azure"))
	if err != nil {
		return ""
	}
	programs, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range programs {
		program, err := os.Readlink(link)
		if err != nil || program != plugin {
			continue
		}
		status, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "status"))
		for l := range strings.Lines(string(status)) {
			if v, ok := strings.CutPrefix(l, "VmHWM:"); ok {
				return strings.TrimSpace(v)
			}
		}
	}
	return ""
}
