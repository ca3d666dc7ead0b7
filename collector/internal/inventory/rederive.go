package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"

	"maestro.internal/collector/internal/store"
)

// Rederive writes anew what lists need beside the revisions of resources, for a store that an older release wrote: which rows
// a filter finds must not depend on when they were written. Nothing else may write meanwhile.
func (s *Service) Rederive(ctx context.Context, told func(done int)) error {
	parts, err := s.opt.Store.Parts(ctx, tResources)
	if err != nil {
		return fmt.Errorf("list kinds: %w", err)
	}
	done := 0
	for _, part := range parts {
		if err := s.rederivePart(ctx, part.Name, func(n int) { done += n; told(done) }); err != nil {
			return fmt.Errorf("derive lists of %s: %w", part.Name, err)
		}
	}
	return nil
}

// headRows are the heads of rows by id; a page may be of several tenants.
func (s *Service) headRows(ctx context.Context, rows []store.Row) (map[string]store.Row, error) {
	ids := map[string][]string{}
	for _, r := range rows {
		ids[r.Tenant] = append(ids[r.Tenant], r.ID)
	}
	out := make(map[string]store.Row, len(rows))
	for _, tenant := range keysOf(ids) {
		found, err := s.opt.Store.Get(ctx, tHeads, tenant, "", ids[tenant])
		if err != nil {
			return nil, err
		}
		maps.Copy(out, found)
	}
	return out, nil
}

func (s *Service) rederivePart(ctx context.Context, name string, told func(more int)) error {
	q := store.Query{Table: tResources, Part: name, AllTenants: true, Limit: rowsPerUnit}
	for {
		page, err := s.opt.Store.Find(ctx, q)
		if err != nil {
			return err
		}
		heads, err := s.headRows(ctx, page.Rows)
		if err != nil {
			return err
		}
		var ops []store.Write
		for _, row := range page.Rows {
			kind, err := s.kind(ctx, row.Tenant, name)
			if errors.Is(err, ErrNotFound) {
				continue // of a plugin that is not there any more
			}
			if err != nil {
				return err
			}
			doc, err := decodeRow[resourceDoc](row)
			if err != nil {
				return err
			}
			doc.derive(kind.Kind)
			doc.AccessRoots = accessRoots(row.ID, &doc.revision)
			head, err := encodeRow(row.ID, row.Tenant, "", row.Version, doc.head())
			if err != nil {
				return err
			}
			next, err := encodeRow(row.ID, row.Tenant, name, row.Version, doc)
			if err != nil {
				return err
			}
			// Most are as they would be written: rows cost far more to write than to compare.
			if have := heads[row.ID]; have.Version != head.Version || !bytes.Equal(have.Doc, head.Doc) {
				ops = append(ops, store.Write{Table: tHeads, Op: store.Put, Row: head})
			}
			if !bytes.Equal(row.Doc, next.Doc) {
				ops = append(ops, store.Write{Table: tResources, Op: store.Put, Row: next})
			}
		}
		if len(ops) > 0 {
			err := s.opt.Store.Update(ctx, func(tx store.Tx) error {
				_, err := tx.Write(ctx, ops...)
				return err
			})
			if err != nil {
				return err
			}
		}
		told(len(page.Rows))
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
}

// head is what lists across kinds need of the resource.
func (d *resourceDoc) head() headDoc {
	return headDoc{Kind: d.Kind, Name: d.Name, State: d.State, RedirectTo: d.RedirectTo, Datacenter: d.Datacenter, AccessRoots: d.AccessRoots,
		Words: d.Words, Addresses: d.placed(), Origin: d.Origin, UpdatedAt: d.UpdatedAt}
}
