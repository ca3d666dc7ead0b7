//go:build unix

package credential

import (
	"fmt"
	"os"
)

// checkOwner refuses a file that others may write: whoever writes it makes the agent run commands.
func checkOwner(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("%s may be written by others (mode %04o); chmod 600 it", file, mode)
	}
	return nil
}
