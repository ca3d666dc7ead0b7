package api

import (
	"strings"
	"testing"

	"maestro.internal/internal/rest"
)

func TestCustomFieldsAndKinds(t *testing.T) {
	w := newWorld(t)
	fields := rest.CustomFieldsWrite{Fields: []rest.CustomField{{Name: "rack_unit", Type: "integer", Label: "Rack unit", Column: true}}}
	w.ask(w.reader, "PUT", "/api/v1/kinds/server/custom-fields", fields).problem(403)
	k := documentOf[rest.KindInfo](w.ask(w.admin, "PUT", "/api/v1/kinds/server/custom-fields", fields).is(200))
	if len(k.CustomFields) != 1 {
		t.Fatalf("%+v", k.CustomFields)
	}
	p := w.ask(w.admin, "PUT", "/api/v1/kinds/server/custom-fields", rest.CustomFieldsWrite{Fields: []rest.CustomField{{Name: "Rack", Type: "integer"}}}).problem(422)
	if len(p.Errors) != 1 || p.Errors[0].Location != "body.fields.0.name" {
		t.Errorf("%+v", p)
	}
	w.ask(w.admin, "POST", "/api/v1/resources/server", `{"name":"web","attributes":{"custom":{"rack_unit":7}}}`).is(201)
	if got := w.ask(w.reader, "GET", "/api/v1/resources/server?filter=custom.rack_unit+%3D+7", nil).is(200); !strings.Contains(string(got.body), `"rack_unit":7`) {
		t.Errorf("not found by its field: %s", got.body)
	}
	w.ask(w.admin, "PUT", "/api/v1/kinds/server/custom-fields", rest.CustomFieldsWrite{Fields: []rest.CustomField{}}).problem(409)

	made := documentOf[rest.KindInfo](w.ask(w.admin, "POST", "/api/v1/kinds", rest.CustomKindWrite{Name: "rack", Label: "Rack", Plural: "Racks",
		Relations: []rest.CustomRelation{{Alias: "servers", Verb: "contains", Target: "server"}}}).is(201))
	if made.Name != "custom.rack" || len(made.Relations) == 0 || made.Relations[0].Direction != "out" {
		t.Errorf("%+v", made)
	}
	w.ask(w.reader, "GET", "/api/v1/resources/server?filter=racks.name+%3D+R1", nil).is(200)
	if p := w.ask(w.admin, "POST", "/api/v1/kinds", rest.CustomKindWrite{Name: "row", Label: "Row", Relations: []rest.CustomRelation{{Alias: "racks", Verb: "contains", Target: "rack"}}}).problem(422); p.Errors[0].Location != "body.relations.0.target" {
		t.Errorf("%+v", p)
	}
	w.ask(w.reader, "DELETE", "/api/v1/kinds/custom.rack", nil).problem(403)
	w.ask(w.admin, "DELETE", "/api/v1/kinds/server", nil).problem(409)
	w.ask(w.admin, "DELETE", "/api/v1/kinds/custom.rack", nil).is(204)
	w.ask(w.admin, "GET", "/api/v1/kinds/custom.rack", nil).problem(404)
}
