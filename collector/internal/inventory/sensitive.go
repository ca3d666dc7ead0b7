package inventory

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"maestro.internal/sdk/schema"
)

// hiddenPrefix begins what stands for a sensitive value in the history. Equal values give equal hashes, so that one sees that
// a value changed, and whether it ever was the same, and not what it was.
const hiddenPrefix = "hmac-sha256:"

// sensitivePointers are the fields of a kind that history keeps a hash of only.
func sensitivePointers(k *schema.Kind) []string {
	var out []string
	for _, f := range k.Fields {
		if f.Sensitive {
			out = append(out, f.Pointer)
		}
	}
	return out
}

// Hides says of pointers whether what they lead to, or something within, is kept from a caller.
func Hides(c Caller, k *schema.Kind) func(pointer string) bool {
	var hidden []string
	if !c.Sensitive {
		hidden = sensitivePointers(k)
	}
	return func(pointer string) bool {
		return slices.ContainsFunc(hidden, func(h string) bool { return within(pointer, h) || within(h, pointer) })
	}
}

// within says whether a pointer leads to what another leads to, or into it.
func within(pointer, outer string) bool {
	return pointer == outer || strings.HasPrefix(pointer, outer+"/")
}

func (s *Service) hide(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return nil
	}
	if text, ok := decodeJSON(raw).(string); ok && strings.HasPrefix(text, hiddenPrefix) {
		return raw
	}
	b, err := canonicalJSON(raw)
	if err != nil {
		b = raw
	}
	mac := hmac.New(sha256.New, s.opt.HistoryKey)
	mac.Write(b)
	return encodeJSON(hiddenPrefix + hex.EncodeToString(mac.Sum(nil)))
}

// hideAt replaces the values at the pointers, as far as there are any.
func (s *Service) hideAt(attributes json.RawMessage, pointers []string) json.RawMessage {
	tree, ok := decodeJSON(attributes).(map[string]any)
	if !ok {
		return attributes
	}
	changed := false
	for _, p := range pointers {
		at, last := parentAt(tree, p)
		if v, ok := at[last]; ok {
			at[last] = decodeJSON(s.hide(encodeJSON(v)))
			changed = true
		}
	}
	if !changed {
		return attributes
	}
	return encodeJSON(tree)
}

// discreet is a revision as history keeps it.
func (u *unit) discreet(rev revision) revision {
	if len(u.hidden) > 0 {
		rev.Attributes = u.s.hideAt(rev.Attributes, u.hidden)
	}
	return rev
}

// without leaves out what a caller may not read.
func without(attributes json.RawMessage, pointers []string) json.RawMessage {
	tree, ok := decodeJSON(attributes).(map[string]any)
	if !ok || len(pointers) == 0 {
		return attributes
	}
	for _, p := range pointers {
		if at, last := parentAt(tree, p); at != nil {
			delete(at, last)
		}
	}
	return encodeJSON(tree)
}

// parentAt is the object that holds what the pointer names, and its name there.
func parentAt(attributes map[string]any, pointer string) (map[string]any, string) {
	tokens := strings.Split(strings.TrimPrefix(pointer, "/attributes/"), "/")
	at := attributes
	for _, t := range tokens[:len(tokens)-1] {
		at, _ = at[unescapeToken(t)].(map[string]any)
	}
	return at, unescapeToken(tokens[len(tokens)-1])
}
