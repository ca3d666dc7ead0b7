package api

import (
	"strings"
	"testing"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

// A tenant shows its own logo, one without shows the installation's, and nobody sees another tenant's.
func TestLogosOfTenants(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleAdmin)
	anna := w.signIn("anna")
	w.browser(anna, "POST", "/tenants", rest.TenantCreate{ID: "acme", Name: "Acme"}).is(201)
	w.browser(anna, "POST", "/tenants", rest.TenantCreate{ID: "bolt", Name: "Bolt"}).is(201)
	logoIn := func(tenant string) string {
		t.Helper()
		a := w.browser(anna, "PUT", "/session/tenant", rest.TenantChoice{ID: tenant}).is(200)
		anna = a.cookie()
		return documentOf[rest.Session](a).Logo
	}
	signIn := func() string {
		t.Helper()
		return documentOf[rest.SignInWays](w.ask("", "GET", "/api/v1/session/ways", nil).is(200)).Logo
	}
	if got := logoIn("acme") + signIn(); got != "" {
		t.Fatalf("a logo that nobody set: %s", got)
	}
	w.ask("", "GET", "/api/v1/logo", nil).problem(404)
	logoIn("default")
	for _, tenant := range []string{"default", "acme"} {
		if res, body := w.send(anna, "PUT", "/api/v1/tenants/"+tenant+"/logo", onePicture(t)); res.StatusCode != 200 {
			t.Fatalf("%d: %s", res.StatusCode, body)
		}
	}
	own, fallback, home := logoIn("acme"), logoIn("bolt"), logoIn("default")
	if !strings.HasPrefix(own, "/api/v1/pictures/") || !strings.HasPrefix(home, "/api/v1/logo?v=") || fallback != home || signIn() != home {
		t.Fatalf("acme %q, bolt %q, first %q, sign-in %q", own, fallback, home, signIn())
	}
	// Whoever is not signed in sees the installation's and no other.
	res, content := w.send("", "GET", home, nil)
	if res.StatusCode != 200 || strings.Contains(content, "script") || res.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
		res.Header.Get("Content-Type") != "image/png" || res.Header.Get("Content-Security-Policy") != picturePolicy || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	if res, _ := w.send("", "GET", "/api/v1/logo?v=before", nil); res.StatusCode != 200 || res.Header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("an old address: %d %q", res.StatusCode, res.Header.Get("Cache-Control"))
	}
	if res, _ := w.send("", "GET", own, nil); res.StatusCode != 401 {
		t.Errorf("a tenant's logo without signing in: %d", res.StatusCode)
	}
	logoIn("bolt")
	w.browser(anna, "GET", strings.TrimPrefix(own, "/api/v1"), nil).problem(404)
	for what, token := range map[string]string{"an administrator of another tenant": w.stranger, "a reader": w.reader} {
		if res, _ := w.send(token, "PUT", "/api/v1/tenants/other/logo", onePicture(t)); res.StatusCode != 403 {
			t.Errorf("%s sets a logo: %d", what, res.StatusCode)
		}
	}
	logoIn("acme")
	w.browser(anna, "GET", strings.TrimPrefix(own, "/api/v1"), nil).is(200)
	logoIn("default")
	for file, status := range map[string]int{"<svg onload=alert(1)>": 422, "": 400} {
		if res, _ := w.send(anna, "PUT", "/api/v1/tenants/acme/logo", []byte(file)); res.StatusCode != status {
			t.Errorf("%q: %d", file, res.StatusCode)
		}
	}
	if res, _ := w.send(anna, "PUT", "/api/v1/tenants/nobody/logo", onePicture(t)); res.StatusCode != 404 {
		t.Errorf("of a tenant that is not: %d", res.StatusCode)
	}
	if list := documentOf[rest.List[rest.Tenant]](w.browser(anna, "GET", "/tenants", nil).is(200)).Items; len(list) < 3 || list[0].Name != "Acme" || !strings.HasPrefix(list[0].Logo, "/api/v1/tenants/acme/logo?v=") {
		t.Errorf("%+v", list)
	}
	w.browser(anna, "DELETE", "/tenants/acme/logo", nil).is(204)
	if got := logoIn("acme"); got != home {
		t.Errorf("after it was removed: %q", got)
	}
	entries := documentOf[rest.List[rest.AuditEntry]](w.browser(anna, "GET", "/audit", nil).is(200)).Items
	var actions []string
	for _, e := range entries {
		actions = append(actions, e.Action)
	}
	if said := strings.Join(actions, " "); !strings.Contains(said, "tenant.set_picture") || !strings.Contains(said, "tenant.remove_picture") {
		t.Errorf("the tenant's audit trail: %s", said)
	}
}
