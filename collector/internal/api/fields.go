package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// fieldSet are the names of the filter language for the documents of one Go type, made of its JSON names:
// "agent.name", "paused". An object with an id answers to its own name too: agent = "..." compares the id.
type fieldSet struct {
	names  []string
	fields map[string]filter.Field
	enums  map[string][]string
	times  [][]string
	// named are the fields that hold ids of named objects, refs those of them that say the name beside it.
	named map[string]filter.Reference
	refs  []string
}

const wordsName = "words"

var timeOf = reflect.TypeFor[time.Time]()

func fieldsOf[T any]() *fieldSet {
	f := &fieldSet{fields: map[string]filter.Field{}, enums: map[string][]string{}}
	f.addStruct(reflect.TypeFor[T](), nil, false, 0)
	f.fields[wordsName] = filter.Field{Path: []string{wordsName}, Type: filter.String, Multi: true}
	slices.Sort(f.names)
	return f
}

// Field resolves one name.
func (f *fieldSet) Field(name string) (filter.Field, bool) {
	field, ok := f.fields[name]
	return field, ok
}

// Reference is what a field of ids points at.
func (f *fieldSet) Reference(name string) (filter.Reference, bool) {
	r, ok := f.named[name]
	return r, ok
}

// Names are all of them, sorted.
func (f *fieldSet) Names() []string { return f.names }

// Enum is the values that a field may have; nil if it is free.
func (f *fieldSet) Enum(name string) []string { return f.enums[name] }

const fieldDepth = 3

func (f *fieldSet) addStruct(t reflect.Type, path []string, multi bool, depth int) {
	if depth > fieldDepth {
		return
	}
	for i := range t.NumField() {
		sf := t.Field(i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if sf.Anonymous && name == "" {
			f.addStruct(indirect(sf.Type), path, multi, depth)
			continue
		}
		if !sf.IsExported() || name == "-" || name == "" {
			continue
		}
		f.add(sf.Type, append(slices.Clone(path), name), sf.Tag.Get("enum"), multi, depth)
	}
}

func indirect(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func (f *fieldSet) add(t reflect.Type, path []string, enum string, multi bool, depth int) {
	t = indirect(t)
	leaf := func(typ filter.Type) {
		name := strings.Join(path, ".")
		if _, taken := f.fields[name]; taken {
			return
		}
		f.names = append(f.names, name)
		f.fields[name] = filter.Field{Path: path, Type: typ, Multi: multi}
		if enum != "" {
			f.enums[name] = strings.Split(enum, ",")
		}
	}
	switch {
	case t == timeOf:
		leaf(filter.Time)
		f.times = append(f.times, path)
	case t.Kind() == reflect.String:
		leaf(filter.String)
	case t.Kind() == reflect.Bool:
		leaf(filter.Bool)
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64:
		leaf(filter.Number)
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		f.add(t.Elem(), path, enum, true, depth)
	case t.Kind() == reflect.Struct:
		if id, ok := t.FieldByName("ID"); ok && id.Type.Kind() == reflect.String {
			name := strings.Join(path, ".")
			f.names = append(f.names, name)
			f.fields[name] = filter.Field{Path: append(slices.Clone(path), "id"), Type: filter.String, Multi: multi}
			if called, ok := t.FieldByName("Name"); ok && called.Type.Kind() == reflect.String {
				f.refs = append(f.refs, name)
			}
		}
		f.addStruct(t, path, multi, depth+1)
	}
}

// document is an item as the filter sees it: moments in the stores' fixed form, and the words of all its text.
func (f *fieldSet) document(item any) ([]byte, error) {
	b, err := json.Marshal(item)
	if err != nil {
		return nil, fmt.Errorf("encode item: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("decode item: %w", err)
	}
	words := map[string]bool{}
	collectWords(doc, words)
	for _, path := range f.times {
		fixTime(doc, path)
	}
	list := make([]string, 0, len(words))
	for w := range words {
		list = append(list, w)
	}
	doc[wordsName] = list
	if b, err = json.Marshal(doc); err != nil {
		return nil, fmt.Errorf("encode item: %w", err)
	}
	return b, nil
}

// placed is an item as far as an order looks at it, which is little of what a large document has.
func (f *fieldSet) placed(item any, order []store.Order) ([]byte, error) {
	v := reflect.ValueOf(item)
	if _, own := item.(json.Marshaler); own || v.Kind() != reflect.Struct {
		return f.document(item)
	}
	var fields []reflect.StructField
	var values []reflect.Value
	for _, o := range order {
		sf, field, ok := member(v, o.Field.Path[0])
		if ok && !slices.ContainsFunc(fields, func(f reflect.StructField) bool { return f.Name == sf.Name }) {
			fields, values = append(fields, reflect.StructField{Name: sf.Name, Type: sf.Type, Tag: sf.Tag}), append(values, field)
		}
	}
	part := reflect.New(reflect.StructOf(fields)).Elem()
	for i, field := range values {
		part.Field(i).Set(field)
	}
	return f.document(part.Interface())
}

// member is the field of a struct that JSON calls so, as addStruct finds it.
func member(v reflect.Value, name string) (reflect.StructField, reflect.Value, bool) {
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		called, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if called == name && sf.IsExported() {
			return sf, v.Field(i), true
		}
		if sf.Anonymous && called == "" && sf.Type.Kind() == reflect.Struct {
			if sf, found, ok := member(v.Field(i), name); ok {
				return sf, found, true
			}
		}
	}
	return reflect.StructField{}, reflect.Value{}, false
}

func collectWords(v any, into map[string]bool) {
	switch v := v.(type) {
	case string:
		for _, w := range filter.Words(v) {
			into[w] = true
		}
	case []any:
		for _, e := range v {
			collectWords(e, into)
		}
	case map[string]any:
		for _, e := range v {
			collectWords(e, into)
		}
	}
}

func fixTime(v any, path []string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			fixTime(e, path)
		}
	case map[string]any:
		if len(path) > 1 {
			fixTime(v[path[0]], path[1:])
			return
		}
		text, _ := v[path[0]].(string)
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			v[path[0]] = t.UTC().Format(store.TimeLayout)
		}
	}
}

// Text is the field of all words.
func (f *fieldSet) Text() (filter.Field, bool) { return f.Field(wordsName) }
