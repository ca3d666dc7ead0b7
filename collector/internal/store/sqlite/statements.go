package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// maxStatements bounds what filters made up by users can occupy; beyond it, statements are prepared for one use.
const maxStatements = 200

type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// statements keeps prepared statements by their text.
type statements struct {
	on preparer
	mu sync.Mutex
	m  map[string]*sql.Stmt
}

func newStatements(on preparer) *statements {
	return &statements{on: on, m: map[string]*sql.Stmt{}}
}

// get answers a statement and what to call when done with it.
func (s *statements) get(ctx context.Context, query string) (*sql.Stmt, func(), error) {
	s.mu.Lock()
	st, ok := s.m[query]
	s.mu.Unlock()
	if ok {
		return st, func() {}, nil
	}
	st, err := s.on.PrepareContext(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, raced := s.m[query]; raced || len(s.m) >= maxStatements {
		return st, func() { _ = st.Close() }, nil // closing a statement that has run has nothing left to say
	}
	s.m[query] = st
	return st, func() {}, nil
}

// query runs a statement and hands each row to scan.
func (s *statements) query(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) (err error) {
	st, done, err := s.get(ctx, query)
	if err != nil {
		return err
	}
	defer done()
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s *statements) exec(ctx context.Context, query string, args ...any) error {
	st, done, err := s.get(ctx, query)
	if err != nil {
		return err
	}
	defer done()
	_, err = st.ExecContext(ctx, args...)
	return err
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, st := range s.m {
		errs = append(errs, st.Close())
	}
	clear(s.m)
	return errors.Join(errs...)
}
