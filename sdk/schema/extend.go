package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
)

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
	added, err := parsePlugin(provider+".fields", 1, 0, schemaJSON)
	if err != nil {
		return nil, err
	}
	base, err := readDocument(k.Schema)
	if err != nil {
		return nil, err
	}
	more, err := readDocument(schemaJSON)
	if err != nil {
		return nil, err
	}
	switch {
	case base.Properties[provider] != nil:
		return nil, fmt.Errorf("the kind has a property of that name")
	case len(more.Defs) > 0:
		return nil, fmt.Errorf("$defs are for kinds of a plugin's own")
	case len(added.Ranks) > 0 || len(added.Relations) > 0 || more.Label+more.Plural+more.Group+more.Icon+more.Summary+more.Predecessor != "":
		return nil, fmt.Errorf("the root carries an annotation of kinds")
	}
	base.Properties = maps.Clone(base.Properties)
	more.Schema, more.ID = "", ""
	more.Order = 1000 // after the kind's own fields
	base.Properties[provider] = more
	text, err := marshalCanonical(base)
	if err != nil {
		return nil, err
	}
	b := builder{doc: base}
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
