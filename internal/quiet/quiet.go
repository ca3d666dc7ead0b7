// Package quiet knows the hours in which a provider is to be left alone. Collector and agent read them alike: the one
// refuses what makes no sense, the other keeps them.
package quiet

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Hours are windows of a week in one time zone. The zero value has none.
type Hours struct {
	windows []window
	zone    *time.Location
}

// window is on some days from a minute of the day to a later one; beyond 24 hours it reaches into the next day.
type window struct {
	days     [7]bool // by time.Weekday: the day on which it begins
	from, to int     // minutes
}

const day = 24 * 60

// Parse reads windows such as "22:00-06:00" (every day), "mon-fri 08:00-18:00" and "sat,sun 00:00-24:00". An empty
// zone is UTC.
func Parse(texts []string, zone string) (Hours, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return Hours{}, fmt.Errorf("%q is no time zone such as Europe/Lisbon", zone)
	}
	h := Hours{zone: loc}
	for _, text := range texts {
		w, err := parse(text)
		if err != nil {
			return Hours{}, fmt.Errorf("%q is no quiet time such as \"22:00-06:00\" or \"mon-fri 08:00-18:00\": %w", text, err)
		}
		h.windows = append(h.windows, w)
	}
	return h, nil
}

func parse(text string) (w window, err error) {
	fields := strings.Fields(strings.ToLower(text))
	switch len(fields) {
	case 1:
		w.days = [7]bool{true, true, true, true, true, true, true}
	case 2:
		if w.days, err = parseDays(fields[0]); err != nil {
			return w, err
		}
	default:
		return w, fmt.Errorf("want days and hours")
	}
	from, to, ok := strings.Cut(fields[len(fields)-1], "-")
	if !ok {
		return w, fmt.Errorf("want from-to")
	}
	if w.from, err = parseMinute(from); err != nil {
		return w, err
	}
	if w.to, err = parseMinute(to); err != nil {
		return w, err
	}
	switch {
	case w.from == day:
		return w, fmt.Errorf("nothing begins at 24:00")
	case w.from == w.to:
		return w, fmt.Errorf("it is empty; the whole day is 00:00-24:00")
	case w.to < w.from:
		w.to += day
	}
	return w, nil
}

func parseDays(text string) (days [7]bool, err error) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, err := parseDay(first)
		if err != nil {
			return days, err
		}
		to := from
		if isRange {
			if to, err = parseDay(last); err != nil {
				return days, err
			}
		}
		for d := from; ; d = (d + 1) % 7 {
			days[d] = true
			if d == to {
				break
			}
		}
	}
	return days, nil
}

func parseDay(text string) (int, error) {
	for i, name := range []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} {
		if text == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q is no day: sun, mon, tue, wed, thu, fri, sat", text)
}

func parseMinute(text string) (int, error) {
	hours, minutes, ok := strings.Cut(text, ":")
	h, err1 := strconv.Atoi(hours)
	m, err2 := strconv.Atoi(minutes)
	if !ok || err1 != nil || err2 != nil || len(minutes) != 2 || h < 0 || m < 0 || m > 59 || h*60+m > day {
		return 0, fmt.Errorf("%q is no time of day", text)
	}
	return h*60 + m, nil
}

// Until answers when the quiet that holds at t ends; it is false when none holds. Windows that follow or overlap each
// other are one. The end of a quiet that never ends is zero.
func (h Hours) Until(t time.Time) (end time.Time, quiet bool) {
	end = t
	for extended := true; extended; {
		extended = false
		for _, w := range h.windows {
			if e, ok := w.until(end, h.zone); ok {
				end, extended = e, true
			}
		}
		if end.Sub(t) > 8*24*time.Hour {
			return time.Time{}, true
		}
	}
	return end, end.After(t)
}

// Next is when the first quiet after t begins; zero when there is none.
func (h Hours) Next(t time.Time) (begin time.Time) {
	for _, w := range h.windows {
		local := t.In(h.zone)
		for ahead := range 9 {
			if !w.days[(int(local.Weekday())+ahead)%7] {
				continue
			}
			at := time.Date(local.Year(), local.Month(), local.Day()+ahead, 0, w.from, 0, 0, h.zone)
			if at.After(t) && (begin.IsZero() || at.Before(begin)) {
				begin = at
			}
		}
	}
	return begin
}

// until is the end of the window if t lies in it.
func (w window) until(t time.Time, zone *time.Location) (time.Time, bool) {
	local := t.In(zone)
	for back := range 2 { // it may have begun yesterday
		if !w.days[(int(local.Weekday())+7-back)%7] {
			continue
		}
		at := func(minute int) time.Time {
			return time.Date(local.Year(), local.Month(), local.Day()-back, 0, minute, 0, 0, zone)
		}
		if from, to := at(w.from), at(w.to); !t.Before(from) && t.Before(to) {
			return to, true
		}
	}
	return time.Time{}, false
}
