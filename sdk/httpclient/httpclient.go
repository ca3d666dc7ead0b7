// Package httpclient is what every plugin that speaks HTTP would otherwise write again: which certificates to
// trust, the site's ceiling on requests, and what a status, a broken connection or a page of HTML means for the
// outcome of a scope.
package httpclient

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"maestro.internal/sdk/ceiling"
)

// Options say whom to trust and how long to wait.
type Options struct {
	// CA are PEM certificates of authorities that are trusted beside the machine's own.
	CA []byte
	// Fingerprint is the SHA-256 of the server's certificate in hexadecimal, with or without colons. The one
	// certificate that has it is trusted, and no other.
	Fingerprint string
	// InsecureSkipVerify trusts anybody: for a first try only.
	InsecureSkipVerify bool
	// Timeout is that of a whole request with its answer; 0 means two minutes.
	Timeout time.Duration
}

// New makes a client that honours the ceiling of its requests' contexts and the proxy variables of the
// environment. Its errors are those of package net/http: Classify tells what they mean.
func New(o Options) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSHandshakeTimeout = 30 * time.Second
	transport.MaxIdleConnsPerHost = 16
	var err error
	if transport.TLSClientConfig, err = TLS(o); err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Minute
	}
	return &http.Client{Transport: Limited(transport), Timeout: o.Timeout}, nil
}

// ErrFingerprint says that the server showed another certificate than the one that is trusted.
var ErrFingerprint = errors.New("the server's certificate has another fingerprint than the settings")

// TLS is the part of New for clients that bring their own transport.
func TLS(o Options) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.InsecureSkipVerify}
	if len(o.CA) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(o.CA) {
			return nil, errors.New("read CA: no certificate in PEM form")
		}
		c.RootCAs = pool
	}
	if o.Fingerprint != "" {
		want, err := ParseFingerprint(o.Fingerprint)
		if err != nil {
			return nil, err
		}
		c.InsecureSkipVerify = true // VerifyConnection does it
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if sum := sha256.Sum256(state.PeerCertificates[0].Raw); !bytes.Equal(sum[:], want) {
				return &CertificateError{Err: ErrFingerprint, Shown: state.PeerCertificates[0]}
			}
			return nil
		}
	}
	return c, nil
}

// ParseFingerprint reads a SHA-256 as tools print it.
func ParseFingerprint(s string) ([]byte, error) {
	sum, err := hex.DecodeString(strings.ToLower(strings.NewReplacer(":", "", " ", "", "-", "").Replace(s)))
	if err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("read fingerprint: want the 64 hexadecimal digits of a SHA-256, with or without colons")
	}
	return sum, nil
}

// requests counts what this process has sent.
var requests atomic.Int64

// Requests is how many requests this process has sent through Limited transports: the price of a run, for
// benchmarks and logs.
func Requests() int64 { return requests.Load() }

// Limited is base with the ceiling of the request's context: a request waits until it may be sent, and counts as
// under way until its answer has been read or closed.
func Limited(base http.RoundTripper) http.RoundTripper { return &limited{base} }

type limited struct{ base http.RoundTripper }

func (l *limited) RoundTrip(req *http.Request) (*http.Response, error) {
	req, err := apart(req)
	if err != nil {
		return nil, err
	}
	done, err := ceiling.Wait(req.Context())
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // a transport must; nothing was sent
		}
		return nil, err
	}
	requests.Add(1)
	resp, err := l.base.RoundTrip(req)
	if err != nil {
		done()
		return nil, err
	}
	resp.Body = &body{ReadCloser: resp.Body, done: done}
	return resp, nil
}

// smallBody is what is held in memory of a question; larger ones are streams.
const smallBody = 1 << 20

// apart is the request with a body of its own. Vendors' libraries (smithy-go, and with it all of Amazon's) close the one they
// made as soon as an answer begins; if the transport has not seen its end by then, it takes that for a failure and breaks the
// connection off in the middle of the answer. A question is small and may then be repeated by the transport as well.
func apart(req *http.Request) (*http.Request, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, nil
	}
	text, err := io.ReadAll(io.LimitReader(req.Body, smallBody+1))
	out := req.Clone(req.Context())
	if len(text) > smallBody && err == nil {
		out.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(text), req.Body), req.Body}
		return out, nil
	}
	if err := errors.Join(err, req.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the question: %w", err)
	}
	if len(text) == 0 {
		out.Body, out.ContentLength = http.NoBody, 0
		return out, nil
	}
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	return out, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport below.
func (l *limited) CloseIdleConnections() {
	if c, ok := l.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type body struct {
	io.ReadCloser
	done func()
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.done()
	}
	return n, err
}

func (b *body) Close() error {
	b.done()
	return b.ReadCloser.Close()
}
