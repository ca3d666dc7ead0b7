package access

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
)

// PermissionGroup is a named set of actions in the whole tenant.
type PermissionGroup struct {
	Name        string
	Description string
	Actions     []Action
	// BuiltIn ones are in every installation and do not change.
	BuiltIn bool
	// TwinOf is the group that this one is the read-only twin of, and follows; it is not kept and does not change by itself.
	TwinOf string
	// Roles that are made of it.
	Roles   []Role
	Version int64
}

// RoleInfo is a role with the groups that it is made of.
type RoleInfo struct {
	Name        Role
	Description string
	Groups      []string
	Actions     []Action
	BuiltIn     bool
	// Users and Tokens are how many have it.
	Users, Tokens int
	Version       int64
}

// BeyondError says that somebody was about to give, or to get at, what he does not have himself.
type BeyondError struct {
	Problem string
	Missing []string
}

func (e *BeyondError) Error() string { return e.Problem + ": " + strings.Join(e.Missing, ", ") }

const (
	maxDescription = 500
	maxMade        = 200
)

var madeName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

func checkMade(name, description string) error {
	if !madeName.MatchString(name) {
		return &InvalidError{Field: "name", Problem: "needs 1 to 40 lower-case letters, digits and underscores, the first a letter"}
	}
	if len(description) > maxDescription || checkName(clip(description, maxDisplayName)) != nil {
		return &InvalidError{Field: "description", Problem: fmt.Sprintf("may have at most %d bytes and no control characters", maxDescription)}
	}
	return nil
}

// mustHold refuses what the caller does not have himself.
func (c Caller) mustHold(actions []Action, problem string) error {
	var missing []string
	for _, a := range actions {
		if !c.can(a) {
			missing = append(missing, string(a))
		}
	}
	if len(missing) > 0 {
		return &BeyondError{Problem: problem, Missing: missing}
	}
	return nil
}

const beyondGiving = "That would give rights that you do not have yourself"

// Groups are the permission groups of the tenant, the built-in ones first.
func (s *Service) Groups(ctx context.Context, c Caller) ([]PermissionGroup, error) {
	b, err := s.wholeBook(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	var out []PermissionGroup
	for _, name := range slices.Concat(builtinOrder, slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(b.groups)), b.twins())))) {
		out = append(out, b.group(name))
	}
	return out, nil
}

func (b rolebook) group(name string) PermissionGroup {
	g := PermissionGroup{Name: name}
	if actions, ok := builtinGroups[name]; ok {
		g.Description, g.Actions, g.BuiltIn, g.Version = groupWords[name], inOrder(actions), true, 1
	} else if b.isTwin(name) {
		of := b.groups[twinOf(name)]
		g.Actions, g.TwinOf, g.Version = b.madeActions(name), of.id, of.version
	} else {
		d := b.groups[name]
		g.Description, g.Actions, g.Version = d.doc.Description, inOrder(d.doc.Actions), d.version
	}
	for _, r := range slices.Concat(builtinRoleOrder, slices.Sorted(maps.Keys(b.roles))) {
		if slices.Contains(b.groupsOf(r), name) {
			g.Roles = append(g.Roles, r)
		}
	}
	return g
}

// Group is one of them.
func (s *Service) Group(ctx context.Context, c Caller, name string) (PermissionGroup, error) {
	b, err := s.wholeBook(ctx, c.Tenant)
	if err == nil && !b.knows(name) {
		err = fmt.Errorf("permission group %s: %w", name, ErrNotFound)
	}
	return b.group(name), err
}

// PutGroup makes a group (version 0), or changes one that was made, based on its version. Nobody puts in what he does not have, or
// changes a group that has more than he has.
func (s *Service) PutGroup(ctx context.Context, c Caller, name string, version int64, description string, actions []Action) (PermissionGroup, error) {
	description = strings.TrimSpace(description)
	if err := checkMade(name, description); err != nil {
		return PermissionGroup{}, err
	}
	for _, a := range actions {
		if !slices.Contains(everyAction, a) {
			return PermissionGroup{}, &InvalidError{Field: "actions", Problem: fmt.Sprintf("there is no action %q", a)}
		}
	}
	b, err := s.wholeBook(ctx, c.Tenant)
	if err != nil {
		return PermissionGroup{}, err
	}
	if err := mayPut(name, "permission group", b.groups, version, builtinGroups[name] != nil); err != nil {
		return PermissionGroup{}, err
	}
	if b.isTwin(name) {
		return PermissionGroup{}, &ConflictError{fmt.Sprintf("The permission group %s is the read-only twin of %s and follows it. Change that one.", name, twinOf(name))}
	}
	if err := c.mustHold(slices.Concat(actions, b.groups[name].doc.Actions), beyondGiving); err != nil {
		return PermissionGroup{}, err
	}
	d := groupDoc{Description: description, Actions: inOrder(actions)}
	if err := s.put(ctx, groupsTable, c.Tenant, name, version, d); err != nil {
		return PermissionGroup{}, err
	}
	b.groups[name] = stored[groupDoc]{name, version + 1, d}
	return b.group(name), s.auditMade(ctx, c, "permission_group", version == 0, name, map[string]any{"actions": d.Actions})
}

// mayPut says whether a name can be made (version 0) or changed.
func mayPut[K ~string, T any](name K, what string, made map[K]stored[T], version int64, builtin bool) error {
	d, exists := made[name]
	switch {
	case builtin:
		return &ConflictError{fmt.Sprintf("The %s %s is built in and does not change. Make one of your own.", what, name)}
	case version == 0 && exists:
		return &ConflictError{fmt.Sprintf("There is a %s %s already.", what, name)}
	case version == 0 && len(made) >= maxMade:
		return &ConflictError{fmt.Sprintf("There are %d already, which is as many as a tenant has.", maxMade)}
	case version != 0 && !exists:
		return fmt.Errorf("%s %s: %w", what, name, ErrNotFound)
	case version != 0 && d.version != version:
		return &StaleError{Current: d.version}
	}
	return nil
}

func (s *Service) put(ctx context.Context, table, tenant, id string, version int64, doc any) error {
	op := store.Replace
	if version == 0 {
		op = store.Insert
	}
	return s.keep(ctx, op, table, tenant, id, version+1, doc)
}

// DeleteGroup removes a group that nothing is made of.
func (s *Service) DeleteGroup(ctx context.Context, c Caller, name string) error {
	b, err := s.wholeBook(ctx, c.Tenant)
	if err != nil {
		return err
	}
	if b.isTwin(name) {
		return &ConflictError{fmt.Sprintf("The permission group %s is the read-only twin of %s and follows it. Change that one.", name, twinOf(name))}
	}
	if err := mayPut(name, "permission group", b.groups, max(b.groups[name].version, 1), builtinGroups[name] != nil); err != nil {
		return err
	}
	if err := c.mustHold(b.groups[name].doc.Actions, "The group has rights that you do not have yourself"); err != nil {
		return err
	}
	// Who has the twin would lose it with the group.
	both := []string{name}
	if b.isTwin(name + twinEnds) {
		both = append(both, name+twinEnds)
	}
	for _, n := range both {
		if g := b.group(n); len(g.Roles) > 0 {
			return &ConflictError{fmt.Sprintf("The role %s is made of this group. Take it out of the role first.", g.Roles[0])}
		}
	}
	has := func(groups []string) bool {
		return slices.ContainsFunc(both, func(n string) bool { return slices.Contains(groups, n) })
	}
	if has(b.everybody) {
		return &ConflictError{"Everybody has this group. Take it from everybody first."}
	}
	err = s.eachUserDoc(ctx, c.Tenant, func(d userDoc) error {
		if has(d.Groups) {
			return &ConflictError{fmt.Sprintf("%s has this group in place of a role. Change that first.", d.Display)}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.drop(ctx, groupsTable, c.Tenant, name); err != nil {
		return err
	}
	return s.audit(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "permission_group.delete", Address: c.Address, Object: &audit.Ref{ID: name, Name: name, Kind: "permission_group"}})
}

func (s *Service) eachUserDoc(ctx context.Context, tenant string, fn func(userDoc) error) error {
	return eachUser(ctx, s.opt.Store, tenant, func(rows []store.Row) error {
		for _, row := range rows {
			d, err := decodeRow[userDoc](row)
			if err == nil {
				err = fn(d)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Roles are the tenant's, the built-in ones first.
func (s *Service) Roles(ctx context.Context, c Caller) ([]RoleInfo, error) {
	b, err := s.wholeBook(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	users, tokens, err := s.countRoles(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	var out []RoleInfo
	for _, name := range slices.Concat(builtinRoleOrder, slices.Sorted(maps.Keys(b.roles))) {
		r := b.role(name)
		r.Users, r.Tokens = users[name], tokens[name]
		out = append(out, r)
	}
	return out, nil
}

func (s *Service) countRoles(ctx context.Context, tenant string) (users, tokens map[Role]int, err error) {
	users, tokens = map[Role]int{}, map[Role]int{}
	err = s.eachUserDoc(ctx, tenant, func(d userDoc) error {
		users[d.Role]++
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	list, err := documents[tokenDoc](ctx, s.opt.Store, tokensTable, tenant, nil)
	for _, t := range list {
		tokens[t.doc.Role]++
	}
	return users, tokens, err
}

func (b rolebook) role(name Role) RoleInfo {
	r := RoleInfo{Name: name, Groups: b.groupsOf(name)}
	r.Actions = b.actionsOf(r.Groups)
	if _, ok := builtinRoles[name]; ok {
		r.Description, r.BuiltIn, r.Version = roleWords[name], true, 1
		return r
	}
	d := b.roles[name]
	r.Description, r.Version = d.doc.Description, d.version
	return r
}

// Role is one of them.
func (s *Service) Role(ctx context.Context, c Caller, name Role) (RoleInfo, error) {
	list, err := s.Roles(ctx, c)
	if err != nil {
		return RoleInfo{}, err
	}
	i := slices.IndexFunc(list, func(r RoleInfo) bool { return r.Name == name })
	if i < 0 {
		return RoleInfo{}, fmt.Errorf("role %s: %w", name, ErrNotFound)
	}
	return list[i], nil
}

// PutRole makes a role (version 0), or changes one that was made, based on its version. Nobody makes a role of what he does not have.
func (s *Service) PutRole(ctx context.Context, c Caller, name Role, version int64, description string, groups []string) (RoleInfo, error) {
	description = strings.TrimSpace(description)
	if err := checkMade(string(name), description); err != nil {
		return RoleInfo{}, err
	}
	b, err := s.wholeBook(ctx, c.Tenant)
	if err != nil {
		return RoleInfo{}, err
	}
	_, builtin := builtinRoles[name]
	if err := mayPut(name, "role", b.roles, version, builtin); err != nil {
		return RoleInfo{}, err
	}
	groups, err = b.mayGive(c, groups, b.groupsOf(name))
	if err != nil {
		return RoleInfo{}, err
	}
	d := roleDoc{Description: description, Groups: groups}
	if err := s.put(ctx, rolesTable, c.Tenant, string(name), version, d); err != nil {
		return RoleInfo{}, err
	}
	if err := s.auditMade(ctx, c, "role", version == 0, string(name), map[string]any{"groups": groups}); err != nil {
		return RoleInfo{}, err
	}
	return s.Role(ctx, c, name)
}

// mayGive checks groups that somebody is about to give in place of others.
func (b rolebook) mayGive(c Caller, groups, was []string) ([]string, error) {
	out := []string{}
	for _, g := range groups {
		if !b.knows(g) {
			return nil, &InvalidError{Field: "groups", Problem: fmt.Sprintf("there is no permission group %q", g)}
		}
		if !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out, c.mustHold(b.actionsOf(slices.Concat(groups, was)), beyondGiving)
}

// DeleteRole removes a role that nobody has.
func (s *Service) DeleteRole(ctx context.Context, c Caller, name Role) error {
	b, err := s.wholeBook(ctx, c.Tenant)
	if err != nil {
		return err
	}
	_, builtin := builtinRoles[name]
	if err := mayPut(name, "role", b.roles, max(b.roles[name].version, 1), builtin); err != nil {
		return err
	}
	if err := c.mustHold(b.actionsOf(b.groupsOf(name)), "The role has rights that you do not have yourself"); err != nil {
		return err
	}
	r, err := s.Role(ctx, c, name)
	if err != nil {
		return err
	}
	if r.Users+r.Tokens > 0 {
		return &ConflictError{fmt.Sprintf("%d users and %d tokens have this role. Give them another one first.", r.Users, r.Tokens)}
	}
	if err := s.drop(ctx, rolesTable, c.Tenant, string(name)); err != nil {
		return err
	}
	return s.audit(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "role.delete", Address: c.Address, Object: &audit.Ref{ID: string(name), Name: string(name), Kind: "role"}})
}

func (s *Service) auditMade(ctx context.Context, c Caller, kind string, created bool, name string, detail map[string]any) error {
	verb := ".update"
	if created {
		verb = ".create"
	}
	return s.audit(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: kind + verb, Address: c.Address,
		Object: &audit.Ref{ID: name, Name: name, Kind: kind}, Detail: detail})
}

// Everybody are the groups that people have who get none by themselves or by a role.
func (s *Service) Everybody(ctx context.Context, c Caller) (groups []string, version int64, err error) {
	e, err := s.everybody(ctx, c.Tenant)
	return append([]string{}, e.doc.Groups...), e.version, err
}

// SetEverybody decides them, based on a version; 0 is that nobody decided yet.
func (s *Service) SetEverybody(ctx context.Context, c Caller, version int64, groups []string) ([]string, int64, error) {
	b, err := s.wholeBook(ctx, c.Tenant)
	if err != nil {
		return nil, 0, err
	}
	if groups, err = b.mayGive(c, groups, b.everybody); err != nil {
		return nil, 0, err
	}
	if err := s.put(ctx, everybodyTable, c.Tenant, everybodyID, version, everybodyDoc{Groups: groups}); err != nil {
		return nil, 0, err
	}
	return groups, version + 1, s.auditMade(ctx, c, "everybody", false, everybodyID, map[string]any{"groups": groups})
}

// mayGiveRole refuses a role that is not there, or that has more than the caller.
func (s *Service) mayGiveRole(ctx context.Context, c Caller, role Role, own []string, person bool) error {
	b, err := s.wholeBook(ctx, c.Tenant)
	if err != nil {
		return err
	}
	if !b.knowsRole(role) {
		names := slices.Concat(builtinRoleOrder, slices.Sorted(maps.Keys(b.roles)))
		return &InvalidError{Field: "role", Problem: fmt.Sprintf("there is no role %q; there are %s", role, joined(names))}
	}
	for _, g := range own {
		if !b.knows(g) {
			return &InvalidError{Field: "groups", Problem: fmt.Sprintf("there is no permission group %q", g)}
		}
	}
	return c.mustHold(b.standingOf(role, own, person).actions, beyondGiving)
}

func joined(names []Role) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return strings.Join(out, ", ")
}

// mustOutrank refuses to act on a user who has what the caller has not: whoever can make links for somebody, or take a second factor
// away, gets at what that user may do.
func (s *Service) mustOutrank(ctx context.Context, c Caller, d userDoc) error {
	const problem = "This user has rights that you do not have yourself"
	b, err := s.bookFor(ctx, c.Tenant, d.Role, d.Groups, true)
	if err != nil {
		return err
	}
	if err := c.mustHold(b.standingOf(d.Role, d.Groups, true).actions, problem); err != nil {
		return err
	}
	teams, err := s.teamsOf(ctx, c.Tenant, d.Username)
	if err != nil {
		return err
	}
	subjects := []Subject{SubjectUser(d.Username)}
	for _, t := range teams {
		subjects = append(subjects, SubjectTeam(t.ID))
	}
	return s.mustHoldGrants(ctx, c, problem, subjects...)
}

// mustHoldGrants refuses unless the caller has whatever was granted to the subjects.
func (s *Service) mustHoldGrants(ctx context.Context, c Caller, problem string, subjects ...Subject) error {
	if c.can(ManageGrants) && c.holds(RightAdmin, nil) {
		return nil
	}
	grants, err := s.GrantsTo(ctx, c.Tenant, subjects...)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if !c.holds(g.Right, []string{g.Target.Root()}) {
			return &BeyondError{Problem: problem, Missing: []string{fmt.Sprintf("%s on the %s %s", g.Right, g.Target.Kind, g.Target.Name)}}
		}
	}
	return nil
}

// holds says whether the caller may himself do all that a right allows on something.
func (c Caller) holds(right Right, roots []string) bool {
	for action, need := range grantable {
		if need <= right && Decide(c, action, Object{Roots: roots}) != Allowed {
			return false
		}
	}
	return true
}
