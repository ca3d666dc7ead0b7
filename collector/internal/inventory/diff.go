package inventory

import (
	"encoding/json"
	"slices"
	"strings"
)

// contentOf is the fields of a revision that a person may read or set.
func contentOf(rev *revision, keyed map[string]string) leaves {
	l := leaves{}
	set := func(p, v string) {
		if v != "" {
			l[p] = v
		}
	}
	set("/name", rev.Name)
	set("/region", rev.Region)
	set("/zone", rev.Zone)
	set("/console_url", rev.ConsoleURL)
	set("/datacenter", rev.Datacenter)
	addTags(l, rev.Tags)
	for _, part := range []struct {
		at  string
		raw json.RawMessage
	}{{"/attributes", rev.Attributes}, {"/common", rev.Common}} {
		if m, ok := decodeJSON(part.raw).(map[string]any); ok && len(m) > 0 {
			l.add(part.at, m, keyed)
		}
	}
	return l
}

// comparable is contentOf and what else makes two revisions different.
func comparableOf(rev *revision, keyed map[string]string) leaves {
	l := contentOf(rev, keyed)
	list := func(p string, values []string) {
		if len(values) == 0 {
			return
		}
		out := make([]any, len(values))
		for i, v := range values {
			out[i] = v
		}
		l[p] = out
	}
	byType := map[string][]string{}
	for _, id := range rev.Identifiers {
		byType[id.Type] = append(byType[id.Type], id.Value)
	}
	for t, values := range byType {
		list("/identifiers/"+escapeToken(t), values)
	}
	byVerb := map[string][]string{}
	for _, e := range rev.Edges {
		if isDerived(e.Want) {
			continue // it says no more than the fields that it is derived from
		}
		byVerb[e.Verb] = append(byVerb[e.Verb], e.Label)
	}
	for v, targets := range byVerb {
		slices.Sort(targets)
		list("/relations/"+escapeToken(v), targets)
	}
	labels := map[string][]string{}
	for _, t := range rev.Labels {
		labels[t.Key] = append(labels[t.Key], t.Value)
	}
	for key, values := range labels {
		list("/labels/"+escapeToken(key), values)
	}
	var absorbed []string
	for _, a := range rev.Absorbed {
		absorbed = append(absorbed, a.Name+" ("+a.ID+")")
	}
	list("/absorbed", absorbed)
	list("/connections", rev.Connections)
	list("/stale", rev.Stale)
	list("/withheld", rev.Withheld)
	list("/conflicts", rev.Conflicts)
	list("/warnings", rev.Warnings)
	return l
}

// diff is what changed, by pointer.
func diff(old, new *revision, keyed map[string]string) []FieldChange {
	a, b := comparableOf(old, keyed), comparableOf(new, keyed)
	var out []FieldChange
	for p, was := range a {
		is, ok := b[p]
		if !ok || !sameValue(was, is) {
			out = append(out, FieldChange{Pointer: p, Old: encodeJSON(was), New: encodeJSON(is)})
		}
	}
	for p, is := range b {
		if _, ok := a[p]; !ok {
			out = append(out, FieldChange{Pointer: p, New: encodeJSON(is)})
		}
	}
	slices.SortFunc(out, func(x, y FieldChange) int { return strings.Compare(x.Pointer, y.Pointer) })
	return out
}

// sameCuration says whether what people decided is the same.
func sameCuration(a, b *revision) bool {
	return slices.EqualFunc(a.Curated, b.Curated, func(x, y curated) bool {
		return x.Pointer == y.Pointer && sameValue(decodeJSON(x.Value), decodeJSON(y.Value))
	}) && slices.Equal(a.Pins, b.Pins) && slices.Equal(a.ManualIdentifiers, b.ManualIdentifiers) &&
		slices.Equal(a.ManualEdges, b.ManualEdges) && a.Manual == b.Manual && a.Retired == b.Retired &&
		slices.Equal(a.Absorbed, b.Absorbed) && slices.Equal(a.Apart, b.Apart)
}
