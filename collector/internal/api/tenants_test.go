package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

// drain answers what came until an event of the name has the text, everything before it included.
func (l *listener) drain(name, has string) []told {
	l.t.Helper()
	var all []told
	timeout := time.After(60 * time.Second)
	for {
		select {
		case e, open := <-l.events:
			if !open {
				l.t.Fatalf("the stream ended before %s with %q", name, has)
			}
			all = append(all, e)
			if e.name == name && strings.Contains(e.data, has) {
				return all
			}
		case <-timeout:
			l.t.Fatalf("nobody told of %s with %q", name, has)
		}
	}
}

// reads are the operations that only look, each with its path as it is asked.
func (w *rightsWorld) reads(t *testing.T, st site) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, op := range describedOperations(t) {
		path := w.at(op.path, st)
		if op.method == "GET" && op.id != "stream-events" && !op.public && !(operation{id: op.id}).own() && path != "" && !strings.Contains(path, "{") {
			out[op.id] = op.asked(path)
		}
	}
	return out
}

// TestAnotherTenantSeesAndCountsNothing asks every GET of the OpenAPI document as an administrator of another tenant, by the ids of what
// is there: the answer is the same as where all of it does not exist.
func TestAnotherTenantSeesAndCountsNothing(t *testing.T) {
	with, without := newRightsWorld(t, true), &rightsWorld{world: newWorld(t)}
	with.relate()
	asked := 0
	for _, st := range []site{with.open, with.hidden} {
		for id, path := range with.reads(t, st) {
			asked++
			a := with.ask(with.stranger, "GET", path, nil)
			b := without.ask(without.stranger, "GET", path, nil)
			if a.status >= 500 || with.tells(a.body) && !strings.Contains(path, marked) || strings.Contains(string(a.body), "open-") {
				t.Errorf("%s tells another tenant: %d %s", id, a.status, a.body)
			}
			if x, y := scrubbed(t, a.body), scrubbed(t, b.body); a.status != b.status || x != y {
				t.Errorf("%s shows another tenant that something is there:\n with    %d %s\n without %d %s", id, a.status, x, b.status, y)
			}
		}
	}
	if asked < 100 {
		t.Errorf("only %d questions", asked)
	}
}

// TestAnotherTenantChangesNothing asks every operation that writes as an administrator of another tenant, by the ids of what is there.
// Some do something in his own tenant; what was there is as it was, for every GET.
func TestAnotherTenantChangesNothing(t *testing.T) {
	w := newRightsWorld(t, true)
	state := func() map[string]string {
		out := map[string]string{}
		for _, st := range []site{w.open, w.hidden} {
			for id, path := range w.reads(t, st) {
				if strings.Contains(id, "export") {
					continue // exports are audited themselves
				}
				a := w.ask(w.admin, "GET", path, nil)
				out[id+" "+path] = fmt.Sprintf("%d %s", a.status, scrubbed(t, a.body))
			}
		}
		return out
	}
	before := state()
	asked := 0
	for _, st := range []site{w.open, w.hidden} {
		for _, op := range describedOperations(t) {
			path := w.at(op.path, st)
			if op.method == "GET" || op.public || path == "" || strings.Contains(path, "{") || (operation{id: op.id}).own() {
				continue
			}
			asked++
			header := []string{"If-Match", `"1"`}
			var body any
			if op.body != nil {
				body = w.naming(op, st)
			}
			if a := w.ask(w.stranger, op.method, op.asked(path), body, header...); a.status >= 500 || w.tells(a.body) && !strings.Contains(path, marked) && op.body == nil {
				t.Errorf("%s %s: %d %s", op.method, path, a.status, a.body)
			}
		}
	}
	if asked < 100 {
		t.Errorf("only %d writes were tried", asked)
	}
	after := state()
	for what, was := range before {
		if after[what] != was {
			t.Errorf("%s is another one:\n before %s\n after  %s", what, was, after[what])
		}
	}
}

// naming is the least document that an operation takes, with ids of the site wherever one is asked for.
func (w *rightsWorld) naming(op described, st site) map[string]any {
	body := map[string]any{}
	for k, v := range op.body {
		body[k] = v
	}
	switch op.id {
	case "patch-resource":
		body = map[string]any{"set": map[string]any{"/common/environment": "taken"}}
	case "merge-resource":
		body["with"] = w.hidden.server
	case "relate-resource", "unrelate-resource":
		body = map[string]any{"verb": "uses", "target": map[string]any{"kind": "server", "id": st.server}}
	case "create-grant":
		body = map[string]any{"subject": map[string]any{"type": "user", "id": "reader1"}, "right": "admin", "target": map[string]any{"kind": "datacenter", "id": st.datacenter}}
	case "create-connection", "update-connection":
		body = map[string]any{"name": "taken", "provider": "sim", "agent": "", "datacenter": st.datacenter}
	case "update-user", "create-user":
		body = map[string]any{"display_name": "taken", "email": "", "role": "admin"}
		if op.id == "create-user" {
			body["username"] = "reader1"
		} else {
			body["disabled"] = true
		}
	case "edit-resources":
		body = map[string]any{"kind": "server", "ids": []string{st.server}, "set": map[string]any{"/common/environment": "taken"}}
	}
	return body
}

// TestStreamsTellOnlyWhatMayBeRead: while everything changes everywhere, who reads one datacenter is told of that one, and another
// tenant of its own.
func TestStreamsTellOnlyWhatMayBeRead(t *testing.T) {
	w := newRightsWorld(t, true)
	reader := w.listen("", "", "Cookie", w.cookie)
	reader.until("hello", "")
	foreign := w.listen(w.stranger, "")
	foreign.until("hello", "")
	change := func(st site, name string) {
		w.ask(w.admin, "PATCH", "/api/v1/resources/server/"+st.server, map[string]any{"set": map[string]any{"/notes": name}}, "If-Match", w.version("server", st.server))
		w.ask(w.admin, "POST", "/api/v1/resources/server", map[string]any{"name": name, "datacenter": st.datacenter}).is(201)
		w.ask(w.admin, "POST", "/api/v1/connections/"+st.connection+"/runs", nil).is(http.StatusAccepted)
	}
	change(w.hidden, marked+"-new")
	w.ask(w.admin, "POST", "/api/v1/resources/server", map[string]any{"name": marked + "-nowhere"}).is(201)
	w.ask(w.admin, "POST", "/api/v1/datacenters", rest.DatacenterWrite{Name: marked + "-second"}).is(201)
	w.user(marked+"-late", access.RoleReader)
	change(w.open, "open-new")
	w.ask(w.stranger, "POST", "/api/v1/resources/server", map[string]any{"name": "theirs"}).is(201)
	for name, list := range map[string][]told{"reader of one datacenter": reader.drain("resources", "open-new"), "another tenant": foreign.drain("resources", "theirs")} {
		for _, e := range list {
			if w.tells([]byte(e.data)) || name == "another tenant" && slices.ContainsFunc([]string{"open-", w.open.server, w.open.connection, w.open.datacenter}, func(s string) bool { return strings.Contains(e.data, s) }) {
				t.Errorf("%s is told of %s: %s", name, e.name, e.data)
			}
			if e.name == "resources" && strings.Contains(e.data, "theirs") != (name == "another tenant") {
				t.Errorf("%s is told %s", name, e.data)
			}
		}
	}
}
