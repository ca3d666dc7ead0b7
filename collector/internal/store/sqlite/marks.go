package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Marks finds positions in a list.
func (s *Store) Marks(ctx context.Context, q store.Query, every int) ([]string, int, error) {
	return reader{s, s.reads}.Marks(ctx, q, every)
}

// Marks has the engine walk its index and hand out every so many-th row only: rows that are merely passed cost no documents.
func (r reader) Marks(ctx context.Context, q store.Query, every int) ([]string, int, error) {
	if every < 1 || q.Limit < 1 {
		return nil, 0, fmt.Errorf("mark rows of %s: every %d of %d", q.Table, every, q.Limit)
	}
	sel := "SELECT t.id AS id"
	for i, o := range q.Order {
		sel += fmt.Sprintf(", %s AS v%d", valueExpr("t.doc", o.Field), i)
	}
	c, err := r.begin(ctx, sel, q, asked{listed: true})
	if err != nil {
		return nil, 0, err
	}
	c.add(orderBy(q.Order, wholeOrder)+" LIMIT ?", q.Limit)
	var marks []string
	rows := 0
	// Rows are numbered as they come out of the ordered list; the last one says how many there are.
	query := "SELECT * FROM (SELECT *, lead(1) OVER () AS next FROM (SELECT *, row_number() OVER () AS n FROM (" + c.String() +
		"))) WHERE n % ? = 0 OR next IS NULL"
	err = r.on.query(ctx, query, append(c.args, every), func(found *sql.Rows) error {
		at := store.Cursor{Values: make([]any, len(q.Order))}
		var n int
		var next sql.NullInt64
		to := []any{&at.ID}
		for i := range at.Values {
			to = append(to, &at.Values[i])
		}
		if err := found.Scan(append(to, &n, &next)...); err != nil {
			return err
		}
		if rows = n; n%every != 0 || !next.Valid {
			return nil
		}
		for i, o := range q.Order {
			at.Values[i] = scanned(o.Field, at.Values[i])
		}
		mark, err := at.Encode(q.Order)
		marks = append(marks, mark)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("mark rows of %s: %w", q.Table, err)
	}
	return marks, rows, nil
}

// scanned is a value of SQLite's as positions have it.
func scanned(f filter.Field, v any) any {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case int64:
		if f.Type == filter.Bool {
			return v != 0
		}
	}
	return v
}
