package resource

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Hash is a SHA-256. As text it is lower-case hex.
type Hash [sha256.Size]byte

// HashOf is the hash of a resource's canonical bytes.
func HashOf(canonical []byte) Hash { return sha256.Sum256(canonical) }

// HashFromBytes takes the 32 bytes of a wire or a row.
func HashFromBytes(b []byte) (Hash, error) {
	if len(b) != len(Hash{}) {
		return Hash{}, fmt.Errorf("read hash: %d bytes instead of %d", len(b), len(Hash{}))
	}
	return Hash(b), nil
}

// ParseHash reads the text form.
func ParseHash(s string) (Hash, error) {
	var h Hash
	err := h.UnmarshalText([]byte(s))
	return h, err
}

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Bytes is a copy for wires and rows.
func (h Hash) Bytes() []byte { return h[:] }

// IsZero says that there is no hash.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText makes hashes hex in JSON.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads lower-case hex.
func (h *Hash) UnmarshalText(text []byte) error {
	var out Hash
	if len(text) != hex.EncodedLen(len(out)) {
		return fmt.Errorf("read hash: %d characters instead of %d", len(text), hex.EncodedLen(len(out)))
	}
	if _, err := hex.Decode(out[:], text); err != nil {
		return fmt.Errorf("read hash: %w", err)
	}
	if out.String() != string(text) {
		return fmt.Errorf("read hash: not lower-case hex")
	}
	*h = out
	return nil
}

// RowHash stands for one key of a scope with its content. Digests are made of these.
func RowHash(externalID string, envelope Hash) Hash {
	var buf [512]byte
	b := append(buf[:0], externalID...)
	b = append(b, 0)
	b = append(b, envelope[:]...)
	return sha256.Sum256(b)
}

// Digest stands for a set of rows, whatever their order: the sum of their hashes modulo 2^256, and their
// number. It is a value: equal digests compare equal with ==. Rows can be taken out again, so that it is
// maintained and never recomputed for a small difference.
type Digest struct {
	Sum   Hash  `json:"sum"`
	Count int64 `json:"count"`
}

// DigestFromBytes takes sum and count of a wire or a row.
func DigestFromBytes(sum []byte, count int64) (Digest, error) {
	h, err := HashFromBytes(sum)
	if err != nil {
		return Digest{}, fmt.Errorf("read digest: %w", err)
	}
	if count < 0 {
		return Digest{}, fmt.Errorf("read digest: count %d is negative", count)
	}
	return Digest{Sum: h, Count: count}, nil
}

// Add puts a row in.
func (d *Digest) Add(row Hash) {
	var carry uint64
	for i := 24; i >= 0; i -= 8 {
		var word uint64
		word, carry = bits.Add64(binary.BigEndian.Uint64(d.Sum[i:]), binary.BigEndian.Uint64(row[i:]), carry)
		binary.BigEndian.PutUint64(d.Sum[i:], word)
	}
	d.Count++
}

// Remove takes a row out that was put in before.
func (d *Digest) Remove(row Hash) {
	var borrow uint64
	for i := 24; i >= 0; i -= 8 {
		var word uint64
		word, borrow = bits.Sub64(binary.BigEndian.Uint64(d.Sum[i:]), binary.BigEndian.Uint64(row[i:]), borrow)
		binary.BigEndian.PutUint64(d.Sum[i:], word)
	}
	d.Count--
}

// AddRow is Add of the row's hash.
func (d *Digest) AddRow(externalID string, envelope Hash) { d.Add(RowHash(externalID, envelope)) }

// RemoveRow is Remove of the row's hash.
func (d *Digest) RemoveRow(externalID string, envelope Hash) { d.Remove(RowHash(externalID, envelope)) }

// Equal says whether both stand for the same rows.
func (d Digest) Equal(other Digest) bool { return d == other }

// Bytes is the sum, big endian.
func (d Digest) Bytes() []byte { return d.Sum[:] }

func (d Digest) String() string { return fmt.Sprintf("%s/%d", d.Sum, d.Count) }

// ScopeState is how one scope stands at the end of a run, as far as the run's root is concerned.
type ScopeState struct {
	Scope  Scope
	Status Status
	Digest Digest
	// Fingerprint is over what narrows the reading (contracts 2.4); KindDigest and PolicyDigest are over the
	// rules that made the hashes.
	Fingerprint  []byte
	HashFormat   int
	KindDigest   []byte
	PolicyDigest []byte
}

// Root is one hash over how every scope of a run stands. Agent and collector compute it apart from each
// other; where it is equal nothing needs to be sent. The order of scopes does not matter.
func Root(scopes []ScopeState, planComplete bool) Hash {
	type keyed struct {
		key   string
		state *ScopeState
	}
	sorted := make([]keyed, len(scopes))
	for i := range scopes {
		sorted[i] = keyed{scopes[i].Scope.Key(), &scopes[i]}
	}
	slices.SortStableFunc(sorted, func(a, b keyed) int { return strings.Compare(a.key, b.key) })

	h := sha256.New()
	var buf []byte
	for _, k := range sorted {
		s := k.state
		// Every part of variable length is preceded by its length, so that no two lists run together.
		buf = appendSized(buf[:0], []byte(k.key))
		buf = appendSized(buf, []byte(s.Status))
		buf = append(buf, s.Digest.Sum[:]...)
		buf = binary.BigEndian.AppendUint64(buf, uint64(s.Digest.Count))
		buf = appendSized(buf, s.Fingerprint)
		buf = binary.BigEndian.AppendUint64(buf, uint64(s.HashFormat))
		buf = appendSized(buf, s.KindDigest)
		buf = appendSized(buf, s.PolicyDigest)
		h.Write(buf)
	}
	end := byte(0)
	if planComplete {
		end = 1
	}
	h.Write([]byte{end})
	return Hash(h.Sum(nil))
}

func appendSized(dst, part []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(len(part)))
	return append(dst, part...)
}
