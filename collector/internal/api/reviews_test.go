package api

import (
	"testing"

	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

func TestReviewItemsAreListed(t *testing.T) {
	w := newWorld(t)
	mac := []resource.Identifier{{Type: "mac", Value: "02:00:00:00:00:01"}}
	uuid := []resource.Identifier{{Type: "bios_uuid", Value: "4210f2a4-0000-4000-8000-000000000001"}}
	envelope := func(id, name string, ids ...resource.Identifier) resource.Envelope {
		return resource.Envelope{ExternalID: id, Name: name, Attributes: []byte(`{}`), Identifiers: ids}
	}
	first, second := w.source("one"), w.source("two")
	second.connection.Provider = "other"
	first.sync("server", envelope("m", "by mac", mac...), envelope("u", "by uuid", uuid...))
	second.sync("server", envelope("b", "both", mac[0], uuid[0]))

	list := documentOf[rest.List[rest.ReviewItem]](w.ask(w.reader, "GET", "/api/v1/review-items", nil).is(200))
	if len(list.Items) != 1 || list.TotalSize != 1 {
		t.Fatalf("%+v", list)
	}
	item := list.Items[0]
	if item.State != "open" || item.Kind != "server" || item.Identifier == nil || *item.Identifier != mac[0] || item.Type != "bridge" || item.Connection == nil || item.Connection.ID != second.connection.ID ||
		item.ExternalID != "b" || len(item.Resources) != 2 || item.Resources[0].ID == item.Resources[1].ID || item.At.IsZero() {
		t.Errorf("%+v", item)
	}
	for _, r := range item.Resources {
		w.ask(w.reader, "GET", "/api/v1/resources/server/"+r.ID, nil).is(200)
	}
	for path, want := range map[string]int{"?filter=kind+%3D+server": 1, "?filter=kind+%3D+volume": 0, "?page_size=1": 1} {
		if got := documentOf[rest.List[rest.ReviewItem]](w.ask(w.reader, "GET", "/api/v1/review-items"+path, nil).is(200)); len(got.Items) != want || got.NextPageToken != "" {
			t.Errorf("%s: %+v", path, got)
		}
	}
	for _, path := range []string{"?filter=colour+%3D+red", "?order_by=kind", "?page_token=rubbish"} {
		w.ask(w.reader, "GET", "/api/v1/review-items"+path, nil).problem(400)
	}
	if got := documentOf[rest.List[rest.ReviewItem]](w.ask(w.stranger, "GET", "/api/v1/review-items", nil).is(200)); len(got.Items) != 0 || got.TotalSize != 0 {
		t.Errorf("another tenant sees %+v", got)
	}
	w.ask("", "GET", "/api/v1/review-items", nil).problem(401)
}
