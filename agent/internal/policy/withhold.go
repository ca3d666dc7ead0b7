package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"maestro.internal/sdk/resource"
)

// withholder changes one envelope. Attributes are parsed when the first rule needs them.
type withholder struct {
	policy   *Policy
	env      *resource.Envelope
	attrs    map[string]any
	volatile map[string]any
	changed  bool
}

func (w *withholder) withheld(pointer string) {
	if !slices.Contains(w.env.Withheld, pointer) {
		w.env.Withheld = append(w.env.Withheld, pointer)
	}
}

// text answers what a text becomes; keep is false when it goes away.
func (w *withholder) text(action Action, value string) (out string, keep bool) {
	switch action {
	case Mask:
		return mask, true
	case Hash:
		return w.policy.hash(value), true
	}
	return "", false
}

func (w *withholder) tags(action Action, pattern string) {
	out := make([]resource.Tag, 0, len(w.env.Tags))
	for _, t := range w.env.Tags {
		if !match(pattern, t.Key) {
			out = append(out, t)
			continue
		}
		if action == Drop {
			w.withheld("/tags")
			continue
		}
		w.withheld("/tags/" + escape(t.Key))
		t.Value, _ = w.text(action, t.Value)
		out = append(out, t)
	}
	w.env.Tags = out
}

// identifiers also covers the targets of relations: they would tell the same value.
func (w *withholder) identifiers(action Action, typ string) {
	ids := make([]resource.Identifier, 0, len(w.env.Identifiers))
	for _, id := range w.env.Identifiers {
		if id.Type != typ {
			ids = append(ids, id)
			continue
		}
		w.withheld("/identifiers/" + escape(typ))
		if value, keep := w.text(action, id.Value); keep {
			ids = append(ids, resource.Identifier{Type: typ, Value: value})
		}
	}
	w.env.Identifiers = ids
	relations := make([]resource.Relation, 0, len(w.env.Relations))
	for _, r := range w.env.Relations {
		if r.Selector != nil && r.Selector.Type == typ {
			w.withheld("/relations")
			value, keep := w.text(action, r.Selector.Value)
			if !keep {
				continue
			}
			r.Selector = &resource.Identifier{Type: typ, Value: value}
		}
		relations = append(relations, r)
	}
	w.env.Relations = relations
}

func (w *withholder) field(action Action, pointer string) {
	texts := map[string]*string{"/name": &w.env.Name, "/region": &w.env.Region, "/zone": &w.env.Zone, "/console_url": &w.env.ConsoleURL}
	if s := texts[pointer]; s != nil {
		if *s != "" {
			*s, _ = w.text(action, *s)
			w.withheld(pointer)
		}
		return
	}
	gone := false
	switch pointer {
	case "/tags":
		if action != Drop {
			w.tags(action, "*")
			return
		}
		gone, w.env.Tags = len(w.env.Tags) > 0, nil
	case "/identifiers":
		gone, w.env.Identifiers = len(w.env.Identifiers) > 0, nil
	case "/relations":
		gone, w.env.Relations = len(w.env.Relations) > 0, nil
	}
	if gone {
		w.withheld(pointer)
	}
}

func (w *withholder) attribute(r Rule) error {
	if w.attrs == nil {
		if err := parse(w.env.Attributes, &w.attrs); err != nil {
			return fmt.Errorf("apply policy to attributes: %w", err)
		}
		if err := parse(w.env.Volatile, &w.volatile); err != nil {
			return fmt.Errorf("apply policy to volatile values: %w", err)
		}
	}
	path := strings.Split(strings.TrimPrefix(r.Field, "/attributes/"), "/")
	for i := range path {
		path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(path[i])
	}
	for _, tree := range []map[string]any{w.attrs, w.volatile} {
		if w.reach(tree, path, r.Action, "/attributes") {
			w.changed = true
		}
	}
	return nil
}

// parse keeps numbers as they are written.
func parse(b []byte, into *map[string]any) error {
	*into = map[string]any{}
	if len(b) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(into)
}

// reach walks down to what path names and withholds it.
func (w *withholder) reach(node any, path []string, action Action, at string) bool {
	hit := false
	switch node := node.(type) {
	case map[string]any:
		names := []string{path[0]}
		if path[0] == "*" {
			names = slices.Sorted(maps.Keys(node))
		}
		for _, name := range names {
			value, ok := node[name]
			if !ok {
				continue
			}
			here := at + "/" + escape(name)
			if len(path) > 1 {
				hit = w.reach(value, path[1:], action, here) || hit
				continue
			}
			if next, keep := w.value(action, value); keep {
				node[name] = next
			} else {
				delete(node, name)
			}
			w.withheld(here)
			hit = true
		}
	case []any:
		if path[0] != "*" {
			return false
		}
		// Elements are not told by number: where one stands in a list may mean nothing.
		for i, value := range node {
			if len(path) > 1 {
				hit = w.reach(value, path[1:], action, at+"/*") || hit
				continue
			}
			// A hole would break the list's type, so an element that must go leaves its empty value.
			next, keep := w.value(action, value)
			if !keep {
				next = empty(value)
			}
			node[i] = next
			w.withheld(at)
			hit = true
		}
	}
	return hit
}

// value withholds a value; only texts (also those inside lists) can be masked or hashed.
func (w *withholder) value(action Action, value any) (any, bool) {
	if action == Drop {
		return nil, false
	}
	switch v := value.(type) {
	case string:
		return w.text(action, v)
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, false
			}
			next, _ := w.text(action, s)
			out = append(out, next)
		}
		return out, true
	}
	return nil, false
}

func empty(value any) any {
	switch value.(type) {
	case string:
		return ""
	case map[string]any:
		return map[string]any{}
	case []any:
		return []any{}
	case bool:
		return false
	}
	return json.Number("0")
}

func (w *withholder) close() error {
	if !w.changed {
		return nil
	}
	var err error
	if w.env.Attributes, err = json.Marshal(w.attrs); err != nil {
		return fmt.Errorf("apply policy: %w", err)
	}
	w.env.Volatile = nil
	if len(w.volatile) > 0 {
		if w.env.Volatile, err = json.Marshal(w.volatile); err != nil {
			return fmt.Errorf("apply policy: %w", err)
		}
	}
	return nil
}

func escape(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }
