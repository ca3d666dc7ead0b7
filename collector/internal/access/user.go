package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/words"
)

// User is somebody who signs in with a password.
type User struct {
	Tenant string
	// Username as it was typed; signing in takes it in any case.
	Username    string
	DisplayName string
	Email       string
	// Language that letters and notifications are in; "" is the tenant's.
	Language words.Language
	Role     Role
	// Groups are permission groups in place of those of the role.
	Groups    []string
	Roots     []string
	Disabled  bool
	CreatedAt time.Time
	// LastSignIn is zero for who has not signed in since it is noted.
	LastSignIn time.Time
	Version    int64
	// HasPassword is false for whom only a provider signs in. Invited says that no password was set yet, SecondFactor that a code
	// is asked for.
	HasPassword  bool
	Invited      bool
	SecondFactor bool
	// Providers are those that lead to this user.
	Providers []string
	// LinkUntil is when a link that was given and not used ends; zero is none.
	LinkUntil time.Time
}

// userDoc is a user as stored; the row's id is the folded username, which is unique in the installation since
// nobody names a tenant when signing in.
type userDoc struct {
	Username string   `json:"username"`
	Display  string   `json:"display"`
	Role     Role     `json:"role"`
	Roots    []string `json:"roots,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	Name     string   `json:"name,omitempty"`
	Email    string   `json:"email,omitempty"`
	Folded   string   `json:"email_folded,omitempty"`
	// Language is what the user chose, or asked for when first signing in.
	Language words.Language `json:"language,omitempty"`
	// Password is empty until a link was used.
	Password string `json:"password"`
	// Given says that the password was generated, or chosen by somebody else, and was not changed since.
	Given     bool       `json:"password_given,omitempty"`
	Disabled  bool       `json:"disabled,omitempty"`
	CreatedAt store.Time `json:"created_at"`
	// SessionsFrom ends all sessions that began before it.
	SessionsFrom store.Time `json:"sessions_from"`
	// Seen are the browsers that were signed in from, as hashes, the latest last.
	Seen []string `json:"seen,omitempty"`
	// External are the sign-ins at providers that lead to this user.
	External []externalDoc `json:"external,omitempty"`
	// Link lies here so that using it and setting the password are one write.
	Link *linkDoc `json:"link,omitempty"`
}

func foldUsername(name string) string {
	return strings.ToLower(norm.NFKC.String(strings.TrimSpace(name)))
}

func checkUsername(name string) error {
	if name == "" || len(name) > 200 {
		return &InvalidError{Field: "username", Problem: "needs 1 to 200 characters"}
	}
	for _, r := range name {
		if !unicode.IsPrint(r) || unicode.IsSpace(r) {
			return &InvalidError{Field: "username", Problem: "may not have spaces or control characters"}
		}
	}
	return nil
}

// Bootstrap makes the first administrator of a tenant that has no user yet, with a password that is answered
// this once.
func (s *Service) Bootstrap(ctx context.Context, tenant, username string) (password Secret, created bool, err error) {
	n, err := s.opt.Store.Count(ctx, store.Query{Table: usersTable, Tenant: tenant}, 1)
	if err != nil {
		return Secret{}, false, fmt.Errorf("count users: %w", err)
	}
	if n > 0 {
		return Secret{}, false, nil
	}
	if password, err = generatePassword(); err != nil {
		return Secret{}, false, err
	}
	err = s.CreateUser(ctx, User{Tenant: tenant, Username: username, Role: RoleAdmin}, password)
	if errors.Is(err, ErrTaken) { // another collector was first
		return Secret{}, false, nil
	}
	if err != nil {
		return Secret{}, false, err
	}
	return password, true, s.audit(ctx, audit.Entry{Tenant: tenant, Actor: "system", Action: "user.bootstrap",
		Object: &audit.Ref{ID: foldUsername(username), Name: username, Kind: "user"}})
}

// CreateUser adds a user.
func (s *Service) CreateUser(ctx context.Context, u User, password Secret) error {
	name := foldUsername(u.Username)
	if err := checkUsername(name); err != nil {
		return err
	}
	if err := checkPassword("password", password.Reveal(), name); err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, password.Reveal())
	if err != nil {
		return err
	}
	d := userDoc{Username: name, Display: strings.TrimSpace(u.Username), Role: u.Role, Groups: u.Groups, Roots: u.Roots, Password: hash, Given: true,
		Disabled: u.Disabled, CreatedAt: store.At(s.now()), SessionsFrom: store.At(s.now())}
	row, err := encodeRow(name, u.Tenant, 1, d)
	if err != nil {
		return err
	}
	conflict, err := s.update(ctx, store.Write{Table: usersTable, Op: store.Insert, Row: row})
	if err != nil {
		return fmt.Errorf("create user %s: %w", name, err)
	}
	if conflict {
		return fmt.Errorf("create user %s: %w", name, ErrTaken)
	}
	return nil
}

// ChangePassword sets the caller's own password and ends the user's other sessions: the answer is the value of
// a new cookie.
func (s *Service) ChangePassword(ctx context.Context, c Caller, old, next Secret) (Session, error) {
	if !c.Cookie {
		return Session{}, &InvalidError{Field: "current_password", Problem: "a token has no password"}
	}
	in := c.Tenant
	c = c.atHome()
	name := foldUsername(c.Username)
	now := s.now()
	if err := wantPassword(old); err != nil {
		return Session{}, err
	}
	if err := s.guard(name, c.Address, now); err != nil {
		return Session{}, err
	}
	row, d, err := s.user(ctx, c.Tenant, name)
	if err != nil {
		return Session{}, err
	}
	ok, _, err := s.hasher.verify(ctx, d.Password, old.Reveal())
	if err != nil {
		return Session{}, err
	}
	if !ok {
		return Session{}, &InvalidError{Field: "current_password", Problem: "is not the current password"}
	}
	s.limiter.forgive(limitKeys(name, limitAddressOf(c.Address)))
	if err := checkPassword("new_password", next.Reveal(), d.Username, d.Email, d.Name); err != nil {
		return Session{}, err
	}
	if d.Password, err = s.hasher.hash(ctx, next.Reveal()); err != nil {
		return Session{}, err
	}
	d.SessionsFrom, d.Link, d.Given = store.At(now), nil, false
	if err := s.replaceUser(ctx, row, d); err != nil {
		return Session{}, err
	}
	err = s.audit(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "user.change_password", Address: c.Address,
		Object: &audit.Ref{ID: name, Name: d.Display, Kind: "user"}})
	if err != nil {
		return Session{}, err
	}
	s.tell(c.Tenant, d, d.Email, notice{what: "password_changed", address: c.Address, browser: c.Browser})
	_, f, err := s.factor(ctx, c.Tenant, name)
	if err != nil {
		return Session{}, err
	}
	return s.openSession(ctx, c.Tenant, d, opening{now: now, tenant: in, address: c.Address, browser: c.Browser, factor: f.active() && !c.EnrolFirst})
}

func (s *Service) replaceUser(ctx context.Context, row store.Row, d userDoc) error {
	next, err := encodeRow(row.ID, row.Tenant, row.Version+1, d)
	if err != nil {
		return err
	}
	conflict, err := s.update(ctx, store.Write{Table: usersTable, Op: store.Replace, Row: next})
	if err != nil {
		return fmt.Errorf("write user %s: %w", row.ID, err)
	}
	if conflict {
		return fmt.Errorf("write user %s: %w", row.ID, &StaleError{})
	}
	return nil
}

func (s *Service) user(ctx context.Context, tenant, name string) (store.Row, userDoc, error) {
	rows, err := s.opt.Store.Get(ctx, usersTable, tenant, "", []string{name})
	if err != nil {
		return store.Row{}, userDoc{}, fmt.Errorf("read user: %w", err)
	}
	row, ok := rows[name]
	if !ok {
		return store.Row{}, userDoc{}, fmt.Errorf("read user: %w", ErrNotFound)
	}
	d, err := decodeRow[userDoc](row)
	return row, d, err
}

// anyUser finds a user by name alone, for signing in.
func (s *Service) anyUser(ctx context.Context, name string) (row store.Row, d userDoc, found bool, err error) {
	page, err := s.opt.Store.Find(ctx, store.Query{Table: usersTable, AllTenants: true, Limit: 1,
		Where: filter.Compare{Field: fieldUsername, Op: filter.Eq, Value: name}})
	if err != nil {
		return row, d, false, fmt.Errorf("find user: %w", err)
	}
	if len(page.Rows) == 0 {
		return row, d, false, nil
	}
	d, err = decodeRow[userDoc](page.Rows[0])
	return page.Rows[0], d, err == nil, err
}

func (s *Service) audit(ctx context.Context, e audit.Entry) error {
	if _, err := s.opt.Audit.Write(ctx, e); err != nil {
		return fmt.Errorf("audit %s: %w", e.Action, err)
	}
	return nil
}

func encodeRow(id, tenant string, version int64, doc any) (store.Row, error) {
	b, err := json.Marshal(doc)
	if err != nil {
		return store.Row{}, fmt.Errorf("encode %s: %w", id, err)
	}
	return store.Row{ID: id, Tenant: tenant, Version: version, Doc: b}, nil
}

func decodeRow[T any](row store.Row) (T, error) {
	var d T
	if err := json.Unmarshal(row.Doc, &d); err != nil {
		return d, fmt.Errorf("decode row: %w", err)
	}
	return d, nil
}

func timeOf(t time.Time) string { return t.UTC().Format(store.TimeLayout) }
