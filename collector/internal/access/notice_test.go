package access

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maestro.internal/collector/internal/store"
)

// postbox keeps what a Service mails.
type postbox struct {
	mu      sync.Mutex
	letters []string // "address: text"
	refuse  error
}

func (p *postbox) Send(_ context.Context, to, _, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return p.refuse
	}
	p.letters = append(p.letters, to+": "+text)
	return nil
}

// mailed sends what waits and answers it.
func (w *world) mailed(p *postbox) []string {
	for {
		select {
		case l := <-w.notices:
			w.mailNotice(w.t.Context(), l)
			continue
		default:
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		got := p.letters
		p.letters = nil
		return got
	}
}

func TestKnownAndGuessablePasswordsAreRefused(t *testing.T) {
	for _, tt := range []struct {
		password string
		names    []string
		says     string
	}{
		{"correct horse battery", []string{"anna"}, ""},
		{"elevencharx", nil, "at least 12"},
		{"qwerty123456", nil, "stolen"},
		{"QWERTY123456", nil, "stolen"},
		{"1qaz2wsx3edc", nil, "stolen"},
		{"anna.weber@example.org", []string{"anna", "anna.weber@example.org"}, "easy to guess"},
		{"Anna.Weber@Example.org2026!", []string{"anna.weber@example.org"}, "easy to guess"},
		{"zzzzzzzzzzzzzzzz", nil, "easy to guess"},
		{"ab7!ab7!ab7!ab", nil, "easy to guess"},
		{"ab7!ab7?ab7!ab", nil, ""},
		{"пароль на реке течёт", nil, ""},
	} {
		err := checkPassword("password", tt.password, tt.names...)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q: %v, want %q", tt.password, err, tt.says)
		}
	}
	if n := len(knownPasswords); n != 12_043*knownBytes {
		t.Errorf("the list has %d bytes", n)
	}
	if !slices.IsSortedFunc(chunks(), func(a, b string) int { return strings.Compare(a, b) }) {
		t.Error("the list is not sorted: some of it is never found")
	}
}

func chunks() (out []string) {
	for c := range slices.Chunk(knownPasswords, knownBytes) {
		out = append(out, string(c))
	}
	return out
}

// Whoever did not do it hears of it: every change of what one signs in with, at the address that stood before.
func TestUsersAreToldOfWhatHappensToTheirAccount(t *testing.T) {
	post := &postbox{}
	w := newWorld(t, func(o *Options) { o.Mail = post })
	w.user("default", "anna", RoleReader)
	u, err := w.User(t.Context(), boss, "anna")
	w.must(err)
	_, err = w.UpdateUser(t.Context(), boss, "anna", u.Version, UserEdit{Role: RoleReader, Email: "anna@example.org"})
	w.must(err)
	told := func(words ...string) {
		t.Helper()
		got := w.mailed(post)
		if len(got) != len(words) {
			t.Fatalf("%d letters, want %d: %q", len(got), len(words), got)
		}
		for i, l := range got {
			if !strings.Contains(l, words[i]) || !strings.Contains(l, "If it was not you") {
				t.Errorf("%q, want %q", l, words[i])
			}
			if strings.Contains(l, password) {
				t.Error("the password is in a letter")
			}
		}
	}
	told() // there was no address before
	in := func(address, browser string) Session {
		t.Helper()
		w.now = w.now.Add(time.Minute)
		a := Attempt{Username: "anna", Password: NewSecret(password), Address: address, Browser: browser}
		if w.secrets["anna"] != "" {
			a.Code = w.code("anna")
		}
		s, err := w.SignIn(t.Context(), a)
		w.must(err)
		return s
	}
	in("192.0.2.1", "Firefox")
	told() // the first time
	in("192.0.2.1", "Firefox")
	told()
	in("192.0.2.1", "Chrome\r\nBcc: x@example.org")
	told("anna@example.org: Hello anna,\n\nThere was a sign-in from a browser")
	c := in("198.51.100.7", "Firefox").Caller
	told("From: 198.51.100.7, \"Firefox\"")

	e, err := w.BeginFactor(t.Context(), c, NewSecret(password))
	w.must(err)
	w.secrets = map[string]string{"anna": e.Secret.Reveal()}
	_, err = w.ConfirmFactor(t.Context(), c, w.code("anna"))
	w.must(err)
	told("second factor was set up")
	w.must(w.ResetFactor(t.Context(), boss, "anna"))
	told("turned off, or reset by an administrator")
	w.secrets = nil
	_, err = w.UpdateProfile(t.Context(), c, "Anna", "else@example.org", NewSecret(password))
	w.must(err)
	told("anna@example.org: Hello anna,\n\nThe e-mail address was changed")
	_, err = w.ChangePassword(t.Context(), c, NewSecret(password), NewSecret("another fine battery"))
	w.must(err)
	told("else@example.org: Hello anna,\n\nThe password was changed.")
}

// A mail server that takes nothing, or a queue that is full, keeps nobody from changing a password.
func TestNoticesHoldNobodyUp(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Mail = &postbox{refuse: errors.New("out of order")} })
	for range maxForgotten + 10 {
		w.tell("default", userDoc{Username: "anna", Display: "anna"}, "anna@example.org", notice{what: "signed_in"})
	}
	if len(w.notices) != maxForgotten {
		t.Errorf("%d wait", len(w.notices))
	}
	w.mailNotice(t.Context(), <-w.notices)
}

func TestFreshRecoveryCodes(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		w := worldOn(t, st)
		w.user("default", "anna", RoleReader)
		var invalid *InvalidError
		if _, err := w.NewRecoveryCodes(t.Context(), w.mustSignIn("anna").Caller, NewSecret(password), ""); !errors.As(err, new(*ConflictError)) {
			t.Errorf("without a second factor: %v", err)
		}
		old := w.enrol("anna")
		c := w.mustSignInWithFactor("anna").Caller
		w.now = w.now.Add(time.Minute)
		for _, try := range []struct{ password, code string }{{"wrong", w.code("anna")}, {password, "000000"}, {password, ""}} {
			if _, err := w.NewRecoveryCodes(t.Context(), c, NewSecret(try.password), try.code); !errors.As(err, &invalid) {
				t.Errorf("%+v: %v", try, err)
			}
		}
		fresh, err := w.NewRecoveryCodes(t.Context(), c, NewSecret(password), w.code("anna"))
		w.must(err)
		_, left, err := w.Factor(t.Context(), c)
		if len(fresh) != recoveryCodes || left != recoveryCodes || err != nil {
			t.Fatalf("%d, %d left, %v", len(fresh), left, err)
		}
		if _, err := w.signInWith("anna", old[0].Reveal()); err == nil {
			t.Error("a former code still signs in")
		}
		if _, err := w.signInWith("anna", fresh[0].Reveal()); err != nil {
			t.Error(err)
		}
		if _, err := w.NewRecoveryCodes(t.Context(), Caller{Tenant: "default", Name: "token:x", Username: "x"}, NewSecret(password), ""); !errors.As(err, new(*ConflictError)) {
			t.Errorf("a token: %v", err)
		}
	})
}
