package api

import (
	"bufio"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"testing"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/mail"
	"maestro.internal/internal/rest"
)

// mailServer is a real one on this machine, that hands out what it took.
func mailServer(t *testing.T) (address string, letters <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	took, done := make(chan string, 8), make(chan struct{})
	go func() { // ends with the listener
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(conn)
			say := func(s string) { _, _ = io.WriteString(conn, s+"\r\n") }
			say("220 mail.example ESMTP")
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					break
				}
				switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); verb {
				case "DATA":
					say("354 go on")
					var letter strings.Builder
					for line, err = r.ReadString('\n'); err == nil && line != ".\r\n"; line, err = r.ReadString('\n') {
						letter.WriteString(strings.TrimPrefix(line, "."))
					}
					took <- letter.String()
					say("250 ok")
				case "QUIT":
					say("221 bye")
				default:
					say("250 ok")
				}
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { must(t, l.Close()); <-done })
	return l.Addr().String(), took
}

// A person who chose Portuguese is told in Portuguese: in the centre, by a letter with headers that any mail reader takes, and in what the
// collector refuses. The page's language comes before the profile's, and webhooks stay as they are.
func TestAPersonIsToldInTheOwnLanguage(t *testing.T) {
	w := newWorld(t)
	address, letters := mailServer(t)
	post, err := mail.New(mail.Options{Address: address, Security: mail.None, From: "Maestro <maestro@example.org>"})
	must(t, err)
	w.post = post
	w.user("ana", access.RoleReader)
	u := documentOf[rest.User](w.ask(w.admin, "GET", "/api/v1/users/ana", nil).is(200))
	w.ask(w.admin, "PUT", "/api/v1/users/ana", rest.UserWrite{DisplayName: "Ana", Email: "ana@example.org", Role: u.Role}, "If-Match", etag(u.Version)).is(200)
	ana := w.signIn("ana")
	w.browser(ana, "PUT", "/session/language", rest.LanguageChoice{Language: "pt"}).is(204)
	w.browser(ana, "PUT", "/session/language", map[string]string{"language": "xx"}).is(422)
	if s := documentOf[rest.Session](w.browser(ana, "GET", "/session", nil).is(200)); s.Language != "pt" {
		t.Errorf("%+v", s)
	}
	w.subscribe(ana, rest.SubscriptionWrite{Name: "Produção", Event: rest.EventResources, Mail: true})
	w.ask(w.admin, "POST", "/api/v1/resources/server", map[string]any{"name": "web-1"}).is(201)
	w.ask(w.admin, "POST", "/api/v1/resources/server", map[string]any{"name": "web-2"}).is(201)
	w.tell()
	w.deliver()
	m, err := netmail.ReadMessage(strings.NewReader(next(t, letters)))
	must(t, err)
	raw := m.Header.Get("Subject")
	subject, err := new(mime.WordDecoder).DecodeHeader(raw)
	must(t, err)
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	must(t, err)
	if subject != "Produção: 2 novos" || !strings.HasPrefix(raw, "=?utf-8?q?") || m.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%q, as %q, %v", subject, raw, m.Header)
	}
	for _, want := range []string{"Olá Ana,", "novo  servidor  web-1", "O que você recebe: https://maestro.example/notifications"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	if got := w.notifications(ana, "")[0].Title; got != "Produção: 2 novos" {
		t.Errorf("by the profile: %q", got)
	}
	in := func(language string) rest.Notification {
		a := w.ask("", "GET", "/api/v1/notifications", nil, "Cookie", ana, "Accept-Language", language)
		return documentOf[rest.List[rest.Notification]](a.is(200)).Items[0]
	}
	if got := in("en-GB, pt;q=0.5").Title; got != "Produção: 2 new" {
		t.Errorf("by the page: %q", got)
	}
}

// Who never chose has the language of the first sign-in.
func TestTheFirstSignInSettlesTheLanguage(t *testing.T) {
	w := newWorld(t)
	w.user("ana", access.RoleReader)
	w.ask("", "POST", "/api/v1/session", rest.SignIn{Username: "ana", Password: password}, "Accept-Language", "pt-BR,pt;q=0.9,en;q=0.8").is(200)
	w.ask("", "POST", "/api/v1/session", rest.SignIn{Username: "ana", Password: password}, "Accept-Language", "en").is(200)
	if u := documentOf[rest.User](w.ask(w.admin, "GET", "/api/v1/users/ana", nil).is(200)); u.Language != "pt" {
		t.Errorf("%+v", u)
	}
}
