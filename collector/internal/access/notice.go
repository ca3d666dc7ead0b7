package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
)

// notice is what a user is told by mail when something happened to the own account, so that somebody who did not do it
// hears of it.
type notice struct {
	what             string
	address, browser string
}

// ownLetter waits to be sent.
type ownLetter struct{ username, to, subject, text string }

const (
	maxSeen        = 20
	noticeSubject  = "Something changed in your Maestro account"
	noticeSignedIn = "There was a sign-in from a browser or network that was not used before."
)

// tell queues a notice to an address. That there is no mail, or too much of it, keeps nobody from changing anything.
func (s *Service) tell(d userDoc, to string, n notice) {
	if s.opt.Mail == nil || to == "" {
		return
	}
	from := n.address
	if n.browser != "" {
		from += fmt.Sprintf(", %q", clip(n.browser, maxBrowser))
	}
	text := fmt.Sprintf("Hello %s,\n\n%s\n\nUser name: %s\nWhen: %s\nFrom: %s\n\nIf it was not you, set another password, end all sessions in your account and tell an administrator.\n",
		d.Display, n.what, d.Display, s.now().Format(time.RFC1123), from)
	select {
	case s.notices <- ownLetter{d.Username, to, noticeSubject, text}:
	default:
		s.opt.Log.Warn("mail notice: too many are waiting, dropped one", "user", d.Username)
	}
}

// tellOfEmail tells the former address that it is not the one any more.
func (s *Service) tellOfEmail(was, is userDoc, c Caller) {
	if was.Email != is.Email {
		s.tell(is, was.Email, notice{what: "The e-mail address was changed; this letter goes to the former one.", address: c.Address, browser: c.Browser})
	}
}

func (s *Service) mailNotice(ctx context.Context, l ownLetter) {
	within, cancel := context.WithTimeout(ctx, mailWithin)
	defer cancel()
	if err := s.opt.Mail.Send(within, l.to, l.subject, l.text); err != nil && ctx.Err() == nil {
		s.opt.Log.Warn("mail notice", "user", l.username, "error", err)
	}
}

// noteBrowser remembers what somebody signed in from and tells of what is new, the first time excepted. It is no reason to keep
// anybody out.
func (s *Service) noteBrowser(ctx context.Context, tenant, name string, a Attempt) {
	sum := sha256.Sum256([]byte(limitAddressOf(a.Address) + "\x00" + a.Browser))
	mark := hex.EncodeToString(sum[:8])
	row, d, err := s.user(ctx, tenant, name)
	if err == nil && !slices.Contains(d.Seen, mark) {
		first := len(d.Seen) == 0
		d.Seen = append(d.Seen, mark)
		d.Seen = d.Seen[max(0, len(d.Seen)-maxSeen):]
		if err = s.replaceUser(ctx, row, d); err == nil && !first {
			s.tell(d, d.Email, notice{what: noticeSignedIn, address: a.Address, browser: a.Browser})
		}
	}
	if err != nil && !errors.As(err, new(*StaleError)) {
		s.opt.Log.Warn("note browser", "user", name, "error", err)
	}
}
