// Package build says which version of Maestro this binary is. Its values are stamped by the linker, so that every
// binary, log and handshake names the same release without any of them reading a file.
package build

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Stamped with -ldflags "-X maestro.internal/internal/build.version=1.2.3 -X maestro.internal/internal/build.commit=abc".
// Nothing else writes them.
var (
	version string
	commit  string
)

// Version is the release, "dev" for a build that nobody stamped.
func Version() string {
	if version == "" {
		return "dev"
	}
	return version
}

// Commit is the source's commit: the stamped one, or else what the Go tool recorded; empty if neither is known.
func Commit() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

// Line is what a `version` command prints: "maestro-agent 1.2.3 (abcdef012345) linux/amd64 go1.26.0".
func Line(program string) string {
	parts := []string{program, Version()}
	if c := Commit(); c != "" {
		parts = append(parts, "("+c[:min(12, len(c))]+")")
	}
	parts = append(parts, fmt.Sprintf("%s/%s", runtime.GOOS, runtime.GOARCH), runtime.Version())
	return strings.Join(parts, " ")
}
