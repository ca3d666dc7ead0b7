package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Provider is somebody else who says who people are, and what follows from that here.
type Provider struct {
	// ID is oidc or ldap, for the audit trail; Name is what people call it.
	ID, Name string
	// Create makes an account for whoever has none, in Tenant and with Role.
	Create bool
	Tenant string
	Role   Role
	// LinkByEmail links whoever has none to the one account of the same e-mail address, when the provider says that it verified it.
	LinkByEmail bool
	// OwnFactor asks for the second factor that was set up here; otherwise it is the provider's business.
	OwnFactor bool
	// Teams are those that members of the provider's groups are in.
	Teams []TeamMapping
}

// TeamMapping says that members of a provider's group are members of a team.
type TeamMapping struct {
	// Group as the provider names it, compared without case.
	Group string
	// Tenant of the team, and its name.
	Tenant, Team string
}

// External is somebody whom a provider has proven.
type External struct {
	// Issuer and Subject are who it is, for good.
	Issuer, Subject string
	Username        string
	Name            string
	Email           string
	EmailVerified   bool
	Groups          []string
	// GroupsKept leaves memberships as they are: groups were looked at a moment ago.
	GroupsKept bool
}

// externalDoc links a user to somebody at a provider.
type externalDoc struct {
	Key      string     `json:"key"`
	Provider string     `json:"provider"`
	Issuer   string     `json:"issuer"`
	Subject  string     `json:"subject"`
	LinkedAt store.Time `json:"linked_at"`
}

// NotLinkedError says that a provider has proven somebody who has no account here.
type NotLinkedError struct {
	// Taken says that there is an account of that name which is not linked.
	Taken    bool
	Username string
}

func (e *NotLinkedError) Error() string {
	if e.Taken {
		return "the account is not linked to the provider"
	}
	return "there is no account"
}

var (
	// ErrDisabled says that somebody proved to be a user who may not sign in.
	ErrDisabled = errors.New("the account is disabled")
	// ErrExternal says that a provider told of somebody what cannot be.
	ErrExternal = errors.New("the provider names nobody in a way that can be used")
)

const maxExternal = 5

var fieldExternal = filter.Field{Path: []string{"external", "key"}, Type: filter.String, Multi: true}

// key is who it is at the provider: never the name or the address, which others can get.
func (x External) key() string {
	sum := sha256.Sum256([]byte(x.Issuer + "\x00" + x.Subject))
	return hex.EncodeToString(sum[:])
}

// clean drops what is not usable and bounds the rest: all of it is foreign.
func (x External) clean() (External, error) {
	if x.Issuer == "" || x.Subject == "" || len(x.Subject) > 1000 || len(x.Issuer) > 1000 {
		return x, ErrExternal
	}
	x.Username = foldUsername(x.Username)
	x.Name, x.Email = strings.TrimSpace(x.Name), strings.TrimSpace(x.Email)
	if checkName(x.Name) != nil {
		x.Name = ""
	}
	if checkEmail(x.Email) != nil || x.Email == "" {
		x.Email, x.EmailVerified = "", false
	}
	return x, nil
}

// SignInExternal opens a session for somebody whom a provider has proven. The account is found by issuer and subject; one that is
// made, or linked, is so from then on.
func (s *Service) SignInExternal(ctx context.Context, p Provider, x External, a Attempt) (Session, error) {
	x, err := x.clean()
	var row store.Row
	var d userDoc
	if err == nil {
		row, d, err = s.accountOf(ctx, p, x, a)
	}
	if err != nil {
		return Session{}, errors.Join(err, s.audit(ctx, audit.Entry{Tenant: p.Tenant, Actor: "user:" + clip(x.Username, 200), Action: "sign_in", Outcome: audit.Refused,
			Address: a.Address, Reason: reasonOf(err), Detail: map[string]any{"provider": p.ID}}))
	}
	// Before the code is asked for: it comes with another request, which brings no groups.
	if !x.GroupsKept {
		if err := s.mapTeams(ctx, p, row, x.Groups); err != nil {
			return Session{}, err
		}
	}
	withFactor := true
	if p.OwnFactor {
		if withFactor, err = s.checkFactor(ctx, row.Tenant, row.ID, a); err != nil {
			return Session{}, err
		}
	}
	a.provider = p.ID
	return s.letIn(ctx, row.Tenant, d, a, withFactor)
}

// reasonOf is what the audit trail says; errors of the collector's own are in the log.
func reasonOf(err error) string {
	notLinked := new(NotLinkedError)
	if errors.As(err, &notLinked) || errors.Is(err, ErrDisabled) || errors.Is(err, ErrExternal) {
		return err.Error()
	}
	return "could not be decided"
}

// accountOf finds, links or makes the account. Two sign-ins at the same moment come to the same one: whoever is second finds
// what the first one wrote.
func (s *Service) accountOf(ctx context.Context, p Provider, x External, a Attempt) (store.Row, userDoc, error) {
	for range 5 {
		row, d, found, err := s.byExternal(ctx, x.key())
		switch {
		case err != nil:
			return row, d, err
		case found && d.Disabled:
			return row, d, ErrDisabled
		case found:
			return row, d, nil
		}
		err = s.welcome(ctx, p, x, a)
		if err != nil && !errors.Is(err, ErrTaken) && !errors.As(err, new(*StaleError)) {
			return row, d, err
		}
		if errors.Is(err, ErrTaken) { // by somebody else, or by the same sign-in at another collector
			if _, _, again, findErr := s.byExternal(ctx, x.key()); findErr != nil || !again {
				return row, d, errors.Join(&NotLinkedError{Taken: true, Username: x.Username}, findErr)
			}
		}
	}
	return store.Row{}, userDoc{}, fmt.Errorf("find the account of %s: %w", x.Username, &StaleError{})
}

func (s *Service) byExternal(ctx context.Context, key string) (store.Row, userDoc, bool, error) {
	page, err := s.opt.Store.Find(ctx, store.Query{Table: usersTable, AllTenants: true, Limit: 1,
		Where: filter.Compare{Field: fieldExternal, Op: filter.Eq, Value: key}})
	if err != nil || len(page.Rows) == 0 {
		return store.Row{}, userDoc{}, false, wrap("find user", err)
	}
	d, err := decodeRow[userDoc](page.Rows[0])
	return page.Rows[0], d, err == nil, err
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// welcome links an account that is there, or makes one.
func (s *Service) welcome(ctx context.Context, p Provider, x External, a Attempt) error {
	link := externalDoc{Key: x.key(), Provider: p.ID, Issuer: x.Issuer, Subject: x.Subject, LinkedAt: store.At(s.now())}
	if p.LinkByEmail && x.EmailVerified {
		page, err := s.opt.Store.Find(ctx, store.Query{Table: usersTable, AllTenants: true, Limit: 2,
			Where: filter.Compare{Field: fieldEmail, Op: filter.Eq, Value: foldEmail(x.Email)}})
		if err != nil {
			return fmt.Errorf("find user: %w", err)
		}
		if len(page.Rows) == 1 {
			d, err := decodeRow[userDoc](page.Rows[0])
			if err != nil {
				return err
			}
			return s.link(ctx, page.Rows[0], d, link, p, a)
		}
	}
	if checkUsername(x.Username) != nil {
		return ErrExternal
	}
	if !p.Create {
		_, _, taken, err := s.anyUser(ctx, x.Username)
		return errors.Join(&NotLinkedError{Taken: taken, Username: x.Username}, err)
	}
	return s.makeExternal(ctx, p, x, link, a)
}

func (s *Service) makeExternal(ctx context.Context, p Provider, x External, link externalDoc, a Attempt) error {
	// Names are unique in the installation, rows in their tenant.
	if _, _, taken, err := s.anyUser(ctx, x.Username); err != nil || taken {
		return errors.Join(ErrTaken, err)
	}
	now := store.At(s.now())
	d := userDoc{Username: x.Username, Display: x.Username, Role: p.Role, Name: x.Name, CreatedAt: now, SessionsFrom: now, External: []externalDoc{link}}
	if x.EmailVerified {
		d.Email, d.Folded = x.Email, foldEmail(x.Email)
	}
	row, err := encodeRow(x.Username, p.Tenant, 1, d)
	if err != nil {
		return err
	}
	conflict, err := s.update(ctx, store.Write{Table: usersTable, Op: store.Insert, Row: row})
	if err != nil {
		return fmt.Errorf("create user %s: %w", x.Username, err)
	}
	if conflict {
		return ErrTaken
	}
	return s.audit(ctx, audit.Entry{Tenant: p.Tenant, Actor: "rule:" + p.ID, Action: "user.create", Address: a.Address,
		Object: &audit.Ref{ID: d.Username, Name: d.Display, Kind: "user"}, Detail: map[string]any{"role": string(p.Role), "provider": p.ID, "issuer": x.Issuer}})
}

// link writes a link into an account and tells its owner.
func (s *Service) link(ctx context.Context, row store.Row, d userDoc, link externalDoc, p Provider, a Attempt) error {
	if len(d.External) >= maxExternal {
		return &ConflictError{"This account is linked to as many sign-ins as it can be; an administrator can remove one."}
	}
	d.External = append(d.External, link)
	if err := s.replaceUser(ctx, row, d); err != nil {
		return err
	}
	s.tell(row.Tenant, d, d.Email, notice{what: "provider_linked", provider: p.Name, address: a.Address, browser: a.Browser})
	return s.audit(ctx, audit.Entry{Tenant: row.Tenant, Actor: "rule:" + p.ID, Action: "user.link_provider", Address: a.Address,
		Object: &audit.Ref{ID: d.Username, Name: d.Display, Kind: "user"}, Detail: map[string]any{"provider": p.ID, "issuer": link.Issuer}})
}

// LinkExternal links the caller's own account to somebody whom a provider has proven to the same browser.
func (s *Service) LinkExternal(ctx context.Context, c Caller, p Provider, x External) error {
	x, err := x.clean()
	if err != nil {
		return err
	}
	c = c.atHome()
	row, d, err := s.person(ctx, c)
	if err != nil {
		return err
	}
	other, _, found, err := s.byExternal(ctx, x.key())
	switch {
	case err != nil:
		return err
	case found && other.ID == row.ID:
		return nil
	case found:
		return &ConflictError{"You are linked to another account here already. Sign out, and sign in with " + p.Name + " to use that one."}
	}
	return s.link(ctx, row, d, externalDoc{Key: x.key(), Provider: p.ID, Issuer: x.Issuer, Subject: x.Subject, LinkedAt: store.At(s.now())}, p,
		Attempt{Address: c.Address, Browser: c.Browser})
}

// UnlinkExternal takes all links from a user, and ends the sessions that came from them.
func (s *Service) UnlinkExternal(ctx context.Context, c Caller, username string) error {
	row, d, err := s.user(ctx, c.Tenant, foldUsername(username))
	if err != nil {
		return err
	}
	if err := s.mustOutrank(ctx, c, d); err != nil {
		return err
	}
	if len(d.External) == 0 {
		return nil
	}
	d.External, d.SessionsFrom = nil, store.At(s.now())
	if err := s.replaceUser(ctx, row, d); err != nil {
		return err
	}
	return s.auditUser(ctx, c, "user.unlink_provider", d, nil)
}

// freshFor is how long ago a sign-in by a provider may be to stand for the password that an account has not.
const freshFor = 10 * time.Minute

// proveFresh asks whoever has no password here for a sign-in that is recent.
func (s *Service) proveFresh(ctx context.Context, c Caller) error {
	rows, err := s.opt.Store.Get(ctx, sessionsTable, c.Tenant, "", []string{c.Session})
	if err != nil {
		return fmt.Errorf("read session: %w", err)
	}
	if row, ok := rows[c.Session]; ok {
		sd, err := decodeRow[sessionDoc](row)
		if err != nil {
			return err
		}
		if sd.Provider != "" && s.now().Sub(sd.StartedAt.Time) < freshFor {
			return nil
		}
	}
	return &ConflictError{"Your account has no password here, so a recent sign-in stands for it. Sign out and in again, then do this within ten minutes."}
}

// mapTeams makes a user a member of the teams that the groups lead to, and takes him out of those that only the mapping had put
// him into. What people decided by hand stays.
func (s *Service) mapTeams(ctx context.Context, p Provider, user store.Row, groups []string) error {
	type place struct{ tenant, team string }
	wanted := map[place]bool{}
	tenants := []string{user.Tenant}
	for _, m := range p.Teams {
		at := place{m.Tenant, strings.ToLower(m.Team)}
		wanted[at] = wanted[at] || slices.ContainsFunc(groups, func(g string) bool { return strings.EqualFold(g, m.Group) })
		tenants = append(tenants, m.Tenant)
	}
	slices.Sort(tenants)
	for _, tenant := range slices.Compact(tenants) {
		teams, err := documents[teamDoc](ctx, s.opt.Store, teamsTable, tenant, nil)
		if err != nil {
			return err
		}
		for _, t := range teams {
			at := place{tenant, strings.ToLower(t.doc.Name)}
			if err := s.follow(ctx, p, tenant, t, user, wanted[at]); err != nil {
				return err
			}
			delete(wanted, at)
		}
	}
	for at, in := range wanted {
		if in {
			s.opt.Log.Warn("map groups to teams: there is no such team", "tenant", at.tenant, "team", at.team)
		}
	}
	return nil
}

// follow brings one membership to what the groups say.
func (s *Service) follow(ctx context.Context, p Provider, tenant string, t stored[teamDoc], user store.Row, in bool) error {
	for range 5 {
		i := slices.IndexFunc(t.doc.Members, func(m Member) bool { return m.Username == user.ID })
		switch {
		case in && i < 0 && len(t.doc.Members) >= maxMembers:
			s.opt.Log.Warn("map groups to teams: the team is full", "tenant", tenant, "team", t.doc.Name, "user", user.ID)
			return nil
		case in && i < 0:
			may, err := s.mayJoin(ctx, tenant, user)
			if err != nil || !may {
				return err
			}
			t.doc.Members = append(slices.Clone(t.doc.Members), Member{Username: user.ID, Mapped: p.ID})
		case !in && i >= 0 && t.doc.Members[i].Mapped == p.ID:
			t.doc.Members = slices.Delete(slices.Clone(t.doc.Members), i, i+1)
		default:
			return nil
		}
		err := s.keep(ctx, store.Replace, teamsTable, tenant, t.id, t.version+1, t.doc)
		if err == nil {
			did := map[bool]string{true: "joined", false: "left"}[in]
			return s.audit(ctx, audit.Entry{Tenant: tenant, Actor: "rule:" + p.ID, Action: "team.update",
				Object: &audit.Ref{ID: t.id, Name: t.doc.Name, Kind: "team"}, Detail: map[string]any{did: user.ID}})
		}
		if !errors.As(err, new(*StaleError)) {
			return err
		}
		if t, err = document[teamDoc](ctx, s.opt.Store, teamsTable, tenant, t.id); errors.Is(err, ErrNotFound) {
			return nil // deleted meanwhile
		} else if err != nil {
			return err
		}
	}
	return fmt.Errorf("map groups to teams: %s: %w", t.doc.Name, &StaleError{})
}

// mayJoin says whether a user can be in a team of a tenant at all.
func (s *Service) mayJoin(ctx context.Context, tenant string, user store.Row) (bool, error) {
	_, _, _, err := s.someone(ctx, tenant, user.ID)
	if errors.Is(err, ErrNotFound) {
		s.opt.Log.Warn("map groups to teams: the user is not in that tenant", "tenant", tenant, "user", user.ID)
		return false, nil
	}
	return err == nil, err
}

// keepMapped carries over who is in a team by a mapping, for those whom an edit leaves in it.
func keepMapped(was, is []Member) {
	for i := range is {
		for _, m := range was {
			if m.Username == is[i].Username {
				is[i].Mapped = m.Mapped
			}
		}
	}
}

// UnlinkOwn takes the caller's own links to a provider, with the teams that it led to and the other sessions that came from it. The last
// way to sign in stays.
func (s *Service) UnlinkOwn(ctx context.Context, c Caller, p Provider) error {
	c = c.atHome()
	row, d, err := s.person(ctx, c)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(d.External), func(x externalDoc) bool { return x.Provider == p.ID })
	switch {
	case len(left) == len(d.External):
		return nil
	case !s.otherWay(row.ID, d, left):
		return &ConflictError{"This is the only way in which you can sign in. Set a password first, or ask an administrator for a link to set one."}
	}
	d.External = left
	if err := s.replaceUser(ctx, row, d); err != nil {
		return err
	}
	if err := s.auditUser(ctx, c, "user.unlink_provider", d, map[string]any{"provider": p.ID}); err != nil {
		return err
	}
	s.tell(row.Tenant, d, d.Email, notice{what: "provider_unlinked", provider: p.Name, address: c.Address, browser: c.Browser})
	if err := s.mapTeams(ctx, p, row, nil); err != nil {
		return err
	}
	return s.dropSessions(ctx, row.Tenant, row.ID, func(id string, from sessionDoc) bool { return from.Provider == p.ID && id != c.Session })
}

// otherWay says that somebody can sign in with a password kept here, or with links to a directory.
func (s *Service) otherWay(id string, d userDoc, links []externalDoc) bool {
	if d.Password != "" && s.takesPassword(id) {
		return true
	}
	return s.opt.Directory != nil && slices.ContainsFunc(links, func(x externalDoc) bool { return x.Provider == s.opt.Directed.ID })
}
