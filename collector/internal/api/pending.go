// What the fleet answers is wired here as soon as collector/internal/fleet is in the tree; until then 501.

package api

import (
	"context"
	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

func (s *Server) names(ctx context.Context, c access.Caller) (*names, error) { return &names{}, nil }
func (s *Server) fleetProblem(err error) error                               { return nil }

func tmp[I, O any](context.Context, access.Caller, *I) (*O, error) {
	return nil, problem(501, "not yet")
}
func (s *Server) getSummary(ctx context.Context, c access.Caller, in *empty) (*out[rest.Summary], error) {
	return tmp[empty, out[rest.Summary]](ctx, c, in)
}
func (s *Server) listAgents(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Agent]], error) {
	return tmp[ListIn, out[rest.List[rest.Agent]]](ctx, c, in)
}
func (s *Server) getAgent(ctx context.Context, c access.Caller, in *idIn) (*out[rest.Agent], error) {
	return tmp[idIn, out[rest.Agent]](ctx, c, in)
}
func (s *Server) revokeAgent(ctx context.Context, c access.Caller, in *decideIn) (*out[rest.Agent], error) {
	return tmp[decideIn, out[rest.Agent]](ctx, c, in)
}
func (s *Server) listJoinTokens(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.JoinToken]], error) {
	return tmp[ListIn, out[rest.List[rest.JoinToken]]](ctx, c, in)
}
func (s *Server) createJoinToken(ctx context.Context, c access.Caller, in *bodyIn[rest.JoinTokenCreate]) (*out[rest.JoinToken], error) {
	return tmp[bodyIn[rest.JoinTokenCreate], out[rest.JoinToken]](ctx, c, in)
}
func (s *Server) deleteJoinToken(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	return tmp[idIn, none](ctx, c, in)
}
func (s *Server) listPlugins(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Plugin]], error) {
	return tmp[ListIn, out[rest.List[rest.Plugin]]](ctx, c, in)
}
func (s *Server) getPlugin(ctx context.Context, c access.Caller, in *providerIn) (*out[rest.Plugin], error) {
	return tmp[providerIn, out[rest.Plugin]](ctx, c, in)
}
func (s *Server) listConnections(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Connection]], error) {
	return tmp[ListIn, out[rest.List[rest.Connection]]](ctx, c, in)
}
func (s *Server) createConnection(ctx context.Context, c access.Caller, in *bodyIn[rest.ConnectionWrite]) (*versioned[rest.Connection], error) {
	return tmp[bodyIn[rest.ConnectionWrite], versioned[rest.Connection]](ctx, c, in)
}
func (s *Server) getConnection(ctx context.Context, c access.Caller, in *idIn) (*versioned[rest.Connection], error) {
	return tmp[idIn, versioned[rest.Connection]](ctx, c, in)
}
func (s *Server) updateConnection(ctx context.Context, c access.Caller, in *putIn[rest.ConnectionWrite]) (*versioned[rest.Connection], error) {
	return tmp[putIn[rest.ConnectionWrite], versioned[rest.Connection]](ctx, c, in)
}
func (s *Server) deleteConnection(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	return tmp[idIn, none](ctx, c, in)
}
func (s *Server) requestRun(ctx context.Context, c access.Caller, in *runRequestIn) (*out[rest.Run], error) {
	return tmp[runRequestIn, out[rest.Run]](ctx, c, in)
}
func (s *Server) checkConnection(ctx context.Context, c access.Caller, in *runRequestIn) (*out[rest.CheckResult], error) {
	return tmp[runRequestIn, out[rest.CheckResult]](ctx, c, in)
}
func (s *Server) listDatacenters(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Datacenter]], error) {
	return tmp[ListIn, out[rest.List[rest.Datacenter]]](ctx, c, in)
}
func (s *Server) createDatacenter(ctx context.Context, c access.Caller, in *bodyIn[rest.DatacenterWrite]) (*versioned[rest.Datacenter], error) {
	return tmp[bodyIn[rest.DatacenterWrite], versioned[rest.Datacenter]](ctx, c, in)
}
func (s *Server) getDatacenter(ctx context.Context, c access.Caller, in *idIn) (*versioned[rest.Datacenter], error) {
	return tmp[idIn, versioned[rest.Datacenter]](ctx, c, in)
}
func (s *Server) updateDatacenter(ctx context.Context, c access.Caller, in *putIn[rest.DatacenterWrite]) (*versioned[rest.Datacenter], error) {
	return tmp[putIn[rest.DatacenterWrite], versioned[rest.Datacenter]](ctx, c, in)
}
func (s *Server) deleteDatacenter(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	return tmp[idIn, none](ctx, c, in)
}
