// Package notify tells people what they asked to be told: that resources came or went, that a run failed, that a removal
// or another approval waits for them, that an agent went silent, that a date comes near. It keeps what it told (the notification centre), and carries it further by
// e-mail and signed webhooks.
//
// Nothing is hooked into what happens. A cursor for each tenant says up to which moment everything was looked at, and what lies
// between it and a minute ago is looked at together: so a first sync of ten thousand machines is one notification, and a collector
// that was away tells what happened meanwhile. The window is written down before anything is told and the ids follow from it, so that
// a collector which dies half-way tells nothing twice. What a subscription finds is asked for with its owner's rights of now.
package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/lease"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/webhook"
	"maestro.internal/collector/internal/words"
	"maestro.internal/internal/rest"
)

const (
	tSubscriptions = "subscriptions"
	tNotices       = "notifications"
	tDeliveries    = "notification_deliveries"
	tCursors       = "notification_cursors"
	tTold          = "notification_told"
)

func text(name string) filter.Field { return filter.Field{Path: []string{name}, Type: filter.String} }
func when(name string) filter.Field { return filter.Field{Path: []string{name}, Type: filter.Time} }
func flag(name string) filter.Field { return filter.Field{Path: []string{name}, Type: filter.Bool} }

func is(f filter.Field, v any) filter.Expr { return filter.Compare{Field: f, Op: filter.Eq, Value: v} }

// Tables are the tables that the Service needs.
func Tables() []store.Table {
	return []store.Table{
		{Name: tSubscriptions, Indexes: []store.Index{{Name: "owner", Fields: []filter.Field{text("owner")}}}},
		{Name: tNotices, Indexes: []store.Index{
			{Name: "owner", Fields: []filter.Field{text("owner"), when("at")}},
			{Name: "unread", Fields: []filter.Field{text("owner"), flag("read")}},
			{Name: "at", Fields: []filter.Field{when("at")}}}},
		{Name: tDeliveries, Indexes: []store.Index{
			{Name: "state", Fields: []filter.Field{text("state"), when("next_at")}},
			{Name: "notice", Fields: []filter.Field{text("notice")}},
			{Name: "created_at", Fields: []filter.Field{when("created_at")}}}},
		{Name: tCursors}, {Name: tTold},
	}
}

// ErrNobody says that the owner of a subscription cannot be told anything: gone, disabled, or not signed up yet.
var ErrNobody = errors.New("nobody to tell")

// Person is the owner of a subscription, with the rights of now.
type Person struct {
	inventory.Caller
	// Email is where letters go; "" is nowhere. Display is what they call him.
	Email, Display string
	// Language that he is told in; "" is English.
	Language words.Language
	Eyes     Eyes
}

// Found is a resource that a filter found, with the date that was asked for.
type Found struct{ ID, Name, Date string }

// Certificate is one that ends. Renewed says that it is renewed by itself as long as all goes well.
type Certificate struct {
	ID, Kind, Name string
	Renewed        bool
	NotAfter       time.Time
}

// Eyes look as one person. What they answer is what a list would show him.
type Eyes interface {
	// Among narrows resources of a kind to those that he may read and a filter finds.
	Among(ctx context.Context, kind, filter string, ids []string) ([]Found, error)
	// Due finds resources with a date in a field between two moments.
	Due(ctx context.Context, kind, filter, field string, from, until time.Time) ([]Found, error)
	// Approvals are what happened to approvals after a moment and until another that he is to know of.
	Approvals(ctx context.Context, from, until time.Time) ([]rest.NotificationItem, error)
	// Agents are those that he may see.
	Agents(ctx context.Context) ([]rest.Agent, error)
	// Certificates are those of Maestro itself that run out: of agents that he may see, and of the web UI.
	Certificates(ctx context.Context) ([]Certificate, error)
	// Credentials are the sealed ones of connections that he may see, with the day from which on they are older than their tenant wants.
	Credentials(ctx context.Context) ([]Certificate, error)
	// Check says what is wrong with kind, filter and field of a subscription, for whoever wrote it.
	Check(ctx context.Context, w rest.SubscriptionWrite) error
}

// People finds who owns a subscription ("user:anna"); ErrNobody when he is no more.
type People interface {
	Person(ctx context.Context, tenant, owner string) (Person, error)
}

// History is what happened.
type History interface {
	Changes(ctx context.Context, c inventory.Caller, q inventory.ChangeQuery) (*inventory.ChangeList, error)
	Runs(ctx context.Context, c inventory.Caller, q inventory.RunQuery) (*inventory.RunList, error)
	HeldRemovals(ctx context.Context, c inventory.Caller, q inventory.HeldQuery) (*inventory.HeldList, error)
}

// Mail sends a letter of plain text.
type Mail interface {
	Send(ctx context.Context, to, subject, text string) error
}

// Auditor records what was done.
type Auditor interface {
	Write(ctx context.Context, e audit.Entry) (id string, err error)
}

// Options of a Service.
type Options struct {
	Store   store.Store
	History History
	Audit   Auditor
	Leases  *lease.Leases
	// Mail is nil where no mail server is configured. PublicURL is what links begin with; empty for none.
	Mail      Mail
	PublicURL string
	// Webhooks post what subscriptions name.
	Webhooks *webhook.Sender
	// Key makes the secrets of webhooks, which therefore lie nowhere.
	Key   []byte
	Clock func() time.Time
	Log   *slog.Logger
	// Lag is how long after it happened a thing is looked at (a minute), Every how often (half the lag, at most 30 seconds).
	Lag, Every time.Duration
	// Keep is how long notifications stay (90 days).
	Keep time.Duration
}

// Service keeps subscriptions and tells their owners.
type Service struct {
	opt Options
	// looked is when dates and agents were last looked at, by tenant.
	looked map[string]time.Time
}

// New makes a Service.
func New(opt Options) *Service {
	for _, d := range []struct {
		at *time.Duration
		is time.Duration
	}{{&opt.Lag, time.Minute}, {&opt.Keep, 90 * 24 * time.Hour}} {
		if *d.at <= 0 {
			*d.at = d.is
		}
	}
	if opt.Every <= 0 {
		opt.Every = min(opt.Lag/2, 30*time.Second)
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{opt: opt, looked: map[string]time.Time{}}
}

// Run tells and delivers until ctx is done, at one collector at a time.
func (s *Service) Run(ctx context.Context, people People) {
	done := make(chan struct{})
	go func() { // waited for below
		defer close(done)
		s.opt.Leases.Work(ctx, lease.Job{Name: "deliver", Poll: min(s.opt.Every, 5*time.Second), Longest: time.Minute, Within: 2 * time.Minute, Log: s.opt.Log,
			Round: func(ctx context.Context) (bool, error) { return s.Deliver(ctx, people) }})
	}()
	s.opt.Leases.Work(ctx, lease.Job{Name: "notify", Poll: s.opt.Every, Longest: time.Minute, Within: 10 * time.Minute, Log: s.opt.Log,
		Round: func(ctx context.Context) (bool, error) { return false, s.Tell(ctx, people) }})
	<-done
	s.opt.Webhooks.Close()
}

// Sweep forgets what is old.
func (s *Service) Sweep(ctx context.Context, now time.Time) error {
	for table, field := range map[string]string{tNotices: "at", tDeliveries: "created_at"} {
		q := store.Query{Table: table, AllTenants: true, Limit: 500, Where: filter.Compare{Field: when(field), Op: filter.Lt, Value: timeOf(now.Add(-s.opt.Keep))}}
		page, err := s.opt.Store.Find(ctx, q)
		if err != nil {
			return fmt.Errorf("find old notifications: %w", err)
		}
		var ops []store.Write
		for _, row := range page.Rows {
			ops = append(ops, store.Write{Table: table, Op: store.Delete, Row: store.Row{ID: row.ID, Tenant: row.Tenant}})
		}
		if err := s.write(ctx, ops...); err != nil {
			return err
		}
	}
	return nil
}

func timeOf(t time.Time) string { return t.UTC().Format(store.TimeLayout) }

// write does not mind conflicts: what is inserted has ids that say what it is, so it is there already.
func (s *Service) write(ctx context.Context, ops ...store.Write) error {
	if len(ops) == 0 {
		return nil
	}
	err := s.opt.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, ops...)
		return err
	})
	if err != nil {
		return fmt.Errorf("write notifications: %w", err)
	}
	return nil
}

func rowOf(tenant, id string, version int64, doc any) (store.Row, error) {
	b, err := json.Marshal(doc)
	if err != nil {
		return store.Row{}, fmt.Errorf("encode %s: %w", id, err)
	}
	return store.Row{ID: id, Tenant: tenant, Version: version, Doc: b}, nil
}

func decode[T any](row store.Row) (T, error) {
	var d T
	if err := json.Unmarshal(row.Doc, &d); err != nil {
		return d, fmt.Errorf("decode row %s: %w", row.ID, err)
	}
	return d, nil
}
