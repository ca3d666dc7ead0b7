package api

import (
	"context"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

func (s *Server) teamRoutes() {
	const tag = "teams"
	handle(s, route{method: "GET", path: "/teams", id: "list-teams", tag: tag, action: access.Read,
		summary: "Teams; who does not read the whole tenant sees the own ones"}, s.listTeams)
	handle(s, route{method: "POST", path: "/teams", id: "create-team", tag: tag, action: access.ManageTeams, status: 201,
		summary: "Make a team"}, s.createTeam)
	handle(s, route{method: "GET", path: "/teams/{id}", id: "get-team", tag: tag, action: access.Read,
		summary: "One team"}, s.getTeam)
	handle(s, route{method: "PUT", path: "/teams/{id}", id: "update-team", tag: tag, action: access.ManageTeams,
		summary: "Edit a team and its members; its leads may"}, s.updateTeam)
	handle(s, route{method: "DELETE", path: "/teams/{id}", id: "delete-team", tag: tag, action: access.ManageTeams,
		summary: "Remove a team with what was granted to it"}, s.deleteTeam)
}

func teamDocument(t access.Team) rest.Team {
	d := rest.Team{ID: t.ID, Name: t.Name, Email: t.Email, Members: []rest.TeamMember{}, CreatedAt: t.CreatedAt, Version: t.Version}
	for _, m := range t.Members {
		role := "member"
		if m.Lead {
			role = "lead"
		}
		d.Members = append(d.Members, rest.TeamMember{Username: m.Username, Role: role, Mapped: m.Mapped})
	}
	return d
}

func teamEdit(w rest.TeamWrite) access.TeamEdit {
	e := access.TeamEdit{Name: w.Name, Email: w.Email}
	for _, m := range w.Members {
		e.Members = append(e.Members, access.Member{Username: m.Username, Lead: m.Role == "lead"})
	}
	return e
}

func (s *Server) listTeams(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Team]], error) {
	teams, err := s.opt.Access.Teams(ctx, c)
	if err != nil {
		return nil, err
	}
	docs := make([]rest.Team, len(teams))
	for i, t := range teams {
		docs[i] = teamDocument(t)
	}
	return small(s, in, docs, func(t rest.Team) string { return t.ID }, "name")
}

func oneTeam(t access.Team, err error) (*versioned[rest.Team], error) {
	if err != nil {
		return nil, orNotFound(err, "team")
	}
	return &versioned[rest.Team]{ETag: etag(t.Version), Body: teamDocument(t)}, nil
}

func (s *Server) getTeam(ctx context.Context, c access.Caller, in *idIn) (*versioned[rest.Team], error) {
	return oneTeam(s.opt.Access.Team(ctx, c, in.ID))
}

func (s *Server) createTeam(ctx context.Context, c access.Caller, in *bodyIn[rest.TeamWrite]) (*versioned[rest.Team], error) {
	return oneTeam(s.opt.Access.CreateTeam(ctx, c, teamEdit(in.Body)))
}

func (s *Server) updateTeam(ctx context.Context, c access.Caller, in *putIn[rest.TeamWrite]) (*versioned[rest.Team], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	return oneTeam(s.opt.Access.UpdateTeam(ctx, c, in.ID, version, teamEdit(in.Body)))
}

func (s *Server) deleteTeam(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	if err := s.opt.Access.DeleteTeam(ctx, c, in.ID); err != nil {
		return nil, orNotFound(err, "team")
	}
	return nothing(s.opt.Pictures.Forget(ctx, c.Tenant, teamOwner(in.ID)), "team")
}
