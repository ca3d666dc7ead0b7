package dispatch_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/agent/internal/dispatch"
	"maestro.internal/agent/internal/supervisor"
)

// beside puts another build of the plugin beside the one that is there: a copy with some bytes more, so that its digest is another.
func beside(t *testing.T, dir, label string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, supervisor.Prefix+"demo@"+label), append(b, label...), 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestVersionsLieSideBySide(t *testing.T) {
	r := newRig(t)
	plugins := filepath.Join(r.dir, "plugins")
	for _, label := range []string{"1.9.0", "1.10.0"} {
		beside(t, plugins, label)
	}
	list, err := r.plugins.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var versions []string
	for _, p := range list {
		versions = append(versions, p.Description.Version)
	}
	if got := strings.Join(versions, " "); got != "1.2 1.10.0 1.9.0" {
		t.Fatalf("at hand are %s, in the order of preference", got)
	}
	version := func(id, want string, a dispatch.Assignment) {
		t.Helper()
		if st := r.run(id, a); st.End.Error != "" || st.Plan == nil || st.Plan.PluginVersion != want {
			t.Errorf("asked for %q: ran %+v and ended with %q", a.Version, st.Plan, st.End.Error)
		}
	}
	a := assignment(settings{Count: 2}, onRequest...)
	version("r1", "1.2", a)
	a.Version = "1.10.0"
	version("r2", "1.10.0", a)
	// What goes on ends with the version that it began with.
	a = assignment(settings{Count: 400, Mode: "slow"}, onRequest...)
	a.Version = "1.9.0"
	r.dispatcher.Assign([]dispatch.Assignment{a})
	if err := r.dispatcher.Request(dispatch.Request{RunID: "r3", ConnectionID: "c1", Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); len(r.dispatcher.Running()) == 0 || r.dispatcher.Running()[0].Phase != "reading"; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the slow run does not begin")
		}
	}
	a.Version = "1.10.0"
	r.dispatcher.Assign([]dispatch.Assignment{a})
	if st := r.ended("r3"); st.Plan.PluginVersion != "1.9.0" || st.End.Error != "" {
		t.Errorf("the run that went on: %s, %q", st.Plan.PluginVersion, st.End.Error)
	}
	// A version that is not here is never replaced by another.
	a.Version = "3.0.0"
	st := r.run("r4", a)
	if st.Plan != nil || !strings.Contains(st.End.Error, "3.0.0") || !strings.Contains(st.End.Error, "1.2, 1.10.0, 1.9.0") {
		t.Errorf("a version that is not here: %q", st.End.Error)
	}
	if err := os.Remove(filepath.Join(plugins, supervisor.Prefix+"demo")); err != nil {
		t.Fatal(err)
	}
	a = assignment(settings{Count: 2}, onRequest...)
	version("r5", "1.10.0", a) // the newest, where nothing is preferred
}
