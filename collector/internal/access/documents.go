package access

import (
	"context"
	"fmt"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// stored is a document with the version that edits are based on.
type stored[T any] struct {
	id      string
	version int64
	doc     T
}

// documents are all of a tenant's that a condition finds.
func documents[T any](ctx context.Context, r store.Reader, table, tenant string, where filter.Expr) ([]stored[T], error) {
	var all []stored[T]
	err := store.Each(ctx, r, store.Query{Table: table, Tenant: tenant, Where: where}, func(row store.Row) error {
		d, err := decodeRow[T](row)
		all = append(all, stored[T]{row.ID, row.Version, d})
		return err
	})
	return all, err
}

func document[T any](ctx context.Context, r store.Reader, table, tenant, id string) (stored[T], error) {
	var out stored[T]
	rows, err := r.Get(ctx, table, tenant, "", []string{id})
	if err != nil {
		return out, fmt.Errorf("read %s: %w", table, err)
	}
	row, ok := rows[id]
	if !ok {
		return out, fmt.Errorf("read %s %s: %w", table, id, ErrNotFound)
	}
	d, err := decodeRow[T](row)
	return stored[T]{id, row.Version, d}, err
}

// keep writes a document; one that somebody else changed or removed meanwhile is *StaleError.
func (s *Service) keep(ctx context.Context, op store.Op, table, tenant, id string, version int64, doc any) error {
	row, err := encodeRow(id, tenant, version, doc)
	if err != nil {
		return err
	}
	conflict, err := s.update(ctx, store.Write{Table: table, Op: op, Row: row})
	if err != nil {
		return fmt.Errorf("write %s %s: %w", table, id, err)
	}
	if conflict {
		return fmt.Errorf("write %s %s: %w", table, id, &StaleError{})
	}
	return nil
}

// drop deletes rows; those that are gone already are no error.
func (s *Service) drop(ctx context.Context, table, tenant string, ids ...string) error {
	for len(ids) > 0 {
		part := ids[:min(len(ids), 200)]
		ids = ids[len(part):]
		writes := make([]store.Write, len(part))
		for i, id := range part {
			writes[i] = store.Write{Table: table, Op: store.Delete, Row: store.Row{ID: id, Tenant: tenant}}
		}
		if _, err := s.update(ctx, writes...); err != nil {
			return fmt.Errorf("delete %s: %w", table, err)
		}
	}
	return nil
}

func oneOf(f filter.Field, values []string) filter.Expr {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return filter.In{Field: f, Values: list}
}
