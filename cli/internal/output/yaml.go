package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// printYAML writes JSON as YAML, in the same order and with the same names. It quotes whatever any reader of YAML, old or
// new, could take for something else than text; a text with control characters is quoted with escapes.
func printYAML(w io.Writer, doc []byte) error {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	y := yamlWriter{dec: dec}
	if err := y.value(0, false); err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	return write(w, "YAML", y.out.Bytes())
}

type yamlWriter struct {
	dec *json.Decoder
	out bytes.Buffer
}

var errTooDeep = errors.New("nested too deeply")

// value writes the next value. What has lines of its own begins on the next line, unless it follows the dash of a list.
func (y *yamlWriter) value(depth int, dash bool) error {
	if depth > 200 {
		return errTooDeep
	}
	t, err := y.dec.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		if !y.dec.More() {
			if _, err := y.dec.Token(); err != nil {
				return err
			}
			y.out.WriteString(map[json.Delim]string{'{': " {}\n", '[': " []\n"}[t])
			return nil
		}
		if depth > 0 && !dash {
			y.out.WriteByte('\n')
		}
		if t == '{' {
			return y.object(depth, dash)
		}
		return y.list(depth, dash)
	case string:
		y.out.WriteString(" " + yamlText(t) + "\n")
	case nil:
		y.out.WriteString(" null\n")
	default:
		fmt.Fprintf(&y.out, " %v\n", t)
	}
	return nil
}

func (y *yamlWriter) object(depth int, dash bool) error {
	for first := true; y.dec.More(); first = false {
		key, err := y.dec.Token()
		if err != nil {
			return err
		}
		y.indent(depth, first && dash)
		y.out.WriteString(yamlText(fmt.Sprint(key)) + ":")
		if err := y.value(depth+1, false); err != nil {
			return err
		}
	}
	_, err := y.dec.Token()
	return err
}

func (y *yamlWriter) list(depth int, dash bool) error {
	for first := true; y.dec.More(); first = false {
		y.indent(depth, first && dash)
		y.out.WriteString("-")
		if err := y.value(depth+1, true); err != nil {
			return err
		}
	}
	_, err := y.dec.Token()
	return err
}

// indent begins a line; behind a dash, which is one level wide, it is only a space.
func (y *yamlWriter) indent(depth int, dash bool) {
	if dash {
		y.out.WriteByte(' ')
		return
	}
	y.out.WriteString(strings.Repeat("  ", depth))
}

var (
	plainText = regexp.MustCompile(`^[\pL_/.][\pL\pN_./@+-]*([ ,:=][\pL\pN_./@+=()-]+)*$`)
	// otherThanText is what YAML 1.1 or 1.2 reads as truth, nothing, a number or a moment.
	otherThanText = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null|~|nan|inf|infinity|[-+.]?(inf|nan)|[-+]?[0-9._][0-9a-fx._:+-]*)$`)
)

func yamlText(s string) string {
	if plainText.MatchString(s) && !otherThanText.MatchString(s) && len(s) < 1000 {
		return s
	}
	b, err := encode(s)
	if err != nil { // a string always encodes
		return `""`
	}
	return string(b)
}
