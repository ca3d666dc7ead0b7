package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/internal/rest"
)

// client records one.
func (w *world) client(name string) string {
	w.t.Helper()
	return documentOf[rest.Resource](w.ask(w.admin, "POST", "/api/v1/resources/client", map[string]any{"name": name}).is(201)).ID
}

// account is the path and version of a datacenter or connection.
func (w *world) account(kind, id string) (path, version string) {
	w.t.Helper()
	path = "/api/v1/" + kind + "s/" + id
	a := w.ask(w.admin, "GET", path, nil).is(200)
	return path, a.header.Get("ETag")
}

func (w *world) move(kind, id string, m rest.AccountMove) rest.AccountMoved {
	w.t.Helper()
	path, version := w.account(kind, id)
	return documentOf[rest.AccountMoved](w.ask(w.admin, "POST", path+"/move", m, "If-Match", version).is(200))
}

// movedWorld has a hidden datacenter that serves a client, whose reader also has grants of his own in it.
func movedWorld(t *testing.T, withHidden bool) (w *rightsWorld, old, next string) {
	t.Helper()
	w = newRightsWorld(t, withHidden)
	old = w.client("old")
	w.grant("user:reader1", access.RightRead, access.Target{Kind: access.KindClient, ID: old, Name: "old"})
	if !withHidden {
		return w, old, ""
	}
	next = w.client(marked + "-client")
	w.user("next1", access.RoleNone)
	w.grant("user:next1", access.RightRead, access.Target{Kind: access.KindClient, ID: next, Name: marked})
	w.move("datacenter", w.hidden.datacenter, rest.AccountMove{Client: old})
	w.grant("user:reader1", access.RightWrite, access.Target{Kind: access.KindDatacenter, ID: w.hidden.datacenter, Name: marked})
	w.grant("user:reader1", access.RightRead, access.Target{Kind: access.KindConnection, ID: w.hidden.connection, Name: marked})
	w.grant("user:reader1", access.RightRead, access.Target{Kind: "server", ID: w.hidden.server, Name: marked})
	return w, old, next
}

// TestMovingAnAccountCutsAccess asks every GET as somebody of the client that an account was taken from: nothing names it, and every answer is the
// same as where it never was.
func TestMovingAnAccountCutsAccess(t *testing.T) {
	w, _, next := movedWorld(t, true)
	without, _, _ := movedWorld(t, false)
	told := func(cookie string) (n int) {
		for _, op := range w.readable() {
			body := string(w.ask("", "GET", op.asked(w.at(op.path, w.hidden)), nil, "Cookie", cookie).body)
			if slices.ContainsFunc([]string{w.hidden.server, w.hidden.datacenter, w.hidden.connection, w.hidden.run}, func(id string) bool { return strings.Contains(body, id) }) {
				n++
			}
		}
		return n
	}
	newcomer := w.signIn("next1")
	if n := told(w.cookie); n < 20 {
		t.Errorf("before, only %d operations show the client's people what serves them", n)
	}
	if n := told(newcomer); n > 0 {
		t.Errorf("before, %d operations show it to the other client's", n)
	}
	stream := w.listen("", "", "Cookie", w.cookie)
	stream.until("hello", "")
	before := time.Now()
	done := w.move("datacenter", w.hidden.datacenter, rest.AccountMove{Client: next, Reason: "sold"})
	if done.From.Name != "old" || done.To.ID != next || done.Resources < 4 || len(done.Connections) != 1 || len(done.Grants) != 4 {
		t.Errorf("moved: %+v", done)
	}
	began := time.Now()
	stream.ends()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the live stream went on for %v", took)
	}
	w.looksLike(without)
	if n := told(newcomer); n < 20 {
		t.Errorf("afterwards, only %d operations show it to the new client's people", n)
	}
	past := w.ask("", "GET", "/api/v1/resources/server?"+url.Values{"as_of": {before.UTC().Format(time.RFC3339Nano)}, "filter": {`datacenter = "` + w.hidden.datacenter + `"`}}.Encode(), nil, "Cookie", newcomer)
	if l := documentOf[rest.List[rest.Resource]](past.is(200)); len(l.Items) != 4 {
		t.Errorf("as it was before the move the new client's people see %d servers", len(l.Items))
	}
	for _, op := range describedOperations(t) { // and what is named is not there
		path := w.at(op.path, w.hidden)
		if op.method != "GET" || op.public || !strings.Contains(op.path, "{id}") || path == "" || strings.Contains(path, "/session/") || (operation{id: op.id}).own() {
			continue
		}
		if a := w.ask("", "GET", op.asked(path), nil, "Cookie", w.cookie); a.status != http.StatusNotFound && a.status != http.StatusForbidden {
			t.Errorf("%s: %d: %s", path, a.status, a.body)
		}
	}
	page, err := w.audit.List(t.Context(), "default", audit.Query{Action: "datacenter.move", ObjectID: w.hidden.datacenter})
	must(t, err)
	if e := page.Entries[0]; len(page.Entries) != 2 || e.Outcome != audit.OK || e.Detail["taken"] != 4.0 || e.Detail["from"].(map[string]any)["name"] != "old" || e.Detail["to"].(map[string]any)["name"] != marked+"-client" || e.Reason != "sold" {
		t.Errorf("audit: %+v", page.Entries)
	}
	page, err = w.audit.List(t.Context(), "default", audit.Query{ObjectID: w.hidden.connection, Action: "connection.move"})
	must(t, err)
	if len(page.Entries) != 2 {
		t.Errorf("the connection's own history has %d entries", len(page.Entries))
	}
}

func TestMovingPreviewsAndKeeps(t *testing.T) {
	w, old, next := movedWorld(t, true)
	team := documentOf[rest.Team](w.ask(w.admin, "POST", "/api/v1/teams", map[string]any{"name": "Operators", "members": []any{map[string]any{"username": "reader1", "role": "member"}}}).is(201))
	g := w.grant("team:"+team.ID, access.RightWrite, access.Target{Kind: access.KindDatacenter, ID: w.hidden.datacenter, Name: marked})
	path, version := w.account("datacenter", w.hidden.datacenter)
	plan := w.move("datacenter", w.hidden.datacenter, rest.AccountMove{Client: next, Keep: []string{g.ID}, DryRun: true})
	kept := slices.DeleteFunc(slices.Clone(plan.Grants), func(g rest.AccountGrant) bool { return !g.Kept })
	if len(plan.Grants) != 5 || len(kept) != 1 || kept[0].ID != g.ID || len(plan.Loses) != 0 || len(plan.Gains) != 1 || plan.Gains[0].Subject.ID != "next1" {
		t.Errorf("plan: %+v", plan)
	}
	if _, now := w.account("datacenter", w.hidden.datacenter); now != version {
		t.Error("a dry run wrote something")
	}
	if plan = w.move("datacenter", w.hidden.datacenter, rest.AccountMove{Client: next, DryRun: true}); len(plan.Loses) != 1 || plan.Loses[0].Before != "write" || plan.Loses[0].After != "none" {
		t.Errorf("plan without keeping: %+v", plan.Loses)
	}
	w.ask(w.admin, "POST", path+"/move", rest.AccountMove{Client: next}, "If-Match", `"99"`).is(412)
	if p := w.ask(w.admin, "POST", path+"/move", rest.AccountMove{Client: old}, "If-Match", version).problem(422); p.Detail != `The datacenter "`+marked+`-dc" serves the client "old" already.` {
		t.Errorf("to whom it serves already: %s", p.Detail)
	}
	// What somebody is granted on the new client by a team is granted to him too, so his own stay; a team that has it keeps its own.
	also := documentOf[rest.Team](w.ask(w.admin, "POST", "/api/v1/teams", map[string]any{"name": "New", "members": []any{map[string]any{"username": "reader1", "role": "member"}}}).is(201))
	inTeam := w.grant("team:"+also.ID, access.RightRead, access.Target{Kind: access.KindClient, ID: next, Name: marked})
	w.grant("team:"+also.ID, access.RightRead, access.Target{Kind: access.KindDatacenter, ID: w.hidden.datacenter, Name: marked})
	plan = w.move("datacenter", w.hidden.datacenter, rest.AccountMove{Client: next, DryRun: true})
	if len(plan.Grants) != 2 || slices.ContainsFunc(plan.Grants, func(g rest.AccountGrant) bool { return g.Subject.Type == "user" || g.Subject.ID == also.ID }) {
		t.Errorf("who has it on the new client by a team loses his own: %+v", plan.Grants)
	}
	w.ask(w.admin, "DELETE", "/api/v1/grants/"+inTeam.ID, nil).is(204)
	w.ask(w.admin, "POST", path+"/move", rest.AccountMove{Client: w.hidden.server}, "If-Match", version).is(422)
	w.move("datacenter", w.hidden.datacenter, rest.AccountMove{Client: next, Keep: []string{g.ID}})
	d := documentOf[rest.Datacenter](w.ask("", "GET", path, nil, "Cookie", w.cookie).is(200))
	if d.Client != nil {
		t.Errorf("who sees the datacenter by a grant of his own is told of its client: %+v", d.Client)
	}
	// Both ways, and to nobody.
	w.move("datacenter", w.hidden.datacenter, rest.AccountMove{Client: old})
	if last := w.move("datacenter", w.hidden.datacenter, rest.AccountMove{}); last.To != nil || last.From.ID != old {
		t.Errorf("to nobody: %+v", last)
	}
	w.ask("", "GET", path, nil, "Cookie", w.signIn("next1")).is(404)
}

func TestAGrantSaysThroughWhichClient(t *testing.T) {
	w, old, _ := movedWorld(t, true)
	for _, place := range []struct{ at, words string }{
		{"datacenter/" + w.hidden.datacenter, "read granted on the client old, whose datacenter this is"},
		{"connection/" + w.hidden.connection, "read granted on the client old, whose datacenter " + marked + "-dc this belongs to"},
		{"server/" + w.hidden.server, "read granted on the client old, whose datacenter " + marked + "-dc this belongs to"},
	} {
		e := documentOf[rest.AccessExplained](w.ask(w.admin, "GET", "/api/v1/access/"+place.at+"/explain?subject=user:reader1", nil).is(200))
		if !strings.Contains(e.Found, place.words) || !slices.ContainsFunc(e.Inherits, func(t rest.AccessTarget) bool { return t.ID == old && t.Through != nil }) {
			t.Errorf("%s: %s %+v", place.at, e.Found, e.Inherits)
		}
	}
	// A system that serves the client, and through it a part that lies elsewhere.
	system := documentOf[rest.Resource](w.ask(w.admin, "POST", "/api/v1/resources/system", map[string]any{"name": "shop"}).is(201)).ID
	w.ask(w.admin, "POST", "/api/v1/resources/client/"+old+"/relations", map[string]any{"verb": "uses", "target": map[string]any{"kind": "system", "id": system}}, "If-Match", w.version("client", old)).is(204)
	w.ask(w.admin, "POST", "/api/v1/resources/server/"+w.open.server+"/relations", map[string]any{"verb": "part_of", "target": map[string]any{"kind": "system", "id": system}}, "If-Match", w.version("server", w.open.server)).is(204)
	w.user("only1", access.RoleNone)
	w.grant("user:only1", access.RightRead, access.Target{Kind: access.KindClient, ID: old, Name: "old"})
	w.ask("", "GET", "/api/v1/resources/server/"+w.open.server, nil, "Cookie", w.signIn("only1")).is(200)
	e := documentOf[rest.AccessExplained](w.ask(w.admin, "GET", "/api/v1/access/server/"+w.open.server+"/explain?subject=user:only1", nil).is(200))
	if !strings.Contains(e.Found, "whose system shop this belongs to") {
		t.Errorf("%s", e.Found)
	}
}

// TestWhoAdministersOneClientCannotTakeAnothersAccounts tries it all as somebody who administers the first client.
func TestWhoAdministersOneClientCannotTakeAnothersAccounts(t *testing.T) {
	w, old, next := movedWorld(t, true)
	w.user("boss1", access.RoleNone)
	w.grant("user:boss1", access.RightAdmin, access.Target{Kind: access.KindClient, ID: old, Name: "old"})
	boss := []string{"Cookie", w.signIn("boss1"), "X-Maestro-CSRF", "1"}
	as := func(path, version string, m rest.AccountMove) *answer {
		return w.ask("", "POST", path+"/move", m, append([]string{"If-Match", version}, boss...)...)
	}
	mine, version := w.account("datacenter", w.hidden.datacenter)
	as(mine, version, rest.AccountMove{Client: next}).is(422) // he may not even know that there is one
	w.grant("user:boss1", access.RightWrite, access.Target{Kind: access.KindClient, ID: next, Name: marked})
	as(mine, version, rest.AccountMove{Client: next}).is(403)
	w.move("datacenter", w.open.datacenter, rest.AccountMove{Client: next})
	theirs, version2 := w.account("datacenter", w.open.datacenter)
	as(theirs, version2, rest.AccountMove{Client: old}).is(403)
	w.ask("", "PUT", theirs, rest.DatacenterWrite{Name: "mine now", Client: old}, append([]string{"If-Match", version2}, boss...)...).is(403)
	system := documentOf[rest.Resource](w.ask(w.admin, "POST", "/api/v1/resources/system", map[string]any{"name": "shop", "datacenter": w.open.datacenter}).is(201)).ID
	w.grant("user:boss1", access.RightRead, access.Target{Kind: access.KindClient, ID: next, Name: marked})
	a := w.ask("", "POST", "/api/v1/resources/client/"+old+"/relations", map[string]any{"verb": "uses", "target": map[string]any{"kind": "system", "id": system}}, append([]string{"If-Match", w.version("client", old)}, boss...)...)
	if a.status < 400 {
		t.Errorf("who may only read a system gave it to his client: %d", a.status)
	}
	w.grant("user:boss1", access.RightWrite, access.Target{Kind: access.KindClient, ID: next, Name: marked})
	w.ask("", "POST", "/api/v1/resources/client/"+old+"/merge", map[string]any{"with": next}, append([]string{"If-Match", w.version("client", old)}, boss...)...).is(403)
	// Who administers both may.
	w.grant("user:boss1", access.RightAdmin, access.Target{Kind: access.KindClient, ID: next, Name: marked})
	as(mine, version, rest.AccountMove{Client: next, DryRun: true}).is(200)
	as(mine, version, rest.AccountMove{Client: next}).is(200)
}

func TestAMergedClientKeepsItsAccounts(t *testing.T) {
	w, old, next := movedWorld(t, true)
	w.ask(w.admin, "DELETE", "/api/v1/resources/client/"+old, nil, "If-Match", w.version("client", old)).is(409)
	w.ask(w.admin, "POST", "/api/v1/resources/client/"+next+"/merge", map[string]any{"with": old}, "If-Match", w.version("client", next)).is(200)
	path, version := w.account("datacenter", w.hidden.datacenter)
	d := documentOf[rest.Datacenter](w.ask(w.admin, "GET", path, nil).is(200))
	if d.Client == nil || d.Client.ID != next {
		t.Errorf("it serves %+v", d.Client)
	}
	for _, who := range []string{"reader1", "next1"} {
		w.ask("", "GET", "/api/v1/resources/server/"+w.hidden.server, nil, "Cookie", w.signIn(who)).is(200)
	}
	w.ask(w.admin, "DELETE", "/api/v1/resources/client/"+next, nil, "If-Match", w.version("client", next)).is(409)
	w.ask(w.admin, "PUT", path, rest.DatacenterWrite{Name: "renamed"}, "If-Match", version).is(200)
	if d = documentOf[rest.Datacenter](w.ask(w.admin, "GET", path, nil).is(200)); d.Client == nil || d.Client.ID != next {
		t.Errorf("an edit that says nothing of the client has it serve %+v", d.Client)
	}
}

// TestAConnectionServesAClientOfItsOwn only where its datacenter serves nobody else.
func TestAConnectionServesAClientOfItsOwn(t *testing.T) {
	w, old, next := movedWorld(t, true)
	w.user("own1", access.RoleNone)
	w.grant("user:own1", access.RightRead, access.Target{Kind: access.KindClient, ID: next, Name: marked})
	path, version := w.account("connection", w.hidden.connection)
	w.ask(w.admin, "POST", path+"/move", rest.AccountMove{Client: next}, "If-Match", version).is(422)
	w.move("datacenter", w.hidden.datacenter, rest.AccountMove{})
	if m := w.move("connection", w.hidden.connection, rest.AccountMove{Client: next}); m.Resources != 3 {
		t.Errorf("%+v", m)
	}
	w.ask("", "GET", "/api/v1/resources/server/"+w.hidden.server, nil, "Cookie", w.signIn("own1")).is(200)
	dc, version := w.account("datacenter", w.hidden.datacenter)
	w.ask("", "GET", dc, nil, "Cookie", w.signIn("own1")).is(404)
	w.ask(w.admin, "POST", dc+"/move", rest.AccountMove{Client: old}, "If-Match", version).is(409)
	x := documentOf[rest.Connection](w.ask(w.admin, "GET", path, nil).is(200))
	if !x.OwnClient || x.Client.ID != next {
		t.Errorf("%+v", x.Client)
	}
}
