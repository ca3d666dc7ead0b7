// Package words says things in the language of whoever reads them. What happened is kept as data; letters and titles are
// templates that exist once per language, and what the collector refuses is worded in English where it is refused and looked up
// here when somebody else reads it. So neither the domain nor what is stored knows a language.
package words

import (
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Language is one that there are texts in; "" is none that is known of.
type Language string

// The languages.
const (
	English    Language = "en"
	Portuguese Language = "pt"
)

// Languages are all of them, English first: its texts are the source.
var Languages = []Language{English, Portuguese}

// Known says that there are texts in it.
func (l Language) Known() bool {
	for _, k := range Languages {
		if k == l {
			return true
		}
	}
	return false
}

// longestAccept bounds what is read of a header.
const longestAccept = 200

// Asked is the language that an Accept-Language header wants most of those that there are; "" where it wants none of them.
func Asked(header string) Language {
	if len(header) > longestAccept {
		header, _, _ = strings.Cut(header, ",")
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(header) > longestAccept {
		return ""
	}
	for _, tag := range tags {
		base, sure := tag.Base()
		if l := Language(base.String()); sure != language.No && l.Known() {
			return l
		}
	}
	return ""
}

// Or is the language, or the first that is known of others; English when there is none.
func (l Language) Or(others ...Language) Language {
	for _, o := range append([]Language{l}, others...) {
		if o.Known() {
			return o
		}
	}
	return English
}

func (l Language) tag() language.Tag {
	if l == Portuguese {
		return language.BrazilianPortuguese
	}
	return language.BritishEnglish
}

// Number writes a number with the separators of the language.
func (l Language) Number(n int) string { return message.NewPrinter(l.tag()).Sprintf("%d", n) }

// One says that a number takes the singular: in Portuguese zero does too.
func (l Language) One(n int) bool { return n == 1 || n == 0 && l == Portuguese }

var (
	days   = [7]string{"domingo", "segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado"}
	months = [12]string{"janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"}
)

// Moment writes a moment in full, in UTC: whoever reads a letter may be anywhere.
func (l Language) Moment(t time.Time) string {
	t = t.UTC()
	if l == Portuguese {
		return days[t.Weekday()] + t.Format(", 2 de ") + months[t.Month()-1] + t.Format(" de 2006, 15:04 UTC")
	}
	return t.Format("Monday, 2 January 2006, 15:04 UTC")
}

// longestName bounds a foreign name in a line.
const longestName = 200

// Line makes of a foreign text one line, without what terminals and mail readers take for orders.
func Line(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > longestName {
		s = string(runes[:longestName]) + "…"
	}
	return s
}
