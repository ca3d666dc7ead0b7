// Package api is the human plane: the REST API that the web UI, the maestro command and scripts use.
//
// It is code first: operations are declared once, with the documents of internal/rest, and from that come the
// routing, the validation of what comes in and the OpenAPI document (docs/openapi.json). The package
// translates between HTTP and the domain; rights are decided by access, meaning by inventory and fleet.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/account"
	"maestro.internal/collector/internal/approval"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/ledger"
	"maestro.internal/collector/internal/live"
	"maestro.internal/collector/internal/notify"
	"maestro.internal/collector/internal/picture"
	"maestro.internal/collector/internal/transfer"
	"maestro.internal/collector/internal/view"
	"maestro.internal/collector/internal/why"
)

const sessionCookie = "maestro_session"

// Options of a Server.
type Options struct {
	Access    *access.Service
	Audit     *audit.Log
	Inventory *inventory.Service
	Fleet     Fleet
	Transfer  *transfer.Service
	Views     *view.Service
	Notify    *notify.Service
	Ledger    *ledger.Ledger
	Why       *why.Service
	Pictures  *picture.Service
	Approvals *approval.Service
	Accounts  *account.Service
	Clock     func() time.Time
	Log       *slog.Logger
	// Metrics is where the metrics are registered; nil is nowhere.
	Metrics prometheus.Registerer
	// Version and Engine are shown to people, Demo marks an installation with simulated data.
	Version string
	Engine  string
	Demo    bool
	// PublicURL is what links to the web UI begin with; empty: they are paths.
	PublicURL string
	// BehindTLS says that people reach us by TLS that somebody before us ends, so that cookies are for encrypted connections only.
	BehindTLS bool
	SignIn    SignIn
	// CertificateEnds is when the web UI's certificate ends, zero where it has none; nil is never.
	CertificateEnds func() time.Time
}

// Server answers the human plane, everything below /api/v1.
type Server struct {
	opt     Options
	mux     *http.ServeMux
	doc     *huma.OpenAPI
	api     huma.API
	metrics *metrics
	handler http.Handler
	openapi []byte
	live    *live.Hub
	// rights tells open streams to look again whether they may go on.
	rights *signal
	// verifying is held while the whole history is read.
	verifying sync.Mutex
}

// New makes the handler of the human plane.
func New(opt Options) (*Server, error) {
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{opt: opt, live: live.New(live.Options{Clock: opt.Clock, Log: opt.Log}), rights: newSignal()}
	var err error
	if s.metrics, err = newMetrics(opt.Metrics); err != nil {
		return nil, err
	}
	if err := s.registerStreams(opt.Metrics); err != nil {
		return nil, err
	}
	s.build()
	if s.openapi, err = s.document(); err != nil {
		return nil, err
	}
	small, err := gzhttp.NewWrapper(gzhttp.MinSize(4<<10), gzhttp.ContentTypes([]string{"application/json", "application/openapi+json"}))
	if err != nil {
		return nil, fmt.Errorf("make compression: %w", err)
	}
	compressed := small(s.mux)
	s.handler = s.observe(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == eventsPath {
			s.mux.ServeHTTP(w, r) // what compresses also collects
			return
		}
		compressed.ServeHTTP(w, r)
	}))
	return s, nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) build() {
	s.mux = http.NewServeMux()
	s.doc = newDocument()
	s.api = humago.New(s.mux, huma.Config{
		OpenAPI:       s.doc,
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{plainProblem, localized, chosenFields},
	})
	s.api.UseMiddleware(s.gate)
	s.routes()
	s.mux.HandleFunc("GET "+prefix+"/openapi.json", s.serveDocument)
	s.mux.HandleFunc("/", s.noSuchPath)
	refine(s.doc)
}

// route is the declaration of one operation.
type route struct {
	method, path, id, tag, summary string
	action                         access.Action
	// status of success, when it is not 200, or 204 without a document.
	status int
	// public needs no caller.
	public bool
	// maxBody in bytes and the time for it, where they are not huma's defaults.
	maxBody    int64
	bodyWithin time.Duration
	// stream says that the body is a file, which the handler reads by itself.
	stream bool
	// events says that the answer is a stream of events.
	events bool
}

// handle declares an operation. fn gets a caller who may do what the route's action says.
func handle[I, O any](s *Server, r route, fn func(context.Context, access.Caller, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: prefix + r.path, Summary: r.summary, Tags: []string{r.tag},
		DefaultStatus: r.status, MaxBodyBytes: r.maxBody, BodyReadTimeout: r.bodyWithin, RejectUnknownQueryParameters: true,
		Responses: map[string]*huma.Response{"default": problemResponse(s.doc)},
		Metadata:  map[string]any{"route": r},
	}
	if r.stream {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	}
	if r.events {
		op.Responses["200"] = eventResponse(s.doc)
	}
	if r.public {
		op.Security = []map[string][]string{}
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		caller, _ := ctx.Value(keyCaller).(access.Caller)
		answer, err := fn(ctx, caller, in)
		if err != nil {
			return nil, s.asProblem(ctx, err)
		}
		return answer, nil
	})
}

// serveDocument needs a caller like everything else: what an API can do is nobody else's business.
func (s *Server) serveDocument(w http.ResponseWriter, r *http.Request) {
	req := requestOf(r.Context())
	req.operation = "openapi"
	caller, err := s.recognise(r, req)
	if err != nil {
		writeProblem(w, r, s.asProblem(r.Context(), err))
		return
	}
	req.caller = caller.Name
	w.Header().Set("Content-Type", "application/openapi+json")
	_, _ = w.Write(s.openapi) // the client is gone when this fails
}

// noSuchPath answers what no operation does: 401 first, so that strangers cannot map the API.
func (s *Server) noSuchPath(w http.ResponseWriter, r *http.Request) {
	req := requestOf(r.Context())
	caller, err := s.recognise(r, req)
	if err != nil {
		writeProblem(w, r, s.asProblem(r.Context(), err))
		return
	}
	req.caller = caller.Name
	if allowed := s.methodsOf(r); len(allowed) > 0 {
		e := problem(http.StatusMethodNotAllowed, "This path takes %s.", strings.Join(allowed, ", "))
		e.header = http.Header{"Allow": {strings.Join(allowed, ", ")}}
		writeProblem(w, r, e)
		return
	}
	writeProblem(w, r, problem(http.StatusNotFound, "There is no %s in this API. Its paths are listed in %s/openapi.json.", r.URL.Path, prefix))
}

func (s *Server) methodsOf(r *http.Request) []string {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = m
		if _, pattern := s.mux.Handler(other); pattern != "/" && pattern != "" {
			allowed = append(allowed, m)
		}
	}
	return allowed
}
