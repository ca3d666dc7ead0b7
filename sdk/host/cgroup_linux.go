package host

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroup is a control group (version 2) of the plugin's own. Where the system lends us one, the kernel holds
// the plugin and everything it starts to the limit at once, and ends them together; the watch on resident
// memory is for all other systems.
type cgroup struct {
	path string
	dir  *os.File
}

// newCgroup makes one, or answers nil: having none is no error, most agents have no right to.
func newCgroup(name string, limit int64) *cgroup {
	mount, own, err := ownCgroup("/proc/self/mountinfo", "/proc/self/cgroup")
	if err != nil {
		return nil
	}
	base := filepath.Join(mount, own)
	// A group with processes in it cannot lend memory to groups below, so a service that was given a tree of
	// its own sits in one branch and the plugins come beside it.
	for _, parent := range []string{base, filepath.Dir(base)} {
		if g := makeCgroup(mount, parent, name, limit); g != nil {
			return g
		}
	}
	return nil
}

func makeCgroup(mount, parent, name string, limit int64) *cgroup {
	if rel, err := filepath.Rel(mount, parent); err != nil || strings.HasPrefix(rel, "..") {
		return nil
	}
	lent, err := os.ReadFile(filepath.Join(parent, "cgroup.subtree_control"))
	if err != nil || !slices.Contains(strings.Fields(string(lent)), "memory") {
		return nil
	}
	g := &cgroup{path: filepath.Join(parent, "maestro-"+name)}
	if err := os.Mkdir(g.path, 0o755); err != nil {
		return nil
	}
	err = g.write("memory.max", strconv.FormatInt(limit, 10))
	_ = g.write("memory.swap.max", "0") // not there without swap
	_ = g.write("memory.oom.group", "1")
	if err == nil {
		g.dir, err = os.Open(g.path)
	}
	if err != nil {
		_ = os.Remove(g.path)
		return nil
	}
	return g
}

// ownCgroup finds where version 2 is mounted and which group this process is in.
func ownCgroup(mountinfo, self string) (mount, path string, err error) {
	b, err := os.ReadFile(self)
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(b)) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			path = p
		}
	}
	if path == "" {
		return "", "", errors.New("no control group of version 2")
	}
	f, err := os.Open(mountinfo)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = f.Close() }() // only read
	for scan := bufio.NewScanner(f); scan.Scan(); {
		// 36 35 98:0 /root /mount opts ... - cgroup2 source opts
		before, after, ok := strings.Cut(scan.Text(), " - ")
		fields := strings.Fields(before)
		if !ok || !strings.HasPrefix(after, "cgroup2 ") || len(fields) < 5 {
			continue
		}
		rel, err := filepath.Rel(fields[3], path)
		if err != nil || strings.HasPrefix(rel, "..") {
			continue // a part of the tree that we are not in
		}
		return fields[4], "/" + rel, nil
	}
	return "", "", errors.New("control groups of version 2 are not mounted")
}

func (g *cgroup) write(name, value string) error {
	f, err := os.OpenFile(filepath.Join(g.path, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// attach makes a process start inside the group.
func (g *cgroup) attach(attr *syscall.SysProcAttr) {
	attr.UseCgroupFD, attr.CgroupFD = true, int(g.dir.Fd())
}

// outOfMemory says whether the kernel ended something here for lack of memory.
func (g *cgroup) outOfMemory() bool {
	b, err := os.ReadFile(filepath.Join(g.path, "memory.events"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			return n != "0"
		}
	}
	return false
}

// end kills what is left in the group and removes it.
func (g *cgroup) end() error {
	_ = g.write("cgroup.kill", "1") // Linux 5.14; before it the process group and the marks have to do
	err := g.dir.Close()
	for range 50 {
		rerr := os.Remove(g.path)
		if rerr == nil || errors.Is(rerr, os.ErrNotExist) {
			return err
		}
		if !errors.Is(rerr, syscall.EBUSY) {
			return errors.Join(err, rerr)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.Join(err, fmt.Errorf("remove control group %s: it is still in use", g.path))
}
