package openstack

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"maestro.internal/sdk/plugintest"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

func adviceOf(err error) string {
	var known *provider.Error
	if errors.As(err, &known) {
		return known.Advice
	}
	return ""
}

// deny refuses paths with the end given, in Nova's words.
func deny(end string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, end) {
			return false
		}
		refuse(w, http.StatusForbidden, `{"forbidden":{"code":403,"message":"Policy doesn't allow it to be performed."}}`)
		return true
	}
}

// once answers the first n requests of a path by itself.
func once(end string, n int64, answer http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, end) || seen.Add(1) > n {
			return false
		}
		answer(w, r)
		return true
	}
}

// A kind that is denied spoils itself and nothing else.
func TestDeniedKind(t *testing.T) {
	c := startCloud(t)
	c.hook = deny("/volumes/detail")
	credential(t)
	found := discover(t, c.settings())
	for key, out := range found.outcomes {
		want := resource.StatusComplete
		if strings.HasPrefix(key, "volume{") {
			want = resource.StatusDenied
			if !strings.Contains(out.Error, "Policy doesn't allow") || !strings.Contains(out.Advice, "reader") {
				t.Errorf("%s: %+v", key, out)
			}
		}
		if out.Status != want {
			t.Errorf("%s: %s (%s)", key, out.Status, out.Error)
		}
	}
}

// What only helps may be denied: servers are listed all the same, and say what is not known of them.
func TestDeniedDetails(t *testing.T) {
	c := startCloud(t)
	c.hook = func(w http.ResponseWriter, r *http.Request) bool {
		return deny("/ports")(w, r) || deny("/images")(w, r) || deny("/projects")(w, r) || deny("/members")(w, r) || deny("/subnets")(w, r) || deny("/flavors/detail")(w, r)
	}
	credential(t)
	found := discover(t, c.settings(), "server", "router", "load_balancer", "network")
	for key, out := range found.outcomes {
		if out.Status != resource.StatusComplete || len(out.Warnings) == 0 || out.Incomplete != out.Listed || out.Listed == 0 {
			t.Errorf("%s: %+v", key, out)
		}
	}
	for key, env := range found.resources {
		if !strings.HasPrefix(key, "network ") && !strings.Contains(strings.Join(env.Unread, " "), "/relations") {
			t.Errorf("%s: unread %v", key, env.Unread)
		}
	}
}

// Faults that pass: the list is complete in the end.
func TestPassingFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		n      int64
		answer http.HandlerFunc
	}{
		"429": {2, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "0"); refuse(w, 429, `{}`) }},
		"413": {2, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			refuse(w, 413, `{"overLimit":{"code":413,"message":"This request was rate-limited.","retryAfter":"1"}}`)
		}},
		"503": {1, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, ``) }},
		"cut": {1, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"volumes":[`))
		}},
		"half an answer": {1, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"volumes":[{"id":`)) }},
		"gateway's page": {1, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(502)
			_, _ = w.Write([]byte("<html><title>Bad gateway</title>"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := startCloud(t)
			c.hook = once("/volumes/detail", tt.n, tt.answer)
			credential(t)
			out := discover(t, c.settings(), "volume").outcome(t, "volume")
			if out.Status != resource.StatusComplete || out.Listed != 3 || out.Retries == 0 {
				t.Errorf("%+v", out)
			}
		})
	}
}

// Faults that stay.
func TestLastingFaults(t *testing.T) {
	html := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><html><title>Sign in</title></html>"))
	}
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		status resource.Status
		words  string
		advice string
	}{
		"a sign-in page": {html, resource.StatusFailed, "web page", "proxy"},
		"no such list":   {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 404, `{"message":"no"}`) }, resource.StatusUnsupported, "404", ""},
		"another form":   {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 200, `{"things":[]}`) }, resource.StatusFailed, "no volumes", ""},
		"no list":        {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 200, `{"volumes":{"a":1}}`) }, resource.StatusFailed, "something else", ""},
		"an array":       {func(w http.ResponseWriter, _ *http.Request) { refuse(w, 200, `[]`) }, resource.StatusFailed, "form", ""},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
		}, resource.StatusFailed, "302", "not followed"},
		"round and round": {func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, 200, `{"volumes":[{"id":"7a1ff1ee-6e21-41f3-9f6e-d64cc5383873"}],"volumes_links":[{"rel":"next","href":"http://x/?marker=m"}]}`)
		}, resource.StatusFailed, "again and again", ""},
		"the clock": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
			refuse(w, 403, `{}`)
		}, resource.StatusDenied, "403", "clock"},
	} {
		t.Run(name, func(t *testing.T) {
			c := startCloud(t)
			c.hook = once("/volumes/detail", 1000, tt.answer)
			credential(t)
			out := discover(t, c.settings(), "volume").outcome(t, "volume")
			if out.Status != tt.status || !strings.Contains(out.Error, tt.words) || !strings.Contains(out.Advice, tt.advice) {
				t.Errorf("%+v", out)
			}
		})
	}
}

// A token that ends in the middle of a list is renewed; one that cannot be renewed ends the scope as denied, with
// what was listed before it.
func TestTokenEnds(t *testing.T) {
	c := startCloud(t)
	c.pageSize = 2
	credential(t)
	c.hook = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/volumes/detail") && r.URL.Query().Has("marker") && len(c.requests("/volumes/detail")) == 2 {
			c.revoke()
		}
		return false
	}
	out := discover(t, c.settings(), "volume").outcome(t, "volume")
	if out.Status != resource.StatusComplete || out.Listed != 3 {
		t.Errorf("renewed: %+v", out)
	}
	c = startCloud(t)
	c.pageSize = 2
	var grants atomic.Int64
	c.tokenFor = func(map[string]any) int {
		if grants.Load() > 0 {
			return http.StatusUnauthorized
		}
		return http.StatusCreated
	}
	c.hook = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/volumes/detail") && r.URL.Query().Has("marker") {
			grants.Add(1)
			c.revoke()
		}
		return false
	}
	out = discover(t, c.settings(), "volume").outcome(t, "volume")
	if out.Status != resource.StatusPartial || out.Listed != 2 || !strings.Contains(out.Error, "no new one") || !strings.Contains(out.Advice, "revoked") {
		t.Errorf("not renewed: %+v", out)
	}
}

// The last item of a page was deleted before the next page was asked for: the list is read again.
func TestMarkerDeleted(t *testing.T) {
	c := startCloud(t)
	c.pageSize = 2
	credential(t)
	c.hook = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/volumes/detail") || !r.URL.Query().Has("marker") || len(c.requests("/volumes/detail")) > 2 {
			return false
		}
		refuse(w, 400, `{"badRequest":{"code":400,"message":"marker `+r.URL.Query().Get("marker")+` not found"}}`)
		return true
	}
	out := discover(t, c.settings(), "volume").outcome(t, "volume")
	if out.Status != resource.StatusComplete || out.Listed != 3 || len(out.Warnings) != 1 {
		t.Errorf("%+v", out)
	}
}

// An item of an unexpected form keeps its place in the list: it is not taken for gone, and the others go on.
func TestBrokenItem(t *testing.T) {
	c := startCloud(t)
	credential(t)
	c.hook = once("/volumes/detail", 1, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, 200, `{"volumes":[
			{"id":"11111111-1111-4111-8111-111111111111","name":"","size":[1]},
			{"id":"22222222-2222-4222-8222-222222222222","name":"größe ☃","size":"5","bootable":"true","metadata":{"k":""}},
			{"id":"33333333-3333-4333-8333-333333333333","name":null,"size":1}]}`)
	})
	found := discover(t, c.settings(), "volume")
	if out := found.outcome(t, "volume"); out.Status != resource.StatusComplete || out.Listed != 3 || out.Incomplete != 1 {
		t.Errorf("%+v", out)
	}
	if env := found.resources["volume 22222222-2222-4222-8222-222222222222"]; env.Name != "größe ☃" || !strings.Contains(string(env.Attributes), `"size_bytes":5368709120`) {
		t.Errorf("%+v", env)
	}
}

// Keystone itself in trouble.
func TestConnectFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		header http.Header
		body   string
		want   resource.Status
		advice string
		skew   time.Duration
	}{
		"refused":       {401, nil, `{"error":{"message":"The request you have made requires authentication."}}`, resource.StatusDenied, "check user, password", 0},
		"the clock":     {401, nil, `{}`, resource.StatusDenied, "clock", 3 * time.Hour},
		"too often":     {429, http.Header{"Retry-After": {"7"}}, `{}`, resource.StatusThrottled, "", 0},
		"broken":        {500, nil, `{}`, resource.StatusUnreachable, "", 0},
		"a page":        {200, http.Header{"Content-Type": {"text/html"}}, `<html>`, resource.StatusFailed, "", 0},
		"no Keystone":   {404, nil, `{}`, resource.StatusUnsupported, "", 0},
		"empty catalog": {201, http.Header{"X-Subject-Token": {"t"}}, `{"token":{"project":{"id":"p","name":"p"},"catalog":[]}}`, resource.StatusComplete, "", 0},
		"unscoped":      {201, http.Header{"X-Subject-Token": {"t"}}, `{"token":{"catalog":[]}}`, resource.StatusDenied, "name a project", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // what passes is waited for
				keystone := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if tt.skew != 0 {
						w.Header().Set("Date", time.Now().Add(tt.skew).UTC().Format(http.TimeFormat))
					}
					for k, v := range tt.header {
						w.Header()[k] = v
					}
					w.WriteHeader(tt.status)
					_, _ = w.Write([]byte(tt.body))
				}))
				plugintest.NewNetwork(t).Serve(keystone, "keystone.test:80", false)
				credential(t)
				got, err := New().Connect(t.Context(), provider.Connection{Settings: []byte(`{"auth_url":"` + keystone.URL + `"}`)})
				if provider.StatusOf(err) != tt.want || !strings.Contains(adviceOf(err), tt.advice) {
					t.Errorf("%v, advice %q", err, adviceOf(err))
				}
				if err != nil && strings.Contains(err.Error(), testPassword) {
					t.Errorf("the password is in %q", err)
				}
				if err == nil {
					plan, err := got.(provider.Planner).Plan(t.Context(), allKinds())
					if err != nil || plan.Complete || len(plan.Warnings) == 0 {
						t.Errorf("an empty catalogue proves nothing: %+v %v", plan, err)
					}
					if err := got.(io.Closer).Close(); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}

// TLS that is not trusted says so, and a fingerprint or an authority mends it.
func TestTLS(t *testing.T) {
	for settings, advice := range map[string]string{
		`{"auth_url":"https://example.com/v3"}`:                 "nobody this machine trusts",
		`{"auth_url":"https://example.com/v3","insecure":true}`: "check user, password",
		`{"auth_url":"http://example.com:443/v3"}`:              "",
		`{"auth_url":"https://127.0.0.1:1/v3"}`:                 "nothing listens",
		`{"auth_url":"https://no.such.name.invalid:5000/v3/"}`:  "DNS",
	} {
		synctest.Test(t, func(t *testing.T) {
			keystone := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refuse(w, 401, `{}`) }))
			keystone.Config.ErrorLog = log.New(io.Discard, "", 0)
			plugintest.NewNetwork(t).Serve(keystone, "example.com:443", true)
			credential(t)
			if _, err := New().Connect(t.Context(), provider.Connection{Settings: []byte(settings)}); err == nil || !strings.Contains(adviceOf(err), advice) {
				t.Errorf("%s: %v, advice %q", settings, err, adviceOf(err))
			}
		})
	}
}

func TestCancel(t *testing.T) {
	c := startCloud(t)
	credential(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	c.hook = func(_ http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body) // or the server would not notice that the client is gone
		<-r.Context().Done()
		return true
	}
	begin := time.Now()
	if _, err := New().Connect(ctx, provider.Connection{Settings: c.settings()}); err == nil || time.Since(begin) > 3*time.Second {
		t.Errorf("%v after %s", err, time.Since(begin))
	}
}

// Nothing is left behind when a session is closed.
func TestNothingIsLeftBehind(t *testing.T) {
	c := startCloud(t)
	credential(t)
	before := goleak.IgnoreCurrent()
	discover(t, c.settings())
	c.CloseClientConnections()
	goleak.VerifyNone(t, before)
}
