package feed

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"maestro.internal/collector/internal/audit"
)

const (
	auditFacility = 13
	// datagram is what fits; a longer message is cut.
	datagram = 8 << 10
	// aliveWithin is how long a stream is listened to for its end, after a batch.
	aliveWithin = 20 * time.Millisecond
)

// SyslogConfig says where messages of RFC 5424 go.
type SyslogConfig struct {
	// URL is udp://, tcp:// or tls://host:port.
	URL string
	// CA is a file of certificates to trust instead of the system's.
	CA   string
	Host string
}

// Syslog sends messages of RFC 5424: in datagrams, or counted (RFC 6587) over TCP or TLS.
type Syslog struct {
	network, address, host string
	tls                    *tls.Config
	conn                   net.Conn
	// gone is closed when the other side has ended a stream.
	gone chan struct{}
}

var _ Target = (*Syslog)(nil)

// NewSyslog checks the configuration; it connects when there is something to send.
func NewSyslog(c SyslogConfig) (*Syslog, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Port() == "" || u.Path != "" {
		return nil, fmt.Errorf("%q is not udp://, tcp:// or tls://host:port", c.URL)
	}
	s := &Syslog{network: "tcp", address: u.Host, host: c.Host}
	switch u.Scheme {
	case "udp":
		s.network = "udp"
	case "tcp":
	case "tls":
		s.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
	default:
		return nil, fmt.Errorf("%q is not udp://, tcp:// or tls://host:port", c.URL)
	}
	if c.CA != "" {
		if s.tls == nil {
			return nil, errors.New("certificates to trust are of use with tls:// only")
		}
		b, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("read certificates: %w", err)
		}
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("%s holds no certificate", c.CA)
		}
	}
	return s, nil
}

// Name is "syslog".
func (s *Syslog) Name() string { return "syslog" }

// Send writes the entries. Syslog acknowledges nothing; over a stream, one that was closed by the other side at the end is an
// error, so that the batch goes again.
func (s *Syslog) Send(ctx context.Context, entries []audit.Entry) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	err := s.conn.SetWriteDeadline(deadline)
	for _, e := range entries {
		if err != nil {
			break
		}
		var m []byte
		if m, err = s.message(e); err == nil {
			_, err = s.conn.Write(m)
		}
	}
	if err == nil && s.network == "tcp" {
		err = s.alive()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write to syslog at %s: %w", s.address, err), s.Close())
	}
	return nil
}

func (s *Syslog) connect(ctx context.Context) (err error) {
	if s.conn != nil {
		if s.network != "tcp" || s.alive() == nil {
			return nil
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if s.tls != nil {
		s.conn, err = (&tls.Dialer{NetDialer: dialer, Config: s.tls}).DialContext(ctx, s.network, s.address)
	} else {
		s.conn, err = dialer.DialContext(ctx, s.network, s.address)
	}
	if err != nil {
		s.conn = nil
		return fmt.Errorf("connect to syslog: %w", err)
	}
	if s.network == "tcp" {
		s.gone = make(chan struct{})
		go func(conn net.Conn, gone chan struct{}) { // Close waits for it
			defer close(gone)
			_, _ = io.Copy(io.Discard, conn) // however it ends, it has ended
		}(s.conn, s.gone)
	}
	return nil
}

// alive waits a moment for the end of the stream; there is nothing else to hear.
func (s *Syslog) alive() error {
	select {
	case <-s.gone:
		return errors.New("the other side closed the connection")
	case <-time.After(aliveWithin):
		return nil
	}
}

// Close ends the connection.
func (s *Syslog) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	if s.gone != nil {
		<-s.gone
		s.gone = nil
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close syslog: %w", err)
	}
	return nil
}

func (s *Syslog) message(e audit.Entry) ([]byte, error) {
	body, err := encode(e)
	if err != nil {
		return nil, err
	}
	severity := 6 // informational
	switch e.Outcome {
	case audit.Refused:
		severity = 4
	case audit.Failed:
		severity = 3
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<%d>1 %s %s maestro-collector - %s [maestro@32473", auditFacility*8+severity,
		e.At.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), word(s.host, 255), word(e.Action, 32))
	params := [][2]string{{"id", e.ID}, {"tenant", e.Tenant}, {"actor", e.Actor}, {"outcome", e.Outcome}, {"address", e.Address}}
	if e.Object != nil {
		params = append(params, [2]string{"object", e.Object.ID}, [2]string{"object_name", e.Object.Name})
	}
	for _, p := range params {
		if p[1] != "" {
			fmt.Fprintf(&b, ` %s="%s"`, p[0], strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(strings.ToValidUTF8(p[1], "?")))
		}
	}
	b.WriteString("] \ufeff")
	b.Write(body)
	text := b.String()
	if s.network == "udp" {
		if len(text) > datagram {
			text = text[:datagram]
			for !utf8.ValidString(text) {
				text = text[:len(text)-1]
			}
		}
		return []byte(text), nil
	}
	return fmt.Appendf(nil, "%d %s", len(text), text), nil
}

// word is text as a header field may have it: printable ASCII without spaces, "-" for nothing.
func word(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}
