package api

import (
	"strings"
	"testing"

	"maestro.internal/internal/rest"
)

// Who has billing says what things cost and who bears it, one by one, in bulk and of a file, takes that back, and changes nothing else.
func TestBillingEditsCostsAlone(t *testing.T) {
	w := newWorld(t)
	w.ask(w.admin, "POST", "/api/v1/roles", map[string]any{"name": "accounting", "groups": []string{"billing"}}).is(201)
	w.user("bea", "accounting")
	bea := []string{"Cookie", w.signIn("bea"), "X-Maestro-CSRF", "1"}
	web := documentOf[rest.Resource](w.ask(w.admin, "POST", "/api/v1/resources/server", map[string]any{"name": "web1"}).is(201))
	path := "/api/v1/resources/server/" + web.ID
	with := func(version int64) []string { return append(bea[:len(bea):len(bea)], "If-Match", etag(version)) }

	cost := map[string]any{"/common/cost_center": "4711", "/common/monthly_cost/amount": 120, "/common/monthly_cost/currency": "EUR"}
	costs := documentOf[rest.Resource](w.ask("", "PATCH", path, map[string]any{"set": cost}, with(web.Version)...).is(200))
	for name, edit := range map[string]map[string]any{
		"another field":      {"set": map[string]any{"/common/environment": "production"}},
		"one beside a cost":  {"set": map[string]any{"/common/cost_center": "1", "/name": "mine"}},
		"another's reset":    {"reset": []string{"/name"}},
		"like a cost center": {"set": map[string]any{"/common/cost_center_of_another": "1"}},
		"an identifier":      {"identifiers": []map[string]string{{"type": "serial", "value": "SN-77-ABQ"}}},
	} {
		if p := w.ask("", "PATCH", path, edit, with(costs.Version)...).problem(403); !strings.HasPrefix(p.Detail, "Your role (accounting) does not allow this.") {
			t.Errorf("%s: %s", name, p.Detail)
		}
	}
	w.ask("", "DELETE", path, nil, with(costs.Version)...).problem(403)
	w.ask("", "POST", "/api/v1/resources/server", map[string]any{"name": "new"}, bea...).problem(403)

	bulk := func(set map[string]any) rest.Operation {
		return w.over(documentOf[rest.Operation](w.ask("", "POST", "/api/v1/edits", map[string]any{"kind": "server", "filter": `name = "web1"`, "set": set, "expect": 1}, bea...).is(202)))
	}
	did := bulk(map[string]any{"/common/cost_center": "0815"})
	if did.Updated != 1 {
		t.Errorf("costs in bulk: %+v", did)
	}
	if op := bulk(map[string]any{"/common/owner/name": "bea"}); op.Updated != 0 || op.Refused != 1 {
		t.Errorf("another field in bulk: %+v", op)
	}
	if op := w.over(documentOf[rest.Operation](w.ask("", "POST", "/api/v1/operations/"+did.ID+"/undo", nil, bea...).is(202))); op.Updated != 1 {
		t.Errorf("taken back: %+v", op)
	}
	file := "id,cost_center\n" + web.ID + ",0900\n"
	op := w.over(documentOf[rest.Operation](w.ask("", "POST", "/api/v1/imports?kind=server&file=costs.csv", file, append(bea[:len(bea):len(bea)], "Content-Type", "application/octet-stream")...).is(202)))
	if op.Updated != 1 {
		t.Errorf("of a file: %+v", op)
	}
	foreign := w.imports("kind=server&file=more.csv", "name\nweb2\n")
	w.ask("", "POST", "/api/v1/operations/"+foreign.ID+"/undo", nil, bea...)
	if n := documentOf[rest.List[rest.Resource]](w.ask(w.admin, "GET", "/api/v1/resources/server", nil).is(200)).TotalSize; n != 2 {
		t.Errorf("taking back somebody else's import left %d servers", n)
	}
	if got := documentOf[rest.Resource](w.ask("", "GET", path, nil, bea...).is(200)); got.Name != "web1" || got.Common.CostCenter != "0900" {
		t.Errorf("%+v", got)
	}
}
