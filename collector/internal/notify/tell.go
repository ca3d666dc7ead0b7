package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

// mostItems bounds what a notification names; the rest is counted.
const mostItems = 50

// cursor says up to when all was looked at, and which window is being looked at now.
type cursor struct {
	From  store.Time `json:"from"`
	Until store.Time `json:"until,omitzero"`
}

// notice is a notification as it is stored.
type notice struct {
	Owner            string                  `json:"owner"`
	At               store.Time              `json:"at"`
	Read             bool                    `json:"read"`
	Event            string                  `json:"event"`
	Subscription     string                  `json:"subscription"`
	SubscriptionName string                  `json:"subscription_name"`
	Count            int                     `json:"count"`
	Actions          map[string]int          `json:"actions,omitempty"`
	Kind             string                  `json:"kind,omitempty"`
	Items            []rest.NotificationItem `json:"items"`
}

// add counts a thing, and names it while there are few.
func (n *notice) add(it rest.NotificationItem) {
	n.Count++
	if n.Actions == nil {
		n.Actions = map[string]int{}
	}
	n.Actions[it.Action]++
	if len(n.Items) < mostItems {
		n.Items = append(n.Items, it)
	}
}

// round is what one look at a tenant needs.
type round struct {
	s      *Service
	from   People
	tenant string
	now    time.Time
	subs   []*subscription
	people map[string]*Person
}

// Tell looks at every tenant once.
func (s *Service) Tell(ctx context.Context, people People) error {
	tenants, err := s.opt.Store.Tenants(ctx, tSubscriptions)
	if err != nil {
		return fmt.Errorf("list tenants: %w", err)
	}
	var errs []error
	for _, tenant := range tenants {
		if err := s.tellTenant(ctx, people, tenant); err != nil {
			errs = append(errs, fmt.Errorf("notify of tenant %q: %w", tenant, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) tellTenant(ctx context.Context, people People, tenant string) error {
	r := &round{s: s, from: people, tenant: tenant, now: s.opt.Clock(), people: map[string]*Person{}}
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tSubscriptions, Tenant: tenant}, func(row store.Row) error {
		d, err := decodeSubscription(row)
		if err == nil && !d.Paused {
			r.subs = append(r.subs, d)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := r.window(ctx); err != nil {
		return err
	}
	if r.now.Sub(s.looked[tenant]) < s.opt.Lag {
		return nil
	}
	s.looked[tenant] = r.now
	return r.standing(ctx)
}

// window looks at what happened between the cursor and a moment ago.
func (r *round) window(ctx context.Context) error {
	rows, err := r.s.opt.Store.Get(ctx, tCursors, r.tenant, "", []string{r.tenant})
	if err != nil {
		return fmt.Errorf("read cursor: %w", err)
	}
	cur, settled := cursor{}, r.now.Add(-r.s.opt.Lag)
	if row, ok := rows[r.tenant]; ok {
		if cur, err = decode[cursor](row); err != nil {
			return err
		}
	}
	if cur.Until.IsZero() {
		if cur.From.IsZero() {
			cur.From = store.At(settled)
		}
		if !cur.From.Before(settled) {
			return r.save(ctx, cur)
		}
		cur.Until = store.At(settled)
		if err := r.save(ctx, cur); err != nil {
			return err
		}
	}
	found := map[string]*notice{}
	for _, look := range []func(context.Context, cursor, map[string]*notice) error{r.changes, r.runs, r.removals, r.approvals} {
		if err := look(ctx, cur, found); err != nil {
			return err
		}
	}
	for _, sub := range r.subs {
		if n := found[sub.id]; n != nil {
			if err := r.tell(ctx, sub, n, timeOf(cur.From.Time)); err != nil {
				return err
			}
		}
	}
	return r.save(ctx, cursor{From: cur.Until})
}

func (r *round) save(ctx context.Context, c cursor) error {
	row, err := rowOf(r.tenant, r.tenant, 1, c)
	if err != nil {
		return err
	}
	return r.s.write(ctx, store.Write{Table: tCursors, Op: store.Put, Row: row})
}

// of is the notice of a subscription in this window.
func of(found map[string]*notice, sub *subscription) *notice {
	n := found[sub.id]
	if n == nil {
		n = &notice{Kind: sub.Kind}
		found[sub.id] = n
	}
	return n
}

// tell writes a notice with its ways, all inserts with ids that follow from what it is about.
func (r *round) tell(ctx context.Context, sub *subscription, n *notice, about string) error {
	if n.Count == 0 {
		return nil
	}
	n.Owner, n.At, n.Event, n.Subscription, n.SubscriptionName = sub.Owner, store.At(r.now), sub.Event, sub.id, sub.Name
	id := store.Key(sub.id, about)
	row, err := rowOf(r.tenant, id, 1, n)
	if err != nil {
		return err
	}
	ops := []store.Write{{Table: tNotices, Op: store.Insert, Row: row}}
	ways, err := r.s.ways(r.tenant, sub, id, r.now)
	if err != nil {
		return err
	}
	return r.s.write(ctx, append(ops, ways...)...)
}

// person is the owner of a subscription; nil when nobody can be told.
func (r *round) person(ctx context.Context, sub *subscription) (*Person, error) {
	if p, known := r.people[sub.Owner]; known {
		return p, nil
	}
	p, err := r.from.Person(ctx, r.tenant, sub.Owner)
	switch {
	case errors.Is(err, ErrNobody):
		r.people[sub.Owner] = nil
		return nil, nil
	case err != nil:
		return nil, err
	}
	r.people[sub.Owner] = &p
	return &p, nil
}

// each calls fn for every subscription to an event whose owner can be told.
func (r *round) each(ctx context.Context, event string, fn func(*subscription, *Person) error) error {
	for _, sub := range r.subs {
		if sub.Event != event {
			continue
		}
		p, err := r.person(ctx, sub)
		if err != nil {
			return err
		}
		if p != nil {
			if err := fn(sub, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *round) any(event string) bool {
	for _, sub := range r.subs {
		if sub.Event == event {
			return true
		}
	}
	return false
}
