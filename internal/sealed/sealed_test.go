package sealed_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maestro.internal/internal/sealed"
)

var update = flag.Bool("update", false, "write the vectors that the browser's tests open")

func newKey(t testing.TB) sealed.PrivateKey {
	t.Helper()
	k, err := sealed.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func header() sealed.Header {
	return sealed.Header{Tenant: "default", Connection: "conn-1", Provider: "vsphere", Targets: map[string]json.RawMessage{"/url": json.RawMessage(`"https://vc.example.com/sdk"`)},
		SealedAt: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
}

func sealTo(t testing.TB, values map[string]string, keys ...sealed.PrivateKey) sealed.Envelope {
	t.Helper()
	var to []sealed.PublicKey
	for _, k := range keys {
		to = append(to, k.Public())
	}
	e, err := sealed.Seal(header(), values, to)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRecipientsOpenWhatWasSealedToThem(t *testing.T) {
	first, second, stranger := newKey(t), newKey(t), newKey(t)
	values := map[string]string{"VSPHERE_USERNAME": "maestro", "VSPHERE_PASSWORD": "päss \"word\"\n<&>"}
	e := sealTo(t, values, first, second)
	for _, k := range []sealed.PrivateKey{first, second} {
		if got, err := e.Open(k); err != nil || !maps.Equal(got, values) {
			t.Errorf("opened %v, %v", got, err)
		}
	}
	if _, err := e.Open(stranger); !errors.Is(err, sealed.ErrNotFor) {
		t.Errorf("a stranger gets %v", err)
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "word") || strings.Contains(e.Header, "maestro\"") {
		t.Errorf("the envelope holds a value: %s", text)
	}
}

func TestWhoCanOpenItLetsOthersOpenIt(t *testing.T) {
	first, second, stranger := newKey(t), newKey(t), newKey(t)
	values := map[string]string{"P": "secret"}
	e := sealTo(t, values, first)
	bare := e
	bare.Ciphertext = nil // sharing needs no values
	wraps, err := bare.Rewrap(first, []sealed.PublicKey{second.Public()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bare.Rewrap(stranger, []sealed.PublicKey{stranger.Public()}); !errors.Is(err, sealed.ErrNotFor) {
		t.Errorf("a stranger shares: %v", err)
	}
	e.Wraps = wraps
	if got, err := e.Open(second); err != nil || !maps.Equal(got, values) {
		t.Errorf("the second opened %v, %v", got, err)
	}
}

func TestNothingOpensAfterAChange(t *testing.T) {
	k := newKey(t)
	e := sealTo(t, map[string]string{"P": "secret"}, k)
	other := sealTo(t, map[string]string{"P": "secret"}, k)
	tests := map[string]func(*sealed.Envelope){
		"another connection": func(e *sealed.Envelope) { e.Header = strings.Replace(e.Header, "conn-1", "conn-2", 1) },
		"another address": func(e *sealed.Envelope) {
			e.Header = strings.Replace(e.Header, "vc.example.com", "evil.example.com", 1)
		},
		"another tenant":  func(e *sealed.Envelope) { e.Header = strings.Replace(e.Header, "default", "defaulx", 1) },
		"space in header": func(e *sealed.Envelope) { e.Header = strings.Replace(e.Header, ":", ": ", 1) },
		"ciphertext of another": func(e *sealed.Envelope) {
			e.Ciphertext = other.Ciphertext
		},
		"wrap of another":   func(e *sealed.Envelope) { e.Wraps = other.Wraps },
		"a bit":             func(e *sealed.Envelope) { e.Ciphertext = append([]byte{}, e.Ciphertext...); e.Ciphertext[20] ^= 1 },
		"empty wrap":        func(e *sealed.Envelope) { e.Wraps = []sealed.Wrap{{Recipient: e.Wraps[0].Recipient}} },
		"no ciphertext":     func(e *sealed.Envelope) { e.Ciphertext = nil },
		"unknown format":    func(e *sealed.Envelope) { e.Header = strings.Replace(e.Header, `"format":1`, `"format":2`, 1) },
		"something follows": func(e *sealed.Envelope) { e.Header += "{}" },
		"unknown member":    func(e *sealed.Envelope) { e.Header = strings.Replace(e.Header, `{"format"`, `{"x":1,"format"`, 1) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			changed := e
			change(&changed)
			if got, err := changed.Open(k); err == nil || got != nil {
				t.Errorf("opened %v", got)
			}
		})
	}
}

func TestTargetsAreComparedByWhatTheySay(t *testing.T) {
	of := func(text string) map[string]json.RawMessage {
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	tests := []struct {
		a, b string
		same bool
	}{
		{`{}`, `{}`, true},
		{`{"/url":"a"}`, `{ "/url" : "a" }`, true},
		{`{"/url":"a/b"}`, `{"/url":"a\/b"}`, true},
		{`{"/a":1,"/b":[1,2]}`, `{"/b":[1, 2],"/a":1}`, true},
		{`{"/url":"a"}`, `{"/url":"b"}`, false},
		{`{"/url":"a"}`, `{}`, false},
		{`{"/url":"a"}`, `{"/url":"a","/insecure":true}`, false},
		{`{"/b":[1,2]}`, `{"/b":[2,1]}`, false},
	}
	for _, tt := range tests {
		if got := sealed.SameTargets(of(tt.a), of(tt.b)); got != tt.same {
			t.Errorf("%s and %s: same is %v", tt.a, tt.b, got)
		}
	}
}

func TestLengthsAreHidden(t *testing.T) {
	k := newKey(t)
	short, long := sealTo(t, map[string]string{"P": "x"}, k), sealTo(t, map[string]string{"P": strings.Repeat("x", 200)}, k)
	if len(short.Ciphertext) != len(long.Ciphertext) {
		t.Errorf("%d and %d bytes", len(short.Ciphertext), len(long.Ciphertext))
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	k := newKey(t)
	text, err := k.PEM()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(struct{ K sealed.PrivateKey }{k})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%+v %#v", k, k), string(b)} {
		if strings.Trim(strings.ReplaceAll(s, "[secret]", ""), ` {}":K`) != "" {
			t.Errorf("printed %q", s)
		}
	}
	again, err := sealed.ParseKey(text)
	if err != nil || again.Public().Fingerprint() != k.Public().Fingerprint() {
		t.Errorf("the key did not come back: %v", err)
	}
	for _, bad := range []string{"", "x", strings.Replace(string(text), "A", "B", 5)} {
		if k, err := sealed.ParseKey([]byte(bad)); err == nil && k.Public().Fingerprint() == again.Public().Fingerprint() {
			t.Errorf("read a key from %q", bad)
		}
	}
	if _, err := sealed.ParsePublicKey(make([]byte, 65)); err == nil {
		t.Error("took a point that is not on the curve")
	}
}

func TestAnyValuesComeBack(t *testing.T) {
	k := newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.MapOfN(rapid.StringMatching(`[A-Z_]{1,20}`), rapid.String(), 1, 8).Draw(t, "values")
		e, err := sealed.Seal(header(), values, []sealed.PublicKey{k.Public()})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Open(k); err != nil || !maps.Equal(got, values) {
			t.Fatalf("%q came back as %q: %v", values, got, err)
		}
	})
}

type vector struct {
	Name        string            `json:"name"`
	PrivateKey  string            `json:"private_key"`
	PublicKey   []byte            `json:"public_key"`
	Fingerprint string            `json:"fingerprint"`
	Values      map[string]string `json:"values"`
	Envelope    sealed.Envelope   `json:"envelope"`
}

// The browser opens go.json, and browser.json is what it sealed (web/scripts/vectors.mjs).
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	for _, file := range []string{"testdata/go.json", "testdata/browser.json"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var list []vector
		if err := json.Unmarshal(b, &list); err != nil {
			t.Fatal(err)
		}
		if len(list) < 3 {
			t.Fatalf("%s has %d vectors", file, len(list))
		}
		for _, v := range list {
			k, err := sealed.ParseKey([]byte(v.PrivateKey))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := v.Envelope.Open(k); err != nil || !maps.Equal(got, v.Values) {
				t.Errorf("%s: %s: opened %v, %v", file, v.Name, got, err)
			}
			if h, err := v.Envelope.Check(); err != nil || h.Connection != "conn-1" || !sealed.SameTargets(h.Targets, header().Targets) {
				t.Errorf("%s: %s: header %+v, %v", file, v.Name, h, err)
			}
		}
	}
}

func writeVectors(t *testing.T) {
	var list []vector
	for name, values := range map[string]map[string]string{
		"one":     {"VSPHERE_PASSWORD": "vector-not-a-secret"},
		"unicode": {"VSPHERE_USERNAME": "jürgen", "VSPHERE_PASSWORD": "π<&>\"\\\u2028 🔑"},
		"long":    {"KEY": strings.Repeat("line of a certificate\n", 100)},
	} {
		k := newKey(t)
		text, err := k.PEM()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, vector{Name: name, PrivateKey: string(text), PublicKey: k.Public().Bytes(), Fingerprint: k.Public().Fingerprint(), Values: values,
			Envelope: sealTo(t, values, newKey(t), k)})
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("testdata/go.json", append(b, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}
