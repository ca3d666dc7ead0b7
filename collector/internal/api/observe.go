package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"maestro.internal/collector/internal/words"
)

type metrics struct {
	duration *prometheus.HistogramVec
	refused  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "maestro_api_request_duration_seconds", Help: "Time to answer requests of the REST API, by operation.",
			Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"operation", "code"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "maestro_api_refused_total", Help: "Requests refused for want of sign-in or rights.",
		}, []string{"code"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.duration, m.refused} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	req    *request
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	r.begin(status)
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) begin(status int) {
	if r.status != 0 {
		return
	}
	r.status = status
	if status < 300 && !r.req.recognised.IsZero() {
		r.Header().Set("Server-Timing", r.req.timing(time.Now()))
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.begin(http.StatusOK)
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// observe puts around every request what has nothing to do with its meaning: an id, headers, the log, metrics,
// and the net under a panic.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		req := &request{start: start, id: rand.Text()[:12], address: addressOf(r), cookie: cookieOf(r), tls: r.TLS != nil, browser: r.UserAgent(), language: words.Asked(r.Header.Get("Accept-Language"))}
		rec := &recorder{ResponseWriter: w, req: req}
		h := rec.Header()
		h.Set("X-Request-Id", req.id)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		ctx := context.WithValue(r.Context(), keyRequest, req)
		defer func() {
			cause := recover()
			s.caught(rec, r, req, cause)
			s.note(ctx, rec, r, req, time.Since(start))
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(http.ErrAbortHandler) // ends the connection, so that the client sees that the answer is not whole
			}
		}()
		next.ServeHTTP(rec, r.WithContext(ctx))
	})
}

// timing tells the caller's own tools where the time went, as the header Server-Timing has it: until the caller was recognised, and
// until the answer began. It is told of what was read, and only when that was found: by the exact time neither may a sign-in tell
// how far it came, nor a 404 whether there is something that the caller may not know of.
func (r *request) timing(now time.Time) string {
	ms := func(d time.Duration) string { return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) }
	return "auth;dur=" + ms(r.recognised.Sub(r.start)) + ", answer;dur=" + ms(now.Sub(r.recognised)) + ", total;dur=" + ms(now.Sub(r.start))
}

func (s *Server) caught(w *recorder, r *http.Request, req *request, cause any) {
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && (errors.Is(err, http.ErrAbortHandler) || r.Context().Err() != nil) {
		return // the client is gone
	}
	s.opt.Log.Error("answer request: panic", "operation", req.operation, "request_id", req.id,
		"panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
	if w.status == 0 {
		writeProblem(w, r, problem(http.StatusInternalServerError, "The collector could not do this. Quote %s to whoever runs it: its log says why.", req.id))
	}
}

// note writes the line of the log. It names the path but not the query, where people put what they search for.
func (s *Server) note(ctx context.Context, w *recorder, r *http.Request, req *request, took time.Duration) {
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	operation := req.operation
	if operation == "" {
		operation = "other"
	}
	s.metrics.duration.WithLabelValues(operation, strconv.Itoa(status)).Observe(took.Seconds())
	level := slog.LevelInfo
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		s.metrics.refused.WithLabelValues(strconv.Itoa(status)).Inc()
	case status >= 500 && status != http.StatusServiceUnavailable:
		level = slog.LevelError
	case !unsafeMethod(r.Method):
		level = slog.LevelDebug
	}
	s.opt.Log.LogAttrs(ctx, level, "request", slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.String("operation", operation), slog.Int("status", status), slog.Int64("bytes", w.bytes),
		slog.Duration("took", took), slog.String("caller", req.caller), slog.String("address", req.address),
		slog.String("request_id", req.id))
}
