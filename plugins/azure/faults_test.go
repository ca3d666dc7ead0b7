package azure

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"maestro.internal/plugins/azure/armtest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

func scope(kind, subscription string) resource.Scope {
	return resource.Scope{Kind: kind, Partition: resource.Partition{{Key: Partition, Value: subscription}}}
}

// one reads one scope of a cloud that was spoilt before.
func one(t *testing.T, a *armtest.Azure, kind string, more map[string]any) (*collected, resource.Outcome) {
	t.Helper()
	sc := scope(kind, armtest.Production)
	c := discoverScopes(t, a.Settings(more), []resource.Scope{sc})
	return c, c.outcomes[sc.Key()]
}

// What passes is waited for and repeated: page by page, never the whole list again.
func TestPassingFaultsAreRepeated(t *testing.T) {
	for name, fault := range map[string]armtest.Fault{
		"throttled, with a time to wait":            {Status: 429, Code: "TooManyRequests", RetryAfter: 1},
		"throttled, without":                        {Status: 429, Code: "OperationNotAllowed"},
		"overloaded":                                {Status: 503, RetryAfter: 1},
		"broken inside":                             {Status: 500, Code: "InternalServerError"},
		"a gateway's page":                          {Status: 502, Body: "<html><title>Bad Gateway</title></html>", Type: "text/html"},
		"cut in the middle of a page":               {Cut: true},
		"half a page that claims to be whole":       {Truncate: true},
		"connection reset before the answer":        {Reset: true},
		"cut again and again, three times together": {Cut: true, Times: 3},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, armtest.Seed())
			fault.Path, fault.After = "/disks", 2 // the third page
			fault.Times = max(fault.Times, 1)
			a.Inject(fault)
			c, out := one(t, a, "volume", nil)
			// Package net/http repeats by itself what was reset on a connection that it had used before.
			if out.Status != resource.StatusComplete || len(c.resources) != 16 || out.Retries != fault.Times && !fault.Reset {
				t.Errorf("%+v, %d disks", out, len(c.resources))
			}
			var asked int
			for _, r := range a.Requests() {
				if strings.HasSuffix(r, "/disks") {
					asked++
				}
			}
			if want := 6 + fault.Times; asked != want {
				t.Errorf("%d requests for 6 pages, want %d", asked, want)
			}
		})
	}
}

// What stays decides how the scope ends, and is said in words that help.
func TestLastingFaultsEndTheScope(t *testing.T) {
	for name, tt := range map[string]struct {
		fault  armtest.Fault
		status resource.Status
		text   string
		advice string
	}{
		"denied":             {armtest.Fault{Status: 403, Code: "AuthorizationFailed"}, resource.StatusDenied, "AuthorizationFailed", "role Reader"},
		"subscription gone":  {armtest.Fault{Status: 404, Code: "SubscriptionNotFound"}, resource.StatusDenied, "SubscriptionNotFound", "role Reader"},
		"tokens of another":  {armtest.Fault{Status: 401, Code: "InvalidAuthenticationTokenTenant"}, resource.StatusDenied, "Tenant", "Lighthouse"},
		"clock is off":       {armtest.Fault{Status: 401, Code: "ExpiredAuthenticationToken", Header: map[string]string{"Date": "Mon, 02 Jan 2023 00:00:00 GMT"}}, resource.StatusDenied, "Expired", "clock"},
		"a sign-in page":     {armtest.Fault{Status: 200, Body: "<!DOCTYPE html><title>Guest Wi-Fi</title>", Type: "text/html"}, resource.StatusFailed, "guest wi-fi", "proxy"},
		"no such API":        {armtest.Fault{Status: 400, Code: "NoRegisteredProviderFound"}, resource.StatusUnsupported, "", ""},
		"no list":            {armtest.Fault{Status: 200, Body: `{"ok":true}`, Type: "application/json"}, resource.StatusFailed, "no list", ""},
		"an array":           {armtest.Fault{Status: 200, Body: `[]`, Type: "application/json"}, resource.StatusFailed, "no list", ""},
		"another server":     {armtest.Fault{Status: 200, Body: `{"value":[],"nextLink":"https://evil.example.org/x"}`, Type: "application/json"}, resource.StatusFailed, "another server", ""},
		"an unsafe server":   {armtest.Fault{Status: 200, Body: `{"value":[],"nextLink":"http://127.0.0.1/x"}`, Type: "application/json"}, resource.StatusFailed, "another server", ""},
		"an unknown refusal": {armtest.Fault{Status: 418, Code: "Teapot"}, resource.StatusFailed, "Teapot", ""},
		"no id":              {armtest.Fault{Status: 200, Body: `{"value":[{"name":"x"}]}`, Type: "application/json"}, resource.StatusPartial, "have no id", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, armtest.Seed())
			tt.fault.Path = "/disks"
			a.Inject(tt.fault)
			c, out := one(t, a, "volume", nil)
			if out.Status != tt.status || !strings.Contains(out.Error, tt.text) || !strings.Contains(out.Advice, tt.advice) || len(c.resources) > 0 {
				t.Errorf("%+v", out)
			}
		})
	}
}

// A list that ends badly after some pages proves nothing about the rest.
func TestTheRestOfAListIsNotGone(t *testing.T) {
	a := start(t, armtest.Seed())
	a.Inject(armtest.Fault{Path: "/disks", After: 2, Status: 403, Code: "AuthorizationFailed"})
	c, out := one(t, a, "volume", nil)
	if out.Status != resource.StatusPartial || len(c.resources) != 6 {
		t.Errorf("%+v, %d disks", out, len(c.resources))
	}
	a.Heal()
	a.Inject(armtest.Fault{Path: "/disks", After: 1, Status: 200, Type: "application/json",
		Body: `{"value":[],"nextLink":"` + a.URL() + `/subscriptions/` + armtest.Production + `/providers/Microsoft.Compute/disks?api-version=1&page=again"}`})
	if _, out := one(t, a, "volume", nil); out.Status == resource.StatusComplete || !strings.Contains(out.Error, "leads to itself") {
		t.Errorf("%+v", out)
	}
}

// A redirect is not followed: the token would go along.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var seen atomic.Int32
	thief := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	t.Cleanup(thief.Close)
	a := start(t, armtest.Seed())
	a.Inject(armtest.Fault{Path: "/disks", Redirect: thief.URL + "/steal"})
	if _, out := one(t, a, "volume", nil); out.Status != resource.StatusFailed || seen.Load() > 0 {
		t.Errorf("%+v, %d requests elsewhere", out, seen.Load())
	}
}

// One subscription that is denied spoils no other, and lists that are denied do not keep the rest of a kind from
// being read.
func TestDenialsStayWhereTheyAre(t *testing.T) {
	a := start(t, armtest.Seed())
	a.Inject(armtest.Fault{Path: "/subscriptions/" + armtest.Staging, Status: 403, Code: "AuthorizationFailed"})
	a.Inject(armtest.Fault{Path: armtest.Production + "/providers/microsoft.sql/servers", Status: 403, Code: "AuthorizationFailed"})
	c := discover(t, a.Settings(nil))
	for key, out := range c.outcomes {
		switch {
		case strings.Contains(key, armtest.Staging):
			if out.Status != resource.StatusDenied || out.Listed > 0 {
				t.Errorf("%s: %+v", key, out)
			}
		case key == scope("database", armtest.Production).Key():
			if out.Status != resource.StatusPartial || out.Listed != 4 || !strings.Contains(out.Error, "SQL servers: ") {
				t.Errorf("%s: %+v", key, out)
			}
		case out.Status != resource.StatusComplete:
			t.Errorf("%s: %+v", key, out)
		}
	}
}

// Details that cannot be read keep their former values; the machines are listed nevertheless.
func TestUnreadDetails(t *testing.T) {
	for path, pointer := range map[string]string{
		"/networkinterfaces": "/attributes/primary_ip", "/vmsizes": "/attributes/cpu_count", "/publicipaddresses": "/attributes/public_ip",
	} {
		a := start(t, armtest.Seed())
		a.Inject(armtest.Fault{Path: path, Status: 403, Code: "AuthorizationFailed"})
		c, out := one(t, a, "server", map[string]any{"resource_graph": "never"})
		if out.Status != resource.StatusComplete || out.Incomplete != 18 || len(out.Warnings) == 0 {
			t.Errorf("%s: %+v", path, out)
		}
		for _, env := range c.ofKind("server") {
			if !slices.Contains(env.Unread, pointer) {
				t.Errorf("%s: %s has unread %v", path, env.Name, env.Unread)
			}
		}
		a.Close()
	}
	a := start(t, armtest.Seed())
	a.Inject(armtest.Fault{Path: "/virtualmachines", Query: "statusonly", Status: 403, Code: "AuthorizationFailed"})
	a.Inject(armtest.Fault{Path: "/networkinterfaces", Status: 403, Code: "AuthorizationFailed"})
	if _, out := one(t, a, "server", nil); out.Status != resource.StatusComplete || out.Incomplete < 7 {
		t.Errorf("%+v", out)
	}
	for _, kind := range []string{"address", "load_balancer"} {
		if _, out := one(t, a, kind, nil); out.Status != resource.StatusComplete || out.Incomplete == 0 {
			t.Errorf("%s: %+v", kind, out)
		}
	}
}

// A field of another type than documented is left out with a warning; it does not cost the page.
func TestFieldsOfAnotherType(t *testing.T) {
	a := start(t, armtest.Seed())
	a.Inject(armtest.Fault{Path: "/disks", Times: 1, Status: 200, Type: "application/json",
		Body: `{"value":[{"id":"/subscriptions/x/resourceGroups/g/providers/Microsoft.Compute/disks/odd","name":"odd","location":"westeurope","properties":{"diskSizeGB":"large","diskState":"Attached"}}]}`})
	c, out := one(t, a, "volume", nil)
	if out.Status != resource.StatusComplete || len(out.Warnings) != 1 || len(c.resources) != 1 || !strings.Contains(string(c.ofKind("volume")[0].Attributes), "Attached") {
		t.Errorf("%+v", out)
	}
}

// A cloud that is behind says which versions of an API it has; the newest of them does.
func TestOlderVersionsOfAnAPI(t *testing.T) {
	a := start(t, armtest.Seed())
	behind := armtest.Fault{Path: "/disks", Query: "api-version=" + diskVersion, Status: 400, Type: "application/json",
		Body: `{"error":{"code":"NoRegisteredProviderFound","message":"No registered resource provider found for location 'westeurope' and API version '2023-10-02' for type 'disks'. The supported api-versions are '2019-11-01, 2020-12-01, 2099-01-01, 2021-04-01-preview'."}}`}
	a.Inject(behind)
	if c, out := one(t, a, "volume", nil); out.Status != resource.StatusComplete || len(c.resources) != 16 || out.Retries > 0 {
		t.Errorf("%+v", out)
	}
	a.Heal()
	behind.Body = strings.ReplaceAll(behind.Body, "2019-11-01, 2020-12-01, ", "")
	a.Inject(behind)
	if _, out := one(t, a, "volume", nil); out.Status != resource.StatusUnsupported {
		t.Errorf("%+v", out)
	}
}

// A service that a subscription does not use has nothing in it, which is an answer.
func TestUnregisteredServices(t *testing.T) {
	a := start(t, armtest.New())
	s := a.Add(armtest.Production, "empty")
	s.Unregistered = []string{"Microsoft.Sql", "Microsoft.DBforMySQL", "Microsoft.DBforPostgreSQL", "Microsoft.Compute"}
	for _, kind := range kindNames() {
		if _, out := one(t, a, kind, nil); out.Status != resource.StatusComplete {
			t.Errorf("%s: %+v", kind, out)
		}
	}
}

// Resource Graph is a shortcut: with it, without it, when it fails, when it hides things, and when it cuts its
// answers, the inventory is the same.
func TestResourceGraphChangesNothing(t *testing.T) {
	read := func(spoil func(*armtest.Azure), more map[string]any) (map[string]string, []string) {
		a := start(t, armtest.Seed())
		defer a.Close()
		spoil(a)
		out := map[string]string{}
		for _, kind := range []string{"server", "database"} {
			c, o := one(t, a, kind, more)
			if o.Status != resource.StatusComplete || o.Duplicates > 0 {
				t.Errorf("%s: %+v", kind, o)
			}
			for key, env := range c.resources {
				text, err := resource.Canonical(env)
				if err != nil {
					t.Fatal(err)
				}
				out[key] = string(text)
			}
		}
		return out, a.Requests()
	}
	want, _ := read(func(*armtest.Azure) {}, map[string]any{"resource_graph": "never"})
	if len(want) != 18+15+1+3 {
		t.Errorf("%d resources", len(want))
	}
	graph := "/providers/microsoft.resourcegraph"
	for name, spoil := range map[string]func(*armtest.Azure){
		"as it is":    func(*armtest.Azure) {},
		"small pages": func(a *armtest.Azure) { a.GraphPageSize = 2 },
		"denied":      func(a *armtest.Azure) { a.Inject(armtest.Fault{Path: graph, Status: 403}) },
		"unknown":     func(a *armtest.Azure) { a.Inject(armtest.Fault{Path: graph, Status: 400, Code: "BadRequest"}) },
		"no rows": func(a *armtest.Azure) {
			a.Inject(armtest.Fault{Path: graph, Status: 200, Body: `{}`, Type: "application/json"})
		},
		"cut": func(a *armtest.Azure) {
			a.Inject(armtest.Fault{Path: graph, Status: 200, Body: `{"data":[],"resultTruncated":"true"}`, Type: "application/json"})
		},
		"throttled, once": func(a *armtest.Azure) {
			a.Inject(armtest.Fault{Path: graph, Times: 1, Status: 429, Header: map[string]string{"X-Ms-User-Quota-Resets-After": "00:00:01"}})
		},
		"fails in between": func(a *armtest.Azure) {
			a.GraphPageSize = 4
			a.Inject(armtest.Fault{Path: graph, After: 9, Status: 400})
		},
	} {
		got, _ := read(spoil, nil)
		for key := range want {
			if got[key] != want[key] {
				t.Errorf("%s: %s\n got %s\nwant %s", name, key, got[key], want[key])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d resources, want %d", name, len(got), len(want))
		}
	}
	_, requests := read(func(*armtest.Azure) {}, nil)
	asked := 0
	for _, r := range requests {
		if strings.Contains(r, "/virtualMachineScaleSets/pool-") && strings.HasSuffix(r, "/virtualMachines") {
			asked++
		}
	}
	// The set of none, and the one that Resource Graph does not show whole.
	if asked != 2 {
		t.Errorf("%d scale sets were asked themselves", asked)
	}
}

// Requests stay within what the site allows the connection.
func TestCeiling(t *testing.T) {
	a := start(t, armtest.Seed())
	a.Inject(armtest.Fault{Path: "/subscriptions/", Delay: 20 * time.Millisecond})
	sc := scope("volume", armtest.Production)
	c := &collected{scopes: []resource.Scope{sc}, resources: map[string]resource.Envelope{}, outcomes: map[string]resource.Outcome{}}
	began := time.Now()
	conn := provider.Connection{ID: "test", Settings: a.Settings(nil), Ceiling: provider.Ceiling{PerSecond: 10, MaxConcurrent: 1}}
	if err := serve.Local(New()).Discover(t.Context(), conn, c.scopes, c); err != nil {
		t.Fatal(err)
	}
	// Two requests to sign in and six pages.
	if took := time.Since(began); c.outcomes[sc.Key()].Status != resource.StatusComplete || took < 600*time.Millisecond {
		t.Errorf("took %s: %+v", took, c.outcomes)
	}
}
