package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/transfer"
	"maestro.internal/collector/internal/transfer/sheet"
	"maestro.internal/internal/rest"
)

type exportChosenIn struct {
	Kind string `path:"kind" maxLength:"200"`
	Body rest.ExportChosen
}

// exportChosen is for selections: thousands of ids fit into no address and no filter.
func (s *Server) exportChosen(ctx context.Context, c access.Caller, in *exportChosenIn) (*huma.StreamResponse, error) {
	k, err := s.kind(ctx, c, in.Kind)
	if err != nil {
		return nil, err
	}
	q, _, err := s.listQuery(&ListIn{OrderBy: in.Body.OrderBy}, inventory.FieldsOf(k.Kind), "", "export", in.Kind)
	if err != nil {
		return nil, err
	}
	if q.Kind = in.Kind; in.Body.Format == "" {
		in.Body.Format = string(sheet.CSV)
	}
	onlyIDs(&q, in.Body.IDs)
	return s.export(ctx, c, transfer.ExportRequest{Query: q, Format: sheet.Format(in.Body.Format), Columns: in.Body.Columns},
		map[string]any{"ids": len(in.Body.IDs), "format": in.Body.Format})
}

// onlyIDs narrows a question to ids, which both stores look up by their keys. Whoever names a thing means it in every state.
func onlyIDs(q *inventory.ListQuery, ids []string) {
	list := filter.In{Field: filter.RowID}
	for _, id := range ids {
		list.Values = append(list.Values, id)
	}
	if q.StateNamed = true; q.Where == nil {
		q.Where = list
	} else {
		q.Where = filter.And{q.Where, list}
	}
}
