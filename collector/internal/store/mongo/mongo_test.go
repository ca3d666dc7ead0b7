package mongo_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/mongo"
	"maestro.internal/collector/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lacks is what the servers that stand in for MongoDB are known not to do. What one lacks, the other must show.
//
// FerretDB asks each operator of an $elemMatch of the whole list, so two bounds may be met by two elements (SpansInLists); what it answers
// rightly, a regular expression that spells the range, is no range of an index on MongoDB. It cannot count by the values of a list within a
// document (ListValues): $unwind of "$d.tags" leaves them in "tags", $set, $addFields and $project take "$d.tags" for text, $replaceRoot is not
// there, $unwind of a "$_id" that was grouped by ends the server. It can group by whole lists, but then MongoDB would keep every distinct list
// of a million resources to answer what it now counts in passing. So both queries stay as MongoDB wants them.
var lacks = map[string]storetest.Lacks{
	"mongodb":  {Transactions: true},
	"ferretdb": {Transactions: true, CompareAndSwap: true, NestedArrays: true, SpansInLists: true, ListValues: true},
	"java":     {Transactions: true, BigNumbers: true, ByteOrder: true}, // it compares UTF-16, as Java does
}

// servers are those that the environment names.
func servers(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, s := range storetest.Servers() {
		if _, known := lacks[s.Name]; !known {
			t.Fatalf("MAESTRO_TEST_MONGO_URIS: %q is none of mongodb, ferretdb, java", s.Name)
		}
		found[s.Name] = s.URI
	}
	if len(found) == 0 {
		t.Skip(storetest.HowToNameServers)
	}
	return found
}

// database names a new one, which is dropped after the test.
func database(t *testing.T, uri string) string {
	t.Helper()
	name := "maestro_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	t.Cleanup(func() {
		ctx := context.Background() // the test's own is over
		client, err := driver.Connect(options.Client().ApplyURI(uri))
		if err == nil {
			err = errors.Join(client.Database(name).Drop(ctx), client.Disconnect(ctx))
		}
		if err != nil {
			t.Logf("drop database: %v", err) // mongo-java-server cannot after an index was dropped; its data ends with it
		}
	})
	return name
}

func open(t *testing.T, uri, database string, tables []store.Table) store.Store {
	t.Helper()
	s, err := mongo.Open(t.Context(), mongo.Options{URI: uri, Database: database, Tables: tables})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	for name, uri := range servers(t) {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T, tables []store.Table) store.Store {
				t.Helper()
				return open(t, uri, database(t, uri), tables)
			}, lacks[name])
		})
	}
}

// What is declared may change between two versions of the collector; the indexes follow.
func TestReopen(t *testing.T) {
	for name, uri := range servers(t) {
		t.Run(name, func(t *testing.T) {
			db := database(t, uri)
			byName := store.Index{Name: "by_name", Fields: []filter.Field{{Path: []string{"name"}, Type: filter.String}}}
			byWord := store.Index{Name: "by_word", Fields: []filter.Field{{Path: []string{"a.b", "words"}, Type: filter.String, Multi: true}}}
			for i, indexes := range [][]store.Index{{byName}, nil, {byName, byWord}, {byWord}} {
				s := open(t, uri, db, []store.Table{{Name: "things", Parts: true, Indexes: indexes}, {Name: "items", Indexes: indexes}})
				if i == 0 {
					if err := s.EnsurePart(t.Context(), "things", "it's", []store.Index{byWord}); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				want := 2 + len(indexes) // with that of _id and the list's
				if got := countIndexes(t, uri, db, "items"); got != want {
					t.Errorf("opened %d times: %d indexes, want %d", i+1, got, want)
				}
			}
		})
	}
}

func countIndexes(t *testing.T, uri, db, collection string) int {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	specs, err := client.Database(db).Collection(collection).Indexes().ListSpecifications(t.Context())
	if err := errors.Join(err, client.Disconnect(t.Context())); err != nil {
		t.Fatal(err)
	}
	return len(specs)
}

func TestNewerSchemaIsRefused(t *testing.T) {
	for name, uri := range servers(t) {
		t.Run(name, func(t *testing.T) {
			db := database(t, uri)
			s := open(t, uri, db, nil)
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			client, err := driver.Connect(options.Client().ApplyURI(uri))
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Database(db).Collection("maestro_meta").ReplaceOne(t.Context(), bson.D{{Key: "_id", Value: "schema"}}, bson.D{{Key: "number", Value: 1000}})
			if err := errors.Join(err, client.Disconnect(t.Context())); err != nil {
				t.Fatal(err)
			}
			if err := s.Ping(t.Context()); !errors.Is(err, store.ErrSchemaTooNew) {
				t.Errorf("a running collector is told %v", err)
			}
			if _, err := mongo.Open(t.Context(), mongo.Options{URI: uri, Database: db}); !errors.Is(err, store.ErrSchemaTooNew) {
				t.Errorf("a starting collector is told %v", err)
			}
		})
	}
}

func TestBadURI(t *testing.T) {
	_, err := mongo.Open(t.Context(), mongo.Options{URI: "mongodb://user:secret@:::/"})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("answered %v", err)
	}
}
