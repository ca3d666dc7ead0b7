package filter

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error says what is wrong with a filter's text, and where, for people who typed it.
type Error struct {
	// Offset in bytes and Rune in characters, from 0.
	Offset int
	Rune   int
	// Message is what is wrong; Expected, what could have stood there; Suggestion, what was probably meant.
	Message    string
	Expected   string
	Suggestion string
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "filter: character %d: %s", e.Rune+1, e.Message)
	if e.Expected != "" {
		b.WriteString("; expected " + e.Expected)
	}
	if e.Suggestion != "" {
		b.WriteString("; did you mean " + e.Suggestion + "?")
	}
	return b.String()
}

func errorAt(text string, offset int, format string, args ...any) *Error {
	return &Error{Offset: offset, Rune: utf8.RuneCountInString(text[:offset]), Message: fmt.Sprintf(format, args...)}
}

func (e *Error) expecting(what string) *Error {
	e.Expected = what
	return e
}

func (e *Error) suggesting(what string) *Error {
	e.Suggestion = what
	return e
}

// nearest is the name that a misspelt one was probably meant to be, "" if none is near.
func nearest(name string, names []string) string {
	best, at := "", max(1, len(name)/3)+1
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return n
		}
		// The last word of a path is what people remember: cores for attributes.cpu.cores.
		if d := distance(name, n); d < at {
			best, at = n, d
		}
	}
	if best != "" {
		return best
	}
	for _, n := range names {
		if i := strings.LastIndexByte(n, '.'); i >= 0 && strings.EqualFold(n[i+1:], name) {
			return n
		}
	}
	return ""
}

// distance counts the letters to change, add, leave out or swap with their neighbour (Levenshtein, with swaps as one slip).
func distance(a, b string) int {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i, r := range x {
		row[0] = i + 1
		for j, q := range y {
			cost := last[j]
			if r != q {
				cost++
			}
			row[j+1] = min(cost, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && r == y[j-1] && x[i-1] == q {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
