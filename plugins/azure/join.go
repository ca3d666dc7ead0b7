package azure

import (
	"crypto/sha256"
	"strings"
)

// What machines are joined with (views, adapters, addresses) is held for a whole subscription, so it is held small: ids, which
// are most of their size, as keys of a fixed length, and texts that repeat once.

// idKey stands for a resource id.
type idKey [16]byte

func keyOf(id string) idKey {
	sum := sha256.Sum256([]byte(canonical(id)))
	return idKey(sum[:16])
}

// words has one copy of texts that repeat.
type words map[string]string

// mostWords bounds it: a text that comes later has a copy of its own.
const mostWords = 10_000

func (w words) one(s string) string {
	if kept, ok := w[s]; ok {
		return kept
	}
	if w != nil && len(w) < mostWords {
		s = strings.Clone(s)
		w[s] = s
	}
	return s
}
