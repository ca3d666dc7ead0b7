package collector

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/webui"
	"maestro.internal/web"
)

// handler is the human plane's port: health for load balancers, metrics for who has a token, the API, and the web UI for
// everything else.
func (c *Collector) handler(api http.Handler) (http.Handler, error) {
	files, err := web.Files()
	if err != nil {
		return nil, err
	}
	ui, err := webui.New(files)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", c.ready)
	mux.Handle("GET /metrics", c.withToken(promhttp.HandlerFor(c.metrics, promhttp.HandlerOpts{Registry: c.metrics})))
	mux.Handle("/api/", api)
	mux.Handle("/", ui)
	return mux, nil
}

// ready says whether requests can be answered now: that takes the store.
func (c *Collector) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	if err := c.store.Ping(ctx); err != nil {
		c.log.Warn("not ready", "error", err)
		answer(w, http.StatusServiceUnavailable, "the store does not answer")
		return
	}
	answer(w, http.StatusOK, "ready")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// Nobody is left to tell when this fails.
	_, _ = w.Write([]byte(text + "\n"))
}

// withToken lets in who has an API token: a scraper has no browser.
func (c *Collector) withToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if ok {
			_, err := c.access.FromToken(r.Context(), access.NewSecret(token), r.RemoteAddr)
			ok = err == nil
		}
		if !ok {
			w.Header().Set("WWW-Authenticate", `Bearer realm="maestro"`)
			answer(w, http.StatusUnauthorized, "an API token is needed: Authorization: Bearer ...")
			return
		}
		next.ServeHTTP(w, r)
	})
}
