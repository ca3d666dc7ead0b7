package upgrade

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/lease"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
)

func open(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "x.db"), Tables: slices.Concat(Tables(), lease.Tables(), inventory.Tables())})
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

func collector(st store.Store, name string, steps []Step) Options {
	l := lease.New(st, name, time.Now)
	l.Guard(func(ctx context.Context, r store.Reader) error { return Check(ctx, r, steps) })
	return Options{Store: st, Leases: l, Steps: steps, Release: name, Clock: time.Now}
}

// Each step is done once, in order, whoever starts when; one that fails is what the next start begins with.
func TestRun(t *testing.T) {
	st := open(t)
	var mu sync.Mutex
	var did []string
	broken := true
	step := func(name string) Step {
		return Step{Title: name, Do: func(context.Context, store.Store, func(int)) error {
			mu.Lock()
			defer mu.Unlock()
			did = append(did, name)
			if name == "second" && broken {
				return errors.New("power went")
			}
			return nil
		}}
	}
	steps := []Step{step("first"), step("second"), {Title: "number only"}, step("fourth")}
	if err := Run(t.Context(), collector(st, "a", steps)); err == nil || err.Error() != "upgrade store to number 2 (second): power went" {
		t.Fatalf("the failure is not said: %v", err)
	}
	if have, missing, err := Missing(t.Context(), st, steps); err != nil || have != 1 || len(missing) != 3 {
		t.Fatalf("after the failure: %d, %d missing, %v", have, len(missing), err)
	}
	broken = false
	var together sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		together.Go(func() {
			if err := Run(context.Background(), collector(st, name, steps)); err != nil {
				t.Errorf("collector %s: %v", name, err)
			}
		})
	}
	together.Wait()
	if got := len(did); got != 4 || did[0] != "first" || did[1] != "second" || did[2] != "second" || did[3] != "fourth" {
		t.Errorf("did %v", did)
	}
	if n, err := Number(t.Context(), st); err != nil || n != 4 {
		t.Errorf("number %d %v", n, err)
	}
}

func TestFreshStoreIsOnlyNumbered(t *testing.T) {
	st := open(t)
	o := collector(st, "a", []Step{{Title: "x", Do: func(context.Context, store.Store, func(int)) error { return errors.New("there is nothing to change") }}})
	o.Fresh = true
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// An older collector that works on a store when a newer one upgrades it loses its leases.
func TestOlderCollectorStops(t *testing.T) {
	steps := []Step{{Title: "one"}}
	st := open(t)
	old := collector(st, "old", steps)
	if err := Run(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	held, err := old.Leases.Acquire(t.Context(), "", "sweep")
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), collector(st, "new", append(steps, Step{Title: "more"}))); err != nil {
		t.Fatal(err)
	}
	if err := held.Renew(t.Context()); !errors.Is(err, store.ErrSchemaTooNew) {
		t.Errorf("renewed: %v", err)
	}
	if _, err := old.Leases.TakeOver(t.Context(), "", "session"); !errors.Is(err, store.ErrSchemaTooNew) {
		t.Errorf("obtained: %v", err)
	}
}

// A step that derives lists is left to the last of those that are missing, and tells how far it is, though not with every word.
func TestStepsThatDerive(t *testing.T) {
	st := open(t)
	var did []string
	derive := func(name string) Step {
		return Step{Title: name, Derives: true, Do: func(_ context.Context, _ store.Store, told func(int)) error {
			did = append(did, name)
			for n := range 4 {
				told(100 * n)
			}
			return nil
		}}
	}
	o := collector(st, "a", []Step{derive("one"), {Title: "between", Do: func(context.Context, store.Store, func(int)) error { did = append(did, "between"); return nil }}, derive("two")})
	now := time.Now()
	o.Clock = func() time.Time { now = now.Add(2 * time.Second); return now }
	var said []int
	o.Doing = func(number int, title string, done int) {
		if number != 3 || title != "two" {
			t.Errorf("%d %s", number, title)
		}
		said = append(said, done)
	}
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(did, []string{"between", "two"}) || !slices.Equal(said, []int{200}) {
		t.Errorf("did %v, said %v", did, said)
	}
	if have, missing, err := Missing(t.Context(), st, o.Steps); err != nil || have != 3 || len(missing) != 0 {
		t.Errorf("%d %v %v", have, missing, err)
	}
}
