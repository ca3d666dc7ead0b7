package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"
)

// Indexes of a table with so many rows take long enough to be spoken of, and one that takes longer than sayEvery is spoken of again:
// a collector that starts answers nobody until they are made, and who waits for it has to know that it is at work.
const (
	laborRows = 50_000
	sayEvery  = 15 * time.Second
)

// labor speaks of work on a table that may take long.
type labor struct {
	log   *slog.Logger
	table string
	rows  int64
	least int64
	every time.Duration
}

func (s *Store) labor(ctx context.Context, w *writer, t *table) (labor, error) {
	l := labor{log: s.log, table: t.Name, least: s.laborRows, every: s.sayEvery}
	err := w.stmts.query(ctx, "SELECT coalesce(max(rid), 0) FROM "+ident(t.Name), nil, func(r *sql.Rows) error { return r.Scan(&l.rows) })
	if err != nil {
		return l, fmt.Errorf("count rows of %s: %w", t.Name, err)
	}
	return l, nil
}

// say does a piece of the work and tells of it: before, now and then, and after.
func (l labor) say(what string, do func() error) error {
	if l.rows < l.least {
		return do()
	}
	begun := time.Now()
	took := func() time.Duration { return time.Since(begun).Round(time.Millisecond) }
	l.log.Info("making an index, which the store waits for", "table", l.table, "rows", l.rows, "what", what)
	over, ended := make(chan struct{}), make(chan struct{})
	go func() { // waited for below
		defer close(ended)
		tick := time.NewTicker(l.every)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				l.log.Info("making an index still", "table", l.table, "rows", l.rows, "what", what, "for", took())
			}
		}
	}()
	err := do()
	close(over)
	<-ended
	if err == nil {
		l.log.Info("made an index", "table", l.table, "what", what, "took", took())
	}
	return err
}
