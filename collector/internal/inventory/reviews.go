package inventory

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// reviewChunk is how many review items are read at a time while those that the caller may not see are left out.
const reviewChunk = 500

// The types of review items.
const (
	// ReviewBridge: an identifier names two resources, and it is too weak to join them by itself.
	ReviewBridge = "bridge"
	// ReviewQuarantine: two connections of one plugin see one identifier at things that cannot be one.
	ReviewQuarantine = "quarantine"
	// ReviewConflict: what was joined by one identifier contradicts itself by others.
	ReviewConflict = "conflict"
	// ReviewDuplicate: two resources have a name or an address in common.
	ReviewDuplicate = "duplicate"
)

// ReviewItem asks a person whether two resources are one.
type ReviewItem struct {
	ID, Kind string
	Type     string // one of those above
	State    string // open, merged, apart
	// Identifier that both have; without a type where that is not what makes one ask. Detail says it in words.
	Identifier resource.Identifier
	Detail     string
	// Resources are the two, as they are now.
	Resources [2]Head
	// Connection and ExternalID of the observation that brought it up; empty when the caller may not know of the connection.
	Connection, ExternalID string
	At                     time.Time
	// DecidedBy and the rest are of a decision.
	DecidedBy, Reason string
	DecidedAt         time.Time
}

// ReviewQuery asks for review items.
type ReviewQuery struct {
	Kind string
	Type string
	// State is open when empty.
	State string
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
	where := filter.And{eq(text("state"), cmp.Or(q.State, "open"))}
	if q.Kind != "" {
		where = append(where, eq(text("kind"), q.Kind))
	}
	switch q.Type {
	case "":
	case ReviewBridge: // rows of before there were types have none
		where = append(where, in(text("type"), []string{"", ReviewBridge}))
	default:
		where = append(where, eq(text("type"), q.Type))
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
			// What has become one since waits for nobody.
			if !mayA || !mayB || a.ID == b.ID && doc.State == "open" && doc.ResourceID != doc.OtherID {
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
		out[i] = ReviewItem{ID: r.row.ID, Kind: r.doc.Kind, Type: cmp.Or(r.doc.Type, ReviewBridge), State: r.doc.State, Identifier: resource.Identifier{Type: kind, Value: value},
			Detail: r.doc.Detail, Resources: r.heads, At: r.doc.At.Time, DecidedBy: r.doc.DecidedBy, DecidedAt: r.doc.DecidedAt.Time, Reason: r.doc.Reason}
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

// ReviewItem is one of them, whatever its state.
func (s *Service) ReviewItem(ctx context.Context, c Caller, id string) (*ReviewItem, error) {
	r, err := s.reviewed(ctx, c, id)
	if err != nil {
		return nil, err
	}
	views, err := s.reviewViews(ctx, c, []reviewed{r})
	if err != nil {
		return nil, err
	}
	return &views[0], nil
}

func (s *Service) reviewed(ctx context.Context, c Caller, id string) (reviewed, error) {
	rows, err := getRows(ctx, s.opt.Store, tReviews, c.Tenant, "", []string{id})
	if err != nil {
		return reviewed{}, err
	}
	row, ok := rows[id]
	if !ok {
		return reviewed{}, fmt.Errorf("review item %s: %w", id, ErrNotFound)
	}
	doc, err := decodeRow[reviewDoc](row)
	if err != nil {
		return reviewed{}, err
	}
	heads, err := s.heads(ctx, c, []string{doc.ResourceID, doc.OtherID})
	if err != nil {
		return reviewed{}, err
	}
	a, mayA := heads[doc.ResourceID]
	b, mayB := heads[doc.OtherID]
	if !mayA || !mayB {
		return reviewed{}, fmt.Errorf("review item %s: %w", id, ErrNotFound)
	}
	return reviewed{row: row, doc: doc, heads: [2]Head{a, b}}, nil
}

// DecideReview answers a review item: its resources are one (the older one stays), or they are two and stay so. *AskedError: what
// makes one of two, or two of one, waits for an approval; that two stay two does not.
func (s *Service) DecideReview(ctx context.Context, c Caller, id string, one bool, reason string) (*ReviewItem, error) {
	return s.decideReview(ctx, c, id, one, reason, "")
}

func (s *Service) decideReview(ctx context.Context, c Caller, id string, one bool, reason, approval string) (*ReviewItem, error) {
	r, err := s.reviewed(ctx, c, id)
	switch {
	case err != nil:
		return nil, err
	case r.doc.State != "open":
		return nil, fmt.Errorf("it is %s: %w", r.doc.State, ErrReviewed)
	case r.doc.ResourceID == r.doc.OtherID:
		return s.decideConflict(ctx, c, r, one, reason, approval)
	case r.heads[0].ID == r.heads[1].ID:
		return nil, &ConflictError{ResourceID: r.heads[0].ID, Problem: "the two have become one already"}
	}
	op := operationDoc{Type: opApart, Kind: r.doc.Kind, From: r.heads[1].ID, To: r.heads[0].ID, Reason: reason, Review: id}
	action := "review.keep_apart"
	a, _, _, err := s.writable(ctx, s.opt.Store, c, r.doc.Kind, op.To)
	if err != nil {
		return nil, err
	}
	b, _, _, err := s.writable(ctx, s.opt.Store, c, r.doc.Kind, op.From)
	if err != nil {
		return nil, err
	}
	if one {
		op.Type, action = opMerge, "review.merge"
		if b.CreatedAt.Before(a.CreatedAt.Time) {
			op.From, op.To = op.To, op.From
		}
	}
	ref := audit.Ref{ID: id, Name: r.heads[0].Name + " and " + r.heads[1].Name, Kind: "review"}
	d := decision{free: !one, approval: approval, request: Deferred{Review: &ReviewDecision{ID: id, One: one, Reason: reason}}, heads: r.heads[:],
		title: fmt.Sprintf("Merge %s %s and %s", r.doc.Kind, r.heads[0].Name, r.heads[1].Name)}
	if err := s.decide(ctx, c, action, ref, &op, map[string]any{"resources": []string{op.To, op.From}}, d); err != nil {
		return nil, err
	}
	return s.ReviewItem(ctx, c, id)
}

// decideConflict answers whether a resource whose sources contradict each other is one: it is, or the source that brought it up is
// split off.
func (s *Service) decideConflict(ctx context.Context, c Caller, r reviewed, one bool, reason, approval string) (*ReviewItem, error) {
	id := r.heads[0].ID
	doc, _, k, err := s.writable(ctx, s.opt.Store, c, r.doc.Kind, id)
	if err != nil {
		return nil, err
	}
	op := operationDoc{Type: opKeep, Kind: k.Name, From: id, To: id, Reason: reason, Review: r.row.ID}
	action := "review.merge"
	if !one {
		action = "review.keep_apart"
		op.Type, op.To, op.Observations = opSplit, "", common([]source{{Observation: r.doc.Observation}}, doc.Sources)
		if err := s.bringsBack(ctx, c, k, &doc, &op, map[string]resourceDoc{}); err != nil {
			return nil, err
		}
		if err := checkSplit(&doc, resourceDoc{}, &op); err != nil {
			return nil, err
		}
	}
	d := decision{free: one, approval: approval, request: Deferred{Review: &ReviewDecision{ID: r.row.ID, One: one, Reason: reason}}, heads: r.heads[:1],
		title: fmt.Sprintf("Split %s %s", r.doc.Kind, doc.Name)}
	if err := s.decide(ctx, c, action, audit.Ref{ID: r.row.ID, Name: doc.Name, Kind: "review"}, &op, map[string]any{"resources": []string{id}}, d); err != nil {
		return nil, err
	}
	return s.ReviewItem(ctx, c, r.row.ID)
}

// closeReview notes in a review item what was decided.
func (u *unit) closeReview(ctx context.Context, op *operationDoc) error {
	rows, err := getRows(ctx, u.tx, tReviews, u.tenant, "", []string{op.Review})
	if err != nil {
		return err
	}
	row, ok := rows[op.Review]
	if !ok {
		return nil
	}
	doc, err := decodeRow[reviewDoc](row)
	if err != nil || doc.State != "open" {
		return err
	}
	doc.State = "apart"
	if op.Type == opMerge || op.Type == opKeep {
		doc.State = "merged"
	}
	doc.DecidedBy, doc.DecidedAt, doc.Reason = op.Actor, op.At, op.Reason
	done, err := encodeRow(row.ID, u.tenant, "", row.Version+1, doc)
	u.last = append(u.last, store.Write{Table: tReviews, Op: store.Put, Row: done})
	return err
}

func cursorOf(order []store.Order, row store.Row) (string, error) {
	at, err := store.CursorOf(order, row)
	if err != nil {
		return "", fmt.Errorf("place review item: %w", err)
	}
	return at.Encode(order)
}
