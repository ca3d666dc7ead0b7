package sqlite_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
)

var (
	name  = filter.Field{Path: []string{"name"}, Type: filter.String}
	words = filter.Field{Path: []string{"words"}, Type: filter.String, Multi: true}
)

func put(ctx context.Context, s store.Store, ids ...string) error {
	return s.Update(ctx, func(tx store.Tx) error {
		var ops []store.Write
		for _, id := range ids {
			doc := fmt.Sprintf(`{"name":%q,"words":[%q]}`, id, id)
			ops = append(ops, store.Write{Table: "things", Op: store.Put, Row: store.Row{ID: id, Tenant: "t", Part: "p", Version: 1, Doc: json.RawMessage(doc)}})
		}
		_, err := tx.Write(ctx, ops...)
		return err
	})
}

func find(t *testing.T, s store.Store, where filter.Expr) int {
	t.Helper()
	n, err := s.Count(t.Context(), store.Query{Table: "things", Tenant: "t", Part: "p", Where: where}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What is declared may change between two starts of a collector; rows that were written meanwhile must be found by
// the indexes of after.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "maestro.db")
	byWord := store.Index{Name: "by_word", Fields: []filter.Field{words}}
	byName := store.Index{Name: "by_name", Fields: []filter.Field{name}}
	for i, indexes := range [][]store.Index{{byWord}, nil, {byName}, {byName, byWord}, {{Name: "by_name", Fields: []filter.Field{name, words}}}} {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Tables: []store.Table{{Name: "things", Parts: true, Indexes: indexes}}})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			err = s.EnsurePart(t.Context(), "things", "p", []store.Index{{Name: "by_both", Fields: []filter.Field{words, name}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := put(t.Context(), s, fmt.Sprintf("w%d", i), "always"); err != nil {
			t.Fatal(err)
		}
		if n := find(t, s, filter.Text{Field: words, Words: []string{"w"}}); n != i+1 {
			t.Errorf("opened %d times: %d rows by word", i+1, n)
		}
		if n := find(t, s, filter.Compare{Field: name, Op: filter.Prefix, Value: "w"}); n != i+1 {
			t.Errorf("opened %d times: %d rows by name", i+1, n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A collector that is killed leaves its file and write-ahead log as they are; what was committed must be in them.
func TestUncleanEnd(t *testing.T) {
	tables := []store.Table{{Name: "things", Parts: true, Indexes: []store.Index{{Name: "by_word", Fields: []filter.Field{words}}}}}
	path := filepath.Join(t.TempDir(), "maestro.db")
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Tables: tables})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EnsurePart(t.Context(), "things", "p", nil); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), s, "a", "b", "c"); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(t.TempDir(), "maestro.db")
	err = s.Update(t.Context(), func(tx store.Tx) error { // killed amid this one
		if _, err := tx.Write(t.Context(), store.Write{Table: "things", Op: store.Delete, Row: store.Row{ID: "a", Tenant: "t", Part: "p"}}); err != nil {
			return err
		}
		for _, suffix := range []string{"", "-wal"} {
			b, err := os.ReadFile(path + suffix)
			if err != nil {
				return err
			}
			if err := os.WriteFile(left+suffix, b, 0o600); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	s, err = sqlite.Open(t.Context(), sqlite.Options{Path: left, Tables: tables})
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"a", "b", "c"} {
		if n := find(t, s, filter.Text{Field: words, Words: []string{word}}); n != 1 {
			t.Errorf("%s is there %d times", word, n)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "maestro.db")
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Tables: []store.Table{{Name: "things", Parts: true}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := put(t.Context(), s, "a"); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		fi, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", fi.Name(), fi.Mode())
		}
	}
	if n, err := s.Size(t.Context()); err != nil || n == 0 {
		t.Errorf("size is %d (%v)", n, err)
	}
}

// A data directory may be called anything.
func TestStrangePath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?mode=memory&c#d%20e")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "maestro.db")
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Tables: []store.Table{{Name: "things", Parts: true}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(t.Context(), s, "a"), s.Close()); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Size() == 0 {
		t.Errorf("the file is not where it was asked for: %v", err)
	}
}

// A list that takes too long ends with its caller.
func TestCancelledFind(t *testing.T) {
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: []store.Table{{Name: "things", Parts: true}}})
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, 2000)
	for i := range ids {
		ids[i] = fmt.Sprint(i)
	}
	if err := put(t.Context(), s, ids...); err != nil {
		t.Fatal(err)
	}
	slow := make(filter.Or, 5000)
	for i := range slow {
		slow[i] = filter.Compare{Field: name, Op: filter.Contains, Value: fmt.Sprintf("x%d", i)}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = s.Count(ctx, store.Query{Table: "things", Tenant: "t", Part: "p", Where: filter.And{slow[:500], slow[500:1000]}}, 0)
	if err == nil {
		t.Error("it was found in spite of all")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it ended after %v", took)
	}
	if err := put(t.Context(), s, "after"); err != nil {
		t.Error(err)
	}
	if n := find(t, s, nil); n != 2001 {
		t.Errorf("%d rows after it", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "maestro.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "PRAGMA user_version = 1000"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Path: path}); !errors.Is(err, store.ErrSchemaTooNew) {
		t.Errorf("opening answered %v", err)
	}
}

func TestNoDatabaseFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "maestro.db")
	if err := os.WriteFile(path, []byte("this is no database, but it is long enough to look like something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Path: path}); err == nil {
		t.Error("a file that is no database was opened")
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(path, "missing", "maestro.db")}); err == nil {
		t.Error("a folder that is not there was opened")
	}
}
