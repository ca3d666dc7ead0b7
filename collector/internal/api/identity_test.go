package api

import (
	"testing"

	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

func TestMergeAndSplitByHand(t *testing.T) {
	w := newWorld(t)
	first, second := w.source("one"), w.source("two")
	second.connection.Provider = "other"
	first.sync("server", resource.Envelope{ExternalID: "a", Name: "web", Attributes: []byte(`{"cpu_count":2}`)})
	second.sync("server", resource.Envelope{ExternalID: "b", Name: "web.lan", Attributes: []byte(`{"hostname":"web"}`)})
	list := documentOf[rest.List[rest.Resource]](w.ask(w.reader, "GET", "/api/v1/resources/server?order_by=name", nil).is(200))
	web, lan := list.Items[0], list.Items[1]
	path := "/api/v1/resources/server/" + web.ID

	merge := rest.ResourceMerge{With: lan.ID, Reason: "same label"}
	w.ask(w.reader, "POST", path+"/merge", merge, "If-Match", etag(web.Version)).problem(403)
	w.ask(w.stranger, "POST", path+"/merge", merge, "If-Match", etag(web.Version)).problem(404)
	w.ask(w.admin, "POST", path+"/merge", merge).problem(428)
	w.ask(w.admin, "POST", path+"/merge", merge, "If-Match", `"99"`).problem(412)
	w.ask(w.admin, "POST", path+"/merge", rest.ResourceMerge{With: web.ID}, "If-Match", etag(web.Version)).problem(422)
	w.ask(w.admin, "POST", path+"/merge", rest.ResourceMerge{}, "If-Match", etag(web.Version)).problem(422)
	answer := w.ask(w.admin, "POST", path+"/merge", merge, "If-Match", etag(web.Version)).is(200)
	both := documentOf[rest.Resource](answer)
	if both.ID != web.ID || len(both.Observations) != 2 || len(both.Absorbed) != 1 || both.Absorbed[0].ID != lan.ID || both.Absorbed[0].Name != "web.lan" ||
		answer.header.Get("ETag") != etag(both.Version) {
		t.Fatalf("%s", answer.body)
	}
	seen := documentOf[rest.List[rest.Observation]](w.ask(w.reader, "GET", path+"/observations", nil).is(200))
	if len(seen.Items) != 2 || seen.TotalSize != 2 || seen.Items[1].Match != "merged by token:admin" && seen.Items[0].Match == "first seen here" {
		t.Errorf("%+v", seen)
	}
	if r := documentOf[rest.Resource](w.ask(w.reader, "GET", "/api/v1/resources/server/"+lan.ID, nil).is(200)); r.State != "merged" || r.RedirectTo != web.ID {
		t.Errorf("%+v", r)
	}

	split := rest.ResourceSplit{Observations: []rest.ObservationRef{{Connection: second.connection.ID, ExternalID: "b"}}}
	w.ask(w.reader, "POST", path+"/split", split, "If-Match", etag(both.Version)).problem(403)
	w.ask(w.admin, "POST", path+"/split", rest.ResourceSplit{}, "If-Match", etag(both.Version)).problem(422)
	w.ask(w.admin, "POST", path+"/split", rest.ResourceSplit{Resource: "nothing"}, "If-Match", etag(both.Version)).problem(404)
	back := documentOf[rest.Resource](w.ask(w.admin, "POST", path+"/split", split, "If-Match", etag(both.Version)).is(200))
	if back.ID != lan.ID || back.State != "active" || len(back.Apart) != 1 || back.Apart[0] != web.ID {
		t.Errorf("%+v", back)
	}
	w.ask(w.reader, "GET", "/api/v1/resources/server/nothing/observations", nil).problem(404)
	trail := documentOf[rest.List[rest.AuditEntry]](w.ask(w.admin, "GET", "/api/v1/audit?filter=action+%3D+%22resource.merge%22", nil).is(200))
	if len(trail.Items) != 1 || trail.Items[0].Outcome != "ok" || trail.Items[0].Reason != "same label" {
		t.Errorf("%+v", trail)
	}
}

func TestReviewItemsAreDecided(t *testing.T) {
	w := newWorld(t)
	first, second := w.source("one"), w.source("two")
	second.connection.Provider = "other"
	mac, uuid := resource.Identifier{Type: "mac", Value: "02:00:00:00:01:01"}, resource.Identifier{Type: "bios_uuid", Value: "4210f2a4-0000-4000-8000-000000000001"}
	first.sync("server", resource.Envelope{ExternalID: "m", Name: "by mac", Attributes: []byte(`{}`), Identifiers: []resource.Identifier{mac}},
		resource.Envelope{ExternalID: "u", Name: "by uuid", Attributes: []byte(`{}`), Identifiers: []resource.Identifier{uuid}})
	second.sync("server", resource.Envelope{ExternalID: "b", Name: "both", Attributes: []byte(`{}`), Identifiers: []resource.Identifier{mac, uuid}})
	item := documentOf[rest.List[rest.ReviewItem]](w.ask(w.reader, "GET", "/api/v1/review-items", nil).is(200)).Items[0]
	path := "/api/v1/review-items/" + item.ID
	w.ask(w.reader, "POST", path+"/keep-apart", nil).problem(403)
	w.ask(w.stranger, "POST", path+"/keep-apart", nil).problem(404)
	got := documentOf[rest.ReviewItem](w.ask(w.admin, "POST", path+"/keep-apart", rest.Decision{Reason: "looked"}).is(200))
	if got.State != "apart" || got.Reason != "looked" || got.DecidedBy == "" || got.DecidedAt.IsZero() {
		t.Errorf("%+v", got)
	}
	w.ask(w.admin, "POST", path+"/merge", nil).problem(409)
	w.ask(w.stranger, "GET", path, nil).problem(404)
	for filter, want := range map[string]int{"": 0, "?filter=state+%3D+apart": 1, "?filter=state+%3D+apart+AND+type+%3D+bridge": 1, "?filter=state+%3D+apart+AND+type+%3D+duplicate": 0} {
		if list := documentOf[rest.List[rest.ReviewItem]](w.ask(w.reader, "GET", "/api/v1/review-items"+filter, nil).is(200)); len(list.Items) != want {
			t.Errorf("%s: %+v", filter, list)
		}
	}
}

func TestRecordsAndDiscovery(t *testing.T) {
	w := newWorld(t)
	dc := documentOf[rest.Datacenter](w.ask(w.admin, "POST", "/api/v1/datacenters", rest.DatacenterWrite{Name: "Lisboa"}).is(200 + 1))
	made := documentOf[rest.Resource](w.ask(w.admin, "POST", "/api/v1/resources/server", rest.ResourceCreate{Name: "web", Datacenter: dc.ID}).is(201))
	path := "/api/v1/resources/server/" + made.ID
	taken := documentOf[rest.List[rest.TakenBy]](w.ask(w.reader, "GET", "/api/v1/taken?kind=server&name=web&datacenter="+dc.ID, nil).is(200))
	if made.Origin != "recorded" || len(taken.Items) != 1 || taken.Items[0].Resource.ID != made.ID || taken.Items[0].What[0] != "name" {
		t.Errorf("%+v, taken %+v", made, taken)
	}
	w.ask(w.reader, "GET", "/api/v1/taken", nil).problem(422)
	w.ask(w.reader, "GET", "/api/v1/taken?kind=nothing", nil).problem(404)
	serial := []resource.Identifier{{Type: "serial", Value: "S-1"}}
	w.ask(w.admin, "PATCH", path, rest.ResourcePatch{Identifiers: []resource.Identifier{{Type: "serial", Value: "None"}}}, "If-Match", etag(made.Version)).problem(422)
	w.ask(w.admin, "PATCH", path, rest.ResourcePatch{Identifiers: serial}, "If-Match", etag(made.Version)).is(200)
	w.source("one").sync("server", resource.Envelope{ExternalID: "a", Name: "srv-1", Attributes: []byte(`{"cpu_count":2}`), Identifiers: serial})
	both := documentOf[rest.Resource](w.ask(w.reader, "GET", path, nil).is(200))
	if both.Origin != "both" || both.Name != "web" || both.Provenance["/name"].Discovered != "srv-1" {
		t.Errorf("%+v", both)
	}
	origins := documentOf[rest.List[rest.OriginCount]](w.ask(w.reader, "GET", "/api/v1/datacenters/"+dc.ID+"/origins", nil).is(200))
	if len(origins.Items) != 1 || origins.Items[0] != (rest.OriginCount{Kind: "server", Both: 1}) {
		t.Errorf("%+v", origins)
	}
	w.ask(w.stranger, "GET", "/api/v1/datacenters/"+dc.ID+"/origins", nil).problem(404)
	if list := documentOf[rest.List[rest.Resource]](w.ask(w.reader, "GET", "/api/v1/resources/server?filter=origin+%3D+both", nil).is(200)); len(list.Items) != 1 {
		t.Errorf("%+v", list)
	}
	w.ask(w.reader, "GET", "/api/v1/resources/server?filter=origin+%3D+nowhere", nil).problem(400)
}
