package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/mongo"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/store/storetest"
)

// mergers is a world in which people merge and split what they recorded, by a rule that has others approve it.
type mergers struct {
	t         *testing.T
	svc       *Service
	inventory *inventory.Service
	log       *audit.Log
}

func mergeTables() []store.Table {
	return slices.Concat(Tables(), audit.Tables(), inventory.Tables())
}

// on is the collector that starts on a store.
func (m *mergers) on(st store.Store) {
	clock := func() time.Time { return noon }
	m.log = audit.New(st, clock)
	m.inventory = inventory.New(inventory.Options{Store: st, Audit: m.log, Clock: clock, Gate: MergeGate{func() *Service { return m.svc }}})
	m.svc = New(Options{Store: st, Audit: m.log, Clock: clock, Tenants: func(context.Context) ([]string, error) { return []string{"t"}, nil },
		Subjects: map[Kind]Subject{Merge: Merges{Inventory: m.inventory, As: func(_ context.Context, tenant, who string) (inventory.Caller, error) {
			return inventory.Caller{Tenant: tenant, Name: who, TenantWide: true}, nil
		}}}})
}

var ada = inventory.Caller{Tenant: "t", Name: "user:ada", TenantWide: true}

func (m *mergers) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *mergers) record(name string) *inventory.Resource {
	m.t.Helper()
	r, err := m.inventory.Create(m.t.Context(), ada, inventory.CreateRequest{Kind: "server", Name: name})
	m.must(err)
	return r
}

func (m *mergers) get(id string) *inventory.Resource {
	m.t.Helper()
	r, err := m.inventory.Get(m.t.Context(), ada, "server", id)
	m.must(err)
	return r
}

// asks merges and answers the approval that this waits for.
func (m *mergers) asks(into, other *inventory.Resource) string {
	m.t.Helper()
	_, err := m.inventory.Merge(m.t.Context(), ada, inventory.MergeRequest{Kind: "server", ID: into.ID, Other: other.ID, Version: into.Version, Reason: "one machine"})
	var asked *inventory.AskedError
	if !errors.As(err, &asked) {
		m.t.Fatalf("it is not asked for: %v", err)
	}
	return asked.Approval
}

func (m *mergers) audited(action, outcome string) (n int) {
	m.t.Helper()
	page, err := m.log.List(m.t.Context(), "t", audit.Query{Action: action, Limit: 500})
	m.must(err)
	for _, e := range page.Entries {
		if e.Outcome == outcome {
			n++
		}
	}
	return n
}

func newMergers(t *testing.T, st store.Store) *mergers {
	t.Helper()
	m := &mergers{t: t}
	m.on(st)
	m.must(m.inventory.Prepare(t.Context()))
	rules := Defaults()
	rules[Merge] = Rule{Required: true, Persons: 1, ExpiresAfterHours: 24}
	_, err := m.svc.SetRules(t.Context(), boss("root"), rules, 0, "")
	m.must(err)
	return m
}

func openMergers(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(storetest.Dir(t), "test.db"), Tables: mergeTables()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func TestAMergeWaitsAndIsMadeOfWhatIsThereThen(t *testing.T) {
	m := newMergers(t, openMergers(t))
	one, other := m.record("one"), m.record("other")
	id := m.asks(one, other)
	if again := m.asks(one, other); again != id {
		t.Errorf("asked twice: %s and %s", id, again)
	}
	if r := m.get(other.ID); r.State == inventory.Merged {
		t.Fatal("it is merged before anybody allowed it")
	}
	v, err := m.svc.Get(t.Context(), boss("ben"), id)
	m.must(err)
	if v.Title != "Merge server other into one" || v.Count != 2 || len(v.Refs) != 2 || v.Reason != "one machine" || v.RequestedBy != "user:ada" {
		t.Fatalf("%+v", v)
	}
	if _, err := m.svc.Decide(t.Context(), boss("ada"), id, true, ""); !errors.As(err, new(*ForbiddenError)) {
		t.Errorf("who asked decides: %v", err)
	}
	// What somebody edits meanwhile is no other merge.
	_, err = m.inventory.Patch(t.Context(), ada, inventory.PatchRequest{Kind: "server", ID: one.ID, Version: one.Version, Set: map[string]json.RawMessage{"/common/notes": json.RawMessage(`"edited"`)}})
	m.must(err)
	v, err = m.svc.Decide(t.Context(), boss("ben"), id, true, "yes")
	m.must(err)
	if r := m.get(other.ID); v.State != Approved || !v.Settled || r.State != inventory.Merged || r.RedirectTo != one.ID {
		t.Fatalf("%+v, %+v", v, r)
	}
	// A split waits in the same way, and one that has become pointless says so.
	split := inventory.SplitRequest{Kind: "server", ID: one.ID, Version: m.get(one.ID).Version, Absorbed: other.ID}
	var asked *inventory.AskedError
	if _, err := m.inventory.Split(t.Context(), ada, split); !errors.As(err, &asked) {
		t.Fatal(err)
	}
	v, err = m.svc.Decide(t.Context(), boss("ben"), asked.Approval, true, "")
	m.must(err)
	if r := m.get(other.ID); v.State != Approved || r.State != inventory.Active {
		t.Fatalf("%+v, %+v", v, r)
	}
	first, third := m.asks(m.get(one.ID), other), m.record("third")
	second := m.asks(third, other)
	for _, id := range []string{first, second} {
		_, err = m.svc.Decide(t.Context(), boss("ben"), id, true, "")
		m.must(err)
	}
	if v, err = m.svc.Get(t.Context(), boss("ben"), second); err != nil || v.State != Failed || !strings.Contains(v.Problem, "merged already") {
		t.Fatalf("%+v, %v", v, err)
	}
}

// Wherever the collector dies between the decision and the last write of the merge, the next one comes to the same end: merged once,
// told once.
func TestACrashWhileAMergeIsCarriedOut(t *testing.T) {
	run := func(t *testing.T, st store.Store) {
		m := newMergers(t, st)
		for stop, whole := 0, false; !whole; stop++ {
			if stop > 80 {
				t.Fatal("it never gets through")
			}
			m.on(st)
			one, other := m.record(fmt.Sprintf("one%d", stop)), m.record(fmt.Sprintf("other%d", stop))
			id := m.asks(one, other)
			merges := m.audited("resource.merge", audit.OK)
			m.on(storetest.Crashing(st, stop))
			_, err := m.svc.Decide(t.Context(), boss("ben"), id, true, "")
			whole = err == nil
			if err != nil && !errors.Is(err, storetest.ErrCrash) {
				t.Fatalf("stopped after %d: %v", stop, err)
			}
			m.on(st) // the next collector
			if stop%2 == 0 {
				m.must(m.inventory.Sweep(t.Context(), noon))
			}
			m.must(m.svc.Sweep(t.Context(), noon))
			v, err := m.svc.Get(t.Context(), boss("ben"), id)
			m.must(err)
			if v.State == Pending {
				if r := m.get(other.ID); r.State == inventory.Merged {
					t.Fatalf("stopped after %d: merged without a decision", stop)
				}
				v, err = m.svc.Decide(t.Context(), boss("ben"), id, true, "")
				m.must(err)
			}
			if r := m.get(other.ID); v.State != Approved || !v.Settled || r.State != inventory.Merged || r.RedirectTo != one.ID {
				t.Fatalf("stopped after %d: %+v, %+v", stop, v, r)
			}
			if n := m.audited("resource.merge", audit.OK) - merges; n != 1 {
				t.Fatalf("stopped after %d: merged %d times by the audit trail", stop, n)
			}
		}
	}
	t.Run("with transactions", func(t *testing.T) { run(t, openMergers(t)) })
	t.Run("without transactions", func(t *testing.T) { run(t, piecemeal{openMergers(t)}) })
	for _, server := range storetest.Servers() {
		t.Run(server.Name, func(t *testing.T) {
			st, err := mongo.Open(t.Context(), mongo.Options{URI: server.URI, Database: "maestro_merge_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12], Tables: mergeTables()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = st.Close() })
			run(t, st)
		})
	}
}
