package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Formats are the values of --output.
var Formats = []string{"table", "json", "yaml", "csv", "template=TEXT"}

// ErrUsage is wrapped by what is wrong with the format, the fields or the template that somebody asked for.
var ErrUsage = errors.New("output")

// usage is such a mistake; its text stands alone.
type usage struct{ text string }

func (u usage) Error() string        { return u.text }
func (u usage) Is(target error) bool { return target == ErrUsage }

func mistake(format string, args ...any) error { return usage{fmt.Sprintf(format, args...)} }

// Style says how to print.
type Style struct {
	// Format is one of Formats.
	Format string
	// Fields are the only ones to print, by their dotted names.
	Fields []string
	// Terminal says that a person looks at it: then no control character is left in any format.
	Terminal bool
}

// Check refuses what could never be printed, before anybody is asked for anything.
func (s Style) Check() error {
	if text, ok := strings.CutPrefix(s.Format, "template="); ok {
		_, err := parseTemplate(text)
		return err
	}
	switch s.Format {
	case "table", "json", "yaml", "csv":
		return nil
	case "template":
		return mistake("want the template behind it: -o template='{{.name}}'")
	}
	return mistake("unknown output %q: want %s", s.Format, strings.Join(Formats, ", "))
}

// Print writes value in the style; table makes the table when that is asked for and no fields are named.
func Print(w io.Writer, s Style, value any, table func() Table) error {
	if err := s.Check(); err != nil {
		return err
	}
	if err := checkFields(reflect.TypeOf(value), s.Fields); err != nil {
		return err
	}
	if s.Format == "table" && len(s.Fields) == 0 {
		return table().print(w)
	}
	b, err := encode(value)
	if err != nil {
		return err
	}
	if len(s.Fields) > 0 {
		if b, err = narrow(b, s.Fields); err != nil {
			return err
		}
	}
	if s.Terminal {
		w = safe{w}
	}
	if text, ok := strings.CutPrefix(s.Format, "template="); ok {
		return printTemplate(w, text, b)
	}
	switch s.Format {
	case "json":
		var indented bytes.Buffer
		if err := json.Indent(&indented, b, "", "  "); err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		return write(w, "JSON", append(indented.Bytes(), '\n'))
	case "yaml":
		return printYAML(w, b)
	case "csv":
		return printCSV(w, b, s.Fields)
	}
	note := ""
	if table != nil {
		note = table().Note
	}
	return fieldTable(b, s.Fields, note).print(w)
}

// Line writes value as one line of JSON, for streams.
func Line(w io.Writer, value any) error {
	b, err := encode(value)
	if err != nil {
		return err
	}
	return write(w, "JSON", append(b, '\n'))
}

func write(w io.Writer, what string, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}

// encode is the value as JSON, with nothing in it that moves a terminal: what is not ASCII and controls or turns the direction
// of text is escaped, which changes no value.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if !bytes.ContainsFunc(text, hostile) {
		return text, nil
	}
	var out bytes.Buffer
	for _, r := range string(text) {
		if hostile(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.Bytes(), nil
}
