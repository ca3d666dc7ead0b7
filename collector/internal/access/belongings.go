package access

import (
	"context"
	"fmt"
	"slices"
)

// FoldUsername is a user name as it is kept: the same for every way to type it.
func FoldUsername(name string) string { return foldUsername(name) }

// MayKnow says whether the caller may know of a user or team, by the folded name or the id: all for whoever reads the whole
// tenant, else oneself and the own teams.
func (c Caller) MayKnow(kind, id string) bool {
	switch {
	case c.TenantWide():
		return true
	case kind == "team":
		return slices.ContainsFunc(c.Teams, func(t Membership) bool { return t.ID == id })
	}
	return c.Name == "user:"+id
}

// Manageable is a user whom the caller may act on: it refuses whoever holds more than the caller does.
func (s *Service) Manageable(ctx context.Context, c Caller, username string) (User, error) {
	u, err := s.User(ctx, c, username)
	if err != nil {
		return User{}, err
	}
	_, d, err := s.user(ctx, c.Tenant, foldUsername(username))
	if err != nil {
		return User{}, err
	}
	if err := s.mustOutrank(ctx, c, d); err != nil {
		return User{}, err
	}
	return u, nil
}

// Leadable is a team that the caller may change.
func (s *Service) Leadable(ctx context.Context, c Caller, id string) (Team, error) {
	t, err := document[teamDoc](ctx, s.opt.Store, teamsTable, c.Tenant, id)
	if err != nil {
		return Team{}, fmt.Errorf("read team: %w", err)
	}
	return teamOf(t), s.mayLead(c, id)
}
