package inventory

import (
	"cmp"
	"slices"

	"maestro.internal/collector/internal/mapping"
)

// MappingConflict is two rules that want different values for one field, of Count resources; the earlier rule decides.
type MappingConflict struct {
	Pointer, Rule, Over string
	Count               int
	Samples             []MappingConflictSample
}

// MappingConflictSample is a resource that two rules disagree about, and what each of them says.
type MappingConflictSample struct {
	Head
	Value, OverValue string
}

const (
	mappingConflicts       = 100
	mappingConflictSamples = 5
)

// disagree notes what the rules disagree about. Fields that people or a source decide are left out: no rule has a say there.
func (t *tenantRules) disagree(id string, thing *mapping.Thing, decided func(pointer string) bool) {
	if t.disagreed == nil {
		return
	}
	t.disagreed[id] = slices.DeleteFunc(t.rules.Conflicts(thing), func(c mapping.Conflict) bool { return decided(c.Pointer) })
}

// ruleConflicts are those that the unit's rules had about a resource.
func (u *unit) ruleConflicts(id string) []mapping.Conflict {
	if u.rules == nil {
		return nil
	}
	return u.rules.disagreed[id]
}

// conflict counts one more resource that two rules disagree about.
func (e *MappingEffect) conflict(h Head, c mapping.Conflict) {
	at := slices.IndexFunc(e.Conflicts, func(x MappingConflict) bool { return x.Pointer == c.Pointer && x.Rule == c.Rule && x.Over == c.Over })
	if at < 0 {
		if len(e.Conflicts) == mappingConflicts {
			return
		}
		at = len(e.Conflicts)
		e.Conflicts = append(e.Conflicts, MappingConflict{Pointer: c.Pointer, Rule: c.Rule, Over: c.Over})
	}
	x := &e.Conflicts[at]
	x.Count++
	if len(x.Samples) < mappingConflictSamples {
		x.Samples = append(x.Samples, MappingConflictSample{Head: h, Value: c.Value, OverValue: c.OverValue})
	}
}

// sortConflicts puts those of most resources first.
func (e *MappingEffect) sortConflicts() {
	slices.SortStableFunc(e.Conflicts, func(a, b MappingConflict) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Over, b.Over))
	})
}
