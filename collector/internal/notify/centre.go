package notify

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/words"
	"maestro.internal/internal/rest"
)

// Query asks for a person's notifications, newest first.
type Query struct {
	Unread bool
	// Event and Subscription narrow; "" is all.
	Event, Subscription string
	Since, Until        time.Time
	After               string
	Limit               int
}

// Page is one page of notifications.
type Page struct {
	Items []rest.Notification
	Next  string
	// Total is exact up to 1,000.
	Total int
	More  bool
}

// countMost is up to where notifications are counted.
const countMost = 1000

// shortID is what a notification is called outside: its key names a subscription and a moment, which is nobody's to parse.
func shortID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:12])
}

// Notifications are a person's own, as far as what they name may still be read.
func (s *Service) Notifications(ctx context.Context, as Person, q Query) (*Page, error) {
	where := filter.And{is(text("owner"), as.Name)}
	if q.Unread {
		where = append(where, is(flag("read"), false))
	}
	for name, v := range map[string]string{"event": q.Event, "subscription": q.Subscription} {
		if v != "" {
			where = append(where, is(text(name), v))
		}
	}
	if !q.Since.IsZero() {
		where = append(where, filter.Compare{Field: when("at"), Op: filter.Ge, Value: timeOf(q.Since)})
	}
	if !q.Until.IsZero() {
		where = append(where, filter.Compare{Field: when("at"), Op: filter.Le, Value: timeOf(q.Until)})
	}
	sq := store.Query{Table: tNotices, Tenant: as.Tenant, Where: where, Order: []store.Order{{Field: when("at"), Desc: true}}, After: q.After, Limit: q.Limit}
	found, err := s.opt.Store.Find(ctx, sq)
	if err != nil {
		return nil, fmt.Errorf("list notifications: %w", err)
	}
	notices := make([]*notice, len(found.Rows))
	for i, row := range found.Rows {
		n, err := decode[notice](row)
		if err != nil {
			return nil, err
		}
		notices[i] = &n
	}
	if err := s.reduce(ctx, as, notices...); err != nil {
		return nil, err
	}
	ways, err := s.waysOf(ctx, as, found.Rows)
	if err != nil {
		return nil, err
	}
	page := &Page{Next: found.Next}
	for i, row := range found.Rows {
		v, err := notices[i].view(row.ID, as.Language)
		if err != nil {
			return nil, err
		}
		v.Deliveries = ways[row.ID]
		page.Items = append(page.Items, v)
	}
	if page.Total, err = s.opt.Store.Count(ctx, store.Query{Table: tNotices, Tenant: as.Tenant, Where: where}, countMost); err != nil {
		return nil, fmt.Errorf("count notifications: %w", err)
	}
	page.More = page.Total == countMost
	return page, nil
}

// Unread counts what a person did not read, up to 1,000.
func (s *Service) Unread(ctx context.Context, as Person) (int, error) {
	n, err := s.opt.Store.Count(ctx, store.Query{Table: tNotices, Tenant: as.Tenant, Where: filter.And{is(text("owner"), as.Name), is(flag("read"), false)}}, countMost)
	if err != nil {
		return 0, fmt.Errorf("count notifications: %w", err)
	}
	return n, nil
}

// MarkRead marks a person's notifications as read or not; without ids all of them.
func (s *Service) MarkRead(ctx context.Context, as Person, r rest.NotificationsRead) error {
	q := store.Query{Table: tNotices, Tenant: as.Tenant, Limit: 500, Where: filter.And{is(text("owner"), as.Name), is(flag("read"), r.Unread)}}
	return store.EachPage(ctx, s.opt.Store, q, func(rows []store.Row) error {
		var ops []store.Write
		for _, row := range rows {
			if len(r.IDs) > 0 && !slices.Contains(r.IDs, shortID(row.ID)) {
				continue
			}
			n, err := decode[notice](row)
			if err != nil {
				return err
			}
			n.Read = !r.Unread
			next, err := rowOf(row.Tenant, row.ID, row.Version+1, n)
			if err != nil {
				return err
			}
			ops = append(ops, store.Write{Table: tNotices, Op: store.Replace, Row: next})
		}
		return s.write(ctx, ops...)
	})
}

// Test sends a notification of nothing by every way of a subscription.
func (s *Service) Test(ctx context.Context, as Person, id string) error {
	_, sub, err := s.load(ctx, as, id)
	if err != nil {
		return err
	}
	now := s.opt.Clock()
	n := &notice{Owner: sub.Owner, At: store.At(now), Event: "test", Subscription: sub.id, SubscriptionName: sub.Name, Items: []rest.NotificationItem{}}
	key := store.Key(sub.id, "test", rand.Text())
	row, err := rowOf(as.Tenant, key, 1, n)
	if err != nil {
		return err
	}
	ways, err := s.ways(as.Tenant, sub, key, now)
	if err != nil {
		return err
	}
	return s.write(ctx, append([]store.Write{{Table: tNotices, Op: store.Insert, Row: row}}, ways...)...)
}

// Again tries deliveries of a notification that were given up.
func (s *Service) Again(ctx context.Context, as Person, id string) error {
	var ops []store.Write
	q := store.Query{Table: tDeliveries, Tenant: as.Tenant, Where: is(text("state"), failed)}
	err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
		d, err := decode[delivery](row)
		if err != nil || d.Owner != as.Name || shortID(d.Notice) != id {
			return err
		}
		d.State, d.Attempts, d.Error, d.NextAt = waiting, 0, "", store.At(s.opt.Clock())
		next, err := rowOf(row.Tenant, row.ID, row.Version+1, d)
		ops = append(ops, store.Write{Table: tDeliveries, Op: store.Replace, Row: next})
		return err
	})
	if err != nil {
		return err
	}
	if len(ops) == 0 {
		return fmt.Errorf("notification %s: %w", id, store.ErrNotFound)
	}
	return s.write(ctx, ops...)
}

func (s *Service) waysOf(ctx context.Context, as Person, rows []store.Row) (map[string][]rest.NotificationDelivery, error) {
	ids := filter.In{Field: text("notice")}
	for _, row := range rows {
		ids.Values = append(ids.Values, row.ID)
	}
	out := map[string][]rest.NotificationDelivery{}
	if len(rows) == 0 {
		return out, nil
	}
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tDeliveries, Tenant: as.Tenant, Where: ids}, func(row store.Row) error {
		d, err := decode[delivery](row)
		out[d.Notice] = append(out[d.Notice], rest.NotificationDelivery{Channel: d.Channel, State: d.State, Attempts: d.Attempts, NextAt: d.NextAt.Time, Error: as.Language.Say(d.Error)})
		return err
	})
	return out, err
}

// reduce leaves out what a person may not read any more; that there was more is still counted.
func (s *Service) reduce(ctx context.Context, as Person, notices ...*notice) error {
	if as.TenantWide {
		return nil
	}
	byKind := map[string][]string{}
	for _, n := range notices {
		for _, it := range n.Items {
			byKind[it.Kind] = append(byKind[it.Kind], it.ID)
		}
	}
	seen := map[string]bool{}
	for kind, ids := range byKind {
		if slices.Contains(noResources, kind) {
			continue // decided when it was told: they name no resource
		}
		slices.Sort(ids)
		found, err := as.Eyes.Among(ctx, kind, "", slices.Compact(ids))
		if err != nil {
			return err
		}
		for _, f := range found {
			seen[kind+"|"+f.ID] = true
		}
	}
	for _, n := range notices {
		n.Items = slices.DeleteFunc(n.Items, func(it rest.NotificationItem) bool {
			return !slices.Contains(noResources, it.Kind) && !seen[it.Kind+"|"+it.ID]
		})
	}
	return nil
}

// noResources are the kinds of what notifications name beside resources.
var noResources = []string{"run", "removal", "approval", "agent", "collector", "connection"}

// view is a notification as its reader gets it: what the collector says of it is in his language, names and errors are as they are.
func (n *notice) view(id string, in words.Language) (rest.Notification, error) {
	title, err := n.title(in)
	v := rest.Notification{ID: shortID(id), At: n.At.Time, Event: n.Event, Subscription: rest.Ref{ID: n.Subscription, Name: n.SubscriptionName}, Count: n.Count,
		Items: n.Items, Title: title, Read: n.Read}
	if v.Items == nil {
		v.Items = []rest.NotificationItem{}
	}
	for i := range v.Items {
		it := &v.Items[i]
		it.Detail = in.Say(it.Detail)
		if it.Kind == "approval" {
			it.Name = in.Say(it.Name)
		}
	}
	return v, err
}
