package api

import (
	"context"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/schema"
)

func customFields(list []rest.CustomField) []inventory.CustomField {
	out := make([]inventory.CustomField, len(list))
	for i, f := range list {
		out[i] = inventory.CustomField(f)
	}
	return out
}

func (s *Server) putCustomFields(ctx context.Context, c access.Caller, in *customFieldsIn) (*out[rest.KindInfo], error) {
	if _, err := s.kind(ctx, c, in.Kind); err != nil {
		return nil, err
	}
	k, err := s.opt.Inventory.DefineFields(ctx, domainCaller(c), in.Kind, customFields(in.Body.Fields))
	if err != nil {
		return nil, err
	}
	return &out[rest.KindInfo]{Body: kindDocument(k)}, nil
}

func (s *Server) defineKind(ctx context.Context, c access.Caller, in *bodyIn[rest.CustomKindWrite]) (*out[rest.KindInfo], error) {
	d := in.Body
	var relations []schema.RelationAlias
	for _, r := range d.Relations {
		relations = append(relations, schema.RelationAlias(r))
	}
	k, err := s.opt.Inventory.DefineKind(ctx, domainCaller(c), inventory.CustomKind{Relations: relations, Name: d.Name, Label: d.Label, Plural: d.Plural,
		Group: d.Group, Icon: d.Icon, Summary: d.Summary, Fields: customFields(d.Fields), Identifiers: d.Identifiers})
	if err != nil {
		return nil, err
	}
	return &out[rest.KindInfo]{Body: kindDocument(k)}, nil
}

func (s *Server) dropKind(ctx context.Context, c access.Caller, in *kindIn) (*none, error) {
	if _, err := s.kind(ctx, c, in.Kind); err != nil {
		return nil, err
	}
	if err := s.opt.Inventory.DropKind(ctx, domainCaller(c), in.Kind); err != nil {
		return nil, err
	}
	return &none{}, nil
}
