package dev

import (
	"os/exec"
	"syscall"
)

// isolate gives the child a process group of its own, so that Ctrl-C reaches only us and children end in order, and
// has the kernel end it when we die without a chance to. The death signal follows the thread that starts the child,
// which is why Run holds its own.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
