package httpclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// Classify tells what an error of a connection means: a certificate, a name, a network. What is classified
// already and what the caller's own context ended stays as it is; what is not of the network comes back
// unclassified.
func Classify(err error) error {
	var known *provider.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	if advice := certificateAdvice(err); advice != "" {
		return &provider.Error{Status: resource.StatusFailed, Err: err, Advice: advice, Certificate: met(err)}
	}
	var name *net.DNSError
	if errors.As(err, &name) && name.IsNotFound {
		return &provider.Error{Status: resource.StatusUnreachable, Err: err, Advice: fmt.Sprintf("check the address: the name %s is unknown to this machine's DNS", name.Name)}
	}
	var network net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return &provider.Error{Status: resource.StatusUnreachable, Err: err, Advice: "nothing listens there, or a firewall refuses: check address and port from the agent's machine"}
	case errors.As(err, &network) && network.Timeout():
		return &provider.Error{Status: resource.StatusUnreachable, Err: err, Advice: "no answer in time: check routes, firewall and proxy between the agent and the provider"}
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET):
		return provider.Unreachable(err)
	}
	return err
}

// CertificateError says that a server's certificate is not the one that the settings trust.
type CertificateError struct {
	Err error
	// Shown is what the server showed.
	Shown *x509.Certificate
}

func (e *CertificateError) Error() string { return e.Err.Error() }
func (e *CertificateError) Unwrap() error { return e.Err }

// met is the certificate that an error is about; nil where it tells of none.
func met(err error) *provider.Certificate {
	var other *CertificateError
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &other) && other.Shown != nil:
		return provider.CertificateOf(other.Shown)
	case errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0:
		return provider.CertificateOf(unverified.UnverifiedCertificates[0])
	}
	return nil
}

func certificateAdvice(err error) string {
	var untrusted x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, ErrFingerprint):
		return "the certificate was renewed or somebody is in between: compare its fingerprint with the server's administrator"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "the server does not speak TLS on this port: check the address, http or https"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate is out of date, or the clock of this machine is off"
	case errors.As(err, &hostname):
		return "the server's certificate is for another name: use that name in the address"
	case errors.As(err, &untrusted), errors.As(err, &invalid), errors.As(err, &verification):
		return "nobody this machine trusts has signed the server's certificate: put its authority or its fingerprint into the settings"
	}
	return ""
}

// MaxSkew is how far two clocks may differ before signed requests and tokens are refused for it.
const MaxSkew = 4 * time.Minute

// Skew is how far the clock of the server that sent the header is ahead of now; 0 if it says no time.
func Skew(header http.Header, now time.Time) time.Duration {
	at, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0
	}
	return at.Sub(now).Round(time.Second)
}

// Answer tells what an answer that is no success means: 401 and 403 are denied, 429 and 503 with Retry-After
// throttled, other 5xx and 408 unreachable, 404 and the rest as err, unclassified. A page of HTML where an API
// should be is said to be that, and a denial beside a clock that is off names the clock. err is the error as the
// vendor's library made it; body may be nil where that has consumed it.
func Answer(status int, header http.Header, body []byte, err error) error {
	if err == nil {
		err = fmt.Errorf("the provider answers %d %s", status, http.StatusText(status))
	}
	if page := htmlTitle(header, body); page != "" && status != http.StatusTooManyRequests {
		return &provider.Error{Status: htmlStatus(status), Err: fmt.Errorf("answered by a web page (%q, status %d), not by the API", page, status),
			Advice: "check the address, and whether a proxy or sign-in page is in between"}
	}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		advice := ""
		if skew := Skew(header, time.Now()); skew.Abs() > MaxSkew {
			advice = fmt.Sprintf("the clock of this machine differs by %s from the provider's: set it, then try again", skew.Abs())
		}
		return provider.Denied(err, advice)
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && header.Get("Retry-After") != "":
		return provider.Throttled(err, RetryAfter(header, time.Now()))
	case status >= 500, status == http.StatusRequestTimeout:
		return provider.Unreachable(err)
	}
	return err
}

// htmlStatus is the outcome of a page of HTML: a gateway's error page passes, a sign-in page stays.
func htmlStatus(status int) resource.Status {
	if status >= 500 {
		return resource.StatusUnreachable
	}
	return resource.StatusFailed
}

// RetryAfter is how long a server asks to wait, by seconds, milliseconds or date; 0 if it does not say.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	for name, unit := range map[string]time.Duration{"Retry-After-Ms": time.Millisecond, "X-Ms-Retry-After-Ms": time.Millisecond, "Retry-After": time.Second} {
		if n, err := strconv.Atoi(strings.TrimSpace(header.Get(name))); err == nil && n >= 0 {
			return min(time.Duration(n)*unit, time.Hour)
		}
	}
	if at, err := http.ParseTime(header.Get("Retry-After")); err == nil {
		return min(max(at.Sub(now), 0), time.Hour)
	}
	return 0
}

// htmlTitle is a page's title or, without one, its type; empty for what is no page.
func htmlTitle(header http.Header, body []byte) string {
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	start := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 2048)]))
	if kind != "text/html" && !bytes.HasPrefix(start, []byte("<!doctype html")) && !bytes.HasPrefix(start, []byte("<html")) {
		return ""
	}
	if _, rest, ok := bytes.Cut(start, []byte("<title>")); ok {
		if title, _, ok := bytes.Cut(rest, []byte("</title>")); ok && len(title) > 0 {
			return string(title[:min(len(title), 100)])
		}
	}
	return "text/html"
}
