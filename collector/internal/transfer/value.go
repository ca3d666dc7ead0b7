package transfer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"maestro.internal/collector/internal/transfer/sheet"
	"maestro.internal/sdk/schema"
)

// plainText makes a plain value of JSON a text, so that files of all formats are read alike.
func plainText(v sheet.Value) sheet.Value {
	raw := bytes.TrimSpace(v.Raw)
	if len(raw) == 0 {
		return v
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return sheet.Value{Text: s}
		}
	case '[', '{':
		return v
	case 'n':
		return sheet.Value{}
	}
	return sheet.Value{Text: string(raw)}
}

// texts are a cell's values where it may have several.
func texts(v sheet.Value) ([]string, error) {
	if v.Raw == nil {
		if s := strings.TrimSpace(v.Text); strings.HasPrefix(s, "[") && json.Valid([]byte(s)) {
			v.Raw = json.RawMessage(s)
		}
	}
	var out []string
	if v.Raw == nil {
		for part := range strings.SplitSeq(v.Text, ";") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
		return out, nil
	}
	var list []any
	if json.Unmarshal(v.Raw, &list) != nil {
		return nil, fmt.Errorf("should be a list")
	}
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			e = m["name"]
		}
		s, ok := e.(string)
		if !ok {
			return nil, fmt.Errorf("should be a list of texts")
		}
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out, nil
}

// parse makes a cell the JSON value of a field.
func parse(f *schema.Field, v sheet.Value, unit string) (json.RawMessage, error) {
	if f == nil {
		return text(strings.TrimSpace(v.Text))
	}
	if f.Type == schema.TypeArray || f.Type == schema.TypeObject {
		return parseList(f, v, unit)
	}
	if v.Raw != nil {
		return nil, fmt.Errorf("should be one value, not %s", shorten(string(v.Raw)))
	}
	s := strings.TrimSpace(v.Text)
	var out json.RawMessage
	var err error
	switch f.Type {
	case schema.TypeInteger, schema.TypeNumber:
		out, err = number(f, s, unit)
	case schema.TypeBoolean:
		out, err = boolean(s)
	case schema.TypeTime:
		out, err = moment(s)
	case schema.TypeIP:
		if a, _, ok := strings.Cut(s, "/"); ok { // many systems write the length of the network with an address
			s = a
		}
		if _, e := netip.ParseAddr(s); e != nil {
			return nil, fmt.Errorf("%s is no IP address", shorten(s))
		}
		out, err = text(s)
	default:
		for _, e := range f.Enum {
			if strings.EqualFold(e, s) {
				s = e
			}
		}
		out, err = text(s)
	}
	if err != nil {
		return nil, err
	}
	if err := f.Check(out); err != nil {
		return nil, fmt.Errorf("%s: %s", shorten(s), strings.TrimPrefix(err.Error(), f.Label+": "))
	}
	return out, nil
}

func parseList(f *schema.Field, v sheet.Value, unit string) (json.RawMessage, error) {
	raw := v.Raw
	if s := strings.TrimSpace(v.Text); raw == nil && (strings.HasPrefix(s, "[") || strings.HasPrefix(s, "{")) {
		raw = json.RawMessage(s)
	}
	if raw == nil && f.Type == schema.TypeArray && len(f.Items) == 1 && f.Items[0].Path == "" {
		list := []json.RawMessage{}
		split := strings.FieldsFunc(v.Text, func(r rune) bool {
			return r == ';' || r == '\n' || r == ',' && f.Items[0].Type != schema.TypeString
		})
		for _, part := range split {
			if strings.TrimSpace(part) == "" {
				continue
			}
			e, err := parse(&f.Items[0], sheet.Value{Text: part}, unit)
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		b, err := json.Marshal(list)
		return b, err
	}
	if raw == nil {
		return nil, fmt.Errorf("should be JSON: %s", map[schema.Type]string{schema.TypeArray: "[{...}]", schema.TypeObject: "{...}"}[f.Type])
	}
	if err := f.Check(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

func text(s string) (json.RawMessage, error) { return json.Marshal(s) }

func shorten(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "..."
	}
	return strconv.Quote(s)
}

var byteUnits = map[string]float64{"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}

// number reads "16", "16.0" and, of bytes, "16 GB". Separators of thousands are refused: "1,024" may be two things.
func number(f *schema.Field, s, unit string) (json.RawMessage, error) {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	suffix := strings.ToLower(strings.TrimSpace(s[len(digits):]))
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		return nil, fmt.Errorf("%s is no number", shorten(s))
	}
	factor := 1.0
	if suffix == "" {
		suffix = strings.ToLower(unit)
	}
	if suffix != "" {
		var known bool
		if factor, known = byteUnits[suffix]; !known || f.Unit != "bytes" {
			return nil, fmt.Errorf("%s is no number", shorten(s))
		}
	}
	if i, err := strconv.ParseInt(digits, 10, 64); err == nil && factor == 1 {
		return json.RawMessage(strconv.FormatInt(i, 10)), nil
	}
	n *= factor
	if f.Type == schema.TypeInteger {
		if math.Abs(n) >= 1<<63 || math.Abs(n-math.Round(n)) > 1e-6*math.Max(1, math.Abs(n)) && factor == 1 {
			return nil, fmt.Errorf("%s is no whole number", shorten(s))
		}
		return json.RawMessage(strconv.FormatInt(int64(math.Round(n)), 10)), nil
	}
	return json.RawMessage(strconv.FormatFloat(n, 'g', -1, 64)), nil
}

func boolean(s string) (json.RawMessage, error) {
	switch strings.ToLower(s) {
	case "true", "yes", "y", "1", "on", "✓", "x":
		return json.RawMessage("true"), nil
	case "false", "no", "n", "0", "off", "✗":
		return json.RawMessage("false"), nil
	}
	return nil, fmt.Errorf("%s is neither yes nor no", shorten(s))
}

// moment reads dates as systems and spreadsheets write them; a plain number is a spreadsheet's count of days. Forms that
// countries read differently (03/04/2026) are refused.
func moment(s string) (json.RawMessage, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly,
		"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 MST", "02.01.2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return text(t.UTC().Format(time.RFC3339))
		}
	}
	if days, err := strconv.ParseFloat(s, 64); err == nil && days > 10_000 && days < 100_000 {
		t := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Add(time.Duration(days * 24 * float64(time.Hour))).Round(time.Second)
		return text(t.Format(time.RFC3339))
	}
	return nil, fmt.Errorf("%s is no date; write 2026-11-21 or 2026-11-21T10:00:00Z", shorten(s))
}
