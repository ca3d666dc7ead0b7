package inventory

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"maestro.internal/sdk/schema"
)

// leaves maps JSON pointers to the values there. Objects recurse; arrays are one value, unless their elements are
// told apart by a key: then the key stands in the pointer instead of a position.
type leaves map[string]any

// keyedArrays are the pointers of a kind's arrays that have a key, with the key's name.
func keyedArrays(k *schema.Kind) map[string]string {
	if k == nil {
		return nil
	}
	var out map[string]string
	for _, f := range k.Fields {
		if f.Key != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[f.Pointer] = f.Key
		}
	}
	return out
}

func (l leaves) add(at string, v any, keyed map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			l[at] = v
		}
		for name, child := range v {
			l.add(at+"/"+escapeToken(name), child, keyed)
		}
	case []any:
		elements, ok := byKey(v, keyed[at])
		if !ok {
			l[at] = v
			return
		}
		for key, e := range elements {
			l.add(at+"/"+escapeToken(key), e, keyed)
		}
	case nil: // null and missing are the same
	default:
		l[at] = v
	}
}

// byKey tells an array's elements apart; not ok when they cannot be.
func byKey(list []any, key string) (map[string]any, bool) {
	if key == "" || len(list) == 0 {
		return nil, false
	}
	out := make(map[string]any, len(list))
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return nil, false
		}
		name, ok := keyText(m[key])
		if _, twice := out[name]; !ok || twice {
			return nil, false
		}
		out[name] = m
	}
	return out, true
}

func keyText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// tree puts leaves back together below the pointer base.
func (l leaves) tree(base string, keyed map[string]string) map[string]any {
	root := map[string]any{}
	for _, p := range slices.Sorted(maps.Keys(l)) {
		rest, ok := strings.CutPrefix(p, base+"/")
		if !ok {
			continue
		}
		setLeaf(root, strings.Split(rest, "/"), l[p])
	}
	if len(keyed) > 0 {
		return arrays(root, base, keyed).(map[string]any)
	}
	return root
}

func setLeaf(at map[string]any, tokens []string, v any) {
	for _, t := range tokens[:len(tokens)-1] {
		name := unescapeToken(t)
		next, ok := at[name].(map[string]any)
		if !ok {
			if _, taken := at[name]; taken {
				return // a plain value stands where another source has an object; the plain one was first
			}
			next = map[string]any{}
			at[name] = next
		}
		at = next
	}
	at[unescapeToken(tokens[len(tokens)-1])] = v
}

// arrays turns the maps that stand for keyed arrays into arrays again, in the order of their keys.
func arrays(v any, at string, keyed map[string]string) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for name, child := range m {
		m[name] = arrays(child, at+"/"+escapeToken(name), keyed)
	}
	if keyed[at] == "" {
		return m
	}
	list := make([]any, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[name])
	}
	return list
}

var (
	tokenEscaper   = strings.NewReplacer("~", "~0", "/", "~1")
	tokenUnescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

func escapeToken(s string) string {
	if !strings.ContainsAny(s, "~/") {
		return s
	}
	return tokenEscaper.Replace(s)
}

func unescapeToken(s string) string {
	if !strings.Contains(s, "~") {
		return s
	}
	return tokenUnescaper.Replace(s)
}

// covers says whether pointer p is what one of the pointers names, or lies below it.
func covers(pointers []string, p string) bool {
	for _, c := range pointers {
		if p == c || strings.HasPrefix(p, c) && len(p) > len(c) && p[len(c)] == '/' {
			return true
		}
	}
	return false
}

func sameValue(a, b any) bool { return reflect.DeepEqual(a, b) }

// decodeJSON reads what has been valid JSON before; nil if it is not.
func decodeJSON(raw []byte) any {
	if len(raw) == 0 {
		return nil
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return v
}

// encodeJSON is for values that came out of JSON, so it cannot fail.
func encodeJSON(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

// valueAt follows a JSON pointer.
func valueAt(tree any, pointer string) (any, bool) {
	for _, t := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		switch at := tree.(type) {
		case map[string]any:
			v, ok := at[unescapeToken(t)]
			if !ok {
				return nil, false
			}
			tree = v
		case []any:
			i, err := strconv.Atoi(t)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			tree = at[i]
		default:
			return nil, false
		}
	}
	return tree, true
}

// fillAt puts a value where nothing is, or an empty object: attributes that were unread as a whole are one. Objects on
// the way are made, arrays are not entered.
func fillAt(tree map[string]any, pointer string, v any) bool {
	tokens := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for _, t := range tokens[:len(tokens)-1] {
		name := unescapeToken(t)
		if _, ok := tree[name]; !ok {
			tree[name] = map[string]any{}
		}
		next, ok := tree[name].(map[string]any)
		if !ok {
			return false
		}
		tree = next
	}
	last := unescapeToken(tokens[len(tokens)-1])
	if is, taken := tree[last]; taken {
		if m, object := is.(map[string]any); !object || len(m) > 0 {
			return false
		}
	}
	tree[last] = v
	return true
}
