package access

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
	mongostore "maestro.internal/collector/internal/store/mongo"
	"maestro.internal/collector/internal/store/storetest"
)

// piecemeal is a store without transactions; it dies after so many writes when dieAfter is not negative.
type piecemeal struct {
	store.Store
	mu       sync.Mutex // two people may write at once
	dieAfter int
	// before is called with every write that it is about to do.
	before func(store.Write)
}

var errDied = errors.New("the collector died")

func (p *piecemeal) Update(_ context.Context, fn func(store.Tx) error) error {
	return fn(piecemealTx{p.Store, p})
}

// alive counts a write; false: the collector died before it.
func (p *piecemeal) alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dieAfter == 0 {
		return false
	}
	p.dieAfter--
	return true
}

type piecemealTx struct {
	store.Store
	p *piecemeal
}

func (x piecemealTx) Write(ctx context.Context, ops ...store.Write) (conflicts []int, err error) {
	for i, op := range ops {
		if !x.p.alive() {
			return conflicts, errDied
		}
		if x.p.before != nil {
			x.p.before(op)
		}
		err = x.Store.Update(ctx, func(tx store.Tx) error {
			c, err := tx.Write(ctx, op)
			if len(c) > 0 {
				conflicts = append(conflicts, i)
			}
			return err
		})
		if err != nil {
			return conflicts, err
		}
	}
	return conflicts, nil
}

// onEveryStore runs a test on SQLite, on SQLite as if it had no transactions, and on the servers that the environment names.
func onEveryStore(t *testing.T, test func(*testing.T, store.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, openSQLite(t)) })
	t.Run("without transactions", func(t *testing.T) { test(t, &piecemeal{Store: openSQLite(t), dieAfter: -1}) })
	for _, server := range storetest.Servers() {
		t.Run(server.Name, func(t *testing.T) { test(t, openMongo(t, server.URI)) })
	}
}

func openMongo(t *testing.T, uri string) store.Store {
	t.Helper()
	name := "maestro_access_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	st, err := mongostore.Open(t.Context(), mongostore.Options{URI: uri, Database: name, Tables: append(Tables(), audit.Tables()...)})
	must(t, err)
	t.Cleanup(func() {
		ctx := context.Background() // the test's own is over by then
		must(t, st.Close())
		client, err := mongo.Connect(options.Client().ApplyURI(uri))
		must(t, err)
		if err := client.Database(name).Drop(ctx); err != nil {
			t.Logf("drop database: %v", err)
		}
		must(t, client.Disconnect(ctx))
	})
	return st
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// administrator signs in the first administrator.
func (w *world) administrator() Caller {
	w.t.Helper()
	w.user("default", "admin", RoleAdmin)
	return w.mustSignIn("admin").Caller
}

func (w *world) invite(c Caller, name string, role Role) (User, Link) {
	w.t.Helper()
	u, link, err := w.Invite(w.t.Context(), c, name, UserEdit{DisplayName: "The " + name, Email: name + "@example.org", Role: role})
	must(w.t, err)
	return u, link
}

func (w *world) use(link Link, pass, code string) (Session, error) {
	return w.UseLink(w.t.Context(), link.Token, Attempt{Password: NewSecret(pass), Code: code, Address: "192.0.2.9", Browser: "Firefox"})
}

func TestAnInvitationSetsThePasswordOnce(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		w := worldOn(t, st)
		admin := w.administrator()
		u, link := w.invite(admin, "Berta", RoleReader)
		if !u.Invited || u.LinkUntil != w.now.Add(72*time.Hour) || link.Purpose != Invitation {
			t.Fatalf("%+v %+v", u, link)
		}
		if _, err := w.signIn("berta", "", "192.0.2.9"); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("signing in without a password: %v", err)
		}
		if _, _, err := w.Invite(t.Context(), admin, "BERTA", UserEdit{Role: RoleReader}); !errors.Is(err, ErrTaken) {
			t.Errorf("the same name: %v", err)
		}
		info, err := w.ReadLink(t.Context(), link.Token, "192.0.2.9")
		if err != nil || info.Username != "Berta" || info.Purpose != Invitation || info.NeedsCode {
			t.Fatalf("%+v %v", info, err)
		}
		var invalid *InvalidError
		if _, err := w.use(link, "short", ""); !errors.As(err, &invalid) || invalid.Field != "new_password" {
			t.Errorf("short password: %v", err)
		}
		s, err := w.use(link, "a password of my own", "")
		if err != nil || s.Caller.Role != RoleReader || s.Caller.Name != "user:berta" {
			t.Fatalf("%+v %v", s, err)
		}
		if _, err := w.FromCookie(t.Context(), s.Cookie, ""); err != nil {
			t.Error(err)
		}
		if _, err := w.use(link, "another password", ""); !errors.Is(err, ErrLink) {
			t.Errorf("used twice: %v", err)
		}
		if _, err := w.signIn("berta", "a password of my own", "192.0.2.9"); err != nil {
			t.Error(err)
		}
		users, err := w.Users(t.Context(), admin)
		if err != nil || len(users) != 2 || users[1].Invited || users[1].Email != "Berta@example.org" || !users[1].LinkUntil.IsZero() {
			t.Errorf("%+v %v", users, err)
		}
	})
}

func TestLinksThatDoNotWorkLookTheSame(t *testing.T) {
	w := newWorld(t)
	admin := w.administrator()
	_, first := w.invite(admin, "berta", RoleReader)
	second, err := w.GiveLink(t.Context(), admin, "berta")
	must(t, err)
	_, other := w.invite(admin, "carla", RoleReader)
	u, err := w.User(t.Context(), admin, "carla")
	must(t, err)
	_, err = w.UpdateUser(t.Context(), admin, "carla", u.Version, UserEdit{Role: RoleReader, Disabled: true})
	must(t, err)
	for name, token := range map[string]string{"an earlier one": first.Token.Reveal(), "of a disabled user": other.Token.Reveal(), "nothing": "", "no base64": "###",
		"cut": second.Token.Reveal()[:56], "of nobody": second.Token.Reveal()[:len(second.Token.Reveal())-3] + "YYY"} {
		if _, err := w.ReadLink(t.Context(), NewSecret(token), "192.0.2.9"); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.GiveLink(t.Context(), admin, "carla"); err == nil {
		t.Error("a link for a disabled user")
	}
	w.now = w.now.Add(72 * time.Hour)
	if _, err := w.ReadLink(t.Context(), second.Token, "192.0.2.9"); !errors.Is(err, ErrLink) {
		t.Errorf("expired: %v", err)
	}
	var limited *LimitedError
	for range limitLink {
		_, _ = w.ReadLink(t.Context(), NewSecret("guess"), "198.51.100.7")
	}
	if _, err = w.ReadLink(t.Context(), NewSecret("guess"), "198.51.100.7"); !errors.As(err, &limited) {
		t.Errorf("guessing goes on for ever: %v", err)
	}
}

func TestDisablingAndResettingEndSessions(t *testing.T) {
	w := newWorld(t)
	admin := w.administrator()
	w.user("default", "berta", RoleReader)
	alive := func(s Session) bool {
		_, err := w.FromCookie(t.Context(), s.Cookie, "")
		return err == nil
	}
	s := w.mustSignIn("berta")
	w.now = w.now.Add(time.Second)
	link, err := w.GiveLink(t.Context(), admin, "berta")
	if err != nil || link.Purpose != PasswordReset || !alive(s) {
		t.Fatalf("%+v %v", link, err)
	}
	if _, err := w.use(link, "quite another one", ""); err != nil || alive(s) {
		t.Errorf("reset: %v, session alive %v", err, alive(s))
	}
	s, err = w.signIn("berta", "quite another one", "192.0.2.1")
	must(t, err)
	u, err := w.User(t.Context(), admin, "berta")
	must(t, err)
	w.now = w.now.Add(time.Second)
	u, err = w.UpdateUser(t.Context(), admin, "berta", u.Version, UserEdit{Role: RoleReader, Disabled: true})
	if err != nil || !u.Disabled || alive(s) {
		t.Errorf("%+v %v", u, err)
	}
	_, err = w.UpdateUser(t.Context(), admin, "berta", u.Version, UserEdit{Role: RoleReader})
	if err != nil || alive(s) {
		t.Errorf("enabling brings sessions back: %v", err)
	}
	if s, err = w.signIn("berta", "quite another one", "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Second)
	if err := w.EndSessionsOf(t.Context(), admin, "berta"); err != nil || alive(s) {
		t.Errorf("end all: %v", err)
	}
}

func TestNobodyLocksHimselfOrEverybodyOut(t *testing.T) {
	w := newWorld(t)
	admin := w.administrator()
	me, err := w.User(t.Context(), admin, "admin")
	must(t, err)
	token := Caller{Tenant: "default", Name: "token:ci", Username: "admin", Role: RoleAdmin}
	var conflict *ConflictError
	for name, err := range map[string]error{
		"own role":             second(w.UpdateUser(t.Context(), admin, "ADMIN", me.Version, UserEdit{Role: RoleReader})),
		"disable oneself":      second(w.UpdateUser(t.Context(), admin, "admin", me.Version, UserEdit{Role: RoleAdmin, Disabled: true})),
		"delete oneself":       w.DeleteUser(t.Context(), admin, "admin"),
		"last one by a token":  w.DeleteUser(t.Context(), token, "admin"),
		"last one's role":      second(w.UpdateUser(t.Context(), token, "admin", me.Version, UserEdit{Role: RoleNone})),
		"own factor by office": w.ResetFactor(t.Context(), admin, "admin"),
	} {
		if !errors.As(err, &conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An administrator who never set a password cannot sign in, and does not count.
	w.invite(admin, "second", RoleAdmin)
	if err := w.DeleteUser(t.Context(), token, "admin"); !errors.As(err, &conflict) {
		t.Errorf("the other one is only invited: %v", err)
	}
	w.user("default", "third", RoleAdmin)
	must(t, w.DeleteUser(t.Context(), token, "admin"))
	if _, err := w.User(t.Context(), token, "admin"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	var stale *StaleError
	if _, err := w.UpdateUser(t.Context(), token, "third", 7, UserEdit{Role: RoleAdmin}); !errors.As(err, &stale) || stale.Current != 1 {
		t.Errorf("another version: %v", err)
	}
	stranger := Caller{Tenant: "other", Name: "token:x", Role: RoleAdmin}
	if err := w.DeleteUser(t.Context(), stranger, "third"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another tenant: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// Two administrators take each other's rights at the same moment: both have looked before either has written.
func TestTwoAdministratorsCannotRemoveEachOther(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		w := worldOn(t, st)
		w.user("default", "anna", RoleAdmin)
		w.user("default", "berta", RoleAdmin)
		var wg sync.WaitGroup
		for _, name := range []string{"anna", "berta"} {
			wg.Go(func() {
				_, err := w.UpdateUser(t.Context(), Caller{Tenant: "default", Name: "token:x", Role: RoleAdmin}, name, 1, UserEdit{Role: RoleReader})
				if conflict := new(ConflictError); err != nil && !errors.As(err, &conflict) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		w.oneAdministrator()
	})
	t.Run("both have looked", func(t *testing.T) {
		inner := openSQLite(t)
		p := &piecemeal{Store: inner, dieAfter: -1}
		w := worldOn(t, p)
		w.user("default", "anna", RoleAdmin)
		w.user("default", "berta", RoleAdmin)
		other := worldOn(t, inner)
		p.before = func(store.Write) { // the other one is quicker by a hair
			p.before = nil
			_, err := other.UpdateUser(t.Context(), Caller{Tenant: "default", Name: "token:x", Role: RoleAdmin}, "berta", 1, UserEdit{Role: RoleReader})
			must(t, err)
		}
		_, err := w.UpdateUser(t.Context(), Caller{Tenant: "default", Name: "token:x", Role: RoleAdmin}, "anna", 1, UserEdit{Role: RoleReader})
		if !errors.Is(err, errLast) {
			t.Errorf("got %v", err)
		}
		w.oneAdministrator()
	})
}

func (w *world) oneAdministrator() {
	w.t.Helper()
	users, err := w.Users(w.t.Context(), Caller{Tenant: "default"})
	must(w.t, err)
	for _, u := range users {
		if u.Role == RoleAdmin && !u.Disabled {
			return
		}
	}
	w.t.Errorf("nobody administers: %+v", users)
}

// Whatever was written when the collector died, the user cannot sign in without the second factor, and deleting
// again ends it.
func TestDeletingAUserSurvivesDyingAnywhere(t *testing.T) {
	for n := 0; ; n++ {
		p := &piecemeal{Store: openSQLite(t), dieAfter: -1}
		w := worldOn(t, p)
		admin := w.administrator()
		w.user("default", "berta", RoleReader)
		w.enrol("berta")
		w.mustSignInWithFactor("berta")
		p.dieAfter = n
		err := w.DeleteUser(t.Context(), admin, "berta")
		p.dieAfter = -1
		if n == 0 && err == nil {
			t.Fatal("the fault does not work")
		}
		if n > 0 {
			if _, err := w.signIn("berta", password, "192.0.2.1"); !errors.Is(err, ErrUnauthenticated) {
				t.Errorf("died after %d writes: %v", n, err)
			}
		}
		if err := w.DeleteUser(t.Context(), admin, "berta"); err != nil && !errors.Is(err, ErrNotFound) {
			t.Errorf("again after %d writes: %v", n, err)
		}
		for _, table := range []string{usersTable, sessionsTable, factorsTable} {
			page, err := w.store.Find(t.Context(), store.Query{Table: table, AllTenants: true})
			must(t, err)
			for _, r := range page.Rows {
				if strings.Contains(string(r.Doc)+r.ID, "berta") {
					t.Errorf("died after %d writes: %s holds %s", n, table, r.Doc)
				}
			}
		}
		if err == nil {
			return
		}
	}
}

func TestOwnSessionsAreListedAndEnded(t *testing.T) {
	w := newWorld(t)
	w.user("default", "anna", RoleReader)
	w.user("default", "berta", RoleReader)
	strange := w.mustSignIn("berta")
	first, err := w.SignIn(t.Context(), Attempt{Username: "anna", Password: NewSecret(password), Address: "192.0.2.1", Browser: strings.Repeat("<b>é", 200)})
	must(t, err)
	w.now = w.now.Add(time.Minute)
	mine := w.mustSignIn("anna")
	third := w.mustSignIn("anna")
	list, err := w.Sessions(t.Context(), mine.Caller)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v %v", list, err)
	}
	for _, s := range list {
		if s.Current != (s.ID == mine.Caller.Session) {
			t.Errorf("%+v", s)
		}
	}
	if last := list[2]; last.Address != "192.0.2.1" || len(last.Browser) > maxBrowser || !strings.HasPrefix(last.Browser, "<b>é") {
		t.Errorf("%+v", last)
	}
	if err := w.EndSession(t.Context(), mine.Caller, strange.Caller.Session); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's session: %v", err)
	}
	must(t, w.EndSession(t.Context(), mine.Caller, third.Caller.Session))
	must(t, w.EndOtherSessions(t.Context(), mine.Caller))
	for name, s := range map[string]Session{"first": first, "third": third} {
		if _, err := w.FromCookie(t.Context(), s.Cookie, ""); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, s := range map[string]Session{"mine": mine, "berta's": strange} {
		if _, err := w.FromCookie(t.Context(), s.Cookie, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.now = w.now.Add(25 * time.Hour)
	if list, err = w.Sessions(t.Context(), mine.Caller); err != nil || len(list) != 0 {
		t.Errorf("idle ones are shown: %+v %v", list, err)
	}
	var conflict *ConflictError
	if _, err := w.Sessions(t.Context(), Caller{Tenant: "default", Username: "anna"}); !errors.As(err, &conflict) {
		t.Errorf("a token has sessions: %v", err)
	}
}

func TestAnotherEmailNeedsThePassword(t *testing.T) {
	w := newWorld(t)
	w.user("default", "anna", RoleReader)
	c := w.mustSignIn("anna").Caller
	var invalid *InvalidError
	if _, err := w.UpdateProfile(t.Context(), c, "Anna", "anna@example.org", NewSecret("wrong")); !errors.As(err, &invalid) || invalid.Field != "current_password" {
		t.Errorf("got %v", err)
	}
	u, err := w.UpdateProfile(t.Context(), c, "Anna", "anna@example.org", NewSecret(password))
	if err != nil || u.Email != "anna@example.org" || u.DisplayName != "Anna" {
		t.Errorf("%+v %v", u, err)
	}
	if u, err = w.UpdateProfile(t.Context(), c, "Anna B.", "anna@example.org", Secret{}); err != nil || u.DisplayName != "Anna B." {
		t.Errorf("%+v %v", u, err)
	}
	for _, email := range []string{"anna", "Anna <anna@example.org>", "a@example.org\r\nBcc: b@example.org", "a@b, c@d", strings.Repeat("a", 300) + "@example.org"} {
		if _, err := w.UpdateProfile(t.Context(), c, "Anna", email, NewSecret(password)); !errors.As(err, &invalid) || invalid.Field != "email" {
			t.Errorf("%q: %v", email, err)
		}
	}
}

func TestLinksAreNotKeptAndDoNotPrint(t *testing.T) {
	w := newWorld(t)
	_, link := w.invite(w.administrator(), "berta", RoleReader)
	page, err := w.store.Find(t.Context(), store.Query{Table: usersTable, AllTenants: true})
	must(t, err)
	printed, err := json.Marshal([]any{link, page})
	must(t, err)
	if strings.Contains(string(printed), link.Token.Reveal()) || strings.Contains(string(printed), link.Token.Reveal()[:20]) {
		t.Error("the token of a link is stored or prints")
	}
}

// When somebody signed in last is seen in the list, changes no version that people edit by, and goes with the user.
func TestTheLastSignInIsNoted(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		w := worldOn(t, st)
		w.user("default", "ann", RoleReader)
		w.user("default", "ben", RoleReader)
		of := func(name string) User {
			t.Helper()
			u, err := w.User(t.Context(), boss, name)
			w.must(err)
			return u
		}
		if u := of("ann"); !u.LastSignIn.IsZero() {
			t.Errorf("never signed in, and last %s", u.LastSignIn)
		}
		w.mustSignIn("ann")
		before := of("ann")
		w.mustSignIn("ann")
		list, err := w.Users(t.Context(), boss)
		w.must(err)
		for _, u := range list {
			if signedIn := !u.LastSignIn.IsZero(); signedIn != (u.Username == "ann") {
				t.Errorf("%s: %s", u.Username, u.LastSignIn)
			}
		}
		if after := of("ann"); after.Version != before.Version || after.LastSignIn.Before(before.LastSignIn) {
			t.Errorf("%+v, before %+v", after, before)
		}
		w.must(w.DeleteUser(t.Context(), boss, "ann"))
		w.user("default", "ann", RoleReader)
		if u := of("ann"); !u.LastSignIn.IsZero() {
			t.Errorf("the next of the name signed in %s", u.LastSignIn)
		}
	})
}
