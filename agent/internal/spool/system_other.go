//go:build !unix

package spool

import (
	"errors"
	"os"
)

var errDiskQuota = errors.New("disk quota exceeded")

// lockFile relies on the system not letting two processes create and hold one file exclusively.
func lockFile(path string) (*os.File, error) { return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) }

// syncDir has no meaning here.
func syncDir(string) error { return nil }
