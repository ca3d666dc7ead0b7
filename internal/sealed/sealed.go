// Package sealed is how a credential travels through the collector without the collector knowing it: whoever enters it
// encrypts it to the agents of a site, the collector keeps what comes out, and an agent opens it.
//
// An envelope has three parts. The header says in clear what the values are for: tenant, connection, plugin, and the
// settings that say where they are going to be sent. The ciphertext is AES-256-GCM over the values under a key of its own, with
// the header as additional data, so that an envelope moved to another connection or another address does not open. A wrap
// is that key, encrypted to one recipient with HPKE (RFC 9180: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM);
// giving another agent access means adding a wrap, and never touches the ciphertext. The algorithms are what Go's standard
// library and every browser's WebCrypto have in common.
package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Format is the number of these rules.
const Format = 1

// The limits of an envelope.
const (
	MaxVariables  = 32
	MaxCiphertext = 128 << 10
	MaxHeader     = 32 << 10
	MaxWraps      = 256
	maxWrap       = 1 << 10
	keySize       = 32
	nonceSize     = 12
	// padding hides how long a password is.
	padding = 256
)

// The texts that keep the uses of a key apart.
const (
	contentContext = "maestro sealed 1 content\x00"
	wrapContext    = "maestro sealed 1 key\x00"
)

// Header is what the values are for.
type Header struct {
	Format     int    `json:"format"`
	Tenant     string `json:"tenant"`
	Connection string `json:"connection"`
	Provider   string `json:"provider"`
	// Targets are the settings that say where the values will be sent, by JSON pointer.
	Targets map[string]json.RawMessage `json:"targets"`
	// Variables are the names of the values, sorted.
	Variables []string  `json:"variables"`
	SealedAt  time.Time `json:"sealed_at"`
}

// Wrap is the key of an envelope for one recipient.
type Wrap struct {
	// Recipient is the fingerprint of its public key.
	Recipient string `json:"recipient"`
	Data      []byte `json:"data"`
}

// Envelope is a sealed credential.
type Envelope struct {
	// Header is the JSON text of a Header; its very bytes are bound.
	Header     string `json:"header"`
	Ciphertext []byte `json:"ciphertext"`
	Wraps      []Wrap `json:"wraps"`
}

// ErrNotFor says that an envelope has no wrap for this recipient.
var ErrNotFor = errors.New("it is not sealed to this recipient")

// errBroken is all that can be known when authentication fails.
var errBroken = errors.New("it was damaged or changed")

// ParseHeader reads a header that somebody else wrote.
func ParseHeader(text string) (Header, error) {
	var h Header
	if len(text) > MaxHeader {
		return h, fmt.Errorf("read header: more than %d bytes", MaxHeader)
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&h); err != nil {
		return h, fmt.Errorf("read header: %w", err)
	}
	switch {
	case dec.InputOffset() != int64(len(text)):
		return h, errors.New("read header: something follows it")
	case h.Format != Format:
		return h, fmt.Errorf("read header: format %d is not known here", h.Format)
	case len(h.Variables) == 0 || len(h.Variables) > MaxVariables:
		return h, fmt.Errorf("read header: want 1 to %d variables", MaxVariables)
	case !slices.IsSorted(h.Variables) || len(slices.Compact(slices.Clone(h.Variables))) != len(h.Variables):
		return h, errors.New("read header: variables are not sorted, or one comes twice")
	}
	return h, nil
}

// Check holds an envelope to the limits and answers its header.
func (e Envelope) Check() (Header, error) {
	h, err := ParseHeader(e.Header)
	if err != nil {
		return h, err
	}
	if n := len(e.Ciphertext); n < nonceSize+16 || n > MaxCiphertext {
		return h, fmt.Errorf("the ciphertext has %d bytes; at most %d go in", n, MaxCiphertext)
	}
	if len(e.Wraps) > MaxWraps {
		return h, fmt.Errorf("it has more than %d recipients", MaxWraps)
	}
	for _, w := range e.Wraps {
		if err := w.Check(); err != nil {
			return h, err
		}
	}
	return h, nil
}

// Check holds a wrap to the limits.
func (w Wrap) Check() error {
	if !strings.HasPrefix(w.Recipient, fingerprintPrefix) || len(w.Recipient) > 64 || len(w.Data) == 0 || len(w.Data) > maxWrap {
		return errors.New("the key for a recipient is malformed")
	}
	return nil
}

// SameTargets says whether two sets of targets say the same, however they are written.
func SameTargets(a, b map[string]json.RawMessage) bool {
	return maps.EqualFunc(a, b, func(x, y json.RawMessage) bool {
		cx, errX := compact(x)
		cy, errY := compact(y)
		return errX == nil && errY == nil && cx == cy
	})
}

func compact(raw json.RawMessage) (string, error) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return "", err
	}
	b, err := json.Marshal(v) // with sorted keys
	return string(b), err
}

// Seal encrypts values to recipients. The variables of the header are filled in.
func Seal(h Header, values map[string]string, to []PublicKey) (Envelope, error) {
	if len(to) == 0 {
		return Envelope{}, errors.New("seal: there is nobody to seal to")
	}
	h.Format, h.Variables = Format, slices.Sorted(maps.Keys(values))
	if h.Targets == nil {
		h.Targets = map[string]json.RawMessage{}
	}
	h.SealedAt = h.SealedAt.UTC().Truncate(time.Second)
	header, err := json.Marshal(h)
	if err != nil {
		return Envelope{}, fmt.Errorf("seal: %w", err)
	}
	plain, err := json.Marshal(values)
	if err != nil {
		return Envelope{}, fmt.Errorf("seal: %w", err)
	}
	plain = append(plain, strings.Repeat(" ", (padding-len(plain)%padding)%padding)...)
	key := make([]byte, keySize)
	nonce := make([]byte, nonceSize)
	_, _ = rand.Read(key) // never fails
	_, _ = rand.Read(nonce)
	aead, err := contentCipher(key)
	if err != nil {
		return Envelope{}, fmt.Errorf("seal: %w", err)
	}
	e := Envelope{Header: string(header), Ciphertext: aead.Seal(nonce, nonce, plain, append([]byte(contentContext), header...))}
	for _, pk := range to {
		w, err := wrap(key, e.Header, pk)
		if err != nil {
			return Envelope{}, err
		}
		e.Wraps = append(e.Wraps, w)
	}
	if _, err := e.Check(); err != nil {
		return Envelope{}, fmt.Errorf("seal: %w", err)
	}
	return e, nil
}

// Open decrypts the values. What the header says is authentic afterwards, and is the caller's to compare.
func (e Envelope) Open(key PrivateKey) (map[string]string, error) {
	h, err := e.Check()
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	content, err := e.unwrap(key)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	aead, err := contentCipher(content)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	plain, err := aead.Open(nil, e.Ciphertext[:nonceSize], e.Ciphertext[nonceSize:], append([]byte(contentContext), e.Header...))
	if err != nil {
		return nil, fmt.Errorf("open: %w", errBroken)
	}
	var values map[string]string
	if json.Unmarshal(plain, &values) != nil || !slices.Equal(slices.Sorted(maps.Keys(values)), h.Variables) {
		return nil, errors.New("open: the values are not what the header says") // no part of them goes into an error
	}
	return values, nil
}

// Rewrap answers wraps for further recipients. It needs a recipient's key and never looks at the values.
func (e Envelope) Rewrap(key PrivateKey, to []PublicKey) ([]Wrap, error) {
	content, err := e.unwrap(key)
	if err != nil {
		return nil, fmt.Errorf("rewrap: %w", err)
	}
	var out []Wrap
	for _, pk := range to {
		w, err := wrap(content, e.Header, pk)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// For is the envelope with the wrap of one recipient only, and whether there is one.
func (e Envelope) For(recipient string) (Envelope, bool) {
	i := slices.IndexFunc(e.Wraps, func(w Wrap) bool { return w.Recipient == recipient })
	if i < 0 {
		e.Wraps = nil
		return e, false
	}
	e.Wraps = e.Wraps[i : i+1]
	return e, true
}

func (e Envelope) unwrap(key PrivateKey) ([]byte, error) {
	own, ok := e.For(key.Public().Fingerprint())
	if !ok {
		return nil, ErrNotFor
	}
	content, err := hpke.Open(key.key, hpke.HKDFSHA256(), hpke.AES256GCM(), wrapInfo(e.Header), own.Wraps[0].Data)
	if err != nil || len(content) != keySize {
		return nil, errBroken
	}
	return content, nil
}

func wrap(content []byte, header string, pk PublicKey) (Wrap, error) {
	data, err := hpke.Seal(pk.key, hpke.HKDFSHA256(), hpke.AES256GCM(), wrapInfo(header), content)
	if err != nil {
		return Wrap{}, fmt.Errorf("encrypt to %s: %w", pk.Fingerprint(), err)
	}
	return Wrap{Recipient: pk.Fingerprint(), Data: data}, nil
}

func wrapInfo(header string) []byte {
	sum := sha256.Sum256([]byte(header))
	return append([]byte(wrapContext), sum[:]...)
}

func contentCipher(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

const fingerprintPrefix = "SHA256:"

// PublicKey is a recipient.
type PublicKey struct {
	key   hpke.PublicKey
	point []byte
}

// ParsePublicKey reads an uncompressed point of P-256 and refuses what is not on the curve.
func ParsePublicKey(point []byte) (PublicKey, error) {
	pub, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return PublicKey{}, errors.New("read key: it is no point of P-256")
	}
	key, err := hpke.NewDHKEMPublicKey(pub)
	if err != nil {
		return PublicKey{}, fmt.Errorf("read key: %w", err)
	}
	return PublicKey{key: key, point: pub.Bytes()}, nil
}

// Bytes are what ParsePublicKey reads.
func (p PublicKey) Bytes() []byte { return p.point }

// Fingerprint is what people compare, as they do with SSH keys.
func (p PublicKey) Fingerprint() string {
	sum := sha256.Sum256(p.point)
	return fingerprintPrefix + base64.RawStdEncoding.EncodeToString(sum[:])
}
