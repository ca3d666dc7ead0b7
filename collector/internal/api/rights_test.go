package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

// marked is in every name of the part that the reader of these tests may not see, and markedNet begins its addresses.
const (
	marked    = "zzmark"
	markedNet = "10.66."
)

// site is a datacenter with a connection, and what one finds of it by the parameters of paths.
type site struct {
	datacenter, connection, run, server, application string
}

// rightsWorld has an open datacenter, a hidden one unless it is told to leave it out, and a user who may read the open one only.
type rightsWorld struct {
	*world
	open, hidden site
	cookie       string
	// others are ids of what is the administrator's alone, by the beginning of the path that takes them.
	others map[string]string
}

func newRightsWorld(t *testing.T, withHidden bool) *rightsWorld {
	t.Helper()
	w := &rightsWorld{world: newWorld(t), others: map[string]string{}}
	k := w.agent("lab-1")
	w.open = w.site("open", k.ID, "10.1.0.")
	if withHidden {
		w.hidden = w.site(marked, k.ID, markedNet+"0.")
		w.imports("kind=server&file="+marked+".csv", "name,datacenter\n"+marked+"-imported,"+marked+"-dc\n")
		w.plant()
	}
	w.user("reader1", access.RoleNone)
	w.grant("user:reader1", access.RightRead, access.Target{Kind: access.KindDatacenter, ID: w.open.datacenter})
	w.cookie = w.signIn("reader1")
	w.ask(w.admin, "PUT", "/api/v1/option-lists/environment", map[string]any{"values": []string{"everybodys"}}).is(200)
	return w
}

// relate has what is seen refer to what is hidden, from both sides.
func (w *rightsWorld) relate() {
	w.t.Helper()
	w.ask(w.admin, "POST", "/api/v1/resources/server/"+w.hidden.server+"/relations",
		map[string]any{"verb": "uses", "target": map[string]any{"kind": "server", "id": w.open.server}}, "If-Match", w.version("server", w.hidden.server)).is(204)
	w.ask(w.admin, "POST", "/api/v1/resources/application/"+w.open.application+"/relations",
		map[string]any{"verb": "runs_on", "target": map[string]any{"kind": "server", "id": w.hidden.server}}, "If-Match", w.version("application", w.open.application)).is(204)
}

func (w *rightsWorld) version(kind, id string) string {
	w.t.Helper()
	return etag(documentOf[rest.Resource](w.ask(w.admin, "GET", "/api/v1/resources/"+kind+"/"+id, nil).is(200)).Version)
}

func (w *rightsWorld) grant(subject string, right access.Right, target access.Target) access.Grant {
	w.t.Helper()
	g, err := w.access.Grant(w.t.Context(), access.Caller{Tenant: "default", Name: "user:admin", Role: access.RoleAdmin}, access.Subject(subject), right, target, nil)
	must(w.t, err)
	return g
}

func (w *rightsWorld) site(name, agent, net string) site {
	w.t.Helper()
	var st site
	st.datacenter = documentOf[rest.Datacenter](w.ask(w.admin, "POST", "/api/v1/datacenters",
		rest.DatacenterWrite{Name: name + "-dc", Regions: []string{name + "-region"}, RoutingDomain: name + "-nets"}).is(201)).ID
	c := connectionOf(name+"-conn", agent)
	c.Datacenter, c.Kinds = st.datacenter, []rest.KindScheduleWrite{{Kind: "server", IntervalSeconds: 3600}}
	st.connection = documentOf[rest.Connection](w.ask(w.admin, "POST", "/api/v1/connections", c).is(201)).ID
	src := w.source(name + "-conn")
	src.connection.ID, src.connection.Datacenter = st.connection, st.datacenter
	var envs []resource.Envelope
	n := map[string]int{"open": 2, marked: 3}[name]
	for i := range n {
		e := server(id12(len(net)*100+i), fmt.Sprintf("%s-%d", name, i), 4<<30)
		e.Region, e.Tags = name+"-region", []resource.Tag{{Key: "env", Value: name}}
		e.Attributes = fmt.Appendf(nil, `{"memory_bytes":4294967296,"hostname":"%s-%d","primary_ip":"%s%d"}`, name, i, net, i+1)
		envs = append(envs, e)
	}
	st.run = src.sync("server", envs...)
	l := documentOf[rest.List[rest.Resource]](w.ask(w.admin, "GET", "/api/v1/resources/server?"+url.Values{"filter": {fmt.Sprintf(`name = "%s-0"`, name)}}.Encode(), nil).is(200))
	st.server = l.Items[0].ID
	st.application = documentOf[rest.Resource](w.ask(w.admin, "POST", "/api/v1/resources/application",
		map[string]any{"name": name + "-app", "datacenter": st.datacenter, "common": map[string]any{"client": name + "-client"}}).is(201)).ID
	return st
}

// plant writes the mark wherever an administrator can write something that is not a resource.
func (w *rightsWorld) plant() {
	w.t.Helper()
	team := documentOf[rest.Team](w.ask(w.admin, "POST", "/api/v1/teams", map[string]any{"name": marked + "-team", "members": []any{}}).is(201))
	g := w.grant("team:"+team.ID, access.RightWrite, access.Target{Kind: access.KindDatacenter, ID: w.hidden.datacenter, Name: marked})
	w.user(marked+"-user", access.RoleReader)
	w.ask(w.admin, "POST", "/api/v1/import-mappings", map[string]any{"name": marked, "kind": "server", "columns": []any{map[string]any{"column": "a", "field": "name"}}})
	op := documentOf[rest.List[rest.Operation]](w.ask(w.admin, "GET", "/api/v1/operations", nil).is(200))
	w.others = map[string]string{"/teams/": team.ID, "/grants/": g.ID, "/users/": marked + "-user", "/operations/": op.Items[0].ID}
}

var pathParameter = regexp.MustCompile(`\{[a-z]+\}`)

// at fills the parameters of a path with what is of a site; "" says that there is nothing of it to name.
func (w *rightsWorld) at(path string, st site) string {
	id := map[bool]string{true: st.server}[strings.Contains(path, "{kind}")]
	for begin, x := range map[string]string{"/connections/": st.connection, "/datacenters/": st.datacenter, "/runs/": st.run} {
		if strings.Contains(path, begin+"{id}") {
			id = x
		}
	}
	for begin, x := range w.others {
		if st == w.hidden && strings.Contains(path, begin+"{") {
			id = x
		}
	}
	path = strings.ReplaceAll(path, "{kind}", "server")
	path = strings.ReplaceAll(path, "{username}", marked+"-user")
	if strings.Contains(path, "{id}") && id == "" {
		return ""
	}
	return strings.ReplaceAll(path, "{id}", id)
}

// described is an operation of the OpenAPI document as it is declared.
type described struct {
	id, method, path string
	public           bool
	query            []string
	body             map[string]any
	match            bool
}

func describedOperations(t *testing.T) []described {
	t.Helper()
	text, err := Document()
	must(t, err)
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string            `json:"operationId"`
			Security    *[]map[string]any `json:"security"`
			Parameters  []struct {
				Name     string `json:"name"`
				In       string `json:"in"`
				Required bool   `json:"required"`
			} `json:"parameters"`
			RequestBody struct {
				Content map[string]struct {
					Schema map[string]any `json:"schema"`
				} `json:"content"`
			} `json:"requestBody"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]map[string]any `json:"schemas"`
		} `json:"components"`
	}
	must(t, json.Unmarshal(text, &doc))
	var all []described
	for path, methods := range doc.Paths {
		for method, op := range methods {
			d := described{id: op.OperationID, method: strings.ToUpper(method), path: path, public: op.Security != nil && len(*op.Security) == 0}
			for _, p := range op.Parameters {
				if p.In == "query" && p.Required {
					d.query = append(d.query, p.Name)
				}
				d.match = d.match || p.Name == "If-Match"
			}
			if media, ok := op.RequestBody.Content["application/json"]; ok {
				d.body, _ = example(doc.Components.Schemas, media.Schema).(map[string]any)
				if d.body == nil {
					d.body = map[string]any{}
				}
			}
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b described) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return all
}

// example is the least that a schema takes.
func example(schemas map[string]map[string]any, s map[string]any) any {
	if ref, ok := s["$ref"].(string); ok {
		return example(schemas, schemas[ref[strings.LastIndex(ref, "/")+1:]])
	}
	if list, ok := s["enum"].([]any); ok {
		return list[0]
	}
	kind := s["type"]
	if list, ok := kind.([]any); ok {
		kind = list[0]
	}
	switch kind {
	case "object":
		out := map[string]any{}
		properties, _ := s["properties"].(map[string]any)
		required, _ := s["required"].([]any)
		for _, name := range required {
			if p, ok := properties[name.(string)].(map[string]any); ok {
				out[name.(string)] = example(schemas, p)
			}
		}
		return out
	case "array":
		if least, _ := s["minItems"].(float64); least > 0 {
			return []any{example(schemas, s["items"].(map[string]any))}
		}
		return []any{}
	case "integer", "number":
		if least, ok := s["minimum"].(float64); ok {
			return least
		}
		return 1
	case "boolean":
		return true
	case "string":
		if s["format"] == "date-time" {
			return time.Now().UTC().Format(time.RFC3339)
		}
		return "something"
	}
	return map[string]any{}
}

var needed = map[string]string{"kind": "server", "name": "nosuch", "scope": "nosuch", "external_id": "nosuch", "subject": "user:reader1", "domain": "default",
	"verb": "uses", "target": "nosuch", "since": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)}

func (d described) asked(path string) string {
	q := url.Values{}
	for _, name := range d.query {
		q.Set(name, needed[name])
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

// tells says whether an answer names anything of the hidden part.
func (w *rightsWorld) tells(body []byte) bool {
	return slices.ContainsFunc([]string{marked, markedNet, w.hidden.server, w.hidden.datacenter, w.hidden.connection, w.hidden.run, w.hidden.application},
		func(s string) bool { return strings.Contains(string(body), s) })
}

// TestAReaderOfOneDatacenterSeesNothingOfTheOther asks every GET for what is open: the mark is in no answer, and every answer is the
// same as where the hidden part does not exist at all, so that nothing counts it either. Then what is open refers to what is hidden,
// and the mark still is in no answer.
func TestAReaderOfOneDatacenterSeesNothingOfTheOther(t *testing.T) {
	with, without := newRightsWorld(t, true), newRightsWorld(t, false)
	ops := with.looksLike(without)
	with.relate()
	for _, op := range ops {
		with.read(op)
		if strings.Contains(op.path, "{kind}") {
			op.path = strings.ReplaceAll(strings.ReplaceAll(op.path, "{kind}", "application"), "{id}", with.open.application)
			with.read(op)
		}
	}
}

// read asks for what is open, and looks whether the answer tells of what is hidden.
func (w *rightsWorld) read(op described) *answer {
	w.t.Helper()
	a := w.ask("", "GET", op.asked(w.at(op.path, w.open)), nil, "Cookie", w.cookie)
	if a.status >= 500 {
		w.t.Errorf("%s: %d: %s", op.id, a.status, a.body)
	}
	if w.hidden.datacenter != "" && w.tells(a.body) {
		w.t.Errorf("%s tells of what is hidden: %s", op.id, a.body)
	}
	return a
}

// readable are the operations that read what is open.
func (w *rightsWorld) readable() []described {
	return slices.DeleteFunc(describedOperations(w.t), func(op described) bool {
		return op.method != "GET" || op.id == "stream-events" || op.public || (operation{id: op.id}).own() || w.at(op.path, w.open) == ""
	})
}

// looksLike asks both worlds everything: one without a hidden part answers the same.
func (w *rightsWorld) looksLike(without *rightsWorld) []described {
	w.t.Helper()
	ops := w.readable()
	for _, op := range ops {
		a, b := w.read(op), without.read(op)
		if x, y := scrubbed(w.t, a.body), scrubbed(w.t, b.body); a.status != b.status || x != y {
			w.t.Errorf("%s shows that something is hidden:\n with    %d %s\n without %d %s", op.id, a.status, x, b.status, y)
		}
	}
	return ops
}

var passing = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[0-9:.]+Z|\d{4}-\d\d-\d\d \d\d:\d\d UTC|[0-9a-f]{16,64}|[A-Za-z0-9_-]{60,}`)

// scrubbed leaves out ids and moments, and sorts lists, so that answers of two installations compare.
func scrubbed(t *testing.T, body []byte) string {
	t.Helper()
	text := passing.ReplaceAllString(string(body), "~")
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		lines := strings.Split(text, "\n") // a table
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	return sorted(v)
}

func sorted(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+":"+sorted(v[k]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, sorted(x))
		}
		slices.Sort(parts)
		return "[" + strings.Join(parts, ",") + "]"
	}
	return fmt.Sprint(v)
}

// TestHiddenObjectsDoNotExist asks every operation that names an object for a hidden one, and as an administrator of another tenant.
func TestHiddenObjectsDoNotExist(t *testing.T) {
	w := newRightsWorld(t, true)
	w.user("writer1", access.RoleNone)
	w.grant("user:writer1", access.RightAdmin, access.Target{Kind: access.KindDatacenter, ID: w.open.datacenter})
	writer := w.signIn("writer1")
	asked := 0
	for _, op := range describedOperations(t) {
		path := w.at(op.path, w.hidden)
		if op.public || path == "" || !pathParameter.MatchString(strings.ReplaceAll(op.path, "{kind}", "")) || strings.Contains(path, "/session/") || strings.Contains(path, "{") {
			continue
		}
		path = op.asked(path)
		header := []string{}
		if op.match {
			header = append(header, "If-Match", `"1"`)
		}
		var body any
		if op.body != nil {
			body = op.body
		}
		switch op.id { // what has to make sense before it is looked up
		case "relate-resource":
			body = map[string]any{"verb": "uses", "target": map[string]any{"kind": "server", "id": w.open.server}}
		case "update-user":
			body = map[string]any{"display_name": "x", "email": "", "role": "none", "disabled": false}
		case "set-user-picture", "set-team-picture":
			body, header = "no picture", append(header, "Content-Type", "application/octet-stream")
		case "upload-connection-files":
			body, header = string(make([]byte, 1024)), append(header, "Content-Type", "application/x-tar")
		}
		asked++
		if a := w.ask(w.stranger, op.method, path, body, header...); a.status != http.StatusNotFound && (op.id != "relate-resource" || a.status != http.StatusUnprocessableEntity) { // there the other end is not found first
			t.Errorf("another tenant: %s %s: %d: %s", op.method, path, a.status, a.body)
		}
		for who, cookie := range map[string]string{"reader": w.cookie, "writer elsewhere": writer} {
			a := w.ask("", op.method, path, body, append([]string{"Cookie", cookie, "X-Maestro-CSRF", "1"}, header...)...)
			if a.status != http.StatusNotFound && a.status != http.StatusForbidden || a.status == http.StatusForbidden && strings.Contains(string(a.body), "granted to you") {
				t.Errorf("%s: %s %s: %d: %s", who, op.method, path, a.status, a.body)
			}
			if strings.Contains(string(a.body), marked) && !strings.Contains(path, marked) {
				t.Errorf("%s: %s %s tells of what is hidden: %s", who, op.method, path, a.body)
			}
		}
	}
	if asked < 40 {
		t.Errorf("only %d operations were asked", asked)
	}
}

// TestWritesNeedARightToWrite asks every operation that writes, as somebody who may read what it is about.
func TestWritesNeedARightToWrite(t *testing.T) {
	w := newRightsWorld(t, true)
	// A right elsewhere lets through the gate what the object must refuse.
	w.user("reader2", access.RoleNone)
	w.grant("user:reader2", access.RightRead, access.Target{Kind: access.KindDatacenter, ID: w.open.datacenter})
	w.grant("user:reader2", access.RightAdmin, access.Target{Kind: "server", ID: w.hidden.server})
	second := w.signIn("reader2")
	for _, op := range describedOperations(t) {
		path := w.at(op.path, w.open)
		if op.method == "GET" || op.public || path == "" || (operation{id: op.id}).own() || strings.HasSuffix(op.id, "-view") || op.id == "import-resources" || op.id == "export-chosen-resources" {
			continue
		}
		path = op.asked(path)
		a := w.ask("", op.method, path, op.body, "Cookie", w.cookie, "X-Maestro-CSRF", "1", "If-Match", `"1"`)
		if a.status != http.StatusForbidden && !(a.status == 404 && strings.Contains(op.path, "{username}")) {
			t.Errorf("reader: %s %s: %d: %s", op.method, path, a.status, a.body)
		}
		if !strings.Contains(op.path, "{id}") {
			continue
		}
		body := op.body
		switch op.id { // what has to make sense before it is looked up
		case "patch-resource":
			body = map[string]any{"set": map[string]any{"/common/environment": "x"}}
		case "merge-resource":
			body = map[string]any{"with": w.hidden.server}
		case "relate-resource", "unrelate-resource":
			continue // an operation in the background; below
		}
		a = w.ask("", op.method, path, body, "Cookie", second, "X-Maestro-CSRF", "1", "If-Match", w.version("server", w.open.server))
		if a.status != http.StatusForbidden {
			t.Errorf("writer elsewhere: %s %s: %d: %s", op.method, path, a.status, a.body)
		}
	}
	for name, body := range map[string]map[string]any{
		"edit":   {"kind": "server", "ids": []string{w.open.server}, "set": map[string]any{"/common/environment": "x"}},
		"create": {"name": "new", "datacenter": w.open.datacenter},
		"float":  {"name": "new"},
	} {
		path := map[string]string{"edit": "/api/v1/edits"}[name]
		if path == "" {
			path = "/api/v1/resources/server"
		}
		a := w.ask("", "POST", path, body, "Cookie", second, "X-Maestro-CSRF", "1")
		if path == "/api/v1/resources/server" {
			a.problem(403)
			continue
		}
		t.Logf("%s: %d %s", name, a.status, a.body)
	}
}

// TestUnknownFieldsAreRefused sends every operation that takes a document one with a field that nobody declared, and with fields that are
// the collector's to decide.
func TestFormsOfWhoMayWriteByAGrantHaveTheirChoices(t *testing.T) {
	w := newRightsWorld(t, true)
	lists := documentOf[rest.List[rest.OptionList]](w.ask("", "GET", "/api/v1/option-lists", nil, "Cookie", w.cookie).is(200))
	i := slices.IndexFunc(lists.Items, func(l rest.OptionList) bool { return l.Name == "environment" })
	if i < 0 || !slices.Equal(lists.Items[i].Values, []string{"everybodys"}) {
		t.Errorf("%+v", lists.Items)
	}
	w.ask("", "PUT", "/api/v1/option-lists/environment", map[string]any{"values": []string{"mine"}}, "Cookie", w.cookie, "X-Maestro-CSRF", "1").problem(403)
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	w := newRightsWorld(t, false)
	asked := 0
	for _, op := range describedOperations(t) {
		path := w.at(op.path, w.open)
		if op.body == nil || path == "" || strings.Contains(path, "{") {
			continue
		}
		for _, field := range []string{"tenant", "role_of_all", "access_roots"} {
			body := maps.Clone(op.body)
			body[field] = "default"
			asked++
			if a := w.ask(w.admin, op.method, op.asked(path), body, "If-Match", `"1"`); a.status != http.StatusUnprocessableEntity || !strings.Contains(string(a.body), "is not a known field") {
				t.Errorf("%s with %s: %d: %s", op.id, field, a.status, a.body)
			}
		}
	}
	if asked < 60 {
		t.Errorf("only %d were asked", asked)
	}
}

// TestMovingCutsAccess moves a server to the other datacenter: from then on the reader of the first one has nothing of it, not its past
// either, and who may write the first one alone can neither move it there nor make one there.
func TestMovingCutsAccess(t *testing.T) {
	w := newRightsWorld(t, true)
	made := documentOf[rest.Resource](w.ask(w.admin, "POST", "/api/v1/resources/server", map[string]any{"name": "wanderer", "datacenter": w.open.datacenter}).is(201))
	path := "/api/v1/resources/server/" + made.ID
	w.ask("", "GET", path, nil, "Cookie", w.cookie).is(200)
	w.user("writer2", access.RoleNone)
	w.grant("user:writer2", access.RightWrite, access.Target{Kind: access.KindDatacenter, ID: w.open.datacenter})
	writer := []string{"Cookie", w.signIn("writer2"), "X-Maestro-CSRF", "1"}
	move := map[string]any{"set": map[string]any{"/datacenter": w.hidden.datacenter}}
	w.ask("", "PATCH", path, move, append(writer, "If-Match", etag(made.Version))...).problem(403)
	w.ask("", "POST", "/api/v1/resources/server", map[string]any{"name": "intruder", "datacenter": w.hidden.datacenter}, writer...).problem(403)
	w.ask("", "POST", "/api/v1/resources/server", map[string]any{"name": "homeless"}, writer...).problem(403)
	w.ask("", "POST", "/api/v1/resources/server", map[string]any{"name": "welcome", "datacenter": w.open.datacenter}, writer...).is(201)

	w.ask(w.admin, "PATCH", path, move, "If-Match", etag(made.Version)).is(200)
	w.ask("", "GET", path, nil, "Cookie", w.cookie).problem(404)
	for _, list := range []string{"/api/v1/changes", "/api/v1/resources", "/api/v1/resources/server?as_of=" + url.QueryEscape(time.Now().UTC().Format(time.RFC3339Nano))} {
		if a := w.ask("", "GET", list, nil, "Cookie", w.cookie).is(200); strings.Contains(string(a.body), "wanderer") {
			t.Errorf("%s still tells of it: %s", list, a.body)
		}
	}
}

// TestWhySomebodyCanSeeSomething asks over the API, as an administrator and as the one it is about.
func TestWhySomebodyCanSeeSomething(t *testing.T) {
	w := newRightsWorld(t, true)
	ask := func(st site) rest.AccessExplained {
		return documentOf[rest.AccessExplained](w.ask(w.admin, "GET", "/api/v1/access/server/"+st.server+"/explain?subject=user:READER1", nil).is(200))
	}
	if x := ask(w.open); x.Entry.Right != "read" || len(x.Entry.Reasons) != 1 || x.Entry.Reasons[0].Target.ID != w.open.datacenter || !strings.Contains(x.Found, "reader1 can read the server open-0") {
		t.Errorf("%+v", x)
	}
	if x := ask(w.hidden); x.Entry.Right != "none" || x.Advice == "" || !strings.Contains(x.Found, "cannot see") {
		t.Errorf("%+v", x)
	}
	own := "/api/v1/access/server/" + w.open.server
	w.ask("", "GET", own+"/explain?subject=user:reader1", nil, "Cookie", w.cookie).is(200)
	w.ask("", "GET", own+"/explain?subject=user:"+marked+"-user", nil, "Cookie", w.cookie).problem(403)
	w.ask("", "GET", own, nil, "Cookie", w.cookie).problem(403)

	// What was granted on a system is had on what says that it is part of it.
	system := documentOf[rest.Resource](w.ask(w.admin, "POST", "/api/v1/resources/system", map[string]any{"name": "shop"}).is(201))
	w.ask(w.admin, "POST", "/api/v1/resources/server/"+w.hidden.server+"/relations", map[string]any{"verb": "part_of", "target": map[string]any{"kind": "system", "id": system.ID}},
		"If-Match", w.version("server", w.hidden.server)).is(204)
	g := documentOf[rest.Grant](w.ask(w.admin, "POST", "/api/v1/grants", rest.GrantWrite{Subject: rest.AccessSubject{Type: "user", ID: "reader1"}, Right: "read",
		Target: rest.AccessTarget{Kind: "system", ID: system.ID}}).is(201))
	w.ask("", "GET", "/api/v1/resources/server/"+w.hidden.server, nil, "Cookie", w.cookie).is(200)
	if x := ask(w.hidden); x.Entry.Right != "read" {
		t.Errorf("%+v", x)
	}
	to := documentOf[rest.AccessTo](w.ask(w.admin, "GET", "/api/v1/access/system/"+system.ID, nil).is(200))
	if len(to.Grants) != 1 || to.Grants[0].ID != g.ID || !slices.ContainsFunc(to.Entries, func(e rest.AccessEntry) bool { return e.Subject.Name == "reader1" && e.Right == "read" }) {
		t.Errorf("%+v", to)
	}
	w.ask(w.admin, "DELETE", "/api/v1/grants/"+g.ID, nil).is(204)
	w.ask("", "GET", "/api/v1/resources/server/"+w.hidden.server, nil, "Cookie", w.cookie).problem(404)
}

// TestAConnectionIsGrantedAsAWhole: what it brings is seen wherever it stands, and its runs may be asked for by who may write it.
func TestAConnectionIsGrantedAsAWhole(t *testing.T) {
	w := newRightsWorld(t, true)
	w.user("account1", access.RoleNone)
	target := access.Target{Kind: access.KindConnection, ID: w.open.connection}
	w.grant("user:account1", access.RightRead, target)
	cookie := []string{"Cookie", w.signIn("account1"), "X-Maestro-CSRF", "1"}
	list := documentOf[rest.List[rest.Resource]](w.ask("", "GET", "/api/v1/resources/server", nil, cookie...).is(200))
	conns := documentOf[rest.List[rest.Connection]](w.ask("", "GET", "/api/v1/connections", nil, cookie...).is(200))
	runs := documentOf[rest.List[rest.Run]](w.ask("", "GET", "/api/v1/runs", nil, cookie...).is(200))
	if list.TotalSize != 2 || len(conns.Items) != 1 || len(runs.Items) != 1 {
		t.Errorf("%d servers, %d connections, %d runs", list.TotalSize, len(conns.Items), len(runs.Items))
	}
	path := "/api/v1/connections/" + w.open.connection
	w.ask("", "POST", path+"/runs", nil, cookie...).problem(403)
	is := documentOf[rest.Connection](w.ask("", "GET", path, nil, cookie...).is(200))
	edit := rest.ConnectionWrite{Name: "renamed", Provider: is.Provider, Settings: is.Settings, QuietHours: []string{"22:00-06:00"}}
	match := append(cookie, "If-Match", etag(is.Version))
	w.ask("", "PUT", path, edit, match...).problem(403)
	w.ask("", "DELETE", "/api/v1/sealed-credentials/"+w.open.connection, nil, cookie...).problem(403)
	plugins := func(want int) []rest.Plugin {
		t.Helper()
		list := documentOf[rest.List[rest.Plugin]](w.ask("", "GET", "/api/v1/plugins", nil, cookie...).is(200))
		if len(list.Items) != want {
			t.Errorf("%d plugins, not %d", len(list.Items), want)
		}
		return list.Items
	}
	plugins(0)
	w.ask("", "GET", "/api/v1/plugins/test", nil, cookie...).problem(404)
	g := w.grant("user:account1", access.RightWrite, target)
	w.ask("", "POST", path+"/runs", nil, cookie...).is(202)

	// The form to edit it with is made from what its plugin asks for; of the agents that have the plugin only the connection's is named.
	for _, p := range plugins(1) {
		if len(p.Settings) == 0 || len(p.Agents) != 1 || is.Agent == nil || p.Agents[0].ID != is.Agent.ID {
			t.Errorf("%s with %d bytes of settings on %+v", p.Provider, len(p.Settings), p.Agents)
		}
		w.ask("", "GET", "/api/v1/plugins/"+p.Provider, nil, cookie...).is(200)
	}

	// What it reads and when may be edited then; where it stands, by whom and with which credential it reads may not, and it is not ended.
	for field, change := range map[string]func(*rest.ConnectionWrite){
		"datacenter": func(c *rest.ConnectionWrite) { c.Datacenter = w.hidden.datacenter },
		"agent":      func(c *rest.ConnectionWrite) { c.Agent = "another" },
		"credential": func(c *rest.ConnectionWrite) { c.Credential = "root" },
		"precedence": func(c *rest.ConnectionWrite) { c.Precedence = 1 },
		"rules":      func(c *rest.ConnectionWrite) { c.Rules = []rest.MappingRule{{Datacenter: w.hidden.datacenter}} },
	} {
		other := edit
		change(&other)
		if p := w.ask("", "PUT", path, other, match...).problem(403); !strings.Contains(p.Detail, "The "+field+" of a connection") {
			t.Errorf("%s: %+v", field, p)
		}
	}
	single := edit
	single.Kinds = []rest.KindScheduleWrite{{Kind: "server", Precedence: 1}}
	if p := w.ask("", "PUT", path, single, match...).problem(403); !strings.Contains(p.Detail, "The precedence of a connection") {
		t.Errorf("precedence of a kind: %+v", p)
	}
	// Nor is the agent's own credential sent elsewhere, whatever else the settings say.
	for _, settings := range []string{`{"url":"https://evil.example"}`, `{"url":"https://evil.example","depth":1}`, `{"url":"https://lab.example","url":"https://evil.example"}`, `[]`} {
		other := edit
		other.Settings = json.RawMessage(settings)
		want := map[bool]int{true: 403, false: 422}[strings.Count(settings, "url") == 1]
		if a := w.ask("", "PUT", path, other, match...); a.status != want && a.status != 400 || want == 403 && !strings.Contains(a.problem(403).Detail, `credential "lab-reader" of its agent`) {
			t.Errorf("%s: %d: %s", settings, a.status, a.body)
		}
	}
	edit.Settings = json.RawMessage(`{"depth": 2, "url": "https://lab.example"}`)
	edited := documentOf[rest.Connection](w.ask("", "PUT", path, edit, match...).is(200))
	if edited.Name != "renamed" || len(edited.QuietHours) != 1 {
		t.Errorf("%+v", edited)
	}
	if now := documentOf[rest.Connection](w.ask(w.admin, "GET", path, nil).is(200)); now.Agent == nil || now.Datacenter == nil || now.Datacenter.ID != w.open.datacenter || now.Credential != is.Credential {
		t.Errorf("what it did not say is lost: %+v", now)
	}
	w.ask("", "DELETE", path, nil, cookie...).problem(403)
	w.ask("", "POST", "/api/v1/connections", edit, cookie...).problem(403)
	w.ask("", "PUT", "/api/v1/connections/"+w.hidden.connection, edit, match...).problem(404)

	// Write on the datacenter is about what stands in it.
	w.user("mason", access.RoleNone)
	w.grant("user:mason", access.RightWrite, access.Target{Kind: access.KindDatacenter, ID: w.open.datacenter})
	for name, want := range map[string]string{"account1": "account1 can read and edit the connection renamed, and read and change what it brings: write granted on the connection",
		"mason": "mason can read the connection renamed, and read and change what it brings: write granted on the datacenter"} {
		x := documentOf[rest.AccessExplained](w.ask(w.admin, "GET", "/api/v1/access/connection/"+w.open.connection+"/explain?subject=user:"+name, nil).is(200))
		if !strings.HasPrefix(x.Found, want) {
			t.Errorf("%s: %s", name, x.Found)
		}
	}
	mason := []string{"Cookie", w.signIn("mason"), "X-Maestro-CSRF", "1", "If-Match", etag(edited.Version)}
	w.ask("", "PUT", path, edit, mason...).problem(403)
	must(t, w.access.Revoke(t.Context(), access.Caller{Tenant: "default", Name: "user:admin", Role: access.RoleAdmin}, g.ID, nil))
	w.ask("", "GET", "/api/v1/resources/server", nil, cookie...).problem(403)
}
