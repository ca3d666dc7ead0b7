package schema

import (
	"errors"
	"strings"
	"testing"
)

func TestExtend(t *testing.T) {
	server, _ := Lookup("server")
	k, err := Extend(server, "vsphere", []byte(`{"type":"object","properties":{"tools_version":{"type":"integer","x-maestro-indexed":true}}}`))
	if err != nil {
		t.Fatal(err)
	}
	f, ok := k.Field("vsphere.tools_version")
	if !ok || f.Pointer != "/attributes/vsphere/tools_version" || !f.Indexed {
		t.Errorf("field %+v", f)
	}
	if k.Digest == server.Digest || len(k.Fields) != len(server.Fields)+1 || k.Fields[0].Path != server.Fields[0].Path {
		t.Error("it should be the same kind with one field more")
	}
	clean, warnings, err := k.Validate([]byte(`{"cpu_count":2,"vsphere":{"tools_version":"x","other":1}}`))
	if err != nil || string(clean) != `{"cpu_count":2,"vsphere":{"other":1}}` || len(warnings) != 1 {
		t.Errorf("%s %q %v", clean, warnings, err)
	}
	// Another provider's fields stand beside them.
	both, err := Extend(k, "aws", []byte(`{"type":"object","properties":{"tenancy":{"type":"string"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := both.Field("aws.tenancy"); !ok {
		t.Error("the second extension is missing")
	}
	if _, ok := both.Field("vsphere.tools_version"); !ok {
		t.Error("the first extension is lost")
	}
	if _, ok := server.Field("vsphere.tools_version"); ok {
		t.Error("the built-in kind was changed")
	}
	for schema, want := range map[string]string{
		`{"type":"object","x-maestro-label":"X"}`:                                   "annotation of kinds",
		`{"type":"object","$defs":{"x":{"type":"string"}}}`:                         "$defs",
		`{"type":"object","properties":{"a":{"type":"string","x-maestro-x":true}}}`: "x-maestro-x",
		`{"type":"object","x-maestro-identifiers":{"mac":1}}`:                       "annotation of kinds",
		`{"type":"object","properties":{"A":{"type":"string"}}}`:                    "lower_snake",
	} {
		if _, err := Extend(server, "vsphere", []byte(schema)); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", schema, err)
		}
	}
	if _, err := Extend(server, "os", []byte(`{"type":"object"}`)); err == nil {
		t.Error("a provider may take the name of a field")
	}
}
