package inventory

import (
	"context"
	"fmt"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// newestRuns is how many of a connection's runs are looked at: the newest one has its highest generation, but for clocks that are wrong.
const newestRuns = 50

// Reached says whether the store knows of a run of a connection under the epoch that is not older than a generation. A run that was
// acknowledged and is not known any more means that the store is not what it was.
func (s *Service) Reached(ctx context.Context, tenant, connection string, epoch, generation int64) (bool, error) {
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tRuns, Tenant: tenant, Where: eq(text("connection"), connection),
		Order: []store.Order{{Field: when("ordered_at"), Desc: true}}, Limit: newestRuns})
	if err != nil {
		return false, fmt.Errorf("read runs: %w", err)
	}
	at := position{epoch, generation}
	for _, row := range page.Rows {
		doc, err := decodeRow[runDoc](row)
		if err != nil {
			return false, err
		}
		if !(position{doc.Epoch, doc.Generation}).less(at) {
			return true, nil
		}
	}
	set, err := loadScopes(ctx, s.opt.Store, tenant, connection)
	if err != nil {
		return false, fmt.Errorf("read scopes: %w", err)
	}
	for _, st := range set.states {
		if !st.Applied.less(at) {
			return true, nil
		}
	}
	return false, nil
}

// GiveUp ends the runs of a connection that go on under an epoch before this one: nothing of them is taken any more, and nobody would
// say so.
func (s *Service) GiveUp(ctx context.Context, tenant, connection string, epoch int64, reason string) error {
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tRuns, Tenant: tenant, Where: filter.And{eq(text("connection"), connection), eq(text("state"), "running")},
		Order: []store.Order{{Field: when("ordered_at"), Desc: true}}, Limit: newestRuns})
	if err != nil {
		return fmt.Errorf("read runs: %w", err)
	}
	for _, row := range page.Rows {
		doc, err := decodeRow[runDoc](row)
		if err != nil {
			return err
		}
		if doc.Epoch >= epoch {
			continue
		}
		if err := s.FailRun(ctx, tenant, row.ID, reason); err != nil {
			return err
		}
	}
	return nil
}
