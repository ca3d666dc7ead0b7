package api

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

// What somebody ticked is edited and exported by its ids, more of them than a filter can name, whatever else there is.
func TestManyChosenResources(t *testing.T) {
	w := newWorld(t)
	var envs []resource.Envelope
	for i := range 320 {
		envs = append(envs, server(fmt.Sprintf("%012d", i), fmt.Sprintf("web-%d", i), 1<<30))
	}
	w.source("one").sync("server", envs...)
	q := url.Values{"page_size": {"300"}, "order_by": {"name"}, "fields": {"name"}}
	list := documentOf[rest.List[rest.Resource]](w.ask(w.admin, "GET", "/api/v1/resources/server?"+q.Encode(), nil).is(200))
	var ids []string
	for _, r := range list.Items {
		ids = append(ids, r.ID)
	}
	edit := map[string]any{"kind": "server", "ids": append(ids, "nobody"), "set": map[string]any{"/common/environment": "production"}, "dry_run": true}
	if op := w.over(documentOf[rest.Operation](w.ask(w.admin, "POST", "/api/v1/edits", edit).is(202))); op.Updated != 300 || op.State != "done" {
		t.Fatalf("%+v", op)
	}
	edit["dry_run"], edit["expect"] = false, 300
	if op := w.over(documentOf[rest.Operation](w.ask(w.admin, "POST", "/api/v1/edits", edit).is(202))); op.Updated != 300 || op.Filter != "(301 chosen by id)" {
		t.Fatalf("%+v", op)
	}
	found := documentOf[rest.List[rest.Resource]](w.ask(w.admin, "GET", "/api/v1/resources/server?filter="+url.QueryEscape("environment = production"), nil).is(200))
	if found.TotalSize != 300 {
		t.Errorf("%d were edited", found.TotalSize)
	}
	edit = map[string]any{"kind": "server", "ids": ids, "filter": "name = web-1", "set": map[string]any{"/region": "x"}, "dry_run": true}
	if op := w.over(documentOf[rest.Operation](w.ask(w.admin, "POST", "/api/v1/edits", edit).is(202))); op.Rows != 1 {
		t.Errorf("of both, %d are edited", op.Rows)
	}
	w.ask(w.reader, "POST", "/api/v1/edits", edit).problem(403)

	body := map[string]any{"ids": append(ids[:250:250], "nobody"), "columns": []string{"name", "environment"}, "order_by": "name"}
	lines := strings.Split(strings.TrimSpace(string(w.ask(w.reader, "POST", "/api/v1/exports/server", body).is(200).body)), "\n")
	if len(lines) != 251 || strings.TrimSpace(lines[0]) != "name,common.environment" || !strings.HasPrefix(lines[1], list.Items[0].Name+",production") {
		t.Errorf("%d lines: %q %q", len(lines), lines[0], lines[1])
	}
	w.ask(w.reader, "POST", "/api/v1/exports/server", map[string]any{"ids": []string{}}).problem(422)
	w.ask(w.reader, "POST", "/api/v1/exports/nothing", body).problem(404)
}

// Naming a resource gives no right to it: what one may only see is not edited, what one may not see is not exported.
func TestChosenResourcesKeepTheirRights(t *testing.T) {
	w := newRightsWorld(t, true)
	w.user("reader2", access.RoleNone)
	w.grant("user:reader2", access.RightRead, access.Target{Kind: access.KindDatacenter, ID: w.open.datacenter})
	w.grant("user:reader2", access.RightAdmin, access.Target{Kind: "server", ID: w.hidden.server})
	second := []string{"Cookie", w.signIn("reader2"), "X-Maestro-CSRF", "1"}
	set := map[string]any{"/common/environment": "chosen"}
	op := documentOf[rest.Operation](w.ask("", "POST", "/api/v1/edits", map[string]any{"kind": "server", "ids": []string{w.open.server}, "set": set}, second...).is(202))
	for range 200 {
		if op = documentOf[rest.Operation](w.ask("", "GET", "/api/v1/operations/"+op.ID, nil, second...).is(200)); op.State != "running" {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if op.State == "running" || op.Updated != 0 {
		t.Errorf("%+v", op)
	}
	first := []string{"Cookie", w.cookie, "X-Maestro-CSRF", "1"}
	body := w.ask("", "POST", "/api/v1/exports/server", map[string]any{"ids": []string{w.open.server, w.hidden.server}, "columns": []string{"id"}}, first...).is(200).body
	if text := string(body); !strings.Contains(text, w.open.server) || strings.Contains(text, w.hidden.server) {
		t.Errorf("exported %q", text)
	}
}
