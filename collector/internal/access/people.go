package access

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
)

// UserEdit is what an administrator decides of a user.
type UserEdit struct {
	DisplayName string
	Email       string
	Role        Role
	// Groups are permission groups in place of those of the role; none: the role counts.
	Groups   []string
	Disabled bool
}

const (
	maxDisplayName = 200
	maxEmail       = 254
	maxOwnGroups   = 20
)

// clip shortens a foreign text to so many bytes without cutting a character.
func clip(text string, most int) string {
	text = strings.ToValidUTF8(text, "�")
	for len(text) > most {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

func checkName(name string) error {
	if len(name) > maxDisplayName || strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name) {
		return &InvalidError{Field: "display_name", Problem: fmt.Sprintf("may have at most %d bytes and no control characters", maxDisplayName)}
	}
	return nil
}

// checkEmail takes a bare address only: what it lets through goes into the header of a letter.
func checkEmail(email string) error {
	if email == "" {
		return nil
	}
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email || a.Name != "" || len(email) > maxEmail || strings.ContainsFunc(email, unicode.IsControl) {
		return &InvalidError{Field: "email", Problem: "is not an e-mail address"}
	}
	return nil
}

func foldEmail(email string) string { return strings.ToLower(norm.NFKC.String(email)) }

func (e *UserEdit) check() error {
	e.DisplayName, e.Email = strings.TrimSpace(e.DisplayName), strings.TrimSpace(e.Email)
	if err := checkName(e.DisplayName); err != nil {
		return err
	}
	if err := checkEmail(e.Email); err != nil {
		return err
	}
	slices.Sort(e.Groups)
	e.Groups = slices.Compact(e.Groups)
	if len(e.Groups) > maxOwnGroups {
		return &InvalidError{Field: "groups", Problem: fmt.Sprintf("are more than %d", maxOwnGroups)}
	}
	return nil
}

func (e UserEdit) into(d *userDoc) {
	d.Name, d.Email, d.Folded, d.Role, d.Groups, d.Disabled = e.DisplayName, e.Email, foldEmail(e.Email), e.Role, e.Groups, e.Disabled
}

func (s *Service) userOf(row store.Row, d userDoc, f factorDoc) User {
	u := User{Tenant: row.Tenant, Username: d.Display, DisplayName: d.Name, Email: d.Email, Language: d.Language, Role: d.Role, Groups: d.Groups, Roots: d.Roots, Disabled: d.Disabled,
		CreatedAt: d.CreatedAt.Time, Version: row.Version, HasPassword: d.Password != "", Invited: d.Password == "", SecondFactor: f.active()}
	for _, x := range d.External {
		u.Providers = append(u.Providers, x.Provider)
	}
	u.Invited = u.Invited && len(d.External) == 0
	if d.Link != nil && s.now().Before(d.Link.ExpiresAt.Time) {
		u.LinkUntil = d.Link.ExpiresAt.Time
	}
	return u
}

// Users are the tenant's, by username.
func (s *Service) Users(ctx context.Context, c Caller) ([]User, error) {
	var all []User
	err := eachUser(ctx, s.opt.Store, c.Tenant, func(rows []store.Row) error {
		users, err := s.usersOf(ctx, c.Tenant, rows)
		all = append(all, users...)
		return err
	})
	return all, err
}

// usersOf are users with what is kept beside them.
func (s *Service) usersOf(ctx context.Context, tenant string, rows []store.Row) ([]User, error) {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	factors, err := beside[factorDoc](ctx, s.opt.Store, factorsTable, tenant, ids)
	if err != nil {
		return nil, err
	}
	last, err := beside[signInDoc](ctx, s.opt.Store, signInsTable, tenant, ids)
	if err != nil {
		return nil, err
	}
	out := make([]User, len(rows))
	for i, r := range rows {
		d, err := decodeRow[userDoc](r)
		if err != nil {
			return nil, err
		}
		out[i] = s.userOf(r, d, factors[r.ID])
		out[i].LastSignIn = last[r.ID].At.Time
	}
	return out, nil
}

// beside is what a table has under the ids of users.
func beside[T any](ctx context.Context, r store.Reader, table, tenant string, ids []string) (map[string]T, error) {
	rows, err := r.Get(ctx, table, tenant, "", ids)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	out := make(map[string]T, len(rows))
	for id, row := range rows {
		if out[id], err = decodeRow[T](row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// User is one of the tenant's.
func (s *Service) User(ctx context.Context, c Caller, username string) (User, error) {
	name := foldUsername(username)
	row, _, err := s.user(ctx, c.Tenant, name)
	if err != nil {
		return User{}, err
	}
	u, err := s.usersOf(ctx, c.Tenant, []store.Row{row})
	if err != nil {
		return User{}, err
	}
	return u[0], nil
}

// Invite makes a user without a password, and the link by which the user sets one.
func (s *Service) Invite(ctx context.Context, c Caller, username string, e UserEdit) (User, Link, error) {
	name := foldUsername(username)
	if err := checkUsername(name); err != nil {
		return User{}, Link{}, err
	}
	if err := e.check(); err != nil {
		return User{}, Link{}, err
	}
	if err := s.mayGiveRole(ctx, c, e.Role, e.Groups, true); err != nil {
		return User{}, Link{}, err
	}
	now := s.now()
	d := userDoc{Username: name, Display: strings.TrimSpace(username), CreatedAt: store.At(now), SessionsFrom: store.At(now)}
	e.into(&d)
	d.Disabled = false
	link, err := s.newLink(c.Tenant, &d, linkLife)
	if err != nil {
		return User{}, Link{}, err
	}
	row, err := encodeRow(name, c.Tenant, 1, d)
	if err != nil {
		return User{}, Link{}, err
	}
	conflict, err := s.update(ctx, store.Write{Table: usersTable, Op: store.Insert, Row: row})
	if err != nil {
		return User{}, Link{}, fmt.Errorf("create user %s: %w", name, err)
	}
	if conflict {
		return User{}, Link{}, fmt.Errorf("create user %s: %w", name, ErrTaken)
	}
	if err := s.auditUser(ctx, c, "user.create", d, changesOf(userDoc{Name: d.Name, Email: d.Email}, d)); err != nil {
		return User{}, Link{}, err
	}
	return s.userOf(row, d, factorDoc{}), s.send(ctx, c.Tenant, d, link, c.Speaks), nil
}

// UpdateUser writes what an administrator decided, based on a version. Nobody takes rights from himself, and
// the last administrator stays one.
func (s *Service) UpdateUser(ctx context.Context, c Caller, username string, version int64, e UserEdit) (User, error) {
	if err := e.check(); err != nil {
		return User{}, err
	}
	row, d, err := s.user(ctx, c.Tenant, foldUsername(username))
	if err != nil {
		return User{}, err
	}
	if row.Version != version {
		return User{}, &StaleError{Current: row.Version}
	}
	if err := s.mustOutrank(ctx, c, d); err != nil {
		return User{}, err
	}
	if err := s.mayGiveRole(ctx, c, e.Role, e.Groups, true); err != nil {
		return User{}, err
	}
	if isSelf(c, d) && (e.Role != d.Role || !slices.Equal(e.Groups, d.Groups) || e.Disabled) {
		return User{}, &ConflictError{"Nobody takes the own role away or disables the own account; another administrator can."}
	}
	was := d
	e.into(&d)
	if d.Disabled && !was.Disabled {
		d.SessionsFrom, d.Link = store.At(s.now()), nil
	}
	if row, err = s.replaceKeepingAdmins(ctx, row, was, d); err != nil {
		return User{}, err
	}
	if err := s.auditUser(ctx, c, "user.update", d, changesOf(was, d)); err != nil {
		return User{}, err
	}
	s.tellOfEmail(c.Tenant, was, d, c)
	_, f, err := s.factor(ctx, c.Tenant, row.ID)
	return s.userOf(row, d, f), err
}

// changesOf says what is different; names and addresses are personal and are only said to have changed.
func changesOf(was, is userDoc) map[string]any {
	m := map[string]any{}
	if was.Role != is.Role {
		m["role"] = string(is.Role)
	}
	if !slices.Equal(was.Groups, is.Groups) {
		m["groups"] = is.Groups
	}
	if was.Disabled != is.Disabled {
		m["disabled"] = is.Disabled
	}
	if was.Name != is.Name {
		m["display_name"] = "changed"
	}
	if was.Email != is.Email {
		m["email"] = "changed"
	}
	return m
}

// DeleteUser removes a user with sessions and second factor. The user is disabled first, so that stopping in
// between leaves nobody who may sign in, least of all without the second factor, and doing it again ends it.
func (s *Service) DeleteUser(ctx context.Context, c Caller, username string) error {
	row, d, err := s.user(ctx, c.Tenant, foldUsername(username))
	if err != nil {
		return err
	}
	if isSelf(c, d) {
		return &ConflictError{"Nobody deletes the own account; another administrator can."}
	}
	if err := s.mustOutrank(ctx, c, d); err != nil {
		return err
	}
	was := d
	d.Disabled, d.Link, d.SessionsFrom = true, nil, store.At(s.now())
	if row, err = s.replaceKeepingAdmins(ctx, row, was, d); err != nil {
		return err
	}
	if err := s.dropSessions(ctx, c.Tenant, row.ID, every); err != nil {
		return err
	}
	if err := s.leaveTenants(ctx, row.ID); err != nil {
		return err
	}
	if err := s.leaveTeams(ctx, c.Tenant, row.ID); err != nil {
		return err
	}
	if err := s.forget(ctx, c.Tenant, SubjectUser(row.ID)); err != nil {
		return err
	}
	for _, table := range []string{factorsTable, signInsTable} {
		if _, err := s.update(ctx, store.Write{Table: table, Op: store.Delete, Row: store.Row{ID: row.ID, Tenant: c.Tenant}}); err != nil {
			return fmt.Errorf("delete %s of %s: %w", table, row.ID, err)
		}
	}
	if _, err := s.update(ctx, store.Write{Table: usersTable, Op: store.Delete, Row: store.Row{ID: row.ID, Tenant: c.Tenant}}); err != nil {
		return fmt.Errorf("delete user %s: %w", row.ID, err)
	}
	return s.auditUser(ctx, c, "user.delete", d, nil)
}

func isSelf(c Caller, d userDoc) bool { return c.Cookie && foldUsername(c.Username) == d.Username }

// administers says that a user has everything and can sign in; roles that were made do not count, since they can be changed.
func (d userDoc) administers() bool {
	full := d.Role == RoleAdmin && len(d.Groups) == 0 || slices.Contains(d.Groups, FullAccess)
	return full && !d.Disabled && d.Password != ""
}

// errLast rolls back.
var errLast = &ConflictError{"This is the last administrator who can sign in. Make another one first."}

// replaceKeepingAdmins writes a user unless that would leave the tenant without an administrator who can sign
// in. Where the store has no transactions two administrators may take each other's rights at the same moment:
// so it looks again afterwards, and takes its own write back.
func (s *Service) replaceKeepingAdmins(ctx context.Context, row store.Row, was, is userDoc) (store.Row, error) {
	next, err := encodeRow(row.ID, row.Tenant, row.Version+1, is)
	if err != nil {
		return row, err
	}
	back, err := encodeRow(row.ID, row.Tenant, row.Version+2, was)
	if err != nil {
		return row, err
	}
	loses := was.administers() && !is.administers()
	err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
		if loses {
			if err := otherAdmin(ctx, tx, row.Tenant, row.ID); err != nil {
				return err
			}
		}
		conflicts, err := tx.Write(ctx, store.Write{Table: usersTable, Op: store.Replace, Row: next})
		if err != nil {
			return err
		}
		if len(conflicts) > 0 {
			return &StaleError{}
		}
		if !loses {
			return nil
		}
		if err := otherAdmin(ctx, tx, row.Tenant, row.ID); err != nil {
			if !errors.Is(err, errLast) {
				return err
			}
			_, undo := tx.Write(ctx, store.Write{Table: usersTable, Op: store.Replace, Row: back})
			return errors.Join(err, undo)
		}
		return nil
	})
	if err != nil {
		return row, fmt.Errorf("write user %s: %w", row.ID, err)
	}
	return next, nil
}

// otherAdmin answers errLast when nobody but the one named administers the tenant.
func otherAdmin(ctx context.Context, r store.Reader, tenant, name string) error {
	found := errors.New("found")
	err := eachUser(ctx, r, tenant, func(rows []store.Row) error {
		for _, row := range rows {
			d, err := decodeRow[userDoc](row)
			if err != nil {
				return err
			}
			if row.ID != name && d.administers() {
				return found
			}
		}
		return nil
	})
	if errors.Is(err, found) {
		return nil
	}
	if err != nil {
		return err
	}
	return errLast
}

func eachUser(ctx context.Context, r store.Reader, tenant string, fn func([]store.Row) error) error {
	return store.EachPage(ctx, r, store.Query{Table: usersTable, Tenant: tenant}, fn)
}

func (s *Service) auditUser(ctx context.Context, c Caller, action string, d userDoc, detail map[string]any) error {
	return s.audit(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: action, Address: c.Address,
		Object: &audit.Ref{ID: d.Username, Name: d.Display, Kind: "user"}, Detail: detail})
}
