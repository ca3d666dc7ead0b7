package resource_test

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"maestro.internal/sdk/resource"
)

// full has every field set, so that a field that the canonical form forgets is found.
func full() resource.Envelope {
	return resource.Envelope{
		Kind: "server", Major: 1, ExternalID: "vm-1", Name: "<web> & \"more\" \u2028é",
		Partition: resource.Partition{{Key: "region", Value: "eu"}, {Key: "account", Value: "1"}},
		Region:    "eu", Zone: "eu-a",
		Tags: []resource.Tag{{Key: "a", Value: "1"}, {Key: "a", Value: "2"}, {Key: "b", Value: ""}},
		Identifiers: []resource.Identifier{
			{Type: "bios_uuid", Value: "4210"}, {Type: "mac", Value: "00:11"}},
		Relations: []resource.Relation{
			{Verb: "attached_to", Kind: "volume", ExternalID: "disk-1"},
			{Verb: "runs_on", Selector: &resource.Identifier{Type: "serial", Value: "X"}}},
		ConsoleURL: "https://vc/ui?a=1&b=2",
		Attributes: stdjson.RawMessage(`{"cpu":{"cores":4},"load":0.5,"name":"x"}`),
		Volatile:   stdjson.RawMessage(`{"uptime":1}`),
		Unread:     []string{"/attributes/disks", "/tags"},
		Withheld:   []string{"/attributes/owner"},
	}
}

// TestCanonicalIsTheGeneralForm compares the hand-written order of members with the general way: marshal,
// then RFC 8785.
func TestCanonicalIsTheGeneralForm(t *testing.T) {
	env := full()
	value := reflect.ValueOf(env)
	for i := range value.NumField() {
		if value.Field(i).IsZero() {
			t.Fatalf("full() leaves %s empty, so this test proves nothing about it", value.Type().Field(i).Name)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		e := env
		if rapid.Bool().Draw(t, "generated") {
			e = envelope().Draw(t, "envelope")
			e.Sort()
		}
		general, err := stdjson.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		want := jsontext.Value(general)
		if err := want.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		got, err := resource.Canonical(e)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Fatalf("canonical form\n got %s\nwant %s", got, want)
		}
	})
}

func TestCanonicalReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		env := envelope().Draw(t, "envelope")
		b, err := resource.Canonical(env)
		if err != nil {
			t.Fatal(err)
		}
		got, err := resource.ParseCanonical(b)
		if err != nil {
			t.Fatalf("%v in %s", err, b)
		}
		env.Sort()
		env.Volatile = nil
		attributes := jsontext.Value(env.Attributes)
		if err := attributes.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		env.Attributes = stdjson.RawMessage(attributes)
		if diff := cmp.Diff(env, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		again, err := resource.Canonical(got)
		if err != nil || string(again) != string(b) {
			t.Fatalf("second time %s, %v", again, err)
		}
	})
}

func TestCanonicalIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		env := envelope().Draw(t, "envelope")
		before, err := resource.Canonical(env)
		if err != nil {
			t.Fatal(err)
		}
		env.Tags = rapid.Permutation(env.Tags).Draw(t, "tags")
		env.Identifiers = rapid.Permutation(env.Identifiers).Draw(t, "identifiers")
		env.Relations = append(rapid.Permutation(env.Relations).Draw(t, "relations"), env.Relations...)
		env.Unread = rapid.Permutation(env.Unread).Draw(t, "unread")
		given := slices.Clone(env.Tags)
		after, err := resource.Canonical(env)
		if err != nil {
			t.Fatal(err)
		}
		if string(before) != string(after) {
			t.Fatalf("order matters:\n%s\n%s", before, after)
		}
		if !slices.Equal(given, env.Tags) {
			t.Fatal("the caller's own list was sorted")
		}
	})
}

func TestCanonicalRefuses(t *testing.T) {
	nested := func(depth int) stdjson.RawMessage {
		return stdjson.RawMessage(strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth))
	}
	tests := []struct {
		name   string
		change func(*resource.Envelope)
		want   error // nil: allowed
	}{
		{"31 levels below the envelope", func(e *resource.Envelope) { e.Attributes = nested(31) }, nil},
		{"32 levels below the envelope", func(e *resource.Envelope) { e.Attributes = nested(32) }, resource.ErrTooDeep},
		{"brackets in strings are not levels", func(e *resource.Envelope) {
			e.Attributes = stdjson.RawMessage(`{"a":"` + strings.Repeat(`{[\"`, 40) + `"}`)
		}, nil},
		{"200 tags", func(e *resource.Envelope) { e.Tags = tags(200) }, nil},
		{"201 tags", func(e *resource.Envelope) { e.Tags = tags(201) }, resource.ErrTooManyTags},
		{"over 1 MiB", func(e *resource.Envelope) { e.Name = strings.Repeat("x", resource.MaxBytes) }, resource.ErrTooLarge},
		{"no external id", func(e *resource.Envelope) { e.ExternalID = "" }, resource.ErrMalformed},
		{"long external id", func(e *resource.Envelope) { e.ExternalID = strings.Repeat("x", 2049) }, resource.ErrMalformed},
		{"zero byte in external id", func(e *resource.Envelope) { e.ExternalID = "a\x00b" }, resource.ErrMalformed},
		{"no kind", func(e *resource.Envelope) { e.Kind = "" }, resource.ErrMalformed},
		{"odd kind", func(e *resource.Envelope) { e.Kind = "Server" }, resource.ErrMalformed},
		{"kind ends in a dot", func(e *resource.Envelope) { e.Kind = "a." }, resource.ErrMalformed},
		{"kind with an empty word", func(e *resource.Envelope) { e.Kind = "a..b" }, resource.ErrMalformed},
		{"kind with a digit first", func(e *resource.Envelope) { e.Kind = "a.1b" }, resource.ErrMalformed},
		{"kind beyond ASCII", func(e *resource.Envelope) { e.Kind = "é" }, resource.ErrMalformed},
		{"a plugin's kind", func(e *resource.Envelope) { e.Kind = "python.package.v2" }, nil},
		{"no major", func(e *resource.Envelope) { e.Major = 0 }, resource.ErrMalformed},
		{"name is not UTF-8", func(e *resource.Envelope) { e.Name = "a\xff" }, resource.ErrMalformed},
		{"tag is not UTF-8", func(e *resource.Envelope) { e.Tags = []resource.Tag{{Key: "\xff"}} }, resource.ErrMalformed},
		{"attributes are not UTF-8", func(e *resource.Envelope) { e.Attributes = stdjson.RawMessage("{\"a\":\"\xff\"}") }, resource.ErrMalformed},
		{"attributes are a list", func(e *resource.Envelope) { e.Attributes = stdjson.RawMessage(`[]`) }, resource.ErrMalformed},
		{"attributes repeat a member", func(e *resource.Envelope) { e.Attributes = stdjson.RawMessage(`{"a":1,"a":2}`) }, resource.ErrMalformed},
		{"attributes end early", func(e *resource.Envelope) { e.Attributes = stdjson.RawMessage(`{"a":1`) }, resource.ErrMalformed},
		{"label without key", func(e *resource.Envelope) { e.Partition = resource.Partition{{Value: "x"}} }, resource.ErrMalformed},
		{"label twice", func(e *resource.Envelope) { e.Partition = resource.Partition{{Key: "a"}, {Key: "a"}} }, resource.ErrMalformed},
		{"relation with two targets", func(e *resource.Envelope) { e.Relations[1].ExternalID = "x" }, resource.ErrMalformed},
		{"relation with no target", func(e *resource.Envelope) { e.Relations[1].Selector = nil }, resource.ErrMalformed},
		{"relation without kind", func(e *resource.Envelope) { e.Relations[0].Kind = "" }, resource.ErrMalformed},
		{"unread is no pointer", func(e *resource.Envelope) { e.Unread = []string{"disks"} }, resource.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := full()
			tt.change(&env)
			if _, err := resource.Canonical(env); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestParseCanonicalRefuses(t *testing.T) {
	tests := map[string]error{
		`{"external_id":"a","kind":"server","major":1}`:                                             nil,
		`{"external_id":"a","kind":"server","major":1,"newer":{"a":1}}`:                             nil,
		`{"external_id":"a","kind":"server","newer":1,"major":1}`:                                   resource.ErrNotCanonical,
		`{"external_id":"a","kind":"server","major":1,"newer":1.0}`:                                 resource.ErrNotCanonical,
		`{"external_id":"a","kind":"server","major":1} `:                                            resource.ErrNotCanonical,
		`{"kind":"server","external_id":"a","major":1}`:                                             resource.ErrNotCanonical,
		`{"external_id":"a","kind":"server","major":1,"name":""}`:                                   resource.ErrNotCanonical,
		`{"external_id":"a","kind":"server","major":1,"tags":null}`:                                 resource.ErrNotCanonical,
		`{"external_id":"\u0061","kind":"server","major":1}`:                                        resource.ErrNotCanonical,
		`{"attributes":{"b":1,"a":2},"external_id":"a","kind":"server","major":1}`:                  resource.ErrNotCanonical,
		`{"external_id":"a","kind":"server","major":1,"unread":["/b","/a"]}`:                        resource.ErrNotCanonical,
		`{"external_id":"a","kind":"server","major":1,"unread":["/a","/a"]}`:                        resource.ErrNotCanonical,
		`{"external_id":"a","external_id":"a","kind":"server","major":1}`:                           resource.ErrMalformed,
		"{\"external_id\":\"\xff\",\"kind\":\"server\",\"major\":1}":                                resource.ErrMalformed,
		`{"external_id":"a","kind":"server","major":"1"}`:                                           resource.ErrMalformed,
		`{"kind":"server","major":1}`:                                                               resource.ErrMalformed,
		`[]`:                                                                                        resource.ErrMalformed,
		``:                                                                                          resource.ErrMalformed,
		`{"external_id":"a","kind":"server","major":1}{}`:                                           resource.ErrMalformed,
		strings.Repeat("[", 100):                                                                    resource.ErrTooDeep,
		`{"external_id":"a","kind":"server","major":1,"name":"` + strings.Repeat("x", 1<<20) + `"}`: resource.ErrTooLarge,
	}
	for in, want := range tests {
		if _, err := resource.ParseCanonical([]byte(in)); !errors.Is(err, want) {
			t.Errorf("%.80q: got %v, want %v", in, err, want)
		}
	}
}

func FuzzParseCanonical(f *testing.F) {
	b, err := resource.Canonical(full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"external_id":"a","kind":"server","major":1,"newer":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		env, err := resource.ParseCanonical(b)
		if err != nil {
			return
		}
		// What was accepted has this one form, except for members that only newer versions know.
		again, err := resource.Canonical(env)
		if err != nil {
			t.Fatalf("accepted %q and cannot write it: %v", b, err)
		}
		if len(again) > len(b) {
			t.Fatalf("accepted %q, which is written %q", b, again)
		}
		if _, err := resource.ParseCanonical(again); err != nil {
			t.Fatalf("wrote %q and refuses it: %v", again, err)
		}
	})
}

func BenchmarkCanonical(b *testing.B) {
	env := full()
	for b.Loop() {
		if _, err := resource.Canonical(env); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseCanonical(b *testing.B) {
	raw, err := resource.Canonical(full())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := resource.ParseCanonical(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func tags(n int) []resource.Tag {
	out := make([]resource.Tag, n)
	for i := range out {
		out[i] = resource.Tag{Key: fmt.Sprintf("k%03d", i), Value: "v"}
	}
	return out
}

// envelope draws envelopes that are allowed.
func envelope() *rapid.Generator[resource.Envelope] {
	text := rapid.StringN(0, 8, 24)
	some := rapid.StringN(1, 8, 24)
	key := rapid.StringMatching(`[a-z]{1,3}[%=,{}]?`)
	pointer := rapid.StringMatching(`/[a-z/]{0,6}`)
	id := rapid.Custom(func(t *rapid.T) resource.Identifier {
		return resource.Identifier{Type: key.Draw(t, "type"), Value: some.Draw(t, "value")}
	})
	relation := rapid.Custom(func(t *rapid.T) resource.Relation {
		r := resource.Relation{Verb: key.Draw(t, "verb")}
		if rapid.Bool().Draw(t, "selects") {
			sel := id.Draw(t, "selector")
			r.Selector = &sel
			r.Kind = rapid.SampledFrom([]string{"", "volume"}).Draw(t, "kind")
		} else {
			r.Kind, r.ExternalID = "volume", some.Draw(t, "target")
		}
		return r
	})
	tag := rapid.Custom(func(t *rapid.T) resource.Tag {
		return resource.Tag{Key: text.Draw(t, "key"), Value: text.Draw(t, "value")}
	})
	return rapid.Custom(func(t *rapid.T) resource.Envelope {
		attributes, err := stdjson.Marshal(rapid.MapOfN(text, rapid.OneOf(
			rapid.Map(text, func(s string) any { return s }),
			rapid.Map(rapid.Float64(), func(f float64) any { return f }),
			rapid.Map(rapid.SliceOfN(rapid.Bool(), 0, 3), func(b []bool) any { return b }),
		), 0, 4).Draw(t, "attributes"))
		if err != nil {
			t.Fatal(err)
		}
		var partition resource.Partition
		for _, k := range rapid.SliceOfNDistinct(key, 0, 3, rapid.ID).Draw(t, "labels") {
			partition = append(partition, resource.Label{Key: k, Value: text.Draw(t, "label")})
		}
		return resource.Envelope{
			Kind:        rapid.SampledFrom([]string{"server", "x_y.z_1.v2"}).Draw(t, "kind"),
			Major:       rapid.IntRange(1, 9).Draw(t, "major"),
			ExternalID:  strings.ReplaceAll(some.Draw(t, "external id"), "\x00", "0"),
			Name:        text.Draw(t, "name"),
			Partition:   partition,
			Region:      text.Draw(t, "region"),
			Zone:        text.Draw(t, "zone"),
			Tags:        rapid.SliceOfN(tag, 0, 4).Draw(t, "tags"),
			Identifiers: rapid.SliceOfN(id, 0, 4).Draw(t, "identifiers"),
			Relations:   rapid.SliceOfN(relation, 0, 4).Draw(t, "relations"),
			ConsoleURL:  text.Draw(t, "url"),
			Attributes:  attributes,
			Volatile:    stdjson.RawMessage(`{"x":1}`),
			Unread:      rapid.SliceOfN(pointer, 0, 3).Draw(t, "unread"),
			Withheld:    rapid.SliceOfN(pointer, 0, 3).Draw(t, "withheld"),
		}
	})
}
