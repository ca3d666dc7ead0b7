package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// table is a declared table with what is known of its parts.
type table struct {
	store.Table
	mu sync.RWMutex
	// multi are the indexed fields with several values, by part and fieldKey.
	multi map[string]map[string]multiField
	// first are the fields of one value that an index begins with, by part and fieldKey.
	first map[string]map[string]bool
	// covers are the fields of one value that an index has together, by part.
	covers map[string][]cover
}

// cover is an index with the fields that can be read from it without rows, in its order.
type cover struct {
	index  string
	fields []filter.Field
}

func (c cover) has(f filter.Field) bool {
	return slices.ContainsFunc(c.fields, func(have filter.Field) bool { return fieldKey(have) == fieldKey(f) })
}

// multiField is a field whose values are kept in the side table.
type multiField struct {
	id    int64
	field filter.Field
	// by is what the rows of each value are in the order of, in a ranked index.
	by *filter.Field
}

func fieldKey(f filter.Field) string { return string(f.Type) + "|" + store.Key(f.Path...) }

func (t *table) side() string { return t.Name + "__multi" }

func (t *table) multiOf(part string) map[string]multiField {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.multi[part]
}

func (t *table) firstOf(part string) map[string]bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.first[part]
}

func (t *table) coversOf(part string) []cover {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.covers[part]
}

func (s *Store) declare(t store.Table) error {
	if err := store.CheckTable(t); err != nil {
		return err
	}
	if s.tables[t.Name] != nil {
		return fmt.Errorf("declare table: %s is declared twice", t.Name)
	}
	s.tables[t.Name] = &table{Table: t, multi: map[string]map[string]multiField{}, first: map[string]map[string]bool{},
		covers: map[string][]cover{}}
	return nil
}

func (s *Store) migrate(ctx context.Context, w *writer) error {
	var have int
	if err := w.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("read schema number: %w", err)
	}
	if have > schemaNumber {
		return fmt.Errorf("%w: it has schema %d, this collector knows %d", store.ErrSchemaTooNew, have, schemaNumber)
	}
	steps := []string{
		`CREATE TABLE IF NOT EXISTS maestro_multi (id INTEGER PRIMARY KEY, tab TEXT NOT NULL, part TEXT NOT NULL, field TEXT NOT NULL, UNIQUE (tab, part, field))`,
		`CREATE TABLE IF NOT EXISTS maestro_parts (tab TEXT NOT NULL, part TEXT NOT NULL, indexes TEXT NOT NULL, PRIMARY KEY (tab, part)) WITHOUT ROWID`,
		fmt.Sprintf("PRAGMA user_version = %d", schemaNumber),
	}
	for _, name := range slices.Sorted(maps.Keys(s.tables)) {
		steps = append(steps,
			fmt.Sprintf(`CREATE TABLE IF NOT EXISTS "%s" (rid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, part TEXT NOT NULL, version INTEGER NOT NULL, doc BLOB NOT NULL, blob BLOB)`, name),
			fmt.Sprintf(`CREATE INDEX IF NOT EXISTS "%s__list" ON "%s" (tenant, part, id)`, name, name),
			fmt.Sprintf(`CREATE TABLE IF NOT EXISTS "%s__multi" (field INTEGER NOT NULL, tenant TEXT NOT NULL, value NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (field, tenant, value, rid)) WITHOUT ROWID`, name))
	}
	for _, q := range steps {
		if _, err := w.conn.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("create tables: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.tables)) {
		if err := s.migrateTable(ctx, w, s.tables[name]); err != nil {
			return fmt.Errorf("prepare table %s: %w", name, err)
		}
	}
	return s.estimate(ctx, w, slices.Sorted(maps.Keys(s.tables))...)
}

func (s *Store) migrateTable(ctx context.Context, w *writer, t *table) error {
	parts := map[string][]store.Index{}
	if !t.Parts {
		parts[""] = nil
	}
	err := w.stmts.query(ctx, "SELECT part, indexes FROM maestro_parts WHERE tab = ?", []any{t.Name}, func(r *sql.Rows) error {
		var part, text string
		if err := r.Scan(&part, &text); err != nil {
			return err
		}
		var list []store.Index
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return fmt.Errorf("read indexes of part %q: %w", part, err)
		}
		parts[part] = list
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.syncIndexes(ctx, w, t, "", t.Indexes); err != nil {
		return err
	}
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		if part != "" {
			if err := s.syncIndexes(ctx, w, t, part, parts[part]); err != nil {
				return err
			}
		}
		if err := s.syncMulti(ctx, w, t, part, parts[part]); err != nil {
			return err
		}
	}
	return nil
}

// EnsurePart makes the indexes of a part and drops those that it no longer has.
func (s *Store) EnsurePart(ctx context.Context, name, part string, indexes []store.Index) error {
	t, err := s.table(name)
	if err != nil {
		return fmt.Errorf("ensure part: %w", err)
	}
	if err := store.CheckPart(t.Table, part); err != nil || part == "" {
		return fmt.Errorf("ensure part of %s: it has none (%w)", name, err)
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
	var have string
	err = s.reads.query(ctx, "SELECT indexes FROM maestro_parts WHERE tab = ? AND part = ?", []any{name, part}, func(r *sql.Rows) error { return r.Scan(&have) })
	if err != nil {
		return fmt.Errorf("ensure part: %w", err)
	}
	if have == string(text) {
		return nil
	}
	err = s.withWriter(ctx, func(w *writer) error {
		if err := s.syncIndexes(ctx, w, t, part, indexes); err != nil {
			return err
		}
		if err := s.syncMulti(ctx, w, t, part, indexes); err != nil {
			return err
		}
		if err := s.estimate(ctx, w, name); err != nil {
			return err
		}
		return w.stmts.exec(ctx, "INSERT OR REPLACE INTO maestro_parts (tab, part, indexes) VALUES (?, ?, ?)", name, part, string(text))
	})
	if err != nil {
		return fmt.Errorf("ensure part %s of %s: %w", part, name, err)
	}
	return nil
}

func indexPrefix(t *table, part string) string {
	if part == "" {
		return t.Name + "__ix_"
	}
	return t.Name + "__px_" + store.ShortHash(part) + "_"
}

// indexName is an index's name with its definition, which is "" for one that is all in the side table.
func indexName(t *table, part string, ix store.Index) (name, def string) {
	def = indexDefinition(t, part, ix)
	return indexPrefix(t, part) + ix.Name + "_" + store.ShortHash(def), def
}

// syncIndexes makes the expression indexes of a table (part "") or of one part. The definition is part of an
// index's name, so that a changed one is made anew.
func (s *Store) syncIndexes(ctx context.Context, w *writer, t *table, part string, indexes []store.Index) error {
	prefix := indexPrefix(t, part)
	want := map[string]string{}
	for _, ix := range indexes {
		if name, def := indexName(t, part, ix); def != "" {
			want[name] = fmt.Sprintf(`CREATE INDEX "%s" ON "%s" %s`, name, t.Name, def)
		}
	}
	var drop []string
	err := w.stmts.query(ctx, "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND substr(name, 1, length(?2)) = ?2",
		[]any{t.Name, prefix}, func(r *sql.Rows) error {
			var name string
			if err := r.Scan(&name); err != nil {
				return err
			}
			if want[name] == "" {
				drop = append(drop, name)
			}
			delete(want, name)
			return nil
		})
	if err != nil {
		return fmt.Errorf("list indexes: %w", err)
	}
	for _, name := range drop {
		if _, err := w.conn.ExecContext(ctx, `DROP INDEX "`+name+`"`); err != nil {
			return fmt.Errorf("drop index %s: %w", name, err)
		}
	}
	done, err := s.labor(ctx, w, t)
	if err != nil {
		return err
	}
	for i, name := range slices.Sorted(maps.Keys(want)) {
		err := done.say(fmt.Sprintf("index %d of %d", i+1, len(want)), func() error {
			_, err := w.conn.ExecContext(ctx, want[name])
			return err
		})
		if err != nil {
			return fmt.Errorf("create index %s: %w", name, err)
		}
	}
	return nil
}

// estimate tells the planner that a tenant and a part say little and a value says much. Counting instead (ANALYZE)
// would make plans depend on when it ran, and without either, it takes the list index for nearly everything.
func (s *Store) estimate(ctx context.Context, w *writer, tables ...string) error {
	if _, err := w.conn.ExecContext(ctx, "ANALYZE sqlite_schema"); err != nil { // makes the table of estimates
		return fmt.Errorf("make estimates: %w", err)
	}
	for _, name := range tables {
		side := s.tables[name].side()
		if err := w.stmts.exec(ctx, "DELETE FROM sqlite_stat1 WHERE tbl IN (?, ?)", name, side); err != nil {
			return fmt.Errorf("make estimates: %w", err)
		}
		stats := map[string]string{"sqlite_autoindex_" + name + "_1": "1000000 1", name + "__list": "1000000 500000 200000 1"}
		if !s.tables[name].Parts { // all rows have the same part: it narrows nothing, and an index in the list's order is to be preferred
			stats[name+"__list"] = "1000000 500000 500000 1"
		}
		err := w.stmts.query(ctx, "SELECT i.name, (SELECT count(*) FROM pragma_index_info(i.name)), i.sql LIKE '%WHERE part = %' FROM sqlite_schema i WHERE i.type = 'index' AND i.tbl_name = ? AND (i.name GLOB ?1 || '__ix_*' OR i.name GLOB ?1 || '__px_*')",
			[]any{name}, func(r *sql.Rows) error {
				var index string
				var columns int
				var partial bool
				if err := r.Scan(&index, &columns, &partial); err != nil {
					return err
				}
				// total, same tenant, (same part,) same first value, same second ..., same id
				list := []string{"1000000", "500000"}
				switch {
				case partial:
					list = []string{"400000", "200000"}
				case s.tables[name].Parts:
					list = append(list, "200000")
				}
				for rows := 1000; len(list) < columns; rows = max(1, rows/10) {
					list = append(list, fmt.Sprint(rows))
				}
				stats[index] = strings.Join(append(list, "1"), " ")
				return nil
			})
		if err != nil {
			return fmt.Errorf("make estimates: %w", err)
		}
		for _, index := range slices.Sorted(maps.Keys(stats)) {
			if err := w.stmts.exec(ctx, "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", name, index, stats[index]); err != nil {
				return fmt.Errorf("make estimates: %w", err)
			}
		}
		if err := w.stmts.exec(ctx, "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", side, side, "5000000 1000000 500000 50 1"); err != nil {
			return fmt.Errorf("make estimates: %w", err)
		}
	}
	if _, err := w.conn.ExecContext(ctx, "ANALYZE sqlite_schema"); err != nil { // makes this connection read them
		return fmt.Errorf("read estimates: %w", err)
	}
	return nil
}

// indexDefinition is "" for an index with nothing but fields of several values, and for a ranked one; those are in the side table.
func indexDefinition(t *table, part string, ix store.Index) string {
	if ranked(ix) {
		return ""
	}
	cols := []string{"tenant"}
	if t.Parts && part == "" {
		cols = append(cols, "part")
	}
	before := len(cols)
	for _, f := range ix.Fields {
		if !f.Multi {
			cols = append(cols, valueExpr("doc", f))
		}
	}
	if len(cols) == before {
		return ""
	}
	def := "(" + strings.Join(append(cols, "id"), ", ") + ")"
	if part != "" {
		def += " WHERE part = " + quote(part)
	}
	return def
}

// syncMulti brings the side table of a part in line with the indexes of the table and the part.
func (s *Store) syncMulti(ctx context.Context, w *writer, t *table, part string, indexes []store.Index) error {
	want := map[string]multiField{}
	first := map[string]bool{}
	var covers []cover
	for _, ix := range slices.Concat(t.Indexes, indexes) {
		if ranked(ix) {
			want[fieldKey(ix.Fields[0])] = multiField{field: ix.Fields[0]}
			want[rankedKey(ix.Fields[0], ix.Fields[1])] = multiField{field: ix.Fields[0], by: &ix.Fields[1]}
			continue
		}
		if single := slices.DeleteFunc(slices.Clone(ix.Fields), func(f filter.Field) bool { return f.Multi }); len(single) > 1 {
			of := part
			if slices.ContainsFunc(t.Indexes, func(x store.Index) bool { return x.Name == ix.Name }) {
				of = ""
			}
			name, _ := indexName(t, of, ix)
			covers = append(covers, cover{name, single})
		}
		if i := slices.IndexFunc(ix.Fields, func(f filter.Field) bool { return !f.Multi }); i >= 0 {
			first[fieldKey(ix.Fields[i])] = true
		}
		for _, f := range ix.Fields {
			if f.Multi {
				want[fieldKey(f)] = multiField{field: f}
			}
		}
	}
	have := map[string]multiField{}
	var stale []int64
	err := w.stmts.query(ctx, "SELECT id, field FROM maestro_multi WHERE tab = ? AND part = ?", []any{t.Name, part}, func(r *sql.Rows) error {
		var id int64
		var key string
		if err := r.Scan(&id, &key); err != nil {
			return err
		}
		if f, ok := want[key]; ok {
			f.id = id
			have[key] = f
		} else {
			stale = append(stale, id)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list indexed fields: %w", err)
	}
	for _, id := range stale {
		if err := w.stmts.exec(ctx, "DELETE FROM "+ident(t.side())+" WHERE field = ?", id); err != nil {
			return fmt.Errorf("drop indexed field: %w", err)
		}
		if err := w.stmts.exec(ctx, "DELETE FROM maestro_multi WHERE id = ?", id); err != nil {
			return fmt.Errorf("drop indexed field: %w", err)
		}
	}
	var added []multiField
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if _, ok := have[key]; ok {
			continue
		}
		m := want[key]
		err := w.conn.QueryRowContext(ctx, "INSERT INTO maestro_multi (tab, part, field) VALUES (?, ?, ?) RETURNING id", t.Name, part, key).Scan(&m.id)
		if err != nil {
			return fmt.Errorf("add indexed field: %w", err)
		}
		have[key] = m
		added = append(added, m)
	}
	if len(added) > 0 {
		done, err := s.labor(ctx, w, t)
		if err == nil {
			err = done.say(fmt.Sprintf("%d fields of several values", len(added)), func() error { return backfill(ctx, w, t, part, added) })
		}
		if err != nil {
			return fmt.Errorf("fill indexed fields: %w", err)
		}
	}
	w.committed = append(w.committed, func() { // earlier, readers would miss rows in a side table still empty to them
		t.mu.Lock()
		defer t.mu.Unlock()
		t.multi[part], t.first[part], t.covers[part] = have, first, covers
	})
	return nil
}

// backfill writes the side rows of newly indexed fields, a thousand rows at a time.
func backfill(ctx context.Context, w *writer, t *table, part string, fields []multiField) error {
	if len(fields) == 0 {
		return nil
	}
	type old struct {
		rid    int64
		tenant string
		doc    []byte
	}
	var last int64
	for {
		var batch []old
		err := w.stmts.query(ctx, "SELECT rid, tenant, json(doc) FROM "+ident(t.Name)+" WHERE part = ? AND rid > ? ORDER BY rid LIMIT 1000",
			[]any{part, last}, func(r *sql.Rows) error {
				var o old
				err := r.Scan(&o.rid, &o.tenant, &o.doc)
				batch = append(batch, o)
				return err
			})
		if err != nil || len(batch) == 0 {
			return err
		}
		var added []sideRow
		for _, o := range batch {
			values, err := sideValues(fields, o.doc)
			if err != nil {
				return err
			}
			for v := range values {
				added = append(added, sideRow{v, o.tenant, o.rid})
			}
			last = o.rid
		}
		if err := insertSide(ctx, w.stmts, t, added); err != nil {
			return err
		}
	}
}
