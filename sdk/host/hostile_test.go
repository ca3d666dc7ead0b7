//go:build unix

package host_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/proto/pluginv1"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/wire"
)

// hostile is a plugin without our SDK that says whatever a test wants it to say.
type hostile struct {
	pluginv1.UnimplementedPluginServer
	describe func(*pluginv1.DescribeResponse)
	// plan is served by the call of older plugins, planStream by the newer one.
	plan       *pluginv1.PlanResponse
	planStream func(grpc.ServerStreamingServer[pluginv1.PlanResponse]) error
	say        []*pluginv1.DiscoverResponse
}

func (h hostile) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	d := wire.FromDescription((&demo{}).Describe())
	if h.describe != nil {
		h.describe(d)
	}
	return d, nil
}

func (h hostile) Plan(ctx context.Context, req *pluginv1.PlanRequest) (*pluginv1.PlanResponse, error) {
	if h.plan == nil {
		return h.UnimplementedPluginServer.Plan(ctx, req)
	}
	return h.plan, nil
}

func (h hostile) PlanStream(req *pluginv1.PlanRequest, stream grpc.ServerStreamingServer[pluginv1.PlanResponse]) error {
	if h.planStream == nil {
		return h.UnimplementedPluginServer.PlanStream(req, stream)
	}
	return h.planStream(stream)
}

func (h hostile) Discover(_ *pluginv1.DiscoverRequest, stream grpc.ServerStreamingServer[pluginv1.DiscoverResponse]) error {
	for _, m := range h.say {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return nil
}

func batch(scope int32, ids ...string) *pluginv1.DiscoverResponse {
	b := &pluginv1.Batch{}
	for _, id := range ids {
		b.Resources = append(b.Resources, &pluginv1.Resource{ExternalId: id})
	}
	return &pluginv1.DiscoverResponse{Scope: scope, Event: &pluginv1.DiscoverResponse_Batch{Batch: b}}
}

func done(scope int32, out *pluginv1.Outcome) *pluginv1.DiscoverResponse {
	return &pluginv1.DiscoverResponse{Scope: scope, Event: &pluginv1.DiscoverResponse_Done{Done: out}}
}

var complete = &pluginv1.Outcome{Status: pluginv1.Status_STATUS_COMPLETE, Listed: 7}

func many(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}

// hostiles are by name, so that the test binary can play them.
var hostiles = map[string]struct {
	plugin hostile
	// err is what Discover fails with, outcome how scope 0 ends when it does not; launch is why it does not
	// even start, plan why there is no plan.
	err, outcome, launch, plan string
}{
	"honest":            {plugin: hostile{say: []*pluginv1.DiscoverResponse{batch(0, "a", "b"), done(0, complete)}}, outcome: "complete 2 "},
	"says no end":       {plugin: hostile{say: []*pluginv1.DiscoverResponse{batch(0, "a")}}, outcome: "failed 1 the plugin ended the call without saying how this scope ended"},
	"says nothing":      {outcome: "failed 0 the plugin ended the call without saying how this scope ended"},
	"another scope":     {plugin: hostile{say: []*pluginv1.DiscoverResponse{batch(7, "a")}}, err: "the plugin speaks of scope 7 of 1"},
	"negative scope":    {plugin: hostile{say: []*pluginv1.DiscoverResponse{done(-1, complete)}}, err: "the plugin speaks of scope -1 of 1"},
	"after the end":     {plugin: hostile{say: []*pluginv1.DiscoverResponse{done(0, complete), batch(0, "a")}}, err: "the plugin speaks of scope demo.thing after its end"},
	"ends twice":        {plugin: hostile{say: []*pluginv1.DiscoverResponse{done(0, complete), done(0, complete)}}, err: "after its end"},
	"large batch":       {plugin: hostile{say: []*pluginv1.DiscoverResponse{batch(0, many(1001)...)}}, err: "a batch of 1001 resources, at most 1000"},
	"large message":     {plugin: hostile{say: []*pluginv1.DiscoverResponse{batch(0, strings.Repeat("x", wire.MaxMessage))}}, err: "received message larger than max"},
	"unknown status":    {plugin: hostile{say: []*pluginv1.DiscoverResponse{batch(0, "a"), done(0, &pluginv1.Outcome{Status: 42})}}, outcome: "failed 1 unknown status from the plugin"},
	"no status":         {plugin: hostile{say: []*pluginv1.DiscoverResponse{done(0, &pluginv1.Outcome{})}}, outcome: "failed 0 unknown status from the plugin"},
	"negative counts":   {plugin: hostile{say: []*pluginv1.DiscoverResponse{done(0, &pluginv1.Outcome{Status: 1, Listed: -5, Retries: -1})}}, outcome: "complete 0 "},
	"a secret as error": {plugin: hostile{say: []*pluginv1.DiscoverResponse{done(0, &pluginv1.Outcome{Status: 3, Error: "password " + secret})}}, outcome: "denied 0 password [redacted]"},
	"empty events":      {plugin: hostile{say: []*pluginv1.DiscoverResponse{{}, {Scope: 99}, done(0, complete)}}, outcome: "complete 0 "},
	"repeat":            {plugin: hostile{say: []*pluginv1.DiscoverResponse{batch(0, "a"), batch(0, "a"), done(0, complete)}}, outcome: "complete 1 "},
	"malformed":         {plugin: hostile{say: []*pluginv1.DiscoverResponse{batch(0, "a", "", "c"), done(0, complete)}}, outcome: `partial 2 1 resources could not be taken; first "": malformed resource: no external id`},

	"older planner": {plugin: hostile{plan: &pluginv1.PlanResponse{Complete: true, Warnings: []string{"unary"}, Scopes: []*pluginv1.Scope{{Kind: "demo.thing"}}},
		say: []*pluginv1.DiscoverResponse{done(0, complete)}}, outcome: "complete 0 "},
	"plans without end": {plugin: hostile{planStream: func(stream grpc.ServerStreamingServer[pluginv1.PlanResponse]) error {
		for i := 0; ; i++ {
			part := &pluginv1.PlanResponse{Complete: true}
			for j := range 1000 {
				part.Scopes = append(part.Scopes, &pluginv1.Scope{Kind: "demo.thing", Partition: []*pluginv1.Label{{Key: "n", Value: fmt.Sprint(i, j)}}})
			}
			if err := stream.Send(part); err != nil {
				return err
			}
		}
	}}, plan: "plan: more than 200000 scopes or 64 MiB"},
	"plans too much": {plugin: hostile{planStream: func(stream grpc.ServerStreamingServer[pluginv1.PlanResponse]) error {
		for {
			if err := stream.Send(&pluginv1.PlanResponse{Warnings: []string{strings.Repeat("x", 1<<20)}}); err != nil {
				return err
			}
		}
	}}, plan: "plan: more than 200000 scopes or 64 MiB"},
	"plan that breaks off": {plugin: hostile{planStream: func(stream grpc.ServerStreamingServer[pluginv1.PlanResponse]) error {
		if err := stream.Send(&pluginv1.PlanResponse{Scopes: []*pluginv1.Scope{{Kind: "demo.thing"}}, Complete: true}); err != nil {
			return err
		}
		return status.Error(codes.PermissionDenied, "the rest is not yours")
	}}, plan: "the rest is not yours"},

	"no provider":      {plugin: hostile{describe: func(d *pluginv1.DescribeResponse) { d.Provider = "" }}, launch: `provider "" is not a lower_snake word`},
	"path as provider": {plugin: hostile{describe: func(d *pluginv1.DescribeResponse) { d.Provider = "../x" }}, launch: `provider "../x"`},
	"no kinds":         {plugin: hostile{describe: func(d *pluginv1.DescribeResponse) { d.Kinds = nil }}, launch: "0 kinds"},
	"built-in kind redefined": {plugin: hostile{describe: func(d *pluginv1.DescribeResponse) {
		d.Kinds = []*pluginv1.KindSupport{{Kind: "server", Major: 1, Schema: []byte(`{"type":"object","x-maestro-identifiers":{"fqdn":1},"properties":{"a":{"type":"string"}}}`)}}
	}}, launch: `kind server: fields of demo: invalid schema: the root carries an annotation of kinds`},
	"fields that are none": {plugin: hostile{describe: func(d *pluginv1.DescribeResponse) {
		d.Kinds = []*pluginv1.KindSupport{{Kind: "volume", Major: 1, Schema: []byte(`{"type":"object","properties":{"a":{"type":"colour"}}}`)}}
	}}, launch: `kind volume: fields of demo: invalid schema`},
	"no schema": {plugin: hostile{describe: func(d *pluginv1.DescribeResponse) { d.Kinds[0].Schema = nil }}, launch: "has no schema"},
	"schema from a file": {plugin: hostile{describe: func(d *pluginv1.DescribeResponse) {
		d.SettingsSchema = []byte(`{"$ref":"file:///etc/passwd"}`)
	}}, launch: "refers to nothing outside itself"},
	"schema is no JSON": {plugin: hostile{describe: func(d *pluginv1.DescribeResponse) { d.SettingsSchema = []byte("{") }}, launch: "settings schema"},
}

// served is go-plugin's entry on the side of the plugin.
type served struct {
	plugin.NetRPCUnsupportedPlugin
	h hostile
}

func (p served) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pluginv1.RegisterPluginServer(s, p.h)
	return nil
}

func (served) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("there is no client here")
}

// playHostile serves without our SDK but with go-plugin, as foreign plugins do.
func playHostile(h hostile) {
	cookie := plugin.HandshakeConfig{ProtocolVersion: wire.ProtocolVersion, MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue}
	plugin.Serve(&plugin.ServeConfig{HandshakeConfig: cookie, Plugins: plugin.PluginSet{"provider": served{h: h}},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.MaxSendMsgSize(1<<30))...)
		}})
}

func TestHostilePlugins(t *testing.T) {
	for name, tt := range hostiles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t, "hostile:"+name)
			if tt.launch != "" {
				p, err := host.Launch(t.Context(), cfg)
				if err == nil {
					_ = p.Close()
				}
				if err == nil || !strings.Contains(err.Error(), tt.launch) || !strings.HasPrefix(err.Error(), "launch plugin hostile:"+name) {
					t.Fatalf("got %v, want %s", err, tt.launch)
				}
				return
			}
			p := launch(t, cfg)
			plan, err := p.Plan(t.Context(), conn, []string{"demo.thing"})
			if tt.plan != "" {
				if err == nil || !strings.Contains(err.Error(), tt.plan) {
					t.Fatalf("got %v, want %s", err, tt.plan)
				}
				return
			}
			if err != nil || len(plan.Scopes) != 1 || !plan.Complete || (name == "older planner") != slices.Equal(plan.Warnings, []string{"unary"}) {
				t.Fatalf("plan %+v, %v", plan, err)
			}
			g := newGather()
			err = p.Discover(t.Context(), conn, scopes("demo.thing"), g)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			o := g.outcomes[0]
			if got := fmt.Sprintf("%s %d %s", o.Status, o.Listed, o.Error); got != tt.outcome {
				t.Errorf("got %s, want %s", got, tt.outcome)
			}
		})
	}
}

// TestOptionalCalls is a plugin that serves only what it must.
func TestOptionalCalls(t *testing.T) {
	p := launch(t, config(t, "hostile:honest"))
	plan, err := p.Plan(t.Context(), conn, []string{"demo.thing", "demo.other"})
	if err != nil || !plan.Complete || len(plan.Scopes) != 2 || !plan.Scopes[1].Equal(resource.Scope{Kind: "demo.other"}) {
		t.Errorf("%+v, %v", plan, err)
	}
	if report, err := p.Check(t.Context(), conn, nil); err != nil || len(report.Items) != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}
