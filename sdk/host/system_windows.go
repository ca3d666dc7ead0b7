package host

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// badFormat is ERROR_BAD_EXE_FORMAT.
const badFormat = syscall.Errno(193)

// notAProgram says that the system cannot run what is in a file.
func notAProgram(err error) bool { return errors.Is(err, badFormat) }

func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill() // gone already is as good
	}
}

func askGroup(int) {} // there is no polite way; the deadline comes

func alive(pid int) bool {
	_, err := os.FindProcess(pid)
	return err == nil
}

func describeExit(state *os.ProcessState) string {
	return fmt.Sprintf("exit code %d", state.ExitCode())
}

func onlyOurs(string) error { return nil } // directories inherit their owner's protection
