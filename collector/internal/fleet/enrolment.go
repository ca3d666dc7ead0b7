package fleet

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
)

// A join token alone lets an agent in unless the tenant wants to be asked first. Then what came with the token is written down and
// waits: it has no certificate and is no agent, so nothing is sent to it and nothing is taken from it.

const tEnrolments = "enrolments"

// approvedFor is how long an agent that was let in may take to come: after it, the token's own time counts again, so that
// an old token never becomes a way around a certificate that has expired.
const approvedFor = 24 * time.Hour

// The states of an enrolment.
const (
	enrolmentWaiting  = "waiting"
	enrolmentApproved = "approved"
	enrolmentRefused  = "refused"
)

// enrolmentDoc is an agent that waits to be let in, keyed by its token's hash: a token lets in one.
type enrolmentDoc struct {
	State     string     `json:"state"`
	Token     string     `json:"token"`
	KeyHash   string     `json:"key_hash"`
	Agent     string     `json:"agent"`
	Name      string     `json:"name"`
	Site      string     `json:"site,omitempty"`
	Hostname  string     `json:"hostname,omitempty"`
	Version   string     `json:"version,omitempty"`
	OS        string     `json:"os,omitempty"`
	Arch      string     `json:"arch,omitempty"`
	Address   string     `json:"address,omitempty"`
	AskedBy   string     `json:"asked_by,omitempty"`
	At        store.Time `json:"at"`
	DecidedBy string     `json:"decided_by,omitempty"`
	DecidedAt store.Time `json:"decided_at,omitzero"`
	Reason    string     `json:"reason,omitempty"`
}

// Enrolment is an agent that waits to be let in, as it was when it first came.
type Enrolment struct {
	// ID names it; Agent is who it will be.
	ID    string `json:"-"`
	Agent string `json:"agent"`
	Name  string `json:"name"`
	Site  string `json:"site,omitempty"`
	// Fingerprint of its key, which the agent says in its log.
	Fingerprint string `json:"fingerprint"`
	Hostname    string `json:"hostname,omitempty"`
	Version     string `json:"version,omitempty"`
	OS          string `json:"os,omitempty"`
	Arch        string `json:"arch,omitempty"`
	Address     string `json:"address,omitempty"`
	// AskedBy made the token; empty for tokens of before that was noted.
	AskedBy string    `json:"-"`
	At      time.Time `json:"-"`
}

// WaitingError says that an agent waits to be let in. It asks again.
type WaitingError struct{ Fingerprint string }

func (e *WaitingError) Error() string {
	return "this agent waits for approval: somebody at the collector decides (page Approvals, or `maestro approvals`). Its key is " + e.Fingerprint
}

func keyFingerprint(keyHash string) string { return "sha256:" + keyHash }

// waiting is the enrolment of a token, if there is one.
func (s *Service) waiting(ctx context.Context, token object[tokenDoc]) (*object[enrolmentDoc], error) {
	e, err := load[enrolmentDoc](ctx, s.opt.Store, tEnrolments, token.tenant, token.doc.Hash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return &e, err
}

// holds says whether a tenant wants to be asked before an agent is let in.
func (s *Service) holds(ctx context.Context, tenant string) (bool, error) {
	if s.opt.HoldEnrolment == nil {
		return false, nil
	}
	return s.opt.HoldEnrolment(ctx, tenant)
}

// entitled is nil when a token lets a key in now: *WaitingError while somebody has to decide, ErrJoin when not.
func (s *Service) entitled(ctx context.Context, token object[tokenDoc], j Join) error {
	key := hex.EncodeToString(j.KeyHash[:])
	e, err := s.waiting(ctx, token)
	if err != nil {
		return err
	}
	expired := s.now().After(token.doc.ExpiresAt.Time)
	switch {
	case e == nil && expired, e != nil && e.doc.State == enrolmentApproved && expired && s.now().Sub(e.doc.DecidedAt.Time) > approvedFor:
		return s.refuseJoin(ctx, token.tenant, j, "it expired at "+token.doc.ExpiresAt.Format(time.RFC3339))
	case e == nil || e.doc.State == enrolmentApproved:
		return nil
	case e.doc.KeyHash != key:
		return s.refuseJoin(ctx, token.tenant, j, "it was used already, at "+e.doc.At.Format(time.RFC3339))
	case e.doc.State == enrolmentRefused: // the decision is in the audit trail
		why := fmt.Sprintf("%s refused this agent at %s", e.doc.DecidedBy, e.doc.DecidedAt.Format(time.RFC3339))
		if e.doc.Reason != "" {
			why += ": " + e.doc.Reason
		}
		return fmt.Errorf("%w: %s", ErrJoin, why)
	}
	holds, err := s.holds(ctx, token.tenant)
	if err != nil {
		return err
	}
	if !holds {
		return s.DecideEnrolment(ctx, token.tenant, e.doc.Agent, true, "system", "nobody wants to be asked any more")
	}
	return &WaitingError{Fingerprint: keyFingerprint(key)}
}

// hold writes down who waits, where the tenant wants to be asked: *WaitingError. Who is an agent already does not wait.
func (s *Service) hold(ctx context.Context, token object[tokenDoc], j Join, agentID string) error {
	holds, err := s.holds(ctx, token.tenant)
	if err != nil || !holds {
		return err
	}
	before, err := s.waiting(ctx, token)
	if err != nil || before != nil {
		return err // entitled has looked at it
	}
	if _, err := load[agentDoc](ctx, s.opt.Store, tAgents, token.tenant, agentID); err == nil || !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var as agentDoc
	as.tell(j.Info)
	d := enrolmentDoc{State: enrolmentWaiting, Token: token.id, KeyHash: hex.EncodeToString(j.KeyHash[:]), Agent: agentID, Name: nameOf(token, j, &as), Site: token.doc.Site,
		Hostname: as.Hostname, Version: as.Version, OS: as.OS, Arch: as.Arch, Address: j.Address, AskedBy: token.doc.CreatedBy, At: store.At(s.now())}
	err = insert(ctx, s.opt.Store, tEnrolments, object[enrolmentDoc]{id: token.doc.Hash, tenant: token.tenant, doc: d})
	if err != nil && !errors.Is(err, errRaced) {
		return err
	}
	if err == nil {
		c := inventory.Caller{Tenant: token.tenant, Name: "agent:" + agentID, Address: j.Address}
		if err := s.audit(ctx, c, "agent.ask_to_enroll", audit.Ref{ID: agentID, Name: d.Name, Kind: "agent"}, "", map[string]any{"join_token": token.id, "key": keyFingerprint(d.KeyHash)}); err != nil {
			return err
		}
	}
	return &WaitingError{Fingerprint: keyFingerprint(d.KeyHash)}
}

// nameOf is what an agent is called: what its token says, what it says, its machine's name.
func nameOf(token object[tokenDoc], j Join, as *agentDoc) string {
	for _, name := range []string{token.doc.Name, foreign(j.Name), as.Hostname} {
		if name != "" {
			return name
		}
	}
	return ""
}

// Enrolments are the agents that wait to be let in, while the tenant wants to be asked.
func (s *Service) Enrolments(ctx context.Context, tenant string) ([]Enrolment, error) {
	if holds, err := s.holds(ctx, tenant); err != nil || !holds {
		return nil, err
	}
	rows, err := all[enrolmentDoc](ctx, s.opt.Store, tEnrolments, tenant, eq(text("state"), enrolmentWaiting))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	tokens, err := all[tokenDoc](ctx, s.opt.Store, tTokens, tenant, nil)
	if err != nil {
		return nil, err
	}
	var out []Enrolment
	for _, o := range rows {
		if slices.ContainsFunc(tokens, func(t object[tokenDoc]) bool { return t.id == o.doc.Token }) {
			d := &o.doc
			out = append(out, Enrolment{ID: d.Agent, Agent: d.Agent, Name: d.Name, Site: d.Site, Fingerprint: keyFingerprint(d.KeyHash), Hostname: d.Hostname, Version: d.Version,
				OS: d.OS, Arch: d.Arch, Address: d.Address, AskedBy: d.AskedBy, At: d.At.Time})
		}
	}
	return out, nil
}

// DecideEnrolment lets an agent in, or says that it never will be. Told again it does nothing more; store.ErrNotFound: it waits no more.
func (s *Service) DecideEnrolment(ctx context.Context, tenant, agentID string, admit bool, by, reason string) error {
	rows, err := all[enrolmentDoc](ctx, s.opt.Store, tEnrolments, tenant, eq(text("agent"), agentID))
	if err != nil {
		return err
	}
	if len(rows) != 1 {
		return fmt.Errorf("enrolment of agent %s: %w", agentID, store.ErrNotFound)
	}
	state := enrolmentRefused
	if admit {
		state = enrolmentApproved
	}
	o, err := change(ctx, s, tEnrolments, tenant, rows[0].id, func(o *object[enrolmentDoc]) error {
		if o.doc.State != enrolmentWaiting {
			return errSame
		}
		o.doc.State, o.doc.DecidedBy, o.doc.DecidedAt, o.doc.Reason = state, by, store.At(s.now()), reason
		return nil
	})
	if err == nil && o.doc.State != state {
		err = &inventory.ConflictError{ResourceID: agentID, Problem: "the agent was " + o.doc.State + " already"}
	}
	return err
}

// forgetEnrolment drops what waits with a token that is taken back.
func (s *Service) forgetEnrolment(ctx context.Context, token object[tokenDoc]) error {
	e, err := s.waiting(ctx, token)
	if err != nil || e == nil {
		return err
	}
	return write(ctx, s.opt.Store, tEnrolments, store.Delete, *e)
}
