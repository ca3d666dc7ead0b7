package mail

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
)

// A Voice is how a tenant's letters introduce themselves. The address stays the installation's: mail servers vouch for that one.
type Voice struct {
	// Name beside the address, ReplyTo the address that answers go to; empty ones are the installation's.
	Name, ReplyTo string
}

// Check says what is wrong with a voice, and of which field.
func (v Voice) Check() (field, problem string) {
	if len(v.Name) > 100 || strings.ContainsFunc(v.Name, unicode.IsControl) {
		return "mail_name", "may have at most 100 bytes and no control characters"
	}
	if a, err := mail.ParseAddress(v.ReplyTo); v.ReplyTo != "" && (err != nil || a.Address != v.ReplyTo || len(v.ReplyTo) > 254) {
		return "mail_reply_to", "is not an e-mail address"
	}
	return "", ""
}

type tenantKey struct{}

// For says for which tenant the letters are that are sent with the context.
func For(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

// voice is that of the tenant for which a letter is.
func (s *Sender) voice(ctx context.Context) (Voice, error) {
	tenant, ok := ctx.Value(tenantKey{}).(string)
	if !ok || s.opt.Voice == nil {
		return Voice{}, nil
	}
	v, err := s.opt.Voice(ctx, tenant)
	if err != nil {
		return Voice{}, fmt.Errorf("read how letters of tenant %s introduce themselves: %w", tenant, err)
	}
	if _, problem := v.Check(); problem != "" {
		return Voice{}, nil // a letter that introduces itself plainly is better than none
	}
	return v, nil
}
