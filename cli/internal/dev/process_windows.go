package dev

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func terminate(cmd *exec.Cmd) error { return cmd.Process.Kill() }

func kill(cmd *exec.Cmd) error { return cmd.Process.Kill() }

// lock keeps two sites from sharing a data folder: an open file cannot be removed here.
func lock(dir string) (release func(), err error) {
	name := filepath.Join(dir, "lock")
	_ = os.Remove(name)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("another `maestro dev` uses %s; end it, or choose another folder with --data-dir", dir)
	}
	return func() { _ = f.Close() }, nil
}
