package lease_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"maestro.internal/collector/internal/lease"
	"maestro.internal/collector/internal/store/sqlite"
)

// A lease has one holder; it falls free when it is given back or not renewed, and can be taken over. Whoever lost it finds out.
func TestLease(t *testing.T) {
	ctx := t.Context()
	st, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: lease.Tables()})
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	one, two := lease.New(st, "one", clock), lease.New(st, "two", clock)

	first, err := one.Acquire(ctx, "", "sweep")
	must(t, err)
	if _, err := two.Acquire(ctx, "", "sweep"); !errors.Is(err, lease.ErrHeld) {
		t.Errorf("acquired twice: %v", err)
	}
	if _, err := one.Acquire(ctx, "", "sweep"); !errors.Is(err, lease.ErrHeld) {
		t.Errorf("acquired twice by one: %v", err)
	}
	if _, err := two.Acquire(ctx, "tenant", "sweep"); err != nil {
		t.Errorf("the same name of another tenant: %v", err)
	}
	must(t, first.Release(ctx))
	second, err := two.Acquire(ctx, "", "sweep")
	must(t, err)
	if second.Token <= first.Token {
		t.Errorf("token %d after %d", second.Token, first.Token)
	}
	now = now.Add(lease.Life - time.Second)
	must(t, second.Renew(ctx))
	now = now.Add(lease.Life - time.Second)
	if _, err := one.Acquire(ctx, "", "sweep"); !errors.Is(err, lease.ErrHeld) {
		t.Errorf("acquired although renewed: %v", err)
	}
	now = now.Add(2 * time.Second)
	third, err := one.Acquire(ctx, "", "sweep")
	must(t, err)
	if err := second.Renew(ctx); !errors.Is(err, lease.ErrLost) {
		t.Errorf("renewed what was lost: %v", err)
	}
	must(t, second.Release(ctx)) // takes nothing from its holder
	must(t, third.Renew(ctx))

	fourth, err := two.TakeOver(ctx, "", "sweep")
	must(t, err)
	if err := third.Renew(ctx); !errors.Is(err, lease.ErrLost) {
		t.Errorf("renewed what was taken over: %v", err)
	}
	if fourth.Token != third.Token+1 {
		t.Errorf("token %d after %d", fourth.Token, third.Token)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
