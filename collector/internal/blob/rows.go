package blob

import (
	"context"
	"fmt"

	"maestro.internal/collector/internal/store"
)

const blobsTable = "upload_contents"

// Tables are the tables that Rows needs.
func Tables() []store.Table { return []store.Table{{Name: blobsTable}} }

// Rows keeps contents as rows of the collector's store: every collector of an installation has them, and so has every backup.
type Rows struct{ store store.Store }

// NewRows keeps them in s.
func NewRows(s store.Store) *Rows { return &Rows{s} }

// atOnce is how many bytes one write to the store has at most: engines bound their transactions.
const atOnce = 2 * MaxContent

// Put writes a row for each, several at once.
func (r *Rows) Put(ctx context.Context, tenant string, contents ...Content) error {
	if err := check(contents); err != nil {
		return err
	}
	var (
		ops  []store.Write
		size int
	)
	for _, c := range contents {
		if size += len(c.Bytes); size > atOnce {
			if err := r.write(ctx, ops); err != nil {
				return err
			}
			ops, size = nil, len(c.Bytes)
		}
		ops = append(ops, store.Write{Table: blobsTable, Op: store.Put,
			Row: store.Row{ID: store.Key(tenant, c.ID), Tenant: tenant, Version: 1, Doc: []byte("{}"), Blob: c.Bytes}})
	}
	return r.write(ctx, ops)
}

// Get reads it.
func (r *Rows) Get(ctx context.Context, tenant, id string) ([]byte, error) {
	key := store.Key(tenant, id)
	rows, err := r.store.Get(ctx, blobsTable, tenant, "", []string{key})
	if err != nil {
		return nil, fmt.Errorf("read upload: %w", err)
	}
	row, ok := rows[key]
	if !ok {
		return nil, ErrNotFound
	}
	return row.Blob, nil
}

// Delete removes their rows.
func (r *Rows) Delete(ctx context.Context, tenant string, ids ...string) error {
	ops := make([]store.Write, len(ids))
	for i, id := range ids {
		ops[i] = store.Write{Table: blobsTable, Op: store.Delete, Row: store.Row{ID: store.Key(tenant, id), Tenant: tenant}}
	}
	return r.write(ctx, ops)
}

func (r *Rows) write(ctx context.Context, ops []store.Write) error {
	if len(ops) == 0 {
		return nil
	}
	err := r.store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, ops...)
		return err
	})
	if err != nil {
		return fmt.Errorf("write upload: %w", err)
	}
	return nil
}
