package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/mail"
	"maestro.internal/collector/internal/picture"
	"maestro.internal/collector/internal/words"
	"maestro.internal/internal/rest"
)

// headerTenant names the tenant that a request is about, for people who are in several.
const headerTenant = "X-Maestro-Tenant"

// TenantMemberIn names a person in a tenant.
type TenantMemberIn struct {
	ID       string `path:"id" maxLength:"200"`
	Username string `path:"username" maxLength:"200"`
}

type putMemberIn struct {
	TenantMemberIn
	Body rest.TenantMemberWrite
}

func (s *Server) tenantRoutes() {
	tag := "tenants"
	handle(s, route{method: "GET", path: "/tenants", id: "list-tenants", tag: tag, action: access.ManageTenants,
		summary: "Tenants of the installation; for its administrators"}, s.listTenants)
	handle(s, route{method: "POST", path: "/tenants", id: "create-tenant", tag: tag, action: access.ManageTenants, status: 201,
		summary: "Make a tenant, with its first administrator"}, s.createTenant)
	handle(s, route{method: "GET", path: "/tenants/{id}", id: "get-tenant", tag: tag, action: access.ManageTenants,
		summary: "One tenant"}, s.getTenant)
	handle(s, route{method: "PUT", path: "/tenants/{id}", id: "update-tenant", tag: tag, action: access.ManageTenants,
		summary: "Rename, group, disable or enable a tenant"}, s.updateTenant)
	handle(s, route{method: "GET", path: "/tenants/{id}/members", id: "list-tenant-members", tag: tag, action: access.ManageUsers,
		summary: "People of other tenants who are in this one"}, s.listTenantMembers)
	handle(s, route{method: "PUT", path: "/tenants/{id}/members/{username}", id: "put-tenant-member", tag: tag, action: access.ManageUsers,
		summary: "Make a member of a person, or give a member another role; administrators of the installation appoint, those of the tenant change"}, s.putTenantMember)
	handle(s, route{method: "DELETE", path: "/tenants/{id}/members/{username}", id: "remove-tenant-member", tag: tag, action: access.ManageUsers,
		summary: "End a membership, with the teams and grants in that tenant"}, s.removeTenantMember)

	handle(s, route{method: "GET", path: "/tenant-groups", id: "list-tenant-groups", tag: tag, action: access.ManageTenants,
		summary: "Customers of several tenants"}, s.listTenantGroups)
	handle(s, route{method: "POST", path: "/tenant-groups", id: "create-tenant-group", tag: tag, action: access.ManageTenants, status: 201,
		summary: "Make a tenant group"}, s.createTenantGroup)
	handle(s, route{method: "GET", path: "/tenant-groups/{id}", id: "get-tenant-group", tag: tag, action: access.ManageTenants,
		summary: "One tenant group"}, s.getTenantGroup)
	handle(s, route{method: "PUT", path: "/tenant-groups/{id}", id: "update-tenant-group", tag: tag, action: access.ManageTenants,
		summary: "Edit a tenant group, its people and their roles"}, s.updateTenantGroup)
	handle(s, route{method: "DELETE", path: "/tenant-groups/{id}", id: "delete-tenant-group", tag: tag, action: access.ManageTenants,
		summary: "Remove a group that no tenant is in"}, s.deleteTenantGroup)

	handle(s, route{method: "GET", path: "/session/tenants", id: "list-own-tenants", tag: "session", action: access.Self,
		summary: "The tenants that one can be in"}, s.listPlaces)
	handle(s, route{method: "PUT", path: "/session/tenant", id: "enter-tenant", tag: "session", action: access.Self,
		summary: "Be in another tenant, with this session"}, s.enterTenant)
}

// groupNames are those of the tenant groups, by id.
func (s *Server) groupNames(ctx context.Context) (map[string]string, error) {
	groups, err := s.opt.Access.TenantGroups(ctx)
	names := map[string]string{}
	for _, g := range groups {
		names[g.ID] = g.Name
	}
	return names, err
}

func tenantDocument(t access.Tenant, groups map[string]string, logos map[string]picture.Picture) rest.Tenant {
	d := rest.Tenant{ID: t.ID, Name: t.Name, Disabled: t.Disabled, Reason: t.Reason, DisabledAt: t.DisabledAt, DisabledBy: t.DisabledBy, MailName: t.Voice.Name, MailReplyTo: t.Voice.ReplyTo, Language: string(t.Language), CreatedAt: t.CreatedAt, Version: t.Version}
	if p, ok := logos[t.ID]; ok {
		d.Logo = prefix + "/tenants/" + url.PathEscape(t.ID) + "/logo?v=" + p.ID
	}
	if t.Group != "" {
		d.Group = &rest.Ref{ID: t.Group, Name: groups[t.Group]}
	}
	return d
}

func (s *Server) listTenants(ctx context.Context, _ access.Caller, in *ListIn) (*out[rest.List[rest.Tenant]], error) {
	tenants, err := s.opt.Access.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	groups, err := s.groupNames(ctx)
	if err != nil {
		return nil, err
	}
	logos, err := s.opt.Pictures.Logos(ctx)
	if err != nil {
		return nil, err
	}
	docs := make([]rest.Tenant, len(tenants))
	for i, t := range tenants {
		docs[i] = tenantDocument(t, groups, logos)
	}
	return small(s, in, docs, func(t rest.Tenant) string { return t.ID }, "name")
}

func (s *Server) oneTenant(ctx context.Context, t access.Tenant, err error) (*versioned[rest.Tenant], error) {
	if err != nil {
		return nil, orNotFound(err, "tenant")
	}
	groups, err := s.groupNames(ctx)
	if err != nil {
		return nil, err
	}
	logos, err := s.opt.Pictures.Logos(ctx)
	if err != nil {
		return nil, err
	}
	return &versioned[rest.Tenant]{ETag: etag(t.Version), Body: tenantDocument(t, groups, logos)}, nil
}

func (s *Server) getTenant(ctx context.Context, _ access.Caller, in *idIn) (*versioned[rest.Tenant], error) {
	t, err := s.opt.Access.Tenant(ctx, in.ID)
	return s.oneTenant(ctx, t, err)
}

// createTenant writes the tenant first: whoever stops in between finds it without its usual rules, which the next start writes, and
// without an administrator, whom he appoints.
func (s *Server) createTenant(ctx context.Context, c access.Caller, in *bodyIn[rest.TenantCreate]) (*versioned[rest.Tenant], error) {
	first := strings.TrimSpace(in.Body.Administrator)
	if first == "" {
		if !c.Cookie {
			return nil, problem(http.StatusUnprocessableEntity, "A token cannot be the first administrator: say who is.").at("body.administrator", "is empty")
		}
		first = c.Username
	}
	if known, err := s.opt.Access.KnowsUser(ctx, first); err != nil {
		return nil, err
	} else if !known {
		return nil, problem(http.StatusUnprocessableEntity, "There is no user %q. Invite somebody first, or make the tenant with yourself.", first).at("body.administrator", "is not known")
	}
	t, err := s.opt.Access.CreateTenant(ctx, c, in.Body.ID, access.TenantEdit{Name: in.Body.Name, Group: in.Body.Group})
	if err != nil {
		return nil, err
	}
	if err := s.opt.Inventory.SeedMapping(ctx, t.ID); err != nil {
		return nil, err
	}
	if _, err := s.opt.Access.PutMember(ctx, c, t.ID, first, access.RoleAdmin); err != nil {
		return nil, err
	}
	return s.oneTenant(ctx, t, nil)
}

func (s *Server) updateTenant(ctx context.Context, c access.Caller, in *putIn[rest.TenantWrite]) (*versioned[rest.Tenant], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	t, err := s.opt.Access.UpdateTenant(ctx, c, in.ID, version, access.TenantEdit{Name: in.Body.Name, Group: in.Body.Group, Disabled: in.Body.Disabled, Reason: in.Body.Reason,
		Voice: mail.Voice{Name: in.Body.MailName, ReplyTo: in.Body.MailReplyTo}, Language: words.Language(in.Body.Language)})
	return s.oneTenant(ctx, t, err)
}

func memberDocument(m access.TenantMember) rest.TenantMember {
	return rest.TenantMember{Username: m.Username, Home: m.Home, Role: string(m.Role), Group: m.Group, AddedAt: m.AddedAt, AddedBy: m.AddedBy}
}

func (s *Server) listTenantMembers(ctx context.Context, c access.Caller, in *listOfIn) (*out[rest.List[rest.TenantMember]], error) {
	list, err := s.opt.Access.TenantMembers(ctx, c, in.ID)
	if err != nil {
		return nil, orNotFound(hiddenTenant(c, in.ID, err), "tenant")
	}
	docs := make([]rest.TenantMember, len(list))
	for i, m := range list {
		docs[i] = memberDocument(m)
	}
	return small(s, &in.ListIn, docs, func(m rest.TenantMember) string { return m.Username }, "username")
}

// hiddenTenant makes of what is forbidden in another tenant something that is not there.
func hiddenTenant(c access.Caller, tenant string, err error) error {
	if err != nil && c.Tenant != tenant && !c.Installation {
		return access.ErrNotFound
	}
	return err
}

func (s *Server) putTenantMember(ctx context.Context, c access.Caller, in *putMemberIn) (*out[rest.TenantMember], error) {
	m, err := s.opt.Access.PutMember(ctx, c, in.ID, in.Username, access.Role(in.Body.Role))
	if err != nil {
		return nil, orNotFound(hiddenTenant(c, in.ID, err), "tenant")
	}
	return &out[rest.TenantMember]{Body: memberDocument(m)}, nil
}

func (s *Server) removeTenantMember(ctx context.Context, c access.Caller, in *TenantMemberIn) (*none, error) {
	return nothing(hiddenTenant(c, in.ID, s.opt.Access.RemoveMember(ctx, c, in.ID, in.Username)), "member")
}

func tenantGroupDocument(g access.TenantGroup, tenants []access.Tenant) rest.TenantGroup {
	d := rest.TenantGroup{ID: g.ID, Name: g.Name, Members: []rest.TenantGroupMember{}, Everybody: append([]string{}, g.Everybody...), Tenants: []rest.Ref{},
		CreatedAt: g.CreatedAt, Version: g.Version}
	for _, m := range g.Members {
		d.Members = append(d.Members, rest.TenantGroupMember{Username: m.Username, Role: string(m.Role)})
	}
	for _, t := range tenants {
		if t.Group == g.ID {
			d.Tenants = append(d.Tenants, rest.Ref{ID: t.ID, Name: t.Name})
		}
	}
	return d
}

func (s *Server) listTenantGroups(ctx context.Context, _ access.Caller, in *ListIn) (*out[rest.List[rest.TenantGroup]], error) {
	groups, err := s.opt.Access.TenantGroups(ctx)
	if err != nil {
		return nil, err
	}
	tenants, err := s.opt.Access.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	docs := make([]rest.TenantGroup, len(groups))
	for i, g := range groups {
		docs[i] = tenantGroupDocument(g, tenants)
	}
	return small(s, in, docs, func(g rest.TenantGroup) string { return g.ID }, "name")
}

func (s *Server) oneTenantGroup(ctx context.Context, g access.TenantGroup, err error) (*versioned[rest.TenantGroup], error) {
	if err != nil {
		return nil, orNotFound(err, "tenant group")
	}
	tenants, err := s.opt.Access.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	return &versioned[rest.TenantGroup]{ETag: etag(g.Version), Body: tenantGroupDocument(g, tenants)}, nil
}

func (s *Server) getTenantGroup(ctx context.Context, _ access.Caller, in *idIn) (*versioned[rest.TenantGroup], error) {
	g, err := s.opt.Access.TenantGroup(ctx, in.ID)
	return s.oneTenantGroup(ctx, g, err)
}

func tenantGroupEdit(w rest.TenantGroupWrite) access.TenantGroup {
	g := access.TenantGroup{Name: w.Name, Everybody: w.Everybody}
	for _, m := range w.Members {
		g.Members = append(g.Members, access.GroupMember{Username: m.Username, Role: access.Role(m.Role)})
	}
	return g
}

func (s *Server) createTenantGroup(ctx context.Context, c access.Caller, in *bodyIn[rest.TenantGroupWrite]) (*versioned[rest.TenantGroup], error) {
	g, err := s.opt.Access.PutTenantGroup(ctx, c, "", 0, tenantGroupEdit(in.Body))
	return s.oneTenantGroup(ctx, g, err)
}

func (s *Server) updateTenantGroup(ctx context.Context, c access.Caller, in *putIn[rest.TenantGroupWrite]) (*versioned[rest.TenantGroup], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	g, err := s.opt.Access.PutTenantGroup(ctx, c, in.ID, version, tenantGroupEdit(in.Body))
	return s.oneTenantGroup(ctx, g, err)
}

func (s *Server) deleteTenantGroup(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	return nothing(s.opt.Access.DeleteTenantGroup(ctx, c, in.ID), "tenant group")
}

func placeDocument(p access.Place, c access.Caller) rest.Place {
	return rest.Place{Tenant: p.Tenant, Name: p.Name, Role: string(p.Role), Group: p.Group, Home: p.Home, Current: p.Tenant == c.Tenant, Disabled: p.Disabled}
}

func (s *Server) listPlaces(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Place]], error) {
	places, err := s.opt.Access.Places(ctx, c)
	if err != nil {
		return nil, err
	}
	docs := make([]rest.Place, len(places))
	for i, p := range places {
		docs[i] = placeDocument(p, c)
	}
	return small(s, in, docs, func(p rest.Place) string { return p.Tenant }, "name")
}

func (s *Server) enterTenant(ctx context.Context, c access.Caller, in *bodyIn[rest.TenantChoice]) (*sessionOut, error) {
	next, err := s.opt.Access.Enter(ctx, c, in.Body.ID)
	if err != nil {
		return nil, err
	}
	if next.Caller, err = s.reach(ctx, next.Caller); err != nil {
		return nil, err
	}
	return s.withCookie(ctx, next), nil
}
