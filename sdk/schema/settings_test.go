package schema

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

type settings struct {
	URL      string   `json:"url" label:"Address" format:"uri" maestro:"required,credential-target" help:"Of the API."`
	Insecure bool     `json:"insecure,omitempty" label:"Do not verify" maestro:"credential-target"`
	Regions  []string `json:"regions,omitempty" maestro:"narrows"`
	Timeout  int      `json:"timeout_seconds,omitempty" default:"30"`
	Proxy    struct {
		Host   string `json:"host,omitempty"`
		Secret string `json:"secret,omitempty" maestro:"secret"`
	} `json:"proxy,omitzero"`
}

func TestSettings(t *testing.T) {
	raw := SettingsOf(settings{})
	s, err := ParseSettings(raw)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range s.Fields {
		fmt.Fprintf(&got, "%s %q %v %v %v %v\n", f.Pointer, f.Label, f.Required, f.Narrows, f.Secret, f.CredentialTarget)
	}
	want := `/url "Address" true false false true
/insecure "Do not verify" false false false true
/regions "Regions" false true false false
/timeout_seconds "Timeout seconds" false false false false
/proxy/host "Host" false false false false
/proxy/secret "Secret" false false true false
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
	const values = `{ "url": "https://x", "timeout_seconds": 5, "regions": ["b", "a"], "proxy": {"secret": "s3cret"} }`
	if n, err := s.Narrowing([]byte(values)); err != nil || string(n) != `{"/regions":["b","a"]}` {
		t.Errorf("narrowing %s %v", n, err)
	}
	if n, err := s.Targets([]byte(values)); err != nil || string(n) != `{"/url":"https://x"}` {
		t.Errorf("targets %s %v", n, err)
	}
	if n, err := s.Narrowing([]byte(`{"regions":null}`)); err != nil || string(n) != `{}` {
		t.Errorf("narrowing %s %v", n, err)
	}
	if _, err := s.Narrowing([]byte(`[]`)); err == nil {
		t.Error("a list is taken for settings")
	}
}

func TestParseSettingsRefuses(t *testing.T) {
	for name, c := range map[string]struct{ schema, want string }{
		"annotation of kinds": {`{"type":"object","properties":{"a":{"type":"string","x-maestro-column":true}}}`, "annotation of kinds"},
		"unknown annotation":  {`{"type":"object","properties":{"a":{"type":"string","x-maestro-x":true}}}`, "x-maestro-x"},
		"no object":           {`{"type":"array","items":{"type":"string"}}`, "object"},
		"secret object":       {`{"type":"object","properties":{"a":{"type":"object","x-maestro-secret":true,"properties":{"b":{"type":"string"}}}}}`, "on the members"},
	} {
		if _, err := ParseSettings([]byte(c.schema)); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
