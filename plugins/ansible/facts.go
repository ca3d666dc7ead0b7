package ansible

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
)

// host is one machine with its facts.
type host struct {
	name  string
	facts facts
}

// facts are what Ansible says of one thing. Modules of different systems write the same fact in different shapes: a
// number as text, one address or a list of them, "NA" or "N/A" for nothing. Reading is forgiving; what has another
// shape than expected is as if it were not there.
type facts map[string]json.RawMessage

func (f facts) has(name string) bool { return len(f.object(name)) > 0 || len(f.list(name)) > 0 }

// text is a fact as text; nothing and the words that mean nothing are empty.
func (f facts) text(name string) string { return textOf(f[name]) }

func textOf(raw json.RawMessage) string {
	var s string
	if len(raw) > 0 && raw[0] == '"' {
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
	} else {
		var n json.Number
		if json.Unmarshal(raw, &n) != nil {
			return ""
		}
		s = n.String()
	}
	s = strings.TrimSpace(s)
	switch strings.ToUpper(s) {
	case "NA", "N/A", "NONE", "NULL", "UNKNOWN", "(NONE)":
		return ""
	}
	return s
}

// number is a fact as a whole number; 0 for what is none.
func (f facts) number(name string) int64 {
	n, err := strconv.ParseFloat(f.text(name), 64)
	if err != nil || n != n || n > 1<<62 || n < -(1<<62) {
		return 0
	}
	return int64(n)
}

// fraction is a fact as a number with a fraction.
func (f facts) fraction(name string) float64 {
	n, err := strconv.ParseFloat(f.text(name), 64)
	if err != nil || n != n || n > 1e18 || n < 0 {
		return 0
	}
	return n
}

func (f facts) flag(name string) bool {
	var b bool
	return json.Unmarshal(f[name], &b) == nil && b
}

func (f facts) object(name string) facts {
	var out facts
	if json.Unmarshal(f[name], &out) != nil {
		return nil
	}
	return out
}

// list is a list, or the one thing that stands in its place.
func (f facts) list(name string) []json.RawMessage {
	raw := bytes.TrimSpace(f[name])
	var out []json.RawMessage
	switch {
	case len(raw) == 0 || bytes.Equal(raw, []byte("null")):
	case raw[0] == '[':
		if json.Unmarshal(raw, &out) != nil {
			return nil
		}
	default:
		out = []json.RawMessage{raw}
	}
	return out
}

// objects are those of a list that are objects.
func (f facts) objects(name string) []facts {
	var out []facts
	for _, raw := range f.list(name) {
		var o facts
		if json.Unmarshal(raw, &o) == nil && o != nil {
			out = append(out, o)
		}
	}
	return out
}

func (f facts) texts(name string) []string {
	var out []string
	for _, raw := range f.list(name) {
		if s := textOf(raw); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// address is an IP address without its zone; false for what is none or names the machine to itself only.
func address(text string) (string, bool) {
	text, _, _ = strings.Cut(text, "/")
	a, err := netip.ParseAddr(text)
	if err != nil || a.IsLoopback() || a.IsUnspecified() {
		return "", false
	}
	return a.WithZone("").String(), true
}
