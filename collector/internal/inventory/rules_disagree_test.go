package inventory

import (
	"encoding/json"
	"fmt"
	"testing"

	"maestro.internal/collector/internal/mapping"
	"maestro.internal/sdk/resource"
)

// Rules that disagree are told with the one that decides; where a person decides, no rule does, and nothing is told.
func TestRulesThatDisagree(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	var things []resource.Envelope
	for i := range 7 {
		things = append(things, thing(one, fmt.Sprintf("s%d", i), named(fmt.Sprintf("test-%d", i)), tagged("env", "prd")))
	}
	l.run(a, complete(one, append(things, thing(one, "s9", named("web"), tagged("env", "prd")))...))
	m, err := l.s.Mapping(l.ctx, tenant)
	if err != nil {
		t.Fatal(err)
	}
	m.Rules = []mapping.Rule{{Name: "by tag", From: []string{"tags.env"}, Set: "environment", Values: map[string]string{"prd": "production"}},
		{Name: "by name", From: []string{"name"}, Pattern: "test-.*", Value: "test", Set: "environment"}}
	typed := l.server("test-6")
	if _, err := l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "server", ID: typed.ID, Version: typed.Version, Set: map[string]json.RawMessage{"/common/environment": json.RawMessage(`"lab"`)}}); err != nil {
		t.Fatal(err)
	}
	effect, err := l.s.PreviewMapping(l.ctx, everyone, *m, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(effect.Conflicts) != 1 {
		t.Fatalf("%+v", effect.Conflicts)
	}
	c := effect.Conflicts[0]
	if c.Pointer != "/common/environment" || c.Rule != "by tag" || c.Over != "by name" || c.Count != 6 || len(c.Samples) != mappingConflictSamples {
		t.Errorf("%+v", c)
	}
	for _, x := range c.Samples {
		if x.Value != "production" || x.OverValue != "test" || x.Kind != "server" || x.Name == typed.Name || x.Name == "web" {
			t.Errorf("%+v", x)
		}
	}
	m.Rules[0], m.Rules[1] = m.Rules[1], m.Rules[0]
	if effect, err = l.s.PreviewMapping(l.ctx, everyone, *m, ""); err != nil || len(effect.Conflicts) != 1 || effect.Conflicts[0].Rule != "by name" {
		t.Errorf("the other way round: %+v %v", effect, err)
	}
	m.Rules = m.Rules[1:]
	if effect, err = l.s.PreviewMapping(l.ctx, everyone, *m, ""); err != nil || len(effect.Conflicts) != 0 {
		t.Errorf("one rule alone: %+v %v", effect, err)
	}
}
