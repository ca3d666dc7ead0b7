package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/seal"
)

const toolsV1 = `{"type":"object","properties":{
	"tools_version":{"type":"integer","x-maestro-indexed":true,"x-maestro-column":true},
	"annotation":{"type":"string","x-maestro-searchable":true},
	"licence_key":{"type":"string","x-maestro-sensitive":true},
	"heartbeat":{"type":"integer","x-maestro-volatile":true},
	"hints":{"type":"array","x-maestro-set":true,"items":{"type":"string"}}}}`

// adding is the description of a plugin that adds fields to servers.
func adding(name, version, fields string) provider.Description {
	return provider.Description{Provider: name, Version: version, Kinds: []provider.KindSupport{{Kind: "server", Major: 1, Schema: json.RawMessage(fields)}}}
}

func (l *lab) declare(d provider.Description) []string {
	l.t.Helper()
	w, err := l.s.RegisterKinds(l.ctx, tenant, d)
	if err != nil {
		l.t.Fatal(err)
	}
	return w
}

func (l *lab) kindServer() *KindInfo {
	l.t.Helper()
	k, err := l.s.Kind(l.ctx, tenant, "server")
	if err != nil {
		l.t.Fatal(err)
	}
	return k
}

// find is the names of the servers that a filter finds.
func (l *lab) find(text string) []string {
	l.t.Helper()
	e, _, err := filter.Parse(text, FieldsOf(l.kindServer().Kind), l.clock.now())
	if err != nil {
		l.t.Fatalf("%s: %v", text, err)
	}
	list, err := l.s.List(l.ctx, everyone, ListQuery{Kind: "server", Where: e})
	if err != nil {
		l.t.Fatalf("%s: %v", text, err)
	}
	var out []string
	for _, r := range list.Items {
		out = append(out, r.Name)
	}
	slices.Sort(out)
	return out
}

// From the plugin's description to the filter: what the agent seals is what the collector checks, keeps and finds.
func TestFieldsOnBuiltInKind(t *testing.T) {
	l := newLab(t, func(o *Options) { o.AutoApprove, o.HistoryKey = true, []byte("key") })
	d := adding("vsphere", "1", toolsV1)
	if w := l.declare(d); len(w) != 0 {
		t.Fatal(w)
	}
	k := l.kindServer()
	if !k.BuiltIn || k.Approval != Approved || fmt.Sprint(k.Extensions) != "[{vsphere 1 approved}]" {
		t.Fatalf("%+v", k)
	}
	rules := seal.For(d)
	if k.Digest != rules.Kind("server").Digest {
		t.Error("the kind is not as the plugin declares it")
	}
	sealer, err := rules.Sealer("server")
	if err != nil {
		t.Fatal(err)
	}
	sealed := func(key, attributes string) resource.Envelope {
		t.Helper()
		out, err := sealer.Seal(thing(one, key, attrs("%s", attributes)))
		if err != nil {
			t.Fatal(err)
		}
		env, err := resource.ParseCanonical(out.Canonical)
		if err != nil {
			t.Fatal(err)
		}
		return env
	}
	a := newAgent(l.s, "a", 1)
	push := func(version, heartbeat int) *RunInfo {
		t.Helper()
		return l.run(a, complete(one,
			sealed("k1", fmt.Sprintf(`{"cpu_count":2,"vsphere":{"tools_version":%d,"heartbeat":%d,"hints":["b","a"],"licence_key":"PLANTED","annotation":"Billing"}}`, version, heartbeat)),
			sealed("k2", `{"vsphere":{"tools_version":"new","other":1}}`)))
	}
	if info := push(11, 1); info.Created != 2 {
		t.Fatalf("%+v", info)
	}
	if info := push(11, 2); !info.Unchanged {
		t.Fatalf("a heartbeat is no change: %+v", info)
	}
	for text, want := range map[string]string{
		`vsphere.tools_version >= 11`: "name of k1", `attributes.vsphere.tools_version = 12`: "", `vsphere.hints:"a"`: "name of k1",
		`billing`: "name of k1", `vsphere.annotation = "Billing"`: "name of k1",
	} {
		if got := strings.Join(l.find(text), ","); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{`vsphere.licence_key = "PLANTED"`, `vsphere.heartbeat > 0`, `vsphere.other = 1`} {
		if _, _, err := filter.Parse(text, FieldsOf(k.Kind), l.clock.now()); err == nil {
			t.Errorf("%s: it should be no field of filters", text)
		}
	}
	// What is of the wrong type is left out, what is unknown is kept.
	if r := l.server("name of k2"); string(r.Attributes) != `{"vsphere":{"other":1}}` {
		t.Errorf("%s", r.Attributes)
	}
	if r := l.server("name of k1"); strings.Contains(string(r.Attributes), "heartbeat") {
		t.Errorf("%s", r.Attributes)
	}
	push(12, 3)
	changes := strings.Join(l.history(l.server("name of k1").ID), "\n")
	if !strings.Contains(changes, "/attributes/vsphere/tools_version") || strings.Contains(changes, "PLANTED") {
		t.Errorf("%s", changes)
	}
}

// An extension grows with its plugin, is not taken away by an older one, and stands beside those of others.
func TestFieldsGrow(t *testing.T) {
	l := newLab(t, func(o *Options) { o.AutoApprove = true })
	toolsV2 := strings.Replace(toolsV1, `"properties":{`, `"properties":{"firmware":{"type":"string"},`, 1)
	for _, step := range []struct {
		d       provider.Description
		warning string
		fields  string
	}{
		{adding("vsphere", "1", toolsV1), "", "vsphere.annotation vsphere.heartbeat vsphere.hints vsphere.licence_key vsphere.tools_version"},
		{adding("vsphere", "2", toolsV2), "", "vsphere.annotation vsphere.firmware vsphere.heartbeat vsphere.hints vsphere.licence_key vsphere.tools_version"},
		{adding("vsphere", "1", toolsV1), "", "vsphere.annotation vsphere.firmware vsphere.heartbeat vsphere.hints vsphere.licence_key vsphere.tools_version"},
		{adding("vsphere", "3", `{"type":"object","properties":{"tools_version":{"type":"string"}}}`), "fields of kind server of plugin vsphere 3 is not taken", ""},
		{adding("vsphere", "4", `{"type":"object","properties":{"a":{"type":"colour"}}}`), "kind server: fields of vsphere", ""},
		{adding("os", "1", `{"type":"object","properties":{"a":{"type":"string"}}}`), "the kind has a property of that name", ""},
		{adding("aws", "1", `{"type":"object","properties":{"tenancy":{"type":"string"}}}`), "", "aws.tenancy vsphere.annotation vsphere.firmware"},
		{adding("gcp", "1", ""), "", "aws.tenancy vsphere.annotation vsphere.firmware"},
	} {
		w := l.declare(step.d)
		if step.warning == "" && len(w) != 0 || step.warning != "" && (len(w) != 1 || !strings.Contains(w[0], step.warning)) {
			t.Errorf("%s %s: %q", step.d.Provider, step.d.Version, w)
		}
		var have []string
		for _, f := range l.kindServer().Fields {
			if strings.HasPrefix(f.Path, "vsphere.") || strings.HasPrefix(f.Path, "aws.") || strings.HasPrefix(f.Path, "os.a") {
				have = append(have, f.Path)
			}
		}
		slices.Sort(have)
		if got := strings.Join(have, " "); !strings.HasPrefix(got, step.fields) {
			t.Errorf("%s %s: %s", step.d.Provider, step.d.Version, got)
		}
	}
	if k, err := l.s.Kind(l.ctx, "another", "server"); err != nil || len(k.Extensions) != 0 {
		t.Errorf("fields of one tenant are no other's: %+v %v", k, err)
	}
	all, err := l.s.Kinds(l.ctx, tenant)
	if err != nil || len(all) != len(l.s.builtin) {
		t.Errorf("%d kinds, %v", len(all), err)
	}
}

// Until an administrator lets them in, fields cost nothing; what is sensitive is hidden all the same.
func TestFieldsWait(t *testing.T) {
	l := newLab(t, func(o *Options) { o.HistoryKey = []byte("key") })
	l.declare(adding("vsphere", "1", toolsV1))
	k := l.kindServer()
	tools, _ := k.Field("vsphere.tools_version")
	key, _ := k.Field("vsphere.licence_key")
	if tools == nil || tools.Indexed || tools.Column || key == nil || !key.Sensitive || !k.Waits() || k.Approval != Approved {
		t.Fatalf("%+v %+v %+v", tools, key, k.Extensions)
	}
	a := newAgent(l.s, "a", 1)
	item := thing(one, "k1", attrs(`{"vsphere":{"tools_version":11,"annotation":"Billing","licence_key":"PLANTED"}}`))
	if info := l.run(a, complete(one, item)); info.Created != 1 || info.Rejected != 0 {
		t.Fatalf("servers are not rejected for the fields of a plugin: %+v", info)
	}
	if got := l.find("billing"); len(got) != 0 {
		t.Error("words that wait are found")
	}
	sum, err := l.s.Summary(l.ctx, everyone, time.Time{})
	if err != nil || sum.PendingKinds != 1 {
		t.Fatalf("%+v %v", sum, err)
	}
	if k, err = l.s.ApproveKind(l.ctx, everyone, "server", "fine"); err != nil {
		t.Fatal(err)
	}
	if tools, _ = k.Field("vsphere.tools_version"); !tools.Indexed || !tools.Column || k.Waits() {
		t.Errorf("%+v", tools)
	}
	if sum, err = l.s.Summary(l.ctx, everyone, time.Time{}); err != nil || sum.PendingKinds != 0 {
		t.Errorf("%+v %v", sum, err)
	}
	l.run(a, complete(one, thing(one, "k1", attrs(`{"vsphere":{"tools_version":12,"annotation":"Billing"}}`))))
	if got := l.find("billing vsphere.tools_version = 12"); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if _, err := l.s.ApproveKind(l.ctx, everyone, "volume", ""); !errorIs(err, ErrNotFound) {
		t.Errorf("there is nothing to approve: %v", err)
	}
}

// parts remembers the indexes that each kind has.
type parts struct {
	store.Store
	have map[string]string
}

func (p *parts) EnsurePart(ctx context.Context, table, part string, indexes []store.Index) error {
	var names []string
	for _, ix := range indexes {
		names = append(names, ix.Name)
	}
	p.have[part] = strings.Join(names, " ")
	return p.Store.EnsurePart(ctx, table, part, indexes)
}

// Plugins have eight indexes of a built-in kind between them, who comes first has them, and no collector drops
// those that another tenant's plugin has.
func TestIndexesOfAddedFields(t *testing.T) {
	p := &parts{have: map[string]string{}}
	l := newLab(t, func(o *Options) { p.Store, o.Store, o.AutoApprove = o.Store, p, true })
	many := func(names ...string) string {
		var props []string
		for i, n := range names {
			props = append(props, fmt.Sprintf(`%q:{"type":"integer","x-maestro-indexed":true,"x-maestro-order":%d}`, n, i+1))
		}
		return `{"type":"object","properties":{` + strings.Join(props, ",") + `}}`
	}
	look := func(s *Service, tenant string) string {
		t.Helper()
		if _, err := s.List(l.ctx, Caller{Tenant: tenant, TenantWide: true}, ListQuery{Kind: "server"}); err != nil {
			t.Fatal(err)
		}
		_, added, _ := strings.Cut(p.have["server"], indexesOf(s.builtin["server"].Kind)[len(indexesOf(s.builtin["server"].Kind))-1].Name)
		added, counted := strings.CutSuffix(added, " default_facets")
		if !counted {
			t.Errorf("no index for facets in %q", p.have["server"])
		}
		names := strings.Fields(added)
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	if err := l.s.Prepare(l.ctx); err != nil {
		t.Fatal(err)
	}
	if got := look(l.s, tenant); got != "" {
		t.Fatal(got)
	}
	l.declare(adding("zeta", "1", many("a", "b", "c", "d", "e", "f")))
	l.declare(adding("alpha", "1", many("k", "l__", "m")))
	field := "field_" + store.ShortHash("alpha.l__")
	both := "alpha_k " + field + " zeta_a zeta_b zeta_c zeta_d zeta_e zeta_f"
	if got := look(l.s, tenant); got != both {
		t.Errorf("%q", got)
	}
	if m, _ := l.kindServer().Field("alpha.m"); m == nil || m.Indexed {
		t.Errorf("%+v", m)
	}
	if _, err := l.s.RegisterKinds(l.ctx, "another", adding("zeta", "1", many("a", "z"))); err != nil {
		t.Fatal(err)
	}
	if got := look(l.s, "another"); got != both+" zeta_z" {
		t.Errorf("%q", got)
	}
	// A collector that starts drops nothing.
	again := New(l.s.opt)
	if err := again.Prepare(l.ctx); err != nil {
		t.Fatal(err)
	}
	if got := look(again, tenant); got != both+" zeta_z" {
		t.Errorf("%q", got)
	}
}
