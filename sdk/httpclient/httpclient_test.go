package httpclient_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"maestro.internal/sdk/ceiling"
	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

func get(t *testing.T, ctx context.Context, o httpclient.Options, url string) error {
	t.Helper()
	c, err := httpclient.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		err = errors.Join(err, resp.Body.Close())
	}
	return httpclient.Classify(err)
}

func TestTrust(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	sum := sha256.Sum256(server.Certificate().Raw)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, tt := range map[string]struct {
		o      httpclient.Options
		advice string // empty: it works
	}{
		"nobody":               {httpclient.Options{}, "nobody this machine trusts"},
		"its authority":        {httpclient.Options{CA: ca}, ""},
		"its fingerprint":      {httpclient.Options{Fingerprint: strings.ToUpper(hex.EncodeToString(sum[:]))}, ""},
		"another fingerprint":  {httpclient.Options{Fingerprint: strings.Repeat("ab:", 31) + "ab"}, "fingerprint"},
		"anybody, for a trial": {httpclient.Options{InsecureSkipVerify: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := get(t, t.Context(), tt.o, server.URL)
			var classed *provider.Error
			switch {
			case tt.advice == "" && err != nil:
				t.Error(err)
			case tt.advice != "" && (!errors.As(err, &classed) || !strings.Contains(classed.Advice, tt.advice) || classed.Temporary()):
				t.Errorf("answered %#v, want advice %q", err, tt.advice)
			}
		})
	}
	for name, o := range map[string]httpclient.Options{"no PEM": {CA: []byte("x")}, "no SHA-256": {Fingerprint: "12:34"}} {
		if _, err := httpclient.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNetworkErrors(t *testing.T) {
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("half")) // the connection ends before the promised length
	}))
	defer cut.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer slow.Close()
	for name, tt := range map[string]struct {
		url, advice string
	}{
		"cut":      {cut.URL, ""},
		"refused":  {"http://" + address, "nothing listens"},
		"slow":     {slow.URL, "no answer in time"},
		"nameless": {"http://no.such.name.invalid", ""},
		"no TLS":   {strings.Replace(cut.URL, "http://", "https://", 1), "http or https"},
	} {
		t.Run(name, func(t *testing.T) {
			err := get(t, t.Context(), httpclient.Options{Timeout: 300 * time.Millisecond}, tt.url)
			var classed *provider.Error
			if !errors.As(err, &classed) || !strings.Contains(classed.Advice, tt.advice) {
				t.Fatalf("answered %#v, want advice %q", err, tt.advice)
			}
			if want := name != "no TLS"; classed.Temporary() != want {
				t.Errorf("temporary is %v, want %v", classed.Temporary(), want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := get(t, ctx, httpclient.Options{}, slow.URL); !errors.Is(err, context.Canceled) || provider.StatusOf(err) != resource.StatusFailed {
		t.Errorf("canceled: %v", err)
	}
}

func TestCeiling(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	defer server.Close()
	ctx := ceiling.With(t.Context(), provider.Ceiling{MaxConcurrent: 1})
	before := httpclient.Requests()
	for range 3 { // each gives its slot back, or the second would wait for ever
		if err := get(t, ctx, httpclient.Options{Timeout: 5 * time.Second}, server.URL); err != nil {
			t.Fatal(err)
		}
	}
	if sent := httpclient.Requests() - before; sent != 3 {
		t.Errorf("counted %d requests, want 3", sent)
	}
}

func TestAnswer(t *testing.T) {
	cause := errors.New("the library's words")
	off := http.Header{"Date": {time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)}}
	for name, tt := range map[string]struct {
		status int
		header http.Header
		body   string
		want   resource.Status
		advice string
		after  time.Duration
	}{
		"denied":          {403, nil, `{"error":"no"}`, resource.StatusDenied, "", 0},
		"the clock":       {401, off, `{}`, resource.StatusDenied, "clock", 0},
		"throttled":       {429, http.Header{"Retry-After": {"7"}}, ``, resource.StatusThrottled, "", 7 * time.Second},
		"in milliseconds": {429, http.Header{"X-Ms-Retry-After-Ms": {"250"}}, ``, resource.StatusThrottled, "", 250 * time.Millisecond},
		"busy":            {503, http.Header{"Retry-After": {"1"}}, ``, resource.StatusThrottled, "", time.Second},
		"broken":          {500, nil, `{}`, resource.StatusUnreachable, "", 0},
		"bad request":     {400, nil, `{}`, resource.StatusFailed, "", 0},
		"a sign-in page":  {200, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, "<html><title>Sign in</title>", resource.StatusFailed, "proxy", 0},
		"a gateway":       {502, nil, "<!DOCTYPE html><html>", resource.StatusUnreachable, "proxy", 0},
	} {
		t.Run(name, func(t *testing.T) {
			err := httpclient.Answer(tt.status, tt.header, []byte(tt.body), cause)
			if got := provider.StatusOf(err); got != tt.want {
				t.Errorf("status %s, want %s", got, tt.want)
			}
			var classed *provider.Error
			if errors.As(err, &classed) && (!strings.Contains(classed.Advice, tt.advice) || classed.RetryAfter != tt.after) {
				t.Errorf("answered %+v", classed)
			}
		})
	}
}

// hasty closes its body while the answer is read, as smithy-go does.
type hasty struct {
	*strings.Reader
	closed chan struct{}
}

func (h *hasty) Close() error {
	close(h.closed)
	return nil
}

// roundTripper sees what the transport below is given.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestABodyOfItsOwn: what a library does with its body while the answer comes in is nothing to the transport.
func TestABodyOfItsOwn(t *testing.T) {
	for name, size := range map[string]int{"small": 100, "at the limit": 1 << 20, "large": 3 << 20} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat("x", size)
			h := &hasty{strings.NewReader(text), make(chan struct{})}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", h)
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = int64(size)
			below := roundTripper(func(r *http.Request) (*http.Response, error) {
				if small := size <= 1<<20; small {
					<-h.closed // the library's is done with before the transport begins
					if again, err := r.GetBody(); err != nil || again == nil {
						t.Errorf("it cannot be sent again: %v", err)
					}
				}
				got, err := io.ReadAll(r.Body)
				if err != nil || string(got) != text || r.ContentLength != int64(size) {
					t.Errorf("%d bytes of %d (%d announced): %v", len(got), size, r.ContentLength, err)
				}
				if err := r.Body.Close(); err != nil {
					t.Error(err)
				}
				return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
			})
			resp, err := httpclient.Limited(below).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
			<-h.closed
		})
	}
	broken, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", iotest.ErrReader(errors.New("no such file")))
	if err != nil {
		t.Fatal(err)
	}
	never := roundTripper(func(*http.Request) (*http.Response, error) { t.Error("sent"); return nil, nil })
	if resp, err := httpclient.Limited(never).RoundTrip(broken); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("answered %v, %v", resp, err)
	}
}
