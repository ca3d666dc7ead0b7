package api

import (
	"context"
	"maps"
	"slices"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/why"
	"maestro.internal/internal/rest"
)

type whyIn struct {
	Name       string `query:"name" required:"true" minLength:"1" maxLength:"2048" doc:"A name, an id, the value of an identifier, an address, or what a provider calls it"`
	Kind       string `query:"kind" maxLength:"200" doc:"What it should be; absent: of any kind"`
	Connection string `query:"connection" maxLength:"200" doc:"Id or name of the connection that should see it; absent: any"`
}

// whyRoutes are about what is not there, and how far what is there can be believed.
func (s *Server) whyRoutes() {
	const tag = "coverage"
	handle(s, route{method: "GET", path: "/why", id: "ask-why", tag: tag, action: access.Read,
		summary: "Why something is not where one looks for it: the way from its provider to the reader, step by step"}, s.askWhy)
	handle(s, route{method: "GET", path: "/reference", id: "list-reference", tag: "mapping", action: access.Read,
		summary: "The files of end-of-support dates and list prices that are applied"}, s.listReference)
	handle(s, route{method: "POST", path: "/reference/preview", id: "preview-reference", tag: "mapping", action: access.ManageMapping, maxBody: 16 << 20,
		summary: "Say what another file of end-of-support dates or list prices would change"}, s.previewReference)
	handle(s, route{method: "GET", path: "/coverage/scopes", id: "list-scopes", tag: tag, action: access.Read,
		summary: "The coverage ledger: how each scope of each connection stands; the filter may name connection, kind, status (an outcome, never, incomplete)"}, s.listScopes)
	handle(s, route{method: "GET", path: "/coverage/kinds", id: "list-coverage", tag: tag, action: access.Read,
		summary: "How far the list of each kind can be trusted, all kinds at once: those that a connection reads, or that something is unwatched or held of"}, s.listCoverage)
	handle(s, route{method: "GET", path: "/resources/{kind}/{id}/coverage", id: "list-resource-coverage", tag: tag, action: access.Read,
		summary: "The scopes that a resource's own observations lie in, and how each stands"}, s.listResourceCoverage)
}

func (s *Server) askWhy(ctx context.Context, c access.Caller, in *whyIn) (*out[rest.Why], error) {
	answer, err := s.opt.Why.Ask(ctx, domainCaller(c), why.Question{Text: in.Name, Kind: in.Kind, Connection: in.Connection, In: languageOf(ctx)})
	if err != nil {
		return nil, err
	}
	return &out[rest.Why]{Body: answer}, nil
}

func (s *Server) listCoverage(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.KindCoverage]], error) {
	found, err := s.opt.Inventory.CoverageOfKinds(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	items := make([]rest.KindCoverage, 0, len(found))
	for _, kind := range slices.Sorted(maps.Keys(found)) {
		items = append(items, rest.KindCoverage{Kind: kind, Coverage: coverageDocument(found[kind], names)})
	}
	return small(s, in, items, func(k rest.KindCoverage) string { return k.Kind }, "kind")
}

func (s *Server) listScopes(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Scope]], error) {
	q := inventory.ScopeQuery{Limit: in.size()}
	question, after, err := s.terms(in, "scopes", terms{text: map[string]*string{"connection": &q.Connection, "kind": &q.Kind, "status": &q.Status}, named: s.naming(ctx, c)})
	if err != nil {
		return nil, err
	}
	q.After = after
	caller, names, err := s.connectionsOf(ctx, c)
	if err != nil {
		return nil, err
	}
	found, err := s.opt.Inventory.Scopes(ctx, caller, q)
	if err != nil {
		return nil, err
	}
	items := make([]rest.Scope, 0, len(found.Items))
	for i := range found.Items {
		items = append(items, scopeDocument(&found.Items[i], names))
	}
	return listOf(items, question, found.Next, found.Total, false)
}

func (s *Server) listResourceCoverage(ctx context.Context, c access.Caller, in *resourceListIn) (*out[rest.List[rest.Scope]], error) {
	question, _, err := plainList(&in.ListIn, "resource-coverage", in.Kind, in.ID)
	if err != nil {
		return nil, err
	}
	caller, names, err := s.connectionsOf(ctx, c)
	if err != nil {
		return nil, err
	}
	found, err := s.opt.Inventory.ScopesOf(ctx, caller, in.Kind, in.ID)
	if err != nil {
		return nil, orNotFound(err, "resource")
	}
	items := make([]rest.Scope, 0, len(found))
	for i := range found {
		items = append(items, scopeDocument(&found[i], names))
	}
	return listOf(items, question, "", len(items), false)
}

// connectionsOf has the inventory name to the caller the connections that the fleet shows it.
func (s *Server) connectionsOf(ctx context.Context, c access.Caller) (inventory.Caller, *names, error) {
	caller := domainCaller(c)
	n, err := s.names(ctx, c)
	if err != nil {
		return caller, nil, err
	}
	for id := range n.connections {
		caller.Connections = append(caller.Connections, id)
	}
	return caller, n, nil
}

func scopeDocument(i *inventory.ScopeInfo, n *names) rest.Scope {
	out := rest.Scope{Connection: n.connectionOr(i.Connection, ""), Kind: i.Scope.Kind, Partition: i.Scope.Partition, Status: string(i.Status), Error: i.Error,
		Advice: i.Advice, Listed: i.Listed, Rejected: i.Rejected, RunID: i.LastRun, LastComplete: i.LastComplete, Since: i.Since, Planned: i.Planned,
		PlanComplete: i.PlanComplete, Unwatched: i.Unwatched}
	if out.Status == "" {
		out.Status = inventory.ScopeNever
	}
	return out
}

func (s *Server) listReference(_ context.Context, _ access.Caller, in *ListIn) (*out[rest.List[rest.ReferenceFile]], error) {
	items := []rest.ReferenceFile{}
	for _, f := range s.opt.Inventory.ReferenceFiles() {
		items = append(items, rest.ReferenceFile{Name: f.Name, Version: f.Version, Date: f.Date, Entries: f.Entries, Shipped: f.Shipped})
	}
	return small(s, in, items, func(f rest.ReferenceFile) string { return f.Name }, "name")
}
