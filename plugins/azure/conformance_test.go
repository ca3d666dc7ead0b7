package azure

import (
	"encoding/json"
	"testing"

	"maestro.internal/plugins/azure/armtest"
	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
)

func TestConformance(t *testing.T) {
	a := start(t, armtest.Seed())
	least := map[string]int{}
	for _, kind := range kindNames() {
		least[kind] = 1
	}
	plugintest.RunProvider(t, func() provider.Provider { return New() }, plugintest.Case{
		Connection:   provider.Connection{Settings: a.Settings(nil)},
		Env:          map[string]string{envSecret: a.Secret},
		MinResources: least,
		BadSettings: []json.RawMessage{
			a.Settings(map[string]any{"resource_manager_url": "http://127.0.0.1:1"}),
			a.Settings(map[string]any{"authority_url": "https://u:p@login.test"}),
			a.Settings(map[string]any{"tenant_id": "../x"}),
			a.Settings(map[string]any{"cloud": "public"}),
			a.Settings(map[string]any{"cloud": "moon"}),
			a.Settings(map[string]any{"subscriptions": []string{"["}}),
			a.Settings(map[string]any{"management_groups": []string{"a/b"}}),
			a.Settings(map[string]any{"ca": "no PEM"}),
			a.Settings(map[string]any{"client_id": nil}),
		},
	})
}
