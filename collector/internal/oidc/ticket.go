package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"maestro.internal/collector/internal/access"
)

// ticketLife is how long somebody may take to sign in at the provider.
const ticketLife = 15 * time.Minute

// ticket is what is bound to the browser while it is away.
type ticket struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Path     string    `json:"p"`
	Link     string    `json:"l,omitempty"`
	Until    time.Time `json:"u"`
}

// pending is somebody who was proven and still owes a code of the second factor.
type pending struct {
	Person access.External `json:"x"`
	Until  time.Time       `json:"u"`
}

const (
	ticketUse  = "ticket"
	pendingUse = "pending"
	// pendingLife is how long somebody may look for the code.
	pendingLife = 5 * time.Minute
)

func newSecret() string { return rand.Text() }

func (p *Provider) seal(t ticket) (access.Secret, error) { return p.sealAs(ticketUse, t) }

func (p *Provider) open(cookie access.Secret) (ticket, bool) {
	var t ticket
	ok := p.openAs(ticketUse, cookie, &t)
	return t, ok && t.State != "" && p.opt.Clock().Before(t.Until)
}

// Hold keeps who was proven with the browser until the code comes: only who it is, since a cookie has little room.
func (p *Provider) Hold(x access.External) (access.Secret, error) {
	return p.sealAs(pendingUse, pending{Person: access.External{Issuer: x.Issuer, Subject: x.Subject, Username: x.Username, GroupsKept: true}, Until: p.opt.Clock().Add(pendingLife)})
}

// Held is who was proven, as long as it holds.
func (p *Provider) Held(cookie access.Secret) (access.External, bool) {
	var held pending
	ok := p.openAs(pendingUse, cookie, &held)
	return held.Person, ok && held.Person.Subject != "" && p.opt.Clock().Before(held.Until)
}

func (p *Provider) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(p.opt.Key)
	if err != nil {
		return nil, fmt.Errorf("seal sign-in: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// sealAs binds the text to what it is for, so that one can never stand for another.
func (p *Provider) sealAs(use string, v any) (access.Secret, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return access.Secret{}, fmt.Errorf("seal sign-in: %w", err)
	}
	aead, err := p.aead()
	if err != nil {
		return access.Secret{}, err
	}
	return access.NewSecret(base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, plain, []byte(use)))), nil
}

func (p *Provider) openAs(use string, cookie access.Secret, into any) bool {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cookie.Reveal())
	if err != nil {
		return false
	}
	aead, err := p.aead()
	if err != nil {
		return false
	}
	plain, err := aead.Open(nil, nil, sealed, []byte(use))
	return err == nil && json.Unmarshal(plain, into) == nil
}
