package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/mail"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/words"
)

// The purposes of a link: setting the first password, or another one.
const (
	Invitation    = "invitation"
	PasswordReset = "password_reset"
)

const (
	// linkLife is of a link that an administrator gives, mailedLife of one that anybody may ask for.
	linkLife   = 72 * time.Hour
	mailedLife = 2 * time.Hour
	// mailEvery keeps strangers from filling somebody's mailbox, or ending his links faster than he can use them.
	mailEvery    = 5 * time.Minute
	maxForgotten = 64
	mailWithin   = 30 * time.Second
	// LinkPath is the page that links lead to; the token is in the fragment, which browsers do not send.
	LinkPath = "/link#"
)

type linkDoc struct {
	Hash      string     `json:"hash"`
	MadeAt    store.Time `json:"made_at"`
	ExpiresAt store.Time `json:"expires_at"`
}

// Link is one that was just made.
type Link struct {
	Purpose   string
	Token     Secret
	ExpiresAt time.Time
	// Mailed says that it went to the user by mail; MailProblem why not, if it should have.
	Mailed      bool
	MailProblem string
}

// LinkInfo says what a link is for.
type LinkInfo struct {
	Username    string
	DisplayName string
	Purpose     string
	ExpiresAt   time.Time
	// NeedsCode says that the user has a second factor, which a link does not stand for.
	NeedsCode bool
}

func (d userDoc) purpose() string {
	if d.Password == "" {
		return Invitation
	}
	return PasswordReset
}

// newLink puts a link into d, in place of an earlier one. Its token names the user, so that one read finds it.
func (s *Service) newLink(tenant string, d *userDoc, life time.Duration) (Link, error) {
	var secret [32]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return Link{}, fmt.Errorf("make link: %w", err)
	}
	now := s.now()
	d.Link = &linkDoc{Hash: linkHash(secret[:]), MadeAt: store.At(now), ExpiresAt: store.At(now.Add(life))}
	text := base64.RawURLEncoding.EncodeToString([]byte(string(secret[:]) + tenant + "\x00" + d.Username))
	return Link{Purpose: d.purpose(), Token: NewSecret(text), ExpiresAt: d.Link.ExpiresAt.Time}, nil
}

func linkHash(secret []byte) string {
	h := sha256.Sum256(secret)
	return hex.EncodeToString(h[:])
}

// GiveLink makes a link for a user; an earlier one ends.
func (s *Service) GiveLink(ctx context.Context, c Caller, username string) (Link, error) {
	row, d, err := s.user(ctx, c.Tenant, foldUsername(username))
	if err != nil {
		return Link{}, err
	}
	if d.Disabled {
		return Link{}, &ConflictError{"The user is disabled. Enable the user first."}
	}
	if err := s.mustOutrank(ctx, c, d); err != nil {
		return Link{}, err
	}
	link, err := s.newLink(c.Tenant, &d, linkLife)
	if err != nil {
		return Link{}, err
	}
	if err := s.replaceUser(ctx, row, d); err != nil {
		return Link{}, err
	}
	if err := s.auditUser(ctx, c, "user.give_link", d, map[string]any{"purpose": link.Purpose}); err != nil {
		return Link{}, err
	}
	return s.send(ctx, row.Tenant, d, link, c.Speaks), nil
}

// ReadLink says what a link is for.
func (s *Service) ReadLink(ctx context.Context, token Secret, address string) (LinkInfo, error) {
	row, d, err := s.findLink(ctx, token, address)
	if err != nil {
		return LinkInfo{}, err
	}
	_, f, err := s.factor(ctx, row.Tenant, row.ID)
	if err != nil {
		return LinkInfo{}, err
	}
	return LinkInfo{Username: d.Display, DisplayName: d.Name, Purpose: d.purpose(), ExpiresAt: d.Link.ExpiresAt.Time, NeedsCode: f.active()}, nil
}

// UseLink sets the password that a link stands for and signs in; every earlier session of the user ends. The
// attempt brings the new password and, when the user has a second factor, a code.
func (s *Service) UseLink(ctx context.Context, token Secret, a Attempt) (Session, error) {
	row, d, err := s.findLink(ctx, token, a.Address)
	if err != nil {
		return Session{}, err
	}
	if !s.takesPassword(row.ID) {
		return Session{}, ErrPasswordsOff
	}
	if err := checkPassword("new_password", a.Password.Reveal(), d.Username, d.Email, d.Name); err != nil {
		return Session{}, err
	}
	withFactor, err := s.checkFactor(ctx, row.Tenant, row.ID, a)
	if err != nil {
		return Session{}, err
	}
	purpose, now := d.purpose(), s.now()
	if d.Password, err = s.hasher.hash(ctx, a.Password.Reveal()); err != nil {
		return Session{}, err
	}
	d.Link, d.SessionsFrom, d.Given = nil, store.At(now), false
	err = s.replaceUser(ctx, row, d)
	if stale := new(StaleError); errors.As(err, &stale) {
		return Session{}, ErrLink // somebody else used it at the same moment
	}
	if err != nil {
		return Session{}, err
	}
	err = s.audit(ctx, audit.Entry{Tenant: row.Tenant, Actor: "user:" + d.Username, Action: "user.set_password", Address: a.Address,
		Object: &audit.Ref{ID: d.Username, Name: d.Display, Kind: "user"}, Detail: map[string]any{"purpose": purpose}})
	if err != nil {
		return Session{}, err
	}
	if purpose == PasswordReset {
		s.tell(row.Tenant, d, d.Email, notice{what: "password_by_link", address: a.Address, browser: a.Browser})
	}
	return s.letIn(ctx, row.Tenant, d, a, withFactor)
}

// findLink answers ErrLink for every link that does not work, whatever the reason.
func (s *Service) findLink(ctx context.Context, token Secret, address string) (store.Row, userDoc, error) {
	limits := []limit{{"l|" + limitAddressOf(address), limitLink}}
	if err := s.guardBy(limits, s.now()); err != nil {
		return store.Row{}, userDoc{}, err
	}
	refused := func() (store.Row, userDoc, error) {
		e := audit.Entry{Actor: "link", Action: "user.set_password", Outcome: audit.Refused, Address: address}
		return store.Row{}, userDoc{}, errors.Join(ErrLink, s.audit(ctx, e))
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token.Reveal())
	if err != nil || len(b) <= 32 || len(b) > 32+maxCredential {
		return refused()
	}
	tenant, name, ok := strings.Cut(string(b[32:]), "\x00")
	if !ok || tenant == "" || checkUsername(name) != nil {
		return refused()
	}
	row, d, err := s.user(ctx, tenant, name)
	if errors.Is(err, ErrNotFound) {
		return refused()
	}
	if err != nil {
		return store.Row{}, userDoc{}, err
	}
	if d.Link == nil || d.Disabled || !s.now().Before(d.Link.ExpiresAt.Time) ||
		subtle.ConstantTimeCompare([]byte(linkHash(b[:32])), []byte(d.Link.Hash)) != 1 {
		return refused()
	}
	s.limiter.takeBack(limits)
	return row, d, nil
}

// send mails a link when the user has an address and the installation a mail server. That it did not work is
// told and not an error: the link can be handed over in another way. asked is the language of whoever has it sent.
func (s *Service) send(ctx context.Context, tenant string, d userDoc, link Link, asked words.Language) Link {
	if s.opt.Mail == nil || d.Email == "" {
		return link
	}
	subject, text, err := s.letter(ctx, tenant, d, link, asked)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, mailWithin)
		defer cancel()
		err = s.opt.Mail.Send(mail.For(ctx, tenant), d.Email, subject, text)
	}
	if err != nil {
		s.opt.Log.Warn("mail link", "user", d.Username, "error", err)
		link.MailProblem = "The mail server did not take the letter; the collector's log says why."
		return link
	}
	link.Mailed = true
	return link
}

// forgotten is somebody who asked for a link.
type forgotten struct {
	who, address string
	asked        words.Language
}

// Forgotten notes that somebody wants a link to set a password. It answers the same, as quickly, for everybody.
func (s *Service) Forgotten(_ context.Context, who, address string, asked words.Language) error {
	if s.opt.Mail == nil {
		return ErrNoMail
	}
	name := foldUsername(who)
	if name == "" || len(name) > maxEmail {
		return nil
	}
	if err := s.guardBy([]limit{{"m|" + name, limitMail}, {"ma|" + limitAddressOf(address), limitLink}}, s.now()); err != nil {
		return err
	}
	select {
	case s.forgotten <- forgotten{name, address, asked}:
	default:
		s.opt.Log.Warn("mail link: too many are waiting, dropped one")
	}
	return nil
}

// Run mails links to those who asked for one, and notices, until ctx is done.
func (s *Service) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-s.notices:
			s.mailNotice(ctx, l)
		case f := <-s.forgotten:
			if err := s.mailForgotten(ctx, f); err != nil && ctx.Err() == nil {
				s.opt.Log.Error("mail link", "error", err)
			}
		}
	}
}

// maxSharing is how many users of one e-mail address get a letter each.
const maxSharing = 5

func (s *Service) mailForgotten(ctx context.Context, f forgotten) error {
	field := fieldUsername
	if strings.Contains(f.who, "@") {
		field = fieldEmail
	}
	page, err := s.opt.Store.Find(ctx, store.Query{Table: usersTable, AllTenants: true, Limit: maxSharing,
		Where: filter.Compare{Field: field, Op: filter.Eq, Value: f.who}})
	if err != nil {
		return fmt.Errorf("find user: %w", err)
	}
	if len(page.Rows) == 0 && field.Path[0] == fieldEmail.Path[0] { // usernames may have an @ too
		page, err = s.opt.Store.Find(ctx, store.Query{Table: usersTable, AllTenants: true, Limit: 1,
			Where: filter.Compare{Field: fieldUsername, Op: filter.Eq, Value: f.who}})
		if err != nil {
			return fmt.Errorf("find user: %w", err)
		}
	}
	for _, row := range page.Rows {
		d, err := decodeRow[userDoc](row)
		if err != nil {
			return err
		}
		if d.Disabled || d.Email == "" || !s.takesPassword(row.ID) || d.Password == "" && len(d.External) > 0 || d.Link != nil && s.now().Sub(d.Link.MadeAt.Time) < mailEvery {
			continue
		}
		link, err := s.newLink(row.Tenant, &d, mailedLife)
		if err != nil {
			return err
		}
		if err := s.replaceUser(ctx, row, d); err != nil {
			return err
		}
		link = s.send(ctx, row.Tenant, d, link, f.asked)
		err = s.audit(ctx, audit.Entry{Tenant: row.Tenant, Actor: "user:" + d.Username, Action: "user.forgotten", Address: f.address,
			Object: &audit.Ref{ID: d.Username, Name: d.Display, Kind: "user"}, Detail: map[string]any{"mailed": link.Mailed}})
		if err != nil {
			return err
		}
	}
	return nil
}
