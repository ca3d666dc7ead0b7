// Package upload says which files a connection may have. The collector holds people to it and the agent the collector, so
// it is one package that both read: a name that is safe on one side must be safe as a file's name on the other.
package upload

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of one connection.
const (
	MaxFile  = 32 << 20
	MaxTotal = 256 << 20
	MaxFiles = 10_000
	// MaxName is in characters.
	MaxName = 200
	// Chunk is the most that is stored or sent at a time.
	Chunk = 512 << 10
	// MaxBatch and MaxBatchFiles are of one archive that brings many.
	MaxBatch      = 8 << 20
	MaxBatchFiles = 500
)

// CheckName says what is wrong with a file's name. It becomes a name in a folder of the agent's machine.
func CheckName(name string) error {
	switch n := utf8.RuneCountInString(name); {
	case name == "":
		return errors.New("a file needs a name")
	case !utf8.ValidString(name):
		return errors.New("the name is not UTF-8")
	case n > MaxName || len(name) > 255:
		return fmt.Errorf("the name is longer than %d characters or 255 bytes", MaxName)
	case name == "." || name == "..":
		return fmt.Errorf("%q is no name of a file", name)
	case strings.ContainsAny(name, `/\`):
		return errors.New("the name has a slash; folders are not kept")
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("the name has a control character")
	case !filepath.IsLocal(name):
		return errors.New("the name cannot be kept on this system")
	}
	return nil
}

// CheckTotal says which limit a connection with so many files and bytes breaks.
func CheckTotal(files int, bytes int64) error {
	switch {
	case files > MaxFiles:
		return fmt.Errorf("a connection has at most %d files", MaxFiles)
	case bytes > MaxTotal:
		return fmt.Errorf("the files of a connection have at most %d MiB together", MaxTotal>>20)
	}
	return nil
}
