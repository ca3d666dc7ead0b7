package uplink

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"maestro.internal/agent/internal/spool"
)

// ErrNotEnrolled says that this agent belongs to no collector yet.
var ErrNotEnrolled = errors.New("the agent is not enrolled")

// Identity is who the agent is to its collector. The key is made here and never leaves the machine.
type Identity struct {
	dir string
	key *ecdsa.PrivateKey

	mu          sync.Mutex
	data        identityData
	authorities []*x509.Certificate
	leaf        *x509.Certificate
}

// identityData is what is kept on disk beside the key.
type identityData struct {
	AgentID      string   `json:"agent_id"`
	Tenant       string   `json:"tenant"`
	Collector    string   `json:"collector"`
	Certificates [][]byte `json:"certificates"`
	Authorities  [][]byte `json:"authorities"`
}

// OpenIdentity reads the identity in dir, and makes the key when there is none.
func OpenIdentity(dir string) (*Identity, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open identity: %w", err)
	}
	id := &Identity{dir: dir}
	var err error
	if id.key, err = openKey(filepath.Join(dir, "agent.key")); err != nil {
		return nil, fmt.Errorf("open identity: %w", err)
	}
	b, err := os.ReadFile(id.path())
	if errors.Is(err, os.ErrNotExist) {
		return id, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open identity: %w", err)
	}
	var data identityData
	if err := json.Unmarshal(b, &data); err != nil {
		return nil, fmt.Errorf("open identity: %s: %w", id.path(), err)
	}
	if err := id.take(data); err != nil {
		return nil, fmt.Errorf("open identity: %w", err)
	}
	return id, nil
}

func (id *Identity) path() string { return filepath.Join(id.dir, "identity.json") }

func openKey(path string) (*ecdsa.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		block, _ := pem.Decode(b)
		if block == nil {
			return nil, fmt.Errorf("%s holds no key", path)
		}
		key, err := x509.ParseECPrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return key, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, spool.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

// take checks and holds what enrolment or renewal answered.
func (id *Identity) take(data identityData) error {
	var chain []*x509.Certificate
	for _, der := range data.Certificates {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("read certificate: %w", err)
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return errors.New("no certificate")
	}
	if pub, ok := chain[0].PublicKey.(*ecdsa.PublicKey); !ok || !pub.Equal(id.key.Public()) {
		return errors.New("the certificate is for another key")
	}
	var authorities []*x509.Certificate
	for _, der := range data.Authorities {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("read authority: %w", err)
		}
		authorities = append(authorities, c)
	}
	if len(authorities) == 0 || data.AgentID == "" {
		return errors.New("no authority or no agent id")
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	id.data, id.authorities, id.leaf = data, authorities, chain[0]
	return nil
}

// accept takes and keeps an answer.
func (id *Identity) accept(data identityData) error {
	if err := id.take(data); err != nil {
		return err
	}
	b, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return spool.WriteFile(id.path(), b)
}

// Enrolled says whether there is a certificate, valid or not.
func (id *Identity) Enrolled() bool {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.leaf != nil
}

// AgentID is empty before enrolment.
func (id *Identity) AgentID() string {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.data.AgentID
}

// Collector is the address enrolled at.
func (id *Identity) Collector() string {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.data.Collector
}

// NotAfter is when the certificate ends; zero before enrolment.
func (id *Identity) NotAfter() time.Time {
	id.mu.Lock()
	defer id.mu.Unlock()
	if id.leaf == nil {
		return time.Time{}
	}
	return id.leaf.NotAfter
}

// renewAt is two thirds into the certificate's life.
func (id *Identity) renewAt() time.Time {
	id.mu.Lock()
	defer id.mu.Unlock()
	if id.leaf == nil {
		return time.Time{}
	}
	return id.leaf.NotBefore.Add(id.leaf.NotAfter.Sub(id.leaf.NotBefore) / 3 * 2)
}

func (id *Identity) trusted() []*x509.Certificate {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.authorities
}

func (id *Identity) request(name string) ([]byte, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, id.key)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	return csr, nil
}

// tlsConfig presents the agent's certificate, if it is to, and trusts the collector's own authorities and nobody else.
func (id *Identity) tlsConfig(withCertificate bool) *tls.Config {
	pool := x509.NewCertPool()
	for _, a := range id.trusted() {
		pool.AddCert(a)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool}
	if withCertificate {
		id.mu.Lock()
		cfg.Certificates = []tls.Certificate{{Certificate: id.data.Certificates, PrivateKey: id.key, Leaf: id.leaf}}
		id.mu.Unlock()
	}
	return cfg
}
