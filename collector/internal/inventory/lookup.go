package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// Found is a resource that a lookup hit.
type Found struct {
	ID, Name, Datacenter string
	Identifiers          []resource.Identifier

	doc json.RawMessage
}

// Text is the value of a text field of the filter language; "" when there is none.
func (f *Found) Text(field filter.Field) string {
	v, _ := textAt(f.doc, field.Path)
	return v
}

// mostFound bounds what one value may hit; more are as ambiguous.
const mostFound = 5

// FindByField finds a kind's resources by the exact value of one field of the filter language, as far as the caller may see
// them: by the value as text. What is gone is not found.
func (s *Service) FindByField(ctx context.Context, c Caller, kind, name string, values []string) (map[string][]Found, error) {
	k, err := s.kind(ctx, c.Tenant, kind)
	if err != nil {
		return nil, err
	}
	if err := s.ensureKind(ctx, k.Kind); err != nil {
		return nil, err
	}
	f, ok := FieldsOf(k.Kind).Field(name)
	if !ok || f.Type != filter.String || f.Multi {
		return nil, &InvalidError{Pointer: name, Problem: "is no text field of kind " + k.Name}
	}
	out := map[string][]Found{}
	for part := range slices.Chunk(unique(slices.Clone(values)), 200) {
		q := store.Query{Table: tResources, Tenant: c.Tenant, Part: kind, Where: filter.And{in(f, part), c.may(), shown(false)},
			Order: []store.Order{{Field: f}}} // the order of the field's index, which makes the engine use it
		err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
			doc, err := decodeRow[resourceDoc](row)
			if err != nil {
				return err
			}
			v, _ := textAt(row.Doc, f.Path)
			if len(out[v]) < mostFound {
				out[v] = append(out[v], Found{ID: row.ID, Name: doc.Name, Datacenter: doc.Datacenter, Identifiers: doc.Identifiers, doc: row.Doc})
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look up %s by %s: %w", kind, name, err)
		}
	}
	return out, nil
}

func textAt(doc json.RawMessage, path []string) (string, bool) {
	v, ok := valueAt(decodeJSON(doc), "/"+strings.Join(path, "/"))
	text, isText := v.(string)
	return text, ok && isText
}

// FindByIdentifier says which resource of a kind each identifier belongs to. Those that name several things, or nothing, or
// what the caller may not know of, are absent.
func (s *Service) FindByIdentifier(ctx context.Context, c Caller, kind string, ids []resource.Identifier) (map[resource.Identifier]string, error) {
	keys := map[string][]resource.Identifier{}
	for _, id := range ids {
		if v, ok := schema.NormalizeIdentifier(id.Type, id.Value); ok {
			key := claimID(c.Tenant, kind, resource.Identifier{Type: id.Type, Value: v})
			keys[key] = append(keys[key], id)
		}
	}
	rows, err := getChunks(ctx, s.opt.Store, tClaims, c.Tenant, "", keysOf(keys))
	if err != nil {
		return nil, err
	}
	owner := map[string]string{}
	var owners []string
	for key, row := range rows {
		doc, err := decodeRow[claimDoc](row)
		if err != nil {
			return nil, err
		}
		if doc.ResourceID != "" {
			owner[key] = doc.ResourceID
			owners = append(owners, doc.ResourceID)
		}
	}
	heads, err := s.heads(ctx, c, unique(owners))
	if err != nil {
		return nil, err
	}
	out := map[resource.Identifier]string{}
	for key, id := range owner {
		if h, ok := heads[id]; ok {
			for _, ident := range keys[key] {
				out[ident] = h.ID
			}
		}
	}
	return out, nil
}

// FindByID says which of the ids are resources of a kind that the caller may see.
func (s *Service) FindByID(ctx context.Context, c Caller, kind string, ids []string) (map[string]Head, error) {
	heads, err := s.heads(ctx, c, unique(slices.Clone(ids)))
	if err != nil {
		return nil, err
	}
	for id, h := range heads {
		if h.Kind != kind {
			delete(heads, id)
		}
	}
	return heads, nil
}

// RelatedNames are, for each of the resources, the names of what it leads to by verb, sorted: one page's at once. Only those
// that the caller may see are named.
func (s *Service) RelatedNames(ctx context.Context, c Caller, ids []string) (map[string]map[string][]Head, error) {
	edges := map[string][]edge{}
	var wants []string
	for part := range slices.Chunk(unique(slices.Clone(ids)), 200) {
		err := store.Each(ctx, s.opt.Store, store.Query{Table: tRelations, Tenant: c.Tenant, Where: in(text("from"), part)}, func(row store.Row) error {
			doc, err := decodeRow[relationDoc](row)
			edges[doc.From] = append(edges[doc.From], doc.edge)
			wants = append(wants, doc.Want)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	targets, err := s.resolveWants(ctx, c.Tenant, unique(wants))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, t := range targets {
		found = append(found, t...)
	}
	heads, err := s.heads(ctx, c, unique(found))
	if err != nil {
		return nil, err
	}
	out := map[string]map[string][]Head{}
	for id, list := range edges {
		byVerb := map[string][]Head{}
		for _, e := range list {
			hits := targets[e.Want]
			if len(hits) != 1 {
				continue
			}
			if h, ok := heads[hits[0]]; ok && !slices.Contains(byVerb[e.Verb], h) {
				byVerb[e.Verb] = append(byVerb[e.Verb], h)
			}
		}
		for _, l := range byVerb {
			slices.SortFunc(l, func(a, b Head) int { return strings.Compare(a.Name, b.Name) })
		}
		out[id] = byVerb
	}
	return out, nil
}

// ForgetEdits drops what undoing an operation needs.
func (s *Service) ForgetEdits(ctx context.Context, tenant, operation string) error {
	for {
		page, err := s.opt.Store.Find(ctx, store.Query{Table: tEditChunks, Tenant: tenant, Where: eq(text("operation"), operation), Limit: 50})
		if err != nil || len(page.Rows) == 0 {
			return err
		}
		var ops []store.Write
		for _, row := range page.Rows {
			ops = append(ops, store.Write{Table: tEditChunks, Op: store.Delete, Row: store.Row{ID: row.ID, Tenant: tenant}})
		}
		err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
			_, err := tx.Write(ctx, ops...)
			return err
		})
		if err != nil {
			return err
		}
	}
}

// IDs are the ids of what a list has, as far as the caller may see it; too many are an error.
func (s *Service) IDs(ctx context.Context, c Caller, q ListQuery, most int) ([]string, error) {
	k, err := s.kind(ctx, c.Tenant, q.Kind)
	if err != nil {
		return nil, err
	}
	if err := s.ensureKind(ctx, k.Kind); err != nil {
		return nil, err
	}
	where := filter.And{c.may(), shown(q.StateNamed)}
	if q.Where, err = s.resolveHops(ctx, c, q.Kind, q.Where, time.Time{}); err != nil {
		return nil, err
	}
	if q.Where != nil {
		where = append(where, q.Where)
	}
	var out []string
	err = store.Each(ctx, s.opt.Store, store.Query{Table: tResources, Tenant: c.Tenant, Part: q.Kind, Where: where}, func(row store.Row) error {
		if out = append(out, row.ID); len(out) > most {
			return &InvalidError{Pointer: "/filter", Problem: fmt.Sprintf("finds more than %d resources; narrow it", most)}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", q.Kind, err)
	}
	return out, nil
}
