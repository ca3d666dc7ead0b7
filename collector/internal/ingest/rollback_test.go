package ingest_test

import (
	"slices"
	"testing"
	"time"

	"maestro.internal/collector/internal/archive"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/authority"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/internal/rest"
)

// backup copies the store as `maestro-collector backup` does.
func (w *world) backup() store.Store {
	w.t.Helper()
	to := openStore(w.t)
	tables := slices.Concat(inventory.Tables(), fleet.Tables(), audit.Tables(), authority.Tables())
	_, err := archive.Copy(w.t.Context(), archive.Options{From: w.store, To: to, Tables: tables, Identity: authority.Tables()[0].Name, Online: true, Now: time.Now()})
	must(w.t, err)
	return to
}

// held are the assignments that an agent gets in a session, and how far it was acknowledged.
func (a *agent) held(hello *uplinkv1.Hello) []*uplinkv1.SignedAssignment {
	s := a.session(hello)
	defer s.hangUp()
	for {
		if got := s.next().GetAssignments(); got != nil {
			return got.GetAssignments()
		}
	}
}

func (w *world) epoch(conn rest.Connection) rest.Connection {
	w.t.Helper()
	now, err := w.fleet.Connection(w.t.Context(), admin, conn.ID)
	must(w.t, err)
	return now
}

func (w *world) rollbacks() int {
	w.t.Helper()
	page, err := w.audit.List(w.t.Context(), "default", audit.Query{Action: "store.rolled_back"})
	must(w.t, err)
	return len(page.Entries)
}

// A backup is restored while agents have gone on. The store is found to be older than what its agents were told under its own signature:
// the epochs rise above all that was given out, the entry is in the audit trail, and after the next run the inventory is what there is.
func TestAStoreThatWasRolledBack(t *testing.T) {
	for name, edits := range map[string]int{"runs since": 0, "edits since": 2} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a, conn := w.described("default")
			if got := a.push(conn, "run-1").run(1, "a", "b", "c"); got.GetVerdict() != done {
				t.Fatalf("close: %v", got)
			}
			hello := a.hello()
			hello.Assignments = a.held(a.hello())
			hello.Positions = []*uplinkv1.Position{{ConnectionId: conn.ID, Epoch: conn.Epoch, Generation: 1}}
			old := w.backup()
			// Nothing was lost yet, so nothing is found.
			a.held(hello)
			if now := w.epoch(conn); now.Epoch != conn.Epoch || w.rollbacks() != 0 {
				t.Fatalf("epoch %d, %d audit entries, before anything was restored", now.Epoch, w.rollbacks())
			}
			// Life goes on: edits, and runs that see b go and d come.
			now := conn
			for range edits {
				var err error
				now, err = w.fleet.UpdateConnection(t.Context(), admin, conn.ID, w.epoch(conn).Version, rest.ConnectionWrite{Name: conn.Name, Provider: "toy", Agent: a.id})
				must(t, err)
			}
			if got := a.push(now, "run-2").run(2, "a", "c", "d"); got.GetVerdict() != done {
				t.Fatalf("close: %v", got)
			}
			hello.Assignments = a.held(hello)
			hello.Positions = []*uplinkv1.Position{{ConnectionId: conn.ID, Epoch: now.Epoch, Generation: 2}}

			back := newWorldOn(t, old, w.keyFile)
			a.w = back
			back.want("server", "a", "b", "c")
			if edits == 0 {
				// Stated without the collector's own signature it says nothing.
				bare := a.hello()
				bare.Positions = hello.Positions
				a.held(bare)
				if back.rollbacks() != 0 {
					t.Error("positions alone were believed")
				}
			}
			a.held(hello)
			raised := back.epoch(conn)
			if raised.Epoch <= now.Epoch || back.rollbacks() != 1 {
				t.Fatalf("epoch %d, stated was %d; %d audit entries", raised.Epoch, now.Epoch, back.rollbacks())
			}
			back.want("server", "a", "b", "c") // nothing is believed before it was read
			if got := a.push(now, "run-late").open(3, nil); got.GetVerdict() == send {
				t.Errorf("what was read under an epoch of before the restore is taken: %v", got)
			}
			if got := a.push(raised, "run-4").run(4, "a", "c", "d"); got.GetVerdict() != done {
				t.Fatalf("close: %v", got)
			}
			back.want("server", "a", "c", "d")
			// Said once, it is settled.
			hello.Assignments = a.held(hello)
			hello.Positions[0] = &uplinkv1.Position{ConnectionId: conn.ID, Epoch: raised.Epoch, Generation: 4}
			a.held(hello)
			if again := back.epoch(conn); again.Epoch != raised.Epoch || back.rollbacks() != 1 {
				t.Errorf("epoch %d after %d; %d audit entries", again.Epoch, raised.Epoch, back.rollbacks())
			}
		})
	}
}

// After a restore somebody edits the connection before the agent is back: the same number stands for two edits.
func TestAnEpochThatWasGivenOutTwice(t *testing.T) {
	w := newWorld(t)
	a, conn := w.described("default")
	old := w.backup()
	edit := func(w *world, settings string) rest.Connection {
		t.Helper()
		got, err := w.fleet.UpdateConnection(t.Context(), admin, conn.ID, w.epoch(conn).Version,
			rest.ConnectionWrite{Name: conn.Name, Provider: "toy", Agent: a.id, Settings: []byte(settings)})
		must(t, err)
		return got
	}
	edit(w, `{"url":"https://one"}`)
	hello := a.hello()
	hello.Assignments = a.held(a.hello())
	back := newWorldOn(t, old, w.keyFile)
	a.w = back
	twice := edit(back, `{"url":"https://two"}`)
	a.held(hello)
	if now := back.epoch(conn); now.Epoch <= twice.Epoch || back.rollbacks() != 1 {
		t.Fatalf("epoch %d stands for two edits; %d audit entries", now.Epoch, back.rollbacks())
	}
}

// What was made after the backup is not known any more. It is said by name, so that a person can make it again.
func TestAConnectionThatTheBackupDoesNotKnow(t *testing.T) {
	w := newWorld(t)
	a, _ := w.described("default")
	old := w.backup()
	_, err := w.fleet.CreateConnection(t.Context(), admin, rest.ConnectionWrite{Name: "made later", Provider: "toy", Agent: a.id})
	must(t, err)
	hello := a.hello()
	hello.Assignments = a.held(a.hello())
	back := newWorldOn(t, old, w.keyFile)
	a.w = back
	a.held(hello)
	page, err := back.audit.List(t.Context(), "default", audit.Query{Action: "store.rolled_back"})
	must(t, err)
	if len(page.Entries) != 1 || page.Entries[0].Detail["unknown_here"] == nil {
		t.Fatalf("audit entries %+v", page.Entries)
	}
}
