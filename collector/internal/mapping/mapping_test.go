package mapping

import (
	"errors"
	"slices"
	"testing"

	"maestro.internal/sdk/resource"
)

func tags(pairs ...string) []resource.Tag {
	var out []resource.Tag
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, resource.Tag{Key: pairs[i], Value: pairs[i+1]})
	}
	return out
}

func told(out []Outcome) []string {
	var list []string
	for _, o := range out {
		if o.Pointer != "" {
			list = append(list, o.Pointer+"="+o.Value)
		} else {
			list = append(list, o.Verb+" "+o.Kind+" "+o.Value)
		}
	}
	return list
}

func TestRules(t *testing.T) {
	thing := Thing{Kind: "server", Name: "fra-prd-web-03", Region: "eu", Provider: "vsphere",
		Partition: resource.Partition{{Key: "account", Value: "123"}}, Tags: tags("Cost-Center", "4711", "ENV", "PRD", "apps", ""),
		Attribute: func(path string) (string, bool) {
			return map[string]string{"vsphere.folder": "/FRA/ACME/web"}[path], path == "vsphere.folder"
		},
		Matches: func(rule int) bool { return rule != 1 }}
	for _, tt := range []struct {
		name string
		list []Rule
		want []string
	}{
		{"a tag, whatever its spelling", []Rule{{Name: "a", From: []string{"tags.cost_center"}, Set: "cost_center"}}, []string{"/common/cost_center=4711"}},
		{"a value translated", []Rule{{Name: "a", From: []string{"tags.environment", "tags.env"}, Set: "environment", Values: map[string]string{"prd": "production"}}}, []string{"/common/environment=production"}},
		{"part of a name", []Rule{{Name: "a", From: []string{"name"}, Pattern: `\w+-(?P<env>prd|dev)-.*`, Value: "${env}", Set: "environment"}}, []string{"/common/environment=prd"}},
		{"the pattern is for all of it", []Rule{{Name: "a", From: []string{"name"}, Pattern: "prd", Set: "environment"}}, nil},
		{"a folder", []Rule{{Name: "a", From: []string{"attributes.vsphere.folder"}, Pattern: "/[^/]+/([^/]+)/.*", Value: "$1", Set: "client"}}, []string{"/common/client=ACME"}},
		{"an account", []Rule{{Name: "a", From: []string{"partition.account"}, Values: map[string]string{"123": "ACME"}, Set: "client"}}, []string{"/common/client=ACME"}},
		{"always", []Rule{{Name: "a", Value: "in_service", Set: "lifecycle"}}, []string{"/common/lifecycle=in_service"}},
		{"the first decides", []Rule{{Name: "a", Value: "x", Set: "client"}, {Name: "b", Value: "y", Set: "client"}}, []string{"/common/client=x"}},
		{"another kind", []Rule{{Name: "a", Kinds: []string{"volume"}, Value: "x", Set: "client"}}, nil},
		{"not where it says", []Rule{{Name: "a", Value: "x", Set: "client"}, {Name: "b", Where: "name:x", Value: "y", Set: "environment"}}, []string{"/common/client=x"}},
		{"switched off", []Rule{{Name: "a", Off: true, Value: "x", Set: "client"}}, nil},
		{"not among what is allowed", []Rule{{Name: "a", From: []string{"region"}, Set: "criticality"}}, nil},
		{"several systems", []Rule{{Name: "a", From: []string{"name"}, Separator: "-", Set: "system"}}, []string{"part_of system fra", "part_of system prd", "part_of system web", "part_of system 03"}},
		{"an empty tag says nothing", []Rule{{Name: "a", From: []string{"tags.apps"}, Set: "application"}}, nil},
		{"what is usual", Usual(), []string{"/common/environment=production", "/common/cost_center=4711"}},
	} {
		r, err := Compile(tt.list)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := told(r.Apply(&thing)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestWrongRules(t *testing.T) {
	for name, tt := range map[string]struct {
		rule   Rule
		member string
	}{
		"no name":             {Rule{Set: "client", Value: "x"}, "name"},
		"nothing to set":      {Rule{Name: "a", Set: "client"}, "value"},
		"an unknown field":    {Rule{Name: "a", Set: "colour", Value: "x"}, "set"},
		"a field of moments":  {Rule{Name: "a", Set: "warranty_until", Value: "x"}, "set"},
		"a wrong constant":    {Rule{Name: "a", Set: "criticality", Value: "enormous"}, "value"},
		"a wrong translation": {Rule{Name: "a", Set: "criticality", From: []string{"name"}, Values: map[string]string{"x": "enormous"}}, "values"},
		"an unknown source":   {Rule{Name: "a", Set: "client", From: []string{"colour"}}, "from"},
		"a tag without key":   {Rule{Name: "a", Set: "client", From: []string{"tags"}}, "from"},
		"a broken pattern":    {Rule{Name: "a", Set: "client", From: []string{"name"}, Pattern: "("}, "pattern"},
		"a pattern of naught": {Rule{Name: "a", Set: "client", Value: "x", Pattern: "a"}, "pattern"},
		"split one field":     {Rule{Name: "a", Set: "client", From: []string{"name"}, Separator: ","}, "separator"},
	} {
		var wrong *Error
		if _, err := Compile([]Rule{tt.rule}); !errors.As(err, &wrong) || wrong.Member != tt.member {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLabels(t *testing.T) {
	s, err := CompileSpellings([]Spelling{{Key: "environment", Also: []string{"env", "Stage"}, Values: map[string]string{"prd": "production"}}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range s.Labels(tags("ENV", " PRD ", "stage", "production", "Cost-Center", "4711", "Name", "web")) {
		got = append(got, l.Key+"="+l.Value)
	}
	if want := []string{"environment=production"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	var wrong *Error
	if _, err := CompileSpellings([]Spelling{{Key: "env"}, {Key: "stage", Also: []string{"ENV"}}}); !errors.As(err, &wrong) || wrong.Rule != 1 {
		t.Errorf("one key means two: %v", err)
	}
}
