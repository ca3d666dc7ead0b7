package api

import (
	"context"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

type marksIn struct {
	Kind     string `path:"kind" maxLength:"200"`
	Filter   string `query:"filter" doc:"As for the list"`
	OrderBy  string `query:"order_by" maxLength:"1000" doc:"As for the list"`
	PageSize int    `query:"page_size" minimum:"10" maximum:"1000" default:"100" doc:"Of the list"`
}

func (s *Server) markRoutes() {
	handle(s, route{method: "GET", path: "/resources/{kind}/marks", id: "list-marks", tag: "resources", action: access.Read,
		summary: "Places all along a list, to begin pages at, and how long it is"}, s.listMarks)
}

// listMarks answers page tokens of the list: who scrolls through 100,000 rows needs not read them one after the other.
func (s *Server) listMarks(ctx context.Context, c access.Caller, in *marksIn) (*out[rest.Marks], error) {
	k, err := s.kind(ctx, c, in.Kind)
	if err != nil {
		return nil, err
	}
	fields, err := s.opt.Inventory.Fields(ctx, c.Tenant, k.Name)
	if err != nil {
		return nil, err
	}
	q, question, err := s.listQuery(&ListIn{OrderBy: in.OrderBy}, fields, in.Filter, "resources", in.Kind, "")
	if err != nil {
		return nil, err
	}
	if q.Kind = in.Kind; in.PageSize == 0 {
		in.PageSize = 100
	}
	found, err := s.opt.Inventory.Marks(ctx, domainCaller(c), q, in.PageSize)
	if err != nil {
		return nil, err
	}
	doc := rest.Marks{Every: found.Every, Marks: make([]string, 0, len(found.Positions)), TotalSize: found.Total, TotalSizeIsLowerBound: found.More}
	for _, at := range found.Positions {
		token, err := nextToken(question, at)
		if err != nil {
			return nil, err
		}
		doc.Marks = append(doc.Marks, token)
	}
	return &out[rest.Marks]{Body: doc}, nil
}
