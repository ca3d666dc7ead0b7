package api

import (
	"context"
	"errors"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/bulk"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

func (s *Server) listConnections(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Connection]], error) {
	list, err := s.opt.Fleet.Connections(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	if err := s.withRuns(ctx, c, list); err != nil {
		return nil, err
	}
	return small(s, in, list, func(x rest.Connection) string { return x.ID }, "name")
}

func (s *Server) getConnection(ctx context.Context, c access.Caller, in *idIn) (*versioned[rest.Connection], error) {
	x, err := s.opt.Fleet.Connection(ctx, domainCaller(c), in.ID)
	return s.oneConnection(ctx, c, x, err)
}

func (s *Server) createConnection(ctx context.Context, c access.Caller, in *bodyIn[rest.ConnectionWrite]) (*versioned[rest.Connection], error) {
	if err := s.mayServe(ctx, c, &in.Body.Client, nil, nil); err != nil {
		return nil, err
	}
	x, err := s.opt.Fleet.CreateConnection(ctx, domainCaller(c), in.Body)
	return s.oneConnection(ctx, c, x, err)
}

func (s *Server) importConnections(ctx context.Context, c access.Caller, in *bodyIn[rest.ConnectionsImport]) (*out[rest.ConnectionsImported], error) {
	done, err := bulk.Import(ctx, s.opt.Fleet, domainCaller(c), in.Body)
	var table *bulk.TableError
	if errors.As(err, &table) {
		return nil, &inventory.InvalidError{Pointer: "/text", Problem: table.Problem}
	}
	if err != nil {
		return nil, err
	}
	return &out[rest.ConnectionsImported]{Body: done}, nil
}

func (s *Server) updateConnection(ctx context.Context, c access.Caller, in *putIn[rest.ConnectionWrite]) (*versioned[rest.Connection], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := s.mayEdit(ctx, c, in.ID); err != nil {
		return nil, err
	}
	if err := s.keepWhereItIs(ctx, c, in.ID, version, &in.Body); err != nil {
		return nil, err
	}
	if in.Body.Client != "" {
		p, err := s.place(ctx, c, access.KindConnection, in.ID)
		if err != nil {
			return nil, err
		}
		was, err := s.opt.Fleet.Connection(ctx, domainCaller(c), in.ID)
		if err != nil {
			return nil, orNotFound(err, "connection")
		}
		if !was.OwnClient {
			was.Client = nil
		}
		if err := s.mayServe(ctx, c, &in.Body.Client, was.Client, p.roots()); err != nil {
			return nil, err
		}
	}
	// What it has already need not be the caller's to see: its agent, its datacenter.
	if _, err = s.opt.Fleet.UpdateConnection(ctx, inventory.Caller{Tenant: c.Tenant, Name: c.Name, TenantWide: true}, in.ID, version, in.Body); err != nil {
		return nil, orNotFound(err, "connection")
	}
	x, err := s.opt.Fleet.Connection(ctx, domainCaller(c), in.ID)
	return s.oneConnection(ctx, c, x, err)
}

func (s *Server) deleteConnection(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	if err := s.opt.Fleet.DeleteConnection(ctx, domainCaller(c), in.ID); err != nil {
		return nil, orNotFound(err, "connection")
	}
	return &none{}, nil
}

func (s *Server) oneConnection(ctx context.Context, c access.Caller, x rest.Connection, err error) (*versioned[rest.Connection], error) {
	if err != nil {
		return nil, orNotFound(err, "connection")
	}
	list := []rest.Connection{x}
	if err := s.withRuns(ctx, c, list); err != nil {
		return nil, err
	}
	return &versioned[rest.Connection]{ETag: etag(x.Version), Body: list[0]}, nil
}

// withRuns adds what the inventory knows of connections: their latest runs, and from these their health.
func (s *Server) withRuns(ctx context.Context, c access.Caller, list []rest.Connection) error {
	ids := make([]string, len(list))
	n := &names{connections: map[string]string{}}
	for i, x := range list {
		ids[i] = x.ID
		n.connections[x.ID] = x.Name
	}
	last, err := s.opt.Inventory.LastRuns(ctx, c.Tenant, ids)
	if err != nil {
		return err
	}
	for i := range list {
		x := &list[i]
		if x.Kinds == nil {
			x.Kinds = []rest.KindSchedule{}
		}
		run, ok := last[x.ID]
		if ok {
			doc := runDocument(&run, n)
			doc.Agent = x.Agent
			x.LastRun = &doc
		}
		if x.Health, err = s.health(ctx, c, x, run.State); err != nil {
			return err
		}
	}
	return nil
}

// health is what the latest finished run says; a run that goes on says nothing yet. What nobody can run is told before.
func (s *Server) health(ctx context.Context, c access.Caller, x *rest.Connection, state string) (string, error) {
	if x.Health != "" {
		return x.Health, nil
	}
	if x.Paused {
		return "paused", nil
	}
	if h := healthOf(state); h != "" {
		return h, nil
	}
	if state == "" {
		return "never", nil
	}
	runs, err := s.opt.Inventory.Runs(ctx, domainCaller(c), inventory.RunQuery{Connection: x.ID, Limit: 10})
	if err != nil {
		return "", err
	}
	for _, r := range runs.Items {
		if h := healthOf(r.State); h != "" {
			return h, nil
		}
	}
	return "never", nil
}

func healthOf(runState string) string {
	switch runState {
	case "succeeded":
		return "ok"
	case "partial":
		return "degraded"
	case "failed":
		return "failing"
	}
	return ""
}

func (s *Server) requestRun(ctx context.Context, c access.Caller, in *runRequestIn) (*out[rest.Run], error) {
	if err := s.mayRun(ctx, c, in.ID); err != nil {
		return nil, err
	}
	id, err := s.opt.Fleet.RequestRun(ctx, domainCaller(c), in.ID, in.kinds())
	if err != nil {
		return nil, orNotFound(err, "connection")
	}
	return s.getRun(ctx, c, &idIn{ID: id})
}

func (s *Server) checkConnection(ctx context.Context, c access.Caller, in *runRequestIn) (*out[rest.CheckResult], error) {
	if err := s.mayRun(ctx, c, in.ID); err != nil {
		return nil, err
	}
	result, err := s.opt.Fleet.Check(ctx, domainCaller(c), in.ID, in.kinds(), checkWait)
	if err != nil {
		return nil, orNotFound(err, "connection")
	}
	return &out[rest.CheckResult]{Body: result}, nil
}

func (s *Server) listChoices(ctx context.Context, c access.Caller, in *choicesIn) (*out[rest.ChoicesResult], error) {
	result, err := s.opt.Fleet.Choices(ctx, domainCaller(c), in.Provider, in.Body, checkWait)
	if err != nil {
		return nil, orNotFound(err, "connection")
	}
	return &out[rest.ChoicesResult]{Body: result}, nil
}

func (s *Server) resendConnection(ctx context.Context, c access.Caller, in *decideIn) (*versioned[rest.Connection], error) {
	if err := s.mayRun(ctx, c, in.ID); err != nil {
		return nil, err
	}
	if err := s.opt.Fleet.Resend(ctx, domainCaller(c), in.ID, in.reason()); err != nil {
		return nil, orNotFound(err, "connection")
	}
	return s.getConnection(ctx, c, &idIn{ID: in.ID})
}

func (s *Server) cancelRun(ctx context.Context, c access.Caller, in *decideIn) (*out[rest.Run], error) {
	if !c.TenantWide() || access.Decide(c, access.RequestRuns, access.Object{}) != access.Allowed {
		run, err := s.opt.Inventory.Run(ctx, domainCaller(c), in.ID)
		if err != nil {
			return nil, orNotFound(err, "run")
		}
		if err := s.mayRun(ctx, c, run.Connection); err != nil {
			return nil, err
		}
	}
	if err := s.opt.Fleet.CancelRun(ctx, domainCaller(c), in.ID, in.reason()); err != nil {
		return nil, orNotFound(err, "run")
	}
	return s.getRun(ctx, c, &idIn{ID: in.ID})
}

func (in *runRequestIn) kinds() []string {
	if in.Body == nil {
		return nil
	}
	return in.Body.Kinds
}

// names reads what people call connections, datacenters and agents.
func (s *Server) names(ctx context.Context, c access.Caller) (*names, error) {
	n := &names{connections: map[string]string{}, datacenters: map[string]string{}, agents: map[string]string{}}
	who := domainCaller(c)
	connections, err := s.opt.Fleet.Connections(ctx, who)
	if err != nil {
		return nil, err
	}
	for _, x := range connections {
		n.connections[x.ID] = x.Name
	}
	datacenters, err := s.opt.Fleet.Datacenters(ctx, who)
	if err != nil {
		return nil, err
	}
	for _, x := range datacenters {
		n.datacenters[x.ID] = x.Name
	}
	agents, err := s.opt.Fleet.Agents(ctx, who)
	if err != nil {
		return nil, err
	}
	for _, x := range agents {
		n.agents[x.ID] = x.Name
	}
	return n, nil
}

func (s *Server) getSummary(ctx context.Context, c access.Caller, in *summaryIn) (*out[rest.Summary], error) {
	sum, err := s.opt.Inventory.Summary(ctx, domainCaller(c), in.AsOf)
	if err != nil {
		return nil, err
	}
	doc := rest.Summary{Kinds: []rest.KindCount{}, Held: sum.Held, PendingKind: sum.PendingKinds}
	for _, k := range sum.Kinds {
		doc.Kinds = append(doc.Kinds, rest.KindCount{Kind: k.Kind, Active: k.Active, Gone: k.Gone, Unwatched: k.Unwatched})
	}
	connections, err := s.opt.Fleet.Connections(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	doc.Connections = len(connections)
	agents, err := s.opt.Fleet.Agents(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	for _, a := range agents {
		switch a.Status {
		case "online":
			doc.AgentsOn++
			fallthrough
		case "offline", "held":
			doc.Agents++
		}
	}
	return &out[rest.Summary]{Body: doc}, nil
}
