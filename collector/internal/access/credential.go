package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// A credential is what a cookie or an API token holds: the row's id, a random secret and the tenant, so that
// one read by key within that tenant finds it. The store has only the secret's hash; the secret is random, so
// a plain SHA-256 is enough.
type credential struct {
	id     uuid.UUID
	secret [32]byte
	tenant string
}

const maxCredential = 512

func newCredential(tenant string) (credential, error) {
	c := credential{tenant: tenant}
	var err error
	if c.id, err = uuid.NewV7(); err != nil {
		return c, fmt.Errorf("make credential id: %w", err)
	}
	if _, err = rand.Read(c.secret[:]); err != nil {
		return c, fmt.Errorf("make credential: %w", err)
	}
	return c, nil
}

// renewedCredential has a new secret for a row that there is.
func renewedCredential(id, tenant string) (credential, error) {
	c, err := newCredential(tenant)
	if err != nil {
		return c, err
	}
	if c.id, err = uuid.Parse(id); err != nil {
		return c, fmt.Errorf("renew credential: %w", err)
	}
	return c, nil
}

func (c credential) text(prefix string) string {
	b := append(append(append([]byte{}, c.id[:]...), c.secret[:]...), c.tenant...)
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

func parseCredential(prefix, text string) (credential, bool) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok || len(text) > maxCredential {
		return credential{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil || len(b) <= 48 {
		return credential{}, false
	}
	c := credential{tenant: string(b[48:])}
	copy(c.id[:], b)
	copy(c.secret[:], b[16:])
	return c, true
}

func (c credential) hash() string {
	h := sha256.Sum256(c.secret[:])
	return hex.EncodeToString(h[:])
}

func (c credential) matches(hash string) bool {
	return subtle.ConstantTimeCompare([]byte(c.hash()), []byte(hash)) == 1
}
