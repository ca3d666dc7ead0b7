package audit

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/ledger"
	"maestro.internal/collector/internal/store"
)

// StreamName is what the ledger calls audit entries.
const StreamName = "audit"

// settledAfter is when nothing about an entry changes any more: it is over, or Sweep has ended it.
const settledAfter = PendingFor + 5*time.Minute

// Stream shows the entries to the ledger.
func (l *Log) Stream() ledger.Stream { return stream{l} }

type stream struct{ l *Log }

func (s stream) Name() string { return StreamName }

func (s stream) Tenants(ctx context.Context) ([]string, error) {
	return s.l.store.Tenants(ctx, table)
}

// Settled stops at the first entry that is still pending.
func (s stream) Settled(ctx context.Context, tenant string, now time.Time) (time.Time, error) {
	at := now.Add(-settledAfter)
	page, err := s.l.store.Find(ctx, store.Query{Table: table, Tenant: tenant, Limit: 1, Order: []store.Order{{Field: fieldAt}},
		Where: filter.Compare{Field: fieldOutcome, Op: filter.Eq, Value: Pending}})
	if err != nil {
		return at, fmt.Errorf("find pending audit entries: %w", err)
	}
	for _, r := range page.Rows {
		e, err := decode(r)
		if err != nil {
			return at, err
		}
		if e.At.Before(at) {
			at = e.At
		}
	}
	return at, nil
}

func (s stream) Entries(ctx context.Context, tenant string, after ledger.Position, before time.Time, limit int) ([]ledger.Entry, error) {
	order := []store.Order{{Field: fieldAt}}
	from, err := ledger.After(after, order)
	if err != nil {
		return nil, err
	}
	page, err := s.l.store.Find(ctx, store.Query{Table: table, Tenant: tenant, Order: order, After: from, Limit: limit,
		Where: filter.Compare{Field: fieldAt, Op: filter.Lt, Value: moment(before)}})
	if err != nil {
		return nil, fmt.Errorf("read audit entries: %w", err)
	}
	entries := make([]ledger.Entry, 0, len(page.Rows))
	for _, r := range page.Rows {
		var d struct {
			At store.Time `json:"at"`
		}
		if err := json.Unmarshal(r.Doc, &d); err != nil {
			return nil, fmt.Errorf("decode audit entry %s: %w", r.ID, err)
		}
		v := jsontext.Value(append([]byte(nil), r.Doc...))
		if err := v.Canonicalize(); err != nil {
			return nil, fmt.Errorf("read audit entry %s: %w", r.ID, err)
		}
		entries = append(entries, ledger.Entry{ID: r.ID, At: d.At.Time, Hash: sha256.Sum256(v)})
	}
	return entries, nil
}

// Forget deletes the entries.
func (s stream) Forget(ctx context.Context, tenant string, entries []ledger.Entry, _ time.Time) (int, error) {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	n := 0
	for len(ids) > 0 {
		some := ids[:min(500, len(ids))]
		ids = ids[len(some):]
		err := s.l.store.Update(ctx, func(tx store.Tx) error {
			rows, err := tx.Get(ctx, table, tenant, "", some)
			if err != nil {
				return err
			}
			var ops []store.Write
			for id := range rows {
				ops = append(ops, store.Write{Table: table, Op: store.Delete, Row: store.Row{ID: id, Tenant: tenant}})
			}
			n += len(ops)
			_, err = tx.Write(ctx, ops...)
			return err
		})
		if err != nil {
			return n, fmt.Errorf("delete audit entries: %w", err)
		}
	}
	return n, nil
}

// Kept is nothing: old entries go altogether.
func (s stream) Kept(string) (string, int64) { return "", 0 }

// Recheck has nothing to do: audit entries do not follow one another.
func (s stream) Recheck(context.Context, string, string, bool) (string, error) { return "", nil }

// Follow reads entries oldest first, from behind a position on; pending ones too.
func (l *Log) Follow(ctx context.Context, tenant string, after ledger.Position, limit int) ([]Entry, error) {
	order := []store.Order{{Field: fieldAt}}
	from, err := ledger.After(after, order)
	if err != nil {
		return nil, err
	}
	page, err := l.store.Find(ctx, store.Query{Table: table, Tenant: tenant, Order: order, After: from, Limit: limit})
	if err != nil {
		return nil, fmt.Errorf("follow audit entries: %w", err)
	}
	entries := make([]Entry, 0, len(page.Rows))
	for _, r := range page.Rows {
		e, err := decode(r)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}
