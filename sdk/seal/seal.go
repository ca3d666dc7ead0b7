// Package seal holds what a plugin emits to the contract: it brings envelopes into the form that is hashed,
// and it keeps the books of a scope, so that no plugin in any language can claim more than it delivered.
//
// It is apart from sdk/host because both ends use it: the SDK inside a plugin tells the author at once, and the
// agent believes nobody.
package seal

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// Sealer seals envelopes of one kind. It is safe for concurrent use.
type Sealer struct {
	support  provider.KindSupport
	provider string
	volatile [][]string     // paths of leaves to move out
	arrays   []schema.Field // arrays that have an order of ours somewhere inside
}

// New makes the sealer of a kind as a plugin supports it. kind may be nil when its schema is not known here;
// then nothing is volatile and no array is sorted.
func New(kind *schema.Kind, support provider.KindSupport, providerName string) *Sealer {
	s := &Sealer{support: support, provider: providerName}
	if kind == nil {
		return s
	}
	for _, f := range kind.Fields {
		if f.Volatile {
			s.volatile = append(s.volatile, strings.Split(f.Path, "."))
		} else if ordered(f) {
			s.arrays = append(s.arrays, f)
		}
	}
	return s
}

func ordered(f schema.Field) bool {
	return f.Set || f.Key != "" || slices.ContainsFunc(f.Items, ordered)
}

// Sealed is an envelope ready to travel.
type Sealed struct {
	Canonical []byte
	Hash      resource.Hash
	// Volatile is one canonical JSON object, or nil.
	Volatile []byte
}

// Seal brings env into its canonical form and hashes it: volatile leaves are moved out, sets and keyed arrays
// sorted, identifiers spelled as the registry says, and ids that are unique in the world become the identifier "<provider>.id". The caller's envelope
// is not changed.
func (s *Sealer) Seal(env resource.Envelope) (Sealed, error) {
	if s.support.GlobalIDs {
		id := resource.Identifier{Type: s.provider + ".id", Value: env.ExternalID}
		env.Identifiers = append(slices.Clip(env.Identifiers), id)
	}
	if err := env.Check(); err != nil {
		return Sealed{}, err
	}
	env.Identifiers, env.Relations = normalized(env.Identifiers), normalizedSelectors(env.Relations)
	attributes, volatile, err := s.split(env.Attributes, env.Volatile)
	if err != nil {
		return Sealed{}, err
	}
	env.Attributes = attributes
	canonical, err := resource.Canonical(env)
	if err != nil {
		return Sealed{}, err
	}
	return Sealed{Canonical: canonical, Hash: resource.HashOf(canonical), Volatile: volatile}, nil
}

// normalized spells identifiers as they are compared, so that two plugins' ways of writing one address meet.
// What has no such spelling is left as it is: the collector judges it, and says so.
func normalized(ids []resource.Identifier) []resource.Identifier {
	cloned := false
	for i, id := range ids {
		value, ok := schema.NormalizeIdentifier(id.Type, id.Value)
		if !ok || value == id.Value {
			continue
		}
		if !cloned {
			ids, cloned = slices.Clone(ids), true
		}
		ids[i].Value = value
	}
	return ids
}

func normalizedSelectors(relations []resource.Relation) []resource.Relation {
	cloned := false
	for i, r := range relations {
		if r.Selector == nil {
			continue
		}
		value, ok := schema.NormalizeIdentifier(r.Selector.Type, r.Selector.Value)
		if !ok || value == r.Selector.Value {
			continue
		}
		if !cloned {
			relations, cloned = slices.Clone(relations), true
		}
		relations[i].Selector = &resource.Identifier{Type: r.Selector.Type, Value: value}
	}
	return relations
}

func (s *Sealer) split(attributes, volatile []byte) (rest, moved []byte, err error) {
	if len(attributes) > 4*resource.MaxBytes || len(volatile) > resource.MaxBytes {
		return nil, nil, fmt.Errorf("%w: %d bytes of attributes, %d volatile", resource.ErrTooLarge, len(attributes), len(volatile))
	}
	var out map[string]any
	if len(volatile) > 0 {
		if err := readObject(volatile, &out); err != nil {
			return nil, nil, fmt.Errorf("%w: volatile values: %w", resource.ErrMalformed, err)
		}
	}
	rest = attributes
	if len(attributes) > 0 && len(s.volatile)+len(s.arrays) > 0 {
		var tree map[string]any
		if err := readObject(attributes, &tree); err != nil {
			return nil, nil, fmt.Errorf("%w: attributes: %w", resource.ErrMalformed, err)
		}
		for _, path := range s.volatile {
			if v, ok := take(tree, path); ok {
				if out == nil {
					out = map[string]any{}
				}
				put(out, path, v)
			}
		}
		for _, f := range s.arrays {
			sortAt(tree, f)
		}
		if rest, err = json.Marshal(tree, json.Deterministic(true)); err != nil {
			return nil, nil, fmt.Errorf("%w: attributes: %w", resource.ErrMalformed, err)
		}
	}
	if len(out) == 0 {
		return rest, nil, nil
	}
	value, err := json.Marshal(out)
	if err == nil {
		err = (*jsontext.Value)(&value).Canonicalize()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: volatile values: %w", resource.ErrMalformed, err)
	}
	return rest, value, nil
}

func readObject(b []byte, into *map[string]any) error {
	if err := json.Unmarshal(b, into); err != nil {
		return err
	}
	if *into == nil {
		return fmt.Errorf("null instead of an object")
	}
	return nil
}

// take removes the leaf at path. Objects that it leaves empty go as well, so that a detail that comes and goes
// leaves no trace.
func take(tree map[string]any, path []string) (any, bool) {
	v, ok := tree[path[0]]
	if !ok {
		return nil, false
	}
	if len(path) == 1 {
		delete(tree, path[0])
		return v, true
	}
	inner, isObject := v.(map[string]any)
	if !isObject {
		return nil, false
	}
	if v, ok = take(inner, path[1:]); ok && len(inner) == 0 {
		delete(tree, path[0])
	}
	return v, ok
}

func put(tree map[string]any, path []string, v any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := tree[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			tree[name] = inner
		}
		tree = inner
	}
	tree[path[len(path)-1]] = v
}

// sortAt sorts what the field describes below tree.
func sortAt(tree map[string]any, f schema.Field) {
	path := strings.Split(f.Path, ".")
	for _, name := range path[:len(path)-1] {
		inner, ok := tree[name].(map[string]any)
		if !ok {
			return
		}
		tree = inner
	}
	if list, ok := tree[path[len(path)-1]].([]any); ok {
		sortList(list, f)
	}
}

func sortList(list []any, f schema.Field) {
	for _, element := range list {
		for _, inner := range f.Items {
			if !ordered(inner) {
				continue
			}
			switch e := element.(type) {
			case map[string]any:
				sortAt(e, inner)
			case []any:
				sortList(e, inner)
			}
		}
	}
	if !f.Set && f.Key == "" {
		return
	}
	type entry struct {
		key, text []byte
		value     any
	}
	entries := make([]entry, len(list))
	for i, v := range list {
		entries[i] = entry{text: canonicalOf(v), value: v}
		if m, ok := v.(map[string]any); ok && f.Key != "" {
			entries[i].key = canonicalOf(m[f.Key])
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		if c := bytes.Compare(a.key, b.key); c != 0 {
			return c
		}
		return bytes.Compare(a.text, b.text)
	})
	for i := range entries {
		list[i] = entries[i].value
	}
}

// canonicalOf cannot fail for what was read as JSON.
func canonicalOf(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	value := jsontext.Value(b)
	if err := value.Canonicalize(); err != nil {
		return nil
	}
	return value
}
