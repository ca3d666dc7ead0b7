package api

import (
	"context"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

// NameIn names a role or a permission group.
type NameIn struct {
	Name string `path:"name" maxLength:"40"`
}

type putNamedIn[T any] struct {
	NameIn
	IfMatch string `header:"If-Match" doc:"The version edited, as in the ETag; required"`
	Body    T
}

type putVersionedIn[T any] struct {
	IfMatch string `header:"If-Match" doc:"The version edited, as in the ETag; required"`
	Body    T
}

func (s *Server) roleRoutes() {
	const tag = "roles"
	handle(s, route{method: "GET", path: "/actions", id: "list-actions", tag: tag, action: access.ReadSettings,
		summary: "What one may be allowed to do"}, s.listActions)
	handle(s, route{method: "GET", path: "/permission-groups", id: "list-permission-groups", tag: tag, action: access.ReadSettings,
		summary: "Permission groups, the built-in ones and those that were made"}, s.listGroups)
	handle(s, route{method: "POST", path: "/permission-groups", id: "create-permission-group", tag: tag, action: access.ManageRoles, status: 201,
		summary: "Make a permission group of actions that one has oneself"}, s.createGroup)
	handle(s, route{method: "GET", path: "/permission-groups/{name}", id: "get-permission-group", tag: tag, action: access.ReadSettings,
		summary: "One permission group"}, s.getGroup)
	handle(s, route{method: "PUT", path: "/permission-groups/{name}", id: "update-permission-group", tag: tag, action: access.ManageRoles,
		summary: "Edit a permission group; whoever has it has the new actions at once"}, s.updateGroup)
	handle(s, route{method: "DELETE", path: "/permission-groups/{name}", id: "delete-permission-group", tag: tag, action: access.ManageRoles,
		summary: "Remove a permission group that nothing is made of"}, s.deleteGroup)
	handle(s, route{method: "GET", path: "/roles", id: "list-roles", tag: tag, action: access.ReadSettings,
		summary: "Roles, and how many have them"}, s.listRoles)
	handle(s, route{method: "POST", path: "/roles", id: "create-role", tag: tag, action: access.ManageRoles, status: 201,
		summary: "Make a role of permission groups"}, s.createRole)
	handle(s, route{method: "GET", path: "/roles/{name}", id: "get-role", tag: tag, action: access.ReadSettings,
		summary: "One role"}, s.getRole)
	handle(s, route{method: "PUT", path: "/roles/{name}", id: "update-role", tag: tag, action: access.ManageRoles,
		summary: "Edit a role; whoever has it has the new groups at once"}, s.updateRole)
	handle(s, route{method: "DELETE", path: "/roles/{name}", id: "delete-role", tag: tag, action: access.ManageRoles,
		summary: "Remove a role that nobody has"}, s.deleteRole)
	handle(s, route{method: "GET", path: "/everybody", id: "get-everybody", tag: tag, action: access.ReadSettings,
		summary: "Permission groups of people who get none by themselves or by a role"}, s.getEverybody)
	handle(s, route{method: "PUT", path: "/everybody", id: "update-everybody", tag: tag, action: access.ManageRoles,
		summary: "Decide what everybody has"}, s.updateEverybody)
}

func actionNames(list []access.Action) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = string(a)
	}
	return out
}

func actionsOf(names []string) []access.Action {
	out := make([]access.Action, len(names))
	for i, n := range names {
		out[i] = access.Action(n)
	}
	return out
}

// held are the actions that the caller may do with an object.
func held(c access.Caller, o access.Object) []string {
	out := []string{}
	for _, a := range access.Actions() {
		if access.Decide(c, a, o) == access.Allowed {
			out = append(out, string(a))
		}
	}
	return out
}

func (s *Server) listActions(_ context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.ActionInfo]], error) {
	docs := []rest.ActionInfo{}
	for _, a := range access.Actions() {
		docs = append(docs, rest.ActionInfo{Name: string(a), Description: a.Words(), Mine: access.Decide(c, a, access.Object{}) == access.Allowed})
	}
	return small(s, in, docs, func(a rest.ActionInfo) string { return a.Name }, "")
}

// edited is the version of something that is edited: 0, which would make one, is none that there is.
func edited(version int64) int64 {
	if version == 0 {
		return -1
	}
	return version
}

func groupDocument(g access.PermissionGroup) rest.PermissionGroup {
	d := rest.PermissionGroup{Name: g.Name, Description: g.Description, Actions: actionNames(g.Actions), BuiltIn: g.BuiltIn, TwinOf: g.TwinOf, Roles: []string{}, Version: g.Version}
	for _, r := range g.Roles {
		d.Roles = append(d.Roles, string(r))
	}
	return d
}

func oneGroup(g access.PermissionGroup, err error) (*versioned[rest.PermissionGroup], error) {
	if err != nil {
		return nil, orNotFound(err, "permission group")
	}
	return &versioned[rest.PermissionGroup]{ETag: etag(g.Version), Body: groupDocument(g)}, nil
}

func (s *Server) listGroups(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.PermissionGroup]], error) {
	groups, err := s.opt.Access.Groups(ctx, c)
	if err != nil {
		return nil, err
	}
	docs := make([]rest.PermissionGroup, len(groups))
	for i, g := range groups {
		docs[i] = groupDocument(g)
	}
	return small(s, in, docs, func(g rest.PermissionGroup) string { return g.Name }, "")
}

func (s *Server) createGroup(ctx context.Context, c access.Caller, in *bodyIn[rest.PermissionGroupCreate]) (*versioned[rest.PermissionGroup], error) {
	return oneGroup(s.opt.Access.PutGroup(ctx, c, in.Body.Name, 0, in.Body.Description, actionsOf(in.Body.Actions)))
}

func (s *Server) getGroup(ctx context.Context, c access.Caller, in *NameIn) (*versioned[rest.PermissionGroup], error) {
	return oneGroup(s.opt.Access.Group(ctx, c, in.Name))
}

func (s *Server) updateGroup(ctx context.Context, c access.Caller, in *putNamedIn[rest.PermissionGroupWrite]) (*versioned[rest.PermissionGroup], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	return oneGroup(s.opt.Access.PutGroup(ctx, c, in.Name, edited(version), in.Body.Description, actionsOf(in.Body.Actions)))
}

func (s *Server) deleteGroup(ctx context.Context, c access.Caller, in *NameIn) (*none, error) {
	return nothing(s.opt.Access.DeleteGroup(ctx, c, in.Name), "permission group")
}

func roleDocument(r access.RoleInfo) rest.Role {
	return rest.Role{Name: string(r.Name), Description: r.Description, Groups: append([]string{}, r.Groups...), Actions: actionNames(r.Actions), BuiltIn: r.BuiltIn,
		Users: r.Users, Tokens: r.Tokens, Version: r.Version}
}

func oneRole(r access.RoleInfo, err error) (*versioned[rest.Role], error) {
	if err != nil {
		return nil, orNotFound(err, "role")
	}
	return &versioned[rest.Role]{ETag: etag(r.Version), Body: roleDocument(r)}, nil
}

func (s *Server) listRoles(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Role]], error) {
	roles, err := s.opt.Access.Roles(ctx, c)
	if err != nil {
		return nil, err
	}
	docs := make([]rest.Role, len(roles))
	for i, r := range roles {
		docs[i] = roleDocument(r)
	}
	return small(s, in, docs, func(r rest.Role) string { return r.Name }, "")
}

func (s *Server) createRole(ctx context.Context, c access.Caller, in *bodyIn[rest.RoleCreate]) (*versioned[rest.Role], error) {
	return oneRole(s.opt.Access.PutRole(ctx, c, access.Role(in.Body.Name), 0, in.Body.Description, in.Body.Groups))
}

func (s *Server) getRole(ctx context.Context, c access.Caller, in *NameIn) (*versioned[rest.Role], error) {
	return oneRole(s.opt.Access.Role(ctx, c, access.Role(in.Name)))
}

func (s *Server) updateRole(ctx context.Context, c access.Caller, in *putNamedIn[rest.RoleWrite]) (*versioned[rest.Role], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	return oneRole(s.opt.Access.PutRole(ctx, c, access.Role(in.Name), edited(version), in.Body.Description, in.Body.Groups))
}

func (s *Server) deleteRole(ctx context.Context, c access.Caller, in *NameIn) (*none, error) {
	return nothing(s.opt.Access.DeleteRole(ctx, c, access.Role(in.Name)), "role")
}

func (s *Server) getEverybody(ctx context.Context, c access.Caller, _ *empty) (*versioned[rest.Everybody], error) {
	groups, version, err := s.opt.Access.Everybody(ctx, c)
	return &versioned[rest.Everybody]{ETag: etag(version), Body: rest.Everybody{Groups: groups, Version: version}}, err
}

func (s *Server) updateEverybody(ctx context.Context, c access.Caller, in *putVersionedIn[rest.EverybodyWrite]) (*versioned[rest.Everybody], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	groups, version, err := s.opt.Access.SetEverybody(ctx, c, version, in.Body.Groups)
	if err != nil {
		return nil, err
	}
	return &versioned[rest.Everybody]{ETag: etag(version), Body: rest.Everybody{Groups: groups, Version: version}}, nil
}
