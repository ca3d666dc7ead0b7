package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/approval"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/words"
	"maestro.internal/internal/rest"
)

func (s *Server) approvalRoutes() {
	const tag = "approvals"
	handle(s, route{method: "GET", path: "/approvals", id: "list-approvals", tag: tag, action: access.Read,
		summary: "What waits, or waited, for somebody to decide it, newest first"}, s.listApprovals)
	handle(s, route{method: "GET", path: "/approvals/{id}", id: "get-approval", tag: tag, action: access.Read,
		summary: "One approval: what it does and who has decided"}, s.getApproval)
	handle(s, route{method: "POST", path: "/approvals/{id}/approve", id: "approve", tag: tag, action: access.DecideApprovals,
		summary: "Say yes; it is carried out as soon as enough people have"}, s.approve)
	handle(s, route{method: "POST", path: "/approvals/{id}/refuse", id: "refuse", tag: tag, action: access.DecideApprovals,
		summary: "Say no, which ends it"}, s.refuseApproval)
	handle(s, route{method: "POST", path: "/approvals/{id}/withdraw", id: "withdraw-approval", tag: tag, action: access.DecideApprovals,
		summary: "Take back what one asked for"}, s.withdrawApproval)
	handle(s, route{method: "GET", path: "/approval-rules", id: "get-approval-rules", tag: tag, action: access.ReadSettings,
		summary: "What has to be approved, and by whom"}, s.getApprovalRules)
	handle(s, route{method: "PUT", path: "/approval-rules", id: "put-approval-rules", tag: tag, action: access.ManageApprovals,
		summary: "Say what has to be approved, and by whom"}, s.putApprovalRules)
}

// approvalProblem says what is wrong in words; nil for what is none of approvals.
func approvalProblem(err error) error {
	var ended *approval.EndedError
	var forbidden *approval.ForbiddenError
	switch {
	case errors.As(err, &ended):
		return problem(http.StatusConflict, "%s", sentence(ended.Error()))
	case errors.As(err, &forbidden):
		return problem(http.StatusForbidden, "%s", forbidden.Why)
	}
	return nil
}

// teamNames are the names of the tenant's teams by id, for those who read rules.
func (s *Server) teamNames(ctx context.Context, c access.Caller) (map[string]string, error) {
	teams, err := s.opt.Access.Teams(ctx, c)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for i := range teams {
		names[teams[i].ID] = teams[i].Name
	}
	return names, nil
}

func approvalDocument(in words.Language, v *approval.View, teams map[string]string) rest.Approval {
	d := rest.Approval{ID: v.ID, Kind: string(v.Kind), State: string(v.State), Title: in.Say(v.Title), Subject: v.Key, Count: v.Count, RequestedBy: v.RequestedBy,
		RequestedAt: v.RequestedAt, Reason: v.Reason, ExpiresAt: v.ExpiresAt, Needed: v.Needed, Approvals: v.Approvals(), MayDecide: v.WhyNot == nil,
		Settled: v.Settled, EndedAt: v.EndedAt, Problem: in.Say(v.Problem), Operation: v.Operation}
	for _, r := range v.Refs {
		d.Refs = append(d.Refs, rest.Ref{ID: r.ID, Name: r.Name, Kind: r.Kind})
	}
	for _, x := range v.Decisions {
		verdict := "refuse"
		if x.Approve {
			verdict = "approve"
		}
		d.Decisions = append(d.Decisions, rest.ApprovalDecision{By: x.By, At: x.At, Verdict: verdict, Reason: x.Reason})
	}
	if v.State == approval.Pending {
		for _, r := range v.Rule.Roles {
			d.Deciders = append(d.Deciders, rest.Ref{ID: r, Name: r, Kind: "role"})
		}
		for _, t := range v.Rule.Teams {
			d.Deciders = append(d.Deciders, rest.Ref{ID: t, Name: teams[t], Kind: "team"})
		}
	}
	if v.Kind == approval.BulkEdit {
		if ask, err := approval.AskingOf(&v.Approval); err == nil {
			d.Edit = &rest.ApprovalEdit{Kind: ask.Kind, Filter: ask.Filter, Found: ask.Resources, Fields: ask.Set, Reset: ask.Reset}
		}
	}
	if v.Kind == approval.Enrolment {
		if e, err := approval.EnrolmentOf(&v.Approval); err == nil {
			d.Enrolment = &rest.ApprovalEnrolment{Name: e.Name, Site: e.Site, Fingerprint: e.Fingerprint, Hostname: e.Hostname, Version: e.Version, OS: e.OS, Arch: e.Arch, Address: e.Address}
		}
	}
	if v.WhyNot != nil {
		d.WhyNot = in.Say(sentence(v.WhyNot.Error()))
	}
	return d
}

func (s *Server) listApprovals(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Approval]], error) {
	q := approval.Query{Limit: in.size()}
	question, after, err := s.terms(in, "approvals", terms{text: map[string]*string{"state": &q.State, "kind": &q.Kind, "requested_by": &q.RequestedBy}})
	if err != nil {
		return nil, err
	}
	q.After = after
	found, err := s.opt.Approvals.List(ctx, c, q)
	if err != nil {
		return nil, err
	}
	teams, err := s.teamNames(ctx, c)
	if err != nil {
		return nil, err
	}
	items := make([]rest.Approval, 0, len(found.Items))
	for i := range found.Items {
		items = append(items, approvalDocument(languageOf(ctx), &found.Items[i], teams))
	}
	if err := s.showEdits(ctx, c, items, found.Items); err != nil {
		return nil, err
	}
	return listOf(items, question, found.Next, found.Total, found.More)
}

func (s *Server) oneApproval(ctx context.Context, c access.Caller, v *approval.View, err error) (*out[rest.Approval], error) {
	if err != nil {
		return nil, orNotFound(err, "approval")
	}
	teams, err := s.teamNames(ctx, c)
	if err != nil {
		return nil, err
	}
	doc := approvalDocument(languageOf(ctx), v, teams)
	if err := s.showEdits(ctx, c, []rest.Approval{doc}, []approval.View{*v}); err != nil {
		return nil, err
	}
	if doc.Edit != nil {
		changes, err := s.opt.Transfer.Sample(ctx, c.Tenant, v.ID, v.Operation)
		if err != nil {
			return nil, err
		}
		if doc.Edit.Changes, err = s.shownChanges(ctx, c, changes); err != nil {
			return nil, err
		}
	}
	return &out[rest.Approval]{Body: doc}, nil
}

// showEdits adds what bulk edits set, as far as the caller may read it. Who sees an approval may read all that it concerns, but for
// what is sensitive.
func (s *Server) showEdits(ctx context.Context, c access.Caller, docs []rest.Approval, views []approval.View) error {
	var called *names
	hides := map[string]func(string) bool{}
	for i, d := range docs {
		if d.Edit == nil {
			continue
		}
		ask, err := approval.AskingOf(&views[i].Approval)
		if err != nil {
			return err
		}
		var asked struct {
			Set map[string]json.RawMessage `json:"set"` // as they are written, so that no number loses digits
		}
		if err := json.Unmarshal(ask.Request, &asked); err != nil {
			return fmt.Errorf("decode bulk edit of approval %s: %w", d.ID, err)
		}
		if called == nil {
			if called, err = s.names(ctx, c); err != nil {
				return err
			}
		}
		if hides[ask.Kind] == nil {
			if hides[ask.Kind], err = s.hides(ctx, c, ask.Kind); err != nil {
				return err
			}
		}
		for _, pointer := range ask.Set {
			if value, ok := asked.Set[pointer]; ok && !hides[ask.Kind](pointer) {
				is := called.called(rest.FieldChange{Pointer: pointer, New: value})
				d.Edit.Set = append(d.Edit.Set, rest.ApprovalField{Pointer: pointer, Value: value, Name: is.NewName})
			}
		}
	}
	return nil
}

func (s *Server) getApproval(ctx context.Context, c access.Caller, in *idIn) (*out[rest.Approval], error) {
	v, err := s.opt.Approvals.Get(ctx, c, in.ID)
	return s.oneApproval(ctx, c, v, err)
}

func (s *Server) approve(ctx context.Context, c access.Caller, in *decideIn) (*out[rest.Approval], error) {
	v, err := s.opt.Approvals.Decide(ctx, c, in.ID, true, in.reason())
	return s.oneApproval(ctx, c, v, err)
}

func (s *Server) refuseApproval(ctx context.Context, c access.Caller, in *decideIn) (*out[rest.Approval], error) {
	v, err := s.opt.Approvals.Decide(ctx, c, in.ID, false, in.reason())
	return s.oneApproval(ctx, c, v, err)
}

func (s *Server) withdrawApproval(ctx context.Context, c access.Caller, in *decideIn) (*out[rest.Approval], error) {
	v, err := s.opt.Approvals.Withdraw(ctx, c, in.ID, in.reason())
	return s.oneApproval(ctx, c, v, err)
}

// decideSubject decides something that waits by itself by what it is, and not by its approval.
func (s *Server) decideSubject(ctx context.Context, c access.Caller, k approval.Kind, key string, yes bool, reason string) (*approval.View, error) {
	v, err := s.opt.Approvals.Of(ctx, c, k, key)
	if err != nil {
		return nil, err
	}
	return s.opt.Approvals.Decide(ctx, c, v.ID, yes, reason)
}

func rulesDocument(r approval.Rules) *versioned[rest.ApprovalRules] {
	d := rest.ApprovalRules{Version: r.Version, UpdatedBy: r.UpdatedBy, UpdatedAt: r.UpdatedAt}
	for _, k := range approval.Kinds {
		x := r.Of[k]
		d.Items = append(d.Items, rest.ApprovalRule{Kind: string(k), Required: x.Required, Over: x.Over, ExpiresAfterHours: x.ExpiresAfterHours, Persons: x.Persons,
			RequesterMayDecide: x.RequesterMayDecide, Roles: x.Roles, Teams: x.Teams})
	}
	return &versioned[rest.ApprovalRules]{ETag: etag(r.Version), Body: d}
}

func (s *Server) getApprovalRules(ctx context.Context, c access.Caller, _ *none) (*versioned[rest.ApprovalRules], error) {
	r, err := s.opt.Approvals.Rules(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	return rulesDocument(r), nil
}

type putApprovalRulesIn struct {
	IfMatch string `header:"If-Match" doc:"The version edited, as in the ETag; required"`
	Body    rest.ApprovalRulesWrite
}

func (s *Server) putApprovalRules(ctx context.Context, c access.Caller, in *putApprovalRulesIn) (*versioned[rest.ApprovalRules], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	teams, err := s.teamNames(ctx, c)
	if err != nil {
		return nil, err
	}
	roles, err := s.opt.Access.Roles(ctx, c)
	if err != nil {
		return nil, err
	}
	of := map[approval.Kind]approval.Rule{}
	for _, x := range in.Body.Items {
		k := approval.Kind(x.Kind)
		if _, twice := of[k]; twice {
			return nil, &inventory.InvalidError{Pointer: "/items", Problem: "names " + x.Kind + " twice"}
		}
		for _, r := range x.Roles {
			if !slices.ContainsFunc(roles, func(known access.RoleInfo) bool { return string(known.Name) == r }) {
				return nil, &inventory.InvalidError{Pointer: "/items", Problem: "says that the role " + r + " decides; there is none of that name"}
			}
		}
		for _, t := range x.Teams {
			if _, known := teams[t]; !known {
				return nil, &inventory.InvalidError{Pointer: "/items", Problem: "says that the team " + t + " decides; there is none with that id"}
			}
		}
		of[k] = approval.Rule{Required: x.Required, Over: x.Over, ExpiresAfterHours: x.ExpiresAfterHours, Persons: x.Persons,
			RequesterMayDecide: x.RequesterMayDecide, Roles: x.Roles, Teams: x.Teams}
	}
	r, err := s.opt.Approvals.SetRules(ctx, c, of, version, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return rulesDocument(r), nil
}
