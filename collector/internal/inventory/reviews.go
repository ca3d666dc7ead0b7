package inventory

import (
	"context"
	"fmt"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// reviewChunk is how many review items are read at a time while those that the caller may not see are left out.
const reviewChunk = 500

// ReviewItem asks a person whether two resources are one: an identifier names both, and it is too weak to join them by itself.
type ReviewItem struct {
	ID, Kind   string
	State      string
	Identifier resource.Identifier
	// Resources are the two, as they are now.
	Resources [2]Head
	// Connection and ExternalID of the observation that brought it up; empty when the caller may not know of the connection.
	Connection, ExternalID string
	At                     time.Time
}

// ReviewQuery asks for review items.
type ReviewQuery struct {
	Kind  string
	After string
	Limit int
}

// ReviewList is one page of review items. More says that there are more than Total.
type ReviewList struct {
	Items []ReviewItem
	Next  string
	Total int
	More  bool
}

// ReviewItems is a page of what waits for a person, newest first. An item is seen by who may read both its resources; one whose
// resources have become one since waits for nobody.
func (s *Service) ReviewItems(ctx context.Context, c Caller, q ReviewQuery) (*ReviewList, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = 50
	}
	where := filter.And{eq(text("state"), "open")}
	if q.Kind != "" {
		where = append(where, eq(text("kind"), q.Kind))
	}
	sq := store.Query{Table: tReviews, Tenant: c.Tenant, Where: where, Order: []store.Order{{Field: when("at"), Desc: true}}, After: q.After, Limit: reviewChunk}
	out := &ReviewList{}
	var page []reviewed
	err := s.eachReview(ctx, c, sq, func(r reviewed) (bool, error) {
		if len(page) == limit {
			var err error
			out.Next, err = cursorOf(sq.Order, page[limit-1].row)
			return false, err
		}
		page = append(page, r)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	if q.After == "" && out.Next == "" {
		out.Total = len(page)
	} else {
		sq.After = ""
		err := s.eachReview(ctx, c, sq, func(reviewed) (bool, error) {
			out.More = out.Total == countMax
			if !out.More {
				out.Total++
			}
			return !out.More, nil
		})
		if err != nil {
			return nil, err
		}
	}
	out.Items, err = s.reviewViews(ctx, c, page)
	return out, err
}

// reviewed is a review item with its resources as they are now.
type reviewed struct {
	row   store.Row
	doc   reviewDoc
	heads [2]Head
}

// eachReview hands out what the caller may see until fn says that it is enough.
func (s *Service) eachReview(ctx context.Context, c Caller, q store.Query, fn func(reviewed) (bool, error)) error {
	for {
		page, err := s.opt.Store.Find(ctx, q)
		if err != nil {
			return fmt.Errorf("list review items: %w", err)
		}
		docs := make([]reviewDoc, len(page.Rows))
		var ids []string
		for i, row := range page.Rows {
			if docs[i], err = decodeRow[reviewDoc](row); err != nil {
				return err
			}
			ids = append(ids, docs[i].ResourceID, docs[i].OtherID)
		}
		heads, err := s.heads(ctx, c, ids)
		if err != nil {
			return err
		}
		for i, doc := range docs {
			a, mayA := heads[doc.ResourceID]
			b, mayB := heads[doc.OtherID]
			if !mayA || !mayB || a.ID == b.ID {
				continue
			}
			if more, err := fn(reviewed{row: page.Rows[i], doc: doc, heads: [2]Head{a, b}}); err != nil || !more {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
}

func (s *Service) reviewViews(ctx context.Context, c Caller, page []reviewed) ([]ReviewItem, error) {
	ids := make([]string, len(page))
	for i, r := range page {
		ids[i] = r.doc.Observation
	}
	rows, err := getChunks(ctx, s.opt.Store, tObservations, c.Tenant, "", unique(ids))
	if err != nil {
		return nil, err
	}
	out := make([]ReviewItem, len(page))
	for i, r := range page {
		kind, value, _ := strings.Cut(r.doc.Pair, "=")
		out[i] = ReviewItem{ID: r.row.ID, Kind: r.doc.Kind, State: r.doc.State, Identifier: resource.Identifier{Type: kind, Value: value},
			Resources: r.heads, At: r.doc.At.Time}
		row, ok := rows[r.doc.Observation]
		if !ok {
			continue
		}
		obs, err := decodeRow[obsDoc](row)
		if err != nil {
			return nil, err
		}
		if c.sees(obs.Connection) {
			out[i].Connection, out[i].ExternalID = obs.Connection, obs.ExternalID
		}
	}
	return out, nil
}

func cursorOf(order []store.Order, row store.Row) (string, error) {
	at, err := store.CursorOf(order, row)
	if err != nil {
		return "", fmt.Errorf("place review item: %w", err)
	}
	return at.Encode(order)
}
