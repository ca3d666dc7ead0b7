// Package sqlite is the embedded store: one file in the data directory, so that an installation needs no
// database server.
//
// Documents are JSONB and are searched by expressions over them; an Index becomes an expression index made by the
// same function that writes the queries, so the planner recognises it. Fields with several values, for which
// SQLite has no index, get a table of (field, tenant, value, row) kept beside the rows.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/sqlite"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// schemaNumber says how tables are laid out; a file with a higher one is refused.
const schemaNumber = 1

// Options of a store.
type Options struct {
	// Path of the database file; it is made when missing, readable by its owner only.
	Path   string
	Tables []store.Table
	Log    *slog.Logger
}

// Store is an open database file.
type Store struct {
	log    *slog.Logger
	path   string
	tables map[string]*table
	read   *sql.DB
	reads  *statements
	writes *sql.DB
	// writer holds the one writing connection; whoever takes it out is the only writer.
	writer chan *writer
	// common is commonRows, but in tests.
	common int
	// noted is usuallyNoted, but in tests.
	noted noted
	// laborRows and sayEvery are the constants, but in tests.
	laborRows int64
	sayEvery  time.Duration
}

var _ store.Store = (*Store)(nil)

// Open opens the file and brings its tables and indexes in line with the declarations.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{log: o.Log, path: path, tables: map[string]*table{}, writer: make(chan *writer, 1), common: commonRows, noted: usuallyNoted, laborRows: laborRows, sayEvery: sayEvery}
	for _, t := range o.Tables {
		if err := s.declare(t); err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
	}
	s.writes = sql.OpenDB(newConnector(path, "&_pragma=cache_size(-32768)&_pragma=wal_autocheckpoint(4000)"))
	s.writes.SetMaxOpenConns(1)
	s.read = sql.OpenDB(newConnector(path, "&_pragma=query_only(1)&_pragma=cache_size(-8192)"))
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	s.reads = newStatements(s.read)
	s.writer <- nil // connected on first use
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open store %s: %w", path, err), s.Close())
		}
	}()
	return s, s.withWriter(ctx, func(w *writer) error { return s.migrate(ctx, w) })
}

// Engine is "sqlite".
func (s *Store) Engine() string { return "sqlite" }

// Ping answers whether the file can be read.
func (s *Store) Ping(ctx context.Context) error {
	var n int
	if err := s.read.QueryRowContext(ctx, "PRAGMA user_version").Scan(&n); err != nil {
		return fmt.Errorf("ping store: %w", err)
	}
	if n > schemaNumber {
		return fmt.Errorf("ping store: %w: it has schema %d, this collector knows %d", store.ErrSchemaTooNew, n, schemaNumber)
	}
	return nil
}

// Size counts the file and its write-ahead log.
func (s *Store) Size(context.Context) (int64, error) {
	var total int64
	for _, suffix := range []string{"", "-wal"} {
		fi, err := os.Stat(s.path + suffix)
		switch {
		case err == nil:
			total += fi.Size()
		case !errors.Is(err, os.ErrNotExist):
			return 0, fmt.Errorf("measure store: %w", err)
		}
	}
	return total, nil
}

// Close waits for the running Update.
func (s *Store) Close() error {
	w, ok := <-s.writer
	if !ok {
		return nil
	}
	close(s.writer)
	var errs []error
	if w != nil {
		errs = append(errs, w.close())
	}
	errs = append(errs, s.reads.close(), s.read.Close(), s.writes.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

func (s *Store) table(name string) (*table, error) {
	t, ok := s.tables[name]
	if !ok {
		return nil, fmt.Errorf("table %q is not declared", name)
	}
	return t, nil
}

// connector opens connections with a driver of its own, so that our function is registered for them alone.
type connector struct {
	dsn    string
	driver *sqlite.Driver
}

func newConnector(path, more string) connector {
	d := &sqlite.Driver{}
	d.MustRegisterDeterministicScalarFunction("maestro_contains", 2, contains)
	dsn := (&url.URL{Scheme: "file", Path: path}).String() + "?_txlock=immediate" +
		"&_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)" +
		"&_pragma=temp_store(memory)&_pragma=journal_size_limit(67108864)" +
		"&_pragma=trusted_schema(0)" + more
	return connector{dsn, d}
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.driver.Open(c.dsn)
}

func (c connector) Driver() driver.Driver { return c.driver }

// contains is Contains of the filter language; the second argument is folded already.
func contains(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	have, ok := args[0].(string)
	want, ok2 := args[1].(string)
	if !ok || !ok2 || !strings.Contains(filter.Fold(have), want) {
		return int64(0), nil
	}
	return int64(1), nil
}
