package notify

import (
	"embed"
	"strings"

	"maestro.internal/collector/internal/words"
)

// Words and data are apart: what happened is kept as data, and the files say it. Letters are plain text, so that a name which
// somebody typed stands there as text and nothing else.
//
//go:embed texts
var files embed.FS

var texts = words.Must(files)

func (n *notice) title(in words.Language) (string, error) { return texts.Say(in, "title", n) }

// letterData is what a letter is written of.
type letterData struct {
	Notice *notice
	Reader string
	More   int
	URL    string
}

// letter writes the e-mail of a notice.
func letter(in words.Language, n *notice, reader, public string) (subject, body string, err error) {
	if subject, err = n.title(in); err != nil {
		return "", "", err
	}
	d := letterData{Notice: n, Reader: reader, More: n.Count - len(n.Items)}
	if public != "" {
		d.URL = strings.TrimRight(public, "/")
	}
	body, err = texts.Say(in, "letter", d)
	return words.Line(subject), body + "\n", err
}
