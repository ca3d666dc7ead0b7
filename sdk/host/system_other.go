//go:build !linux

package host

import "syscall"

// What only Linux offers. Elsewhere a plugin notices by itself that its agent is gone (see sdk/serve), and
// memory is not watched.

func awaitExit(int) {}

func preferAsVictim(int) {}

func startedAt(int) string { return "" }

func killMarked(string) {}

func memoryOf(int, bool) int64 { return 0 }

// cgroup is Linux's alone.
type cgroup struct{}

func newCgroup(string, int64) *cgroup { return nil }

func (*cgroup) attach(*syscall.SysProcAttr) {}

func (*cgroup) outOfMemory() bool { return false }

func (*cgroup) end() error { return nil }
