//go:build unix

package cli_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWatchIsTold: between two looks, which are far apart, the collector's own events show a change.
func TestWatchIsTold(t *testing.T) {
	s := newSite(t)
	s.servers(threeServers)
	var out, errs lockedText
	ended := make(chan int, 1)
	go func() {
		ended <- s.start(&out, &errs, "get", "server", "--watch", "--every", "10m", "-o", "json", "--limit", "0")
	}()
	wait := func(what string, n int) {
		t.Helper()
		for range 200 {
			if strings.Count(out.String(), what) >= n {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("%q did not come: %s%s", what, out.String(), errs.String())
	}
	wait(`"added"`, 3)
	s.servers("name,region,memory_bytes\nweb,fra,4096\n")
	wait(`"changed"`, 1)
	s.must(syscall.Kill(os.Getpid(), syscall.SIGINT))
	if code := <-ended; code != 0 {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

// TestGetWatch: what there is, then what comes, changes and goes; a line each for programs and logs.
func TestGetWatch(t *testing.T) {
	s := newSite(t)
	s.servers(threeServers)
	var out, errs lockedText
	ended := make(chan int, 1)
	go func() {
		ended <- s.start(&out, &errs, "get", "server", "--watch", "--every", "100ms", "-f", `region = "fra"`, "--order-by", "name")
	}()
	wait := func(what string) {
		t.Helper()
		for range 200 {
			if strings.Contains(out.String(), what) {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("%q did not come: %s%s", what, out.String(), errs.String())
	}
	wait("name=web")
	s.servers("name,region,memory_bytes\nnew,fra,1\nweb,fra,4096\ndb,lis,1\n")
	wait("added")
	wait("name=new")
	wait("changed")
	wait("removed")
	s.must(syscall.Kill(os.Getpid(), syscall.SIGINT)) // Ctrl-C
	if code := <-ended; code != 0 {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 5 || !strings.Contains(lines[0], "name=db") || strings.Contains(out.String(), "name=test") {
		t.Errorf("got\n%s", out.String())
	}
}
