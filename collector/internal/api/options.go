package api

import (
	"context"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

type optionListIn struct {
	Name string `path:"name" maxLength:"100"`
	Body rest.OptionListWrite
}

func optionDocument(l inventory.OptionList) rest.OptionList {
	return rest.OptionList{Name: l.Name, Label: l.Label, Fields: l.Fields, Values: l.Values, Changed: l.Changed}
}

func (s *Server) listOptions(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.OptionList]], error) {
	lists, err := s.opt.Inventory.OptionLists(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	docs := make([]rest.OptionList, len(lists))
	for i, l := range lists {
		docs[i] = optionDocument(l)
	}
	return small(s, in, docs, func(l rest.OptionList) string { return l.Name }, "name")
}

func (s *Server) putOptions(ctx context.Context, c access.Caller, in *optionListIn) (*out[rest.OptionList], error) {
	l, err := s.opt.Inventory.SetOptions(ctx, domainCaller(c), in.Name, in.Body.Values)
	if err != nil {
		return nil, orNotFound(err, "option list")
	}
	return &out[rest.OptionList]{Body: optionDocument(*l)}, nil
}
