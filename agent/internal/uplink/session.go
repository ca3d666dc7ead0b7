package uplink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	"maestro.internal/agent/internal/dispatch"
	"maestro.internal/agent/internal/runner"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/provider"
)

// errRenewed ends a session so that the next one is opened with the new certificate.
var errRenewed = errors.New("certificate renewed")

type stream = grpc.BidiStreamingClient[uplinkv1.AgentMessage, uplinkv1.CollectorMessage]

// session is one Session stream with everything that lives as long as it does.
type session struct {
	uplink    *Uplink
	client    uplinkv1.UplinkClient
	log       *slog.Logger
	out       chan *uplinkv1.AgentMessage
	heartbeat time.Duration
	// told is the pace that the collector asks for, later how long to wait with the first push.
	told    told
	later   time.Duration
	plugins plugins
}

// run returns when the stream has ended and everything that it started has too.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := s.renewIfDue(ctx); err != nil {
		return err
	}
	st, err := s.open(ctx)
	if err != nil {
		return err
	}
	s.uplink.setClient(s.client)
	defer s.uplink.setClient(nil)
	s.out = make(chan *uplinkv1.AgentMessage, 16)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel(nil)
	work.Go(func() { cancel(s.send(ctx, st)) })
	work.Go(func() { cancel(s.tick(ctx)) })
	work.Go(func() { s.watchPlugins(ctx) })
	work.Go(func() { s.pushAll(ctx) })
	for {
		msg, err := st.Recv()
		if err != nil {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
				return cause
			}
			return plain(err)
		}
		s.receive(ctx, msg, &work)
	}
}

// renewIfDue is at the beginning of a session, and later by tick.
func (s *session) renewIfDue(ctx context.Context) error {
	id := s.uplink.cfg.Identity
	if s.uplink.cfg.Now().Before(id.renewAt()) {
		return nil
	}
	if err := id.renew(ctx, s.client); err != nil {
		// The old certificate is still good; it is tried again.
		s.log.Warn("certificate was not renewed", "error", err, "not_after", id.NotAfter())
		return nil
	}
	s.log.Info("certificate renewed", "not_after", id.NotAfter())
	return nil
}

// open says hello and waits for the welcome.
func (s *session) open(ctx context.Context) (stream, error) {
	u := s.uplink
	if _, err := s.plugins.look(ctx, u.cfg.Plugins); err != nil {
		s.log.Error("plugins cannot be listed", "error", err)
	}
	step, cancel := context.WithCancel(ctx)
	timeout := time.AfterFunc(callTimeout, cancel)
	st, err := s.client.Session(step)
	if err != nil {
		cancel()
		return nil, plain(err)
	}
	if err := st.Send(&uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Hello{Hello: s.hello()}}); err != nil {
		// The reason is what Recv answers.
		s.log.Debug("say hello", "error", err)
	}
	first, err := st.Recv()
	if !timeout.Stop() && err == nil {
		err = errors.New("no welcome in time")
	}
	if err != nil {
		cancel()
		return nil, plain(err)
	}
	welcome := first.GetWelcome()
	if welcome == nil {
		cancel()
		return nil, errors.New("the collector does not begin with a welcome")
	}
	context.AfterFunc(ctx, cancel)
	s.heartbeat, s.later = u.cfg.Pace.Heartbeat, min(time.Duration(welcome.GetRetryAfterMs())*time.Millisecond, time.Minute)
	s.told.set(welcome.GetBatchWindow(), welcome.GetHeartbeatFactor())
	if n := welcome.GetHeartbeatSeconds(); n > 0 {
		s.heartbeat = time.Duration(n) * time.Second
	}
	now := u.cfg.Now()
	if skew := now.Sub(moment(welcome.GetClock())); welcome.GetClock() != nil && (skew > time.Minute || skew < -time.Minute) {
		s.log.Warn("clocks differ", "by", skew.Round(time.Second))
	}
	u.setStatus(Status{Connected: true, Since: now, CollectorVersion: welcome.GetCollectorVersion()})
	s.log.Info("session with the collector", "collector", u.cfg.Collector, "version", welcome.GetCollectorVersion())
	return st, nil
}

func (s *session) hello() *uplinkv1.Hello {
	u := s.uplink
	h := &uplinkv1.Hello{Capability: protocol.Capability, Info: u.cfg.Info.proto(), SpoolId: u.cfg.Spool.ID(),
		PolicySummary: u.cfg.PolicySummary, PolicyDigest: u.cfg.PolicyDigest, Clock: stamp(u.cfg.Now()),
		SealingKey: u.cfg.Sealing.PublicKey()}
	u.mu.Lock()
	h.Assignments = u.assignments
	u.mu.Unlock()
	h.PluginDigests, h.PluginBuilds = s.plugins.told()
	for _, c := range u.cfg.Credentials {
		h.Credentials = append(h.Credentials, &uplinkv1.CredentialName{Name: c.Name, Providers: c.Providers})
	}
	for connection, p := range u.cfg.Spool.Positions() {
		h.Positions = append(h.Positions, &uplinkv1.Position{ConnectionId: connection, Epoch: p.Epoch, Generation: p.Generation})
	}
	return h
}

// send is the only one that writes to the stream.
func (s *session) send(ctx context.Context, st stream) error {
	for {
		select {
		case <-ctx.Done():
			return st.CloseSend()
		case msg := <-s.out:
			if err := st.Send(msg); err != nil {
				return nil //nolint:nilerr // Recv says why
			}
		}
	}
}

func (s *session) put(ctx context.Context, msg *uplinkv1.AgentMessage) {
	select {
	case s.out <- msg:
	case <-ctx.Done():
	}
}

// tick sends heartbeats and progress, and renews the certificate.
func (s *session) tick(ctx context.Context) error {
	u := s.uplink
	beat := time.NewTimer(s.told.beat(s.heartbeat))
	defer beat.Stop()
	for _, r := range u.cfg.Dispatcher.Running() {
		u.Progress(r)
	}
	s.put(ctx, s.beat())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			beat.Reset(s.told.beat(s.heartbeat))
			s.put(ctx, s.beat())
			if u.cfg.Now().Before(u.cfg.Identity.renewAt()) {
				continue
			}
			before := u.cfg.Identity.NotAfter()
			if err := s.renewIfDue(ctx); err != nil {
				return err
			}
			if u.cfg.Identity.NotAfter().After(before) {
				return errRenewed
			}
		case <-u.news:
			for _, r := range u.takeProgress() {
				if r.Phase == runner.PhaseEnded {
					continue // the push says how it ended
				}
				s.announce(r.RunID)
				s.put(ctx, &uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Progress{Progress: progressProto(r)}})
			}
		}
	}
}

// announce notes that the collector has heard of a run.
func (s *session) announce(runID string) {
	for _, run := range s.uplink.cfg.Spool.Runs("") {
		if run.Info().RunID == runID {
			if err := run.Announced(); err != nil {
				s.log.Warn("note that a run was announced", "run", runID, "error", err)
			}
		}
	}
}

func (s *session) beat() *uplinkv1.AgentMessage {
	u := s.uplink
	st := u.cfg.Spool.Stats()
	h := &uplinkv1.Heartbeat{Clock: stamp(u.cfg.Now()), SpoolCaptures: int32(st.Captures), SpoolBytes: st.Bytes, Notices: st.Notices,
		CertificateNotAfter: stamp(u.cfg.Identity.NotAfter())}
	for _, r := range u.cfg.Dispatcher.Running() {
		h.Running = append(h.Running, r.RunID)
	}
	return &uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Heartbeat{Heartbeat: h}}
}

func (s *session) receive(ctx context.Context, msg *uplinkv1.CollectorMessage, work *sync.WaitGroup) {
	switch m := msg.GetMessage().(type) {
	case *uplinkv1.CollectorMessage_Assignments:
		s.uplink.assign(m.Assignments.GetAssignments())
		if err := s.uplink.keepAssignments(); err != nil {
			s.log.Error("assignments are not kept for the next start", "error", err)
		}
		s.put(ctx, s.beat()) // the collector may wait to hear what goes on under them
	case *uplinkv1.CollectorMessage_Command:
		// A check takes as long as the provider does; the session goes on meanwhile.
		work.Go(func() {
			result := s.obey(ctx, m.Command)
			s.put(ctx, &uplinkv1.AgentMessage{Message: &uplinkv1.AgentMessage_Result{Result: result}})
		})
	case *uplinkv1.CollectorMessage_WantPlugins:
		work.Go(func() { s.tellPlugins(ctx, m.WantPlugins.GetDigests()) })
	case *uplinkv1.CollectorMessage_Rewrap:
		work.Go(func() { s.rewrap(ctx, m.Rewrap.GetItems()) })
	}
}

func (s *session) obey(ctx context.Context, c *uplinkv1.Command) *uplinkv1.CommandResult {
	result := &uplinkv1.CommandResult{Id: c.GetId(), Ok: true}
	var err error
	switch m := c.GetCommand().(type) {
	case *uplinkv1.Command_Run:
		err = s.uplink.cfg.Dispatcher.Request(dispatch.Request{RunID: m.Run.GetRunId(), ConnectionID: m.Run.GetConnectionId(),
			Epoch: m.Run.GetEpoch(), Kinds: m.Run.GetKinds()})
	case *uplinkv1.Command_Cancel:
		err = s.uplink.cfg.Dispatcher.Cancel(m.Cancel.GetRunId())
	case *uplinkv1.Command_Resend:
		err = s.uplink.cfg.Spool.ForgetConnection(m.Resend.GetConnectionId())
	case *uplinkv1.Command_Check:
		result.Detail, err = s.check(ctx, m.Check.GetAssignment())
	case *uplinkv1.Command_Choices:
		result.Detail, err = s.choices(ctx, m.Choices.GetAssignment(), m.Choices.GetSetting())
	default:
		err = fmt.Errorf("this agent (capability %d) does not know the command", protocol.Capability)
	}
	if err != nil {
		result.Ok, result.Error = false, err.Error()
	}
	return result
}

// choices answers with what the setting may be, or with what to do about an error.
func (s *session) choices(ctx context.Context, a *uplinkv1.Assignment, setting string) ([]byte, error) {
	got, err := s.uplink.cfg.Dispatcher.Choices(ctx, assignmentOf(a), setting)
	if err == nil {
		return json.Marshal(got)
	}
	var why protocol.Problem
	var classed *provider.Error
	var wrong *provider.SettingsError
	switch {
	case errors.As(err, &wrong):
		why.Setting = wrong.Pointer
	case errors.As(err, &classed):
		why.Advice = classed.Advice
	}
	detail, merr := json.Marshal(why)
	return detail, errors.Join(err, merr)
}

func (s *session) check(ctx context.Context, a *uplinkv1.Assignment) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	report, err := s.uplink.cfg.Dispatcher.Check(ctx, assignmentOf(a))
	if err != nil {
		return nil, err
	}
	return json.Marshal(report)
}
