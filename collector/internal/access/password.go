package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Secret is text that must not be printed, logged or encoded; Reveal is the only way to it.
type Secret struct{ text string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal is the text.
func (s Secret) Reveal() string { return s.text }

func (Secret) String() string               { return "[secret]" }
func (Secret) GoString() string             { return "[secret]" }
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"[secret]"`), nil }

// Argon2 is the cost of a password hash. The zero value means the default: 19 MiB, 2 passes.
type Argon2 struct {
	MemoryKiB uint32
	Passes    uint32
	Threads   uint8
}

const (
	saltBytes        = 16
	hashBytes        = 32
	minPasswordRunes = 12
	maxPasswordBytes = 1024
)

var errBadHash = errors.New("password hash is malformed")

// hasher makes and checks PHC strings ($argon2id$...). Few at a time, since each takes memory on purpose.
type hasher struct {
	cost  Argon2
	slots chan struct{}
	// decoy is verified when there is no such user, so that the answer takes as long.
	decoy string
}

func newHasher(cost Argon2) *hasher {
	if cost.MemoryKiB == 0 {
		cost.MemoryKiB = 19 * 1024
	}
	if cost.Passes == 0 {
		cost.Passes = 2
	}
	if cost.Threads == 0 {
		cost.Threads = 1
	}
	h := &hasher{cost: cost, slots: make(chan struct{}, 2)}
	h.decoy = h.encode(make([]byte, saltBytes), make([]byte, hashBytes))
	return h
}

func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make salt: %w", err)
	}
	key, err := h.derive(ctx, password, salt, h.cost, hashBytes)
	if err != nil {
		return "", err
	}
	return h.encode(salt, key), nil
}

// verify compares; stale says that the hash was made at another cost and should be made again.
func (h *hasher) verify(ctx context.Context, phc, password string) (ok, stale bool, err error) {
	cost, salt, want, err := parsePHC(phc)
	if err != nil {
		return false, false, err
	}
	got, err := h.derive(ctx, password, salt, cost, uint32(len(want)))
	if err != nil {
		return false, false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, cost != h.cost, nil
}

func (h *hasher) derive(ctx context.Context, password string, salt []byte, cost Argon2, size uint32) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("hash password: %w", ctx.Err())
	}
	return argon2.IDKey([]byte(norm.NFKC.String(password)), salt, cost.Passes, cost.MemoryKiB, cost.Threads, size), nil
}

func (h *hasher) encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.cost.MemoryKiB, h.cost.Passes, h.cost.Threads, b64.EncodeToString(salt), b64.EncodeToString(key))
}

func parsePHC(phc string) (cost Argon2, salt, key []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return cost, nil, nil, errBadHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &cost.MemoryKiB, &cost.Passes, &cost.Threads); err != nil {
		return cost, nil, nil, errBadHash
	}
	if cost.Passes == 0 || cost.Threads == 0 || cost.MemoryKiB > 1<<20 || cost.Passes > 100 {
		return cost, nil, nil, errBadHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(key) < 16 || len(key) > 64 {
		return cost, nil, nil, errBadHash
	}
	return cost, salt, key, nil
}

// checkPassword says why somebody may not have a password. The names are those of the user, which others guess first.
func checkPassword(field, password string, names ...string) error {
	switch {
	case !utf8.ValidString(password):
		return &InvalidError{Field: field, Problem: "is not valid text"}
	case utf8.RuneCountInString(password) < minPasswordRunes:
		return &InvalidError{Field: field, Problem: fmt.Sprintf("needs at least %d characters", minPasswordRunes)}
	case len(password) > maxPasswordBytes:
		return &InvalidError{Field: field, Problem: fmt.Sprintf("is longer than %d bytes", maxPasswordBytes)}
	case known(password):
		return &InvalidError{Field: field, Problem: "is known from stolen lists, where attackers look first; choose another one"}
	case guessable(password, names):
		return &InvalidError{Field: field, Problem: "is easy to guess: it is a name, or one short piece again and again"}
	}
	return nil
}

// generatePassword makes one that can be read out and typed: 20 letters and digits without look-alikes, 98 bits.
func generatePassword() (Secret, error) {
	const alphabet = "abcdefghjkmnpqrstuvwxyz23456789" // 31
	var b strings.Builder
	buf := make([]byte, 1)
	for n := 0; n < 20; {
		if _, err := rand.Read(buf); err != nil {
			return Secret{}, fmt.Errorf("make password: %w", err)
		}
		if int(buf[0]) >= 256/len(alphabet)*len(alphabet) {
			continue // would favour the first letters
		}
		if n > 0 && n%5 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[int(buf[0])%len(alphabet)])
		n++
	}
	return NewSecret(b.String()), nil
}
