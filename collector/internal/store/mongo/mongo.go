// Package mongo is the store of installations with more than one collector: a MongoDB replica set or sharded cluster.
//
// A row is {_id, t: tenant, v: version, d: document, b: blob}. Only single-document operations are used, each
// atomic by itself; that a unit of work can stop between any two of them is the domain's business. The forms of
// queries are those that FerretDB and mongo-java-server understand too, on which the tests run.
package mongo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"maestro.internal/collector/internal/store"
)

// schemaNumber says how rows are laid out; a database with a higher one is refused.
const schemaNumber = 1

// Options of a store.
type Options struct {
	// URI is a MongoDB connection string; it may hold a password, so it is never logged.
	URI      string
	Database string
	Tables   []store.Table
	Log      *slog.Logger
}

// Store is a connected database.
type Store struct {
	reader
	client *mongo.Client
	db     *mongo.Database
	tables map[string]store.Table
}

var _ store.Store = (*Store)(nil)

// Open connects and brings the indexes in line with the declarations.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if o.Database == "" {
		o.Database = "maestro"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	// What is to be applied in order, and stay, must be known by the majority before it is answered.
	client, err := mongo.Connect(options.Client().ApplyURI(o.URI).SetAppName("maestro").
		SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary()))
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{client: client, db: client.Database(o.Database), tables: map[string]store.Table{}}
	s.reader = reader{s}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open store: %w", err), s.Close())
		}
	}()
	for _, t := range o.Tables {
		if err := store.CheckTable(t); err != nil {
			return nil, err
		}
		if _, twice := s.tables[t.Name]; twice {
			return nil, fmt.Errorf("table %s is declared twice", t.Name)
		}
		s.tables[t.Name] = t
	}
	if err := s.migrate(ctx); err != nil {
		return nil, err
	}
	o.Log.InfoContext(ctx, "opened store", "engine", s.Engine(), "database", o.Database, "tables", len(s.tables))
	return s, nil
}

// Engine is "mongo".
func (s *Store) Engine() string { return "mongo" }

// Ping answers whether the primary can be reached and is of a schema that this collector knows.
func (s *Store) Ping(ctx context.Context) error {
	n, err := s.schema(ctx)
	if err != nil {
		return fmt.Errorf("ping store: %w", err)
	}
	if n > schemaNumber {
		return fmt.Errorf("ping store: %w: it has schema %d, this collector knows %d", store.ErrSchemaTooNew, n, schemaNumber)
	}
	return nil
}

// Size is what the server says of the database, indexes included.
func (s *Store) Size(ctx context.Context) (int64, error) {
	var stats struct {
		StorageSize float64 `bson:"storageSize"`
		IndexSize   float64 `bson:"indexSize"`
	}
	if err := s.db.RunCommand(ctx, bson.D{{Key: "dbStats", Value: 1}}).Decode(&stats); err != nil {
		return 0, fmt.Errorf("measure store: %w", err)
	}
	return int64(stats.StorageSize + stats.IndexSize), nil
}

// Close ends the connections; it gives running operations a few seconds.
func (s *Store) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.client.Disconnect(ctx); err != nil && !errors.Is(err, mongo.ErrClientDisconnected) {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// Update runs fn; every Write of it stays as it is done.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	return fn(tx{reader{s}})
}

// collection answers where the rows of a table and part are.
func (s *Store) collection(name, part string) (*mongo.Collection, error) {
	t, ok := s.tables[name]
	if !ok {
		return nil, fmt.Errorf("table %q is not declared", name)
	}
	if err := store.CheckPart(t, part); err != nil {
		return nil, err
	}
	if part != "" {
		name += "." + partName(part)
	}
	return s.db.Collection(name), nil
}

// partName makes a part's name fit for a collection's.
func partName(part string) string {
	return strings.NewReplacer("%", "%25", "$", "%24", "\x00", "%00").Replace(part)
}

func (s *Store) schema(ctx context.Context) (int, error) {
	var row struct {
		Number int `bson:"number"`
	}
	err := s.db.Collection("maestro_meta").FindOne(ctx, bson.D{{Key: "_id", Value: "schema"}}).Decode(&row)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read schema number: %w", err)
	}
	return row.Number, nil
}

func (s *Store) migrate(ctx context.Context) error {
	n, err := s.schema(ctx)
	if err != nil {
		return err
	}
	if n > schemaNumber {
		return fmt.Errorf("%w: it has schema %d, this collector knows %d", store.ErrSchemaTooNew, n, schemaNumber)
	}
	if n == 0 {
		row := bson.D{{Key: "_id", Value: "schema"}, {Key: "number", Value: schemaNumber}}
		if _, err := s.db.Collection("maestro_meta").InsertOne(ctx, row); err != nil && !mongo.IsDuplicateKeyError(err) {
			return fmt.Errorf("write schema number: %w", err)
		}
	}
	for _, t := range s.tables {
		if !t.Parts {
			if err := s.syncIndexes(ctx, s.db.Collection(t.Name), t.Indexes); err != nil {
				return fmt.Errorf("prepare table %s: %w", t.Name, err)
			}
		}
	}
	return s.migrateParts(ctx)
}

// partRow remembers the indexes of a part, so that a new collector keeps them in line before it has read the kinds.
type partRow struct {
	ID      string `bson:"_id"`
	Table   string `bson:"table"`
	Part    string `bson:"part"`
	Indexes string `bson:"indexes"`
}

func (s *Store) migrateParts(ctx context.Context) error {
	cur, err := s.db.Collection("maestro_parts").Find(ctx, bson.D{})
	if err != nil {
		return fmt.Errorf("list parts: %w", err)
	}
	var parts []partRow
	if err := cur.All(ctx, &parts); err != nil {
		return fmt.Errorf("list parts: %w", err)
	}
	for _, p := range parts {
		t, ok := s.tables[p.Table]
		if !ok || !t.Parts {
			continue
		}
		var indexes []store.Index
		if err := json.Unmarshal([]byte(p.Indexes), &indexes); err != nil {
			return fmt.Errorf("read indexes of part %q: %w", p.Part, err)
		}
		if err := s.syncPart(ctx, t, p.Part, indexes); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) syncPart(ctx context.Context, t store.Table, part string, indexes []store.Index) error {
	c, err := s.collection(t.Name, part)
	if err != nil {
		return err
	}
	all := append(append([]store.Index{}, t.Indexes...), indexes...)
	if err := s.syncIndexes(ctx, c, all); err != nil {
		return fmt.Errorf("prepare part %s of %s: %w", part, t.Name, err)
	}
	return nil
}

// EnsurePart makes the indexes of a part's collection and drops those that it no longer has.
func (s *Store) EnsurePart(ctx context.Context, name, part string, indexes []store.Index) error {
	t, ok := s.tables[name]
	if !ok || !t.Parts || part == "" {
		return fmt.Errorf("ensure part %q of %s: it has no parts", part, name)
	}
	for _, ix := range indexes {
		if err := store.CheckIndex(ix); err != nil {
			return fmt.Errorf("ensure part %s of %s: %w", part, name, err)
		}
	}
	text, err := json.Marshal(indexes)
	if err != nil {
		return fmt.Errorf("ensure part: %w", err)
	}
	row := partRow{ID: store.Key(name, part), Table: name, Part: part, Indexes: string(text)}
	parts := s.db.Collection("maestro_parts")
	var have partRow
	err = parts.FindOne(ctx, bson.D{{Key: "_id", Value: row.ID}}).Decode(&have)
	if err == nil && have.Indexes == row.Indexes {
		return nil
	}
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return fmt.Errorf("ensure part: %w", err)
	}
	if err := s.syncPart(ctx, t, part, indexes); err != nil {
		return err
	}
	// Last, so that a collector that dies before it makes the indexes again.
	_, err = parts.ReplaceOne(ctx, bson.D{{Key: "_id", Value: row.ID}}, row, options.Replace().SetUpsert(true))
	if err != nil {
		return fmt.Errorf("ensure part: %w", err)
	}
	return nil
}

// Parts are the parts of a table that were made ready or have rows.
func (s *Store) Parts(ctx context.Context, name string) ([]store.Part, error) {
	t, ok := s.tables[name]
	if !ok || !t.Parts {
		return nil, nil
	}
	cur, err := s.db.Collection("maestro_parts").Find(ctx, bson.D{{Key: "table", Value: name}})
	if err != nil {
		return nil, fmt.Errorf("list parts of %s: %w", name, err)
	}
	var rows []partRow
	if err := cur.All(ctx, &rows); err != nil {
		return nil, fmt.Errorf("list parts of %s: %w", name, err)
	}
	found := map[string]store.Part{}
	for _, r := range rows {
		p := store.Part{Name: r.Part}
		if err := json.Unmarshal([]byte(r.Indexes), &p.Indexes); err != nil {
			return nil, fmt.Errorf("read indexes of part %q: %w", r.Part, err)
		}
		found[r.Part] = p
	}
	collections, err := s.db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return nil, fmt.Errorf("list parts of %s: %w", name, err)
	}
	for _, c := range collections {
		if encoded, ok := strings.CutPrefix(c, name+"."); ok {
			part := strings.NewReplacer("%24", "$", "%00", "\x00", "%25", "%").Replace(encoded)
			if _, known := found[part]; !known {
				found[part] = store.Part{Name: part}
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b store.Part) int { return strings.Compare(a.Name, b.Name) }), nil
}

// Tenants are those that have rows in a table without parts.
func (s *Store) Tenants(ctx context.Context, name string) ([]string, error) {
	c, err := s.collection(name, "")
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	cur, err := c.Aggregate(ctx, mongo.Pipeline{doc("$group", doc("_id", "$t"))})
	if err != nil {
		return nil, fmt.Errorf("list tenants of %s: %w", name, err)
	}
	var rows []struct {
		Tenant string `bson:"_id"`
	}
	if err := cur.All(ctx, &rows); err != nil {
		return nil, fmt.Errorf("list tenants of %s: %w", name, err)
	}
	tenants := make([]string, len(rows))
	for i, r := range rows {
		tenants[i] = r.Tenant
	}
	slices.Sort(tenants)
	return tenants, nil
}

var ourIndex = regexp.MustCompile(`^ix_.*_[0-9a-f]{10}$`)

// syncIndexes makes indexes named after their definition, so that a changed one is made anew.
func (s *Store) syncIndexes(ctx context.Context, c *mongo.Collection, indexes []store.Index) error {
	want := map[string]mongo.IndexModel{}
	for _, ix := range append([]store.Index{{Name: "list"}}, indexes...) {
		keys := bson.D{{Key: "t", Value: 1}}
		definition := ""
		for _, f := range ix.Fields {
			keys = append(keys, bson.E{Key: pathOf(f.Path), Value: 1})
			definition += pathOf(f.Path) + "\x00"
		}
		keys = append(keys, bson.E{Key: "_id", Value: 1})
		name := "ix_" + ix.Name + "_" + store.ShortHash(definition)
		want[name] = mongo.IndexModel{Keys: keys, Options: options.Index().SetName(name)}
	}
	specs, err := c.Indexes().ListSpecifications(ctx)
	if err != nil && !isNoCollection(err) {
		return fmt.Errorf("list indexes: %w", err)
	}
	for _, spec := range specs {
		if _, ok := want[spec.Name]; ok {
			delete(want, spec.Name)
		} else if ourIndex.MatchString(spec.Name) {
			if err := c.Indexes().DropOne(ctx, spec.Name); err != nil {
				return fmt.Errorf("drop index %s: %w", spec.Name, err)
			}
		}
	}
	for name, model := range want {
		if _, err := c.Indexes().CreateOne(ctx, model); err != nil {
			return fmt.Errorf("create index %s: %w", name, err)
		}
	}
	return nil
}

// isNoCollection tells a collection that is not there yet, which has no indexes either.
func isNoCollection(err error) bool {
	var ce mongo.CommandError
	return errors.As(err, &ce) && ce.Code == 26
}
