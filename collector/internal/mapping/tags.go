package mapping

import (
	"cmp"
	"slices"
	"strings"

	"maestro.internal/sdk/resource"
)

// Spelling is one key of tags, and the values that mean the same.
type Spelling struct {
	// Key as the organisation writes it.
	Key string `json:"key"`
	// Also are other keys that mean it. Case, dashes, dots, spaces and underscores make no difference.
	Also []string `json:"also,omitempty"`
	// Values translates, without regard to case.
	Values map[string]string `json:"values,omitempty"`
}

// Spellings are ready for use.
type Spellings struct {
	keys   map[string]string
	values map[string]map[string]string
}

// CompileSpellings makes them ready, or answers an *Error.
func CompileSpellings(list []Spelling) (*Spellings, error) {
	out := &Spellings{keys: map[string]string{}, values: map[string]map[string]string{}}
	for i, s := range list {
		if NormalKey(s.Key) == "" {
			return nil, &Error{i, "key", "is missing"}
		}
		for _, k := range append([]string{s.Key}, s.Also...) {
			if other, taken := out.keys[NormalKey(k)]; taken {
				return nil, &Error{i, "key", "means " + other + " already"}
			}
			out.keys[NormalKey(k)] = s.Key
		}
		m := map[string]string{}
		for from, to := range s.Values {
			m[strings.ToLower(strings.TrimSpace(from))] = to
		}
		out.values[s.Key] = m
	}
	return out, nil
}

// Labels are those of a thing's tags that the spellings know, in the organisation's spelling, sorted, each pair once. The
// tags themselves stay what the provider has.
func (s *Spellings) Labels(tags []resource.Tag) []resource.Tag {
	out := make([]resource.Tag, 0, len(tags))
	for _, t := range tags {
		key, known := s.keys[NormalKey(t.Key)]
		if !known {
			continue
		}
		value := strings.TrimSpace(t.Value)
		if v, ok := s.values[key][strings.ToLower(value)]; ok {
			value = v
		}
		out = append(out, resource.Tag{Key: key, Value: value})
	}
	slices.SortFunc(out, func(a, b resource.Tag) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Value, b.Value))
	})
	return slices.Compact(out)
}

// Requirement is a line of the tag policy: things of the kinds have the key, with one of the values if any are given. A key
// that the spellings know is looked for among the labels, whatever a provider's spelling is.
type Requirement struct {
	Key    string   `json:"key"`
	Kinds  []string `json:"kinds,omitempty"`
	Values []string `json:"values,omitempty"`
	// Optional keys may be missing; only their values are judged.
	Optional bool   `json:"optional,omitempty"`
	Help     string `json:"help,omitempty"`
}

// MostValues of a requirement; a filter has no more terms.
const MostValues = 50

// CheckPolicy answers the *Error of the first requirement that is wrong.
func CheckPolicy(list []Requirement) error {
	for i, r := range list {
		switch {
		case strings.TrimSpace(r.Key) == "":
			return &Error{i, "key", "is missing"}
		case strings.ContainsAny(r.Key, "=*"):
			return &Error{i, "key", "may have neither = nor *"}
		case len(r.Values) > MostValues:
			return &Error{i, "values", "has more than 50 values"}
		case r.Optional && len(r.Values) == 0:
			return &Error{i, "values", "is missing: an optional key of any value requires nothing"}
		}
	}
	return nil
}

// For says whether the requirement is for a kind.
func (r *Requirement) For(kind string) bool {
	return len(r.Kinds) == 0 || slices.Contains(r.Kinds, kind)
}

// Filters are what finds the things that miss the key, and those that have it with a value that is not allowed; "" finds none.
func (r *Requirement) Filters(s *Spellings) (missing, wrong string) {
	of, key := "tags", r.Key
	if k, known := s.keys[NormalKey(r.Key)]; known {
		of, key = "labels", k
	}
	has := of + ":" + quote(key)
	if !r.Optional {
		missing = "NOT " + has
	}
	if len(r.Values) > 0 {
		wrong = has
		for _, v := range r.Values {
			wrong += " AND NOT " + of + ":" + quote(key+"="+v)
		}
	}
	return missing, wrong
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
