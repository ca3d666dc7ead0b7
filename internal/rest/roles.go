package rest

// PermissionGroup is a named set of actions in the whole tenant; roles are made of them.
type PermissionGroup struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Actions     []string `json:"actions"`
	BuiltIn     bool     `json:"built_in" doc:"In every installation; does not change"`
	TwinOf      string   `json:"twin_of,omitempty" doc:"The group that it is the read-only twin of: it sees what that one sees, follows it and does not change by itself"`
	Roles       []string `json:"roles" doc:"Roles that are made of it"`
	Version     int64    `json:"version"`
}

// PermissionGroupCreate makes a group.
type PermissionGroupCreate struct {
	Name string `json:"name" minLength:"1" maxLength:"40" pattern:"^[a-z][a-z0-9_]*$" patternDescription:"lower-case letters, digits and underscores, the first a letter" doc:"Does not change later"`
	PermissionGroupWrite
}

// PermissionGroupWrite is what people decide of a group.
type PermissionGroupWrite struct {
	Description string   `json:"description,omitempty" maxLength:"500"`
	Actions     []string `json:"actions" maxItems:"100" doc:"Only those that one has oneself"`
}

// Role is what a user or token has in the whole tenant.
type Role struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Groups      []string `json:"groups" doc:"Permission groups that it is made of"`
	Actions     []string `json:"actions" doc:"What these allow together"`
	BuiltIn     bool     `json:"built_in" doc:"In every installation; does not change"`
	Users       int      `json:"users" doc:"How many have it"`
	Tokens      int      `json:"tokens"`
	Version     int64    `json:"version"`
}

// RoleCreate makes a role.
type RoleCreate struct {
	Name string `json:"name" minLength:"1" maxLength:"40" pattern:"^[a-z][a-z0-9_]*$" patternDescription:"lower-case letters, digits and underscores, the first a letter" doc:"Does not change later"`
	RoleWrite
}

// RoleWrite is what people decide of a role.
type RoleWrite struct {
	Description string   `json:"description,omitempty" maxLength:"500"`
	Groups      []string `json:"groups" maxItems:"50"`
}

// Everybody are the permission groups of people who get none by themselves or by a role.
type Everybody struct {
	Groups  []string `json:"groups"`
	Version int64    `json:"version" doc:"0: nobody decided yet"`
}

// EverybodyWrite decides them.
type EverybodyWrite struct {
	Groups []string `json:"groups" maxItems:"50"`
}

// ActionInfo is something that one may be allowed to do.
type ActionInfo struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Mine        bool   `json:"mine" doc:"The caller may do it, and so may give it"`
}
