package api

import (
	"context"
	"errors"
	"fmt"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

// maxSealedMany is for 200 envelopes of the largest size that credentials have in practice.
const maxSealedMany = 8 << 20

type sealIn[T any] struct {
	ID   string `path:"id" maxLength:"200"`
	Body T
}

// sealingRoutes are about credentials that the collector carries and cannot read.
func (s *Server) sealingRoutes() {
	const tag = "sealed credentials"
	handle(s, route{method: "GET", path: "/sealed-credentials", id: "list-sealed-credentials", tag: tag, action: access.Read,
		summary: "How the credential of each connection stands that was sealed to its site's agents, and what to seal another with"}, s.listSealed)
	handle(s, route{method: "POST", path: "/sealed-credentials", id: "seal-many", tag: tag, action: access.EditConnections, maxBody: maxSealedMany,
		summary: "Keep sealed credentials for many connections, each in place of what it had, or (check) once its agent has found that it works; says of each how it went"}, s.sealMany)
	handle(s, route{method: "GET", path: "/sealed-credentials/{id}", id: "get-sealed-credential", tag: tag, action: access.Read,
		summary: "That of one connection"}, s.getSealed)
	handle(s, route{method: "PUT", path: "/sealed-credentials/{id}", id: "seal", tag: tag, action: access.EditConnections,
		summary: "Keep what was sealed for a connection, in place of what it had"}, s.seal)
	handle(s, route{method: "POST", path: "/sealed-credentials/{id}/candidate/check", id: "check-sealed-candidate", tag: tag, action: access.EditConnections,
		summary: "Ask the agent again whether a new credential works; it is used when it does"}, s.checkCandidate)
	handle(s, route{method: "DELETE", path: "/sealed-credentials/{id}/candidate", id: "discard-sealed-candidate", tag: tag, action: access.EditConnections,
		summary: "Forget a new credential that is not used yet; the one in use stays"}, s.discardCandidate)
	handle(s, route{method: "GET", path: "/credential-rotation", id: "get-credential-rotation", tag: tag, action: access.ReadSettings,
		summary: "After how many days sealed credentials are due to be rotated"}, s.getRotation)
	handle(s, route{method: "PUT", path: "/credential-rotation", id: "set-credential-rotation", tag: tag, action: access.ManageConnections,
		summary: "Say after how many days sealed credentials are due to be rotated"}, s.setRotation)
	handle(s, route{method: "DELETE", path: "/sealed-credentials/{id}", id: "unseal", tag: tag, action: access.EditConnections,
		summary: "Forget the sealed credential of a connection"}, s.unseal)
	handle(s, route{method: "GET", path: "/sealed-credentials/{id}/envelope", id: "get-sealed-envelope", tag: tag, action: access.ManageConnections,
		summary: "The ciphertext, for who holds the recovery key"}, s.getEnvelope)
	handle(s, route{method: "POST", path: "/sealed-credentials/{id}/wraps", id: "add-sealed-wraps", tag: tag, action: access.ManageConnections,
		summary: "Let agents open it that cannot, by who could open it with the recovery key"}, s.addWraps)
	handle(s, route{method: "GET", path: "/recovery-key", id: "get-recovery-key", tag: tag, action: access.ReadSettings,
		summary: "The public half of the key that is kept offline; empty while there is none"}, s.getRecoveryKey)
	handle(s, route{method: "PUT", path: "/recovery-key", id: "set-recovery-key", tag: tag, action: access.ManageAgents,
		summary: "Seal to this key too from now on; agents share what is sealed already"}, s.setRecoveryKey)
	handle(s, route{method: "DELETE", path: "/recovery-key", id: "delete-recovery-key", tag: tag, action: access.ManageAgents,
		summary: "Seal to no recovery key any more"}, s.deleteRecoveryKey)
}

func (s *Server) listSealed(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.SealedCredential]], error) {
	list, err := s.opt.Fleet.SealedCredentials(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	return small(s, in, list, func(x rest.SealedCredential) string { return x.ID }, "id")
}

func (s *Server) getSealed(ctx context.Context, c access.Caller, in *idIn) (*out[rest.SealedCredential], error) {
	return sealedAnswer(s.opt.Fleet.SealedCredential(ctx, domainCaller(c), in.ID))
}

func (s *Server) seal(ctx context.Context, c access.Caller, in *sealIn[rest.SealedEnvelope]) (*out[rest.SealedCredential], error) {
	if err := s.mayEdit(ctx, c, in.ID); err != nil {
		return nil, err
	}
	return sealedAnswer(s.opt.Fleet.Seal(ctx, domainCaller(c), in.ID, in.Body))
}

func (s *Server) addWraps(ctx context.Context, c access.Caller, in *sealIn[rest.SealedWraps]) (*out[rest.SealedCredential], error) {
	return sealedAnswer(s.opt.Fleet.AddWraps(ctx, domainCaller(c), in.ID, in.Body))
}

func sealedAnswer(x rest.SealedCredential, err error) (*out[rest.SealedCredential], error) {
	if err != nil {
		return nil, orNotFound(err, "connection")
	}
	return &out[rest.SealedCredential]{Body: x}, nil
}

// sealMany goes on where one connection is refused: the others must not keep an old password for it.
func (s *Server) sealMany(ctx context.Context, c access.Caller, in *bodyIn[rest.SealedMany]) (*out[rest.SealedResults], error) {
	var done rest.SealedResults
	for _, item := range in.Body.Items {
		result := rest.SealedResult{Connection: item.Connection, OK: true}
		keep := s.opt.Fleet.Seal
		if in.Body.Check {
			keep = s.opt.Fleet.Rotate
		}
		err := s.mayEdit(ctx, c, item.Connection)
		if err == nil {
			_, err = keep(ctx, domainCaller(c), item.Connection, item.Envelope)
		}
		if err != nil {
			why, ok := refusal(err)
			if !ok {
				return nil, fmt.Errorf("seal for connection %s: %w", item.Connection, err)
			}
			result.OK, result.Error = false, why
		}
		done.Items = append(done.Items, result)
	}
	return &out[rest.SealedResults]{Body: done}, nil
}

// refusal says in words why the domain did not do something, and whether that was the caller's doing.
func refusal(err error) (string, bool) {
	var invalid *inventory.InvalidError
	var conflict *inventory.ConflictError
	switch {
	case isNotFound(err), isMissing(err):
		return "there is no such connection", true
	case errors.Is(err, access.ErrForbidden):
		return "you may not edit this connection", true
	case errors.As(err, &invalid):
		return invalid.Problem, true
	case errors.As(err, &conflict):
		return conflict.Problem, true
	}
	return "", false
}

func (s *Server) unseal(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	if err := s.mayEdit(ctx, c, in.ID); err != nil {
		return nil, err
	}
	if err := s.opt.Fleet.Unseal(ctx, domainCaller(c), in.ID); err != nil {
		return nil, orNotFound(err, "sealed credential")
	}
	return &none{}, nil
}

func (s *Server) checkCandidate(ctx context.Context, c access.Caller, in *idIn) (*out[rest.SealedCredential], error) {
	if err := s.mayEdit(ctx, c, in.ID); err != nil {
		return nil, err
	}
	return sealedAnswer(s.opt.Fleet.CheckCandidate(ctx, domainCaller(c), in.ID))
}

func (s *Server) discardCandidate(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	if err := s.mayEdit(ctx, c, in.ID); err != nil {
		return nil, err
	}
	if err := s.opt.Fleet.DiscardCandidate(ctx, domainCaller(c), in.ID); err != nil {
		return nil, orNotFound(err, "connection")
	}
	return &none{}, nil
}

func (s *Server) getRotation(ctx context.Context, c access.Caller, _ *empty) (*out[rest.CredentialRotation], error) {
	r, err := s.opt.Fleet.Rotation(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	return &out[rest.CredentialRotation]{Body: r}, nil
}

func (s *Server) setRotation(ctx context.Context, c access.Caller, in *bodyIn[rest.CredentialRotationWrite]) (*out[rest.CredentialRotation], error) {
	r, err := s.opt.Fleet.SetRotation(ctx, domainCaller(c), in.Body.EveryDays)
	if err != nil {
		return nil, err
	}
	return &out[rest.CredentialRotation]{Body: r}, nil
}

func (s *Server) getEnvelope(ctx context.Context, c access.Caller, in *idIn) (*out[rest.SealedEnvelope], error) {
	e, err := s.opt.Fleet.Envelope(ctx, domainCaller(c), in.ID)
	if err != nil {
		return nil, orNotFound(err, "sealed credential")
	}
	return &out[rest.SealedEnvelope]{Body: e}, nil
}

func (s *Server) getRecoveryKey(ctx context.Context, c access.Caller, _ *empty) (*out[rest.RecoveryKey], error) {
	k, err := s.opt.Fleet.RecoveryKey(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	return &out[rest.RecoveryKey]{Body: k}, nil
}

func (s *Server) setRecoveryKey(ctx context.Context, c access.Caller, in *bodyIn[rest.RecoveryKeyWrite]) (*out[rest.RecoveryKey], error) {
	if len(in.Body.Key) == 0 {
		return nil, &inventory.InvalidError{Pointer: "/key", Problem: "is empty"}
	}
	k, err := s.opt.Fleet.SetRecoveryKey(ctx, domainCaller(c), in.Body.Key)
	if err != nil {
		return nil, err
	}
	return &out[rest.RecoveryKey]{Body: k}, nil
}

func (s *Server) deleteRecoveryKey(ctx context.Context, c access.Caller, _ *empty) (*none, error) {
	if _, err := s.opt.Fleet.SetRecoveryKey(ctx, domainCaller(c), nil); err != nil {
		return nil, err
	}
	return &none{}, nil
}
