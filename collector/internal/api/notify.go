package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/notify"
	"maestro.internal/internal/rest"
)

func (s *Server) notifyRoutes() {
	const tag = "notifications"
	handle(s, route{method: "GET", path: "/notifications", id: "list-notifications", tag: tag, action: access.Self,
		summary: "What one was told of, newest first"}, s.listNotifications)
	handle(s, route{method: "GET", path: "/notifications/unread", id: "count-notifications", tag: tag, action: access.Self,
		summary: "How many notifications one did not read"}, s.countNotifications)
	handle(s, route{method: "POST", path: "/notifications/read", id: "read-notifications", tag: tag, action: access.Self,
		summary: "Mark notifications as read, or as not read"}, s.readNotifications)
	handle(s, route{method: "POST", path: "/notifications/{id}/deliver", id: "deliver-notification", tag: tag, action: access.Self,
		summary: "Try again what could not be delivered"}, s.deliverNotification)
	handle(s, route{method: "GET", path: "/subscriptions", id: "list-subscriptions", tag: tag, action: access.Self,
		summary: "What one wants to be told"}, s.listSubscriptions)
	handle(s, route{method: "POST", path: "/subscriptions", id: "create-subscription", tag: tag, action: access.Self, status: 201,
		summary: "Be told of something from now on; the secret of a webhook is shown this once"}, s.createSubscription)
	handle(s, route{method: "GET", path: "/subscriptions/{id}", id: "get-subscription", tag: tag, action: access.Self,
		summary: "One subscription"}, s.getSubscription)
	handle(s, route{method: "PUT", path: "/subscriptions/{id}", id: "update-subscription", tag: tag, action: access.Self,
		summary: "Edit a subscription; another webhook gets another secret, shown this once"}, s.updateSubscription)
	handle(s, route{method: "DELETE", path: "/subscriptions/{id}", id: "delete-subscription", tag: tag, action: access.Self,
		summary: "Be told of it no more"}, s.deleteSubscription)
	handle(s, route{method: "POST", path: "/subscriptions/{id}/test", id: "test-subscription", tag: tag, action: access.Self,
		summary: "Send a test by every way of the subscription"}, s.testSubscription)
	handle(s, route{method: "POST", path: "/subscriptions/{id}/secret", id: "renew-subscription-secret", tag: tag, action: access.Self,
		summary: "Give the webhook another secret, shown this once; the old one ends"}, s.renewSecret)
}

type notificationsIn struct {
	ListIn
	Unread bool `query:"unread" doc:"Only those that were not read"`
}

// self is the caller as a person; tokens have nobody to tell.
func (s *Server) self(ctx context.Context, c access.Caller) (notify.Person, error) {
	p, err := s.Person(ctx, c.Tenant, c.Name)
	if errors.Is(err, notify.ErrNobody) {
		return p, problem(403, "Notifications are for people. Sign in as a user.")
	}
	p.Address, p.Language = c.Address, requestOf(ctx).language.Or(p.Language)
	return p, err
}

// Person is a user with the rights of now, to look on his behalf.
func (s *Server) Person(ctx context.Context, tenant, owner string) (notify.Person, error) {
	p, err := s.opt.Access.PersonOf(ctx, tenant, owner)
	if errors.Is(err, access.ErrNotFound) {
		return notify.Person{}, notify.ErrNobody
	}
	if err != nil {
		return notify.Person{}, err
	}
	c, err := s.reach(ctx, p.Caller)
	if err != nil {
		return notify.Person{}, err
	}
	return notify.Person{Caller: domainCaller(c), Email: p.Email, Display: p.DisplayName, Language: p.Language, Eyes: eyes{s, c}}, nil
}

// eyes look through the same filters as the lists.
type eyes struct {
	s *Server
	c access.Caller
}

var _ notify.Eyes = eyes{}

func (e eyes) query(ctx context.Context, kind, where string) (inventory.ListQuery, error) {
	fields, err := e.s.fieldsOfKind(ctx, e.c, kind)
	if err != nil {
		return inventory.ListQuery{}, err
	}
	q, _, err := e.s.listQuery(&ListIn{}, fields, where, "notify", kind)
	q.Kind, q.Limit = kind, 1000
	return q, err
}

// Among finds resources in every state: what is gone is told too.
func (e eyes) Among(ctx context.Context, kind, where string, ids []string) ([]notify.Found, error) {
	var found []notify.Found
	for len(ids) > 0 {
		some := ids[:min(len(ids), 1000)]
		ids = ids[len(some):]
		q, err := e.query(ctx, kind, where)
		if err != nil {
			return nil, err
		}
		onlyIDs(&q, some)
		list, err := e.s.opt.Inventory.List(ctx, domainCaller(e.c), q)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			found = append(found, notify.Found{ID: list.Items[i].ID, Name: list.Items[i].Name})
		}
	}
	return found, nil
}

// mostDue bounds how many dates one subscription looks at.
const mostDue = 10_000

func (e eyes) Due(ctx context.Context, kind, where, field string, from, until time.Time) ([]notify.Found, error) {
	q, err := e.query(ctx, kind, dueFilter(where, field, from, until))
	if err != nil {
		return nil, err
	}
	names, err := e.s.names(ctx, e.c)
	if err != nil {
		return nil, err
	}
	var found []notify.Found
	for len(found) < mostDue {
		list, err := e.s.opt.Inventory.List(ctx, domainCaller(e.c), q)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			doc, err := resourceDocument(&list.Items[i], names)
			if err != nil {
				return nil, err
			}
			date, err := valueAt(doc, field)
			if err != nil {
				return nil, err
			}
			found = append(found, notify.Found{ID: doc.ID, Name: doc.Name, Date: date})
		}
		if q.After = list.Next; q.After == "" {
			break
		}
	}
	return found, nil
}

// dueFilter narrows a filter to a date between two moments; it is the same language, so that every field that can be compared will do.
func dueFilter(where, field string, from, until time.Time) string {
	due := fmt.Sprintf("%s >= %q AND %s <= %q", field, from.UTC().Format(time.RFC3339), field, until.UTC().Format(time.RFC3339))
	if strings.TrimSpace(where) == "" {
		return due
	}
	return "(" + where + ") AND " + due
}

// valueAt is the text at a dotted path of a resource, below attributes where it is not found as it is.
func valueAt(doc rest.Resource, path string) (string, error) {
	b, err := json.Marshal(doc)
	if err != nil {
		return "", fmt.Errorf("encode resource: %w", err)
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		return "", fmt.Errorf("decode resource: %w", err)
	}
	for _, p := range []string{path, "attributes." + path, "common." + path} {
		var v any = all
		for name := range strings.SplitSeq(p, ".") {
			m, _ := v.(map[string]any)
			v = m[name]
		}
		if text, ok := v.(string); ok {
			return text, nil
		}
	}
	return "", nil
}

func (e eyes) Approvals(ctx context.Context, from, until time.Time) ([]rest.NotificationItem, error) {
	news, err := e.s.opt.Approvals.News(ctx, e.c, from, until)
	items := make([]rest.NotificationItem, len(news))
	for i, n := range news {
		items[i] = rest.NotificationItem{ID: n.ID, Kind: "approval", Name: n.Title, Action: n.Action, Detail: n.Detail, At: n.At}
	}
	return items, err
}

func (e eyes) Agents(ctx context.Context) ([]rest.Agent, error) {
	return e.s.opt.Fleet.Agents(ctx, domainCaller(e.c))
}

func (e eyes) Certificates(ctx context.Context) ([]notify.Certificate, error) {
	agents, err := e.Agents(ctx)
	if err != nil {
		return nil, err
	}
	var out []notify.Certificate
	for i := range agents {
		if a := &agents[i]; !a.CertNotAft.IsZero() && a.Status != "revoked" {
			out = append(out, notify.Certificate{ID: a.ID, Kind: "agent", Name: a.Name, Renewed: a.Status != "offline", NotAfter: a.CertNotAft})
		}
	}
	if end := e.s.opt.CertificateEnds; end != nil {
		if at := end(); !at.IsZero() {
			out = append(out, notify.Certificate{ID: "collector", Kind: "collector", Name: "the web UI", NotAfter: at})
		}
	}
	return out, nil
}

func (e eyes) Credentials(ctx context.Context) ([]notify.Certificate, error) {
	list, err := e.s.opt.Fleet.SealedCredentials(ctx, domainCaller(e.c))
	var out []notify.Certificate
	for i := range list {
		if k := &list[i]; !k.RotateBy.IsZero() {
			out = append(out, notify.Certificate{ID: k.ID, Kind: "connection", Name: k.Connection.Name, NotAfter: k.RotateBy})
		}
	}
	return out, err
}

func (e eyes) Check(ctx context.Context, w rest.SubscriptionWrite) error {
	if w.Kind == "" {
		return nil
	}
	if _, err := e.s.kind(ctx, e.c, w.Kind); err != nil {
		return err
	}
	if _, err := e.query(ctx, w.Kind, w.Filter); err != nil {
		return err
	}
	if w.Event != rest.EventDates {
		return nil
	}
	fields, err := e.s.fieldsOfKind(ctx, e.c, w.Kind)
	if err != nil {
		return err
	}
	if f, ok := fields.Field(w.Field); !ok || f.Type != filter.Time || f.Multi {
		return &inventory.InvalidError{Pointer: "/field", Problem: fmt.Sprintf("%q is no date of %s", w.Field, w.Kind)}
	}
	return nil
}

func (s *Server) listNotifications(ctx context.Context, c access.Caller, in *notificationsIn) (*out[rest.List[rest.Notification]], error) {
	p, err := s.self(ctx, c)
	if err != nil {
		return nil, err
	}
	q := notify.Query{Unread: in.Unread, Limit: in.size()}
	question, after, err := s.terms(&in.ListIn, fmt.Sprintf("notifications %t", in.Unread), terms{
		text: map[string]*string{"event": &q.Event, "subscription": &q.Subscription}, from: &q.Since, until: &q.Until})
	if err != nil {
		return nil, err
	}
	q.After = after
	page, err := s.opt.Notify.Notifications(ctx, p, q)
	if err != nil {
		return nil, err
	}
	if page.Items == nil {
		page.Items = []rest.Notification{}
	}
	return listOf(page.Items, question, page.Next, page.Total, page.More)
}

func (s *Server) countNotifications(ctx context.Context, c access.Caller, _ *empty) (*out[rest.NotificationCount], error) {
	n, err := s.opt.Notify.Unread(ctx, notify.Person{Caller: domainCaller(c)})
	return &out[rest.NotificationCount]{Body: rest.NotificationCount{Unread: n}}, err
}

func (s *Server) readNotifications(ctx context.Context, c access.Caller, in *bodyIn[rest.NotificationsRead]) (*none, error) {
	return &none{}, s.opt.Notify.MarkRead(ctx, notify.Person{Caller: domainCaller(c)}, in.Body)
}

func (s *Server) deliverNotification(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	return &none{}, orNotFound(s.opt.Notify.Again(ctx, notify.Person{Caller: domainCaller(c)}, in.ID), "delivery that was given up")
}

func (s *Server) listSubscriptions(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Subscription]], error) {
	p, err := s.self(ctx, c)
	if err != nil {
		return nil, err
	}
	list, err := s.opt.Notify.Subscriptions(ctx, p)
	if err != nil {
		return nil, err
	}
	return small(s, in, list, func(x rest.Subscription) string { return x.ID }, "name")
}

func oneSubscription(x rest.Subscription, err error) (*versioned[rest.Subscription], error) {
	if err != nil {
		return nil, orNotFound(err, "subscription")
	}
	return &versioned[rest.Subscription]{ETag: etag(x.Version), Body: x}, nil
}

func (s *Server) createSubscription(ctx context.Context, c access.Caller, in *bodyIn[rest.SubscriptionWrite]) (*versioned[rest.Subscription], error) {
	p, err := s.self(ctx, c)
	if err != nil {
		return nil, err
	}
	return oneSubscription(s.opt.Notify.Subscribe(ctx, p, in.Body))
}

func (s *Server) getSubscription(ctx context.Context, c access.Caller, in *idIn) (*versioned[rest.Subscription], error) {
	p, err := s.self(ctx, c)
	if err != nil {
		return nil, err
	}
	return oneSubscription(s.opt.Notify.Subscription(ctx, p, in.ID))
}

func (s *Server) updateSubscription(ctx context.Context, c access.Caller, in *putIn[rest.SubscriptionWrite]) (*versioned[rest.Subscription], error) {
	p, err := s.self(ctx, c)
	if err != nil {
		return nil, err
	}
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	return oneSubscription(s.opt.Notify.Update(ctx, p, in.ID, version, in.Body))
}

func (s *Server) deleteSubscription(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	p, err := s.self(ctx, c)
	if err != nil {
		return nil, err
	}
	return &none{}, orNotFound(s.opt.Notify.Unsubscribe(ctx, p, in.ID), "subscription")
}

func (s *Server) testSubscription(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	p, err := s.self(ctx, c)
	if err != nil {
		return nil, err
	}
	return &none{}, orNotFound(s.opt.Notify.Test(ctx, p, in.ID), "subscription")
}

func (s *Server) renewSecret(ctx context.Context, c access.Caller, in *idIn) (*versioned[rest.Subscription], error) {
	p, err := s.self(ctx, c)
	if err != nil {
		return nil, err
	}
	return oneSubscription(s.opt.Notify.RenewSecret(ctx, p, in.ID))
}
