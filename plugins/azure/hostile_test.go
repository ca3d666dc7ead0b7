package azure

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"maestro.internal/plugins/azure/armtest"
	"maestro.internal/sdk/resource"
)

// mangled is JSON with some of its values replaced by what nobody expects.
func mangled(r *rand.Rand, v any, depth int) any {
	if depth > 2 && r.IntN(40) == 0 {
		return []any{nil, true, -1.5, 1e30, "", strings.Repeat("ü/", 300), "\x00\u2028", []any{}, map[string]any{}, []any{nil, "x", []any{}}, "/subscriptions//x/", "///"}[r.IntN(12)]
	}
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			switch {
			case k == "nextLink": // another page would be another test
			case k == "id" && r.IntN(40) == 0:
				v[k] = []any{nil, true, "", "///"}[r.IntN(4)] // nothing that is an id, and another's
			case k != "id":
				v[k] = mangled(r, v[k], depth+1)
			}
		}
	case []any:
		for i := range v {
			v[i] = mangled(r, v[i], depth+1)
		}
	}
	return v
}

// Whatever stands in Azure's answers, nothing breaks: what is no value of its field is left out, and what comes out is
// taken or refused by name.
func TestAnythingMayStandInAnswers(t *testing.T) {
	a := start(t, armtest.Seed())
	a.PageSize = 100
	there := map[string]int{}
	for _, env := range discover(t, a.Settings(map[string]any{"subscriptions": []string{"production"}})).resources {
		there[env.Kind]++
	}
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 7))
		a.Spoil = func(_ string, body []byte) []byte {
			var v any
			if json.Unmarshal(body, &v) != nil {
				return body
			}
			text, err := json.Marshal(mangled(rand.New(rand.NewPCG(seed, uint64(len(body)))), v, 0))
			if err != nil {
				return body
			}
			return text
		}
		var scopes []resource.Scope
		for _, kind := range kindNames() {
			scopes = append(scopes, scope(kind, armtest.Production))
		}
		c := discoverScopes(t, a.Settings(map[string]any{"resource_graph": []string{"auto", "never"}[r.IntN(2)]}), scopes)
		for key, out := range c.outcomes {
			if strings.Contains(out.Error, "panic") || out.Status == resource.StatusDenied || out.Status == resource.StatusUnreachable {
				t.Errorf("seed %d: %s: %+v", seed, key, out)
			}
			// Complete means that every key was listed, whatever the rest looks like.
			if kind, _, _ := strings.Cut(key, "{"); out.Status == resource.StatusComplete && out.Listed < there[kind] {
				t.Errorf("seed %d: %s is complete with %d of %d: %q", seed, key, out.Listed, there[kind], out.Warnings)
			}
		}
		if len(c.resources) < 60 { // of some 100; the spoiling differs from run to run where answers do
			t.Errorf("seed %d: only %d resources", seed, len(c.resources))
		}
	}
}

// One subscription of fifty is denied: the others are read whole.
func TestOneOfFiftyIsDenied(t *testing.T) {
	a := armtest.New()
	for i := range 50 {
		s := a.Add(fmt.Sprintf("00000000-0000-0000-0000-%012d", i+1), fmt.Sprintf("team %d", i))
		s.Put(armtest.Disks, map[string]any{"id": "/subscriptions/" + s.ID + "/resourceGroups/g/providers/Microsoft.Compute/disks/d", "name": "d", "location": "westeurope"})
		if i == 17 {
			s.NotActions = []string{"Microsoft.Compute/*"}
		}
	}
	start(t, a)
	c := discover(t, a.Settings(nil), "volume")
	denied := 0
	for _, out := range c.outcomes {
		if out.Status == resource.StatusDenied {
			denied++
		}
	}
	if len(c.outcomes) != 50 || denied != 1 || len(c.resources) != 49 {
		t.Errorf("%d scopes, %d denied, %d disks", len(c.outcomes), denied, len(c.resources))
	}
}
