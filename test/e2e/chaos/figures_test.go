//go:build e2e && bench

package chaos

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestFigures measures what is no ratio of times: bytes on the wire, memory at rest, sizes. `make bench` prints them.
func TestFigures(t *testing.T) {
	machines := number(t, "MAESTRO_BENCH_MACHINES", 3800) // about 10,000 resources
	w := &wire{}
	p := newPlant(t, "figures", func(args map[string][]string) {
		args["maestro-demo"] = append(args["maestro-demo"][:4:4], "--machines", strconv.Itoa(machines))
		agent := args["maestro-agent"]
		agent[4] = w.between(t, agent[4])
	})
	first := w.bytes()
	p.settle()
	time.Sleep(2 * time.Second)
	begin := w.bytes()
	p.settle()
	time.Sleep(time.Second) // what comes after the receipt
	unchanged := w.bytes() - begin
	fmt.Printf("%-46s %12d\n", "resources", len(p.resources()))
	fmt.Printf("%-46s %12d bytes\n", "wire, first run", begin-first)
	fmt.Printf("%-46s %12d bytes (TLS, gRPC, command, progress and heartbeats included)\n", "wire, unchanged run", unchanged)
	fmt.Printf("%-46s %12.1f MiB\n", "agent at rest, resident", resident(t, p.cmds["maestro-agent"].Process.Pid))
	fmt.Printf("%-46s %12.1f MiB\n", "collector after the first run, resident", resident(t, p.cmds["maestro-collector"].Process.Pid))
	files, err := filepath.Glob(filepath.Join(binaries(t), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		st, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("%-46s %12.1f MiB\n", "size of "+filepath.Base(f), float64(st.Size())/(1<<20))
	}
}

func resident(t *testing.T, pid int) float64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		t.Fatal("no VmRSS")
	}
	kb, _ := strconv.ParseFloat(string(m[1]), 64)
	return kb / 1024
}

// wire counts what passes between an agent and its collector.
type wire struct{ n atomic.Int64 }

func (w *wire) bytes() int64 { return w.n.Load() }

func (w *wire) Write(b []byte) (int, error) {
	w.n.Add(int64(len(b)))
	return len(b), nil
}

// between listens instead of the collector, and passes everything on.
func (w *wire) between(t *testing.T, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		work.Wait()
	})
	work.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			mu.Lock()
			conns = append(conns, in, out)
			mu.Unlock()
			pass := func(dst, src net.Conn) {
				_, _ = io.Copy(io.MultiWriter(dst, w), src)
				_ = dst.Close()
			}
			work.Go(func() { pass(out, in) })
			work.Go(func() { pass(in, out) })
		}
	})
	return l.Addr().String()
}
