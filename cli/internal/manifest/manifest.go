// Package manifest reads what `maestro apply` is given: documents in YAML or JSON, each of which says how one thing should be.
// It finds every mistake that can be found without a collector, so that nothing is written from a file that is half understood.
package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"maestro.internal/internal/rest"
)

// MaxBytes is the largest input.
const MaxBytes = 16 << 20

// Document says how one thing should be. What it does not name stays as it is.
type Document struct {
	// Source is the file and the line.
	Source string
	Kind   string
	Name   string
	Fields map[string]any
}

// Error is what is wrong with one document.
type Error struct {
	Source  string
	Problem string
}

func (e *Error) Error() string { return e.Source + ": " + e.Problem }

// Parse reads all documents of a file.
func Parse(file string, text []byte) (docs []Document, wrong []*Error) {
	if len(text) > MaxBytes {
		return nil, []*Error{{file, fmt.Sprintf("it is larger than %d MiB", MaxBytes>>20)}}
	}
	for _, part := range split(text) {
		if blank(part.text) {
			continue
		}
		source := fmt.Sprintf("%s:%d", file, part.line)
		var fields map[string]any
		if err := yaml.NewDecoder(bytes.NewReader(part.text), yaml.Strict()).Decode(&fields); err != nil {
			wrong = append(wrong, &Error{source, strings.TrimSpace(yaml.FormatError(err, false, false))})
			continue
		}
		doc := Document{Source: source, Fields: fields}
		var ok bool
		if doc.Kind, ok = fields["kind"].(string); !ok {
			wrong = append(wrong, &Error{source, "it has no kind: want datacenter, connection, schedule ..."})
			continue
		}
		delete(fields, "kind")
		doc.Name, _ = fields["name"].(string)
		docs = append(docs, doc)
	}
	return docs, wrong
}

type piece struct {
	line int
	text []byte
}

// split cuts at the lines between documents. The reader of YAML would do it too, but it stops silently at an empty one.
func split(text []byte) []piece {
	parts := []piece{{line: 1}}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if t := bytes.TrimRight(line, " \t\r\n"); bytes.Equal(t, []byte("---")) {
			parts = append(parts, piece{line: n + 1})
			continue
		}
		last := &parts[len(parts)-1]
		if blank(last.text) && blank(line) {
			last.line, last.text = n+1, nil
			continue
		}
		last.text = append(last.text, line...)
	}
	return parts
}

// blank says that there is nothing but comments.
func blank(text []byte) bool {
	for line := range bytes.Lines(text) {
		if t := bytes.TrimSpace(line); len(t) > 0 && t[0] != '#' && !bytes.Equal(t, []byte("...")) {
			return false
		}
	}
	return true
}

// Overlay is the thing as a document wants it: current, with what the document names. The changes are field by field.
func Overlay[T any](current T, fields map[string]any) (want T, diff []rest.FieldChange, err error) {
	was, err := asMap(current)
	if err != nil {
		return want, nil, err
	}
	is := maps.Clone(was)
	for k, v := range fields {
		if v == nil {
			delete(is, k)
			continue
		}
		is[k] = v
	}
	b, err := json.Marshal(is)
	if err != nil {
		return want, nil, fmt.Errorf("encode document: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&want); err != nil {
		return want, nil, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	// Once more through its type, so that 5 and 5.0, or a list and a missing one, are no difference.
	if is, err = asMap(want); err != nil {
		return want, nil, err
	}
	Diff("", was, is, &diff)
	slices.SortFunc(diff, func(a, b rest.FieldChange) int { return strings.Compare(a.Pointer, b.Pointer) })
	return want, diff, nil
}

func asMap(v any) (map[string]any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("decode document: %w", err)
	}
	return out, nil
}

// Diff finds the leaves that differ. Lists are leaves, but for those of things that have a kind or a name.
func Diff(pointer string, was, is any, out *[]rest.FieldChange) {
	was, is = keyed(was), keyed(is)
	x, objectBefore := was.(map[string]any)
	y, objectAfter := is.(map[string]any)
	if !(objectBefore || was == nil) || !(objectAfter || is == nil) || was == nil && is == nil {
		if !reflect.DeepEqual(was, is) && !(empty(was) && empty(is)) {
			*out = append(*out, rest.FieldChange{Pointer: pointer, Old: was, New: is})
		}
		return
	}
	for k := range x {
		Diff(pointer+"/"+escape(k), x[k], y[k], out)
	}
	for k := range y {
		if _, both := x[k]; !both {
			Diff(pointer+"/"+escape(k), nil, y[k], out)
		}
	}
}

func keyed(v any) any {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return v
	}
	out := map[string]any{}
	for _, e := range list {
		m, _ := e.(map[string]any)
		key, ok := m["kind"].(string)
		if !ok {
			key, ok = m["name"].(string)
		}
		if _, twice := out[key]; !ok || twice {
			return v
		}
		out[key] = m
	}
	return out
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case string:
		return v == ""
	}
	return false
}

func escape(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }
