package api

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

func (w *world) browser(cookie, method, path string, body any, more ...string) *answer {
	w.t.Helper()
	return w.ask("", method, "/api/v1"+path, body, append(more, "Cookie", cookie, "X-Maestro-CSRF", "1")...)
}

// invited makes a user and answers the token of the link.
func (w *world) invited(name, role string) string {
	w.t.Helper()
	made := documentOf[rest.UserInvited](w.ask(w.admin, "POST", "/api/v1/users", rest.UserCreate{Username: name, Email: name + "@example.org", Role: role}).is(201))
	<-w.mailbox
	_, token, ok := strings.Cut(made.Link.Link, "https://maestro.example/link#")
	if !ok || !made.User.Invited || !made.Link.Mailed {
		w.t.Fatalf("%+v", made)
	}
	return token
}

func cookieIn(t *testing.T, a *answer) string {
	t.Helper()
	c, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	must(t, err)
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.MaxAge <= 0 {
		t.Errorf("cookie %+v", c)
	}
	return "maestro_session=" + c.Value
}

func TestInvitedUsersSetTheirPassword(t *testing.T) {
	w := newWorld(t)
	token := w.invited("Berta", "reader")
	a := w.ask("", "POST", "/api/v1/session/link", rest.LinkUse{Token: token}).is(200)
	if info := documentOf[rest.LinkAnswer](a); info.Username != "Berta" || info.Purpose != "invitation" || info.Session != nil || a.header.Get("Set-Cookie") != "" {
		t.Fatalf("%+v %v", info, a.header)
	}
	if p := w.ask("", "POST", "/api/v1/session/link", rest.LinkUse{Token: token, NewPassword: "short"}).problem(422); p.Errors[0].Location != "body.new_password" {
		t.Errorf("%+v", p)
	}
	w.ask("", "POST", "/api/v1/session/link", rest.LinkUse{Token: token, NewPassword: password}, "Origin", "https://evil.example").problem(403)
	a = w.ask("", "POST", "/api/v1/session/link", rest.LinkUse{Token: token, NewPassword: password}).is(200)
	if s := documentOf[rest.LinkAnswer](a).Session; s == nil || s.Role != "reader" {
		t.Errorf("%s", a.body)
	}
	w.browser(cookieIn(t, a), "GET", "/session", nil).is(200)
	used := w.ask("", "POST", "/api/v1/session/link", rest.LinkUse{Token: token}).problem(404)
	unknown := w.ask("", "POST", "/api/v1/session/link", rest.LinkUse{Token: "x"}).problem(404)
	if used.Detail != unknown.Detail {
		t.Errorf("%q and %q", used.Detail, unknown.Detail)
	}
	if strings.Contains(w.log.String(), token) {
		t.Error("the token is in the log")
	}
}

func TestUsersAreManaged(t *testing.T) {
	w := newWorld(t)
	w.invited("berta", "reader")
	w.user("anna", access.RoleAdmin)
	list := documentOf[rest.List[rest.User]](w.ask(w.admin, "GET", "/api/v1/users?filter=role+%3D+reader", nil).is(200))
	if list.TotalSize != 1 || list.Items[0].Username != "berta" {
		t.Fatalf("%+v", list)
	}
	path, edit := "/api/v1/users/berta", rest.UserWrite{DisplayName: "Berta <script>", Email: "b@example.org", Role: "none"}
	w.ask(w.admin, "PUT", path, edit).problem(428)
	w.ask(w.admin, "PUT", path, edit, "If-Match", `"9"`).problem(412)
	w.ask(w.stranger, "PUT", path, edit, "If-Match", `"1"`).problem(404)
	a := w.ask(w.admin, "PUT", path, edit, "If-Match", `"1"`).is(200)
	if u := documentOf[rest.User](a); u.Role != "none" || u.DisplayName != "Berta <script>" || a.header.Get("ETag") != `"2"` {
		t.Errorf("%s %v", a.body, a.header)
	}
	if p := w.ask(w.admin, "POST", "/api/v1/users", rest.UserCreate{Username: "BERTA", Role: "reader"}).problem(409); p.Errors[0].Location != "body.username" {
		t.Errorf("%+v", p)
	}
	w.ask(w.admin, "POST", "/api/v1/users", `{"username":"x","role":"reader","password":"planted"}`).problem(422)
	w.ask(w.admin, "POST", "/api/v1/users", rest.UserCreate{Username: "x", Role: "reader", Email: "a@b\r\nBcc: c@d"}).problem(422)
	w.ask(w.admin, "DELETE", "/api/v1/users/anna", nil).problem(409)
	w.ask(w.admin, "DELETE", path, nil).is(204)
	w.ask(w.admin, "GET", path, nil).problem(404)
	for _, action := range []string{"user.create", "user.update", "user.delete"} {
		entries := documentOf[rest.List[rest.AuditEntry]](w.ask(w.admin, "GET", "/api/v1/audit?filter=action+%3D+%22"+action+"%22", nil).is(200))
		if len(entries.Items) != 1 || strings.Contains(string(w.ask(w.admin, "GET", "/api/v1/audit", nil).body), "b@example.org") {
			t.Errorf("%s: %+v", action, entries)
		}
	}
}

func TestOwnSessions(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	old := w.signIn("anna")
	a := w.ask("", "POST", "/api/v1/session", rest.SignIn{Username: "anna", Password: password}, "User-Agent", "Firefox <img src=x>").is(200)
	mine := cookieIn(t, a)
	list := documentOf[rest.List[rest.SessionInfo]](w.browser(mine, "GET", "/session/sessions", nil).is(200))
	if len(list.Items) != 2 {
		t.Fatalf("%+v", list)
	}
	for _, s := range list.Items {
		if s.Current != (s.Browser == "Firefox <img src=x>") || s.Address != "127.0.0.1" {
			t.Errorf("%+v", s)
		}
	}
	others := documentOf[rest.List[rest.SessionInfo]](w.ask(w.admin, "GET", "/api/v1/users/anna/sessions", nil).is(200))
	if len(others.Items) != 2 {
		t.Errorf("%+v", others)
	}
	w.browser(mine, "DELETE", "/session/sessions", nil).is(204)
	w.browser(old, "GET", "/session", nil).problem(401)
	w.ask(w.admin, "DELETE", "/api/v1/users/anna/sessions", nil).is(204)
	w.browser(mine, "GET", "/session", nil).problem(401)
	w.ask(w.admin, "GET", "/api/v1/session/profile", nil).problem(409)
}

func TestSigningInWithASecondFactor(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	cookie := w.signIn("anna")
	w.browser(cookie, "POST", "/session/second-factor", rest.FactorBegin{Password: "wrong"}).problem(422)
	pending := documentOf[rest.FactorPending](w.browser(cookie, "POST", "/session/second-factor", rest.FactorBegin{Password: password}).is(201))
	code := func(at time.Time) string {
		c, err := totp.GenerateCode(pending.Secret, at)
		must(t, err)
		return c
	}
	now := time.Now()
	codes := documentOf[rest.FactorCodes](w.browser(cookie, "POST", "/session/second-factor/confirm", rest.FactorConfirm{Code: code(now)}).is(200))
	if len(codes.RecoveryCodes) != 10 || !regexp.MustCompile(`^([a-z0-9]{5}-){3}[a-z0-9]{5}$`).MatchString(codes.RecoveryCodes[0]) {
		t.Fatalf("%+v", codes)
	}
	in := rest.SignIn{Username: "anna", Password: password}
	if p := w.ask("", "POST", "/api/v1/session", in).problem(401); p.Type != rest.ProblemCodeNeeded {
		t.Errorf("%+v", p)
	}
	in.Code = code(now)
	if p := w.ask("", "POST", "/api/v1/session", in).problem(401); p.Type != rest.ProblemCodeWrong {
		t.Errorf("replayed: %+v", p)
	}
	in.Code = code(now.Add(30 * time.Second)) // a clock that is ahead
	w.ask("", "POST", "/api/v1/session", in).is(200)
	if p := w.ask("", "POST", "/api/v1/session", rest.SignIn{Username: "anna", Password: "wrong", Code: code(now)}).problem(401); p.Type != "" {
		t.Errorf("a wrong password says something of codes: %+v", p)
	}
	profile := documentOf[rest.Profile](w.browser(cookie, "GET", "/session/profile", nil).is(200))
	if !profile.Factor || profile.CodesLeft != 10 || profile.FactorSince.IsZero() {
		t.Errorf("%+v", profile)
	}
	for _, secret := range append(codes.RecoveryCodes, pending.Secret) {
		if strings.Contains(w.log.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
	w.ask(w.admin, "DELETE", "/api/v1/users/anna/second-factor", nil).is(204)
	w.ask("", "POST", "/api/v1/session", rest.SignIn{Username: "anna", Password: password}).is(200)
}

func TestForgottenPasswordsAnswerTheSame(t *testing.T) {
	w := newWorld(t)
	w.ask("", "POST", "/api/v1/session/link", rest.LinkUse{Token: w.invited("berta", "reader"), NewPassword: password}).is(200)
	w.user("mailless", access.RoleReader)
	var first string
	for _, who := range []string{"Berta", "mailless", "nobody", "nobody@example.org", "\x00"} {
		a := w.ask("", "POST", "/api/v1/session/forgotten", rest.Forgotten{Who: who}).is(202)
		if first == "" {
			first = string(a.body)
		}
		if string(a.body) != first {
			t.Errorf("%s: %s, want %s", who, a.body, first)
		}
	}
	l := <-w.mailbox
	m := regexp.MustCompile(`https://maestro\.example/link#(\S+)`).FindStringSubmatch(l.text)
	if l.to != "berta@example.org" || m == nil {
		t.Fatalf("%+v", l)
	}
	w.ask("", "POST", "/api/v1/session/link", rest.LinkUse{Token: m[1], NewPassword: "quite another one"}).is(200)
	for range 3 {
		w.ask("", "POST", "/api/v1/session/forgotten", rest.Forgotten{Who: "berta"}).is(202)
	}
	w.ask("", "POST", "/api/v1/session/forgotten", rest.Forgotten{Who: "berta"}).is(202)
	w.ask("", "POST", "/api/v1/session/forgotten", rest.Forgotten{Who: "berta"}).problem(429)
	// By e-mail address; the letter that was just sent is not followed by another.
	w.ask("", "POST", "/api/v1/session/forgotten", rest.Forgotten{Who: "BERTA@example.org"}).is(202)
}
