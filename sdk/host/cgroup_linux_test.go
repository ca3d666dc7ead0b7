package host

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOwnCgroup(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	pure := write("pure", "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n")
	container := write("container", "601 600 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n")
	none := write("none", "29 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n")
	service := write("service", "12:memory:/x\n0::/system.slice/maestro-agent.service/agent\n")
	inside := write("inside", "0::/docker/abc/x\n")
	old := write("old", "12:memory:/x\n")
	tests := []struct{ mounts, self, mount, path string }{
		{pure, service, "/sys/fs/cgroup", "/system.slice/maestro-agent.service/agent"},
		{container, inside, "/sys/fs/cgroup", "/x"},
		{container, service, "", ""}, // another part of the tree
		{none, service, "", ""},
		{pure, old, "", ""},
	}
	for _, tt := range tests {
		mount, path, err := ownCgroup(tt.mounts, tt.self)
		if mount != tt.mount || path != tt.path || (err == nil) != (tt.mount != "") {
			t.Errorf("%s, %s: %s %s %v", filepath.Base(tt.mounts), filepath.Base(tt.self), mount, path, err)
		}
	}
}

// TestMakeCgroup plays the kernel's part with plain files, as far as files go.
func TestMakeCgroup(t *testing.T) {
	mount := t.TempDir()
	if g := makeCgroup(mount, mount, "x", 1); g != nil {
		t.Error("a group without subtree_control lends memory")
	}
	control := filepath.Join(mount, "cgroup.subtree_control")
	if err := os.WriteFile(control, []byte("cpu pids\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if g := makeCgroup(mount, mount, "x", 1); g != nil {
		t.Error("a group that lends only cpu lends memory")
	}
	if err := os.WriteFile(control, []byte("cpu memory pids\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if g := makeCgroup(mount, filepath.Dir(mount), "x", 1); g != nil {
		t.Error("a group outside of the tree is used")
	}
	// Plain directories have no memory.max, so the group is given up and nothing is left.
	if g := makeCgroup(mount, mount, "x", 1); g != nil {
		t.Error("a group whose limit cannot be set is used")
	}
	if _, err := os.Stat(filepath.Join(mount, "maestro-x")); !os.IsNotExist(err) {
		t.Error("it is left behind")
	}
}

func TestOutOfMemoryIsRead(t *testing.T) {
	g := &cgroup{path: t.TempDir()}
	for text, want := range map[string]bool{"low 0\noom 1\noom_kill 2\n": true, "oom 0\noom_kill 0\n": false, "": false} {
		if err := os.WriteFile(filepath.Join(g.path, "memory.events"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if g.outOfMemory() != want {
			t.Errorf("%q", text)
		}
	}
}
