package inventory

import (
	"context"
	"fmt"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// goingOn is how many runs of a connection may go on at a time and be ended at once.
const goingOn = 50

// Reached says whether the store knows of a run of a connection under the epoch that is not older than a generation. A run that was
// acknowledged and is not known any more means that the store is not what it was. The runs are asked by what they were, not by when: any
// number may have been asked for since that nobody has begun, and a run that came to nothing leaves no other trace.
func (s *Service) Reached(ctx context.Context, tenant, connection string, epoch, generation int64) (bool, error) {
	at := position{epoch, generation}
	run, err := s.furthest(ctx, tenant, connection)
	if err != nil || !run.at.less(at) {
		return err == nil, err
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

// reach is a run and how far it came.
type reach struct {
	id string
	at position
}

// furthest is the run of a connection with the highest generation of the highest epoch, as far as runs were opened here.
func (s *Service) furthest(ctx context.Context, tenant, connection string) (reach, error) {
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tRuns, Tenant: tenant, Limit: 1, Where: eq(text("connection"), connection),
		Order: []store.Order{{Field: number("epoch"), Desc: true}, {Field: number("generation"), Desc: true}}})
	if err != nil {
		return reach{}, fmt.Errorf("read runs: %w", err)
	}
	if len(page.Rows) == 0 {
		return reach{}, nil
	}
	doc, err := decodeRow[runDoc](page.Rows[0])
	return reach{page.Rows[0].ID, position{doc.Epoch, doc.Generation}}, err
}

// GiveUp ends the runs of a connection that go on under an epoch before this one: nothing of them is taken any more, and nobody would
// say so.
func (s *Service) GiveUp(ctx context.Context, tenant, connection string, epoch int64, reason string) error {
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tRuns, Tenant: tenant, Where: filter.And{eq(text("connection"), connection), eq(text("state"), "running")},
		Order: []store.Order{{Field: when("ordered_at"), Desc: true}}, Limit: goingOn})
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
