package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/schema"
)

func TestCustomFieldsOnABuiltInKind(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "s1", named("web")), thing(one, "s2", named("db"))))
	fields := []CustomField{{Name: "rack_unit", Label: "Rack unit", Type: "integer", Unit: "U", Column: true, Indexed: true},
		{Name: "audited", Type: "choice", Choices: []string{"yes", "no"}}, {Name: "contacts", Type: "list"}, {Name: "note", Type: "text", Searchable: true}}
	k, err := l.s.DefineFields(l.ctx, everyone, "server", fields)
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := k.Field("custom.rack_unit"); !ok || f.Pointer != "/attributes/custom/rack_unit" || !f.Column || f.Label != "Rack unit" || f.Group != "custom" {
		t.Fatalf("the field: %+v", f)
	}
	web := l.server("web")
	set := func(pointer, value string) error {
		web = l.server("web")
		_, err := l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "server", ID: web.ID, Version: web.Version, Set: map[string]json.RawMessage{pointer: json.RawMessage(value)}})
		return err
	}
	for pointer, value := range map[string]string{"/attributes/custom/rack_unit": "7", "/attributes/custom/audited": `"yes"`,
		"/attributes/custom/contacts": `["anna","bert"]`, "/attributes/custom/note": `"beside the elevator"`} {
		if err := set(pointer, value); err != nil {
			t.Fatalf("%s: %v", pointer, err)
		}
	}
	for pointer, value := range map[string]string{"/attributes/custom/rack_unit": `"seven"`, "/attributes/custom/audited": `"maybe"`, "/attributes/custom/other": "1"} {
		var invalid *InvalidError
		if err := set(pointer, value); !errors.As(err, &invalid) {
			t.Errorf("%s = %s was taken: %v", pointer, value, err)
		}
	}
	for _, f := range []string{"custom.rack_unit = 7", "custom.rack_unit > 6 AND custom.audited = yes", "custom.contacts:anna", "elevator"} {
		l.want(l.find(f), "web")
	}
	l.run(a, complete(one, thing(one, "s1", named("web"), attrs(`{"cpu_count":4}`)), thing(one, "s2", named("db"))))
	l.want(l.find("custom.rack_unit = 7"), "web")

	// What is in use stays; what is not, or changes its looks alone, may change.
	if _, err := l.s.DefineFields(l.ctx, everyone, "server", fields[1:]); err == nil || !strings.Contains(err.Error(), "1 records have a value in the field rack_unit") {
		t.Errorf("a field in use was taken away: %v", err)
	}
	fields[0].Label = "Height unit"
	if k, err = l.s.DefineFields(l.ctx, everyone, "server", append(fields, CustomField{Name: "more", Type: "moment"})); err != nil || len(k.Custom) != 5 {
		t.Fatalf("%+v %v", k, err)
	}
	if k, err = l.s.DefineFields(l.ctx, everyone, "server", fields); err != nil || len(k.Custom) != 4 || k.Custom[0].Label != "Height unit" {
		t.Fatalf("an unused field does not go: %+v %v", k, err)
	}
	w := l.declare(provider.Description{Provider: "custom", Version: "1", Kinds: []provider.KindSupport{{Kind: "server", Major: 1, Schema: json.RawMessage(toolsV1)}}})
	if len(w) != 1 {
		t.Errorf("a plugin took the administrators' place: %v", w)
	}
	// Together with a plugin's fields, and not in another tenant.
	l.declare(adding("vs", "1", toolsV1))
	if _, err := l.s.ApproveKind(l.ctx, everyone, "server", ""); err != nil {
		t.Fatal(err)
	}
	l.want(l.find("custom.rack_unit = 7"), "web")
	if k, err = l.s.Kind(l.ctx, "elsewhere", "server"); err != nil || len(k.Custom) != 0 {
		t.Errorf("another tenant has them: %+v %v", k.Custom, err)
	}
}

func TestCustomKind(t *testing.T) {
	l := newLab(t)
	def := CustomKind{Name: "rack", Label: "Rack", Plural: "Racks", Group: "other", Identifiers: map[string]int{"serial": 1},
		Fields: []CustomField{{Name: "units", Type: "integer", Column: true}}}
	k, err := l.s.DefineKind(l.ctx, everyone, def)
	if err != nil || k.Kind.Name != "custom.rack" || k.Label != "Rack" {
		t.Fatalf("%+v %v", k, err)
	}
	r, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "custom.rack", Name: "R1", Attributes: json.RawMessage(`{"units":42}`)})
	if err != nil || string(r.Attributes) != `{"units":42}` {
		t.Fatalf("%+v %v", r, err)
	}
	if k, err = l.s.DefineFields(l.ctx, everyone, "custom.rack", append(def.Fields, CustomField{Name: "row", Type: "text"})); err != nil || len(k.Fields) != 2 {
		t.Fatalf("%+v %v", k, err)
	}
	var conflict *ConflictError
	if _, err := l.s.DefineFields(l.ctx, everyone, "custom.rack", nil); !errors.As(err, &conflict) {
		t.Errorf("a field in use was taken away: %v", err)
	}
	if err := l.s.DropKind(l.ctx, everyone, "custom.rack"); !errors.As(err, &conflict) {
		t.Errorf("a kind in use was dropped: %v", err)
	}
	def.Name = "shelf"
	if _, err := l.s.DefineKind(l.ctx, everyone, def); err != nil {
		t.Fatal(err)
	}
	if err := l.s.DropKind(l.ctx, everyone, "custom.shelf"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.s.Kind(l.ctx, tenant, "custom.shelf"); !errors.Is(err, ErrNotFound) {
		t.Errorf("it is still there: %v", err)
	}
}

// A custom kind is related to others as a built-in one is: filters follow it from both ends.
func TestCustomKindHasRelations(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "s1", named("web")), thing(one, "s2", named("db"))))
	def := CustomKind{Name: "rack", Label: "Rack", Plural: "Server racks", Relations: []schema.RelationAlias{{Alias: "servers", Verb: "contains", Target: "server"}}}
	if _, err := l.s.DefineKind(l.ctx, everyone, def); err != nil {
		t.Fatal(err)
	}
	if _, err := l.s.DefineFields(l.ctx, everyone, "custom.rack", []CustomField{{Name: "units", Type: "integer"}}); err != nil { // keeps them
		t.Fatal(err)
	}
	_, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "custom.rack", Name: "R1", Relations: []PersonRelation{{Verb: "contains", Kind: "server", ID: l.server("web").ID}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ kind, filter, finds string }{
		{"custom.rack", "servers.name = web", "R1"}, {"custom.rack", "servers.name = db", ""}, {"server", "server_racks.name = R1", "web"}, {"server", "server_racks = null", "db"},
	} {
		got, err := filtered(l.ctx, l.s, everyone, l.clock, c.kind, c.filter)
		if err != nil || strings.Join(got, " ") != c.finds {
			t.Errorf("%s %s: %v %v", c.kind, c.filter, got, err)
		}
	}
	for at, r := range map[string]schema.RelationAlias{
		"/relations/0/alias": {Alias: "My servers", Verb: "contains", Target: "server"}, "/relations/0/verb": {Alias: "servers", Target: "server"},
		"/relations/0/target": {Alias: "servers", Verb: "contains", Target: "custom.hall"},
	} {
		def.Relations = []schema.RelationAlias{r}
		var invalid *InvalidError
		if _, err := l.s.DefineKind(l.ctx, everyone, def); !errors.As(err, &invalid) || invalid.Pointer != at {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if k, err := l.s.Kind(l.ctx, "elsewhere", "server"); err != nil || strings.Contains(fmt.Sprint(k.Relations), "custom.rack") {
		t.Errorf("another tenant has the way back: %+v %v", k.Relations, err)
	}
}

func TestWrongDefinitions(t *testing.T) {
	l := newLab(t)
	many := make([]CustomField, 9)
	for i := range many {
		many[i] = CustomField{Name: "f" + string(rune('a'+i)), Type: "text", Indexed: true}
	}
	for name, tt := range map[string]struct {
		fields []CustomField
		want   string
	}{
		"a name with a capital": {[]CustomField{{Name: "Rack", Type: "text"}}, "/fields/0/name"},
		"a name twice":          {[]CustomField{{Name: "a", Type: "text"}, {Name: "a", Type: "text"}}, "/fields/1/name"},
		"an unknown type":       {[]CustomField{{Name: "a", Type: "money"}}, "/fields/0/type"},
		"a choice of nothing":   {[]CustomField{{Name: "a", Type: "choice"}}, "/fields/0/choices"},
		"a unit of a text":      {[]CustomField{{Name: "a", Type: "text", Unit: "m"}}, "/fields/0/unit"},
		"secret and searched":   {[]CustomField{{Name: "a", Type: "text", Sensitive: true, Searchable: true}}, "/fields/0/sensitive"},
		"too many indexes":      {many, "/fields"},
	} {
		var invalid *InvalidError
		if _, err := l.s.DefineFields(l.ctx, everyone, "server", tt.fields); !errors.As(err, &invalid) || invalid.Pointer != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
