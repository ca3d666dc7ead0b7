package cli

import (
	"testing"
	"time"
)

func TestMoment(t *testing.T) {
	zone := time.FixedZone("somewhere", 2*3600)
	now := time.Date(2026, 11, 21, 15, 4, 5, 600_000_000, zone) // a Saturday
	for text, want := range map[string]string{
		"now": "2026-11-21T15:04:05+02:00", "today": "2026-11-21T00:00:00+02:00", "Yesterday": "2026-11-20T00:00:00+02:00",
		"monday": "2026-11-16T00:00:00+02:00", "Sat": "2026-11-21T00:00:00+02:00", "sun": "2026-11-15T00:00:00+02:00",
		"2026-11-01": "2026-11-01T00:00:00+02:00", "2026-11-01 08:30": "2026-11-01T08:30:00+02:00", "2026-11-01T08:00:00Z": "2026-11-01T08:00:00Z",
		"-3d": "2026-11-18T15:04:05+02:00", "-12h": "2026-11-21T03:04:05+02:00", "-90m": "2026-11-21T13:34:05+02:00", "2d": "2026-11-19T15:04:05+02:00", "1h": "2026-11-21T14:04:05+02:00",
	} {
		if got, err := moment(text, now); err != nil || got.Format(time.RFC3339) != want || got.Nanosecond() != 0 && text != "now" {
			t.Errorf("%q is %s (%v), want %s", text, got.Format(time.RFC3339), err, want)
		}
	}
	for _, bad := range []string{"", "someday", "-", "-3", "-d", "--3d", "-99999999d", "2026-13-01", "1/2/2026"} {
		if got, err := moment(bad, now); err == nil {
			t.Errorf("%q was taken as %s", bad, got)
		}
	}
}
