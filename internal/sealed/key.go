package sealed

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
)

// PrivateKey opens what is sealed to it. It cannot print itself.
type PrivateKey struct {
	key  hpke.PrivateKey
	ecdh *ecdh.PrivateKey
	pub  PublicKey
}

const hidden = "[secret]"

// Format hides the key from every verb.
func (PrivateKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalText hides the key from JSON and YAML.
func (PrivateKey) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the key from slog.
func (PrivateKey) LogValue() slog.Value { return slog.StringValue(hidden) }

// NewKey makes a recipient.
func NewKey() (PrivateKey, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("make key: %w", err)
	}
	return privateKey(key)
}

func privateKey(key *ecdh.PrivateKey) (PrivateKey, error) {
	k, err := hpke.NewDHKEMPrivateKey(key)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("read key: %w", err)
	}
	pub, err := ParsePublicKey(key.PublicKey().Bytes())
	return PrivateKey{key: k, ecdh: key, pub: pub}, err
}

// ParseKey reads what PEM wrote.
func ParseKey(text []byte) (PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return PrivateKey{}, errors.New("read key: there is no PEM block")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return PrivateKey{}, errors.New("read key: it is not PKCS #8")
	}
	switch key := parsed.(type) {
	case *ecdh.PrivateKey:
		return privateKey(key)
	case interface {
		ECDH() (*ecdh.PrivateKey, error)
	}:
		k, err := key.ECDH()
		if err != nil || k.Curve() != ecdh.P256() {
			return PrivateKey{}, errors.New("read key: it is not of the curve P-256")
		}
		return privateKey(k)
	}
	return PrivateKey{}, errors.New("read key: it is not of the curve P-256")
}

// PEM is the key as text, for the one file that keeps it.
func (k PrivateKey) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.ecdh)
	if err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Public is the recipient's public key.
func (k PrivateKey) Public() PublicKey { return k.pub }
