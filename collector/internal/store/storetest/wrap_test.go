package storetest_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"

	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/store/storetest"
)

func open(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: storetest.Tables()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func row(table, id string) store.Write {
	return store.Write{Table: table, Op: store.Put, Row: store.Row{ID: id, Tenant: "t", Version: 1, Doc: json.RawMessage(`{}`)}}
}

func put(t *testing.T, s store.Store, ops ...store.Write) error {
	return s.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Write(t.Context(), ops...)
		return err
	})
}

func TestCounting(t *testing.T) {
	c := storetest.Counting(open(t))
	if err := put(t, c, row("items", "a"), row("items", "b"), row("plain", "a")); err != nil {
		t.Fatal(err)
	}
	if w := c.Writes(); w["items"] != 2 || w["plain"] != 1 || len(w) != 2 {
		t.Errorf("counted %v", w)
	}
	c.Reset()
	if w := c.Writes(); len(w) != 0 {
		t.Errorf("counted %v after a reset", w)
	}
}

func TestCrashing(t *testing.T) {
	c := storetest.Crashing(open(t), 3)
	if err := put(t, c, row("items", "a"), row("items", "b")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := put(t, c, row("items", "c"), row("items", "d")); !errors.Is(err, storetest.ErrCrash) {
			t.Fatalf("answered %v", err)
		}
	}
	c.Revive(-1)
	if err := put(t, c, row("items", "e")); err != nil {
		t.Fatal(err)
	}
	rows, err := c.Get(t.Context(), "items", "t", "", []string{"a", "b", "c", "d", "e"})
	if err != nil || len(rows) != 3 {
		t.Errorf("rows after the crash: %v (%v)", rows, err)
	}
}
