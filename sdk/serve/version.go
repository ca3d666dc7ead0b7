package serve

import (
	"runtime/debug"
	"strings"
)

// Stamped by the linker: -X maestro.internal/sdk/serve.version=... -X maestro.internal/sdk/serve.commit=...
var version, commit string

// Version is the release that the build stamped into this binary, or that of its main module. Plugins that are
// released with Maestro describe themselves by it.
func Version() string {
	if v := strings.TrimPrefix(version, "v"); v != "" {
		return v
	}
	if info, ok := debug.ReadBuildInfo(); ok && strings.HasPrefix(info.Main.Version, "v") {
		return strings.TrimPrefix(info.Main.Version, "v")
	}
	return "dev"
}

// build is the version for people: with the commit, where it is known.
func build(version string) string {
	if commit == "" {
		return "version " + version
	}
	return "version " + version + ", commit " + commit[:min(len(commit), 12)]
}
