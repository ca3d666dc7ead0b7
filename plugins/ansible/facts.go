package ansible

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

// host is one machine with its facts.
type host struct {
	name  string
	facts facts
	size  int64 // of its files

	// What several kinds ask for is worked out once.
	disks func() []volume
	ports func() []port
}

func newHost(name string) *host {
	h := &host{name: name, facts: facts{}}
	h.disks = sync.OnceValue(func() []volume { return disks(h.facts) })
	h.ports = sync.OnceValue(func() []port { return interfaces(h.facts) })
	return h
}

// facts are what Ansible says of one thing, decoded. Modules of different systems write the same fact in different
// shapes: a number as text, one address or a list of them, "NA" or "N/A" for nothing. Reading is forgiving; what has
// another shape than expected is as if it were not there. Several readers share them, so nobody changes them.
type facts map[string]any

func (f facts) has(name string) bool { return len(f.object(name)) > 0 || len(f.list(name)) > 0 }

// text is a fact as text; nothing and the words that mean nothing are empty.
func (f facts) text(name string) string { return textOf(f[name]) }

func textOf(value any) string {
	var s string
	switch v := value.(type) {
	case string:
		s = strings.TrimSpace(v)
	case json.Number:
		return v.String()
	default:
		return ""
	}
	for _, nothing := range []string{"NA", "N/A", "NONE", "NULL", "UNKNOWN", "(NONE)"} {
		if strings.EqualFold(s, nothing) {
			return ""
		}
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
	b, ok := f[name].(bool)
	return ok && b
}

func (f facts) object(name string) facts {
	o, ok := f[name].(map[string]any)
	if !ok {
		return nil
	}
	return o
}

// list is a list, or the one thing that stands in its place.
func (f facts) list(name string) []any {
	switch v := f[name].(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// objects are those of a list that are objects.
func (f facts) objects(name string) []facts {
	var out []facts
	for _, v := range f.list(name) {
		if o, ok := v.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}

func (f facts) texts(name string) []string {
	var out []string
	for _, v := range f.list(name) {
		if s := textOf(v); s != "" {
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
