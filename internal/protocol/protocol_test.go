package protocol_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"maestro.internal/internal/protocol"
)

func authority(t *testing.T) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

func TestJoinToken(t *testing.T) {
	_, cert := authority(t)
	token, err := protocol.NewJoinToken(protocol.Fingerprint(cert))
	if err != nil {
		t.Fatal(err)
	}
	text := token.Text()
	got, err := protocol.ParseJoinToken(" " + text + "\n")
	if err != nil || got != token {
		t.Fatalf("got %v, %v", got, err)
	}
	if shown := fmt.Sprintf("%v %s %+v", token, token, token); strings.Contains(shown, text[8:20]) {
		t.Error("a token prints itself")
	}
	for _, bad := range []string{"", "mjt_", text[4:], text[:len(text)-1], text + "A", strings.Replace(text, text[10:12], "zz", 1), "mat_" + text[4:]} {
		if _, err := protocol.ParseJoinToken(bad); !errors.Is(err, protocol.ErrToken) {
			t.Errorf("%q: got %v", bad, err)
		} else if len(bad) > 10 && strings.Contains(err.Error(), bad[4:]) {
			t.Error("the error repeats the token")
		}
	}
}

func TestAssignmentSignature(t *testing.T) {
	key, cert := authority(t)
	_, other := authority(t)
	sig, err := protocol.SignAssignment(key, []byte("assignment"))
	if err != nil {
		t.Fatal(err)
	}
	if err := protocol.VerifyAssignment([]*x509.Certificate{other, cert}, []byte("assignment"), sig); err != nil {
		t.Error(err)
	}
	if err := protocol.VerifyAssignment([]*x509.Certificate{cert}, []byte("assignment!"), sig); !errors.Is(err, protocol.ErrSignature) {
		t.Errorf("changed assignment: %v", err)
	}
	if err := protocol.VerifyAssignment([]*x509.Certificate{other}, []byte("assignment"), sig); !errors.Is(err, protocol.ErrSignature) {
		t.Errorf("foreign authority: %v", err)
	}
}

func FuzzParseJoinToken(f *testing.F) {
	f.Add("mjt_abc")
	f.Fuzz(func(t *testing.T, text string) {
		if token, err := protocol.ParseJoinToken(text); err == nil && token.Text() != strings.TrimSpace(text) {
			t.Fatalf("%q is read and written %q", text, token.Text())
		}
	})
}
