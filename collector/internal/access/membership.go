package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// A person is a user of one tenant, where the password and the second factor are, and may be a member of others: by a row of that
// tenant, or by the group that the tenant is in. So what a tenant decides of a person stays in that tenant.

const membershipsTable = "memberships"

// TenantMember is a person of another tenant.
type TenantMember struct {
	Username string
	// Home is the tenant whose user it is.
	Home string
	Role Role
	// Group is the tenant group that makes a member of the person, "" for one who was made one here.
	Group   string
	AddedAt time.Time
	AddedBy string
	Version int64
}

type membershipDoc struct {
	Username string     `json:"username"`
	Display  string     `json:"display"`
	Home     string     `json:"home"`
	Role     Role       `json:"role"`
	AddedAt  store.Time `json:"added_at"`
	AddedBy  string     `json:"added_by"`
}

// Place is a tenant that a person can be in.
type Place struct {
	Tenant string
	Name   string
	Role   Role
	// Group is the name of the tenant group that leads there, if one does.
	Group    string
	Home     bool
	Disabled bool
}

// ErrNotMember says that somebody has nothing to do in a tenant, whether there is such a tenant or not.
var ErrNotMember = errors.New("you are not a member of this tenant, or there is none of this name")

func membershipID(tenant, username string) string { return store.Key(tenant, username) }

// stand is what a person is in a tenant.
type stand struct {
	tenant string // its name
	role   Role
	groups []string
	roots  []string
}

// standsIn answers what somebody is in a tenant: ErrNotMember, or DisabledError when nobody is let in there.
func (s *Service) standsIn(ctx context.Context, home string, d userDoc, tenant string) (stand, error) {
	t, err := s.tenant(ctx, tenant)
	if err != nil {
		return stand{}, err
	}
	st, err := s.standing(ctx, home, d, t)
	st.tenant = t.doc.Name
	if err == nil && t.doc.Disabled {
		err = &DisabledError{Name: t.doc.Name, Reason: t.doc.Reason}
	}
	return st, err
}

func (s *Service) standing(ctx context.Context, home string, d userDoc, t stored[tenantDoc]) (stand, error) {
	if t.id == home {
		return stand{role: d.Role, groups: d.Groups, roots: d.Roots}, nil
	}
	m, err := document[membershipDoc](ctx, s.opt.Store, membershipsTable, t.id, membershipID(t.id, d.Username))
	if err == nil {
		return stand{role: m.doc.Role}, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return stand{}, err
	}
	g, err := s.groupOfTenant(ctx, t)
	if err != nil {
		return stand{}, err
	}
	role, ok := g.doc.roleOf(d.Username)
	if !ok {
		return stand{}, ErrNotMember
	}
	return stand{role: role}, nil
}

// someone is a person as a tenant knows him: a user of its own, or a member.
func (s *Service) someone(ctx context.Context, tenant, name string) (home string, d userDoc, st stand, err error) {
	row, d, found, err := s.anyUser(ctx, name)
	if err != nil {
		return "", d, st, err
	}
	if !found {
		return "", d, st, fmt.Errorf("user %s: %w", name, ErrNotFound)
	}
	t, err := s.tenant(ctx, tenant)
	if err != nil {
		return "", d, st, err
	}
	st, err = s.standing(ctx, row.Tenant, d, t)
	if errors.Is(err, ErrNotMember) {
		err = fmt.Errorf("user %s: %w", name, ErrNotFound)
	}
	return row.Tenant, d, st, err
}

// homesOf are the tenants whose users these are.
func (s *Service) homesOf(ctx context.Context, names []string) (map[string]string, error) {
	out := map[string]string{}
	if len(names) == 0 {
		return out, nil
	}
	err := store.Each(ctx, s.opt.Store, store.Query{Table: usersTable, AllTenants: true, Where: oneOf(fieldUsername, names)}, func(r store.Row) error {
		out[r.ID] = r.Tenant
		return nil
	})
	return out, err
}

// memberships are the rows of a person, in all tenants.
func (s *Service) memberships(ctx context.Context, name string) ([]store.Row, error) {
	var rows []store.Row
	err := store.Each(ctx, s.opt.Store, store.Query{Table: membershipsTable, AllTenants: true, Where: filter.Compare{Field: fieldUsername, Op: filter.Eq, Value: name}},
		func(r store.Row) error { rows = append(rows, r); return nil })
	return rows, err
}

// places are the tenants that a person can be in, the own one first, then by name.
func (s *Service) places(ctx context.Context, home string, d userDoc) ([]Place, error) {
	rows, err := s.memberships(ctx, d.Username)
	if err != nil {
		return nil, err
	}
	roles := map[string]Role{}
	for _, r := range rows {
		m, err := decodeRow[membershipDoc](r)
		if err != nil {
			return nil, err
		}
		roles[r.Tenant] = m.Role
	}
	groups, err := s.TenantGroups(ctx)
	if err != nil {
		return nil, err
	}
	tenants, err := s.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(tenants, func(t Tenant) bool { return t.ID == home }) {
		tenants = append(tenants, Tenant{ID: home, Name: home})
	}
	var out []Place
	for _, t := range tenants {
		p := Place{Tenant: t.ID, Name: t.Name, Disabled: t.Disabled, Home: t.ID == home}
		role, member := roles[t.ID]
		switch {
		case p.Home:
			p.Role = d.Role
		case member:
			p.Role = role
		default:
			i := slices.IndexFunc(groups, func(g TenantGroup) bool { return g.ID == t.Group })
			if i < 0 {
				continue
			}
			if p.Role, member = (tenantGroupDoc{Members: groups[i].Members}).roleOf(d.Username); !member {
				continue
			}
			p.Group = groups[i].Name
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b Place) int {
		if a.Home != b.Home {
			return map[bool]int{true: -1, false: 1}[a.Home]
		}
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return out, nil
}

// Places are the tenants that the caller can be in. A token is in one.
func (s *Service) Places(ctx context.Context, c Caller) ([]Place, error) {
	if !c.Cookie {
		t, err := s.tenant(ctx, c.Tenant)
		return []Place{{Tenant: t.id, Name: t.doc.Name, Role: c.Role, Home: true}}, err
	}
	_, d, err := s.person(ctx, c.atHome())
	if err != nil {
		return nil, err
	}
	return s.places(ctx, c.atHome().Tenant, d)
}

// landing is where somebody who signs in is first: where he wants to be, or the first tenant that lets him in.
func (s *Service) landing(ctx context.Context, home string, d userDoc, wanted string) (string, error) {
	_, err := s.standsIn(ctx, home, d, wanted)
	var closed *DisabledError
	if err == nil || !errors.As(err, &closed) && !errors.Is(err, ErrNotMember) {
		return wanted, err
	}
	list, listing := s.places(ctx, home, d)
	if listing != nil {
		return "", listing
	}
	for _, p := range list {
		if !p.Disabled {
			return p.Tenant, nil
		}
	}
	return "", err
}

// Enter changes the tenant that a session is in. One has other rights there, so the session gets another cookie, as at signing in: who knew
// the one before does not come along.
func (s *Service) Enter(ctx context.Context, c Caller, tenant string) (Session, error) {
	if c.Replaced {
		return Session{}, ErrUnauthenticated
	}
	row, d, err := s.person(ctx, c.atHome())
	if err != nil {
		return Session{}, err
	}
	session, err := document[sessionDoc](ctx, s.opt.Store, sessionsTable, row.Tenant, c.Session)
	if err != nil {
		return Session{}, err
	}
	cred, err := renewedCredential(session.id, row.Tenant)
	if err != nil {
		return Session{}, err
	}
	session.doc.Former = &former{Hash: session.doc.Hash, Tenant: session.doc.Tenant, Until: store.At(s.now().Add(formerFor))}
	session.doc.Tenant, session.doc.Hash = tenant, cred.hash()
	next, err := s.callerOf(ctx, store.Row{ID: session.id, Tenant: row.Tenant}, d, session.doc)
	if err != nil {
		return Session{}, err
	}
	next.Address = c.Address
	if err := s.keep(ctx, store.Put, sessionsTable, row.Tenant, session.id, session.version+1, session.doc); err != nil {
		return Session{}, err
	}
	return Session{Caller: next, Cookie: NewSecret(cred.text(""))}, s.audit(ctx, audit.Entry{Tenant: tenant, Actor: c.Name, Action: "tenant.enter", Address: c.Address,
		Object: &audit.Ref{ID: tenant, Kind: "tenant"}, Detail: map[string]any{"from": c.Tenant}})
}

// In is a person as a caller of another tenant that he can be in, for looking at several at once.
func (s *Service) In(ctx context.Context, c Caller, tenant string) (Caller, error) {
	if tenant == c.Tenant {
		return c, nil
	}
	row, d, err := s.person(ctx, c.atHome())
	if err != nil {
		return Caller{}, err
	}
	session, err := document[sessionDoc](ctx, s.opt.Store, sessionsTable, row.Tenant, c.Session)
	if err != nil {
		return Caller{}, err
	}
	session.doc.Tenant = tenant
	next, err := s.callerOf(ctx, store.Row{ID: session.id, Tenant: row.Tenant}, d, session.doc)
	next.Address = c.Address
	return next, err
}

// mayAppoint: who administers the installation decides who is in which tenant; who manages users in a tenant decides what those have
// who are in it, and who leaves.
func (c Caller) mayAppoint(tenant string, there bool) bool {
	return Decide(c, ManageTenants, Object{}) == Allowed || there && tenant == c.Tenant && Decide(c, ManageUsers, Object{Tenant: tenant}) == Allowed
}

// TenantMembers are the people of other tenants who are in one, by name.
func (s *Service) TenantMembers(ctx context.Context, c Caller, tenant string) ([]TenantMember, error) {
	if !c.mayAppoint(tenant, true) {
		return nil, ErrForbidden
	}
	t, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return s.membersOf(ctx, t)
}

func (s *Service) membersOf(ctx context.Context, t stored[tenantDoc]) ([]TenantMember, error) {
	list, err := documents[membershipDoc](ctx, s.opt.Store, membershipsTable, t.id, nil)
	if err != nil {
		return nil, err
	}
	out := []TenantMember{}
	for _, m := range list {
		out = append(out, TenantMember{Username: m.doc.Username, Home: m.doc.Home, Role: m.doc.Role, AddedAt: m.doc.AddedAt.Time, AddedBy: m.doc.AddedBy, Version: m.version})
	}
	g, err := s.groupOfTenant(ctx, t)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(g.doc.Members))
	for i, m := range g.doc.Members {
		names[i] = m.Username
	}
	homes, err := s.homesOf(ctx, names)
	if err != nil {
		return nil, err
	}
	for _, m := range g.doc.Members {
		home, there := homes[m.Username]
		if there && home != t.id && !slices.ContainsFunc(out, func(x TenantMember) bool { return x.Username == m.Username }) {
			out = append(out, TenantMember{Username: m.Username, Home: home, Role: m.Role, Group: g.doc.Name, AddedAt: g.doc.CreatedAt.Time})
		}
	}
	slices.SortFunc(out, func(a, b TenantMember) int { return strings.Compare(a.Username, b.Username) })
	return out, nil
}

// otherMembers are those by name.
func (s *Service) otherMembers(ctx context.Context, tenant string) (map[string]TenantMember, error) {
	t, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	list, err := s.membersOf(ctx, t)
	out := make(map[string]TenantMember, len(list))
	for _, m := range list {
		out[m.Username] = m
	}
	return out, err
}

// PutMember makes a member of a person, or gives a member another role.
func (s *Service) PutMember(ctx context.Context, c Caller, tenant, username string, role Role) (TenantMember, error) {
	name := foldUsername(username)
	id := membershipID(tenant, name)
	t, err := s.tenant(ctx, tenant)
	if err != nil {
		return TenantMember{}, err
	}
	m, err := document[membershipDoc](ctx, s.opt.Store, membershipsTable, tenant, id)
	there := err == nil
	if err != nil && !errors.Is(err, ErrNotFound) {
		return TenantMember{}, err
	}
	if !c.mayAppoint(tenant, there) {
		return TenantMember{}, ErrForbidden
	}
	if _, err := s.knownTenant(ctx, tenant); err != nil && !there {
		return TenantMember{}, err
	}
	if err := s.mayGiveThere(ctx, c, tenant, name, role, m.doc.Role, there); err != nil {
		return TenantMember{}, err
	}
	if !there {
		row, d, found, err := s.anyUser(ctx, name)
		if err != nil {
			return TenantMember{}, err
		}
		if !found {
			return TenantMember{}, &InvalidError{Field: "username", Problem: fmt.Sprintf("there is no user %q", name)}
		}
		if row.Tenant == tenant {
			return TenantMember{}, &ConflictError{fmt.Sprintf("%s is a user of this tenant. Change the role there.", d.Display)}
		}
		m = stored[membershipDoc]{id: id, doc: membershipDoc{Username: name, Display: d.Display, Home: row.Tenant, AddedAt: store.At(s.now()), AddedBy: c.Name}}
	}
	m.doc.Role = role
	m.version++
	op, action := store.Replace, "member.update"
	if !there {
		op, action = store.Insert, "member.add"
	}
	if err := s.keep(ctx, op, membershipsTable, tenant, id, m.version, m.doc); err != nil {
		return TenantMember{}, err
	}
	out := TenantMember{Username: name, Home: m.doc.Home, Role: role, AddedAt: m.doc.AddedAt.Time, AddedBy: m.doc.AddedBy, Version: m.version}
	return out, s.auditMember(ctx, c, action, t, m.doc)
}

// mayGiveThere refuses roles that a tenant does not have, what one does not hold oneself, and changing one's own.
func (s *Service) mayGiveThere(ctx context.Context, c Caller, tenant, name string, role, was Role, there bool) error {
	if Decide(c, ManageTenants, Object{}) == Allowed {
		b, err := s.wholeBook(ctx, tenant)
		if err == nil && !b.knowsRole(role) {
			err = &InvalidError{Field: "role", Problem: fmt.Sprintf("the tenant has no role %q", role)}
		}
		return err
	}
	if c.Cookie && foldUsername(c.Username) == name {
		return &ConflictError{"Nobody changes what he has himself; another administrator can."}
	}
	if err := s.mayGiveRole(ctx, c, role, nil, true); err != nil {
		return err
	}
	if !there {
		return nil
	}
	return s.mustOutrank(ctx, c, userDoc{Username: name, Role: was})
}

// RemoveMember ends a membership, with the teams and grants in that tenant.
func (s *Service) RemoveMember(ctx context.Context, c Caller, tenant, username string) error {
	name := foldUsername(username)
	id := membershipID(tenant, name)
	m, err := document[membershipDoc](ctx, s.opt.Store, membershipsTable, tenant, id)
	if err != nil {
		return err
	}
	if !c.mayAppoint(tenant, true) {
		return ErrForbidden
	}
	if err := s.mayGiveThere(ctx, c, tenant, name, RoleNone, m.doc.Role, true); err != nil {
		return err
	}
	if err := s.expel(ctx, tenant, name, id); err != nil {
		return err
	}
	t, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	return s.auditMember(ctx, c, "member.remove", t, m.doc)
}

// expel takes the rights first, so that stopping in between leaves a member without any and doing it again ends it.
func (s *Service) expel(ctx context.Context, tenant, name, id string) error {
	if err := s.leaveTeams(ctx, tenant, name); err != nil {
		return err
	}
	if err := s.forget(ctx, tenant, SubjectUser(name)); err != nil {
		return err
	}
	return s.drop(ctx, membershipsTable, tenant, id)
}

// leaveTenants ends all memberships of a user who is about to be deleted, so that nobody who comes later under the name has them.
func (s *Service) leaveTenants(ctx context.Context, name string) error {
	rows, err := s.memberships(ctx, name)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := s.expel(ctx, r.Tenant, name, r.ID); err != nil {
			return err
		}
	}
	groups, err := documents[tenantGroupDoc](ctx, s.opt.Store, tenantGroupsTable, "", nil)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if _, in := g.doc.roleOf(name); !in {
			continue
		}
		tenants, err := s.Tenants(ctx)
		if err != nil {
			return err
		}
		for _, t := range tenants {
			if t.Group != g.id {
				continue
			}
			if err := s.expel(ctx, t.ID, name, membershipID(t.ID, name)); err != nil {
				return err
			}
		}
		g.doc.Members = slices.DeleteFunc(g.doc.Members, func(m GroupMember) bool { return m.Username == name })
		if err := s.keep(ctx, store.Replace, tenantGroupsTable, "", g.id, g.version+1, g.doc); err != nil {
			return err
		}
	}
	return nil
}

// auditMember writes into the trail of the tenant, and into that of the person's own.
func (s *Service) auditMember(ctx context.Context, c Caller, action string, t stored[tenantDoc], m membershipDoc) error {
	for _, trail := range slices.Compact([]string{t.id, m.Home}) {
		err := s.audit(ctx, audit.Entry{Tenant: trail, Actor: c.Name, Action: action, Address: c.Address,
			Object: &audit.Ref{ID: m.Username, Name: m.Display, Kind: "user"}, Detail: map[string]any{"tenant": t.id, "role": string(m.Role), "home": m.Home}})
		if err != nil {
			return err
		}
	}
	return nil
}

// atHome is a person where the password, the second factor and the sessions are.
func (c Caller) atHome() Caller {
	if c.Home != "" {
		c.Tenant = c.Home
	}
	return c
}
