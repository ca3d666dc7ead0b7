package access

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/words"
)

var update = flag.Bool("update", false, "write the letters of testdata anew")

// Every letter is written in every language; they are in testdata to be read.
func TestLetters(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 5, 0, 0, time.UTC)
	d := userDoc{Username: "ana", Display: "ana", Name: "Ana\r\nBcc: x@example.org"}
	for _, in := range words.Languages {
		var all strings.Builder
		add := func(name, subject, text string, err error) {
			t.Helper()
			if err != nil || subject == "" || strings.Contains(text, "<no value>") {
				t.Fatalf("%s %s: %q %v", in, name, text, err)
			}
			all.WriteString("=== " + name + "\nSubject: " + subject + "\n\n" + text + "\n")
		}
		for _, purpose := range []string{Invitation, PasswordReset} {
			subject, text, err := letter(in, d, Link{Purpose: purpose, Token: NewSecret("token"), ExpiresAt: at}, "https://maestro.example/")
			add(purpose, subject, text, err)
		}
		for _, name := range texts.Names() {
			if name == Invitation || name == PasswordReset || name == "notice" || strings.HasSuffix(name, ".subject") {
				continue
			}
			subject, text, err := letterOf(in, notice{what: name}, noticeData{Name: "Ana", Username: "ana", Provider: "Example ID", At: at, From: "192.0.2.1, \"Firefox\""})
			add(name, subject, text, err)
		}
		path := filepath.Join("testdata", "letters."+string(in)+".txt")
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(all.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || all.String() != string(want) {
			t.Errorf("%s: the letters are others (%v); read them and run with -update:\n%s", in, err, all.String())
		}
	}
}

// A letter is in the language that its reader chose, else in the one that was asked for when first signing in, else in the tenant's, else in
// that of whoever has it sent.
func TestLettersAreInTheLanguageOfTheReader(t *testing.T) {
	post := &postbox{}
	w := newWorld(t, func(o *Options) { o.Mail = post; o.PublicURL = "https://maestro.example" })
	invited := func(name string, by Caller) string {
		t.Helper()
		_, _, err := w.Invite(t.Context(), by, name, UserEdit{Role: RoleReader, Email: name + "@example.org"})
		w.must(err)
		return strings.Join(w.mailed(post), "")
	}
	brazilian := boss
	brazilian.Speaks = words.Portuguese
	if got := invited("anna", boss); !strings.Contains(got, "Hello anna") {
		t.Error(got)
	}
	if got := invited("bruno", brazilian); !strings.Contains(got, "Olá bruno") {
		t.Error(got)
	}
	tenant, err := w.Tenant(t.Context(), "default")
	w.must(err)
	installer := boss
	installer.Installation = true
	_, err = w.UpdateTenant(t.Context(), installer, "default", tenant.Version, TenantEdit{Name: "Default", Language: "xx"})
	if err == nil {
		t.Error("a language that there is not")
	}
	_, err = w.UpdateTenant(t.Context(), installer, "default", tenant.Version, TenantEdit{Name: "Default", Language: words.Portuguese})
	w.must(err)
	if got := invited("carla", boss); !strings.Contains(got, "Olá carla") || !strings.Contains(got, "O link funciona uma única vez") {
		t.Error(got)
	}

	w.user("default", "dora", RoleReader)
	u, err := w.User(t.Context(), boss, "dora")
	w.must(err)
	_, err = w.UpdateUser(t.Context(), boss, "dora", u.Version, UserEdit{Role: RoleReader, Email: "dora@example.org"})
	w.must(err)
	s, err := w.SignIn(t.Context(), Attempt{Username: "dora", Password: NewSecret(password), Address: "192.0.2.1", Browser: "x", Language: words.English})
	w.must(err)
	_, err = w.ChangePassword(t.Context(), s.Caller, NewSecret(password), NewSecret("another fine battery"))
	w.must(err)
	if got := strings.Join(w.mailed(post), ""); !strings.Contains(got, "The password was changed.") {
		t.Errorf("who first signed in in English: %q", got)
	}
	w.must(w.Speak(t.Context(), s.Caller, words.Portuguese))
	_, err = w.ChangePassword(t.Context(), s.Caller, NewSecret("another fine battery"), NewSecret("a third fine battery"))
	w.must(err)
	if got := strings.Join(w.mailed(post), ""); !strings.Contains(got, "A senha foi alterada.") || !strings.Contains(got, "Se não foi você") {
		t.Errorf("who chose Portuguese: %q", got)
	}
	if err := w.Speak(t.Context(), s.Caller, "xx"); err == nil {
		t.Error("a language that there is not was chosen")
	}
	if u, err := w.User(t.Context(), boss, "dora"); err != nil || u.Language != words.Portuguese {
		t.Errorf("%+v %v", u, err)
	}
}
