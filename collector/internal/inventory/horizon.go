package inventory

import (
	"context"
	"fmt"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// HorizonError says that a moment lies before what is kept, and which is the earliest that does not. It is ErrHorizon.
type HorizonError struct{ Earliest time.Time }

func (e *HorizonError) Error() string {
	return "the history before " + e.Earliest.UTC().Format(time.RFC3339Nano) + " is not kept any more; that is the earliest moment to ask for"
}

// Is makes it ErrHorizon.
func (e *HorizonError) Is(target error) bool { return target == ErrHorizon }

// withinHorizon is a HorizonError for a moment of which not everything is known any more.
func (s *Service) withinHorizon(ctx context.Context, tenant string, at time.Time) error {
	if s.opt.Horizon == nil {
		return nil
	}
	earliest, err := s.opt.Horizon(ctx, tenant)
	if err != nil {
		return fmt.Errorf("read retention horizon: %w", err)
	}
	if at.Before(earliest) {
		return &HorizonError{earliest}
	}
	return nil
}

// PurgeRuns forgets runs that ended and were ordered before a moment; the newest of every connection stays, and the one that its agent
// states as the last one acknowledged (Reached). It tells how many went in each tenant.
func (s *Service) PurgeRuns(ctx context.Context, before time.Time, tell func(tenant string, runs int) error) error {
	tenants, err := s.opt.Store.Tenants(ctx, tRuns)
	if err != nil {
		return err
	}
	for _, tenant := range tenants {
		n, err := s.purgeRuns(ctx, tenant, before)
		if err == nil && n > 0 {
			err = tell(tenant, n)
		}
		if err != nil {
			return fmt.Errorf("purge runs of tenant %q: %w", tenant, err)
		}
	}
	return nil
}

func (s *Service) purgeRuns(ctx context.Context, tenant string, before time.Time) (n int, err error) {
	newest, furthest := map[string]RunInfo{}, map[string]reach{}
	q := store.Query{Table: tRuns, Tenant: tenant, Limit: 200, Order: []store.Order{{Field: when("ordered_at")}},
		Where: filter.Compare{Field: when("ordered_at"), Op: filter.Lt, Value: before.UTC().Format(store.TimeLayout)}}
	for {
		page, err := s.opt.Store.Find(ctx, q)
		if err != nil {
			return n, err
		}
		var ops []store.Write
		for _, row := range page.Rows {
			doc, err := decodeRow[runDoc](row)
			if err != nil {
				return n, err
			}
			if _, known := newest[doc.Connection]; !known {
				last, err := s.LastRuns(ctx, tenant, []string{doc.Connection})
				if err != nil {
					return n, err
				}
				newest[doc.Connection] = last[doc.Connection]
				// What was asked for and never begun has no generation, so the newest need not be the furthest.
				if furthest[doc.Connection], err = s.furthest(ctx, tenant, doc.Connection); err != nil {
					return n, err
				}
			}
			if !over(doc.State) || newest[doc.Connection].ID == row.ID || furthest[doc.Connection].id == row.ID {
				continue
			}
			for number := 0; number <= doc.ScopesTotal/scopesPerRunChunk; number++ {
				ops = append(ops, store.Write{Table: tRunChunks, Op: store.Delete, Row: store.Row{ID: runChunkID(row.ID, number), Tenant: tenant}})
			}
			// The run last, so that its chunks are found again.
			ops = append(ops, store.Write{Table: tRuns, Op: store.Delete, Row: store.Row{ID: row.ID, Tenant: tenant}})
			n++
		}
		if len(ops) > 0 {
			err := s.opt.Store.Update(ctx, func(tx store.Tx) error {
				_, err := tx.Write(ctx, ops...)
				return err
			})
			if err != nil {
				return n, err
			}
		}
		if page.Next == "" {
			return n, nil
		}
		q.After = page.Next
	}
}
