package provider

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
	"time"
)

// Certificate is one that a server showed and that nobody trusts yet. Whoever sets the connection up is shown it, and may trust it
// after comparing it with the server's administrator.
type Certificate struct {
	// Setting is the JSON pointer of the setting that trusts a certificate by its SHA-256: "/thumbprint".
	Setting string `json:"setting"`
	// SHA256 as tools print it: upper case, with colons.
	SHA256    string    `json:"sha256"`
	Subject   string    `json:"subject,omitempty"`
	Issuer    string    `json:"issuer,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
}

// CertificateOf tells of a certificate what people compare.
func CertificateOf(c *x509.Certificate) *Certificate {
	sum := sha256.Sum256(c.Raw)
	return &Certificate{SHA256: Fingerprint(sum[:]), Subject: c.Subject.String(), Issuer: c.Issuer.String(), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC()}
}

// Fingerprint writes a hash as tools print it: AB:CD:...
func Fingerprint(sum []byte) string {
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = strings.ToUpper(hex.EncodeToString([]byte{b}))
	}
	return strings.Join(parts, ":")
}
