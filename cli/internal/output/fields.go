package output

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// decode reads JSON with its numbers as they are written.
func decode(doc []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return v, nil
}

// items are the things in an answer: those of a list, or the one thing itself.
func items(v any) (list []any, isList bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case map[string]any:
		if found, ok := v["items"]; ok {
			if _, named := v["id"]; !named {
				l, _ := found.([]any)
				return l, true
			}
		}
	}
	return []any{v}, false
}

// Pick finds a field of a document by its dotted name. A name is tried as it is, and as one of the attributes or of what all kinds have in common; tags, labels and
// identifiers answer to their keys: tags.env. In a list it is that of every item.
func Pick(doc any, name string) (any, bool) {
	if v, ok := follow(doc, name); ok {
		return v, true
	}
	if m, ok := doc.(map[string]any); ok {
		for _, part := range []string{"attributes", "common"} {
			if v, ok := follow(m[part], name); ok {
				return v, true
			}
		}
	}
	return nil, false
}

func follow(v any, name string) (any, bool) {
	if name == "" {
		return v, true
	}
	switch v := v.(type) {
	case map[string]any:
		// A key may have dots in it, so the longest that fits goes first.
		for end := len(name); end > 0; end = strings.LastIndexByte(name[:end], '.') {
			if next, ok := v[name[:end]]; ok {
				if found, ok := follow(next, strings.TrimPrefix(name[end:], ".")); ok {
					return found, true
				}
			}
		}
	case []any:
		var all []any
		for _, e := range v {
			if keyed, ok := e.(map[string]any); ok && (keyed["key"] == name || keyed["type"] == name) && keyed["value"] != nil {
				all = append(all, keyed["value"])
			} else if found, ok := follow(e, name); ok {
				all = append(all, found)
			}
		}
		if len(all) == 1 {
			return all[0], true
		}
		return all, len(all) > 0
	}
	return nil, false
}

// narrow leaves only the fields of each item, named as they were asked for, in the order asked for.
func narrow(doc []byte, fields []string) ([]byte, error) {
	v, err := decode(doc)
	if err != nil {
		return nil, err
	}
	list, isList := items(v)
	var out bytes.Buffer
	for i, item := range list {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('{')
		for j, f := range fields {
			if j > 0 {
				out.WriteByte(',')
			}
			value, _ := Pick(item, f)
			pair, err := pairOf(f, value)
			if err != nil {
				return nil, err
			}
			out.Write(pair)
		}
		out.WriteByte('}')
	}
	if !isList {
		return out.Bytes(), nil
	}
	short := slices.Concat([]byte("["), out.Bytes(), []byte("]"))
	if whole, ok := v.(map[string]any); ok { // a page: what else it says stays
		whole["items"] = json.RawMessage(short)
		return encode(whole)
	}
	return short, nil
}

// checkFields finds names that a document of the type can never have, which is a mistake of typing.
func checkFields(t reflect.Type, fields []string) error {
	t = itemType(t)
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	names := namesOf(t)
	if slices.Contains(names, "attributes") {
		return nil // the kind knows better
	}
	for _, f := range fields {
		first, _, _ := strings.Cut(f, ".")
		if !slices.Contains(names, first) {
			slices.Sort(names)
			return mistake("there is no field %q; there are %s", f, strings.Join(names, ", "))
		}
	}
	return nil
}

// itemType is the type of the things in an answer.
func itemType(t reflect.Type) reflect.Type {
	for t != nil {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice:
			t = t.Elem()
			continue
		case reflect.Struct:
			if f, ok := t.FieldByName("Items"); ok && f.Type.Kind() == reflect.Slice && !slices.Contains(namesOf(t), "id") {
				t = f.Type
				continue
			}
		}
		return t
	}
	return nil
}

func namesOf(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			names = append(names, namesOf(f.Type)...)
		case f.IsExported() && name != "-":
			names = append(names, cmp.Or(name, f.Name))
		}
	}
	return names
}

func pairOf(name string, value any) ([]byte, error) {
	k, err := encode(name)
	if err != nil {
		return nil, err
	}
	v, err := encode(value)
	return slices.Concat(k, []byte(":"), v), err
}

// fieldTable has the fields as columns.
func fieldTable(doc []byte, fields []string, note string) Table {
	t := Table{Header: fields, Note: note}
	v, err := decode(doc)
	if err != nil { // it has just been encoded
		return t
	}
	list, _ := items(v)
	for _, item := range list {
		m, _ := item.(map[string]any)
		row := make([]string, len(fields))
		for i, f := range fields {
			row[i] = Value(m[f])
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// PickText is a field of a JSON document as text; "" when there is none.
func PickText(doc []byte, name string) string {
	v, err := decode(doc)
	if err != nil {
		return ""
	}
	found, ok := Pick(v, name)
	if !ok || found == nil || found == "" {
		return ""
	}
	return Value(found)
}
