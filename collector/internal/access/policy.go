package access

// Action is what a caller wants to do. Every operation of the REST API names one.
type Action string

// The actions. Self is what everyone who is signed in may do with his own session.
const (
	Self              Action = "self"
	Read              Action = "read"
	ReadAudit         Action = "audit.read"
	VerifyAudit       Action = "audit.verify"
	EditResources     Action = "resource.edit"
	ApproveKinds      Action = "kind.approve"
	DefineKinds       Action = "kind.define"
	ManageOptions     Action = "options.manage"
	ManageMapping     Action = "mapping.manage"
	ManageConnections Action = "connection.manage"
	RequestRuns       Action = "run.request"
	ManageAgents      Action = "agent.manage"
	ManageDatacenters Action = "datacenter.manage"
	DecideRemovals    Action = "removal.decide"
	ManageTokens      Action = "token.manage"
	ShareViews        Action = "view.share"
	ManageUsers       Action = "user.manage"
)

// Role is what a user or token was given in the whole tenant.
type Role string

// The roles. RoleNone may sign in and see that nothing was granted.
const (
	RoleAdmin  Role = "admin"
	RoleReader Role = "reader"
	RoleNone   Role = "none"
)

// Object is what an action is about; the zero Object is the tenant as a whole.
type Object struct {
	Tenant string
	Kind   string
	ID     string
}

// Decision is the answer to "may this caller do that?". A Hidden object must look as if it did not exist.
type Decision int

// The decisions.
const (
	Forbidden Decision = iota
	Hidden
	Allowed
)

// Decide is the only place where rights become an answer.
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
	switch caller.Role {
	case RoleAdmin:
		return Allowed
	case RoleReader:
		if action == Read || action == ReadAudit {
			return Allowed
		}
	}
	return Forbidden
}
