//go:build !linux

package host

// What only Linux offers. Elsewhere a plugin notices by itself that its agent is gone (see sdk/serve), and
// memory is not watched.

func awaitExit(int) {}

func preferAsVictim(int) {}

func startedAt(int) string { return "" }

func killMarked(string) {}

func memoryOf(int, bool) int64 { return 0 }
