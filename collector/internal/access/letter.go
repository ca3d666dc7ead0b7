package access

import (
	"embed"
	"strings"
	"time"

	"maestro.internal/collector/internal/words"
)

// Letters are plain text: what a person typed as a name stands there as text and nothing else.
//
//go:embed texts
var files embed.FS

var texts = words.Must(files)

// letterData is what a letter that brings a link is written of.
type letterData struct {
	Name, Username, URL string
	Until               time.Time
}

// noticeData is what a letter is written of that tells what happened to an account.
type noticeData struct {
	Name, Username, Provider string
	At                       time.Time
	// What happened, said already, and From where.
	What, From string
}

// letter writes the letter that brings a link.
func letter(in words.Language, d userDoc, link Link, public string) (subject, text string, err error) {
	data := letterData{Name: d.Name, Username: d.Display, URL: strings.TrimRight(public, "/") + LinkPath + link.Token.Reveal(), Until: link.ExpiresAt}
	if data.Name == "" {
		data.Name = d.Display
	}
	if subject, err = texts.Say(in, link.Purpose+".subject", data); err != nil {
		return "", "", err
	}
	text, err = texts.Say(in, link.Purpose, data)
	return subject, text + "\n", err
}

// letterOf writes what a notice says.
func letterOf(in words.Language, n notice, data noticeData) (subject, text string, err error) {
	if data.What, err = texts.Say(in, n.what, data); err != nil {
		return "", "", err
	}
	if subject, err = texts.Say(in, "notice.subject", data); err != nil {
		return "", "", err
	}
	text, err = texts.Say(in, "notice", data)
	return subject, text + "\n", err
}
