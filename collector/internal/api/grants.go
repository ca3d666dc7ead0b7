package api

import (
	"context"
	"fmt"
	"strings"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
)

// AccessIn names what access is asked about: the tenant, a datacenter, a connection or a resource.
type AccessIn struct {
	Kind string `path:"kind" maxLength:"200" doc:"datacenter, connection, or the kind of a resource"`
	ID   string `path:"id" maxLength:"200"`
}

type explainIn struct {
	AccessIn
	Subject string `query:"subject" required:"true" maxLength:"220" example:"user:anna" doc:"user:NAME, token:ID or team:ID"`
}

func (s *Server) grantRoutes() {
	const tag = "access"
	handle(s, route{method: "GET", path: "/grants", id: "list-grants", tag: tag, action: access.ManageGrants,
		summary: "Who was granted what, where the caller administers"}, s.listGrants)
	handle(s, route{method: "POST", path: "/grants", id: "create-grant", tag: tag, action: access.ManageGrants, status: 201,
		summary: "Grant a right, in place of what the same subject had on the same target"}, s.createGrant)
	handle(s, route{method: "DELETE", path: "/grants/{id}", id: "delete-grant", tag: tag, action: access.ManageGrants,
		summary: "Take a grant back"}, s.deleteGrant)
	handle(s, route{method: "GET", path: "/access/{kind}/{id}", id: "get-access", tag: tag, action: access.Read,
		summary: "Who may do what with an object, and through which role or grant"}, s.getAccess)
	handle(s, route{method: "GET", path: "/access/{kind}/{id}/explain", id: "explain-access", tag: tag, action: access.Read,
		summary: "Why somebody can, or cannot, see an object"}, s.explainAccess)
}

// place is an object that rights are about, with what else leads to it.
type place struct {
	target access.Target
	also   []access.Target
	// through says of clients among them by what of the place they lead to it.
	through map[string]access.Target
}

// roots are all that a grant on leads to the place.
func (p place) roots() []string {
	roots := []string{p.target.Root()}
	for _, t := range p.also {
		roots = append(roots, t.Root())
	}
	return roots
}

func (p place) object() access.Object { return access.Object{Roots: p.roots()} }

// place finds what a target names, as far as the caller may read it; that one may not is the same as that there is none.
func (s *Server) place(ctx context.Context, c access.Caller, kind, id string) (place, error) {
	p := place{target: access.Target{Kind: kind, ID: id}}
	switch kind {
	case access.KindTenant:
		p.target.ID, p.target.Name = "", c.Tenant
		if id != "" && id != c.Tenant || !c.TenantWide() {
			return p, notFound("tenant")
		}
		return p, nil
	case access.KindDatacenter:
		d, err := s.opt.Fleet.Datacenter(ctx, domainCaller(c), id)
		if err != nil {
			return p, orNotFound(err, "datacenter")
		}
		p.target.Name = d.Name
		return p, s.withClients(ctx, c, &p)
	case access.KindConnection:
		x, err := s.opt.Fleet.Connection(ctx, domainCaller(c), id)
		if err != nil {
			return p, orNotFound(err, "connection")
		}
		p.target.Name = x.Name
		p.also = placesOf(x)
		return p, s.withClients(ctx, c, &p)
	}
	p, err := s.placeOfResource(ctx, c, kind, id)
	if err != nil {
		return p, err
	}
	return p, s.withClients(ctx, c, &p)
}

// placesOf is the datacenter of a connection, unless it leads to others as well.
func placesOf(x rest.Connection) []access.Target {
	if x.Datacenter == nil {
		return nil
	}
	for _, r := range x.Rules {
		if r.Datacenter != "" && r.Datacenter != x.Datacenter.ID {
			return nil
		}
	}
	return []access.Target{{Kind: access.KindDatacenter, ID: x.Datacenter.ID, Name: x.Datacenter.Name}}
}

func (s *Server) placeOfResource(ctx context.Context, c access.Caller, kind, id string) (place, error) {
	p := place{target: access.Target{Kind: kind, ID: id}}
	who := domainCaller(c)
	r, err := s.opt.Inventory.Get(ctx, who, kind, id)
	if err != nil {
		return p, orNotFound(err, "resource")
	}
	p.target.Name = r.Name
	n, err := s.names(ctx, c)
	if err != nil {
		return p, err
	}
	for _, root := range r.AccessRoots {
		switch {
		case root == id:
		case root == r.Datacenter:
			p.also = append(p.also, access.Target{Kind: access.KindDatacenter, ID: root, Name: n.datacenters[root]})
		default:
			p.also = append(p.also, access.Target{Kind: access.KindConnection, ID: root, Name: n.connections[root]})
		}
	}
	related, err := s.opt.Inventory.RelatedTo(ctx, inventory.Caller{Tenant: c.Tenant, TenantWide: true}, kind, id)
	if err != nil {
		return p, err
	}
	for _, x := range related {
		if x.Direction == "out" && x.Verb == "part_of" && x.Kind == access.KindSystem && x.ID != "" {
			t := access.Target{Kind: x.Kind, ID: x.ID, Name: x.Name}
			if access.Decide(c, access.Read, access.Object{Roots: []string{x.ID}}) != access.Allowed {
				t.Name = "" // that there is one decides who may read this; what it is called is its own
			}
			p.also = append(p.also, t)
		}
	}
	return p, nil
}

// mayRun says whether the caller may have a connection read anew.
func (s *Server) mayRun(ctx context.Context, c access.Caller, connection string) error {
	p, err := s.place(ctx, c, access.KindConnection, connection)
	if err == nil && access.Decide(c, access.RequestRuns, p.object()) != access.Allowed {
		err = access.ErrForbidden
	}
	return err
}

func targetDocument(t access.Target) rest.AccessTarget {
	return rest.AccessTarget{Kind: t.Kind, ID: t.ID, Name: t.Name}
}

func subjectDocument(x access.Subject, names map[access.Subject]string) rest.AccessSubject {
	sort, id, _ := strings.Cut(string(x), ":")
	return rest.AccessSubject{Type: sort, ID: id, Name: names[x]}
}

func subjectOf(d rest.AccessSubject) access.Subject {
	switch d.Type {
	case "user":
		return access.SubjectUser(d.ID)
	case "team":
		return access.SubjectTeam(d.ID)
	default:
		return access.SubjectToken(d.ID)
	}
}

func grantDocument(g access.Grant, names map[access.Subject]string) rest.Grant {
	return rest.Grant{ID: g.ID, Subject: subjectDocument(g.Subject, names), Right: g.Right.String(), Target: targetDocument(g.Target),
		CreatedAt: g.CreatedAt, CreatedBy: g.CreatedBy}
}

// listGrants shows those on what the caller administers by a role or by a grant on it, or on what leads to it from above.
func (s *Server) listGrants(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Grant]], error) {
	grants, err := s.opt.Access.GrantsTo(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	names, err := s.opt.Access.Names(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	docs := []rest.Grant{}
	for _, g := range grants {
		if access.Decide(c, access.ManageGrants, access.Object{Roots: []string{g.Target.Root()}}) == access.Allowed {
			docs = append(docs, grantDocument(g, names))
		}
	}
	return small(s, in, docs, func(g rest.Grant) string { return g.ID }, "created_at desc")
}

func (s *Server) createGrant(ctx context.Context, c access.Caller, in *bodyIn[rest.GrantWrite]) (*out[rest.Grant], error) {
	p, err := s.place(ctx, c, in.Body.Target.Kind, in.Body.Target.ID)
	if err != nil {
		return nil, err
	}
	right, _ := access.ParseRight(in.Body.Right)
	inherited := p.roots()[1:]
	if p.target.Kind == access.KindClient {
		inherited = nil // where a client is recorded is no right on all that serves it
	}
	g, err := s.opt.Access.Grant(ctx, c, subjectOf(in.Body.Subject), right, p.target, inherited)
	if err != nil {
		return nil, err
	}
	names, err := s.opt.Access.Names(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	return &out[rest.Grant]{Body: grantDocument(g, names)}, nil
}

func (s *Server) deleteGrant(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	g, err := s.opt.Access.GrantByID(ctx, c.Tenant, in.ID)
	if err != nil {
		return nil, orNotFound(err, "grant")
	}
	p, err := s.place(ctx, c, g.Target.Kind, g.Target.ID)
	if err != nil && !(c.TenantWide() && isMissing(err)) { // a grant may outlive its target
		return nil, orNotFound(err, "grant")
	}
	return nothing(s.opt.Access.Revoke(ctx, c, in.ID, p.roots()), "grant")
}

func entryDocument(e access.Entry, names map[access.Subject]string) rest.AccessEntry {
	d := rest.AccessEntry{Subject: subjectDocument(e.Subject, names), Right: e.Right.String(), Role: string(e.Role), Level: e.Level, Groups: e.Groups, Off: e.Off != "", OffBecause: e.Off, Reasons: []rest.AccessReason{}}
	for _, r := range e.Reasons {
		if r.Role != "" {
			d.Reasons = append(d.Reasons, rest.AccessReason{Through: "role", Right: r.Right.String(), Role: string(r.Role), Level: r.Level, Groups: r.Groups})
			continue
		}
		t := targetDocument(r.Grant.Target)
		d.Reasons = append(d.Reasons, rest.AccessReason{Through: "grant", Right: r.Right.String(), Grant: r.Grant.ID, Team: r.Team, Target: &t})
	}
	return d
}

func (p place) inherits() []rest.AccessTarget {
	list := []rest.AccessTarget{}
	for _, t := range p.also {
		d := targetDocument(t)
		if by, ok := p.through[t.ID]; ok {
			by := targetDocument(by)
			d.Through = &by
		}
		list = append(list, d)
	}
	return list
}

func (s *Server) getAccess(ctx context.Context, c access.Caller, in *AccessIn) (*out[rest.AccessTo], error) {
	p, err := s.place(ctx, c, in.Kind, in.ID)
	if err != nil {
		return nil, err
	}
	if access.Decide(c, access.ManageGrants, p.object()) != access.Allowed {
		return nil, problem(403, "Who may do what with this is shown to those who administer it.")
	}
	entries, err := s.opt.Access.Entries(ctx, c.Tenant, p.roots())
	if err != nil {
		return nil, err
	}
	names, err := s.opt.Access.Names(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	d := rest.AccessTo{Target: targetDocument(p.target), Inherits: p.inherits(), Entries: []rest.AccessEntry{}, Grants: []rest.Grant{}, MayGrant: true}
	for _, e := range entries {
		d.Entries = append(d.Entries, entryDocument(e, names))
	}
	grants, err := s.opt.Access.GrantsOn(ctx, c.Tenant, []string{p.target.Root()})
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		d.Grants = append(d.Grants, grantDocument(g, names))
	}
	return &out[rest.AccessTo]{Body: d}, nil
}

// explainAccess is for whoever administers the object, and for everybody about himself.
func (s *Server) explainAccess(ctx context.Context, c access.Caller, in *explainIn) (*out[rest.AccessExplained], error) {
	p, err := s.place(ctx, c, in.Kind, in.ID)
	if err != nil {
		return nil, err
	}
	subject := access.Subject(in.Subject)
	if name, ok := strings.CutPrefix(in.Subject, "user:"); ok {
		subject = access.SubjectUser(name)
	}
	own := c.Cookie && subject == access.SubjectUser(c.Username)
	if !own && access.Decide(c, access.ManageGrants, p.object()) != access.Allowed {
		return nil, problem(403, "Why others can see this is said to those who administer it.")
	}
	e, err := s.opt.Access.Explain(ctx, c.Tenant, subject, p.roots())
	if err != nil {
		return nil, orNotFound(err, "user, token or team")
	}
	names, err := s.opt.Access.Names(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	d := rest.AccessExplained{Target: targetDocument(p.target), Entry: entryDocument(e, names), Inherits: p.inherits()}
	d.Found, d.Advice = wordsOfAccess(e, p)
	return &out[rest.AccessExplained]{Body: d}, nil
}

// standingWords names the role and the permission groups that somebody has in the whole tenant.
func standingWords(role access.Role, level string, groups []string) string {
	named := ""
	if len(groups) > 0 {
		word := map[bool]string{true: "permission group ", false: "permission groups "}[len(groups) == 1]
		named = word + strings.Join(groups, ", ")
	}
	switch {
	case level == access.LevelUser:
		return "the " + named + " in place of a role"
	case level == access.LevelTenant:
		return "the " + named + " that everybody has"
	case named != "":
		return fmt.Sprintf("the role %s (%s)", role, named)
	}
	return fmt.Sprintf("the role %s", role)
}

// whose says by what of the place a client leads to it: ", whose datacenter this is".
func (p place) whose(t access.Target) string {
	by, ok := p.through[t.ID]
	switch {
	case !ok:
		return ""
	case by.ID == p.target.ID:
		return ", whose " + by.Kind + " this is"
	}
	return ", whose " + strings.TrimSpace(by.Kind+" "+by.Name) + " this belongs to"
}

// wordsOfAccess says for people what an entry means.
func wordsOfAccess(e access.Entry, p place) (found, advice string) {
	what := p.target.Kind + " " + p.target.Name
	team := strings.HasPrefix(string(e.Subject), "team:")
	if e.Right == access.NoRight {
		leads := []string{"the " + p.target.Kind + " itself"}
		for _, t := range p.also {
			leads = append(leads, strings.TrimSpace("the "+t.Kind+" "+t.Name))
		}
		if team {
			return fmt.Sprintf("The team %s does not lead to the %s: nothing was granted to it on %s or on the whole tenant.", e.Name, what, strings.Join(leads, ", ")),
				"Grant read on one of these to the team. What its members have by themselves is said of each of them."
		}
		return fmt.Sprintf("%s cannot see the %s: %s gives nothing here, and neither %s nor a team of theirs was granted anything on %s or on the whole tenant.",
			e.Name, what, standingWords(e.Role, e.Level, e.Groups), e.Name, strings.Join(leads, ", ")), "Grant read on one of these, or put them in a team that has it."
	}
	var by []string
	for _, r := range e.Reasons {
		switch {
		case r.Role != "":
			by = append(by, fmt.Sprintf("%s by %s", r.Right, standingWords(r.Role, r.Level, r.Groups)))
		case r.Team != "":
			by = append(by, fmt.Sprintf("%s granted to the team %s on the %s%s", r.Right, r.Team, strings.TrimSpace(r.Grant.Target.Kind+" "+r.Grant.Target.Name), p.whose(r.Grant.Target)))
		default:
			by = append(by, fmt.Sprintf("%s granted on the %s%s", r.Right, strings.TrimSpace(r.Grant.Target.Kind+" "+r.Grant.Target.Name), p.whose(r.Grant.Target)))
		}
	}
	advice = map[string]string{
		access.OffDisabled: "This account is disabled: it may do nothing until it is enabled again.",
		access.OffInvited:  "This person was invited and has not set a password yet: until then nothing may be done.",
		access.OffEnded:    "This token has ended: it may do nothing any more.",
	}[e.Off]
	can, name := "can", e.Name
	if e.Off != "" {
		can = "could"
	}
	if team {
		name = "By the team " + e.Name + " its members"
	}
	return fmt.Sprintf("%s %s %s: %s.", name, can, whatOne(e, p.target.Kind, what), strings.Join(by, "; ")), advice
}

// whatOne says what somebody may do with an object, and with what inherits from it where that is what a right is about.
func whatOne(e access.Entry, kind, what string) string {
	inside := map[string]string{access.KindDatacenter: "what is in it", access.KindConnection: "what it brings"}[kind]
	verbs := map[access.Right]string{access.RightRead: "read", access.RightWrite: "read and change", access.RightAdmin: "read, change and grant rights on"}[e.Right]
	if inside == "" {
		return verbs + " the " + what
	}
	said := "read the " + what
	if kind == access.KindConnection && e.EditsConnection {
		said = "read and edit the " + what
	}
	if e.Right == access.RightAdmin {
		return said + ", grant rights on it, and read and change " + inside
	}
	return said + ", and " + verbs + " " + inside
}
