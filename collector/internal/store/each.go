package store

import (
	"context"
	"fmt"
)

// EachPage calls fn for every page of what a query finds, until fn fails. Rows that are written meanwhile are met or not, as
// their place in the order is ahead or behind.
func EachPage(ctx context.Context, r Reader, q Query, fn func([]Row) error) error {
	for {
		page, err := r.Find(ctx, q)
		if err != nil {
			return fmt.Errorf("list %s: %w", q.Table, err)
		}
		if err := fn(page.Rows); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
}

// Each calls fn for every row of what a query finds, page by page, until fn fails.
func Each(ctx context.Context, r Reader, q Query, fn func(Row) error) error {
	return EachPage(ctx, r, q, func(rows []Row) error {
		for _, row := range rows {
			if err := fn(row); err != nil {
				return err
			}
		}
		return nil
	})
}
