package api

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// id12 makes external ids that fit into a UUID's end, so that identifiers are valid.
func id12(n int) string { return fmt.Sprintf("%012d", n) }

func (w *world) list(path string, query url.Values) rest.List[rest.Resource] {
	w.t.Helper()
	return documentOf[rest.List[rest.Resource]](w.ask(w.reader, "GET", path+"?"+query.Encode(), nil).is(200))
}

func names_(l rest.List[rest.Resource]) string {
	var all []string
	for _, r := range l.Items {
		all = append(all, r.Name)
	}
	return strings.Join(all, " ")
}

func TestResourcesAreListedFilteredAndSorted(t *testing.T) {
	w := newWorld(t)
	w.source("lab").sync("server", server(id12(1), "web-1", 4<<30), server(id12(2), "web-2", 8<<30), server(id12(3), "db-1", 64<<30))
	for _, tt := range []struct{ filter, order, want string }{
		{"", "name", "db-1 web-1 web-2"},
		{"", "memory_bytes desc", "db-1 web-2 web-1"},
		{`memory_bytes > 5000000000`, "name", "db-1 web-2"},
		{`attributes.memory_bytes = 4294967296`, "name", "web-1"},
		{`name = "web-*"`, "name desc", "web-2 web-1"},
		{`web`, "name", "web-1 web-2"},
		{`state = gone`, "name", ""},
		{`region = "eu-west-2" AND NOT db`, "name", "web-1 web-2"},
		{`tags:env`, "name", "db-1 web-1 web-2"},
		{`tags.env = "prod"`, "name", "db-1 web-1 web-2"},
		{`tags:"env=prod"`, "name", "db-1 web-1 web-2"},
		{`tags.env = "test"`, "name", ""},
		{`tags:owner`, "name", ""},
	} {
		got := names_(w.list("/api/v1/resources/server", url.Values{"filter": {tt.filter}, "order_by": {tt.order}}))
		if got != tt.want {
			t.Errorf("%s by %s: got %q, want %q", tt.filter, tt.order, got, tt.want)
		}
	}
	if p := w.ask(w.reader, "GET", "/api/v1/resources/server?filter=memori_bytes+%3E+5", nil).problem(400); p.Filter == nil || !strings.Contains(p.Filter.Suggestion, "memory_bytes") {
		t.Errorf("%+v", p.Filter)
	}
	if got := names_(w.list("/api/v1/resources", url.Values{"q": {"web 1"}})); got != "web-1" {
		t.Errorf("search: %q", got)
	}
	w.ask(w.reader, "GET", "/api/v1/resources/serwer", nil).problem(404)
	l := documentOf[rest.List[rest.Resource]](w.ask(w.stranger, "GET", "/api/v1/resources/server", nil).is(200))
	if len(l.Items) != 0 || l.TotalSize != 0 {
		t.Errorf("another tenant sees %+v", l)
	}
}

func TestResourcePagesNeitherRepeatNorSkip(t *testing.T) {
	w := newWorld(t)
	src := w.source("lab")
	var envs []resource.Envelope
	var want []string
	for i := range 25 {
		envs = append(envs, server(id12(i), fmt.Sprintf("s%02d", i), int64(i%3)<<30))
		want = append(want, fmt.Sprintf("s%02d", i))
	}
	src.sync("server", envs...)
	var got []string
	q := url.Values{"order_by": {"name"}, "page_size": {"7"}}
	for page := 0; ; page++ {
		l := w.list("/api/v1/resources/server", q)
		for _, r := range l.Items {
			if !strings.HasSuffix(r.Name, "x") {
				got = append(got, r.Name)
			}
		}
		if l.NextPageToken == "" {
			break
		}
		q.Set("page_token", l.NextPageToken)
		envs = append(envs, server(id12(100+page), fmt.Sprintf("s%02dx", page), 1))
		src.sync("server", envs...)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %v", got)
	}
}

func (w *world) first(kind string) rest.Resource {
	w.t.Helper()
	l := w.list("/api/v1/resources/"+kind, url.Values{})
	if len(l.Items) == 0 {
		w.t.Fatal("no resource")
	}
	return l.Items[0]
}

func TestAResourceIsEditedOnlyAtItsCurrentVersion(t *testing.T) {
	w := newWorld(t)
	w.source("lab").sync("server", server(id12(1), "web-1", 4<<30))
	r := w.first("server")
	path := "/api/v1/resources/server/" + r.ID
	edit := rest.ResourcePatch{Set: map[string]any{"/name": "www", "/common/environment": "production", "/attributes/memory_bytes": json53}, Reason: "ticket 7"}

	got := w.ask(w.reader, "GET", path, nil).is(200)
	if got.header.Get("ETag") != etag(r.Version) {
		t.Errorf("ETag %q of version %d", got.header.Get("ETag"), r.Version)
	}
	w.ask(w.admin, "PATCH", path, edit).problem(428)
	w.ask(w.admin, "PATCH", path, edit, "If-Match", "*").problem(400)
	if p := w.ask(w.admin, "PATCH", path, edit, "If-Match", etag(r.Version+7)).problem(412); p.CurrentVersion != r.Version {
		t.Errorf("%+v", p)
	}
	w.ask(w.stranger, "PATCH", path, edit, "If-Match", etag(r.Version)).problem(404)
	w.ask(w.stranger, "GET", path, nil).problem(404)
	done := documentOf[rest.Resource](w.ask(w.admin, "PATCH", path, edit, "If-Match", etag(r.Version)).is(200))
	if done.Name != "www" || done.Common.Environment != "production" || done.Version != r.Version+1 {
		t.Errorf("%+v", done)
	}
	if src := done.Provenance["/name"]; src.Type != "curated" || src.Actor != "token:admin" {
		t.Errorf("provenance %+v", done.Provenance)
	}
	if src := done.Provenance["/region"]; src.Type != "discovered" {
		t.Errorf("provenance %+v", done.Provenance)
	}
	w.ask(w.admin, "PATCH", path, edit, "If-Match", etag(r.Version)).problem(412)
	for name, bad := range map[string]rest.ResourcePatch{
		"unknown field":   {Set: map[string]any{"/attributes/no_such": 1}},
		"wrong type":      {Set: map[string]any{"/attributes/memory_bytes": "much"}},
		"not a pointer":   {Set: map[string]any{"name": "x"}},
		"not for people":  {Set: map[string]any{"/id": "x"}},
		"set and discard": {Set: map[string]any{"/name": "x"}, Reset: []string{"/name"}},
	} {
		if a := w.ask(w.admin, "PATCH", path, bad, "If-Match", etag(done.Version)); a.status != 422 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	back := documentOf[rest.Resource](w.ask(w.admin, "PATCH", path, rest.ResourcePatch{Reset: []string{"/name"}}, "If-Match", etag(done.Version)).is(200))
	if back.Name != "web-1" {
		t.Errorf("after reset: %q", back.Name)
	}
}

// json53 is the largest integer that canonical JSON (RFC 8785) keeps exactly.
const json53 = int64(1)<<53 - 1

func TestNumbersSurviveTheAPI(t *testing.T) {
	w := newWorld(t)
	body := fmt.Sprintf(`{"name":"by-hand","attributes":{"memory_bytes":%d}}`, json53)
	made := w.ask(w.admin, "POST", "/api/v1/resources/server", body).is(201)
	r := documentOf[rest.Resource](made)
	for _, a := range []*answer{made, w.ask(w.reader, "GET", "/api/v1/resources/server/"+r.ID, nil).is(200), w.ask(w.reader, "GET", "/api/v1/resources/server?fields=attributes", nil).is(200)} {
		if !strings.Contains(string(a.body), itoa(json53)) {
			t.Errorf("%s: %s", a.what, a.body)
		}
	}
	if r.Name != "by-hand" || r.State != "active" || r.Version != 1 || made.header.Get("ETag") != `"1"` {
		t.Errorf("%+v", r)
	}
}

func TestHistoryAndThePast(t *testing.T) {
	w := newWorld(t)
	src := w.source("lab")
	src.sync("server", server(id12(1), "web-1", 4<<30))
	time.Sleep(5 * time.Millisecond)
	between := time.Now()
	time.Sleep(5 * time.Millisecond)
	run := src.sync("server", server(id12(1), "web-one", 8<<30))
	r := w.first("server")
	path := "/api/v1/resources/server/" + r.ID
	then := documentOf[rest.Resource](w.ask(w.reader, "GET", path+"?as_of="+url.QueryEscape(between.Format(time.RFC3339Nano)), nil).is(200))
	if then.Name != "web-1" || then.Version != 1 || r.Name != "web-one" {
		t.Errorf("then %+v, now %+v", then, r)
	}
	w.ask(w.reader, "GET", path+"?as_of=2001-01-01T00:00:00Z", nil).problem(404)
	if l := w.list("/api/v1/resources/server", url.Values{"as_of": {between.Format(time.RFC3339Nano)}}); names_(l) != "web-1" {
		t.Errorf("list then: %s", names_(l))
	}
	history := documentOf[rest.List[rest.Change]](w.ask(w.reader, "GET", path+"/history", nil).is(200))
	if len(history.Items) != 2 || history.Items[0].Action != "updated" || history.Items[0].RunID != run || len(history.Items[0].Diff) < 2 || history.Items[1].Action != "created" {
		t.Errorf("%+v", history.Items)
	}
	for filter, want := range map[string]int{
		"": 2, `action = created`: 1, `run_id = "` + run + `"`: 1, `kind = server AND resource_id = "` + r.ID + `"`: 2, `kind = volume`: 0,
		`at >= "` + between.UTC().Format(time.RFC3339Nano) + `"`: 1, `at < "` + between.UTC().Format(time.RFC3339Nano) + `"`: 1,
	} {
		l := documentOf[rest.List[rest.Change]](w.ask(w.reader, "GET", "/api/v1/changes?"+url.Values{"filter": {filter}}.Encode(), nil).is(200))
		if len(l.Items) != want {
			t.Errorf("%s: %d changes, want %d", filter, len(l.Items), want)
		}
	}
	w.ask(w.reader, "GET", "/api/v1/changes?filter=kind+%3D+a+OR+kind+%3D+b", nil).problem(400)
	if l := documentOf[rest.List[rest.Change]](w.ask(w.stranger, "GET", "/api/v1/changes", nil).is(200)); len(l.Items) != 0 {
		t.Errorf("another tenant sees %+v", l)
	}
}

func TestRunsScopesCoverageAndSummary(t *testing.T) {
	w := newWorld(t)
	src := w.source("lab")
	id := src.sync("server", server(id12(1), "web-1", 4<<30))
	run := documentOf[rest.Run](w.ask(w.reader, "GET", "/api/v1/runs/"+id, nil).is(200))
	if run.State != "succeeded" || run.Created != 1 || run.ScopesDone != 1 || run.Statuses["complete"] != 1 || run.Connection.Name != "lab" {
		t.Errorf("%+v", run)
	}
	scopes := documentOf[rest.List[rest.RunScope]](w.ask(w.reader, "GET", "/api/v1/runs/"+id+"/scopes", nil).is(200))
	if len(scopes.Items) != 1 || scopes.Items[0].Outcome.Status != "complete" || scopes.Items[0].Outcome.Listed != 1 || !scopes.Items[0].Changed {
		t.Errorf("%+v", scopes.Items)
	}
	w.ask(w.stranger, "GET", "/api/v1/runs/"+id, nil).problem(404)
	w.ask(w.stranger, "GET", "/api/v1/runs/"+id+"/scopes", nil).problem(404)
	for filter, want := range map[string]int{"": 1, `connection = "` + src.connection.ID + `"`: 1, `state = failed`: 0} {
		l := documentOf[rest.List[rest.Run]](w.ask(w.reader, "GET", "/api/v1/runs?"+url.Values{"filter": {filter}}.Encode(), nil).is(200))
		if len(l.Items) != want {
			t.Errorf("%s: %d runs, want %d", filter, len(l.Items), want)
		}
	}
	cov := documentOf[rest.Coverage](w.ask(w.reader, "GET", "/api/v1/coverage?kind=server", nil).is(200))
	if cov.Scopes != 1 || cov.Complete != 1 || cov.AsOf.IsZero() {
		t.Errorf("%+v", cov)
	}
	sum := documentOf[rest.Summary](w.ask(w.reader, "GET", "/api/v1/summary", nil).is(200))
	for _, k := range sum.Kinds {
		if k.Kind == "server" && k.Active != 1 {
			t.Errorf("%+v", k)
		}
	}
}

func TestHeldRemovalsAreDecidedByPeople(t *testing.T) {
	w := newWorld(t)
	src := w.source("lab")
	var envs []resource.Envelope
	for i := range 30 {
		envs = append(envs, server(id12(i), fmt.Sprintf("s%02d", i), 1))
	}
	src.sync("server", envs...)
	src.sync("server", envs[:2]...)
	held := documentOf[rest.List[rest.HeldRemoval]](w.ask(w.reader, "GET", "/api/v1/removals?filter=state+%3D+held", nil).is(200))
	if len(held.Items) != 1 || held.Items[0].Count != 28 || held.Items[0].ScopeSize != 30 {
		t.Fatalf("%+v", held.Items)
	}
	decided := func() int {
		return documentOf[rest.List[rest.HeldRemoval]](w.ask(w.reader, "GET", "/api/v1/removals?filter=state+%21%3D+held", nil).is(200)).TotalSize
	}
	if n := decided(); n != 0 {
		t.Errorf("%d are decided before anybody did", n)
	}
	path := "/api/v1/removals/" + held.Items[0].ID
	one := documentOf[rest.HeldRemoval](w.ask(w.reader, "GET", path, nil).is(200))
	if len(one.Items) != 28 || one.Items[0].Name == "" {
		t.Errorf("%+v", one)
	}
	w.ask(w.reader, "POST", path+"/approve", nil).problem(403)
	w.ask(w.stranger, "POST", path+"/approve", nil).problem(404)
	done := documentOf[rest.HeldRemoval](w.ask(w.admin, "POST", path+"/approve", rest.Decision{Reason: "moved out"}).is(200))
	if done.State != "approved" || done.DecidedBy != "token:admin" || done.Reason != "moved out" {
		t.Errorf("%+v", done)
	}
	if n := decided(); n != 1 {
		t.Errorf("%d are decided", n)
	}
	w.ask(w.admin, "POST", path+"/refuse", nil).problem(409)
	if l := w.list("/api/v1/resources/server", url.Values{"filter": {"state = gone"}}); l.TotalSize != 28 {
		t.Errorf("%d gone", l.TotalSize)
	}
	audit := documentOf[rest.List[rest.AuditEntry]](w.ask(w.admin, "GET", "/api/v1/audit?filter=actor+%3D+%22token%3Aadmin%22", nil).is(200))
	if len(audit.Items) == 0 {
		t.Error("the approval is not audited")
	}
}

func TestKindsSayHowTheyAreFiltered(t *testing.T) {
	w := newWorld(t)
	k := documentOf[rest.KindInfo](w.ask(w.reader, "GET", "/api/v1/kinds/server", nil).is(200))
	if k.Name != "server" || k.Label != "Server" || !k.BuiltIn || k.Approval != "approved" || len(k.Fields) < 5 || len(k.CommonFields) < 5 {
		t.Errorf("%+v", k)
	}
	found := false
	for _, f := range k.FilterFields {
		found = found || f.Name == "memory_bytes" && f.Type == "number" && f.Sort
	}
	if !found {
		t.Errorf("memory_bytes is not in %+v", k.FilterFields)
	}
	w.ask(w.reader, "GET", "/api/v1/kinds/none", nil).problem(404)
	for asked, meant := range map[string]string{"servers": "server", "Load%20balancers": "load_balancer", "backing-service": "backing_service"} {
		if p := w.ask(w.reader, "GET", "/api/v1/resources/"+asked, nil).problem(404); !strings.Contains(p.Detail, "did you mean "+meant+"?") {
			t.Errorf("%s: %s", asked, p.Detail)
		}
	}
	all := documentOf[rest.List[rest.KindInfo]](w.ask(w.reader, "GET", "/api/v1/kinds?filter=group%3Dcompute&fields=name", nil).is(200))
	if all.TotalSize < 1 {
		t.Errorf("%+v", all)
	}
}

// The fields that a plugin adds to a built-in kind are in the kind's schema, and in filters, like its own.
func TestFieldsOfPluginsOnBuiltInKinds(t *testing.T) {
	w := newWorld(t)
	_, err := w.inventory.RegisterKinds(t.Context(), "default", provider.Description{Provider: "vsphere", Version: "1.2", Kinds: []provider.KindSupport{
		{Kind: "server", Major: 1, Schema: schema.FieldsOf(struct {
			ToolsVersion int `json:"tools_version" label:"Tools version" maestro:"indexed,column"`
		}{})}}})
	must(t, err)
	old, young := server("000000000001", "old", 1), server("000000000002", "young", 1)
	old.Attributes = []byte(`{"memory_bytes":1,"vsphere":{"tools_version":9}}`)
	young.Attributes = []byte(`{"memory_bytes":1,"vsphere":{"tools_version":12}}`)
	w.source("vc").sync("server", old, young)

	kind := func(approval string) *schema.Field {
		t.Helper()
		k := documentOf[rest.KindInfo](w.ask(w.reader, "GET", "/api/v1/kinds/server", nil).is(200))
		if len(k.Extensions) != 1 || k.Extensions[0] != (rest.KindExtension{Provider: "vsphere", PluginVersion: "1.2", Approval: approval}) {
			t.Errorf("%+v", k.Extensions)
		}
		if !slices.ContainsFunc(k.FilterFields, func(f rest.FilterField) bool { return f.Name == "vsphere.tools_version" && f.Sort }) {
			t.Errorf("no filter field: %+v", k.FilterFields)
		}
		f, ok := k.Field("vsphere.tools_version")
		if !ok || f.Label != "Tools version" || !strings.Contains(string(k.Schema), "tools_version") {
			t.Fatalf("%s", k.Schema)
		}
		return f
	}
	if f := kind("pending"); f.Column || f.Indexed {
		t.Errorf("%+v", f)
	}
	if sum := documentOf[rest.Summary](w.ask(w.admin, "GET", "/api/v1/summary", nil).is(200)); sum.PendingKind != 1 {
		t.Errorf("%+v", sum)
	}
	w.ask(w.reader, "POST", "/api/v1/kinds/server/approve", nil).problem(403)
	w.ask(w.admin, "POST", "/api/v1/kinds/server/approve", nil).is(200)
	if f := kind("approved"); !f.Column || !f.Indexed {
		t.Errorf("%+v", f)
	}
	for filter, want := range map[string]string{
		"vsphere.tools_version > 10": "young", "vsphere.tools_version = 9": "old", "attributes.vsphere.tools_version >= 12": "young",
	} {
		l := w.list("/api/v1/resources/server", url.Values{"filter": {filter}})
		if len(l.Items) != 1 || l.Items[0].Name != want {
			t.Errorf("%s: %+v", filter, l.Items)
		}
	}
	if l := w.list("/api/v1/resources/server", url.Values{"order_by": {"vsphere.tools_version desc"}}); len(l.Items) != 2 || l.Items[0].Name != "young" {
		t.Errorf("%+v", l.Items)
	}
	w.ask(w.reader, "GET", "/api/v1/resources/server?filter="+url.QueryEscape("vsphere.tools > 10"), nil).problem(400)
}
