package credential_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maestro.internal/agent/internal/credential"
)

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, text string) *credential.Store {
	t.Helper()
	s, err := credential.Load(write(t, "credentials.yaml", text, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSources(t *testing.T) {
	t.Setenv("AGENT_OWN", "from-env")
	file := write(t, "password", "from-file\n", 0o600)
	s := load(t, `
credentials:
  vc:
    providers: [vsphere]
    env:
      A: {value: plain}
      B: {env: AGENT_OWN}
      C: {file: `+file+`}
      D: {exec: [echo, from-exec]}
`)
	got, err := s.Resolve(t.Context(), "vc", "vsphere", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"A": "plain", "B": "from-env", "C": "from-file", "D": "from-exec"} {
		if got[name].Reveal() != want {
			t.Errorf("%s is %q, want %q", name, got[name].Reveal(), want)
		}
	}
	if names := s.Names(); len(names) != 1 || names[0].Name != "vc" || names[0].Providers[0] != "vsphere" {
		t.Errorf("names %+v", names)
	}
	if none, err := s.Resolve(t.Context(), "", "vsphere", nil); err != nil || none != nil {
		t.Errorf("no credential gave %v, %v", none, err)
	}
}

func TestWhereACredentialMayGo(t *testing.T) {
	s := load(t, `
credentials:
  vc:
    providers: [vsphere]
    endpoints: ["vc.example.com", "*.lab.example.com:8443", "[2001:db8::1]"]
    env: {P: {value: x}}
`)
	tests := []struct {
		name, provider, targets string
		want                    error
	}{
		{"vc", "vsphere", `{"url":"https://vc.example.com/sdk"}`, nil},
		{"vc", "vsphere", `{"url":"VC.example.com."}`, nil},
		{"vc", "vsphere", `{"url":"https://a.lab.example.com:8443"}`, nil},
		{"vc", "vsphere", `{"url":"https://[2001:db8:0::1]/sdk"}`, nil},
		{"vc", "vsphere", `{"url":"https://a.lab.example.com"}`, credential.ErrForbidden},
		{"vc", "vsphere", `{"url":"https://evil.example.com/vc.example.com"}`, credential.ErrForbidden},
		{"vc", "vsphere", `{"url":"https://vc.example.com@evil.example.com"}`, credential.ErrForbidden},
		{"vc", "vsphere", `{"url":"https://vc.example.com:x@evil.example.com"}`, credential.ErrForbidden},
		{"vc", "vsphere", `{"urls":["vc.example.com","evil.example.com"]}`, credential.ErrForbidden},
		{"vc", "vsphere", `{"url":"https://vc.example.com","insecure":true,"thumbprint":"` + strings.Repeat("AB:", 31) + `AB"}`, nil},
		{"vc", "vsphere", `{"insecure":true,"thumbprint":"` + strings.Repeat("AB:", 31) + `AB"}`, credential.ErrForbidden},
		{"vc", "vsphere", `{}`, credential.ErrForbidden},
		{"vc", "aws", `{"url":"https://vc.example.com"}`, credential.ErrForbidden},
		{"../etc/passwd", "vsphere", `{}`, credential.ErrUnknown},
	}
	for _, tt := range tests {
		_, err := s.Resolve(t.Context(), tt.name, tt.provider, json.RawMessage(tt.targets))
		if !errors.Is(err, tt.want) {
			t.Errorf("%s %s %s: got %v, want %v", tt.name, tt.provider, tt.targets, err, tt.want)
		}
	}
}

func TestMistakesInTheFile(t *testing.T) {
	tests := []struct{ name, yaml, want string }{
		{"two sources", "credentials: {a: {env: {P: {value: x, env: Y}}}}", "exactly one"},
		{"no source", "credentials: {a: {env: {P: {}}}}", "exactly one"},
		{"no variables", "credentials: {a: {providers: [x]}}", "env is empty"},
		{"loader variable", "credentials: {a: {env: {LD_PRELOAD: {value: x}}}}", "LD_PRELOAD"},
		{"unknown key", "credentials:\n  a:\n    vault: x\n", ":3:"},
	}
	for _, tt := range tests {
		_, err := credential.Load(write(t, "c.yaml", tt.yaml, 0o600))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
	path := write(t, "c.yaml", "credentials: {}", 0o600)
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := credential.Load(path); err == nil || !strings.Contains(err.Error(), "written by others") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsDoNotTellWhatACommandSaid(t *testing.T) {
	s := load(t, `credentials: {a: {env: {P: {exec: [sh, -c, "echo hunter2; echo hunter2 >&2; exit 3"]}}}}`)
	_, err := s.Resolve(t.Context(), "a", "x", nil)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestASecretCannotPrintItself(t *testing.T) {
	s := credential.NewSecret("hunter2")
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb, s, &s, map[string]credential.Secret{"a": s})
	}
	fmt.Fprintln(&out, s, struct{ S credential.Secret }{s})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "s", s, "in", struct{ S credential.Secret }{s})
	b, err := json.Marshal(map[string]any{"s": s, "p": &s})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	if strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), "68756e74657232") {
		t.Errorf("printed: %s", out.String())
	}
}
