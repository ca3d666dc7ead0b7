package schema

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The JSON Schemas of the built-in kinds are committed, so that a change of one is seen in review.
func TestGeneratedSchemasAreCurrent(t *testing.T) {
	want := map[string][]byte{"common.schema.json": CommonSchema()}
	for _, k := range Builtin() {
		want[k.Name+".schema.json"] = k.Schema
	}
	for name, text := range want {
		v := jsontext.Value(slices.Clone(text))
		if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
			t.Fatal(err)
		}
		pretty := append(v, '\n')
		path := filepath.Join("gen", name)
		if *update {
			if err := os.MkdirAll("gen", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, pretty, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, pretty) {
			t.Errorf("%s is not current: run go test ./sdk/schema -update", path)
		}
	}
	files, err := os.ReadDir("gen")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := want[f.Name()]; !ok {
			t.Errorf("gen/%s belongs to no built-in kind", f.Name())
		}
	}
}

func TestBuiltinKinds(t *testing.T) {
	kinds := Builtin()
	if !slices.IsSortedFunc(kinds, func(a, b *Kind) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("kinds are not sorted")
	}
	for _, k := range kinds {
		t.Run(k.Name, func(t *testing.T) {
			if !slices.Contains(Reserved(), k.Name) {
				t.Error("not among the reserved names")
			}
			if err := checkDraft(k.Schema); err != nil {
				t.Error(err)
			}
			for what, s := range map[string]string{"label": k.Label, "plural": k.Plural, "group": k.Group, "icon": k.Icon, "summary": k.Summary} {
				if s == "" {
					t.Errorf("no %s", what)
				}
			}
			columns, indexed := 0, 0
			for _, f := range k.Fields {
				if f.Column {
					columns++
				}
				if f.Indexed {
					indexed++
				}
				if !strings.HasPrefix(f.Pointer, "/attributes/") {
					t.Errorf("%s has pointer %s", f.Path, f.Pointer)
				}
				if f.Label == "" {
					t.Errorf("%s has no label", f.Path)
				}
				if want := unitOf(f.Path, ""); f.Unit == "" && want != "" {
					t.Errorf("%s has no unit", f.Path)
				}
				if got, ok := k.Field(f.Path); !ok || got.Pointer != f.Pointer {
					t.Errorf("%s is not found by its path", f.Path)
				}
				if got, ok := k.FieldAt(f.Pointer); !ok || got.Path != f.Path {
					t.Errorf("%s is not found by its pointer", f.Pointer)
				}
			}
			// One collection may have 20 indexes, and the store needs some for what all kinds have.
			if columns == 0 || columns > 10 || indexed > 12 {
				t.Errorf("%d columns, %d indexed fields", columns, indexed)
			}
			for _, r := range k.Relations {
				if !slices.Contains(Reserved(), r.Target) {
					t.Errorf("relation %s leads to %q", r.Alias, r.Target)
				}
			}
		})
	}
	// The set is closed: every name has a struct, and no struct has another name.
	var names []string
	for _, k := range Builtin() {
		names = append(names, k.Name)
	}
	if !slices.Equal(names, Reserved()) {
		t.Errorf("kinds %q, reserved %q", names, Reserved())
	}
}

func TestCommonFields(t *testing.T) {
	var pointers []string
	for _, f := range CommonFields() {
		pointers = append(pointers, f.Pointer)
	}
	want := []string{
		"/common/owner/type", "/common/owner/name", "/common/client", "/common/environment", "/common/criticality",
		"/common/cost_center", "/common/monthly_cost/amount", "/common/monthly_cost/currency", "/common/monthly_cost/source",
		"/common/monthly_cost/at", "/common/lifecycle", "/common/end_of_support_at", "/common/warranty_until",
		"/common/links", "/common/notes",
	}
	if !slices.Equal(pointers, want) {
		t.Errorf("got %q", pointers)
	}
}
