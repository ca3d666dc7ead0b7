package collector

import (
	"context"
	"fmt"

	"maestro.internal/collector/internal/approval"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/transfer"
)

// newApprovals puts before people what the parts wait for.
func newApprovals(c *Collector) *approval.Service {
	subjects := map[approval.Kind]approval.Subject{
		approval.Removal:    approval.Removals{Inventory: c.inventory, Names: c.fleet.ConnectionNames},
		approval.PluginKind: approval.PluginKinds{Inventory: c.inventory},
		approval.BulkEdit: approval.BulkEdits{Transfer: c.transfer, Request: func(ctx context.Context, tenant, who string, a transfer.Asking) (inventory.Caller, transfer.EditRequest, error) {
			return c.server.EditAsked(ctx, tenant, who, a)
		}},
		approval.Enrolment: approval.Enrolments{Fleet: c.fleet},
		approval.Merge: approval.Merges{Inventory: c.inventory, As: func(ctx context.Context, tenant, who string) (inventory.Caller, error) {
			return c.server.As(ctx, tenant, who)
		}},
	}
	tenants := func(ctx context.Context) ([]string, error) {
		all, err := c.access.Tenants(ctx)
		if err != nil {
			return nil, fmt.Errorf("list tenants: %w", err)
		}
		ids := make([]string, len(all))
		for i, t := range all {
			ids[i] = t.ID
		}
		return ids, nil
	}
	return approval.New(approval.Options{Store: c.store, Audit: c.audit, Subjects: subjects, Tenants: tenants, Clock: c.opt.Now, Log: c.part("approvals")})
}
