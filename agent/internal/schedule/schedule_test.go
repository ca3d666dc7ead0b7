package schedule_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maestro.internal/agent/internal/schedule"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func plan(kinds ...schedule.Kind) schedule.Plan {
	for i := range kinds {
		kinds[i].Enabled = true
	}
	return schedule.Plan{Connection: "c1", Kinds: kinds}
}

func TestWhatIsDue(t *testing.T) {
	minute := schedule.Kind{Name: "server", Interval: time.Minute}
	tests := []struct {
		name string
		plan schedule.Plan
		last map[string]time.Time
		want []string
	}{
		{"never read", plan(minute), nil, []string{"server"}},
		{"read just now", plan(minute), map[string]time.Time{"server": noon}, nil},
		{"read long ago", plan(minute), map[string]time.Time{"server": noon.Add(-time.Hour)}, []string{"server"}},
		{"paused", schedule.Plan{Kinds: plan(minute).Kinds, Paused: true}, nil, nil},
		{"past its end", schedule.Plan{Kinds: plan(minute).Kinds, Until: noon.Add(-time.Second)}, nil, nil},
		{"before its end", schedule.Plan{Kinds: plan(minute).Kinds, Until: noon.Add(time.Second)}, nil, []string{"server"}},
		{"disabled", schedule.Plan{Kinds: []schedule.Kind{{Name: "server", Interval: time.Minute}}}, nil, nil},
		{"in quiet hours", schedule.Plan{Kinds: plan(minute).Kinds, Quiet: []string{"11:00-13:00"}}, nil, nil},
		{"after quiet hours", schedule.Plan{Kinds: plan(minute).Kinds, Quiet: []string{"11:00-12:00"}}, nil, []string{"server"}},
		{"quiet hours of its zone", schedule.Plan{Kinds: plan(minute).Kinds, Quiet: []string{"20:00-22:00"}, Zone: "Asia/Tokyo"}, nil, nil},
		{"only when asked", plan(schedule.Kind{Name: "server"}), nil, nil},
		{"cron passed", plan(schedule.Kind{Name: "server", Cron: "0 11 * * *"}), map[string]time.Time{"server": noon.Add(-2 * time.Hour)}, []string{"server"}},
		{"cron to come", plan(schedule.Kind{Name: "server", Cron: "0 13 * * *"}), map[string]time.Time{"server": noon.Add(-2 * time.Hour)}, nil},
		{"cron in its zone", schedule.Plan{Zone: "Asia/Tokyo", Kinds: plan(schedule.Kind{Name: "server", Cron: "30 20 * * *"}).Kinds},
			map[string]time.Time{"server": noon.Add(-time.Hour)}, []string{"server"}},
		{"one of two", plan(minute, schedule.Kind{Name: "volume", Interval: 24 * time.Hour}),
			map[string]time.Time{"server": noon.Add(-time.Hour), "volume": noon}, []string{"server"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := tt.plan.Due(tt.last, noon); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// The clock is looked at again when quiet ends, not a minute later.
func TestQuietEnds(t *testing.T) {
	p := schedule.Plan{Kinds: plan(schedule.Kind{Name: "server", Interval: time.Minute}).Kinds, Quiet: []string{"11:00-13:30"}}
	if _, next := p.Due(nil, noon); !next.Equal(noon.Add(90 * time.Minute)) {
		t.Errorf("looks again at %s", next)
	}
	if from := p.QuietFrom(noon); !from.Equal(noon.Add(23 * time.Hour)) {
		t.Errorf("the next quiet begins at %s", from)
	}
}

// TestADay plays a day: every kind is read as often as its interval says, and kinds whose intervals divide each other
// are read by the same runs.
func TestADay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := plan(schedule.Kind{Name: "a", Interval: 5 * time.Minute}, schedule.Kind{Name: "b", Interval: time.Hour})
		p.Connection = rapid.String().Draw(t, "connection")
		last, count := map[string]time.Time{}, map[string]int{}
		apart := 0
		now := noon
		for now.Before(noon.Add(24 * time.Hour)) {
			kinds, next := p.Due(last, now)
			for _, k := range kinds {
				last[k], count[k] = now, count[k]+1
			}
			if slices.Contains(kinds, "b") && !slices.Contains(kinds, "a") {
				apart++
			}
			if !next.After(now) {
				t.Fatalf("next %s is not after %s", next, now)
			}
			now = next
		}
		if count["a"] < 285 || count["a"] > 290 || count["b"] < 23 || count["b"] > 26 {
			t.Fatalf("read %v times", count)
		}
		if apart > 0 {
			t.Fatalf("%d runs read the hourly kind alone", apart)
		}
	})
}

func TestConnectionsSpreadOverTheInterval(t *testing.T) {
	quarters := map[int]int{}
	for i := range 400 {
		p := plan(schedule.Kind{Name: "a", Interval: time.Hour})
		p.Connection = fmt.Sprintf("connection-%d", i)
		_, next := p.Due(map[string]time.Time{"a": noon}, noon)
		quarters[int(next.Sub(noon)/(15*time.Minute))%4]++
	}
	for q := range 4 {
		if quarters[q] < 60 {
			t.Errorf("quarter %d has %d of 400", q, quarters[q])
		}
	}
}

func TestCheck(t *testing.T) {
	for _, bad := range []schedule.Plan{
		{Zone: "Mars/Olympus"},
		plan(schedule.Kind{Name: "a", Cron: "every day"}),
		plan(schedule.Kind{Name: "a", Interval: -time.Second}),
	} {
		if bad.Check() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}
