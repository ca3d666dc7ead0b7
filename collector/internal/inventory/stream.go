package inventory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/ledger"
	"maestro.internal/collector/internal/store"
)

// StreamName is what the ledger calls changes.
const StreamName = "changes"

// settledAfter is more than any unit of work takes from its moment to its commit, and clocks of collectors may differ by.
const settledAfter = 15 * time.Minute

// Stream shows the changes to the ledger.
func (s *Service) Stream() ledger.Stream { return stream{s} }

type stream struct{ s *Service }

func (s stream) Name() string { return StreamName }

func (s stream) Tenants(ctx context.Context) ([]string, error) {
	return s.s.opt.Store.Tenants(ctx, tChanges)
}

func (s stream) Settled(_ context.Context, _ string, now time.Time) (time.Time, error) {
	return now.Add(-settledAfter), nil
}

func (s stream) Entries(ctx context.Context, tenant string, after ledger.Position, before time.Time, limit int) ([]ledger.Entry, error) {
	order := []store.Order{{Field: when("at")}}
	from, err := ledger.After(after, order)
	if err != nil {
		return nil, err
	}
	page, err := s.s.opt.Store.Find(ctx, store.Query{Table: tChanges, Tenant: tenant, Order: order, After: from, Limit: limit,
		Where: filter.Compare{Field: when("at"), Op: filter.Lt, Value: before.UTC().Format(store.TimeLayout)}})
	if err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	entries := make([]ledger.Entry, 0, len(page.Rows))
	for _, row := range page.Rows {
		e, err := entryOf(row)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// entryOf hashes the document as it is stored, so that nothing can hide in it that a later release would read.
func entryOf(row store.Row) (ledger.Entry, error) {
	var d struct {
		ResourceID string     `json:"resource_id"`
		Version    int64      `json:"version"`
		At         store.Time `json:"at"`
		Hash       string     `json:"hash"`
		PrevHash   string     `json:"prev_hash"`
	}
	if err := json.Unmarshal(row.Doc, &d); err != nil {
		return ledger.Entry{}, fmt.Errorf("decode change %s: %w", row.ID, err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(row.Doc, &all); err != nil {
		return ledger.Entry{}, fmt.Errorf("decode change %s: %w", row.ID, err)
	}
	delete(all, "hash")
	b, err := json.Marshal(all)
	if err != nil {
		return ledger.Entry{}, fmt.Errorf("encode change %s: %w", row.ID, err)
	}
	v := jsontext.Value(b)
	if err := v.Canonicalize(); err != nil {
		return ledger.Entry{}, fmt.Errorf("canonicalize change %s: %w", row.ID, err)
	}
	e := ledger.Entry{ID: row.ID, At: d.At.Time, Hash: sha256.Sum256(v), Owner: d.ResourceID, Version: d.Version, Prev: d.PrevHash}
	switch {
	case hex.EncodeToString(e.Hash[:]) != d.Hash:
		e.Problem = "was edited: its content has another hash than it carries"
	case row.ID != changeID(d.ResourceID, d.Version):
		e.Problem = "was edited: its id is not that of its resource and version"
	}
	return e, nil
}

// Forget deletes what came before each of the changes: once a change lies before the horizon, the revision that it replaced is
// asked for by nobody. So the newest revision of every resource stays, however old it is.
func (s stream) Forget(ctx context.Context, tenant string, entries []ledger.Entry, horizon time.Time) (int, error) {
	var ids []string
	for _, e := range entries {
		if owner, version := s.Kept(e.ID); version > 1 {
			ids = append(ids, changeID(owner, version-1))
		}
	}
	n := 0
	for len(ids) > 0 {
		some := ids[:min(500, len(ids))]
		ids = ids[len(some):]
		err := s.s.opt.Store.Update(ctx, func(tx store.Tx) error {
			rows, err := getRows(ctx, tx, tChanges, tenant, "", some)
			if err != nil {
				return err
			}
			var ops []store.Write
			for id, row := range rows {
				c, err := decodeRow[changeDoc](row)
				if err != nil {
					return err
				}
				if c.At.Before(horizon) {
					ops = append(ops, store.Write{Table: tChanges, Op: store.Delete, Row: store.Row{ID: id, Tenant: tenant}})
				}
			}
			n += len(ops)
			_, err = tx.Write(ctx, ops...)
			return err
		})
		if err != nil {
			return n, fmt.Errorf("delete changes: %w", err)
		}
	}
	return n, nil
}

// Kept is the newest revision of each resource.
func (s stream) Kept(id string) (owner string, version int64) {
	owner, text, _ := strings.Cut(id, "/")
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return "", 0
	}
	return owner, version
}

// Recheck goes along one resource's changes by version.
func (s stream) Recheck(ctx context.Context, tenant, owner string, whole bool) (string, error) {
	err := s.s.verify(ctx, tenant, owner, whole)
	var broken *BrokenError
	if errors.As(err, &broken) {
		return broken.Error(), nil
	}
	return "", err
}
