package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"maestro.internal/collector/internal/store"
)

// Marks finds positions in a list.
func (r reader) Marks(ctx context.Context, q store.Query, every int) ([]string, int, error) {
	if every < 1 || q.Limit < 1 {
		return nil, 0, fmt.Errorf("mark rows of %s: every %d of %d", q.Table, every, q.Limit)
	}
	c, where, err := r.where(q)
	if err != nil {
		return nil, 0, err
	}
	w := walk{order: q.Order, every: every, most: q.Limit}
	first, last := streams(q.Order, nil)
	for _, list := range [][]stream{first, last} {
		if err := w.through(ctx, c, where, list); err != nil {
			return nil, 0, fmt.Errorf("mark rows of %s: %w", q.Table, err)
		}
	}
	return w.marks, w.rows, nil
}

// walk counts the rows that it is led past, of which the server sends no more than the id and what is ordered by.
type walk struct {
	order       []store.Order
	every, most int

	marks []string
	rows  int
	// full is the position of a row after which a mark comes, if another row follows.
	full *store.Cursor
}

func (w *walk) pass(at store.Cursor) error {
	if w.full != nil {
		mark, err := w.full.Encode(w.order)
		if err != nil {
			return err
		}
		w.marks, w.full = append(w.marks, mark), nil
	}
	if w.rows++; w.rows%w.every == 0 {
		w.full = &at
	}
	return nil
}

// through merges streams, of which each is in order.
func (w *walk) through(ctx context.Context, c *mongo.Collection, where bson.D, list []stream) (err error) {
	wanted := bson.D{{Key: "_id", Value: 1}}
	for _, o := range w.order {
		wanted = append(wanted, bson.E{Key: pathOf(o.Field.Path), Value: 1})
	}
	heads := make([]*head, 0, len(list))
	defer func() {
		for _, h := range heads {
			err = errors.Join(err, h.rows.Close(ctx))
		}
	}()
	for _, st := range list {
		rows, err := c.Find(ctx, all(where, st.filter), options.Find().SetSort(st.sort).SetProjection(wanted).SetLimit(int64(w.most)))
		if err != nil {
			return err
		}
		h := &head{rows: rows}
		heads = append(heads, h)
		if err := h.next(ctx, w.order); err != nil {
			return err
		}
	}
	for w.rows < w.most {
		var least *head
		for _, h := range heads {
			if !h.over && (least == nil || store.CompareCursors(w.order, h.at, least.at) < 0) {
				least = h
			}
		}
		if least == nil {
			return nil
		}
		if err := w.pass(least.at); err != nil {
			return err
		}
		if err := least.next(ctx, w.order); err != nil {
			return err
		}
	}
	return nil
}

// head is where a stream stands.
type head struct {
	rows *mongo.Cursor
	at   store.Cursor
	over bool
}

func (h *head) next(ctx context.Context, order []store.Order) error {
	if !h.rows.Next(ctx) {
		h.over = true
		return h.rows.Err()
	}
	var stored storedRow
	if err := h.rows.Decode(&stored); err != nil {
		return err
	}
	row, err := stored.row("")
	if err != nil {
		return err
	}
	h.at, err = store.CursorOf(order, row)
	return err
}
