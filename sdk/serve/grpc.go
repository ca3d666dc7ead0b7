package serve

import (
	"context"
	"sync"
	"time"

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
	// ending is done when the process is asked to end. calls are those that have not returned yet: a
	// session that was opened is closed before the process goes.
	ending context.Context
	calls  sync.WaitGroup
}

// call begins a call; the function ends it.
func (s *server) call(ctx context.Context) (context.Context, func()) {
	s.calls.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ending, cancel)
	return ctx, func() {
		stop()
		cancel()
		s.calls.Done()
	}
}

// drained waits for the calls, but not longer than that.
func (s *server) drained(atMost time.Duration) {
	done := make(chan struct{})
	go func() {
		s.calls.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(atMost): // the process ends, and what hangs with it
	}
}

func (s *server) Describe(ctx context.Context, _ *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	ctx, end := s.call(ctx)
	defer end()
	d, err := s.plugin.Describe(ctx)
	if err != nil {
		return nil, wire.FromError(err)
	}
	return wire.FromDescription(d), nil
}

func (s *server) Check(ctx context.Context, req *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
	ctx, end := s.call(ctx)
	defer end()
	r, err := s.plugin.Check(ctx, wire.ToConnection(req.GetConnection()), req.GetKinds())
	if err != nil {
		return nil, wire.FromError(err)
	}
	return wire.FromCheck(r), nil
}

func (s *server) Choices(ctx context.Context, req *pluginv1.ChoicesRequest) (*pluginv1.ChoicesResponse, error) {
	ctx, end := s.call(ctx)
	defer end()
	c, err := s.plugin.Choices(ctx, wire.ToConnection(req.GetConnection()), req.GetSetting())
	if err != nil {
		return nil, wire.FromError(err)
	}
	return wire.FromChoices(c), nil
}

func (s *server) Plan(ctx context.Context, req *pluginv1.PlanRequest) (*pluginv1.PlanResponse, error) {
	ctx, end := s.call(ctx)
	defer end()
	p, err := s.plugin.Plan(ctx, wire.ToConnection(req.GetConnection()), req.GetKinds())
	if err != nil {
		return nil, wire.FromError(err)
	}
	return wire.FromPlan(p), nil
}

func (s *server) PlanStream(req *pluginv1.PlanRequest, stream grpc.ServerStreamingServer[pluginv1.PlanResponse]) error {
	ctx, end := s.call(stream.Context())
	defer end()
	p, err := s.plugin.Plan(ctx, wire.ToConnection(req.GetConnection()), req.GetKinds())
	if err != nil {
		return wire.FromError(err)
	}
	for part := range wire.FromPlanParts(p) {
		if err := stream.Send(part); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) Discover(req *pluginv1.DiscoverRequest, stream grpc.ServerStreamingServer[pluginv1.DiscoverResponse]) error {
	ctx, end := s.call(stream.Context())
	defer end()
	return wire.FromError(s.plugin.Discover(ctx, wire.ToConnection(req.GetConnection()),
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
