package schema

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// IP is a string that holds one address, without a prefix length. As a field's type it says so to filters.
type IP string

// definition is a built-in kind as it is written down: annotations, and a struct for the attributes.
type definition struct {
	name  string
	minor int
	root  document
	attrs any
}

// schema is the JSON Schema of the definition in canonical bytes.
func (b definition) schema() ([]byte, error) {
	d := b.root
	body, err := documentOf(reflect.TypeOf(b.attrs))
	if err != nil {
		return nil, err
	}
	d.Schema, d.Type, d.Properties = draft, body.Type, body.Properties
	d.Title = d.Label
	return marshalCanonical(&d)
}

func marshalCanonical(d *document) ([]byte, error) {
	text, err := json.Marshal(d, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	return canonical(text)
}

// documentOf describes a struct. Struct tags are the annotations:
//
//	json:"memory_bytes,omitempty"  the name
//	label:"Memory"                 x-maestro-label
//	help:"..."                     description
//	group:"Hardware"               x-maestro-group
//	unit:"bytes"                   x-maestro-unit; a suffix of the name that is a unit does as well
//	enum:"on,off"                  the only values
//	key:"name"                     x-maestro-key
//	maestro:"column,indexed,..."   the annotations that are flags, and "required"
//	default:"443" example:"a"      as in JSON Schema
//	format:"uri"                   as in JSON Schema
func documentOf(t reflect.Type) (*document, error) {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &document{Type: typeNames{"string"}, Format: "date-time"}, nil
	case t == reflect.TypeFor[IP]():
		return &document{Type: typeNames{"string"}, Format: "ip"}, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return documentOf(t.Elem())
	case reflect.String:
		return &document{Type: typeNames{"string"}}, nil
	case reflect.Bool:
		return &document{Type: typeNames{"boolean"}}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &document{Type: typeNames{"integer"}}, nil
	case reflect.Float32, reflect.Float64:
		return &document{Type: typeNames{"number"}}, nil
	case reflect.Slice:
		items, err := documentOf(t.Elem())
		if err != nil {
			return nil, err
		}
		return &document{Type: typeNames{"array"}, Items: items}, nil
	case reflect.Map:
		value, err := documentOf(t.Elem())
		if err != nil {
			return nil, err
		}
		text, err := marshalCanonical(value)
		if err != nil {
			return nil, err
		}
		return &document{Type: typeNames{"object"}, AdditionalProperties: text}, nil
	case reflect.Struct:
		return structDocument(t)
	}
	return nil, fmt.Errorf("type %s has no JSON Schema here", t)
}

func structDocument(t reflect.Type) (*document, error) {
	out := &document{Type: typeNames{"object"}, Properties: map[string]*document{}}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			return nil, fmt.Errorf("%s.%s has no json name", t, f.Name)
		}
		d, err := documentOf(f.Type)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
		d.Order = i + 1
		required, err := d.annotate(name, f.Tag)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
		if required {
			out.Required = append(out.Required, name)
		}
		out.Properties[name] = d
	}
	return out, nil
}

func (d *document) annotate(name string, tag reflect.StructTag) (required bool, err error) {
	d.Label, d.Description, d.Group, d.Key = tag.Get("label"), tag.Get("help"), tag.Get("group"), tag.Get("key")
	if f := tag.Get("format"); f != "" {
		d.Format = f
	}
	if numeric := len(d.Type) == 1 && (d.Type[0] == "integer" || d.Type[0] == "number"); numeric {
		d.Unit = unitOf(name, tag.Get("unit"))
	}
	if list := tag.Get("enum"); list != "" {
		for v := range strings.SplitSeq(list, ",") {
			d.Enum = append(d.Enum, jsontext.Value(strconv.Quote(v)))
		}
	}
	if field, values, ok := strings.Cut(tag.Get("when"), "="); ok {
		d.When = &When{Field: field, BeginsWith: strings.Split(values, ",")}
	}
	if d.Default, err = d.literal(tag.Get("default")); err != nil {
		return false, err
	}
	if e := tag.Get("example"); e != "" {
		v, err := d.literal(e)
		if err != nil {
			return false, err
		}
		d.Examples = []jsontext.Value{v}
	}
	flags := tag.Get("maestro")
	if flags == "" {
		return false, nil
	}
	for flag := range strings.SplitSeq(flags, ",") {
		switch flag {
		case "column":
			d.Column = true
		case "indexed":
			d.Indexed = true
		case "searchable":
			d.Searchable = true
		case "volatile":
			d.Volatile = true
		case "sensitive":
			d.Sensitive = true
		case "set":
			d.Set = true
		case "narrows":
			d.Narrows = true
		case "secret":
			d.Secret, d.WriteOnly = true, true
		case "credential-target":
			d.CredentialTarget = true
		case "required":
			required = true
		default:
			return false, fmt.Errorf("unknown annotation %q", flag)
		}
	}
	return required, nil
}

// literal writes a value of the document's own type.
func (d *document) literal(s string) (jsontext.Value, error) {
	if s == "" {
		return nil, nil
	}
	if len(d.Type) == 1 && d.Type[0] == "string" {
		return json.Marshal(s)
	}
	v := jsontext.Value(s)
	if !v.IsValid() {
		return nil, fmt.Errorf("%q is not a value of type %v", s, d.Type)
	}
	return v, nil
}

// unitOf reads the unit that a name ends with.
func unitOf(name, stated string) string {
	if stated != "" {
		return stated
	}
	for _, u := range []struct{ suffix, unit string }{
		{"_bits_per_second", "bit/s"}, {"_bytes_per_second", "bytes/s"}, {"_bytes", "bytes"},
		{"_seconds", "seconds"}, {"_mhz", "MHz"}, {"_percent", "%"},
	} {
		if strings.HasSuffix(name, u.suffix) {
			return u.unit
		}
	}
	return ""
}
