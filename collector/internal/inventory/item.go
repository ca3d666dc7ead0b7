package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// ValidationVersion is raised whenever items that were rejected may now be taken, or the other way round: rows
// rejected under another one are asked for again.
const ValidationVersion = 1

// identityMax bounds how many identifiers of one observation are considered for joining.
const identityMax = 200

// incoming is an item that has been looked at.
type incoming struct {
	key      string
	hash     resource.Hash
	bytes    []byte
	env      resource.Envelope
	volatile string
	warnings []string
	// reject says why it is not taken; "" when it is.
	reject string
	// keep has the bytes kept beside the rejection, since it is the collector's own fault.
	keep bool
	// leave has nothing taken back of what earlier tries left.
	leave bool
}

// inspect validates one item of a scope. It answers an error when not even a key can be told, so that the item
// can neither be taken nor rejected by name.
func inspect(it Item, kind *schema.Kind, approved bool) (incoming, error) {
	in := incoming{bytes: it.Canonical}
	hash, err := resource.HashFromBytes(it.Hash)
	if err != nil {
		return in, err
	}
	in.hash = hash
	env, err := resource.ParseCanonical(it.Canonical)
	if err != nil {
		if in.key = keyIn(it.Canonical); in.key == "" {
			return in, fmt.Errorf("read item: %w", err)
		}
		in.reject = err.Error()
		return in, nil
	}
	in.key, in.env = env.ExternalID, env
	switch {
	case resource.HashOf(it.Canonical) != hash:
		in.reject = "hash: the bytes are not those that were hashed"
	case env.Kind != kind.Name:
		in.reject = fmt.Sprintf("kind: %s in a scope of %s", env.Kind, kind.Name)
	case env.Major != kind.Major:
		in.reject = fmt.Sprintf("kind: major version %d, known is %d", env.Major, kind.Major)
	case !approved:
		in.reject = "pending: the kind waits for an administrator"
	}
	if in.reject != "" {
		return in, nil
	}
	if len(env.Attributes) > 0 {
		clean, warnings, err := kind.Validate(env.Attributes)
		if err != nil {
			in.reject = err.Error()
			return in, nil
		}
		in.env.Attributes, in.warnings = clean, warnings
	}
	if v := bytes.TrimSpace(it.Volatile); len(v) > 0 {
		if len(v) <= resource.MaxBytes && utf8.Valid(v) && json.Valid(v) && v[0] == '{' {
			in.volatile = string(v)
		} else {
			in.warnings = append(in.warnings, "volatile values dropped: not one JSON object")
		}
	}
	return in, nil
}

// keyIn finds the external id of an envelope that is not sound otherwise.
func keyIn(b []byte) string {
	var e struct {
		ExternalID string `json:"external_id"`
	}
	if len(b) > 4*resource.MaxBytes || json.Unmarshal(b, &e) != nil || len(e.ExternalID) > resource.MaxExternalID ||
		strings.IndexByte(e.ExternalID, 0) >= 0 {
		return ""
	}
	return e.ExternalID
}

// fillUnread puts the last known values where this reading could not look. before is what was known, of the
// reading with the given hash; what that one had from before itself keeps its origin.
func fillUnread(env *resource.Envelope, before *observed, had []previousValue, hash string, at store.Time) []previousValue {
	if len(env.Unread) == 0 || before == nil {
		return nil
	}
	was := treeOf(&before.env)
	is := treeOf(env)
	var kept []previousValue
	for _, p := range env.Unread {
		v, ok := valueAt(was, p)
		if !ok || !fillAt(is, p, v) {
			continue
		}
		prev := previousValue{Pointer: p, Value: encodeJSON(v), Hash: hash, At: at}
		if i := slices.IndexFunc(had, func(h previousValue) bool { return h.Pointer == p }); i >= 0 {
			prev.Hash, prev.At = had[i].Hash, had[i].At
		}
		kept = append(kept, prev)
	}
	untree(is, env)
	return kept
}

// withPrevious applies what fillUnread kept.
func withPrevious(env *resource.Envelope, kept []previousValue) (stale []string) {
	if len(kept) == 0 {
		return nil
	}
	is := treeOf(env)
	for _, p := range kept {
		if fillAt(is, p.Pointer, decodeJSON(p.Value)) {
			stale = append(stale, p.Pointer)
		}
	}
	untree(is, env)
	return stale
}

func treeOf(env *resource.Envelope) map[string]any {
	m, _ := decodeJSON(encodeJSON(env)).(map[string]any)
	if m == nil {
		m = map[string]any{}
	}
	return m
}

func untree(m map[string]any, env *resource.Envelope) {
	var out resource.Envelope
	if json.Unmarshal(encodeJSON(m), &out) == nil {
		*env = out
	}
}

// ranked is an identifier in its one spelling, with the kind's rank.
type ranked struct {
	resource.Identifier
	rank int
}

// identifiersOf are those of an envelope that join things of the kind, strongest first.
func identifiersOf(env *resource.Envelope, kind *schema.Kind) []ranked {
	var out []ranked
	for _, id := range env.Identifiers {
		rank := rankOf(kind, id.Type)
		if rank == 0 {
			continue
		}
		value, ok := schema.NormalizeIdentifier(id.Type, id.Value)
		if !ok {
			continue
		}
		r := ranked{resource.Identifier{Type: id.Type, Value: value}, rank}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b ranked) int {
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		if a.Type != b.Type {
			return strings.Compare(a.Type, b.Type)
		}
		return strings.Compare(a.Value, b.Value)
	})
	return out[:min(len(out), identityMax)]
}

// rankOf is 0 for types that join nothing. A provider's own global id is rank 1 for every kind.
func rankOf(kind *schema.Kind, typ string) int {
	if strings.HasSuffix(typ, ".id") && strings.Count(typ, ".") == 1 {
		return 1
	}
	return kind.Ranks[typ]
}

// edgesOf are an envelope's relations with the keys by which their targets are found.
func edgesOf(env *resource.Envelope, connection string) []edge {
	var out []edge
	for _, r := range env.Relations {
		e := edge{Verb: r.Verb, Kind: r.Kind}
		if r.Selector != nil {
			id := *r.Selector
			if v, ok := schema.NormalizeIdentifier(id.Type, id.Value); ok {
				id.Value = v
			}
			e.Want, e.Label = wantIdentifier(r.Kind, id), pairOf(id)
		} else {
			e.Want, e.Label = wantKey(connection, r.Kind, r.ExternalID), r.ExternalID
		}
		out = append(out, e)
	}
	return out
}
