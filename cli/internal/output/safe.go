package output

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// hostile says whether a character moves the cursor, hides text or turns its direction.
func hostile(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// Clean makes foreign text safe for a terminal's line: control and direction characters become a visible mark.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if hostile(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// safe writes to a terminal what may have come from anywhere: only lines and tabs control it.
type safe struct{ w io.Writer }

// Write takes whole characters: each printer writes whole texts.
func (s safe) Write(p []byte) (int, error) {
	text := strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && hostile(r) {
			return utf8.RuneError
		}
		return r
	}, string(p))
	if _, err := io.WriteString(s.w, text); err != nil {
		return 0, err
	}
	return len(p), nil
}
