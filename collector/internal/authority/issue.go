package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrRequest says that a certificate request is not acceptable.
var ErrRequest = errors.New("certificate request is not acceptable")

// Request is an agent's certificate request, checked.
type Request struct {
	key *ecdsa.PublicKey
	// KeyHash names the key: SHA-256 of its SubjectPublicKeyInfo.
	KeyHash [sha256.Size]byte
}

// ParseRequest checks that the request is signed by the key that it is for, and that the key is of the one kind used.
func ParseRequest(der []byte) (Request, error) {
	if len(der) > 16<<10 {
		return Request{}, fmt.Errorf("%w: too large", ErrRequest)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if err := csr.CheckSignature(); err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	key, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return Request{}, fmt.Errorf("%w: want an ECDSA P-256 key", ErrRequest)
	}
	return Request{key: key, KeyHash: keyHash(csr.RawSubjectPublicKeyInfo)}, nil
}

// Verify checks a signature by the request's key over a digest.
func (r Request) Verify(digest [sha256.Size]byte, signature []byte) bool {
	return ecdsa.VerifyASN1(r.key, digest[:], signature)
}

func keyHash(spki []byte) [sha256.Size]byte { return sha256.Sum256(spki) }

// Issued is a certificate for an agent.
type Issued struct {
	// Chain is DER, leaf first.
	Chain [][]byte
	// KeyHash names the agent's key.
	KeyHash  [sha256.Size]byte
	NotAfter time.Time
}

// Issue makes a short-lived certificate for an agent. What the request says beside its key is not taken over.
func (a *Authority) Issue(csr []byte, tenant, agentID string, life time.Duration) (Issued, error) {
	req, err := ParseRequest(csr)
	if err != nil {
		return Issued{}, err
	}
	serial, err := newSerial()
	if err != nil {
		return Issued{}, err
	}
	now := a.clock()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: agentID},
		URIs:      []*url.URL{agentURI(tenant, agentID)},
		NotBefore: now.Add(-min(skew, life/10)), NotAfter: now.Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.active.cert, req.key, a.active.key)
	if err != nil {
		return Issued{}, fmt.Errorf("issue certificate: %w", err)
	}
	return Issued{Chain: [][]byte{der}, KeyHash: req.KeyHash, NotAfter: template.NotAfter}, nil
}

func agentURI(tenant, agentID string) *url.URL {
	return &url.URL{Scheme: "maestro", Host: "agent", Path: "/" + tenant + "/" + agentID, RawPath: "/" + url.PathEscape(tenant) + "/" + url.PathEscape(agentID)}
}

// Peer is who a certificate names.
type Peer struct {
	Tenant  string
	AgentID string
	// KeyHash of the key that the peer has proven to hold.
	KeyHash  [sha256.Size]byte
	NotAfter time.Time
}

// PeerOf reads whom a certificate names; Identify also checks that it is one of ours.
func PeerOf(leaf *x509.Certificate) (Peer, error) {
	for _, u := range leaf.URIs {
		parts := strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
		if u.Scheme != "maestro" || u.Host != "agent" || len(parts) != 2 {
			continue
		}
		tenant, err := url.PathUnescape(parts[0])
		agentID, err2 := url.PathUnescape(parts[1])
		if err = errors.Join(err, err2); err != nil {
			return Peer{}, fmt.Errorf("%w: %w", ErrForeign, err)
		}
		return Peer{Tenant: tenant, AgentID: agentID, KeyHash: keyHash(leaf.RawSubjectPublicKeyInfo), NotAfter: leaf.NotAfter}, nil
	}
	return Peer{}, fmt.Errorf("%w: it names no agent", ErrForeign)
}

// Identify checks a peer's certificates, leaf first; ErrForeign says why they are worth nothing.
func (a *Authority) Identify(chain []*x509.Certificate) (Peer, error) {
	if len(chain) == 0 {
		return Peer{}, fmt.Errorf("%w: none was presented", ErrForeign)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: a.pool(), CurrentTime: a.clock(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return Peer{}, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return PeerOf(chain[0])
}

// ServerTLS is the configuration of the port for agents. A client certificate is asked for but checked by Identify, so that a
// foreign one is refused with a word and an audit entry rather than by a broken handshake. names are host names and addresses
// that agents reach the collector by.
func (a *Authority) ServerTLS(names []string) *tls.Config {
	s := &serverCertificate{authority: a, names: names}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert, Time: a.clock,
		NextProtos:     []string{"h2"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.get() },
	}
}

// serverCertificate is made anew when two thirds of its life are over.
type serverCertificate struct {
	authority *Authority
	names     []string

	mu      sync.Mutex
	current *tls.Certificate
	renewAt time.Time
}

func (s *serverCertificate) get() (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.authority.clock()
	if s.current != nil && now.Before(s.renewAt) {
		return s.current, nil
	}
	cert, err := s.authority.server(s.names, now)
	if err != nil {
		return nil, err
	}
	s.current, s.renewAt = cert, now.Add(serverLife/3*2)
	return cert, nil
}

func (a *Authority) server(names []string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make server key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Maestro collector"}, NotBefore: now.Add(-skew), NotAfter: now.Add(serverLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if name != "" && !slices.Contains(template.DNSNames, name) {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.active.cert, key.Public(), a.active.key)
	if err != nil {
		return nil, fmt.Errorf("issue server certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read server certificate: %w", err)
	}
	// A joining agent knows the authority by its fingerprint only, so it is presented too.
	return &tls.Certificate{Certificate: [][]byte{der, a.active.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}
