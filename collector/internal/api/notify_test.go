package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/webhook"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

// tell looks at all that happened until now. The moment before which all is told lies a moment back, so it waits for that.
func (w *world) tell() {
	w.t.Helper()
	time.Sleep(3 * time.Millisecond) // three times the lag of these tests: what is younger is looked at by the next round
	must(w.t, w.notify.Tell(w.t.Context(), w.server))
}

func (w *world) deliver() {
	w.t.Helper()
	for more := true; more; {
		var err error
		more, err = w.notify.Deliver(w.t.Context(), w.server)
		must(w.t, err)
	}
}

func (w *world) subscribe(cookie string, s rest.SubscriptionWrite) rest.Subscription {
	w.t.Helper()
	made := documentOf[rest.Subscription](w.browser(cookie, "POST", "/subscriptions", s).is(201))
	w.tell()
	return made
}

func (w *world) notifications(cookie, query string) []rest.Notification {
	w.t.Helper()
	return documentOf[rest.List[rest.Notification]](w.browser(cookie, "GET", "/notifications"+query, nil).is(200)).Items
}

func namesOf(n rest.Notification) []string {
	var names []string
	for _, it := range n.Items {
		names = append(names, it.Action+" "+it.Name)
	}
	slices.Sort(names)
	return names
}

// next is what arrives; it does not wait for ever.
func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing arrived")
		panic("unreachable")
	}
}

// What came and went is told once, to each reader as far as he may read it and his filter finds it.
func TestResourcesThatComeAndGoAreTold(t *testing.T) {
	w := newRightsWorld(t, true)
	w.user("anna", access.RoleReader)
	anna := w.signIn("anna")
	all := w.subscribe(anna, rest.SubscriptionWrite{Name: "everything", Event: rest.EventResources})
	big := w.subscribe(anna, rest.SubscriptionWrite{Name: "big ones", Event: rest.EventResources, Kind: "server", Filter: "memory_bytes > 8e9", Actions: []string{"created"}})
	w.subscribe(w.cookie, rest.SubscriptionWrite{Name: "mine", Event: rest.EventResources, Kind: "server"})
	for name, dc := range map[string]string{"small": w.open.datacenter, marked + "-small": w.hidden.datacenter} {
		w.ask(w.admin, "POST", "/api/v1/resources/server", map[string]any{"name": name, "datacenter": dc, "attributes": map[string]any{"memory_bytes": 1 << 30}}).is(201)
	}
	made := documentOf[rest.Resource](w.ask(w.admin, "POST", "/api/v1/resources/server",
		map[string]any{"name": "big", "datacenter": w.open.datacenter, "attributes": map[string]any{"memory_bytes": 64 << 30}}).is(201))
	w.tell()
	w.tell() // tells nothing twice
	got := map[string]rest.Notification{}
	for _, n := range w.notifications(anna, "") {
		got[n.Subscription.ID] = n
	}
	if n := got[all.ID]; len(got) != 2 || n.Count != 3 || !slices.Equal(namesOf(n), []string{"created big", "created small", "created " + marked + "-small"}) || n.Title != "everything: 3 new" {
		t.Errorf("everything: %+v", got)
	}
	if n := got[big.ID]; n.Count != 1 || n.Items[0].ID != made.ID {
		t.Errorf("big ones: %+v", n)
	}
	if list := w.notifications(w.cookie, ""); len(list) != 1 || !slices.Equal(namesOf(list[0]), []string{"created big", "created small"}) {
		t.Errorf("a reader of one datacenter: %+v", list)
	}
	w.ask(w.admin, "DELETE", "/api/v1/resources/server/"+made.ID, nil, "If-Match", w.version("server", made.ID)).is(200)
	w.tell()
	list := w.notifications(anna, "?filter="+`subscription+%3D+"`+all.ID+`"`)
	if len(list) != 2 || list[0].Title != "everything: 1 gone" || len(w.notifications(anna, "?filter="+`subscription+%3D+"`+big.ID+`"`)) != 1 {
		t.Errorf("gone: %+v", list)
	}
}

// What was told is hidden again from who may not read it any more.
func TestRightsThatEndHideWhatWasTold(t *testing.T) {
	w := newRightsWorld(t, false)
	w.subscribe(w.cookie, rest.SubscriptionWrite{Name: "mine", Event: rest.EventResources})
	w.ask(w.admin, "POST", "/api/v1/resources/server", map[string]any{"name": "new", "datacenter": w.open.datacenter}).is(201)
	w.tell()
	if list := w.notifications(w.cookie, ""); len(list) != 1 || len(list[0].Items) != 1 {
		t.Fatalf("%+v", list)
	}
	grants, err := w.access.GrantsTo(t.Context(), "default", "user:reader1")
	must(t, err)
	w.ask(w.admin, "DELETE", "/api/v1/grants/"+grants[0].ID, nil).is(204)
	if list := w.notifications(w.cookie, ""); len(list) != 1 || len(list[0].Items) != 0 {
		t.Errorf("%+v", list)
	}
}

func TestFailedRunsAndHeldRemovalsAreTold(t *testing.T) {
	w := newWorld(t)
	k := w.agent("lab-1")
	c := connectionOf("vc", k.ID)
	c.Kinds = []rest.KindScheduleWrite{{Kind: "server", IntervalSeconds: 3600}}
	made := documentOf[rest.Connection](w.ask(w.admin, "POST", "/api/v1/connections", c).is(201))
	w.user("anna", access.RoleReader)
	anna := w.signIn("anna")
	failed := w.subscribe(anna, rest.SubscriptionWrite{Name: "failed runs", Event: rest.EventRuns, Actions: []string{"failed"}})
	held := w.subscribe(anna, rest.SubscriptionWrite{Name: "held", Event: rest.EventRemovals})
	src := w.source("vc")
	src.connection.ID = made.ID
	var many []resource.Envelope
	for i := range 30 {
		many = append(many, server(id12(i), "web-"+itoa(int64(i)), 1<<30))
	}
	src.sync("server", many...)
	src.sync("server", many[:2]...)
	start := inventory.RunStart{Tenant: "default", Connection: src.connection, RunID: "0190a000-0000-7000-8000-000000000001", Epoch: 1, Generation: 9, Trigger: "schedule", Kinds: []string{"server"}, StartedAt: time.Now(), Scopes: 1}
	run, _, _, err := w.inventory.OpenRun(t.Context(), start)
	must(t, err)
	_, _, err = run.Close(t.Context(), inventory.RunEnd{FinishedAt: time.Now(), Error: "the vCenter does not answer"})
	must(t, err)
	w.tell()
	list := w.notifications(anna, "")
	by := map[string]rest.Notification{}
	for _, n := range list {
		by[n.Subscription.ID] = n
	}
	if n := by[failed.ID]; n.Count != 1 || n.Items[0].Detail != "the vCenter does not answer" || n.Title != "failed runs: run of vc failed" {
		t.Errorf("%+v", n)
	}
	if n := by[held.ID]; n.Count != 1 || n.Items[0].Detail != "28 of 30" || n.Title != "held: a removal waits for a decision" {
		t.Errorf("%+v", n)
	}
}

// Dates are told once, before they come; one that is moved is another.
func TestDatesThatComeNearAreTold(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleAdmin)
	anna := w.signIn("anna")
	soon, later := time.Now().AddDate(0, 0, 5).UTC().Format(time.RFC3339), time.Now().AddDate(0, 0, 50).UTC().Format(time.RFC3339)
	create := func(name, until string) rest.Resource {
		return documentOf[rest.Resource](w.ask(w.admin, "POST", "/api/v1/resources/server", map[string]any{"name": name, "common": map[string]any{"warranty_until": until}}).is(201))
	}
	create("old", soon)
	moved := create("new", later)
	sub := rest.SubscriptionWrite{Name: "warranty", Event: rest.EventDates, Kind: "server", Field: "common.warranty_until", Days: 30}
	made := w.subscribe(anna, sub)
	if list := w.notifications(anna, ""); len(list) != 1 || len(list[0].Items) != 1 || list[0].Items[0].Name != "old" || list[0].Items[0].Detail != soon {
		t.Fatalf("%+v", list)
	}
	w.ask(w.admin, "PATCH", "/api/v1/resources/server/"+moved.ID, map[string]any{"set": map[string]any{"/common/warranty_until": soon}}, "If-Match", etag(moved.Version)).is(200)
	sub.Days = 20 // another question is asked at once, not after an hour
	w.browser(anna, "PUT", "/subscriptions/"+made.ID, sub, "If-Match", etag(made.Version)).is(200)
	w.tell()
	if list := w.notifications(anna, ""); len(list) != 2 || len(list[0].Items) != 1 || list[0].Items[0].Name != "new" {
		t.Errorf("%+v", list)
	}
}

// The certificate of the web UI and that of an agent that is away are told of before they end, each once; an agent's that is there is renewed.
func TestCertificatesThatEndAreTold(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleAdmin)
	anna := w.signIn("anna")
	w.certificateEnds = time.Now().AddDate(0, 0, 20)
	k := w.agent("lon-1") // which was never there
	w.subscribe(anna, rest.SubscriptionWrite{Name: "certificates", Event: rest.EventCertificates, Days: 10})
	list := w.notifications(anna, "")
	if len(list) != 1 || len(list[0].Items) != 1 || list[0].Items[0].ID != k.ID || list[0].Title != "certificates: the certificate of agent lon-1 ends soon" {
		t.Fatalf("%+v", list)
	}
	w.certificateEnds = time.Now().AddDate(0, 0, 9)
	w.tell()
	w.tell()
	if list = w.notifications(anna, ""); len(list) != 2 || len(list[0].Items) != 1 || list[0].Items[0].Kind != "collector" || list[0].Title != "certificates: the certificate of the web UI ends soon" {
		t.Errorf("%+v", list)
	}
}

// A webhook gets what the notification centre has, signed with the secret that was shown once; a letter goes to the profile's address.
func TestNotificationsGoByMailAndWebhook(t *testing.T) {
	w := newWorld(t)
	cookie := cookieIn(t, w.ask("", "POST", "/api/v1/session/link", rest.LinkUse{Token: w.invited("berta", "reader"), NewPassword: password}).is(200))
	type hook struct {
		signature, timestamp, delivery string
		body                           []byte
	}
	hooks, answer := make(chan hook, 8), http.StatusServiceUnavailable
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		hooks <- hook{r.Header.Get(webhook.HeaderSignature), r.Header.Get(webhook.HeaderTimestamp), r.Header.Get(webhook.HeaderDelivery), body}
		rw.WriteHeader(answer)
	}))
	defer srv.Close()
	sub := rest.SubscriptionWrite{Name: "servers", Event: rest.EventResources, Kind: "server", Mail: true, Webhook: srv.URL + "/hook?token=zzsecret"}
	made := w.subscribe(cookie, sub)
	if made.WebhookSecret == "" || documentOf[rest.Subscription](w.browser(cookie, "GET", "/subscriptions/"+made.ID, nil).is(200)).WebhookSecret != "" {
		t.Fatalf("the secret is shown once: %+v", made)
	}
	const hostile = "web-1\r\nBcc: evil@example.org\x1b[2J"
	w.ask(w.admin, "POST", "/api/v1/resources/server", map[string]any{"name": hostile}).is(201)
	w.tell()
	w.deliver()
	l := next(t, w.mailbox)
	if l.to != "berta@example.org" || l.subject != "servers: 1 new" || !strings.Contains(l.text, "new  server  web-1  Bcc: evil@example.org [2J\n") || !strings.Contains(l.text, "https://maestro.example/notifications") {
		t.Errorf("%+v", l)
	}
	first := next(t, hooks)
	var told rest.Notification
	must(t, json.Unmarshal(first.body, &told))
	if first.signature != webhook.Sign(webhook.Secret(made.WebhookSecret), first.timestamp, first.body) || told.Items[0].Name != hostile || first.delivery != told.ID {
		t.Errorf("%+v %s", first, first.body)
	}
	n := w.notifications(cookie, "")[0]
	ways := map[string]rest.NotificationDelivery{}
	for _, d := range n.Deliveries {
		ways[d.Channel] = d
	}
	if d := ways["webhook"]; ways["mail"].State != "sent" || d.State != "waiting" || d.Attempts != 1 || !d.NextAt.After(time.Now()) || !strings.Contains(d.Error, "503") || strings.Contains(d.Error, "zzsecret") {
		t.Errorf("%+v", ways)
	}
	renewed := documentOf[rest.Subscription](w.browser(cookie, "POST", "/subscriptions/"+made.ID+"/secret", nil).is(200))
	answer = http.StatusOK
	w.browser(cookie, "POST", "/subscriptions/"+made.ID+"/test", nil).is(204)
	w.deliver()
	if l := next(t, w.mailbox); l.subject != "servers: this is a test" {
		t.Errorf("%+v", l)
	}
	second := next(t, hooks)
	if second.signature != webhook.Sign(webhook.Secret(renewed.WebhookSecret), second.timestamp, second.body) || renewed.WebhookSecret == made.WebhookSecret {
		t.Error("the test is not signed with the new secret")
	}
}

func TestNotificationsAreRead(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	w.user("berta", access.RoleReader)
	anna, berta := w.signIn("anna"), w.signIn("berta")
	unread := func() int {
		return documentOf[rest.NotificationCount](w.browser(anna, "GET", "/notifications/unread", nil).is(200)).Unread
	}
	sub := w.subscribe(anna, rest.SubscriptionWrite{Name: "all", Event: rest.EventResources})
	for range 3 {
		w.browser(anna, "POST", "/subscriptions/"+sub.ID+"/test", nil).is(204)
	}
	if n := unread(); n != 3 {
		t.Fatalf("%d unread", n)
	}
	w.browser(berta, "POST", "/notifications/read", rest.NotificationsRead{}).is(204)
	w.browser(berta, "POST", "/subscriptions/"+sub.ID+"/test", nil).problem(404)
	w.browser(berta, "DELETE", "/subscriptions/"+sub.ID, nil).problem(404)
	one := w.notifications(anna, "")[0]
	w.browser(anna, "POST", "/notifications/read", rest.NotificationsRead{IDs: []string{one.ID}}).is(204)
	if n := unread(); n != 2 || len(w.notifications(anna, "?unread=true")) != 2 {
		t.Errorf("%d unread", n)
	}
	w.browser(anna, "POST", "/notifications/read", rest.NotificationsRead{}).is(204)
	if n := unread(); n != 0 {
		t.Errorf("%d unread", n)
	}
	w.ask(w.admin, "GET", "/api/v1/subscriptions", nil).problem(403)
}

func TestSubscriptionsThatCouldTellNothing(t *testing.T) {
	w := newWorld(t)
	w.user("anna", access.RoleReader)
	anna := w.signIn("anna")
	for name, tc := range map[string]struct {
		sub    rest.SubscriptionWrite
		status int
		says   string
	}{
		"no such kind":       {rest.SubscriptionWrite{Name: "x", Event: "resources", Kind: "nothing"}, 404, "no kind"},
		"filter of no kind":  {rest.SubscriptionWrite{Name: "x", Event: "resources", Filter: `name = "a"`}, 422, "kind"},
		"no such field":      {rest.SubscriptionWrite{Name: "x", Event: "resources", Kind: "server", Filter: "memroy > 1"}, 400, "no field"},
		"action of others":   {rest.SubscriptionWrite{Name: "x", Event: "runs", Actions: []string{"created"}}, 422, "failed, partial"},
		"kind of runs":       {rest.SubscriptionWrite{Name: "x", Event: "runs", Kind: "server"}, 422, "resources and dates"},
		"a date that is not": {rest.SubscriptionWrite{Name: "x", Event: "dates", Kind: "server", Field: "name"}, 422, "no date"},
		"no address":         {rest.SubscriptionWrite{Name: "x", Event: "runs", Mail: true}, 422, "no e-mail address"},
		"days of agents":     {rest.SubscriptionWrite{Name: "x", Event: "agents", Days: 3}, 422, "dates, certificates and credentials"},
		"field of one":       {rest.SubscriptionWrite{Name: "x", Event: "certificates", Field: "name"}, 422, "is of dates"},
		"plain http":         {rest.SubscriptionWrite{Name: "x", Event: "runs", Webhook: "http://chat.example.org/hook"}, 422, "https"},
	} {
		if a := w.browser(anna, "POST", "/subscriptions", tc.sub); a.status != tc.status || !strings.Contains(string(a.body), tc.says) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}
