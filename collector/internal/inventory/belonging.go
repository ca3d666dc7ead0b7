package inventory

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/sdk/schema"
)

// Mapping rules make a resource of any kind a part of systems and applications, so a resource of any kind is asked by them too:
// the filter system.clients.name = "ACME" is for servers and volumes as much as for applications.

// belonging are the relations of every kind; a kind's own of the same name stand before them.
func belonging() []schema.RelationAlias {
	return []schema.RelationAlias{
		{Alias: "system", Verb: "part_of", Direction: "out", Target: "system"},
		{Alias: "applications", Verb: "part_of", Direction: "out", Target: "application"},
	}
}

// members are what a system is asked by, beside its applications: what rules made a part of it.
func members() []schema.RelationAlias {
	var out []schema.RelationAlias
	for _, k := range [][2]string{{"servers", "server"}, {"databases", "database"}, {"backing_services", "backing_service"}, {"load_balancers", "load_balancer"}} {
		out = append(out, schema.RelationAlias{Alias: k[0], Verb: "part_of", Direction: "in", Target: k[1]})
	}
	return out
}

// withBelonging is the kind with the relations that every kind has.
func withBelonging(k *schema.Kind) *schema.Kind {
	add := belonging()
	switch k.Name {
	case "system":
		add = members()
	case "client", "application":
		return k // they lead to systems by relations of their own
	}
	out := *k
	out.Relations = slices.Clone(k.Relations)
	for _, r := range add {
		if !slices.ContainsFunc(k.Relations, func(own schema.RelationAlias) bool { return own.Alias == r.Alias }) {
			out.Relations = append(out.Relations, r)
		}
	}
	return &out
}

// nameWaysBack gives the kinds to which custom kinds are related a name for the way back: where racks contain servers, a server has
// racks.
func (s *Service) nameWaysBack(kinds map[string]*KindInfo) {
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		custom := kinds[name]
		if custom.Provider != CustomProvider {
			continue
		}
		back := strings.ReplaceAll(strings.ToLower(custom.Plural), " ", "_")
		if !customName.MatchString(back) {
			back = strings.TrimPrefix(name, CustomProvider+".")
		}
		for _, r := range custom.Relations {
			target := cmp.Or(kinds[r.Target], s.builtin[r.Target])
			if target == nil || r.Target == name || slices.Contains(belonging(), r) || slices.ContainsFunc(target.Relations, func(own schema.RelationAlias) bool { return own.Alias == back }) {
				continue
			}
			direction := "in"
			if r.Direction == "in" {
				direction = "out"
			}
			info, kind := *target, *target.Kind
			kind.Relations = append(slices.Clone(kind.Relations), schema.RelationAlias{Alias: back, Verb: r.Verb, Direction: direction, Target: name})
			info.Kind = &kind
			kinds[r.Target] = &info
		}
	}
}

// alike are the relations that a name stands for: a server's applications are those that run on it and those that a rule made it a part
// of; an application's servers, those that it runs on and those that are a part of it.
func alike(kind string, r filter.Relation) []filter.Relation {
	out := []filter.Relation{r}
	if r.Verb == "part_of" {
		return out
	}
	part := filter.Relation{Alias: r.Alias, Verb: "part_of", Direction: "out", Target: r.Target}
	switch {
	case kind != "application" && r.Alias == "applications" && r.Target == "application":
		return append(out, part)
	case kind == "application" && r.Target != "application" && slices.ContainsFunc(members(), func(m schema.RelationAlias) bool { return m.Alias == r.Alias }):
		part.Direction = "in"
		return append(out, part)
	}
	return out
}
