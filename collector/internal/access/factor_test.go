package access

import (
	"encoding/base32"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
)

// enrol gives a user a second factor and answers the recovery codes.
func (w *world) enrol(name string) []Secret {
	w.t.Helper()
	c := w.mustSignIn(name).Caller
	e, err := w.BeginFactor(w.t.Context(), c, NewSecret(password))
	must(w.t, err)
	w.secrets = map[string]string{name: e.Secret.Reveal()}
	codes, err := w.ConfirmFactor(w.t.Context(), c, w.code(name))
	must(w.t, err)
	return codes
}

// code is what the authenticator shows now.
func (w *world) code(name string) string {
	w.t.Helper()
	code, err := totp.GenerateCode(w.secrets[name], w.now)
	must(w.t, err)
	return code
}

func (w *world) signInWith(name, code string) (Session, error) {
	return w.SignIn(w.t.Context(), Attempt{Username: name, Password: NewSecret(password), Code: code, Address: "192.0.2.1"})
}

func (w *world) mustSignInWithFactor(name string) Session {
	w.t.Helper()
	w.now = w.now.Add(factorStep * time.Second)
	s, err := w.signInWith(name, w.code(name))
	must(w.t, err)
	return s
}

// The vectors of RFC 6238, appendix B, in six digits.
func TestCodesAreThoseOfTheStandard(t *testing.T) {
	secret := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte("12345678901234567890"))
	for unix, code := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		step, err := stepOf(secret, code, time.Unix(unix, 0), 0)
		if err != nil || step != unix/30 {
			t.Errorf("%d: step %d, %v", unix, step, err)
		}
		if step, _ = stepOf(secret, code, time.Unix(unix, 0), unix/30); step != 0 {
			t.Errorf("%d: a spent code is taken", unix)
		}
		if step, _ = stepOf(secret, code, time.Unix(unix+90, 0), 0); step != 0 {
			t.Errorf("%d: taken 90 seconds later", unix)
		}
	}
}

func TestSecondFactor(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		w := worldOn(t, st)
		w.user("default", "anna", RoleReader)
		c := w.mustSignIn("anna").Caller
		var invalid *InvalidError
		if _, err := w.BeginFactor(t.Context(), c, NewSecret("wrong")); !errors.As(err, &invalid) {
			t.Errorf("without the password: %v", err)
		}
		e, err := w.BeginFactor(t.Context(), c, NewSecret(password))
		must(t, err)
		if len(e.Rows) < 21 || len(e.Rows[0]) != len(e.Rows) || !strings.HasPrefix(e.Rows[0], "1111111") || !strings.HasPrefix(e.URI.Reveal(), "otpauth://totp/Maestro:anna?") {
			t.Errorf("%d rows: %q %s", len(e.Rows), e.Rows[0], e.URI.Reveal())
		}
		if _, err := w.signInWith("anna", ""); err != nil {
			t.Errorf("asked for a code before the first one: %v", err)
		}
		w.secrets = map[string]string{"anna": e.Secret.Reveal()}
		if _, err := w.ConfirmFactor(t.Context(), c, "000000"); !errors.As(err, &invalid) {
			t.Errorf("a wrong first code: %v", err)
		}
		first := w.code("anna")
		codes, err := w.ConfirmFactor(t.Context(), c, first)
		if err != nil || len(codes) != 10 {
			t.Fatalf("%d codes %v", len(codes), err)
		}
		if _, err := w.signInWith("anna", ""); !errors.Is(err, ErrCodeNeeded) {
			t.Errorf("no code: %v", err)
		}
		if _, err := w.signInWith("anna", first); !errors.Is(err, ErrCodeWrong) {
			t.Errorf("the code that confirmed: %v", err)
		}
		w.now = w.now.Add(factorStep * time.Second)
		code := w.code("anna")
		if _, err := w.signInWith("anna", code); err != nil {
			t.Errorf("the next code: %v", err)
		}
		if _, err := w.signInWith("anna", code); !errors.Is(err, ErrCodeWrong) {
			t.Errorf("replayed: %v", err)
		}
		recovery := " " + strings.ToUpper(strings.ReplaceAll(codes[3].Reveal(), "-", " ")) + " "
		if _, err := w.signInWith("anna", recovery); err != nil {
			t.Errorf("a recovery code: %v", err)
		}
		if _, err := w.signInWith("anna", recovery); !errors.Is(err, ErrCodeWrong) {
			t.Errorf("used twice: %v", err)
		}
		since, left, err := w.Factor(t.Context(), c)
		if err != nil || left != 9 || since.IsZero() {
			t.Errorf("%v %d %v", since, left, err)
		}
		// A wrong password is told like ever, and never asks for a code.
		if _, err := w.signIn("anna", "wrong", "192.0.2.1"); !errors.Is(err, ErrUnauthenticated) || errors.Is(err, ErrCodeNeeded) {
			t.Errorf("wrong password: %v", err)
		}
		if err := w.StopFactor(t.Context(), c, NewSecret(password), "000000"); !errors.As(err, &invalid) || invalid.Field != "code" {
			t.Errorf("turning off without a code: %v", err)
		}
		must(t, w.StopFactor(t.Context(), c, NewSecret(password), codes[0].Reveal()))
		if _, err := w.signInWith("anna", ""); err != nil {
			t.Error(err)
		}
	})
}

// Who knows the password may not try all codes, wherever he asks from and however often he begins anew.
func TestGuessingCodesIsLimited(t *testing.T) {
	w := newWorld(t)
	w.user("default", "anna", RoleReader)
	w.enrol("anna")
	var limited *LimitedError
	for i := range limitCodes {
		_, err := w.SignIn(t.Context(), Attempt{Username: "anna", Password: NewSecret(password), Code: "000000", Address: "198.51.100." + string(rune('1'+i%9))})
		if !errors.Is(err, ErrCodeWrong) {
			t.Fatal(i, err)
		}
		if _, err := w.signInWith("anna", ""); !errors.Is(err, ErrCodeNeeded) {
			t.Fatal(i, err)
		}
	}
	w.now = w.now.Add(factorStep * time.Second)
	if _, err := w.signInWith("anna", w.code("anna")); !errors.As(err, &limited) {
		t.Errorf("got %v, want a limit", err)
	}
	w.now = w.now.Add(limitWindow)
	if _, err := w.signInWith("anna", w.code("anna")); err != nil {
		t.Error(err)
	}
}

func TestALinkDoesNotStandForTheSecondFactor(t *testing.T) {
	w := newWorld(t)
	admin := w.administrator()
	w.user("default", "anna", RoleReader)
	w.enrol("anna")
	link, err := w.GiveLink(t.Context(), admin, "anna")
	must(t, err)
	if info, err := w.ReadLink(t.Context(), link.Token, ""); err != nil || !info.NeedsCode {
		t.Errorf("%+v %v", info, err)
	}
	if _, err := w.use(link, "quite another one", ""); !errors.Is(err, ErrCodeNeeded) {
		t.Errorf("got %v", err)
	}
	w.now = w.now.Add(factorStep * time.Second)
	if _, err := w.use(link, "quite another one", w.code("anna")); err != nil {
		t.Errorf("with a code: %v", err)
	}
	must(t, w.ResetFactor(t.Context(), admin, "anna"))
	if _, err := w.signIn("anna", "quite another one", "192.0.2.1"); err != nil {
		t.Errorf("after the reset: %v", err)
	}
}

func TestAdministratorsMayHaveToHaveASecondFactor(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.RequireSecondFactor = true })
	w.user("default", "anna", RoleAdmin)
	w.user("default", "berta", RoleReader)
	s := w.mustSignIn("anna")
	for action, want := range map[Action]Decision{Self: Allowed, Read: Forbidden, ManageUsers: Forbidden} {
		if got := Decide(s.Caller, action, Object{}); got != want {
			t.Errorf("%s: %v", action, got)
		}
	}
	if c := w.mustSignIn("berta").Caller; Decide(c, Read, Object{}) != Allowed {
		t.Error("a reader is asked too")
	}
	e, err := w.BeginFactor(t.Context(), s.Caller, NewSecret(password))
	must(t, err)
	w.secrets = map[string]string{"anna": e.Secret.Reveal()}
	codes, err := w.ConfirmFactor(t.Context(), s.Caller, w.code("anna"))
	must(t, err)
	c, err := w.FromCookie(t.Context(), s.Cookie, "")
	if err != nil || Decide(c, ManageUsers, Object{}) != Allowed {
		t.Errorf("%+v %v", c, err)
	}
	var conflict *ConflictError
	if err := w.StopFactor(t.Context(), c, NewSecret(password), codes[0].Reveal()); !errors.As(err, &conflict) {
		t.Errorf("turned off: %v", err)
	}
}

func TestSecondFactorsLieEncrypted(t *testing.T) {
	w := newWorld(t)
	w.user("default", "anna", RoleReader)
	codes := w.enrol("anna")
	var stored strings.Builder
	for _, table := range append(Tables(), audit.Tables()...) {
		page, err := w.store.Find(t.Context(), store.Query{Table: table.Name, AllTenants: true})
		must(t, err)
		for _, r := range page.Rows {
			stored.Write(r.Doc)
		}
	}
	if !strings.Contains(stored.String(), `"recovery"`) {
		t.Fatal("there is no second factor")
	}
	secrets := append(slices.Clone(codes), NewSecret(w.secrets["anna"]))
	for _, s := range secrets {
		if strings.Contains(stored.String(), s.Reveal()) || strings.Contains(stored.String(), plainCode(s.Reveal())) {
			t.Error("a secret is stored as it is")
		}
	}
	// Nor does it work under another installation's key, or for another user.
	other := worldOn(t, w.store, func(o *Options) { o.SecretKey[0]++ })
	if _, err := other.signInWith("anna", "123456"); err == nil || errors.Is(err, ErrCodeWrong) {
		t.Errorf("another key: %v", err)
	}
	row, f, err := w.factor(t.Context(), "default", "anna")
	must(t, err)
	if _, err := w.vault.open(f.Secret, owner("default", "berta")); err == nil {
		t.Errorf("%s opens for somebody else", row.ID)
	}
}
