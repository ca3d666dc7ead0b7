package api

import (
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

func TestRolesOverTheAPI(t *testing.T) {
	w := newWorld(t)
	e := documentOf[rest.Everybody](w.ask(w.admin, "GET", "/api/v1/everybody", nil).is(200))
	if e.Groups == nil || len(e.Groups) != 0 || e.Version != 0 {
		t.Fatalf("%+v", e)
	}
	w.ask(w.admin, "POST", "/api/v1/permission-groups", map[string]any{"name": "Operators", "actions": []string{}}).problem(422)
	w.ask(w.admin, "POST", "/api/v1/permission-groups", map[string]any{"name": "operators", "actions": []string{"rule.the.world"}}).problem(422)
	g := documentOf[rest.PermissionGroup](w.ask(w.admin, "POST", "/api/v1/permission-groups", map[string]any{"name": "operators", "actions": []string{"run.request", "read"}}).is(201))
	if g.Version != 1 || !slices.Equal(g.Actions, []string{"read", "run.request"}) || g.BuiltIn {
		t.Errorf("%+v", g)
	}
	w.ask(w.admin, "POST", "/api/v1/roles", map[string]any{"name": "operations", "groups": []string{"nosuch"}}).problem(422)
	w.ask(w.admin, "PUT", "/api/v1/roles/operations", map[string]any{"groups": []string{}}, "If-Match", `"0"`).problem(404)
	w.ask(w.admin, "POST", "/api/v1/roles", map[string]any{"name": "operations", "groups": []string{"operators"}, "description": "Keeps it going"}).is(201)
	w.ask(w.admin, "POST", "/api/v1/roles", map[string]any{"name": "operations", "groups": []string{}}).problem(409)
	w.user("olga", "operations")
	cookie := []string{"Cookie", w.signIn("olga"), "X-Maestro-CSRF", "1"}
	s := documentOf[rest.Session](w.ask("", "GET", "/api/v1/session", nil, cookie...).is(200))
	if s.Role != "operations" || !slices.Equal(s.Actions, []string{"read", "run.request"}) || !slices.Equal(s.Somewhere, s.Actions) {
		t.Errorf("%+v", s)
	}
	w.ask("", "GET", "/api/v1/resources/server", nil, cookie...).is(200)
	w.ask("", "GET", "/api/v1/audit", nil, cookie...).problem(403)
	w.ask("", "GET", "/api/v1/roles", nil, cookie...).problem(403)
	if p := w.ask(w.admin, "DELETE", "/api/v1/permission-groups/operators", nil).problem(409); !strings.Contains(p.Detail, "operations") {
		t.Error(p.Detail)
	}
	w.ask(w.admin, "PUT", "/api/v1/permission-groups/operators", map[string]any{"actions": []string{"audit.read"}}, "If-Match", `"1"`).is(200)
	w.ask("", "GET", "/api/v1/audit", nil, cookie...).is(200)
	w.ask("", "GET", "/api/v1/resources/server", nil, cookie...).problem(403)
	list := documentOf[rest.List[rest.Role]](w.ask(w.admin, "GET", "/api/v1/roles?filter=users+%3E+0", nil).is(200))
	if len(list.Items) != 1 || list.Items[0].Name != "operations" || list.Items[0].Users != 1 {
		t.Errorf("%+v", list.Items)
	}
}

// Who manages users gets no further by it, and is told what is missing; why somebody can see something names role and group.
func TestWhatIsBeyondSomebodyIsNamed(t *testing.T) {
	w := newWorld(t)
	w.ask(w.admin, "POST", "/api/v1/permission-groups", map[string]any{"name": "keepers", "actions": []string{"read", "user.manage", "role.manage"}}).is(201)
	w.ask(w.admin, "POST", "/api/v1/roles", map[string]any{"name": "keeper", "groups": []string{"keepers"}}).is(201)
	w.user("kim", "keeper")
	w.user("ada", access.RoleAdmin)
	cookie := []string{"Cookie", w.signIn("kim"), "X-Maestro-CSRF", "1"}
	for _, op := range []struct {
		method, path string
		body         map[string]any
	}{
		{"POST", "/users", map[string]any{"username": "new", "role": "admin"}},
		{"POST", "/users", map[string]any{"username": "new", "role": "none", "groups": []string{"manage"}}},
		{"POST", "/users/ada/link", nil},
		{"DELETE", "/users/ada/second-factor", nil},
		{"DELETE", "/users/ada", nil},
		{"POST", "/roles", map[string]any{"name": "mine", "groups": []string{"full_access"}}},
		{"POST", "/permission-groups", map[string]any{"name": "mine", "actions": []string{"agent.manage"}}},
	} {
		p := w.ask("", op.method, "/api/v1"+op.path, op.body, cookie...).problem(403)
		if !strings.Contains(p.Detail, "agent.manage") {
			t.Errorf("%s %s: %s", op.method, op.path, p.Detail)
		}
	}
	dc := documentOf[rest.Datacenter](w.ask(w.admin, "POST", "/api/v1/datacenters", rest.DatacenterWrite{Name: "FRA1"}).is(201))
	x := documentOf[rest.AccessExplained](w.ask(w.admin, "GET", "/api/v1/access/datacenter/"+dc.ID+"/explain?subject=user:kim", nil).is(200))
	if !strings.Contains(x.Found, "read by the role keeper (permission group keepers)") {
		t.Error(x.Found)
	}
	w.user("nina", access.RoleNone)
	w.ask(w.admin, "PUT", "/api/v1/everybody", map[string]any{"groups": []string{"resources_read_only"}}, "If-Match", `"0"`).is(200)
	x = documentOf[rest.AccessExplained](w.ask(w.admin, "GET", "/api/v1/access/datacenter/"+dc.ID+"/explain?subject=user:nina", nil).is(200))
	if !strings.Contains(x.Found, "read by the permission group resources_read_only that everybody has") {
		t.Error(x.Found)
	}
}

// TestARefusalNamesWhatRefuses: the role, or the groups that somebody has in its place, or that everybody has.
func TestARefusalNamesWhatRefuses(t *testing.T) {
	w := newWorld(t)
	w.ask(w.admin, "POST", "/api/v1/permission-groups", map[string]any{"name": "look", "actions": []string{"read"}}).is(201)
	for _, name := range []string{"rolf", "gina"} {
		w.user(name, access.RoleReader)
	}
	w.user("eve", access.RoleNone)
	w.ask(w.admin, "PUT", "/api/v1/users/gina", rest.UserWrite{Role: "reader", Groups: []string{"look"}}, "If-Match", `"1"`).is(200)
	w.ask(w.admin, "PUT", "/api/v1/everybody", map[string]any{"groups": []string{"look"}}, "If-Match", `"0"`).is(200)
	for name, want := range map[string]string{
		"rolf": "Your role (reader) does not allow this.", "gina": "The permission groups that you have in place of a role (look) do not allow this.", "eve": "What everybody may do here (look) does not allow this.",
	} {
		if p := w.browser(w.signIn(name), "POST", "/teams", map[string]any{"name": "x", "members": []any{}}).problem(403); !strings.HasPrefix(p.Detail, want) {
			t.Errorf("%s: %s", name, p.Detail)
		}
	}
}

// TestAccessTellsWhyARightIsOfNoUse: who was invited or is disabled is listed with that, what has ended is not, and a team is explained as people are.
func TestAccessTellsWhyARightIsOfNoUse(t *testing.T) {
	w := newWorld(t)
	w.invited("ines", "reader")
	w.user("dora", access.RoleReader)
	w.ask(w.admin, "PUT", "/api/v1/users/dora", rest.UserWrite{Role: "reader", Disabled: true}, "If-Match", `"1"`).is(200)
	ended := documentOf[rest.Token](w.ask(w.admin, "POST", "/api/v1/tokens", rest.TokenCreate{Name: "ended", Role: "reader", TTLSeconds: 1}).is(201))
	dc := documentOf[rest.Datacenter](w.ask(w.admin, "POST", "/api/v1/datacenters", rest.DatacenterWrite{Name: "FRA1"}).is(201))
	at := "/api/v1/access/datacenter/" + dc.ID
	off := func() map[string]string {
		is := map[string]string{}
		for _, e := range documentOf[rest.AccessTo](w.ask(w.admin, "GET", at, nil).is(200)).Entries {
			is[e.Subject.Name] = e.OffBecause
		}
		return is
	}
	if is := off(); is["ines"] != access.OffInvited || is["dora"] != access.OffDisabled {
		t.Errorf("%v", is)
	}
	for !time.Now().After(ended.ExpiresAt) {
		time.Sleep(10 * time.Millisecond)
	}
	if _, there := off()["ended"]; there {
		t.Error("a token that has ended is listed with a right")
	}
	explain := func(subject string) rest.AccessExplained {
		return documentOf[rest.AccessExplained](w.ask(w.admin, "GET", at+"/explain?subject="+subject, nil).is(200))
	}
	if x := explain("token:" + ended.ID); x.Advice != "This token has ended: it may do nothing any more." {
		t.Errorf("%+v", x)
	}
	team := documentOf[rest.Team](w.ask(w.admin, "POST", "/api/v1/teams", map[string]any{"name": "Operators", "members": []any{}}).is(201))
	if x := explain("team:" + team.ID); x.Found != "The team Operators does not lead to the datacenter FRA1: nothing was granted to it on the datacenter itself or on the whole tenant." {
		t.Errorf("%+v", x)
	}
	w.ask(w.admin, "POST", "/api/v1/grants", rest.GrantWrite{Subject: rest.AccessSubject{Type: "team", ID: team.ID}, Right: "write", Target: rest.AccessTarget{Kind: "datacenter", ID: dc.ID}}).is(201)
	if x := explain("team:" + team.ID); x.Entry.Right != "write" || x.Found != "By the team Operators its members can read the datacenter FRA1, and read and change what is in it: write granted on the datacenter FRA1." {
		t.Errorf("%+v", x)
	}
	w.ask(w.admin, "GET", at+"/explain?subject=team:nobody", nil).problem(404)
}
