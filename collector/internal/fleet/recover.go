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
	"maestro.internal/internal/rest"
)

// An agent whose certificate has expired holds its key still, but so may whoever found its disk: it comes back only when an
// administrator says so, so many times and not for ever.

const defaultRecoveryTTL = 24 * time.Hour

// GrantRecovery allows an agent to get a certificate after its own has expired.
func (s *Service) GrantRecovery(ctx context.Context, c inventory.Caller, id string, g rest.RecoveryGrant) (rest.Agent, error) {
	count, ttl := 1, time.Duration(g.TTLSeconds)*time.Second
	if g.Count != nil {
		count = *g.Count
	}
	if ttl <= 0 {
		ttl = defaultRecoveryTTL
	}
	until := store.At(s.now().Add(ttl))
	o, err := change(ctx, s, tAgents, c.Tenant, id, func(o *object[agentDoc]) error {
		if !o.doc.RevokedAt.IsZero() {
			return &inventory.ConflictError{ResourceID: id, Problem: "the agent was revoked; enroll it again with a new join token"}
		}
		o.doc.Recoveries, o.doc.RecoveryUntil = count, until
		if count == 0 {
			o.doc.RecoveryUntil = store.Time{}
		}
		return nil
	})
	if err != nil {
		return rest.Agent{}, err
	}
	detail := map[string]any{"count": count}
	if count > 0 {
		detail["until"] = until
	}
	if err := s.audit(ctx, c, "agent.allow_recovery", audit.Ref{ID: id, Name: o.doc.Name, Kind: "agent"}, g.Reason, detail); err != nil {
		return rest.Agent{}, err
	}
	return s.agentView(ctx, o)
}

func (s *Service) mayRecover(d agentDoc) bool {
	return d.Recoveries > 0 && s.now().Before(d.RecoveryUntil.Time)
}

// ErrRecovery says that no recovery is allowed.
var ErrRecovery = errors.New("no recovery is allowed for this agent; allow one with `maestro agents recovery`, or enroll it again with a new join token")

// Recover counts one recovery of an agent that proved that it holds the bound key.
func (s *Service) Recover(ctx context.Context, agentID string, keyHash [32]byte, address string) (Known, error) {
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tAgents, AllTenants: true, Where: eq(text("key_hash"), hex.EncodeToString(keyHash[:])), Limit: 2})
	if err != nil {
		return Known{}, fmt.Errorf("find agent: %w", err)
	}
	if len(page.Rows) != 1 || page.Rows[0].ID != agentID {
		return Known{}, ErrStranger
	}
	tenant := page.Rows[0].Tenant
	k, err := s.Authenticate(ctx, tenant, agentID, keyHash)
	if err != nil {
		return Known{}, err
	}
	_, err = change(ctx, s, tAgents, tenant, agentID, func(o *object[agentDoc]) error {
		if !s.mayRecover(o.doc) {
			return ErrRecovery
		}
		if o.doc.Recoveries--; o.doc.Recoveries == 0 {
			o.doc.RecoveryUntil = store.Time{}
		}
		return nil
	})
	entry := audit.Entry{Tenant: tenant, Actor: "agent:" + agentID, Address: address, Action: "agent.recover", Object: &audit.Ref{ID: agentID, Name: k.Name, Kind: "agent"}}
	if err != nil {
		entry.Outcome, entry.Reason = audit.Refused, err.Error()
	}
	_, auditErr := s.opt.Audit.Write(ctx, entry)
	return k, errors.Join(err, auditErr)
}
