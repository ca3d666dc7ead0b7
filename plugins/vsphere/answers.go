package vsphere

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// answers is the transport of the vSphere API. It tells what is no answer of a vCenter at all, of which the library would
// keep no more than a status or a complaint about XML, and notes how far the server's clock is off.
type answers struct {
	base    http.RoundTripper
	ahead   atomic.Int64 // the server's clock, in nanoseconds before ours
	refusal atomic.Int64 // the last status that was an error of HTTP and not of the API
}

// mostOfPage is how much of a page that is no answer is read, to say what it is.
const mostOfPage = 4096

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	a.ahead.Store(int64(httpclient.Skew(resp.Header, time.Now())))
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	// Faults of the API come with 500.
	if (resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusInternalServerError) && kind != "text/html" {
		return resp, nil
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, mostOfPage))
	_ = resp.Body.Close()
	a.refusal.Store(int64(resp.StatusCode))
	err = httpclient.Answer(resp.StatusCode, resp.Header, body, fmt.Errorf("the server answers %s", resp.Status))
	var known *provider.Error
	switch {
	case !errors.As(err, &known):
		err = &provider.Error{Status: resource.StatusFailed, Err: err, Advice: "check the address: vCenter answers at /sdk"}
	case known.Status == resource.StatusDenied && known.Advice == "":
		known.Advice = "something before vCenter refuses the call, perhaps a proxy"
	}
	return nil, err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport below.
func (a *answers) CloseIdleConnections() {
	if c, ok := a.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (a *answers) skew() time.Duration { return time.Duration(a.ahead.Load()) }
func (a *answers) status() int         { return int(a.refusal.Load()) }

func clockAdvice(skew time.Duration) string {
	return fmt.Sprintf("the clocks of this machine and of the server differ by %s: set them, then try again", skew.Abs())
}

const sessionAdvice = "the server takes no more sessions, or is only starting: end sessions that nobody uses, or raise its limit of them"

var errThumbprint = errors.New("the server's certificate does not have the thumbprint of the settings")

// trust says which certificates the settings accept.
func trust(s Settings, sum []byte) (*tls.Config, error) {
	c, err := httpclient.TLS(httpclient.Options{CA: []byte(s.CA), InsecureSkipVerify: s.Insecure})
	if err != nil || sum == nil {
		return c, err
	}
	c.InsecureSkipVerify = true // VerifyConnection does it
	c.VerifyConnection = func(state tls.ConnectionState) error {
		raw := state.PeerCertificates[0].Raw
		by256, by1 := sha256.Sum256(raw), sha1.Sum(raw)
		if bytes.Equal(sum, by256[:]) || bytes.Equal(sum, by1[:]) {
			return nil
		}
		return &httpclient.CertificateError{Err: errThumbprint, Shown: state.PeerCertificates[0]}
	}
	return c, nil
}

// readThumbprint takes SHA-256 and SHA-1 with or without colons, since people copy what their tools print.
func readThumbprint(s string) ([]byte, error) {
	sum, err := hex.DecodeString(strings.ToLower(strings.NewReplacer(":", "", " ", "", "-", "").Replace(s)))
	if err != nil || (len(sum) != sha256.Size && len(sum) != sha1.Size) {
		return nil, errors.New("is no SHA-256 such as 1F:BF:FA:...")
	}
	return sum, nil
}
