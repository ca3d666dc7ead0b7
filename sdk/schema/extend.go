package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
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
			if _, err = parseExtension("provider", text); err == nil {
				return text
			}
		}
	}
	panic(fmt.Sprintf("fields %T: %v", fields, err))
}

// Extend is a built-in kind with a plugin's own fields added under the provider's name: the schema's property
// "tools_version" of provider vsphere is found at /attributes/vsphere/tools_version. The kind itself is not
// changed; Extend can be applied again for another provider. The limits of a plugin's kind hold for what is
// added, and its root carries no annotations of kinds.
func Extend(k *Kind, provider string, schemaJSON []byte) (*Kind, error) {
	out, err := extend(k, provider, schemaJSON)
	if err != nil {
		return nil, fmt.Errorf("kind %s: fields of %s: %w: %w", k.Name, provider, ErrInvalid, err)
	}
	return out, nil
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
	base.Properties = maps.Clone(base.Properties)
	more.Schema, more.ID = "", ""
	more.Order = 1000 // after the kind's own fields
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
	case len(added.Fields) == 0:
		return nil, fmt.Errorf("it adds no field")
	}
	return d, nil
}
