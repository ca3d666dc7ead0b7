package inventory

import (
	"context"
	"fmt"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// Buckets are the sums of a scope's index in parts, for an agent that was just asked for the list of a capture: it then
// lists only the parts that differ. They are nil where everything is wanted anyway, or the scope is so small that the sums would be
// longer than the list. They are counted from the rows when they are needed, since keeping them would have every scope that
// finishes rewrite 8 KiB.
func (r *Run) Buckets(ctx context.Context, scope int) (*resource.Buckets, error) {
	c := r.captures[scope]
	if c == nil || !c.listing || c.refresh || !c.complete() || c.digest.Count < int64(r.s.opt.BucketRows) {
		return nil, nil
	}
	var out resource.Buckets
	err := store.Each(ctx, r.s.opt.Store, store.Query{Table: tIndex, Tenant: r.start.Tenant, Where: eq(text("scope_id"), c.work.id)}, func(row store.Row) error {
		doc, err := decodeRow[indexDoc](row)
		if err == nil && doc.State.counts() {
			out.AddRow(doc.Key, hashOfText(doc.Hash))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("add up scope: %w", err)
	}
	return &out, nil
}

// narrow takes which parts of the scope a piece of the list speaks of; those are the same in every piece.
func (c *capture) narrow(b Batch) string {
	if !c.listing || len(b.List) == 0 && !b.Last {
		return ""
	}
	if b.Buckets != nil && !c.complete() {
		return "a list in parts of a reading that did not come to its end"
	}
	if c.pieces++; c.pieces == 1 {
		c.parts = b.Buckets
	}
	if (c.parts == nil) != (b.Buckets == nil) || c.parts != nil && *c.parts != *b.Buckets {
		return "a list of which every piece speaks of other parts"
	}
	if c.parts != nil {
		for _, row := range b.List {
			if !c.parts.Has(row.Key) {
				return "a list with a row of a part that it does not speak of"
			}
		}
	}
	return ""
}
