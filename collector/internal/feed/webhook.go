package feed

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/internal/build"
)

// Secret signs what is sent. It does not print itself.
type Secret []byte

func (Secret) String() string   { return "[secret]" }
func (Secret) GoString() string { return "[secret]" }

// The headers of a delivery. The signature is "v1=" and the hex of HMAC-SHA-256 over the timestamp, a dot and the body; the
// delivery's id is the same whenever the same entries go again.
const (
	HeaderTimestamp = "X-Maestro-Timestamp"
	HeaderSignature = "X-Maestro-Signature"
	HeaderDelivery  = "X-Maestro-Delivery"
)

// Webhook posts entries as {"entries": [...]}, signed.
type Webhook struct {
	url    string
	host   string
	secret Secret
	clock  func() time.Time
	http   *http.Client
}

var _ Target = (*Webhook)(nil)

// NewWebhook makes a target. Plain HTTP is for this machine only: what people did is nobody else's business.
func NewWebhook(address string, secret Secret, clock func() time.Time) (*Webhook, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("a webhook wants an https:// address") // which may hold a token, so it is not printed
	}
	if host := u.Hostname(); u.Scheme == "http" && host != "localhost" && host != "127.0.0.1" && host != "::1" {
		return nil, errors.New("a webhook on another machine wants https://")
	}
	if len(secret) < 16 {
		return nil, errors.New("the secret of a webhook wants at least 16 bytes")
	}
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("the HTTP transport was replaced")
	}
	transport = transport.Clone()
	return &Webhook{url: address, host: u.Host, secret: secret, clock: clock, http: &http.Client{Transport: transport, Timeout: 15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Name is "webhook".
func (w *Webhook) Name() string { return "webhook" }

// Close ends idle connections.
func (w *Webhook) Close() error {
	w.http.CloseIdleConnections()
	return nil
}

// Send posts the entries; any status but 2xx means that they go again.
func (w *Webhook) Send(ctx context.Context, entries []audit.Entry) error {
	var body bytes.Buffer
	delivery := sha256.New()
	body.WriteString(`{"entries":[`)
	for i, e := range entries {
		b, err := encode(e)
		if err != nil {
			return err
		}
		if i > 0 {
			body.WriteByte(',')
		}
		body.Write(b)
		delivery.Write([]byte(e.ID + "\n"))
	}
	body.WriteString("]}\n")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body.Bytes()))
	if err != nil {
		return fmt.Errorf("make request to webhook at %s", w.host)
	}
	timestamp := strconv.FormatInt(w.clock().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "maestro-collector/"+build.Version())
	req.Header.Set(HeaderTimestamp, timestamp)
	req.Header.Set(HeaderSignature, Sign(w.secret, timestamp, body.Bytes()))
	req.Header.Set(HeaderDelivery, hex.EncodeToString(delivery.Sum(nil)[:16]))
	res, err := w.http.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err // without the address
		}
		return fmt.Errorf("reach webhook at %s: %w", w.host, err)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("read answer of webhook at %s: %w", w.host, err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("webhook at %s answered %s", w.host, res.Status)
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
