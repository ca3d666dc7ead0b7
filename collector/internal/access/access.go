// Package access knows who is asking and what they may do: users and their passwords, sessions, API tokens,
// and the one function that decides. Everything that reaches the human plane goes through it, so that no
// handler has an opinion of its own about rights.
package access

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/words"
)

var (
	// ErrUnauthenticated says that nobody could be recognised: no credential, or a wrong or ended one.
	ErrUnauthenticated = errors.New("not signed in")
	// ErrNotFound says that there is no such user or token.
	ErrNotFound = store.ErrNotFound
	// ErrTaken says that a username is in use.
	ErrTaken = errors.New("username is taken")
	// ErrCodeNeeded says that the password was right and that the second factor is asked for.
	ErrCodeNeeded = errors.New("a code of the second factor is needed")
	// ErrLink says that a link is not one that works: the same for unknown, used and expired ones.
	ErrLink = errors.New("the link does not work")
	// ErrNoMail says that this installation sends no mail.
	ErrNoMail = errors.New("no mail server is configured")
)

// InvalidError says what is wrong with something that a person gave.
type InvalidError struct {
	// Field of the request.
	Field   string
	Problem string
}

func (e *InvalidError) Error() string { return e.Field + ": " + e.Problem }

// ConflictError says why something cannot be done as things are.
type ConflictError struct{ Problem string }

func (e *ConflictError) Error() string { return e.Problem }

// StaleError says that somebody else changed it meanwhile.
type StaleError struct{ Current int64 }

func (e *StaleError) Error() string { return "changed meanwhile" }

// LimitedError says that too many attempts failed.
type LimitedError struct{ RetryAfter time.Duration }

func (e *LimitedError) Error() string { return "too many failed attempts" }

// Caller is who asks, proven by a session or a token.
type Caller struct {
	// Tenant is the one that the caller is in now, Home that of a person whose user it is.
	Tenant string
	Home   string
	// TenantName is what people call it.
	TenantName string
	// Name for the audit trail: "user:anna", "token:ci".
	Name string
	// Username, or the token's name.
	Username string
	Role     Role
	// Actions that the role's permission groups allow in the whole tenant; nil is those of the built-in role.
	Actions []Action
	// Level says where the permission groups come from that these actions are of.
	Level  string
	Groups []string
	// Teams are those that the caller is a member of, Grants the rights that the caller and these teams were given, by access
	// root. What is part of a system among them is not: see Widen.
	Teams  []Membership
	Grants map[string]Right
	// Connections are those that may be read, for whoever does not read everything.
	Connections []string
	// Systems are those of the granted resources whose parts inherit, Clients those whose accounts and systems do.
	Systems []string
	Clients []string
	// Address that the request came from, Browser what its sender calls itself.
	Address string
	Browser string
	// Speaks is the language of a person; "" is none that is known, and that of a token.
	Speaks words.Language
	// ExpiresAt is the end of the session or token; zero is never.
	ExpiresAt time.Time
	// Provider is who proved it, when it was not a password of our own.
	Provider string
	// Session is the id of the session, for a caller who has one.
	Session string
	// EnrolFirst says that the caller has to set up a second factor before anything else is allowed.
	EnrolFirst bool
	// PasswordGiven says that the user's password was generated, or chosen by somebody else, and is to be changed.
	PasswordGiven bool
	// Installation says that the caller administers the installation: may manage tenants in the first of them.
	Installation bool
	// Cookie says that the browser sent the proof by itself, so that writes need a proof of their own.
	Cookie bool
	// Replaced says that the session has another cookie since; with it nobody goes on to other rights.
	Replaced bool
}

// Auditor records what was done.
type Auditor interface {
	Write(ctx context.Context, e audit.Entry) (id string, err error)
}

// Options of a Service. Zero values mean the defaults named.
type Options struct {
	Store store.Store
	Audit Auditor
	Clock func() time.Time
	Log   *slog.Logger
	// SessionLife (7 days) ends a session however busy, SessionIdle (24 hours) one that nobody uses.
	SessionLife time.Duration
	SessionIdle time.Duration
	// Hashing is the cost of passwords; only tests make it cheap.
	Hashing Argon2
	// SecretKey (32 bytes) encrypts the secrets of second factors in the store; without it there are none.
	SecretKey []byte
	// RequireSecondFactor says that administrators have to have one.
	RequireSecondFactor bool
	// Mail sends letters; nil is none. PublicURL is what links in them begin with.
	Mail      Mail
	PublicURL string
	// Directory checks passwords of people who have none here; nil is none. Directed is what follows from its answer.
	Directory Directory
	Directed  Provider
	// BreakGlass is the one user whose password is taken; empty: everybody's is.
	BreakGlass string
}

// Mail sends a letter of plain text.
type Mail interface {
	Send(ctx context.Context, to, subject, text string) error
}

// Service keeps users, sessions and tokens in the store; what it keeps itself are only the counts of failed
// attempts.
type Service struct {
	opt     Options
	hasher  *hasher
	limiter *limiter
	vault   *vault
	// forgotten are those who asked for a link by mail and were not served yet.
	forgotten chan forgotten
	// notices wait to be mailed.
	notices chan ownLetter
}

// New makes a Service.
func New(opt Options) *Service {
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.SessionLife == 0 {
		opt.SessionLife = 7 * 24 * time.Hour
	}
	if opt.SessionIdle == 0 {
		opt.SessionIdle = 24 * time.Hour
	}
	return &Service{opt: opt, hasher: newHasher(opt.Hashing), limiter: newLimiter(), vault: newVault(opt.SecretKey),
		forgotten: make(chan forgotten, maxForgotten), notices: make(chan ownLetter, maxForgotten)}
}

const (
	usersTable    = "users"
	sessionsTable = "sessions"
	tokensTable   = "api_tokens"
	factorsTable  = "second_factors"
	// signInsTable has when each user signed in last: beside the users, whose versions are what people edit.
	signInsTable = "sign_ins"
	teamsTable   = "teams"
	grantsTable  = "grants"
	rolesTable   = "roles"
	groupsTable  = "permission_groups"
	// everybodyTable has what everybody of a tenant has.
	everybodyTable = "everybody"
)

var (
	fieldUsername  = filter.Field{Path: []string{"username"}, Type: filter.String}
	fieldEmail     = filter.Field{Path: []string{"email_folded"}, Type: filter.String}
	fieldMember    = filter.Field{Path: []string{"members", "username"}, Type: filter.String, Multi: true}
	fieldSubject   = filter.Field{Path: []string{"subject"}, Type: filter.String}
	fieldRoot      = filter.Field{Path: []string{"root"}, Type: filter.String}
	fieldExpiresAt = filter.Field{Path: []string{"expires_at"}, Type: filter.Time}
)

// Tables are the tables that the Service needs.
func Tables() []store.Table {
	return []store.Table{
		{Name: usersTable, Indexes: []store.Index{
			{Name: "username", Fields: []filter.Field{fieldUsername}},
			{Name: "email", Fields: []filter.Field{fieldEmail}},
			{Name: "external", Fields: []filter.Field{fieldExternal}},
		}},
		{Name: sessionsTable, Indexes: []store.Index{
			{Name: "username", Fields: []filter.Field{fieldUsername}},
			{Name: "expires", Fields: []filter.Field{fieldExpiresAt}},
		}},
		{Name: tokensTable},
		{Name: factorsTable},
		{Name: signInsTable},
		{Name: teamsTable, Indexes: []store.Index{{Name: "member", Fields: []filter.Field{fieldMember}}}},
		{Name: rolesTable},
		{Name: groupsTable},
		{Name: everybodyTable},
		{Name: tenantsTable},
		{Name: tenantGroupsTable},
		{Name: membershipsTable, Indexes: []store.Index{{Name: "username", Fields: []filter.Field{fieldUsername}}}},
		{Name: grantsTable, Indexes: []store.Index{
			{Name: "subject", Fields: []filter.Field{fieldSubject}},
			{Name: "root", Fields: []filter.Field{fieldRoot}},
		}},
	}
}

func (s *Service) now() time.Time { return s.opt.Clock().UTC() }

func (s *Service) update(ctx context.Context, writes ...store.Write) (conflict bool, err error) {
	err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
		conflicts, err := tx.Write(ctx, writes...)
		conflict = len(conflicts) > 0
		return err
	})
	return conflict, err
}
