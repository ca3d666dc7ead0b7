package credential_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maestro.internal/agent/internal/credential"
	"maestro.internal/internal/sealed"
	"maestro.internal/sdk/provider"
)

func openSealing(t *testing.T, path string, only ...string) *credential.Sealing {
	t.Helper()
	s, err := credential.OpenSealing(path, only, func(path string, content []byte) error { return os.WriteFile(path, content, 0o600) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func use() credential.Use {
	return credential.Use{Tenant: "default", Connection: "conn-1", Provider: "vsphere", Targets: json.RawMessage(`{"/url": "https://vc.example.com"}`),
		Variables: []provider.EnvVar{{Name: "VSPHERE_USERNAME", Sealable: true}, {Name: "VSPHERE_PASSWORD", Secret: true}, {Name: "CONFIG_FILE"}}}
}

func envelope(t *testing.T, to *credential.Sealing, values map[string]string) []byte {
	t.Helper()
	pk, err := sealed.ParsePublicKey(to.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	e, err := sealed.Seal(sealed.Header{Tenant: "default", Connection: "conn-1", Provider: "vsphere",
		Targets: map[string]json.RawMessage{"/url": json.RawMessage(`"https://vc.example.com"`)}}, values, []sealed.PublicKey{pk})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestASealedCredentialOpensForItsUseOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sealing.key")
	openSealing(t, path)
	s := openSealing(t, path) // the key stays what it is
	text := envelope(t, s, map[string]string{"VSPHERE_USERNAME": "maestro", "VSPHERE_PASSWORD": "hunter2hunter2"})
	got, err := s.Open(text, use())
	if err != nil || got["VSPHERE_PASSWORD"].Reveal() != "hunter2hunter2" || got["VSPHERE_USERNAME"].Reveal() != "maestro" {
		t.Fatalf("opened %v, %v", got, err)
	}
	if printed := fmt.Sprintf("%v %+v %#v", got, got, s); strings.Contains(printed, "hunter2") {
		t.Errorf("it prints itself: %s", printed)
	}
	if none, err := s.Open(nil, use()); none != nil || err != nil {
		t.Errorf("no credential gave %v, %v", none, err)
	}
	tests := []struct {
		name   string
		change func(*credential.Use)
		want   string
	}{
		{"connection", func(u *credential.Use) { u.Connection = "conn-2" }, "another connection"},
		{"tenant", func(u *credential.Use) { u.Tenant = "other" }, "another connection"},
		{"plugin", func(u *credential.Use) { u.Provider = "aws" }, "for the plugin vsphere"},
		{"address", func(u *credential.Use) { u.Targets = json.RawMessage(`{"/url":"https://evil.example.com"}`) }, "https://evil.example.com"},
		{"no check of certificates", func(u *credential.Use) {
			u.Targets = json.RawMessage(`{"/url":"https://vc.example.com","/insecure":true}`)
		}, "insecure true"},
		{"no address", func(u *credential.Use) { u.Targets = nil }, "no particular place"},
		{"a variable that the plugin does not take", func(u *credential.Use) { u.Variables = u.Variables[1:] }, "VSPHERE_USERNAME may only come from"},
	}
	for _, tt := range tests {
		u := use()
		tt.change(&u)
		if _, err := s.Open(text, u); !errors.Is(err, credential.ErrForbidden) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("another %s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Whoever seals must not make the agent read a file, run a command or load a library.
func TestWhatMayNotBeSealed(t *testing.T) {
	s := openSealing(t, filepath.Join(t.TempDir(), "sealing.key"))
	for _, name := range []string{"CONFIG_FILE", "LD_PRELOAD", "PATH", "HTTPS_PROXY"} {
		u := use()
		if name == "LD_PRELOAD" || name == "PATH" {
			u.Variables = append(u.Variables, provider.EnvVar{Name: name, Sealable: true}) // not even where a plugin asks for it
		}
		if _, err := s.Open(envelope(t, s, map[string]string{name: "/etc/passwd"}), u); !errors.Is(err, credential.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Open(envelope(t, s, map[string]string{"VSPHERE_PASSWORD": "a\x00b"}), use()); err == nil {
		t.Error("a zero byte is taken")
	}
	for _, broken := range []string{"{", `{"header":"{}"}`, `{"header":"x","ciphertext":"AA=="}`} {
		if _, err := s.Open([]byte(broken), use()); err == nil {
			t.Errorf("opened %s", broken)
		}
	}
}

func TestAnAgentSharesWhatItCanOpen(t *testing.T) {
	dir := t.TempDir()
	first, second := openSealing(t, filepath.Join(dir, "1")), openSealing(t, filepath.Join(dir, "2"))
	text := envelope(t, first, map[string]string{"VSPHERE_PASSWORD": "hunter2hunter2"})
	if _, err := second.Open(text, use()); !errors.Is(err, sealed.ErrNotFor) || !strings.Contains(err.Error(), "enter it again") {
		t.Errorf("the second opens what is not for it: %v", err)
	}
	wraps, err := first.Rewrap(text, "default", [][]byte{second.PublicKey()})
	if err != nil || len(wraps) != 1 {
		t.Fatalf("%v, %v", wraps, err)
	}
	var e sealed.Envelope
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	e.Wraps = wraps
	shared, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := second.Open(shared, use()); err != nil || got["VSPHERE_PASSWORD"].Reveal() != "hunter2hunter2" {
		t.Errorf("the second opened %v, %v", got, err)
	}
	if _, err := first.Rewrap(text, "other", [][]byte{second.PublicKey()}); !errors.Is(err, credential.ErrForbidden) {
		t.Errorf("it shares another tenant's: %v", err)
	}
	if _, err := first.Rewrap(text, "default", [][]byte{{4, 1, 2}}); err == nil {
		t.Error("it shares with what is no key")
	}
	careful := openSealing(t, filepath.Join(dir, "1"), second.Fingerprint())
	if _, err := careful.Rewrap(text, "default", [][]byte{second.PublicKey()}); err != nil {
		t.Errorf("it does not share with a key that is named: %v", err)
	}
	if _, err := careful.Rewrap(text, "default", [][]byte{openSealing(t, filepath.Join(dir, "3")).PublicKey()}); !errors.Is(err, credential.ErrForbidden) || !strings.Contains(err.Error(), "seal_recipients") {
		t.Errorf("it shares with a key that is not named: %v", err)
	}
	var nobody *credential.Sealing
	if _, err := nobody.Open(text, use()); err == nil {
		t.Error("an agent without a key opens it")
	}
}
