package ansible

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

func manyHosts(t *testing.T, n int) *folder {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("host%04d", i)), []byte(`{"ansible_hostname":"h"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(provider.FilesEnv, dir)
	f, err := uploaded{}.fetch(t.Context(), nil, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.remove() }) // nothing of it was written
	return f
}

// TestFeed: readers of different speed share what is decoded, and who is fast does not fill the memory.
func TestFeed(t *testing.T) {
	files, f := manyHosts(t, 300), newFeed(ageLimit{})
	var readers []*reader
	for range 4 {
		readers = append(readers, f.join())
	}
	hosts := make([][]*host, len(readers))
	var wg sync.WaitGroup
	for i, r := range readers {
		wg.Go(func() {
			defer r.leave()
			for at := range files.hosts() {
				h, err := r.read(t.Context(), files, at)
				if err != nil {
					t.Error(err)
					return
				}
				hosts[i] = append(hosts[i], h)
				f.mu.Lock()
				if len(f.kept) > maxAhead+1 {
					t.Errorf("%d hosts are kept", len(f.kept))
				}
				f.mu.Unlock()
				if at%50 == i {
					time.Sleep(time.Duration(i) * time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	for at, name := range files.hosts() {
		for i := range readers {
			if hosts[i][at].name != name || hosts[i][at] != hosts[0][at] {
				t.Fatalf("host %d of reader %d was decoded twice, or is another", at, i)
			}
		}
	}
	if len(f.kept) > 0 || f.bytes != 0 {
		t.Errorf("%d hosts, %d bytes are kept after all have left", len(f.kept), f.bytes)
	}
}

// TestFeedNeverHangs: who waits for a slower reader goes on when that leaves or the call ends, and who comes late reads
// all the same.
func TestFeedNeverHangs(t *testing.T) {
	files, f := manyHosts(t, 3*maxAhead), newFeed(ageLimit{})
	slow, fast := f.join(), f.join()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	at := 0
	var err error
	for ; err == nil; at++ {
		_, err = fast.read(ctx, files, at)
	}
	if at != maxAhead+1 || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("stopped at host %d, %v; want to wait at the %dth", at, err, maxAhead)
	}
	slow.leave()
	if _, err := fast.read(t.Context(), files, maxAhead); err != nil {
		t.Error(err)
	}
	late := f.join()
	fast.leave()
	for i := range files.hosts() {
		if h, err := late.read(t.Context(), files, i); err != nil || h.name != files.hosts()[i] {
			t.Fatal(h, err)
		}
	}
	late.leave()
}

// listed is an emitter that keeps what it is told.
type listed struct {
	envs     []resource.Envelope
	warnings []string
}

func (l *listed) Emit(_ context.Context, env resource.Envelope) error {
	l.envs = append(l.envs, env)
	return nil
}
func (*listed) Page() {}
func (l *listed) Warn(format string, args ...any) {
	l.warnings = append(l.warnings, fmt.Sprintf(format, args...))
}
func (*listed) Call(ctx context.Context, _ string, fn func(context.Context) error) error {
	return fn(ctx)
}

// TestOldFacts: a machine that Ansible has not reached for long stays as it was known, is named, and nothing of it is
// taken for gone.
func TestOldFacts(t *testing.T) {
	dir := t.TempDir()
	for name, day := range map[string]string{"fresh": "2026-11-19", "old": "2026-10-01", "undated": ""} {
		text := fmt.Sprintf(`{"ansible_hostname":%q,"ansible_date_time":{"iso8601":"%sT00:00:00Z"}}`, name, day)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(provider.FilesEnv, dir)
	p := &Provider{now: func() time.Time { return time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC) }}
	for _, c := range []struct {
		name, settings, unread, warned string
		volumes                        resource.Status
	}{
		{"no limit", `{"source":"upload"}`, "", "", resource.StatusComplete},
		{"a limit that none is past", `{"source":"upload","max_age_days":60}`, "", "", resource.StatusComplete},
		{"a limit", `{"source":"upload","max_age_days":30}`, "old", "old: its facts are of 2026-10-01, 51 days ago; the connection takes 30", resource.StatusPartial},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := p.Connect(t.Context(), provider.Connection{Settings: json.RawMessage(c.settings)})
			if err != nil {
				t.Fatal(err)
			}
			out := &listed{}
			if err := s.Discover(t.Context(), resource.Scope{Kind: "server"}, out); err != nil || len(out.envs) != 3 {
				t.Fatalf("%d servers, %v", len(out.envs), err)
			}
			unread := ""
			for _, env := range out.envs {
				if len(env.Unread) > 0 {
					unread += env.Name
				}
			}
			if warned := strings.Join(out.warnings, "; "); unread != c.unread || warned != c.warned {
				t.Errorf("unread %q, warned %q", unread, warned)
			}
			if got := provider.StatusOf(s.Discover(t.Context(), resource.Scope{Kind: "volume"}, &listed{})); got != c.volumes {
				t.Errorf("volumes end %s, want %s", got, c.volumes)
			}
		})
	}
}
