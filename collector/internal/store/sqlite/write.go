package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Write decides every operation in memory and then writes what remains. It can, because nobody else writes
// during the transaction: so a batch costs one read, and a row written twice is written once.
func (t *tx) Write(ctx context.Context, ops ...store.Write) ([]int, error) {
	if t.over {
		return nil, errors.New("write rows: the update is over")
	}
	if t.failed != nil {
		return nil, t.failed
	}
	conflicts, err := t.write(ctx, ops)
	if err != nil {
		t.failed = fmt.Errorf("write rows: %w", err)
		return nil, t.failed
	}
	return conflicts, nil
}

func (t *tx) write(ctx context.Context, ops []store.Write) ([]int, error) {
	batches := map[string]*batch{}
	var order []*batch
	for _, op := range ops {
		tab, err := t.s.table(op.Table)
		if err != nil {
			return nil, err
		}
		if err := store.CheckWrite(tab.Table, op); err != nil {
			return nil, err
		}
		b := batches[op.Table]
		if b == nil {
			b = &batch{t: tab, on: t.on, rows: map[string]*rowState{}}
			batches[op.Table] = b
			order = append(order, b)
		}
		if b.rows[op.Row.ID] == nil {
			b.rows[op.Row.ID] = &rowState{}
			b.ids = append(b.ids, op.Row.ID)
		}
	}
	for _, b := range order {
		if err := b.load(ctx); err != nil {
			return nil, fmt.Errorf("load rows of %s: %w", b.t.Name, err)
		}
	}
	var conflicts []int
	for i, op := range ops {
		if !batches[op.Table].rows[op.Row.ID].apply(op) {
			conflicts = append(conflicts, i)
		}
	}
	for _, b := range order {
		if err := b.flush(ctx); err != nil {
			return nil, fmt.Errorf("store rows of %s: %w", b.t.Name, err)
		}
	}
	return conflicts, nil
}

// batch is what one Write does to one table.
type batch struct {
	t    *table
	on   *statements
	ids  []string // in the order first named
	rows map[string]*rowState
}

// rowState is a row before and after the operations.
type rowState struct {
	rid    int64 // 0: not stored
	stored store.Row
	there  bool
	now    store.Row
	dirty  bool
}

// apply answers false for a conflict. A row of another tenant or part is never touched.
func (r *rowState) apply(op store.Write) bool {
	foreign := r.there && (r.now.Tenant != op.Row.Tenant || r.now.Part != op.Row.Part)
	switch op.Op {
	case store.Delete:
		if r.there && !foreign {
			r.there, r.dirty = false, true
		}
		return true
	case store.Insert:
		if r.there {
			return false
		}
	case store.Replace:
		if !r.there || r.now.Version != op.Row.Version-1 {
			return false
		}
	case store.Advance:
		if r.there && !foreign && r.now.Version >= op.Row.Version {
			return true
		}
	}
	if foreign {
		return false
	}
	r.now, r.there, r.dirty = op.Row, true, true
	return true
}

func (b *batch) load(ctx context.Context) error {
	list, err := idList(b.ids)
	if err != nil {
		return err
	}
	doc := "''"
	if b.indexesMulti() {
		doc = "json(doc)" // needed to know which side rows to take away
	}
	query := "SELECT rid, id, tenant, part, version, " + doc + " FROM " + ident(b.t.Name) + " WHERE id IN (SELECT value FROM json_each(?))"
	return b.on.query(ctx, query, []any{list}, func(rows *sql.Rows) error {
		var rid int64
		var r store.Row
		var doc []byte
		if err := rows.Scan(&rid, &r.ID, &r.Tenant, &r.Part, &r.Version, &doc); err != nil {
			return err
		}
		r.Doc = doc
		s := b.rows[r.ID]
		s.rid, s.stored, s.now, s.there = rid, r, r, true
		return nil
	})
}

func (b *batch) indexesMulti() bool {
	b.t.mu.RLock()
	defer b.t.mu.RUnlock()
	for _, fields := range b.t.multi {
		if len(fields) > 0 {
			return true
		}
	}
	return false
}

// insertRows is how many rows one INSERT statement carries.
const insertRows = 25

func (b *batch) flush(ctx context.Context) error {
	var inserts []*rowState
	for _, id := range b.ids {
		r := b.rows[id]
		var err error
		switch {
		case !r.dirty:
		case !r.there && r.rid != 0:
			err = b.on.exec(ctx, "DELETE FROM "+ident(b.t.Name)+" WHERE rid = ?", r.rid)
		case r.there && r.rid != 0:
			// Tenant and part too: the row may have been deleted and inserted anew within this write.
			err = b.on.exec(ctx, "UPDATE "+ident(b.t.Name)+" SET tenant = ?, part = ?, version = ?, doc = jsonb(?), blob = ? WHERE rid = ?",
				r.now.Tenant, r.now.Part, r.now.Version, string(r.now.Doc), blobArg(r.now.Blob), r.rid)
		case r.there:
			inserts = append(inserts, r)
		}
		if err != nil {
			return err
		}
	}
	if err := b.insert(ctx, inserts); err != nil {
		return err
	}
	var added []sideRow
	for _, id := range b.ids {
		if r := b.rows[id]; r.dirty && r.rid != 0 {
			more, err := b.side(ctx, r)
			if err != nil {
				return err
			}
			added = append(added, more...)
		}
	}
	return insertSide(ctx, b.on, b.t, added)
}

func blobArg(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

func (b *batch) insert(ctx context.Context, rows []*rowState) error {
	if len(rows) == 0 {
		return nil
	}
	var next int64
	err := b.on.query(ctx, "SELECT coalesce(max(rid), 0) FROM "+ident(b.t.Name), nil, func(r *sql.Rows) error { return r.Scan(&next) })
	if err != nil {
		return err
	}
	for len(rows) > 0 {
		n := insertRows
		if len(rows) < n {
			n = 1 // one statement for any remainder, so that few are kept
		}
		args := make([]any, 0, 7*n)
		for _, r := range rows[:n] {
			next++
			r.rid = next
			args = append(args, r.rid, r.now.ID, r.now.Tenant, r.now.Part, r.now.Version, string(r.now.Doc), blobArg(r.now.Blob))
		}
		const row = "(?, ?, ?, ?, ?, jsonb(?), ?)"
		query := "INSERT INTO " + ident(b.t.Name) + " (rid, id, tenant, part, version, doc, blob) VALUES " + row + strings.Repeat(", "+row, n-1)
		if err := b.on.exec(ctx, query, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// sideValue is one indexed value of a row.
type sideValue struct {
	field int64
	value any
}

// sideRow is one row of the side table.
type sideRow struct {
	sideValue
	tenant string
	rid    int64
}

// sideRows is how many rows one INSERT into the side table carries.
const sideRows = 50

func insertSide(ctx context.Context, on *statements, t *table, rows []sideRow) error {
	const row = "(?, ?, ?, ?)"
	for len(rows) > 0 {
		n := sideRows
		if len(rows) < n {
			n = 1
		}
		args := make([]any, 0, 4*n)
		for _, r := range rows[:n] {
			args = append(args, r.field, r.tenant, r.value, r.rid)
		}
		query := "INSERT OR IGNORE INTO " + ident(t.side()) + " (field, tenant, value, rid) VALUES " + row + strings.Repeat(", "+row, n-1)
		if err := on.exec(ctx, query, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func sideValues(fields []multiField, doc []byte) (map[sideValue]bool, error) {
	r, err := filter.NewReader(doc)
	if err != nil {
		return nil, err
	}
	values := map[sideValue]bool{}
	for _, f := range fields {
		for _, v := range f.entries(r) {
			values[sideValue{f.id, sqlValue(v)}] = true
		}
	}
	return values, nil
}

func (b *batch) sideOf(r store.Row, there bool) (map[sideValue]bool, error) {
	known := b.t.multiOf(r.Part)
	if !there || len(known) == 0 {
		return nil, nil
	}
	fields := make([]multiField, 0, len(known))
	for _, f := range known {
		fields = append(fields, f)
	}
	return sideValues(fields, r.Doc)
}

// side takes away the indexed values that a row no longer has, and answers those that it has now.
func (b *batch) side(ctx context.Context, r *rowState) ([]sideRow, error) {
	before, err := b.sideOf(r.stored, r.stored.ID != "")
	if err != nil {
		return nil, err
	}
	after, err := b.sideOf(r.now, r.there)
	if err != nil {
		return nil, err
	}
	moved := r.stored.Tenant != r.now.Tenant
	for v := range before {
		if moved || !after[v] {
			err := b.on.exec(ctx, "DELETE FROM "+ident(b.t.side())+" WHERE field = ? AND tenant = ? AND value = ? AND rid = ?", v.field, r.stored.Tenant, v.value, r.rid)
			if err != nil {
				return nil, err
			}
		}
	}
	var added []sideRow
	for v := range after {
		if moved || !before[v] {
			added = append(added, sideRow{v, r.now.Tenant, r.rid})
		}
	}
	return added, nil
}
