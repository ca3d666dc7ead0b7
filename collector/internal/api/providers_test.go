package api

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/oidc"
	"maestro.internal/collector/internal/oidc/oidctest"
	"maestro.internal/internal/rest"
)

// browser keeps cookies and follows nothing, so that every step is seen.
type browser struct {
	t       *testing.T
	url     string
	cookies map[string]*http.Cookie
}

func (b *browser) get(at string, header ...string) *http.Response {
	b.t.Helper()
	if strings.HasPrefix(at, "/") {
		at = b.url + at
	}
	req, err := http.NewRequestWithContext(b.t.Context(), "GET", at, nil)
	must(b.t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if strings.HasPrefix(at, b.url) {
		for _, c := range b.cookies {
			req.AddCookie(c)
		}
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	must(b.t, err)
	must(b.t, res.Body.Close())
	for _, c := range res.Cookies() {
		b.cookies[c.Name] = c
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return res
}

// to is where an answer leads.
func (b *browser) to(res *http.Response) string {
	b.t.Helper()
	if res.StatusCode != http.StatusSeeOther && res.StatusCode != http.StatusFound {
		b.t.Fatalf("%s answers %d", res.Request.URL, res.StatusCode)
	}
	return res.Header.Get("Location")
}

// signIn goes all the way and answers where it ends.
func (b *browser) signIn(start string, header ...string) string {
	b.t.Helper()
	callback := b.to(b.get(b.to(b.get(start, header...))))
	return b.to(b.get(callback, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"))
}

func (b *browser) cookie() string {
	if c := b.cookies[sessionCookie]; c != nil {
		return sessionCookie + "=" + c.Value
	}
	return ""
}

type providerWorld struct {
	*world
	provider *oidctest.Provider
}

// withProvider is the world with a provider, whose accounts follow p.
func withProvider(t *testing.T, p access.Provider) *providerWorld {
	t.Helper()
	w := newWorld(t)
	idp := oidctest.New(t)
	p.ID, p.Name, p.Tenant = "oidc", "Example ID", "default"
	srv := httptest.NewUnstartedServer(nil)
	at := "http://" + srv.Listener.Addr().String()
	idp.Redirect = at + CallbackPath
	flow, err := oidc.New(oidc.Options{Issuer: idp.URL, ClientID: oidctest.Client, ClientSecret: access.NewSecret(oidctest.Secret), Scopes: []string{"profile"},
		RedirectURL: idp.Redirect, UsernameClaim: "preferred_username", GroupsClaim: "groups", SignOut: true, After: at + "/", Key: bytes.Repeat([]byte{7}, 32)})
	must(t, err)
	opt := w.server.opt
	opt.SignIn, opt.Metrics, opt.PublicURL = SignIn{OIDC: flow, Provider: p}, nil, at
	s, err := New(opt)
	must(t, err)
	srv.Config.Handler = s
	srv.Start()
	t.Cleanup(srv.Close)
	t.Cleanup(s.EndStreams)
	w.url = at
	return &providerWorld{w, idp}
}

func (w *providerWorld) browser() *browser {
	return &browser{t: w.t, url: w.url, cookies: map[string]*http.Cookie{}}
}

func (w *providerWorld) session(b *browser) rest.Session {
	w.t.Helper()
	return documentOf[rest.Session](w.ask("", "GET", "/api/v1/session", nil, "Cookie", b.cookie()).is(200))
}

var annaAtProvider = map[string]any{"sub": "a-1", "preferred_username": "Anna", "name": "Anna A", "email": "anna@example.org", "email_verified": true, "groups": []string{"ops", "all"}}

func TestSigningInWithAProvider(t *testing.T) {
	w := withProvider(t, access.Provider{Create: true, Role: access.RoleReader})
	ways := documentOf[rest.SignInWays](w.ask("", "GET", "/api/v1/session/ways", nil).is(200))
	if len(ways.Providers) != 1 || ways.Providers[0].Name != "Example ID" || !ways.Passwords {
		t.Fatalf("%+v", ways)
	}
	w.provider.Person(annaAtProvider)
	b := w.browser()
	begun := b.get(startPath + "?path=" + url.QueryEscape("/inventory/server?filter=x"))
	c := b.cookies[ticketCookie]
	if c == nil || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || strings.Contains(c.Value, "inventory") {
		t.Fatalf("cookie %+v", c)
	}
	callback := b.to(b.get(b.to(begun)))
	if at := b.to(b.get(callback, "Sec-Fetch-Site", "cross-site")); at != "/inventory/server?filter=x" {
		t.Errorf("ends at %s", at)
	}
	s := w.session(b)
	if s.Username != "anna" || s.Role != "reader" || !strings.HasPrefix(s.SignOutURL, w.provider.URL+"/logout?") {
		t.Errorf("%+v", s)
	}
	if p := documentOf[rest.Profile](w.ask("", "GET", "/api/v1/session/profile", nil, "Cookie", b.cookie()).is(200)); p.HasPassword {
		t.Error("a password that was never set")
	}
	u := documentOf[rest.User](w.ask(w.admin, "GET", "/api/v1/users/anna", nil).is(200))
	if u.DisplayName != "Anna A" || u.Email != "anna@example.org" || u.Invited || len(u.Providers) != 1 {
		t.Errorf("%+v", u)
	}
	// The same answer once more, from whoever saw it in a log.
	if at := b.to(b.get(callback)); at != "/?sign_in=expired" {
		t.Errorf("a used answer ends at %s", at)
	}
	// Another sign-in: the same account, another session, and the one before is over.
	before := b.cookie()
	if at := b.signIn(startPath); at != "/" {
		t.Errorf("ends at %s", at)
	}
	w.ask("", "GET", "/api/v1/session", nil, "Cookie", before).is(401)
	// Known by who it is and not by name: renamed there, the same here.
	renamed := map[string]any{"sub": "a-1", "preferred_username": "someone-else"}
	w.provider.Person(renamed)
	if at := b.signIn(startPath); at != "/" || w.session(b).Username != "anna" {
		t.Errorf("after a renaming: %s, %+v", at, w.session(b))
	}
	if text := w.log.String(); strings.Contains(text, b.cookies[sessionCookie].Value) || strings.Contains(text, oidctest.Secret) || strings.Contains(text, "code=") {
		t.Error("the log holds something to sign in with")
	}
}

func TestWhoIsNotLetInIsToldWhatToDo(t *testing.T) {
	w := withProvider(t, access.Provider{})
	w.user("anna", access.RoleAdmin)
	for name, c := range map[string]struct {
		claims map[string]any
		spoil  func(map[string]any)
		ends   string
	}{
		"the name of an account that is not linked": {claims: annaAtProvider, ends: "/changes?sign_in=not_linked"},
		"nobody here":            {claims: map[string]any{"sub": "b", "preferred_username": "bert"}, ends: "/changes?sign_in=no_account"},
		"no name":                {claims: map[string]any{"sub": "b"}, ends: "/changes?sign_in=no_name"},
		"a name with spaces":     {claims: map[string]any{"sub": "b", "preferred_username": "b b"}, ends: "/changes?sign_in=no_name"},
		"turned back":            {ends: "/changes?sign_in=denied"},
		"another nonce":          {claims: annaAtProvider, spoil: func(c map[string]any) { c["nonce"] = "x" }, ends: "/changes?sign_in=provider"},
		"for another client":     {claims: annaAtProvider, spoil: func(c map[string]any) { c["aud"] = "other" }, ends: "/changes?sign_in=provider"},
		"for several":            {claims: annaAtProvider, spoil: func(c map[string]any) { c["aud"] = []string{oidctest.Client, "other"} }, ends: "/changes?sign_in=provider"},
		"authorized for another": {claims: annaAtProvider, spoil: func(c map[string]any) { c["azp"] = "other" }, ends: "/changes?sign_in=provider"},
		"of another issuer":      {claims: annaAtProvider, spoil: func(c map[string]any) { c["iss"] = "https://evil.example" }, ends: "/changes?sign_in=provider"},
		"expired":                {claims: annaAtProvider, spoil: func(c map[string]any) { c["exp"] = 1 }, ends: "/changes?sign_in=provider"},
		"without a subject":      {claims: annaAtProvider, spoil: func(c map[string]any) { delete(c, "sub") }, ends: "/changes?sign_in=no_name"},
	} {
		w.provider.Person(c.claims)
		w.provider.Spoil(c.spoil)
		b := w.browser()
		if at := b.signIn(startPath + "?path=/changes"); at != c.ends || b.cookie() != "" {
			t.Errorf("%s: ends at %s, want %s; session %q", name, at, c.ends, b.cookie())
		}
	}
	entries := documentOf[rest.List[rest.AuditEntry]](w.ask(w.admin, "GET", "/api/v1/audit?filter="+url.QueryEscape(`action = "sign_in" AND outcome = "refused"`), nil).is(200))
	if len(entries.Items) < 12 {
		t.Errorf("%d refusals in the audit trail", len(entries.Items))
	}
}

func TestWhatABrowserBringsBackHasToBeItsOwn(t *testing.T) {
	w := withProvider(t, access.Provider{Create: true, Role: access.RoleReader})
	w.provider.Person(annaAtProvider)
	mallory, victim := w.browser(), w.browser()
	planted := mallory.to(mallory.get(mallory.to(mallory.get(startPath))))
	// Somebody else's answer, in a browser that began nothing, and in one that began its own.
	if at := victim.to(victim.get(planted)); at != "/?sign_in=expired" || victim.cookie() != "" {
		t.Errorf("planted: %s", at)
	}
	victim.get(startPath)
	if at := victim.to(victim.get(planted)); at != "/?sign_in=expired" || victim.cookie() != "" {
		t.Errorf("planted beside the own: %s", at)
	}
	for _, forged := range []string{"x", strings.Repeat("A", 200), mallory.cookies[ticketCookie].Value + "A"} {
		victim.cookies[ticketCookie] = &http.Cookie{Name: ticketCookie, Value: forged}
		if at := victim.to(victim.get(CallbackPath + "?code=x&state=")); at != "/?sign_in=expired" {
			t.Errorf("forged: %s", at)
		}
	}
}

func TestASignInNeverLeadsElsewhere(t *testing.T) {
	w := withProvider(t, access.Provider{Create: true, Role: access.RoleReader})
	w.provider.Person(annaAtProvider)
	for _, path := range []string{"//evil.example", "https://evil.example", `/\evil.example`, `\\evil.example`, "/%2f/evil.example/../", "javascript:alert(1)", "/\t/evil.example", "//evil.example@x", "/api/v1/session", "evil.example", "", "///evil.example"} {
		b := w.browser()
		at := b.signIn(startPath + "?path=" + url.QueryEscape(path))
		u, err := url.Parse(w.url + "/page")
		must(t, err)
		end, err := u.Parse(at)
		if err != nil || end.Host != u.Host || strings.HasPrefix(at, "//") || strings.HasPrefix(at, "/api/") || strings.Contains(at, `\`) {
			t.Errorf("%q leads to %q", path, at)
		}
	}
}

func TestGroupsLeadToTeams(t *testing.T) {
	w := withProvider(t, access.Provider{Create: true, Role: access.RoleNone, Teams: []access.TeamMapping{
		{Group: "OPS", Tenant: "default", Team: "Operations"}, {Group: "dba", Tenant: "default", Team: "Databases"}, {Group: "ops", Tenant: "other", Team: "Theirs"},
		{Group: "all", Tenant: "default", Team: "no such team"}}})
	team := func(name string, members ...rest.TeamMember) string {
		return documentOf[rest.Team](w.ask(w.admin, "POST", "/api/v1/teams", rest.TeamWrite{Name: name, Members: append([]rest.TeamMember{}, members...)}).is(201)).ID
	}
	w.ask(w.stranger, "POST", "/api/v1/teams", rest.TeamWrite{Name: "Theirs", Members: []rest.TeamMember{}}).is(201)
	ops, dba, byHand := team("Operations"), team("Databases"), team("By hand")
	members := func(id string) string {
		var names []string
		for _, m := range documentOf[rest.Team](w.ask(w.admin, "GET", "/api/v1/teams/"+id, nil).is(200)).Members {
			names = append(names, m.Username+":"+m.Role+":"+m.Mapped)
		}
		return strings.Join(names, " ")
	}
	signIn := func(groups any) {
		t.Helper()
		w.provider.Told(map[string]any{"sub": "a-1", "preferred_username": "anna"}, map[string]any{"groups": groups})
		if at := w.browser().signIn(startPath); at != "/" {
			t.Fatalf("ends at %s", at)
		}
	}
	signIn([]string{"ops", "all"})
	if got := members(ops); got != "anna:member:oidc" {
		t.Errorf("operations: %q", got)
	}
	if got := members(dba); got != "" {
		t.Errorf("databases: %q", got)
	}
	// By hand into another, and to a lead of the one: what people decided stays.
	w.ask(w.admin, "PUT", "/api/v1/teams/"+byHand, rest.TeamWrite{Name: "By hand", Members: []rest.TeamMember{{Username: "anna", Role: "member"}}}, "If-Match", `"1"`).is(200)
	w.ask(w.admin, "PUT", "/api/v1/teams/"+ops, rest.TeamWrite{Name: "Operations", Members: []rest.TeamMember{{Username: "anna", Role: "lead"}}}, "If-Match", `"2"`).is(200)
	signIn([]any{"dba", 7, nil})
	for id, want := range map[string]string{ops: "", dba: "anna:member:oidc", byHand: "anna:member:"} {
		if got := members(id); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	signIn("ops")
	if got := members(ops) + members(dba); got != "anna:member:oidc" {
		t.Errorf("one group as a text: %q", got)
	}
}

func TestLinkingOnesOwnAccount(t *testing.T) {
	w := withProvider(t, access.Provider{})
	w.user("anna", access.RoleReader)
	w.provider.Person(annaAtProvider)
	b := w.browser()
	b.cookies[sessionCookie] = &http.Cookie{Name: sessionCookie, Value: strings.TrimPrefix(w.signIn("anna"), sessionCookie+"=")}
	// Only our own page begins it: another could have its own sign-in linked.
	if at := b.to(b.get(startPath+"?link=1&path=/account", "Sec-Fetch-Site", "cross-site")); at != "/account?sign_in=not_linked_here" {
		t.Errorf("from elsewhere: %s", at)
	}
	if at := b.signIn(startPath+"?link=1&path=/account", "Sec-Fetch-Site", "same-origin"); at != "/account?sign_in=linked" {
		t.Errorf("ends at %s", at)
	}
	fresh := w.browser()
	if at := fresh.signIn(startPath); at != "/" || w.session(fresh).Username != "anna" {
		t.Errorf("signing in ends at %s", at)
	}
	// Somebody else cannot link the same.
	w.user("bert", access.RoleReader)
	other := w.browser()
	other.cookies[sessionCookie] = &http.Cookie{Name: sessionCookie, Value: strings.TrimPrefix(w.signIn("bert"), sessionCookie+"=")}
	if at := other.signIn(startPath+"?link=1&path=/account", "Sec-Fetch-Site", "same-origin"); at != "/account?sign_in=linked_elsewhere" {
		t.Errorf("ends at %s", at)
	}
	// An administrator takes it back: sessions end, and the way in is closed.
	w.ask(w.reader, "DELETE", "/api/v1/users/anna/providers", nil).is(403)
	w.ask(w.admin, "DELETE", "/api/v1/users/anna/providers", nil).is(204)
	w.ask("", "GET", "/api/v1/session", nil, "Cookie", fresh.cookie()).is(401)
	if at := fresh.signIn(startPath); at != "/?sign_in=not_linked" {
		t.Errorf("afterwards: %s", at)
	}
}

func TestLinkingByEmailNeedsAVerifiedOneAndLeave(t *testing.T) {
	for name, c := range map[string]struct {
		allowed, verified bool
		ends              string
	}{
		"allowed and verified": {true, true, "/"},
		"not verified":         {true, false, "/?sign_in=no_account"},
		"not allowed":          {false, true, "/?sign_in=no_account"},
	} {
		w := withProvider(t, access.Provider{LinkByEmail: c.allowed})
		w.ask(w.admin, "POST", "/api/v1/users", rest.UserCreate{Username: "a.smith", Email: "Anna@example.org", Role: "reader"}).is(201)
		<-w.mailbox // the invitation
		w.provider.Person(map[string]any{"sub": "a-1", "preferred_username": "anna", "email": "anna@EXAMPLE.org", "email_verified": c.verified})
		b := w.browser()
		if at := b.signIn(startPath); at != c.ends {
			t.Errorf("%s: ends at %s", name, at)
		}
		if c.ends == "/" && w.session(b).Username != "a.smith" {
			t.Errorf("%s: %+v", name, w.session(b))
		}
	}
}

func TestADisabledAccountStaysOut(t *testing.T) {
	w := withProvider(t, access.Provider{Create: true, Role: access.RoleReader})
	w.provider.Person(annaAtProvider)
	b := w.browser()
	b.signIn(startPath)
	w.ask(w.admin, "PUT", "/api/v1/users/anna", rest.UserWrite{Role: "reader", Disabled: true}, "If-Match", `"2"`).is(200)
	w.ask("", "GET", "/api/v1/session", nil, "Cookie", b.cookie()).is(401)
	if at := b.signIn(startPath); at != "/?sign_in=disabled" {
		t.Errorf("ends at %s", at)
	}
}
