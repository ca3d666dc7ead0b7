package mongo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.mongodb.org/mongo-driver/v2/bson"
)

const hexDigits = "0123456789abcdef"

// encodeName makes of a property name one that may stand in a dotted path: '.', a '$' at the beginning and '%' are
// percent-encoded, so is the first digit of a number, which a path would take for a position in an array; the
// empty name is a single '%'.
func encodeName(name string) string {
	if name == "" {
		return "%"
	}
	first := name[0] == '$' || strings.Trim(name, "0123456789") == ""
	if !first && !strings.ContainsAny(name, ".%") {
		return name
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '.' || c == '%' || i == 0 && first {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

func decodeName(name string) (string, error) {
	if name == "%" {
		return "", nil
	}
	if !strings.Contains(name, "%") {
		return name, nil
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '%' {
			b.WriteByte(name[i])
			continue
		}
		if i+2 >= len(name) {
			return "", fmt.Errorf("decode name %q: cut off", name)
		}
		c, err := strconv.ParseUint(name[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("decode name %q: %w", name, err)
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), nil
}

// pathOf is a field's path within a stored row.
func pathOf(names []string) string {
	encoded := make([]string, len(names))
	for i, n := range names {
		encoded[i] = encodeName(n)
	}
	return "d." + strings.Join(encoded, ".")
}

// encodeDoc makes BSON of a JSON object, in its order. Integers that fit are int64, all other numbers double.
func encodeDoc(doc []byte) (bson.D, error) {
	d := jsontext.NewDecoder(bytes.NewReader(doc))
	v, err := encodeValue(d)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("encode document: something follows it")
	}
	object, ok := v.(bson.D)
	if !ok {
		return nil, errors.New("encode document: it is no object")
	}
	return object, nil
}

func encodeValue(d *jsontext.Decoder) (any, error) {
	tok, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return tok.Bool(), nil
	case '"':
		return tok.String(), nil
	case '0':
		text := tok.String()
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i, nil
		}
		return strconv.ParseFloat(text, 64)
	case '[':
		list := bson.A{}
		for d.PeekKind() != ']' {
			v, err := encodeValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.ReadToken()
		return list, err
	}
	object := bson.D{} // '{' is all that is left
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := encodeName(name.String())
		v, err := encodeValue(d)
		if err != nil {
			return nil, err
		}
		object = append(object, bson.E{Key: key, Value: v})
	}
	_, err = d.ReadToken()
	return object, err
}

// decodeDoc makes JSON of stored BSON.
func decodeDoc(doc bson.Raw) ([]byte, error) {
	var b bytes.Buffer
	e := jsontext.NewEncoder(&b)
	if err := decodeObject(e, doc); err != nil {
		return nil, fmt.Errorf("decode document: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func decodeObject(e *jsontext.Encoder, doc bson.Raw) error {
	elements, err := doc.Elements()
	if err != nil {
		return err
	}
	if err := e.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, el := range elements {
		name, err := decodeName(el.Key())
		if err != nil {
			return err
		}
		if err := e.WriteToken(jsontext.String(name)); err != nil {
			return err
		}
		if err := decodeValue(e, el.Value()); err != nil {
			return err
		}
	}
	return e.WriteToken(jsontext.EndObject)
}

func decodeValue(e *jsontext.Encoder, v bson.RawValue) error {
	switch v.Type {
	case bson.TypeNull:
		return e.WriteToken(jsontext.Null)
	case bson.TypeBoolean:
		return e.WriteToken(jsontext.Bool(v.Boolean()))
	case bson.TypeString:
		return e.WriteToken(jsontext.String(v.StringValue()))
	case bson.TypeInt32:
		return e.WriteToken(jsontext.Int(int64(v.Int32())))
	case bson.TypeInt64:
		// A token of an int64 would do, but the encoder may write large ones as floats.
		return e.WriteValue(jsontext.Value(strconv.FormatInt(v.Int64(), 10)))
	case bson.TypeDouble:
		return e.WriteValue(jsontext.Value(formatFloat(v.Double())))
	case bson.TypeEmbeddedDocument:
		return decodeObject(e, v.Document())
	case bson.TypeArray:
		values, err := v.Array().Values()
		if err != nil {
			return err
		}
		if err := e.WriteToken(jsontext.BeginArray); err != nil {
			return err
		}
		for _, item := range values {
			if err := decodeValue(e, item); err != nil {
				return err
			}
		}
		return e.WriteToken(jsontext.EndArray)
	}
	return fmt.Errorf("a %s is not of ours", v.Type)
}

// formatFloat keeps a double apart from an integer, so that it comes back as what it was.
func formatFloat(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "null" // never written by us
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}
