package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/store/storetest"
)

var (
	site   = store.Table{Name: "site"}
	things = store.Table{Name: "things", Parts: true}
	plain  = store.Table{Name: "plain"}
)

func open(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "x.db"), Tables: append(Tables(), site, things, plain)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func write(t *testing.T, st store.Store, ops ...store.Write) {
	t.Helper()
	err := st.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Write(t.Context(), ops...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func row(id, part, doc string) store.Row {
	return store.Row{ID: id, Tenant: "t" + id[:1], Part: part, Version: 3, Doc: json.RawMessage(doc), Blob: []byte(id)}
}

// filled is a small installation: two tenants, two parts with an index, more rows than a batch has.
func filled(t *testing.T, installation string) store.Store {
	st := open(t)
	name := filter.Field{Path: []string{"n"}, Type: filter.Number}
	if err := st.EnsurePart(t.Context(), "things", "server", []store.Index{{Name: "n", Fields: []filter.Field{name}}}); err != nil {
		t.Fatal(err)
	}
	ops := []store.Write{{Table: "site", Op: store.Put, Row: row("a"+installation, "", `{}`)}}
	for i := range batchRows + 150 {
		ops = append(ops, store.Write{Table: "things", Op: store.Put, Row: row(fmt.Sprintf("%d-%d", i%2, i), "server", fmt.Sprintf(`{"n":%d,"a.b":[1.50,"ü"]}`, i))})
	}
	ops = append(ops, store.Write{Table: "things", Op: store.Put, Row: row("x", "acme.rack", `{}`)}, store.Write{Table: "plain", Op: store.Put, Row: row("p", "", `{"big":9007199254740993}`)})
	write(t, st, ops...)
	return st
}

func options(from, to store.Store) Options {
	return Options{From: from, To: to, Tables: []store.Table{things, plain, site}, Identity: "site", Source: "test", Now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
}

func TestCopy(t *testing.T) {
	from, to := filled(t, "one"), open(t)
	report, err := Copy(t.Context(), options(from, to))
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(batchRows + 150 + 3); report.Rows != want {
		t.Errorf("copied %d rows of %d", report.Rows, want)
	}
	parts, err := to.Parts(t.Context(), "things")
	if err != nil || len(parts) != 2 || parts[1].Name != "server" || len(parts[1].Indexes) != 1 {
		t.Errorf("indexes did not come along: %v %v", parts, err)
	}
	if err := CheckWhole(t.Context(), to); err != nil {
		t.Error(err)
	}
}

// A copy that dies anywhere is no store to work with, and is finished by being started again.
func TestStoppedCopyGoesOn(t *testing.T) {
	from := filled(t, "one")
	for _, after := range []int{1, 2, batchRows / 2, batchRows + 1, batchRows + 151, batchRows + 153} {
		to := open(t)
		dying := storetest.Crashing(to, after)
		if _, err := Copy(t.Context(), options(from, dying)); !errors.Is(err, storetest.ErrCrash) {
			t.Fatalf("after %d operations: %v", after, err)
		}
		if err := CheckWhole(t.Context(), to); !errors.Is(err, ErrHalf) {
			t.Errorf("after %d operations: half a copy is not known as one: %v", after, err)
		}
		if _, err := Copy(t.Context(), options(from, to)); err != nil {
			t.Errorf("after %d operations, again: %v", after, err)
		}
		if err := CheckWhole(t.Context(), to); err != nil {
			t.Errorf("after %d operations, again: %v", after, err)
		}
	}
}

func TestCopyMakesEqual(t *testing.T) {
	from, to := filled(t, "one"), filled(t, "one")
	write(t, to,
		store.Write{Table: "things", Op: store.Put, Row: row("0-0", "server", `{"n":-1}`)},
		store.Write{Table: "things", Op: store.Put, Row: row("zextra", "server", `{}`)},
		store.Write{Table: "things", Op: store.Put, Row: row("zpart", "only.there", `{}`)},
		store.Write{Table: "plain", Op: store.Delete, Row: row("p", "", "")})
	if _, err := Copy(t.Context(), options(from, to)); !errors.Is(err, ErrNotEmpty) {
		t.Fatalf("wrote over rows without being told to: %v", err)
	}
	o := options(from, to)
	o.Overwrite = true
	var done []string
	o.Progress = func(d Done) { done = append(done, fmt.Sprint(d.Name(), d.Rows, d.Written, d.Deleted)) }
	if _, err := Copy(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	want := "things/acme.rack1 0 0 things/server1150 1 1 things/only.there0 0 1 plain1 1 0 site1 0 0"
	if got := strings.Join(done, " "); got != want {
		t.Errorf("did %s\nwant %s", got, want)
	}
}

func TestCopyRefuses(t *testing.T) {
	o := options(filled(t, "one"), filled(t, "two"))
	o.Overwrite = true
	if _, err := Copy(t.Context(), o); !errors.Is(err, ErrForeign) {
		t.Errorf("wrote over another installation: %v", err)
	}
	if _, err := Copy(t.Context(), options(open(t), open(t))); err == nil || !strings.Contains(err.Error(), "holds no installation") {
		t.Errorf("copied nothing: %v", err)
	}
}

// writing is a source that somebody writes to while it is copied.
type writing struct {
	store.Store
	t    *testing.T
	done bool
}

func (w *writing) Find(ctx context.Context, q store.Query) (store.Page, error) {
	if q.Table == "plain" && !w.done {
		w.done = true
		write(w.t, w.Store, store.Write{Table: "things", Op: store.Put, Row: row("0-0", "server", `{"n":-1}`)})
	}
	return w.Store.Find(ctx, q)
}

func TestSourceInUse(t *testing.T) {
	to := open(t)
	_, err := Copy(t.Context(), options(&writing{Store: filled(t, "one"), t: t}, to))
	if err == nil || !strings.Contains(err.Error(), "things/server: the source was written to") {
		t.Errorf("a migration did not notice: %v", err)
	}
	if err := CheckWhole(t.Context(), to); !errors.Is(err, ErrHalf) {
		t.Errorf("what came of it counts as whole: %v", err)
	}
	o := options(&writing{Store: filled(t, "one"), t: t}, open(t))
	o.Online = true
	if _, err := Copy(t.Context(), o); err != nil {
		t.Errorf("a backup minds: %v", err)
	}
}
