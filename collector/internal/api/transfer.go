package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/transfer"
	"maestro.internal/collector/internal/transfer/sheet"
	"maestro.internal/internal/rest"
)

// MaxImport bounds an imported file.
const MaxImport = 512 << 20

// importWithin and exportWithin are for the largest files over a slow line.
const (
	importWithin = 30 * time.Minute
	exportWithin = time.Hour
)

type importIn struct {
	Kind       string `query:"kind" maxLength:"200" doc:"Kind of the rows; not needed with a mapping, nor for a document of several kinds"`
	Mapping    string `query:"mapping" maxLength:"200" doc:"Name or id of an import mapping"`
	File       string `query:"file" maxLength:"300" doc:"Name of the file; says the format by its end, and is shown to people"`
	Format     string `query:"format" enum:"csv,xlsx,json,maestro" doc:"Absent: found out from the name and the content"`
	Encoding   string `query:"encoding" maxLength:"50" doc:"Of CSV: utf-8 (or UTF-16 with a byte order mark), utf-16le, utf-16be, windows-1252, iso-8859-1"`
	Sheet      string `query:"sheet" maxLength:"100" doc:"Of a workbook; absent: the first"`
	DryRun     bool   `query:"dry_run" doc:"Say what would be done, and write nothing"`
	SkipErrors bool   `query:"skip_errors" doc:"Leave wrong rows out; otherwise one wrong row refuses the file"`
	Create     bool   `query:"create_datacenters" doc:"Record the datacenters that rows name and nobody has recorded; otherwise such rows are wrong. Needs the right to manage datacenters"`
	Reason     string `query:"reason" maxLength:"1000"`

	body io.Reader
}

// Resolve takes hold of the body, which is never in memory as a whole.
func (in *importIn) Resolve(ctx huma.Context) []error {
	in.body = ctx.BodyReader()
	// A server that cannot move its deadline keeps the one it has.
	_ = ctx.SetReadDeadline(time.Now().Add(importWithin))
	return nil
}

type exportIn struct {
	Kind    string    `path:"kind" maxLength:"200"`
	Filter  string    `query:"filter" maxLength:"8192" doc:"As for the list"`
	OrderBy string    `query:"order_by" maxLength:"1000"`
	AsOf    time.Time `query:"as_of" doc:"The list as the collector had it at that moment"`
	Format  string    `query:"format" enum:"csv,json,xlsx" default:"csv"`
	Columns string    `query:"columns" maxLength:"8192" doc:"Names of the filter language, relations.<alias> and identifiers.<type>, separated by commas; absent: all"`
}

type mappingPutIn struct {
	ID      string `path:"id" maxLength:"200"`
	IfMatch string `header:"If-Match" doc:"The version edited, as in the ETag; required"`
	Body    rest.ImportMappingWrite
}

type editIn struct {
	Body    rest.BulkEdit
	RawBody []byte
}

type undoIn struct {
	ID   string     `path:"id" maxLength:"200"`
	Body *rest.Undo `required:"false"`
}

type relateIn struct {
	ResourceIn
	Body rest.RelationWrite
}

type unrelateIn struct {
	ResourceIn
	Verb   string `query:"verb" required:"true" maxLength:"100"`
	Target string `query:"target" required:"true" maxLength:"200" doc:"id of the other resource"`
}

func (s *Server) transferRoutes() {
	tag := "transfer"
	handle(s, route{method: "POST", path: "/imports", id: "import-resources", tag: tag, action: access.EditCosts, status: 202, stream: true,
		summary: "Import a file, or look at what importing it would do; the operation says how far it is"}, s.importResources)
	handle(s, route{method: "GET", path: "/exports/{kind}", id: "export-resources", tag: tag, action: access.Read,
		summary: "A list as a file: CSV, JSON or XLSX"}, s.exportResources)
	handle(s, route{method: "POST", path: "/exports/{kind}", id: "export-chosen-resources", tag: tag, action: access.Read,
		summary: "Resources that are named by their ids, as a file: CSV, JSON or XLSX"}, s.exportChosen)
	handle(s, route{method: "POST", path: "/edits", id: "edit-resources", tag: tag, action: access.EditCosts, status: 202,
		summary: "Edit all that a filter finds or that is named, or look at what that would do"}, s.editResources)
	handle(s, route{method: "GET", path: "/operations", id: "list-operations", tag: tag, action: access.Read,
		summary: "Imports, bulk edits and what undid them, newest first"}, s.listOperations)
	handle(s, route{method: "GET", path: "/operations/{id}", id: "get-operation", tag: tag, action: access.Read,
		summary: "One operation: how far it is, what it changes, which rows are wrong"}, s.getOperation)
	handle(s, route{method: "POST", path: "/operations/{id}/undo", id: "undo-operation", tag: tag, action: access.EditCosts, status: 202,
		summary: "Take an operation back, but for what was changed since"}, s.undoOperation)
	handle(s, route{method: "GET", path: "/import-mappings", id: "list-import-mappings", tag: tag, action: access.ReadSettings,
		summary: "Which column is which field, for files that come again"}, s.listImportMappings)
	handle(s, route{method: "POST", path: "/import-mappings", id: "create-import-mapping", tag: tag, action: access.ManageImports, status: 201,
		summary: "Save a mapping"}, s.createImportMapping)
	handle(s, route{method: "GET", path: "/import-mappings/{id}", id: "get-import-mapping", tag: tag, action: access.ReadSettings,
		summary: "One mapping, by id or name"}, s.getImportMapping)
	handle(s, route{method: "PUT", path: "/import-mappings/{id}", id: "update-import-mapping", tag: tag, action: access.ManageImports,
		summary: "Edit a mapping"}, s.updateImportMapping)
	handle(s, route{method: "DELETE", path: "/import-mappings/{id}", id: "delete-import-mapping", tag: tag, action: access.ManageImports,
		summary: "Forget a mapping"}, s.deleteImportMapping)
	handle(s, route{method: "POST", path: "/resources/{kind}/{id}/relations", id: "relate-resource", tag: "resources", action: access.EditResources,
		summary: "State a relation to another resource"}, s.relateResource)
	handle(s, route{method: "DELETE", path: "/resources/{kind}/{id}/relations", id: "unrelate-resource", tag: "resources", action: access.EditResources,
		summary: "Take back a relation that a person stated"}, s.unrelateResource)
}

func (s *Server) importResources(ctx context.Context, c access.Caller, in *importIn) (*out[rest.Operation], error) {
	if in.Create && access.Decide(c, access.ManageDatacenters, access.Object{}) != access.Allowed {
		return nil, problem(http.StatusForbidden, "You may import, and not record datacenters. Import without create_datacenters, or ask whoever manages datacenters.")
	}
	f, err := os.CreateTemp("", "maestro-import-*")
	if err != nil {
		return nil, fmt.Errorf("keep import: %w", err)
	}
	n, err := io.Copy(f, io.LimitReader(in.body, MaxImport+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), n > MaxImport:
		err = problem(http.StatusRequestEntityTooLarge, "A file may have %d MiB. Split it.", MaxImport>>20)
	case err != nil && ctx.Err() == nil:
		err = problem(http.StatusBadRequest, "The file did not arrive whole: %s.", err)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	op, err := s.opt.Transfer.Import(ctx, domainCaller(c), transfer.ImportRequest{Kind: in.Kind, Mapping: in.Mapping, DryRun: in.DryRun,
		SkipErrors: in.SkipErrors, CreateDatacenters: in.Create, Reason: strings.TrimSpace(in.Reason),
		File: sheet.Options{Format: sheet.Format(in.Format), Name: in.File, Encoding: in.Encoding, Sheet: in.Sheet}}, f)
	var bad *sheet.Error
	var invalid *inventory.InvalidError
	switch {
	case errors.As(err, &bad):
		return nil, problem(http.StatusUnprocessableEntity, "%s", sentence("the file: "+bad.Error())).at("body", bad.Error())
	case errors.As(err, &invalid):
		place := "query" + strings.ReplaceAll(invalid.Pointer, "/", ".")
		return nil, problem(http.StatusUnprocessableEntity, "%s", sentence(ofField(strings.TrimPrefix(invalid.Pointer, "/"), invalid.Problem))).at(place, invalid.Problem)
	case err != nil:
		return nil, err
	}
	return &out[rest.Operation]{Body: op}, nil
}

func (s *Server) exportResources(ctx context.Context, c access.Caller, in *exportIn) (*huma.StreamResponse, error) {
	k, err := s.kind(ctx, c, in.Kind)
	if err != nil {
		return nil, err
	}
	fields, err := s.fieldsOfKind(ctx, c, k.Name)
	if err != nil {
		return nil, err
	}
	q, _, err := s.listQuery(&ListIn{OrderBy: in.OrderBy}, fields, in.Filter, "export", in.Kind, momentText(in.AsOf))
	if err != nil {
		return nil, err
	}
	q.Kind, q.AsOf = in.Kind, in.AsOf
	var columns []string
	for name := range strings.SplitSeq(in.Columns, ",") {
		if name = strings.TrimSpace(name); name != "" {
			columns = append(columns, name)
		}
	}
	return s.export(ctx, c, transfer.ExportRequest{Query: q, Format: sheet.Format(in.Format), Columns: columns}, map[string]any{"filter": in.Filter, "format": in.Format})
}

// export writes a file as it is read; what says in the audit trail what it was.
func (s *Server) export(ctx context.Context, c access.Caller, req transfer.ExportRequest, what map[string]any) (*huma.StreamResponse, error) {
	kind, format := req.Query.Kind, string(req.Format)
	file, err := s.opt.Transfer.Export(ctx, domainCaller(c), req)
	var invalid *inventory.InvalidError
	if errors.As(err, &invalid) {
		return nil, problem(http.StatusUnprocessableEntity, "%s", sentence(invalid.Problem)).at("query.columns", invalid.Problem)
	}
	if err != nil {
		return nil, err
	}
	_, err = s.opt.Audit.Write(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Address: c.Address, Action: "resources.export",
		Object: &audit.Ref{ID: kind, Name: kind, Kind: "kind"}, Detail: what})
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		// A server that cannot move its deadline keeps the one it has.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(exportWithin))
		hc.SetHeader("Content-Type", sheet.ContentType(req.Format))
		hc.SetHeader("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.%s"`, strings.ReplaceAll(kind, `"`, ""), format))
		if err := file.Write(hc.Context(), hc.BodyWriter()); err != nil {
			if hc.Context().Err() == nil {
				s.opt.Log.ErrorContext(hc.Context(), "export resources", "kind", kind, "error", err)
			}
			panic(http.ErrAbortHandler) // half a file must not look like a whole one
		}
	}}, nil
}

func (s *Server) editResources(ctx context.Context, c access.Caller, in *editIn) (*out[rest.Operation], error) {
	req, err := s.editRequest(ctx, c, &in.Body, in.RawBody)
	if err != nil {
		return nil, err
	}
	op, err := s.opt.Transfer.Edit(ctx, domainCaller(c), req)
	if err != nil {
		return nil, err
	}
	return &out[rest.Operation]{Body: op}, nil
}

func (s *Server) editRequest(ctx context.Context, c access.Caller, body *rest.BulkEdit, text []byte) (transfer.EditRequest, error) {
	k, err := s.kind(ctx, c, body.Kind)
	if err != nil {
		return transfer.EditRequest{}, err
	}
	fields, err := s.fieldsOfKind(ctx, c, k.Name)
	if err != nil {
		return transfer.EditRequest{}, err
	}
	q, _, err := s.listQuery(&ListIn{}, fields, body.Filter, "edit", body.Kind)
	if err != nil {
		return transfer.EditRequest{}, err
	}
	q.Kind = body.Kind
	where := strings.TrimSpace(body.Filter)
	if len(body.IDs) > 0 {
		onlyIDs(&q, body.IDs)
		where = strings.TrimSpace(fmt.Sprintf("%s (%d chosen by id)", where, len(body.IDs)))
	}
	var raw struct {
		Set map[string]json.RawMessage `json:"set"` // as they are written, so that no number loses digits
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return transfer.EditRequest{}, problem(http.StatusBadRequest, "The body is not valid JSON.")
	}
	if err := s.placedIn(ctx, c, raw.Set); err != nil {
		return transfer.EditRequest{}, err
	}
	return transfer.EditRequest{Query: q, Filter: where, Set: raw.Set, Reset: body.Reset, DryRun: body.DryRun, Expect: body.Expect,
		Reason: strings.TrimSpace(body.Reason), Text: text}, nil
}

// As is somebody with the rights that he has now, for what is done in his name later. store.ErrNotFound: he is nobody any more.
func (s *Server) As(ctx context.Context, tenant, who string) (inventory.Caller, error) {
	c, err := s.opt.Access.Named(ctx, tenant, who)
	if err == nil {
		c, err = s.reach(ctx, c)
	}
	return domainCaller(c), err
}

// EditAsked is an edit that somebody asked for, with the rights that he has now. *inventory.InvalidError: it cannot be read any more,
// as where its filter names a field that is gone.
func (s *Server) EditAsked(ctx context.Context, tenant, who string, a transfer.Asking) (inventory.Caller, transfer.EditRequest, error) {
	c, err := s.opt.Access.Named(ctx, tenant, who)
	if err != nil {
		return inventory.Caller{}, transfer.EditRequest{}, err
	}
	if c, err = s.reach(ctx, c); err != nil {
		return inventory.Caller{}, transfer.EditRequest{}, err
	}
	var body rest.BulkEdit
	if err := json.Unmarshal(a.Request, &body); err != nil {
		return inventory.Caller{}, transfer.EditRequest{}, fmt.Errorf("decode edit: %w", err)
	}
	req, err := s.editRequest(ctx, c, &body, a.Request)
	var p *problemError
	if errors.As(err, &p) {
		err = &inventory.InvalidError{Problem: p.Detail}
	}
	return domainCaller(c), req, err
}

func (s *Server) listOperations(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Operation]], error) {
	list, err := s.opt.Transfer.Operations(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	return small(s, in, list, func(o rest.Operation) string { return o.ID }, "started_at desc")
}

func (s *Server) getOperation(ctx context.Context, c access.Caller, in *idIn) (*out[rest.Operation], error) {
	op, err := s.opt.Transfer.Operation(ctx, domainCaller(c), in.ID)
	if err != nil {
		return nil, orNotFound(err, "operation")
	}
	if op.Sample, err = s.shownChanges(ctx, c, op.Sample); err != nil {
		return nil, err
	}
	return &out[rest.Operation]{Body: op}, nil
}

// shownChanges are what an operation changes as a caller may read it: without what is sensitive, and with the names of what is told
// by its id.
func (s *Server) shownChanges(ctx context.Context, c access.Caller, changes []rest.OperationChange) ([]rest.OperationChange, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	names, err := s.names(ctx, c)
	if err != nil {
		return nil, err
	}
	hides := map[string]func(string) bool{}
	for i, x := range changes {
		if hides[x.Resource.Kind] == nil {
			if hides[x.Resource.Kind], err = s.hides(ctx, c, x.Resource.Kind); err != nil {
				return nil, err
			}
		}
		changes[i].Diff = slices.DeleteFunc(x.Diff, func(d rest.FieldChange) bool { return hides[x.Resource.Kind](d.Pointer) })
		for j, d := range changes[i].Diff {
			changes[i].Diff[j] = names.called(d)
		}
	}
	return changes, nil
}

// hides says which fields of a kind are kept from a caller: all of a kind that is gone, since nobody can say what of it is sensitive.
func (s *Server) hides(ctx context.Context, c access.Caller, kind string) (func(pointer string) bool, error) {
	k, err := s.opt.Inventory.Kind(ctx, c.Tenant, kind)
	if isNotFound(err) {
		return func(string) bool { return true }, nil
	}
	if err != nil {
		return nil, err
	}
	return inventory.Hides(domainCaller(c), k.Kind), nil
}

func (s *Server) undoOperation(ctx context.Context, c access.Caller, in *undoIn) (*out[rest.Operation], error) {
	var req rest.Undo
	if in.Body != nil {
		req = *in.Body
	}
	op, err := s.opt.Transfer.Undo(ctx, domainCaller(c), in.ID, req)
	if err != nil {
		return nil, orNotFound(err, "operation")
	}
	return &out[rest.Operation]{Body: op}, nil
}

func (s *Server) listImportMappings(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.ImportMapping]], error) {
	list, err := s.opt.Transfer.Mappings(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	return small(s, in, list, func(m rest.ImportMapping) string { return m.ID }, "name")
}

func (s *Server) getImportMapping(ctx context.Context, c access.Caller, in *idIn) (*versioned[rest.ImportMapping], error) {
	return oneImportMapping(s.opt.Transfer.Mapping(ctx, domainCaller(c), in.ID))
}

func (s *Server) createImportMapping(ctx context.Context, c access.Caller, in *bodyIn[rest.ImportMappingWrite]) (*versioned[rest.ImportMapping], error) {
	return oneImportMapping(s.opt.Transfer.CreateMapping(ctx, domainCaller(c), in.Body))
}

func (s *Server) updateImportMapping(ctx context.Context, c access.Caller, in *mappingPutIn) (*versioned[rest.ImportMapping], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	return oneImportMapping(s.opt.Transfer.UpdateMapping(ctx, domainCaller(c), in.ID, version, in.Body))
}

func (s *Server) deleteImportMapping(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	if err := s.opt.Transfer.DeleteMapping(ctx, domainCaller(c), in.ID); err != nil {
		return nil, orNotFound(err, "import mapping")
	}
	return &none{}, nil
}

func oneImportMapping(m rest.ImportMapping, err error) (*versioned[rest.ImportMapping], error) {
	if err != nil {
		return nil, orNotFound(err, "import mapping")
	}
	return &versioned[rest.ImportMapping]{ETag: etag(m.Version), Body: m}, nil
}

func (s *Server) relateResource(ctx context.Context, c access.Caller, in *relateIn) (*none, error) {
	t := in.Body.Target
	if t.Kind == "" || t.ID == "" {
		return nil, problem(http.StatusUnprocessableEntity, "Say the kind and the id of the other resource.").at("body.target", "needs kind and id")
	}
	heads, err := s.opt.Inventory.FindByID(ctx, domainCaller(c), t.Kind, []string{t.ID})
	if err != nil {
		return nil, err
	}
	h, ok := heads[t.ID]
	if !ok {
		return nil, problem(http.StatusUnprocessableEntity, "There is no such %s to relate to, or you may not see it.", t.Kind).at("body.target.id", "is no resource of that kind")
	}
	return s.relations(ctx, c, in.ResourceIn, "resource.relate", inventory.Edit{ID: in.ID,
		Relations: []inventory.PersonRelation{{Verb: in.Body.Verb, Kind: t.Kind, ID: h.ID, Name: h.Name}}})
}

func (s *Server) unrelateResource(ctx context.Context, c access.Caller, in *unrelateIn) (*none, error) {
	return s.relations(ctx, c, in.ResourceIn, "resource.unrelate", inventory.Edit{ID: in.ID, Unrelate: []inventory.PersonRelation{{Verb: in.Verb, ID: in.Target}}})
}

// relations edits what people state of one resource.
func (s *Server) relations(ctx context.Context, c access.Caller, at ResourceIn, action string, e inventory.Edit) (*none, error) {
	if _, err := s.kind(ctx, c, at.Kind); err != nil {
		return nil, err
	}
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Address: c.Address, Action: action,
		Object: &audit.Ref{ID: at.ID, Kind: at.Kind}})
	if err != nil {
		return nil, err
	}
	done, err := s.opt.Inventory.ApplyEdits(ctx, domainCaller(c), inventory.Operation{ID: uuid.NewString(), AuditID: entry, Number: 1}, at.Kind, []inventory.Edit{e})
	if err == nil {
		err = done[0].Err
	}
	if err == nil && done[0].Action == inventory.EditUnchanged && len(e.Unrelate) > 0 {
		err = problem(http.StatusNotFound, "No person stated that relation; what connections report cannot be taken back here.")
	}
	// The end is noted even when the request is canceled meanwhile.
	err = errors.Join(err, s.opt.Audit.Finish(context.WithoutCancel(ctx), c.Tenant, entry, err))
	if err != nil {
		return nil, orNotFound(err, "resource")
	}
	return &none{}, nil
}
