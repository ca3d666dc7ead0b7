package output

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"text/template"
)

func parseTemplate(text string) (*template.Template, error) {
	t, err := template.New("template").Funcs(template.FuncMap{
		"json": func(v any) (string, error) {
			b, err := encode(v)
			return string(b), err
		},
		"join": func(sep string, v any) string {
			list, _ := v.([]any)
			parts := make([]string, len(list))
			for i, e := range list {
				parts[i] = Value(e)
			}
			return strings.Join(parts, sep)
		},
		"field": func(name string, doc any) any {
			if v, ok := Pick(doc, name); ok {
				return v
			}
			return ""
		},
	}).Parse(text)
	if err != nil {
		return nil, mistake("template: %s", strings.TrimPrefix(err.Error(), "template: "))
	}
	return t, nil
}

// printTemplate runs the template over the JSON document; of a list, over each item. What does not end a line gets one ended.
func printTemplate(w io.Writer, text string, doc []byte) error {
	t, err := parseTemplate(text)
	if err != nil {
		return err
	}
	v, err := decode(doc)
	if err != nil {
		return err
	}
	list, _ := items(v)
	var b bytes.Buffer
	for _, item := range list {
		if err := t.Execute(&b, numbers(item)); err != nil {
			return mistake("template: %s", strings.TrimPrefix(err.Error(), "template: "))
		}
		if n := b.Len(); n > 0 && b.Bytes()[n-1] != '\n' {
			b.WriteByte('\n')
		}
	}
	return write(w, "text", b.Bytes())
}

// numbers makes numbers that a template can compare: whole ones stay whole, however large.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = numbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = numbers(e)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	}
	return v
}
