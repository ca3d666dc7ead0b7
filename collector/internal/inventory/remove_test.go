package inventory

import (
	"errors"
	"strings"
	"testing"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/sdk/resource"
)

func (l *lab) delete(r *Resource, operation string) error {
	l.t.Helper()
	_, err := l.s.Delete(l.ctx, everyone, DeleteRequest{Kind: r.Kind, ID: r.ID, Version: r.Version, Reason: "it is gone", Operation: operation})
	return err
}

// A record that is deleted is gone as anything is gone: history and last looks stay, what it stated ends, its identifiers are free.
func TestDeleteARecord(t *testing.T) {
	l := newLab(t)
	host := l.record("host")
	made, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "server", Name: "web", Identifiers: []resource.Identifier{{Type: "serial", Value: "SN-4711-X"}},
		Relations: []PersonRelation{{Verb: "runs_on", Kind: "server", ID: host.ID}}})
	if err != nil {
		t.Fatal(err)
	}
	l.want(l.relations("server", made.ID), "out runs_on host")
	if err := l.delete(l.get(made.ID), "op"); err != nil {
		t.Fatal(err)
	}
	l.want(l.servers(), "host active ", "web gone ")
	l.want(l.relations("server", host.ID))
	gone := l.get(made.ID)
	if gone.Name != "web" || len(gone.Identifiers) != 0 {
		t.Errorf("%+v", gone)
	}
	h, err := l.s.History(l.ctx, everyone, "server", made.ID, "", 0)
	if err != nil || h.Items[0].Action != "gone" || h.Items[0].Actor != "user:test" || h.Items[0].Reason != "it is gone" {
		t.Errorf("%+v %v", h, err)
	}
	entries, err := l.s.opt.Audit.List(l.ctx, tenant, audit.Query{Action: "resource.delete"})
	if err != nil || len(entries.Entries) != 1 || entries.Entries[0].Outcome != audit.OK || entries.Entries[0].ID != h.Items[0].AuditID {
		t.Errorf("audit: %+v %v", entries, err)
	}
	// Discovery finds the machine later: another resource.
	a := newAgent(l.s, "vc", 1)
	l.run(a, complete(one, thing(one, "vm-1", named("found"), has("serial", "SN-4711-X"))))
	l.want(l.servers(), "found active vc", "host active ", "web gone ")
	l.checkChain("server")
}

// What cannot be deleted says what to do instead.
func TestWhatIsNotDeleted(t *testing.T) {
	l := newLab(t)
	a := newAgent(l.s, "vc", 1)
	l.run(a, complete(one, thing(one, "vm-1", named("found")), thing(one, "vm-2", named("leaves")), thing(one, "vm-3", named("both"), has("serial", "SN-4711-X"))))
	l.run(a, complete(one, thing(one, "vm-1", named("found")), thing(one, "vm-3", named("both"), has("serial", "SN-4711-X"))))
	away := l.record("away")
	if err := l.delete(away, "op"); err != nil {
		t.Fatal(err)
	}
	var conflict *ConflictError
	for name, why := range map[string]string{"found": "narrow the settings of the connection", "leaves": "deleted for good when its retention ends", "away": "deleted already"} {
		if err := l.delete(l.server(name), "op "+name); !errors.As(err, &conflict) || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", name, err, why)
		}
	}
	stranger := Caller{Tenant: tenant, Name: "user:stranger"}
	if _, err := l.s.Delete(l.ctx, stranger, DeleteRequest{Kind: "server", ID: l.server("found").ID, Version: 1}); !errors.Is(err, ErrNotFound) {
		t.Errorf("who may not see it is told %v", err)
	}
	if _, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "server", Name: "x", Relations: []PersonRelation{{Verb: "runs_on", Kind: "server", ID: "nowhere"}}}); !errorAs[*InvalidError](err) {
		t.Errorf("a relation to nothing: %v", err)
	}
}

// Wherever a deletion stops, sweeping and deleting again comes to the same end, and so does undoing both.
func TestDeletionsStoppedAnywhere(t *testing.T) {
	for _, e := range engines(t) {
		t.Run(e.name, func(t *testing.T) {
			for after := 0; after < 60+e.stride; after += e.stride {
				crash := storetest.Crashing(e.open(t), -1)
				l := newLab(t, func(o *Options) { o.Store, o.firstWait = crash, nobody })
				host := l.record("host")
				made, err := l.s.Create(l.ctx, everyone, CreateRequest{Kind: "server", Name: "web", Identifiers: []resource.Identifier{{Type: "serial", Value: "SN-4711-X"}},
					Relations: []PersonRelation{{Verb: "runs_on", Kind: "server", ID: host.ID}}})
				if err != nil {
					t.Fatal(err)
				}
				crash.Revive(after)
				err = l.delete(made, "one")
				crash.Revive(-1)
				if err != nil && !errors.Is(err, storetest.ErrCrash) {
					t.Fatalf("after %d writes: %v", after, err)
				}
				died := err != nil
				l.clock.add(2 * relinkAfter)
				if err := l.s.Sweep(l.ctx, l.clock.now()); err != nil {
					t.Fatal(err)
				}
				var conflict *ConflictError
				if err := l.delete(l.get(made.ID), "two"); err != nil && !errors.As(err, &conflict) {
					t.Fatalf("after %d writes: %v", after, err)
				}
				l.want(l.servers(), "host active ", "web gone ")
				l.want(l.relations("server", host.ID))
				l.undo("two")
				l.undo("one")
				l.want(l.servers(), "host active ", "web active ")
				l.want(l.relations("server", host.ID), "in runs_on web")
				if r := l.get(made.ID); len(r.Identifiers) != 1 || r.Origin != OriginRecorded {
					t.Fatalf("after %d writes: %+v", after, r)
				}
				l.checkChain("server")
				if !died {
					return
				}
			}
			t.Fatal("it never ends")
		})
	}
}
