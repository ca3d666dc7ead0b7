package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"maestro.internal/collector/internal/store"
)

// ErrInUse says that another process has the database file open.
var ErrInUse = errors.New("another process has the database open: stop the collector first")

// Parts are the parts of a table that were made ready or have rows.
func (s *Store) Parts(ctx context.Context, name string) ([]store.Part, error) {
	t, err := s.table(name)
	if err != nil {
		return nil, fmt.Errorf("list parts: %w", err)
	}
	if !t.Parts {
		return nil, nil
	}
	var parts []store.Part
	query := "SELECT part, max(indexes) FROM (SELECT part, indexes FROM maestro_parts WHERE tab = ? UNION ALL SELECT DISTINCT part, '' FROM " +
		ident(name) + ") GROUP BY part ORDER BY part"
	err = s.reads.query(ctx, query, []any{name}, func(r *sql.Rows) error {
		var p store.Part
		var text string
		if err := r.Scan(&p.Name, &text); err != nil {
			return err
		}
		if text != "" {
			if err := json.Unmarshal([]byte(text), &p.Indexes); err != nil {
				return fmt.Errorf("read indexes of part %q: %w", p.Name, err)
			}
		}
		parts = append(parts, p)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list parts of %s: %w", name, err)
	}
	return parts, nil
}

// Tenants are those that have rows in a table without parts. Each is found by one step into the index behind the last.
func (s *Store) Tenants(ctx context.Context, name string) ([]string, error) {
	t, err := s.table(name)
	if err == nil {
		err = store.CheckPart(t.Table, "")
	}
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	query := "WITH RECURSIVE found(tenant) AS (SELECT min(tenant) FROM " + ident(name) + " UNION ALL SELECT (SELECT min(tenant) FROM " + ident(name) +
		" WHERE tenant > found.tenant) FROM found WHERE found.tenant IS NOT NULL) SELECT tenant FROM found WHERE tenant IS NOT NULL"
	var tenants []string
	err = s.reads.query(ctx, query, nil, func(r *sql.Rows) error {
		var tenant string
		err := r.Scan(&tenant)
		tenants = append(tenants, tenant)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list tenants of %s: %w", name, err)
	}
	return tenants, nil
}

// Info is what a database file says of itself.
type Info struct {
	// Schema is the number of its layout; 0 when it is empty.
	Schema int
	Tables []string
	Bytes  int64
}

// Inspect reads a database file without changing it, and checks it page by page. A file of a newer layout is
// ErrSchemaTooNew, one that is no database of ours is an error too.
func Inspect(ctx context.Context, path string) (info Info, err error) {
	fi, err := os.Stat(path)
	if err != nil {
		return info, fmt.Errorf("inspect database: %w", err)
	}
	info.Bytes = fi.Size()
	err = withFile(ctx, path, "&_pragma=query_only(1)", func(db *sql.DB) error {
		var found string
		if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
			return err
		}
		if found != "ok" {
			return fmt.Errorf("it is damaged: %s", found)
		}
		if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&info.Schema); err != nil {
			return err
		}
		rows, err := db.QueryContext(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")
		if err != nil {
			return err
		}
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return errors.Join(err, rows.Close())
			}
			info.Tables = append(info.Tables, name)
		}
		return rows.Err()
	})
	switch {
	case err != nil:
		return info, fmt.Errorf("inspect database %s: %w", path, err)
	case info.Schema > schemaNumber:
		return info, fmt.Errorf("inspect database %s: %w: it has schema %d, this collector knows %d", path, store.ErrSchemaTooNew, info.Schema, schemaNumber)
	case !slices.Contains(info.Tables, "maestro_parts"):
		return info, fmt.Errorf("inspect database %s: it is no database of a collector", path)
	}
	return info, nil
}

// Backup writes the whole database into a new file as of one moment, while others read and write it. The file is there
// complete or not at all, and its owner alone may read it.
func Backup(ctx context.Context, path, to string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("back up %s: %w", path, err)
		}
	}()
	if _, err := os.Stat(path); err != nil { // opening would make it
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s is there already; a backup never replaces a file", to)
	}
	part := to + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part) // an error is on its way already
		}
	}()
	err = withFile(ctx, path, "", func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "VACUUM INTO ?", part)
		return err
	})
	if err != nil {
		return err
	}
	return settle(part, to)
}

// Alone folds the write-ahead log into the file and leaves it as one file; ErrInUse while anybody else has it open.
func Alone(ctx context.Context, path string) error {
	err := withFile(ctx, path, "&_pragma=busy_timeout(500)", func(db *sql.DB) error {
		var mode string
		err := db.QueryRowContext(ctx, "PRAGMA journal_mode=delete").Scan(&mode)
		if err != nil && (strings.Contains(err.Error(), "locked") || strings.Contains(err.Error(), "busy")) || err == nil && mode != "delete" {
			return ErrInUse
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("close database %s: %w", path, err)
	}
	return nil
}

func withFile(ctx context.Context, path, more string, fn func(*sql.DB) error) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	c := newConnector(abs, "")
	c.dsn = (&url.URL{Scheme: "file", Path: abs}).String() + "?_pragma=busy_timeout(10000)&_pragma=trusted_schema(0)" + more
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	return errors.Join(fn(db), db.Close())
}

// settle puts a finished file under its name so that it survives a loss of power.
func settle(part, to string) error {
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(part, to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	_ = dir.Sync() // not every system can; the file itself is safe
	return dir.Close()
}
