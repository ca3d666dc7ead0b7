package inventory

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/reference"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// observed is an observation as the merge sees it: previous values are filled in, wrong-typed fields left out.
type observed struct {
	id         string
	row        int64 // version of its row when it is written
	connection string
	provider   string
	precedence int64
	preference int
	silent     bool // it gives way to those that are not
	state      State
	since      time.Time
	reason     string
	at         store.Time
	env        resource.Envelope
	stale      []string
	edges      []edge
	warnings   []string
	datacenter string
	client     string
}

func (o *observed) live() bool { return o.state == Active || o.state == stateHeld }

// mergeInput is all that decides what a resource looks like. prev brings what people decided.
type mergeInput struct {
	id   string
	kind *schema.Kind
	obs  []*observed
	prev *revision
	now  time.Time
	// rules are the tenant's mapping rules, where their conditions for this kind.
	rules *tenantRules
	where []filter.Expr
	// reference fills what nobody says.
	reference *reference.Data
}

// merge says what a resource looks like, given what the connections observed of it and what people curated. It is
// pure: the same input gives the same revision on every collector.
//
// For each field the pinned connection decides, then the curated value, then the preferred connection among those that
// have a value: one that is not silent, of the lower preference, made first. While any observation is live only live ones count; else the last known values stay.
func merge(in mergeInput) revision {
	obs := slices.Clone(in.obs)
	slices.SortFunc(obs, func(a, b *observed) int {
		return cmp.Or(later(a.silent, b.silent), cmp.Compare(a.preference, b.preference), cmp.Compare(a.precedence, b.precedence), strings.Compare(a.id, b.id))
	})
	rev := revision{Kind: in.kind.Name, Major: in.kind.Major, Curated: in.prev.Curated, Pins: in.prev.Pins,
		Manual: in.prev.Manual, ManualIdentifiers: in.prev.ManualIdentifiers, ManualEdges: in.prev.ManualEdges, Retired: in.prev.Retired, Absorbed: in.prev.Absorbed, Apart: in.prev.Apart,
		CreatedAt: in.prev.CreatedAt,
		UpdatedAt: in.prev.UpdatedAt}
	mergeState(&rev, obs, in.prev, in.now)
	deciding := tier(obs)
	for _, o := range obs {
		rev.Sources = append(rev.Sources, source{Observation: o.id, Connection: o.connection, Row: o.row})
	}
	for _, o := range deciding {
		rev.Connections = append(rev.Connections, o.connection)
		rev.Withheld = append(rev.Withheld, o.env.Withheld...)
		rev.Warnings = append(rev.Warnings, o.warnings...)
		rev.Identifiers = append(rev.Identifiers, o.env.Identifiers...)
		rev.Edges = append(rev.Edges, o.edges...)
	}
	rev.Identifiers = append(rev.Identifiers, rev.ManualIdentifiers...)
	rev.Edges = append(rev.Edges, rev.ManualEdges...)
	for i, id := range rev.Identifiers {
		if v, ok := schema.NormalizeIdentifier(id.Type, id.Value); ok {
			rev.Identifiers[i].Value = v
		}
	}
	rev.Connections = unique(rev.Connections)
	rev.Withheld = unique(rev.Withheld)
	rev.Warnings = unique(rev.Warnings)
	slices.SortFunc(rev.Identifiers, func(a, b resource.Identifier) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Value, b.Value))
	})
	rev.Identifiers = slices.Compact(rev.Identifiers)
	slices.SortFunc(rev.Edges, func(a, b edge) int {
		return cmp.Or(strings.Compare(a.Verb, b.Verb), strings.Compare(a.Want, b.Want))
	})
	rev.Edges = slices.CompactFunc(rev.Edges, func(a, b edge) bool { return a.Verb == b.Verb && a.Want == b.Want })

	if len(deciding) == 1 && len(rev.Curated) == 0 {
		mergeOne(&rev, deciding[0])
	} else {
		mergeFields(&rev, deciding, keyedArrays(in.kind))
	}
	if rev.Name == "" && len(deciding) > 0 {
		rev.Name = deciding[0].env.ExternalID
	}
	for _, o := range deciding {
		if o.env.Name != "" && o.env.Name != rev.Name {
			rev.OtherNames = append(rev.OtherNames, o.env.Name)
		}
	}
	if rev.Name == "" && len(deciding) == 0 && !in.prev.Manual {
		rev.Name = in.prev.Name
	}
	rev.OtherNames = unique(rev.OtherNames)
	in.rules.apply(in.id, &rev, deciding, in.kind, in.where)
	applyReference(&rev, deciding, in.reference)
	rev.RuleEdges = append(rev.RuleEdges, derivedEdges(&rev)...)
	rev.Edges = append(rev.Edges, rev.RuleEdges...)
	rev.AccessRoots = accessRoots(in.id, &rev)
	return rev
}

func later(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// mergeState: active while any observation is live; otherwise the last one to leave decides, since it is the
// latest that was known. A hand-made resource needs no observation.
func mergeState(rev *revision, obs []*observed, prev *revision, now time.Time) {
	switch deciding := tier(obs); {
	case len(deciding) == 0 && prev.Retired:
		rev.State, rev.StateReason = Gone, "removed by hand"
	case len(deciding) == 0 && !prev.Manual:
		rev.State, rev.StateReason = Gone, "what was read of it could not be kept"
	case len(deciding) == 0 || deciding[0].live():
		rev.State, rev.StateReason = Active, ""
	default:
		rev.State, rev.StateReason = deciding[0].state, deciding[0].reason
	}
	rev.StateSince = prev.StateSince
	if prev.State != rev.State {
		rev.StateSince = store.At(now)
	}
}

// tier are the observations that decide: the live ones, or else the last to leave, so that the last known values stay as
// they were.
func tier(obs []*observed) []*observed {
	var live []*observed
	for _, o := range obs {
		if o.live() {
			live = append(live, o)
		}
	}
	if len(live) > 0 || len(obs) == 0 {
		return live
	}
	return []*observed{lastToLeave(obs)}
}

// lastToLeave is the one that was live longest. Of two that left at the same moment one that is unwatched counts, since
// absence is only believed when it was proven.
func lastToLeave(obs []*observed) *observed {
	last := obs[0]
	for _, o := range obs[1:] {
		if o.since.After(last.since) || o.since.Equal(last.since) && o.state == Unwatched && last.state == Gone {
			last = o
		}
	}
	return last
}

// mergeOne is mergeFields for the usual case, one observation and nobody's edits, without taking anything apart.
func mergeOne(rev *revision, o *observed) {
	e := &o.env
	rev.Name, rev.Region, rev.Zone, rev.ConsoleURL, rev.Datacenter = e.Name, e.Region, e.Zone, e.ConsoleURL, o.datacenter
	rev.Tags = e.Tags
	rev.Attributes = e.Attributes
	if len(rev.Attributes) == 0 {
		rev.Attributes = json.RawMessage("{}")
	}
	rev.Common = json.RawMessage("{}")
	if o.client != "" {
		rev.Common = encodeJSON(map[string]any{"client": o.client})
	}
	rev.Stale = unique(slices.Clone(o.stale))
	rev.Provenance = []provenance{{Connection: o.connection, At: o.at}}
	if len(rev.Stale) > 0 {
		rev.Provenance = append(rev.Provenance, provenance{Pointers: rev.Stale, Connection: o.connection, At: o.at, Stale: true})
	}
}

// fieldsOf takes an observation apart.
func fieldsOf(o *observed, keyed map[string]string) leaves {
	l := leaves{}
	set := func(p, v string) {
		if v != "" {
			l[p] = v
		}
	}
	set("/name", o.env.Name)
	set("/region", o.env.Region)
	set("/zone", o.env.Zone)
	set("/console_url", o.env.ConsoleURL)
	set("/datacenter", o.datacenter)
	set("/common/client", o.client)
	addTags(l, o.env.Tags)
	if v := decodeJSON(o.env.Attributes); v != nil {
		if m, ok := v.(map[string]any); !ok || len(m) > 0 {
			l.add("/attributes", v, keyed)
		}
	}
	return l
}

// addTags makes one leaf per key; a key that repeats has a list.
func addTags(l leaves, tags []resource.Tag) {
	for _, t := range tags {
		p := "/tags/" + escapeToken(t.Key)
		switch old := l[p].(type) {
		case nil:
			l[p] = t.Value
		case string:
			l[p] = []any{old, t.Value}
		case []any:
			l[p] = append(old, t.Value)
		}
	}
}

func tagsOf(l leaves) []resource.Tag {
	var out []resource.Tag
	for p, v := range l {
		key, ok := strings.CutPrefix(p, "/tags/")
		if !ok {
			continue
		}
		key = unescapeToken(key)
		switch v := v.(type) {
		case string:
			out = append(out, resource.Tag{Key: key, Value: v})
		case []any:
			for _, e := range v {
				s, _ := e.(string)
				out = append(out, resource.Tag{Key: key, Value: s})
			}
		}
	}
	slices.SortFunc(out, func(a, b resource.Tag) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Value, b.Value))
	})
	return out
}

// mergeFields decides field by field.
func mergeFields(rev *revision, obs []*observed, keyed map[string]string) {
	pinned := make(map[string]string, len(rev.Pins))
	for _, p := range rev.Pins {
		pinned[p.Pointer] = p.Connection
	}
	won, from := leaves{}, map[string]provenance{}
	for _, o := range obs { // in the order of precedence
		for p, v := range fieldsOf(o, keyed) {
			have, taken := won[p]
			if taken && !sameValue(have, v) {
				rev.Conflicts = append(rev.Conflicts, p)
			}
			if !taken || pinned[p] == o.connection {
				won[p] = v
				from[p] = provenance{Connection: o.connection, At: o.at, Stale: covers(o.stale, p)}
			}
		}
	}
	for _, c := range rev.Curated {
		if pinned[c.Pointer] != "" {
			continue
		}
		for p := range won { // a curated object or list replaces what lies below it
			if strings.HasPrefix(p, c.Pointer+"/") {
				delete(won, p)
				delete(from, p)
			}
		}
		delete(won, c.Pointer)
		if v := decodeJSON(c.Value); v != nil {
			won[c.Pointer] = v
		}
		from[c.Pointer] = provenance{Curated: true, Actor: c.Actor, At: c.At}
	}
	str := func(p string) string { s, _ := won[p].(string); return s }
	rev.Name, rev.Region, rev.Zone = str("/name"), str("/region"), str("/zone")
	rev.ConsoleURL, rev.Datacenter = str("/console_url"), str("/datacenter")
	rev.Tags = tagsOf(won)
	rev.Attributes = encodeJSON(won.tree("/attributes", keyed))
	rev.Common = encodeJSON(won.tree("/common", nil))
	rev.Conflicts = unique(rev.Conflicts)
	for _, o := range obs {
		for _, s := range o.stale {
			for p := range won {
				if covers([]string{s}, p) && from[p].Stale {
					rev.Stale = append(rev.Stale, s)
					break
				}
			}
		}
	}
	rev.Stale = unique(rev.Stale)
	rev.Provenance = groupProvenance(from)
}

// groupProvenance writes each source once: the one with most fields stands for all that are not named.
func groupProvenance(from map[string]provenance) []provenance {
	type key struct {
		curated, stale    bool
		connection, actor string
		at                store.Time
	}
	groups := map[key][]string{}
	for p, s := range from {
		k := key{s.Curated, s.Stale, s.Connection, s.Actor, s.At}
		groups[k] = append(groups[k], p)
	}
	out := make([]provenance, 0, len(groups))
	for k, pointers := range groups {
		slices.Sort(pointers)
		out = append(out, provenance{Pointers: pointers, Curated: k.curated, Stale: k.stale, Connection: k.connection,
			Actor: k.actor, At: k.at})
	}
	slices.SortFunc(out, func(a, b provenance) int {
		return cmp.Or(-cmp.Compare(len(a.Pointers), len(b.Pointers)), strings.Compare(a.Pointers[0], b.Pointers[0]))
	})
	for i := range out {
		if !out[i].Curated && !out[i].Stale {
			out[i].Pointers = nil
			out[0], out[i] = out[i], out[0]
			break
		}
	}
	return out
}

// expandProvenance names the source of every field of a resource.
func expandProvenance(rev *revision, keyed map[string]string) []Provenance {
	byPointer := map[string]provenance{}
	var rest *provenance
	for i, p := range rev.Provenance {
		if len(p.Pointers) == 0 {
			rest = &rev.Provenance[i]
		}
		for _, ptr := range p.Pointers {
			byPointer[ptr] = p
		}
	}
	var out []Provenance
	for _, p := range slices.Sorted(maps.Keys(contentOf(rev, keyed))) {
		src, ok := byPointer[p]
		if !ok {
			// A stale or curated pointer may stand for everything below it.
			for ptr, s := range byPointer {
				if covers([]string{ptr}, p) {
					src, ok = s, true
				}
			}
		}
		if !ok && rest != nil {
			src, ok = *rest, true
		}
		if ok {
			out = append(out, Provenance{Pointer: p, Curated: src.Curated, Connection: src.Connection, Actor: src.Actor,
				At: src.At.Time, Stale: src.Stale})
		}
	}
	return out
}

func unique(list []string) []string {
	if len(list) < 2 {
		return list
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// tagPairs and words are derived for lookups.
func (d *resourceDoc) derive(kind *schema.Kind) {
	d.TagPairs = d.TagPairs[:0]
	for _, t := range d.Tags {
		d.TagPairs = append(d.TagPairs, t.Key+"="+t.Value)
	}
	d.Origin = d.origin()
	attributes := decodeJSON(d.Attributes)
	d.LabelPairs = d.LabelPairs[:0]
	for _, t := range d.Labels {
		d.LabelPairs = append(d.LabelPairs, t.Key+"="+t.Value)
	}
	d.IdentifierPairs = d.IdentifierPairs[:0]
	for _, id := range d.Identifiers {
		d.IdentifierPairs = append(d.IdentifierPairs, id.Type+"="+id.Value)
	}
	d.Words = wordsOf(&d.revision, kind, attributes)
	d.Nets, d.own = netsOf(addressFields(kind), attributes)
	if named := textsAt(attributes, []string{"routing_domain"}); len(named) == 1 {
		d.domain = named[0]
	}
}
