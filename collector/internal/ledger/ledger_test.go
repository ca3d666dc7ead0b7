package ledger_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/ledger"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/mongo"
	"maestro.internal/collector/internal/store/sqlite"
	"maestro.internal/collector/internal/store/storetest"
)

const tenant = "default"

// site is an installation with a history: servers recorded and edited by hand, over some hours, all sealed.
type site struct {
	t         *testing.T
	st        store.Store
	now       time.Time
	audit     *audit.Log
	inventory *inventory.Service
	ledger    *ledger.Ledger
	servers   []string
	caller    inventory.Caller
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func seed(b byte) []byte { return []byte(strings.Repeat(string(rune('a'+b)), 32)) }

func tables() []store.Table {
	return slices.Concat(audit.Tables(), inventory.Tables(), ledger.Tables())
}

func openSQLite(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "x.db"), Tables: tables()})
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	return st
}

func newSite(t *testing.T, st store.Store) *site {
	t.Helper()
	s := &site{t: t, st: st, now: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC), caller: inventory.Caller{Tenant: tenant, Name: "user:anna", TenantWide: true}}
	clock := func() time.Time { s.now = s.now.Add(time.Millisecond); return s.now }
	s.audit = audit.New(st, clock)
	s.inventory = inventory.New(inventory.Options{Store: st, Audit: s.audit, Clock: clock})
	s.ledger = s.open(seed(0), 7)
	for i := range 4 {
		s.record(fmt.Sprintf("srv-%d", i))
	}
	for round := range 3 {
		s.later(50 * time.Minute)
		for _, id := range s.servers {
			s.edit(id, fmt.Sprintf("note %d", round))
		}
	}
	return s
}

func (s *site) open(seed []byte, most int) *ledger.Ledger {
	l, err := ledger.New(ledger.Options{Store: s.st, Seed: seed, Clock: func() time.Time { return s.now }, Most: most,
		Streams: []ledger.Stream{s.inventory.Stream(), s.audit.Stream()}})
	must(s.t, err)
	return l
}

func (s *site) later(d time.Duration) { s.now = s.now.Add(d) }

func (s *site) record(name string) {
	s.t.Helper()
	r, err := s.inventory.Create(s.t.Context(), s.caller, inventory.CreateRequest{Kind: "server", Name: name})
	must(s.t, err)
	s.servers = append(s.servers, r.ID)
}

func (s *site) edit(id, note string) {
	s.t.Helper()
	r, err := s.inventory.Get(s.t.Context(), s.caller, "server", id)
	must(s.t, err)
	_, err = s.inventory.Patch(s.t.Context(), s.caller, inventory.PatchRequest{Kind: "server", ID: id, Version: r.Version,
		Set: map[string]json.RawMessage{"/common/notes": json.RawMessage(fmt.Sprintf("%q", note))}})
	must(s.t, err)
}

func (s *site) seal() {
	s.t.Helper()
	s.later(2 * time.Hour)
	must(s.t, s.ledger.Seal(s.t.Context()))
}

func (s *site) verify(expect ...string) *ledger.Verification {
	s.t.Helper()
	v, err := s.ledger.Verify(s.t.Context(), nil, expect)
	must(s.t, err)
	return v
}

func (s *site) write(ops ...store.Write) {
	s.t.Helper()
	must(s.t, s.st.Update(s.t.Context(), func(tx store.Tx) error {
		_, err := tx.Write(s.t.Context(), ops...)
		return err
	}))
}

// rows answers a table's rows in the order of their ids.
func (s *site) rows(table string) []store.Row {
	s.t.Helper()
	page, err := s.st.Find(s.t.Context(), store.Query{Table: table, Tenant: tenant, WithBlob: true})
	must(s.t, err)
	return page.Rows
}

func (s *site) row(table, id string) store.Row {
	s.t.Helper()
	for _, r := range s.rows(table) {
		if r.ID == id {
			return r
		}
	}
	s.t.Fatalf("there is no %s %s", table, id)
	return store.Row{}
}

func (s *site) remove(table, id string) {
	s.write(store.Write{Table: table, Op: store.Delete, Row: store.Row{ID: id, Tenant: tenant}})
}

func (s *site) replace(table, id, old, new string) {
	s.t.Helper()
	r := s.row(table, id)
	text := strings.Replace(string(r.Doc), old, new, 1)
	if text == string(r.Doc) {
		s.t.Fatalf("%s %s has no %s: %s", table, id, old, r.Doc)
	}
	r.Doc = json.RawMessage(text)
	s.write(store.Write{Table: table, Op: store.Put, Row: r})
}

func text(v *ledger.Verification) string {
	var lines []string
	for _, f := range v.Findings {
		lines = append(lines, f.Stream+" "+f.ID+": "+f.Problem)
	}
	return strings.Join(lines, "\n")
}

// Whoever can write to the store, but has not the key, is found out.
func TestTampering(t *testing.T) {
	change := func(s *site, server, version int) string { return fmt.Sprintf("%s/%d", s.servers[server], version) }
	checkpoint := func(s *site, i int) string {
		var ids []string
		for _, r := range s.rows("checkpoints") {
			if strings.Contains(r.ID, "changes") {
				ids = append(ids, r.ID)
			}
		}
		return ids[i]
	}
	entry := func(s *site, i int) string { return s.rows("audit_entries")[i].ID }
	for name, c := range map[string]struct {
		do   func(s *site) (id string)
		want string
	}{
		"change removed from the middle": {func(s *site) string { id := change(s, 1, 2); s.remove("changes", id); return id }, "was removed"},
		"newest change removed":          {func(s *site) string { id := change(s, 1, 4); s.remove("changes", id); return id }, "was removed"},
		"change edited": {func(s *site) string {
			id := change(s, 2, 2)
			s.replace("changes", id, "user:anna", "user:bert")
			return id
		}, "was edited"},
		"change edited, with a hash that fits": {func(s *site) string {
			id := change(s, 2, 2)
			s.replace("changes", id, "user:anna", "user:bert")
			s.rehash(id)
			return id
		}, "was edited"},
		"property added to a change": {func(s *site) string {
			id := change(s, 0, 1)
			s.replace("changes", id, `"actor"`, `"new_property":1,"actor"`)
			return id
		}, "was edited"},
		"change moved to another moment": {func(s *site) string {
			id := change(s, 3, 1)
			s.replace("changes", id, "T08:", "T07:")
			s.rehash(id)
			return id
		}, "another moment"},
		"change put in": {func(s *site) string {
			r := s.row("changes", change(s, 0, 1))
			r.ID = "made-up/1"
			s.write(store.Write{Table: "changes", Op: store.Put, Row: r})
			return r.ID
		}, "was put in"},
		"audit entry removed": {func(s *site) string { id := entry(s, 3); s.remove("audit_entries", id); return id }, "was removed"},
		"audit entry edited": {func(s *site) string {
			id := entry(s, 3)
			s.replace("audit_entries", id, "user:anna", "user:bert")
			return id
		}, "was edited"},
		"checkpoint removed": {func(s *site) string { s.remove("checkpoints", checkpoint(s, 0)); return "checkpoint 1" }, "is missing"},
		"checkpoint edited": {func(s *site) string {
			s.replace("checkpoints", checkpoint(s, 1), `"count":7`, `"count":6`)
			return "checkpoint 2"
		}, "was edited"},
		"list of a checkpoint replaced": {func(s *site) string {
			a, b := s.row("checkpoints", checkpoint(s, 0)), s.row("checkpoints", checkpoint(s, 1))
			a.Blob = b.Blob
			s.write(store.Write{Table: "checkpoints", Op: store.Put, Row: a})
			return "checkpoint 1"
		}, "its list of entries was edited"},
		"list of a checkpoint damaged": {func(s *site) string {
			a := s.row("checkpoints", checkpoint(s, 0))
			a.Blob = a.Blob[:len(a.Blob)/2]
			s.write(store.Write{Table: "checkpoints", Op: store.Put, Row: a})
			return "checkpoint 1"
		}, "damaged"},
		"everything sealed anew with another key": {func(s *site) string {
			for _, r := range s.rows("checkpoints") {
				s.remove("checkpoints", r.ID)
			}
			s.remove("changes", change(s, 1, 4))
			must(s.t, s.open(seed(1), 7).Seal(s.t.Context()))
			return "checkpoint 1"
		}, "signature is not this installation's"},
		"purge made up to hide a removal": {func(s *site) string {
			s.remove("changes", change(s, 1, 1))
			s.write(store.Write{Table: "horizons", Op: store.Put, Row: store.Row{ID: store.Key(tenant, "changes"), Tenant: tenant, Version: 1,
				Doc: json.RawMessage(`{"tenant":"default","stream":"changes","before":"2030-01-01T00:00:00.000000Z","number":9}`)}})
			return "horizon"
		}, "not signed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, openSQLite(t))
			s.seal()
			if v := s.verify(); !v.OK() || v.Entries < 30 || v.Sealed != v.Entries || v.Checkpoints < 4 || len(v.Heads) != 2 {
				t.Fatalf("before anything was done: %+v", v)
			}
			id := c.do(s)
			v := s.verify()
			if !slices.ContainsFunc(v.Findings, func(f ledger.Finding) bool { return f.ID == id && strings.Contains(f.Problem, c.want) }) {
				t.Errorf("want %s: %s; found\n%s", id, c.want, text(v))
			}
		})
	}
}

// rehash gives a change the hash of its content, as a careful forger would.
func (s *site) rehash(id string) {
	s.t.Helper()
	r := s.row("changes", id)
	var was struct {
		Hash string `json:"hash"`
	}
	must(s.t, json.Unmarshal(r.Doc, &was))
	entries, err := s.inventory.Stream().Entries(s.t.Context(), tenant, ledger.Position{}, s.now.Add(time.Hour), 1000)
	must(s.t, err)
	for _, e := range entries {
		if e.ID == id {
			s.replace("changes", id, was.Hash, fmt.Sprintf("%x", e.Hash))
		}
	}
}

// What is not sealed yet is held together by its own chain; the end of everything only by a hash kept elsewhere.
func TestOpenEnd(t *testing.T) {
	s := newSite(t, openSQLite(t))
	s.seal()
	s.edit(s.servers[0], "x")
	s.edit(s.servers[0], "y")
	if v := s.verify(); !v.OK() || v.Sealed == v.Entries {
		t.Fatalf("an open end is a finding:\n%s", text(v))
	}
	s.remove("changes", s.servers[0]+"/5")
	if v := s.verify(); v.OK() || !strings.Contains(text(v), s.servers[0]) {
		t.Errorf("a hole in the open end was not found:\n%s", text(v))
	}

	s = newSite(t, openSQLite(t))
	s.seal()
	head := s.verify().Heads[0]
	if v := s.verify(head.Hash); !v.OK() {
		t.Fatalf("its own head is a finding:\n%s", text(v))
	}
	rows := s.rows("checkpoints")
	for _, r := range rows {
		if strings.HasSuffix(r.ID, fmt.Sprintf("changes|%012d", head.Number)) {
			s.remove("checkpoints", r.ID)
		}
	}
	s.remove("changes", s.servers[3]+"/4")
	if v := s.verify(head.Hash); v.OK() || !strings.Contains(text(v), head.Hash) {
		t.Errorf("a cut-off end was not found:\n%s", text(v))
	}
}

// Sealing waits for entries that are still pending, and never closes an interval twice.
func TestSealing(t *testing.T) {
	s := newSite(t, openSQLite(t))
	id, err := s.audit.Begin(s.t.Context(), audit.Entry{Tenant: tenant, Actor: "user:anna", Action: "run.request"})
	must(t, err)
	s.seal()
	if v := s.verify(); !v.OK() || v.Sealed == v.Entries {
		t.Fatalf("a pending entry was sealed: %+v", v)
	}
	must(t, s.audit.Finish(s.t.Context(), tenant, id, nil))
	s.seal()
	n := len(s.rows("checkpoints"))
	s.seal()
	if v := s.verify(); !v.OK() || v.Sealed != v.Entries || len(s.rows("checkpoints")) != n {
		t.Errorf("after the end of the pending one: %+v, %d checkpoints were %d\n%s", v, len(s.rows("checkpoints")), n, text(v))
	}
}

// A purge leaves checkpoints and hashes, the newest revision of everything, and nothing to complain about.
func TestPurge(t *testing.T) {
	s := newSite(t, openSQLite(t))
	s.seal()
	before := s.now.Add(-2*time.Hour - 60*time.Minute)
	var told []ledger.Purged
	purge := func() {
		t.Helper()
		for _, stream := range []string{inventory.StreamName, audit.StreamName} {
			must(t, s.ledger.Purge(t.Context(), stream, before, func(p ledger.Purged) error { told = append(told, p); return nil }))
		}
	}
	was := len(s.rows("changes")) + len(s.rows("audit_entries"))
	purge()
	if len(told) != 2 || told[0].Entries == 0 || told[1].Entries == 0 || was != told[0].Entries+told[1].Entries+len(s.rows("changes"))+len(s.rows("audit_entries")) {
		t.Fatalf("purged %+v of %d", told, was)
	}
	v := s.verify()
	if !v.OK() || v.Purged != told[0].Entries+told[1].Entries {
		t.Errorf("after a purge of %+v: %+v\n%s", told, v, text(v))
	}
	purge()
	if len(told) != 2 {
		t.Errorf("purged again: %+v", told)
	}
	horizon, err := s.ledger.Horizon(t.Context(), tenant, inventory.StreamName)
	must(t, err)
	for _, id := range s.servers {
		r, err := s.inventory.AsOf(t.Context(), s.caller, "server", id, horizon)
		if err != nil || r.Version < 1 {
			t.Errorf("as of the horizon: %v", err)
		}
	}
	kept := s.rows("changes")[0].ID
	s.remove("changes", kept)
	if v := s.verify(); v.OK() {
		t.Errorf("removed %s beside the purge, and nothing was found", kept)
	}
}

// A purge that dies between any two of its writes leaves nothing to complain about, and the next one ends it.
func TestPurgeStopsAnywhere(t *testing.T) {
	whole := newSite(t, openSQLite(t))
	whole.seal()
	before := whole.now.Add(-3 * time.Hour)
	nobody := func(ledger.Purged) error { return nil }
	must(t, whole.ledger.Purge(t.Context(), inventory.StreamName, before, nobody))
	left := len(whole.rows("changes"))
	for after := 0; ; after++ {
		s := newSite(t, openSQLite(t))
		s.seal()
		dying := storetest.Crashing(s.st, after)
		inv := inventory.New(inventory.Options{Store: dying, Audit: s.audit, Clock: func() time.Time { return s.now }})
		l, err := ledger.New(ledger.Options{Store: dying, Seed: seed(0), Clock: func() time.Time { return s.now }, Most: 7, Streams: []ledger.Stream{inv.Stream()}})
		must(t, err)
		err = l.Purge(t.Context(), inventory.StreamName, before, nobody)
		if v := s.verify(); !v.OK() {
			t.Fatalf("after %d writes:\n%s", after, text(v))
		}
		must(t, s.ledger.Purge(t.Context(), inventory.StreamName, before, nobody))
		if v := s.verify(); !v.OK() || len(s.rows("changes")) != left {
			t.Fatalf("after %d writes, and again: %d changes of %d\n%s", after, len(s.rows("changes")), left, text(v))
		}
		if err == nil {
			return
		}
	}
}

// The same on a server of MongoDB's protocol: documents come back with their values, not their bytes.
func TestOnMongo(t *testing.T) {
	servers := storetest.Servers()
	if len(servers) == 0 {
		t.Skip(storetest.HowToNameServers)
	}
	for _, server := range servers {
		t.Run(server.Name, func(t *testing.T) {
			st, err := mongo.Open(t.Context(), mongo.Options{URI: server.URI, Database: "ledger_" + uuid.NewString()[:8], Tables: tables()})
			must(t, err)
			t.Cleanup(func() { must(t, st.Close()) })
			s := newSite(t, st)
			s.seal()
			if v := s.verify(); !v.OK() || v.Sealed != v.Entries {
				t.Fatalf("%+v\n%s", v, text(v))
			}
			s.replace("changes", s.servers[0]+"/2", "user:anna", "user:bert")
			s.remove("changes", s.servers[1]+"/2")
			if v := s.verify(); !strings.Contains(text(v), s.servers[0]+"/2: was edited") || !strings.Contains(text(v), s.servers[1]+"/2: was removed") {
				t.Errorf("found\n%s", text(v))
			}
		})
	}
}
