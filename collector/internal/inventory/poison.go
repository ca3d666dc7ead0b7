package inventory

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"maestro.internal/sdk/resource"
)

// An error of the collector's own is never told as a rejection: the agent keeps what it has and comes again. One item that
// the collector cannot take, for a fault of its own or of the store's, would keep the scope from ever finishing, and with it every item
// beside it. So a scope whose batches have failed poisonAfter times has the next failing batch taken apart until the item is
// found; that one is rejected as internal with its bytes kept, and the others go in.
const (
	poisonAfter = 5
	// mostPoison bounds how many items of one batch are given up: what fails so often is not the items' fault.
	mostPoison = 20
	// internalReason begins the reason of such a rejection.
	internalReason = "internal: "
)

// panicError is a panic while items were taken, told as an error so that it counts as one.
type panicError struct {
	cause any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.cause) }

// take applies a batch, and takes it apart when it failed for too long.
func (r *Run) take(ctx context.Context, c *capture, b Batch, items []incoming, res *BatchResult) error {
	err := r.attempt(ctx, c, b, items, res)
	if err == nil || len(items) == 0 || !blamesItems(ctx, err) {
		return err
	}
	c.st.Failures++
	r.set.touch(c.st.Key)
	if serr := r.s.saveScopes(ctx, r.set); serr != nil {
		return errors.Join(err, serr) // a store that takes nothing says nothing about items
	}
	if c.st.Failures < poisonAfter {
		return err
	}
	return r.bisect(ctx, c, b, items, res, err)
}

// attempt is applyBatch without its panics.
func (r *Run) attempt(ctx context.Context, c *capture, b Batch, items []incoming, res *BatchResult) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			p := &panicError{cause: cause, stack: debug.Stack()}
			r.s.opt.Log.Error("take a batch: panic", "scope", c.st.Key, "connection", c.work.conn.ID, "panic", p.Error(), "stack", string(p.stack))
			err = p
		}
	}()
	return r.applyBatch(ctx, c, b, items, res)
}

// blamesItems says whether an error may be the fault of what was to be taken: another writer and the end of the call are not.
func blamesItems(ctx context.Context, err error) bool {
	var race *raceError
	return ctx.Err() == nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) &&
		!errors.Is(err, ErrMoved) && !errors.As(err, &race)
}

// bisect applies a failing batch in ever smaller parts. Where not one item goes in, nothing is rejected: then it is not the items.
func (r *Run) bisect(ctx context.Context, c *capture, b Batch, items []incoming, res *BatchResult, cause error) error {
	var bad []incoming
	taken := 0
	var split func(part []incoming) error
	split = func(part []incoming) error {
		err := r.attempt(ctx, c, Batch{Scope: b.Scope}, part, &BatchResult{})
		switch {
		case err == nil:
			taken += len(part)
			return nil
		case !blamesItems(ctx, err) || len(bad) >= mostPoison:
			return err
		case len(part) > 1:
			return errors.Join(split(part[:len(part)/2]), split(part[len(part)/2:]))
		}
		it := part[0]
		it.reject, it.keep = internalReason+brief(err.Error()), true
		bad = append(bad, it)
		return nil
	}
	if err := split(items); err != nil {
		return errors.Join(cause, err)
	}
	if taken == 0 && len(items) > 1 {
		return cause
	}
	for _, it := range bad {
		res.Rejected = append(res.Rejected, Rejection{Key: it.key, Reason: it.reject})
		r.s.opt.Log.Error("an item cannot be taken and is put aside", "connection", c.work.conn.ID, "scope", c.st.Key, "key", it.key, "reason", it.reject)
	}
	rest := b
	rest.Upserts = nil
	err := r.attempt(ctx, c, rest, bad, res)
	if err == nil || !blamesItems(ctx, err) {
		return err
	}
	for i := range bad {
		bad[i].leave = true
	}
	return r.attempt(ctx, c, rest, bad, res)
}

// brief is an error short enough for a row.
func brief(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + " ..."
	}
	return s
}

// RejectedItem is something that a connection reads and the collector does not take.
type RejectedItem struct {
	Scope resource.Scope
	Key   string
	// Hash is empty where its body is asked for again.
	Hash   string
	Reason string
	// At is since when; zero where an older version rejected it.
	At time.Time
	// Kept is how many bytes of it are kept: of those that were rejected for a fault of the collector's own.
	Kept int
}

// mostRejectedItems bounds a list of rejected items.
const mostRejectedItems = 1000

// Rejected are the items of a connection that are not taken; more says that there are others.
func (s *Service) Rejected(ctx context.Context, tenant, connection string) (items []RejectedItem, more bool, err error) {
	set, err := loadScopes(ctx, s.opt.Store, tenant, connection)
	if err != nil {
		return nil, false, fmt.Errorf("read scopes: %w", err)
	}
	for _, st := range set.states {
		if st.Rejected == 0 {
			continue
		}
		scope, err := resource.ParseScopeKey(st.Key)
		if err != nil {
			return nil, false, err
		}
		rows, err := s.rows(ctx, s.opt.Store, tenant, scopeID(connection, st.Key), rowRejected)
		if err != nil {
			return nil, false, err
		}
		for _, row := range rows {
			if len(items) == mostRejectedItems {
				return items, true, nil
			}
			if row.asked() {
				row.Hash = ""
			}
			items = append(items, RejectedItem{Scope: scope, Key: row.Key, Hash: row.Hash, Reason: row.Reason, At: row.RejectedAt.Time, Kept: row.Kept})
		}
	}
	return items, false, nil
}

// RejectedBody are the bytes of an item that was rejected for a fault of the collector's own.
func (s *Service) RejectedBody(ctx context.Context, tenant, connection, scopeKey, key string) ([]byte, error) {
	id := indexID(tenant, scopeID(connection, scopeKey), key)
	rows, err := s.opt.Store.Get(ctx, tIndex, tenant, "", []string{id})
	if err != nil {
		return nil, fmt.Errorf("read rejected item: %w", err)
	}
	if row, ok := rows[id]; ok && len(row.Blob) > 0 {
		return row.Blob, nil
	}
	return nil, ErrNotFound
}
