package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Team is people who get rights together.
type Team struct {
	ID        string
	Name      string
	Email     string
	Members   []Member
	CreatedAt time.Time
	Version   int64
}

// Member is somebody in a team; a lead may change it.
type Member struct {
	Username string `json:"username"`
	Lead     bool   `json:"lead,omitempty"`
	// Mapped is the provider whose groups put him here; such a membership goes with the group.
	Mapped string `json:"mapped,omitempty"`
}

// Membership is a team that a caller is in.
type Membership struct {
	ID, Name string
	Lead     bool
}

// TeamEdit is what people decide of a team.
type TeamEdit struct {
	Name    string
	Email   string
	Members []Member
}

type teamDoc struct {
	Name      string     `json:"name"`
	Email     string     `json:"email,omitempty"`
	Members   []Member   `json:"members,omitempty"`
	CreatedAt store.Time `json:"created_at"`
}

func teamOf(t stored[teamDoc]) Team {
	return Team{ID: t.id, Name: t.doc.Name, Email: t.doc.Email, Members: t.doc.Members, CreatedAt: t.doc.CreatedAt.Time, Version: t.version}
}

const maxMembers = 1000

// check also looks whether the name is free and the members are there.
func (s *Service) checkTeam(ctx context.Context, tenant, self string, e *TeamEdit) error {
	e.Name, e.Email = strings.TrimSpace(e.Name), strings.TrimSpace(e.Email)
	if e.Name == "" || checkName(e.Name) != nil {
		return &InvalidError{Field: "name", Problem: fmt.Sprintf("needs 1 to %d bytes and no control characters", maxDisplayName)}
	}
	if err := checkEmail(e.Email); err != nil {
		return err
	}
	if len(e.Members) > maxMembers {
		return &InvalidError{Field: "members", Problem: fmt.Sprintf("are more than %d", maxMembers)}
	}
	names := make([]string, len(e.Members))
	for i := range e.Members {
		names[i] = foldUsername(e.Members[i].Username)
		e.Members[i].Username = names[i]
		if slices.Contains(names[:i], names[i]) {
			return &InvalidError{Field: "members", Problem: fmt.Sprintf("name %q twice", names[i])}
		}
	}
	if len(names) > 0 {
		users, err := s.opt.Store.Get(ctx, usersTable, tenant, "", names)
		if err != nil {
			return fmt.Errorf("read members: %w", err)
		}
		others, err := s.otherMembers(ctx, tenant)
		if err != nil {
			return err
		}
		for _, n := range names {
			if _, ok := users[n]; !ok && others[n].Username == "" {
				return &InvalidError{Field: "members", Problem: fmt.Sprintf("there is no user %q", n)}
			}
		}
	}
	all, err := documents[teamDoc](ctx, s.opt.Store, teamsTable, tenant, nil)
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.id != self && strings.EqualFold(t.doc.Name, e.Name) {
			return &InvalidError{Field: "name", Problem: "another team has this name"}
		}
	}
	return nil
}

// Teams are the tenant's that the caller may know of: all for whoever reads the whole tenant, else one's own.
func (s *Service) Teams(ctx context.Context, c Caller) ([]Team, error) {
	all, err := documents[teamDoc](ctx, s.opt.Store, teamsTable, c.Tenant, nil)
	if err != nil {
		return nil, err
	}
	var out []Team
	for _, t := range all {
		if c.mayKnowTeam(t.id) {
			out = append(out, teamOf(t))
		}
	}
	return out, nil
}

func (c Caller) mayKnowTeam(id string) bool {
	return c.TenantWide() || slices.ContainsFunc(c.Teams, func(t Membership) bool { return t.ID == id })
}

// Team is one of them.
func (s *Service) Team(ctx context.Context, c Caller, id string) (Team, error) {
	t, err := document[teamDoc](ctx, s.opt.Store, teamsTable, c.Tenant, id)
	if err == nil && !c.mayKnowTeam(id) {
		err = fmt.Errorf("team %s: %w", id, ErrNotFound)
	}
	return teamOf(t), err
}

// CreateTeam adds one.
func (s *Service) CreateTeam(ctx context.Context, c Caller, e TeamEdit) (Team, error) {
	if Decide(c, ManageTeams, Object{Tenant: c.Tenant}) != Allowed { // leading one is not making one
		return Team{}, ErrForbidden
	}
	if err := s.checkTeam(ctx, c.Tenant, "", &e); err != nil {
		return Team{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Team{}, fmt.Errorf("make id: %w", err)
	}
	t := stored[teamDoc]{id.String(), 1, teamDoc{Name: e.Name, Email: e.Email, Members: e.Members, CreatedAt: store.At(s.now())}}
	if err := s.keep(ctx, store.Insert, teamsTable, c.Tenant, t.id, t.version, t.doc); err != nil {
		return Team{}, err
	}
	return teamOf(t), s.auditTeam(ctx, c, "team.create", t, map[string]any{"members": memberNames(e.Members)})
}

// UpdateTeam replaces what people decide of a team, based on a version. Its leads may.
func (s *Service) UpdateTeam(ctx context.Context, c Caller, id string, version int64, e TeamEdit) (Team, error) {
	t, err := document[teamDoc](ctx, s.opt.Store, teamsTable, c.Tenant, id)
	if err != nil {
		return Team{}, err
	}
	if err := s.mayLead(c, id); err != nil {
		return Team{}, err
	}
	if t.version != version {
		return Team{}, &StaleError{Current: t.version}
	}
	if err := s.checkTeam(ctx, c.Tenant, id, &e); err != nil {
		return Team{}, err
	}
	keepMapped(t.doc.Members, e.Members)
	if joins(t.doc.Members, e.Members) {
		if err := s.mustHoldGrants(ctx, c, "The team has rights that you do not have yourself", SubjectTeam(id)); err != nil {
			return Team{}, err
		}
	}
	was := t.doc
	t.version++
	t.doc.Name, t.doc.Email, t.doc.Members = e.Name, e.Email, e.Members
	if err := s.keep(ctx, store.Replace, teamsTable, c.Tenant, id, t.version, t.doc); err != nil {
		return Team{}, err
	}
	detail := map[string]any{}
	if was.Name != e.Name {
		detail["name"] = e.Name
	}
	if !slices.Equal(was.Members, e.Members) {
		detail["members"] = memberNames(e.Members)
	}
	return teamOf(t), s.auditTeam(ctx, c, "team.update", t, detail)
}

// joins says that somebody is in the team, or leads it, who did not before.
func joins(was, is []Member) bool {
	return slices.ContainsFunc(is, func(m Member) bool {
		return !slices.ContainsFunc(was, func(w Member) bool { return w.Username == m.Username && (w.Lead || !m.Lead) })
	})
}

func (s *Service) mayLead(c Caller, id string) error {
	switch Decide(c, ManageTeams, Object{Tenant: c.Tenant, Team: id}) {
	case Allowed:
		return nil
	case Hidden:
		return fmt.Errorf("team %s: %w", id, ErrNotFound)
	default:
		return ErrForbidden
	}
}

// DeleteTeam removes one with what was granted to it; the grants go first, so that stopping in between leaves none behind.
func (s *Service) DeleteTeam(ctx context.Context, c Caller, id string) error {
	t, err := document[teamDoc](ctx, s.opt.Store, teamsTable, c.Tenant, id)
	if err != nil {
		return err
	}
	if Decide(c, ManageTeams, Object{Tenant: c.Tenant}) != Allowed { // leading a team is not owning it
		return ErrForbidden
	}
	if err := s.forget(ctx, c.Tenant, SubjectTeam(id)); err != nil {
		return err
	}
	if err := s.drop(ctx, teamsTable, c.Tenant, id); err != nil {
		return err
	}
	return s.auditTeam(ctx, c, "team.delete", t, nil)
}

func memberNames(members []Member) []string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.Username
		if m.Lead {
			names[i] += " (lead)"
		}
	}
	return names
}

func (s *Service) auditTeam(ctx context.Context, c Caller, action string, t stored[teamDoc], detail map[string]any) error {
	return s.audit(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: action, Address: c.Address,
		Object: &audit.Ref{ID: t.id, Name: t.doc.Name, Kind: "team"}, Detail: detail})
}

// teamsOf are the teams of a user, by the folded name.
func (s *Service) teamsOf(ctx context.Context, tenant, username string) ([]Membership, error) {
	list, err := documents[teamDoc](ctx, s.opt.Store, teamsTable, tenant, filter.Compare{Field: fieldMember, Op: filter.Eq, Value: username})
	if err != nil {
		return nil, err
	}
	var out []Membership
	for _, t := range list {
		for _, m := range t.doc.Members {
			if m.Username == username {
				out = append(out, Membership{ID: t.id, Name: t.doc.Name, Lead: m.Lead})
			}
		}
	}
	return out, nil
}

// leaveTeams takes a user out of every team, so that nobody who comes later under the same name is in them.
func (s *Service) leaveTeams(ctx context.Context, tenant, username string) error {
	list, err := documents[teamDoc](ctx, s.opt.Store, teamsTable, tenant, filter.Compare{Field: fieldMember, Op: filter.Eq, Value: username})
	if err != nil {
		return err
	}
	for _, t := range list {
		t.doc.Members = slices.DeleteFunc(t.doc.Members, func(m Member) bool { return m.Username == username })
		if err := s.keep(ctx, store.Replace, teamsTable, tenant, t.id, t.version+1, t.doc); err != nil {
			return err
		}
	}
	return nil
}
