package access

import (
	"slices"
	"strings"
)

// Permission groups are the words in which roles are made: each is a set of actions in the whole tenant, with a twin that only
// reads. They follow the groups that the predecessor's customers know.
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

// twinEnds is how the name of a read-only twin ends.
const twinEnds = "_read_only"

// twinOf is the group that a name would be the read-only twin of; "" for none.
func twinOf(name string) string {
	of, ok := strings.CutSuffix(name, twinEnds)
	if !ok || strings.HasSuffix(of, twinEnds) {
		return ""
	}
	return of
}

// reading is what a group's twin has of it: what it sees, and nothing that it does. What is marked sensitive is left out, as it is
// of the built-in twins.
func reading(actions []Action) []Action {
	return slices.DeleteFunc(inOrder(actions), func(a Action) bool { return a != Read && a != ReadSettings && a != ReadAudit })
}

// everyAction is all that a permission group can hold.
var everyAction = []Action{Read, ReadSensitive, ReadSettings, ReadAudit, VerifyAudit, EditResources, EditCosts, ManageImports, ApproveKinds, DefineKinds, ManageOptions, ManageMapping,
	ManageConnections, EditConnections, RequestRuns, ManageAgents, ManageDatacenters, DecideRemovals, ManageTokens, ShareViews, ManageUsers, ManageRoles, ManageTeams, ManageGrants, ManageApprovals, ManageTenants}

// builtinGroups are the groups that every installation has.
var builtinGroups = map[string][]Action{
	FullAccess:        everyAction,
	ReadOnly:          {Read, ReadSettings, ReadAudit},
	Resources:         {Read, ReadSettings, EditResources, ManageImports, RequestRuns, DecideRemovals, ShareViews},
	ResourcesReadOnly: {Read, ReadSettings},
	Billing:           {Read, ReadSettings, EditCosts},
	BillingReadOnly:   {Read, ReadSettings},
	Manage: {Read, ReadSettings, ReadAudit, ApproveKinds, DefineKinds, ManageOptions, ManageMapping, ManageConnections, RequestRuns, ManageAgents,
		ManageDatacenters, DecideRemovals, ShareViews},
	ManageReadOnly: {Read, ReadSettings, ReadAudit},
}

// builtinOrder is how people read them.
var builtinOrder = []string{FullAccess, ReadOnly, Resources, ResourcesReadOnly, Billing, BillingReadOnly, Manage, ManageReadOnly}

var groupWords = map[string]string{
	FullAccess:        "Everything that there is.",
	ReadOnly:          "Sees everything, also settings and the audit trail; changes nothing.",
	Resources:         "Edits and imports resources, asks for runs, decides removals, shares views.",
	ResourcesReadOnly: "Sees resources and settings.",
	Billing:           "Says what resources cost and which cost center bears it; changes nothing else.",
	BillingReadOnly:   "Sees resources, what they cost, and settings.",
	Manage:            "Runs the installation: connections, agents, datacenters, kinds, mapping, option lists, removals.",
	ManageReadOnly:    "Sees resources, settings and the audit trail.",
}

// builtinRoles are the groups of the roles that every installation has. Nobody can change them: the role admin is what
// guarantees that there is always somebody who can do everything.
var builtinRoles = map[Role][]string{RoleAdmin: {FullAccess}, RoleReader: {ReadOnly}, RoleNone: {}}

var builtinRoleOrder = []Role{RoleAdmin, RoleReader, RoleNone}

var roleWords = map[Role]string{
	RoleAdmin:  "May do everything.",
	RoleReader: "Sees everything, changes nothing.",
	RoleNone:   "Has what everybody has, and what is granted.",
}

// actionWords say for people what an action lets them do.
var actionWords = map[Action]string{
	Read:              "See resources, connections, runs and changes",
	ReadSensitive:     "Read fields that are marked sensitive",
	ReadSettings:      "See settings: mapping, kinds, roles, option lists",
	ReadAudit:         "Read the audit trail",
	VerifyAudit:       "Verify the history and the audit trail",
	EditResources:     "Make, edit and remove resources",
	EditCosts:         "Edit what resources cost and their cost center",
	ManageImports:     "Save how files are imported",
	ApproveKinds:      "Approve kinds that plugins bring",
	DefineKinds:       "Define kinds and custom fields",
	ManageOptions:     "Edit what forms offer",
	ManageMapping:     "Edit mapping rules and the tag policy",
	ManageConnections: "Make, edit and end connections and their credentials",
	EditConnections:   "Edit what connections read, their files and sealed credentials; not which agent or datacenter they have",
	RequestRuns:       "Ask for a run, or cancel one",
	ManageAgents:      "Enrol, drain and revoke agents",
	ManageDatacenters: "Make, edit and remove datacenters",
	DecideRemovals:    "Decide removals that are held",
	ManageTokens:      "Make and delete API tokens",
	ShareViews:        "Share saved lists with everybody",
	ManageUsers:       "Invite, edit and disable users",
	ManageRoles:       "Make roles and permission groups",
	ManageTeams:       "Make teams and edit their members",
	ManageGrants:      "Grant and revoke rights everywhere",
	ManageApprovals:   "Say what has to be approved, and by whom",
	ManageTenants:     "Manage tenants, for who has it in the installation's own tenant",
}

// administrative are the actions by which one gets at the rights of others: who has one of them is an administrator as far as a
// second factor is demanded of administrators.
var administrative = []Action{ManageUsers, ManageRoles, ManageTokens, ManageTeams, ManageGrants, ManageApprovals}

// Actions are all that there are, with what each is in words.
func Actions() []Action { return slices.Clone(everyAction) }

// Words say for people what the action lets them do.
func (a Action) Words() string { return actionWords[a] }

// inOrder keeps the known actions of a list, each once, in the order in which all are listed.
func inOrder(list []Action) []Action {
	out := []Action{}
	for _, a := range everyAction {
		if slices.Contains(list, a) {
			out = append(out, a)
		}
	}
	return out
}
