// Package webhook posts signed documents to addresses that people name. Who names an address must not be able to make the
// collector talk to what only the collector reaches, so an address is judged when its name has been resolved, at the moment of
// dialling, and redirects lead nowhere.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"maestro.internal/internal/build"
)

// Secret signs what is sent. It does not print itself.
type Secret []byte

func (Secret) String() string   { return "[secret]" }
func (Secret) GoString() string { return "[secret]" }

// The headers of a delivery. The signature is "v1=" and the hex of HMAC-SHA-256 over the timestamp, a dot and the body; the
// delivery's id is the same whenever the same document goes again.
const (
	HeaderTimestamp = "X-Maestro-Timestamp"
	HeaderSignature = "X-Maestro-Signature"
	HeaderDelivery  = "X-Maestro-Delivery"
)

// leastSecret is in bytes.
const leastSecret = 16

// CheckAddress says whether an address can be one. Plain HTTP is for this machine only: what is told is nobody else's business.
func CheckAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("a webhook wants an https:// address") // which may hold a token, so it is not printed
	}
	if host := u.Hostname(); u.Scheme == "http" && host != "localhost" && host != "127.0.0.1" && host != "::1" {
		return errors.New("a webhook on another machine wants https://")
	}
	return nil
}

// Options of a Sender.
type Options struct {
	Clock func() time.Time
	// Allow judges what an address resolved to; nil allows all: for addresses that whoever runs the collector configured.
	Allow func(netip.Addr) bool
}

// Sender posts.
type Sender struct {
	clock func() time.Time
	http  *http.Client
	// foreign says that people name the addresses, who are told how a delivery went but nothing of the collector's own network.
	foreign bool
}

// Why an address was not reached, for people. What the system says of it names resolvers and addresses that are the collector's business.
var (
	errNoName      = errors.New("there is no machine of this name")
	errLookup      = errors.New("its name could not be looked up just now")
	errNoAnswer    = errors.New("it did not answer in time")
	errCertificate = errors.New("its certificate is not one that the collector trusts")
	errRefused     = errors.New("it takes no connections there")
	errUnreached   = errors.New("no connection could be made or it was broken off")
)

func inWords(err error) error {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var timed net.Error
	switch {
	case errors.Is(err, errNotAllowed):
		return errNotAllowed
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &name) && name.IsNotFound:
		return errNoName
	case errors.As(err, &name):
		return errLookup
	case errors.As(err, &certificate):
		return errCertificate
	case errors.Is(err, syscall.ECONNREFUSED):
		return errRefused
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timed) && timed.Timeout():
		return errNoAnswer
	}
	return errUnreached
}

// errNotAllowed is about an address of the network that a webhook may not lead to.
var errNotAllowed = errors.New("its address is not one that webhooks may lead to: ask whoever runs the collector to allow its network (notifications.webhook_networks)")

// New makes a Sender; Close it.
func New(opt Options) *Sender {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConns: 20, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 15 * time.Second}
	if opt.Allow != nil {
		transport.Proxy = nil // it would be the one who resolves names
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !opt.Allow(at.Addr().Unmap()) {
				return errNotAllowed
			}
			return nil
		}
	}
	transport.DialContext = dialer.DialContext
	return &Sender{clock: opt.Clock, foreign: opt.Allow != nil, http: &http.Client{Transport: transport, Timeout: 15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Close ends idle connections.
func (s *Sender) Close() { s.http.CloseIdleConnections() }

// Post sends a JSON document; any status but 2xx is an error. No error holds more of the address than its host.
func (s *Sender) Post(ctx context.Context, address string, secret Secret, delivery string, body []byte) error {
	if len(secret) < leastSecret {
		return fmt.Errorf("the secret of a webhook wants at least %d bytes", leastSecret)
	}
	if err := CheckAddress(address); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("make request to webhook: its address is none")
	}
	host, timestamp := req.URL.Host, strconv.FormatInt(s.clock().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "maestro-collector/"+build.Version())
	req.Header.Set(HeaderTimestamp, timestamp)
	req.Header.Set(HeaderSignature, Sign(secret, timestamp, body))
	req.Header.Set(HeaderDelivery, delivery)
	res, err := s.http.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err // without the address
		}
		if s.foreign {
			err = inWords(err)
		}
		return fmt.Errorf("reach webhook at %s: %w", host, err)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("read answer of webhook at %s: %w", host, err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("webhook at %s answered %s", host, res.Status)
	}
	return nil
}

// Sign is what a receiver computes too.
func Sign(secret Secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Public allows addresses of the internet, and the networks named: what is this machine's own, link-local (where clouds keep their
// credentials) or private is reached only by who runs the collector saying so.
func Public(networks []netip.Prefix) func(netip.Addr) bool {
	return func(a netip.Addr) bool {
		for _, p := range networks {
			if p.Contains(a) {
				return true
			}
		}
		return a.IsGlobalUnicast() && !a.IsPrivate() && !special(a)
	}
}

// reserved ranges that are global unicast by form: carrier-grade NAT, benchmarks, documentation, NAT64 and 6to4, which lead elsewhere.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("2001::/32"),
}

func special(a netip.Addr) bool {
	for _, p := range reserved {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
