package schema

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const draft = "https://json-schema.org/draft/2020-12/schema"

// document is a JSON Schema as far as kinds and settings may use it. Reading refuses every other member, and
// that is what closes the vocabulary.
type document struct {
	Schema  string               `json:"$schema,omitempty"`
	ID      string               `json:"$id,omitempty"`
	Comment string               `json:"$comment,omitempty"`
	Defs    map[string]*document `json:"$defs,omitempty"`
	Ref     string               `json:"$ref,omitempty"`

	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Deprecated  bool   `json:"deprecated,omitzero"`
	ReadOnly    bool   `json:"readOnly,omitzero"`
	WriteOnly   bool   `json:"writeOnly,omitzero"`

	Type                 typeNames            `json:"type,omitempty"`
	Properties           map[string]*document `json:"properties,omitempty"`
	Required             []string             `json:"required,omitempty"`
	AdditionalProperties jsontext.Value       `json:"additionalProperties,omitempty"`
	Items                *document            `json:"items,omitempty"`
	AnyOf                []*document          `json:"anyOf,omitempty"`
	Enum                 []jsontext.Value     `json:"enum,omitempty"`
	Const                jsontext.Value       `json:"const,omitempty"`
	Format               string               `json:"format,omitempty"`
	Default              jsontext.Value       `json:"default,omitempty"`
	Examples             []jsontext.Value     `json:"examples,omitempty"`

	Minimum          jsontext.Value `json:"minimum,omitempty"`
	Maximum          jsontext.Value `json:"maximum,omitempty"`
	ExclusiveMinimum jsontext.Value `json:"exclusiveMinimum,omitempty"`
	ExclusiveMaximum jsontext.Value `json:"exclusiveMaximum,omitempty"`
	MultipleOf       jsontext.Value `json:"multipleOf,omitempty"`
	MinLength        *int           `json:"minLength,omitempty"`
	MaxLength        *int           `json:"maxLength,omitempty"`
	Pattern          string         `json:"pattern,omitempty"`
	MinItems         *int           `json:"minItems,omitempty"`
	MaxItems         *int           `json:"maxItems,omitempty"`
	UniqueItems      bool           `json:"uniqueItems,omitzero"`
	MinProperties    *int           `json:"minProperties,omitempty"`
	MaxProperties    *int           `json:"maxProperties,omitempty"`

	Label       string          `json:"x-maestro-label,omitempty"`
	Plural      string          `json:"x-maestro-plural,omitempty"`
	Group       string          `json:"x-maestro-group,omitempty"`
	Icon        string          `json:"x-maestro-icon,omitempty"`
	Summary     string          `json:"x-maestro-summary,omitempty"`
	Identifiers map[string]int  `json:"x-maestro-identifiers,omitempty"`
	Relations   []RelationAlias `json:"x-maestro-relations,omitempty"`
	Predecessor string          `json:"x-maestro-predecessor,omitempty"`

	Order      int    `json:"x-maestro-order,omitzero"`
	Unit       string `json:"x-maestro-unit,omitempty"`
	Column     bool   `json:"x-maestro-column,omitzero"`
	Indexed    bool   `json:"x-maestro-indexed,omitzero"`
	Searchable bool   `json:"x-maestro-searchable,omitzero"`
	Volatile   bool   `json:"x-maestro-volatile,omitzero"`
	Sensitive  bool   `json:"x-maestro-sensitive,omitzero"`
	Set        bool   `json:"x-maestro-set,omitzero"`
	Key        string `json:"x-maestro-key,omitempty"`
	When       *When  `json:"x-maestro-when,omitempty"`

	Narrows          bool `json:"x-maestro-narrows,omitzero"`
	Secret           bool `json:"x-maestro-secret,omitzero"`
	CredentialTarget bool `json:"x-maestro-credential-target,omitzero"`
}

// typeNames is the keyword "type": one name or a list of them.
type typeNames []string

func (t typeNames) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

func (t *typeNames) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = typeNames{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return err
	}
	*t = many
	return nil
}

// readDocument reads a schema and refuses members outside the vocabulary.
func readDocument(raw []byte) (*document, error) {
	var d document
	if err := json.Unmarshal(raw, &d, json.RejectUnknownMembers(true)); err != nil {
		return nil, err
	}
	return &d, nil
}

// canonical is the one spelling of the schema, over which digests are made.
func canonical(raw []byte) ([]byte, error) {
	v := jsontext.Value(slices.Clone(raw))
	if err := v.Canonicalize(); err != nil {
		return nil, err
	}
	return v, nil
}

// resolve follows a local reference and takes the null out of a choice, so that what the generators of other
// languages write for an optional value is read as that value.
func (d *document) resolve(root *document) (*document, error) {
	out := d
	for hops := 0; ; hops++ {
		if hops > 16 {
			return nil, fmt.Errorf("references go round in a circle")
		}
		switch {
		case out.Ref != "":
			name, ok := cutDefs(out.Ref)
			def := root.Defs[name]
			if !ok || def == nil {
				return nil, fmt.Errorf("reference %q leads nowhere: only #/$defs/... of the same schema is allowed", out.Ref)
			}
			out = def.annotatedBy(out)
		case len(out.AnyOf) > 0:
			choice, err := notNull(out.AnyOf)
			if err != nil {
				return nil, err
			}
			out = choice.annotatedBy(out)
		default:
			return out, nil
		}
	}
}

// isText says whether a value of it is text.
func (d *document) isText() bool { return d != nil && len(d.Type) == 1 && d.Type[0] == "string" }

func cutDefs(ref string) (string, bool) {
	const prefix = "#/$defs/"
	if len(ref) <= len(prefix) || ref[:len(prefix)] != prefix {
		return "", false
	}
	return ref[len(prefix):], true
}

func notNull(choices []*document) (*document, error) {
	var found *document
	for _, c := range choices {
		if len(c.Type) == 1 && c.Type[0] == "null" {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("anyOf offers two types; only a choice between one type and null is allowed")
		}
		found = c
	}
	if found == nil {
		return nil, fmt.Errorf("anyOf offers nothing but null")
	}
	return found, nil
}

// annotatedBy is d with the annotations of the place where it is used.
func (d *document) annotatedBy(use *document) *document {
	out := *d
	for _, p := range []struct{ to, from *string }{
		{&out.Label, &use.Label}, {&out.Group, &use.Group}, {&out.Unit, &use.Unit}, {&out.Key, &use.Key},
		{&out.Description, &use.Description},
	} {
		if *p.from != "" {
			*p.to = *p.from
		}
	}
	if use.Order != 0 {
		out.Order = use.Order
	}
	if use.When != nil {
		out.When = use.When
	}
	for _, p := range []struct{ to, from *bool }{
		{&out.Column, &use.Column}, {&out.Indexed, &use.Indexed}, {&out.Searchable, &use.Searchable},
		{&out.Volatile, &use.Volatile}, {&out.Sensitive, &use.Sensitive}, {&out.Set, &use.Set},
		{&out.Narrows, &use.Narrows}, {&out.Secret, &use.Secret}, {&out.CredentialTarget, &use.CredentialTarget},
	} {
		*p.to = *p.to || *p.from
	}
	return &out
}
