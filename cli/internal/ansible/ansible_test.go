package ansible_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"maestro.internal/cli/internal/ansible"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestGroupsAndVariables: where a server is, what it runs and what it belongs to.
func TestGroupsAndVariables(t *testing.T) {
	web := ansible.Host{Systems: []string{"Shop", "Shop"}, SecurityGroups: []string{"front end"}, Resource: rest.Resource{ID: "1", Name: "web.example.net", State: "active", Region: "eu-1",
		Datacenter: &rest.Ref{Name: "Frankfurt (Main)"}, Tags: []resource.Tag{{Key: "env", Value: "Prod"}, {Key: "backup"}},
		Attributes: map[string]any{"primary_ip": "10.0.0.1", "public_ip": "192.0.2.1", "os": map[string]any{"family": "linux", "name": "Debian GNU/Linux"}, "cpu_count": 4.0}}}
	inv := ansible.New([]ansible.Host{web}, ansible.Primary)
	for _, g := range []string{"datacenter_frankfurt_main", "region_eu_1", "tag_env_prod", "tag_backup", "os_linux", "os_debian_gnu_linux", "system_shop", "security_group_front_end"} {
		if len(inv.Groups[g]) != 1 {
			t.Errorf("no group %s in %v", g, inv.Groups)
		}
	}
	vars := inv.Hosts["web.example.net"]
	if vars["ansible_host"] != "10.0.0.1" || text(t, vars["maestro_systems"]) != `["Shop"]` || text(t, vars["maestro_tags"]) != `{"backup":"","env":"Prod"}` {
		t.Errorf("got %v", vars)
	}
	if got := ansible.New([]ansible.Host{web}, ansible.Public).Hosts["web.example.net"]["ansible_host"]; got != "192.0.2.1" {
		t.Errorf("public: %v", got)
	}
	ini := inv.INI()
	for _, want := range []string{"web.example.net ", ` ansible_host="'10.0.0.1'"`, `'cpu_count': 4`, "\n[region_eu_1]\nweb.example.net\n"} {
		if !strings.Contains(ini, want) {
			t.Errorf("no %q in\n%s", want, ini)
		}
	}
}

// TestWhatToConnectTo: only an address is one, and nothing is an option of ssh.
func TestWhatToConnectTo(t *testing.T) {
	for _, tc := range []struct {
		attributes map[string]any
		want       any
	}{
		{map[string]any{"primary_ip": "-oProxyCommand=x", "ip_addresses": []any{"fe80::1", "2001:db8::5"}}, "2001:db8::5"},
		{map[string]any{"hostname": "-oProxyCommand=x"}, nil},
		{map[string]any{"hostname": "{{ x }}", "dns_names": []any{"a b", "ok.example.net"}}, "ok.example.net"},
		{map[string]any{"primary_ip": "fe80::1%eth0"}, nil},
		{nil, nil},
	} {
		inv := ansible.New([]ansible.Host{{Resource: rest.Resource{ID: "1", Name: "a", Attributes: tc.attributes}}}, ansible.Primary)
		if got := inv.Hosts["a"]["ansible_host"]; got != tc.want {
			t.Errorf("%v: %v", tc.attributes, got)
		}
	}
}

// TestNames: of any text a harmless name, and two that differ in another script stay two.
func TestNames(t *testing.T) {
	host, group := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`), regexp.MustCompile(`^tag_[a-z0-9_]+$`)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		if n := ansible.HostName(s); !host.MatchString(n) {
			t.Fatalf("%q names a host %q", s, n)
		}
		if g := ansible.GroupName("tag", s); !group.MatchString(g) {
			t.Fatalf("%q names a group %q", s, g)
		}
	})
	if ansible.HostName("東京") == ansible.HostName("大阪") || ansible.GroupName("region", "東京") == ansible.GroupName("region", "大阪") {
		t.Error("two cities became one")
	}
	inv := ansible.New([]ansible.Host{{Resource: rest.Resource{ID: "1", Name: "a"}}, {Resource: rest.Resource{ID: "2", Name: "a"}}, {Resource: rest.Resource{ID: "3", Name: "all"}}}, ansible.Primary)
	if len(inv.Hosts) != 3 {
		t.Errorf("got %v", inv.Hosts)
	}
}

// TestNothingIsATemplate: whatever a name says, JSON marks it and INI breaks it up, line by line.
func TestNothingIsATemplate(t *testing.T) {
	template := regexp.MustCompile(`\{[{%#]`)
	line := regexp.MustCompile(`^(# .*|\[[a-z0-9_]+\]|[A-Za-z0-9][A-Za-z0-9._-]*( [a-z_]+="([^"\\]|\\["\\])*")*|)$`)
	rapid.Check(t, func(t *rapid.T) {
		evil := rapid.OneOf(rapid.StringMatching(`[a\\"'{}%#\n \[\]=$é]{0,12}`), rapid.String())
		s := func(name string) string { return evil.Draw(t, name) }
		h := ansible.Host{Systems: []string{s("system")}, Resource: rest.Resource{ID: s("id"), Name: s("name"), Region: s("region"), Datacenter: &rest.Ref{Name: s("dc")},
			Tags: []resource.Tag{{Key: s("key"), Value: s("value")}}, Attributes: map[string]any{s("attribute"): map[string]any{"x": []any{s("deep")}}}}}
		inv := ansible.New([]ansible.Host{h}, ansible.Primary)
		ini := inv.INI()
		if template.MatchString(ini) {
			t.Fatalf("a template in\n%s", ini)
		}
		for _, l := range strings.Split(ini, "\n") {
			if !line.MatchString(l) {
				t.Fatalf("a line that is none: %q", l)
			}
		}
		for _, v := range []any{inv.List(), inv.Static()} {
			checkMarked(t, v, false)
		}
	})
}

func checkMarked(t *rapid.T, v any, marked bool) {
	switch v := v.(type) {
	case string:
		if !marked && (strings.Contains(v, "{{") || strings.Contains(v, "{%") || strings.Contains(v, "{#")) {
			t.Fatalf("%q is not marked", v)
		}
	case map[string]any:
		for k, e := range v {
			if strings.Contains(k, "{{") || strings.HasPrefix(k, "__ansible") && k != "__ansible_unsafe" {
				t.Fatalf("a key %q", k)
			}
			checkMarked(t, e, k == "__ansible_unsafe")
		}
	case []any:
		for _, e := range v {
			checkMarked(t, e, false)
		}
	case []string:
		for _, e := range v {
			checkMarked(t, e, false)
		}
	}
}
