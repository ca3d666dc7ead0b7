package words

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The catalogue has what the collector says in English, as it stands in its code (with %s and the like for what is filled in),
// and how it is said in Portuguese: {1} is the first thing filled in, {1:word} looks it up as a word, {1:said} as a text. Keys are found
// in the code by a test, and the code's texts among the keys.
//
//go:embed pt.json
var portuguese []byte

// form is a text with gaps, recognised in what was said.
type form struct {
	found   *regexp.Regexp
	literal int
	say     string
}

type catalogue struct {
	texts map[string]string
	forms []form
}

var catalogues = map[Language]*catalogue{Portuguese: mustRead(portuguese)}

func mustRead(b []byte) *catalogue {
	c, err := readCatalogue(b)
	if err != nil {
		panic(err)
	}
	return c
}

var verbs = regexp.MustCompile(`%(?:\[\d+\])?[sdvtqw]`)

func readCatalogue(b []byte) (*catalogue, error) {
	c := &catalogue{}
	if err := json.Unmarshal(b, &c.texts); err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	for english, say := range c.texts {
		gaps := verbs.FindAllStringIndex(english, -1)
		if len(gaps) == 0 {
			continue
		}
		f, last := form{say: say}, 0
		var pattern strings.Builder
		for _, gap := range gaps {
			literal := strings.ReplaceAll(english[last:gap[0]], "%%", "%")
			f.literal += len(literal)
			pattern.WriteString(regexp.QuoteMeta(literal))
			switch english[gap[1]-1] {
			case 'q':
				pattern.WriteString(`("(?:[^"\\]|\\.)*")`)
			case 'd':
				pattern.WriteString(`(-?\d+)`)
			default:
				pattern.WriteString(`(.+?)`)
			}
			last = gap[1]
		}
		f.literal += len(english) - last
		pattern.WriteString(regexp.QuoteMeta(strings.ReplaceAll(english[last:], "%%", "%")))
		var err error
		if f.found, err = regexp.Compile(`(?s)\A` + pattern.String() + `\z`); err != nil {
			return nil, fmt.Errorf("read catalogue: %q: %w", english, err)
		}
		c.forms = append(c.forms, f)
	}
	// The one that says most of the text itself comes first.
	slices.SortFunc(c.forms, func(a, b form) int {
		return cmp.Or(cmp.Compare(b.literal, a.literal), strings.Compare(a.found.String(), b.found.String()))
	})
	return c, nil
}

// longestText bounds what is looked up.
const longestText = 4000

// Say is what the collector says in English, in the language. What is not in the catalogue stays as it is: what others said, such as a
// provider's error, is in no language of ours.
func (l Language) Say(english string) string {
	c := catalogues[l]
	if c == nil || english == "" || len(english) > longestText {
		return english
	}
	return c.sentence(english)
}

// sentence looks up a text as it stands, and as one that became a sentence on its way out; what has most of its own is meant.
func (c *catalogue) sentence(english string) string {
	said, most := c.say(english)
	bare := strings.TrimSuffix(english, ".")
	for _, text := range []string{bare, lower(bare)} {
		if s, own := c.say(text); own > most {
			said, most = upper(s)+english[len(bare):], own
		}
	}
	return said
}

var gaps = regexp.MustCompile(`\{(\d)(:word|:said)?\}`)

// say looks a text up, and says how much of it is of the catalogue's own and not filled in; 0 is a text that is not there.
func (c *catalogue) say(english string) (said string, own int) {
	if said, ok := c.texts[english]; ok {
		return said, len(english)
	}
	for _, f := range c.forms {
		with := f.found.FindStringSubmatch(english)
		if with == nil {
			continue
		}
		return gaps.ReplaceAllStringFunc(f.say, func(gap string) string {
			n := int(gap[1] - '0')
			if n >= len(with) {
				return ""
			}
			text := with[n]
			switch word, known := c.texts[text]; {
			case known && strings.HasSuffix(gap, ":word}"):
				text = word
			case strings.HasSuffix(gap, ":said}"):
				text = c.sentence(text)
			}
			return text
		}), f.literal
	}
	return english, 0
}

func upper(s string) string { return first(s, unicode.ToUpper) }
func lower(s string) string { return first(s, unicode.ToLower) }

func first(s string, change func(rune) rune) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(change(r)) + s[size:]
}

// Explanations are worded when somebody asks, so their formats are the keys: nothing has to be recognised, and what is filled in
// may be anything.
//
//go:embed explain.pt.json
var explanations []byte

var explained = map[Language]map[string]string{Portuguese: mustReadTexts(explanations)}

func mustReadTexts(b []byte) map[string]string {
	var texts map[string]string
	if err := json.Unmarshal(b, &texts); err != nil {
		panic(fmt.Errorf("read explanations: %w", err))
	}
	return texts
}

// Explained is a text that is looked up as it is.
func (l Language) Explained(text string) string {
	if said, ok := explained[l][text]; ok {
		return said
	}
	return text
}

// Explain is a format, filled in, in the language.
func (l Language) Explain(format string, args ...any) string {
	said, known := explained[l][format]
	if !known {
		return fmt.Sprintf(format, args...)
	}
	as := verbs.FindAllString(format, -1)
	return gaps.ReplaceAllStringFunc(said, func(gap string) string {
		n := int(gap[1]-'0') - 1
		if n < 0 || n >= min(len(as), len(args)) {
			return ""
		}
		text := fmt.Sprintf(as[n], args[n])
		if word, known := catalogues[l].texts[strings.ReplaceAll(text, "_", " ")]; known && strings.HasSuffix(gap, ":word}") {
			text = word
		}
		return text
	})
}
