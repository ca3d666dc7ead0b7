package api

import (
	"strings"
	"testing"

	"maestro.internal/internal/rest"
)

// A record is made with its relations, deleted at the version that was looked at, and brought back by undoing the operation.
func TestARecordIsDeleted(t *testing.T) {
	w := newWorld(t)
	w.source("lab").sync("server", server(id12(1), "found", 4<<30))
	found := w.first("server")
	body := rest.ResourceCreate{Name: "guest", Relations: []rest.RelationWrite{{Verb: "runs_on", Target: rest.Ref{Kind: "server", ID: found.ID}}}}
	made := w.ask(w.admin, "POST", "/api/v1/resources/server", body).is(201)
	guest := documentOf[rest.Resource](made)
	path := "/api/v1/resources/server/" + guest.ID
	related := documentOf[rest.List[rest.RelatedResource]](w.ask(w.admin, "GET", path+"/relations", nil).is(200))
	if len(related.Items) != 1 || related.Items[0].Verb != "runs_on" || related.Items[0].Resource.ID != found.ID {
		t.Errorf("%+v", related.Items)
	}
	body.Relations[0].Target.ID = guest.ID + "0"
	if p := w.ask(w.admin, "POST", "/api/v1/resources/server", body).problem(422); !strings.Contains(p.Detail, "relations.0: there is no server") {
		t.Errorf("a relation to nothing: %+v", p)
	}

	w.ask(w.reader, "DELETE", path, nil, "If-Match", made.header.Get("ETag")).problem(403)
	w.ask(w.stranger, "DELETE", path, nil, "If-Match", made.header.Get("ETag")).problem(404)
	w.ask(w.admin, "DELETE", path, nil).problem(428)
	w.ask(w.admin, "DELETE", path, nil, "If-Match", etag(guest.Version+7)).problem(412)
	if p := w.ask(w.admin, "DELETE", "/api/v1/resources/server/"+found.ID, nil, "If-Match", etag(found.Version)).problem(409); !strings.Contains(p.Detail, "it is no longer found") {
		t.Errorf("%+v", p)
	}
	op := documentOf[rest.Operation](w.ask(w.admin, "DELETE", path+"?reason=never+bought", nil, "If-Match", made.header.Get("ETag")).is(200))
	if op.Type != "delete" || op.State != "done" || op.Removed != 1 || op.Reason != "never bought" {
		t.Errorf("%+v", op)
	}
	if r := documentOf[rest.Resource](w.ask(w.admin, "GET", path, nil).is(200)); r.State != "gone" {
		t.Errorf("it is %s", r.State)
	}
	undo := w.over(documentOf[rest.Operation](w.ask(w.admin, "POST", "/api/v1/operations/"+op.ID+"/undo", rest.Undo{}).is(202)))
	if r := documentOf[rest.Resource](w.ask(w.admin, "GET", path, nil).is(200)); undo.State != "done" || r.State != "active" {
		t.Errorf("%s after %+v", r.State, undo)
	}
}
