package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

type stalenessIn struct {
	IfMatch string `header:"If-Match" doc:"The version edited, as in the ETag; required"`
	Body    rest.StalenessWrite
}

func (s *Server) stalenessRoutes() {
	const tag = "mapping"
	handle(s, route{method: "GET", path: "/staleness", id: "get-staleness", tag: tag, action: access.Read,
		summary: "How long a preferred source may be silent before the sources after it write what it says too"}, s.getStaleness)
	handle(s, route{method: "PUT", path: "/staleness", id: "put-staleness", tag: tag, action: access.ManageMapping,
		summary: "Replace that rule; the inventory follows in the background"}, s.putStaleness)
}

func stalenessDocument(r *inventory.Staleness) rest.Staleness {
	doc := rest.Staleness{Version: r.Version, DefaultSeconds: int64(r.Default / time.Second), SilentAfterSeconds: int64(r.Default / time.Second), Own: r.SilentAfter != nil,
		Kinds: []rest.KindStaleness{}, SavedAt: r.SavedAt, SavedBy: r.SavedBy, Reason: r.Reason}
	if r.SilentAfter != nil {
		doc.SilentAfterSeconds = int64(*r.SilentAfter / time.Second)
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		doc.Kinds = append(doc.Kinds, rest.KindStaleness{Kind: kind, SilentAfterSeconds: int64(r.Kinds[kind] / time.Second)})
	}
	return doc
}

func (s *Server) getStaleness(ctx context.Context, c access.Caller, _ *struct{}) (*versioned[rest.Staleness], error) {
	r, err := s.opt.Inventory.Staleness(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	return &versioned[rest.Staleness]{ETag: etag(r.Version), Body: stalenessDocument(r)}, nil
}

func (s *Server) putStaleness(ctx context.Context, c access.Caller, in *stalenessIn) (*versioned[rest.Staleness], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	want := inventory.Staleness{Version: version, Kinds: map[string]time.Duration{}}
	if n := in.Body.SilentAfterSeconds; n != nil {
		d := time.Duration(*n) * time.Second
		want.SilentAfter = &d
	}
	for i, k := range in.Body.Kinds {
		if _, twice := want.Kinds[k.Kind]; twice {
			return nil, problem(http.StatusUnprocessableEntity, "The kind %s is there twice.", k.Kind).at(fmt.Sprintf("body.kinds[%d].kind", i), "is there twice")
		}
		want.Kinds[k.Kind] = time.Duration(k.SilentAfterSeconds) * time.Second
	}
	r, err := s.opt.Inventory.SaveStaleness(ctx, domainCaller(c), want, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return &versioned[rest.Staleness]{ETag: etag(r.Version), Body: stalenessDocument(r)}, nil
}
