package policy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"maestro.internal/agent/internal/policy"
	"maestro.internal/sdk/resource"
)

const file = `
rules:
  - {action: drop, kind: key_pair}
  - {action: drop, kind: "acme.*"}
  - {action: drop, field: /console_url}
  - {action: mask, kind: server, field: /name}
  - {action: hash, kind: server, field: /attributes/guest/hostname}
  - {action: hash, kind: server, field: /attributes/cpus}
  - {action: drop, kind: server, field: /attributes/nics/*/mac}
  - {action: drop, tag: "secret-*"}
  - {action: mask, tag: owner}
  - {action: hash, identifier: serial}
`

func load(t *testing.T, text string) *policy.Policy {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(path, filepath.Join(dir, "policy.key"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func server() resource.Envelope {
	return resource.Envelope{
		Kind: "server", Major: 1, ExternalID: "vm-1", Name: "payroll", ConsoleURL: "https://vc/payroll",
		Tags:        []resource.Tag{{Key: "owner", Value: "alice"}, {Key: "secret-plan", Value: "x"}, {Key: "tier", Value: "web"}},
		Identifiers: []resource.Identifier{{Type: "serial", Value: "S123"}, {Type: "mac", Value: "00:11:22:33:44:55"}},
		Relations:   []resource.Relation{{Verb: "runs_on", Selector: &resource.Identifier{Type: "serial", Value: "H9"}}},
		Attributes: json.RawMessage(`{"big":12345678901234567890,"cpus":4,"guest":{"hostname":"payroll.corp"},
			"nics":[{"mac":"00:11:22:33:44:55","name":"eth0"},{"name":"eth1"}]}`),
	}
}

func TestWhatLeaves(t *testing.T) {
	p := load(t, file)
	env := server()
	if err := p.Apply(&env); err != nil {
		t.Fatal(err)
	}
	b, err := resource.Canonical(env)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"payroll", "alice", "secret-plan", "S123", "H9", `"cpus"`, `"mac":"00`} {
		if strings.Contains(string(b), secret) {
			t.Errorf("%q left the site in %s", secret, b)
		}
	}
	for _, kept := range []string{"12345678901234567000", "eth0", "eth1", `"tier"`, "00:11:22:33:44:55", "hmac:"} {
		if !strings.Contains(string(b), kept) {
			t.Errorf("%q was withheld from %s", kept, b)
		}
	}
	want := []string{"/attributes/cpus", "/attributes/guest/hostname", "/attributes/nics/*/mac", "/console_url",
		"/identifiers/serial", "/name", "/relations", "/tags", "/tags/owner"}
	got := slices.Sorted(slices.Values(env.Withheld))
	if !slices.Equal(got, want) {
		t.Errorf("withheld\n got %v\nwant %v", got, want)
	}
	again := server()
	if err := p.Apply(&again); err != nil {
		t.Fatal(err)
	}
	if second, err := resource.Canonical(again); err != nil || string(second) != string(b) {
		t.Error("the same resource left in two forms")
	}
}

func TestAnEqualValueHasAnEqualHashOnlyUnderTheSameKey(t *testing.T) {
	one, other := load(t, file), load(t, file)
	hashed := func(p *policy.Policy) string {
		env := server()
		if err := p.Apply(&env); err != nil {
			t.Fatal(err)
		}
		return env.Identifiers[0].Value
	}
	first := hashed(one)
	if hashed(one) != first || first == hashed(other) {
		t.Error("hashes do not depend on the key alone")
	}
	if string(one.Digest()) == string(other.Digest()) {
		t.Error("another key has the same digest")
	}
}

func TestKindsAndRules(t *testing.T) {
	p := load(t, file)
	for kind, drops := range map[string]bool{"key_pair": true, "acme.thing": true, "server": false, "acme": false} {
		if p.DropsKind(kind) != drops {
			t.Errorf("drops %s: %v", kind, !drops)
		}
	}
	rules, err := p.DropRules("server")
	if err != nil || !strings.Contains(string(rules), "/attributes/nics") || strings.Contains(string(rules), "hash") {
		t.Errorf("drop rules %s, %v", rules, err)
	}
	if s := strings.Join(p.Summary(), "\n"); !strings.Contains(s, "kind key_pair is dropped") || !strings.Contains(s, "identifier serial of every kind leaves as a keyed hash") {
		t.Error(s)
	}
	var none *policy.Policy
	env := server()
	if none.Apply(&env) != nil || none.Digest() != nil || none.DropsKind("server") || len(env.Withheld) > 0 {
		t.Error("no policy withholds something")
	}
}

func TestMistakes(t *testing.T) {
	tests := map[string]string{
		"rules: [{action: burn, kind: server}]":                        "drop, mask or hash",
		"rules: [{action: drop}]":                                      "drop everything",
		"rules: [{action: mask, kind: server}]":                        "only be dropped",
		"rules: [{action: drop, field: /external_id}]":                 "/external_id",
		"rules: [{action: drop, field: /name, tag: x}]":                "at most one",
		"rules: [{action: mask, identifier: serial}]":                  "cannot be masked",
		"rules:\n  - action: drop\n    kind: server\n    feild: /name": ":4:5",
	}
	for text, want := range tests {
		path := filepath.Join(t.TempDir(), "policy.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := policy.Load(path, path+".key"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}
