package output

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// printCSV writes a line for each item, with a column for each field; of whole documents, one for each leaf. Lists are
// separated by "; ", pairs of key and value are key=value. Text that a spreadsheet would take for a formula has an apostrophe
// before it, which hides nothing and `maestro import` takes away.
func printCSV(w io.Writer, doc []byte, fields []string) error {
	v, err := decode(doc)
	if err != nil {
		return err
	}
	list, _ := items(v)
	rows := make([]map[string]string, len(list))
	columns := slices.Clone(fields)
	seen := map[string]bool{}
	for i, item := range list {
		rows[i] = map[string]string{}
		if len(fields) > 0 {
			m, _ := item.(map[string]any)
			for _, f := range fields {
				rows[i][f] = cell(m[f])
			}
			continue
		}
		flatten("", item, func(name string, value any) {
			rows[i][name] = cell(value)
			if !seen[name] {
				seen[name] = true
				columns = append(columns, name)
			}
		})
	}
	if len(fields) == 0 {
		slices.SortFunc(columns, columnOrder)
	}
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	_ = out.Write(columns) // a buffer takes everything
	for _, row := range rows {
		line := make([]string, len(columns))
		for i, c := range columns {
			line[i] = row[c]
		}
		_ = out.Write(line)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return write(w, "CSV", b.Bytes())
}

// columnOrder puts what names a thing first, then what every thing has, then the attributes.
func columnOrder(a, b string) int {
	rank := func(s string) int {
		if i := slices.Index([]string{"id", "kind", "name", "value"}, s); i >= 0 {
			return i
		}
		return 10 + strings.Count(s, ".")
	}
	if d := rank(a) - rank(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

func flatten(name string, v any, visit func(string, any)) {
	m, ok := v.(map[string]any)
	if !ok {
		if name == "" {
			name = "value"
		}
		visit(name, v)
		return
	}
	for k, e := range m {
		flatten(strings.TrimPrefix(name+"."+k, "."), e, visit)
	}
}

func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if v != "" && strings.ContainsRune("=+-@\t\r", rune(v[0])) {
			return "'" + v
		}
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = part(e)
		}
		return cell(strings.Join(parts, "; "))
	}
	b, err := encode(v)
	if err != nil { // it has just been decoded
		return ""
	}
	return string(b)
}

// part is an element of a list.
func part(v any) string {
	if m, ok := v.(map[string]any); ok && m["value"] != nil && len(m) == 2 {
		for _, k := range []string{"key", "type"} {
			if m[k] != nil {
				return fmt.Sprint(m[k]) + "=" + fmt.Sprint(m["value"])
			}
		}
	}
	if s, ok := v.(string); ok {
		return s
	}
	return cell(v)
}
