package host

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// processAttributes give the plugin a group of its own, and end it with the agent however that ends.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit returns when the process has ended and leaves it to be waited for.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// preferAsVictim makes the kernel, when memory runs out, take the plugin before the agent.
func preferAsVictim(pid int) {
	_ = os.WriteFile(filepath.Join("/proc", strconv.Itoa(pid), "oom_score_adj"), []byte("500"), 0) // a wish
}

// stat is the fields of /proc/PID/stat after the command's name, which may hold anything.
func stat(pid int) []string {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
}

// startedAt tells two processes with the same number apart.
func startedAt(pid int) string {
	if f := stat(pid); len(f) > 19 {
		return f[19]
	}
	return ""
}

func processes(each func(pid int)) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			each(pid)
		}
	}
}

// killMarked ends what was started with the private HOME and left the group: a daemon that a plugin made.
func killMarked(home string) {
	mark := []byte("\x00HOME=" + home + "\x00")
	processes(func(pid int) {
		env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
		if err == nil && bytes.Contains(append([]byte{0}, env...), mark) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // gone already is as good
		}
	})
}

// memoryOf is the resident memory of a process, and of its whole group when asked for.
func memoryOf(pid int, group bool) int64 {
	total := resident(pid)
	if group {
		processes(func(other int) {
			if f := stat(other); other != pid && len(f) > 2 && f[2] == strconv.Itoa(pid) {
				total += resident(other)
			}
		})
	}
	return total
}

func resident(pid int) int64 {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
