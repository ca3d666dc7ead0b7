// Package ingest is the collector's side of the machine plane: it lets agents in, holds their sessions and takes what
// they push. It is a thin layer that turns messages into calls of fleet and inventory, and everything that comes over the
// wire into something checked: who is it, may it, is it within limits.
//
// An error of the collector's own is never told as a rejection and never acknowledged: the agent keeps what it has and
// comes again.
package ingest

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/authority"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/lease"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
)

// Options of a Server. Zero values mean the defaults named.
type Options struct {
	Authority *authority.Authority
	Fleet     *fleet.Service
	Inventory *inventory.Service
	Audit     *audit.Log
	Leases    *lease.Leases
	Clock     func() time.Time
	Log       *slog.Logger
	Metrics   prometheus.Registerer
	Version   string
	// Names are the host names and addresses that agents reach the collector by.
	Names []string
	// AgentLife (24 hours) is how long an agent's certificate is valid.
	AgentLife time.Duration
	// Poll (2 seconds) is how often a session looks for assignments and commands.
	Poll time.Duration
	// Heartbeat (15 seconds) is asked of agents.
	Heartbeat time.Duration
	// Lists (4) is how many (key, hash) lists are taken at a time.
	Lists int
	// BatchTarget (2 seconds) is how long a batch ought to take at most; when batches take longer, agents are asked to slow down.
	BatchTarget time.Duration
	// StopWithin (10 seconds) bounds how long Serve waits for calls to end.
	StopWithin time.Duration
}

// Server is the machine plane of one collector.
type Server struct {
	uplinkv1.UnimplementedUplinkServer
	opt     Options
	metrics *metrics
	// lists holds a place for each list that is being taken.
	lists chan struct{}
	// streams are the one session of each agent and the one push of each connection.
	streams *streams
	load    *load
	strange *throttle
	guesses *guesses
	// stop is done when Serve ends; readers are the goroutines that outlive their handler for a moment.
	stop     context.Context
	stopping context.CancelCauseFunc
	readers  sync.WaitGroup
}

// New makes a Server.
func New(opt Options) (*Server, error) {
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		to    *time.Duration
		value time.Duration
	}{{&opt.AgentLife, 24 * time.Hour}, {&opt.Poll, 2 * time.Second}, {&opt.Heartbeat, 15 * time.Second}, {&opt.StopWithin, 10 * time.Second}, {&opt.BatchTarget, batchTarget}} {
		if *d.to <= 0 {
			*d.to = d.value
		}
	}
	if opt.Lists <= 0 {
		opt.Lists = 4
	}
	s := &Server{opt: opt, load: &load{clock: opt.Clock, target: opt.BatchTarget}, lists: make(chan struct{}, opt.Lists), streams: newStreams(), strange: newThrottle(opt.Clock), guesses: newGuesses(opt.Clock)}
	var err error
	if s.metrics, err = newMetrics(opt.Metrics, s.load.pressure); err != nil {
		return nil, err
	}
	s.stop, s.stopping = context.WithCancelCause(context.Background())
	return s, nil
}

var errStopping = status.Error(codes.Unavailable, "the collector is stopping")

// Serve answers agents on the listener until ctx is done, and closes it. It is called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	g := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(s.opt.Authority.ServerTLS(s.opt.Names))),
		grpc.MaxRecvMsgSize(protocol.MaxMessage), grpc.MaxSendMsgSize(4*protocol.MaxMessage),
		grpc.MaxConcurrentStreams(64), grpc.ConnectionTimeout(20*time.Second), grpc.MaxHeaderListSize(16<<10),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 15 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
		grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.stream),
	)
	uplinkv1.RegisterUplinkServer(g, s)
	ended := make(chan struct{})
	var stopper sync.WaitGroup
	stopper.Go(func() {
		select {
		case <-ctx.Done():
		case <-ended:
		}
		s.stopping(errStopping)
		force := time.AfterFunc(s.opt.StopWithin, g.Stop)
		defer force.Stop()
		g.GracefulStop()
	})
	err := g.Serve(l)
	close(ended)
	stopper.Wait()
	s.readers.Wait()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve agents: %w", err)
	}
	return nil
}

// while is a context of a stream that also ends when the collector stops.
func (s *Server) while(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(s.stop, func() { cancel(errStopping) })
	return ctx, func(cause error) {
		unhook()
		cancel(cause)
	}
}

// whyDone is what a stream ends with.
func whyDone(ctx context.Context) error {
	cause := context.Cause(ctx)
	if _, ok := status.FromError(cause); ok {
		return cause
	}
	return status.FromContextError(ctx.Err()).Err()
}

// ---- who is there ----

type peerKey struct{}

func peerFrom(ctx context.Context) (fleet.Known, error) {
	k, ok := ctx.Value(peerKey{}).(fleet.Known)
	if !ok {
		return k, status.Error(codes.Unauthenticated, "a certificate of this collector is needed")
	}
	return k, nil
}

// open are the calls that need no certificate.
func open(method string) bool {
	return method == uplinkv1.Uplink_Enroll_FullMethodName || method == uplinkv1.Uplink_Recover_FullMethodName
}

func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (answer any, err error) {
	defer s.caught(info.FullMethod, &err)
	if !open(info.FullMethod) {
		if ctx, err = s.known(ctx, info.FullMethod); err != nil {
			return nil, err
		}
	}
	return next(ctx, req)
}

func (s *Server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer s.caught(info.FullMethod, &err)
	ctx, err := s.known(ss.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return next(srv, &knownStream{ServerStream: ss, ctx: ctx})
}

type knownStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (k *knownStream) Context() context.Context { return k.ctx }

// caught is the net under a panic: one agent's bad luck is not everybody's.
func (s *Server) caught(method string, err *error) {
	if cause := recover(); cause != nil {
		s.opt.Log.Error("answer agent: panic", "method", method, "panic", fmt.Sprint(cause), "stack", stack())
		s.metrics.errors.Inc()
		*err = status.Error(codes.Internal, "the collector could not do this; its log says why")
	}
}

// known finds out who calls, by certificate and by what is known of the agent.
func (s *Server) known(ctx context.Context, method string) (context.Context, error) {
	who, err := s.opt.Authority.Identify(certificatesOf(ctx))
	var k fleet.Known
	if err == nil {
		k, err = s.opt.Fleet.Authenticate(ctx, who.Tenant, who.AgentID, who.KeyHash)
	}
	if err == nil && method != uplinkv1.Uplink_Renew_FullMethodName { // so that no certificate ends while a tenant is disabled
		err = s.opt.Fleet.Admits(ctx, who.Tenant)
	}
	var closed *fleet.ClosedError
	switch {
	case err == nil:
		return context.WithValue(ctx, peerKey{}, k), nil
	case errors.Is(err, fleet.ErrRevoked), errors.As(err, &closed):
		s.refused(ctx, audit.Entry{Tenant: who.Tenant, Actor: "agent:" + who.AgentID, Action: "agent.connect", Reason: err.Error(),
			Object: &audit.Ref{ID: who.AgentID, Kind: "agent"}, Address: addressOf(ctx), Detail: map[string]any{"method": method}})
		return ctx, status.Error(codes.PermissionDenied, err.Error())
	case errors.Is(err, authority.ErrForeign), errors.Is(err, fleet.ErrStranger):
		s.refused(ctx, audit.Entry{Tenant: tenantOf(who), Actor: "stranger", Action: "agent.connect", Reason: err.Error(),
			Address: addressOf(ctx), Detail: map[string]any{"method": method}})
		return ctx, status.Error(codes.Unauthenticated, err.Error())
	}
	s.opt.Log.Error("authenticate agent", "agent", who.AgentID, "error", err)
	return ctx, status.Error(codes.Unavailable, "the collector could not look the agent up; try again")
}

// tenantOf is where what a stranger tried is shown: a certificate of ours names its tenant, others the installation's own.
func tenantOf(who authority.Peer) string {
	if who.Tenant != "" {
		return who.Tenant
	}
	return installation
}

// installation is the tenant whose trail has what concerns no other: attempts of strangers.
const installation = "default"

func certificatesOf(ctx context.Context) []*x509.Certificate {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return nil
	}
	return info.State.PeerCertificates
}

// addressOf is the peer's address without its port, which says nothing.
func addressOf(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	host, _, err := net.SplitHostPort(p.Addr.String())
	if err != nil {
		return p.Addr.String()
	}
	return host
}

// refused audits what was refused; the same again within a minute is counted, so that a stranger cannot fill the store.
func (s *Server) refused(ctx context.Context, e audit.Entry) {
	e.Outcome = audit.Refused
	s.metrics.refused.WithLabelValues(e.Action).Inc()
	subject := e.Actor + " " + e.Action + " " + e.Address
	if e.Object != nil {
		subject += " " + e.Object.ID
	}
	again, ok := s.strange.allow(subject)
	if !ok {
		return
	}
	if again > 0 {
		if e.Detail == nil {
			e.Detail = map[string]any{}
		}
		e.Detail["repeated"] = again
	}
	s.opt.Log.Warn("refused", "action", e.Action, "actor", e.Actor, "address", e.Address, "reason", e.Reason)
	if _, err := s.opt.Audit.Write(context.WithoutCancel(ctx), e); err != nil {
		s.opt.Log.Error("audit a refusal", "action", e.Action, "error", err)
	}
}
