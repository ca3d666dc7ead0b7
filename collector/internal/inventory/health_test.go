package inventory

import (
	"testing"
	"time"

	"maestro.internal/sdk/resource"
)

// What a kind is said to be follows from its worst scope, whatever order the scopes come in.
func TestAKindIsAsHealthyAsItsWorstScope(t *testing.T) {
	early, late := time.Unix(1000, 0), time.Unix(2000, 0)
	scope := func(s resource.Status, at time.Time) ScopeInfo {
		return ScopeInfo{Status: s, LastComplete: at, Listed: 1, LastRun: "run of " + string(s)}
	}
	for name, tt := range map[string]struct {
		scopes           []ScopeInfo
		status           resource.Status
		complete, scoped int
		last             time.Time
	}{
		"all complete: as old as the oldest": {[]ScopeInfo{scope("complete", late), scope("complete", early)}, "complete", 2, 2, early},
		"one denied":                         {[]ScopeInfo{scope("complete", late), scope("denied", early)}, "denied", 1, 2, early},
		"one never complete":                 {[]ScopeInfo{scope("complete", late), scope("failed", time.Time{})}, "failed", 1, 2, time.Time{}},
		"one never tried":                    {[]ScopeInfo{scope("complete", late), scope("", time.Time{})}, "", 1, 2, time.Time{}},
		"what is not there spoils nothing":   {[]ScopeInfo{scope("unsupported", time.Time{}), scope("complete", late)}, "complete", 1, 1, late},
		"nothing of it is there":             {[]ScopeInfo{scope("unsupported", time.Time{})}, "unsupported", 0, 0, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				var h KindHealth
				for _, s := range tt.scopes {
					h.add(s)
				}
				if h.Status != tt.status || h.Complete != tt.complete || h.Scopes != tt.scoped || !h.LastComplete.Equal(tt.last) || h.Listed != len(tt.scopes) {
					t.Errorf("%+v", h)
				}
				if h.Run != "run of "+string(tt.status) {
					t.Errorf("run %q", h.Run)
				}
				for i, j := 0, len(tt.scopes)-1; i < j; i, j = i+1, j-1 {
					tt.scopes[i], tt.scopes[j] = tt.scopes[j], tt.scopes[i]
				}
			}
		})
	}
}
