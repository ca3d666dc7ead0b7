package manifest_test

import (
	"fmt"
	"strings"
	"testing"

	"maestro.internal/cli/internal/manifest"
	"maestro.internal/internal/rest"
)

// TestParse: several documents in one file, each mistake with its line.
func TestParse(t *testing.T) {
	for _, tc := range []struct{ name, text, docs, wrong string }{
		{"two", "kind: datacenter\nname: a\n---\n# and\n\nkind: connection\nname: b\nsettings: {url: x}\n", "f:1 datacenter a, f:6 connection b", ""},
		{"JSON", `{"kind": "datacenter", "name": "a", "regions": ["x"]}`, "f:1 datacenter a", ""},
		{"empty ones", "---\n---\nkind: mapping\nrules: []\n---\n", "f:3 mapping ", ""},
		{"a dash in a text", "kind: option_list\nname: |\n  a\n  ---\n  b\n", "f:1 option_list a\n---\nb\n", ""},
		{"nothing", "", "", ""},
		{"no kind", "name: a\n---\nkind: datacenter\nname: b\n", "f:3 datacenter b", "f:1: it has no kind"},
		{"a list", "- a\n", "", "f:1"},
		{"twice the same", "kind: datacenter\nkind: x\n", "", "f"},
		{"no YAML", "kind: [\n", "", "f:"},
	} {
		docs, wrong := manifest.Parse("f", []byte(tc.text))
		var got, problems []string
		for _, d := range docs {
			got = append(got, fmt.Sprintf("%s %s %s", d.Source, d.Kind, d.Name))
		}
		for _, w := range wrong {
			problems = append(problems, w.Error())
		}
		if strings.Join(got, ", ") != tc.docs || !strings.Contains(strings.Join(problems, "\n"), tc.wrong) || (tc.wrong == "") != (len(wrong) == 0) {
			t.Errorf("%s: got %q, %q", tc.name, got, problems)
		}
	}
}

// TestOverlay: what a document does not name stays; the difference is field by field.
func TestOverlay(t *testing.T) {
	now := rest.ConnectionWrite{Name: "c", Provider: "vsphere", Settings: []byte(`{"url":"a","depth":{"x":5}}`), QuietHours: []string{"22:00-06:00"}}
	for _, tc := range []struct {
		fields map[string]any
		diff   string
		err    string
	}{
		{map[string]any{}, "", ""},
		{map[string]any{"settings": map[string]any{"depth": map[string]any{"x": uint64(5)}, "url": "a"}, "rules": []any{}}, "", ""},
		{map[string]any{"settings": map[string]any{"url": "b"}}, "/settings/depth/x 5 -> <nil>, /settings/url a -> b", ""},
		{map[string]any{"quiet_hours": nil, "paused": true}, "/paused <nil> -> true, /quiet_hours [22:00-06:00] -> <nil>", ""},
		{map[string]any{"pause": true}, "", `unknown field "pause"`},
		{map[string]any{"paused": "very"}, "", "paused"},
	} {
		want, diff, err := manifest.Overlay(now, tc.fields)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%v: %v", tc.fields, err)
			}
			continue
		}
		var got []string
		for _, d := range diff {
			got = append(got, fmt.Sprintf("%s %v -> %v", d.Pointer, d.Old, d.New))
		}
		if err != nil || strings.Join(got, ", ") != tc.diff || want.Name != "c" {
			t.Errorf("%v: %v %q", tc.fields, err, got)
		}
	}
}
