package access

import (
	"context"
	"errors"
	"testing"
	"time"
)

// someDirectory knows anna, and counts what it is asked.
type someDirectory struct {
	asked, pretended []string
	broken           error
}

func (d *someDirectory) Prove(_ context.Context, username string, password Secret) (External, error) {
	d.asked = append(d.asked, username)
	if d.broken != nil {
		return External{}, d.broken
	}
	if username != "anna" || password.Reveal() != "directory password" {
		return External{}, ErrUnauthenticated
	}
	return External{Issuer: "ldap:x", Subject: "1", Username: "anna"}, nil
}

func (d *someDirectory) Pretend(_ context.Context, username string) {
	d.pretended = append(d.pretended, username)
}

func TestPasswordsOfADirectory(t *testing.T) {
	w := newWorld(t)
	d := &someDirectory{}
	w.opt.Directory, w.opt.Directed = d, Provider{ID: "ldap", Name: "directory", Create: true, Tenant: "default", Role: RoleReader, OwnFactor: true}
	w.user("default", "local", RoleReader)
	attempt := func(name, pass string) (Session, error) {
		return w.SignIn(t.Context(), Attempt{Username: name, Password: NewSecret(pass), Address: "192.0.2.9"})
	}
	s, err := attempt("Anna", "directory password")
	if err != nil || s.Caller.Name != "user:anna" || s.Caller.Provider != "ldap" || s.Caller.Role != RoleReader {
		t.Fatalf("%+v, %v", s.Caller, err)
	}
	for _, c := range [][2]string{{"anna", "wrong"}, {"nobody", "wrong"}, {"anna", ""}} {
		if _, err := attempt(c[0], c[1]); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%v: %v", c, err)
		}
	}
	// A password that is kept here is never sent to the directory, right or wrong; the directory is asked for nobody instead.
	d.asked = nil
	if _, err := attempt("local", password); err != nil {
		t.Error(err)
	}
	if _, err := attempt("local", "wrong"); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("wrong: %v", err)
	}
	if len(d.asked) != 0 || len(d.pretended) != 2 {
		t.Errorf("asked %v, pretended %v", d.asked, d.pretended)
	}
	d.broken = errors.New("away")
	if _, err := attempt("anna", "directory password"); !errors.Is(err, ErrDirectory) {
		t.Errorf("away: %v", err)
	}
	if _, err := attempt("local", password); err != nil {
		t.Errorf("a password of ours while the directory is away: %v", err)
	}
}

func TestOnlyTheBreakGlassPasswordIsTaken(t *testing.T) {
	w := newWorld(t)
	w.user("default", "anna", RoleReader)
	w.user("default", "rescue", RoleReader)
	link, err := w.GiveLink(t.Context(), Caller{Tenant: "default", Name: "user:boss", Role: RoleAdmin}, "anna")
	if err != nil {
		t.Fatal(err)
	}
	w.opt.BreakGlass = "Rescue"
	if _, err := w.SignIn(t.Context(), Attempt{Username: "anna", Password: NewSecret(password)}); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("anna: %v", err)
	}
	if _, err := w.SignIn(t.Context(), Attempt{Username: "rescue", Password: NewSecret(password)}); err != nil {
		t.Errorf("rescue: %v", err)
	}
	if _, err := w.UseLink(t.Context(), link.Token, Attempt{Password: NewSecret("another good password")}); !errors.Is(err, ErrPasswordsOff) {
		t.Errorf("a link: %v", err)
	}
}

// Who has no password here proves it by having signed in a moment ago.
func TestARecentSignInStandsForThePassword(t *testing.T) {
	w := newWorld(t)
	s, err := w.SignInExternal(t.Context(), Provider{ID: "oidc", Name: "x", Create: true, Tenant: "default", Role: RoleReader}, External{Issuer: "i", Subject: "s", Username: "anna"}, Attempt{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.BeginFactor(t.Context(), s.Caller, Secret{}); err != nil {
		t.Errorf("at once: %v", err)
	}
	w.now = w.now.Add(freshFor + time.Second)
	if _, err := w.BeginFactor(t.Context(), s.Caller, Secret{}); !errors.As(err, new(*ConflictError)) {
		t.Errorf("later: %v", err)
	}
}
