package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// SessionInfo is one of a user's sessions.
type SessionInfo struct {
	ID        string
	StartedAt time.Time
	UsedAt    time.Time
	ExpiresAt time.Time
	Address   string
	// Browser is foreign text.
	Browser string
	// Current says that it is the one that asks.
	Current bool
}

// person is the user that a caller is; a token is nobody.
func (s *Service) person(ctx context.Context, c Caller) (store.Row, userDoc, error) {
	if !c.Cookie {
		return store.Row{}, userDoc{}, &ConflictError{"An API token is not a person: it has no profile, no sessions and no second factor."}
	}
	return s.user(ctx, c.Tenant, foldUsername(c.Username))
}

// Profile is the caller's own user.
func (s *Service) Profile(ctx context.Context, c Caller) (User, error) {
	c = c.atHome()
	row, d, err := s.person(ctx, c)
	if err != nil {
		return User{}, err
	}
	_, f, err := s.factor(ctx, c.Tenant, row.ID)
	return s.userOf(row, d, f), err
}

// UpdateProfile writes what people decide of themselves. Another e-mail address needs the password: links to
// set a password go there.
func (s *Service) UpdateProfile(ctx context.Context, c Caller, name, email string, password Secret) (User, error) {
	c = c.atHome()
	row, d, err := s.person(ctx, c)
	if err != nil {
		return User{}, err
	}
	was := d
	e := UserEdit{DisplayName: name, Email: email, Role: d.Role, Groups: d.Groups, Disabled: d.Disabled}
	if err := e.check(); err != nil {
		return User{}, err
	}
	if e.Email != d.Email {
		if err := s.provePassword(ctx, c, d, password); err != nil {
			return User{}, err
		}
	}
	e.into(&d)
	if d.Email != was.Email {
		d.Link = nil // it went to the former address
	}
	if err := s.replaceUser(ctx, row, d); err != nil {
		return User{}, err
	}
	if err := s.auditUser(ctx, c, "user.update_profile", d, changesOf(was, d)); err != nil {
		return User{}, err
	}
	s.tellOfEmail(c.Tenant, was, d, c)
	return s.Profile(ctx, c)
}

// wantPassword tells none from a wrong one, and counts it as no attempt.
func wantPassword(password Secret) error {
	if password.Reveal() == "" {
		return &InvalidError{Field: "current_password", Problem: "is needed for this"}
	}
	return nil
}

// provePassword asks whoever is signed in for the password again; wrong ones count as failed sign-ins do.
func (s *Service) provePassword(ctx context.Context, c Caller, d userDoc, password Secret) error {
	if d.Password == "" && len(d.External) > 0 {
		return s.proveFresh(ctx, c)
	}
	if err := wantPassword(password); err != nil {
		return err
	}
	limits := limitKeys(d.Username, limitAddressOf(c.Address))
	if err := s.guardBy(limits, s.now()); err != nil {
		return err
	}
	if len(password.Reveal()) > maxPasswordBytes || d.Password == "" {
		return &InvalidError{Field: "current_password", Problem: "is not the current password"}
	}
	ok, _, err := s.hasher.verify(ctx, d.Password, password.Reveal())
	if err != nil {
		return fmt.Errorf("verify password of %s: %w", d.Username, err)
	}
	if !ok {
		return &InvalidError{Field: "current_password", Problem: "is not the current password"}
	}
	s.limiter.forgive(limits)
	return nil
}

// Sessions are the caller's own, the one used last first.
func (s *Service) Sessions(ctx context.Context, c Caller) ([]SessionInfo, error) {
	c = c.atHome()
	row, d, err := s.person(ctx, c)
	if err != nil {
		return nil, err
	}
	return s.sessionsOf(ctx, c, row, d)
}

// SessionsOf are those of a user of the tenant.
func (s *Service) SessionsOf(ctx context.Context, c Caller, username string) ([]SessionInfo, error) {
	row, d, err := s.user(ctx, c.Tenant, foldUsername(username))
	if err != nil {
		return nil, err
	}
	return s.sessionsOf(ctx, c, row, d)
}

func (s *Service) sessionsOf(ctx context.Context, c Caller, row store.Row, d userDoc) ([]SessionInfo, error) {
	var all []SessionInfo
	now := s.now()
	err := s.eachSession(ctx, row.Tenant, row.ID, func(rows []store.Row) error {
		for _, r := range rows {
			sd, err := decodeRow[sessionDoc](r)
			if err != nil {
				return err
			}
			if s.over(sd, now) || sd.StartedAt.Before(d.SessionsFrom.Time) {
				continue
			}
			all = append(all, SessionInfo{ID: r.ID, StartedAt: sd.StartedAt.Time, UsedAt: sd.UsedAt.Time, ExpiresAt: sd.ExpiresAt.Time,
				Address: sd.Address, Browser: sd.Browser, Current: r.ID == c.Session})
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b SessionInfo) int {
		if n := b.UsedAt.Compare(a.UsedAt); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all, err
}

func (s *Service) eachSession(ctx context.Context, tenant, username string, fn func([]store.Row) error) error {
	q := store.Query{Table: sessionsTable, Tenant: tenant, Where: filter.Compare{Field: fieldUsername, Op: filter.Eq, Value: username}}
	return store.EachPage(ctx, s.opt.Store, q, fn)
}

// EndSession ends one of the caller's own.
func (s *Service) EndSession(ctx context.Context, c Caller, id string) error {
	c = c.atHome()
	_, d, err := s.person(ctx, c)
	if err != nil {
		return err
	}
	rows, err := s.opt.Store.Get(ctx, sessionsTable, c.Tenant, "", []string{id})
	if err != nil {
		return fmt.Errorf("read session: %w", err)
	}
	row, ok := rows[id]
	if !ok {
		return fmt.Errorf("end session: %w", ErrNotFound)
	}
	sd, err := decodeRow[sessionDoc](row)
	if err != nil {
		return err
	}
	if sd.Username != d.Username {
		return fmt.Errorf("end session: %w", ErrNotFound)
	}
	if _, err := s.update(ctx, store.Write{Table: sessionsTable, Op: store.Delete, Row: store.Row{ID: id, Tenant: c.Tenant}}); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return s.auditUser(ctx, c, "session.end", d, nil)
}

// EndOtherSessions ends all of the caller's own but the one that asks.
func (s *Service) EndOtherSessions(ctx context.Context, c Caller) error {
	c = c.atHome()
	_, d, err := s.person(ctx, c)
	if err != nil {
		return err
	}
	if err := s.dropSessions(ctx, c.Tenant, d.Username, func(id string, _ sessionDoc) bool { return id != c.Session }); err != nil {
		return err
	}
	return s.auditUser(ctx, c, "session.end_others", d, nil)
}

// EndSessionsOf ends all sessions of a user, at one stroke: the rows go afterwards.
func (s *Service) EndSessionsOf(ctx context.Context, c Caller, username string) error {
	row, d, err := s.user(ctx, c.Tenant, foldUsername(username))
	if err != nil {
		return err
	}
	if err := s.mustOutrank(ctx, c, d); err != nil {
		return err
	}
	d.SessionsFrom = store.At(s.now())
	if err := s.replaceUser(ctx, row, d); err != nil {
		return err
	}
	if err := s.dropSessions(ctx, c.Tenant, row.ID, every); err != nil {
		return err
	}
	return s.auditUser(ctx, c, "user.end_sessions", d, nil)
}

func every(string, sessionDoc) bool { return true }

// dropSessions ends those sessions of a user that are meant.
func (s *Service) dropSessions(ctx context.Context, tenant, username string, meant func(id string, d sessionDoc) bool) error {
	return s.eachSession(ctx, tenant, username, func(rows []store.Row) error {
		var writes []store.Write
		for _, r := range rows {
			d, err := decodeRow[sessionDoc](r)
			if err != nil {
				return err
			}
			if meant(r.ID, d) {
				writes = append(writes, store.Write{Table: sessionsTable, Op: store.Delete, Row: store.Row{ID: r.ID, Tenant: tenant}})
			}
		}
		if len(writes) == 0 {
			return nil
		}
		err := s.opt.Store.Update(ctx, func(tx store.Tx) error {
			_, err := tx.Write(ctx, writes...)
			return err
		})
		if err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		return nil
	})
}
