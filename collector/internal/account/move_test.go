package account_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/account"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/schema"
)

// stopping is a store whose writes end after so many, as where a collector is killed.
type stopping struct {
	store.Store
	left int
}

var errKilled = errors.New("killed")

func (s *stopping) Update(ctx context.Context, fn func(store.Tx) error) error {
	if s.left == 0 {
		return errKilled
	}
	s.left--
	return s.Store.Update(ctx, fn)
}

// site is a collector's services over a store.
type site struct {
	accounts  *account.Service
	access    *access.Service
	fleet     *fleet.Service
	inventory *inventory.Service
	audit     *audit.Log
}

func newSite(st store.Store, now func() time.Time) site {
	var s site
	s.audit = audit.New(st, now)
	s.inventory = inventory.New(inventory.Options{Store: st, Audit: s.audit, Builtin: schema.Builtin(), Clock: now})
	s.fleet = fleet.New(fleet.Options{Store: st, Inventory: s.inventory, Audit: s.audit, Clock: now})
	s.access = access.New(access.Options{Store: st, Audit: s.audit, Clock: now, Hashing: access.Argon2{MemoryKiB: 64, Passes: 1, Threads: 1}, SecretKey: bytes.Repeat([]byte{5}, 32)})
	s.accounts = account.New(account.Options{Fleet: s.fleet, Access: s.access, Inventory: s.inventory, Audit: s.audit})
	return s
}

// TestAMoveThatStopsIsCarriedThrough kills the collector after each write of a move: either nothing has moved and nobody lost anything, or the
// next collector finishes it.
func TestAMoveThatStopsIsCarriedThrough(t *testing.T) {
	everyone := inventory.Caller{Tenant: "default", Name: "user:admin", TenantWide: true}
	admin := access.Caller{Tenant: "default", Name: "user:admin", Role: access.RoleAdmin}
	finished := false
	for writes := 0; !finished; writes++ {
		if writes > 20 {
			t.Fatal("it never ends")
		}
		ctx, now := t.Context(), time.Now()
		clock := func() time.Time { return now }
		st, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "maestro.db"), Tables: slices.Concat(access.Tables(), audit.Tables(), inventory.Tables(), fleet.Tables())})
		must(t, err)
		s := newSite(st, clock)
		old, err := s.inventory.Create(ctx, everyone, inventory.CreateRequest{Kind: "client", Name: "old"})
		must(t, err)
		next, err := s.inventory.Create(ctx, everyone, inventory.CreateRequest{Kind: "client", Name: "next"})
		must(t, err)
		d, err := s.fleet.CreateDatacenter(ctx, everyone, rest.DatacenterWrite{Name: "Frankfurt", Client: old.ID})
		must(t, err)
		must(t, s.access.CreateUser(ctx, access.User{Tenant: "default", Username: "anna", Role: access.RoleNone}, access.NewSecret("correct horse battery")))
		_, err = s.access.Grant(ctx, admin, "user:anna", access.RightWrite, access.Target{Kind: access.KindDatacenter, ID: d.ID, Name: d.Name}, nil)
		must(t, err)

		killed := newSite(&stopping{Store: st, left: writes}, clock)
		_, err = killed.accounts.Move(ctx, admin, everyone, account.Request{Kind: fleet.KindDatacenter, ID: d.ID, Version: d.Version, Client: next.ID, Roots: []string{d.ID, old.ID}})
		if finished = err == nil; err != nil && !errors.Is(err, errKilled) {
			t.Fatalf("after %d writes: %v", writes, err)
		}
		now = now.Add(2 * time.Minute)
		must(t, s.accounts.Sweep(ctx, now))
		now = now.Add(audit.PendingFor)
		_, err = s.audit.Sweep(ctx, now)
		must(t, err)

		d, err = s.fleet.Datacenter(ctx, everyone, d.ID)
		must(t, err)
		grants, err := s.access.GrantsTo(ctx, "default")
		must(t, err)
		page, err := s.audit.List(ctx, "default", audit.Query{Action: "datacenter.move"})
		must(t, err)
		outcome := ""
		if len(page.Entries) > 0 {
			outcome = page.Entries[0].Outcome
		}
		switch {
		case d.Client.ID == old.ID && len(grants) == 1 && (outcome == "" && writes == 0 || outcome == audit.Failed) && !finished:
		case d.Client.ID == next.ID && len(grants) == 0 && outcome == audit.OK:
		default:
			t.Errorf("after %d writes it serves %s, %d grants are left, and the audit trail says %q", writes, d.Client.Name, len(grants), outcome)
		}
		if finished && writes < 4 {
			t.Errorf("it took only %d writes", writes)
		}
		must(t, s.fleet.LeftBehind(ctx, now, func(string, string, string, fleet.Moving) error { return errors.New("something is left to do") }))
		must(t, st.Close())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
