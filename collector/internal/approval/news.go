package approval

import (
	"context"
	"fmt"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Asked is the action of an approval that is new; that of one which ended is its state.
const Asked = "asked"

// mostNews bounds what one person is told of at once.
const mostNews = 1000

// News is something about an approval that somebody is to be told.
type News struct {
	ID, Title, Action, Detail string
	At                        time.Time
}

// News is what happened after a moment and until another that concerns somebody: what he can decide now, and how that ended which he
// asked for, or which nobody asked for and he sees.
func (s *Service) News(ctx context.Context, c access.Caller, from, until time.Time) ([]News, error) {
	rules, err := s.Rules(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	q := store.Query{Table: tApprovals, Tenant: c.Tenant, Order: []store.Order{{Field: fieldChanged}}, Limit: mostNews,
		Where: filter.And{visible(c), filter.Compare{Field: fieldChanged, Op: filter.Gt, Value: from.UTC().Format(store.TimeLayout)}}}
	page, err := s.opt.Store.Find(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("find news of approvals: %w", err)
	}
	var out []News
	for _, row := range page.Rows {
		a, err := decode(row)
		if err != nil {
			return nil, err
		}
		if n, ok := s.newsOf(c, a, rules); ok && n.At.After(from) && !n.At.After(until) {
			out = append(out, n)
		}
	}
	return out, nil
}

func (s *Service) newsOf(c access.Caller, a *Approval, rules Rules) (News, bool) {
	n := News{ID: a.ID, Title: a.Title}
	if a.State == Pending {
		n.Action, n.Detail, n.At = Asked, a.Reason, a.NoticedAt
		if n.At.IsZero() {
			n.At = a.RequestedAt
		}
		return n, s.may(c, a, rules.Of[a.Kind]) == nil
	}
	n.Action, n.At = string(a.State), a.EndedAt
	if n.Detail = a.Last().Reason; a.Problem != "" {
		n.Detail = a.Problem
	}
	return n, a.RequestedBy == c.Name || a.RequestedBy == System && a.Last().By != c.Name
}
