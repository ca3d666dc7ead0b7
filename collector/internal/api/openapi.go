package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"maestro.internal/internal/rest"
)

// prefix of every path of the human plane.
const prefix = "/api/v1"

// newDocument is the OpenAPI document before the operations declare themselves.
func newDocument() *huma.OpenAPI {
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title:   "Maestro",
			Version: "1",
			Description: "The human plane of a Maestro collector. The web UI, the maestro command and scripts use this and nothing else.\n\n" +
				"Attributes of resources follow the schema of their kind (/kinds), so there is one Resource for all kinds. " +
				"Lists answer pages; errors are problem documents (RFC 9457); writes of versioned objects need If-Match. " +
				"Writes with the session's cookie need the header X-Maestro-CSRF: 1.",
		},
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"token":   {Type: "http", Scheme: "bearer", Description: "An API token: mst_..."},
				"session": {Type: "apiKey", In: "cookie", Name: sessionCookie},
			},
		},
		Security: []map[string][]string{{"token": {}}, {"session": {}}},
	}
}

// problemResponse is how every operation may end besides its own answer.
func problemResponse(doc *huma.OpenAPI) *huma.Response {
	schema := doc.Components.Schemas.Schema(reflect.TypeFor[rest.Problem](), true, "Problem")
	return &huma.Response{
		Description: "A problem document (RFC 9457)",
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
	}
}

// refine says what Go's types do not: this API never sends or takes null for an array, and some strings
// of the SDK are closed sets.
func refine(doc *huma.OpenAPI) {
	schemas := doc.Components.Schemas.Map()
	delete(schemas, "ErrorModel") // what huma would answer by itself has the same shape as Problem
	delete(schemas, "ErrorDetail")
	for _, s := range schemas {
		neverNull(s)
	}
	enum := func(schema, property string, values ...any) {
		s := schemas[schema]
		if s == nil || s.Properties[property] == nil {
			panic(fmt.Sprintf("openapi: no property %s.%s", schema, property))
		}
		s.Properties[property].Enum = values
		s.PrecomputeMessages()
	}
	outcomes := []any{"complete", "partial", "denied", "throttled", "unreachable", "unsupported", "failed", "not_tried"}
	enum("Outcome", "status", outcomes...)
	enum("CoverageException", "status", outcomes...)
	enum("Field", "type", "string", "integer", "number", "boolean", "time", "ip", "array", "object")
	enum("RelationAlias", "direction", "out", "in")
	// The library offers raw bytes wherever a handler also looks at the body as it came; JSON alone is meant there.
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Post, item.Patch, item.Put} {
			if op != nil && op.RequestBody != nil && op.RequestBody.Content["application/json"] != nil {
				delete(op.RequestBody.Content, "application/octet-stream")
			}
		}
	}
}

func neverNull(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	neverNull(s.Items)
	for _, p := range s.Properties {
		neverNull(p)
	}
	if extra, ok := s.AdditionalProperties.(*huma.Schema); ok {
		neverNull(extra)
	}
}

// Document is the OpenAPI document, indented, as it is served and as docs/openapi.json has it.
func Document() ([]byte, error) {
	s := &Server{}
	s.build()
	return s.document()
}

func (s *Server) document() ([]byte, error) {
	compact, err := json.Marshal(s.doc)
	if err != nil {
		return nil, fmt.Errorf("encode openapi document: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		return nil, fmt.Errorf("indent openapi document: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
