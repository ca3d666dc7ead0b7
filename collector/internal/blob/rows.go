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

// Put writes one row.
func (r *Rows) Put(ctx context.Context, tenant, id string, content []byte) error {
	if err := check(id, content); err != nil {
		return err
	}
	return r.write(ctx, store.Put, store.Row{ID: store.Key(tenant, id), Tenant: tenant, Version: 1, Doc: []byte("{}"), Blob: content})
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

// Delete removes it.
func (r *Rows) Delete(ctx context.Context, tenant, id string) error {
	return r.write(ctx, store.Delete, store.Row{ID: store.Key(tenant, id), Tenant: tenant})
}

func (r *Rows) write(ctx context.Context, op store.Op, row store.Row) error {
	err := r.store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, store.Write{Table: blobsTable, Op: op, Row: row})
		return err
	})
	if err != nil {
		return fmt.Errorf("write upload: %w", err)
	}
	return nil
}
