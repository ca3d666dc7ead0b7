// Package audit records what anyone did: signed in, edited, asked for a run, approved. Entries are only ever
// added, so that "who did this" can be answered long after; a change of the inventory points to its entry.
//
// An entry that leads to changes is begun before them as pending and finished after them: what a crash leaves
// behind is an entry without its end, which Sweep marks as failed, and never a change without an entry.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// The outcomes of an entry.
const (
	OK      = "ok"
	Refused = "refused"
	Failed  = "failed"
	Pending = "pending"
)

// PendingFor is how long an entry may be pending before Sweep takes it for an orphan.
const PendingFor = 10 * time.Minute

const table = "audit_entries"

// Ref names an object with the name people know it by.
type Ref struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Kind string `json:"kind,omitempty"`
}

// Entry is one thing that someone did.
type Entry struct {
	ID string `json:"id"`
	// Tenant that it happened in; "" when it is not known, as for a failed sign-in.
	Tenant string    `json:"tenant"`
	At     time.Time `json:"at"`
	// Actor is user:<name>, token:<name>, agent:<id>, rule:<name> or system.
	Actor string `json:"actor"`
	// Action is verb.object: sign_in, connection.update, run.request.
	Action  string `json:"action"`
	Object  *Ref   `json:"object,omitempty"`
	Outcome string `json:"outcome"`
	// Address that it came from.
	Address string `json:"address,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Detail is what else is worth knowing. Never put a secret in it.
	Detail map[string]any `json:"detail,omitempty"`
}

// Query asks for entries, newest first.
type Query struct {
	Actor  string
	Action string
	// ObjectID narrows to what was done to one object.
	ObjectID string
	Outcome  string
	// Since and Until bound At; zero is without bound.
	Since, Until time.Time
	// After is Page.Next of the page before.
	After string
	Limit int
}

// Page is one page of entries.
type Page struct {
	Entries []Entry
	Next    string
	// Total is exact up to 10,000.
	Total int
}

// Log writes and reads entries.
type Log struct {
	store store.Store
	clock func() time.Time
}

// New makes a Log. clock is time.Now but for tests.
func New(st store.Store, clock func() time.Time) *Log {
	return &Log{store: st, clock: clock}
}

// doc is an Entry as it is stored: free keys may not be property names there, so the detail is kept as text.
type doc struct {
	At       store.Time `json:"at"`
	Actor    string     `json:"actor"`
	Action   string     `json:"action"`
	ObjectID string     `json:"object_id,omitempty"`
	Object   *Ref       `json:"object,omitempty"`
	Outcome  string     `json:"outcome"`
	Address  string     `json:"address,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Detail   string     `json:"detail,omitempty"`
}

var (
	fieldAt      = filter.Field{Path: []string{"at"}, Type: filter.Time}
	fieldActor   = filter.Field{Path: []string{"actor"}, Type: filter.String}
	fieldAction  = filter.Field{Path: []string{"action"}, Type: filter.String}
	fieldObject  = filter.Field{Path: []string{"object_id"}, Type: filter.String}
	fieldOutcome = filter.Field{Path: []string{"outcome"}, Type: filter.String}
)

// Tables are the tables that the Log needs.
func Tables() []store.Table {
	return []store.Table{{Name: table, Indexes: []store.Index{
		{Name: "at", Fields: []filter.Field{fieldAt}},
		{Name: "object", Fields: []filter.Field{fieldObject, fieldAt}},
		{Name: "outcome", Fields: []filter.Field{fieldOutcome, fieldAt}},
	}}}
}

// Write records something that is over. It fills in the id, the moment and, if it is empty, the outcome OK.
func (l *Log) Write(ctx context.Context, e Entry) (id string, err error) {
	if e.Outcome == "" {
		e.Outcome = OK
	}
	return l.insert(ctx, e)
}

// Begin records something that is about to be tried. Finish must follow.
func (l *Log) Begin(ctx context.Context, e Entry) (id string, err error) {
	e.Outcome = Pending
	return l.insert(ctx, e)
}

func (l *Log) insert(ctx context.Context, e Entry) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make audit id: %w", err)
	}
	e.ID, e.At = id.String(), l.clock()
	row, err := encode(e)
	if err != nil {
		return "", err
	}
	err = l.store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, store.Write{Table: table, Op: store.Insert, Row: row})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("write audit entry: %w", err)
	}
	return e.ID, nil
}

// Finish says how it ended: OK when cause is nil, Failed otherwise. An entry that is not pending stays as it is.
func (l *Log) Finish(ctx context.Context, tenant, id string, cause error) error {
	outcome, reason := OK, ""
	if cause != nil {
		outcome, reason = Failed, cause.Error()
	}
	return l.end(ctx, tenant, id, outcome, reason)
}

// Refuse ends a pending entry as refused.
func (l *Log) Refuse(ctx context.Context, tenant, id, reason string) error {
	return l.end(ctx, tenant, id, Refused, reason)
}

func (l *Log) end(ctx context.Context, tenant, id, outcome, reason string) error {
	err := l.store.Update(ctx, func(tx store.Tx) error {
		rows, err := tx.Get(ctx, table, tenant, "", []string{id})
		if err != nil {
			return err
		}
		row, ok := rows[id]
		if !ok {
			return store.ErrNotFound
		}
		e, err := decode(row)
		if err != nil {
			return err
		}
		if e.Outcome != Pending {
			return nil
		}
		e.Outcome = outcome
		if reason != "" {
			if e.Detail == nil {
				e.Detail = map[string]any{}
			}
			e.Detail["ended"] = reason
		}
		next, err := encode(e)
		if err != nil {
			return err
		}
		next.Version = row.Version + 1
		// A conflict means that somebody else ended it in between, which is as good.
		_, err = tx.Write(ctx, store.Write{Table: table, Op: store.Replace, Row: next})
		return err
	})
	if err != nil {
		return fmt.Errorf("finish audit entry %s: %w", id, err)
	}
	return nil
}

// Get is one entry.
func (l *Log) Get(ctx context.Context, tenant, id string) (Entry, error) {
	rows, err := l.store.Get(ctx, table, tenant, "", []string{id})
	if err != nil {
		return Entry{}, fmt.Errorf("read audit entry: %w", err)
	}
	row, ok := rows[id]
	if !ok {
		return Entry{}, fmt.Errorf("read audit entry %s: %w", id, store.ErrNotFound)
	}
	return decode(row)
}

// List reads entries of one tenant, newest first.
func (l *Log) List(ctx context.Context, tenant string, q Query) (Page, error) {
	sq := q.onStore(tenant)
	page, err := l.page(ctx, sq)
	if err != nil {
		return Page{}, err
	}
	if page.Total, err = l.store.Count(ctx, sq, 10_000); err != nil {
		return Page{}, fmt.Errorf("count audit entries: %w", err)
	}
	return page, nil
}

// Each calls fn for every entry of one tenant that a query finds, newest first, however many there are.
func (l *Log) Each(ctx context.Context, tenant string, q Query, fn func(Entry) error) error {
	sq := q.onStore(tenant)
	sq.Limit = 500
	for {
		page, err := l.page(ctx, sq)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if err := fn(e); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		sq.After = page.Next
	}
}

func (q Query) onStore(tenant string) store.Query {
	where := filter.And{}
	eq := func(f filter.Field, v string) {
		if v != "" {
			where = append(where, filter.Compare{Field: f, Op: filter.Eq, Value: v})
		}
	}
	eq(fieldActor, q.Actor)
	eq(fieldAction, q.Action)
	eq(fieldObject, q.ObjectID)
	eq(fieldOutcome, q.Outcome)
	if !q.Since.IsZero() {
		where = append(where, filter.Compare{Field: fieldAt, Op: filter.Ge, Value: moment(q.Since)})
	}
	if !q.Until.IsZero() {
		where = append(where, filter.Compare{Field: fieldAt, Op: filter.Le, Value: moment(q.Until)})
	}
	return store.Query{Table: table, Tenant: tenant, Where: where, Order: []store.Order{{Field: fieldAt, Desc: true}},
		After: q.After, Limit: q.Limit}
}

func (l *Log) page(ctx context.Context, sq store.Query) (Page, error) {
	rows, err := l.store.Find(ctx, sq)
	if err != nil {
		return Page{}, fmt.Errorf("list audit entries: %w", err)
	}
	page := Page{Next: rows.Next}
	for _, r := range rows.Rows {
		e, err := decode(r)
		if err != nil {
			return Page{}, err
		}
		page.Entries = append(page.Entries, e)
	}
	return page, nil
}

// Sweep marks entries as failed that have been pending for too long: whoever began them did not live to end them.
func (l *Log) Sweep(ctx context.Context, now time.Time) (int, error) {
	n := 0
	q := store.Query{Table: table, AllTenants: true, Limit: 200, Where: filter.And{
		filter.Compare{Field: fieldOutcome, Op: filter.Eq, Value: Pending},
		filter.Compare{Field: fieldAt, Op: filter.Lt, Value: moment(now.Add(-PendingFor))},
	}}
	err := store.Each(ctx, l.store, q, func(r store.Row) error {
		err := l.end(ctx, r.Tenant, r.ID, Failed, "the collector stopped before this was finished")
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		n++
		return nil
	})
	return n, err
}

func moment(t time.Time) string { return t.UTC().Format(store.TimeLayout) }

func encode(e Entry) (store.Row, error) {
	d := doc{At: store.At(e.At), Actor: e.Actor, Action: e.Action, Object: e.Object, Outcome: e.Outcome,
		Address: e.Address, Reason: e.Reason}
	if e.Object != nil {
		d.ObjectID = e.Object.ID
	}
	if len(e.Detail) > 0 {
		b, err := json.Marshal(e.Detail)
		if err != nil {
			return store.Row{}, fmt.Errorf("encode audit detail: %w", err)
		}
		d.Detail = string(b)
	}
	b, err := json.Marshal(d)
	if err != nil {
		return store.Row{}, fmt.Errorf("encode audit entry: %w", err)
	}
	return store.Row{ID: e.ID, Tenant: e.Tenant, Version: 1, Doc: b}, nil
}

func decode(r store.Row) (Entry, error) {
	var d doc
	if err := json.Unmarshal(r.Doc, &d); err != nil {
		return Entry{}, fmt.Errorf("decode audit entry %s: %w", r.ID, err)
	}
	e := Entry{ID: r.ID, Tenant: r.Tenant, At: d.At.Time, Actor: d.Actor, Action: d.Action, Object: d.Object,
		Outcome: d.Outcome, Address: d.Address, Reason: d.Reason}
	if d.Detail != "" {
		if err := json.Unmarshal([]byte(d.Detail), &e.Detail); err != nil {
			return Entry{}, fmt.Errorf("decode audit detail of %s: %w", r.ID, err)
		}
	}
	return e, nil
}
