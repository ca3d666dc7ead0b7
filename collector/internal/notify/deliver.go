package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/mail"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/words"
)

const (
	waiting = "waiting"
	sent    = "sent"
	failed  = "failed"

	byMail    = "mail"
	byWebhook = "webhook"

	// firstPause doubles after each failure up to longestPause; after mostAttempts (about a day) nobody tries again.
	firstPause   = 30 * time.Second
	longestPause = 2 * time.Hour
	mostAttempts = 18
	// deliverAtOnce is how many go side by side, so that one address that hangs holds up few others.
	deliverAtOnce = 8
)

// delivery is the way of one notice by one channel.
type delivery struct {
	Notice       string     `json:"notice"`
	Subscription string     `json:"subscription"`
	Owner        string     `json:"owner"`
	Channel      string     `json:"channel"`
	State        string     `json:"state"`
	Attempts     int        `json:"attempts"`
	NextAt       store.Time `json:"next_at"`
	CreatedAt    store.Time `json:"created_at"`
	Error        string     `json:"error,omitempty"`
}

// ways are the deliveries of a notice, to be inserted with it.
func (s *Service) ways(tenant string, sub *subscription, id string, now time.Time) ([]store.Write, error) {
	var ops []store.Write
	for channel, wanted := range map[string]bool{byMail: sub.Mail, byWebhook: sub.Webhook != ""} {
		if !wanted {
			continue
		}
		row, err := rowOf(tenant, store.Key(id, channel), 1, delivery{Notice: id, Subscription: sub.id, Owner: sub.Owner, Channel: channel, State: waiting,
			NextAt: store.At(now), CreatedAt: store.At(now)})
		if err != nil {
			return nil, err
		}
		ops = append(ops, store.Write{Table: tDeliveries, Op: store.Insert, Row: row})
	}
	return ops, nil
}

// Deliver sends what is due, and says whether there is more.
func (s *Service) Deliver(ctx context.Context, people People) (more bool, err error) {
	const most = 100
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tDeliveries, AllTenants: true, Limit: most, Order: []store.Order{{Field: when("next_at")}},
		Where: filter.And{is(text("state"), waiting), filter.Compare{Field: when("next_at"), Op: filter.Le, Value: timeOf(s.opt.Clock())}}})
	if err != nil {
		return false, fmt.Errorf("find deliveries: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(deliverAtOnce)
	for _, row := range page.Rows {
		group.Go(func() error { return s.deliver(ctx, people, row) })
	}
	return len(page.Rows) == most, group.Wait()
}

// overError says that trying again would not help.
type overError struct{ problem string }

func (e *overError) Error() string { return e.problem }

// deliver tries one and writes down what became of it; only what keeps it from writing is an error.
func (s *Service) deliver(ctx context.Context, people People, row store.Row) error {
	d, err := decode[delivery](row)
	if err != nil {
		return err
	}
	cause := s.send(ctx, people, row.Tenant, d)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	d.Attempts++
	var over *overError
	switch {
	case cause == nil:
		d.State, d.Error, d.NextAt = sent, "", store.Time{}
	case errors.As(cause, &over) || d.Attempts >= mostAttempts:
		d.State, d.Error, d.NextAt = failed, cause.Error(), store.Time{}
	default:
		d.Error, d.NextAt = cause.Error(), store.At(s.opt.Clock().Add(min(firstPause<<min(d.Attempts-1, 12), longestPause)))
	}
	next, err := rowOf(row.Tenant, row.ID, row.Version+1, d)
	if err != nil {
		return err
	}
	return s.write(ctx, store.Write{Table: tDeliveries, Op: store.Replace, Row: next})
}

// send asks for subscription and person anew: who was disabled meanwhile, or wants it no more, gets nothing.
func (s *Service) send(ctx context.Context, people People, tenant string, d delivery) error {
	n, sub, err := s.toSend(ctx, tenant, d)
	if err != nil {
		return err
	}
	p, err := people.Person(ctx, tenant, sub.Owner)
	if errors.Is(err, ErrNobody) {
		return &overError{"who subscribed may not sign in any more"}
	}
	if err != nil {
		return err
	}
	if err := s.reduce(ctx, p, n); err != nil {
		return err
	}
	if d.Channel == byMail {
		return s.mail(ctx, p, n)
	}
	if sub.Webhook == "" {
		return &overError{"the webhook was removed"}
	}
	v, err := n.view(d.Notice, words.English) // programs read it: one language, for good
	if err != nil {
		return err
	}
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode notification: %w", err)
	}
	return s.opt.Webhooks.Post(ctx, sub.Webhook, s.secret(sub), v.ID, body)
}

func (s *Service) mail(ctx context.Context, p Person, n *notice) error {
	switch {
	case s.opt.Mail == nil:
		return &overError{"this collector has no mail server"}
	case p.Email == "":
		return &overError{"the profile has no e-mail address"}
	}
	subject, body, err := letter(p.Language, n, p.Display, s.opt.PublicURL)
	if err != nil {
		return err
	}
	return s.opt.Mail.Send(mail.For(ctx, p.Tenant), p.Email, subject, body)
}

func (s *Service) toSend(ctx context.Context, tenant string, d delivery) (*notice, *subscription, error) {
	rows, err := s.opt.Store.Get(ctx, tNotices, tenant, "", []string{d.Notice})
	if err != nil {
		return nil, nil, fmt.Errorf("read notification: %w", err)
	}
	subs, err := s.opt.Store.Get(ctx, tSubscriptions, tenant, "", []string{d.Subscription})
	if err != nil {
		return nil, nil, fmt.Errorf("read subscription: %w", err)
	}
	row, there := rows[d.Notice]
	subRow, wanted := subs[d.Subscription]
	if !there || !wanted {
		return nil, nil, &overError{"the subscription was deleted"}
	}
	n, err := decode[notice](row)
	if err != nil {
		return nil, nil, err
	}
	sub, err := decodeSubscription(subRow)
	return &n, sub, err
}
