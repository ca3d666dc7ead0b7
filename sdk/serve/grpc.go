package serve

import (
	"context"

	"google.golang.org/grpc"

	"maestro.internal/sdk/proto/pluginv1"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/wire"
)

// server answers the protocol with a plugin in this process.
type server struct {
	pluginv1.UnimplementedPluginServer
	plugin provider.Plugin
}

func (s *server) Describe(ctx context.Context, _ *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	d, err := s.plugin.Describe(ctx)
	if err != nil {
		return nil, wire.FromError(err)
	}
	return wire.FromDescription(d), nil
}

func (s *server) Check(ctx context.Context, req *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
	r, err := s.plugin.Check(ctx, wire.ToConnection(req.GetConnection()), req.GetKinds())
	if err != nil {
		return nil, wire.FromError(err)
	}
	return wire.FromCheck(r), nil
}

func (s *server) Plan(ctx context.Context, req *pluginv1.PlanRequest) (*pluginv1.PlanResponse, error) {
	p, err := s.plugin.Plan(ctx, wire.ToConnection(req.GetConnection()), req.GetKinds())
	if err != nil {
		return nil, wire.FromError(err)
	}
	return wire.FromPlan(p), nil
}

func (s *server) Discover(req *pluginv1.DiscoverRequest, stream grpc.ServerStreamingServer[pluginv1.DiscoverResponse]) error {
	return wire.FromError(s.plugin.Discover(stream.Context(), wire.ToConnection(req.GetConnection()),
		wire.ToScopes(req.GetScopes()), streamSink{stream}))
}

// streamSink puts what is discovered on the wire. Send blocks while the host is busy, and so does Emit.
type streamSink struct {
	stream grpc.ServerStreamingServer[pluginv1.DiscoverResponse]
}

func (s streamSink) Resources(index int, batch []resource.Envelope) error {
	out := make([]*pluginv1.Resource, len(batch))
	for i, env := range batch {
		// The scope's partition is the host's to know; it is not repeated for every resource.
		env.Partition = nil
		out[i] = wire.FromEnvelope(env)
	}
	return s.stream.Send(&pluginv1.DiscoverResponse{Scope: int32(index),
		Event: &pluginv1.DiscoverResponse_Batch{Batch: &pluginv1.Batch{Resources: out}}})
}

func (s streamSink) Progress(index int, listed, pages int) error {
	return s.stream.Send(&pluginv1.DiscoverResponse{Scope: int32(index),
		Event: &pluginv1.DiscoverResponse_Progress{Progress: wire.FromProgress(listed, pages)}})
}

func (s streamSink) ScopeDone(index int, out resource.Outcome) error {
	return s.stream.Send(&pluginv1.DiscoverResponse{Scope: int32(index),
		Event: &pluginv1.DiscoverResponse_Done{Done: wire.FromOutcome(out)}})
}
