package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrBadCursor is answered when Query.After is not a position of the same order.
var ErrBadCursor = errors.New("page position does not belong to this list")

// MaxDoc is the longest document that a row may have; MongoDB ends at 16 MiB with everything around it.
const MaxDoc = 12 << 20

// CheckWrite finds rows that some engine could not keep as they are. Each engine calls it first, so that a
// document accepted by one is accepted by all.
func CheckWrite(t Table, w Write) error {
	if w.Row.ID == "" {
		return fmt.Errorf("write %s: row without id", t.Name)
	}
	if err := checkPart(t, w.Row.Part); err != nil {
		return fmt.Errorf("write %s: %w", t.Name, err)
	}
	if w.Op == Delete {
		return nil
	}
	doc := jsontext.Value(w.Row.Doc)
	switch {
	case doc.Kind() != '{' || !doc.IsValid():
		return fmt.Errorf("write %s %q: document is not one valid JSON object", t.Name, w.Row.ID)
	case len(doc)+len(w.Row.Blob) > MaxDoc:
		return fmt.Errorf("write %s %q: %d bytes are more than a row may have", t.Name, w.Row.ID, len(doc)+len(w.Row.Blob))
	case bytes.Contains(doc, []byte(`\u0000`)) && nulName(doc):
		return fmt.Errorf("write %s %q: property name holds a NUL", t.Name, w.Row.ID)
	case w.Row.Version < 0:
		return fmt.Errorf("write %s %q: negative version", t.Name, w.Row.ID)
	case w.Op < Insert || w.Op > Delete:
		return fmt.Errorf("write %s %q: unknown operation %d", t.Name, w.Row.ID, w.Op)
	}
	return nil
}

// CheckPart is an error when the part is missing, or named where the table has none.
func CheckPart(t Table, part string) error {
	if err := checkPart(t, part); err != nil {
		return fmt.Errorf("read %s: %w", t.Name, err)
	}
	return nil
}

func checkPart(t Table, part string) error {
	switch {
	case t.Parts && part == "":
		return errors.New("table has parts and none is named")
	case !t.Parts && part != "":
		return fmt.Errorf("table has no parts, but %q is named", part)
	}
	return nil
}

func nulName(doc []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(doc))
	for {
		tok, err := d.ReadToken()
		if err != nil {
			return false
		}
		kind, n := d.StackIndex(d.StackDepth())
		if kind == '{' && n%2 == 1 && tok.Kind() == '"' && bytes.IndexByte([]byte(tok.String()), 0) >= 0 {
			return true
		}
	}
}
