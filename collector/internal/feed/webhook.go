package feed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/webhook"
)

// Webhook posts entries as {"entries": [...]}, signed.
type Webhook struct {
	url    string
	secret webhook.Secret
	sender *webhook.Sender
}

var _ Target = (*Webhook)(nil)

// NewWebhook makes a target.
func NewWebhook(address string, secret webhook.Secret, clock func() time.Time) (*Webhook, error) {
	if err := webhook.CheckAddress(address); err != nil {
		return nil, err
	}
	if len(secret) < 16 {
		return nil, errors.New("the secret of a webhook wants at least 16 bytes")
	}
	return &Webhook{url: address, secret: secret, sender: webhook.New(webhook.Options{Clock: clock})}, nil
}

// Name is "webhook".
func (w *Webhook) Name() string { return "webhook" }

// Close ends idle connections.
func (w *Webhook) Close() error {
	w.sender.Close()
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
	return w.sender.Post(ctx, w.url, w.secret, hex.EncodeToString(delivery.Sum(nil)[:16]), body.Bytes())
}
