package resource

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Get is the value of the first label with that key.
func (p Partition) Get(key string) (string, bool) {
	for _, l := range p {
		if l.Key == key {
			return l.Value, true
		}
	}
	return "", false
}

// Equal says whether both have the same labels in the same order. A nil partition equals an empty one.
func (p Partition) Equal(other Partition) bool { return slices.Equal(p, other) }

// Clone is a copy that shares nothing.
func (p Partition) Clone() Partition { return slices.Clone(p) }

// String is the printable form in braces, or nothing for the empty partition: {account=123,region=eu-west-2}.
func (p Partition) String() string {
	if len(p) == 0 {
		return ""
	}
	return string(p.append(nil))
}

func (p Partition) append(dst []byte) []byte {
	dst = append(dst, '{')
	for i, l := range p {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendEscaped(dst, l.Key)
		dst = append(dst, '=')
		dst = appendEscaped(dst, l.Value)
	}
	return append(dst, '}')
}

// Check says what is wrong with a partition that a plugin declared.
func (p Partition) Check() error {
	if len(p) > MaxLabels {
		return fmt.Errorf("%w: partition has %d labels, at most %d", ErrMalformed, len(p), MaxLabels)
	}
	for i, l := range p {
		if l.Key == "" {
			return fmt.Errorf("%w: partition label %d has no key", ErrMalformed, i)
		}
		if !utf8.ValidString(l.Key) || !utf8.ValidString(l.Value) {
			return fmt.Errorf("%w: partition label %q is not valid UTF-8", ErrMalformed, l.Key)
		}
		for _, before := range p[:i] {
			if before.Key == l.Key {
				return fmt.Errorf("%w: partition label %q repeats", ErrMalformed, l.Key)
			}
		}
	}
	return nil
}

// Key names the scope within its connection as one printable string: server{account=123,region=eu-west-2},
// the kind alone for the empty partition. Two scopes have the same key only if they are equal.
func (s Scope) Key() string {
	if len(s.Partition) == 0 {
		return string(appendEscaped(nil, s.Kind))
	}
	return string(s.Partition.append(appendEscaped(make([]byte, 0, 64), s.Kind)))
}

func (s Scope) String() string { return s.Key() }

// Equal says whether both are the same scope.
func (s Scope) Equal(other Scope) bool {
	return s.Kind == other.Kind && s.Partition.Equal(other.Partition)
}

// Check says what is wrong with a scope that a plugin declared.
func (s Scope) Check() error {
	if err := checkKind(s.Kind); err != nil {
		return err
	}
	return s.Partition.Check()
}

// ParseScopeKey reads what Scope.Key wrote, and nothing else.
func ParseScopeKey(key string) (Scope, error) {
	kind, rest, braced := strings.Cut(key, "{")
	var s Scope
	var err error
	if s.Kind, err = unescape(kind); err != nil {
		return Scope{}, fmt.Errorf("parse scope key %q: %w", key, err)
	}
	if braced {
		body, ok := strings.CutSuffix(rest, "}")
		if !ok {
			return Scope{}, fmt.Errorf("parse scope key %q: no closing brace", key)
		}
		for part := range strings.SplitSeq(body, ",") {
			k, v, ok := strings.Cut(part, "=")
			if !ok {
				return Scope{}, fmt.Errorf("parse scope key %q: label %q has no value", key, part)
			}
			var l Label
			if l.Key, err = unescape(k); err != nil {
				return Scope{}, fmt.Errorf("parse scope key %q: %w", key, err)
			}
			if l.Value, err = unescape(v); err != nil {
				return Scope{}, fmt.Errorf("parse scope key %q: %w", key, err)
			}
			s.Partition = append(s.Partition, l)
		}
	}
	// One scope has one key: another spelling of it is refused.
	if s.Key() != key {
		return Scope{}, fmt.Errorf("parse scope key %q: it should read %q", key, s.Key())
	}
	return s, nil
}

const hexDigits = "0123456789ABCDEF"

// appendEscaped writes everything that has a meaning in a key, cannot be printed or is not UTF-8 as %XX.
func appendEscaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if strings.ContainsRune("%,={}", r) || !unicode.IsPrint(r) || (r == utf8.RuneError && size == 1) {
			for _, b := range []byte(s[i : i+size]) {
				dst = append(dst, '%', hexDigits[b>>4], hexDigits[b&15])
			}
		} else {
			dst = append(dst, s[i:i+size]...)
		}
		i += size
	}
	return dst
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf("%q ends within an escape", s)
		}
		hi, lo := strings.IndexByte(hexDigits, s[i+1]), strings.IndexByte(hexDigits, s[i+2])
		if hi < 0 || lo < 0 {
			return "", fmt.Errorf("%q has a wrong escape", s)
		}
		out = append(out, byte(hi<<4|lo))
		i += 2
	}
	return string(out), nil
}
