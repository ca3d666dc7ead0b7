package inventory

import (
	"context"
	"encoding/hex"
	"fmt"

	"maestro.internal/collector/internal/store"
)

// BrokenError says where a history does not hold together.
type BrokenError struct{ Change, Problem string }

func (e *BrokenError) Error() string { return fmt.Sprintf("change %s: %s", e.Change, e.Problem) }

// Verify checks a resource's history: every change carries its own hash and that of its predecessor, and none is missing.
// What was purged away at the beginning is no fault: whether that was right is known to the ledger.
func (s *Service) Verify(ctx context.Context, tenant, resourceID string) error {
	return s.verify(ctx, tenant, resourceID, false)
}

func (s *Service) verify(ctx context.Context, tenant, resourceID string, whole bool) error {
	prev, version := "", int64(0)
	return store.Each(ctx, s.opt.Store, store.Query{Table: tChanges, Tenant: tenant, Where: eq(text("resource_id"), resourceID),
		Order: []store.Order{{Field: number("version")}}}, func(row store.Row) error {
		c, err := entryOf(row)
		if err != nil {
			return err
		}
		switch {
		case c.Problem != "":
			return &BrokenError{row.ID, c.Problem}
		case whole && version == 0 && c.Version != 1:
			return &BrokenError{row.ID, "the versions before it are missing"}
		case version != 0 && c.Version != version+1:
			return &BrokenError{row.ID, fmt.Sprintf("version %d follows %d", c.Version, version)}
		case version != 0 && c.Prev != prev:
			return &BrokenError{row.ID, "does not carry its predecessor's hash"}
		}
		prev, version = hex.EncodeToString(c.Hash[:]), c.Version
		return nil
	})
}
