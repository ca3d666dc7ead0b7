package api

import (
	"context"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/approval"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

func (s *Server) listHistory(ctx context.Context, c access.Caller, in *resourceListIn) (*out[rest.List[rest.Change]], error) {
	question, after, err := plainList(&in.ListIn, "history", in.Kind, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := s.opt.Inventory.History(ctx, domainCaller(c), in.Kind, in.ID, after, in.size())
	if err != nil {
		return nil, orNotFound(err, "resource")
	}
	return s.changeList(ctx, c, found, question)
}

func (s *Server) listChanges(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Change]], error) {
	q := inventory.ChangeQuery{Limit: in.size()}
	question, after, err := s.terms(in, "changes", terms{
		text: map[string]*string{"kind": &q.Kind, "resource_id": &q.ResourceID, "run_id": &q.RunID, "connection": &q.Connection, "action": &q.Action},
		from: &q.Since, until: &q.Until, named: s.naming(ctx, c),
	})
	if err != nil {
		return nil, err
	}
	q.After = after
	found, err := s.opt.Inventory.Changes(ctx, domainCaller(c), q)
	if err != nil {
		return nil, err
	}
	return s.changeList(ctx, c, found, question)
}

func (s *Server) changeList(ctx context.Context, c access.Caller, found *inventory.ChangeList, question string) (*out[rest.List[rest.Change]], error) {
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	items := make([]rest.Change, 0, len(found.Items))
	for i := range found.Items {
		items = append(items, changeDocument(&found.Items[i], names))
	}
	return listOf(items, question, found.Next, found.Total, found.More)
}

// auditTerms are what the filters of audit entries may name.
func auditTerms(q *audit.Query) terms {
	return terms{
		text: map[string]*string{"actor": &q.Actor, "action": &q.Action, "object": &q.ObjectID, "outcome": &q.Outcome},
		from: &q.Since, until: &q.Until,
	}
}

func auditDocument(e *audit.Entry) rest.AuditEntry {
	d := rest.AuditEntry{ID: e.ID, At: e.At, Actor: e.Actor, Action: e.Action, Outcome: e.Outcome, Address: e.Address, Reason: e.Reason, Detail: e.Detail}
	if e.Object != nil {
		d.Object = &rest.Ref{ID: e.Object.ID, Name: e.Object.Name, Kind: e.Object.Kind}
	}
	return d
}

func (s *Server) listAudit(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.AuditEntry]], error) {
	q := audit.Query{Limit: in.size()}
	question, after, err := s.terms(in, "audit", auditTerms(&q))
	if err != nil {
		return nil, err
	}
	q.After = after
	found, err := s.opt.Audit.List(ctx, c.Tenant, q)
	if err != nil {
		return nil, err
	}
	items := make([]rest.AuditEntry, 0, len(found.Entries))
	for i := range found.Entries {
		items = append(items, auditDocument(&found.Entries[i]))
	}
	return listOf(items, question, found.Next, found.Total, found.Next != "" && found.Total >= 10_000)
}

func (s *Server) listRuns(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Run]], error) {
	q := inventory.RunQuery{Limit: in.size()}
	question, after, err := s.terms(in, "runs", terms{
		text: map[string]*string{"connection": &q.Connection, "state": &q.State, "agent": &q.Agent}, named: s.naming(ctx, c),
	})
	if err != nil {
		return nil, err
	}
	q.After = after
	found, err := s.opt.Inventory.Runs(ctx, domainCaller(c), q)
	if err != nil {
		return nil, err
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	items := make([]rest.Run, 0, len(found.Items))
	for i := range found.Items {
		items = append(items, runDocument(&found.Items[i], names))
	}
	return listOf(items, question, found.Next, found.Total, found.More)
}

func (s *Server) getRun(ctx context.Context, c access.Caller, in *idIn) (*out[rest.Run], error) {
	r, err := s.opt.Inventory.Run(ctx, domainCaller(c), in.ID)
	if err != nil {
		return nil, orNotFound(err, "run")
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	return &out[rest.Run]{Body: runDocument(r, names)}, nil
}

func (s *Server) listRunScopes(ctx context.Context, c access.Caller, in *listOfIn) (*out[rest.List[rest.RunScope]], error) {
	question, after, err := plainList(&in.ListIn, "run scopes", in.ID)
	if err != nil {
		return nil, err
	}
	found, err := s.opt.Inventory.RunScopes(ctx, domainCaller(c), in.ID, after, in.size())
	if err != nil {
		return nil, orNotFound(err, "run")
	}
	items := make([]rest.RunScope, 0, len(found.Items))
	for i := range found.Items {
		items = append(items, runScopeDocument(&found.Items[i]))
	}
	return listOf(items, question, found.Next, found.Total, false)
}

func (s *Server) getCoverage(ctx context.Context, c access.Caller, in *coverageIn) (*out[rest.Coverage], error) {
	if in.Kind != "" {
		if _, err := s.kind(ctx, c, in.Kind); err != nil {
			return nil, err
		}
	}
	cov, err := s.opt.Inventory.Coverage(ctx, domainCaller(c), in.Kind)
	if err != nil {
		return nil, err
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	return &out[rest.Coverage]{Body: coverageDocument(cov, names)}, nil
}

func (s *Server) listRemovals(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.HeldRemoval]], error) {
	q := inventory.HeldQuery{Limit: in.size()}
	question, after, err := s.terms(in, "removals", terms{text: map[string]*string{"state": &q.State, "connection": &q.Connection}, not: map[string]*string{"state": &q.NotState}, named: s.naming(ctx, c)})
	if err != nil {
		return nil, err
	}
	q.After = after
	found, err := s.opt.Inventory.HeldRemovals(ctx, domainCaller(c), q)
	if err != nil {
		return nil, err
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	items := make([]rest.HeldRemoval, 0, len(found.Items))
	for i := range found.Items {
		items = append(items, removalDocument(&found.Items[i], names))
	}
	return listOf(items, question, found.Next, found.Total, false)
}

func (s *Server) getRemoval(ctx context.Context, c access.Caller, in *idIn) (*out[rest.HeldRemoval], error) {
	h, err := s.opt.Inventory.HeldRemoval(ctx, domainCaller(c), in.ID)
	return s.oneRemoval(ctx, c, h, err)
}

func (s *Server) approveRemoval(ctx context.Context, c access.Caller, in *decideIn) (*out[rest.HeldRemoval], error) {
	return s.decideRemoval(ctx, c, in, true)
}

func (s *Server) refuseRemoval(ctx context.Context, c access.Caller, in *decideIn) (*out[rest.HeldRemoval], error) {
	return s.decideRemoval(ctx, c, in, false)
}

// decideRemoval decides the approval of a held removal; where more people are needed it stays held.
func (s *Server) decideRemoval(ctx context.Context, c access.Caller, in *decideIn, yes bool) (*out[rest.HeldRemoval], error) {
	h, err := s.opt.Inventory.HeldRemoval(ctx, domainCaller(c), in.ID)
	if err != nil {
		return nil, orNotFound(err, "held removal")
	}
	if h.State != "held" {
		return nil, inventory.ErrNotHeld
	}
	if _, err := s.decideSubject(ctx, c, approval.Removal, in.ID, yes, in.reason()); err != nil {
		return nil, orNotFound(err, "held removal")
	}
	h, err = s.opt.Inventory.HeldRemoval(ctx, domainCaller(c), in.ID)
	return s.oneRemoval(ctx, c, h, err)
}

func (s *Server) oneRemoval(ctx context.Context, c access.Caller, h *inventory.HeldRemoval, err error) (*out[rest.HeldRemoval], error) {
	if err != nil {
		return nil, orNotFound(err, "held removal")
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	return &out[rest.HeldRemoval]{Body: removalDocument(h, names)}, nil
}
