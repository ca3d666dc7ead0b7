package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"maestro.internal/sdk/proto/pluginv1"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/wire"
)

// client makes the calls to the plugin's process. It believes the process nothing; guard is around it.
type client struct{ process *Process }

var _ provider.Plugin = (*client)(nil)

func (c *client) Describe(ctx context.Context) (provider.Description, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	r, err := c.process.calls.Describe(ctx, &pluginv1.DescribeRequest{})
	if err != nil {
		return provider.Description{}, c.failed(ctx, "describe", err)
	}
	return wire.ToDescription(r), nil
}

func (c *client) Check(ctx context.Context, conn provider.Connection, kinds []string) (provider.CheckReport, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	r, err := c.process.calls.Check(ctx, &pluginv1.CheckRequest{Connection: wire.FromConnection(conn), Kinds: kinds})
	if notServed(err) {
		return provider.CheckReport{}, nil
	}
	if err != nil {
		return provider.CheckReport{}, c.failed(ctx, "check", err)
	}
	return wire.ToCheck(r), nil
}

func (c *client) Choices(ctx context.Context, conn provider.Connection, setting string) (provider.Choices, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	r, err := c.process.calls.Choices(ctx, &pluginv1.ChoicesRequest{Connection: wire.FromConnection(conn), Setting: setting})
	if notServed(err) {
		return provider.Choices{}, errNoChoices
	}
	if err != nil {
		return provider.Choices{}, c.failed(ctx, "choices", err)
	}
	return wire.ToChoices(r), nil
}

func (c *client) Plan(ctx context.Context, conn provider.Connection, kinds []string) (provider.Plan, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	req := &pluginv1.PlanRequest{Connection: wire.FromConnection(conn), Kinds: kinds}
	if plan, err := c.planStream(ctx, req); !notServed(err) {
		return plan, err
	}
	r, err := c.process.calls.Plan(ctx, req)
	if notServed(err) {
		// A plugin without Plan has one scope for each kind.
		plan := provider.Plan{Complete: true}
		for _, k := range kinds {
			plan.Scopes = append(plan.Scopes, resource.Scope{Kind: k})
		}
		return plan, nil
	}
	if err != nil {
		return provider.Plan{}, c.failed(ctx, "plan", err)
	}
	return wire.ToPlan(r), nil
}

// planStream takes the plan in pieces.
func (c *client) planStream(ctx context.Context, req *pluginv1.PlanRequest) (plan provider.Plan, err error) {
	ctx, cancel := context.WithCancel(ctx) // a stream that is given up must end
	defer cancel()
	stream, err := c.process.calls.PlanStream(ctx, req)
	size := 0
	for err == nil {
		var part *pluginv1.PlanResponse
		if part, err = stream.Recv(); err != nil {
			break
		}
		if size += proto.Size(part); size > maxPlanBytes || len(plan.Scopes)+len(part.GetScopes()) > maxScopes {
			return provider.Plan{}, fmt.Errorf("plan: more than %d scopes or %d MiB", maxScopes, maxPlanBytes>>20)
		}
		more := wire.ToPlan(part)
		plan.Scopes, plan.Warnings, plan.Complete = append(plan.Scopes, more.Scopes...), append(plan.Warnings, more.Warnings...), more.Complete
	}
	switch {
	case errors.Is(err, io.EOF):
		return plan, nil
	case notServed(err):
		return provider.Plan{}, err
	}
	return provider.Plan{}, c.failed(ctx, "plan", err)
}

// notServed says that a plugin has left out an optional call.
func notServed(err error) bool {
	st, ok := status.FromError(err)
	return ok && err != nil && st.Code() == codes.Unimplemented && len(st.Details()) == 0
}

// bound gives a call without a deadline one.
func (c *client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.process.cfg.CallTimeout)
}

// Discover asks for no more scopes at a time than one message holds.
func (c *client) Discover(ctx context.Context, conn provider.Connection, scopes []resource.Scope, sink provider.Sink) error {
	for first := 0; ; {
		part, n := wire.ScopePart(scopes[first:])
		to := sink
		if n < len(scopes) {
			to = window{sink, first, n}
		}
		err := c.discover(ctx, &pluginv1.DiscoverRequest{Connection: wire.FromConnection(conn), Scopes: part}, to)
		if first += n; err != nil || first >= len(scopes) {
			return err
		}
	}
}

// window is the part of the scopes that one call was asked for.
type window struct {
	sink     provider.Sink
	first, n int
}

func (w window) at(index int) (int, error) {
	if index < 0 || index >= w.n {
		return 0, fmt.Errorf("the plugin speaks of scope %d of %d", index, w.n)
	}
	return w.first + index, nil
}

func (w window) Resources(index int, batch []resource.Envelope) error {
	at, err := w.at(index)
	if err != nil {
		return err
	}
	return w.sink.Resources(at, batch)
}

func (w window) Progress(index int, listed, pages int) error {
	at, err := w.at(index)
	if err != nil {
		return err
	}
	return w.sink.Progress(at, listed, pages)
}

func (w window) ScopeDone(index int, out resource.Outcome) error {
	at, err := w.at(index)
	if err != nil {
		return err
	}
	return w.sink.ScopeDone(at, out)
}

func (c *client) discover(ctx context.Context, req *pluginv1.DiscoverRequest, sink provider.Sink) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stream, err := c.process.calls.Discover(ctx, req)
	if err != nil {
		return c.failed(ctx, "discover", err)
	}
	// A plugin that says nothing for so long hangs. It is asked to stop, and killed if it does not.
	stall := c.process.cfg.StallTimeout
	stalled := fmt.Errorf("plugin %s hangs: no word for %s", c.process.cfg.Name, stall)
	watchdog := time.AfterFunc(stall, func() {
		cancel(stalled)
		if !c.process.child.exited(c.process.cfg.StopTimeout) {
			c.process.child.kill(fmt.Sprintf("killed: it hung, no word for %s", stall))
		}
	})
	defer watchdog.Stop()
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return c.failed(ctx, "discover", err)
		}
		// While the agent is busy with a message the plugin waits; that is no silence.
		watchdog.Stop()
		if err := deliver(msg, sink); err != nil {
			return err
		}
		watchdog.Reset(stall)
	}
}

func deliver(msg *pluginv1.DiscoverResponse, sink provider.Sink) error {
	index := int(msg.GetScope())
	switch event := msg.GetEvent().(type) {
	case *pluginv1.DiscoverResponse_Batch:
		in := event.Batch.GetResources()
		if len(in) > resource.MaxBatchItems {
			return fmt.Errorf("a batch of %d resources, at most %d", len(in), resource.MaxBatchItems)
		}
		batch := make([]resource.Envelope, len(in))
		for i, r := range in {
			batch[i] = wire.ToEnvelope(r)
		}
		return sink.Resources(index, batch)
	case *pluginv1.DiscoverResponse_Progress:
		return sink.Progress(index, int(event.Progress.GetListed()), int(event.Progress.GetPages()))
	case *pluginv1.DiscoverResponse_Done:
		return sink.ScopeDone(index, wire.ToOutcome(event.Done))
	}
	return nil // an event of a newer plugin
}

// failed says what a failed call means: the plugin's own error, or that its process is gone and how.
func (c *client) failed(ctx context.Context, doing string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	p := c.process
	st, _ := status.FromError(err)
	transport := len(st.Details()) == 0 && (st.Code() == codes.Unavailable || st.Code() == codes.Internal ||
		st.Code() == codes.Unknown || st.Code() == codes.Canceled)
	if transport && p.child.exited(time.Second) {
		return p.exitError()
	}
	if strings.HasPrefix(st.Message(), "grpc:") || strings.HasPrefix(st.Message(), "connection error:") {
		// gRPC's own complaint (a message too large, a broken handshake) has no class.
		return fmt.Errorf("%s: plugin %s: %s", doing, p.cfg.Name, st.Message())
	}
	if len(st.Message()) > maxLine {
		return fmt.Errorf("%s: plugin %s: %s…", doing, p.cfg.Name, strings.ToValidUTF8(st.Message()[:maxLine], "\uFFFD"))
	}
	return wire.ToError(err)
}
