package quiet_test

import (
	"strings"
	"testing"
	"time"

	"maestro.internal/internal/quiet"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func TestHours(t *testing.T) {
	// 2026-11-21 is a Saturday.
	for name, tt := range map[string]struct {
		windows         []string
		zone            string
		now, until, due string // until: when the quiet ends, empty without quiet; due: when the next begins
	}{
		"none":                    {nil, "", "2026-11-21T12:00:00Z", "", ""},
		"before":                  {[]string{"22:00-06:00"}, "", "2026-11-21T21:59:59Z", "", "2026-11-21T22:00:00Z"},
		"at its beginning":        {[]string{"22:00-06:00"}, "", "2026-11-21T22:00:00Z", "2026-11-22T06:00:00Z", "2026-11-22T22:00:00Z"},
		"after midnight":          {[]string{"22:00-06:00"}, "", "2026-11-22T01:00:00Z", "2026-11-22T06:00:00Z", "2026-11-22T22:00:00Z"},
		"at its end":              {[]string{"22:00-06:00"}, "", "2026-11-22T06:00:00Z", "", "2026-11-22T22:00:00Z"},
		"a working day":           {[]string{"mon-fri 08:00-18:00"}, "", "2026-11-21T12:00:00Z", "", "2026-11-23T08:00:00Z"},
		"the night after Friday":  {[]string{"fri 22:00-06:00"}, "", "2026-11-21T05:00:00Z", "2026-11-21T06:00:00Z", "2026-11-27T22:00:00Z"},
		"days around the weekend": {[]string{"fri-sun 10:00-11:00"}, "", "2026-11-22T10:30:00Z", "2026-11-22T11:00:00Z", "2026-11-27T10:00:00Z"},
		"windows that touch":      {[]string{"10:00-12:00", "12:00-14:00"}, "", "2026-11-21T11:00:00Z", "2026-11-21T14:00:00Z", "2026-11-21T12:00:00Z"},
		"in its zone":             {[]string{"22:00-06:00"}, "Asia/Tokyo", "2026-11-21T13:30:00Z", "2026-11-21T21:00:00Z", "2026-11-22T13:00:00Z"},
		"the hour that is twice":  {[]string{"01:00-04:00"}, "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z", "2026-10-26T00:00:00Z"},
		"always":                  {[]string{"00:00-24:00"}, "", "2026-11-21T12:00:00Z", "always", "2026-11-22T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := quiet.Parse(tt.windows, tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			now := at(t, tt.now)
			until, ok := h.Until(now)
			switch {
			case !ok && tt.until != "", ok && tt.until == "":
				t.Errorf("quiet is %v", ok)
			case tt.until == "always":
				if !until.IsZero() {
					t.Errorf("ends at %s", until)
				}
			case ok && !until.Equal(at(t, tt.until)):
				t.Errorf("ends at %s, want %s", until.UTC(), tt.until)
			}
			next := h.Next(now)
			if next.IsZero() != (tt.due == "") || tt.due != "" && !next.Equal(at(t, tt.due)) {
				t.Errorf("next at %s, want %q", next.UTC(), tt.due)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "22:00", "22-06", "25:00-06:00", "10:00-10:00", "24:00-24:00", "monday 10:00-11:00", "mon 10:00-11:00 x", "10:60-11:00", "10:0-11:00", "-1:00-02:00"} {
		if _, err := quiet.Parse([]string{text}, ""); err == nil || !strings.Contains(err.Error(), "quiet time") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := quiet.Parse(nil, "Mars/Base"); err == nil {
		t.Error("a zone that is none is accepted")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("mon-fri 08:00-18:00", int64(1700000000))
	f.Add("22:00-06:00", int64(0))
	f.Fuzz(func(t *testing.T, text string, now int64) {
		h, err := quiet.Parse([]string{text}, "Europe/Lisbon")
		if err != nil {
			return
		}
		moment := time.Unix(now%(1<<33), 0)
		if end, ok := h.Until(moment); ok && !end.IsZero() {
			if _, still := h.Until(end); still || !end.After(moment) {
				t.Errorf("%q: the quiet at %s ends at %s, where it holds", text, moment, end)
			}
		}
		if next := h.Next(moment); !next.After(moment) {
			t.Errorf("%q: the next after %s is %s", text, moment, next)
		}
	})
}
