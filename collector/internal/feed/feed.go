// Package feed passes audit entries on to where a site gathers such things, syslog or a webhook, soon after they happened.
//
// The store is the queue: a cursor says what was passed on, and is saved after the other side took it. So nothing is lost while
// the other side, or the collector, is away. Entries do not commit in the order of their moments; the cursor therefore keeps
// the ids of the last minutes, so that a late one is neither missed nor makes others go twice. A collector that dies between
// sending and saving sends one batch again: each entry carries its id, by which a receiver knows it.
package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/lease"
	"maestro.internal/collector/internal/ledger"
	"maestro.internal/collector/internal/store"
)

const table = "feeds"

// Tables are the tables that feeds need.
func Tables() []store.Table { return []store.Table{{Name: table}} }

// Target is where entries go.
type Target interface {
	// Name names the cursor; a target that moves keeps its name and goes on where it was.
	Name() string
	// Send answers nil once the other side has all of them.
	Send(ctx context.Context, entries []audit.Entry) error
	Close() error
}

// Options of a Feed.
type Options struct {
	Store  store.Store
	Audit  *audit.Log
	Leases *lease.Leases
	Target Target
	Clock  func() time.Time
	Log    *slog.Logger
	// Poll is how often it looks for entries (2 seconds), Batch how many go at once (200).
	Poll  time.Duration
	Batch int
	// Longest is the longest pause after failures (1 minute); the first is a second.
	Longest time.Duration
}

// Feed passes entries on to one target.
type Feed struct {
	opt    Options
	stream ledger.Stream
}

// New makes a Feed; Run makes it work.
func New(opt Options) *Feed {
	if opt.Poll <= 0 {
		opt.Poll = 2 * time.Second
	}
	if opt.Batch <= 0 {
		opt.Batch = 200
	}
	if opt.Longest <= 0 {
		opt.Longest = time.Minute
	}
	return &Feed{opt: opt, stream: opt.Audit.Stream()}
}

// cursor is what was passed on of one tenant: everything before From, and the entries named since.
type cursor struct {
	From store.Time `json:"from"`
	Sent []sent     `json:"sent,omitempty"`
}

type sent struct {
	ID string     `json:"id"`
	At store.Time `json:"at"`
}

// Run passes entries on until ctx is done. Of several collectors the one that holds the lease does it.
func (f *Feed) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, f.opt.Target.Close()) }()
	f.opt.Leases.Work(ctx, lease.Job{Name: "feed/" + f.opt.Target.Name(), Round: f.Round, Poll: f.opt.Poll, Longest: f.opt.Longest,
		Log: f.opt.Log.With("target", f.opt.Target.Name())})
	return nil
}

// Round passes on one batch of every tenant, and says whether there is more.
func (f *Feed) Round(ctx context.Context) (more bool, err error) {
	tenants, err := f.stream.Tenants(ctx)
	if err != nil {
		return false, err
	}
	for _, tenant := range tenants {
		some, err := f.tenant(ctx, tenant)
		if err != nil {
			return false, err
		}
		more = more || some
	}
	return more, nil
}

func (f *Feed) tenant(ctx context.Context, tenant string) (more bool, err error) {
	cur, version, err := f.load(ctx, tenant)
	if err != nil {
		return false, err
	}
	settled, err := f.stream.Settled(ctx, tenant, f.opt.Clock())
	if err != nil {
		return false, err
	}
	batch, seen, more, err := f.unsent(ctx, tenant, cur)
	if err != nil {
		return false, err
	}
	if len(batch) > 0 {
		if err := f.opt.Target.Send(ctx, batch); err != nil {
			return false, fmt.Errorf("pass on audit entries: %w", err)
		}
	}
	next := cursor{From: store.At(settled)}
	if seen.At.Before(settled) && more {
		next.From = store.At(seen.At)
	}
	if next.From.Before(cur.From.Time) {
		next.From = cur.From
	}
	for _, e := range batch {
		cur.Sent = append(cur.Sent, sent{e.ID, store.At(e.At)})
	}
	for _, s := range cur.Sent {
		if !s.At.Before(next.From.Time) {
			next.Sent = append(next.Sent, s)
		}
	}
	// An idle feed writes only when there is something to forget.
	if len(batch) == 0 && len(next.Sent) == len(cur.Sent) {
		return more, nil
	}
	return more, f.save(ctx, tenant, next, version+1)
}

// unsent are the next entries that are over and were not passed on. seen is the last one looked at.
func (f *Feed) unsent(ctx context.Context, tenant string, cur cursor) (batch []audit.Entry, seen ledger.Position, more bool, err error) {
	known := make(map[string]bool, len(cur.Sent))
	for _, s := range cur.Sent {
		known[s.ID] = true
	}
	var after ledger.Position
	if !cur.From.IsZero() {
		after = ledger.Position{At: cur.From.Add(-time.Microsecond), ID: "\U0010ffff"} // so that From itself is read
	}
	for {
		page, err := f.opt.Audit.Follow(ctx, tenant, after, f.opt.Batch)
		if err != nil {
			return nil, seen, false, err
		}
		for _, e := range page {
			if len(batch) == f.opt.Batch {
				return batch, seen, true, nil
			}
			seen = ledger.Position{At: e.At, ID: e.ID}
			after = seen
			if e.Outcome != audit.Pending && !known[e.ID] {
				batch = append(batch, e)
			}
		}
		if len(page) < f.opt.Batch {
			return batch, seen, false, nil
		}
	}
}

func (f *Feed) load(ctx context.Context, tenant string) (cursor, int64, error) {
	var cur cursor
	id := store.Key(f.opt.Target.Name(), tenant)
	rows, err := f.opt.Store.Get(ctx, table, tenant, "", []string{id})
	if err != nil {
		return cur, 0, fmt.Errorf("read feed's cursor: %w", err)
	}
	row, ok := rows[id]
	if !ok {
		return cur, 0, nil
	}
	if err := json.Unmarshal(row.Doc, &cur); err != nil {
		return cur, 0, fmt.Errorf("decode feed's cursor: %w", err)
	}
	return cur, row.Version, nil
}

// save does not overwrite what another collector saved meanwhile: then that one has the lease.
func (f *Feed) save(ctx context.Context, tenant string, cur cursor, version int64) error {
	doc, err := json.Marshal(cur)
	if err != nil {
		return fmt.Errorf("encode feed's cursor: %w", err)
	}
	w := store.Write{Table: table, Op: store.Replace, Row: store.Row{ID: store.Key(f.opt.Target.Name(), tenant), Tenant: tenant, Version: version, Doc: doc}}
	if version == 1 {
		w.Op = store.Insert
	}
	var conflicts []int
	err = f.opt.Store.Update(ctx, func(tx store.Tx) error {
		conflicts, err = tx.Write(ctx, w)
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("save feed's cursor: %w", err)
	case len(conflicts) > 0:
		return errors.New("save feed's cursor: another collector passes these entries on")
	}
	return nil
}
