package api

import (
	"context"
	"net/http"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/internal/rest"
)

type verifyIn struct {
	Body *rest.AuditVerify `required:"false"`
}

func (s *Server) verifyAudit(ctx context.Context, c access.Caller, in *verifyIn) (*out[rest.AuditVerification], error) {
	if !s.verifying.TryLock() {
		return nil, problem(http.StatusConflict, "The history is being verified already. Ask again when that has ended.")
	}
	defer s.verifying.Unlock()
	var expect []string
	if in.Body != nil {
		expect = in.Body.Expect
	}
	v, err := s.opt.Ledger.Verify(ctx, []string{c.Tenant}, expect)
	if err != nil {
		return nil, err
	}
	doc := rest.AuditVerification{OK: v.OK(), Entries: v.Entries, Sealed: v.Sealed, Purged: v.Purged, Checkpoints: v.Checkpoints, More: v.More,
		Findings: []rest.AuditFinding{}, Heads: []rest.AuditHead{}}
	for _, f := range v.Findings {
		doc.Findings = append(doc.Findings, rest.AuditFinding{Stream: f.Stream, ID: f.ID, At: f.At, Problem: f.Problem})
	}
	for _, h := range v.Heads {
		doc.Heads = append(doc.Heads, rest.AuditHead{Stream: h.Stream, Number: h.Number, Hash: h.Hash, Until: h.Until})
	}
	_, err = s.opt.Audit.Write(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "audit.verify",
		Detail: map[string]any{"entries": v.Entries, "findings": len(v.Findings)}})
	if err != nil {
		return nil, err
	}
	return &out[rest.AuditVerification]{Body: doc}, nil
}
