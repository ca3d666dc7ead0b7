package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// A new index of a table with many rows is spoken of before it is made, while it is, and after; of few rows nothing is said.
func TestLaborIsSpokenOf(t *testing.T) {
	ctx := t.Context()
	s, err := Open(ctx, Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: []store.Table{{Name: "things", Parts: true}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	var ops []store.Write
	for i := range 100 {
		ops = append(ops, store.Write{Table: "things", Op: store.Put, Row: store.Row{ID: fmt.Sprint(i), Tenant: "t", Part: "p", Version: 1, Doc: []byte(`{"name":"x","tags":["a"]}`)}})
	}
	if err := s.Update(ctx, func(tx store.Tx) error { _, err := tx.Write(ctx, ops...); return err }); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	s.log = slog.New(slog.NewTextHandler(&said, nil))
	field := func(name string, multi bool) filter.Field {
		return filter.Field{Path: []string{name}, Type: filter.String, Multi: multi}
	}
	indexes := []store.Index{{Name: "name", Fields: []filter.Field{field("name", false)}}}
	if err := s.EnsurePart(ctx, "things", "p", indexes); err != nil || said.Len() > 0 {
		t.Fatalf("%v; of 100 rows it said %s", err, said.String())
	}
	s.laborRows = 100
	indexes = append(indexes, store.Index{Name: "size", Fields: []filter.Field{field("size", false)}}, store.Index{Name: "tags", Fields: []filter.Field{field("tags", true)}})
	if err := s.EnsurePart(ctx, "things", "p", indexes); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"table=things rows=100", `what="index 1 of 1"`, `what="1 fields of several values"`, "made an index", "took="} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it does not say %s:\n%s", want, said.String())
		}
	}
	said.Reset()
	broken := errors.New("disk full")
	l := labor{log: s.log, table: "things", rows: 100, least: 100, every: time.Millisecond}
	err = l.say("a slow one", func() error { time.Sleep(20 * time.Millisecond); return broken })
	if !errors.Is(err, broken) || !strings.Contains(said.String(), "making an index still") || strings.Contains(said.String(), "made an index") {
		t.Errorf("%v; of a slow one that fails it says\n%s", err, said.String())
	}
}
