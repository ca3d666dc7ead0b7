package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// identity is what must stay the same for a client that connected before: who it speaks to and with which login.
type identity struct {
	Port        int    `json:"port"`
	Username    string `json:"username"`
	Password    string `json:"password"`
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

const identityFile = "demo-identity.json"

func loadIdentity(dir string) (*identity, error) {
	if dir == "" {
		return newIdentity(time.Now())
	}
	text, err := os.ReadFile(filepath.Join(dir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return newIdentity(time.Now())
	}
	var id identity
	if err == nil {
		err = json.Unmarshal(text, &id)
	}
	if err != nil {
		return nil, fmt.Errorf("read identity of the demo: %w", err)
	}
	return &id, nil
}

func (id *identity) save(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("save identity of the demo: %w", err)
	}
	text, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("save identity of the demo: %w", err)
	}
	return writePrivate(filepath.Join(dir, identityFile), text)
}

func newIdentity(now time.Time) (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key of the demo: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make certificate of the demo: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "vcenter.example.net", Organization: []string{"Maestro demo"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(5, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost", "vcenter.example.net"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make certificate of the demo: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make key of the demo: %w", err)
	}
	return &identity{
		Username: "maestro@vsphere.local", Password: rand.Text(),
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Key:         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
	}, nil
}

func sha256Sum(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}
