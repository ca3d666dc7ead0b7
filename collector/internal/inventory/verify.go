package inventory

import (
	"context"
	"fmt"

	"maestro.internal/collector/internal/store"
)

// Verify checks a resource's history: every change carries its own hash and that of its predecessor, and none is missing.
// What was pruned away at the beginning is no fault.
func (s *Service) Verify(ctx context.Context, tenant, resourceID string) error {
	prev, version := "", int64(0)
	return each(ctx, s.opt.Store, store.Query{Table: tChanges, Tenant: tenant, Where: eq(text("resource_id"), resourceID),
		Order: []store.Order{{Field: number("version")}}}, func(row store.Row) error {
		c, err := decodeRow[changeDoc](row)
		if err != nil {
			return err
		}
		hash, err := hashChange(c)
		switch {
		case err != nil:
			return err
		case hash != c.Hash:
			return fmt.Errorf("change %s: its hash is not its own", row.ID)
		case version != 0 && c.Version != version+1:
			return fmt.Errorf("change %s: version %d follows %d", row.ID, c.Version, version)
		case version != 0 && c.PrevHash != prev:
			return fmt.Errorf("change %s: does not carry its predecessor's hash", row.ID)
		}
		prev, version = c.Hash, c.Version
		return nil
	})
}
