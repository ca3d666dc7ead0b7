package api

import (
	"context"
	"slices"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/account"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

type moveIn struct {
	ID      string `path:"id" maxLength:"200"`
	IfMatch string `header:"If-Match" doc:"The version that was looked at, as the ETag had it"`
	Body    rest.AccountMove
}

func (s *Server) accountRoutes() {
	handle(s, route{method: "POST", path: "/datacenters/{id}/move", id: "move-datacenter", tag: "fleet", action: access.ManageGrants,
		summary: "Have a datacenter serve another client, or say what that would do"}, s.moveDatacenter)
	handle(s, route{method: "POST", path: "/connections/{id}/move", id: "move-connection", tag: "fleet", action: access.ManageGrants,
		summary: "Have a connection serve another client by its own word, or say what that would do"}, s.moveConnection)
}

func (s *Server) moveDatacenter(ctx context.Context, c access.Caller, in *moveIn) (*out[rest.AccountMoved], error) {
	return s.moveAccount(ctx, c, access.KindDatacenter, in)
}

func (s *Server) moveConnection(ctx context.Context, c access.Caller, in *moveIn) (*out[rest.AccountMoved], error) {
	return s.moveAccount(ctx, c, access.KindConnection, in)
}

func (s *Server) moveAccount(ctx context.Context, c access.Caller, kind string, in *moveIn) (*out[rest.AccountMoved], error) {
	p, err := s.place(ctx, c, kind, in.ID)
	if err != nil {
		return nil, err
	}
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	req := account.Request{Kind: kind, ID: in.ID, Version: version, Client: in.Body.Client, KeepAll: in.Body.KeepGrants, Keep: in.Body.Keep, Reason: in.Body.Reason, Roots: p.roots()}
	do := s.opt.Accounts.Move
	if in.Body.DryRun {
		do = s.opt.Accounts.Plan
	}
	done, err := do(ctx, c, domainCaller(c), req)
	if err != nil {
		return nil, orNotFound(err, kind)
	}
	if !in.Body.DryRun {
		s.rights.changed()
	}
	doc, err := s.movedDocument(ctx, c, done)
	doc.DryRun = in.Body.DryRun
	return &out[rest.AccountMoved]{Body: doc}, err
}

// mostShifts bounds the people that an answer names.
const mostShifts = 500

func (s *Server) movedDocument(ctx context.Context, c access.Caller, p *account.Plan) (rest.AccountMoved, error) {
	names, err := s.opt.Access.Names(ctx, c.Tenant)
	if err != nil {
		return rest.AccountMoved{}, err
	}
	ref := func(h *inventory.Head) *rest.Ref {
		if h == nil {
			return nil
		}
		return &rest.Ref{ID: h.ID, Name: h.Name}
	}
	shifts := func(list []account.Shift) []rest.AccessShift {
		docs := []rest.AccessShift{}
		for _, x := range list[:min(len(list), mostShifts)] {
			docs = append(docs, rest.AccessShift{Subject: subjectDocument(x.Subject, names), Before: x.Before.String(), After: x.After.String()})
		}
		return docs
	}
	doc := rest.AccountMoved{Account: rest.AccessTarget{Kind: p.Account.Kind, ID: p.Account.ID, Name: p.Account.Name}, Version: p.Version, From: ref(p.From), To: ref(p.To),
		Resources: p.Resources, More: p.More, Connections: p.Connections, Loses: shifts(p.Loses), Gains: shifts(p.Gains), Shifts: len(p.Loses) + len(p.Gains),
		Grants: []rest.AccountGrant{}, Systems: []rest.RemainingSystem{}}
	for _, g := range p.Grants {
		doc.Grants = append(doc.Grants, rest.AccountGrant{Grant: grantDocument(g.Grant, names), Kept: g.Kept})
	}
	for _, x := range p.Systems {
		doc.Systems = append(doc.Systems, rest.RemainingSystem{Ref: rest.Ref{ID: x.ID, Name: x.Name}, Parts: x.Parts})
	}
	return doc, nil
}

// mayServe replaces the client that an edit names by what it has become, and says whether the caller may say so. roots are of what is edited,
// nil for what is being made; one that serves the client already is nobody's decision.
func (s *Server) mayServe(ctx context.Context, c access.Caller, client *string, was *rest.Ref, roots []string) error {
	if *client == "" || was != nil && was.ID == *client {
		return nil
	}
	h, err := s.opt.Accounts.Check(ctx, c, domainCaller(c), *client, roots)
	*client = h.ID
	return err
}

// withClients adds the clients whose grants lead to a place: through the accounts that it lies in and the systems that it is part of.
func (s *Server) withClients(ctx context.Context, c access.Caller, p *place) error {
	ways, err := s.opt.Accounts.Ways(ctx, c.Tenant, append([]access.Target{p.target}, p.also...))
	if err != nil {
		return err
	}
	p.through = map[string]access.Target{}
	for _, w := range ways {
		if slices.Contains(p.roots(), w.Client.ID) {
			continue
		}
		if access.Decide(c, access.Read, access.Object{Roots: []string{w.Client.ID}}) != access.Allowed {
			w.Client.Name = "" // that there is one decides who may read this; what it is called is its own
		}
		p.also = append(p.also, w.Client)
		p.through[w.Client.ID] = w.Through
	}
	return nil
}
