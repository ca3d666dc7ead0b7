package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// CustomProvider is under which an administrator's own fields and kinds stand, as a plugin's stand under its provider's name.
// Everything that holds for a plugin's kinds and fields (validation, indexes, filters, columns, forms) so holds for them.
const CustomProvider = "custom"

// mostCustomFields of one kind.
const mostCustomFields = 100

// CustomField is a field that an administrator adds to a kind.
type CustomField struct {
	// Name is lower_snake and found at /attributes/custom/<name>; of a custom kind at /attributes/<name>.
	Name  string `json:"name"`
	Label string `json:"label,omitempty"`
	Help  string `json:"help,omitempty"`
	// Type is text, integer, number, boolean, moment, address, choice or list (of texts).
	Type    string   `json:"type"`
	Choices []string `json:"choices,omitempty"`
	Unit    string   `json:"unit,omitempty"`
	// Column shows it in lists, Indexed makes filters by it fast, Searchable takes its words into the search, and Sensitive
	// needs its own permission to read.
	Column     bool `json:"column,omitempty"`
	Indexed    bool `json:"indexed,omitempty"`
	Searchable bool `json:"searchable,omitempty"`
	Sensitive  bool `json:"sensitive,omitempty"`
}

// CustomKind is a kind that an administrator defines.
type CustomKind struct {
	// Name without the prefix: "rack" makes the kind custom.rack.
	Name    string        `json:"name"`
	Label   string        `json:"label"`
	Plural  string        `json:"plural,omitempty"`
	Group   string        `json:"group,omitempty"`
	Icon    string        `json:"icon,omitempty"`
	Summary string        `json:"summary,omitempty"`
	Fields  []CustomField `json:"fields,omitempty"`
	// Identifiers are types of identifiers with their ranks, by which its records are told apart and joined.
	Identifiers map[string]int `json:"identifiers,omitempty"`
	// Relations are what its records are related to, by the names that filters, files and forms have for it. The other end's
	// kind has the way back under this kind's plural.
	Relations []schema.RelationAlias `json:"relations,omitempty"`
}

// mostCustomRelations of one kind.
const mostCustomRelations = 20

var customName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// schemaOf is the JSON Schema of custom fields; the vocabulary is that of every kind.
func schemaOf(fields []CustomField) (map[string]any, error) {
	if len(fields) > mostCustomFields {
		return nil, &InvalidError{Pointer: "/fields", Problem: fmt.Sprintf("has more than %d fields", mostCustomFields)}
	}
	props := map[string]any{}
	indexed := 0
	for i, f := range fields {
		at := func(member, problem string) error {
			return &InvalidError{Pointer: fmt.Sprintf("/fields/%d/%s", i, member), Problem: problem}
		}
		if !customName.MatchString(f.Name) {
			return nil, at("name", fmt.Sprintf("%q is no name: it needs a small letter, then letters, digits and underscores", f.Name))
		}
		if props[f.Name] != nil {
			return nil, at("name", fmt.Sprintf("%q repeats", f.Name))
		}
		p := map[string]any{"x-maestro-order": i + 1}
		switch f.Type {
		case "text":
			p["type"] = "string"
		case "integer", "number", "boolean":
			p["type"] = f.Type
		case "moment":
			p["type"], p["format"] = "string", "date-time"
		case "address":
			p["type"], p["format"] = "string", "ip"
		case "choice":
			p["type"], p["enum"] = "string", f.Choices
		case "list":
			p["type"], p["items"], p["x-maestro-set"] = "array", map[string]any{"type": "string"}, true
		default:
			return nil, at("type", "must be one of text, integer, number, boolean, moment, address, choice, list")
		}
		switch {
		case f.Type == "choice" && len(f.Choices) == 0:
			return nil, at("choices", "needs the values to choose from")
		case f.Type != "choice" && len(f.Choices) > 0:
			return nil, at("choices", "is for fields of type choice")
		case f.Unit != "" && f.Type != "integer" && f.Type != "number":
			return nil, at("unit", "is for numbers")
		case f.Sensitive && (f.Indexed || f.Searchable):
			return nil, at("sensitive", "is never indexed or searched")
		}
		for name, v := range map[string]string{"x-maestro-label": f.Label, "description": f.Help, "x-maestro-unit": f.Unit} {
			if v != "" {
				p[name] = v
			}
		}
		for name, v := range map[string]bool{"x-maestro-column": f.Column, "x-maestro-indexed": f.Indexed, "x-maestro-searchable": f.Searchable, "x-maestro-sensitive": f.Sensitive} {
			if v {
				p[name] = true
			}
		}
		if f.Indexed {
			indexed++
		}
		props[f.Name] = p
	}
	if indexed > schema.MaxIndexed {
		return nil, &InvalidError{Pointer: "/fields", Problem: fmt.Sprintf("has %d indexed fields; at most %d are possible", indexed, schema.MaxIndexed)}
	}
	return map[string]any{"type": "object", "properties": props}, nil
}

// DefineKind makes a custom kind, or changes the one of that name.
func (s *Service) DefineKind(ctx context.Context, c Caller, def CustomKind) (*KindInfo, error) {
	if !customName.MatchString(def.Name) {
		return nil, &InvalidError{Pointer: "/name", Problem: "needs a small letter, then letters, digits and underscores"}
	}
	if strings.TrimSpace(def.Label) == "" {
		return nil, &InvalidError{Pointer: "/label", Problem: "is missing"}
	}
	root, err := schemaOf(def.Fields)
	if err != nil {
		return nil, err
	}
	for name, v := range map[string]string{"x-maestro-label": def.Label, "x-maestro-plural": def.Plural, "x-maestro-group": def.Group,
		"x-maestro-icon": def.Icon, "x-maestro-summary": def.Summary} {
		if v != "" {
			root[name] = v
		}
	}
	if len(def.Identifiers) > 0 {
		root["x-maestro-identifiers"] = def.Identifiers
	}
	if len(def.Relations) > 0 {
		if err := s.checkRelations(ctx, c, def.Relations); err != nil {
			return nil, err
		}
		root["x-maestro-relations"] = def.Relations
	}
	name := CustomProvider + "." + def.Name
	parsed, err := schema.Parse(name, 1, 0, encodeJSON(root))
	if err != nil {
		return nil, &InvalidError{Problem: err.Error()}
	}
	doc := kindDoc{Name: name, Major: 1, Schema: string(parsed.Schema), Digest: parsed.Digest, Provider: CustomProvider, Custom: &def}
	return s.define(ctx, c, kindID(c.Tenant, name), doc, parsed, "/attributes/")
}

// checkRelations fills in what is usual and says what is wrong; the rest is the schema's to find.
func (s *Service) checkRelations(ctx context.Context, c Caller, list []schema.RelationAlias) error {
	if len(list) > mostCustomRelations {
		return &InvalidError{Pointer: "/relations", Problem: fmt.Sprintf("has more than %d relations", mostCustomRelations)}
	}
	seen := map[string]bool{}
	for i := range list {
		r := &list[i]
		at := func(member, problem string) error {
			return &InvalidError{Pointer: fmt.Sprintf("/relations/%d/%s", i, member), Problem: problem}
		}
		r.Direction = cmp.Or(r.Direction, "out")
		switch {
		case !customName.MatchString(r.Alias):
			return at("alias", fmt.Sprintf("%q is no name: it needs a small letter, then letters, digits and underscores", r.Alias))
		case seen[r.Alias]:
			return at("alias", fmt.Sprintf("%q repeats", r.Alias))
		case !customName.MatchString(r.Verb):
			return at("verb", fmt.Sprintf("%q is no verb such as contains, uses or part_of", r.Verb))
		}
		seen[r.Alias] = true
		if _, err := s.kind(ctx, c.Tenant, r.Target); err != nil {
			if errors.Is(err, ErrNotFound) {
				return at("target", fmt.Sprintf("there is no kind %q", r.Target))
			}
			return err
		}
	}
	return nil
}

// DefineFields says which custom fields a kind has, all of them; without any it has none.
func (s *Service) DefineFields(ctx context.Context, c Caller, kind string, fields []CustomField) (*KindInfo, error) {
	k, err := s.kind(ctx, c.Tenant, kind)
	if err != nil {
		return nil, err
	}
	if k.Provider == CustomProvider {
		def, err := s.customKind(ctx, c.Tenant, kind)
		if err != nil {
			return nil, err
		}
		def.Fields = fields
		return s.DefineKind(ctx, c, *def)
	}
	root, err := schemaOf(fields)
	if err != nil {
		return nil, err
	}
	id := store.Key(c.Tenant, kind, CustomProvider)
	doc := kindDoc{Name: kind, Major: k.Major, Provider: CustomProvider, Extends: true, Custom: &CustomKind{Fields: fields}}
	if len(fields) == 0 {
		return s.define(ctx, c, id, doc, nil, "/attributes/custom/")
	}
	base := k.Kind
	if b := s.builtin[kind]; b != nil {
		base = b.Kind // without what it has been extended by
	}
	text := encodeJSON(root)
	if k.Provider == "" {
		if _, err := schema.Extend(base, CustomProvider, text); err != nil {
			return nil, &InvalidError{Pointer: "/fields", Problem: err.Error()}
		}
	}
	parsed, err := schema.ParseFields(CustomProvider, text)
	if err != nil {
		return nil, &InvalidError{Pointer: "/fields", Problem: err.Error()}
	}
	doc.Schema, doc.Digest = string(parsed.Schema), parsed.Digest
	return s.define(ctx, c, id, doc, parsed, "/attributes/custom/")
}

// CustomFields are the custom fields of a kind.
func (s *Service) CustomFields(ctx context.Context, tenant, kind string) ([]CustomField, error) {
	if _, err := s.kind(ctx, tenant, kind); err != nil {
		return nil, err
	}
	def, err := s.customKind(ctx, tenant, kind)
	if err != nil || def == nil {
		return nil, err
	}
	return def.Fields, nil
}

// customKind is what an administrator defined of a kind: all of a custom one, or the fields added to another. Nil is nothing.
func (s *Service) customKind(ctx context.Context, tenant, kind string) (*CustomKind, error) {
	docs, err := s.kindDocs(ctx, store.Query{Table: tKinds, Tenant: tenant, Where: eq(text("name"), kind)})
	if err != nil {
		return nil, err
	}
	for _, d := range docs {
		if d.Provider == CustomProvider {
			return d.Custom, nil
		}
	}
	return nil, nil
}

// define stores a definition. Unlike a plugin, an administrator may take a field away again, as long as no record has it.
func (s *Service) define(ctx context.Context, c Caller, id string, doc kindDoc, parsed *schema.Kind, at string) (*KindInfo, error) {
	rows, err := s.opt.Store.Get(ctx, tKinds, c.Tenant, "", []string{id})
	if err != nil {
		return nil, fmt.Errorf("read kind %s: %w", doc.Name, err)
	}
	var known *kindDoc
	version := int64(0)
	if row, ok := rows[id]; ok {
		d, err := decodeRow[kindDoc](row)
		if err != nil {
			return nil, err
		}
		known, version = &d, row.Version
		if err := s.mayChange(ctx, c, &d, parsed, at); err != nil {
			return nil, err
		}
	} else if parsed == nil {
		return s.kind(ctx, c.Tenant, doc.Name)
	}
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "kind.define", Address: c.Address,
		Object: &audit.Ref{ID: doc.Name, Name: doc.Name, Kind: "kind"}})
	if err != nil {
		return nil, err
	}
	err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
		return s.writeDefinition(ctx, tx, c.Tenant, id, doc, known, version, parsed == nil)
	})
	if err = s.finish(ctx, c.Tenant, entry, err); err != nil {
		return nil, fmt.Errorf("define kind %s: %w", doc.Name, err)
	}
	s.forgetKinds(c.Tenant)
	return s.kind(ctx, c.Tenant, doc.Name)
}

func (s *Service) writeDefinition(ctx context.Context, tx store.Tx, tenant, id string, doc kindDoc, known *kindDoc, version int64, drop bool) error {
	if drop {
		_, err := tx.Write(ctx, store.Write{Table: tKinds, Op: store.Delete, Row: store.Row{ID: id, Tenant: tenant, Version: version}})
		return err
	}
	doc.Approval, doc.At = Approved, store.At(s.now())
	doc.Since = doc.At
	op := store.Insert
	if known != nil {
		op, doc.Minor, doc.Since = store.Replace, known.Minor+1, known.Since
	}
	row, err := encodeRow(id, tenant, "", version+1, doc)
	if err != nil {
		return err
	}
	conflicts, err := tx.Write(ctx, store.Write{Table: tKinds, Op: op, Row: row})
	if err == nil && len(conflicts) > 0 {
		err = &ConflictError{Problem: "somebody else changed its fields at this moment; read them again"}
	}
	return err
}

// mayChange says what keeps a definition from taking the place of the one before.
func (s *Service) mayChange(ctx context.Context, c Caller, was *kindDoc, next *schema.Kind, at string) error {
	old, err := was.parse()
	if err != nil {
		return err
	}
	for _, f := range old.Fields {
		if next != nil {
			g, ok := next.FieldAt(f.Pointer)
			if ok && g.Type == f.Type {
				continue
			}
		}
		used, err := s.uses(ctx, c.Tenant, was.Name, &f)
		if err != nil {
			return err
		}
		if used > 0 {
			return &ConflictError{Problem: fmt.Sprintf("%d records have a value in the field %s; clear it there before it goes or becomes another type",
				used, strings.TrimPrefix(f.Pointer, at))}
		}
	}
	return nil
}

// uses counts the records that have a value in a field, up to 10,000.
func (s *Service) uses(ctx context.Context, tenant, kind string, f *schema.Field) (int, error) {
	k, err := s.kind(ctx, tenant, kind)
	if err != nil {
		return 0, err
	}
	if err := s.ensureKind(ctx, k.Kind); err != nil {
		return 0, err
	}
	plain, set := *f, &FieldSet{fields: map[string]filter.Field{}, enums: map[string][]string{}}
	plain.Sensitive = false // only counted
	set.addField("field", strings.Split(strings.TrimPrefix(f.Pointer, "/"), "/"), plain, "field")
	field, ok := set.Field("field")
	if !ok {
		return 0, nil
	}
	n, _, err := s.countUpTo(ctx, store.Query{Table: tResources, Tenant: tenant, Part: kind, Where: filter.Exists{Field: field}}, false)
	return n, err
}

// DropKind ends a custom kind of which there are no records.
func (s *Service) DropKind(ctx context.Context, c Caller, kind string) error {
	k, err := s.kind(ctx, c.Tenant, kind)
	if err != nil {
		return err
	}
	if k.Provider != CustomProvider {
		return &ConflictError{Problem: "only custom kinds can be dropped"}
	}
	n, _, err := s.countUpTo(ctx, store.Query{Table: tHeads, Tenant: c.Tenant, Where: eq(text("kind"), kind)}, false)
	if err != nil {
		return err
	}
	if n > 0 {
		return &ConflictError{Problem: fmt.Sprintf("there are %d records of kind %s, those that are gone included", n, kind)}
	}
	_, err = s.define(ctx, c, kindID(c.Tenant, kind), kindDoc{Name: kind, Provider: CustomProvider}, nil, "/attributes/")
	if errors.Is(err, ErrNotFound) {
		return nil // as it should be
	}
	return err
}
