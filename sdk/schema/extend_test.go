package schema

import (
	"errors"
	"fmt"
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
	if !ok || f.Pointer != "/attributes/vsphere/tools_version" || !f.Indexed || f.Group != "vsphere" {
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
	if _, err := Extend(server, "os", []byte(`{"type":"object","properties":{"a":{"type":"string"}}}`)); err == nil || !strings.Contains(err.Error(), "of that name") {
		t.Error("a provider may take the name of a field")
	}
}

func TestFieldsOf(t *testing.T) {
	type disk struct {
		Label string `json:"label"`
		Bytes int64  `json:"bytes"`
	}
	raw := FieldsOf(struct {
		ToolsVersion int      `json:"tools_version,omitempty" label:"Tools version" maestro:"indexed,column"`
		Uptime       int64    `json:"uptime_seconds,omitempty" maestro:"volatile"`
		Disks        []disk   `json:"disks,omitempty" key:"label"`
		Hints        []string `json:"hints,omitempty" maestro:"set"`
	}{})
	server, _ := Lookup("server")
	k, err := Extend(server, "vsphere", raw)
	if err != nil {
		t.Fatal(err)
	}
	tools, ok := k.Field("vsphere.tools_version")
	if !ok || !tools.Indexed || !tools.Column || tools.Label != "Tools version" {
		t.Errorf("field %+v", tools)
	}
	if f, _ := k.Field("vsphere.uptime_seconds"); f == nil || !f.Volatile || f.Unit != "seconds" {
		t.Errorf("field %+v", f)
	}
	if f, _ := k.Field("vsphere.disks"); f == nil || f.Key != "label" {
		t.Errorf("field %+v", f)
	}
	for name, bad := range map[string]any{
		"no fields": struct{}{},
		"an annotation of settings": struct {
			A string `json:"a" maestro:"narrows"`
		}{},
		"a name that is none": struct {
			A string `json:"A"`
		}{},
		"no object": "text",
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: it should panic", name)
				}
			}()
			FieldsOf(bad)
		}()
	}
}

// Each provider keeps the limits by itself, so that the tenth plugin of a site is not refused for the other nine.
func TestExtendByMany(t *testing.T) {
	k, _ := Lookup("server")
	for p := range 10 {
		var props []string
		for f := range 100 {
			props = append(props, fmt.Sprintf(`"f%d":{"type":"string"}`, f))
		}
		var err error
		if k, err = Extend(k, fmt.Sprintf("p%d", p), []byte(`{"type":"object","properties":{`+strings.Join(props, ",")+`}}`)); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := k.Field("p9.f99"); !ok {
		t.Error("a field is missing")
	}
}

func TestFewerMarks(t *testing.T) {
	raw := []byte(`{"type":"object","properties":{
		"a":{"type":"string","x-maestro-indexed":true,"x-maestro-searchable":true,"x-maestro-order":2},
		"b":{"type":"object","x-maestro-order":1,"properties":{"c":{"anyOf":[{"type":"null"},{"type":"integer","x-maestro-indexed":true}],"x-maestro-column":true}}},
		"d":{"type":"string","x-maestro-sensitive":true},"e":{"type":"integer","x-maestro-volatile":true}}}`)
	marksOf := func(raw []byte, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		k, err := ParseFields("demo", raw)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for _, f := range k.Fields {
			out.WriteString(f.Path)
			for mark, on := range map[string]bool{" indexed": f.Indexed, " sensitive": f.Sensitive, " volatile": f.Volatile} {
				if on {
					out.WriteString(mark)
				}
			}
			if f.Searchable || f.Column {
				out.WriteString(" shown")
			}
			out.WriteString("; ")
		}
		return out.String()
	}
	if got := marksOf(raw, nil); got != "demo.b.c indexed shown; demo.a indexed shown; demo.d sensitive; demo.e volatile; " {
		t.Error(got)
	}
	if got := marksOf(Plain(raw)); got != "demo.b.c; demo.a; demo.d sensitive; demo.e volatile; " {
		t.Error(got)
	}
	if got := marksOf(LimitIndexes(raw, 1)); got != "demo.b.c indexed shown; demo.a shown; demo.d sensitive; demo.e volatile; " {
		t.Error(got)
	}
}
