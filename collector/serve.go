package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/api"
	"maestro.internal/collector/internal/lease"
	"maestro.internal/collector/internal/picture"
	"maestro.internal/collector/internal/webui"
	"maestro.internal/internal/upload"
	"maestro.internal/web"
)

// maxBody bounds what a request may send; the largest documents are connections' settings.
const maxBody = 4 << 20

// site is everything on the human plane's port. Health says only whether, never what.
func (c *Collector) site(server *api.Server) (http.Handler, error) {
	files, err := web.Files()
	if err != nil {
		return nil, err
	}
	ui, err := webui.New(files)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", limited(server))
	mux.Handle("GET /metrics", c.withToken(promhttp.HandlerFor(c.metrics, promhttp.HandlerOpts{})))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", c.readyz)
	mux.Handle("/", ui)
	return mux, nil
}

// limited bounds bodies; files have bounds of their own.
func limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most := int64(maxBody)
		switch {
		case r.URL.Path == "/api/v1/imports":
			most = api.MaxImport + 1
		case r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/api/v1/connections/") && strings.Contains(r.URL.Path, "/files/"):
			most = upload.MaxFile + 1
		case r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/picture"):
			most = picture.MaxBytes + 1
		}
		http.MaxBytesHandler(next, most).ServeHTTP(w, r)
	})
}

func plain(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text + "\n")) // the client is gone when this fails
}

// readyz is what a load balancer asks: may requests come here?
func (c *Collector) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	if err := c.store.Ping(ctx); err != nil {
		c.log.Warn("not ready", "error", err)
		plain(w, http.StatusServiceUnavailable, "the store does not answer")
		return
	}
	plain(w, http.StatusOK, "ready")
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
			plain(w, http.StatusUnauthorized, "an API token is needed: Authorization: Bearer ...")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serve answers people until ctx is done.
func (c *Collector) serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: c.handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 5 * time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(c.part("http").Handler(), slog.LevelDebug),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	defer c.endStreams()
	select {
	case err := <-done:
		return fmt.Errorf("serve people: %w", err)
	case <-ctx.Done():
	}
	c.endStreams() // which would go on forever
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.ShutdownAfter)
	defer cancel()
	err := srv.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	<-done
	if err != nil {
		return fmt.Errorf("end serving people: %w", err)
	}
	return nil
}

// sweep does what time asks for, at one collector at a time.
func (c *Collector) sweep(ctx context.Context) {
	tick := time.NewTicker(c.opt.Sweep)
	defer tick.Stop()
	for {
		if err := c.sweepOnce(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-c.inventory.Waiting():
		}
	}
}

func (c *Collector) sweepOnce(ctx context.Context) (err error) {
	l, err := c.leases.Acquire(ctx, "", "sweep")
	if errors.Is(err, lease.ErrHeld) {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	kept := make(chan struct{})
	go func() { // waited for below
		defer close(kept)
		tick := time.NewTicker(lease.Life / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if l.Renew(ctx) != nil {
					cancel() // somebody else sweeps now
					return
				}
			}
		}
	}()
	now := c.opt.Now()
	err = errors.Join(c.inventory.Sweep(ctx, now), c.fleet.Sweep(ctx, now), c.access.Sweep(ctx, now), c.transfer.Sweep(ctx, now), c.notify.Sweep(ctx, now), c.pictures.Sweep(ctx, now), c.approvals.Sweep(ctx, now), c.accounts.Sweep(ctx, now), c.keepHistory(ctx, now))
	cancel()
	<-kept
	release, end := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer end()
	return errors.Join(err, l.Release(release))
}
