package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord bounds what a pasted key or certificate costs an index. Text and query are cut alike, so a search for the whole still finds it.
const maxWord = 64

// Words folds a text into the words that text search compares: NFKC, lower case, split at everything that is
// neither letter, digit nor mark. Each word appears once, in the order first seen.
func Words(text string) []string {
	folded := norm.NFKC.String(strings.ToLower(norm.NFKC.String(text)))
	parts := strings.FieldsFunc(folded, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r)
	})
	seen := make(map[string]bool, len(parts))
	words := parts[:0]
	for _, w := range parts {
		w = cutWord(w)
		if !seen[w] {
			seen[w] = true
			words = append(words, w)
		}
	}
	return words
}

func cutWord(w string) string {
	if len(w) <= maxWord {
		return w
	}
	end := maxWord
	for !utf8.RuneStart(w[end]) {
		end--
	}
	return w[:end]
}

// Fold maps a text to what Contains compares: every rune becomes the smallest one that differs from it by case
// only. That is the simple case folding of regular expressions, which is what MongoDB compares by.
func Fold(s string) string {
	return strings.Map(foldRune, s)
}

func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}
