package api

import (
	"bufio"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
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

// What the collector refuses is said in the language of the page, with the places, values and codes that programs go by as they are; who asks
// for none, or for another, gets English.
func TestProblemsAreInTheLanguageOfThePage(t *testing.T) {
	w := newRightsWorld(t, false)
	for name, tt := range map[string]struct {
		method, path, cookie string
		body                 any
		header               [2]string
		status               int
		detail, message      string
	}{
		"no such thing":    {method: "GET", path: "/connections/none", cookie: w.cookie, status: 404, detail: "Não encontrado: conexão. Não existe ou você não pode ver."},
		"no right":         {method: "GET", path: "/users", cookie: w.cookie, status: 403, detail: "Sua função (none) não permite isto. Um administrador pode fazê-lo ou dar a você o direito."},
		"nobody":           {method: "GET", path: "/users", status: 401, detail: "Entre ou envie um token da API como Authorization: Bearer mst_..."},
		"a wrong password": {method: "POST", path: "/session", body: rest.SignIn{Username: "nobody", Password: "x"}, status: 401, detail: "Usuário ou senha errados."},
		"a link":           {method: "POST", path: "/session/link", body: rest.LinkUse{Token: "x"}, status: 404, detail: "Este link não funciona: foi usado, expirou, foi feito um mais novo ou não foi copiado inteiro. Peça outro."},
		"a filter":         {method: "GET", path: "/resources/server?filter=namex+%3D+x", cookie: w.cookie, status: 400, detail: `Não há campo "namex" aqui.`, message: `filter: character 1: não há campo "namex" aqui; did you mean name?`},
		"a field":          {method: "PUT", path: "/session/profile", cookie: w.cookie, body: rest.ProfileWrite{Email: "x"}, status: 422, detail: "email: não é um endereço de e-mail.", message: "não é um endereço de e-mail"},
		"what is missing":  {method: "PUT", path: "/session/language", cookie: w.cookie, body: map[string]any{}, status: 422, detail: "Precisa de um valor para language.", message: "precisa de um valor para language"},
		"no version":       {method: "PUT", path: "/subscriptions/x", cookie: w.cookie, body: rest.SubscriptionWrite{Name: "x", Event: "runs"}, status: 428, detail: "Envie If-Match com a versão que você editou, como estava no ETag.", message: "está faltando"},
	} {
		header := []string{"Accept-Language", "pt", "X-Maestro-CSRF", "1"}
		if tt.cookie != "" {
			header = append(header, "Cookie", tt.cookie)
		}
		p := documentOf[rest.Problem](w.ask("", tt.method, "/api/v1"+tt.path, tt.body, header...).is(tt.status))
		if p.Detail != tt.detail || tt.message != "" && (len(p.Errors) == 0 || p.Errors[0].Message != tt.message) {
			t.Errorf("%s: %+v", name, p)
		}
		header[1] = "de, fr;q=0.5"
		if p := documentOf[rest.Problem](w.ask("", tt.method, "/api/v1"+tt.path, tt.body, header...).is(tt.status)); p.Detail == tt.detail || p.Title != http.StatusText(tt.status) {
			t.Errorf("%s: in English %+v", name, p)
		}
	}
}
