package store

import (
	"cmp"
	"slices"

	"maestro.internal/collector/internal/filter"
)

// mostValues is how many values of one field a Tally keeps in memory.
const mostValues = 10_000

// Tally counts the values of several fields in one pass over rows.
type Tally struct {
	counts []map[any]int // nil for a field with too many values
}

// NewTally counts so many fields.
func NewTally(fields int) *Tally {
	t := &Tally{counts: make([]map[any]int, fields)}
	for i := range t.counts {
		t.counts[i] = map[any]int{}
	}
	return t
}

// Add counts n rows with a value, nil for none, of a field. A field with too many values is given up.
func (t *Tally) Add(field int, value any, n int) {
	m := t.counts[field]
	if m == nil {
		return
	}
	if m[value] += n; len(m) > mostValues {
		t.counts[field] = nil
	}
}

// Groups are the values of a field as Group answers them; false when it had too many, which the engine then counts by themselves.
func (t *Tally) Groups(field, limit int) ([]Group, bool) {
	m := t.counts[field]
	if m == nil {
		return nil, false
	}
	var groups []Group
	for v, n := range m {
		groups = append(groups, Group{Values: []any{v}, Count: n})
	}
	slices.SortFunc(groups, CompareGroups)
	if limit <= 0 {
		limit = DefaultLimit
	}
	return groups[:min(limit, len(groups))], true
}

// CompareGroups orders groups: largest first, ties by value, those without a value last.
func CompareGroups(a, b Group) int {
	if c := cmp.Compare(b.Count, a.Count); c != 0 {
		return c
	}
	for i := range a.Values {
		x, y := a.Values[i], b.Values[i]
		switch {
		case x == nil && y == nil:
		case x == nil:
			return 1
		case y == nil:
			return -1
		default:
			if c, _ := filter.CompareValues(x, y); c != 0 {
				return c
			}
		}
	}
	return 0
}
