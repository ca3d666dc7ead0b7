package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

// twoTenants is the world of one open and one hidden datacenter, whose reader of the open one is a member of the tenant other too.
func twoTenants(t *testing.T) *rightsWorld {
	t.Helper()
	w := newRightsWorld(t, true)
	must(t, w.access.EnsureTenant(t.Context(), "other", "Other"))
	w.ask(w.admin, "PUT", "/api/v1/tenants/other/members/reader1", rest.TenantMemberWrite{Role: "reader"}).is(200)
	for i := range 3 {
		w.ask(w.stranger, "POST", "/api/v1/resources/server", map[string]any{"name": fmt.Sprintf("theirs-%d", i)}).is(201)
	}
	return w
}

func (w *rightsWorld) in(tenant, path string) *answer {
	w.t.Helper()
	return w.ask("", "GET", path, nil, "Cookie", w.cookie, headerTenant, tenant)
}

// TestAMemberOfTwoTenantsSeesEachByItself: everything that the API answers about one tenant tells nothing of the other, though the same
// person with the same session asks.
func TestAMemberOfTwoTenantsSeesEachByItself(t *testing.T) {
	w := twoTenants(t)
	asked := 0
	for _, st := range []site{w.open, w.hidden} {
		for id, path := range w.reads(t, st) {
			asked++
			a := w.in("other", path)
			if a.status >= 500 || w.tells(a.body) && !strings.Contains(path, marked) || strings.Contains(string(a.body), "open-") {
				t.Errorf("%s as a member of other tells of default: %d %s", id, a.status, a.body)
			}
			b := w.in("default", path)
			if b.status >= 500 || w.tells(b.body) && !strings.Contains(path, marked) && !strings.Contains(path, w.hidden.server) && !strings.Contains(path, w.hidden.connection) || strings.Contains(string(b.body), "theirs-") {
				t.Errorf("%s as a user of default tells too much: %d %s", id, b.status, b.body)
			}
		}
	}
	if asked < 100 {
		t.Errorf("only %d questions", asked)
	}
	w.in("nowhere", "/api/v1/kinds").problem(403)
	w.ask(w.admin, "GET", "/api/v1/kinds", nil, headerTenant, "other").problem(403)
	w.ask(w.admin, "GET", "/api/v1/kinds", nil, headerTenant, "default").is(200)
}

// pagesOf reads a list over several tenants to its end, two rows at a time.
func pagesOf[T any](w *rightsWorld, path string) []string {
	w.t.Helper()
	var all []string
	sign := "?"
	if strings.Contains(path, "?") {
		sign = "&"
	}
	for token := ""; ; {
		l := documentOf[rest.MineList[T]](w.ask("", "GET", path+sign+"page_size=2&page_token="+token, nil, "Cookie", w.cookie).is(200))
		for _, x := range l.Items {
			all = append(all, x.Tenant+" "+idOfItem(x.Item))
		}
		if token = l.NextPageToken; token == "" {
			if l.TotalSize != len(all) {
				w.t.Errorf("%s counts %d and shows %d", path, l.TotalSize, len(all))
			}
			return all
		}
		if len(all) > 1000 {
			w.t.Fatalf("%s does not end", path)
		}
	}
}

func idOfItem(x any) string {
	switch v := x.(type) {
	case rest.Resource:
		return v.ID
	case rest.ResourceHead:
		return v.ID
	case rest.Connection:
		return v.ID
	case rest.Agent:
		return v.ID
	case rest.Run:
		return v.ID
	}
	return ""
}

func sumOf[T any](w *rightsWorld, path string) []string {
	w.t.Helper()
	var all []string
	for _, tenant := range []string{"default", "other"} {
		for _, x := range documentOf[rest.List[T]](w.in(tenant, path).is(200)).Items {
			all = append(all, tenant+" "+idOfItem(x))
		}
	}
	return all
}

// TestAllMineIsTheSumOfWhatOneSeesInEach, page by page, with nothing twice and nothing left out.
func TestAllMineIsTheSumOfWhatOneSeesInEach(t *testing.T) {
	w := twoTenants(t)
	for what, pair := range map[string][2][]string{
		"servers":     {pagesOf[rest.Resource](w, "/api/v1/mine/resources/server"), sumOf[rest.Resource](w, "/api/v1/resources/server")},
		"some":        {pagesOf[rest.Resource](w, "/api/v1/mine/resources/server?filter=name:0"), sumOf[rest.Resource](w, "/api/v1/resources/server?filter=name:0")},
		"found":       {pagesOf[rest.ResourceHead](w, "/api/v1/mine/search?q=theirs"), sumOf[rest.ResourceHead](w, "/api/v1/resources?q=theirs")},
		"connections": {pagesOf[rest.Connection](w, "/api/v1/mine/connections"), sumOf[rest.Connection](w, "/api/v1/connections")},
		"agents":      {pagesOf[rest.Agent](w, "/api/v1/mine/agents"), sumOf[rest.Agent](w, "/api/v1/agents")},
		"runs":        {pagesOf[rest.Run](w, "/api/v1/mine/runs"), sumOf[rest.Run](w, "/api/v1/runs")},
	} {
		got, want := pair[0], pair[1]
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n all mine %v\n the sum  %v", what, got, want)
		}
	}
	if got := pagesOf[rest.Resource](w, "/api/v1/mine/resources/server"); len(got) != 5 {
		t.Errorf("2 servers here and 3 there, but %v", got)
	}
	sums := documentOf[rest.List[rest.PlaceSummary]](w.ask("", "GET", "/api/v1/mine", nil, "Cookie", w.cookie).is(200))
	if len(sums.Items) != 2 {
		t.Errorf("%+v", sums)
	}
	for _, path := range []string{"/api/v1/mine", "/api/v1/mine/resources/server", "/api/v1/mine/search?q=zz", "/api/v1/mine/connections", "/api/v1/mine/runs", "/api/v1/session/tenants"} {
		if a := w.ask("", "GET", path, nil, "Cookie", w.cookie).is(200); w.tells(a.body) {
			t.Errorf("%s tells of what is hidden: %s", path, a.body)
		}
	}
	w.ask("", "GET", "/api/v1/mine/resources/server?page_token=x", nil, "Cookie", w.cookie).problem(400)
	w.ask("", "GET", "/api/v1/mine/resources/server?filter=nosuchfield%3Dx", nil, "Cookie", w.cookie).problem(400)
}

func TestTenantsAreManagedByTheInstallationsAdministrators(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleAdmin)
	cookie := w.signIn("anna")
	as := func(method, path string, body any, header ...string) *answer {
		return w.ask("", method, path, body, append([]string{"Cookie", cookie, "X-Maestro-CSRF", "1"}, header...)...)
	}
	made := documentOf[rest.Tenant](as("POST", "/api/v1/tenants", rest.TenantCreate{ID: "acme", Name: "Acme <b>"}).is(201))
	as("POST", "/api/v1/tenants", rest.TenantCreate{ID: "acme", Name: "Again"}).problem(409)
	as("POST", "/api/v1/tenants", rest.TenantCreate{ID: "Acme!", Name: "Wrong"}).problem(422)
	w.ask(w.admin, "POST", "/api/v1/tenants", rest.TenantCreate{ID: "birch", Name: "Birch"}).problem(422) // a token is nobody
	w.ask(w.admin, "POST", "/api/v1/tenants", rest.TenantCreate{ID: "birch", Name: "Birch", Administrator: "nobody"}).problem(422)
	w.ask(w.stranger, "GET", "/api/v1/tenants", nil).problem(403)
	w.ask(w.stranger, "GET", "/api/v1/tenants/acme/members", nil).problem(404)
	w.ask(w.stranger, "GET", "/api/v1/tenants/other/members", nil).is(200)
	places := documentOf[rest.List[rest.Place]](as("GET", "/api/v1/session/tenants", nil).is(200))
	if len(places.Items) != 2 {
		t.Fatalf("%+v", places)
	}
	entered := as("PUT", "/api/v1/session/tenant", rest.TenantChoice{ID: "acme"}).is(200)
	if before := cookie; entered.cookie() == before {
		t.Error("another tenant with the same cookie")
	}
	cookie = entered.cookie()
	session := documentOf[rest.Session](entered)
	if session.Tenant != "acme" || session.TenantName != "Acme <b>" || session.Home != "default" || !slices.Contains(session.Actions, "tenant.manage") {
		t.Errorf("%+v", session)
	}
	if rules := documentOf[rest.Mapping](as("GET", "/api/v1/mapping", nil).is(200)); len(rules.Rules) == 0 {
		t.Error("a new tenant has no usual rules")
	}
	token := documentOf[rest.Token](as("POST", "/api/v1/tokens", rest.TokenCreate{Name: "ci", Role: "reader"}).is(201)).Secret
	if s := documentOf[rest.Session](w.ask(token, "GET", "/api/v1/session", nil).is(200)); s.Tenant != "acme" || slices.Contains(s.Actions, "tenant.manage") {
		t.Errorf("a token that was made in a tenant is %+v", s)
	}
	as("PUT", "/api/v1/tenants/acme", rest.TenantWrite{Name: "Acme", Disabled: true, Reason: "unpaid"}, "If-Match", etag(made.Version)).is(200)
	if p := w.ask(token, "GET", "/api/v1/session", nil).problem(http.StatusForbidden); !strings.Contains(p.Detail, "unpaid") {
		t.Errorf("a token of a disabled tenant is told %q", p.Detail)
	}
	as("GET", "/api/v1/session", nil).problem(http.StatusForbidden)
	as("GET", "/api/v1/session", nil, headerTenant, "default").is(200)
	all := documentOf[rest.List[rest.Place]](as("GET", "/api/v1/session/tenants", nil, headerTenant, "default").is(200))
	if len(all.Items) != 2 || !slices.ContainsFunc(all.Items, func(p rest.Place) bool { return p.Disabled }) {
		t.Errorf("%+v", all)
	}
}
