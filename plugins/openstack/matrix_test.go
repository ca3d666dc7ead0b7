package openstack

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

type hook = func(http.ResponseWriter, *http.Request) bool

// TestFaults is the matrix of docs/providers/openstack.md: what goes wrong with a cloud, and what the run says of it.
func TestFaults(t *testing.T) {
	var all []plugintest.Fault
	for _, rows := range [][]plugintest.Fault{credentialFaults(), throttlingFaults(), pageFaults(), serverFaults(), placeFaults()} {
		all = append(all, rows...)
	}
	plugintest.RunFaults(t, "../../docs/providers/openstack.md", func() provider.Provider { return New() }, all)
}

// asking puts a cloud on the network that something is wrong with.
func asking(spoil func(*cloud), settings ...string) func(*testing.T, *plugintest.Network) json.RawMessage {
	return func(t *testing.T, n *plugintest.Network) json.RawMessage {
		credential(t)
		c := newCloud(t)
		n.Serve(c.Server, "cloud.test:80", false)
		c.pageSize = 1
		spoil(c)
		return c.settings(settings...)
	}
}

// hooked is asking for a hook alone.
func hooked(h hook) func(*testing.T, *plugintest.Network) json.RawMessage {
	return asking(func(c *cloud) { c.hook = h })
}

const (
	volumesHere = "volume{region=RegionOne}"
	flavorsHere = "flavor{region=RegionOne}"
	notScoped   = `{"error":{"code":401,"message":"The request you have made requires authentication."}}`
)

func isVolumes(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/volumes/detail") }

// isSecondPage says that the second page of volumes is asked for, of three.
func isSecondPage(r *http.Request) bool {
	return isVolumes(r) && r.URL.Query().Has("marker")
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { refuse(w, status, body) }
}

// hourBehind answers as somebody whose clock is an hour behind.
func hourBehind(then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		then(w, r)
	}
}

// where answers the requests that are meant, some times.
func where(meant func(*http.Request) bool, times int, answer http.HandlerFunc) hook {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !meant(r) || times == 0 {
			return false
		}
		times--
		answer(w, r)
		return true
	}
}

func isSignIn(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/auth/tokens") }

const always = 1 << 30

func denied(text, advice string) plugintest.Expect {
	return plugintest.Expect{Status: resource.StatusDenied, Error: text, Advice: advice}
}

func credentialFaults() []plugintest.Fault {
	ends := func(c *cloud) { // after the first page, and no other token is given
		ended := false
		c.tokenFor = func(map[string]any) int {
			if ended {
				return http.StatusUnauthorized
			}
			return http.StatusCreated
		}
		c.hook = func(_ http.ResponseWriter, r *http.Request) bool {
			if isSecondPage(r) {
				ended = true
				c.revoke()
			}
			return false
		}
	}
	application := func(t *testing.T, n *plugintest.Network) json.RawMessage {
		settings := hooked(where(isSignIn, always, answering(401, notScoped)))(t, n)
		clearCredential(t)
		t.Setenv("OS_APPLICATION_CREDENTIAL_ID", "5b0d")
		t.Setenv("OS_APPLICATION_CREDENTIAL_SECRET", testSecret)
		return settings
	}
	volumes := []string{"volume"}
	return []plugintest.Fault{
		{Name: "expired credentials", Case: "an application credential", Kinds: volumes, Start: application,
			Plan: denied("requires authentication", "check id and secret of the application credential, and that it has not expired")},
		{Name: "expired credentials", Case: "in the middle of a list", Kinds: volumes, Start: asking(ends),
			Scopes: map[string]plugintest.Expect{volumesHere: {Status: resource.StatusPartial, Listed: 1, Error: "the token has ended and Keystone gives no new one", Advice: "was revoked or has expired"}}},
		{Name: "wrong credentials", Kinds: volumes, Start: hooked(where(isSignIn, always, answering(401, notScoped))),
			Plan: denied("requires authentication", "check user, password and domain")},
		{Name: "half-permitted credentials", Kinds: []string{"volume", "flavor"}, Start: hooked(deny("/volumes/detail")),
			Scopes: map[string]plugintest.Expect{
				volumesHere: denied("Policy doesn't allow it", "give the user the role reader in the project"),
				flavorsHere: {Status: resource.StatusComplete, Listed: flavorsRecorded},
			}},
		{Name: "clock skew", Case: "at the sign-in", Kinds: volumes, Start: hooked(where(isSignIn, always, hourBehind(answering(401, notScoped)))),
			Plan: denied("requires authentication", "the clock of this machine differs by 1h0m0s from the provider's: set it")},
		{Name: "clock skew", Case: "in a list", Kinds: volumes, Start: hooked(where(isVolumes, always, hourBehind(answering(403, `{}`)))),
			Scopes: map[string]plugintest.Expect{volumesHere: denied("403", "the clock of this machine differs by 1h0m0s")}},
	}
}

// flavorsRecorded is how many flavors the recorded control plane has.
const flavorsRecorded = 3

func throttlingFaults() []plugintest.Fault {
	tooOften := func(wait string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if wait != "" {
				w.Header().Set("Retry-After", wait)
			}
			refuse(w, 429, `{"overLimit":{"code":429,"message":"This request was rate-limited."}}`)
		}
	}
	until := func(after time.Duration, meant func(*http.Request) bool, answer http.HandlerFunc) hook {
		var end time.Time
		return where(func(r *http.Request) bool {
			if meant(r) && end.IsZero() {
				end = time.Now().Add(after)
			}
			return meant(r) && time.Now().Before(end)
		}, always, answer)
	}
	fault := func(which string, h hook, want plugintest.Expect, from, til time.Duration) plugintest.Fault {
		return plugintest.Fault{Name: "throttled for a minute", Case: which, Kinds: []string{"volume"}, Start: hooked(h),
			Scopes: map[string]plugintest.Expect{volumesHere: want}, Between: [2]time.Duration{from, til}}
	}
	mended := plugintest.Expect{Status: resource.StatusComplete, Listed: 3, Retries: 2}
	anything := func(*http.Request) bool { return true }
	return []plugintest.Fault{
		fault("the cloud does not say for how long", until(time.Minute, isVolumes, tooOften("")), mended, time.Minute, 2*time.Minute),
		fault("the cloud says for how long", until(time.Minute, isVolumes, tooOften("25")), mended, 75*time.Second, 76*time.Second),
		fault("from the sign-in on", until(time.Minute, anything, tooOften("")), plugintest.Expect{Status: resource.StatusComplete, Listed: 3}, time.Minute, 2*time.Minute),
		fault("and for ever", until(time.Hour, isVolumes, tooOften("")), plugintest.Expect{Status: resource.StatusThrottled, Error: "rate-limited", Retries: 5}, 3*time.Minute, 4*time.Minute),
	}
}

func pageFaults() []plugintest.Fault {
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"volumes":[`))
	}
	page := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><html><title>Sign in</title></html>"))
	}
	fault := func(name, which string, times int, answer http.HandlerFunc, want plugintest.Expect) plugintest.Fault {
		return plugintest.Fault{Name: name, Case: which, Kinds: []string{"volume"}, Start: hooked(where(isSecondPage, times, answer)), Scopes: map[string]plugintest.Expect{volumesHere: want}}
	}
	whole := plugintest.Expect{Status: resource.StatusComplete, Listed: 3, Retries: 3}
	return []plugintest.Fault{
		fault("a page failing three times", "and then coming", 3, answering(500, `{}`), whole),
		fault("a page failing three times", "and for ever", always, answering(500, `{}`), plugintest.Expect{Status: resource.StatusPartial, Listed: 1, Error: "500", Retries: 5}),
		fault("connection cut in a page", "three times", 3, cut, whole),
		fault("connection cut in a page", "each time", always, cut, plugintest.Expect{Status: resource.StatusPartial, Listed: 1, Error: "unexpected EOF", Retries: 5}),
		fault("HTML instead of the API", "in the middle of a list", always, page, plugintest.Expect{Status: resource.StatusFailed, Listed: 1, Error: "answered by a web page", Advice: "a proxy or sign-in page"}),
		{Name: "HTML instead of the API", Case: "at the sign-in", Kinds: []string{"volume"}, Start: hooked(where(isSignIn, always, page)),
			Plan: plugintest.Expect{Status: resource.StatusFailed, Error: `answered by a web page ("sign in", status 200)`, Advice: "a proxy or sign-in page is in between"}},
	}
}

func serverFaults() []plugintest.Fault {
	secure := func(host string, from, to int, trusted bool) func(*testing.T, *plugintest.Network) json.RawMessage {
		return func(t *testing.T, n *plugintest.Network) json.RawMessage {
			credential(t)
			shown := plugintest.Certificate(t, host, from, to)
			c := newCloud(t)
			c.Config.ErrorLog = log.New(io.Discard, "", 0)
			c.TLS = &tls.Config{Certificates: []tls.Certificate{shown}}
			n.Serve(c.Server, "cloud.test:443", true)
			if !trusted {
				return c.settings()
			}
			text, err := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: shown.Certificate[0]})))
			if err != nil {
				t.Fatal(err)
			}
			return c.settings("ca_certificate", string(text))
		}
	}
	refused := func(which, advice string, start func(*testing.T, *plugintest.Network) json.RawMessage) plugintest.Fault {
		return plugintest.Fault{Name: "TLS certificate wrong", Case: which, Kinds: []string{"volume"}, Start: start,
			Plan: plugintest.Expect{Status: resource.StatusFailed, Error: "certificate", Advice: advice}}
	}
	named := answering(200, `{"volumes":[
		{"id":"11111111-1111-4111-8111-111111111111","name":"","size":1},
		{"id":"22222222-2222-4222-8222-222222222222","name":"größe ☃ 数据","size":1,"metadata":{"prüfung":"ünïcode","":"x"}},
		{"id":"33333333-3333-4333-8333-333333333333","name":null,"size":1},
		{"id":"44444444-4444-4444-8444-444444444444","name":"\u202eetirw","size":1}]}`)
	return []plugintest.Fault{
		refused("nobody has signed it", "put its authority or its fingerprint into the settings", secure("cloud.test", 1999, 2100, false)),
		refused("of another name", "is for another name", secure("other.test", 1999, 2100, true)),
		refused("out of date", "out of date, or the clock of this machine is off", secure("cloud.test", 1990, 1999, true)),
		{Name: "unicode and empty names", Kinds: []string{"volume"}, Start: hooked(where(isVolumes, always, named)),
			Scopes: map[string]plugintest.Expect{volumesHere: {Status: resource.StatusComplete, Listed: 4}}, Names: []string{"volume größe ☃ 数据", "volume "}},
		{Name: "100,000 items", Kinds: []string{"volume"}, Start: hooked(where(isVolumes, always, manyVolumes(100_000))), Memory: 64 << 20,
			Scopes: map[string]plugintest.Expect{volumesHere: {Status: resource.StatusComplete, Listed: 100_000}}},
	}
}

// manyVolumes answers with pages of five hundred.
func manyVolumes(total int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from := 0
		_, _ = fmt.Sscanf(r.URL.Query().Get("marker"), crowdID, &from)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"volumes":[`)
		last := min(from+500, total)
		for i := from + 1; i <= last; i++ {
			if i > from+1 {
				_, _ = io.WriteString(w, ",")
			}
			_, _ = fmt.Fprintf(w, `{"id":"`+crowdID+`","name":"v%d","size":8,"status":"available"}`, i, i)
		}
		_, _ = io.WriteString(w, `]`)
		if last < total {
			_, _ = fmt.Fprintf(w, `,"volumes_links":[{"rel":"next","href":"http://x/?marker=`+crowdID+`"}]`, last)
		}
		_, _ = io.WriteString(w, `}`)
	}
}

func placeFaults() []plugintest.Fault {
	region := func(i int) string { return fmt.Sprintf("region-%02d", i) }
	inRegion := func(name string) string { return "flavor{region=" + name + "}" }
	// fifty has the flavors of the recorded cloud in many regions, of which one refuses.
	many := func(regions int, refusing string) func(*testing.T, *plugintest.Network) json.RawMessage {
		return asking(func(c *cloud) {
			for i := range regions {
				c.more = append(c.more, region(i))
			}
			c.hook = where(func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/in/"+refusing+"/") }, always,
				answering(403, `{"forbidden":{"code":403,"message":"Policy doesn't allow it to be performed."}}`))
		}, "exclude_regions", `["RegionOne"]`)
	}
	one := map[string]plugintest.Expect{
		inRegion(region(1)): denied("Policy doesn't allow it", "role reader"), "*": {Status: resource.StatusComplete, Listed: flavorsRecorded},
	}
	return []plugintest.Fault{
		{Name: "one region denied", Kinds: []string{"flavor"}, Start: many(3, region(1)), Scopes: one},
		{Name: "one of fifty denied", Kinds: []string{"flavor"}, Start: many(50, region(1)), Scopes: one},
		{Name: "listing itself denied", Case: "of all projects", Kinds: []string{"volume", "flavor"},
			Start: asking(func(c *cloud) { c.roles = []string{"reader"} }, "projects", `"all"`),
			Scopes: map[string]plugintest.Expect{
				volumesHere: denied("does not have the role admin", "give the user that role, or set projects to own"),
				flavorsHere: denied("does not have the role admin", "give the user that role, or set projects to own"),
			}},
		{Name: "listing itself denied", Case: "of projects' names", Kinds: []string{"volume"}, Start: hooked(deny("/projects")),
			Scopes: map[string]plugintest.Expect{volumesHere: {Status: resource.StatusComplete, Listed: 3, Warning: "the names of projects are left out"}}},
	}
}
