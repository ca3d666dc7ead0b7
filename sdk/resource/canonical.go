package resource

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Canonical is the one form in which an envelope is hashed, travels and is stored: RFC 8785 JSON of its
// fields without Volatile, where tags, identifiers, relations, unread and withheld are sorted and free of
// repeats. The envelope itself is not changed. Numbers are what RFC 8785 makes of them, so integers beyond
// 2^53 lose digits: plugins send such values as strings.
func Canonical(env Envelope) ([]byte, error) {
	if err := env.Check(); err != nil {
		return nil, err
	}
	out, err := env.appendCanonical(make([]byte, 0, 512+len(env.Attributes)))
	if err != nil {
		return nil, err
	}
	if err := checkBytes(out); err != nil {
		return nil, err
	}
	return out, nil
}

// ParseCanonical reads canonical bytes and refuses anything else: bytes that another spelling of the same
// envelope would have, beyond a limit, invalid UTF-8, repeated members. Members that this version does not
// know are allowed, since newer agents may send them; they stay in the bytes only.
func ParseCanonical(b []byte) (Envelope, error) {
	if err := checkBytes(b); err != nil {
		return Envelope{}, err
	}
	var in struct {
		Envelope
		Unknown jsontext.Value `json:",embed"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return Envelope{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	env := in.Envelope
	if err := env.Check(); err != nil {
		return Envelope{}, err
	}
	want, err := env.appendCanonical(make([]byte, 0, len(b)))
	if err != nil {
		return Envelope{}, err
	}
	if len(in.Unknown) > 0 {
		if want, err = withUnknown(want, in.Unknown); err != nil {
			return Envelope{}, err
		}
	}
	if !bytes.Equal(want, b) {
		return Envelope{}, ErrNotCanonical
	}
	return env, nil
}

// withUnknown puts members that this version does not know back beside the known ones.
func withUnknown(known []byte, unknown jsontext.Value) ([]byte, error) {
	body := bytes.TrimSpace(unknown)
	joined := slices.Concat(known[:len(known)-1], []byte{','}, body[1:])
	v := jsontext.Value(joined)
	if err := v.Canonicalize(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return v, nil
}

// Check says what is wrong with an envelope before it is brought into its canonical form: a field that is
// missing, has no meaning or is not UTF-8, or too many tags. Size and depth are checked by Canonical.
func (env *Envelope) Check() error {
	if err := checkKind(env.Kind); err != nil {
		return err
	}
	switch {
	case env.Major < 1:
		return fmt.Errorf("%w: major version %d of kind %s", ErrMalformed, env.Major, env.Kind)
	case env.ExternalID == "":
		return fmt.Errorf("%w: no external id", ErrMalformed)
	case len(env.ExternalID) > MaxExternalID:
		return fmt.Errorf("%w: external id of %d bytes, at most %d", ErrMalformed, len(env.ExternalID), MaxExternalID)
	case strings.IndexByte(env.ExternalID, 0) >= 0:
		return fmt.Errorf("%w: external id %q holds a zero byte", ErrMalformed, env.ExternalID)
	case len(env.Tags) > MaxTags:
		return fmt.Errorf("%w: %d, at most %d", ErrTooManyTags, len(env.Tags), MaxTags)
	}
	if err := env.Partition.Check(); err != nil {
		return err
	}
	for _, r := range env.Relations {
		if err := r.check(); err != nil {
			return err
		}
	}
	for _, id := range env.Identifiers {
		if id.Type == "" || id.Value == "" {
			return fmt.Errorf("%w: identifier %q=%q is incomplete", ErrMalformed, id.Type, id.Value)
		}
	}
	for _, p := range slices.Concat(env.Unread, env.Withheld) {
		if !strings.HasPrefix(p, "/") {
			return fmt.Errorf("%w: %q is not a JSON pointer into the envelope", ErrMalformed, p)
		}
	}
	return env.checkUTF8()
}

func (env *Envelope) checkUTF8() error {
	check := func(field string, values ...string) error {
		for _, v := range values {
			if !utf8.ValidString(v) {
				return fmt.Errorf("%w: %s %q is not valid UTF-8", ErrMalformed, field, v)
			}
		}
		return nil
	}
	err := cmp.Or(
		check("external id", env.ExternalID), check("name", env.Name), check("region", env.Region),
		check("zone", env.Zone), check("console URL", env.ConsoleURL),
		check("unread pointer", env.Unread...), check("withheld pointer", env.Withheld...))
	for _, t := range env.Tags {
		err = cmp.Or(err, check("tag", t.Key, t.Value))
	}
	for _, id := range env.Identifiers {
		err = cmp.Or(err, check("identifier", id.Type, id.Value))
	}
	for _, r := range env.Relations {
		err = cmp.Or(err, check("relation", r.Verb, r.Kind, r.ExternalID))
		if r.Selector != nil {
			err = cmp.Or(err, check("relation selector", r.Selector.Type, r.Selector.Value))
		}
	}
	return err
}

func (r Relation) check() error {
	switch {
	case r.Verb == "":
		return fmt.Errorf("%w: a relation has no verb", ErrMalformed)
	case r.ExternalID == "" && r.Selector == nil:
		return fmt.Errorf("%w: relation %s has no target", ErrMalformed, r.Verb)
	case r.ExternalID != "" && r.Selector != nil:
		return fmt.Errorf("%w: relation %s has two targets", ErrMalformed, r.Verb)
	case r.ExternalID != "" && r.Kind == "":
		return fmt.Errorf("%w: relation %s to %q does not say its kind", ErrMalformed, r.Verb, r.ExternalID)
	case r.Selector != nil && (r.Selector.Type == "" || r.Selector.Value == ""):
		return fmt.Errorf("%w: relation %s has an incomplete selector", ErrMalformed, r.Verb)
	case r.Kind != "":
		return checkKind(r.Kind)
	}
	return nil
}

// checkKind is about the form of a kind's name only: lower_snake words joined by dots.
func checkKind(kind string) error {
	if kind == "" {
		return fmt.Errorf("%w: no kind", ErrMalformed)
	}
	if len(kind) > 100 {
		return fmt.Errorf("%w: kind of %d bytes", ErrMalformed, len(kind))
	}
	start := true
	for i := range len(kind) {
		c := kind[i]
		letter := c >= 'a' && c <= 'z'
		switch {
		case start && !letter, !letter && c != '_' && c != '.' && (c < '0' || c > '9'):
			return fmt.Errorf("%w: %q is not a kind's name", ErrMalformed, kind)
		}
		start = c == '.'
	}
	if start {
		return fmt.Errorf("%w: %q is not a kind's name", ErrMalformed, kind)
	}
	return nil
}

// checkBytes is the limits that only the bytes show.
func checkBytes(b []byte) error {
	if len(b) > MaxBytes {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(b), MaxBytes)
	}
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	if deepest > MaxDepth {
		return fmt.Errorf("%w: %d levels, at most %d", ErrTooDeep, deepest, MaxDepth)
	}
	return nil
}

// appendCanonical writes members in the order of RFC 8785, so that nothing has to be parsed and sorted but
// the attributes. A test compares it with the general way for every field.
func (env *Envelope) appendCanonical(dst []byte) ([]byte, error) {
	w := writer{buf: append(dst, '{')}
	if len(env.Attributes) > 0 {
		w.name("attributes")
		if err := w.object(env.Attributes); err != nil {
			return nil, err
		}
	}
	w.optional("console_url", env.ConsoleURL)
	w.member("external_id", env.ExternalID)
	writeList(&w, "identifiers", sorted(env.Identifiers, compareIdentifiers), func(id Identifier) {
		w.member("type", id.Type)
		w.member("value", id.Value)
	})
	w.member("kind", env.Kind)
	w.name("major")
	w.buf = strconv.AppendInt(w.buf, int64(env.Major), 10)
	w.optional("name", env.Name)
	writeList(&w, "partition", env.Partition, func(l Label) {
		w.member("key", l.Key)
		w.member("value", l.Value)
	})
	w.optional("region", env.Region)
	writeList(&w, "relations", sorted(env.Relations, compareRelations), func(r Relation) {
		w.optional("external_id", r.ExternalID)
		w.optional("kind", r.Kind)
		if r.Selector != nil {
			w.name("selector")
			w.buf = append(w.buf, '{')
			w.member("type", r.Selector.Type)
			w.member("value", r.Selector.Value)
			w.buf = append(w.buf, '}')
		}
		w.member("verb", r.Verb)
	})
	writeList(&w, "tags", sorted(env.Tags, compareTags), func(t Tag) {
		w.member("key", t.Key)
		w.member("value", t.Value)
	})
	w.strings("unread", sorted(env.Unread, strings.Compare))
	w.strings("withheld", sorted(env.Withheld, strings.Compare))
	w.optional("zone", env.Zone)
	return append(w.buf, '}'), w.err
}

// writer appends JSON members to buf and remembers the first error.
type writer struct {
	buf []byte
	err error
}

func (w *writer) name(name string) {
	if w.buf[len(w.buf)-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

func (w *writer) quote(value string) {
	var err error
	w.buf, err = jsontext.AppendQuote(w.buf, value)
	w.err = cmp.Or(w.err, err)
}

func (w *writer) member(name, value string) {
	w.name(name)
	w.quote(value)
}

func (w *writer) optional(name, value string) {
	if value != "" {
		w.member(name, value)
	}
}

func (w *writer) strings(name string, values []string) {
	if len(values) == 0 {
		return
	}
	w.name(name)
	w.buf = append(w.buf, '[')
	for i, v := range values {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.quote(v)
	}
	w.buf = append(w.buf, ']')
}

// object appends raw in its canonical form; it must be one JSON object.
func (w *writer) object(raw []byte) error {
	v := jsontext.Value(bytes.Clone(raw))
	if err := v.Canonicalize(); err != nil {
		return fmt.Errorf("%w: attributes: %w", ErrMalformed, err)
	}
	if v.Kind() != '{' {
		return fmt.Errorf("%w: attributes are not a JSON object", ErrMalformed)
	}
	w.buf = append(w.buf, v...)
	return nil
}

func writeList[T any](w *writer, name string, list []T, members func(T)) {
	if len(list) == 0 {
		return
	}
	w.name(name)
	w.buf = append(w.buf, '[')
	for i, v := range list {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = append(w.buf, '{')
		members(v)
		w.buf = append(w.buf, '}')
	}
	w.buf = append(w.buf, ']')
}

// sorted is list in order and without repeats; a copy if it was not so already.
func sorted[T any](list []T, compare func(a, b T) int) []T {
	for i := 1; i < len(list); i++ {
		if compare(list[i-1], list[i]) >= 0 {
			list = slices.Clone(list)
			slices.SortFunc(list, compare)
			return slices.CompactFunc(list, func(a, b T) bool { return compare(a, b) == 0 })
		}
	}
	return list
}

// Sort brings the lists whose order means nothing into the order of the canonical form, in place, and drops
// repeats.
func (env *Envelope) Sort() {
	env.Tags = sorted(env.Tags, compareTags)
	env.Identifiers = sorted(env.Identifiers, compareIdentifiers)
	env.Relations = sorted(env.Relations, compareRelations)
	env.Unread = sorted(env.Unread, strings.Compare)
	env.Withheld = sorted(env.Withheld, strings.Compare)
}

func compareTags(a, b Tag) int {
	return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Value, b.Value))
}

func compareIdentifiers(a, b Identifier) int {
	return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Value, b.Value))
}

func compareRelations(a, b Relation) int {
	if c := cmp.Or(strings.Compare(a.Verb, b.Verb), strings.Compare(a.Kind, b.Kind),
		strings.Compare(a.ExternalID, b.ExternalID)); c != 0 {
		return c
	}
	switch {
	case a.Selector == nil && b.Selector == nil:
		return 0
	case a.Selector == nil:
		return -1
	case b.Selector == nil:
		return 1
	}
	return compareIdentifiers(*a.Selector, *b.Selector)
}
