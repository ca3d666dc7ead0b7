package webui

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

const page = `<!doctype html><meta name="csp-nonce" content="__CSP_NONCE__"><div id="root"></div>`

func files() fstest.MapFS {
	return fstest.MapFS{
		"index.html":            {Data: []byte(page)},
		"favicon.svg":           {Data: []byte("<svg/>")},
		"assets/main-a1b2c3.js": {Data: bytes.Repeat([]byte("console.log('maestro');"), 200)},
	}
}

func ask(t *testing.T, method, target string, header ...string) *http.Response {
	t.Helper()
	h, err := New(files())
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path = target
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPathsOfTheUIGetTheIndex(t *testing.T) {
	for _, target := range []string{"/", "/index.html", "/inventory/server", "/inventory/vsphere.resource_pool/0198-x", "/runs/../agents"} {
		r := ask(t, "GET", target, "Accept", "text/html,application/xhtml+xml")
		if r.StatusCode != 200 || !strings.Contains(body(t, r), `id="root"`) {
			t.Errorf("%s: %d", target, r.StatusCode)
		}
		if got := r.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q", target, got)
		}
	}
}

func TestEachAnswerHasItsOwnNonceInHeaderAndPage(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		r := ask(t, "GET", "/")
		csp := r.Header.Get("Content-Security-Policy")
		_, after, ok := strings.Cut(csp, "'nonce-")
		nonce, _, _ := strings.Cut(after, "'")
		if !ok || len(nonce) < 20 || seen[nonce] || !strings.Contains(body(t, r), `content="`+nonce+`"`) {
			t.Fatalf("nonce %q in %q", nonce, csp)
		}
		seen[nonce] = true
		if !strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("CSP is not strict: %s", csp)
		}
	}
}

func TestHashedAssetsAreKeptForGoodAndTravelSmall(t *testing.T) {
	r := ask(t, "GET", "/assets/main-a1b2c3.js", "Accept-Encoding", "gzip, br")
	if got := r.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("Cache-Control %q", got)
	}
	if r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("headers %v", r.Header)
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(got, files()["assets/main-a1b2c3.js"].Data) {
		t.Errorf("body differs: %v", err)
	}
	again := ask(t, "GET", "/favicon.svg")
	if again.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("favicon: %q", again.Header.Get("Cache-Control"))
	}
	if r := ask(t, "GET", "/favicon.svg", "If-None-Match", again.Header.Get("ETag")); r.StatusCode != 304 {
		t.Errorf("unchanged favicon: %d", r.StatusCode)
	}
}

// Nothing but the files that were given can be had, whatever the path looks like.
func TestNothingElseIsServed(t *testing.T) {
	for _, target := range []string{
		"/../webui.go", "/assets/../../webui.go", "/..%2fwebui.go", `/..\webui.go`, "/assets/gone.js", "/assets/", "//etc/passwd",
		"/assets/main-a1b2c3.js\x00", "/./index.html", "/api/v1/none", "/webui.go", "/favicon.svg/",
	} {
		if r := ask(t, "GET", target, "Accept", "*/*"); r.StatusCode != 404 {
			t.Errorf("%q: %d", target, r.StatusCode)
		}
	}
	for _, target := range []string{"/assets/gone.js", "/api/v1/none"} {
		if r := ask(t, "GET", target, "Accept", "text/html"); r.StatusCode != 404 {
			t.Errorf("%q for a browser: %d", target, r.StatusCode)
		}
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	if r := ask(t, "POST", "/"); r.StatusCode != 405 {
		t.Errorf("POST: %d", r.StatusCode)
	}
	r := ask(t, "HEAD", "/")
	if r.StatusCode != 200 || body(t, r) != "" || r.Header.Get("Content-Length") == "0" {
		t.Errorf("HEAD: %d %v", r.StatusCode, r.Header)
	}
}

func TestSecurityHeadersAreOnEveryAnswer(t *testing.T) {
	for _, target := range []string{"/", "/favicon.svg", "/assets/none.js"} {
		r := ask(t, "GET", target)
		for _, name := range []string{"X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options", "Content-Security-Policy", "Cross-Origin-Opener-Policy"} {
			if r.Header.Get(name) == "" {
				t.Errorf("%s: no %s", target, name)
			}
		}
	}
}

func TestAnIndexIsNeeded(t *testing.T) {
	if _, err := New(fstest.MapFS{"a.js": {}}); err == nil {
		t.Error("no error without index.html")
	}
}
