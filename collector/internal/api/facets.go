package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

type facetsIn struct {
	Kind   string    `path:"kind" maxLength:"200"`
	Filter string    `query:"filter" doc:"As for the list"`
	AsOf   time.Time `query:"as_of" doc:"Of the list as the collector had it at that moment"`
	Fields string    `query:"fields" maxLength:"2000" example:"state,tags,power_state" doc:"Whose values are counted, up to 12; absent: state, datacenter, region, tags, and the kind's own enumerations and flags"`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"12" doc:"Of values for each"`
}

func (s *Server) facetRoutes() {
	handle(s, route{method: "GET", path: "/resources/{kind}/facets", id: "list-facets", tag: "resources", action: access.Read,
		summary: "Which values the resources that a filter finds have, and how often"}, s.listFacets)
}

func (s *Server) listFacets(ctx context.Context, c access.Caller, in *facetsIn) (*out[rest.Facets], error) {
	k, err := s.kind(ctx, c, in.Kind)
	if err != nil {
		return nil, err
	}
	fields, err := s.fieldsOfKind(ctx, c, k.Name)
	if err != nil {
		return nil, err
	}
	q, _, err := s.listQuery(&ListIn{Filter: in.Filter}, fields, in.Filter)
	if err != nil {
		return nil, err
	}
	q.Kind, q.AsOf = in.Kind, in.AsOf
	var names []string
	for name := range strings.SplitSeq(in.Fields, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		names = inventory.DefaultFacets(k.Kind)
	}
	if len(names) > inventory.MaxFacets {
		return nil, problem(http.StatusBadRequest, "Values of up to %d fields are counted at once.", inventory.MaxFacets).at("query.fields", "are too many")
	}
	if in.Limit == 0 {
		in.Limit = 12
	}
	found, err := s.opt.Inventory.Facets(ctx, domainCaller(c), q, names, in.Limit)
	if err != nil {
		return nil, err
	}
	people, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	doc := rest.Facets{Facets: make([]rest.Facet, 0, len(found.Facets)), LookedThrough: found.Looked}
	for _, f := range found.Facets {
		facet := rest.Facet{Field: f.Field, More: f.More, Without: f.Without, Values: make([]rest.FacetValue, 0, len(f.Values))}
		for _, v := range f.Values {
			value := rest.FacetValue{Value: v.Value, Count: v.Count, Where: v.Where}
			if id, ok := v.Value.(string); ok && f.Field == "datacenter" {
				if d := people.datacenter(id); d != nil {
					value.Label = d.Name
				}
			}
			facet.Values = append(facet.Values, value)
		}
		doc.Facets = append(doc.Facets, facet)
	}
	return &out[rest.Facets]{Body: doc}, nil
}
