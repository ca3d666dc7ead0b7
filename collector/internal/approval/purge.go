package approval

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// purgeAtOnce is how many approvals are forgotten in one write.
const purgeAtOnce = 500

// Purge forgets approvals that ended before a moment and have nothing left to be carried out; told is called with how many, for the
// audit trail. One whose subject waits still stays, since it would be asked anew as if nobody had ever said no.
func (s *Service) Purge(ctx context.Context, before time.Time, told func(tenant string, n int) error) error {
	tenants, err := s.opt.Tenants(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, tenant := range tenants {
		n, err := s.purge(ctx, tenant, before)
		if n > 0 {
			err = errors.Join(err, told(tenant, n))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *Service) purge(ctx context.Context, tenant string, before time.Time) (deleted int, err error) {
	waits := map[string]bool{}
	for _, k := range Kinds {
		if arising, ok := s.opt.Subjects[k].(Arising); ok {
			err := arising.Waiting(ctx, tenant, func(ask Ask) error { waits[store.Key(string(k), ask.Key)] = true; return nil })
			if err != nil {
				return 0, fmt.Errorf("find what waits still: %w", err)
			}
		}
	}
	q := store.Query{Table: tApprovals, Tenant: tenant, Order: []store.Order{{Field: fieldChanged}}, Limit: purgeAtOnce,
		Where: filter.And{is(fieldSettled, true), filter.Compare{Field: fieldChanged, Op: filter.Lt, Value: before.UTC().Format(store.TimeLayout)}}}
	for {
		page, err := s.opt.Store.Find(ctx, q)
		if err != nil {
			return deleted, fmt.Errorf("find old approvals: %w", err)
		}
		var ops []store.Write
		for _, row := range page.Rows {
			a, err := decode(row)
			if err != nil {
				return deleted, err
			}
			if a.State != Pending && a.EndedAt.Before(before) && !waits[store.Key(string(a.Kind), a.Key)] {
				ops = append(ops, store.Write{Table: tApprovals, Op: store.Delete, Row: store.Row{ID: row.ID, Tenant: tenant}})
			}
		}
		if len(ops) > 0 {
			err := s.opt.Store.Update(ctx, func(tx store.Tx) error {
				_, err := tx.Write(ctx, ops...)
				return err
			})
			if err != nil {
				return deleted, fmt.Errorf("forget old approvals: %w", err)
			}
			deleted += len(ops)
		}
		if q.After = page.Next; q.After == "" {
			return deleted, nil
		}
	}
}
