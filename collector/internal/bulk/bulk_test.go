package bulk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"maestro.internal/collector/internal/bulk"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
)

// books keep connections as the fleet does: names are unique, and what is not a url is refused.
type books struct {
	connections []rest.Connection
	writes      int
}

func (b *books) Connections(context.Context, inventory.Caller) ([]rest.Connection, error) {
	return slices.Clone(b.connections), nil
}
func (*books) Datacenters(context.Context, inventory.Caller) ([]rest.Datacenter, error) {
	return []rest.Datacenter{{ID: "d1", Name: "Frankfurt"}, {ID: "d2", Name: "Twice"}, {ID: "d3", Name: "Twice"}}, nil
}
func (*books) Agents(context.Context, inventory.Caller) ([]rest.Agent, error) {
	return []rest.Agent{{ID: "a1", Name: "fra-1"}, {ID: "a0", Name: "fra-1", Status: "revoked"}}, nil
}
func (*books) Plugins(context.Context, inventory.Caller) ([]rest.Plugin, error) {
	return []rest.Plugin{{Agents: []rest.Ref{{ID: "a1", Name: "fra-1"}}, Description: provider.Description{Provider: "toy",
		Kinds:         []provider.KindSupport{{Kind: "server", Major: 1}, {Kind: "volume", Major: 1}},
		CredentialEnv: []provider.EnvVar{{Name: "TOY_USER"}, {Name: "TOY_PASSWORD", Secret: true}},
		Settings: json.RawMessage(`{"type":"object","properties":{"url":{"type":"string"},"depth":{"type":"integer"},"deep":{"type":"boolean"},
			"regions":{"type":"array","items":{"type":"string"}},"token":{"type":"string","x-maestro-secret":true},
			"org":{"type":"object","properties":{"units":{"type":"array","items":{"type":"string"}}}}}}`)}}}, nil
}
func (*books) CheckConnection(_ context.Context, _ inventory.Caller, _ string, w rest.ConnectionWrite) error {
	if !strings.Contains(string(w.Settings), "https://") {
		return &inventory.InvalidError{Pointer: "/settings/url", Problem: "is no address"}
	}
	return nil
}
func (b *books) CreateConnection(ctx context.Context, c inventory.Caller, w rest.ConnectionWrite) (rest.Connection, error) {
	if err := b.CheckConnection(ctx, c, "", w); err != nil {
		return rest.Connection{}, err
	}
	b.writes++
	x := rest.Connection{ID: fmt.Sprint("c", len(b.connections)+1), Version: 1, Name: w.Name, Provider: w.Provider, Settings: w.Settings, Credential: w.Credential,
		Agent: &rest.Ref{ID: w.Agent}, Kinds: rest.ReadKinds(w.Kinds), Paused: w.Paused}
	if w.Datacenter != "" {
		x.Datacenter = &rest.Ref{ID: w.Datacenter}
	}
	b.connections = append(b.connections, x)
	return x, nil
}
func (b *books) UpdateConnection(ctx context.Context, c inventory.Caller, id string, version int64, w rest.ConnectionWrite) (rest.Connection, error) {
	if err := b.CheckConnection(ctx, c, id, w); err != nil {
		return rest.Connection{}, err
	}
	b.writes++
	i := slices.IndexFunc(b.connections, func(x rest.Connection) bool { return x.ID == id })
	x := &b.connections[i]
	x.Version, x.Settings, x.Credential, x.Kinds, x.Paused = version+1, w.Settings, w.Credential, rest.ReadKinds(w.Kinds), w.Paused
	return *x, nil
}

func run(t *testing.T, b *books, in rest.ConnectionsImport) []string {
	t.Helper()
	done, err := bulk.Import(t.Context(), b, inventory.Caller{Tenant: "default", TenantWide: true}, in)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, x := range done.Rows {
		out = append(out, strings.TrimSpace(fmt.Sprint(x.Row, " ", x.Name, " ", x.Result, " ", strings.Join(x.Changes, ","), x.Column, " ", x.Error)))
	}
	return out
}

const table = `name,provider,datacenter,credential,kinds,url,regions,depth,org.units
fra,toy,Frankfurt,reader,server,https://fra,north; south,3,ou-1;ou-2
# a remark
bad-place,toy,Nowhere,,,https://x,,,
bad-url,toy,,,,x,,,
bad-depth,toy,,,,https://x,,deep,
twice,toy,Twice,,,https://x,,,
fra,toy,,,,https://again,,,
strange,toy2,,,,https://x,,,
bad-kind,toy,,,router,https://x,,,
ber,toy,,,,https://ber,,,
`

// TestImport: each row stands for itself, the same table again changes nothing, and a change is named.
func TestImport(t *testing.T) {
	b := &books{}
	want := []string{
		"2 fra created", `4 bad-place refused datacenter "Nowhere" is not there`, "5 bad-url refused settings.url is no address", "6 bad-depth refused depth wants a number",
		`7 twice refused datacenter "Twice" is the name of 2; use an id`, "8 fra refused name row 2 has the same name", `9 strange refused provider "toy2" is read by no agent's plugin`,
		`10 bad-kind refused kinds "router" is not read by the plugin toy`, "11 ber created",
	}
	if got := run(t, b, rest.ConnectionsImport{Text: table, DryRun: true}); !slices.Equal(got, want) || b.writes != 0 {
		t.Fatalf("tried, with %d writes:\n%s", b.writes, strings.Join(got, "\n"))
	}
	if got := run(t, b, rest.ConnectionsImport{Text: table}); !slices.Equal(got, want) || b.writes != 2 {
		t.Fatalf("done, with %d writes:\n%s", b.writes, strings.Join(got, "\n"))
	}
	if c := b.connections[0]; string(c.Settings) != `{"depth":3,"org":{"units":["ou-1","ou-2"]},"regions":["north","south"],"url":"https://fra"}` ||
		c.Agent.ID != "a1" || c.Datacenter.ID != "d1" || c.Credential != "reader" || !c.Kinds[0].Enabled || c.Kinds[1].Enabled {
		t.Errorf("made %+v %s", c, c.Settings)
	}
	want[0], want[8] = "2 fra same", "11 ber same"
	if got := run(t, b, rest.ConnectionsImport{Text: table}); !slices.Equal(got, want) || b.writes != 2 {
		t.Errorf("again, with %d writes:\n%s", b.writes, strings.Join(got, "\n"))
	}
	// What a table does not mention stays as it is; a part of it is a part of the rows.
	got := run(t, b, rest.ConnectionsImport{Text: "name;depth;paused\nber;9;yes\nfra;3;\n", Skip: 0, Count: 1})
	if !slices.Equal(got, []string{"2 ber changed paused,depth"}) || string(b.connections[1].Settings) != `{"depth":9,"url":"https://ber"}` || !b.connections[1].Paused {
		t.Errorf("changed %q: %s", got, b.connections[1].Settings)
	}
	if got := run(t, b, rest.ConnectionsImport{Text: "name;provider\nber;vsphere\n"}); !slices.Equal(got, []string{"2 ber refused provider may not change: what was found belongs to toy"}) {
		t.Errorf("another provider: %q", got)
	}
}

func TestImportOfYAML(t *testing.T) {
	b := &books{}
	text := "connections:\n- name: fra\n  provider: toy\n  kinds: [volume]\n  settings:\n    url: https://fra\n    deep: true\n    org: {units: [a]}\n- {name: ber, provider: toy, settings.url: 'https://ber', unheard: 1}\n"
	want := []string{"1 fra created", "2 ber refused unheard is no column of connections, and no setting of this provider"}
	if got := run(t, b, rest.ConnectionsImport{Text: text}); !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	if got := string(b.connections[0].Settings); got != `{"deep":true,"org":{"units":["a"]},"url":"https://fra"}` {
		t.Errorf("settings %s", got)
	}
}

// TestTablesThatAreNone: nothing of them is done, and a secret is not repeated.
func TestTablesThatAreNone(t *testing.T) {
	b := &books{}
	bomb := "- &a {name: x}\n- [*a, *a]\n"
	for text, want := range map[string]string{
		"": "does not name columns", "name\n": "no rows", "name,name\nx,y\n": "there already", "name\nx,y\n": "names 1 columns", "- 1\n- 2\n": "neither CSV nor", bomb: "anchors or aliases",
		"name,toy_password\nx,hunter2\n": "for a secret", "- {name: x, settings: {TOY_PASSWORD: hunter2}}\n": "for a secret",
		strings.Repeat("x", bulk.MaxText+1): "larger than", "name\n" + strings.Repeat("x\n", 1001): "more than 1000 rows",
	} {
		_, err := bulk.Import(t.Context(), b, inventory.Caller{TenantWide: true}, rest.ConnectionsImport{Text: text})
		var table *bulk.TableError
		if !errors.As(err, &table) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.30q: %v, want %q", text, err, want)
		}
	}
	if got := run(t, b, rest.ConnectionsImport{Text: "name,provider,token\nx,toy,hunter2\n"}); len(got) != 1 || !strings.Contains(got[0], "is a secret") || strings.Contains(got[0], "hunter2") {
		t.Errorf("a secret setting: %q", got)
	}
	if b.writes != 0 {
		t.Errorf("%d writes", b.writes)
	}
}
