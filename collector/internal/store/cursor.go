package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/collector/internal/filter"
)

// Cursor is the position of a row in an ordered list. It names values, not an offset, so a list read page by
// page neither repeats nor skips rows when others come or go meanwhile.
type Cursor struct {
	// Values of the ordering fields; nil where the row had none.
	Values []any
	ID     string
}

// CompareCursors says which of two positions comes first.
func CompareCursors(order []Order, a, b Cursor) int {
	for i, o := range order {
		x, y := a.Values[i], b.Values[i]
		switch {
		case x == nil && y == nil:
			continue
		case x == nil:
			return 1
		case y == nil:
			return -1
		}
		if c, _ := filter.CompareValues(x, y); c != 0 {
			if o.Desc {
				return -c
			}
			return c
		}
	}
	return strings.Compare(a.ID, b.ID)
}

type cursorJSON struct {
	Order  string            `json:"o,omitempty"`
	Values []json.RawMessage `json:"v,omitempty"`
	ID     string            `json:"i"`
}

// CursorOf is the position of a row.
func CursorOf(order []Order, r Row) (Cursor, error) {
	c := Cursor{ID: r.ID}
	if len(order) == 0 {
		return c, nil
	}
	doc, err := filter.NewReader(r.Doc)
	if err != nil {
		return c, err
	}
	for _, o := range order {
		var v any
		if values := doc.Values(o.Field); len(values) > 0 {
			v = values[0]
		}
		c.Values = append(c.Values, v)
	}
	return c, nil
}

// Encode makes the opaque text of Page.Next.
func (c Cursor) Encode(order []Order) (string, error) {
	out := cursorJSON{Order: orderName(order), ID: c.ID}
	for _, v := range c.Values {
		b, err := json.Marshal(v)
		if err != nil {
			return "", fmt.Errorf("encode page position: %w", err)
		}
		out.Values = append(out.Values, b)
	}
	b, err := json.Marshal(out)
	if err != nil {
		return "", fmt.Errorf("encode page position: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// DecodeCursor reads Query.After, which comes from outside. ErrBadCursor if it is no position of this order.
func DecodeCursor(text string, order []Order) (Cursor, error) {
	var c Cursor
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return c, ErrBadCursor
	}
	var in cursorJSON
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(&in) != nil || in.Order != orderName(order) || len(in.Values) != len(order) {
		return c, ErrBadCursor
	}
	c.ID = in.ID
	for i, o := range order {
		v, err := cursorValue(o.Field, in.Values[i])
		if err != nil {
			return Cursor{}, err
		}
		c.Values = append(c.Values, v)
	}
	return c, nil
}

func cursorValue(f filter.Field, raw json.RawMessage) (any, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	doc := append(append([]byte(`{"v":`), raw...), '}')
	values := filter.Values(filter.Field{Path: []string{"v"}, Type: f.Type}, doc)
	if len(values) != 1 {
		return nil, ErrBadCursor
	}
	return values[0], nil
}

// orderName ties a position to its order: with another one its values would mean something else.
func orderName(order []Order) string {
	var b strings.Builder
	for _, o := range order {
		sign := "+"
		if o.Desc {
			sign = "-"
		}
		b.WriteString(sign + Key(o.Field.Path...) + ":" + string(o.Field.Type))
	}
	return b.String()
}

// CheckQuery finds what no engine can answer.
func CheckQuery(t Table, q Query) error {
	if err := CheckPart(t, q.Part); err != nil {
		return err
	}
	if err := filter.Check(q.Where); err != nil {
		return err
	}
	if len(q.Order) > MaxOrder {
		return fmt.Errorf("read %s: more than %d fields to order by", t.Name, MaxOrder)
	}
	if q.Bare && (len(q.Order) > 0 || q.WithBlob) {
		return fmt.Errorf("read %s: rows without documents come in the order of ids, without blobs", t.Name)
	}
	for i, o := range q.Order {
		if err := filter.CheckOrder(o.Field); err != nil {
			return err
		}
		for _, p := range q.Order[:i] {
			if slices.Equal(p.Field.Path, o.Field.Path) {
				return fmt.Errorf("read %s: ordered by %s twice", t.Name, o.Field)
			}
		}
	}
	return nil
}

// MaxOrder is the most fields that a list can be ordered by: rows without a value come last in either direction,
// which costs MongoDB a query for each combination.
const MaxOrder = filter.MaxOrder

// DefaultLimit is the length of a page that names none.
const DefaultLimit = 1000
