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

// Labels are a thing's tags in one spelling, sorted, each pair once: keys as the spellings have them or else in lower_snake,
// values trimmed and translated. The tags themselves stay what the provider has.
func (s *Spellings) Labels(tags []resource.Tag) []resource.Tag {
	out := make([]resource.Tag, 0, len(tags))
	for _, t := range tags {
		key, known := s.keys[NormalKey(t.Key)]
		if !known {
			key = snake(t.Key)
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

// snake writes a key in lower_snake: "Cost-Center" is cost_center.
func snake(key string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch r {
		case '-', '.', ' ', ':', '/':
			return '_'
		}
		return r
	}, strings.ToLower(strings.TrimSpace(key))), "_")
}
