package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/lease"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/internal/rest"
)

const (
	// helloWithin is how long a new stream may take to say hello.
	helloWithin = 20 * time.Second
	// batchWindow is how many bytes of batches an agent keeps in flight.
	batchWindow = 8 << 20
	// progressEvery thins out the progress of a run.
	progressEvery = 300 * time.Millisecond
	// maxPlugins is how many an agent may have.
	maxPlugins = 1000
)

// session is one agent's stream.
type session struct {
	s      *Server
	stream uplinkv1.Uplink_SessionServer
	// sending is held while something is written to the stream.
	sending sync.Mutex
	peer    fleet.Known
	lease   *lease.Lease
	// told is the digest of the assignments that were sent last.
	told  [sha256.Size]byte
	asked map[string]bool // plugin descriptions that were asked for
	paces map[string]time.Time
	// shares are the sealed credentials that the agent was asked to share, with the moment.
	shares map[string]time.Time
}

// Session holds the one stream of an agent: a new one takes over from the one before, here or at another collector.
func (s *Server) Session(stream uplinkv1.Uplink_SessionServer) (err error) {
	k, err := peerFrom(stream.Context())
	if err != nil {
		return err
	}
	ctx, cancel := s.while(stream.Context())
	defer cancel(nil)
	in := make(chan *uplinkv1.AgentMessage)
	s.readers.Go(func() {
		for {
			msg, err := stream.Recv()
			if err != nil {
				if errors.Is(err, io.EOF) {
					err = status.Error(codes.Canceled, "the agent hung up")
				}
				cancel(err)
				return
			}
			select {
			case in <- msg:
			case <-ctx.Done():
				return
			}
		}
	})
	hello, err := firstWord(ctx, in)
	if err != nil {
		return err
	}
	if hello.GetCapability() < 1 {
		return status.Error(codes.FailedPrecondition, "the agent does not say which protocol it speaks")
	}
	leave, err := s.streams.enter(ctx, "session "+k.Tenant+" "+k.ID, cancel)
	if err != nil {
		return err
	}
	defer leave()
	se := &session{s: s, stream: stream, peer: k, asked: map[string]bool{}, paces: map[string]time.Time{}, shares: map[string]time.Time{}}
	if se.lease, err = s.opt.Leases.TakeOver(ctx, k.Tenant, "session "+k.ID); err != nil {
		return s.internal(ctx, "lease the session", err)
	}
	defer se.part()
	s.metrics.sessions.Inc()
	defer s.metrics.sessions.Dec()
	s.opt.Log.Info("session begins", "agent", k.ID, "name", k.Name, "version", hello.GetInfo().GetVersion(), "address", addressOf(ctx))
	defer func() { s.opt.Log.Info("session ends", "agent", k.ID, "name", k.Name, "reason", err) }()
	if err := se.greet(ctx, hello); err != nil {
		return err
	}
	return se.run(ctx, cancel, in)
}

func firstWord(ctx context.Context, in <-chan *uplinkv1.AgentMessage) (*uplinkv1.Hello, error) {
	late := time.NewTimer(helloWithin)
	defer late.Stop()
	select {
	case <-ctx.Done():
		return nil, whyDone(ctx)
	case <-late.C:
		return nil, status.Error(codes.DeadlineExceeded, "no hello in time")
	case msg := <-in:
		if hello := msg.GetHello(); hello != nil {
			return hello, nil
		}
		return nil, status.Error(codes.InvalidArgument, "a session begins with a hello")
	}
}

// part notes the end of the session, unless another has taken over.
func (se *session) part() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := se.lease.Renew(ctx)
	if errors.Is(err, lease.ErrLost) {
		return
	}
	if err == nil {
		err = errors.Join(se.s.opt.Fleet.Parted(ctx, se.peer), se.lease.Release(ctx))
	}
	if err != nil {
		se.s.opt.Log.Warn("note the end of a session", "agent", se.peer.ID, "error", err)
	}
}

func (se *session) greet(ctx context.Context, hello *uplinkv1.Hello) error {
	g := fleet.Greeting{Info: infoOf(hello.GetInfo()), Capability: int(hello.GetCapability()), SpoolID: hello.GetSpoolId(),
		Plugins: hello.GetPluginDigests(), Builds: hello.GetPluginBuilds(), Policy: hello.GetPolicySummary(), Clock: moment(hello.GetClock()), Address: addressOf(ctx),
		SealingKey: hello.GetSealingKey()}
	if len(g.Plugins) > maxPlugins || len(g.Policy) > 1000 || len(hello.GetCredentials()) > 10_000 {
		return status.Error(codes.InvalidArgument, "a hello of too many words")
	}
	for _, c := range hello.GetCredentials() {
		g.Credentials = append(g.Credentials, rest.CredentialRef{Name: c.GetName(), Providers: c.GetProviders()})
	}
	want, err := se.s.opt.Fleet.Greet(ctx, se.peer, g)
	if errors.Is(err, fleet.ErrCopy) {
		se.s.refused(ctx, audit.Entry{Tenant: se.peer.Tenant, Actor: "agent:" + se.peer.ID, Action: "agent.connect", Reason: fleet.ErrCopy.Error(),
			Object: &audit.Ref{ID: se.peer.ID, Name: se.peer.Name, Kind: "agent"}, Address: addressOf(ctx)})
		return status.Error(codes.PermissionDenied, fleet.ErrCopy.Error())
	}
	if err == nil {
		err = se.remember(ctx, hello)
	}
	if err == nil {
		err = se.s.opt.Fleet.Resume(ctx, se.peer)
	}
	if err != nil {
		return se.s.internal(ctx, "greet the agent", err)
	}
	pace := advise(se.s.load.pressure())
	welcome := &uplinkv1.Welcome{RetryAfterMs: pace.pause.Milliseconds(), HeartbeatFactor: pace.beat, Capability: min(protocol.Capability, hello.GetCapability()), AgentId: se.peer.ID, Clock: stamp(se.s.opt.Clock()),
		HeartbeatSeconds: int32(max(1, se.s.opt.Heartbeat/time.Second)), BatchWindow: pace.window, CollectorVersion: se.s.opt.Version}
	if err := se.send(&uplinkv1.CollectorMessage{Message: &uplinkv1.CollectorMessage_Welcome{Welcome: welcome}}); err != nil {
		return err
	}
	return se.want(want)
}

// want asks for descriptions of plugins.
func (se *session) want(want []string) error {
	if len(want) == 0 {
		return nil
	}
	for _, digest := range want {
		se.asked[digest] = true
	}
	if len(se.asked) > 10*maxPlugins {
		return status.Error(codes.ResourceExhausted, "too many plugins without a description")
	}
	return se.send(&uplinkv1.CollectorMessage{Message: &uplinkv1.CollectorMessage_WantPlugins{WantPlugins: &uplinkv1.WantPlugins{Digests: want}}})
}

func (se *session) send(m *uplinkv1.CollectorMessage) error {
	se.sending.Lock()
	defer se.sending.Unlock()
	return se.stream.Send(m)
}

// run tells the agent what is new for it. What the agent says is worked on beside it, in its order.
func (se *session) run(ctx context.Context, cancel context.CancelCauseFunc, in <-chan *uplinkv1.AgentMessage) error {
	news, stop := se.s.opt.Fleet.Watch(se.peer.ID)
	defer stop()
	done := make(chan struct{})
	go func() { // waited for below
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case msg := <-in:
				if err := se.hear(ctx, msg); err != nil {
					cancel(err)
					return
				}
			}
		}
	}()
	defer func() {
		cancel(nil)
		<-done
	}()
	if err := se.tell(ctx, true); err != nil {
		return err
	}
	poll := time.NewTicker(se.s.opt.Poll)
	defer poll.Stop()
	renew := time.NewTicker(lease.Life / 3)
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			return whyDone(ctx)
		case <-renew.C:
			if err := se.lease.Renew(ctx); errors.Is(err, lease.ErrLost) {
				return errTakenOver
			} else if err != nil {
				return se.s.internal(ctx, "renew the session", err)
			}
			continue
		case <-poll.C:
		case <-news:
		}
		if err := se.tell(ctx, false); err != nil {
			return err
		}
	}
}

// tell sends the assignments if they are others than last time, and the commands that wait.
func (se *session) tell(ctx context.Context, first bool) error {
	s := se.s
	if err := s.admitted(ctx, se.peer); err != nil {
		return err
	}
	draining, err := s.opt.Fleet.Draining(ctx, se.peer) // before: what is read then is paused if this says so
	if err != nil {
		return s.internal(ctx, "look the agent up", err)
	}
	list, err := s.opt.Fleet.Assignments(ctx, se.peer)
	if err != nil {
		return s.internal(ctx, "read assignments", err)
	}
	msg := &uplinkv1.Assignments{}
	sum := sha256.New()
	var raw [][]byte
	for _, a := range list {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(assignmentProto(a))
		if err != nil {
			return s.internal(ctx, "encode an assignment", err)
		}
		fmt.Fprintf(sum, "%d:", len(b))
		sum.Write(b)
		raw = append(raw, b)
	}
	if now := [sha256.Size]byte(sum.Sum(nil)); first || now != se.told {
		for _, b := range raw {
			sig, err := protocol.SignAssignment(s.opt.Authority.Signer(), b)
			if err != nil {
				return s.internal(ctx, "sign an assignment", err)
			}
			msg.Assignments = append(msg.Assignments, &uplinkv1.SignedAssignment{Assignment: b, Signature: sig})
		}
		if err := se.send(&uplinkv1.CollectorMessage{Message: &uplinkv1.CollectorMessage_Assignments{Assignments: msg}}); err != nil {
			return err
		}
		se.told = now
	}
	if draining {
		if err := s.opt.Fleet.DrainTold(ctx, se.peer); err != nil {
			return s.internal(ctx, "note what the agent was told", err)
		}
	}
	if err := se.share(ctx); err != nil {
		return err
	}
	commands, err := s.opt.Fleet.Due(ctx, se.peer)
	if err != nil {
		return s.internal(ctx, "read commands", err)
	}
	for _, c := range commands {
		if err := se.send(&uplinkv1.CollectorMessage{Message: &uplinkv1.CollectorMessage_Command{Command: commandProto(c)}}); err != nil {
			return err
		}
	}
	return nil
}

// admitted ends the streams of an agent that was shut out meanwhile.
func (s *Server) admitted(ctx context.Context, k fleet.Known) error {
	err := s.opt.Fleet.Admitted(ctx, k)
	var closed *fleet.ClosedError
	switch {
	case errors.Is(err, fleet.ErrRevoked), errors.Is(err, fleet.ErrStranger), errors.As(err, &closed):
		return status.Error(codes.PermissionDenied, err.Error())
	case err != nil:
		return s.internal(ctx, "look the agent up", err)
	}
	return nil
}

// hear takes one message. An error of it ends the session; the agent opens another.
func (se *session) hear(ctx context.Context, msg *uplinkv1.AgentMessage) error {
	s := se.s
	switch m := msg.GetMessage().(type) {
	case *uplinkv1.AgentMessage_Heartbeat:
		return se.beat(ctx, m.Heartbeat)
	case *uplinkv1.AgentMessage_Plugin:
		digest := m.Plugin.GetDigest()
		if !se.asked[digest] {
			return status.Error(codes.InvalidArgument, "a plugin description that was not asked for")
		}
		delete(se.asked, digest)
		err := s.opt.Fleet.Describe(ctx, se.peer, digest, m.Plugin.GetDescription(), m.Plugin.GetBinarySha256())
		if errors.Is(err, fleet.ErrDescription) {
			s.opt.Log.Warn("a plugin's description is not taken", "agent", se.peer.ID, "digest", digest, "error", err)
			return nil
		}
		if err != nil {
			return s.internal(ctx, "take a plugin's description", err)
		}
	case *uplinkv1.AgentMessage_PluginsAtHand:
		return se.equip(ctx, m.PluginsAtHand)
	case *uplinkv1.AgentMessage_Progress:
		return se.progress(ctx, m.Progress)
	case *uplinkv1.AgentMessage_Result:
		r := m.Result
		if err := s.opt.Fleet.Answered(ctx, se.peer, r.GetId(), r.GetOk(), r.GetError(), r.GetDetail()); err != nil {
			return s.internal(ctx, "take a command's result", err)
		}
	case *uplinkv1.AgentMessage_Rewrapped:
		return se.shared(ctx, m.Rewrapped.GetItems())
	case *uplinkv1.AgentMessage_Hello:
		return status.Error(codes.InvalidArgument, "a second hello")
	}
	return nil // what a newer agent may say is none of our business
}

// equip takes the plugins that the agent has now.
func (se *session) equip(ctx context.Context, at *uplinkv1.PluginsAtHand) error {
	if len(at.GetDigests()) > maxPlugins {
		return status.Error(codes.InvalidArgument, "too many plugins")
	}
	want, err := se.s.opt.Fleet.Equip(ctx, se.peer, at.GetDigests(), at.GetBuilds())
	if err != nil {
		return se.s.internal(ctx, "note the agent's plugins", err)
	}
	return se.want(want)
}

// beat also looks whether the agent may still be here.
func (se *session) beat(ctx context.Context, h *uplinkv1.Heartbeat) error {
	err := se.s.opt.Fleet.Heard(ctx, se.peer, fleet.Beat{Clock: moment(h.GetClock()), Notices: h.GetNotices(), NotAfter: moment(h.GetCertificateNotAfter()),
		Spool: rest.SpoolStatus{Captures: int(h.GetSpoolCaptures()), Bytes: h.GetSpoolBytes()}, Running: len(h.GetRunning())})
	if err == nil {
		err = se.s.opt.Fleet.Admits(ctx, se.peer.Tenant)
	}
	var closed *fleet.ClosedError
	if errors.Is(err, fleet.ErrRevoked) || errors.As(err, &closed) {
		return status.Error(codes.PermissionDenied, err.Error())
	}
	if err != nil {
		return se.s.internal(ctx, "note a sign of life", err)
	}
	return nil
}

func (se *session) progress(ctx context.Context, p *uplinkv1.RunProgress) error {
	s, now := se.s, se.s.opt.Clock()
	if p.GetRunId() == "" || len(p.GetRunId()) > 200 {
		return status.Error(codes.InvalidArgument, "progress of a run without its id")
	}
	last, known := se.paces[p.GetRunId()]
	if known && now.Sub(last) < progressEvery {
		return nil
	}
	if len(se.paces) > 1000 {
		clear(se.paces)
	}
	se.paces[p.GetRunId()] = now
	holds, conn, err := s.opt.Fleet.Holds(ctx, se.peer, p.GetConnectionId(), p.GetEpoch())
	if err == nil && holds == fleet.Now {
		err = s.opt.Inventory.Progress(ctx, inventory.RunProgress{Tenant: se.peer.Tenant, RunID: p.GetRunId(), Connection: conn,
			ScopesTotal: int(p.GetScopesTotal()), ScopesDone: int(p.GetScopesDone()), Listed: p.GetListed(), Phase: p.GetPhase(),
			StartedAt: moment(p.GetStartedAt()), Trigger: p.GetTrigger(), Kinds: p.GetKinds(), Log: p.GetLog()})
	}
	if err != nil {
		// Progress is for people to look at; the push says how the run went.
		s.opt.Log.Warn("note progress", "agent", se.peer.ID, "run", p.GetRunId(), "error", err)
	}
	return nil
}

func assignmentProto(a fleet.Assignment) *uplinkv1.Assignment {
	out := &uplinkv1.Assignment{Tenant: a.Tenant, ConnectionId: a.ConnectionID, ConnectionName: a.ConnectionName, AgentId: a.AgentID, Epoch: a.Epoch,
		Provider: a.Provider, Settings: []byte(a.Settings), Credential: a.Credential, Paused: a.Paused, MaxRequestsPerSecond: a.MaxRequestsPerSecond,
		MaxParallel: int32(a.MaxParallel), QuietHours: a.QuietHours, Zone: a.TimeZone, StandbyAgents: a.StandbyAgents, Sealed: a.Sealed, PluginVersion: a.PluginVersion}
	for _, k := range a.Kinds {
		out.Kinds = append(out.Kinds, &uplinkv1.KindSchedule{Kind: k.Kind, Enabled: k.Enabled, IntervalSeconds: k.IntervalSeconds, Cron: k.Cron})
	}
	return out
}

func commandProto(c fleet.Command) *uplinkv1.Command {
	out := &uplinkv1.Command{Id: c.ID}
	switch c.Type {
	case fleet.CommandRun:
		out.Command = &uplinkv1.Command_Run{Run: &uplinkv1.RunCommand{RunId: c.RunID, ConnectionId: c.Connection, Epoch: c.Epoch, Kinds: c.Kinds}}
	case fleet.CommandCancel:
		out.Command = &uplinkv1.Command_Cancel{Cancel: &uplinkv1.CancelCommand{RunId: c.RunID}}
	case fleet.CommandResend:
		out.Command = &uplinkv1.Command_Resend{Resend: &uplinkv1.ResendCommand{ConnectionId: c.Connection}}
	case fleet.CommandCheck:
		a := c.Assignment
		if len(c.Kinds) > 0 {
			a.Kinds = nil
			for _, kind := range c.Kinds {
				a.Kinds = append(a.Kinds, rest.KindSchedule{Kind: kind, Enabled: true, IntervalSeconds: 3600})
			}
		}
		out.Command = &uplinkv1.Command_Check{Check: &uplinkv1.CheckCommand{Assignment: assignmentProto(a)}}
	case fleet.CommandChoices:
		out.Command = &uplinkv1.Command_Choices{Choices: &uplinkv1.ChoicesCommand{Assignment: assignmentProto(c.Assignment), Setting: c.Setting}}
	}
	return out
}
