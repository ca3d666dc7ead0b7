package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/klauspost/compress/zstd"
)

// leaf is an entry as it goes into the tree; its first byte keeps leaves apart from nodes, so that no entry can be made
// up that looks like a part of the tree.
func (e Entry) leaf() [32]byte {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(e.At.UnixMicro()))) //nolint:gosec // bits, not a number
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(e.ID))))        //nolint:gosec // ids are short
	h.Write([]byte(e.ID))
	h.Write(e.Hash[:])
	return [32]byte(h.Sum(nil))
}

// rootOf is the Merkle tree of RFC 6962 over the entries.
func rootOf(entries []Entry) [32]byte {
	switch n := len(entries); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return entries[0].leaf()
	default:
		k := 1 << (bits.Len(uint(n-1)) - 1) // the largest power of two below n
		left, right := rootOf(entries[:k]), rootOf(entries[k:])
		return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
	}
}

// The list of an interval's entries is kept beside its root, compressed: with it a missing entry has a name.
func pack(entries []Entry) ([]byte, error) {
	var b []byte
	for _, e := range entries {
		b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixMicro())) //nolint:gosec // bits, not a number
		b = binary.AppendUvarint(b, uint64(len(e.ID)))
		b = append(b, e.ID...)
		b = append(b, e.Hash[:]...)
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("compress list: %w", err)
	}
	out := z.EncodeAll(b, nil)
	return out, z.Close()
}

var errList = errors.New("the list of its entries is damaged")

func unpack(b []byte) ([]Entry, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return nil, fmt.Errorf("read list: %w", err)
	}
	defer z.Close()
	b, err = z.DecodeAll(b, nil)
	if err != nil {
		return nil, errList
	}
	var entries []Entry
	for len(b) > 0 {
		if len(b) < 9 {
			return nil, errList
		}
		e := Entry{At: time.UnixMicro(int64(binary.BigEndian.Uint64(b))).UTC()} //nolint:gosec // bits, not a number
		n, k := binary.Uvarint(b[8:])
		b = b[8:]
		if k <= 0 || n > uint64(len(b)) || uint64(len(b)-k) < n+32 { //nolint:gosec // k is small
			return nil, errList
		}
		e.ID = string(b[k : k+int(n)])               //nolint:gosec // checked
		e.Hash = [32]byte(b[k+int(n) : k+int(n)+32]) //nolint:gosec // checked
		b = b[k+int(n)+32:]                          //nolint:gosec // checked
		entries = append(entries, e)
	}
	return entries, nil
}
