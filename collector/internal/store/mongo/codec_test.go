package mongo

import (
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"
)

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"":           "%",
		"plain":      "plain",
		"a.b":        "a%2eb",
		"$set":       "%24set",
		"a$b":        "a$b",
		"$":          "%24",
		"%":          "%25",
		"100%":       "100%25",
		"%2e":        "%252e",
		"0":          "%30",
		"42":         "%342",
		"4.2":        "4%2e2",
		"日本":         "日本",
		"a\u0001'\"": "a\u0001'\"",
	} {
		if got := encodeName(name); got != want {
			t.Errorf("%q is encoded as %q, want %q", name, got, want)
		}
	}
	for _, bad := range []string{"a%", "a%2", "%zz", "%%"} {
		if name, err := decodeName(bad); err == nil {
			t.Errorf("%q was decoded as %q", bad, name)
		}
	}
}

func TestNamesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOf(rapid.SampledFrom([]rune(".$%0a2é\"🚢"))).Draw(t, "name")
		encoded := encodeName(name)
		if strings.ContainsAny(encoded, ".") || strings.HasPrefix(encoded, "$") || encoded == "" || strings.Trim(encoded, "0123456789") == "" {
			t.Fatalf("%q is encoded as %q, which a path cannot hold", name, encoded)
		}
		if back, err := decodeName(encoded); err != nil || back != name {
			t.Fatalf("%q came back as %q (%v)", name, back, err)
		}
	})
}

// Integers and doubles are kept apart, so that a document that is read and written again stays what it was.
func TestNumbers(t *testing.T) {
	for doc, want := range map[string]string{
		`{"n":1}`:                          `{"n":1}`,
		`{"n":1.0}`:                        `{"n":1.0}`,
		`{"n":9007199254740993}`:           `{"n":9007199254740993}`,
		`{"n":-9223372036854775808}`:       `{"n":-9223372036854775808}`,
		`{"n":18446744073709551615}`:       `{"n":1.8446744073709552e+19}`, // more than an int64 holds: the nearest double
		`{"n":1e2}`:                        `{"n":100.0}`,
		`{"n":0.1}`:                        `{"n":0.1}`,
		`{"b":{"z":[1,2.5,"x"],"a":null}}`: `{"b":{"z":[1,2.5,"x"],"a":null}}`,
	} {
		d, err := encodeDoc([]byte(doc))
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		raw, err := bson.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeDoc(raw)
		if err != nil || string(back) != want {
			t.Errorf("%s came back as %s (%v), want %s", doc, back, err, want)
		}
	}
	for _, bad := range []string{``, `[]`, `{}{}`, `{"a":1e999}`, `{"a":}`} {
		if d, err := encodeDoc([]byte(bad)); err == nil {
			t.Errorf("%s was encoded as %v", bad, d)
		}
	}
}
