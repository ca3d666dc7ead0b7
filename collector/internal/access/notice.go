package access

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/mail"
)

// notice is what a user is told by mail when something happened to the own account, so that somebody who did not do it
// hears of it.
type notice struct {
	// what is the name of a text, provider what it may name.
	what, provider   string
	address, browser string
}

// ownLetter waits to be sent.
type ownLetter struct {
	tenant string
	user   userDoc
	to     string
	notice notice
	at     time.Time
}

const maxSeen = 20

// tell queues a notice to an address. That there is no mail, or too much of it, keeps nobody from changing anything.
func (s *Service) tell(tenant string, d userDoc, to string, n notice) {
	if s.opt.Mail == nil || to == "" {
		return
	}
	select {
	case s.notices <- ownLetter{tenant: tenant, user: d, to: to, notice: n, at: s.now()}:
	default:
		s.opt.Log.Warn("mail notice: too many are waiting, dropped one", "user", d.Username)
	}
}

// tellOfEmail tells the former address that it is not the one any more.
func (s *Service) tellOfEmail(tenant string, was, is userDoc, c Caller) {
	if was.Email != is.Email {
		s.tell(tenant, is, was.Email, notice{what: "email_changed", address: c.Address, browser: c.Browser})
	}
}

func (s *Service) mailNotice(ctx context.Context, l ownLetter) {
	within, cancel := context.WithTimeout(ctx, mailWithin)
	defer cancel()
	if err := s.sendNotice(within, l); err != nil && ctx.Err() == nil {
		s.opt.Log.Warn("mail notice", "user", l.user.Username, "error", err)
	}
}

func (s *Service) sendNotice(ctx context.Context, l ownLetter) error {
	in, err := s.languageOf(ctx, l.tenant, l.user, "")
	if err != nil {
		return err
	}
	data := noticeData{Name: l.user.Display, Username: l.user.Display, Provider: l.notice.provider, At: l.at, From: l.notice.address}
	if l.notice.browser != "" {
		data.From += fmt.Sprintf(", %q", clip(l.notice.browser, maxBrowser))
	}
	subject, text, err := letterOf(in, l.notice, data)
	if err != nil {
		return err
	}
	return s.opt.Mail.Send(mail.For(ctx, l.tenant), l.to, subject, text)
}

// noteBrowser remembers what somebody signed in from and tells of what is new, the first time excepted. Who has no language yet gets the
// one that this browser asks for. It is no reason to keep anybody out.
func (s *Service) noteBrowser(ctx context.Context, tenant, name string, a Attempt) {
	sum := sha256.Sum256([]byte(limitAddressOf(a.Address) + "\x00" + a.Browser))
	mark := hex.EncodeToString(sum[:8])
	row, d, err := s.user(ctx, tenant, name)
	fresh, first := !slices.Contains(d.Seen, mark), len(d.Seen) == 0
	if err == nil && (fresh || d.Language == "" && a.Language.Known()) {
		d.Language = cmp.Or(d.Language, a.Language)
		if fresh {
			d.Seen = append(d.Seen, mark)
			d.Seen = d.Seen[max(0, len(d.Seen)-maxSeen):]
		}
		if err = s.replaceUser(ctx, row, d); err == nil && fresh && !first {
			s.tell(tenant, d, d.Email, notice{what: "signed_in", address: a.Address, browser: a.Browser})
		}
	}
	if err != nil && !errors.As(err, new(*StaleError)) {
		s.opt.Log.Warn("note browser", "user", name, "error", err)
	}
}
