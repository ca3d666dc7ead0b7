package ingest

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/authority"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/protocol/uplinkv1"
)

// Enroll binds an agent's own key with a single-use token.
func (s *Server) Enroll(ctx context.Context, req *uplinkv1.EnrollRequest) (*uplinkv1.EnrollResponse, error) {
	csr, err := authority.ParseRequest(req.GetCsr())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, authority.ErrRequest.Error())
	}
	from := addressOf(ctx)
	if !s.guesses.may(from) {
		return nil, status.Error(codes.ResourceExhausted, "too many tokens of this address were refused; try again in a minute")
	}
	var issued authority.Issued
	certify := func(tenant, agentID string) (time.Time, error) {
		issued, err = s.opt.Authority.Issue(req.GetCsr(), tenant, agentID, s.opt.AgentLife)
		return issued.NotAfter, err
	}
	k, err := s.opt.Fleet.Enroll(ctx, fleet.Join{Token: req.GetToken(), KeyHash: csr.KeyHash, Name: req.GetName(), Info: infoOf(req.GetInfo()),
		Address: from}, certify)
	var waits *fleet.WaitingError
	if errors.As(err, &waits) { // what tells an agent to ask again later
		return nil, status.Error(codes.FailedPrecondition, waits.Error())
	}
	if errors.Is(err, fleet.ErrJoin) {
		s.metrics.refused.WithLabelValues("agent.enroll").Inc()
		s.guesses.missed(from)
		return nil, status.Error(codes.PermissionDenied, err.Error())
	}
	if err != nil {
		return nil, s.internal(ctx, "enroll agent", err)
	}
	s.opt.Log.Info("agent enrolled", "agent", k.ID, "name", k.Name, "tenant", k.Tenant, "address", from)
	return s.enrolled(k, issued), nil
}

// Renew exchanges a certificate for one that holds longer; the key stays the bound one.
func (s *Server) Renew(ctx context.Context, req *uplinkv1.RenewRequest) (*uplinkv1.EnrollResponse, error) {
	k, err := peerFrom(ctx)
	if err != nil {
		return nil, err
	}
	csr, err := authority.ParseRequest(req.GetCsr())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, authority.ErrRequest.Error())
	}
	// The request's key must be the bound one too, or else whoever borrowed a certificate could carry it on.
	if _, err := s.opt.Fleet.Authenticate(ctx, k.Tenant, k.ID, csr.KeyHash); errors.Is(err, fleet.ErrStranger) || errors.Is(err, fleet.ErrRevoked) {
		s.refused(ctx, audit.Entry{Tenant: k.Tenant, Actor: "agent:" + k.ID, Action: "agent.renew", Address: addressOf(ctx),
			Object: &audit.Ref{ID: k.ID, Name: k.Name, Kind: "agent"}, Reason: "the request is for another key than the agent's"})
		return nil, status.Error(codes.PermissionDenied, "the request is for another key than the agent's")
	} else if err != nil {
		return nil, s.internal(ctx, "renew certificate", err)
	}
	issued, err := s.opt.Authority.Issue(req.GetCsr(), k.Tenant, k.ID, s.opt.AgentLife)
	if err == nil {
		err = s.opt.Fleet.Certified(ctx, k, issued.NotAfter)
	}
	if err != nil {
		return nil, s.internal(ctx, "renew certificate", err)
	}
	return s.enrolled(k, issued), nil
}

// recoverWithin is how far the clock of a recovering agent may be off.
const recoverWithin = 5 * time.Minute

// Recover gives a certificate to an agent whose own has expired, when it holds the bound key and an administrator
// allowed it.
func (s *Server) Recover(ctx context.Context, req *uplinkv1.RecoverRequest) (*uplinkv1.EnrollResponse, error) {
	csr, err := authority.ParseRequest(req.GetCsr())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, authority.ErrRequest.Error())
	}
	at := moment(req.GetAt())
	if off := s.opt.Clock().Sub(at); off > recoverWithin || off < -recoverWithin {
		return nil, status.Error(codes.FailedPrecondition, "the agent's clock is more than five minutes off")
	}
	if !csr.Verify(protocol.RecoverDigest(req.GetAgentId(), at.UTC().Format(time.RFC3339Nano), req.GetCsr()), req.GetProof()) {
		return nil, status.Error(codes.PermissionDenied, "the proof is wrong")
	}
	// What strangers try is counted before it is looked up, so that the audit trail cannot be filled.
	if _, ok := s.strange.allow("recover " + req.GetAgentId()); !ok {
		return nil, status.Error(codes.ResourceExhausted, "once a minute at most")
	}
	k, err := s.opt.Fleet.Recover(ctx, req.GetAgentId(), csr.KeyHash, addressOf(ctx))
	switch {
	case errors.Is(err, fleet.ErrStranger):
		s.refused(ctx, audit.Entry{Tenant: installation, Actor: "stranger", Action: "agent.recover", Address: addressOf(ctx), Reason: err.Error()})
		return nil, status.Error(codes.PermissionDenied, err.Error())
	case errors.Is(err, fleet.ErrRecovery), errors.Is(err, fleet.ErrRevoked):
		return nil, status.Error(codes.PermissionDenied, err.Error())
	case err != nil:
		return nil, s.internal(ctx, "recover certificate", err)
	}
	issued, err := s.opt.Authority.Issue(req.GetCsr(), k.Tenant, k.ID, s.opt.AgentLife)
	if err == nil {
		err = s.opt.Fleet.Certified(ctx, k, issued.NotAfter)
	}
	if err != nil {
		return nil, s.internal(ctx, "recover certificate", err)
	}
	return s.enrolled(k, issued), nil
}

func (s *Server) enrolled(k fleet.Known, issued authority.Issued) *uplinkv1.EnrollResponse {
	out := &uplinkv1.EnrollResponse{AgentId: k.ID, Tenant: k.Tenant, Certificates: issued.Chain}
	for _, c := range s.opt.Authority.Certificates() {
		out.Authorities = append(out.Authorities, c.Raw)
	}
	return out
}

// internal says to an agent that it is not its fault, and to the log what it was.
func (s *Server) internal(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return whyDone(ctx) // nobody is there to do it for
	}
	s.opt.Log.Error("answer agent", "doing", doing, "error", err)
	s.metrics.errors.Inc()
	return status.Error(codes.Unavailable, "the collector could not "+doing+"; its log says why")
}

func infoOf(i *uplinkv1.AgentInfo) fleet.Info {
	return fleet.Info{Version: i.GetVersion(), OS: i.GetOs(), Arch: i.GetArch(), Hostname: i.GetHostname(), Site: i.GetSite(),
		MachineID: i.GetMachineId(), BootID: i.GetBootId(), Instance: i.GetInstance()}
}
