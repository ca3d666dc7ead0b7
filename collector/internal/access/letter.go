package access

import (
	"fmt"
	"strings"
	"text/template"
	"time"
)

// Letters are plain text: what a person typed as a name stands there as text and nothing else.
const (
	invitationText = `Hello {{.Name}},

an account was made for you in Maestro. Your user name is {{.Username}}.

Set your password here:

  {{.URL}}

The link works once, until {{.Until}}. If you did not expect it, do nothing.
`
	resetText = `Hello {{.Name}},

somebody, probably you, asked to set another password for {{.Username}} in Maestro.

Set it here:

  {{.URL}}

The link works once, until {{.Until}}. If it was not you, do nothing: your password stays as it is.
`
)

type letterData struct{ Name, Username, URL, Until string }

// letter writes the letter that brings a link.
func letter(d userDoc, link Link, public string) (subject, text string, err error) {
	subject, body := "Your Maestro account", invitationText
	if link.Purpose == PasswordReset {
		subject, body = "Set your Maestro password", resetText
	}
	t, err := template.New(link.Purpose).Option("missingkey=error").Parse(body)
	if err != nil {
		return "", "", fmt.Errorf("read letter: %w", err)
	}
	data := letterData{Name: d.Name, Username: d.Display, URL: strings.TrimRight(public, "/") + LinkPath + link.Token.Reveal(),
		Until: link.ExpiresAt.UTC().Format(time.RFC1123)}
	if data.Name == "" {
		data.Name = d.Display
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", "", fmt.Errorf("write letter: %w", err)
	}
	return subject, b.String(), nil
}
