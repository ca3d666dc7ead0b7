// Package api is the human plane: the REST API that the web UI, the maestro command and scripts use.
//
// It is code first: operations are declared once, with the documents of internal/rest, and from that come the
// routing, the validation of what comes in and the OpenAPI document (docs/openapi.json). The package
// translates between HTTP and the domain; rights are decided by access, meaning by inventory and fleet.
package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"maestro.internal/collector/internal/access"
)

const sessionCookie = "maestro_session"

// Server answers the human plane.
type Server struct {
	mux *http.ServeMux
	doc *huma.OpenAPI
	api huma.API
}

func (s *Server) build() {
	s.mux = http.NewServeMux()
	s.doc = newDocument()
	s.api = humago.New(s.mux, huma.Config{
		OpenAPI:       s.doc,
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	})
	s.routes()
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
}

func handle[I, O any](s *Server, r route, fn func(context.Context, access.Caller, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: prefix + r.path, Summary: r.summary, Tags: []string{r.tag},
		DefaultStatus: r.status,
		Responses:     map[string]*huma.Response{"default": problemResponse(s.doc)},
		Metadata:      map[string]any{"route": r},
	}
	if r.public {
		op.Security = []map[string][]string{}
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) { return fn(ctx, access.Caller{}, in) })
}
