package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"maestro.internal/collector/internal/archive"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/ledger"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/mongo"
	"maestro.internal/collector/internal/store/storetest"
)

// The faults that the order of writes is there for, on every store: SQLite with its transactions, SQLite as if it had none, and
// the servers that the environment names (storetest.Servers).

// engine is a store to test on.
type engine struct {
	name string
	// open answers an empty store.
	open func(t tb) store.Store
	// stride is the distance of the writes after which it is made to die. Every one is tried on SQLite without transactions, the
	// hardest and the quickest; the others show that nothing leans on what only that does.
	stride int
	// atomic is false of FerretDB's SQLite backend, where several of those who write one row at once win
	// (test/mongoservers/README.md): what races cannot be shown there.
	atomic bool
}

func engines(t *testing.T) []engine {
	t.Helper()
	list := []engine{
		{name: "with transactions", open: openSQLite, stride: 5, atomic: true},
		{name: "without transactions", open: func(t tb) store.Store { return piecemeal{openSQLite(t)} }, stride: 1, atomic: true},
	}
	return append(list, mongoEngines(t)...)
}

func mongoEngines(t *testing.T) []engine {
	t.Helper()
	var list []engine
	for _, server := range storetest.Servers() {
		e := engine{name: server.Name, open: openMongo(t, server.URI), stride: 3, atomic: true}
		if server.Name == "ferretdb" {
			e.stride, e.atomic = 7, false
		}
		list = append(list, e)
	}
	return list
}

// openMongo answers a way to get an empty store: the same database each time, emptied, since making its indexes is what takes long.
func openMongo(t *testing.T, uri string) func(tb) store.Store {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	db := client.Database("maestro_inventory_" + strings.ReplaceAll(uuid.NewString(), "-", ""))
	ctx := context.Background() // the test's own is over when it is cleaned up
	t.Cleanup(func() {
		if err := db.Drop(ctx); err != nil {
			t.Logf("drop database: %v", err) // mongo-java-server cannot after an index was dropped; its data ends with it
		}
		if err := client.Disconnect(ctx); err != nil {
			t.Error(err)
		}
	})
	return func(t tb) store.Store {
		t.Helper()
		names, err := db.ListCollectionNames(ctx, bson.D{})
		for _, name := range names {
			if name == "maestro_meta" || name == "maestro_parts" {
				continue
			}
			if _, derr := db.Collection(name).DeleteMany(ctx, bson.D{}); derr != nil {
				err = errors.Join(err, derr)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		st, err := mongo.Open(ctx, mongo.Options{URI: uri, Tables: slices.Concat(Tables(), audit.Tables(), ledger.Tables(), archive.Tables()), Database: db.Name()})
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
}

// Wherever the writes of a push stop, pushing the run again comes to the end of one that did not stop: the same servers, the same
// history, and a list that needs nothing more.
func TestPushStoppedAnywhere(t *testing.T) {
	for _, e := range engines(t) {
		t.Run(e.name, func(t *testing.T) {
			var want string
			for after := -1; after < 200; after = max(after+e.stride, 0) {
				crash := storetest.Crashing(e.open(t), -1)
				l := newLab(t, func(o *Options) { o.Store, o.HoldItems, o.firstWait = crash, 9, nobody })
				a, b := l.twoPlugins()
				l.run(a, complete(one, thing(one, "a1", named("web"), has("serial", "SN-4711-X")), thing(one, "a2", named("db"))))
				l.run(b, complete(one, thing(one, "b1", named("web.lan"), attrs(`{"hostname":"h"}`), has("serial", "SN-4711-Y"))))
				// One run in which a server joins another, one is created, one changes and one goes.
				sp := b.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "b1", named("web.lan"), attrs(`{"hostname":"h2"}`), has("serial", "SN-4711-Y"))),
					complete(two, thing(two, "b2", named("new"), has("serial", "SN-4711-X")), thing(two, "b3", named("three"))))
				gone := a.build([]string{"server"}, l.clock.now(), complete(one, thing(one, "a1", named("web 2"), has("serial", "SN-4711-X"))))
				if after >= 0 {
					crash.Revive(after)
				}
				_, err := b.push(l.ctx, sp)
				if err == nil {
					_, err = a.push(l.ctx, gone)
				}
				died := crash.Crashed()
				crash.Revive(-1)
				if err != nil && !errors.Is(err, storetest.ErrCrash) {
					t.Fatalf("after %d writes: %v", after, err)
				}
				if died {
					l.push(b, sp)
					l.push(a, gone)
				}
				got := strings.Join(l.servers(), "\n") + "\n"
				for _, name := range []string{"web 2", "db", "web.lan", "three"} {
					got += fmt.Sprintln(name, l.history(l.server(name).ID))
				}
				l.checkChain("server")
				before := l.servers()
				if info := l.run(a, complete(one, thing(one, "a1", named("web 2"), has("serial", "SN-4711-X")))); info.Created+info.Updated+info.Gone+info.Returned != 0 {
					t.Fatalf("after %d writes the next run still changes something: %+v", after, info)
				}
				l.want(l.servers(), before...)
				switch {
				case after < 0:
					want = got
				case got != want:
					t.Fatalf("after %d writes:\n%s\nwant\n%s", after, got, want)
				case !died:
					if after < 15 {
						t.Fatalf("only %d writes", after)
					}
					return
				}
			}
			t.Fatal("it never ends")
		})
	}
}

// Two people who edit the same version of a server at once: one is told that it is theirs, the other that it has changed since.
func TestTwoPeopleEditAtOnce(t *testing.T) {
	for _, e := range engines(t) {
		t.Run(e.name, func(t *testing.T) {
			if !e.atomic {
				t.Skip("several of those who write one row at once win on this server")
			}
			l := newLab(t, func(o *Options) { o.Store = e.open(t) })
			a := newAgent(l.s, "a", 1)
			l.run(a, complete(one, thing(one, "k", named("web"))))
			l.s.opt.Clock = l.clock.now().Local // it is not for two
			id := l.server("web").ID
			const rounds, people = 5, 4
			for range rounds {
				version := l.get(id).Version
				var wg sync.WaitGroup
				answers := make([]error, people)
				for i := range people {
					wg.Go(func() {
						_, answers[i] = l.s.Patch(l.ctx, everyone, PatchRequest{Kind: "server", ID: id, Version: version,
							Set: map[string]json.RawMessage{"/common/notes": json.RawMessage(fmt.Sprintf(`"person %d of %d"`, i, version))}})
					})
				}
				wg.Wait()
				winner := -1
				for i, err := range answers {
					var stale *StaleError
					switch {
					case err == nil && winner >= 0:
						t.Fatalf("%d and %d were both told that theirs is version %d", winner, i, version+1)
					case err == nil:
						winner = i
					case !errors.As(err, &stale) || stale.Current != version+1:
						t.Fatalf("%d was answered %v", i, err)
					}
				}
				got := l.get(id)
				if want := fmt.Sprintf(`{"notes":"person %d of %d"}`, winner, version); string(got.Common) != want || got.Version != version+1 {
					t.Fatalf("version %d: %s, want %s", got.Version, got.Common, want)
				}
			}
			l.checkChain("server")
		})
	}
}
