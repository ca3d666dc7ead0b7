package api

import (
	"context"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

// rejectedRoutes show what a connection reads and the collector does not take.
func (s *Server) rejectedRoutes() {
	const tag = "connections"
	handle(s, route{method: "GET", path: "/connections/{id}/rejected", id: "list-rejected", tag: tag, action: access.Read,
		summary: "What a connection reads and the collector does not take, and why"}, s.listRejected)
	handle(s, route{method: "GET", path: "/connections/{id}/rejected/body", id: "get-rejected-body", tag: tag, action: access.ManageConnections,
		summary: "What is kept of an item on which the collector itself failed"}, s.getRejectedBody)
}

func (s *Server) listRejected(ctx context.Context, c access.Caller, in *idIn) (*out[rest.RejectedItems], error) {
	if _, err := s.opt.Fleet.Connection(ctx, domainCaller(c), in.ID); err != nil {
		return nil, orNotFound(err, "connection")
	}
	items, more, err := s.opt.Inventory.Rejected(ctx, c.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	list := rest.RejectedItems{Items: []rest.RejectedItem{}, More: more}
	for _, it := range items {
		list.Items = append(list.Items, rest.RejectedItem{Kind: it.Scope.Kind, Partition: it.Scope.Partition, Scope: it.Scope.Key(),
			ExternalID: it.Key, Reason: it.Reason, Hash: it.Hash, RejectedAt: it.At, KeptBytes: it.Kept})
	}
	return &out[rest.RejectedItems]{Body: list}, nil
}

type rejectedBodyIn struct {
	ID         string `path:"id" maxLength:"200"`
	Scope      string `query:"scope" required:"true" maxLength:"20000" doc:"The scope's key, as the list has it"`
	ExternalID string `query:"external_id" required:"true" maxLength:"2048"`
}

func (s *Server) getRejectedBody(ctx context.Context, c access.Caller, in *rejectedBodyIn) (*out[rest.RejectedBody], error) {
	if _, err := s.opt.Fleet.Connection(ctx, domainCaller(c), in.ID); err != nil {
		return nil, orNotFound(err, "connection")
	}
	b, err := s.opt.Inventory.RejectedBody(ctx, c.Tenant, in.ID, in.Scope, in.ExternalID)
	if err != nil {
		return nil, orNotFound(err, "rejected item with bytes that are kept")
	}
	return &out[rest.RejectedBody]{Body: rest.RejectedBody{ExternalID: in.ExternalID, Canonical: string(b)}}, nil
}
