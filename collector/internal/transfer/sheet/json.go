package sheet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// jsonReader reads a list of objects: by itself, as items of a document, or as one of a Maestro document's lists.
type jsonReader struct {
	d      *json.Decoder
	list   string
	number int
	done   bool
}

func openJSON(f io.Reader, list string) (Reader, error) {
	in := bufio.NewReaderSize(f, 64<<10)
	if bom, err := in.Peek(3); err == nil && bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		if _, err := in.Discard(3); err != nil {
			return nil, fmt.Errorf("read file: %w", err)
		}
	}
	r := &jsonReader{d: json.NewDecoder(in), list: list}
	r.d.UseNumber()
	t, err := r.d.Token()
	switch {
	case errors.Is(err, io.EOF):
		return nil, &Error{Problem: "the file is empty"}
	case err != nil:
		return nil, r.problem(err)
	case t == json.Delim('[') && list == "":
		return r, nil
	case t == json.Delim('{'):
		return r, r.seek()
	}
	return nil, &Error{Problem: "is neither a list of objects nor a document with items"}
}

// seek goes to the list in the document. A document without it has no rows.
func (r *jsonReader) seek() error {
	want := r.list
	if want == "" {
		want = "items"
	}
	for r.d.More() {
		key, err := r.d.Token()
		if err != nil {
			return r.problem(err)
		}
		if key == want {
			t, err := r.d.Token()
			if err != nil {
				return r.problem(err)
			}
			if t == json.Delim('[') {
				return nil
			}
			return &Error{Column: want, Problem: "is no list"}
		}
		var skipped json.RawMessage
		if err := r.d.Decode(&skipped); err != nil {
			return r.problem(err)
		}
	}
	r.done = true
	if r.list == "" {
		return &Error{Problem: "is neither a list of objects nor a document with items"}
	}
	return nil
}

func (r *jsonReader) problem(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return &Error{Row: r.number, Problem: fmt.Sprintf("byte %d of the file: not valid JSON: %s", syntax.Offset, strings.TrimPrefix(syntax.Error(), "json: "))}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &Error{Row: r.number, Problem: "the file ends in the middle"}
	}
	return fmt.Errorf("read row %d: %w", r.number, err)
}

func (r *jsonReader) Columns() []string { return nil }
func (r *jsonReader) Close() error      { return nil }

func (r *jsonReader) Next() (Row, error) {
	if r.done || !r.d.More() {
		if !r.done {
			if _, err := r.d.Token(); err != nil {
				return Row{}, r.problem(err)
			}
		}
		r.done = true
		return Row{}, io.EOF
	}
	r.number++
	if r.number > MaxRows {
		return Row{}, &Error{Row: r.number, Problem: fmt.Sprintf("a file may have %d rows", MaxRows)}
	}
	var raw json.RawMessage
	if err := r.d.Decode(&raw); err != nil {
		return Row{}, r.problem(err)
	}
	if len(raw) > maxRecord {
		return Row{}, &Error{Row: r.number, Problem: fmt.Sprintf("is longer than %d MiB", maxRecord>>20)}
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil || object == nil {
		return Row{}, &Error{Row: r.number, Problem: "is no object"}
	}
	row := Row{Number: r.number}
	flatten(&row, "", object, 0)
	if len(row.Columns) > MaxColumns {
		return Row{}, &Error{Row: r.number, Problem: fmt.Sprintf("has more than %d fields", MaxColumns)}
	}
	return row, nil
}

// flatten names nested values by their path: os.name. What is a list stays one value, but for tags and identifiers, which
// may come as lists of pairs.
func flatten(row *Row, prefix string, object map[string]json.RawMessage, depth int) {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		raw, path := object[name], prefix+name
		var inner map[string]json.RawMessage
		if len(raw) > 0 && raw[0] == '{' && depth < 8 && json.Unmarshal(raw, &inner) == nil && len(inner) > 0 {
			flatten(row, path+".", inner, depth+1)
			continue
		}
		if prefix == "" && pairs(row, name, raw) {
			continue
		}
		row.Columns = append(row.Columns, path)
		if string(raw) == "null" {
			row.Values = append(row.Values, Value{})
			continue
		}
		row.Values = append(row.Values, Value{Raw: raw})
	}
}

func pairs(row *Row, name string, raw json.RawMessage) bool {
	var list []struct{ Key, Type, Value string }
	if name != "tags" && name != "identifiers" || len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &list) != nil {
		return false
	}
	values := map[string][]string{}
	var keys []string
	for _, p := range list {
		key := p.Key
		if name == "identifiers" {
			key = p.Type
		}
		if key == "" {
			return false
		}
		if values[key] == nil {
			keys = append(keys, key)
		}
		values[key] = append(values[key], p.Value)
	}
	for _, key := range keys {
		row.Columns = append(row.Columns, name+"."+key)
		row.Values = append(row.Values, Value{Text: strings.Join(values[key], "; ")})
	}
	return true
}
