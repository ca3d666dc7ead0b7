package output_test

import (
	"testing"
	"time"

	"maestro.internal/cli/internal/output"
)

// TestClean: nothing foreign moves the cursor, hides text or turns its direction.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":              "plain",
		"zürich 東京 🎻":        "zürich 東京 🎻",
		"\x1b[2Jgone":        "�[2Jgone",
		"two\nlines":         "two�lines",
		"abc\u202Egnp.exe":   "abc�gnp.exe",
		"\u2028 line\u0085x": "� line�x",
	} {
		if got := output.Clean(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestQuantity: bytes in the largest unit, other units as they are.
func TestQuantity(t *testing.T) {
	for _, tc := range []struct {
		v    float64
		unit string
		want string
	}{
		{0, "bytes", "0 B"}, {1023, "bytes", "1023 B"}, {1024, "bytes", "1 KiB"}, {1536, "bytes", "1.5 KiB"},
		{34359738368, "bytes", "32 GiB"}, {2400, "MHz", "2400 MHz"}, {3, "", "3"},
	} {
		if got := output.Quantity(tc.v, tc.unit); got != tc.want {
			t.Errorf("%v %s: got %q, want %q", tc.v, tc.unit, got, tc.want)
		}
	}
}

// TestAgo: a moment as people say it.
func TestAgo(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		time.Second: "just now", 90 * time.Second: "90 s ago", time.Hour: "60 min ago", 30 * time.Hour: "30 h ago",
		72 * time.Hour: "3 d ago", -5 * time.Minute: "in 5 min",
		-(72*time.Hour - time.Second): "in 3 d", -71 * time.Hour: "in 3 d", -(5*time.Hour + time.Minute): "in 6 h", -90 * time.Second: "in 90 s", 71 * time.Hour: "2 d ago",
	} {
		if got := output.Ago(now.Add(-d), now); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
	if got := output.Ago(time.Time{}, now); got != "-" {
		t.Errorf("no moment: %q", got)
	}
}
