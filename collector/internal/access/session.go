package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/words"
)

// Session is one that was just opened.
type Session struct {
	Caller Caller
	// Cookie is the value for the cookie.
	Cookie Secret
}

type sessionDoc struct {
	Username string `json:"username"`
	// Tenant is the one that the session is in, when it is not the user's own.
	Tenant string `json:"tenant,omitempty"`
	Hash   string `json:"hash"`
	// Former is the cookie before the session went to another tenant. Requests that were under way with it are answered, where they
	// thought to be.
	Former    *former    `json:"former,omitempty"`
	StartedAt store.Time `json:"started_at"`
	UsedAt    store.Time `json:"used_at"`
	ExpiresAt store.Time `json:"expires_at"`
	// Address and Browser are those of its last use, as far as noted.
	Address string `json:"address,omitempty"`
	Browser string `json:"browser,omitempty"`
	// Factor says that a second factor was shown.
	Factor bool `json:"factor,omitempty"`
	// Provider is who proved it; empty is a password of our own.
	Provider string `json:"provider,omitempty"`
}

// former is a cookie that was replaced.
type former struct {
	Hash   string     `json:"hash"`
	Tenant string     `json:"tenant,omitempty"`
	Until  store.Time `json:"until"`
}

// formerFor is how long a replaced cookie is still known: as long as a request of the same browser may be under way.
const formerFor = 10 * time.Second

// heldBy finds the session as a cookie has it, and whether the cookie is the session's at all.
func (d sessionDoc) heldBy(cred credential, now time.Time) (sessionDoc, bool) {
	if cred.matches(d.Hash) {
		return d, true
	}
	if d.Former == nil || !now.Before(d.Former.Until.Time) || !cred.matches(d.Former.Hash) {
		return d, false
	}
	d.Tenant = d.Former.Tenant
	return d, true
}

const maxBrowser = 300

// usedEvery bounds how often the use of a session or token is noted.
const usedEvery = time.Minute

// Attempt is what somebody shows to be let in.
type Attempt struct {
	Username string
	Password Secret
	// Code of the second factor, or a recovery code; empty until it was asked for.
	Code    string
	Address string
	// Browser is what the browser calls itself.
	Browser string
	// Language is the one that the browser asks for.
	Language words.Language
	// Previous is the cookie that the browser had; it ends, so that nobody can plant one.
	Previous Secret
	// provider has proven who it is.
	provider string
}

// guard refuses when too many attempts failed, and counts this one as failed until it is known better.
func (s *Service) guard(username, address string, now time.Time) error {
	return s.guardBy(limitKeys(username, limitAddressOf(address)), now)
}

func (s *Service) guardBy(limits []limit, now time.Time) error {
	if wait := s.limiter.check(limits, now); wait > 0 {
		return &LimitedError{RetryAfter: wait}
	}
	s.limiter.fail(limits, now)
	return nil
}

// SignIn opens a session. Its error is ErrUnauthenticated for whatever is wrong with the name, the password or
// the code, and ErrCodeNeeded when the password is right and a code is missing.
func (s *Service) SignIn(ctx context.Context, a Attempt) (Session, error) {
	name, now := foldUsername(a.Username), s.now()
	if checkUsername(name) != nil || len(a.Password.Reveal()) > maxPasswordBytes {
		return Session{}, ErrUnauthenticated
	}
	if err := s.guard(name, a.Address, now); err != nil {
		return Session{}, err
	}
	row, d, found, err := s.anyUser(ctx, name)
	if err != nil {
		return Session{}, err
	}
	phc, own := s.hasher.decoy, found && d.Password != "" && s.takesPassword(name)
	if own {
		phc = d.Password
	}
	ok, stale, err := s.hasher.verify(ctx, phc, a.Password.Reveal())
	if err != nil {
		return Session{}, fmt.Errorf("verify password of %s: %w", name, err)
	}
	person, proven, err := s.askDirectory(ctx, own, name, a)
	switch {
	case proven:
		// As below: only the whole sign-in forgives earlier failures.
		s.limiter.takeBack(limitKeys(name, limitAddressOf(a.Address)))
		session, err := s.SignInExternal(ctx, s.opt.Directed, person, a)
		if err == nil {
			s.limiter.succeed(limitKeys(name, limitAddressOf(a.Address)))
		}
		return session, err
	case err != nil:
		return Session{}, err
	}
	if !found || !ok || d.Disabled || !own {
		e := audit.Entry{Tenant: row.Tenant, Actor: "user:" + name, Action: "sign_in", Outcome: audit.Refused, Address: a.Address}
		return Session{}, errors.Join(ErrUnauthenticated, s.audit(ctx, e))
	}
	// Only the whole sign-in forgives earlier failures: whoever knows the password could else try codes for ever.
	s.limiter.takeBack(limitKeys(name, limitAddressOf(a.Address)))
	withFactor, err := s.checkFactor(ctx, row.Tenant, name, a)
	if err != nil {
		return Session{}, err
	}
	s.limiter.succeed(limitKeys(name, limitAddressOf(a.Address)))
	if stale {
		s.rehash(ctx, row, d, a.Password)
	}
	return s.letIn(ctx, row.Tenant, d, a, withFactor)
}

// letIn opens the session of somebody who has proven to be d.
func (s *Service) letIn(ctx context.Context, tenant string, d userDoc, a Attempt, withFactor bool) (Session, error) {
	if err := s.SignOut(ctx, a.Previous); err != nil {
		return Session{}, err
	}
	session, err := s.openSession(ctx, tenant, d, opening{now: s.now(), address: a.Address, browser: a.Browser, factor: withFactor, provider: a.provider})
	var closed *DisabledError
	if errors.As(err, &closed) {
		e := audit.Entry{Tenant: tenant, Actor: "user:" + d.Username, Action: "sign_in", Outcome: audit.Refused, Address: a.Address, Reason: closed.Error()}
		return Session{}, errors.Join(err, s.audit(ctx, e))
	}
	if err != nil {
		return Session{}, err
	}
	e := audit.Entry{Tenant: tenant, Actor: session.Caller.Name, Action: "sign_in", Address: a.Address}
	if a.provider != "" {
		e.Detail = map[string]any{"provider": a.provider}
	}
	if err := s.audit(ctx, e); err != nil {
		return Session{}, err
	}
	s.noteBrowser(ctx, tenant, d.Username, a)
	// That it could not be noted is no reason to refuse anybody.
	if err := s.keep(ctx, store.Put, signInsTable, tenant, d.Username, 1, signInDoc{At: store.At(s.now())}); err != nil {
		s.opt.Log.Warn("note sign-in", "user", d.Username, "error", err)
	}
	return session, nil
}

// signInDoc is when somebody signed in last.
type signInDoc struct {
	At store.Time `json:"at"`
}

// rehash brings a password's hash to today's cost. That it did not work is no reason to refuse anybody.
func (s *Service) rehash(ctx context.Context, row store.Row, d userDoc, password Secret) {
	hash, err := s.hasher.hash(ctx, password.Reveal())
	if err == nil {
		d.Password = hash
		err = s.replaceUser(ctx, row, d)
	}
	if err != nil {
		s.opt.Log.Warn("rehash password", "user", d.Username, "error", err)
	}
}

// opening is how a session begins.
type opening struct {
	now time.Time
	// tenant to be in first; empty is the user's own.
	tenant           string
	address, browser string
	factor           bool
	provider         string
}

func (s *Service) openSession(ctx context.Context, tenant string, d userDoc, o opening) (Session, error) {
	in, err := s.landing(ctx, tenant, d, cmp.Or(o.tenant, tenant))
	if err != nil {
		return Session{}, err
	}
	cred, err := newCredential(tenant)
	if err != nil {
		return Session{}, err
	}
	sd := sessionDoc{Username: d.Username, Hash: cred.hash(), StartedAt: store.At(o.now), UsedAt: store.At(o.now),
		ExpiresAt: store.At(o.now.Add(s.opt.SessionLife)), Address: o.address, Browser: clip(o.browser, maxBrowser), Factor: o.factor, Provider: o.provider}
	if in != tenant {
		sd.Tenant = in
	}
	row, err := encodeRow(cred.id.String(), tenant, 1, sd)
	if err != nil {
		return Session{}, err
	}
	if _, err := s.update(ctx, store.Write{Table: sessionsTable, Op: store.Insert, Row: row}); err != nil {
		return Session{}, fmt.Errorf("open session: %w", err)
	}
	c, err := s.callerOf(ctx, row, d, sd)
	if err != nil {
		return Session{}, err
	}
	c.Address, c.Browser = o.address, o.browser
	return Session{Caller: c, Cookie: NewSecret(cred.text(""))}, nil
}

// callerOf is a person with all rights that he has today.
func (s *Service) callerOf(ctx context.Context, row store.Row, d userDoc, sd sessionDoc) (Caller, error) {
	home := row.Tenant
	tenant := cmp.Or(sd.Tenant, home)
	st, err := s.standsIn(ctx, home, d, tenant)
	if err != nil {
		return Caller{}, err
	}
	c := Caller{Tenant: tenant, Home: home, TenantName: st.tenant, Name: "user:" + d.Username, Username: d.Display, Role: st.role,
		ExpiresAt: sd.ExpiresAt.Time, Cookie: true, Session: row.ID, Browser: sd.Browser, Provider: sd.Provider, Speaks: d.Language, PasswordGiven: d.Given}
	if c, err = s.withStanding(ctx, c, st.groups, true); err != nil {
		return Caller{}, err
	}
	if c.Installation, err = s.administersInstallation(ctx, c, d); err != nil {
		return Caller{}, err
	}
	c.EnrolFirst = s.mustHaveFactor(c) && !sd.Factor
	return s.withRights(ctx, c, SubjectUser(d.Username), st.roots)
}

// administersInstallation says that a person may manage tenants, wherever he is now: it is what he has at home that counts.
func (s *Service) administersInstallation(ctx context.Context, c Caller, d userDoc) (bool, error) {
	switch {
	case c.Home != HomeTenant:
		return false, nil
	case c.Tenant == c.Home:
		return c.can(ManageTenants), nil
	}
	home, err := s.withStanding(ctx, Caller{Tenant: c.Home, Role: d.Role}, d.Groups, true)
	return home.can(ManageTenants), err
}

// mustHaveFactor says that the installation demands a second factor of whoever can get at the rights of others.
func (s *Service) mustHaveFactor(c Caller) bool {
	return s.opt.RequireSecondFactor && (c.Installation || slices.ContainsFunc(administrative, c.can))
}

// FromCookie recognises the user of a session, in the tenant that the session is in.
func (s *Service) FromCookie(ctx context.Context, cookie Secret, address string) (Caller, error) {
	return s.FromCookieIn(ctx, cookie, address, "")
}

// FromCookieIn recognises the user of a session in a tenant that the request names; an empty name is that of the session.
func (s *Service) FromCookieIn(ctx context.Context, cookie Secret, address, tenant string) (Caller, error) {
	cred, ok := parseCredential("", cookie.Reveal())
	if !ok {
		return Caller{}, ErrUnauthenticated
	}
	row, sd, err := findCredential[sessionDoc](ctx, s, sessionsTable, cred)
	if err != nil {
		return Caller{}, err
	}
	now := s.now()
	held, ok := sd.heldBy(cred, now)
	if !ok || s.over(sd, now) {
		return Caller{}, ErrUnauthenticated
	}
	_, d, err := s.user(ctx, row.Tenant, sd.Username)
	if errors.Is(err, ErrNotFound) {
		return Caller{}, ErrUnauthenticated
	}
	if err != nil {
		return Caller{}, err
	}
	if d.Disabled || sd.StartedAt.Before(d.SessionsFrom.Time) {
		return Caller{}, ErrUnauthenticated
	}
	if now.Sub(sd.UsedAt.Time) >= usedEvery {
		sd.UsedAt, sd.Address = store.At(now), address
		s.touch(ctx, sessionsTable, row, sd)
	}
	sd.Tenant = cmp.Or(tenant, held.Tenant)
	c, err := s.callerOf(ctx, row, d, sd)
	c.Address, c.Replaced = address, !cred.matches(sd.Hash)
	return c, err
}

// over says that a session came to its end, whether swept already or not.
func (s *Service) over(sd sessionDoc, now time.Time) bool {
	return !now.Before(sd.ExpiresAt.Time) || now.Sub(sd.UsedAt.Time) >= s.opt.SessionIdle
}

// SignOut ends the session of a cookie; one that is none already is no error.
func (s *Service) SignOut(ctx context.Context, cookie Secret) error {
	cred, ok := parseCredential("", cookie.Reveal())
	if !ok {
		return nil
	}
	row, sd, err := findCredential[sessionDoc](ctx, s, sessionsTable, cred)
	if errors.Is(err, ErrUnauthenticated) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, ok := sd.heldBy(cred, s.now()); !ok {
		return nil
	}
	if _, err := s.update(ctx, store.Write{Table: sessionsTable, Op: store.Delete, Row: store.Row{ID: row.ID, Tenant: row.Tenant}}); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// Sweep removes sessions that are over.
func (s *Service) Sweep(ctx context.Context, now time.Time) error {
	for {
		page, err := s.opt.Store.Find(ctx, store.Query{Table: sessionsTable, AllTenants: true, Limit: 200,
			Where: filter.Compare{Field: fieldExpiresAt, Op: filter.Lt, Value: timeOf(now)}})
		if err != nil {
			return fmt.Errorf("find ended sessions: %w", err)
		}
		if len(page.Rows) == 0 {
			return nil
		}
		writes := make([]store.Write, 0, len(page.Rows))
		for _, r := range page.Rows {
			writes = append(writes, store.Write{Table: sessionsTable, Op: store.Delete, Row: store.Row{ID: r.ID, Tenant: r.Tenant}})
		}
		err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
			_, err := tx.Write(ctx, writes...)
			return err
		})
		if err != nil {
			return fmt.Errorf("remove ended sessions: %w", err)
		}
	}
}

// findCredential reads the row that a credential names.
func findCredential[T any](ctx context.Context, s *Service, table string, cred credential) (store.Row, T, error) {
	var none T
	id := cred.id.String()
	rows, err := s.opt.Store.Get(ctx, table, cred.tenant, "", []string{id})
	if err != nil {
		return store.Row{}, none, fmt.Errorf("read credential: %w", err)
	}
	row, ok := rows[id]
	if !ok {
		return store.Row{}, none, ErrUnauthenticated
	}
	d, err := decodeRow[T](row)
	return row, d, err
}

// touch notes the use of a credential. Losing to another request that does the same is fine, and an error must not
// keep anybody out.
func (s *Service) touch(ctx context.Context, table string, row store.Row, doc any) {
	next, err := encodeRow(row.ID, row.Tenant, row.Version+1, doc)
	if err == nil {
		_, err = s.update(ctx, store.Write{Table: table, Op: store.Replace, Row: next})
	}
	if err != nil {
		s.opt.Log.Warn("note use of credential", "table", table, "error", err)
	}
}
