package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxWarnings bounds what one resource can make the collector say.
const maxWarnings = 20

// Validate checks a resource's attributes, one JSON object, against the kind. Fields of the wrong type are
// left out of clean and named in warnings; unknown fields are kept; nulls mean "missing" and are left out
// silently. A value outside an enumeration is kept with a warning, since a newer plugin may know more of them.
// The error is for what is no JSON object at all. clean shares memory with attrs when nothing was left out.
func (k *Kind) Validate(attrs []byte) (clean []byte, warnings []string, err error) {
	root := k.root
	if root == nil {
		built, err := build(k.Name, k.Major, k.Minor, k.Schema)
		if err != nil {
			return nil, nil, fmt.Errorf("read schema of kind %s: %w", k.Name, err)
		}
		root = built.root
	}
	return validate(root, "/attributes", attrs)
}

func validate(root *node, base string, raw []byte) ([]byte, []string, error) {
	w := walker{dec: jsontext.NewDecoder(bytes.NewReader(raw)), base: base}
	if w.dec.PeekKind() != '{' {
		if _, err := w.dec.ReadToken(); err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, fmt.Errorf("read attributes: %w", err)
		}
		return nil, nil, fmt.Errorf("read attributes: not a JSON object")
	}
	if err := w.value(root); err != nil {
		return nil, nil, fmt.Errorf("read attributes: %w", err)
	}
	if _, err := w.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("read attributes: something follows the JSON object")
	}
	if len(w.drop) == 0 {
		return raw, w.warnings, nil
	}
	clean, err := without(raw, w.drop)
	return clean, w.warnings, err
}

// walker reads JSON beside the node that describes it and collects what has to go.
type walker struct {
	dec      *jsontext.Decoder
	base     string
	drop     []jsontext.Pointer
	warnings []string
}

func (w *walker) value(n *node) error {
	kind := w.dec.PeekKind()
	if kind == 'n' {
		w.drop = append(w.drop, w.at())
		return w.skip()
	}
	switch n.field.Type {
	case TypeObject:
		if kind == '{' {
			return w.object(n)
		}
	case TypeArray:
		if kind == '[' {
			return w.array(n)
		}
	default:
		if strings.ContainsRune(`"0tf`, rune(kind)) {
			tok, err := w.dec.ReadToken()
			if err != nil {
				return err
			}
			w.scalar(n, tok)
			return nil
		}
	}
	if kind == 0 { // broken JSON: reading it says how
		return w.skip()
	}
	at := w.at()
	w.drop = append(w.drop, at)
	w.warn(at, "dropped: it should be %s and is %s", article(n.field.Type), jsonType(kind))
	return w.skip()
}

// at is the pointer of the value that is read next.
func (w *walker) at() jsontext.Pointer {
	p := w.dec.StackPointer()
	// Inside an array the pointer still names the element before the next one.
	if kind, length := w.dec.StackIndex(w.dec.StackDepth()); kind == '[' {
		if length > 0 {
			p = p.Parent()
		}
		p = p.AppendToken(strconv.FormatInt(length, 10))
	}
	return p
}

func (w *walker) skip() error { return w.dec.SkipValue() }

func (w *walker) object(n *node) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	for w.dec.PeekKind() != '}' {
		name, err := w.dec.ReadToken()
		if err != nil {
			return err
		}
		if child := n.props[name.String()]; child != nil {
			err = w.value(child)
		} else {
			err = w.skip()
		}
		if err != nil {
			return err
		}
	}
	_, err := w.dec.ReadToken()
	return err
}

func (w *walker) array(n *node) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	for w.dec.PeekKind() != ']' {
		if err := w.value(n.items); err != nil {
			return err
		}
	}
	_, err := w.dec.ReadToken()
	return err
}

func (w *walker) scalar(n *node, tok jsontext.Token) {
	problem, outside := n.field.checkToken(tok)
	if problem == "" {
		return
	}
	// The value has been read, so this is its own pointer.
	at := w.dec.StackPointer()
	if outside {
		w.warn(at, "%s", problem)
		return
	}
	w.drop = append(w.drop, at)
	w.warn(at, "dropped: %s", problem)
}

func (w *walker) warn(at jsontext.Pointer, format string, args ...any) {
	switch {
	case len(w.warnings) < maxWarnings:
		w.warnings = append(w.warnings, w.base+string(at)+": "+fmt.Sprintf(format, args...))
	case len(w.warnings) == maxWarnings:
		w.warnings = append(w.warnings, "and more")
	}
}

// checkToken says what is wrong with a plain value. outside means that only an enumeration is left.
func (f *Field) checkToken(tok jsontext.Token) (problem string, outside bool) {
	kind := tok.Kind()
	wrong := "it should be " + article(f.Type) + " and is " + jsonType(kind)
	switch f.Type {
	case TypeString:
		if kind != '"' {
			return wrong, false
		}
		if len(f.Enum) > 0 && !slices.Contains(f.Enum, tok.String()) {
			return "its value is none of " + strings.Join(f.Enum, ", "), true
		}
	case TypeTime:
		if kind != '"' {
			return wrong, false
		}
		if _, err := time.Parse(time.RFC3339, tok.String()); err != nil {
			return "it is not a time in the form 2006-01-02T15:04:05Z", false
		}
	case TypeIP:
		if kind != '"' {
			return wrong, false
		}
		if a, err := netip.ParseAddr(tok.String()); err != nil || a.Zone() != "" {
			return "it is not an IP address", false
		}
	case TypeBoolean:
		if kind != 't' && kind != 'f' {
			return wrong, false
		}
	case TypeNumber, TypeInteger:
		if kind != '0' {
			return wrong, false
		}
		v, err := strconv.ParseFloat(tok.String(), 64)
		if err != nil {
			return "it is not a number", false
		}
		if f.Type == TypeInteger && (v != math.Trunc(v) || math.Abs(v) > 1<<53) {
			return "it is not a whole number up to 2^53", false
		}
	}
	return "", false
}

// Check says whether raw is a value that the field may be given by a person or an import: of its type, and one
// of its enumeration if it has one. Validate is milder, since discovery must not fail for one odd value.
func (f *Field) Check(raw []byte) error {
	v := jsontext.Value(raw)
	if !v.IsValid() {
		return fmt.Errorf("%s: not JSON", f.Label)
	}
	kind := v.Kind()
	switch f.Type {
	case TypeObject:
		if kind != '{' {
			return fmt.Errorf("%s: it should be an object and is %s", f.Label, jsonType(kind))
		}
		return nil
	case TypeArray:
		return f.checkElements(v)
	}
	if kind == '{' || kind == '[' || kind == 'n' {
		return fmt.Errorf("%s: it should be %s and is %s", f.Label, article(f.Type), jsonType(kind))
	}
	tok, err := jsontext.NewDecoder(bytes.NewReader(raw)).ReadToken()
	if err != nil {
		return fmt.Errorf("%s: %w", f.Label, err)
	}
	if problem, _ := f.checkToken(tok); problem != "" {
		return fmt.Errorf("%s: %s", f.Label, problem)
	}
	return nil
}

func (f *Field) checkElements(v jsontext.Value) error {
	var elements []jsontext.Value
	if err := json.Unmarshal(v, &elements); err != nil || v.Kind() != '[' {
		return fmt.Errorf("%s: it should be a list and is %s", f.Label, jsonType(v.Kind()))
	}
	plain := len(f.Items) == 1 && f.Items[0].Path == ""
	for i, e := range elements {
		if plain {
			if err := f.Items[0].Check(e); err != nil {
				return fmt.Errorf("%s: element %d %w", f.Label, i+1, err)
			}
			continue
		}
		if e.Kind() != '{' {
			return fmt.Errorf("%s: element %d should be an object and is %s", f.Label, i+1, jsonType(e.Kind()))
		}
		for _, item := range f.Items {
			member := at(e, item.Pointer)
			if member == nil {
				continue
			}
			if err := item.Check(member); err != nil {
				return fmt.Errorf("%s: element %d: %w", f.Label, i+1, err)
			}
		}
	}
	return nil
}

// at is the value that a pointer leads to, or nil. Names in kinds need no escapes.
func at(v jsontext.Value, pointer string) jsontext.Value {
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		var members map[string]jsontext.Value
		if json.Unmarshal(v, &members) != nil {
			return nil
		}
		if v = members[name]; v == nil {
			return nil
		}
	}
	return v
}

func article(t Type) string {
	switch t {
	case TypeInteger:
		return "a whole number"
	case TypeTime:
		return "a time as text"
	case TypeIP:
		return "an IP address as text"
	case TypeArray:
		return "a list"
	case TypeObject:
		return "an object"
	}
	return "a " + string(t)
}

func jsonType(kind jsontext.Kind) string {
	switch kind {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '[':
		return "a list"
	case '{':
		return "an object"
	}
	return "not JSON"
}

// without is raw, a JSON object, less the values at the pointers, in the order of its members' names.
func without(raw []byte, drop []jsontext.Pointer) ([]byte, error) {
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, fmt.Errorf("read attributes: %w", err)
	}
	gone := make(map[jsontext.Pointer]bool, len(drop))
	for _, p := range drop {
		gone[p] = true
	}
	out, err := json.Marshal(prune(tree, "", gone), json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("write attributes: %w", err)
	}
	return canonical(out)
}

func prune(v any, at jsontext.Pointer, gone map[jsontext.Pointer]bool) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			p := at.AppendToken(name)
			if gone[p] {
				delete(v, name)
			} else {
				v[name] = prune(member, p, gone)
			}
		}
		return v
	case []any:
		kept := make([]any, 0, len(v))
		for i, element := range v {
			if p := at.AppendToken(strconv.Itoa(i)); !gone[p] {
				kept = append(kept, prune(element, p, gone))
			}
		}
		return kept
	}
	return v
}
