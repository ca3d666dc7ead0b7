package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"maestro.internal/collector/internal/filter"
)

// ErrBadCursor is answered when Query.After is not a position of the same order.
var ErrBadCursor = errors.New("page position does not belong to this list")

var validName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// MaxDoc is the longest document that a row may have; MongoDB ends at 16 MiB with everything around it.
const MaxDoc = 12 << 20

// CheckTable finds declarations that some engine could not keep.
func CheckTable(t Table) error {
	if !validName.MatchString(t.Name) || strings.HasPrefix(t.Name, "maestro") || strings.HasPrefix(t.Name, "sqlite") || strings.HasPrefix(t.Name, "system") {
		return fmt.Errorf("declare table: %q is no lower_snake name, or one of the engines' own", t.Name)
	}
	for _, ix := range t.Indexes {
		if err := CheckIndex(ix); err != nil {
			return fmt.Errorf("declare table %s: %w", t.Name, err)
		}
	}
	return nil
}

// CheckIndex is like CheckTable for one index. MongoDB cannot index two lists together.
func CheckIndex(ix Index) error {
	if !validName.MatchString(ix.Name) || len(ix.Fields) == 0 {
		return fmt.Errorf("index %q has no lower_snake name or no fields", ix.Name)
	}
	lists := 0
	for _, f := range ix.Fields {
		if err := filter.Check(filter.Exists{Field: f}); err != nil {
			return fmt.Errorf("index %s: %w", ix.Name, err)
		}
		if f.Type == filter.ID {
			return fmt.Errorf("index %s: the id is its last field without being named", ix.Name)
		}
		if f.Multi {
			lists++
		}
	}
	if lists > 1 {
		return fmt.Errorf("index %s has more than one field of several values", ix.Name)
	}
	return nil
}

// ShortHash tells definitions apart in names of indexes.
func ShortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:5])
}

// CheckWrite finds rows that some engine could not keep as they are. Each engine calls it first, so that a
// document accepted by one is accepted by all.
func CheckWrite(t Table, w Write) error {
	if w.Row.ID == "" || !utf8.ValidString(w.Row.ID) || !utf8.ValidString(w.Row.Tenant) || !utf8.ValidString(w.Row.Part) {
		return fmt.Errorf("write %s: row without id, or with one that is no text", t.Name)
	}
	if w.Op < Insert || w.Op > Delete {
		return fmt.Errorf("write %s %q: unknown operation %d", t.Name, w.Row.ID, w.Op)
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
	case w.Row.Version < 0:
		return fmt.Errorf("write %s %q: negative version", t.Name, w.Row.ID)
	}
	if err := checkTokens(doc); err != nil {
		return fmt.Errorf("write %s %q: %w", t.Name, w.Row.ID, err)
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

// checkTokens finds what is JSON but cannot be kept: a NUL in a name, a number that no float holds. Both are
// rare, so it reads the document only where there is a sign of them.
func checkTokens(doc []byte) error {
	if !bytes.Contains(doc, []byte(`\u0000`)) && !mayOverflow(doc) {
		return nil
	}
	d := jsontext.NewDecoder(bytes.NewReader(doc))
	for {
		tok, err := d.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch tok.Kind() {
		case '0':
			if _, err := strconv.ParseFloat(tok.String(), 64); err != nil {
				return fmt.Errorf("number %.40s is too large", tok.String())
			}
		case '"':
			kind, n := d.StackIndex(d.StackDepth())
			if kind == '{' && n%2 == 1 && strings.ContainsRune(tok.String(), 0) {
				return errors.New("property name holds a NUL")
			}
		}
	}
}

// mayOverflow sees digits followed by an exponent, or more digits than any float needs.
func mayOverflow(doc []byte) bool {
	digits := 0
	for _, c := range doc {
		switch {
		case '0' <= c && c <= '9':
			if digits++; digits > 300 {
				return true
			}
		case c == 'e' || c == 'E':
			if digits > 0 {
				return true
			}
			digits = 0
		default:
			digits = 0
		}
	}
	return false
}
