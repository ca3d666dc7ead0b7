package inventory

import (
	"context"
	"fmt"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// CoverageOfKinds says of each kind that is read, or of which something is unwatched or held, what Coverage says of it: one walk
// through the scopes and one count of each, instead of one per kind. By name of the kind.
func (s *Service) CoverageOfKinds(ctx context.Context, c Caller) (map[string]*Coverage, error) {
	out := map[string]*Coverage{}
	never := map[string]*bool{}
	of := func(kind string) *Coverage {
		if out[kind] == nil {
			out[kind], never[kind] = &Coverage{}, new(bool)
		}
		return out[kind]
	}
	err := s.eachPlanned(ctx, c, func(st *scopeState, scope resource.Scope, connection string) {
		of(scope.Kind).add(st, scope, connection, never[scope.Kind])
	})
	if err != nil {
		return nil, fmt.Errorf("read scopes: %w", err)
	}
	for kind, n := range never {
		if *n {
			out[kind].AsOf = time.Time{}
		}
	}
	for _, counted := range []struct {
		table string
		where filter.Expr
		to    func(*Coverage) *int
	}{
		{tHeads, filter.And{c.may(), eq(text("state"), string(Unwatched))}, func(cov *Coverage) *int { return &cov.Unwatched }},
		{tHeld, c.waitsHeld(), func(cov *Coverage) *int { return &cov.Held }},
	} {
		groups, err := s.opt.Store.Group(ctx, store.Query{Table: counted.table, Tenant: c.Tenant, Where: counted.where, Limit: 10_000}, []filter.Field{text("kind")})
		if err != nil {
			return nil, fmt.Errorf("count by kind in %s: %w", counted.table, err)
		}
		for _, g := range groups {
			if kind, ok := g.Values[0].(string); ok {
				*counted.to(of(kind)) = g.Count
			}
		}
	}
	return out, nil
}
