//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"maestro.internal/internal/rest"
)

// Versions of a plugin as real processes side by side: pinned, rolled out, and taken back where one breaks.
func TestVersionsOfAPlugin(t *testing.T) {
	l := newLab(t)
	folder := filepath.Join(l.work, "bin")
	stamped := func(version, file string) string {
		t.Helper()
		path := filepath.Join(folder, file)
		out, err := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags", "-w -X maestro.internal/sdk/serve.version="+version, "-o", path, "../../plugins/host/cmd/maestro-plugin-host").CombinedOutput()
		if err != nil {
			t.Fatalf("build the plugin: %v\n%s", err, out)
		}
		return path
	}
	if err := os.Remove(filepath.Join(folder, "maestro-plugin-host")); err != nil {
		t.Fatal(err)
	}
	stamped("1.0.0", "maestro-plugin-host")
	stamped("2.0.0", "maestro-plugin-host@2.0.0")
	// One that says what it is, and breaks whenever it is to read.
	real, once := stamped("3.0.0", "broken"), filepath.Join(l.work, "described")
	script := fmt.Sprintf("#!/bin/sh\n[ -e %s ] && exit 3\n: > %s\nexec %s \"$@\"\n", once, once, real)
	if err := os.WriteFile(filepath.Join(folder, "maestro-plugin-host@3.0.0"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	first, one := l.agent("lab-1")
	second, two := l.agent("lab-2")
	for name, agent := range map[string]string{"host-1": first.ID, "host-2": second.ID} {
		l.call(http.MethodPost, "/connections", rest.ConnectionWrite{Name: name, Provider: "host", Agent: agent,
			Kinds: []rest.KindScheduleWrite{{Kind: "server", IntervalSeconds: 86400}}}, nil)
		l.says(0, "agents", "group", "lab-"+name[len(name)-1:], "lab")
	}
	ran := func(name string) rest.Run {
		t.Helper()
		stdout, stderr, _ := l.cli(l.env, "run", name, "--wait", "-o", "json")
		var run rest.Run
		if err := json.Unmarshal([]byte(stdout), &run); err != nil {
			t.Fatalf("run %s: %v: %s%s", name, err, stdout, stderr)
		}
		return run
	}
	group := func() rest.PluginVersions {
		t.Helper()
		all := list[rest.PluginVersions](l.api, "/plugin-versions")
		i := slices.IndexFunc(all, func(v rest.PluginVersions) bool { return v.Provider == "host" && v.Group == "lab" })
		if i < 0 {
			t.Fatalf("no versions of the group: %+v", all)
		}
		return all[i]
	}
	var versions []string
	for _, v := range group().Versions {
		versions = append(versions, v.Version)
	}
	if got := strings.Join(versions, " "); got != "1.0.0 2.0.0 3.0.0" {
		t.Fatalf("at hand are %s", got)
	}
	runs := func(name, version string) {
		t.Helper()
		eventually(t, name+" runs "+version, 30*time.Second, func() bool {
			r := ran(name)
			return r.State == "succeeded" && r.PluginVersion == version
		})
	}
	runs("host-1", "1.0.0")
	l.says(0, "plugins", "pin", "host", "1.0.0", "--group", "lab")

	// 2.0.0 works: the canary first, then the other.
	l.says(0, "plugins", "rollout", "host", "2.0.0", "--group", "lab", "--canary", "lab-1", "--runs", "2")
	runs("host-1", "2.0.0")
	if r := ran("host-2"); r.PluginVersion != "1.0.0" {
		t.Errorf("who is no canary runs %s", r.PluginVersion)
	}
	runs("host-1", "2.0.0")
	eventually(t, "the rollout is done", 3*time.Minute, func() bool { return group().Rollout.State == "done" && group().Pinned == "2.0.0" })
	runs("host-2", "2.0.0")

	// 3.0.0 breaks: the canary goes back by itself, and the other never had it.
	l.says(0, "plugins", "rollout", "host", "3.0.0", "--group", "lab", "--canary", "lab-1")
	eventually(t, "the canary's run fails", time.Minute, func() bool { return ran("host-1").State == "failed" })
	eventually(t, "the rollout comes back", 3*time.Minute, func() bool { return group().Rollout.State == "rolled_back" })
	v := group()
	if v.Pinned != "2.0.0" || v.Rollout.RunID == "" || !strings.Contains(v.Rollout.Reason, "host-1 failed") {
		t.Errorf("after a version that breaks: %+v %+v", v, v.Rollout)
	}
	runs("host-1", "2.0.0")
	runs("host-2", "2.0.0")
	if out := l.says(0, "plugins"); !strings.Contains(out, "3.0.0 rolled back") {
		t.Errorf("maestro plugins says:\n%s", out)
	}
	l.says(0, "plugins", "rollback", "host", "--group", "lab")
	runs("host-2", "1.0.0")
	for _, p := range []*process{one, two} {
		p.end(t, syscall.SIGTERM)
	}
	l.stop()
}
