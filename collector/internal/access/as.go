package access

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/words"
)

// Person is a user with the rights of now, for what is done on his behalf while he is not there.
type Person struct {
	Caller
	DisplayName, Email string
	// Language that he is told in.
	Language words.Language
}

// PersonOf is the user whom a caller's name ("user:anna") means. ErrNotFound says that there is none who could sign in: tokens,
// the disabled, those who never set a password, and administrators who lack the second factor that they have to have.
func (s *Service) PersonOf(ctx context.Context, tenant, name string) (Person, error) {
	username, ok := strings.CutPrefix(name, "user:")
	if !ok {
		return Person{}, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	home, d, _, err := s.someone(ctx, tenant, username)
	if err != nil {
		return Person{}, err
	}
	_, f, err := s.factor(ctx, home, username)
	if err != nil {
		return Person{}, err
	}
	if d.Disabled || d.Password == "" && len(d.External) == 0 {
		return Person{}, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	c, err := s.callerOf(ctx, store.Row{Tenant: home}, d, sessionDoc{Factor: f.active(), Tenant: tenant})
	var closed *DisabledError
	if errors.As(err, &closed) {
		return Person{}, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	if err != nil {
		return Person{}, err
	}
	c.Cookie, c.Session = false, ""
	if c.EnrolFirst {
		return Person{}, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	display := d.Name
	if display == "" {
		display = d.Display
	}
	in, err := s.languageOf(ctx, home, d, "")
	return Person{Caller: c, DisplayName: display, Email: d.Email, Language: in}, err
}

// Named is the caller of a name of the audit trail with the rights of now, for what he asked for and others approved. ErrNotFound says
// that there is none who could ask now; two tokens of one name are nobody, since it is not known which of them it was.
func (s *Service) Named(ctx context.Context, tenant, name string) (Caller, error) {
	token, ok := strings.CutPrefix(name, "token:")
	if !ok {
		p, err := s.PersonOf(ctx, tenant, name)
		return p.Caller, err
	}
	var found []store.Row
	var d tokenDoc
	now := s.now()
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tokensTable, Tenant: tenant}, func(r store.Row) error {
		t, err := decodeRow[tokenDoc](r)
		if err == nil && t.Name == token && (t.ExpiresAt.IsZero() || now.Before(t.ExpiresAt.Time)) {
			found, d = append(found, r), t
		}
		return err
	})
	if err != nil {
		return Caller{}, fmt.Errorf("find token: %w", err)
	}
	if len(found) != 1 {
		return Caller{}, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	c, err := s.callerOfToken(ctx, found[0], d, "")
	var closed *DisabledError
	if errors.As(err, &closed) {
		return Caller{}, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	return c, err
}
