package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// match says why an observation belongs to its resource.
type match struct {
	Type  string `json:"type,omitempty"`
	Value string `json:"value,omitempty"`
	Rank  int    `json:"rank,omitempty"`
	// Conflicts is what the observation and the others of the resource said differently of themselves when they were joined: types
	// of identifiers, and "addresses".
	Conflicts []string `json:"conflicts,omitempty"`
}

func (m match) text() string {
	out := "first seen here"
	if m.Type != "" {
		out = fmt.Sprintf("matched on %s, rank %d", m.Type, m.Rank)
	}
	switch n := len(m.Conflicts); n {
	case 0:
	case 1:
		out += "; " + m.Conflicts[0] + " conflict"
	default:
		out += "; " + strings.Join(m.Conflicts[:n-1], ", ") + " and " + m.Conflicts[n-1] + " conflict"
	}
	return out
}

// view is nil for what no identifier joined.
func (m *match) view() *Match {
	if m == nil || m.Type == "" {
		return nil
	}
	return &Match{Identifier: resource.Identifier{Type: m.Type, Value: m.Value}, Rank: m.Rank, Conflicts: m.Conflicts}
}

// matched notes why an observation is joined to a resource.
func (u *unit) matched(o *obsRec, owner *resRec, id ranked) {
	m := match{Type: id.Type, Value: id.Value, Rank: id.rank}
	for n := range owner.members {
		if other := u.obs[n]; n != o.id && other.seen.live() {
			m.Conflicts = append(m.Conflicts, u.disagreements(o, other)...)
		}
	}
	m.Conflicts = unique(m.Conflicts)
	o.doc.Matched, o.doc.Match = &m, m.text()
}

// disagreements are the types of identifiers that two observations both have and share no value of, and "addresses" if they
// have no address in common. Types that are ranked only: of others nobody knows how many there are.
func (u *unit) disagreements(a, b *obsRec) []string {
	var out []string
	for typ, values := range u.typed(a) {
		others := u.typed(b)[typ]
		if len(others) > 0 && !overlap(values, others) {
			out = append(out, typ)
		}
	}
	x, y := addressesOf(&a.seen.env, u.kind), addressesOf(&b.seen.env, u.kind)
	if len(x) > 0 && len(y) > 0 && disjoint(x, y) {
		out = append(out, "addresses")
	}
	slices.Sort(out)
	return out
}

// typed are an observation's identifiers by type.
func (u *unit) typed(o *obsRec) map[string][]string {
	out := map[string][]string{}
	for _, id := range u.identifiers(&o.seen.env) {
		out[id.Type] = append(out[id.Type], id.Value)
	}
	return out
}

func disjoint(a, b []string) bool {
	return !slices.ContainsFunc(a, func(v string) bool { return slices.Contains(b, v) })
}

// addressesOf are the addresses that an observation has at the fields of its kind.
func addressesOf(env *resource.Envelope, kind *schema.Kind) []string {
	var tree any
	var out []string
	for _, f := range kind.Fields {
		list := f.Type == schema.TypeArray && len(f.Items) == 1 && f.Items[0].Path == "" && f.Items[0].Type == schema.TypeIP
		if f.Type != schema.TypeIP && !list {
			continue
		}
		if tree == nil {
			tree = decodeJSON(env.Attributes)
		}
		attributes, _ := tree.(map[string]any)
		v, ok := valueAt(attributes, strings.TrimPrefix(f.Pointer, "/attributes"))
		if !ok {
			continue
		}
		if values, ok := v.([]any); ok {
			for _, v := range values {
				if s, ok := v.(string); ok {
					out = append(out, s)
				}
			}
		} else if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return unique(out)
}

// contradictions are the types, of which a thing has one value, of which two observations have different ones: they cannot be of
// one thing, whatever else they have in common.
func (u *unit) contradictions(a, b *obsRec) []string {
	var out []string
	others := u.typed(b)
	for typ, values := range u.typed(a) {
		if schema.SingleIdentifier(typ) && len(others[typ]) > 0 && !overlap(values, others[typ]) {
			out = append(out, typ)
		}
	}
	slices.Sort(out)
	return out
}

// overlap says whether two lists have a value in common, one UUID being the same in both orders of bytes: firmware of one
// machine is read either way.
func overlap(a, b []string) bool {
	return !disjoint(a, b) || slices.ContainsFunc(a, func(v string) bool {
		swapped := schema.SwapUUID(v)
		return swapped != "" && slices.Contains(b, swapped)
	})
}

// quarantine is an identifier that two connections of one plugin see at things that cannot be one, such as a machine that was
// cloned with its agent. It joins nothing, so that the resource does not take turns in looking like either.
type quarantine struct {
	other  *resRec
	id     resource.Identifier
	detail string
}

func (u *unit) quarantines(owner *resRec, o *obsRec, id resource.Identifier) (quarantine, bool) {
	for _, m := range u.holders(owner, id, true) {
		other := u.obs[m]
		if other.doc.Connection == o.doc.Connection || other.doc.Provider != o.doc.Provider {
			continue
		}
		if types := u.contradictions(other, o); len(types) > 0 {
			return quarantine{owner, id, fmt.Sprintf("two connections see %s at once, at things with different %s", pairOf(id), strings.Join(types, ", "))}, true
		}
	}
	return quarantine{}, false
}

// doubt asks a person to look at a join by an identifier that a stronger one contradicts.
func (u *unit) doubt(o *obsRec, owner *resRec, id ranked) {
	for _, m := range slices.Sorted(maps.Keys(owner.members)) {
		other := u.obs[m]
		if m == o.id || !other.seen.live() {
			continue
		}
		types := slices.DeleteFunc(u.contradictions(o, other), func(typ string) bool { return rankOf(u.kind, typ) >= id.rank })
		if len(types) > 0 {
			u.ask(owner, owner, o, reviewDoc{Type: ReviewConflict, Pair: pairOf(id.Identifier),
				Detail: fmt.Sprintf("joined by %s, but %s differs, which is stronger", pairOf(id.Identifier), strings.Join(types, ", "))})
			return
		}
	}
}

// identifiers are identifiersOf without what the administrator declared to name nothing.
func (u *unit) identifiers(env *resource.Envelope) []ranked {
	out := identifiersOf(env, u.kind)
	if len(u.s.junk) == 0 {
		return out
	}
	return slices.DeleteFunc(out, func(r ranked) bool { return u.s.junk[r.Identifier] })
}

// junkOf are the warnings of identifiers that would join things of the kind and name nothing.
func (s *Service) junkOf(env *resource.Envelope, kind *schema.Kind) []string {
	var out []string
	for _, id := range env.Identifiers {
		if rankOf(kind, id.Type) == 0 {
			continue
		}
		value, ok := schema.NormalizeIdentifier(id.Type, id.Value)
		if ok && !s.junk[resource.Identifier{Type: id.Type, Value: value}] {
			continue
		}
		shown := []rune(id.Value)
		out = append(out, fmt.Sprintf("identifier %s=%q names no single thing and joins nothing", id.Type, string(shown[:min(len(shown), 100)])))
		if len(out) == 20 {
			break
		}
	}
	return unique(out)
}

// junkSet reads an administrator's list of "type=value" that name nothing.
func junkSet(list []string) map[resource.Identifier]bool {
	out := map[resource.Identifier]bool{}
	for _, pair := range list {
		typ, value, _ := strings.Cut(pair, "=")
		if v, ok := schema.NormalizeIdentifier(typ, value); ok {
			out[resource.Identifier{Type: typ, Value: v}] = true
		}
	}
	return out
}
