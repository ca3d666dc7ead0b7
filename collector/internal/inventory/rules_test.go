package inventory

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/mapping"
)

func (l *lab) commonOf(name string) string {
	l.t.Helper()
	return string(l.server(name).Common)
}

func (l *lab) save(rules ...mapping.Rule) *Mapping {
	l.t.Helper()
	m, err := l.s.Mapping(l.ctx, tenant)
	if err != nil {
		l.t.Fatal(err)
	}
	m.Rules = rules
	if m, err = l.s.SaveMapping(l.ctx, everyone, *m, ""); err != nil {
		l.t.Fatal(err)
	}
	l.sweep()
	return m
}

func (l *lab) sweep() {
	l.t.Helper()
	if err := l.s.Sweep(l.ctx, l.clock.now()); err != nil {
		l.t.Fatal(err)
	}
}

// A rule may be about one record by its id, and names datacenters by theirs; a name would be another thing's tomorrow.
func TestARuleByID(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "s1", named("web")), thing(one, "s2", named("db"))))
	l.save(mapping.Rule{Name: "this one", Where: `id = "` + l.server("db").ID + `"`, Set: "criticality", Value: "critical"})
	if web, db := l.commonOf("web"), l.commonOf("db"); web != "{}" || db != `{"criticality":"critical"}` {
		t.Errorf("web %s, db %s", web, db)
	}
	m, err := l.s.Mapping(l.ctx, tenant)
	if err != nil {
		t.Fatal(err)
	}
	m.Rules = []mapping.Rule{{Name: "site", Where: "name = web AND datacenter = Frankfurt", Set: "client", Value: "x"}}
	_, err = l.s.SaveMapping(l.ctx, everyone, *m, "")
	var invalid *InvalidError
	if !errors.As(err, &invalid) || invalid.Pointer != "/rules/0/where" || !strings.Contains(invalid.Problem, "character 29: a datacenter is meant by its id") {
		t.Errorf("a name: %v", err)
	}
}

func TestRulesMapTags(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	things := func() read {
		return complete(one, thing(one, "s1", named("web"), tagged("Env", "PRD")), thing(one, "s2", named("db"), tagged("team", "dba")), thing(one, "s3", named("lone")))
	}
	l.run(a, things())
	rules := []mapping.Rule{{Name: "env", From: []string{"tags.env"}, Set: "environment", Values: map[string]string{"prd": "production"}},
		{Name: "databases", Where: `name = "db"`, Value: "critical", Set: "criticality"},
		{Name: "owner", From: []string{"tags.team"}, Set: "owner.name"}}
	m, err := l.s.Mapping(l.ctx, tenant)
	if err != nil {
		t.Fatal(err)
	}
	m.Rules = rules
	effect, err := l.s.PreviewMapping(l.ctx, everyone, *m, "")
	if err != nil || effect.Changed != 2 || effect.Looked != 3 || len(effect.Samples) != 2 {
		t.Fatalf("%+v %v", effect, err)
	}
	if got := l.commonOf("web"); got != "{}" {
		t.Fatalf("a preview wrote %s", got)
	}
	saved := l.save(rules...)
	if got := l.commonOf("web"); got != `{"environment":"production"}` {
		t.Errorf("web: %s", got)
	}
	if got := l.commonOf("db"); got != `{"criticality":"critical","owner":{"name":"dba"}}` {
		t.Errorf("db: %s", got)
	}
	l.want(l.find("environment = production"), "web")
	web := l.server("web")
	from := func(pointer string) string {
		for _, p := range l.server("web").Provenance {
			if p.Pointer == pointer {
				return p.Actor
			}
		}
		return ""
	}
	if got := from("/common/environment"); got != "rule:env" {
		t.Errorf("it came from %q", got)
	}
	if job, err := l.s.MappingJob(l.ctx, tenant); err != nil || job.Running || job.Done != 3 || job.Changed != 2 || job.Version != saved.Version {
		t.Errorf("%+v %v", job, err)
	}

	// What a person says stands; discovery under rules changes nothing that has not changed.
	if _, err := l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "server", ID: web.ID, Version: web.Version, Set: map[string]json.RawMessage{"/common/environment": json.RawMessage(`"test"`)}}); err != nil {
		t.Fatal(err)
	}
	l.run(a, things())
	if got := l.commonOf("web"); got != `{"environment":"test"}` {
		t.Errorf("a rule overwrote a person: %s", got)
	}
	if n := len(l.history(l.server("db").ID)); n != 2 {
		t.Errorf("%d changes of db: %q", n, l.history(l.server("db").ID))
	}
	web = l.server("web")
	if _, err := l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "server", ID: web.ID, Version: web.Version, Reset: []string{"/common/environment"}}); err != nil {
		t.Fatal(err)
	}
	if got := l.commonOf("web"); got != `{"environment":"production"}` {
		t.Errorf("handed back: %s", got)
	}

	// Taken back, the rules leave nothing.
	history, err := l.s.MappingHistory(l.ctx, tenant)
	if err != nil || len(history) != 1 {
		t.Fatalf("%+v %v", history, err)
	}
	l.save()
	if got := l.commonOf("db"); got != "{}" {
		t.Errorf("db: %s", got)
	}
	var stale *StaleError
	if _, err := l.s.SaveMapping(l.ctx, everyone, *m, ""); !errors.As(err, &stale) {
		t.Errorf("two edits at once: %v", err)
	}
	var invalid *InvalidError
	m.Version, m.Rules = 2, []mapping.Rule{{Name: "a", Where: "colour = red", Set: "client", Value: "x"}}
	if _, err := l.s.PreviewMapping(l.ctx, everyone, *m, ""); !errors.As(err, &invalid) || invalid.Pointer != "/rules/0/where" {
		t.Errorf("a condition that no kind knows: %v", err)
	}
}

// What a rule made a part of a system or an application is found by filters from both ends, beside what states so itself; a
// resource of any kind has these relations, those of a kind of one's own too.
func TestFiltersFollowWhatRulesRelate(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	apps, disks := scopeOf("application"), scopeOf("volume")
	make := func(kind, name string, relations ...PersonRelation) string {
		t.Helper()
		r, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: kind, Name: name, Relations: relations})
		if err != nil {
			t.Fatal(err)
		}
		return r.ID
	}
	shop := make("system", "shop")
	make("client", "ACME", PersonRelation{Verb: "uses", Kind: "system", ID: shop})
	make("application", "till", PersonRelation{Verb: "part_of", Kind: "system", ID: shop})
	if _, err := l.s.DefineKind(l.ctx, everyone, CustomKind{Name: "rack", Label: "Rack"}); err != nil {
		t.Fatal(err)
	}
	l.save(mapping.Rule{Name: "systems", From: []string{"tags.system"}, Set: "system"}, mapping.Rule{Name: "applications", From: []string{"tags.app"}, Set: "application"})
	l.push(a, a.build([]string{"server", "volume", "application"}, l.clock.now(),
		complete(one, thing(one, "s1", named("web"), tagged("system", "shop")), thing(one, "s2", named("pos"), tagged("app", "till")), thing(one, "s3", named("alone"))),
		complete(disks, thing(disks, "d1", named("data"), tagged("system", "shop"))),
		complete(apps, thing(apps, "a1", named("stock"), attrs(`{}`), related("runs_on", "server", "s1")))))
	make("custom.rack", "r1", PersonRelation{Verb: "part_of", Kind: "system", ID: shop})
	for _, c := range []struct{ kind, filter, finds string }{
		{"server", `system.clients.name = "ACME"`, "web"},
		{"server", "system = null", "alone pos"},
		{"server", "applications.name = till", "pos"},
		{"server", "applications.name = stock", "web"},
		{"server", "applications.system.clients.name = ACME", "pos"},
		{"server", "applications = null", "alone"},
		{"server", "applications.name != till", "alone web"},
		{"volume", "system = shop", "data"},
		{"custom.rack", "system.clients.name = ACME", "r1"},
		{"application", "servers.name = pos", "till"},
		{"application", "servers.name = web", "stock"},
		{"system", "servers.name = web", "shop"},
		{"system", "applications.name = till", "shop"},
	} {
		got, err := filtered(l.ctx, l.s, everyone, l.clock, c.kind, c.filter)
		if slices.Sort(got); err != nil || strings.Join(got, " ") != c.finds {
			t.Errorf("%s %s: %v %v, want %s", c.kind, c.filter, got, err, c.finds)
		}
	}
}

func TestRulesRelateByName(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	see := func(systems string) {
		l.run(a, complete(one, thing(one, "s1", named("web"), tagged("system", systems))))
	}
	see("shop, billing")
	rule := mapping.Rule{Name: "systems", From: []string{"tags.system"}, Separator: ",", Set: "system"}
	shop, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "system", Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	m := Mapping{Rules: []mapping.Rule{rule}}
	effect, err := l.s.PreviewMapping(l.ctx, everyone, m, "server")
	if err != nil || effect.Changed != 1 || effect.Wanted["system billing"] != 1 || len(effect.Wanted) != 1 {
		t.Fatalf("%+v %v", effect, err)
	}
	l.save(rule)
	web := l.server("web").ID
	l.want(l.relations("server", web), "out part_of ? billing", "out part_of shop")
	l.want(l.relations("system", shop.ID), "in part_of web")
	before := l.clock.now()
	see("billing")
	l.want(l.relations("system", shop.ID))
	list, err := l.s.RelatedAsOf(l.ctx, everyone, "system", shop.ID, before)
	if err != nil || len(list) != 1 || list[0].ID != web {
		t.Errorf("as it was: %+v %v", list, err)
	}
	// What is recorded later is found, and a record that gets another name is not any more.
	billing, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "system", Name: "billing"})
	if err != nil {
		t.Fatal(err)
	}
	l.want(l.relations("server", web), "out part_of billing")
	named := l.clock.now()
	if _, err := l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "system", ID: billing.ID, Version: billing.Version, Set: map[string]json.RawMessage{"/name": json.RawMessage(`"invoices"`)}}); err != nil {
		t.Fatal(err)
	}
	l.want(l.relations("server", web), "out part_of ? billing")
	l.clock.add(time.Second)
	if list, err = l.s.RelatedAsOf(l.ctx, everyone, "server", web, named); err != nil || len(list) != 1 || list[0].ID != billing.ID {
		t.Errorf("as it was: %+v %v", list, err)
	}
	l.save()
	l.want(l.relations("server", web))
	if got := l.history(web); !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "/relations/part_of") }) {
		t.Errorf("no change tells of the relation: %q", got)
	}
}

func TestUsualRulesAreSeededOnce(t *testing.T) {
	l := newLab(t)
	for range 2 {
		if err := l.s.SeedMapping(l.ctx, tenant); err != nil {
			t.Fatal(err)
		}
	}
	m, err := l.s.Mapping(l.ctx, tenant)
	if err != nil || m.Version != 1 || len(m.Rules) != len(mapping.Usual()) {
		t.Fatalf("%+v %v", m, err)
	}
	l.save()
	if err := l.s.SeedMapping(l.ctx, tenant); err != nil {
		t.Fatal(err)
	}
	if m, err = l.s.Mapping(l.ctx, tenant); err != nil || len(m.Rules) != 0 {
		t.Errorf("rules that an administrator deleted came back: %+v %v", m, err)
	}
}

func TestSpellingsAndPolicy(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "a", 1)
	l.run(a, complete(one, thing(one, "s1", named("web"), tagged("ENV", "prd"), tagged("Owner", "anna")), thing(one, "s2", named("db"), tagged("Stage", "play")),
		thing(one, "s3", named("lone")), thing(one, "s4", named("old"), tagged("environment", "production"))))
	m := Mapping{Spellings: []mapping.Spelling{{Key: "environment", Also: []string{"env", "stage"}, Values: map[string]string{"prd": "production"}}},
		Policy: []mapping.Requirement{{Key: "Env", Kinds: []string{"server"}, Values: []string{"production", "test"}}, {Key: "Owner"}}}
	if _, err := l.s.SaveMapping(l.ctx, everyone, m, ""); err != nil {
		t.Fatal(err)
	}
	l.sweep()
	l.want(l.find(`labels.environment = "production"`), "old", "web")
	l.want(l.find(`tags.ENV = "prd"`), "web")
	if got := l.server("web"); len(got.Labels) != 1 || len(got.Tags) != 2 {
		t.Errorf("labels %v, tags %v", got.Labels, got.Tags)
	}
	rows, err := l.s.Compliance(l.ctx, everyone, "")
	if err != nil || len(rows) != 2 {
		t.Fatalf("%+v %v", rows, err)
	}
	if r := rows[0]; r.Total != 4 || r.Missing != 1 || r.Wrong != 1 {
		t.Errorf("%+v", r)
	}
	if r := rows[1]; r.Missing != 3 || r.Wrong != 0 {
		t.Errorf("%+v", r)
	}
	l.want(l.find(rows[0].MissingFilter), "lone")
	l.want(l.find(rows[0].WrongFilter), "db")
	few := Caller{Tenant: tenant, Name: "user:few"}
	if rows, err = l.s.Compliance(l.ctx, few, ""); err != nil || len(rows) != 0 {
		t.Errorf("who may see nothing counts %+v %v", rows, err)
	}
}
