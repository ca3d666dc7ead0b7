package mapping

import (
	"slices"
	"testing"
)

func TestConflicts(t *testing.T) {
	rules, err := Compile([]Rule{
		{Name: "switched off", Off: true, Value: "lab", Set: "environment"},
		{Name: "of volumes", Kinds: []string{"volume"}, Value: "storage", Set: "environment"},
		{Name: "not allowed", From: []string{"tags.env"}, Set: "criticality"},
		{Name: "by tag", From: []string{"tags.env"}, Set: "environment", Values: map[string]string{"prd": "production"}},
		{Name: "by name", From: []string{"name"}, Pattern: `test-.*`, Value: "test", Set: "environment"},
		{Name: "same word", Value: "production", Set: "environment"},
		{Name: "by place", Where: "region = lab", Value: "lab", Set: "environment"},
		{Name: "tier", Value: "low", Set: "criticality"},
		{Name: "shop", Value: "shop", Set: "system"},
		{Name: "billing", Value: "billing", Set: "system"},
	})
	if err != nil {
		t.Fatal(err)
	}
	lab := func(is bool) func(int) bool { return func(int) bool { return is } }
	for name, tt := range map[string]struct {
		thing Thing
		want  []Conflict
	}{
		"one rule has a value, another says the same": {Thing{Kind: "server", Name: "web", Tags: tags("env", "prd")}, nil},
		"a later rule says otherwise": {Thing{Kind: "server", Name: "test-1", Tags: tags("env", "prd")},
			[]Conflict{{"/common/environment", "by tag", "production", "by name", "test"}}},
		"what a rule may not set decides nothing; two others disagree with the first": {Thing{Kind: "server", Name: "test-1", Matches: lab(true)},
			[]Conflict{{"/common/environment", "by name", "test", "same word", "production"}, {"/common/environment", "by name", "test", "by place", "lab"}}},
		"a condition that is not met": {Thing{Kind: "server", Name: "web", Matches: lab(false)}, nil},
		"a rule of one kind": {Thing{Kind: "volume", Name: "test-1", Tags: tags("env", "storage")},
			[]Conflict{{"/common/environment", "of volumes", "storage", "by name", "test"}, {"/common/environment", "of volumes", "storage", "same word", "production"}}},
	} {
		if got := rules.Conflicts(&tt.thing); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
		// Who decides here decides when they are applied.
		applied := rules.Apply(&tt.thing)
		for _, c := range tt.want {
			if !slices.ContainsFunc(applied, func(o Outcome) bool { return o.Pointer == c.Pointer && o.Rule == c.Rule && o.Value == c.Value }) {
				t.Errorf("%s: %s does not decide in %+v", name, c.Rule, applied)
			}
		}
	}
}
