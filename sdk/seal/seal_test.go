package seal_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
	"maestro.internal/sdk/seal"
)

const demoSchema = `{"type":"object","properties":{
	"name_in_bios":{"type":"string"},
	"run":{"type":"object","properties":{"uptime":{"type":"integer","x-maestro-volatile":true},"state":{"type":"string"}}},
	"load":{"type":"array","items":{"type":"number"},"x-maestro-volatile":true},
	"flags":{"type":"array","items":{"type":"string"},"x-maestro-set":true},
	"steps":{"type":"array","items":{"type":"string"}},
	"nics":{"type":"array","x-maestro-key":"mac","items":{"type":"object","properties":{
		"mac":{"type":"string"},
		"ips":{"type":"array","items":{"type":"string"},"x-maestro-set":true}}}}
}}`

func demo(t testing.TB) *seal.Sealer {
	t.Helper()
	kind, err := schema.Parse("demo.thing", 1, 0, []byte(demoSchema))
	if err != nil {
		t.Fatal(err)
	}
	return seal.New(kind, provider.KindSupport{Kind: "demo.thing", Major: 1, GlobalIDs: true}, "demo")
}

func TestSeal(t *testing.T) {
	env := resource.Envelope{
		Kind: "demo.thing", Major: 1, ExternalID: "arn:1",
		Attributes: json.RawMessage(`{
			"run": {"uptime": 5}, "load": [3, 1], "flags": ["b", "a"], "steps": ["z", "y"], "unknown": {"b": [2, 1]},
			"nics": [{"mac": "02", "ips": ["9", "1"]}, {"ips": [], "mac": "01"}]}`),
		Volatile: json.RawMessage(`{"run":{"beat":1}}`),
	}
	given := string(env.Attributes)
	got, err := demo(t).Seal(env)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"attributes":{"flags":["a","b"],"nics":[{"ips":[],"mac":"01"},{"ips":["1","9"],"mac":"02"}],` +
		`"steps":["z","y"],"unknown":{"b":[2,1]}},"external_id":"arn:1",` +
		`"identifiers":[{"type":"demo.id","value":"arn:1"}],"kind":"demo.thing","major":1}`
	if string(got.Canonical) != want {
		t.Errorf("canonical\n got %s\nwant %s", got.Canonical, want)
	}
	if want := `{"load":[3,1],"run":{"beat":1,"uptime":5}}`; string(got.Volatile) != want {
		t.Errorf("volatile %s, want %s", got.Volatile, want)
	}
	if got.Hash != resource.HashOf(got.Canonical) {
		t.Error("the hash is of something else")
	}
	if string(env.Attributes) != given || len(env.Identifiers) != 0 {
		t.Error("the caller's envelope was changed")
	}
	if _, err := resource.ParseCanonical(got.Canonical); err != nil {
		t.Error(err)
	}
}

// TestSealIgnoresOrderAndVolatile draws two spellings of one thing and expects one hash.
func TestSealIgnoresOrderAndVolatile(t *testing.T) {
	s := demo(t)
	rapid.Check(t, func(t *rapid.T) {
		flags := rapid.SliceOfNDistinct(rapid.String(), 0, 5, rapid.ID).Draw(t, "flags")
		macs := rapid.SliceOfNDistinct(rapid.StringN(1, 4, 16), 0, 4, rapid.ID).Draw(t, "macs")
		spell := func(label string) seal.Sealed {
			var nics []any
			for _, mac := range rapid.Permutation(macs).Draw(t, label+" nics") {
				nics = append(nics, map[string]any{"mac": mac, "ips": rapid.Permutation(flags).Draw(t, label+" ips")})
			}
			attributes, err := json.Marshal(map[string]any{"flags": rapid.Permutation(flags).Draw(t, label), "nics": nics,
				"run": map[string]any{"uptime": rapid.Int().Draw(t, label+" uptime"), "state": "on"}})
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Seal(resource.Envelope{Kind: "demo.thing", Major: 1, ExternalID: "x", Attributes: attributes})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if a, b := spell("a"), spell("b"); a.Hash != b.Hash {
			t.Fatalf("\n%s\n%s", a.Canonical, b.Canonical)
		}
	})
}

func TestSealSpellsIdentifiers(t *testing.T) {
	env := resource.Envelope{Kind: "demo.thing", Major: 1, ExternalID: "x",
		Identifiers: []resource.Identifier{{Type: "mac", Value: "00-50-56-AB-CD-EF"}, {Type: "mac", Value: "not one"}},
		Relations:   []resource.Relation{{Verb: "runs_on", Selector: &resource.Identifier{Type: "mac", Value: "0050.56AB.CDEF"}}}}
	got, err := demo(t).Seal(env)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"type":"mac","value":"00:50:56:ab:cd:ef"},{"type":"mac","value":"not one"}`,
		`"selector":{"type":"mac","value":"00:50:56:ab:cd:ef"}`} {
		if !strings.Contains(string(got.Canonical), want) {
			t.Errorf("no %s in %s", want, got.Canonical)
		}
	}
	if env.Identifiers[0].Value != "00-50-56-AB-CD-EF" || env.Relations[0].Selector.Value != "0050.56AB.CDEF" {
		t.Error("the caller's envelope was changed")
	}
}

func TestSealRefuses(t *testing.T) {
	s := demo(t)
	tests := map[string]struct {
		env  resource.Envelope
		want error
	}{
		"attributes are null": {resource.Envelope{Attributes: json.RawMessage("null")}, resource.ErrMalformed},
		"attributes a list":   {resource.Envelope{Attributes: json.RawMessage("[]")}, resource.ErrMalformed},
		"volatile a string":   {resource.Envelope{Volatile: json.RawMessage(`"x"`)}, resource.ErrMalformed},
		"repeated member":     {resource.Envelope{Attributes: json.RawMessage(`{"a":1,"a":1}`)}, resource.ErrMalformed},
		"not UTF-8":           {resource.Envelope{Attributes: json.RawMessage("{\"a\":\"\xff\"}")}, resource.ErrMalformed},
		"too large":           {resource.Envelope{Attributes: json.RawMessage(`{"a":"` + strings.Repeat("x", 5<<20) + `"}`)}, resource.ErrTooLarge},
		"too deep":            {resource.Envelope{Attributes: json.RawMessage(strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40))}, resource.ErrTooDeep},
	}
	for name, tt := range tests {
		tt.env.Kind, tt.env.Major, tt.env.ExternalID = "demo.thing", 1, "x"
		if _, err := s.Seal(tt.env); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOddShapes are attributes that are not what the schema says: they are sealed as they are, and the
// collector drops what has the wrong type.
func TestOddShapes(t *testing.T) {
	s := demo(t)
	for _, attributes := range []string{
		`{"run":5}`, `{"run":[1]}`, `{"flags":"x"}`, `{"flags":[{"a":1},2,null,[]]}`, `{"nics":[1,"x",{"ips":5},{"ips":["b","a"]}]}`, `{"nics":{}}`,
	} {
		got, err := s.Seal(resource.Envelope{Kind: "demo.thing", Major: 1, ExternalID: "x", Attributes: json.RawMessage(attributes)})
		if err != nil {
			t.Errorf("%s: %v", attributes, err)
			continue
		}
		env, err := resource.ParseCanonical(got.Canonical)
		if err != nil {
			t.Errorf("%s: %v", attributes, err)
			continue
		}
		again, err := s.Seal(env)
		if err != nil || again.Hash != got.Hash {
			t.Errorf("%s: sealed twice it differs: %s, %s, %v", attributes, got.Canonical, again.Canonical, err)
		}
	}
}

func TestBrokenKindLeavesTheOthers(t *testing.T) {
	r := seal.For(provider.Description{Provider: "demo", Kinds: []provider.KindSupport{
		{Kind: "demo.thing", Major: 1, Schema: json.RawMessage(demoSchema)},
		{Kind: "demo.broken", Major: 1, Schema: json.RawMessage(`{"type":"array"}`)},
		{Kind: "kind_of_the_future", Major: 1},
	}})
	if _, err := r.Sealer("demo.thing"); err != nil {
		t.Error(err)
	}
	if _, err := r.Sealer("demo.broken"); !errors.Is(err, schema.ErrInvalid) {
		t.Error(err)
	}
	if _, err := r.Sealer("kind_of_the_future"); err != nil || r.Kind("kind_of_the_future") != nil {
		t.Error(err)
	}
	if _, err := r.Sealer("volume"); provider.StatusOf(err) != resource.StatusUnsupported {
		t.Error(err)
	}
}

// What a plugin says of its fields on a built-in kind holds below its provider's name and nowhere else.
func TestFieldsOnBuiltInKind(t *testing.T) {
	const fields = `{"type":"object","properties":{
		"heartbeat_seconds":{"type":"integer","x-maestro-volatile":true},
		"hints":{"type":"array","x-maestro-set":true,"items":{"type":"string"}},
		"disks":{"type":"array","x-maestro-key":"label","items":{"type":"object","properties":{"label":{"type":"string"},"n":{"type":"integer"}}}}}}`
	r := seal.For(provider.Description{Provider: "demo", Kinds: []provider.KindSupport{
		{Kind: "server", Major: 1, Schema: json.RawMessage(fields)},
		{Kind: "kind_of_the_future", Major: 1, Schema: json.RawMessage(fields)},
		{Kind: "volume", Major: 1, Schema: json.RawMessage(`{"type":"object","properties":{"a":{"type":"colour"}}}`)},
		{Kind: "network", Major: 1},
	}})
	for _, kind := range []string{"server", "kind_of_the_future"} {
		s, err := r.Sealer(kind)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Seal(resource.Envelope{Kind: kind, Major: 1, ExternalID: "1", Attributes: json.RawMessage(
			`{"demo":{"heartbeat_seconds":2,"hints":["b","a"],"disks":[{"label":"z"},{"n":1,"label":"y"}]},"other":{"hints":["b","a"]}}`)})
		if err != nil {
			t.Fatal(err)
		}
		env, err := resource.ParseCanonical(got.Canonical)
		if err != nil {
			t.Fatal(err)
		}
		const want = `{"demo":{"disks":[{"label":"y","n":1},{"label":"z"}],"hints":["a","b"]},"other":{"hints":["b","a"]}}`
		if string(env.Attributes) != want || string(got.Volatile) != `{"demo":{"heartbeat_seconds":2}}` {
			t.Errorf("%s: %s %s", kind, env.Attributes, got.Volatile)
		}
	}
	// The digest is that of the kind as this plugin declares it, so that other fields mean other rules.
	server, _ := schema.Lookup("server")
	if k := r.Kind("server"); k.Digest == server.Digest || len(k.Fields) != len(server.Fields)+3 {
		t.Errorf("%s, %d fields", k.Digest, len(k.Fields))
	}
	if k := r.Kind("network"); k == nil || len(k.Digest) == 0 || k.Name != "network" {
		t.Errorf("%+v", k)
	}
	if _, err := r.Sealer("volume"); !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), "kind volume: fields of demo") {
		t.Error(err)
	}
}

func TestTidy(t *testing.T) {
	warnings := make([]string, 200)
	out := seal.Tidy(resource.Outcome{Error: strings.Repeat("x", 10_000) + "\xff", Warnings: warnings, Listed: -1, DurationMS: -5})
	if len(out.Error) > 2100 || len(out.Warnings) != 51 || out.Listed != 0 || out.DurationMS != 0 {
		t.Errorf("%d bytes, %d warnings, %+v", len(out.Error), len(out.Warnings), out)
	}
}

func BenchmarkSeal(b *testing.B) {
	s := demo(b)
	env := resource.Envelope{Kind: "demo.thing", Major: 1, ExternalID: "arn:1", Attributes: json.RawMessage(
		`{"flags":["b","a"],"load":[1,2,3],"name_in_bios":"web-1","nics":[{"ips":["10.0.0.1"],"mac":"00:11:22:33:44:55"}],"run":{"state":"on","uptime":1}}`)}
	for b.Loop() {
		if _, err := s.Seal(env); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzSeal(f *testing.F) {
	f.Add([]byte(`{"run":{"uptime":1},"nics":[{"mac":"1"}]}`), []byte(`{}`))
	s := demo(f)
	f.Fuzz(func(t *testing.T, attributes, volatile []byte) {
		got, err := s.Seal(resource.Envelope{Kind: "demo.thing", Major: 1, ExternalID: "x", Attributes: attributes, Volatile: volatile})
		if err != nil {
			return
		}
		if _, err := resource.ParseCanonical(got.Canonical); err != nil {
			t.Fatalf("sealed %q, which is no canonical form: %v", got.Canonical, err)
		}
	})
}
