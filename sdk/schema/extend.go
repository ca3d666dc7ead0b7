package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
)

// FieldsOf derives the JSON Schema of the fields that a plugin adds to a built-in kind under its provider's name,
// from the Go struct that it writes there: what provider.KindSupport.Schema of a built-in kind takes. The struct
// tags are those of the kinds (see documentOf). It panics for a struct that makes no schema: a mistake that any
// call of Describe shows.
func FieldsOf(fields any) json.RawMessage {
	d, err := documentOf(reflect.TypeOf(fields))
	if err == nil {
		d.Schema = draft
		var text []byte
		if text, err = marshalCanonical(d); err == nil {
			if _, err = ParseFields("provider", text); err == nil {
				return text
			}
		}
	}
	panic(fmt.Sprintf("fields %T: %v", fields, err))
}

// ParseFields judges the schema of the fields that a provider adds to built-in kinds, by itself. Its Fields begin
// at /attributes/<provider>. The limits of a plugin's kind hold, and the root carries no annotations of kinds.
func ParseFields(provider string, schemaJSON []byte) (*Kind, error) {
	k, err := Extend(&Kind{Name: "fields", Major: 1, Schema: json.RawMessage(`{"type":"object"}`)}, provider, schemaJSON)
	if err != nil {
		return nil, err
	}
	if k.Schema, err = canonical(schemaJSON); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(k.Schema)
	k.Digest = hex.EncodeToString(sum[:])
	return k, nil
}

// Extend is a built-in kind with a plugin's own fields added under the provider's name: the schema's property
// "tools_version" of provider vsphere is found at /attributes/vsphere/tools_version. The kind itself is not
// changed; Extend can be applied again for another provider. Schema and Digest are those of the whole.
func Extend(k *Kind, provider string, schemaJSON []byte) (*Kind, error) {
	out, err := extend(k, provider, schemaJSON)
	if err != nil {
		return nil, fmt.Errorf("kind %s: fields of %s: %w: %w", k.Name, provider, ErrInvalid, err)
	}
	return out, nil
}

// Plain is the schema of added fields without what costs a store or a table something: no index, no words of the
// search, no columns. Sensitive and volatile stay what they are.
func Plain(schemaJSON []byte) ([]byte, error) {
	return remarked(schemaJSON, func(d *document, _ string) { d.Indexed, d.Searchable, d.Column = false, false, false })
}

// LimitIndexes is the schema of added fields with no more than the first most of its indexes.
func LimitIndexes(schemaJSON []byte, most int) ([]byte, error) {
	k, err := ParseFields("provider", schemaJSON)
	if err != nil {
		return nil, err
	}
	kept := map[string]bool{}
	for _, f := range k.Fields {
		if f.Indexed && len(kept) < most {
			kept[f.Pointer] = true
		}
	}
	return remarked(schemaJSON, func(d *document, path string) { d.Indexed = d.Indexed && kept["/attributes/provider"+path] })
}

func remarked(schemaJSON []byte, mark func(d *document, path string)) ([]byte, error) {
	d, err := readDocument(schemaJSON)
	if err != nil {
		return nil, err
	}
	d.remark("", mark)
	return marshalCanonical(d)
}

// remark reaches every property; nothing inside arrays carries a mark that may be taken away.
func (d *document) remark(path string, mark func(d *document, path string)) {
	mark(d, path)
	for name, p := range d.Properties {
		p.remark(path+"/"+name, mark)
	}
	for _, choice := range d.AnyOf {
		choice.remark(path, mark)
	}
}

func extend(k *Kind, provider string, schemaJSON []byte) (*Kind, error) {
	if !word.MatchString(provider) {
		return nil, fmt.Errorf("%q is no provider's name", provider)
	}
	more, err := parseExtension(provider, schemaJSON)
	if err != nil {
		return nil, err
	}
	base, err := readDocument(k.Schema)
	if err != nil {
		return nil, err
	}
	if base.Properties[provider] != nil {
		return nil, fmt.Errorf("the kind has a property of that name")
	}
	if base.Properties == nil {
		base.Properties = map[string]*document{}
	}
	more.Schema, more.ID = "", ""
	more.Order, more.Group = 1000, provider // after the kind's own fields, under a heading of their own
	base.Properties[provider] = more
	text, err := marshalCanonical(base)
	if err != nil {
		return nil, err
	}
	// Each part has kept the limits by itself; the fields of many providers together may be more.
	b := builder{doc: base, unlimited: true}
	root, err := b.node(base, "", 0)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	out := *k
	out.Schema, out.Digest = text, hex.EncodeToString(sum[:])
	out.Fields, out.root = root.leaves("/attributes"), root
	return &out, nil
}

// parseExtension reads and judges the schema of added fields.
func parseExtension(provider string, schemaJSON []byte) (*document, error) {
	added, err := parsePlugin(provider+".fields", 1, 0, schemaJSON)
	if err != nil {
		return nil, err
	}
	d, err := readDocument(schemaJSON)
	if err != nil {
		return nil, err
	}
	switch {
	case len(d.Defs) > 0:
		return nil, fmt.Errorf("$defs are for kinds of a plugin's own")
	case len(added.Ranks) > 0 || len(added.Relations) > 0 || d.Label+d.Plural+d.Group+d.Icon+d.Summary+d.Predecessor != "":
		return nil, fmt.Errorf("the root carries an annotation of kinds")
	case slices.ContainsFunc(added.Fields, func(f Field) bool { return f.When != nil }):
		return nil, fmt.Errorf("when is for the fields of kinds")
	case len(added.Fields) == 0:
		return nil, fmt.Errorf("it adds no field")
	}
	return d, nil
}
