// Package protocol holds what agent and collector must agree on beside the messages themselves: the number of the
// protocol's capabilities, the form of join tokens, and how assignments are signed. It is apart from both so that
// neither can drift.
package protocol

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Capability numbers what a side can do; both state theirs and use the lower one.
//
//	1  the first version
//	2  lists in parts: the collector may send the sums of a scope's parts when it asks for a list
//	3  the collector may ask what a setting may be
//	4  the collector may say which version of a plugin to run, among those that the agent has
const Capability = 4

// CapabilityParts is the least of a peer that lists in parts.
const CapabilityParts = 2

// CapabilityChoices is the least of an agent that can ask a plugin what a setting may be.
const CapabilityChoices = 3

// CapabilityVersions is the least of an agent that can be told which version of a plugin to run.
const CapabilityVersions = 4

// Problem is what the result of a command that failed says beside its error, as JSON.
type Problem struct {
	// Advice is what to do about it.
	Advice string `json:"advice,omitempty"`
	// Setting is the JSON pointer of the setting that is wrong.
	Setting string `json:"setting,omitempty"`
}

// Limits of messages on the uplink.
const (
	// MaxMessage is the largest message either side accepts: a full batch with room for its frame.
	MaxMessage = 6 << 20
	// MaxPlanChunk is how many scopes one RunPlan message holds.
	MaxPlanChunk = 1000
	// MaxPlan is how many scopes a plan has; as many as sdk/host takes from a plugin.
	MaxPlan = 200_000
)

// ErrToken says that a join token is not one: misspelt, cut off or of another kind.
var ErrToken = errors.New("not a join token")

const (
	tokenPrefix = "mjt_"
	secretSize  = 20
	sumSize     = 4
)

// JoinToken lets one agent enroll once. It carries the fingerprint of the collector's authority, so that the agent
// knows whom it speaks to before it has any certificate. Its text is a secret.
type JoinToken struct {
	Secret      [secretSize]byte
	Fingerprint [sha256.Size]byte
}

// NewJoinToken makes a token for an authority's fingerprint.
func NewJoinToken(fingerprint [sha256.Size]byte) (JoinToken, error) {
	t := JoinToken{Fingerprint: fingerprint}
	if _, err := rand.Read(t.Secret[:]); err != nil {
		return t, fmt.Errorf("make join token: %w", err)
	}
	return t, nil
}

// Text is mjt_ and base64url of secret, fingerprint and the first bytes of a checksum of both, which catches a token
// that was cut off when copied.
func (t JoinToken) Text() string {
	body := append(t.Secret[:], t.Fingerprint[:]...)
	sum := sha256.Sum256(body)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(append(body, sum[:sumSize]...))
}

// String hides the secret.
func (t JoinToken) String() string { return tokenPrefix + "[secret]" }

// Hash is what the collector keeps of a token: enough to know it again, not enough to use it.
func (t JoinToken) Hash() [sha256.Size]byte { return sha256.Sum256(t.Secret[:]) }

// ParseJoinToken reads the text of a token. The error does not repeat it.
func ParseJoinToken(text string) (JoinToken, error) {
	var t JoinToken
	text = strings.TrimSpace(text)
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return t, fmt.Errorf("%w: it does not begin with %s", ErrToken, tokenPrefix)
	}
	b, err := base64.RawURLEncoding.DecodeString(rest)
	if err != nil || len(b) != secretSize+sha256.Size+sumSize {
		return t, fmt.Errorf("%w: it has another length or other characters", ErrToken)
	}
	body := b[:secretSize+sha256.Size]
	if sum := sha256.Sum256(body); subtle.ConstantTimeCompare(sum[:sumSize], b[len(body):]) != 1 {
		return t, fmt.Errorf("%w: its checksum is wrong, it was changed when copied", ErrToken)
	}
	copy(t.Secret[:], body)
	copy(t.Fingerprint[:], body[secretSize:])
	if t.Text() != text { // base64 has more than one spelling
		return JoinToken{}, fmt.Errorf("%w: it has other characters", ErrToken)
	}
	return t, nil
}

// Fingerprint of an authority is over its public key, so that a reissued certificate keeps it. The collector's server
// presents its authority's certificate after its own, since a joining agent has nothing else to check against.
func Fingerprint(authority *x509.Certificate) [sha256.Size]byte {
	return sha256.Sum256(authority.RawSubjectPublicKeyInfo)
}

// ErrSignature says that an assignment was not signed by any of the authorities.
var ErrSignature = errors.New("assignment is not signed by the collector")

// context keeps a signature over an assignment from meaning anything else.
const context = "maestro assignment 1\x00"

// SignAssignment signs the bytes of an Assignment with the authority's key.
func SignAssignment(authority crypto.Signer, assignment []byte) ([]byte, error) {
	sum := sha256.Sum256(append([]byte(context), assignment...))
	sig, err := authority.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign assignment: %w", err)
	}
	return sig, nil
}

// VerifyAssignment accepts a signature by any of the authorities, since two are valid while they overlap.
func VerifyAssignment(authorities []*x509.Certificate, assignment, signature []byte) error {
	sum := sha256.Sum256(append([]byte(context), assignment...))
	for _, a := range authorities {
		if key, ok := a.PublicKey.(*ecdsa.PublicKey); ok && ecdsa.VerifyASN1(key, sum[:], signature) {
			return nil
		}
	}
	return ErrSignature
}

// RecoverDigest is what a Recover call's proof signs: the agent's id, the moment in RFC 3339 with nanoseconds UTC,
// and the certificate request.
func RecoverDigest(agentID, at string, csr []byte) [sha256.Size]byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(agentID), []byte(at), csr} {
		fmt.Fprintf(h, "%d:", len(part))
		h.Write(part)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
