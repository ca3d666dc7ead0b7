package azure

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"maestro.internal/plugins/azure/armtest"
	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// TestFaults is the matrix of docs/providers/azure.md: what goes wrong with Azure, and what the run says of it.
func TestFaults(t *testing.T) {
	var all []plugintest.Fault
	for _, rows := range [][]plugintest.Fault{credentialFaults(), throttlingFaults(), pageFaults(), serverFaults(), subscriptionFaults()} {
		all = append(all, rows...)
	}
	plugintest.RunFaults(t, "../../docs/providers/azure.md", func() provider.Provider { return New() }, all)
}

// asking puts a cloud on the network that something is wrong with; its connection reads production alone, unless the
// settings say otherwise.
func asking(settings map[string]any, spoil ...func(*armtest.Azure)) func(*testing.T, *plugintest.Network) json.RawMessage {
	return func(t *testing.T, n *plugintest.Network) json.RawMessage {
		a := startIn(t, n, armtest.Seed())
		for _, fn := range spoil {
			fn(a)
		}
		if settings == nil {
			settings = map[string]any{"subscriptions": []string{"production"}}
		}
		return a.Settings(settings)
	}
}

func broken(faults ...armtest.Fault) func(*armtest.Azure) {
	return func(a *armtest.Azure) {
		for _, f := range faults {
			a.Inject(f)
		}
	}
}

func denied(text, advice string) plugintest.Expect {
	return plugintest.Expect{Status: resource.StatusDenied, Error: text, Advice: advice}
}

// lists are the disks and snapshots of production: 16 in pages of 3, and 4.
var (
	disksHere     = scope("volume", armtest.Production).Key()
	snapshotsHere = scope("snapshot", armtest.Production).Key()
)

const disksThere, snapshotsThere = 16, 4

func credentialFaults() []plugintest.Fault {
	hourBehind := func(a *armtest.Azure) { a.Clock = func() time.Time { return time.Now().Add(-time.Hour) } }
	volumes := []string{"volume"}
	return []plugintest.Fault{
		{Name: "expired credentials", Case: "before the run", Kinds: volumes, Start: asking(nil, broken(signInFault(401, "AADSTS7000222: The provided client secret keys are expired."))),
			Plan: denied("AADSTS7000222", "the client secret has expired: make a new one")},
		{Name: "expired credentials", Case: "in the middle of a list", Kinds: volumes,
			Start:  asking(nil, broken(armtest.Fault{Path: "/disks", After: 2, Status: 401, Code: "ExpiredAuthenticationToken"})),
			Scopes: map[string]plugintest.Expect{disksHere: {Status: resource.StatusPartial, Listed: 6, Error: "ExpiredAuthenticationToken", Advice: "the clock of this machine is right"}}},
		{Name: "wrong credentials", Case: "secret", Kinds: volumes, Start: asking(nil, func(a *armtest.Azure) { a.Secret = "another" }),
			Plan: denied("AADSTS7000215", "the client secret is wrong: give the credential its value, not its id")},
		{Name: "wrong credentials", Case: "application", Kinds: volumes, Start: asking(map[string]any{"client_id": "77777777-0000-0000-0000-000000000000"}),
			Plan: denied("AADSTS700016", "check the client id and the tenant id")},
		{Name: "half-permitted credentials", Kinds: []string{"volume", "snapshot"},
			Start: asking(nil, func(a *armtest.Azure) { a.Subscriptions()[0].NotActions = []string{"Microsoft.Compute/disks/read"} }),
			Scopes: map[string]plugintest.Expect{
				disksHere:     denied("does not have authorization to perform action 'Microsoft.Compute/disks/read'", "give the identity the role Reader"),
				snapshotsHere: {Status: resource.StatusComplete, Listed: snapshotsThere},
			}},
		{Name: "half-permitted credentials", Case: "one list of a kind", Kinds: []string{"database"},
			Start:  asking(nil, broken(armtest.Fault{Path: "/providers/microsoft.sql/servers", Status: 403, Code: "AuthorizationFailed"})),
			Scopes: map[string]plugintest.Expect{scope("database", armtest.Production).Key(): {Status: resource.StatusPartial, Listed: 4, Error: "SQL servers: "}}},
		{Name: "clock skew", Case: "at the sign-in", Kinds: volumes, Start: asking(nil, hourBehind, broken(signInFault(401, "AADSTS700024: Client assertion is not within its valid time range."))),
			Plan: denied("AADSTS700024", "the clock of this machine differs by 1h0m0s from the sign-in service's: set it")},
		{Name: "clock skew", Case: "in a list", Kinds: volumes, Start: asking(nil, hourBehind, broken(armtest.Fault{Path: "/disks", Status: 401, Code: "ExpiredAuthenticationToken"})),
			Scopes: map[string]plugintest.Expect{disksHere: denied("ExpiredAuthenticationToken", "the clock of this machine differs by 1h0m0s")}},
	}
}

// untilThen throttles what has a path until the bubble's time has come.
func untilThen(after time.Duration, path, wait string) func(*armtest.Azure) {
	var end time.Time
	return func(a *armtest.Azure) {
		a.Before = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(strings.ToLower(r.URL.Path), path) {
				return false
			}
			if end.IsZero() {
				end = time.Now().Add(after)
			}
			if time.Now().After(end) {
				return false
			}
			if wait != "" {
				w.Header().Set("Retry-After", wait)
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"error":{"code":"TooManyRequests","message":"The request was throttled."}}`)
			return true
		}
	}
}

func throttlingFaults() []plugintest.Fault {
	mended := plugintest.Expect{Status: resource.StatusComplete, Listed: disksThere, Retries: 2}
	fault := func(which string, spoil func(*armtest.Azure), want plugintest.Expect, from, til time.Duration) plugintest.Fault {
		return plugintest.Fault{Name: "throttled for a minute", Case: which, Kinds: []string{"volume"}, Start: asking(nil, spoil),
			Scopes: map[string]plugintest.Expect{disksHere: want}, Between: [2]time.Duration{from, til}}
	}
	return []plugintest.Fault{
		fault("Azure does not say for how long", untilThen(time.Minute, "/disks", ""), mended, time.Minute, 2*time.Minute),
		fault("Azure says for how long", untilThen(time.Minute, "/disks", "25"), mended, 75*time.Second, 80*time.Second),
		fault("from the sign-in on", untilThen(time.Minute, "/", ""), plugintest.Expect{Status: resource.StatusComplete, Listed: disksThere}, time.Minute, 2*time.Minute),
		fault("and for ever", untilThen(time.Hour, "/disks", ""), plugintest.Expect{Status: resource.StatusThrottled, Error: "TooManyRequests", Retries: 5}, 3*time.Minute, 4*time.Minute),
	}
}

func pageFaults() []plugintest.Fault {
	fault := func(name, which string, f armtest.Fault, want plugintest.Expect) plugintest.Fault {
		f.Path, f.After = "/disks", 2 // the third page
		return plugintest.Fault{Name: name, Case: which, Kinds: []string{"volume"}, Start: asking(nil, broken(f)), Scopes: map[string]plugintest.Expect{disksHere: want}}
	}
	whole := plugintest.Expect{Status: resource.StatusComplete, Listed: disksThere, Retries: 3}
	failing := func(text string) plugintest.Expect {
		return plugintest.Expect{Status: resource.StatusPartial, Listed: 6, Error: text, Retries: 5}
	}
	page := armtest.Fault{Status: 200, Body: "<!DOCTYPE html><title>Guest Wi-Fi</title>", Type: "text/html"}
	signIn := page
	signIn.Path = "/oauth2/"
	return []plugintest.Fault{
		fault("a page failing three times", "and then coming", armtest.Fault{Status: 500, Code: "InternalServerError", Times: 3}, whole),
		fault("a page failing three times", "and for ever", armtest.Fault{Status: 500, Code: "InternalServerError"}, failing("InternalServerError")),
		fault("connection cut in a page", "three times", armtest.Fault{Cut: true, Times: 3}, whole),
		fault("connection cut in a page", "each time", armtest.Fault{Cut: true}, failing("unexpected EOF")),
		fault("HTML instead of the API", "in the middle of a list", page, plugintest.Expect{
			Status: resource.StatusFailed, Listed: 6, Error: `answered by a web page ("guest wi-fi", status 200)`, Advice: "a proxy or sign-in page is in between"}),
		{Name: "HTML instead of the API", Case: "at the sign-in", Kinds: []string{"volume"}, Start: asking(nil, broken(signIn)),
			Plan: plugintest.Expect{Status: resource.StatusFailed, Error: `sign in: answered by a web page ("guest wi-fi", status 200)`, Advice: "a proxy or sign-in page is in between"}},
	}
}

func serverFaults() []plugintest.Fault {
	secure := func(host string, from, to int, trusted bool) func(*testing.T, *plugintest.Network) json.RawMessage {
		return func(t *testing.T, n *plugintest.Network) json.RawMessage {
			shown := plugintest.Certificate(t, host, from, to)
			a := armtest.Seed()
			a.StartWith(func(s *httptest.Server) {
				s.TLS = &tls.Config{Certificates: []tls.Certificate{shown}}
				n.Serve(s, "azure.test:443", true)
			})
			t.Setenv(envSecret, a.Secret)
			known := shown
			if !trusted {
				known = plugintest.Certificate(t, host, from, to)
			}
			return a.Settings(map[string]any{"ca": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: known.Certificate[0]}))})
		}
	}
	refused := func(which, advice string, start func(*testing.T, *plugintest.Network) json.RawMessage) plugintest.Fault {
		return plugintest.Fault{Name: "TLS certificate wrong", Case: which, Kinds: []string{"volume"}, Start: start,
			Plan: plugintest.Expect{Status: resource.StatusFailed, Error: "certificate", Advice: advice}}
	}
	named := func(a *armtest.Azure) {
		s := a.Subscriptions()[0]
		s.Drop(armtest.Disks)
		for i, name := range []string{"größe ☃ 数据", "", "   ", strings.Repeat("x", 256), "\u202eetirw"} {
			s.Put(armtest.Disks, map[string]any{"id": fmt.Sprintf("/subscriptions/%s/resourceGroups/g/providers/Microsoft.Compute/disks/d%d", s.ID, i), "name": name, "location": "westeurope",
				"tags": map[string]string{"prüfung": "ünïcode", "": "x"}, "properties": map[string]any{"diskSizeGB": 8}})
		}
	}
	many := func(a *armtest.Azure) { a.Before = manyDisks(100_000) }
	return []plugintest.Fault{
		refused("nobody has signed it", "put its authority or its fingerprint into the settings", secure("azure.test", 1999, 2100, false)),
		refused("of another name", "is for another name", secure("other.test", 1999, 2100, true)),
		refused("out of date", "out of date, or the clock of this machine is off", secure("azure.test", 1990, 1999, true)),
		{Name: "unicode and empty names", Kinds: []string{"volume"}, Start: asking(nil, named), Scopes: map[string]plugintest.Expect{disksHere: {Status: resource.StatusComplete, Listed: 5}},
			Names: []string{"volume größe ☃ 数据", "volume ", "volume " + strings.Repeat("x", 256)}},
		{Name: "100,000 items", Kinds: []string{"volume"}, Start: asking(nil, many), Memory: 64 << 20,
			Scopes: map[string]plugintest.Expect{disksHere: {Status: resource.StatusComplete, Listed: 100_000}}},
	}
}

// manyDisks answers with pages of five hundred.
func manyDisks(total int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/disks") {
			return false
		}
		from, _ := strconv.Atoi(r.URL.Query().Get("$skiptoken")) // nothing is the beginning
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"value":[`)
		last := min(from+500, total)
		for i := from; i < last; i++ {
			if i > from {
				_, _ = io.WriteString(w, ",")
			}
			_, _ = fmt.Fprintf(w, `{"id":"/subscriptions/%s/resourceGroups/g/providers/Microsoft.Compute/disks/d%d","name":"d%d","location":"westeurope","properties":{"diskSizeGB":8}}`, armtest.Production, i, i)
		}
		_, _ = io.WriteString(w, `]`)
		if last < total {
			_, _ = fmt.Fprintf(w, `,"nextLink":"https://%s%s?api-version=%s&$skiptoken=%d"`, r.Host, r.URL.Path, r.URL.Query().Get("api-version"), last)
		}
		_, _ = io.WriteString(w, `}`)
		return true
	}
}

func subscriptionFaults() []plugintest.Fault {
	id := func(i int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", i+1) }
	fifty := func(t *testing.T, n *plugintest.Network) json.RawMessage {
		a := armtest.New()
		for i := range 50 {
			s := a.Add(id(i), fmt.Sprintf("team %d", i))
			s.Put(armtest.Disks, map[string]any{"id": "/subscriptions/" + s.ID + "/resourceGroups/g/providers/Microsoft.Compute/disks/d", "name": "d", "location": "westeurope"})
			if i == 17 {
				s.NotActions = []string{"Microsoft.Compute/*"}
			}
		}
		return startIn(t, n, a).Settings(nil)
	}
	refuse := func(path string) func(*armtest.Azure) {
		return broken(armtest.Fault{Path: path, Status: 403, Code: "AuthorizationFailed"})
	}
	return []plugintest.Fault{
		{Name: "one region denied", Kinds: []string{"server"}, Start: asking(map[string]any{"subscriptions": []string{"production"}, "resource_graph": "never"}, refuse("/locations/northeurope/vmsizes")),
			Scopes: map[string]plugintest.Expect{scope("server", armtest.Production).Key(): {Status: resource.StatusComplete, Listed: 18, Warning: "northeurope"}}},
		{Name: "one of fifty denied", Kinds: []string{"volume"}, Start: fifty,
			Scopes: map[string]plugintest.Expect{
				scope("volume", id(17)).Key(): denied("does not have authorization to perform action 'Microsoft.Compute/disks/read'", "give the identity the role Reader on the subscription"),
				"*":                           {Status: resource.StatusComplete, Listed: 1},
			}},
		{Name: "listing itself denied", Case: "of subscriptions", Kinds: []string{"volume"}, Start: asking(nil, refuse("/subscriptions")),
			Plan: denied("list subscriptions: ", "give the identity the role Reader")},
		{Name: "listing itself denied", Case: "of a management group", Kinds: []string{"volume"}, Start: asking(map[string]any{"management_groups": []string{"secret"}}),
			Plan: denied("list management group secret: ", "give the identity the role Reader")},
		{Name: "listing itself denied", Case: "of one management group of two", Kinds: []string{"volume"}, Start: asking(map[string]any{"management_groups": []string{"platform", "secret"}}),
			Plan: plugintest.Expect{Warning: "list management group secret: "}, Scopes: map[string]plugintest.Expect{"*": {Status: resource.StatusComplete, Listed: disksThere}}},
	}
}
