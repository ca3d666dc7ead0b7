package access

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
)

// world is a Service on a real store, with a clock that only the test moves.
type world struct {
	*Service
	t     *testing.T
	store store.Store
	audit *audit.Log
	now   time.Time
	// secrets are what users' authenticators know.
	secrets map[string]string
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	return worldOn(t, openSQLite(t), change...)
}

func openSQLite(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: append(Tables(), audit.Tables()...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func worldOn(t *testing.T, st store.Store, change ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.store, w.audit = st, audit.New(st, clock)
	opt := Options{Store: st, Audit: w.audit, Clock: clock, Hashing: Argon2{MemoryKiB: 64, Passes: 1, Threads: 1}, SecretKey: bytes.Repeat([]byte{7}, 32)}
	for _, c := range change {
		c(&opt)
	}
	w.Service = New(opt)
	return w
}

const password = "correct horse battery"

func (w *world) user(tenant, name string, role Role) {
	w.t.Helper()
	if err := w.CreateUser(w.t.Context(), User{Tenant: tenant, Username: name, Role: role}, NewSecret(password)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) signIn(name, pass, address string) (Session, error) {
	return w.SignIn(w.t.Context(), Attempt{Username: name, Password: NewSecret(pass), Address: address})
}

func (w *world) mustSignIn(name string) Session {
	w.t.Helper()
	s, err := w.signIn(name, password, "192.0.2.1")
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func TestBootstrapMakesOneAdministratorOnce(t *testing.T) {
	w := newWorld(t)
	pw, created, err := w.Bootstrap(t.Context(), "default", "admin")
	if err != nil || !created {
		t.Fatal(created, err)
	}
	s, err := w.signIn("admin", pw.Reveal(), "192.0.2.1")
	if err != nil || s.Caller.Role != RoleAdmin || s.Caller.Tenant != "default" || s.Caller.Name != "user:admin" {
		t.Fatalf("%+v %v", s.Caller, err)
	}
	if !s.Caller.PasswordGiven {
		t.Error("nobody is told that the password was generated")
	}
	next, err := w.ChangePassword(t.Context(), s.Caller, pw, NewSecret("a battery of my own"))
	if err != nil || next.Caller.PasswordGiven {
		t.Errorf("after it was changed: %+v, %v", next.Caller, err)
	}
	if later, err := w.signIn("admin", "a battery of my own", "192.0.2.1"); err != nil || later.Caller.PasswordGiven {
		t.Errorf("at the next sign-in: %+v, %v", later.Caller, err)
	}
	again, created, err := w.Bootstrap(t.Context(), "default", "admin")
	if err != nil || created || again.Reveal() != "" {
		t.Errorf("second bootstrap: %v %v", created, err)
	}
}

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	w.user("default", "Anna", RoleReader)
	if err := w.CreateUser(t.Context(), User{Tenant: "default", Username: "gone", Role: RoleAdmin, Disabled: true}, NewSecret(password)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, password string
		ok             bool
	}{
		{"Anna", password, true},
		{"anna", password, true},
		{" ANNA ", password, true},
		{"anna", password + " ", false},
		{"anna", "", false},
		{"nobody", password, false},
		{"", password, false},
		{"gone", password, false},
		{"anna\x00", password, false},
		{"anna", strings.Repeat("x", 100_000), false},
	} {
		s, err := w.signIn(tt.name, tt.password, "192.0.2.1")
		switch {
		case tt.ok && (err != nil || s.Caller.Username != "Anna" || s.Cookie.Reveal() == ""):
			t.Errorf("%q: %v", tt.name, err)
		case !tt.ok && !errors.Is(err, ErrUnauthenticated):
			t.Errorf("%q, %.20q: got %v, want ErrUnauthenticated", tt.name, tt.password, err)
		}
	}
}

func TestUsernamesAreUniqueInTheInstallation(t *testing.T) {
	w := newWorld(t)
	w.user("default", "anna", RoleReader)
	err := w.CreateUser(t.Context(), User{Tenant: "other", Username: "ANNA", Role: RoleAdmin}, NewSecret(password))
	if !errors.Is(err, ErrTaken) {
		t.Errorf("got %v, want ErrTaken", err)
	}
}

func TestSessionsEnd(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(w *world, s *Session)
		ok   bool
	}{
		{"used at once", func(*world, *Session) {}, true},
		{"used within the idle time", func(w *world, s *Session) { w.now = w.now.Add(23 * time.Hour) }, true},
		{"idle for too long", func(w *world, s *Session) { w.now = w.now.Add(24 * time.Hour) }, false},
		{"busy, but old", func(w *world, s *Session) {
			for range 14 {
				w.now = w.now.Add(12 * time.Hour)
				_, _ = w.FromCookie(context.Background(), s.Cookie, "")
			}
		}, false},
		{"signed out", func(w *world, s *Session) { _ = w.SignOut(context.Background(), s.Cookie) }, false},
		{"another's secret", func(w *world, s *Session) {
			a, _ := parseCredential("", s.Cookie.Reveal())
			b, _ := parseCredential("", w.mustSignIn("anna").Cookie.Reveal())
			a.secret = b.secret
			s.Cookie = NewSecret(a.text(""))
		}, false},
		{"another's tenant", func(w *world, s *Session) {
			a, _ := parseCredential("", s.Cookie.Reveal())
			a.tenant = "other"
			s.Cookie = NewSecret(a.text(""))
		}, false},
		{"rubbish", func(w *world, s *Session) { s.Cookie = NewSecret("rubbish") }, false},
		{"empty", func(w *world, s *Session) { s.Cookie = Secret{} }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.user("default", "anna", RoleReader)
			s := w.mustSignIn("anna")
			tt.do(w, &s)
			c, err := w.FromCookie(t.Context(), s.Cookie, "192.0.2.9")
			if tt.ok && (err != nil || c.Name != "user:anna" || c.Role != RoleReader || c.Address != "192.0.2.9" || !c.Cookie) {
				t.Errorf("%+v %v", c, err)
			}
			if !tt.ok && !errors.Is(err, ErrUnauthenticated) {
				t.Errorf("got %v, want ErrUnauthenticated", err)
			}
		})
	}
}

func TestSignInEndsTheSessionThatTheBrowserHad(t *testing.T) {
	w := newWorld(t)
	w.user("default", "anna", RoleReader)
	first := w.mustSignIn("anna")
	second, err := w.SignIn(t.Context(), Attempt{Username: "anna", Password: NewSecret(password), Address: "192.0.2.1", Previous: first.Cookie})
	if err != nil || second.Cookie == first.Cookie {
		t.Fatal(err)
	}
	if _, err := w.FromCookie(t.Context(), first.Cookie, ""); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("old session: %v", err)
	}
}

func TestChangePasswordEndsOtherSessions(t *testing.T) {
	w := newWorld(t)
	w.user("default", "anna", RoleReader)
	other := w.mustSignIn("anna")
	w.now = w.now.Add(time.Second)
	mine := w.mustSignIn("anna")
	w.now = w.now.Add(time.Second)
	var invalid *InvalidError
	if _, err := w.ChangePassword(t.Context(), mine.Caller, NewSecret("wrong"), NewSecret("another fine day")); !errors.As(err, &invalid) {
		t.Errorf("wrong password: %v", err)
	}
	if _, err := w.ChangePassword(t.Context(), mine.Caller, NewSecret(password), NewSecret("short")); !errors.As(err, &invalid) {
		t.Errorf("short password: %v", err)
	}
	next, err := w.ChangePassword(t.Context(), mine.Caller, NewSecret(password), NewSecret("another fine day"))
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []Session{other, mine} {
		if _, err := w.FromCookie(t.Context(), old.Cookie, ""); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("old session: %v", err)
		}
	}
	if _, err := w.FromCookie(t.Context(), next.Cookie, ""); err != nil {
		t.Errorf("new session: %v", err)
	}
	if _, err := w.signIn("anna", password, "192.0.2.1"); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("old password: %v", err)
	}
}

func TestGuessingIsLimited(t *testing.T) {
	w := newWorld(t)
	w.user("default", "anna", RoleReader)
	var limited *LimitedError
	for i := range limitPair {
		if _, err := w.signIn("anna", "wrong", "192.0.2.1"); !errors.Is(err, ErrUnauthenticated) {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	if _, err := w.signIn("anna", password, "192.0.2.1"); !errors.As(err, &limited) || limited.RetryAfter != limitWindow {
		t.Fatalf("the right password from the guesser's address: %v", err)
	}
	if _, err := w.signIn("anna", password, "198.51.100.7"); err != nil {
		t.Errorf("the right password from elsewhere: %v", err)
	}
	w.now = w.now.Add(limitWindow)
	if _, err := w.signIn("anna", password, "192.0.2.1"); err != nil {
		t.Errorf("after a while: %v", err)
	}
}

func TestGuessingManyNamesFromOneNetworkIsLimited(t *testing.T) {
	w := newWorld(t)
	var limited *LimitedError
	var err error
	for i := range limitAddress + 1 {
		_, err = w.signIn(fmt.Sprintf("user%d", i), "wrong", fmt.Sprintf("2001:db8::%x", i))
	}
	if !errors.As(err, &limited) {
		t.Errorf("got %v, want a limit", err)
	}
	if _, err = w.signIn("other", "wrong", "2001:db8:1::1"); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("another network: %v", err)
	}
}

func TestLimiterIsBounded(t *testing.T) {
	l, now := newLimiter(), time.Now()
	for i := range 3 * limitEntries {
		l.fail(limitKeys(fmt.Sprint("u", i), fmt.Sprint("a", i)), now)
	}
	if len(l.counts) > limitEntries+3 {
		t.Errorf("%d entries", len(l.counts))
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	admin := Caller{Tenant: "default", Name: "user:admin", Role: RoleAdmin}
	tok, secret, err := w.CreateToken(t.Context(), admin, " ci ", RoleReader, time.Hour)
	if err != nil || tok.Name != "ci" || !strings.HasPrefix(secret.Reveal(), "mst_") {
		t.Fatalf("%+v %v", tok, err)
	}
	c, err := w.FromToken(t.Context(), secret, "192.0.2.1")
	if err != nil || c.Name != "token:ci" || c.Role != RoleReader || c.Tenant != "default" || c.Cookie {
		t.Fatalf("%+v %v", c, err)
	}
	list := func() []Token {
		l, err := w.Tokens(t.Context(), admin)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := list()[0].LastUsed
	if !first.Equal(w.now) {
		t.Errorf("last used %v, want %v", first, w.now)
	}
	w.now = w.now.Add(59 * time.Second)
	_, _ = w.FromToken(t.Context(), secret, "")
	if got := list()[0].LastUsed; !got.Equal(first) {
		t.Errorf("noted again within a minute: %v", got)
	}
	w.now = w.now.Add(2 * time.Second)
	_, _ = w.FromToken(t.Context(), secret, "")
	if got := list()[0].LastUsed; !got.Equal(w.now) {
		t.Errorf("not noted after a minute: %v", got)
	}

	stranger := Caller{Tenant: "other", Name: "user:eve", Role: RoleAdmin}
	if l, err := w.Tokens(t.Context(), stranger); err != nil || len(l) != 0 {
		t.Errorf("another tenant sees %v, %v", l, err)
	}
	if err := w.DeleteToken(t.Context(), stranger, tok.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("another tenant deletes: %v", err)
	}
	w.now = w.now.Add(time.Hour)
	if _, err := w.FromToken(t.Context(), secret, ""); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("expired: %v", err)
	}
	if err := w.DeleteToken(t.Context(), admin, tok.ID); err != nil {
		t.Fatal(err)
	}
	if l := list(); len(l) != 0 {
		t.Errorf("left: %v", l)
	}
}

func TestDeletedAndForgedTokensAreRefused(t *testing.T) {
	w := newWorld(t)
	admin := Caller{Tenant: "default", Name: "user:admin", Role: RoleAdmin}
	tok, secret, err := w.CreateToken(t.Context(), admin, "ci", RoleAdmin, 0)
	if err != nil {
		t.Fatal(err)
	}
	good, _ := parseCredential(TokenPrefix, secret.Reveal())
	forged := good
	forged.secret[3] ^= 1
	elsewhere := good
	elsewhere.tenant = "other"
	for name, text := range map[string]string{
		"one bit off": forged.text(TokenPrefix), "another tenant": elsewhere.text(TokenPrefix), "no prefix": good.text(""),
		"cut": secret.Reveal()[:40], "rubbish": "mst_!!!", "empty": "", "long": "mst_" + strings.Repeat("A", 10_000),
	} {
		if _, err := w.FromToken(t.Context(), NewSecret(text), ""); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.DeleteToken(t.Context(), admin, tok.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.FromToken(t.Context(), secret, ""); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("deleted: %v", err)
	}
}

// What can be used to sign in is not in the store, nor in anything that prints.
func TestSecretsAreNotKeptAndDoNotPrint(t *testing.T) {
	w := newWorld(t)
	w.user("default", "anna", RoleAdmin)
	s := w.mustSignIn("anna")
	_, token, err := w.CreateToken(t.Context(), s.Caller, "ci", RoleReader, 0)
	if err != nil {
		t.Fatal(err)
	}
	var stored strings.Builder
	for _, table := range append(Tables(), audit.Tables()...) {
		page, err := w.store.Find(t.Context(), store.Query{Table: table.Name, AllTenants: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Rows {
			stored.WriteString(r.ID + string(r.Doc) + "\n")
		}
	}
	encoded, err := json.Marshal([]any{s, token})
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %s", s, s, token, token, encoded)
	cookie, _ := parseCredential("", s.Cookie.Reveal())
	for _, secret := range []string{password, s.Cookie.Reveal(), token.Reveal(), strings.TrimPrefix(token.Reveal(), TokenPrefix), string(cookie.secret[:])} {
		if strings.Contains(stored.String(), secret) {
			t.Errorf("a secret is stored: %s", stored.String())
		}
		if strings.Contains(printed, secret) {
			t.Errorf("a secret prints: %s", printed)
		}
	}
}

func TestPasswordsAreRehashedWhenTheCostChanged(t *testing.T) {
	w := newWorld(t)
	w.user("default", "anna", RoleReader)
	dearer := New(Options{Store: w.store, Audit: w.audit, Clock: func() time.Time { return w.now }, Hashing: Argon2{MemoryKiB: 128, Passes: 2, Threads: 1}})
	if _, err := dearer.SignIn(t.Context(), Attempt{Username: "anna", Password: NewSecret(password), Address: "192.0.2.1"}); err != nil {
		t.Fatal(err)
	}
	_, d, err := w.Service.user(t.Context(), "default", "anna")
	if err != nil || !strings.HasPrefix(d.Password, "$argon2id$v=19$m=128,t=2,p=1$") {
		t.Errorf("%q %v", d.Password, err)
	}
	if _, err := w.signIn("anna", password, "192.0.2.1"); err != nil {
		t.Errorf("after rehash: %v", err)
	}
}

func TestMalformedHashesAreErrors(t *testing.T) {
	h := newHasher(Argon2{MemoryKiB: 64, Passes: 1, Threads: 1})
	for _, phc := range []string{"", "x", "$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAA$AAAA", "$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"} {
		if _, _, err := h.verify(t.Context(), phc, password); !errors.Is(err, errBadHash) {
			t.Errorf("%q: %v", phc, err)
		}
	}
}

func TestSignInsAreAudited(t *testing.T) {
	w := newWorld(t)
	w.user("default", "anna", RoleReader)
	_, _ = w.signIn("anna", "wrong", "192.0.2.1")
	w.now = w.now.Add(time.Second)
	w.mustSignIn("anna")
	page, err := w.audit.List(t.Context(), "default", audit.Query{Action: "sign_in"})
	if err != nil || len(page.Entries) != 2 {
		t.Fatalf("%+v %v", page, err)
	}
	for i, want := range []string{audit.OK, audit.Refused} {
		if e := page.Entries[i]; e.Outcome != want || e.Actor != "user:anna" || e.Address != "192.0.2.1" {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
}

func TestSweepRemovesEndedSessions(t *testing.T) {
	w := newWorld(t)
	w.user("default", "anna", RoleReader)
	w.mustSignIn("anna")
	w.now = w.now.Add(8 * 24 * time.Hour)
	w.mustSignIn("anna")
	if err := w.Sweep(t.Context(), w.now); err != nil {
		t.Fatal(err)
	}
	n, err := w.store.Count(t.Context(), store.Query{Table: sessionsTable, Tenant: "default"}, 0)
	if err != nil || n != 1 {
		t.Errorf("%d sessions left, %v", n, err)
	}
}

func TestDecide(t *testing.T) {
	here, there := Object{Tenant: "default"}, Object{Tenant: "other"}
	for _, tt := range []struct {
		tenant string
		role   Role
		action Action
		object Object
		want   Decision
	}{
		{"default", RoleAdmin, ManageConnections, here, Allowed},
		{"default", RoleAdmin, Read, there, Hidden},
		{"default", RoleReader, Read, here, Allowed},
		{"default", RoleReader, ReadAudit, Object{}, Allowed},
		{"default", RoleReader, EditResources, here, Forbidden},
		{"default", RoleReader, ManageTokens, here, Forbidden},
		{"default", RoleReader, Self, here, Allowed},
		{"default", RoleNone, Read, here, Forbidden},
		{"default", RoleNone, Self, here, Allowed},
		{"default", "", Read, here, Forbidden},
		{"", RoleAdmin, Read, here, Hidden},
	} {
		c := Caller{Tenant: tt.tenant, Role: tt.role}
		if got := Decide(c, tt.action, tt.object); got != tt.want {
			t.Errorf("%s of %q, %s on %q: %v, want %v", tt.role, tt.tenant, tt.action, tt.object.Tenant, got, tt.want)
		}
	}
}
