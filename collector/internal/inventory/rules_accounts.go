package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"maestro.internal/collector/internal/mapping"
	"maestro.internal/collector/internal/store"
)

// Rules may take a value from whom a thing's account serves (account.client). Accounts change without their resources being written, so
// what the rules were last applied with is kept in the row of the tenant's mapping job, and a sweep that finds something else has the
// resources of those accounts looked at again. Nothing has to be told when an account is moved, a client is renamed or merged, and no
// crash in between is forgotten.

// withServed completes rules by whom accounts serve, if one of them asks for it.
func (s *Service) withServed(ctx context.Context, tenant string, t *tenantRules) (*tenantRules, error) {
	if t.rules == nil || !t.rules.Asks(mapping.FromAccountClient) {
		return t, nil
	}
	found, err := s.servedBy(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if maps.Equal(found, t.served) {
		return t, nil
	}
	next := *t
	next.served = found
	return &next, nil
}

// accountOf is whom a resource's account serves: the connection that decides, where it says so itself, else the datacenter.
func (t *tenantRules) accountOf(rev *revision, deciding []*observed) served {
	for _, o := range deciding {
		if c, ok := t.served[o.connection]; ok {
			return c
		}
	}
	return t.served[rev.Datacenter]
}

// sweepServed begins to look at the resources of accounts that serve somebody else than when the rules were applied.
func (s *Service) sweepServed(ctx context.Context, _ time.Time) error {
	if s.opt.Accounts == nil {
		return nil
	}
	tenants, err := s.opt.Store.Tenants(ctx, tMappingJobs)
	if err != nil {
		return fmt.Errorf("list tenants: %w", err)
	}
	for _, tenant := range tenants {
		if err := s.followServed(ctx, tenant); err != nil {
			return err
		}
	}
	return nil
}

// followServed does it for one tenant.
func (s *Service) followServed(ctx context.Context, tenant string) error {
	s.forgetRules(tenant)
	rules, err := s.rulesFor(ctx, tenant)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for id, c := range rules.served {
		names[id] = c.name
	}
	key := store.Key(tenant)
	rows, err := s.opt.Store.Get(ctx, tMappingJobs, tenant, "", []string{key})
	if err != nil {
		return fmt.Errorf("read mapping job: %w", err)
	}
	row, there := rows[key]
	if !there {
		return nil // no mapping, no rules
	}
	job, err := decodeRow[mappingJobDoc](row)
	if err != nil {
		return err
	}
	moved := differences(job.Accounts, names)
	if len(moved) == 0 {
		return nil
	}
	next := mappingJobDoc{Version: job.Version, Reference: job.Reference, State: "running", Accounts: names, Began: store.At(s.now())}
	q := store.Query{Table: tHeads, Tenant: tenant}
	if whole := job.State == "running" && len(job.Only) == 0; !whole {
		next.Only = unique(append(moved, job.pending()...))
		q.Where = in(texts("access_roots"), next.Only)
	}
	if next.Total, _, err = s.countUpTo(ctx, q, true); err != nil {
		return err
	}
	encoded, err := encodeRow(key, tenant, "", row.Version+1, next)
	if err != nil {
		return err
	}
	return s.opt.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, store.Write{Table: tMappingJobs, Op: store.Replace, Row: encoded}) // a conflict: the next sweep looks again
		return err
	})
}

// pending are the roots that a job is still to look at.
func (d *mappingJobDoc) pending() []string {
	if d.State == "running" {
		return d.Only
	}
	return nil
}

// differences are the keys with another value, or with none on one side.
func differences(a, b map[string]string) []string {
	var out []string
	for k, v := range a {
		if b[k] != v {
			out = append(out, k)
		}
	}
	for k := range b {
		if _, had := a[k]; !had {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}
