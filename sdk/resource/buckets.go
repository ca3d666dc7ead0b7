package resource

import (
	"crypto/sha256"
	"fmt"
	"math/bits"
)

// BucketCount is how many parts Buckets have.
const BucketCount = 256

// Buckets are a digest in parts: the sums of the rows whose keys begin, as SHA-256, with the same byte. Two sides whose
// digests differ exchange them to find out where, so that they list a part of the keys and not all.
type Buckets [BucketCount]Hash

// BucketOf is the part that a key belongs to. It is taken of a hash so that keys which look alike are spread evenly.
func BucketOf(externalID string) byte {
	var buf [512]byte
	sum := sha256.Sum256(append(buf[:0], externalID...))
	return sum[0]
}

// AddRow puts a row in.
func (b *Buckets) AddRow(externalID string, envelope Hash) {
	part := &b[BucketOf(externalID)]
	d := Digest{Sum: *part}
	d.AddRow(externalID, envelope)
	*part = d.Sum
}

// Bytes are the sums one after the other, big endian, for a wire.
func (b *Buckets) Bytes() []byte {
	out := make([]byte, 0, len(b)*len(Hash{}))
	for i := range b {
		out = append(out, b[i][:]...)
	}
	return out
}

// BucketsFromBytes takes what Bytes made.
func BucketsFromBytes(from []byte) (*Buckets, error) {
	var b Buckets
	if len(from) != len(b)*len(Hash{}) {
		return nil, fmt.Errorf("read buckets: %d bytes instead of %d", len(from), len(b)*len(Hash{}))
	}
	for i := range b {
		copy(b[i][:], from[i*len(Hash{}):])
	}
	return &b, nil
}

// Differing are the parts in which both are not the same.
func (b *Buckets) Differing(other *Buckets) BucketSet {
	var out BucketSet
	for i := range b {
		if b[i] != other[i] {
			out.Add(byte(i))
		}
	}
	return out
}

// BucketSet says which of the parts are meant: one bit each, that of part 0 the lowest of the first byte.
type BucketSet [BucketCount / 8]byte

// BucketSetFromBytes takes the 32 bytes of a wire.
func BucketSetFromBytes(from []byte) (BucketSet, error) {
	var s BucketSet
	if len(from) != len(s) {
		return s, fmt.Errorf("read set of buckets: %d bytes instead of %d", len(from), len(s))
	}
	return BucketSet(from), nil
}

// Add puts a part in.
func (s *BucketSet) Add(part byte) { s[part/8] |= 1 << (part % 8) }

// Has says whether a key belongs to one of the parts.
func (s *BucketSet) Has(externalID string) bool {
	part := BucketOf(externalID)
	return s[part/8]&(1<<(part%8)) != 0
}

// Len is how many parts are meant.
func (s *BucketSet) Len() int {
	n := 0
	for _, b := range s {
		n += bits.OnesCount8(b)
	}
	return n
}

// Bytes is a copy for wires.
func (s BucketSet) Bytes() []byte { return s[:] }
