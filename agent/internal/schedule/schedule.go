// Package schedule says when which kinds of a connection are due. The agent keeps the clock, with or without its
// collector, so this is pure: it is given the moment and answers what is due and when to look again.
//
// Intervals lie on a grid that is shifted by a number made of the connection's id: connections spread over the
// interval, each keeps its place after a restart, and kinds of one connection whose intervals divide each other fall
// together, so that one run reads them all.
package schedule

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/adhocore/gronx"

	"maestro.internal/internal/quiet"
)

// Kind is when one kind is read.
type Kind struct {
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
	// Interval between readings, or Cron, an expression in the plan's zone. Neither means only when asked.
	Interval time.Duration `json:"interval,omitempty"`
	Cron     string        `json:"cron,omitempty"`
}

// Plan is when one connection is read.
type Plan struct {
	// Connection is the id that the grid is shifted by.
	Connection string
	Kinds      []Kind
	Paused     bool
	// Until is the last moment of a run's beginning; zero is without end.
	Until time.Time
	// Zone of cron expressions and quiet hours; UTC when empty.
	Zone string
	// Quiet are the hours in which nothing is read by schedule, such as "mon-fri 08:00-18:00".
	Quiet []string
}

// QuietFrom is when the next quiet hours after a moment begin; zero when there are none.
func (p Plan) QuietFrom(now time.Time) time.Time {
	hours, err := quiet.Parse(p.Quiet, p.Zone)
	if err != nil {
		return time.Time{} // Check has said so
	}
	return hours.Next(now)
}

// Check says what is wrong with a plan.
func (p Plan) Check() error {
	if _, err := time.LoadLocation(p.Zone); err != nil {
		return fmt.Errorf("zone %q: %w", p.Zone, err)
	}
	if _, err := quiet.Parse(p.Quiet, p.Zone); err != nil {
		return err
	}
	for _, k := range p.Kinds {
		if k.Cron != "" && !gronx.IsValid(k.Cron) {
			return fmt.Errorf("kind %s: %q is no cron expression", k.Name, k.Cron)
		}
		if k.Interval < 0 {
			return fmt.Errorf("kind %s: interval %s", k.Name, k.Interval)
		}
	}
	return nil
}

// Due answers the kinds to read now, and when to ask again if nothing else happens; a zero moment is never. last is
// when the reading of each kind last began. A kind that was never read is due at once. Slots that were missed, while
// the agent was away or busy, are made up for once.
func (p Plan) Due(last map[string]time.Time, now time.Time) (kinds []string, next time.Time) {
	if p.Paused || !p.Until.IsZero() && now.After(p.Until) {
		return nil, time.Time{}
	}
	if hours, err := quiet.Parse(p.Quiet, p.Zone); err == nil {
		if end, still := hours.Until(now); still {
			return nil, end
		}
	}
	soonest := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	var soon []Kind
	for _, k := range p.Kinds {
		if !k.Enabled || k.Interval <= 0 && k.Cron == "" {
			continue
		}
		at, ok := p.after(k, last[k.Name])
		switch {
		case !ok:
		case !at.After(now):
			kinds = append(kinds, k.Name)
		default:
			soon = append(soon, k)
			soonest(at)
		}
	}
	if len(kinds) == 0 {
		return nil, next
	}
	// What would be due in a moment joins this run: one run costs less than two.
	next = time.Time{}
	for _, k := range soon {
		at, _ := p.after(k, last[k.Name])
		if k.Interval > 0 && at.Sub(now) <= min(30*time.Second, k.Interval/20) {
			kinds = append(kinds, k.Name)
		} else {
			soonest(at)
		}
	}
	for _, k := range p.Kinds {
		if slices.Contains(kinds, k.Name) {
			at, _ := p.after(k, now)
			soonest(at)
		}
	}
	slices.Sort(kinds)
	return kinds, next
}

// after is the first slot of a kind after a moment.
func (p Plan) after(k Kind, last time.Time) (time.Time, bool) {
	if last.IsZero() {
		return time.Time{}, true
	}
	if k.Cron != "" {
		zone, err := time.LoadLocation(p.Zone)
		if err != nil {
			return time.Time{}, false
		}
		at, err := gronx.NextTickAfter(k.Cron, last.In(zone), false)
		if err != nil {
			return time.Time{}, false
		}
		return at.Add(p.jitter(at, time.Minute)), true
	}
	shift := p.number("grid") % k.Interval.Nanoseconds()
	since := last.UnixNano() - shift
	slot := since - since%k.Interval.Nanoseconds() + k.Interval.Nanoseconds() + shift
	at := time.Unix(0, slot)
	// A reading just before its slot (asked for by hand, or late from the slot before) stands for it.
	if at.Sub(last) < k.Interval/10 {
		at = at.Add(k.Interval)
	}
	return at.Add(p.jitter(at, k.Interval)), true
}

// jitter moves a slot a little, by the same for all kinds that share it, so that agents that woke up together drift
// apart.
func (p Plan) jitter(slot time.Time, interval time.Duration) time.Duration {
	most := cmp.Or(min(10*time.Second, interval/20), 1)
	return time.Duration(p.number(slot.UTC().Format(time.RFC3339Nano)) % int64(most))
}

func (p Plan) number(salt string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.Connection + "\x00" + salt)) // a hash takes everything
	return int64(h.Sum64() >> 2)
}
