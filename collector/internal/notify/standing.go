package notify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

const (
	// silentFor is how long an agent has to be away to be worth telling: restarts and moves between collectors take less.
	silentFor = 10 * time.Minute
	// datesEvery is how often dates are looked at.
	datesEvery = time.Hour
	// renewedUntil is how near its end a certificate that is renewed by itself may come: agents' live for a day and are renewed long before.
	renewedUntil = 2 * time.Hour
	// usualDays is how long before its end a certificate is told of.
	usualDays = 30
	// mostTold bounds what is remembered of one subscription.
	mostTold = 20_000
)

// told is what a subscription told of how things stand, so that it is not told again. Values say of what state.
type told struct {
	Of map[string]string `json:"of"`
	At store.Time        `json:"at"`
}

// standing looks at how things are: agents that are away, certificates that end, credentials that are old, and dates that come near.
func (r *round) standing(ctx context.Context) error {
	if err := r.each(ctx, rest.EventAgents, func(sub *subscription, p *Person) error { return r.agents(ctx, sub, p) }); err != nil {
		return err
	}
	if err := r.each(ctx, rest.EventCertificates, func(sub *subscription, p *Person) error { return r.certificates(ctx, sub, p) }); err != nil {
		return err
	}
	if err := r.each(ctx, rest.EventCredentials, func(sub *subscription, p *Person) error { return r.credentials(ctx, sub, p) }); err != nil {
		return err
	}
	return r.each(ctx, rest.EventDates, func(sub *subscription, p *Person) error { return r.dates(ctx, sub, p) })
}

func (r *round) agents(ctx context.Context, sub *subscription, p *Person) error {
	list, err := p.Eyes.Agents(ctx)
	if err != nil {
		return fmt.Errorf("read agents: %w", err)
	}
	before, err := r.told(ctx, sub)
	if err != nil {
		return err
	}
	n, next := &notice{}, map[string]string{}
	for i := range list {
		a := &list[i]
		contact, away := timeOf(a.LastContact), a.Status == "offline" && !a.LastContact.IsZero() && r.now.Sub(a.LastContact) >= silentFor
		was, known := before.Of[a.ID]
		switch {
		case away && was == contact:
			next[a.ID] = contact
		case away && a.LastContact.Add(silentFor).Before(sub.CreatedAt.Time):
			next[a.ID] = contact // it was away already when this was asked for
		case away:
			next[a.ID] = contact
			n.add(rest.NotificationItem{ID: a.ID, Kind: "agent", Name: a.Name, Action: "offline", Detail: contact, At: a.LastContact})
		case known && a.Status == "online":
			n.add(rest.NotificationItem{ID: a.ID, Kind: "agent", Name: a.Name, Action: "online", At: a.LastContact})
		case known && a.Status == "offline":
			next[a.ID] = was // it was back for a moment: neither is told
		}
	}
	return r.tellOnce(ctx, sub, n, before, next)
}

// certificates tells of each once; one that was renewed is another.
func (r *round) certificates(ctx context.Context, sub *subscription, p *Person) error {
	list, err := p.Eyes.Certificates(ctx)
	if err != nil {
		return fmt.Errorf("read certificates: %w", err)
	}
	return r.ending(ctx, sub, list, cmp.Or(sub.Days, usualDays))
}

// credentials tells of each once; one that was rotated is another.
func (r *round) credentials(ctx context.Context, sub *subscription, p *Person) error {
	list, err := p.Eyes.Credentials(ctx)
	if err != nil {
		return fmt.Errorf("read credentials: %w", err)
	}
	return r.ending(ctx, sub, list, sub.Days)
}

func (r *round) ending(ctx context.Context, sub *subscription, list []Certificate, days int) error {
	before, err := r.told(ctx, sub)
	if err != nil {
		return err
	}
	n, next := &notice{}, map[string]string{}
	for _, c := range list {
		ahead := r.now.AddDate(0, 0, days)
		if c.Renewed {
			ahead = r.now.Add(renewedUntil)
		}
		if c.NotAfter.After(ahead) {
			continue
		}
		end := timeOf(c.NotAfter)
		if next[c.ID] = end; before.Of[c.ID] != end {
			n.add(rest.NotificationItem{ID: c.ID, Kind: c.Kind, Name: c.Name, Action: "due", Detail: end, At: r.now})
		}
	}
	return r.tellOnce(ctx, sub, n, before, next)
}

// dates tells of each date once; a date that is moved is another.
func (r *round) dates(ctx context.Context, sub *subscription, p *Person) error {
	before, err := r.told(ctx, sub)
	if err != nil || !before.At.IsZero() && r.now.Sub(before.At.Time) < datesEvery && !sub.UpdatedAt.After(before.At.Time) {
		return err
	}
	due, err := p.Eyes.Due(ctx, sub.Kind, sub.Filter, sub.Field, r.now, r.now.AddDate(0, 0, sub.Days))
	if err != nil {
		r.s.opt.Log.WarnContext(ctx, "subscription cannot be asked", "subscription", sub.id, "error", err)
		return nil
	}
	n, next := &notice{Kind: sub.Kind}, map[string]string{}
	for _, f := range due {
		if next[f.ID] = f.Date; before.Of[f.ID] != f.Date {
			n.add(rest.NotificationItem{ID: f.ID, Kind: sub.Kind, Name: f.Name, Action: "due", Detail: f.Date, At: r.now})
		}
	}
	return r.tellOnce(ctx, sub, n, before, next)
}

func (r *round) told(ctx context.Context, sub *subscription) (told, error) {
	rows, err := r.s.opt.Store.Get(ctx, tTold, r.tenant, "", []string{sub.id})
	if err != nil {
		return told{}, fmt.Errorf("read what was told: %w", err)
	}
	row, ok := rows[sub.id]
	if !ok {
		return told{}, nil
	}
	return decode[told](row)
}

// tellOnce tells, and then remembers that it told. The id says what is told, so that doing it again tells nothing new.
func (r *round) tellOnce(ctx context.Context, sub *subscription, n *notice, before told, next map[string]string) error {
	if n.Count > 0 {
		if err := r.tell(ctx, sub, n, digestOf(n)); err != nil {
			return err
		}
	}
	if n.Count == 0 && !before.At.IsZero() && len(before.Of) == len(next) && sub.Event != rest.EventDates {
		return nil // nothing to remember
	}
	for id := range next {
		if len(next) <= mostTold {
			break
		}
		delete(next, id) // which may be told again
	}
	row, err := rowOf(r.tenant, sub.id, 1, told{Of: next, At: store.At(r.now)})
	if err != nil {
		return err
	}
	return r.s.write(ctx, store.Write{Table: tTold, Op: store.Put, Row: row})
}

func digestOf(n *notice) string {
	var parts []string
	for _, it := range n.Items {
		parts = append(parts, store.Key(it.ID, it.Action, it.Detail, timeOf(it.At)))
		if it.Action == "due" {
			parts[len(parts)-1] = store.Key(it.ID, it.Detail)
		}
	}
	slices.Sort(parts)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:12])
}
