package audit

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
)

func TestLog(t *testing.T) {
	ctx := context.Background()
	st, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: Tables()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	l := New(st, func() time.Time { now = now.Add(time.Second); return now })

	signIn, err := l.Write(ctx, Entry{Actor: "user:anna", Action: "sign_in", Outcome: Refused, Address: "127.0.0.1", Reason: "wrong password"})
	if err != nil {
		t.Fatal(err)
	}
	edit, err := l.Begin(ctx, Entry{Tenant: "default", Actor: "user:anna", Action: "connection.update", Object: &Ref{ID: "c1", Name: "vc"},
		Detail: map[string]any{"fields.with.dots": []any{"name"}}})
	if err != nil {
		t.Fatal(err)
	}
	failed, err := l.Begin(ctx, Entry{Tenant: "default", Actor: "user:anna", Action: "run.request"})
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := l.Begin(ctx, Entry{Tenant: "default", Actor: "user:bert", Action: "run.request"})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(ctx, "default", edit, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(ctx, "default", failed, errors.New("no agent")); err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(ctx, "default", edit, errors.New("too late")); err != nil {
		t.Fatal(err)
	}

	if n, err := l.Sweep(ctx, now); err != nil || n != 0 {
		t.Fatalf("nothing is an orphan yet: %d %v", n, err)
	}
	if n, err := l.Sweep(ctx, now.Add(time.Hour)); err != nil || n != 1 {
		t.Fatalf("one orphan: %d %v", n, err)
	}
	outcomes := map[string]string{}
	page, err := l.List(ctx, "default", Query{Limit: 2})
	if err != nil || page.Total != 3 || len(page.Entries) != 2 || page.Next == "" || page.Entries[0].ID != orphan {
		t.Fatalf("%+v %v", page, err)
	}
	rest, err := l.List(ctx, "default", Query{Limit: 2, After: page.Next})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range append(page.Entries, rest.Entries...) {
		outcomes[e.ID] = e.Outcome
	}
	if len(outcomes) != 3 || outcomes[edit] != OK || outcomes[failed] != Failed || outcomes[orphan] != Failed {
		t.Fatalf("%v", outcomes)
	}
	byObject, err := l.List(ctx, "default", Query{ObjectID: "c1", Actor: "user:anna", Since: now.Add(-time.Hour), Until: now})
	if err != nil || len(byObject.Entries) != 1 || byObject.Entries[0].Object.Name != "vc" || byObject.Entries[0].Detail["fields.with.dots"] == nil {
		t.Fatalf("%+v %v", byObject, err)
	}
	if e, err := l.Get(ctx, "", signIn); err != nil || e.Outcome != Refused || e.Address != "127.0.0.1" {
		t.Fatalf("%+v %v", e, err)
	}
	if _, err := l.Get(ctx, "another", edit); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("entries of one tenant are no other's: %v", err)
	}
	if err := l.Finish(ctx, "default", "nonsense", nil); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
}
