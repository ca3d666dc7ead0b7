package ansible_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"maestro.internal/plugins/ansible"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// tally counts what comes and keeps nothing.
type tally struct {
	listed int
	peak   uint64
}

func (c *tally) Resources(_ int, batch []resource.Envelope) error {
	if c.listed/5000 != (c.listed+len(batch))/5000 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.peak = max(c.peak, m.HeapAlloc)
	}
	c.listed += len(batch)
	return nil
}
func (c *tally) Progress(int, int, int) error          { return nil }
func (c *tally) ScopeDone(int, resource.Outcome) error { return nil }

// processor is the processor time that this process has used.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkHosts reads all kinds of very many hosts, over the time that reading and decoding their files once takes.
func BenchmarkHosts(b *testing.B) {
	text, err := os.ReadFile("testdata/facts/db1.example.org")
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	for i := range 3000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("host%05d", i)), text, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.Setenv("ANSIBLE_MAESTRO_ROOT", dir)
	conn := provider.Connection{ID: "bench", Settings: json.RawMessage(`{"source":"directory","paths":["."]}`)}
	for b.Loop() {
		start, spent := time.Now(), processor(b)
		entries, err := os.ReadDir(dir)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range entries {
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				b.Fatal(err)
			}
			var all map[string]any
			if err := json.Unmarshal(text, &all); err != nil {
				b.Fatal(err)
			}
		}
		bare, bareSpent := time.Since(start), processor(b)-spent
		start, spent = time.Now(), processor(b)
		plugin := serve.Local(ansible.New())
		plan, err := plugin.Plan(b.Context(), conn, allKinds)
		if err != nil {
			b.Fatal(err)
		}
		c := &tally{}
		if err := plugin.Discover(b.Context(), conn, plan.Scopes, c); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(start))/float64(bare), "x-bare")
		// What the kinds do side by side, other programs may keep them from: this is the same on a busy machine.
		b.ReportMetric(float64(processor(b)-spent)/float64(bareSpent), "x-bare-cpu")
		b.ReportMetric(float64(c.listed), "resources")
		b.ReportMetric(float64(c.peak)/(1<<20), "MiB-peak")
	}
}
