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

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/mongo"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/store/storetest"
)

// doors are a subject of the tests: each waits until it is opened, once.
type doors struct {
	w *world
	// stuck are those that cannot be opened.
	stuck map[string]bool
}

const tDoors = "doors"

var fieldDoor = filter.Field{Path: []string{"state"}, Type: filter.String}

type door struct {
	State string `json:"state"`
	Times int    `json:"times"`
}

func (d doors) Waiting(ctx context.Context, tenant string, fn func(Ask) error) error {
	q := store.Query{Table: tDoors, Tenant: tenant, Where: is(fieldDoor, "shut")}
	return store.Each(ctx, d.w.inner, q, func(row store.Row) error {
		return fn(Ask{Kind: Removal, Key: row.ID, Title: "Open " + row.ID, Count: 1, Roots: []string{"house-" + row.ID}, At: noon})
	})
}

// Carry is told again after a crash: what is open stays open, which is seen by the row's version.
func (d doors) Carry(ctx context.Context, a *Approval) (bool, error) {
	if d.stuck[a.Key] {
		return true, &UnableError{"the door is stuck"}
	}
	state := map[State]string{Approved: "open", Refused: "locked"}[a.State]
	if state == "" {
		return true, nil
	}
	rows, err := d.w.svc.opt.Store.Get(ctx, tDoors, a.Tenant, "", []string{a.Key})
	if err != nil {
		return false, err
	}
	row := rows[a.Key]
	var is door
	if err := json.Unmarshal(row.Doc, &is); err != nil {
		return false, err
	}
	if is.State == state {
		return true, nil
	}
	is.State = state
	is.Times++
	b, err := json.Marshal(is)
	if err != nil {
		return false, err
	}
	row.Doc, row.Version = b, row.Version+1
	return true, d.w.svc.write(ctx, store.Write{Table: tDoors, Op: store.Replace, Row: row})
}

type world struct {
	t     *testing.T
	inner store.Store
	svc   *Service
	log   *audit.Log
	now   time.Time
	doors doors
}

// piecemeal is a store without transactions: every write stays as it is done.
type piecemeal struct{ store.Store }

func (p piecemeal) Update(ctx context.Context, fn func(store.Tx) error) error {
	return fn(piecemealTx{p.Store})
}

type piecemealTx struct{ store.Store }

func (p piecemealTx) Write(ctx context.Context, ops ...store.Write) (conflicts []int, err error) {
	err = p.Store.Update(ctx, func(tx store.Tx) error {
		conflicts, err = tx.Write(ctx, ops...)
		return err
	})
	return conflicts, err
}

func testTables() []store.Table {
	return slices.Concat(Tables(), audit.Tables(), []store.Table{{Name: tDoors, Indexes: []store.Index{{Name: "state", Fields: []filter.Field{fieldDoor}}}}})
}

// onEveryStore runs a test on SQLite, on SQLite as if it had no transactions, and on the servers that the environment names.
func onEveryStore(t *testing.T, test func(t *testing.T, open func(t *testing.T) store.Store)) {
	open := func(t *testing.T) store.Store {
		t.Helper()
		st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(storetest.Dir(t), "test.db"), Tables: testTables()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		return st
	}
	t.Run("with transactions", func(t *testing.T) { test(t, open) })
	t.Run("without transactions", func(t *testing.T) { test(t, func(t *testing.T) store.Store { return piecemeal{open(t)} }) })
	for _, server := range storetest.Servers() {
		t.Run(server.Name, func(t *testing.T) {
			test(t, func(t *testing.T) store.Store {
				st, err := mongo.Open(t.Context(), mongo.Options{URI: server.URI, Database: "maestro_approval_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12], Tables: testTables()})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = st.Close() })
				return st
			})
		})
	}
}

func newWorld(t *testing.T, st store.Store) *world {
	t.Helper()
	w := &world{t: t, inner: st, now: noon}
	w.doors = doors{w: w, stuck: map[string]bool{}}
	w.on(st)
	return w
}

// on is the collector that starts on a store.
func (w *world) on(st store.Store) {
	clock := func() time.Time { return w.now }
	w.log = audit.New(st, clock)
	w.svc = New(Options{Store: st, Audit: w.log, Clock: clock, Subjects: map[Kind]Subject{Removal: w.doors},
		Tenants: func(context.Context) ([]string, error) { return []string{"t"}, nil }})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) door(id string) {
	w.t.Helper()
	w.must(w.inner.Update(w.t.Context(), func(tx store.Tx) error {
		_, err := tx.Write(w.t.Context(), store.Write{Table: tDoors, Op: store.Put, Row: store.Row{ID: id, Tenant: "t", Version: 1, Doc: []byte(`{"state":"shut","times":0}`)}})
		return err
	}))
}

func (w *world) is(id string) door {
	w.t.Helper()
	rows, err := w.inner.Get(w.t.Context(), tDoors, "t", "", []string{id})
	w.must(err)
	var d door
	w.must(json.Unmarshal(rows[id].Doc, &d))
	return d
}

func (w *world) list(c access.Caller, q Query) []View {
	w.t.Helper()
	l, err := w.svc.List(w.t.Context(), c, q)
	w.must(err)
	if len(l.Items) != l.Total {
		w.t.Errorf("%d of %d", len(l.Items), l.Total)
	}
	return l.Items
}

func boss(name string) access.Caller {
	return access.Caller{Tenant: "t", Name: "user:" + name, Role: access.RoleAdmin}
}

func TestWhatWaitsIsNoticedOnceAndDecided(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open func(*testing.T) store.Store) {
		w := newWorld(t, open(t))
		w.door("a")
		w.door("b")
		for range 3 {
			if got := w.list(boss("anna"), Query{}); len(got) != 2 || got[0].State != Pending || got[0].WhyNot != nil || got[0].RequestedBy != System {
				t.Fatalf("%+v", got)
			}
		}
		v, err := w.svc.Of(t.Context(), boss("anna"), Removal, "a")
		w.must(err)
		if v, err = w.svc.Decide(t.Context(), boss("anna"), v.ID, true, "fine"); err != nil || v.State != Approved || !v.Settled || w.is("a") != (door{"open", 1}) {
			t.Fatalf("%+v %v %+v", v, err, w.is("a"))
		}
		var ended *EndedError
		if _, err := w.svc.Decide(t.Context(), boss("ben"), v.ID, false, ""); !errors.As(err, &ended) {
			t.Errorf("decided twice: %v", err)
		}
		// What goes by itself waits for nobody.
		w.must(w.inner.Update(t.Context(), func(tx store.Tx) error {
			_, err := tx.Write(t.Context(), store.Write{Table: tDoors, Op: store.Delete, Row: store.Row{ID: "b", Tenant: "t"}})
			return err
		}))
		if got := w.list(boss("anna"), Query{State: string(Pending)}); len(got) != 0 {
			t.Errorf("%+v", got)
		}
		if n, err := w.svc.Waits(t.Context(), boss("anna")); n != 0 || err != nil {
			t.Errorf("%d wait, %v", n, err)
		}
	})
}

func TestTwoPersonsAndTheRulesOfNow(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open func(*testing.T) store.Store) {
		w := newWorld(t, open(t))
		w.door("a")
		v, err := w.svc.Of(t.Context(), boss("anna"), Removal, "a")
		w.must(err)
		// Made stricter, the rule holds for what waits.
		_, err = w.svc.SetRules(t.Context(), boss("anna"), map[Kind]Rule{Removal: {Required: true, Persons: 2, Teams: []string{"ops"}}}, 0, "")
		w.must(err)
		if _, err := w.svc.SetRules(t.Context(), boss("anna"), nil, 0, ""); !errors.As(err, new(*inventory.StaleError)) {
			t.Errorf("a stale edit: %v", err)
		}
		var forbidden *ForbiddenError
		if _, err := w.svc.Decide(t.Context(), boss("anna"), v.ID, true, ""); !errors.As(err, &forbidden) {
			t.Errorf("who is not in the team: %v", err)
		}
		ops := func(name string) access.Caller {
			c := boss(name)
			c.Teams = []access.Membership{{ID: "ops"}}
			return c
		}
		if v, err = w.svc.Decide(t.Context(), ops("anna"), v.ID, true, "one"); err != nil || v.State != Pending || v.Needed != 2 || v.Approvals() != 1 || w.is("a").State != "shut" {
			t.Fatalf("%+v %v", v, err)
		}
		if _, err := w.svc.Decide(t.Context(), ops("anna"), v.ID, true, "again"); !errors.As(err, &forbidden) {
			t.Errorf("one person is two: %v", err)
		}
		if v, err = w.svc.Decide(t.Context(), ops("ben"), v.ID, true, "two"); err != nil || v.State != Approved || w.is("a") != (door{"open", 1}) {
			t.Fatalf("%+v %v", v, err)
		}
		page, err := w.log.List(t.Context(), "t", audit.Query{ObjectID: v.ID, Limit: 50})
		w.must(err)
		var got []string
		for _, e := range page.Entries {
			got = append(got, e.Action+" "+e.Actor+" "+e.Outcome)
		}
		for _, want := range []string{"approval.approve user:ben ok", "approval.approve user:anna ok", "approval.approve user:anna failed"} {
			if !slices.Contains(got, want) {
				t.Errorf("%s is not in the audit log: %q", want, got)
			}
		}
	})
}

func TestWhoSeesAndWhoDecides(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open func(*testing.T) store.Store) {
		w := newWorld(t, open(t))
		w.door("a")
		w.door("b")
		granted := access.Caller{Tenant: "t", Name: "user:gina", Role: access.RoleNone, Grants: map[string]access.Right{"house-a": access.RightAdmin}}
		got := w.list(granted, Query{})
		if len(got) != 1 || got[0].Key != "a" {
			t.Fatalf("%+v", got)
		}
		if got[0].WhyNot == nil {
			t.Error("a grant lets decide what only a role may")
		}
		if n, err := w.svc.Waits(t.Context(), granted); n != 1 || err != nil {
			t.Errorf("%d wait, %v", n, err)
		}
		b, err := w.svc.Of(t.Context(), boss("anna"), Removal, "b")
		w.must(err)
		for name, c := range map[string]access.Caller{"another's": granted, "of another tenant": {Tenant: "u", Name: "user:eve", Role: access.RoleAdmin},
			"nobody's": {Tenant: "t", Name: "user:none", Role: access.RoleNone}} {
			if _, err := w.svc.Get(t.Context(), c, b.ID); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := w.svc.Decide(t.Context(), c, b.ID, true, ""); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		var forbidden *ForbiddenError
		if _, err := w.svc.Decide(t.Context(), access.Caller{Tenant: "t", Name: "user:rita", Role: access.RoleReader}, b.ID, true, ""); !errors.As(err, &forbidden) {
			t.Errorf("a reader: %v", err)
		}
	})
}

func TestWhatExpiresStaysAsItIs(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open func(*testing.T) store.Store) {
		w := newWorld(t, open(t))
		_, err := w.svc.SetRules(t.Context(), boss("anna"), map[Kind]Rule{Removal: {Required: true, Persons: 1, ExpiresAfterHours: 24}}, 0, "")
		w.must(err)
		w.door("a")
		v, err := w.svc.Of(t.Context(), boss("anna"), Removal, "a")
		w.must(err)
		w.now = noon.Add(23 * time.Hour)
		w.must(w.svc.Sweep(t.Context(), w.now))
		if v, err = w.svc.Get(t.Context(), boss("anna"), v.ID); err != nil || v.State != Pending {
			t.Fatalf("%+v %v", v, err)
		}
		w.now = noon.Add(24 * time.Hour)
		if _, err := w.svc.Decide(t.Context(), boss("anna"), v.ID, true, ""); !errors.As(err, new(*EndedError)) {
			t.Errorf("decided too late: %v", err)
		}
		for range 2 {
			w.must(w.svc.Sweep(t.Context(), w.now))
		}
		if v, err = w.svc.Get(t.Context(), boss("anna"), v.ID); err != nil || v.State != Expired || w.is("a") != (door{"shut", 0}) {
			t.Fatalf("%+v %v %+v", v, err, w.is("a"))
		}
		page, err := w.log.List(t.Context(), "t", audit.Query{Action: "approval.expire", Limit: 10})
		if err != nil || len(page.Entries) != 1 || page.Entries[0].Outcome != audit.OK {
			t.Errorf("%+v %v", page.Entries, err)
		}
		// It still waits, so whoever comes to it asks anew.
		again, err := w.svc.Of(t.Context(), boss("anna"), Removal, "a")
		w.must(err)
		if again.ID == v.ID || again.Round != 2 || again.State != Pending {
			t.Fatalf("%+v", again)
		}
		if _, err := w.svc.Decide(t.Context(), boss("anna"), again.ID, true, ""); err != nil || w.is("a").State != "open" {
			t.Error(err)
		}
	})
}

func TestWhatCannotBeDoneFails(t *testing.T) {
	w := newWorld(t, openOne(t))
	w.door("a")
	w.doors.stuck["a"] = true
	v, err := w.svc.Of(t.Context(), boss("anna"), Removal, "a")
	w.must(err)
	if v, err = w.svc.Decide(t.Context(), boss("anna"), v.ID, true, ""); err != nil || v.State != Failed || v.Problem != "the door is stuck" || !v.Settled {
		t.Fatalf("%+v %v", v, err)
	}
}

func openOne(t *testing.T) (st store.Store) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(storetest.Dir(t), "test.db"), Tables: testTables()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Wherever the collector dies between a decision and its end, the next one comes to the same end: what was decided is done once,
// what was not can be decided.
func TestACrashBetweenDecisionAndEffect(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open func(*testing.T) store.Store) {
		st := open(t)
		w := newWorld(t, st)
		for stop, whole := 0, false; !whole; stop++ {
			if stop > 40 {
				t.Fatal("it never gets through")
			}
			id := fmt.Sprintf("door%d", stop)
			w.on(st)
			w.door(id)
			v, err := w.svc.Of(t.Context(), boss("anna"), Removal, id)
			w.must(err)
			w.on(storetest.Crashing(st, stop))
			_, err = w.svc.Decide(t.Context(), boss("anna"), v.ID, true, "fine")
			whole = err == nil
			if err != nil && !errors.Is(err, storetest.ErrCrash) {
				t.Fatalf("stopped after %d: %v", stop, err)
			}
			w.on(st) // the next collector
			w.must(w.svc.Sweep(t.Context(), w.now))
			v, err = w.svc.Get(t.Context(), boss("anna"), v.ID)
			w.must(err)
			if v.State == Pending {
				if is := w.is(id); is != (door{"shut", 0}) {
					t.Fatalf("stopped after %d: %+v without a decision", stop, is)
				}
				if v, err = w.svc.Decide(t.Context(), boss("ben"), v.ID, true, ""); err != nil {
					t.Fatal(err)
				}
			}
			if is := w.is(id); v.State != Approved || !v.Settled || len(v.Decisions) != 1 || is != (door{"open", 1}) {
				t.Fatalf("stopped after %d: %+v, %+v", stop, v, is)
			}
		}
	})
}

// What ended long ago is forgotten, but not what would then be asked anew.
func TestOldApprovalsAreForgotten(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open func(*testing.T) store.Store) {
		w := newWorld(t, open(t))
		for _, id := range []string{"opened", "stuck", "waits"} {
			w.door(id)
		}
		w.doors.stuck["stuck"] = true
		decide := func(id string) string {
			t.Helper()
			v, err := w.svc.Of(t.Context(), boss("anna"), Removal, id)
			w.must(err)
			_, err = w.svc.Decide(t.Context(), boss("anna"), v.ID, true, "")
			w.must(err)
			return v.ID
		}
		opened, stuck := decide("opened"), decide("stuck")
		waits, err := w.svc.Of(t.Context(), boss("anna"), Removal, "waits")
		w.must(err)
		purge := func(before time.Time) (n int) {
			t.Helper()
			w.must(w.svc.Purge(t.Context(), before, func(tenant string, k int) error {
				if tenant != "t" {
					t.Errorf("of tenant %q", tenant)
				}
				n += k
				return nil
			}))
			return n
		}
		if n := purge(noon); n != 0 {
			t.Fatalf("%d are old at once", n)
		}
		w.now = noon.Add(400 * 24 * time.Hour)
		if n := purge(w.now.Add(-24 * time.Hour)); n != 1 {
			t.Fatalf("%d were forgotten", n)
		}
		for id, there := range map[string]bool{opened: false, stuck: true, waits.ID: true} {
			if _, err := w.svc.Get(t.Context(), boss("anna"), id); (err == nil) != there {
				t.Errorf("%s: %v", id, err)
			}
		}
		if n := purge(w.now.Add(-24 * time.Hour)); n != 0 {
			t.Errorf("%d were forgotten again", n)
		}
		if len(w.list(boss("anna"), Query{})) != 2 {
			t.Error("what was forgotten is asked anew")
		}
	})
}
