package archive

import (
	"context"
	"fmt"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

const (
	// pageRows bounds what is in memory: the largest rows that are common, pieces of files, have 512 KiB.
	pageRows = 100
	// batchRows and batchBytes bound what one Update writes.
	batchRows  = 1000
	batchBytes = 8 << 20
)

func pages(ctx context.Context, st store.Store, t store.Table, p store.Part, fn func([]store.Row) error) error {
	q := store.Query{Table: t.Name, AllTenants: true, Part: p.Name, Limit: pageRows, WithBlob: true}
	return store.EachPage(ctx, st, q, fn)
}

// counterpart reads the rows that another store has under the same ids.
func counterpart(ctx context.Context, st store.Store, t store.Table, p store.Part, rows []store.Row) (map[string]store.Row, error) {
	byTenant := map[string][]string{}
	for _, r := range rows {
		byTenant[r.Tenant] = append(byTenant[r.Tenant], r.ID)
	}
	found := map[string]store.Row{}
	for tenant, ids := range byTenant {
		some, err := st.Get(ctx, t.Name, tenant, p.Name, ids)
		if err != nil {
			return nil, fmt.Errorf("read rows: %w", err)
		}
		for id, r := range some {
			found[id] = r
		}
	}
	return found, nil
}

// outgoing gathers writes into batches.
type outgoing struct {
	to    store.Store
	ops   []store.Write
	bytes int
}

func (b *outgoing) add(ctx context.Context, w store.Write) error {
	b.ops = append(b.ops, w)
	b.bytes += len(w.Row.Doc) + len(w.Row.Blob)
	if len(b.ops) < batchRows && b.bytes < batchBytes {
		return nil
	}
	return b.flush(ctx)
}

func (b *outgoing) flush(ctx context.Context) error {
	if len(b.ops) == 0 {
		return nil
	}
	err := b.to.Update(ctx, func(tx store.Tx) error {
		conflicts, err := tx.Write(ctx, b.ops...)
		if err == nil && len(conflicts) > 0 {
			err = fmt.Errorf("row %q belongs to another tenant in the target", b.ops[conflicts[0]].Row.ID)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	b.ops, b.bytes = b.ops[:0], 0
	return nil
}

func copyPart(ctx context.Context, o Options, t store.Table, p store.Part) (Done, error) {
	done := Done{Table: t.Name, Part: p.Name}
	if t.Parts {
		if err := o.To.EnsurePart(ctx, t.Name, p.Name, p.Indexes); err != nil {
			return done, err
		}
	}
	var digest resource.Digest
	out := outgoing{to: o.To}
	err := pages(ctx, o.From, t, p, func(rows []store.Row) error {
		have, err := counterpart(ctx, o.To, t, p, rows)
		if err != nil {
			return err
		}
		for _, r := range rows {
			h, err := hashRow(r)
			if err != nil {
				return err
			}
			digest.Add(h)
			if old, ok := have[r.ID]; ok {
				same, err := hashRow(old)
				if err != nil {
					return err
				}
				if same == h {
					continue
				}
			}
			done.Written++
			if err := out.add(ctx, store.Write{Table: t.Name, Op: store.Put, Row: r}); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = out.flush(ctx)
	}
	if err != nil {
		return done, err
	}
	done.Rows, done.Digest = digest.Count, digest.Sum
	n, err := o.To.Count(ctx, store.Query{Table: t.Name, AllTenants: true, Part: p.Name}, 0)
	if err != nil || int64(n) <= done.Rows {
		return done, err
	}
	done.Deleted, err = deleteExtra(ctx, o, t, p)
	return done, err
}

// deleteExtra takes away what only the target has.
func deleteExtra(ctx context.Context, o Options, t store.Table, p store.Part) (n int64, err error) {
	out := outgoing{to: o.To}
	err = pages(ctx, o.To, t, p, func(rows []store.Row) error {
		have, err := counterpart(ctx, o.From, t, p, rows)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if _, ok := have[r.ID]; ok {
				continue
			}
			n++
			w := store.Write{Table: t.Name, Op: store.Delete, Row: store.Row{ID: r.ID, Tenant: r.Tenant, Part: r.Part}}
			if err := out.add(ctx, w); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = out.flush(ctx)
	}
	return n, err
}
