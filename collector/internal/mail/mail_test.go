package mail

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a mail server for one connection after another.
type server struct {
	t        *testing.T
	l        net.Listener
	tls      *tls.Config
	pool     *x509.CertPool
	implicit bool
	// plain says that it offers no encryption.
	plain bool
	// refuse answers RCPT with 550, hang answers nothing at all.
	refuse, hang bool
	letters      chan received
	done         chan struct{}
}

type received struct{ from, to, auth, data string }

func start(t *testing.T, change func(*server)) *server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	s := &server{t: t, letters: make(chan received, 4), done: make(chan struct{}), pool: x509.NewCertPool(),
		tls: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}
	s.pool.AddCert(cert)
	if change != nil {
		change(s)
	}
	s.l, err = net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go func() {
		defer close(s.done)
		for {
			conn, err := s.l.Accept()
			if err != nil {
				return
			}
			s.serve(conn)
		}
	}()
	t.Cleanup(func() {
		must(t, s.l.Close())
		<-s.done
	})
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if s.implicit {
		conn = tls.Server(conn, s.tls)
	}
	r := bufio.NewReader(conn)
	say := func(format string, args ...any) { fmt.Fprintf(conn, format+"\r\n", args...) }
	if s.hang {
		_, _ = r.ReadString('\n') // until the client gives up
		return
	}
	say("220 mail.example ESMTP")
	encrypted, got := s.implicit, received{}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			if !encrypted && !s.plain {
				say("250-STARTTLS")
			}
			say("250-AUTH PLAIN")
			say("250 8BITMIME")
		case "STARTTLS":
			if s.plain {
				say("502 not here")
				continue
			}
			say("220 go")
			conn = tls.Server(conn, s.tls)
			r, encrypted = bufio.NewReader(conn), true
		case "AUTH":
			b, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			got.auth = string(b)
			if !strings.HasSuffix(got.auth, "\x00right") {
				say("535 no")
				continue
			}
			say("235 welcome")
		case "MAIL":
			got.from = rest
			say("250 ok")
		case "RCPT":
			if s.refuse {
				say("550 nobody here")
				continue
			}
			got.to = rest
			say("250 ok")
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil || line == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(line, "."))
			}
			got.data = b.String()
			s.letters <- got
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("500 what")
		}
	}
}

func (s *server) sender(security, user, password string) *Sender {
	s.t.Helper()
	sender, err := New(Options{Address: s.l.Addr().String(), Security: security, From: "Maestro <maestro@example.org>", Username: Secret(user), Password: Secret(password), CA: s.pool})
	must(s.t, err)
	return sender
}

const text = "Hello Zoë,\n\nhttps://maestro.example/link#aBc_-\n.\n.hidden dot\nBcc: eve@example.org\n"

func TestALetterArrivesAsItWasWritten(t *testing.T) {
	for _, security := range []string{StartTLS, TLS, None} {
		s := start(t, func(s *server) { s.implicit = security == TLS })
		user := "maestro"
		if security == None {
			user = ""
		}
		must(t, s.sender(security, user, "right").Send(t.Context(), "berta@example.org", "Grüße", text))
		got := <-s.letters
		if !strings.HasPrefix(got.from, "FROM:<maestro@example.org>") || got.to != "TO:<berta@example.org>" || (user != "") != (got.auth == "\x00maestro\x00right") {
			t.Errorf("%s: %+v", security, got)
		}
		m, err := netmail.ReadMessage(strings.NewReader(got.data))
		must(t, err)
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		must(t, err)
		if strings.ReplaceAll(string(body), "\r\n", "\n") != text {
			t.Errorf("%s: %q", security, body)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || subject != "Grüße" || m.Header.Get("Bcc") != "" || len(m.Header) != 9 {
			t.Errorf("%s: %v %v", security, m.Header, err)
		}
	}
}

func TestWhatIsNotSent(t *testing.T) {
	for name, tt := range map[string]struct {
		change         func(*server)
		security, pass string
		to, subject    string
		want           string
	}{
		"no encryption offered": {change: func(s *server) { s.plain = true }, security: StartTLS, want: "encrypt"},
		"wrong password":        {security: StartTLS, pass: "wrong", want: "sign in"},
		"recipient refused":     {change: func(s *server) { s.refuse = true }, security: StartTLS, want: "recipient"},
		"two recipients":        {security: StartTLS, to: "a@b.example, c@d.example", want: "address"},
		"another header":        {security: StartTLS, to: "a@b.example\r\nBcc: c@d.example", want: "address"},
		"header in the subject": {security: StartTLS, subject: "a\r\nBcc: c@d.example", want: "subject"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, tt.change)
			to, subject, pass := "berta@example.org", "x", "right"
			if tt.to != "" {
				to = tt.to
			}
			if tt.subject != "" {
				subject = tt.subject
			}
			if tt.pass != "" {
				pass = tt.pass
			}
			err := s.sender(tt.security, "maestro", pass).Send(t.Context(), to, subject, text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want something about %q", err, tt.want)
			}
			if len(s.letters) > 0 {
				t.Errorf("sent %+v", <-s.letters)
			}
		})
	}
}

func TestACertificateOfNobodyIsRefused(t *testing.T) {
	s := start(t, nil)
	sender := s.sender(StartTLS, "", "")
	sender.opt.CA = x509.NewCertPool()
	if err := sender.Send(t.Context(), "berta@example.org", "x", text); err == nil || !strings.Contains(err.Error(), "encrypt") {
		t.Errorf("got %v", err)
	}
}

func TestAServerThatSaysNothingIsLeft(t *testing.T) {
	s := start(t, func(s *server) { s.hang = true })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := s.sender(None, "", "").Send(ctx, "berta@example.org", "x", text); err == nil || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

func TestOptionsThatGiveLettersAway(t *testing.T) {
	for name, o := range map[string]Options{
		"unencrypted to elsewhere": {Address: "mail.example:25", Security: None, From: "a@b.example"},
		"unencrypted password":     {Address: "127.0.0.1:25", Security: None, From: "a@b.example", Username: "a"},
		"no port":                  {Address: "mail.example", Security: TLS, From: "a@b.example"},
		"no sender":                {Address: "mail.example:465", Security: TLS},
		"unknown security":         {Address: "mail.example:465", Security: "ssl", From: "a@b.example"},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if printed := fmt.Sprintf("%v %+v %#v", Secret("hush"), Options{Password: "hush"}, Options{Password: "hush"}); strings.Contains(printed, "hush") {
		t.Error(printed)
	}
}
