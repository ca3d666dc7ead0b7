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

func (w *world) approvalsOf(token, filter string, header ...string) rest.List[rest.Approval] {
	w.t.Helper()
	return documentOf[rest.List[rest.Approval]](w.ask(token, "GET", "/api/v1/approvals?"+url.Values{"filter": {filter}}.Encode(), nil, header...).is(200))
}

func (w *world) rule(change func(*rest.ApprovalRule), kind string) {
	w.t.Helper()
	rules := documentOf[rest.ApprovalRules](w.ask(w.admin, "GET", "/api/v1/approval-rules", nil).is(200))
	for i := range rules.Items {
		if rules.Items[i].Kind == kind {
			change(&rules.Items[i])
		}
	}
	w.ask(w.admin, "PUT", "/api/v1/approval-rules", rest.ApprovalRulesWrite{Items: rules.Items}, "If-Match", etag(rules.Version)).is(200)
}

// person makes a user and answers the header that he asks with.
func (w *world) person(name string, role access.Role) []string {
	w.t.Helper()
	w.user(name, role)
	return []string{"Cookie", w.signIn(name), "X-Maestro-CSRF", "1"}
}

func TestAHeldRemovalIsAnApproval(t *testing.T) {
	w := newWorld(t)
	src := w.source("lab")
	var envs []resource.Envelope
	for i := range 30 {
		envs = append(envs, server(id12(i), fmt.Sprintf("s%02d", i), 1))
	}
	src.sync("server", envs...)
	src.sync("server", envs[:2]...)
	list := w.approvalsOf(w.admin, "state = pending")
	if len(list.Items) != 1 || list.Items[0].Kind != "removal" || list.Items[0].Count != 28 || !list.Items[0].MayDecide || !strings.HasPrefix(list.Items[0].Title, "Remove 28 of 30 server of ") {
		t.Fatalf("%+v", list.Items)
	}
	path := "/api/v1/approvals/" + list.Items[0].ID
	if seen := documentOf[rest.Approval](w.ask(w.reader, "GET", path, nil).is(200)); seen.MayDecide || !strings.Contains(seen.WhyNot, "decide removals") {
		t.Errorf("%+v", seen)
	}
	w.ask(w.stranger, "GET", path, nil).problem(404)
	w.ask(w.stranger, "POST", path+"/approve", nil).problem(404)
	if n := w.approvalsOf(w.stranger, "").TotalSize; n != 0 {
		t.Errorf("another tenant sees %d", n)
	}
	mine := documentOf[rest.List[rest.PlaceSummary]](w.ask("", "GET", "/api/v1/mine", nil, w.person("mia", access.RoleReader)...).is(200))
	if len(mine.Items) != 1 || mine.Items[0].Approvals != 1 || mine.Items[0].Summary.Held != 1 {
		t.Errorf("what waits is not counted among all mine: %+v", mine.Items)
	}
	w.rule(func(r *rest.ApprovalRule) { r.Persons = 2 }, "removal")
	if p := w.ask(w.admin, "POST", path+"/approve", nil).problem(403); !strings.Contains(p.Detail, "people") {
		t.Errorf("%+v", p)
	}
	anna, ben := w.person("anna", access.RoleAdmin), w.person("ben", access.RoleAdmin)
	held := "/api/v1/removals/" + list.Items[0].Subject
	// The old way is the same way.
	if h := documentOf[rest.HeldRemoval](w.ask("", "POST", held+"/approve", rest.Decision{Reason: "moved"}, anna...).is(200)); h.State != "held" {
		t.Fatalf("one of two removes: %+v", h)
	}
	w.ask("", "POST", held+"/approve", nil, anna...).problem(403)
	done := documentOf[rest.Approval](w.ask("", "POST", path+"/approve", nil, ben...).is(200))
	if done.State != "approved" || !done.Settled || len(done.Decisions) != 2 || done.Decisions[0].Reason != "moved" {
		t.Fatalf("%+v", done)
	}
	if h := documentOf[rest.HeldRemoval](w.ask(w.reader, "GET", held, nil).is(200)); h.State != "approved" || h.DecidedBy != "user:ben" {
		t.Errorf("%+v", h)
	}
	w.ask("", "POST", path+"/refuse", nil, ben...).problem(409)
	w.ask(w.reader, "PUT", "/api/v1/approval-rules", rest.ApprovalRulesWrite{}, "If-Match", `"1"`).problem(403)
	w.ask(w.admin, "PUT", "/api/v1/approval-rules", rest.ApprovalRulesWrite{Items: []rest.ApprovalRule{{Kind: "bulk_edit", Persons: 1, Teams: []string{"none"}}}}, "If-Match", `"1"`).problem(422)
}

func (w *world) approved(id string) rest.Approval {
	w.t.Helper()
	for range 500 {
		must(w.t, w.approvals.Sweep(w.t.Context(), time.Now()))
		a := documentOf[rest.Approval](w.ask(w.admin, "GET", "/api/v1/approvals/"+id, nil).is(200))
		if a.Settled {
			return a
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatal("it is never carried out")
	return rest.Approval{}
}

func TestALargeEditWaitsForAnother(t *testing.T) {
	w := newWorld(t)
	w.imports("kind=server&file=servers.csv", "name\nweb1\nweb2\nweb3\ndb1\n")
	w.rule(func(r *rest.ApprovalRule) { r.Required, r.Over = true, 2 }, "bulk_edit")
	anna, ben := w.person("anna", access.RoleAdmin), w.person("ben", access.RoleAdmin)
	edit := func(value string) rest.Operation {
		t.Helper()
		body := map[string]any{"kind": "server", "filter": `name : "web*"`, "set": map[string]any{"/common/environment": value}, "reason": "they are live"}
		return w.over(documentOf[rest.Operation](w.ask("", "POST", "/api/v1/edits", body, anna...).is(202)))
	}
	live := func(value string) int {
		return w.list("/api/v1/resources/server", url.Values{"filter": {`environment = "` + value + `"`}}).TotalSize
	}
	op := edit("production")
	if op.State != "asked" || op.Approval == "" || op.Updated != 3 || op.AuditID != "" || live("production") != 0 {
		t.Fatalf("%+v, %d", op, live("production"))
	}
	path := "/api/v1/approvals/" + op.Approval
	a := documentOf[rest.Approval](w.ask("", "GET", path, nil, ben...).is(200))
	if a.Kind != "bulk_edit" || a.Count != 3 || len(a.Refs) != 3 || a.Operation != op.ID || a.Reason != "they are live" || a.Edit == nil || a.Edit.Fields[0] != "/common/environment" || !a.MayDecide || a.ExpiresAt.IsZero() {
		t.Fatalf("%+v %+v", a, a.Edit)
	}
	w.ask("", "POST", path+"/approve", nil, anna...).problem(403)
	w.ask(w.reader, "POST", path+"/approve", nil).problem(403)
	w.ask("", "POST", path+"/approve", rest.Decision{Reason: "yes"}, ben...).is(200)
	if a = w.approved(op.Approval); a.State != "approved" || live("production") != 3 {
		t.Fatalf("%+v, %d", a, live("production"))
	}
	if op = w.over(op); op.State != "done" || op.Updated != 3 || op.AuditID == "" || op.Actor != "user:anna" {
		t.Errorf("%+v", op)
	}
	// Few need nobody.
	few := map[string]any{"kind": "server", "filter": `name = "db1"`, "set": map[string]any{"/common/environment": "lab"}}
	if op := w.over(documentOf[rest.Operation](w.ask("", "POST", "/api/v1/edits", few, anna...).is(202))); op.State != "done" {
		t.Errorf("%+v", op)
	}
	// What it finds has become more: nothing is edited, and it is asked anew with what it finds now.
	op = edit("staging")
	w.imports("kind=server&file=servers.csv", "name\nweb4\n")
	w.ask("", "POST", "/api/v1/approvals/"+op.Approval+"/approve", nil, ben...).is(200)
	first := op.Approval
	if a = w.approved(first); a.State != "failed" || !strings.Contains(a.Problem, "asked anew") || live("staging") != 0 {
		t.Fatalf("%+v, %d", a, live("staging"))
	}
	op = w.over(op)
	if op.State != "asked" || op.Approval == first || op.Updated != 4 {
		t.Fatalf("%+v", op)
	}
	w.ask("", "POST", "/api/v1/approvals/"+op.Approval+"/withdraw", nil, ben...).problem(403)
	w.ask("", "POST", "/api/v1/approvals/"+op.Approval+"/withdraw", nil, anna...).is(200)
	if op = w.over(op); op.State != "dropped" || live("staging") != 0 {
		t.Errorf("%+v", op)
	}
	if n := w.approvalsOf(w.admin, "state = pending").TotalSize; n != 0 {
		t.Errorf("%d wait", n)
	}
}

func TestAMergeWaitsForAnother(t *testing.T) {
	w := newWorld(t)
	w.imports("kind=server&file=servers.csv", "name\nweb1\nweb2\n")
	w.rule(func(r *rest.ApprovalRule) { r.Required = true }, "merge")
	anna, ben := w.person("anna", access.RoleAdmin), w.person("ben", access.RoleAdmin)
	list := documentOf[rest.List[rest.Resource]](w.ask(w.admin, "GET", "/api/v1/resources/server?order_by=name", nil).is(200)).Items
	path := "/api/v1/resources/server/" + list[0].ID
	r := documentOf[rest.Resource](w.ask("", "POST", path+"/merge", rest.ResourceMerge{With: list[1].ID, Reason: "twice in the list"}, append(anna, "If-Match", etag(list[0].Version))...).is(202))
	if r.Approval == "" || r.ID != list[0].ID || len(r.Absorbed) != 0 {
		t.Fatalf("%+v", r)
	}
	w.ask(w.stranger, "GET", "/api/v1/approvals/"+r.Approval, nil).problem(404)
	w.ask("", "POST", "/api/v1/approvals/"+r.Approval+"/approve", nil, anna...).problem(403)
	if a := documentOf[rest.Approval](w.ask("", "POST", "/api/v1/approvals/"+r.Approval+"/approve", nil, ben...).is(200)); a.State != "approved" || !a.Settled || a.Kind != "merge" {
		t.Fatalf("%+v", a)
	}
	if r = documentOf[rest.Resource](w.ask("", "GET", path, nil, anna...).is(200)); len(r.Absorbed) != 1 || r.Absorbed[0].ID != list[1].ID {
		t.Errorf("%+v", r.Absorbed)
	}
	w.rule(func(r *rest.ApprovalRule) { r.Required = false }, "merge")
	r = documentOf[rest.Resource](w.ask("", "POST", path+"/split", rest.ResourceSplit{Resource: list[1].ID}, append(anna, "If-Match", etag(r.Version))...).is(200))
	if r.ID != list[1].ID || r.Approval != "" {
		t.Errorf("%+v", r)
	}
}

func TestApprovalsAreTold(t *testing.T) {
	w := newWorld(t)
	w.imports("kind=server&file=servers.csv", "name\nweb1\nweb2\n")
	w.rule(func(r *rest.ApprovalRule) { r.Required = true }, "merge")
	cookies := map[string]string{}
	for name, role := range map[string]access.Role{"anna": access.RoleAdmin, "ben": access.RoleAdmin, "rita": access.RoleReader} {
		w.user(name, role)
		cookies[name] = w.signIn(name)
		w.subscribe(cookies[name], rest.SubscriptionWrite{Name: "decide", Event: "approvals", Actions: []string{"asked", "approved"}})
	}
	list := documentOf[rest.List[rest.Resource]](w.ask(w.admin, "GET", "/api/v1/resources/server?order_by=name", nil).is(200)).Items
	asked := documentOf[rest.Resource](w.ask("", "POST", "/api/v1/resources/server/"+list[0].ID+"/merge", rest.ResourceMerge{With: list[1].ID}, "Cookie", cookies["anna"], "X-Maestro-CSRF", "1", "If-Match", etag(list[0].Version)).is(202))
	w.tell()
	want := func(name string, titles ...string) {
		t.Helper()
		got := w.notifications(cookies[name], "")
		if len(got) != len(titles) {
			t.Fatalf("%s was told %+v", name, got)
		}
		for i, n := range got {
			if n.Title != titles[i] || len(n.Items) != 1 || n.Items[0].ID != asked.Approval || n.Items[0].Kind != "approval" {
				t.Errorf("%s was told %+v", name, n)
			}
		}
	}
	// Who may not decide it, because she asked or because she only reads, is not asked.
	want("ben", "decide: to decide: Merge server web2 into web1")
	want("anna")
	want("rita")
	w.browser(cookies["ben"], "POST", "/approvals/"+asked.Approval+"/approve", rest.Decision{Reason: "fine"}).is(200)
	w.tell()
	want("anna", "decide: Merge server web2 into web1: approved")
	want("ben", "decide: to decide: Merge server web2 into web1")
	want("rita")
}

// TestAnApproverSeesWhatFieldsBecome: values of before and after, how many change, and nothing sensitive for who may not read that.
func TestAnApproverSeesWhatFieldsBecome(t *testing.T) {
	w := newWorld(t)
	dc := documentOf[rest.Datacenter](w.ask(w.admin, "POST", "/api/v1/datacenters", map[string]any{"name": "FRA1"}).is(201))
	code := rest.CustomField{Name: "door_code", Label: "Door code", Type: "text"}
	w.ask(w.admin, "PUT", "/api/v1/kinds/server/custom-fields", rest.CustomFieldsWrite{Fields: []rest.CustomField{code}}).is(200)
	w.imports("kind=server&file=servers.csv", "name,environment\nweb1,lab\nweb2,lab\nweb3,production\n")
	w.rule(func(r *rest.ApprovalRule) { r.Required, r.Over = true, 2 }, "bulk_edit")
	anna := w.person("anna", access.RoleAdmin)
	edit := func(set map[string]any) rest.Operation {
		t.Helper()
		body := map[string]any{"kind": "server", "filter": `name : "web*"`, "set": set}
		return w.over(documentOf[rest.Operation](w.ask("", "POST", "/api/v1/edits", body, anna...).is(202)))
	}
	show := func(token string, op rest.Operation) rest.Approval {
		t.Helper()
		return documentOf[rest.Approval](w.ask(token, "GET", "/api/v1/approvals/"+op.Approval, nil).is(200))
	}
	a := show(w.reader, edit(map[string]any{"/common/environment": "production"}))
	if a.Count != 2 || a.Edit.Found != 3 || !strings.HasSuffix(a.Title, ": 2") || len(a.Edit.Set) != 1 || a.Edit.Set[0].Value != "production" || len(a.Edit.Changes) != 2 {
		t.Fatalf("%+v %+v", a, a.Edit)
	}
	for _, c := range a.Edit.Changes {
		if c.Action != "updated" || len(c.Diff) != 1 || c.Diff[0].Pointer != "/common/environment" || c.Diff[0].Old != "lab" || c.Diff[0].New != "production" || c.Resource.Name == "web3" {
			t.Errorf("%+v", c)
		}
	}
	// Nobody has to decide that nothing changes.
	if op := edit(map[string]any{"/tags/none": nil}); op.State != "done" || op.Approval != "" || op.Updated != 0 || op.Unchanged != 3 {
		t.Errorf("%+v", op)
	}
	op := edit(map[string]any{"/datacenter": dc.ID, "/attributes/custom/door_code": "4711"})
	if a = show(w.reader, op); a.Count != 3 || len(a.Edit.Set) != 2 || a.Edit.Set[1].Name != "FRA1" || len(a.Edit.Changes[0].Diff) != 2 || a.Edit.Changes[0].Diff[1].NewName != "FRA1" {
		t.Fatalf("%+v", a.Edit)
	}
	if shown := documentOf[rest.Operation](w.ask(w.admin, "GET", "/api/v1/operations/"+op.ID, nil).is(200)); len(shown.Sample) != 3 || shown.Sample[0].Diff[1].NewName != "FRA1" {
		t.Errorf("%+v", shown.Sample)
	}
	if list := w.approvalsOf(w.reader, "state = pending"); len(list.Items) != 2 || len(list.Items[0].Edit.Set) != 2 || list.Items[0].Edit.Changes != nil {
		t.Errorf("%+v", list.Items)
	}
	code.Sensitive = true
	w.ask(w.admin, "PUT", "/api/v1/kinds/server/custom-fields", rest.CustomFieldsWrite{Fields: []rest.CustomField{code}}).is(200)
	got := w.ask(w.reader, "GET", "/api/v1/approvals/"+op.Approval, nil).is(200)
	if a = documentOf[rest.Approval](got); strings.Contains(string(got.body), "4711") || len(a.Edit.Fields) != 2 || len(a.Edit.Set) != 1 || len(a.Edit.Changes) != 3 || len(a.Edit.Changes[0].Diff) != 1 {
		t.Errorf("%s", got.body)
	}
	if got := w.ask(w.reader, "GET", "/api/v1/operations/"+op.ID, nil).is(200); strings.Contains(string(got.body), "4711") {
		t.Errorf("%s", got.body)
	}
	if a = show(w.admin, op); len(a.Edit.Set) != 2 || a.Edit.Set[0].Value != "4711" {
		t.Errorf("%+v", a.Edit)
	}
	w.ask(w.stranger, "GET", "/api/v1/approvals/"+op.Approval, nil).problem(404)
}
