package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/transfer/sheet"
	"maestro.internal/sdk/schema"
)

// ExportRequest asks for a list as a file.
type ExportRequest struct {
	Query  inventory.ListQuery
	Format sheet.Format
	// Columns by name; none are all of the kind's fields, and the tags and identifiers that the first page has.
	Columns []string
}

// exportPage is how many resources are read at once.
const exportPage = 1000

// Exporting is an export whose request is sound and that is ready to be written.
type Exporting struct {
	s       *Service
	caller  inventory.Caller
	req     ExportRequest
	kind    *schema.Kind
	columns []target
	first   *inventory.ResourceList
	names   map[string]string // of datacenters
}

// Export reads the first page and says what is wrong with the request. Write does the rest.
func (s *Service) Export(ctx context.Context, c inventory.Caller, req ExportRequest) (*Exporting, error) {
	c.Sensitive = false // what is sensitive is never exported
	k, err := s.opt.Inventory.Kind(ctx, c.Tenant, req.Query.Kind)
	if err != nil {
		return nil, err
	}
	switch req.Format {
	case sheet.CSV, sheet.JSON, sheet.XLSX:
	default:
		return nil, &inventory.InvalidError{Pointer: "/format", Problem: "is csv, json or xlsx"}
	}
	e := &Exporting{s: s, caller: c, req: req, kind: k.Kind, names: map[string]string{}}
	for _, name := range req.Columns {
		t, ok := targetOf(k.Kind, name)
		switch {
		case !ok:
			return nil, &inventory.InvalidError{Pointer: "/columns", Problem: fmt.Sprintf("%q is no field of kind %s%s", name, k.Name, suggest(k.Kind, name))}
		case t.field != nil && t.field.Sensitive:
			return nil, &inventory.InvalidError{Pointer: "/columns", Problem: fmt.Sprintf("%s is sensitive and never exported", name)}
		}
		if !slices.ContainsFunc(e.columns, func(x target) bool { return x.name == t.name }) {
			e.columns = append(e.columns, t)
		}
	}
	e.req.Query.Limit = exportPage
	if e.first, err = s.opt.Inventory.List(ctx, c, e.req.Query); err != nil {
		return nil, err
	}
	if len(e.columns) == 0 {
		if err := e.fillFirst(ctx); err != nil {
			return nil, err
		}
		e.columns = allColumns(k.Kind, e.first.Items)
	}
	list, err := s.opt.Datacenters(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("read datacenters: %w", err)
	}
	for _, d := range list {
		e.names[d.ID] = d.Name
	}
	return e, nil
}

// fillFirst reads on where the first page is short, as one of a past moment may be: its tags are columns.
func (e *Exporting) fillFirst(ctx context.Context) error {
	for e.first.Next != "" && len(e.first.Items) < exportPage {
		q := e.req.Query
		q.After, q.Limit = e.first.Next, exportPage-len(e.first.Items)
		more, err := e.s.opt.Inventory.List(ctx, e.caller, q)
		if err != nil {
			return err
		}
		e.first.Items, e.first.Next = append(e.first.Items, more.Items...), more.Next
	}
	return nil
}

func allColumns(k *schema.Kind, items []inventory.Resource) []target {
	out := []target{}
	add := func(name string) {
		if t, ok := targetOf(k, name); ok {
			out = append(out, t)
		}
	}
	for _, n := range []string{"id", "name", "state", "datacenter", "region", "zone"} {
		add(n)
	}
	for _, fields := range [][]schema.Field{k.Fields, schema.CommonFields()} {
		for _, f := range fields {
			if !f.Sensitive && !f.Volatile {
				base, _, _ := strings.Cut(strings.TrimPrefix(f.Pointer, "/"), "/")
				add(base + "." + f.Path)
			}
		}
	}
	tags, types := map[string]bool{}, map[string]bool{}
	for i := range items {
		for _, t := range items[i].Tags {
			tags[t.Key] = true
		}
		for _, id := range items[i].Identifiers {
			types[id.Type] = true
		}
	}
	for _, typ := range sortedKeys(types) {
		add("identifiers." + typ)
	}
	if len(tags) > 50 {
		add("tags")
	} else {
		for _, key := range sortedKeys(tags) {
			add("tags." + key)
		}
	}
	return append(out, target{what: ofNothing, name: "console_url", pointer: "/console_url"}, target{what: ofNothing, name: "updated_at"}, target{what: ofNothing, name: "last_seen"})
}

// Write writes the file, a page at a time.
func (e *Exporting) Write(ctx context.Context, w io.Writer) error {
	header := make([]string, len(e.columns))
	relations := false
	for i, c := range e.columns {
		header[i] = c.name
		relations = relations || c.what == ofRelation
	}
	out, err := sheet.NewWriter(e.req.Format, w, header)
	if err != nil {
		return err
	}
	page := e.first
	for {
		related := map[string]map[string][]inventory.Head{}
		if relations {
			ids := make([]string, len(page.Items))
			for i := range page.Items {
				ids[i] = page.Items[i].ID
			}
			if related, err = e.s.opt.Inventory.RelatedNames(ctx, e.caller, ids); err != nil {
				return err
			}
		}
		for i := range page.Items {
			if err := out.Write(e.row(&page.Items[i], related[page.Items[i].ID])); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return out.Close()
		}
		q := e.req.Query
		q.After = page.Next
		if page, err = e.s.opt.Inventory.List(ctx, e.caller, q); err != nil {
			return err
		}
	}
}

func (e *Exporting) row(r *inventory.Resource, related map[string][]inventory.Head) []any {
	tree := map[string]any{"attributes": object(r.Attributes), "common": object(r.Common)}
	out := make([]any, len(e.columns))
	for i, c := range e.columns {
		out[i] = e.cell(r, tree, related, c)
	}
	return out
}

func object(raw json.RawMessage) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil // there are none
	}
	return v
}

func (e *Exporting) cell(r *inventory.Resource, tree map[string]any, related map[string][]inventory.Head, c target) any {
	some := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	at := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.UTC().Format(time.RFC3339)
	}
	switch c.what {
	case ofID:
		return r.ID
	case ofDatacenter:
		return some(e.names[r.Datacenter])
	case ofTag, ofTags, ofIdentifier, ofRelation:
		return e.list(r, related, c)
	case ofField:
		if c.field == nil {
			return some(map[string]string{"name": r.Name, "region": r.Region, "zone": r.Zone, "console_url": r.ConsoleURL}[c.name])
		}
		return follow(tree, c.pointer)
	case ofNothing:
	}
	switch c.name {
	case "kind":
		return r.Kind
	case "state":
		return string(r.State)
	case "state_since":
		return at(r.StateSince)
	case "created_at":
		return at(r.CreatedAt)
	case "updated_at":
		return at(r.UpdatedAt)
	case "last_seen":
		return at(r.LastSeen)
	case "console_url":
		return some(r.ConsoleURL)
	case "version":
		return json.Number(fmt.Sprint(r.Version))
	}
	return nil
}

func follow(tree any, pointer string) any {
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		m, ok := tree.(map[string]any)
		if !ok {
			return nil
		}
		tree = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	return tree
}

func (e *Exporting) list(r *inventory.Resource, related map[string][]inventory.Head, c target) any {
	var values []any
	switch c.what {
	case ofTag:
		for _, t := range r.Tags {
			if t.Key == c.key {
				return t.Value
			}
		}
	case ofTags:
		for _, t := range r.Tags {
			values = append(values, t.Key+"="+t.Value)
		}
	case ofIdentifier:
		for _, id := range r.Identifiers {
			if id.Type == c.key {
				values = append(values, id.Value)
			}
		}
	case ofRelation:
		for _, h := range related[c.alias.Verb] {
			if c.alias.Direction == "out" && h.Kind == c.alias.Target {
				values = append(values, h.Name)
			}
		}
	}
	switch len(values) {
	case 0:
		return nil
	case 1:
		one, _ := values[0].(string)
		if e.req.Format != sheet.JSON && !strings.Contains(one, ";") && !strings.HasPrefix(one, "[") {
			return one
		}
	}
	return values
}
