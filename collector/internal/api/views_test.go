package api

import (
	"testing"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

func viewNames(list rest.List[rest.View]) []string {
	out := []string{}
	for _, v := range list.Items {
		out = append(out, v.Name)
	}
	return out
}

func TestViewsArePrivateOrShared(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	anna := w.signIn("anna")
	mine := []string{"Cookie", anna, "X-Maestro-CSRF", "1"}
	v := documentOf[rest.View](w.ask("", "POST", "/api/v1/views", rest.ViewWrite{Kind: "server", Name: " Old ones ", Filter: "created_at < -30d", OrderBy: "name desc",
		Columns: []string{"os.name", "region"}, Pinned: 1}, mine...).is(201))
	if v.Name != "Old ones" || !v.Mine || !v.Editable || v.Owner != "user:anna" || v.Version != 1 || len(v.Columns) != 2 {
		t.Errorf("made %+v", v)
	}
	w.ask(w.admin, "GET", "/api/v1/views/"+v.ID, nil).problem(404) // what is private is nobody else's, an administrator's neither
	w.ask("", "POST", "/api/v1/views", rest.ViewWrite{Kind: "server", Name: "All", Shared: true}, mine...).problem(422)

	shared := documentOf[rest.View](w.ask(w.admin, "POST", "/api/v1/views", rest.ViewWrite{Kind: "server", Name: "Everybody's", Shared: true}).is(201))
	list := documentOf[rest.List[rest.View]](w.ask("", "GET", "/api/v1/views?filter=kind%20%3D%20server", nil, mine...).is(200))
	if got := viewNames(list); len(got) != 2 || got[0] != "Everybody's" || list.Items[0].Editable {
		t.Errorf("anna sees %+v", list.Items)
	}
	if got := viewNames(documentOf[rest.List[rest.View]](w.ask(w.stranger, "GET", "/api/v1/views", nil).is(200))); len(got) != 0 {
		t.Errorf("another tenant sees %v", got)
	}
	w.ask("", "PUT", "/api/v1/views/"+shared.ID, rest.ViewWrite{Kind: "server", Name: "x"}, append(mine, "If-Match", `"1"`)...).problem(403)
	w.ask("", "DELETE", "/api/v1/views/"+shared.ID, nil, mine...).problem(403)

	edit := rest.ViewWrite{Kind: "server", Name: "Older ones"}
	w.ask("", "PUT", "/api/v1/views/"+v.ID, edit, mine...).problem(428)
	w.ask("", "PUT", "/api/v1/views/"+v.ID, edit, append(mine, "If-Match", `"1"`)...).is(200)
	if p := w.ask("", "PUT", "/api/v1/views/"+v.ID, edit, append(mine, "If-Match", `"1"`)...).problem(412); p.CurrentVersion != 2 {
		t.Errorf("%+v", p)
	}
	w.ask("", "DELETE", "/api/v1/views/"+v.ID, nil, mine...).is(204)
	w.ask("", "GET", "/api/v1/views/"+v.ID, nil, mine...).problem(404)
	audit := documentOf[rest.List[rest.AuditEntry]](w.ask(w.admin, "GET", "/api/v1/audit?filter=actor%20%3D%20%22user:anna%22", nil).is(200))
	done := map[string]int{}
	for _, e := range audit.Items {
		done[e.Action+" "+e.Outcome]++
	}
	if done["view.create ok"] != 1 || done["view.update ok"] != 1 || done["view.delete ok"] != 1 {
		t.Errorf("audit %v", done)
	}
}

func TestViewsAreChecked(t *testing.T) {
	w := newWorld(t)
	for what, c := range map[string]struct {
		view   rest.ViewWrite
		status int
	}{
		"no such kind":      {rest.ViewWrite{Kind: "sever", Name: "x"}, 404},
		"a wrong filter":    {rest.ViewWrite{Kind: "server", Name: "x", Filter: "nosuch = 1"}, 400},
		"a wrong order":     {rest.ViewWrite{Kind: "server", Name: "x", OrderBy: "tags"}, 400},
		"no name":           {rest.ViewWrite{Kind: "server", Name: " "}, 422},
		"a column twice":    {rest.ViewWrite{Kind: "server", Name: "x", Columns: []string{"a", "a"}}, 422},
		"too many pinned":   {rest.ViewWrite{Kind: "server", Name: "x", Pinned: 9}, 422},
		"no list of column": {rest.ViewWrite{Kind: "server", Name: "x", Columns: []string{"a,b"}}, 422},
	} {
		if a := w.ask(w.reader, "POST", "/api/v1/views", c.view); a.status != c.status {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	w.ask(w.reader, "POST", "/api/v1/views", rest.ViewWrite{Kind: "server", Name: "Twice"}).is(201)
	w.ask(w.reader, "POST", "/api/v1/views", rest.ViewWrite{Kind: "server", Name: "twice"}).problem(422)
	w.ask(w.reader, "POST", "/api/v1/views", rest.ViewWrite{Kind: "volume", Name: "twice"}).is(201)
}
