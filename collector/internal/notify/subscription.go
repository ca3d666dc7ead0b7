package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/webhook"
	"maestro.internal/internal/rest"
)

// mostSubscriptions bounds what one person may have, since each costs a question a minute.
const mostSubscriptions = 50

// subscription is one as it is stored.
type subscription struct {
	rest.SubscriptionWrite
	Owner     string     `json:"owner"`
	CreatedAt store.Time `json:"created_at"`
	UpdatedAt store.Time `json:"updated_at"`
	// Secrets counts the secrets that the webhook has had.
	Secrets int `json:"secrets,omitempty"`

	id string
}

// actionsOf are the actions that an event can be narrowed to, and those meant when none are named.
var actionsOf = map[string]struct{ all, usual []string }{
	rest.EventResources: {[]string{"created", "updated", "gone", "returned", "unwatched", "merged", "split"}, []string{"created", "gone"}},
	rest.EventRuns:      {[]string{"failed", "partial"}, []string{"failed", "partial"}},
	rest.EventApprovals: {[]string{"asked", "approved", "refused", "expired", "withdrawn", "failed"}, []string{"asked"}},
}

func (d *subscription) wants(action string) bool {
	actions := d.Actions
	if len(actions) == 0 {
		actions = actionsOf[d.Event].usual
	}
	return slices.Contains(actions, action)
}

// secret signs what the webhook gets. It follows from the master key, so neither the store nor its backups have it.
func (s *Service) secret(d *subscription) webhook.Secret {
	m := hmac.New(sha256.New, s.opt.Key)
	fmt.Fprintf(m, "webhook|%s|%d", d.id, d.Secrets)
	return webhook.Secret("whs_" + hex.EncodeToString(m.Sum(nil)))
}

func (d *subscription) view(row store.Row) rest.Subscription {
	return rest.Subscription{ID: row.ID, Version: row.Version, SubscriptionWrite: d.SubscriptionWrite, CreatedAt: d.CreatedAt.Time, UpdatedAt: d.UpdatedAt.Time}
}

func decodeSubscription(row store.Row) (*subscription, error) {
	d, err := decode[subscription](row)
	d.id = row.ID
	return &d, err
}

// Subscriptions are a person's own.
func (s *Service) Subscriptions(ctx context.Context, as Person) ([]rest.Subscription, error) {
	var out []rest.Subscription
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tSubscriptions, Tenant: as.Tenant, Where: is(text("owner"), as.Name)}, func(row store.Row) error {
		d, err := decodeSubscription(row)
		if err != nil {
			return err
		}
		v := d.view(row)
		v.Problem = as.Language.Say(s.problem(ctx, as, d))
		out = append(out, v)
		return nil
	})
	return out, err
}

// problem says why a subscription cannot tell anything.
func (s *Service) problem(ctx context.Context, as Person, d *subscription) string {
	switch err := as.Eyes.Check(ctx, d.SubscriptionWrite); {
	case err != nil:
		return err.Error()
	case d.Mail && s.opt.Mail == nil:
		return "e-mail: this collector has no mail server"
	case d.Mail && as.Email == "":
		return "e-mail: your profile has no address"
	}
	return ""
}

// Subscription is one of a person's own.
func (s *Service) Subscription(ctx context.Context, as Person, id string) (rest.Subscription, error) {
	row, d, err := s.load(ctx, as, id)
	if err != nil {
		return rest.Subscription{}, err
	}
	v := d.view(row)
	v.Problem = as.Language.Say(s.problem(ctx, as, d))
	return v, nil
}

func (s *Service) load(ctx context.Context, as Person, id string) (store.Row, *subscription, error) {
	rows, err := s.opt.Store.Get(ctx, tSubscriptions, as.Tenant, "", []string{id})
	if err != nil {
		return store.Row{}, nil, fmt.Errorf("read subscription: %w", err)
	}
	row, ok := rows[id]
	if !ok {
		return row, nil, fmt.Errorf("subscription %s: %w", id, store.ErrNotFound)
	}
	d, err := decodeSubscription(row)
	if err == nil && d.Owner != as.Name {
		err = fmt.Errorf("subscription %s: %w", id, store.ErrNotFound)
	}
	return row, d, err
}

// Subscribe makes a subscription. It tells what happens from now on.
func (s *Service) Subscribe(ctx context.Context, as Person, w rest.SubscriptionWrite) (rest.Subscription, error) {
	if err := s.check(ctx, as, &w, ""); err != nil {
		return rest.Subscription{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return rest.Subscription{}, fmt.Errorf("make subscription id: %w", err)
	}
	now := store.At(s.opt.Clock())
	d := &subscription{SubscriptionWrite: w, Owner: as.Name, CreatedAt: now, UpdatedAt: now, id: id.String()}
	return s.save(ctx, as, "subscription.create", store.Insert, store.Row{ID: d.id, Tenant: as.Tenant, Version: 1}, d, w.Webhook != "")
}

// Update replaces a subscription that is at a version.
func (s *Service) Update(ctx context.Context, as Person, id string, version int64, w rest.SubscriptionWrite) (rest.Subscription, error) {
	row, d, err := s.load(ctx, as, id)
	switch {
	case err != nil:
		return rest.Subscription{}, err
	case row.Version != version:
		return rest.Subscription{}, &inventory.StaleError{Current: row.Version}
	}
	if err := s.check(ctx, as, &w, id); err != nil {
		return rest.Subscription{}, err
	}
	another := w.Webhook != "" && w.Webhook != d.Webhook
	if another {
		d.Secrets++ // whoever had the old address cannot sign for the new one
	}
	d.SubscriptionWrite, d.UpdatedAt = w, store.At(s.opt.Clock())
	row.Version++
	return s.save(ctx, as, "subscription.update", store.Replace, row, d, another)
}

// RenewSecret gives the webhook another secret.
func (s *Service) RenewSecret(ctx context.Context, as Person, id string) (rest.Subscription, error) {
	row, d, err := s.load(ctx, as, id)
	if err != nil {
		return rest.Subscription{}, err
	}
	if d.Webhook == "" {
		return rest.Subscription{}, &inventory.InvalidError{Pointer: "/webhook", Problem: "is not there, so it has no secret"}
	}
	d.Secrets++
	d.UpdatedAt = store.At(s.opt.Clock())
	row.Version++
	return s.save(ctx, as, "subscription.renew_secret", store.Replace, row, d, true)
}

// Unsubscribe forgets a subscription; what it told stays.
func (s *Service) Unsubscribe(ctx context.Context, as Person, id string) error {
	row, d, err := s.load(ctx, as, id)
	if err != nil {
		return err
	}
	_, err = s.save(ctx, as, "subscription.delete", store.Delete, row, d, false)
	return err
}

func (s *Service) save(ctx context.Context, as Person, action string, op store.Op, row store.Row, d *subscription, shown bool) (rest.Subscription, error) {
	next, err := rowOf(row.Tenant, row.ID, row.Version, d)
	if err != nil {
		return rest.Subscription{}, err
	}
	if _, err := s.opt.Audit.Write(ctx, audit.Entry{Tenant: as.Tenant, Actor: as.Name, Address: as.Address, Action: action,
		Object: &audit.Ref{ID: row.ID, Name: d.Name, Kind: "subscription"}, Detail: map[string]any{"event": d.Event, "mail": d.Mail, "webhook": d.Webhook != ""}}); err != nil {
		return rest.Subscription{}, fmt.Errorf("audit subscription: %w", err)
	}
	err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
		conflicts, err := tx.Write(ctx, store.Write{Table: tSubscriptions, Op: op, Row: next})
		if err == nil && len(conflicts) > 0 {
			err = &inventory.StaleError{Current: row.Version}
		}
		return err
	})
	if err != nil {
		return rest.Subscription{}, fmt.Errorf("save subscription: %w", err)
	}
	v := d.view(next)
	if shown {
		v.WebhookSecret = string(s.secret(d))
	}
	return v, nil
}

// check cleans what a person said and refuses what could tell nothing.
func (s *Service) check(ctx context.Context, as Person, w *rest.SubscriptionWrite, self string) error {
	w.Name, w.Filter, w.Webhook = strings.TrimSpace(w.Name), strings.TrimSpace(w.Filter), strings.TrimSpace(w.Webhook)
	bad := func(pointer, problem string) error {
		return &inventory.InvalidError{Pointer: pointer, Problem: problem}
	}
	ofResources, ofConnection := w.Event == rest.EventResources || w.Event == rest.EventDates, w.Event == rest.EventRuns || w.Event == rest.EventRemovals
	switch {
	case w.Name == "":
		return bad("/name", "may not be empty")
	case !ofResources && (w.Kind != "" || w.Filter != ""):
		return bad("/kind", "and filter are of resources and dates")
	case !ofConnection && w.Connection != "":
		return bad("/connection", "is of runs and removals")
	case w.Filter != "" && w.Kind == "":
		return bad("/kind", "is needed by a filter, whose fields it has")
	case w.Field != "" && w.Event != rest.EventDates:
		return bad("/field", "is of dates")
	case w.Days != 0 && w.Event != rest.EventDates && w.Event != rest.EventCertificates && w.Event != rest.EventCredentials:
		return bad("/days", "are of dates, certificates and credentials")
	case w.Event == rest.EventDates && (w.Kind == "" || w.Field == ""):
		return bad("/field", "and kind are needed to know which date")
	}
	for i, a := range w.Actions {
		if of := actionsOf[w.Event].all; !slices.Contains(of, a) {
			return bad(fmt.Sprintf("/actions/%d", i), fmt.Sprintf("is none of %s", strings.Join(of, ", ")))
		}
	}
	if w.Webhook != "" {
		if err := webhook.CheckAddress(w.Webhook); err != nil {
			return bad("/webhook", err.Error())
		}
	}
	if w.Mail && s.opt.Mail == nil {
		return bad("/mail", "cannot be: this collector has no mail server")
	}
	if w.Mail && as.Email == "" {
		return bad("/mail", "cannot be: your profile has no e-mail address")
	}
	if err := as.Eyes.Check(ctx, *w); err != nil {
		return err
	}
	mine, err := s.Subscriptions(ctx, as)
	if err != nil {
		return err
	}
	if self == "" && len(mine) >= mostSubscriptions {
		return bad("/name", fmt.Sprintf("there are %d subscriptions already: delete some", mostSubscriptions))
	}
	if slices.ContainsFunc(mine, func(o rest.Subscription) bool { return o.ID != self && strings.EqualFold(o.Name, w.Name) }) {
		return bad("/name", fmt.Sprintf("is that of another subscription, %q", w.Name))
	}
	return nil
}
