// Package mail hands letters of plain text to a mail server (SMTP). It is small on purpose: one letter to one
// person, nothing kept and nothing tried again; whoever sends says what it means that a letter did not go.
package mail

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"strings"
	"time"
)

// How the connection is encrypted.
const (
	// StartTLS begins in the clear and insists on encryption before anything else is said.
	StartTLS = "starttls"
	// TLS is encrypted from the first byte on.
	TLS = "tls"
	// None is for a mail server on this machine only; nothing signs in over it.
	None = "none"
)

// Secret does not print itself.
type Secret string

func (Secret) String() string   { return "[secret]" }
func (Secret) GoString() string { return "[secret]" }

// MarshalText hides it too.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Options of a Sender.
type Options struct {
	// Address is host:port.
	Address string
	// Security is one of StartTLS, TLS and None.
	Security string
	// From is an address, with a name if wanted.
	From               string
	Username, Password Secret
	// CA is what certificates are trusted by; nil: what the system trusts.
	CA    *x509.CertPool
	Clock func() time.Time
	// Voice is how a tenant's letters introduce themselves; nil: as the installation's.
	Voice func(ctx context.Context, tenant string) (Voice, error)
}

// Sender sends letters.
type Sender struct {
	opt  Options
	host string
	from mail.Address
}

// New checks the options.
func New(opt Options) (*Sender, error) {
	host, _, err := net.SplitHostPort(opt.Address)
	if err != nil || host == "" {
		return nil, fmt.Errorf("read mail server: %q is not host:port", opt.Address)
	}
	from, err := mail.ParseAddress(opt.From)
	if err != nil {
		return nil, fmt.Errorf("read sender %q: %w", opt.From, err)
	}
	switch opt.Security {
	case StartTLS, TLS:
	case None:
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, fmt.Errorf("read mail server: %s is not this machine, so encrypt (starttls or tls): letters carry links that set passwords", host)
		}
		if opt.Username != "" {
			return nil, errors.New("read mail server: a password does not travel unencrypted; use starttls or tls")
		}
	default:
		return nil, fmt.Errorf("read mail server: %q is none of starttls, tls, none", opt.Security)
	}
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	return &Sender{opt: opt, host: host, from: *from}, nil
}

// sendWithin bounds a letter when ctx does not.
const sendWithin = time.Minute

// Send hands a letter over. to is an address and nothing else.
func (s *Sender) Send(ctx context.Context, to, subject, text string) (err error) {
	letter, rcpt, err := s.letter(ctx, to, subject, text)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.opt.Address)
	if err != nil {
		return fmt.Errorf("reach mail server: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // wakes whoever reads or writes
	defer stop()
	c, err := s.greet(conn)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	defer func() {
		if err != nil {
			_ = c.Close() // the server hung up, or is not worth a farewell
		}
	}()
	if err := s.signIn(c); err != nil {
		return err
	}
	if err := c.Mail(s.from.Address); err != nil {
		return fmt.Errorf("name sender to mail server: %w", err)
	}
	if err := c.Rcpt(rcpt); err != nil {
		return fmt.Errorf("name recipient to mail server: %w", err)
	}
	w, err := c.Data()
	if err != nil {
		return fmt.Errorf("begin letter: %w", err)
	}
	_, err = w.Write(letter)
	if err := errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("write letter: %w", err)
	}
	_ = c.Quit() // the letter is the server's already
	return nil
}

func (s *Sender) tls() *tls.Config {
	return &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12, RootCAs: s.opt.CA}
}

func (s *Sender) greet(conn net.Conn) (*smtp.Client, error) {
	if s.opt.Security == TLS {
		conn = tls.Client(conn, s.tls())
	}
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return nil, fmt.Errorf("greet mail server: %w", err)
	}
	if s.opt.Security == StartTLS {
		if err := c.StartTLS(s.tls()); err != nil {
			return nil, fmt.Errorf("encrypt to mail server: %w", err)
		}
	}
	return c, nil
}

func (s *Sender) signIn(c *smtp.Client) error {
	if s.opt.Username == "" {
		return nil
	}
	if err := c.Auth(smtp.PlainAuth("", string(s.opt.Username), string(s.opt.Password), s.host)); err != nil {
		return fmt.Errorf("sign in to mail server: %w", err)
	}
	return nil
}

// letter writes headers and text. Nothing that stands in them can begin another header or another recipient.
func (s *Sender) letter(ctx context.Context, to, subject, text string) (letter []byte, rcpt string, err error) {
	a, err := mail.ParseAddress(to)
	if err != nil || a.Address != to {
		return nil, "", fmt.Errorf("address letter: not an e-mail address")
	}
	if strings.ContainsAny(subject, "\r\n") {
		return nil, "", errors.New("write letter: the subject has more than one line")
	}
	v, err := s.voice(ctx)
	if err != nil {
		return nil, "", err
	}
	from := s.from
	from.Name = cmp.Or(v.Name, from.Name)
	_, domain, _ := strings.Cut(s.from.Address, "@")
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", from.String()}, {"To", a.String()}, {"Subject", mime.QEncoding.Encode("utf-8", subject)},
		{"Date", s.opt.Clock().Format(time.RFC1123Z)}, {"Message-ID", "<" + rand.Text() + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"}, {"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	if v.ReplyTo != "" {
		b.WriteString("Reply-To: " + (&mail.Address{Address: v.ReplyTo}).String() + "\r\n")
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, err = w.Write([]byte(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")))
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, "", fmt.Errorf("write letter: %w", err)
	}
	return b.Bytes(), a.Address, nil
}
