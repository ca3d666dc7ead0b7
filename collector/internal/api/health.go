package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

func (s *Server) healthRoutes() {
	handle(s, route{method: "GET", path: "/connections/health", id: "list-connection-health", tag: "connections", action: access.Read,
		summary: "The health matrix: how each kind of each connection stands, and when it was last read completely"}, s.listHealth)
}

func (s *Server) listHealth(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.ConnectionHealth]], error) {
	caller, _, err := s.connectionsOf(ctx, c)
	if err != nil {
		return nil, err
	}
	connections, err := s.opt.Fleet.Connections(ctx, caller)
	if err != nil {
		return nil, err
	}
	if err := s.withRuns(ctx, c, connections); err != nil {
		return nil, err
	}
	found, err := s.opt.Inventory.Health(ctx, caller)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	items := make([]rest.ConnectionHealth, 0, len(connections))
	for i := range connections {
		items = append(items, healthDocument(&connections[i], found[connections[i].ID], now))
	}
	return small(s, in, items, func(x rest.ConnectionHealth) string { return x.ID }, "name")
}

func healthDocument(x *rest.Connection, kinds map[string]*inventory.KindHealth, now time.Time) rest.ConnectionHealth {
	out := rest.ConnectionHealth{ID: x.ID, Name: x.Name, Provider: x.Provider, Datacenter: x.Datacenter, Agent: x.Agent, Health: x.Health, Kinds: []rest.KindHealth{}}
	for _, k := range x.Kinds {
		if !k.Enabled {
			continue
		}
		doc := rest.KindHealth{Kind: k.Kind, Status: inventory.ScopeNever}
		if h := kinds[k.Kind]; h != nil {
			doc = rest.KindHealth{Kind: k.Kind, Status: cmp.Or(string(h.Status), inventory.ScopeNever), Scopes: h.Scopes, Complete: h.Complete, Listed: h.Listed,
				Rejected: h.Rejected, RunID: h.Run, Error: h.Error, Advice: h.Advice}
			if !h.LastComplete.IsZero() {
				doc.LastComplete = &h.LastComplete
				doc.Late = !x.Paused && k.IntervalSeconds > 0 && now.Sub(h.LastComplete) > 2*time.Duration(k.IntervalSeconds)*time.Second
			}
		}
		out.Kinds = append(out.Kinds, doc)
	}
	slices.SortFunc(out.Kinds, func(a, b rest.KindHealth) int { return cmp.Compare(a.Kind, b.Kind) })
	return out
}
