package filter_test

import (
	"slices"
	"testing"

	"maestro.internal/collector/internal/filter"
)

func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"":                          nil,
		" -- ":                      nil,
		"Web-01.prod":               {"web", "01", "prod"},
		"web WEB Web":               {"web"},
		"Größe ﬁle Ⅷ":               {"größe", "file", "viii"},
		"e\u0301te\u0301":           {"été"},
		"10.0.0.1/24":               {"10", "0", "1", "24"},
		"日本語 東京":                    {"日本語", "東京"},
		"हिन्दी":                    {"हिन्दी"}, // vowel signs are marks and belong to the word
		"aaaaaaaaaaaaaaaaaaaaaaaaa": {"aaaaaaaaaaaaaaaaaaaaaaaaa"},
	} {
		if got := filter.Words(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	long := ""
	for range 100 {
		long += "é"
	}
	if got := filter.Words(long); len(got) != 1 || len(got[0]) != 64 {
		t.Errorf("a long word is cut to %q", got)
	}
}

func TestMatch(t *testing.T) {
	doc := []byte(`{"name":"Web","n":3,"big":9007199254740993,"f":0.5,"on":false,"none":null,"empty":[],
		"tags":[{"key":"env"},{"key":"Owner"}],"sizes":[1,5,"x",null],"words":["web","prod"]}`)
	str := func(path ...string) filter.Field { return filter.Field{Path: path, Type: filter.String} }
	num := func(path ...string) filter.Field { return filter.Field{Path: path, Type: filter.Number} }
	cmp := func(f filter.Field, op filter.Op, v any) filter.Expr {
		return filter.Compare{Field: f, Op: op, Value: v}
	}
	for _, c := range []struct {
		e    filter.Expr
		want bool
	}{
		{nil, true},
		{filter.And{}, true},
		{filter.Or{}, false},
		{cmp(str("name"), filter.Eq, "Web"), true},
		{cmp(str("name"), filter.Eq, "web"), false},
		{cmp(str("name"), filter.Contains, "EB"), true},
		{cmp(str("name"), filter.Prefix, "We"), true},
		{cmp(str("name"), filter.Prefix, "we"), false},
		{cmp(num("n"), filter.Eq, 3.0), true},
		{cmp(num("n"), filter.Lt, 3.5), true},
		{cmp(num("big"), filter.Eq, int64(9007199254740993)), true},
		{cmp(num("big"), filter.Eq, float64(9007199254740992)), false},
		{cmp(num("big"), filter.Gt, float64(9007199254740992)), true},
		{cmp(filter.Field{Path: []string{"on"}, Type: filter.Bool}, filter.Eq, false), true},
		// What is missing is equal to nothing, and neither less nor greater than anything.
		{cmp(str("missing"), filter.Eq, ""), false},
		{cmp(str("missing"), filter.Ne, "x"), true},
		{cmp(str("none"), filter.Ne, "x"), true},
		{cmp(str("none"), filter.Ge, ""), false},
		{filter.Exists{Field: str("none")}, false},
		{filter.Exists{Field: str("empty")}, false},
		{filter.Exists{Field: str("name")}, true},
		{filter.Exists{Field: num("name")}, false}, // a value of another type is none
		// Of several values any does; for != none may be equal.
		{cmp(str("tags", "key"), filter.Eq, "env"), true},
		{cmp(str("tags", "key"), filter.Ne, "env"), false},
		{cmp(str("tags", "key"), filter.Ne, "x"), true},
		{cmp(str("tags", "key"), filter.Contains, "owner"), true},
		{cmp(num("sizes"), filter.Gt, int64(4)), true},
		{cmp(num("sizes"), filter.Gt, int64(5)), false},
		{filter.And{cmp(num("sizes"), filter.Lt, int64(2)), cmp(num("sizes"), filter.Gt, int64(4))}, true},
		{filter.In{Field: num("sizes"), Values: []any{int64(7), 5.0}}, true},
		{filter.In{Field: num("sizes")}, false},
		{filter.Text{Field: str("words"), Words: []string{"we", "prod"}}, true},
		{filter.Text{Field: str("words"), Words: []string{"we", "test"}}, false},
		{filter.Text{Field: str("words")}, true},
	} {
		if got := filter.Match(c.e, doc); got != c.want {
			t.Errorf("%s: %v, want %v", filter.Format(c.e), got, c.want)
		}
		if got := filter.Match(filter.Not{Of: filter.And{filter.And(nil), orAll(c.e)}}, doc); got == c.want {
			t.Errorf("NOT %s: %v", filter.Format(c.e), got)
		}
		if err := filter.Check(c.e); err != nil {
			t.Errorf("%s: %v", filter.Format(c.e), err)
		}
	}
}

func orAll(e filter.Expr) filter.Expr {
	if e == nil {
		return filter.Const(true)
	}
	return e
}
