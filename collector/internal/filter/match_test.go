package filter_test

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

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
		reader, err := filter.NewReader(doc)
		if err != nil {
			t.Fatal(err)
		}
		if got := reader.Match(filter.Prepared(filter.And{filter.Or{c.e}})); got != c.want {
			t.Errorf("%#v prepared: %t", c.e, got)
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

// What lies in a range lies between the ends of its span, and nothing else does.
func TestAddressSpan(t *testing.T) {
	for network, within := range map[string]map[string]bool{
		"10.0.0.0/8": {"10.0.0.0/8": true, "10.0.0.0": true, "10.255.255.255": true, "10.1.0.0/16": true, "10.0.0.5/24": true,
			"::ffff:10.1.2.3": true, "10.0.0.0/7": false, "11.0.0.0": false, "9.255.255.255": false, "0.0.0.0/0": false, "::a00:0": false},
		"10.0.0.0/31":   {"10.0.0.0": true, "10.0.0.1": true, "10.0.0.2": false, "10.0.0.0/30": false},
		"0.0.0.0/0":     {"255.255.255.255": true, "0.0.0.0": true, "::1": false, "::/0": false},
		"2001:db8::/33": {"2001:db8:7fff::1%eth0": true, "2001:db8:8000::": false, "2001:db8::/32": false, "2001:db8::/34": true},
		"10.0.0.7/32":   {"10.0.0.7": true, "10.0.0.7/32": true, "10.0.0.7/24": true, "10.0.0.6/31": false},
	} {
		span := filter.AddressSpan(netip.MustParsePrefix(network))
		for address, want := range within {
			key, ok := filter.AddressKey(address)
			if got := ok && span.From <= key && key <= span.To; got != want {
				t.Errorf("%s within %s: %v (key %q, span %v)", address, network, got, key, span)
			}
		}
	}
	for _, text := range []string{"", "10.0.0", "10.0.0.0/33", "web", "10.0.0.1:80", "/8", "10.0.0.0/-1"} {
		if key, ok := filter.AddressKey(text); ok {
			t.Errorf("%q has the key %q", text, key)
		}
	}
}

// The keys tell the same as the addresses themselves, whatever they are.
func TestAddressKeysLikeAddresses(t *testing.T) {
	prefix := func(rt *rapid.T, label string) netip.Prefix {
		n := rapid.SampledFrom([]int{4, 16}).Draw(rt, label)
		raw := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 10, 127, 128, 255}), n, n).Draw(rt, "bytes")
		a, _ := netip.AddrFromSlice(raw)
		a = a.Unmap()
		return netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(rt, "bits")).Masked()
	}
	rapid.Check(t, func(rt *rapid.T) {
		a, b := prefix(rt, "a"), prefix(rt, "b")
		key, ok := filter.AddressKey(b.String())
		if back, known := filter.KeyPrefix(key); !ok || !known || back != b {
			rt.Fatalf("%s has the key %q, which is %s", b, key, back)
		}
		span := filter.AddressSpan(a)
		want := a.Overlaps(b) && a.Bits() <= b.Bits()
		if got := span.From <= key && key <= span.To; got != want {
			rt.Fatalf("%s within %s: %v", b, a, got)
		}
	})
}
