package mapping

import "slices"

// Conflict is two rules that want different values for one field of one thing. The earlier one decides.
type Conflict struct {
	// Pointer is the field; Rule decides it with Value, Over would say OverValue.
	Pointer         string
	Rule, Value     string
	Over, OverValue string
}

// Conflicts answers where the rules disagree about a thing, in their order. Apply does not ask the rules that come after
// the one that decides; here all are asked, so it is for people who look at their rules and not for every merge. Relations
// are no conflicts: a thing can be part of several systems.
func (r *Rules) Conflicts(t *Thing) []Conflict {
	var out []Conflict
	decides := map[string]Outcome{}
	for i := range r.list {
		rule, c := &r.list[i], &r.ready[i]
		if rule.Off || c.pointer == "" || len(rule.Kinds) > 0 && !slices.Contains(rule.Kinds, t.Kind) {
			continue
		}
		if rule.Where != "" && (t.Matches == nil || !t.Matches(i)) {
			continue
		}
		value, _, ok := c.value(rule, t)
		if !ok || !allowed(c.field, value) {
			continue
		}
		first, decided := decides[c.pointer]
		switch {
		case !decided:
			decides[c.pointer] = Outcome{Rule: rule.Name, Value: value}
		case first.Value != value:
			out = append(out, Conflict{Pointer: c.pointer, Rule: first.Rule, Value: first.Value, Over: rule.Name, OverValue: value})
		}
	}
	return out
}
