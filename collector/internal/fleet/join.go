package fleet

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/rest"
)

type tokenDoc struct {
	Name      string     `json:"name,omitempty"`
	Site      string     `json:"site,omitempty"`
	Hash      string     `json:"hash"`
	CreatedAt store.Time `json:"created_at"`
	CreatedBy string     `json:"created_by,omitempty"`
	ExpiresAt store.Time `json:"expires_at"`
	UsedAt    store.Time `json:"used_at,omitzero"`
	UsedBy    string     `json:"used_by,omitempty"`
}

// useDoc is the row whose insertion decides who used a token: the only arbiter that needs no atomic update.
type useDoc struct {
	KeyHash string     `json:"key_hash"`
	Agent   string     `json:"agent"`
	At      store.Time `json:"at"`
}

// JoinTokens are those that were made and not deleted, without their secrets.
func (s *Service) JoinTokens(ctx context.Context, c inventory.Caller) ([]rest.JoinToken, error) {
	out := []rest.JoinToken{}
	if !c.TenantWide {
		return out, nil
	}
	list, err := all[tokenDoc](ctx, s.opt.Store, tTokens, c.Tenant, nil)
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		out = append(out, tokenView(o))
	}
	return out, nil
}

func tokenView(o object[tokenDoc]) rest.JoinToken {
	t := rest.JoinToken{ID: o.id, Name: o.doc.Name, Site: o.doc.Site, CreatedAt: o.doc.CreatedAt.Time, ExpiresAt: o.doc.ExpiresAt.Time, UsedAt: o.doc.UsedAt.Time}
	if o.doc.UsedBy != "" {
		t.UsedBy = &rest.Ref{ID: o.doc.UsedBy}
	}
	return t
}

// CreateJoinToken makes a single-use token. Its secret is in this answer and nowhere else.
func (s *Service) CreateJoinToken(ctx context.Context, c inventory.Caller, req rest.JoinTokenCreate) (rest.JoinToken, error) {
	ttl := time.Duration(req.TTLSeconds) * time.Second
	if ttl == 0 {
		ttl = time.Hour
	}
	token, err := protocol.NewJoinToken(s.opt.Fingerprint)
	if err != nil {
		return rest.JoinToken{}, err
	}
	id, err := newID()
	if err != nil {
		return rest.JoinToken{}, err
	}
	hash := token.Hash()
	o := object[tokenDoc]{id: id, tenant: c.Tenant, version: 1, doc: tokenDoc{Name: req.Name, Site: req.Site, Hash: hex.EncodeToString(hash[:]),
		CreatedAt: store.At(s.now()), CreatedBy: c.Name, ExpiresAt: store.At(s.now().Add(ttl))}}
	if err := insert(ctx, s.opt.Store, tTokens, o); err != nil {
		return rest.JoinToken{}, err
	}
	view := tokenView(o)
	view.Token = token.Text()
	// The command asks for the token, so that the token stays out of the shell's history and the process list.
	view.Command = "maestro-agent enroll --collector " + s.opt.AgentAddress()
	return view, s.audit(ctx, c, "join_token.create", audit.Ref{ID: id, Name: req.Name, Kind: "join_token"}, "", map[string]any{"site": req.Site, "expires_at": o.doc.ExpiresAt})
}

// DeleteJoinToken takes a token back.
func (s *Service) DeleteJoinToken(ctx context.Context, c inventory.Caller, id string) error {
	o, err := load[tokenDoc](ctx, s.opt.Store, tTokens, c.Tenant, id)
	if err != nil {
		return err
	}
	if err := write(ctx, s.opt.Store, tTokens, store.Delete, o); err != nil {
		return err
	}
	if err := s.forgetEnrolment(ctx, o); err != nil {
		return err
	}
	return s.audit(ctx, c, "join_token.delete", audit.Ref{ID: id, Name: o.doc.Name, Kind: "join_token"}, "", nil)
}

// homeTenant is where attempts are shown that name no tenant: the one of a fresh installation, whose administrators
// run it.
const homeTenant = "default"

// ErrJoin says that a join token lets nobody in; the text says why.
var ErrJoin = errors.New("this join token lets nobody in")

// Join is an enrolment.
type Join struct {
	Token   string
	KeyHash [32]byte
	Name    string
	Info    Info
	Address string
}

// Certify issues the certificate for an agent's id, and answers until when it holds.
type Certify func(tenant, agentID string) (notAfter time.Time, err error)

// Enroll uses a token. The same key may come again while the token has not expired: its first answer was lost. *WaitingError: the
// tenant wants to be asked, and the same key comes again until somebody has decided.
func (s *Service) Enroll(ctx context.Context, j Join, certify Certify) (Known, error) {
	token, err := protocol.ParseJoinToken(j.Token)
	if err != nil {
		return Known{}, fmt.Errorf("%w: %w", ErrJoin, err)
	}
	hash := token.Hash()
	text64 := hex.EncodeToString(hash[:])
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tTokens, AllTenants: true, Where: eq(text("hash"), text64), Limit: 1})
	if err != nil {
		return Known{}, fmt.Errorf("find join token: %w", err)
	}
	if len(page.Rows) == 0 {
		return Known{}, s.refuseJoin(ctx, homeTenant, j, "it is not known here; it may have been deleted")
	}
	o, err := decode[tokenDoc](page.Rows[0])
	if err != nil {
		return Known{}, err
	}
	if err := s.entitled(ctx, o, j); err != nil {
		return Known{}, err
	}
	var closed *ClosedError
	if err := s.Admits(ctx, o.tenant); errors.As(err, &closed) {
		return Known{}, s.refuseJoin(ctx, o.tenant, j, closed.Why)
	} else if err != nil {
		return Known{}, err
	}
	agentID, err := s.use(ctx, o, j)
	if err != nil {
		return Known{}, err
	}
	if err := s.hold(ctx, o, j, agentID); err != nil {
		return Known{}, err
	}
	notAfter, err := certify(o.tenant, agentID)
	if err != nil {
		return Known{}, err
	}
	return s.admit(ctx, o, j, agentID, notAfter)
}

func (s *Service) refuseJoin(ctx context.Context, tenant string, j Join, why string) error {
	_, err := s.opt.Audit.Write(ctx, audit.Entry{Tenant: tenant, Actor: "agent:?", Action: "agent.enroll", Outcome: audit.Refused, Address: j.Address,
		Object: &audit.Ref{Name: foreign(j.Name), Kind: "agent"}, Reason: why})
	return errors.Join(fmt.Errorf("%w: %s", ErrJoin, why), err)
}

// use decides who may have the token, and answers the agent's id.
func (s *Service) use(ctx context.Context, o object[tokenDoc], j Join) (string, error) {
	id, err := newID()
	if err != nil {
		return "", err
	}
	mine := useDoc{KeyHash: hex.EncodeToString(j.KeyHash[:]), Agent: id, At: store.At(s.now())}
	err = insert(ctx, s.opt.Store, tUses, object[useDoc]{id: o.doc.Hash, tenant: o.tenant, doc: mine})
	if !errors.Is(err, errRaced) {
		return id, err
	}
	used, err := load[useDoc](ctx, s.opt.Store, tUses, o.tenant, o.doc.Hash)
	if err != nil {
		return "", err
	}
	if used.doc.KeyHash != mine.KeyHash {
		return "", s.refuseJoin(ctx, o.tenant, j, "it was used already, at "+used.doc.At.Format(time.RFC3339))
	}
	return used.doc.Agent, nil
}

func (s *Service) admit(ctx context.Context, token object[tokenDoc], j Join, agentID string, notAfter time.Time) (Known, error) {
	doc := agentDoc{Site: token.doc.Site, KeyHash: hex.EncodeToString(j.KeyHash[:]), EnrolledAt: store.At(s.now()), NotAfter: store.At(notAfter)}
	doc.tell(j.Info)
	doc.Name = nameOf(token, j, &doc)
	k := Known{Tenant: token.tenant, ID: agentID, Name: doc.Name}
	err := insert(ctx, s.opt.Store, tAgents, object[agentDoc]{id: agentID, tenant: token.tenant, doc: doc})
	if errors.Is(err, errRaced) { // the first answer was lost; the agent is there
		return k, s.Certified(ctx, k, notAfter)
	}
	if err != nil {
		return Known{}, err
	}
	_, err = change(ctx, s, tTokens, token.tenant, token.id, func(o *object[tokenDoc]) error {
		o.doc.UsedAt, o.doc.UsedBy = store.At(s.now()), agentID
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Known{}, err
	}
	c := inventory.Caller{Tenant: token.tenant, Name: "agent:" + agentID, Address: j.Address}
	return k, s.audit(ctx, c, "agent.enroll", audit.Ref{ID: agentID, Name: doc.Name, Kind: "agent"}, "", map[string]any{"join_token": token.id})
}

// Certified notes that an agent got another certificate.
func (s *Service) Certified(ctx context.Context, k Known, notAfter time.Time) error {
	_, err := change(ctx, s, tAgents, k.Tenant, k.ID, func(o *object[agentDoc]) error {
		o.doc.NotAfter = store.At(notAfter)
		return nil
	})
	return err
}
