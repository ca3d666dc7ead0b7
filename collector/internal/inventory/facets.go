package inventory

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// MaxFacets is how many fields one question about facets may name.
const MaxFacets = 12

// Facet says which values a field has among the resources that a filter finds, and how often.
type Facet struct {
	// Field as the filter language names it.
	Field  string
	Values []FacetValue
	// More says that there are more values than were asked for. Without counts the resources that have none; it is not known
	// of tags and labels.
	More    bool
	Without int
}

// FacetValue is a value with the condition that finds those that have it.
type FacetValue struct {
	Value any
	Count int
	Where string
}

// DefaultFacets are the fields of a kind that few values are to be expected of: those that every resource has, and enumerations
// and flags of its own.
func DefaultFacets(k *schema.Kind) []string {
	out := []string{"state", "datacenter", "region", "tags"}
	few := func(prefix string, fields []schema.Field) {
		for _, f := range fields {
			if (len(f.Enum) > 0 || f.Type == schema.TypeBoolean) && f.Type != schema.TypeArray && !f.Sensitive && !f.Volatile && len(out) < MaxFacets {
				out = append(out, prefix+f.Path)
			}
		}
	}
	few("", slices.DeleteFunc(slices.Clone(k.Fields), func(f schema.Field) bool { return !f.Column }))
	few("common.", schema.CommonFields())
	few("", slices.DeleteFunc(slices.Clone(k.Fields), func(f schema.Field) bool { return f.Column }))
	return out
}

// FacetList is what Facets answers.
type FacetList struct {
	Facets []Facet
	// Looked is not zero where only so many resources of a past moment were gone through: there are more than was counted.
	Looked int
}

// Facets counts values under a filter, as far as the caller may see resources; at most limit values of each field. Order and
// position of the question are not looked at.
func (s *Service) Facets(ctx context.Context, c Caller, q ListQuery, fields []string, limit int) (*FacetList, error) {
	k, err := s.kind(ctx, c.Tenant, q.Kind)
	if err != nil {
		return nil, err
	}
	if err := s.ensureKind(ctx, k.Kind); err != nil {
		return nil, err
	}
	set, err := s.Fields(ctx, c.Tenant, q.Kind)
	if err != nil {
		return nil, err
	}
	counted := make([]filter.Field, len(fields))
	state := -1
	for i, name := range fields {
		if counted[i], err = facetField(set, name); err != nil {
			return nil, err
		}
		if name == "state" {
			state = i
		}
	}
	out := &FacetList{Facets: make([]Facet, len(fields))}
	var groups [][]store.Group
	if q.AsOf.IsZero() {
		groups, err = s.facetGroups(ctx, c, q, counted, state, limit+2)
	} else {
		groups, out.Looked, err = s.facetGroupsThen(ctx, c, q, k.Kind, counted, state, limit+2)
	}
	if err != nil {
		return nil, err
	}
	for i, name := range fields {
		out.Facets[i] = facetOf(name, groups[i], limit)
	}
	return out, nil
}

// facetGroups counts each field's values, of the state's also those that lists hide: it is offered to find them.
func (s *Service) facetGroups(ctx context.Context, c Caller, q ListQuery, counted []filter.Field, state, limit int) ([][]store.Group, error) {
	var err error
	if q.Where, err = s.resolveHops(ctx, c, q.Kind, q.Where, time.Time{}); err != nil {
		return nil, err
	}
	question := func(states filter.Expr) store.Query {
		where := filter.And{c.may(), states}
		if q.Where != nil {
			where = append(where, q.Where)
		}
		return store.Query{Table: tResources, Tenant: c.Tenant, Part: q.Kind, Where: where, Limit: limit}
	}
	groups, err := s.opt.Store.Tally(ctx, question(shown(q.StateNamed)), counted)
	if err != nil {
		return nil, fmt.Errorf("count values: %w", err)
	}
	if state >= 0 && !q.StateNamed {
		// Of those that lists hide only their number is missing, and they are few.
		gone, err := s.opt.Store.Tally(ctx, question(eq(text("state"), string(Gone))), counted[state:state+1])
		if err != nil {
			return nil, fmt.Errorf("count what is gone: %w", err)
		}
		groups[state] = append(groups[state], gone[0]...)
		slices.SortFunc(groups[state], store.CompareGroups)
	}
	return groups, nil
}

// facetGroupsThen is facetGroups of a moment; looked is not zero where the work for it was used up after so many resources.
func (s *Service) facetGroupsThen(ctx context.Context, c Caller, q ListQuery, k *schema.Kind, counted []filter.Field, state, limit int) (groups [][]store.Group, looked int, err error) {
	where, err := s.conditionThen(ctx, c, &q)
	if err != nil {
		return nil, 0, err
	}
	bys := make([][]filter.Field, len(counted))
	for i, f := range counted {
		bys[i] = []filter.Field{f}
	}
	hidden := q
	hidden.StateNamed = true
	inAnyState, err := s.conditionThen(ctx, c, &hidden)
	if err != nil {
		return nil, 0, err
	}
	err = s.differing(ctx, c, k, q.AsOf, !q.StateNamed, func(p *pastSet) error {
		looked = 0
		part := func(where filter.And, bys [][]filter.Field) (found [][]store.Group, err error) {
			p.work, p.cut = s.pastWork(2), false
			if found, err = s.countThen(ctx, c, p, where, bys, limit); p.cut {
				looked = max(looked, p.work.looked)
			}
			return found, err
		}
		if groups, err = part(where, bys); err != nil || state < 0 || q.StateNamed {
			return err
		}
		all, err := part(inAnyState, bys[state:state+1])
		if err == nil {
			groups[state] = all[0]
		}
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("count values: %w", err)
	}
	return groups, looked, nil
}

// facetIndex has all default facets of a kind together, so that they are counted without reading a resource.
func facetIndex(k *schema.Kind) (store.Index, bool) {
	set := FieldsOf(k)
	ix := store.Index{Name: "default_facets"}
	for _, name := range DefaultFacets(k) {
		if f, err := facetField(set, name); err == nil && !f.Multi {
			ix.Fields = append(ix.Fields, f)
		}
	}
	return ix, store.CheckIndex(ix) == nil
}

// facetField is a field of one value, or tags or labels. What names connections stays with who may see them all.
func facetField(set *FieldSet, name string) (filter.Field, error) {
	if name == "tags" || name == "labels" {
		_, pairs, _ := set.Map(name)
		return pairs, nil
	}
	f, ok := set.Field(name)
	if !ok {
		return f, &InvalidError{Pointer: "/fields", Problem: fmt.Sprintf("there is no field %q here", name)}
	}
	if filter.CheckOrder(f) != nil || f.Type == filter.Time {
		return f, &InvalidError{Pointer: "/fields", Problem: fmt.Sprintf("values of %s are not counted: it is a list or a moment", name)}
	}
	return f, nil
}

func facetOf(name string, groups []store.Group, limit int) Facet {
	out := Facet{Field: name}
	for _, g := range groups {
		v := g.Values[0]
		if v == nil {
			out.Without = g.Count
			continue
		}
		if len(out.Values) == limit {
			out.More = true
			break
		}
		out.Values = append(out.Values, FacetValue{Value: v, Count: g.Count, Where: facetWhere(name, v)})
	}
	return out
}

func facetWhere(name string, v any) string {
	switch v := v.(type) {
	case string:
		if name == "tags" || name == "labels" {
			return name + ":" + quoteText(v)
		}
		return name + " = " + quoteValue(v)
	case float64:
		return name + " = " + strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprintf("%s = %v", name, v)
	}
}

// quoteValue writes a text as the filter language reads it, without quotes where none are needed.
func quoteValue(v string) string {
	for i, r := range v {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' && i > 0 || i > 0 && strings.ContainsRune("_.-", r)
		if !plain {
			return quoteText(v)
		}
	}
	switch strings.ToLower(v) {
	case "", "null", "true", "false", "and", "or", "not":
		return quoteText(v)
	}
	return v
}

func quoteText(v string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
}
