package schema

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// SettingsOf derives the JSON Schema of a plugin's settings from the Go struct that it reads them into, so that
// the form which people fill in and what the plugin accepts are one thing. The struct tags are those of
// documentOf. It panics for a struct that makes no schema: a mistake that any call of Describe shows.
func SettingsOf(settings any) json.RawMessage {
	d, err := documentOf(reflect.TypeOf(settings))
	if err == nil {
		d.Schema = draft
		closeObjects(d)
		var text []byte
		if text, err = marshalCanonical(d); err == nil {
			if _, err = ParseSettings(text); err == nil {
				return text
			}
		}
	}
	panic(fmt.Sprintf("settings %T: %v", settings, err))
}

// closeObjects refuses unknown settings: a misspelt filter that is silently ignored reads too much.
func closeObjects(d *document) {
	if d == nil || len(d.Type) != 1 {
		return
	}
	if d.Type[0] == "object" && d.Properties != nil {
		d.AdditionalProperties = jsontext.Value("false")
	}
	for _, p := range d.Properties {
		closeObjects(p)
	}
	closeObjects(d.Items)
}

// Settings is the form of a plugin's settings.
type Settings struct {
	Schema json.RawMessage
	Fields []Setting
}

// Setting is one leaf of the settings; arrays are leaves.
type Setting struct {
	// Pointer is the JSON pointer inside the settings: "/url".
	Pointer          string
	Label            string
	Required         bool
	Narrows          bool
	Secret           bool
	CredentialTarget bool
	// Text says that it is text or a list of texts.
	Text bool
}

// ParseSettings reads the JSON Schema of a plugin's settings and refuses it with ErrInvalid when it is not
// valid draft 2020-12 or uses an annotation outside the vocabulary.
func ParseSettings(raw []byte) (*Settings, error) {
	s, err := parseSettings(raw)
	if err != nil {
		return nil, fmt.Errorf("settings: %w: %w", ErrInvalid, err)
	}
	return s, nil
}

func parseSettings(raw []byte) (*Settings, error) {
	if len(raw) > MaxSchemaBytes {
		return nil, fmt.Errorf("%d bytes, at most %d", len(raw), MaxSchemaBytes)
	}
	if err := checkDraft(raw); err != nil {
		return nil, err
	}
	d, err := readDocument(raw)
	if err != nil {
		return nil, err
	}
	if len(d.Type) != 1 || d.Type[0] != "object" {
		return nil, errors.New(`the root's type must be "object"`)
	}
	s := &Settings{Schema: slices.Clone(raw)}
	if err := s.add(d, d, "", 0); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Settings) add(root, d *document, pointer string, depth int) error {
	if depth > MaxNesting {
		return fmt.Errorf("%s: nests deeper than %d", pointer, MaxNesting)
	}
	if len(s.Fields) > MaxFields {
		return fmt.Errorf("more than %d settings", MaxFields)
	}
	names := slices.Sorted(maps.Keys(d.Properties))
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(d.Properties[a].Order, d.Properties[b].Order)
	})
	for _, name := range names {
		at := pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		child, err := d.Properties[name].resolve(root)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if child.Column || child.Indexed || child.Searchable || child.Volatile || child.Sensitive || child.Set ||
			child.Key != "" || child.When != nil || child.Identifiers != nil || child.Relations != nil {
			return fmt.Errorf("%s: carries an annotation of kinds", at)
		}
		if slices.Contains(child.Type, "object") && len(child.Properties) > 0 {
			if child.Narrows || child.Secret || child.CredentialTarget {
				return fmt.Errorf("%s: annotations stand on the members of an object, not on the object", at)
			}
			if err := s.add(root, child, at, depth+1); err != nil {
				return err
			}
			continue
		}
		s.Fields = append(s.Fields, Setting{
			Pointer: at, Label: cmp.Or(child.Label, child.Title, labelOf(name)), Required: slices.Contains(d.Required, name),
			Narrows: child.Narrows, Secret: child.Secret, CredentialTarget: child.CredentialTarget,
			Text: child.isText() || slices.Contains(child.Type, "array") && child.Items.isText(),
		})
	}
	return nil
}

// Narrowing is the part of a connection's settings that decides how much is read at all, in canonical bytes:
// what coverage fingerprints are made of. Where it differs, what is no longer listed was not proven gone.
func (s *Settings) Narrowing(settings []byte) ([]byte, error) {
	return s.part(settings, func(f Setting) bool { return f.Narrows })
}

// Targets is the part of a connection's settings that says where a credential is sent, in canonical bytes.
func (s *Settings) Targets(settings []byte) ([]byte, error) {
	return s.part(settings, func(f Setting) bool { return f.CredentialTarget })
}

func (s *Settings) part(settings []byte, want func(Setting) bool) ([]byte, error) {
	if !jsontext.Value(settings).IsValid() || jsontext.Value(settings).Kind() != '{' {
		return nil, errors.New("read settings: not a JSON object")
	}
	picked := map[string]json.RawMessage{}
	for _, f := range s.Fields {
		if !want(f) {
			continue
		}
		if v := at(jsontext.Value(settings), f.Pointer); v != nil && v.Kind() != 'n' {
			picked[f.Pointer] = json.RawMessage(v)
		}
	}
	text, err := json.Marshal(picked)
	if err != nil {
		return nil, fmt.Errorf("write settings: %w", err)
	}
	return canonical(text)
}
