package schema

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// The reference part of docs/data-model.md is written from the kinds themselves, so that it cannot be wrong.
func TestDataModelDocument(t *testing.T) {
	const path, begin, end = "../../docs/data-model.md", "<!-- generated: go test ./sdk/schema -update -->\n", "<!-- end of generated -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has lost its markers", path)
	}
	want := before + begin + "\n" + reference() + end + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s is not current: run go test ./sdk/schema -update", path)
	}
}

func reference() string {
	var b strings.Builder
	b.WriteString("### Identifier types\n\n| type | label | meaning |\n| --- | --- | --- |\n")
	for _, typ := range IdentifierTypes() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", typ.Name, typ.Label, typ.Help)
	}
	b.WriteString("| `<provider>.<type>` | | A plugin's own. `<provider>.id` is added by the SDK where external ids are unique in the world. |\n\n")
	for _, k := range Builtin() {
		fmt.Fprintf(&b, "### %s\n\n%s Version %d.%d, group %s.\n\n", k.Name, k.Summary, k.Major, k.Minor, k.Group)
		if len(k.Ranks) > 0 {
			fmt.Fprintf(&b, "Joined by: %s.\n\n", ranks(k.Ranks))
		}
		writeFields(&b, k.Fields)
		if len(k.Relations) > 0 {
			b.WriteString("\n| hop | relation | leads to |\n| --- | --- | --- |\n")
			for _, r := range k.Relations {
				arrow := "this → " + r.Verb + " → "
				if r.Direction == "in" {
					arrow = "this ← " + r.Verb + " ← "
				}
				fmt.Fprintf(&b, "| `%s` | %s%s | %s |\n", r.Alias, arrow, r.Target, r.Target)
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("### The common block\n\nEvery resource of every kind has it, at `/common`.\n\n")
	writeFields(&b, CommonFields())
	return b.String()
}

func ranks(r map[string]int) string {
	types := slices.SortedFunc(maps.Keys(r), func(a, b string) int {
		if r[a] != r[b] {
			return r[a] - r[b]
		}
		return strings.Compare(a, b)
	})
	for i, typ := range types {
		types[i] = fmt.Sprintf("`%s` (%d)", typ, r[typ])
	}
	return strings.Join(types, ", ")
}

func writeFields(b *strings.Builder, fields []Field) {
	b.WriteString("| field | type | label | notes |\n| --- | --- | --- | --- |\n")
	for _, f := range fields {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Path, typeText(f), f.Label, notes(f))
	}
}

func typeText(f Field) string {
	s := string(f.Type)
	if f.Unit != "" {
		s += ", " + f.Unit
	}
	if f.Type != TypeArray {
		return s
	}
	if len(f.Items) == 1 && f.Items[0].Path == "" {
		return "list of " + string(f.Items[0].Type)
	}
	var names []string
	for _, i := range f.Items {
		names = append(names, i.Path)
	}
	return "list of {" + strings.Join(names, ", ") + "}"
}

func notes(f Field) string {
	var out []string
	if f.Help != "" {
		out = append(out, f.Help)
	}
	if len(f.Enum) > 0 {
		out = append(out, "One of "+strings.Join(f.Enum, ", ")+".")
	}
	var flags []string
	for _, x := range []struct {
		on   bool
		name string
	}{
		{f.Column, "column"}, {f.Indexed, "indexed"}, {f.Searchable, "searchable"}, {f.Volatile, "volatile"},
		{f.Sensitive, "sensitive"}, {f.Set, "set"}, {f.Key != "", "key " + f.Key},
	} {
		if x.on {
			flags = append(flags, x.name)
		}
	}
	if len(flags) > 0 {
		out = append(out, "*"+strings.Join(flags, ", ")+"*")
	}
	return strings.Join(out, " ")
}
