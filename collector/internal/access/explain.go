package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/collector/internal/store"
)

// Reason is one of the ways by which somebody has a right: a role, or a grant to him or to a team of his.
type Reason struct {
	Right Right
	// Role is empty for a grant. Level says where the role's groups come from, and Groups are those that give the right.
	Role   Role
	Level  string
	Groups []string
	Grant  Grant
	Team   string
}

// Entry is what a subject may do with an object.
type Entry struct {
	Subject Subject
	Name    string
	Right   Right
	// EditsConnection says that he may edit the object itself if it is a connection; Right is about the resources that it brings.
	EditsConnection bool
	// Off says why it may do nothing now: OffDisabled, OffInvited, OffEnded; or nothing.
	Off     string
	Reasons []Reason
	// Role, Level and Groups are what the subject has in the whole tenant, whether it gives something here or not.
	Role   Role
	Level  string
	Groups []string
}

// Why somebody with a right may not use it now.
const (
	OffDisabled = "disabled"
	OffInvited  = "invited"
	OffEnded    = "ended"
)

// offOf says it of a person.
func offOf(d userDoc) string {
	switch {
	case d.Disabled:
		return OffDisabled
	case d.Password == "" && len(d.External) == 0:
		return OffInvited
	}
	return ""
}

// holder is somebody who can have rights.
type holder struct {
	subject Subject
	name    string
	role    Role
	has     standing
	book    *rolebook
	off     string
	teams   []Membership
}

// Entries say what every user and token of the tenant may do with what has these roots, only those with a right; a token that has ended
// has none any more. It is for whoever administers the object.
func (s *Service) Entries(ctx context.Context, tenant string, roots []string) ([]Entry, error) {
	return s.EntriesWithout(ctx, tenant, roots, nil)
}

// EntriesWithout are the entries as they would be without some grants.
func (s *Service) EntriesWithout(ctx context.Context, tenant string, roots, without []string) ([]Entry, error) {
	holders, err := s.holders(ctx, tenant)
	if err != nil {
		return nil, err
	}
	grants, err := s.GrantsOn(ctx, tenant, append(slices.Clone(roots), WholeTenant))
	if err != nil {
		return nil, err
	}
	grants = slices.DeleteFunc(grants, func(g Grant) bool { return slices.Contains(without, g.ID) })
	var out []Entry
	for _, h := range holders {
		if e := h.entry(tenant, roots, grants); e.Right > NoRight && e.Off != OffEnded {
			out = append(out, e)
		}
	}
	return out, nil
}

// Explain says what one user or token may do with what has these roots, its own first, and why; or what a team has been granted, which its
// members have besides their own.
func (s *Service) Explain(ctx context.Context, tenant string, subject Subject, roots []string) (Entry, error) {
	holders, err := s.holders(ctx, tenant)
	if err != nil {
		return Entry{}, err
	}
	if id, ok := strings.CutPrefix(string(subject), "team:"); ok {
		t, err := document[teamDoc](ctx, s.opt.Store, teamsTable, tenant, id)
		if err != nil {
			return Entry{}, err
		}
		holders = []holder{{subject: subject, name: t.doc.Name, role: RoleNone}}
	}
	i := slices.IndexFunc(holders, func(h holder) bool { return h.subject == subject })
	if i < 0 {
		return Entry{}, fmt.Errorf("%s: %w", subject, ErrNotFound)
	}
	grants, err := s.GrantsOn(ctx, tenant, append(slices.Clone(roots), WholeTenant))
	return holders[i].entry(tenant, roots, grants), err
}

// entry asks Decide, as it would be asked when the holder came, and names what made it answer so.
func (h holder) entry(tenant string, roots []string, grants []Grant) Entry {
	e := Entry{Subject: h.subject, Name: h.name, Off: h.off, Role: h.role, Level: h.has.level, Groups: h.has.groups}
	c := Caller{Tenant: tenant, Role: h.role, Actions: h.has.actions}
	if by := c.right(roots); by > NoRight {
		e.Reasons = append(e.Reasons, Reason{Right: by, Role: h.role, Level: h.has.level, Groups: h.giving(tenant, roots)})
	}
	c.Grants = map[string]Right{}
	for _, g := range grants {
		team := slices.IndexFunc(h.teams, func(t Membership) bool { return SubjectTeam(t.ID) == g.Subject })
		if g.Subject != h.subject && team < 0 {
			continue
		}
		r := Reason{Right: g.Right, Grant: g}
		if team >= 0 {
			r.Team = h.teams[team].Name
		}
		e.Reasons = append(e.Reasons, r)
		root := g.Target.Root()
		c.Grants[root] = max(c.Grants[root], g.Right)
	}
	e.Right = c.right(roots)
	e.EditsConnection = len(roots) > 0 && Decide(c, EditConnections, Object{Tenant: tenant, Roots: roots[:1]}) == Allowed
	return e
}

// giving are the groups that give something on the object by themselves.
func (h holder) giving(tenant string, roots []string) []string {
	var out []string
	for _, g := range h.has.groups {
		if (Caller{Tenant: tenant, Actions: h.book.actionsOf([]string{g})}).right(roots) > NoRight {
			out = append(out, g)
		}
	}
	return out
}

// right is the greatest right on an object by what Decide allows there.
func (c Caller) right(roots []string) Right {
	switch {
	case Decide(c, ManageGrants, Object{Roots: roots}) == Allowed:
		return RightAdmin
	case Decide(c, EditResources, Object{Roots: roots}) == Allowed:
		return RightWrite
	case Decide(c, Read, Object{Roots: roots}) == Allowed:
		return RightRead
	}
	return NoRight
}

func (s *Service) holders(ctx context.Context, tenant string) ([]holder, error) {
	book, err := s.wholeBook(ctx, tenant)
	if err != nil {
		return nil, err
	}
	teams, err := documents[teamDoc](ctx, s.opt.Store, teamsTable, tenant, nil)
	if err != nil {
		return nil, err
	}
	in := map[string][]Membership{}
	for _, t := range teams {
		for _, m := range t.doc.Members {
			in[m.Username] = append(in[m.Username], Membership{ID: t.id, Name: t.doc.Name, Lead: m.Lead})
		}
	}
	var out []holder
	err = eachUser(ctx, s.opt.Store, tenant, func(rows []store.Row) error {
		for _, row := range rows {
			d, err := decodeRow[userDoc](row)
			if err != nil {
				return err
			}
			out = append(out, holder{subject: SubjectUser(row.ID), name: d.Display, role: d.Role, has: book.standingOf(d.Role, d.Groups, true), book: &book, off: offOf(d), teams: in[row.ID]})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	members, err := s.otherMembers(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for name, m := range members {
		out = append(out, holder{subject: SubjectUser(name), name: name, role: m.Role, has: book.standingOf(m.Role, nil, true), book: &book, teams: in[name]})
	}
	tokens, err := documents[tokenDoc](ctx, s.opt.Store, tokensTable, tenant, nil)
	if err != nil {
		return nil, err
	}
	now := s.now()
	for _, t := range tokens {
		h := holder{subject: SubjectToken(t.id), name: t.doc.Name, role: t.doc.Role, has: book.standingOf(t.doc.Role, nil, false), book: &book}
		if !t.doc.ExpiresAt.IsZero() && !now.Before(t.doc.ExpiresAt.Time) {
			h.off = OffEnded
		}
		out = append(out, h)
	}
	slices.SortStableFunc(out, func(a, b holder) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// Names are what people call subjects; those that are gone have none.
func (s *Service) Names(ctx context.Context, tenant string) (map[Subject]string, error) {
	holders, err := s.holders(ctx, tenant)
	if err != nil {
		return nil, err
	}
	teams, err := documents[teamDoc](ctx, s.opt.Store, teamsTable, tenant, nil)
	if err != nil {
		return nil, err
	}
	out := map[Subject]string{}
	for _, h := range holders {
		out[h.subject] = h.name
	}
	for _, t := range teams {
		out[SubjectTeam(t.id)] = t.doc.Name
	}
	return out, nil
}
