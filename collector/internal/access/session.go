package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Session is one that was just opened.
type Session struct {
	Caller Caller
	// Cookie is the value for the cookie.
	Cookie Secret
}

type sessionDoc struct {
	Username  string     `json:"username"`
	Hash      string     `json:"hash"`
	StartedAt store.Time `json:"started_at"`
	UsedAt    store.Time `json:"used_at"`
	ExpiresAt store.Time `json:"expires_at"`
}

// usedEvery bounds how often the use of a session or token is noted.
const usedEvery = time.Minute

// guard refuses when too many attempts failed, and counts this one as failed until it is known better.
func (s *Service) guard(username, address string, now time.Time) error {
	address = limitAddressOf(address)
	if wait := s.limiter.check(username, address, now); wait > 0 {
		return &LimitedError{RetryAfter: wait}
	}
	s.limiter.fail(username, address, now)
	return nil
}

// SignIn opens a session. A session that the browser had before (previous, may be empty) ends, so that nobody can
// plant one. Its error is ErrUnauthenticated for whatever is wrong with the name or the password.
func (s *Service) SignIn(ctx context.Context, username string, password Secret, address string, previous Secret) (Session, error) {
	name, now := foldUsername(username), s.now()
	if checkUsername(name) != nil || len(password.Reveal()) > maxPasswordBytes {
		return Session{}, ErrUnauthenticated
	}
	if err := s.guard(name, address, now); err != nil {
		return Session{}, err
	}
	row, d, found, err := s.anyUser(ctx, name)
	if err != nil {
		return Session{}, err
	}
	phc := s.hasher.decoy
	if found {
		phc = d.Password
	}
	ok, stale, err := s.hasher.verify(ctx, phc, password.Reveal())
	if err != nil {
		return Session{}, fmt.Errorf("verify password of %s: %w", name, err)
	}
	if !found || !ok || d.Disabled {
		e := audit.Entry{Tenant: row.Tenant, Actor: "user:" + name, Action: "sign_in", Outcome: audit.Refused, Address: address}
		return Session{}, errors.Join(ErrUnauthenticated, s.audit(ctx, e))
	}
	s.limiter.succeed(name, limitAddressOf(address))
	if stale {
		s.rehash(ctx, row, d, password)
	}
	if err := s.SignOut(ctx, previous); err != nil {
		return Session{}, err
	}
	session, err := s.openSession(ctx, row.Tenant, d, now)
	if err != nil {
		return Session{}, err
	}
	session.Caller.Address = address
	return session, s.audit(ctx, audit.Entry{Tenant: row.Tenant, Actor: session.Caller.Name, Action: "sign_in", Address: address})
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

func (s *Service) openSession(ctx context.Context, tenant string, d userDoc, now time.Time) (Session, error) {
	cred, err := newCredential(tenant)
	if err != nil {
		return Session{}, err
	}
	sd := sessionDoc{Username: d.Username, Hash: cred.hash(), StartedAt: store.At(now), UsedAt: store.At(now),
		ExpiresAt: store.At(now.Add(s.opt.SessionLife))}
	row, err := encodeRow(cred.id.String(), tenant, 1, sd)
	if err != nil {
		return Session{}, err
	}
	if _, err := s.update(ctx, store.Write{Table: sessionsTable, Op: store.Insert, Row: row}); err != nil {
		return Session{}, fmt.Errorf("open session: %w", err)
	}
	return Session{Caller: callerOf(tenant, d, sd), Cookie: NewSecret(cred.text(""))}, nil
}

func callerOf(tenant string, d userDoc, sd sessionDoc) Caller {
	return Caller{Tenant: tenant, Name: "user:" + d.Username, Username: d.Display, Role: d.Role, Roots: d.Roots,
		ExpiresAt: sd.ExpiresAt.Time, Cookie: true}
}

// FromCookie recognises the user of a session.
func (s *Service) FromCookie(ctx context.Context, cookie Secret, address string) (Caller, error) {
	cred, ok := parseCredential("", cookie.Reveal())
	if !ok {
		return Caller{}, ErrUnauthenticated
	}
	row, sd, err := findCredential[sessionDoc](ctx, s, sessionsTable, cred)
	if err != nil {
		return Caller{}, err
	}
	now := s.now()
	if !cred.matches(sd.Hash) || !now.Before(sd.ExpiresAt.Time) || now.Sub(sd.UsedAt.Time) >= s.opt.SessionIdle {
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
		sd.UsedAt = store.At(now)
		s.touch(ctx, sessionsTable, row, sd)
	}
	c := callerOf(row.Tenant, d, sd)
	c.Address = address
	return c, nil
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
	if !cred.matches(sd.Hash) {
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
