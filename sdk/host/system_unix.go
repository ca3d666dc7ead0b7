//go:build unix

package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// notAProgram says that the system cannot run what is in a file.
func notAProgram(err error) bool {
	return errors.Is(err, syscall.ENOEXEC) || errors.Is(err, syscall.EISDIR)
}

func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) } // gone already is as good

func askGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGTERM) }

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

func describeExit(state *os.ProcessState) string {
	ws, ok := state.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		text := fmt.Sprintf("killed by signal %d (%s)", ws.Signal(), ws.Signal())
		if ws.Signal() == syscall.SIGKILL {
			text += "; nobody here did that, perhaps the system was out of memory"
		}
		return text
	}
	return fmt.Sprintf("exit code %d", state.ExitCode())
}

// onlyOurs refuses a directory that somebody else could have prepared.
func onlyOurs(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || (ok && int(st.Uid) != os.Geteuid()) {
		return &fs.PathError{Op: "use", Path: dir, Err: errors.New("not a directory of this user")}
	}
	return nil
}
