package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

// Who has write on a connection edits what it reads, its files and its credential. Only a grant on the connection itself counts,
// or on the whole tenant: write on a datacenter is about the resources in it.

// mayEdit says whether the caller may edit a connection.
func (s *Server) mayEdit(ctx context.Context, c access.Caller, connection string) error {
	p, err := s.place(ctx, c, access.KindConnection, connection)
	if err == nil && access.Decide(c, access.EditConnections, access.Object{Roots: []string{p.target.Root()}}) != access.Allowed {
		err = access.ErrForbidden
	}
	return err
}

// plugins are those that the caller may read of. Who edits single connections and does not read the whole tenant reads what the
// plugins of these ask for, and of the agents that have them only those that run these.
func (s *Server) plugins(ctx context.Context, c access.Caller) ([]rest.Plugin, error) {
	if c.TenantWide() {
		return s.opt.Fleet.Plugins(ctx, domainCaller(c))
	}
	connections, err := s.opt.Fleet.Connections(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	run := map[string]map[string]bool{} // provider, agent
	for _, x := range connections {
		root := access.Target{Kind: access.KindConnection, ID: x.ID}.Root()
		if access.Decide(c, access.EditConnections, access.Object{Tenant: c.Tenant, Roots: []string{root}}) != access.Allowed {
			continue
		}
		if run[x.Provider] == nil {
			run[x.Provider] = map[string]bool{}
		}
		if x.Agent != nil {
			run[x.Provider][x.Agent.ID] = true
		}
	}
	if len(run) == 0 {
		return []rest.Plugin{}, nil
	}
	all, err := s.opt.Fleet.Plugins(ctx, inventory.Caller{Tenant: c.Tenant, TenantWide: true})
	if err != nil {
		return nil, err
	}
	theirs := make([]rest.Plugin, 0, len(run))
	for _, p := range all {
		if run[p.Provider] == nil {
			continue
		}
		p.Agents = slices.DeleteFunc(p.Agents, func(a rest.Ref) bool { return !run[p.Provider][a.ID] })
		theirs = append(theirs, p)
	}
	return theirs, nil
}

// keepWhereItIs leaves, for who edits a connection and does not manage connections, what decides whose rights its resources
// follow, which of an agent's credentials it uses and where that is sent: with these one could have read what one may not, by a
// credential that was never meant for it, or been told the credential itself. version is the one that is edited.
func (s *Server) keepWhereItIs(ctx context.Context, c access.Caller, id string, version int64, w *rest.ConnectionWrite) error {
	if access.Decide(c, access.ManageConnections, access.Object{}) == access.Allowed {
		return nil
	}
	is, err := s.opt.Fleet.Connection(ctx, inventory.Caller{Tenant: c.Tenant, TenantWide: true}, id)
	if err != nil {
		return orNotFound(err, "connection")
	}
	if is.Version != version {
		return &inventory.StaleError{Current: is.Version} // what is compared is what is replaced
	}
	var agent, datacenter, client string
	if is.Agent != nil {
		agent = is.Agent.ID
	}
	if is.Datacenter != nil {
		datacenter = is.Datacenter.ID
	}
	if is.Client != nil && is.OwnClient {
		client = is.Client.ID
	}
	for _, x := range []struct {
		name  string
		given *string
		is    string
	}{{"agent", &w.Agent, agent}, {"datacenter", &w.Datacenter, datacenter}, {"credential", &w.Credential, is.Credential}, {"client", &w.Client, client}} {
		if *x.given = cmp.Or(*x.given, x.is); *x.given != x.is {
			return onlyManagers(x.name)
		}
	}
	if w.Precedence = cmp.Or(w.Precedence, is.Precedence); w.Precedence != is.Precedence {
		return onlyManagers("precedence")
	}
	if !keepPrecedences(is.Kinds, w.Kinds) {
		return onlyManagers("precedence")
	}
	if w.Rules == nil {
		w.Rules = is.Rules
	}
	if len(w.Rules)+len(is.Rules) > 0 && !reflect.DeepEqual(w.Rules, is.Rules) {
		return onlyManagers("rules")
	}
	return s.keepTargets(ctx, c, is, w.Settings)
}

// keepPrecedences fills in what single kinds have instead of the connection's precedence; false where a kind would get another.
func keepPrecedences(is []rest.KindSchedule, given []rest.KindScheduleWrite) bool {
	had := map[string]int{}
	for _, k := range is {
		if k.Precedence != 0 {
			had[k.Kind] = k.Precedence
		}
	}
	for i := range given {
		k := &given[i]
		if k.Precedence = cmp.Or(k.Precedence, had[k.Kind]); k.Precedence != had[k.Kind] {
			return false
		}
	}
	return given != nil || len(had) == 0 // absent is every kind, with nothing of its own
}

// keepTargets leaves where a credential of the agent's own file is sent. A sealed one is bound to its targets by what it is sealed with; of a
// named one only the agent's file may say so, and need not.
func (s *Server) keepTargets(ctx context.Context, c access.Caller, is rest.Connection, settings json.RawMessage) error {
	if is.Credential == "" {
		return nil
	}
	same, err := s.opt.Fleet.SameTargets(ctx, inventory.Caller{Tenant: c.Tenant, TenantWide: true}, is.ID, settings)
	if err != nil {
		return orNotFound(err, "connection")
	}
	if !same {
		return problem(http.StatusForbidden, "The connection uses the credential %q of its agent, and where that is sent is changed by who manages connections in the whole tenant; "+
			"the right to write on this one is not enough.", is.Credential).at("body.settings", "says where the credential is sent")
	}
	return nil
}

func onlyManagers(field string) error {
	return problem(http.StatusForbidden, "The %s of a connection is changed by who manages connections in the whole tenant; the right to write on this one is not enough.", field)
}
