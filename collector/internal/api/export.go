package api

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/audit"
)

type exportAuditIn struct {
	Filter string `query:"filter" maxLength:"8192" doc:"As for the list: actor, action, object, outcome, at"`
	Format string `query:"format" enum:"csv,ndjson" default:"ndjson"`
}

// exportAudit writes entries as they are read, so that it costs the same memory for ten as for ten million.
func (s *Server) exportAudit(ctx context.Context, c access.Caller, in *exportAuditIn) (*huma.StreamResponse, error) {
	var q audit.Query
	if _, _, err := s.terms(&ListIn{Filter: in.Filter}, "audit", auditTerms(&q)); err != nil {
		return nil, err
	}
	_, err := s.opt.Audit.Write(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "audit.export", Detail: map[string]any{"filter": in.Filter, "format": in.Format}})
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		name, kind := "audit.ndjson", "application/x-ndjson"
		if in.Format == "csv" {
			name, kind = "audit.csv", "text/csv; charset=utf-8"
		}
		hc.SetHeader("Content-Type", kind)
		hc.SetHeader("Content-Disposition", `attachment; filename="`+name+`"`)
		hc.SetHeader("Cache-Control", "no-store")
		if err := s.writeAudit(hc.Context(), c.Tenant, q, in.Format, hc.BodyWriter()); err != nil {
			if hc.Context().Err() == nil {
				s.opt.Log.ErrorContext(hc.Context(), "export audit entries", "error", err)
			}
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
	}}, nil
}

func (s *Server) writeAudit(ctx context.Context, tenant string, q audit.Query, format string, to io.Writer) error {
	w := bufio.NewWriterSize(to, 64<<10)
	if format != "csv" {
		enc := json.NewEncoder(w)
		if err := s.opt.Audit.Each(ctx, tenant, q, func(e audit.Entry) error { return enc.Encode(auditDocument(&e)) }); err != nil {
			return err
		}
		return w.Flush()
	}
	table := csv.NewWriter(w)
	if err := table.Write([]string{"id", "at", "actor", "action", "object_kind", "object_id", "object_name", "outcome", "address", "reason", "detail"}); err != nil {
		return err
	}
	err := s.opt.Audit.Each(ctx, tenant, q, func(e audit.Entry) error {
		var object audit.Ref
		if e.Object != nil {
			object = *e.Object
		}
		detail := ""
		if len(e.Detail) > 0 {
			b, err := json.Marshal(e.Detail)
			if err != nil {
				return err
			}
			detail = string(b)
		}
		row := []string{e.ID, e.At.UTC().Format(time.RFC3339Nano), e.Actor, e.Action, object.Kind, object.ID, object.Name, e.Outcome, e.Address, e.Reason, detail}
		for i, cell := range row {
			row[i] = harmless(cell)
		}
		return table.Write(row)
	})
	if err != nil {
		return err
	}
	table.Flush()
	if err := table.Error(); err != nil {
		return err
	}
	return w.Flush()
}

// harmless keeps a spreadsheet from taking foreign text for a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
