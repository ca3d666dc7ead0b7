package access

import "slices"

// Action is what a caller wants to do. Every operation of the REST API names one.
type Action string

// The actions. Self is what everyone who is signed in may do with his own session.
const (
	Self              Action = "self"
	Read              Action = "read"
	ReadSensitive     Action = "sensitive.read"
	ReadSettings      Action = "settings.read"
	ReadAudit         Action = "audit.read"
	VerifyAudit       Action = "audit.verify"
	EditResources     Action = "resource.edit"
	EditCosts         Action = "cost.edit"
	ManageImports     Action = "import.manage"
	ApproveKinds      Action = "kind.approve"
	DefineKinds       Action = "kind.define"
	ManageOptions     Action = "options.manage"
	ManageMapping     Action = "mapping.manage"
	ManageConnections Action = "connection.manage"
	EditConnections   Action = "connection.edit"
	RequestRuns       Action = "run.request"
	ManageAgents      Action = "agent.manage"
	ManageDatacenters Action = "datacenter.manage"
	DecideRemovals    Action = "removal.decide"
	ManageTokens      Action = "token.manage"
	ShareViews        Action = "view.share"
	ManageUsers       Action = "user.manage"
	ManageRoles       Action = "role.manage"
	ManageTeams       Action = "team.manage"
	ManageGrants      Action = "grant.manage"
	ManageApprovals   Action = "approval.manage"
	ManageTenants     Action = "tenant.manage"
)

// DecideApprovals is deciding whatever somebody else asked for. No group holds it: it is of whoever may do one of the things that
// are asked for.
const DecideApprovals Action = "approval.decide"

// decided are the actions that are asked for.
var decided = []Action{DecideRemovals, ApproveKinds, EditResources, ManageAgents}

// Role is what a user or token was given in the whole tenant.
type Role string

// The built-in roles. RoleNone may sign in and sees what grants give.
const (
	RoleAdmin  Role = "admin"
	RoleReader Role = "reader"
	RoleNone   Role = "none"
)

// Right is what a grant gives on an access root. Each includes the ones before it.
type Right int

// The rights.
const (
	NoRight Right = iota
	RightRead
	RightWrite
	RightAdmin
)

var rightNames = []string{"none", "read", "write", "admin"}

func (r Right) String() string { return rightNames[r] }

// ParseRight reads the name of a right that can be granted.
func ParseRight(name string) (Right, bool) {
	i := slices.Index(rightNames, name)
	return Right(max(i, 0)), i > 0
}

// WholeTenant is the access root that everything of a tenant has.
const WholeTenant = "*"

// grantable is the least right on an access root that each action needs there. Other actions concern the tenant as a
// whole and come with a role only.
var grantable = map[Action]Right{Read: RightRead, EditResources: RightWrite, EditCosts: RightWrite, RequestRuns: RightWrite, EditConnections: RightWrite, ManageGrants: RightAdmin}

// includes are the actions that come with another one.
var includes = map[Action]Action{EditConnections: ManageConnections, EditCosts: EditResources}

// Object is what an action is about; the zero Object is the tenant as a whole.
type Object struct {
	Tenant string
	// Team is set when it is a team.
	Team string
	// Roots are the access roots of a resource, datacenter or connection: whoever has a right on one of them has it
	// on the object.
	Roots []string
	// Anywhere asks whether there may be any such object. The operations that ask so decide on each object that they
	// touch, and list only those that may be read.
	Anywhere bool
}

// Decision is the answer to "may this caller do that?". A Hidden object must look as if it did not exist.
type Decision int

// The decisions.
const (
	Forbidden Decision = iota
	Hidden
	Allowed
)

// Decide is the only place where rights become an answer. Rights are the union of what the role and the grants give;
// nothing takes a right away from one object alone.
func Decide(caller Caller, action Action, object Object) Decision {
	if caller.Tenant == "" || (object.Tenant != "" && object.Tenant != caller.Tenant) {
		return Hidden
	}
	if action == Self {
		return Allowed
	}
	if caller.EnrolFirst {
		return Forbidden
	}
	if action == ManageTenants { // concerns no tenant, so no role of one gives it
		if caller.Installation {
			return Allowed
		}
		return Forbidden
	}
	if action == DecideApprovals {
		if slices.ContainsFunc(decided, func(a Action) bool { return Decide(caller, a, Object{Anywhere: true}) == Allowed }) {
			return Allowed
		}
		return Forbidden
	}
	if caller.can(action) {
		return Allowed
	}
	if action == ManageTeams {
		return decideTeam(caller, object)
	}
	need, scoped := grantable[action]
	if !scoped {
		return Forbidden
	}
	has := caller.rightOn(object.Roots)
	if object.Anywhere {
		has = caller.rightAnywhere()
	}
	switch {
	case has >= need:
		return Allowed
	case has == NoRight && len(object.Roots) > 0 && !caller.can(Read):
		return Hidden
	}
	return Forbidden
}

// decideTeam lets those lead a team who were made its leads.
func decideTeam(caller Caller, object Object) Decision {
	for _, t := range caller.Teams {
		if t.Lead && (object.Anywhere || t.ID == object.Team) {
			return Allowed
		}
	}
	if object.Team != "" && !caller.can(Read) && !slices.ContainsFunc(caller.Teams, func(t Membership) bool { return t.ID == object.Team }) {
		return Hidden
	}
	return Forbidden
}

// can says what the role allows in the whole tenant.
func (c Caller) can(action Action) bool {
	if more, ok := includes[action]; ok && c.can(more) {
		return true
	}
	if c.Actions != nil {
		return slices.Contains(c.Actions, action)
	}
	for _, g := range builtinRoles[c.Role] {
		if slices.Contains(builtinGroups[g], action) {
			return true
		}
	}
	return false
}

// rightOn is the greatest right that the grants give on any of the roots.
func (c Caller) rightOn(roots []string) Right {
	has := c.Grants[WholeTenant]
	for _, r := range roots {
		has = max(has, c.Grants[r])
	}
	return has
}

func (c Caller) rightAnywhere() Right {
	has := NoRight
	for _, r := range c.Grants {
		has = max(has, r)
	}
	return has
}

// TenantWide says that the caller may read everything of the tenant, so that lists need no access roots.
func (c Caller) TenantWide() bool { return Decide(c, Read, Object{}) == Allowed }

// Roots are the access roots that the caller may read, sorted: Decide(Read) is Allowed for an object exactly when it has one of
// them, which is how lists ask the store. Empty for who may read everything.
func (c Caller) Roots() []string {
	if c.TenantWide() {
		return nil
	}
	roots := make([]string, 0, len(c.Grants))
	for root, right := range c.Grants {
		if right >= RightRead && root != WholeTenant && !c.EnrolFirst {
			roots = append(roots, root)
		}
	}
	slices.Sort(roots)
	return roots
}
