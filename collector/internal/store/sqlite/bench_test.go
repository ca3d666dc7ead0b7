package sqlite_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/sqlite"
)

// benchRows is how many servers the queries are measured on.
const benchRows = 100_000

func benchDoc(i int) json.RawMessage {
	doc := map[string]any{
		"name": fmt.Sprintf("web-%06d.prod.example.com", i), "state": "active", "region": fmt.Sprintf("region-%d", i%12),
		"tag_pairs": []string{"env=prod", fmt.Sprintf("owner=team-%d", i%200), fmt.Sprintf("app=app-%d", i%1000)},
		"words":     []string{"web", fmt.Sprintf("%06d", i), "prod", "example", "com", fmt.Sprintf("region%d", i%12), fmt.Sprintf("app%d", i%1000)},
		"attributes": map[string]any{
			"cpu": map[string]any{"cores": i % 64}, "memory_bytes": (i % 512) << 30, "power_state": "running", "image": fmt.Sprintf("ami-%08d", i%50),
			"disks": []any{map[string]any{"size_bytes": 107374182400, "name": "root"}, map[string]any{"size_bytes": i % 1000, "name": "data"}},
			"notes": "an ordinary server that some plugin has found, described by about as many bytes as real ones are",
		},
	}
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return b
}

func benchOps(from, n int) []store.Write {
	ops := make([]store.Write, n)
	for i := range ops {
		ops[i] = store.Write{Table: "resources", Op: store.Put, Row: store.Row{
			ID: fmt.Sprintf("018f0000-0000-8000-8000-%012d", from+i), Tenant: "default", Part: "server", Version: 1, Doc: benchDoc(from + i),
		}}
	}
	return ops
}

func benchStore(b *testing.B) *sqlite.Store {
	b.Helper()
	str := func(path ...string) filter.Field { return filter.Field{Path: path, Type: filter.String} }
	list := func(name string) filter.Field {
		return filter.Field{Path: []string{name}, Type: filter.String, Multi: true}
	}
	s, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(b.TempDir(), "maestro.db"), Tables: []store.Table{
		{Name: "resources", Parts: true, Indexes: []store.Index{
			{Name: "by_name", Fields: []filter.Field{str("name")}}, {Name: "by_tag", Fields: []filter.Field{list("tag_pairs")}},
			{Name: "by_word", Fields: []filter.Field{list("words")}},
		}},
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := s.EnsurePart(b.Context(), "resources", "server", nil); err != nil {
		b.Fatal(err)
	}
	return s
}

func benchPut(b *testing.B, s store.Store, ops []store.Write) {
	b.Helper()
	err := s.Update(b.Context(), func(tx store.Tx) error {
		_, err := tx.Write(b.Context(), ops...)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkWrite is per row, in transactions of 1,000.
func BenchmarkWrite(b *testing.B) {
	s := benchStore(b)
	at := 0
	for b.Loop() {
		if at%1000 == 0 {
			benchPut(b, s, benchOps(at%benchRows, 1000))
		}
		at++
	}
}

func BenchmarkFind(b *testing.B) {
	s := benchStore(b)
	for i := 0; i < benchRows; i += 5000 {
		benchPut(b, s, benchOps(i, 5000))
	}
	size, err := s.Size(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d rows in %d MB", benchRows, size>>20)
	str := func(path ...string) filter.Field { return filter.Field{Path: path, Type: filter.String} }
	cores := filter.Field{Path: []string{"attributes", "cpu", "cores"}, Type: filter.Number}
	tags := filter.Field{Path: []string{"tag_pairs"}, Type: filter.String, Multi: true}
	words := filter.Field{Path: []string{"words"}, Type: filter.String, Multi: true}
	disk := filter.Field{Path: []string{"attributes", "disks", "size_bytes"}, Type: filter.Number, Multi: true}
	for _, c := range []struct {
		name  string
		where filter.Expr
		order []store.Order
	}{
		{"FirstPage", nil, nil},
		{"FirstPageByName", nil, []store.Order{{Field: str("name")}}},
		{"ByNameIndexed", filter.Compare{Field: str("name"), Op: filter.Eq, Value: "web-050000.prod.example.com"}, nil},
		{"TagIndexed", filter.Compare{Field: tags, Op: filter.Eq, Value: "owner=team-7"}, []store.Order{{Field: str("name")}}},
		{"CommonTagIndexed", filter.Compare{Field: tags, Op: filter.Eq, Value: "env=prod"}, []store.Order{{Field: str("name")}}},
		{"TwoWords", filter.Text{Field: words, Words: []string{"app77", "region1"}}, nil},
		{"ScanAndSort", filter.And{filter.Compare{Field: cores, Op: filter.Ge, Value: int64(32)}, filter.Compare{Field: str("region"), Op: filter.Eq, Value: "region-3"}},
			[]store.Order{{Field: str("attributes", "image")}}},
		{"ScanContains", filter.Compare{Field: str("name"), Op: filter.Contains, Value: "099999"}, nil},
		{"ScanListElements", filter.Compare{Field: disk, Op: filter.Eq, Value: int64(5000)}, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Find(b.Context(), store.Query{Table: "resources", Tenant: "default", Part: "server", Where: c.where, Order: c.order, Limit: 50}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("GroupByRegion", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Group(b.Context(), store.Query{Table: "resources", Tenant: "default", Part: "server"}, []filter.Field{str("region")}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Get100", func(b *testing.B) {
		var ids []string
		for i := range 100 {
			ids = append(ids, fmt.Sprintf("018f0000-0000-8000-8000-%012d", i*997%benchRows))
		}
		for b.Loop() {
			if rows, err := s.Get(b.Context(), "resources", "default", "server", ids); err != nil || len(rows) != 100 {
				b.Fatal(len(rows), err)
			}
		}
	})
}
