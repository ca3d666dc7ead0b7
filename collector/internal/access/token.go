package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
)

// TokenPrefix begins every API token, so that scanners for leaked secrets can find them.
const TokenPrefix = "mst_"

// Token is an API token.
type Token struct {
	ID        string
	Name      string
	Role      Role
	CreatedAt time.Time
	CreatedBy string
	// ExpiresAt is zero for one without end, LastUsed for one that was never used.
	ExpiresAt time.Time
	LastUsed  time.Time
}

type tokenDoc struct {
	Name      string     `json:"name"`
	Role      Role       `json:"role"`
	Hash      string     `json:"hash"`
	CreatedAt store.Time `json:"created_at"`
	CreatedBy string     `json:"created_by"`
	ExpiresAt store.Time `json:"expires_at"`
	LastUsed  store.Time `json:"last_used"`
}

func (d tokenDoc) token(id string) Token {
	return Token{ID: id, Name: d.Name, Role: d.Role, CreatedAt: d.CreatedAt.Time, CreatedBy: d.CreatedBy,
		ExpiresAt: d.ExpiresAt.Time, LastUsed: d.LastUsed.Time}
}

// CreateToken makes a token; its text is answered this once. A ttl of 0 is without end.
func (s *Service) CreateToken(ctx context.Context, c Caller, name string, role Role, ttl time.Duration) (Token, Secret, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return Token{}, Secret{}, &InvalidError{Field: "name", Problem: "is empty"}
	}
	if err := s.mayGiveRole(ctx, c, role, nil, false); err != nil {
		return Token{}, Secret{}, err
	}
	cred, err := newCredential(c.Tenant)
	if err != nil {
		return Token{}, Secret{}, err
	}
	now := s.now()
	d := tokenDoc{Name: name, Role: role, Hash: cred.hash(), CreatedAt: store.At(now), CreatedBy: c.Name}
	if ttl > 0 {
		d.ExpiresAt = store.At(now.Add(ttl))
	}
	row, err := encodeRow(cred.id.String(), c.Tenant, 1, d)
	if err != nil {
		return Token{}, Secret{}, err
	}
	if _, err := s.update(ctx, store.Write{Table: tokensTable, Op: store.Insert, Row: row}); err != nil {
		return Token{}, Secret{}, fmt.Errorf("create token: %w", err)
	}
	err = s.audit(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "token.create", Address: c.Address,
		Object: &audit.Ref{ID: row.ID, Name: name, Kind: "token"}, Detail: map[string]any{"role": string(role)}})
	if err != nil {
		return Token{}, Secret{}, err
	}
	return d.token(row.ID), NewSecret(cred.text(TokenPrefix)), nil
}

// FromToken recognises the holder of an API token.
func (s *Service) FromToken(ctx context.Context, text Secret, address string) (Caller, error) {
	cred, ok := parseCredential(TokenPrefix, text.Reveal())
	if !ok {
		return Caller{}, ErrUnauthenticated
	}
	row, d, err := findCredential[tokenDoc](ctx, s, tokensTable, cred)
	if err != nil {
		return Caller{}, err
	}
	now := s.now()
	if !cred.matches(d.Hash) || (!d.ExpiresAt.IsZero() && !now.Before(d.ExpiresAt.Time)) {
		return Caller{}, ErrUnauthenticated
	}
	c, err := s.callerOfToken(ctx, row, d, address)
	if err == nil && now.Sub(d.LastUsed.Time) >= usedEvery {
		d.LastUsed = store.At(now)
		s.touch(ctx, tokensTable, row, d)
	}
	return c, err
}

// callerOfToken is the holder of a token as he stands now.
func (s *Service) callerOfToken(ctx context.Context, row store.Row, d tokenDoc, address string) (Caller, error) {
	t, err := s.tenant(ctx, row.Tenant)
	if err != nil {
		return Caller{}, err
	}
	if t.doc.Disabled {
		return Caller{}, &DisabledError{Name: t.doc.Name, Reason: t.doc.Reason}
	}
	c := Caller{Tenant: row.Tenant, TenantName: t.doc.Name, Name: "token:" + d.Name, Username: d.Name, Role: d.Role, Address: address,
		ExpiresAt: d.ExpiresAt.Time}
	if c, err = s.withStanding(ctx, c, nil, false); err != nil {
		return Caller{}, err
	}
	c.Installation = c.Tenant == HomeTenant && c.can(ManageTenants)
	return s.withRights(ctx, c, SubjectToken(row.ID), nil)
}

// Tokens are the tenant's, newest first.
func (s *Service) Tokens(ctx context.Context, c Caller) ([]Token, error) {
	var all []Token
	q := store.Query{Table: tokensTable, Tenant: c.Tenant}
	err := store.Each(ctx, s.opt.Store, q, func(r store.Row) error {
		d, err := decodeRow[tokenDoc](r)
		all = append(all, d.token(r.ID))
		return err
	})
	slices.Reverse(all) // ids begin with the moment of creation
	return all, err
}

// DeleteToken ends a token.
func (s *Service) DeleteToken(ctx context.Context, c Caller, id string) error {
	rows, err := s.opt.Store.Get(ctx, tokensTable, c.Tenant, "", []string{id})
	if err != nil {
		return fmt.Errorf("read token: %w", err)
	}
	row, ok := rows[id]
	if !ok {
		return fmt.Errorf("delete token: %w", ErrNotFound)
	}
	d, err := decodeRow[tokenDoc](row)
	if err != nil {
		return err
	}
	if err := s.forget(ctx, c.Tenant, SubjectToken(id)); err != nil {
		return err
	}
	if _, err := s.update(ctx, store.Write{Table: tokensTable, Op: store.Delete, Row: store.Row{ID: id, Tenant: c.Tenant}}); err != nil {
		return fmt.Errorf("delete token: %w", err)
	}
	return s.audit(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "token.delete", Address: c.Address,
		Object: &audit.Ref{ID: id, Name: d.Name, Kind: "token"}})
}
