package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"maestro.internal/collector/internal/store"
)

// writer is the one connection that writes.
type writer struct {
	conn  *sql.Conn
	stmts *statements
	// committed is what to do once the transaction is in the file, before anybody else may write.
	committed []func()
}

func (w *writer) close() error {
	return errors.Join(w.stmts.close(), w.conn.Close())
}

// withWriter runs fn in a transaction on the writing connection; nobody else writes meanwhile.
func (s *Store) withWriter(ctx context.Context, fn func(*writer) error) (err error) {
	var w *writer
	var ok bool
	select {
	case w, ok = <-s.writer:
		if !ok {
			return errors.New("store is closed")
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.writer <- w }()
	if w == nil {
		conn, err := s.writes.Conn(ctx)
		if err != nil {
			return err
		}
		w = &writer{conn: conn, stmts: newStatements(conn)}
	}
	if err := w.stmts.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	w.committed = nil
	committed := false
	defer func() { // also when fn panics
		if committed {
			return
		}
		if e := w.stmts.exec(context.WithoutCancel(ctx), "ROLLBACK"); e != nil {
			// A connection in an unknown state would poison every Update after this one.
			err = errors.Join(err, fmt.Errorf("roll back: %w", e), w.close())
			w = nil
		}
	}()
	if err := fn(w); err != nil {
		return err
	}
	// Past this point a cancelled caller must not leave it open whether the transaction happened.
	if err := w.stmts.exec(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	committed = true
	for _, f := range w.committed {
		f()
	}
	return nil
}

// Update runs fn in a transaction. It must not be called, nor EnsurePart, from within fn.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.withWriter(ctx, func(w *writer) error {
		t := &tx{reader: reader{s, w.stmts}}
		defer func() { t.over = true }()
		if err := fn(t); err != nil {
			return err
		}
		return t.failed
	})
}

// tx is one Update.
type tx struct {
	reader
	// failed is kept because a transaction with a half-done Write must not be committed, whatever fn makes of it.
	failed error
	over   bool
}
