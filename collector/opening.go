package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"maestro.internal/internal/rest"
)

// opening answers people while the collector is being opened, which takes minutes where a large store is upgraded: who watches
// over the process must see that it lives (or it is killed in the middle, again and again), a load balancer that it is not ready,
// and a person why there is nothing yet. It has the port until end.
type opening struct {
	srv  *http.Server
	port lent
	done chan error
}

// retryOpening is when to ask again, in seconds.
const retryOpening = 5

const notYetPage = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Maestro is being opened</title>
<style>body{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;margin:0 24px}main{max-width:32em}h1{font-size:22px}</style></head>
<body><main><h1>Maestro is being opened</h1><p>After an upgrade of a large inventory this takes a while. The collector's log says how far it is.
This page looks again by itself.</p></main></body></html>
`

// beginOpening begins to answer on l, which stays open when it ends; secure puts TLS on a listener.
func beginOpening(l net.Listener, secure func(net.Listener) (net.Listener, error), log *slog.Logger) (*opening, error) {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("lend port: a %T cannot be taken back", l)
	}
	o := &opening{port: lent{tcp}, done: make(chan error, 1)}
	secured, err := secure(o.port)
	if err != nil {
		return nil, err
	}
	o.srv = &http.Server{Handler: http.HandlerFunc(notYet), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	o.srv.SetKeepAlivesEnabled(false) // a connection would stay with who answers only this
	go func() { o.done <- o.srv.Serve(secured) }()
	return o, nil
}

// end gives the port back. Nobody else has it in between, so who connects meanwhile is answered by what follows.
func (o *opening) end() error {
	if o == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := o.srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = o.srv.Close()
	}
	<-o.done
	if err == nil {
		err = o.port.SetDeadline(time.Time{})
	}
	if err != nil {
		return fmt.Errorf("take port back: %w", err)
	}
	return nil
}

// lent is a port that is not closed by who borrows it; closing wakes who waits for a connection.
type lent struct{ *net.TCPListener }

func (l lent) Close() error { return l.SetDeadline(time.Unix(1, 0)) }

func notYet(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/healthz":
		plain(w, http.StatusOK, "ok")
		return
	case r.URL.Path == "/readyz":
		plain(w, http.StatusServiceUnavailable, "the collector is being opened")
		return
	}
	h := w.Header()
	h.Set("Retry-After", strconv.Itoa(retryOpening))
	if strings.HasPrefix(r.URL.Path, "/api/") {
		h.Set("Content-Type", "application/problem+json")
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(rest.Problem{Title: http.StatusText(http.StatusServiceUnavailable), Status: http.StatusServiceUnavailable,
			Detail:            "the collector is being opened; after an upgrade of a large store this takes a while, and its log says how far it is",
			RetryAfterSeconds: retryOpening}) // the client is gone when this fails
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Refresh", strconv.Itoa(retryOpening))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte(notYetPage)) // the client is gone when this fails
}
