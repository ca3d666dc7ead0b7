package inventory

import (
	"context"
	"fmt"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Marks are places in a long list from which it can be read on, so that a reader may jump without the pages in between.
type Marks struct {
	// Every says how many rows lie between two marks, a multiple of the pages asked for; Positions[i] comes after (i+1)*Every rows.
	Every     int
	Positions []string
	// Total is exact, unless More.
	Total int
	More  bool
}

const (
	// mostMarked bounds the rows that are walked along: more cannot be scrolled through.
	mostMarked = 1_000_000
	// mostMarks bounds the answer.
	mostMarks = 2000
)

// Marks of a list of today. Their cost is that of counting the list exactly, and some more for the order.
func (s *Service) Marks(ctx context.Context, c Caller, q ListQuery, page int) (*Marks, error) {
	sq, _, err := s.listed(ctx, c, q)
	if err != nil {
		return nil, err
	}
	sq.After, sq.Limit = "", mostMarked
	n, err := s.opt.Store.Count(ctx, sq, mostMarked)
	if err != nil {
		return nil, fmt.Errorf("count %s: %w", q.Kind, err)
	}
	out := &Marks{Every: page * max(1, (n+page*mostMarks-1)/(page*mostMarks))}
	out.Positions, out.Total, err = s.opt.Store.Marks(ctx, sq, out.Every)
	if err != nil {
		return nil, fmt.Errorf("mark %s: %w", q.Kind, err)
	}
	out.More = out.Total >= mostMarked
	return out, nil
}

// listed is the question to the store that a list of today is.
func (s *Service) listed(ctx context.Context, c Caller, q ListQuery) (store.Query, *KindInfo, error) {
	k, err := s.kind(ctx, c.Tenant, q.Kind)
	if err != nil {
		return store.Query{}, nil, err
	}
	if err := s.ensureKind(ctx, k.Kind); err != nil {
		return store.Query{}, nil, err
	}
	where := filter.And{c.may(), shown(q.StateNamed)}
	if q.Where, err = s.resolveHops(ctx, c, q.Kind, q.Where, time.Time{}); err != nil {
		return store.Query{}, nil, err
	}
	if q.Where != nil {
		where = append(where, q.Where)
	}
	return store.Query{Table: tResources, Tenant: c.Tenant, Part: q.Kind, Where: where, Order: q.Order, After: q.After, Limit: q.Limit}, k, nil
}
