package access

// Permission groups are the words in which roles are made: each is a set of actions in the whole tenant, most with a twin
// that only reads. They follow the groups that the predecessor's customers know.
const (
	FullAccess        = "full_access"
	ReadOnly          = "read_only"
	Resources         = "resources"
	ResourcesReadOnly = "resources_read_only"
	Billing           = "billing"
	BillingReadOnly   = "billing_read_only"
	Manage            = "manage"
	ManageReadOnly    = "manage_read_only"
)

// everyAction is all that a permission group can hold.
var everyAction = []Action{Read, ReadSensitive, ReadSettings, ReadAudit, VerifyAudit, EditResources, ManageImports, ApproveKinds, DefineKinds, ManageOptions, ManageMapping,
	ManageConnections, RequestRuns, ManageAgents, ManageDatacenters, DecideRemovals, ManageTokens, ShareViews, ManageUsers, ManageTeams, ManageGrants}

// builtinGroups are the groups that every installation has. What is spent is written in the resources themselves, so that the billing
// groups read them, and neither changes them.
var builtinGroups = map[string][]Action{
	FullAccess:        everyAction,
	ReadOnly:          {Read, ReadSettings, ReadAudit},
	Resources:         {Read, ReadSettings, EditResources, ManageImports, RequestRuns, DecideRemovals, ShareViews},
	ResourcesReadOnly: {Read, ReadSettings},
	Billing:           {Read, ReadSettings},
	BillingReadOnly:   {Read, ReadSettings},
	Manage: {Read, ReadSettings, ReadAudit, ApproveKinds, DefineKinds, ManageOptions, ManageMapping, ManageConnections, RequestRuns, ManageAgents,
		ManageDatacenters, DecideRemovals, ShareViews},
	ManageReadOnly: {Read, ReadSettings, ReadAudit},
}

// builtinRoles are what was there before roles could be made.
var builtinRoles = map[Role][]Action{RoleAdmin: builtinGroups[FullAccess], RoleReader: builtinGroups[ReadOnly], RoleNone: {}}
