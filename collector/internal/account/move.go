package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

// DeniedError says which right is missing to have an account serve somebody else.
type DeniedError struct{ Problem string }

func (e *DeniedError) Error() string { return e.Problem }

// Request asks to move an account.
type Request struct {
	Kind, ID string
	// Version that was looked at.
	Version int64
	// Client that it is to serve; "" is nobody in particular.
	Client string
	// Grants on the account itself, or on what is in it, are taken away unless all are kept or their ids are named.
	KeepAll bool
	Keep    []string
	Reason  string
	// Roots are all access roots of the account as it is.
	Roots []string
}

// Plan is what a move does.
type Plan struct {
	Account inventory.Account
	Version int64
	// From and To are nil for nobody in particular.
	From, To *inventory.Head
	// Resources are counted exactly up to 10,000; More says that there are more.
	Resources int
	More      bool
	// Connections move with a datacenter.
	Connections []rest.Ref
	// Loses and Gains are people and tokens that may do less, or more, with the account itself afterwards.
	Loses, Gains []Shift
	Grants       []Own
	// Systems of the client it leaves have parts in it: these parts stay seen by the client's people.
	Systems []Remaining

	before, after []string // access roots
}

// Shift is somebody whose right on the account changes.
type Shift struct {
	Subject       access.Subject
	Name          string
	Before, After access.Right
}

// Own is a grant on the account itself or on something in it, which the move takes away unless it is kept.
type Own struct {
	access.Grant
	Kept bool
}

// Remaining is a system with so many parts in the account.
type Remaining struct {
	inventory.Head
	Parts int
}

// mostSystems bounds those that a plan looks at.
const mostSystems = 50

// Check says whether the caller may say that something serves a client, and answers the id that the client has now. The client's people see the
// account from then on, so it takes the right to decide who sees what on both; roots are of the account, nil for one that is not made yet.
func (s *Service) Check(ctx context.Context, c access.Caller, as inventory.Caller, client string, roots []string) (inventory.Head, error) {
	missing := &inventory.InvalidError{Pointer: "/client", Problem: "there is no such client, or you may not see it"}
	found, err := s.opt.Inventory.HeadsOf(ctx, as, []string{client})
	if err != nil {
		return inventory.Head{}, err
	}
	h, ok := found[client]
	switch {
	case !ok || h.Kind != access.KindClient:
		return h, missing
	case h.State == inventory.Gone:
		return h, &inventory.InvalidError{Pointer: "/client", Problem: fmt.Sprintf("the client %q is gone", h.Name)}
	case !c.Administers([]string{h.ID}):
		return h, &DeniedError{fmt.Sprintf("Whoever gives an account to a client decides what its people see: that takes the right to administer the client %q.", h.Name)}
	case !c.Administers(roots):
		return h, &DeniedError{"Whoever says whom an account serves decides who sees it: that takes the right to administer the account."}
	}
	return h, nil
}

// Plan says what a move would do, or why it may not be done.
func (s *Service) Plan(ctx context.Context, c access.Caller, as inventory.Caller, req Request) (*Plan, error) {
	a, version, err := s.opt.Fleet.Account(ctx, as, req.Kind, req.ID)
	if err != nil {
		return nil, err
	}
	p := &Plan{Account: a, Version: version, before: req.Roots, Connections: []rest.Ref{}}
	if err := s.ends(ctx, c, as, req, p); err != nil {
		return nil, err
	}
	if version != req.Version {
		return nil, &inventory.StaleError{Current: version}
	}
	if err := s.opt.Fleet.CheckMove(ctx, c.Tenant, req.Kind, req.ID, p.client()); err != nil {
		return nil, err
	}
	if p.Resources, p.More, err = s.opt.Inventory.CountIn(ctx, c.Tenant, req.Kind, req.ID); err != nil {
		return nil, err
	}
	if req.Kind == fleet.KindDatacenter {
		if p.Connections, err = s.opt.Fleet.Within(ctx, c.Tenant, req.ID); err != nil {
			return nil, err
		}
	}
	if err := s.grants(ctx, c.Tenant, req, p); err != nil {
		return nil, err
	}
	if err := s.shifts(ctx, c.Tenant, p); err != nil {
		return nil, err
	}
	return p, s.remaining(ctx, c.Tenant, p)
}

// client is the id that the account is told.
func (p *Plan) client() string {
	if p.To == nil {
		return ""
	}
	return p.To.ID
}

// ends finds both clients and asks for the rights on them.
func (s *Service) ends(ctx context.Context, c access.Caller, as inventory.Caller, req Request, p *Plan) error {
	if !c.Administers(req.Roots) {
		return &DeniedError{fmt.Sprintf("To move the %s %q to another client takes the right to administer it.", p.Account.Kind, p.Account.Name)}
	}
	lines, err := s.opt.Inventory.Clients(ctx, c.Tenant, []string{p.Account.Client})
	if err != nil {
		return err
	}
	old := lines[p.Account.Client]
	if p.Account.Client != "" {
		if !c.Administers(old.Line) {
			return &DeniedError{fmt.Sprintf("The %s %q serves a client. To take it from there takes the right to administer that client.", p.Account.Kind, p.Account.Name)}
		}
		p.From = &old.Head
		if p.From.ID == "" { // it is gone for good
			p.From = &inventory.Head{ID: p.Account.Client, Kind: access.KindClient, Name: p.Account.Client}
		}
	}
	p.after = slices.DeleteFunc(slices.Clone(req.Roots), func(r string) bool { return slices.Contains(old.Line, r) })
	if req.Client != "" {
		to, err := s.Check(ctx, c, as, req.Client, req.Roots)
		if err != nil {
			return err
		}
		p.To, p.after = &to, append(p.after, to.ID)
	}
	if p.client() == p.Account.Client || p.From != nil && p.From.ID == p.client() {
		if p.To == nil {
			return &inventory.InvalidError{Problem: fmt.Sprintf("the %s %q serves nobody in particular already", p.Account.Kind, p.Account.Name)}
		}
		return &inventory.InvalidError{Problem: fmt.Sprintf("the %s %q serves the client %q already", p.Account.Kind, p.Account.Name, p.To.Name)}
	}
	return nil
}

// grants finds those that would survive the move: on the account itself, on the connections in it and on its resources, of everybody
// to whom nothing is granted on the new client, neither himself nor by a team. What is granted on something that nobody has served so
// far is nobody's to lose.
func (s *Service) grants(ctx context.Context, tenant string, req Request, p *Plan) error {
	p.Grants = []Own{}
	if p.From == nil {
		return nil
	}
	list, err := s.opt.Access.GrantsTo(ctx, tenant)
	if err != nil {
		return err
	}
	inside := map[string]bool{req.ID: true}
	for _, x := range p.Connections {
		inside[x.ID] = true
	}
	welcome, err := s.welcome(ctx, tenant, p.To)
	if err != nil {
		return err
	}
	var single []string
	for _, g := range list {
		switch g.Target.Kind {
		case access.KindTenant, access.KindDatacenter, access.KindConnection, access.KindClient:
		default:
			single = append(single, g.Target.ID)
		}
	}
	heads, err := s.opt.Inventory.Beneath(ctx, tenant, single, []string{req.ID})
	if err != nil {
		return err
	}
	for _, h := range heads {
		inside[h.ID] = true
	}
	for _, g := range list {
		if g.Target.Kind != access.KindTenant && inside[g.Target.ID] && !welcome[g.Subject] {
			p.Grants = append(p.Grants, Own{Grant: g, Kept: req.KeepAll || slices.Contains(req.Keep, g.ID)})
		}
	}
	return nil
}

// welcome are those to whom something is granted on a client: people, tokens and the teams by which they have it.
func (s *Service) welcome(ctx context.Context, tenant string, to *inventory.Head) (map[access.Subject]bool, error) {
	out := map[access.Subject]bool{}
	if to == nil {
		return out, nil
	}
	entries, err := s.opt.Access.Entries(ctx, tenant, []string{to.ID})
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		for _, r := range e.Reasons {
			if r.Grant.Target.Kind == access.KindClient {
				out[e.Subject], out[r.Grant.Subject] = true, true
			}
		}
	}
	return out, nil
}

func (p *Plan) taken() []string {
	var out []string
	for _, g := range p.Grants {
		if !g.Kept {
			out = append(out, g.ID)
		}
	}
	return out
}

// shifts asks the one policy function what everybody may do before and after.
func (s *Service) shifts(ctx context.Context, tenant string, p *Plan) error {
	before, err := s.opt.Access.Entries(ctx, tenant, p.before)
	if err != nil {
		return err
	}
	after, err := s.opt.Access.EntriesWithout(ctx, tenant, p.after, p.taken())
	if err != nil {
		return err
	}
	then := map[access.Subject]access.Right{}
	for _, e := range after {
		then[e.Subject] = e.Right
	}
	had := map[access.Subject]bool{}
	for _, e := range before {
		had[e.Subject] = true
		shift := Shift{Subject: e.Subject, Name: e.Name, Before: e.Right, After: then[e.Subject]}
		switch {
		case shift.After < shift.Before:
			p.Loses = append(p.Loses, shift)
		case shift.After > shift.Before:
			p.Gains = append(p.Gains, shift)
		}
	}
	for _, e := range after {
		if !had[e.Subject] {
			p.Gains = append(p.Gains, Shift{Subject: e.Subject, Name: e.Name, After: e.Right})
		}
	}
	return nil
}

// remaining finds what the old client's people keep seeing, since it is part of systems that serve them.
func (s *Service) remaining(ctx context.Context, tenant string, p *Plan) error {
	p.Systems = []Remaining{}
	if p.From == nil {
		return nil
	}
	systems, err := s.opt.Inventory.SystemsOf(ctx, tenant, p.From.ID)
	if err != nil {
		return err
	}
	systems = systems[:min(len(systems), mostSystems)]
	named, err := s.opt.Inventory.HeadsOf(ctx, inventory.Caller{Tenant: tenant, TenantWide: true}, systems)
	if err != nil {
		return err
	}
	for _, id := range systems {
		parts, err := s.opt.Inventory.PartsOf(ctx, tenant, id)
		if err != nil {
			return err
		}
		in, err := s.opt.Inventory.Beneath(ctx, tenant, append(parts, id), []string{p.Account.ID})
		if err != nil {
			return err
		}
		if len(in) > 0 {
			p.Systems = append(p.Systems, Remaining{Head: named[id], Parts: len(in)})
		}
	}
	return nil
}

// Move does what the plan says. That the account serves another client is one write, and the old client's people are out with their next
// request; what follows from it is carried through by whoever began it or, after a crash, by Sweep.
func (s *Service) Move(ctx context.Context, c access.Caller, as inventory.Caller, req Request) (*Plan, error) {
	p, err := s.Plan(ctx, c, as, req)
	if err != nil {
		return nil, err
	}
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Address: c.Address, Action: p.Account.Kind + ".move", Reason: req.Reason,
		Object: &audit.Ref{ID: p.Account.ID, Name: p.Account.Name, Kind: p.Account.Kind}, Detail: p.detail()})
	if err != nil {
		return nil, fmt.Errorf("audit move: %w", err)
	}
	left := fleet.Moving{Grants: p.taken(), AuditID: entry}
	if err := s.opt.Fleet.Move(ctx, c.Tenant, req.Kind, req.ID, req.Version, p.client(), left); err != nil {
		return nil, errors.Join(fmt.Errorf("move %s: %w", req.Kind, err), s.opt.Audit.Finish(context.WithoutCancel(ctx), c.Tenant, entry, err))
	}
	// Who asked may go away; what was begun is carried through.
	ctx = context.WithoutCancel(ctx)
	if err := s.settle(ctx, c.Tenant, req.Kind, req.ID, left); err != nil {
		return nil, err
	}
	_, p.Version, err = s.opt.Fleet.Account(ctx, inventory.Caller{Tenant: c.Tenant, TenantWide: true}, req.Kind, req.ID)
	return p, err
}

// mostNamed bounds the grants that an entry names one by one.
const mostNamed = 200

// detail is what the audit trail keeps: both clients by id and name, and what was taken.
func (p *Plan) detail() map[string]any {
	end := func(h *inventory.Head) any {
		if h == nil {
			return nil
		}
		return map[string]any{"id": h.ID, "name": h.Name}
	}
	var taken, kept []any
	for _, g := range p.Grants {
		text := fmt.Sprintf("%s: %s on the %s %s", g.Subject, g.Right, g.Target.Kind, g.Target.Name)
		if g.Kept {
			kept = append(kept, text)
		} else {
			taken = append(taken, text)
		}
	}
	d := map[string]any{"from": end(p.From), "to": end(p.To), "resources": p.Resources, "taken": len(taken), "kept": len(kept)}
	if len(taken) > 0 {
		d["grants_taken"] = taken[:min(len(taken), mostNamed)]
	}
	if len(kept) > 0 {
		d["grants_kept"] = kept[:min(len(kept), mostNamed)]
	}
	if len(p.Connections) > 0 {
		list := make([]any, len(p.Connections))
		for i, x := range p.Connections {
			list[i] = map[string]any{"id": x.ID, "name": x.Name}
		}
		d["connections"] = list
	}
	return d
}

// settle does what is left of a move. It may be done again.
func (s *Service) settle(ctx context.Context, tenant, kind, id string, left fleet.Moving) error {
	if err := s.opt.Access.Take(ctx, tenant, left.Grants); err != nil {
		return fmt.Errorf("take grants: %w", err)
	}
	if err := s.tellConnections(ctx, tenant, id, left.AuditID); err != nil {
		return err
	}
	if err := s.opt.Audit.Finish(ctx, tenant, left.AuditID, nil); err != nil {
		return fmt.Errorf("finish audit entry of move: %w", err)
	}
	if err := s.opt.Fleet.Settled(ctx, tenant, kind, id, left.AuditID); err != nil {
		return fmt.Errorf("settle move: %w", err)
	}
	s.opt.Inventory.Wake()
	return nil
}

// tellConnections writes an entry for each connection that moved with its datacenter, so that its own history tells of it.
func (s *Service) tellConnections(ctx context.Context, tenant, id, entry string) error {
	e, err := s.opt.Audit.Get(ctx, tenant, entry)
	if err != nil {
		return fmt.Errorf("read audit entry of move: %w", err)
	}
	list, _ := e.Detail["connections"].([]any)
	if e.Outcome != audit.Pending {
		return nil // told already
	}
	for _, x := range list {
		m, _ := x.(map[string]any)
		conn, _ := m["id"].(string)
		name, _ := m["name"].(string)
		_, err := s.opt.Audit.Write(ctx, audit.Entry{Tenant: tenant, Actor: e.Actor, Address: e.Address, Action: "connection.move", Reason: e.Reason,
			Object: &audit.Ref{ID: conn, Name: name, Kind: fleet.KindConnection}, Detail: map[string]any{"from": e.Detail["from"], "to": e.Detail["to"], "with_datacenter": id}})
		if err != nil {
			return fmt.Errorf("audit move of connection: %w", err)
		}
	}
	return nil
}

// leftAfter is when a move that is not finished is taken for left behind.
const leftAfter = time.Minute

// Sweep finishes the moves that a crash left behind.
func (s *Service) Sweep(ctx context.Context, now time.Time) error {
	return s.opt.Fleet.LeftBehind(ctx, now.Add(-leftAfter), func(tenant, kind, id string, left fleet.Moving) error {
		return s.settle(ctx, tenant, kind, id, left)
	})
}
