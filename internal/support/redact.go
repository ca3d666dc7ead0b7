// Package support makes the bundle that somebody sends along with a question: what is configured and how it went, in one archive,
// and no secret in it. What could hold one is redacted by three rules at once: values that are known to be secret, keys that name
// one, and texts that look like one; what cannot be understood is left out rather than guessed at.
package support

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Redacted stands where something was taken out.
const Redacted = "[redacted]"

// shortest secret that is looked for by its value: shorter ones are words of the text itself.
const shortest = 6

// Redactor takes secrets out of texts.
type Redactor struct{ known []string }

// NewRedactor knows some secrets by their values.
func NewRedactor(known ...string) *Redactor {
	r := &Redactor{}
	for _, k := range known {
		if k = strings.TrimSpace(k); len(k) >= shortest {
			r.known = append(r.known, k)
		}
	}
	// The longest first, so that none is cut in two by one that is part of it.
	slices.SortFunc(r.known, func(a, b string) int { return len(b) - len(a) })
	return r
}

// secretWords are parts of names of what is secret.
const secretWords = `pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|session[_-]?key|account[_-]?key|shared[_-]?key|master[_-]?key|authorization|cookie|community|credential[_-]?value|signature|sas`

var (
	secretKey = regexp.MustCompile(`(?i)(^|[^a-z])(?:` + secretWords + `)s?([^a-z]|$)|(?i:password|passphrase|secret|token|webhook)`)
	// harmlessKey names a place or a count, not a secret.
	harmlessKey = regexp.MustCompile(`(?i)(_file|_path|_location|_name|_seconds|_at|_count)$|^page_token$|^next_page_token$`)

	looks = []struct {
		pattern *regexp.Regexp
		with    string
	}{
		{regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`), Redacted},
		// The end of one, of which the beginning was cut off.
		{regexp.MustCompile(`\A[\s\S]*-----END [A-Z0-9 ]*PRIVATE KEY-----`), Redacted},
		{regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s"'<>]*@`), "${1}" + Redacted + "@"},
		{regexp.MustCompile(`(?i)\b(bearer|basic|digest|negotiate)(\s+)[A-Za-z0-9._~+/=:-]{6,}`), "${1}${2}" + Redacted},
		{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?`), Redacted},
		{regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b`), Redacted},
		{regexp.MustCompile(`\bm(?:st|jt|join)_[A-Za-z0-9_.-]{4,}`), Redacted},
		// name: value to the end of the line; name=value; "name": "value".
		{regexp.MustCompile(`(?i)((?:[a-z0-9_.-]*)(?:` + secretWords + `)s?(?:[_.-]?(?:value|key|id|text))?\\?["']?\s*[:=]\s*)(\\?"(?:[^"\\]|\\[^"])*\\?"|"(?:[^"\\]|\\.)*"|'[^']*')`), "${1}" + Redacted},
		{regexp.MustCompile(`(?i)((?:[a-z0-9_.-]*)(?:` + secretWords + `)s?["']?\s*=\s*)[^\s"',;&\[][^\s,;&]*`), "${1}" + Redacted},
		{regexp.MustCompile(`(?i)((?:[a-z0-9_.-]*)(?:` + secretWords + `)s?["']?:[ \t]+)[^\s"'\[{][^\n]*`), "${1}" + Redacted},
	}
)

// Text takes secrets out of text of any sort: logs, errors, metrics.
func (r *Redactor) Text(b []byte) []byte {
	for _, k := range r.known {
		b = bytes.ReplaceAll(b, []byte(k), []byte(Redacted))
	}
	for _, l := range looks {
		b = l.pattern.ReplaceAll(b, []byte(l.with))
	}
	return b
}

// JSON takes secrets out of a document; one that is none is left out.
func (r *Redactor) JSON(b []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return []byte(fmt.Sprintf("left out: it is no JSON: %v\n", err))
	}
	out, err := json.MarshalIndent(r.value(v), "", "  ")
	if err != nil {
		return []byte(fmt.Sprintf("left out: %v\n", err))
	}
	return append(out, '\n')
}

// YAML takes secrets and comments out of a configuration.
func (r *Redactor) YAML(b []byte) []byte {
	var v any
	if err := yaml.Unmarshal(b, &v); err != nil {
		return []byte("left out: it is no YAML\n") // the error would show the line
	}
	out, err := yaml.Marshal(r.value(v))
	if err != nil {
		return []byte("left out: it cannot be written as YAML\n")
	}
	return out
}

// value walks a document. Under a key that names a secret nothing stays.
func (r *Redactor) value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			name := string(r.Text([]byte(k)))
			if _, truth := e.(bool); !truth && e != nil && secretKey.MatchString(k) && !harmlessKey.MatchString(k) {
				out[name] = Redacted
				continue
			}
			out[name] = r.value(e)
		}
		return out
	case map[any]any:
		out := map[string]any{}
		for k, e := range v {
			out[fmt.Sprint(k)] = e
		}
		return r.value(out)
	case []any:
		// {name: password, value: x} is a pair too.
		out := make([]any, len(v))
		for i, e := range v {
			if m, ok := e.(map[string]any); ok {
				for _, k := range []string{"name", "key"} {
					name, _ := m[k].(string)
					if _, has := m["value"]; has && secretKey.MatchString(name) {
						m["value"] = Redacted
					}
				}
			}
			out[i] = r.value(e)
		}
		return out
	case string:
		return string(r.Text([]byte(v)))
	}
	return v
}
