package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
)

// TenantGroup is a customer of several tenants. Its people are in each of them, with the role that they have in the group, and
// what the group gives to everybody is the last of the levels at which permission groups are given.
type TenantGroup struct {
	ID      string
	Name    string
	Members []GroupMember
	// Everybody are built-in permission groups.
	Everybody []string
	CreatedAt time.Time
	Version   int64
}

// GroupMember is a person with a role in each tenant of a group. A tenant that has no such role gives none.
type GroupMember struct {
	Username string `json:"username"`
	Role     Role   `json:"role"`
}

type tenantGroupDoc struct {
	Name      string        `json:"name"`
	Members   []GroupMember `json:"members,omitempty"`
	Everybody []string      `json:"everybody,omitempty"`
	CreatedAt store.Time    `json:"created_at"`
}

func tenantGroupOf(g stored[tenantGroupDoc]) TenantGroup {
	return TenantGroup{ID: g.id, Name: g.doc.Name, Members: g.doc.Members, Everybody: g.doc.Everybody, CreatedAt: g.doc.CreatedAt.Time, Version: g.version}
}

// roleOf is what somebody has in the group.
func (d tenantGroupDoc) roleOf(name string) (Role, bool) {
	i := slices.IndexFunc(d.Members, func(m GroupMember) bool { return m.Username == name })
	if i < 0 {
		return "", false
	}
	return d.Members[i].Role, true
}

// groupOfTenant is the group that a tenant is in; the zero document for none, and for one that is gone.
func (s *Service) groupOfTenant(ctx context.Context, t stored[tenantDoc]) (stored[tenantGroupDoc], error) {
	if t.doc.Group == "" {
		return stored[tenantGroupDoc]{}, nil
	}
	g, err := document[tenantGroupDoc](ctx, s.opt.Store, tenantGroupsTable, "", t.doc.Group)
	if errors.Is(err, ErrNotFound) {
		return stored[tenantGroupDoc]{}, nil
	}
	return g, err
}

// customer is what everybody of a tenant has by the group that the tenant is in.
func (s *Service) customer(ctx context.Context, tenant string) ([]string, error) {
	t, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	g, err := s.groupOfTenant(ctx, t)
	return g.doc.Everybody, err
}

// TenantGroups are all of the installation's, by name.
func (s *Service) TenantGroups(ctx context.Context) ([]TenantGroup, error) {
	list, err := documents[tenantGroupDoc](ctx, s.opt.Store, tenantGroupsTable, "", nil)
	if err != nil {
		return nil, err
	}
	out := make([]TenantGroup, len(list))
	for i, g := range list {
		out[i] = tenantGroupOf(g)
	}
	slices.SortFunc(out, func(a, b TenantGroup) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// TenantGroup is one of them.
func (s *Service) TenantGroup(ctx context.Context, id string) (TenantGroup, error) {
	g, err := document[tenantGroupDoc](ctx, s.opt.Store, tenantGroupsTable, "", id)
	return tenantGroupOf(g), err
}

// PutTenantGroup makes a group (no id), or changes one based on its version.
func (s *Service) PutTenantGroup(ctx context.Context, c Caller, id string, version int64, g TenantGroup) (TenantGroup, error) {
	if Decide(c, ManageTenants, Object{}) != Allowed {
		return TenantGroup{}, ErrForbidden
	}
	next := stored[tenantGroupDoc]{id: id, version: version + 1, doc: tenantGroupDoc{CreatedAt: store.At(s.now())}}
	op, action := store.Insert, "tenant_group.create"
	if id == "" {
		made, err := uuid.NewV7()
		if err != nil {
			return TenantGroup{}, fmt.Errorf("make tenant group id: %w", err)
		}
		next.id = made.String()
	} else {
		was, err := document[tenantGroupDoc](ctx, s.opt.Store, tenantGroupsTable, "", id)
		if err != nil {
			return TenantGroup{}, err
		}
		if was.version != version {
			return TenantGroup{}, &StaleError{Current: was.version}
		}
		next.doc.CreatedAt, op, action = was.doc.CreatedAt, store.Replace, "tenant_group.update"
	}
	if err := s.checkTenantGroup(ctx, next.id, &g); err != nil {
		return TenantGroup{}, err
	}
	next.doc.Name, next.doc.Members, next.doc.Everybody = g.Name, g.Members, g.Everybody
	if err := s.keep(ctx, op, tenantGroupsTable, "", next.id, next.version, next.doc); err != nil {
		return TenantGroup{}, err
	}
	return tenantGroupOf(next), s.auditTenantGroup(ctx, c, action, next)
}

func (s *Service) checkTenantGroup(ctx context.Context, id string, g *TenantGroup) error {
	g.Name = strings.TrimSpace(g.Name)
	if g.Name == "" || checkName(g.Name) != nil {
		return &InvalidError{Field: "name", Problem: fmt.Sprintf("needs 1 to %d bytes and no control characters", maxDisplayName)}
	}
	if len(g.Members) > maxMembers {
		return &InvalidError{Field: "members", Problem: fmt.Sprintf("are more than %d", maxMembers)}
	}
	for i := range g.Members {
		g.Members[i].Username = foldUsername(g.Members[i].Username)
	}
	slices.SortFunc(g.Members, func(a, b GroupMember) int { return strings.Compare(a.Username, b.Username) })
	names := make([]string, len(g.Members))
	for i, m := range g.Members {
		names[i] = m.Username
		if i > 0 && names[i-1] == m.Username {
			return &InvalidError{Field: "members", Problem: fmt.Sprintf("name %q twice", m.Username)}
		}
		if _, builtin := builtinRoles[m.Role]; !builtin && checkMade(string(m.Role), "") != nil {
			return &InvalidError{Field: "members", Problem: fmt.Sprintf("%q is no name of a role", m.Role)}
		}
	}
	homes, err := s.homesOf(ctx, names)
	if err != nil {
		return err
	}
	for _, n := range names {
		if _, found := homes[n]; !found {
			return &InvalidError{Field: "members", Problem: fmt.Sprintf("there is no user %q", n)}
		}
	}
	for _, name := range g.Everybody {
		if _, ok := builtinGroups[name]; !ok {
			return &InvalidError{Field: "everybody", Problem: fmt.Sprintf("%q is no permission group that every tenant has", name)}
		}
	}
	all, err := s.TenantGroups(ctx)
	if err != nil {
		return err
	}
	for _, x := range all {
		if x.ID != id && strings.EqualFold(x.Name, g.Name) {
			return &InvalidError{Field: "name", Problem: "another tenant group has this name"}
		}
	}
	return nil
}

// DeleteTenantGroup removes a group that no tenant is in.
func (s *Service) DeleteTenantGroup(ctx context.Context, c Caller, id string) error {
	if Decide(c, ManageTenants, Object{}) != Allowed {
		return ErrForbidden
	}
	g, err := document[tenantGroupDoc](ctx, s.opt.Store, tenantGroupsTable, "", id)
	if err != nil {
		return err
	}
	all, err := s.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.Group == id {
			return &ConflictError{fmt.Sprintf("The tenant %s is in this group. Take it out first.", t.Name)}
		}
	}
	if err := s.drop(ctx, tenantGroupsTable, "", id); err != nil {
		return err
	}
	return s.auditTenantGroup(ctx, c, "tenant_group.delete", g)
}

// auditTenantGroup writes into the trail of the installation's own tenant, and into those of the tenants that are concerned.
func (s *Service) auditTenantGroup(ctx context.Context, c Caller, action string, g stored[tenantGroupDoc]) error {
	members := make([]string, len(g.doc.Members))
	for i, m := range g.doc.Members {
		members[i] = m.Username + " as " + string(m.Role)
	}
	trails := []string{HomeTenant}
	all, err := s.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.Group == g.id && t.ID != HomeTenant {
			trails = append(trails, t.ID)
		}
	}
	for _, trail := range trails {
		err := s.audit(ctx, audit.Entry{Tenant: trail, Actor: c.Name, Action: action, Address: c.Address,
			Object: &audit.Ref{ID: g.id, Name: g.doc.Name, Kind: "tenant_group"}, Detail: map[string]any{"members": members, "everybody": g.doc.Everybody}})
		if err != nil {
			return err
		}
	}
	return nil
}
