package collector

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
)

// While a collector is being opened its port says that it lives, that it is not ready, and why; who comes after finds who follows.
func TestThePortAnswersWhileACollectorIsOpened(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	o, err := beginOpening(l, func(l net.Listener) (net.Listener, error) { return l, nil }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, string, http.Header) {
		t.Helper()
		resp, err := http.Get("http://" + l.Addr().String() + path) //nolint:noctx // a test's
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b), resp.Header
	}
	for _, tt := range []struct {
		path string
		code int
		says string
		sort string
	}{
		{"/healthz", 200, "ok", "text/plain"},
		{"/readyz", 503, "being opened", "text/plain"},
		{"/api/v1/summary", 503, `"retry_after_seconds":5`, "application/problem+json"},
		{"/inventory/server", 503, "looks again by itself", "text/html"},
	} {
		code, body, h := get(tt.path)
		if code != tt.code || !strings.Contains(body, tt.says) || !strings.HasPrefix(h.Get("Content-Type"), tt.sort) {
			t.Errorf("%s: %d %s %q", tt.path, code, h.Get("Content-Type"), body)
		}
	}

	if err := o.end(); err != nil {
		t.Fatal(err)
	}
	next := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "open") })} //nolint:gosec // a test's
	done := make(chan error, 1)
	go func() { done <- next.Serve(l) }()
	if code, body, _ := get("/readyz"); code != 200 || body != "open\n" {
		t.Errorf("after it: %d %q", code, body)
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	<-done
}
