package access

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"maestro.internal/collector/internal/store"
)

// The levels at which permission groups are given to a person. The first that gives any is the one that counts, nothing is merged:
// what a user was given in place of the role, then the role, then what everybody of the tenant has, then what everybody of the
// tenant's group has.
const (
	LevelUser   = "user"
	LevelRole   = "role"
	LevelTenant = "tenant"
	// LevelCustomer is the group of tenants that the tenant is in.
	LevelCustomer = "customer"
)

type groupDoc struct {
	Description string   `json:"description,omitempty"`
	Actions     []Action `json:"actions"`
}

type roleDoc struct {
	Description string   `json:"description,omitempty"`
	Groups      []string `json:"groups"`
}

type everybodyDoc struct {
	Groups []string `json:"groups"`
}

// everybodyID is the one row of its table, for each tenant.
const everybodyID = "everybody"

// rolebook is what is needed to say which actions somebody has: the groups and roles that were made, and what everybody has.
type rolebook struct {
	tenant    string
	groups    map[string]stored[groupDoc]
	roles     map[Role]stored[roleDoc]
	everybody []string
	customer  []string
}

// standing is what the order of levels selected for somebody.
type standing struct {
	level   string
	groups  []string
	actions []Action
}

// standingOf selects. A token is no person: everybody's groups are not for it.
func (b rolebook) standingOf(role Role, own []string, person bool) standing {
	st := standing{level: LevelUser, groups: own}
	if len(st.groups) == 0 {
		st.level, st.groups = LevelRole, b.groupsOf(role)
	}
	if len(st.groups) == 0 && person && len(b.everybody) > 0 {
		st.level, st.groups = LevelTenant, b.everybody
	}
	if len(st.groups) == 0 && person && len(b.customer) > 0 {
		st.level, st.groups = LevelCustomer, b.customer
	}
	st.actions = b.actionsOf(st.groups)
	return st
}

// groupsOf are those of a role; one that is gone has none.
func (b rolebook) groupsOf(role Role) []string {
	if groups, ok := builtinRoles[role]; ok {
		return groups
	}
	return b.roles[role].doc.Groups
}

func (b rolebook) actionsOf(groups []string) []Action {
	var all []Action
	for _, g := range groups {
		if actions, ok := builtinGroups[g]; ok {
			all = append(all, actions...)
			continue
		}
		all = append(all, b.madeActions(g)...)
	}
	if b.tenant != HomeTenant { // nobody manages the installation's tenants by what another tenant gives
		all = slices.DeleteFunc(all, func(a Action) bool { return a == ManageTenants })
	}
	return inOrder(all)
}

// madeActions are those of a group that was made, or of the read-only twin of one.
func (b rolebook) madeActions(group string) []Action {
	if g, made := b.groups[group]; made {
		return g.doc.Actions
	}
	return reading(b.groups[twinOf(group)].doc.Actions)
}

// isTwin says whether a name is that of a twin which follows a group that was made. A group that somebody made under this name is none.
func (b rolebook) isTwin(group string) bool {
	_, made := b.groups[group]
	_, of := b.groups[twinOf(group)]
	return !made && of && builtinGroups[group] == nil
}

// twins are those of all groups that were made, by name.
func (b rolebook) twins() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(b.groups)) {
		if twin := name + twinEnds; b.isTwin(twin) && len(b.madeActions(twin)) > 0 {
			out = append(out, twin)
		}
	}
	return out
}

// knows says whether there is such a group, knowsRole whether there is such a role.
func (b rolebook) knows(group string) bool {
	_, made := b.groups[group]
	_, builtin := builtinGroups[group]
	return made || builtin || b.isTwin(group) && len(b.madeActions(group)) > 0
}

func (b rolebook) knowsRole(role Role) bool {
	_, made := b.roles[role]
	_, builtin := builtinRoles[role]
	return made || builtin
}

// wholeBook reads everything of a tenant.
func (s *Service) wholeBook(ctx context.Context, tenant string) (rolebook, error) {
	b := rolebook{tenant: tenant, groups: map[string]stored[groupDoc]{}, roles: map[Role]stored[roleDoc]{}}
	groups, err := documents[groupDoc](ctx, s.opt.Store, groupsTable, tenant, nil)
	if err != nil {
		return b, err
	}
	roles, err := documents[roleDoc](ctx, s.opt.Store, rolesTable, tenant, nil)
	if err != nil {
		return b, err
	}
	for _, g := range groups {
		b.groups[g.id] = g
	}
	for _, r := range roles {
		b.roles[Role(r.id)] = r
	}
	e, err := s.everybody(ctx, tenant)
	if err != nil {
		return b, err
	}
	b.everybody = e.doc.Groups
	b.customer, err = s.customer(ctx, tenant)
	return b, err
}

// everybody is what everybody has; where nobody decided it, nothing.
func (s *Service) everybody(ctx context.Context, tenant string) (stored[everybodyDoc], error) {
	rows, err := s.opt.Store.Get(ctx, everybodyTable, tenant, "", []string{everybodyID})
	if err != nil {
		return stored[everybodyDoc]{}, fmt.Errorf("read what everybody has: %w", err)
	}
	row, ok := rows[everybodyID]
	if !ok {
		return stored[everybodyDoc]{id: everybodyID}, nil
	}
	d, err := decodeRow[everybodyDoc](row)
	return stored[everybodyDoc]{row.ID, row.Version, d}, err
}

// bookFor reads only what one caller needs, since every request asks: nothing at all for the role admin.
func (s *Service) bookFor(ctx context.Context, tenant string, role Role, own []string, person bool) (rolebook, error) {
	b := rolebook{tenant: tenant, groups: map[string]stored[groupDoc]{}, roles: map[Role]stored[roleDoc]{}}
	groups := own
	var err error
	if _, builtin := builtinRoles[role]; len(groups) == 0 && !builtin {
		rows, err := s.opt.Store.Get(ctx, rolesTable, tenant, "", []string{string(role)})
		if err != nil {
			return b, fmt.Errorf("read role %s: %w", role, err)
		}
		if row, ok := rows[string(role)]; ok {
			d, err := decodeRow[roleDoc](row)
			if err != nil {
				return b, err
			}
			b.roles[role] = stored[roleDoc]{row.ID, row.Version, d}
		}
	}
	if len(groups) == 0 {
		groups = b.groupsOf(role)
	}
	if len(groups) == 0 && person {
		e, err := s.everybody(ctx, tenant)
		if err != nil {
			return b, err
		}
		b.everybody, groups = e.doc.Groups, e.doc.Groups
	}
	if len(groups) == 0 && person {
		if b.customer, err = s.customer(ctx, tenant); err != nil {
			return b, err
		}
	}
	return b, s.readGroups(ctx, s.opt.Store, tenant, groups, b.groups)
}

func (s *Service) readGroups(ctx context.Context, r store.Reader, tenant string, names []string, into map[string]stored[groupDoc]) error {
	var made []string
	for _, g := range names {
		if _, builtin := builtinGroups[g]; !builtin && !slices.Contains(made, g) {
			made = append(made, g)
			if of := twinOf(g); of != "" && builtinGroups[of] == nil && !slices.Contains(made, of) {
				made = append(made, of)
			}
		}
	}
	if len(made) == 0 {
		return nil
	}
	rows, err := r.Get(ctx, groupsTable, tenant, "", made)
	if err != nil {
		return fmt.Errorf("read permission groups: %w", err)
	}
	for id, row := range rows {
		d, err := decodeRow[groupDoc](row)
		if err != nil {
			return err
		}
		into[id] = stored[groupDoc]{row.ID, row.Version, d}
	}
	return nil
}

// withStanding completes a caller by what the role and its groups allow.
func (s *Service) withStanding(ctx context.Context, c Caller, own []string, person bool) (Caller, error) {
	b, err := s.bookFor(ctx, c.Tenant, c.Role, own, person)
	if err != nil {
		return Caller{}, err
	}
	st := b.standingOf(c.Role, own, person)
	c.Actions, c.Level, c.Groups = st.actions, st.level, st.groups
	return c, nil
}
