package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"maestro.internal/internal/rest"
)

// One resource shows the block that every kind has, with who said it, beside what its kind says.
func TestOneResourceShowsTheCommonBlock(t *testing.T) {
	var r rest.Resource
	text := `{"id":"i","kind":"server","name":"web","state":"active","common":{"owner":{"name":"Anna"},"environment":"production","monthly_cost":{"amount":12.5,"currency":"EUR"}},
		"labels":[{"key":"env","value":"prod"}],"attributes":{"cpu_count":4},"provenance":{"/common/owner/name":{"type":"curated","actor":"user:anna"}}}`
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, row := range onePage(r, time.Now()).Rows {
		got[row[0]] = row[1:]
	}
	for name, want := range map[string]string{"owner.name": "Anna", "environment": "production", "monthly_cost.amount": "12.5", "monthly_cost.currency": "EUR", "label env": "prod", "cpu_count": "4"} {
		if len(got[name]) == 0 || got[name][0] != want {
			t.Errorf("%s is %v, want %s", name, got[name], want)
		}
	}
	if from := got["owner.name"]; len(from) < 2 || !strings.HasPrefix(from[1], "user:anna") {
		t.Errorf("the owner's source: %v", from)
	}
}
