package filter

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Match says whether e holds for a document, which is one JSON object. It is the meaning that every store must agree with.
//
// A field's values are those of its type: null, and a value of another type, is none. Where a document has an
// array although the field is not Multi, a store may answer either way.
func Match(e Expr, doc []byte) bool { return MatchRow(e, "", doc) }

// MatchRow is like Match for the document of a row, whose id conditions on RowID are about.
func MatchRow(e Expr, id string, doc []byte) bool {
	v, err := decode(doc)
	return err == nil && Reader{id, v}.Match(e)
}

// Values answers a document's values of the field, in the document's order: string, int64, float64 or bool.
func Values(f Field, doc []byte) []any {
	v, err := decode(doc)
	if err != nil {
		return nil
	}
	return Reader{doc: v}.Values(f)
}

// Reader answers values of one document after decoding it once.
type Reader struct {
	id  string
	doc any
}

// NewReader decodes doc.
func NewReader(doc []byte) (Reader, error) {
	v, err := decode(doc)
	if err != nil {
		return Reader{}, fmt.Errorf("decode document: %w", err)
	}
	return Reader{doc: v}, nil
}

// NewRowReader is NewReader for the document of a row, whose id conditions on RowID are about.
func NewRowReader(id string, doc []byte) (Reader, error) {
	r, err := NewReader(doc)
	r.id = id
	return r, err
}

// Values is like the function Values.
func (r Reader) Values(f Field) []any {
	if f.Type == ID {
		return []any{r.id}
	}
	return valuesIn(f, r.doc)
}

func decode(doc []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

// Match is like the function Match.
func (r Reader) Match(e Expr) bool {
	switch e := e.(type) {
	case nil:
		return true
	case And:
		return !slices.ContainsFunc(e, func(x Expr) bool { return !r.Match(x) })
	case Or:
		return slices.ContainsFunc(e, func(x Expr) bool { return r.Match(x) })
	case Not:
		return !r.Match(e.Of)
	case Const:
		return bool(e)
	case Exists:
		return len(r.Values(e.Field)) > 0
	case In:
		return slices.ContainsFunc(r.Values(e.Field), func(v any) bool {
			return slices.ContainsFunc(e.Values, func(w any) bool { return compares(Eq, v, w) })
		})
	case set:
		return slices.ContainsFunc(r.Values(e.field), func(v any) bool { text, ok := v.(string); return ok && e.texts[text] })
	case Within:
		return slices.ContainsFunc(r.Values(e.Field), func(v any) bool {
			text, _ := v.(string)
			return slices.ContainsFunc(e.Spans, func(s Span) bool { return s.From <= text && text <= s.To })
		})
	case Text:
		words := r.Values(e.Field)
		return !slices.ContainsFunc(e.Words, func(w string) bool {
			return !slices.ContainsFunc(words, func(v any) bool { return compares(Prefix, v, w) })
		})
	case Compare:
		if e.Op == Ne {
			return !r.Match(Compare{e.Field, Eq, e.Value})
		}
		return slices.ContainsFunc(r.Values(e.Field), func(v any) bool { return compares(e.Op, v, e.Value) })
	}
	return false
}

// set is an In of texts only, for Match.
type set struct {
	field Field
	texts map[string]bool
}

func (set) isExpr() {}

// Prepared is e for a Reader's Match that is asked often: it does not go through long lists. Stores do not know what it answers.
func Prepared(e Expr) Expr {
	switch e := e.(type) {
	case And:
		out := make(And, len(e))
		for i, x := range e {
			out[i] = Prepared(x)
		}
		return out
	case Or:
		out := make(Or, len(e))
		for i, x := range e {
			out[i] = Prepared(x)
		}
		return out
	case Not:
		return Not{Prepared(e.Of)}
	case In:
		texts := make(map[string]bool, len(e.Values))
		for _, v := range e.Values {
			text, ok := v.(string)
			if !ok {
				return e
			}
			texts[text] = true
		}
		return set{e.Field, texts}
	}
	return e
}

func compares(op Op, have, want any) bool {
	switch op {
	case Contains, Prefix:
		h, ok1 := have.(string)
		w, ok2 := want.(string)
		if !ok1 || !ok2 {
			return false
		}
		if op == Prefix {
			return strings.HasPrefix(h, w)
		}
		return strings.Contains(Fold(h), Fold(w))
	}
	c, ok := CompareValues(have, want)
	if !ok {
		return false
	}
	switch op {
	case Eq:
		return c == 0
	case Lt:
		return c < 0
	case Le:
		return c <= 0
	case Gt:
		return c > 0
	case Ge:
		return c >= 0
	}
	return false
}

// CompareValues orders two values of one type, as a list ordered by their field does; false if their types differ.
func CompareValues(a, b any) (int, bool) {
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return strings.Compare(x, y), ok
	case bool:
		y, ok := b.(bool)
		return cmp.Compare(boolNumber(x), boolNumber(y)), ok
	case int64:
		switch y := b.(type) {
		case int64:
			return cmp.Compare(x, y), true
		case float64:
			return compareIntFloat(x, y), true
		}
	case float64:
		switch y := b.(type) {
		case int64:
			return -compareIntFloat(y, x), true
		case float64:
			return cmp.Compare(x, y), true
		}
	}
	return 0, false
}

func boolNumber(b bool) int {
	if b {
		return 1
	}
	return 0
}

// compareIntFloat is exact: converting the integer to a float would call neighbours above 2^53 equal.
func compareIntFloat(i int64, f float64) int {
	switch {
	case f >= math.MaxInt64: // 2^63 as a float
		return -1
	case f < math.MinInt64:
		return 1
	}
	whole := math.Trunc(f)
	if c := cmp.Compare(i, int64(whole)); c != 0 {
		return c
	}
	return cmp.Compare(whole, f)
}

func valuesIn(f Field, doc any) []any {
	at := []any{doc}
	for _, name := range f.Path {
		var next []any
		for _, v := range at {
			if list, ok := v.([]any); ok {
				for _, e := range list {
					next = appendMember(next, e, name)
				}
				continue
			}
			next = appendMember(next, v, name)
		}
		at = next
	}
	var out []any
	for _, v := range at {
		if list, ok := v.([]any); ok {
			for _, e := range list {
				out = appendTyped(out, f.Type, e)
			}
			continue
		}
		out = appendTyped(out, f.Type, v)
	}
	return out
}

func appendMember(to []any, v any, name string) []any {
	if m, ok := v.(map[string]any); ok {
		if x, ok := m[name]; ok {
			return append(to, x)
		}
	}
	return to
}

func appendTyped(to []any, t Type, v any) []any {
	switch v := v.(type) {
	case string:
		if t == String || t == Time {
			return append(to, v)
		}
	case bool:
		if t == Bool {
			return append(to, v)
		}
	case json.Number:
		if t == Number {
			if n, ok := number(string(v)); ok {
				return append(to, n)
			}
		}
	}
	return to
}

func number(text string) (any, bool) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, true
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}
