package azure

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"slices"
	"testing"

	"maestro.internal/plugins/azure/armtest"
	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/serve"
)

func TestMain(m *testing.M) {
	plugintest.Main(m, func() provider.Provider { return New() })
}

// start is the cloud of armtest, with the credential that it takes.
func start(t testing.TB, a *armtest.Azure) *armtest.Azure {
	t.Helper()
	a.Start()
	t.Cleanup(a.Close)
	t.Setenv(envSecret, a.Secret)
	return a
}

// startIn is start on a network in memory, for tests in which time stands still.
func startIn(t testing.TB, n *plugintest.Network, a *armtest.Azure) *armtest.Azure {
	t.Helper()
	a.StartWith(func(s *httptest.Server) { n.Serve(s, "example.com:443", true) })
	t.Setenv(envSecret, a.Secret)
	return a
}

// collected is what a Discover call yields.
type collected struct {
	scopes    []resource.Scope
	resources map[string]resource.Envelope // by kind and external id
	outcomes  map[string]resource.Outcome
}

func (c *collected) Resources(_ int, batch []resource.Envelope) error {
	for _, env := range batch {
		c.resources[env.Kind+" "+env.ExternalID] = env
	}
	return nil
}
func (c *collected) Progress(int, int, int) error { return nil }
func (c *collected) ScopeDone(i int, out resource.Outcome) error {
	c.outcomes[c.scopes[i].Key()] = out
	return nil
}

func discover(t testing.TB, settings json.RawMessage, kinds ...string) *collected {
	t.Helper()
	if len(kinds) == 0 {
		kinds = kindNames()
	}
	p, conn := serve.Local(New()), provider.Connection{ID: "test", Settings: settings}
	plan, err := p.Plan(t.Context(), conn, kinds)
	if err != nil {
		t.Fatal(err)
	}
	return discoverScopes(t, settings, plan.Scopes)
}

func discoverScopes(t testing.TB, settings json.RawMessage, scopes []resource.Scope) *collected {
	t.Helper()
	c := &collected{scopes: scopes, resources: map[string]resource.Envelope{}, outcomes: map[string]resource.Outcome{}}
	if err := serve.Local(New()).Discover(t.Context(), provider.Connection{ID: "test", Settings: settings}, scopes, c); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *collected) ofKind(kind string) []resource.Envelope {
	var out []resource.Envelope
	for _, key := range slices.Sorted(maps.Keys(c.resources)) {
		if c.resources[key].Kind == kind {
			out = append(out, c.resources[key])
		}
	}
	return out
}

func attributes[T any](t testing.TB, env resource.Envelope) T {
	t.Helper()
	var out T
	if err := json.Unmarshal(env.Attributes, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEverythingIsFound(t *testing.T) {
	a := start(t, armtest.Seed())
	c := discover(t, a.Settings(nil))
	for scope, out := range c.outcomes {
		if out.Status != resource.StatusComplete || out.Pages == 0 || len(out.Warnings) > 0 {
			t.Errorf("%s: %+v", scope, out)
		}
	}
	for _, kind := range kindNames() {
		if len(c.ofKind(kind)) == 0 {
			t.Errorf("nothing of kind %s", kind)
		}
	}
	for key, env := range c.resources {
		k, _ := schema.Lookup(env.Kind)
		k, err := schema.Extend(k, "azure", ownFields(env.Kind))
		if err != nil {
			t.Fatal(err)
		}
		if clean, warnings, err := k.Validate(env.Attributes); err != nil || len(warnings) > 0 || len(clean) != len(env.Attributes) {
			t.Errorf("%s: %v %q", key, err, warnings)
		}
		if len(env.Unread) > 0 || env.Region == "" {
			t.Errorf("%s: region %q, unread %v", key, env.Region, env.Unread)
		}
	}
}
