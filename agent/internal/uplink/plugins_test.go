package uplink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/agent/internal/supervisor"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/provider"
)

const versionMark = "\nversion="

// versioned is a plugin whose version stands at the end of its file, so that another file is another plugin.
type versioned struct{}

func (versioned) Describe() provider.Description {
	version := "0"
	if b, err := os.ReadFile(must(os.Executable())); err == nil {
		if at := bytes.LastIndex(b, []byte(versionMark)); at > len(b)-20 {
			version = string(b[at+len(versionMark):])
		}
	}
	return provider.Description{Provider: "demo", Version: version, Title: "Demo", Settings: json.RawMessage(`{"type":"object"}`),
		Kinds: []provider.KindSupport{{Kind: "server", Major: 1}}}
}

func (versioned) Connect(context.Context, provider.Connection) (provider.Session, error) {
	return nil, errors.New("only described here")
}

func must(s string, err error) string {
	if err != nil {
		panic(err)
	}
	return s
}

// upgrade puts this test binary where a plugin is, as an installer does: written aside and renamed.
func upgrade(t *testing.T, dir, name, version string, build ...string) {
	t.Helper()
	self, err := os.Open(must(os.Executable()))
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	file, err := os.OpenFile(filepath.Join(dir, "new"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(file, self)
	if err == nil {
		_, err = io.WriteString(file, strings.Join(build, "")+versionMark+version)
	}
	if err = errors.Join(err, file.Close(), os.Rename(file.Name(), filepath.Join(dir, supervisor.Prefix+name))); err != nil {
		t.Fatal(err)
	}
}

// What is installed, upgraded in place or removed is told in the running session, with real plugins.
func TestAnUpgradedPluginIsToldAtOnce(t *testing.T) {
	c := newCollector(t)
	s := newSite(t, c)
	dir := t.TempDir()
	plugins, err := supervisor.New(supervisor.Config{Dir: dir, CacheDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	upgrade(t, dir, "demo", "1")
	s.cfg.Plugins, s.cfg.Pace.Plugins = plugins, 20*time.Millisecond
	s.start()

	told := func(n int) (digests []string) {
		t.Helper()
		eventually(t, "the plugins are told", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			if len(c.hellos) == 1 && len(c.atHand) == n {
				if digests = c.hellos[0].GetPluginDigests(); n > 0 {
					digests = c.atHand[n-1]
				}
				return true
			}
			return false
		})
		return digests
	}
	version := func(digest string) (v string) {
		t.Helper()
		c.tell(&uplinkv1.CollectorMessage{Message: &uplinkv1.CollectorMessage_WantPlugins{WantPlugins: &uplinkv1.WantPlugins{Digests: []string{digest}}}})
		eventually(t, "the plugin is described", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			var d provider.Description
			p := c.plugins[digest]
			if p == nil || json.Unmarshal(p.GetDescription(), &d) != nil {
				return false
			}
			v = d.Version
			return true
		})
		return v
	}
	built := func(digest string) string {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.builds[digest]
	}
	first := told(0)
	if len(first) != 1 || version(first[0]) != "1" {
		t.Fatalf("first %v", first)
	}
	upgrade(t, dir, "demo", "2")
	second := told(1)
	if len(second) != 1 || second[0] == first[0] || version(second[0]) != "2" {
		t.Fatalf("after the upgrade %v", second)
	}
	// Another build that says the same of itself is another file.
	before := built(second[0])
	upgrade(t, dir, "demo", "2", "built anew")
	if same := told(2); !slices.Equal(same, second) || before == built(second[0]) || len(before) != 64 {
		t.Errorf("after another build %v: %q, then %q", same, before, built(second[0]))
	}
	// A file that cannot run takes nothing away from the others, and no news is no message.
	if err := os.WriteFile(filepath.Join(dir, supervisor.Prefix+"broken"), []byte("not a program"), 0o700); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	if again := told(2); again[0] != second[0] {
		t.Errorf("after a broken one %v", again)
	}
	if err := os.Remove(filepath.Join(dir, supervisor.Prefix+"demo")); err != nil {
		t.Fatal(err)
	}
	if none := told(3); len(none) != 0 {
		t.Errorf("after it was removed %v", none)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.hellos) != 1 {
		t.Error("the session did not go on")
	}
}
