package api

import (
	"cmp"
	"context"
	"net/http"
	"reflect"

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

// keepWhereItIs leaves, for who edits a connection and does not manage connections, what decides whose rights its resources
// follow and which of an agent's credentials it uses: with these one could have read what one may not, by a credential that was
// never meant for it.
func (s *Server) keepWhereItIs(ctx context.Context, c access.Caller, id string, w *rest.ConnectionWrite) error {
	if access.Decide(c, access.ManageConnections, access.Object{}) == access.Allowed {
		return nil
	}
	is, err := s.opt.Fleet.Connection(ctx, inventory.Caller{Tenant: c.Tenant, TenantWide: true}, id)
	if err != nil {
		return orNotFound(err, "connection")
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
	if w.Rules == nil {
		w.Rules = is.Rules
	}
	if len(w.Rules)+len(is.Rules) > 0 && !reflect.DeepEqual(w.Rules, is.Rules) {
		return onlyManagers("rules")
	}
	return nil
}

func onlyManagers(field string) error {
	return problem(http.StatusForbidden, "The %s of a connection is changed by who manages connections in the whole tenant; the right to write on this one is not enough.", field)
}
