package uplink

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
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
	// lost is whose key is gone; "" when none is. A new one is made only to enroll anew.
	lost string

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

// OpenIdentity reads the identity in dir, and makes the key of an agent that never had one. When the key of an enrolled agent is
// gone nothing is made; see KeyLost.
func OpenIdentity(dir string) (*Identity, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open identity: %w", err)
	}
	id := &Identity{dir: dir}
	if err := id.open(); err != nil {
		return nil, fmt.Errorf("open identity: %w", err)
	}
	return id, nil
}

func (id *Identity) open() error {
	var data identityData
	b, err := os.ReadFile(id.path())
	enrolled := err == nil
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if enrolled {
		if err := json.Unmarshal(b, &data); err != nil {
			return fmt.Errorf("%s: %w", id.path(), err)
		}
	}
	id.key, err = readKey(id.keyPath())
	switch {
	case errors.Is(err, os.ErrNotExist) && enrolled:
		id.lost = data.AgentID
		return nil
	case errors.Is(err, os.ErrNotExist):
		id.key, err = makeKey(id.keyPath())
		return err
	case err != nil || !enrolled:
		return err
	}
	if err := id.take(data); err != nil {
		return fmt.Errorf("%s and %s: %w", id.path(), id.keyPath(), err)
	}
	return nil
}

func (id *Identity) path() string    { return filepath.Join(id.dir, "identity.json") }
func (id *Identity) keyPath() string { return filepath.Join(id.dir, "agent.key") }

// KeyLostError says that an enrolled agent has lost its key: nobody, the collector included, can give it back.
type KeyLostError struct{ AgentID, Path string }

func (e *KeyLostError) Error() string {
	return fmt.Sprintf("the key of agent %s is lost: %s is gone. Put it back from a backup, or enroll with a new join token; to the "+
		"collector that is another agent, to which the connections have to be given", e.AgentID, e.Path)
}

// KeyLost is nil while the key is there.
func (id *Identity) KeyLost() error {
	if id.lost == "" {
		return nil
	}
	return &KeyLostError{AgentID: id.lost, Path: id.keyPath()}
}

// newKey gives an agent that has lost its key another to enroll with. Until the collector has accepted it, it stays beside: the old
// one may still be put back. It is kept, since the collector's answer may get lost and the token is bound to it then.
func (id *Identity) newKey() error {
	if id.lost == "" {
		return nil
	}
	var err error
	id.key, err = readKey(id.keyPath() + ".new")
	if errors.Is(err, os.ErrNotExist) {
		id.key, err = makeKey(id.keyPath() + ".new")
	}
	if err != nil {
		return fmt.Errorf("make another key: %w", err)
	}
	return nil
}

// replaceKey puts the lost identity aside, since it fits the key no longer, and the other key in its place.
func (id *Identity) replaceKey() error {
	if id.lost == "" {
		return nil
	}
	err := os.Rename(id.path(), id.path()+".lost")
	if err == nil {
		err = os.Rename(id.keyPath()+".new", id.keyPath())
	}
	if err != nil {
		return fmt.Errorf("replace key: %w", err)
	}
	id.lost = ""
	return nil
}

// Fingerprint is the SHA-256 of the agent's key, by which people know it before it has an id; empty without a key.
func (id *Identity) Fingerprint() string {
	if id.key == nil {
		return ""
	}
	der, err := x509.MarshalPKIXPublicKey(id.key.Public())
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func readKey(path string) (*ecdsa.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
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

func makeKey(path string) (*ecdsa.PrivateKey, error) {
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

// Tenant is the agent's own; empty before enrolment.
func (id *Identity) Tenant() string {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.data.Tenant
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
