package notify

import (
	"embed"
	"fmt"
	"strings"
	"text/template"
)

// Words and data are apart: what happened is kept as data, and the files say it. Letters are plain text, so that a name which
// somebody typed stands there as text and nothing else.
//
//go:embed texts/en.tmpl
var files embed.FS

// parsed are the texts of the language that letters and titles are written in.
var parsed = template.Must(template.New("").Option("missingkey=error").Funcs(template.FuncMap{"line": line}).ParseFS(files, "texts/en.tmpl"))

// longestName bounds a foreign name in a line.
const longestName = 200

// line makes of a foreign text one line, without what terminals and mail readers take for orders.
func line(s string) string {
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

func say(name string, data any) (string, error) {
	var b strings.Builder
	if err := parsed.ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return strings.TrimSpace(b.String()), nil
}

func (n *notice) title() (string, error) { return say("title", n) }

// letterData is what a letter is written of.
type letterData struct {
	Notice *notice
	Reader string
	More   int
	URL    string
}

// letter writes the e-mail of a notice.
func letter(n *notice, reader, public string) (subject, body string, err error) {
	if subject, err = n.title(); err != nil {
		return "", "", err
	}
	d := letterData{Notice: n, Reader: reader, More: n.Count - len(n.Items)}
	if public != "" {
		d.URL = strings.TrimRight(public, "/")
	}
	body, err = say("letter", d)
	return line(subject), body + "\n", err
}
