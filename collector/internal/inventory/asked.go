package inventory

import (
	"context"
	"fmt"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// That the body of a key is wanted once more is said by its index row and by nothing else: the row gets a hash that nothing has. Digest, sums
// and baselines are made of the rows, so each of them differs from the agent's until the body has come or the key is gone, whatever happens in
// between: a reading that did not come to the key, a crash, another list.

// ask has the body of the row's key asked for with the next capture that lists it.
func (d *indexDoc) ask() { d.Hash = resource.Hash{}.String() }

// asked says that the body is wanted.
func (d *indexDoc) asked() bool { return d.Hash == resource.Hash{}.String() }

// askRejected asks for the rejected bodies of a scope again, but for those that the rule that is named has rejected already. Reason and kept
// bytes stay until the body comes.
func (s *Service) askRejected(ctx context.Context, set *scopeSet, st *scopeState, but string) error {
	open := st.Open
	set.doubt(st.Key, store.At(s.now()))
	if err := s.saveScopes(ctx, set); err != nil {
		return err
	}
	where := filter.And{eq(text("scope_id"), scopeID(set.connection, st.Key)), eq(text("state"), string(rowRejected))}
	// Pages hold what is kept of the items, up to a megabyte each.
	err := store.EachPage(ctx, s.opt.Store, store.Query{Table: tIndex, Tenant: set.tenant, Where: where, Limit: 20, WithBlob: true}, func(rows []store.Row) error {
		var ops []store.Write
		for _, row := range rows {
			doc, err := decodeRow[indexDoc](row)
			if err != nil {
				return err
			}
			if doc.asked() || but != "" && doc.Rule == but {
				continue
			}
			doc.ask()
			next, err := encodeRow(row.ID, row.Tenant, row.Part, 1, doc)
			if err != nil {
				return err
			}
			next.Blob = row.Blob
			ops = append(ops, store.Write{Table: tIndex, Op: store.Put, Row: next})
		}
		if len(ops) == 0 {
			return nil
		}
		return s.opt.Store.Update(ctx, func(tx store.Tx) error {
			_, err := tx.Write(ctx, ops...)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("ask for rejected items: %w", err)
	}
	if err := s.recount(ctx, set, st.Key); err != nil {
		return err
	}
	st.Open = open
	return s.saveScopes(ctx, set)
}
