package api

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

func (w *world) signIn(name string) (cookie string) {
	w.t.Helper()
	a := w.ask("", "POST", "/api/v1/session", rest.SignIn{Username: name, Password: password}).is(200)
	return a.cookie()
}

// cookie is the one that an answer sets.
func (a *answer) cookie() string {
	a.t.Helper()
	c, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	must(a.t, err)
	return c.Name + "=" + c.Value
}

func TestSignInSetsACookieThatScriptsCannotRead(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	a := w.ask("", "POST", "/api/v1/session", rest.SignIn{Username: "anna", Password: password}).is(200)
	c, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	must(t, err)
	if c.Name != "maestro_session" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge <= 0 || c.Secure {
		t.Errorf("cookie %+v", c)
	}
	s := documentOf[rest.Session](a)
	if s.Username != "anna" || s.Role != "reader" || s.Tenant != "default" || s.Version != "1.2.3" || s.Engine != "sqlite" || s.ExpiresAt.IsZero() {
		t.Errorf("session %+v", s)
	}
	if got := documentOf[rest.Session](w.ask("", "GET", "/api/v1/session", nil, "Cookie", c.Name+"="+c.Value).is(200)); !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v, want %+v", got, s)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control %q", a.header.Get("Cache-Control"))
	}
}

func TestSignInSaysTheSameOfNameAndPassword(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	a := w.ask("", "POST", "/api/v1/session", rest.SignIn{Username: "anna", Password: "wrong"}).problem(401)
	b := w.ask("", "POST", "/api/v1/session", rest.SignIn{Username: "nobody", Password: "wrong"}).problem(401)
	if a.Detail != b.Detail {
		t.Errorf("%q and %q", a.Detail, b.Detail)
	}
}

func TestSignInIsLimited(t *testing.T) {
	w := newWorld(t)
	for range 10 {
		w.ask("", "POST", "/api/v1/session", rest.SignIn{Username: "anna", Password: "wrong"}).is(401)
	}
	a := w.ask("", "POST", "/api/v1/session", rest.SignIn{Username: "anna", Password: "wrong"})
	p := a.problem(429)
	if p.RetryAfterSeconds < 60 || a.header.Get("Retry-After") == "" {
		t.Errorf("%+v", p)
	}
}

func TestSignOutEndsTheSession(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	cookie := w.signIn("anna")
	a := w.ask("", "DELETE", "/api/v1/session", nil, "Cookie", cookie, "X-Maestro-CSRF", "1").is(204)
	if c, err := http.ParseSetCookie(a.header.Get("Set-Cookie")); err != nil || c.MaxAge >= 0 || c.Value != "" {
		t.Errorf("cookie %+v %v", c, err)
	}
	w.ask("", "GET", "/api/v1/session", nil, "Cookie", cookie).problem(401)
}

func TestChangePassword(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	cookie := w.signIn("anna")
	ask := func(old, next string) *answer {
		return w.ask("", "POST", "/api/v1/session/password", rest.PasswordChange{CurrentPassword: old, NewPassword: next}, "Cookie", cookie, "X-Maestro-CSRF", "1")
	}
	if p := ask("", "another fine day").problem(422); p.Detail != "current_password is needed for this." {
		t.Errorf("without the password: %q", p.Detail)
	}
	if p := w.ask("", "GET", "/api/v1/resources/server", nil, "Sec-Fetch-Site", "same-origin").problem(401); strings.Contains(p.Detail, "Bearer") {
		t.Errorf("a browser is told to send a token: %q", p.Detail)
	}
	if p := w.ask(w.admin, "POST", "/api/v1/teams", map[string]any{"name": strings.Repeat("x", 2<<20)}).problem(413); p.Detail != "This is too large: up to 1 MiB may be sent here." {
		t.Errorf("a large body: %q", p.Detail)
	}
	if p := ask("wrong", "another fine day").problem(422); p.Errors[0].Location != "body.current_password" {
		t.Errorf("%+v", p)
	}
	if p := ask(password, "short").problem(422); p.Errors[0].Location != "body.new_password" {
		t.Errorf("%+v", p)
	}
	ask(password, "another fine day").is(200)
	w.ask("", "GET", "/api/v1/session", nil, "Cookie", cookie).problem(401)
}

// A page of another site can make the browser send the cookie, but not prove that it is ours.
func TestWritesWithACookieNeedProof(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleAdmin)
	cookie := w.signIn("anna")
	host := strings.TrimPrefix(w.url, "http://")
	for _, tt := range []struct {
		name   string
		header []string
		status int
	}{
		{"cookie alone", nil, 403},
		{"our header", []string{"X-Maestro-CSRF", "1"}, 201},
		{"our header, wrong", []string{"X-Maestro-CSRF", "0"}, 403},
		{"same origin", []string{"Sec-Fetch-Site", "same-origin"}, 201},
		{"our origin", []string{"Origin", "http://" + host}, 201},
		{"foreign origin", []string{"Origin", "https://evil.example"}, 403},
		{"null origin", []string{"Origin", "null"}, 403},
		{"cross-site with our header", []string{"Sec-Fetch-Site", "cross-site", "X-Maestro-CSRF", "1"}, 403},
		{"sibling site", []string{"Sec-Fetch-Site", "same-site", "X-Maestro-CSRF", "1"}, 403},
	} {
		a := w.ask("", "POST", "/api/v1/tokens", rest.TokenCreate{Name: "x", Role: "reader"}, append(tt.header, "Cookie", cookie)...)
		if a.status != tt.status {
			t.Errorf("%s: %d, want %d: %s", tt.name, a.status, tt.status, a.body)
		}
	}
	w.ask(w.admin, "POST", "/api/v1/tokens", rest.TokenCreate{Name: "x", Role: "reader"}).is(201)
	w.ask("", "GET", "/api/v1/session", nil, "Cookie", cookie, "Sec-Fetch-Site", "cross-site").is(200)
	w.ask("", "POST", "/api/v1/session", rest.SignIn{Username: "anna", Password: password}, "Origin", "https://evil.example").problem(403)
}

func TestTokensAreShownOnceAndEnd(t *testing.T) {
	w := newWorld(t)
	made := documentOf[rest.Token](w.ask(w.admin, "POST", "/api/v1/tokens", rest.TokenCreate{Name: "ci", Role: "reader", TTLSeconds: 3600}).is(201))
	if !strings.HasPrefix(made.Secret, "mst_") || made.ExpiresAt.IsZero() {
		t.Fatalf("%+v", made)
	}
	if s := documentOf[rest.Session](w.ask(made.Secret, "GET", "/api/v1/session", nil).is(200)); s.Username != "ci" || s.Role != "reader" {
		t.Errorf("%+v", s)
	}
	list := w.ask(w.admin, "GET", "/api/v1/tokens", nil).is(200)
	if strings.Contains(string(list.body), "mst_") || !strings.Contains(string(list.body), made.ID) {
		t.Errorf("list: %s", list.body)
	}
	w.ask(w.admin, "DELETE", "/api/v1/tokens/"+made.ID, nil).is(204)
	w.ask(made.Secret, "GET", "/api/v1/session", nil).problem(401)
	w.ask(w.admin, "DELETE", "/api/v1/tokens/"+made.ID, nil).problem(404)
	w.ask(w.admin, "POST", "/api/v1/tokens", rest.TokenCreate{Name: "x", Role: "king"}).problem(422)
	w.ask(w.admin, "POST", "/api/v1/tokens", `{"name":"x","role":"reader","surprise":1}`).problem(422)
	w.ask(w.admin, "POST", "/api/v1/tokens", `{"name":`).problem(400)
}

// Nothing that one can sign in with is in the log, nor what people search for.
func TestTheLogHoldsNoSecrets(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleAdmin)
	cookie := w.signIn("anna")
	w.ask(w.admin, "GET", "/api/v1/tokens?filter=name+%3D+%22planted-in-query%22", nil)
	w.ask("", "GET", "/api/v1/tokens", nil, "Cookie", cookie)
	w.ask("", "POST", "/api/v1/session", `{"password": "planted-in-body"}`).problem(422)
	for _, secret := range []string{password, w.admin, strings.TrimPrefix(cookie, "maestro_session="), "planted"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("%q is in the log:\n%s", secret, w.log)
		}
	}
	if !strings.Contains(w.log.String(), "operation=list-tokens") {
		t.Errorf("no request in the log:\n%s", w.log)
	}
}
