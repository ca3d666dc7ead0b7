package azure

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"maestro.internal/plugins/azure/armtest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

const invisible = "00000000-0000-0000-0000-000000000009"

func subscriptionsOf(p provider.Plan) []string {
	var out []string
	for _, s := range p.Scopes {
		id, _ := s.Partition.Get(Partition)
		out = append(out, id)
	}
	return out
}

func TestWhichSubscriptionsArePlanned(t *testing.T) {
	all := []string{armtest.Production, armtest.Staging, armtest.Customer}
	for name, tt := range map[string]struct {
		settings map[string]any
		spoil    func(*armtest.Azure)
		want     []string
		complete bool
		warning  string
	}{
		"all":                   {nil, nil, all, true, ""},
		"by name":               {map[string]any{"subscriptions": []string{"PROD*"}}, nil, all[:1], true, ""},
		"by id":                 {map[string]any{"subscriptions": []string{armtest.Staging}}, nil, all[1:2], true, ""},
		"excluded":              {map[string]any{"exclude_subscriptions": []string{"customer *", armtest.Staging}}, nil, all[:1], true, ""},
		"none of them":          {map[string]any{"subscriptions": []string{"no-such"}}, nil, nil, true, "select none of the 3"},
		"a management group":    {map[string]any{"management_groups": []string{"platform"}}, nil, all[:2], true, ""},
		"a group, and excluded": {map[string]any{"management_groups": []string{"Platform"}, "exclude_subscriptions": []string{"staging"}}, nil, all[:1], true, ""},
		"one group is denied":   {map[string]any{"management_groups": []string{"platform", "secret"}}, nil, all[:2], false, "management group secret"},
		"a group with a subscription that is not visible": {map[string]any{"management_groups": []string{"platform"}}, func(a *armtest.Azure) {
			hidden := a.Add(invisible, "hidden")
			hidden.Actions = nil
			a.Group("platform", hidden)
		}, []string{invisible}, true, ""},
		"one is deleted":                      {nil, func(a *armtest.Azure) { a.Add(invisible, "old").State = "Deleted" }, all, true, "is deleted"},
		"one is disabled":                     {map[string]any{"subscriptions": []string{"old"}}, func(a *armtest.Azure) { a.Add(invisible, "old").State = "Disabled" }, []string{invisible}, true, ""},
		"a tenant that delegates":             {map[string]any{"delegated_tenants": []string{armtest.CustomerTenant}}, nil, all, true, ""},
		"a tenant that does not delegate yet": {map[string]any{"delegated_tenants": []string{"12345678-0000-0000-0000-000000000000"}}, nil, all, false, "12345678-"},
		"throttled at first": {nil, func(a *armtest.Azure) {
			a.Inject(armtest.Fault{Path: "/subscriptions", Times: 2, Status: 429, RetryAfter: -1})
		}, all, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, armtest.Seed())
			if tt.spoil != nil {
				tt.spoil(a)
			}
			p, err := plan(t, a, tt.settings)
			if err != nil {
				t.Fatal(err)
			}
			if got := subscriptionsOf(p); !slices.Equal(got, tt.want) || p.Complete != tt.complete || !strings.Contains(strings.Join(p.Warnings, "; "), tt.warning) {
				t.Errorf("%v complete %v, warnings %q", got, p.Complete, p.Warnings)
			}
		})
	}
}

// An organisation that may not be listed is an error of the plan; an identity without any role proves nothing.
func TestPlansThatKnowNothing(t *testing.T) {
	a := start(t, armtest.Seed())
	if _, err := plan(t, a, map[string]any{"management_groups": []string{"secret"}}); provider.StatusOf(err) != resource.StatusDenied {
		t.Error(err)
	}
	a.Inject(armtest.Fault{Path: "/subscriptions", Status: 403, Code: "AuthorizationFailed"})
	if _, err := plan(t, a, nil); provider.StatusOf(err) != resource.StatusDenied {
		t.Error(err)
	}
	empty := start(t, armtest.New())
	p, err := plan(t, empty, nil)
	if err != nil || p.Complete || len(p.Scopes) > 0 || !strings.Contains(strings.Join(p.Warnings, ""), "role Reader") {
		t.Errorf("%+v %v", p, err)
	}
}

func check(t *testing.T, a *armtest.Azure, more map[string]any) provider.CheckReport {
	t.Helper()
	report, err := serve.Local(New()).Check(t.Context(), provider.Connection{ID: "test", Settings: a.Settings(more)}, kindNames())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// The role that is printed is enough for everything, and no more: without any of its actions something is missing,
// and the check says so beforehand.
func TestTheRoleIsEnoughAndNotTooMuch(t *testing.T) {
	var role struct{ Actions, NotActions []string }
	if err := json.Unmarshal([]byte(New().Describe().Policy), &role); err != nil {
		t.Fatal(err)
	}
	for _, action := range role.Actions {
		if !strings.HasSuffix(action, "/read") || strings.Contains(action, "*") {
			t.Errorf("the role asks for %s", action)
		}
	}
	a := start(t, armtest.Seed())
	a.PageSize = 100
	settings := map[string]any{"subscriptions": []string{"production"}, "resource_graph": "never"}
	limit := func(actions []string) {
		a.Heal()
		for _, s := range a.Subscriptions() {
			s.Actions = actions
		}
	}
	limit(role.Actions)
	for key, out := range discover(t, a.Settings(settings)).outcomes {
		if out.Status != resource.StatusComplete || out.Incomplete > 0 {
			t.Errorf("%s: %+v", key, out)
		}
	}
	for _, item := range check(t, a, settings).Items {
		if !item.OK {
			t.Errorf("check: %+v", item)
		}
	}
	for i, action := range role.Actions {
		if slices.Contains(always(), action) {
			continue
		}
		limit(slices.Delete(slices.Clone(role.Actions), i, i+1))
		report, missed := check(t, a, settings), false
		for _, item := range report.Items {
			missed = missed || !item.OK && strings.Contains(item.Message, action)
		}
		if !missed || !strings.Contains(report.Policy, action) {
			t.Errorf("the check does not miss %s", action)
		}
		spoilt := false
		for _, out := range discover(t, a.Settings(settings)).outcomes {
			spoilt = spoilt || out.Status != resource.StatusComplete || out.Incomplete > 0
		}
		if !spoilt {
			t.Errorf("nothing needs %s", action)
		}
	}
}

func TestCheckPrintsTheDelegation(t *testing.T) {
	a := start(t, armtest.Seed())
	report := check(t, a, map[string]any{"delegated_tenants": []string{armtest.CustomerTenant, "12345678-0000-0000-0000-000000000000"}})
	var template struct {
		Resources []struct {
			Properties struct {
				Tenant         string `json:"managedByTenantId"`
				Authorizations []struct{ PrincipalID, RoleDefinitionID string }
			}
		}
	}
	if err := json.Unmarshal([]byte(report.Policy), &template); err != nil {
		t.Fatal(err, report.Policy)
	}
	first := template.Resources[0].Properties
	if first.Tenant != a.Tenant || first.Authorizations[0].PrincipalID != a.Principal || first.Authorizations[0].RoleDefinitionID != readerRole {
		t.Errorf("%+v", first)
	}
	ok := map[string]bool{}
	for _, item := range report.Items {
		if item.Kind == "" {
			ok[item.Name] = item.OK
		}
	}
	if !ok["delegation by tenant "+armtest.CustomerTenant] || ok["delegation by tenant 12345678-0000-0000-0000-000000000000"] || ok["subscriptions"] {
		t.Errorf("%v", ok)
	}
}

func TestPermissionsMatch(t *testing.T) {
	for _, tt := range []struct {
		actions, not []string
		want         bool
	}{
		{[]string{"*"}, nil, true},
		{[]string{"*/read"}, nil, true},
		{[]string{"Microsoft.Compute/*"}, nil, true},
		{[]string{"microsoft.compute/DISKS/read"}, nil, true},
		{[]string{"Microsoft.Compute/*/read"}, nil, true},
		{[]string{"*"}, []string{"Microsoft.Compute/disks/*"}, false},
		{[]string{"Microsoft.Compute/disks/write"}, nil, false},
		{[]string{"Microsoft.Network/*"}, nil, false},
		{nil, nil, false},
	} {
		if got := allows([]grant{{tt.actions, tt.not}}, "Microsoft.Compute/disks/read"); got != tt.want {
			t.Errorf("%v without %v: %v", tt.actions, tt.not, got)
		}
	}
}
