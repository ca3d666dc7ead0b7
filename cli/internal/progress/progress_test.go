package progress_test

import (
	"strings"
	"testing"
	"time"

	"maestro.internal/cli/internal/progress"
)

// TestBar: one line that redraws itself on a terminal, few plain lines in a pipe, nothing where a program reads.
func TestBar(t *testing.T) {
	for _, tc := range []struct {
		name            string
		terminal, quiet bool
		want            string
	}{
		{"terminal", true, false, "\r\x1b[K[............] begin|\r\x1b[K[######......] half �[2J|\r\x1b[K[############] all|\r\x1b[K"},
		{"terminal of a program's output", true, true, "\r\x1b[K[............] begin|\r\x1b[K[######......] half �[2J|\r\x1b[K[############] all|\r\x1b[K"},
		{"pipe", false, false, "begin\n|half �[2J\n|done\n"},
		{"pipe of a program's output", false, true, ""},
	} {
		var out strings.Builder
		at := time.Unix(0, 0)
		bar := progress.New(&out, tc.terminal, tc.quiet, func() time.Time { return at })
		bar.Set("begin", 0, 4)
		bar.Set("begin", 0, 4)
		at = at.Add(3 * time.Second)
		bar.Set("half \x1b[2J", 2, 4)
		at = at.Add(time.Second)
		bar.Set("all", 4, 4)
		bar.Done("done")
		want := strings.NewReplacer("|", "", "[............]", "["+strings.Repeat(".", 24)+"]", "[######......]", "["+strings.Repeat("#", 12)+strings.Repeat(".", 12)+"]",
			"[############]", "["+strings.Repeat("#", 24)+"]").Replace(tc.want)
		if out.String() != want {
			t.Errorf("%s: got\n%q\nwant\n%q", tc.name, out.String(), want)
		}
	}
}
