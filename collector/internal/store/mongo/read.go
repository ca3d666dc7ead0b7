package mongo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// reader reads; within an Update it reads the same.
type reader struct{ s *Store }

// storedRow is a row as it lies in a collection.
type storedRow struct {
	ID      string   `bson:"_id"`
	Tenant  string   `bson:"t"`
	Version int64    `bson:"v"`
	Doc     bson.Raw `bson:"d"`
	Blob    []byte   `bson:"b,omitempty"`
}

func (r storedRow) row(part string) (store.Row, error) {
	out := store.Row{ID: r.ID, Tenant: r.Tenant, Part: part, Version: r.Version}
	if len(r.Doc) > 0 { // else it was asked for without
		var err error
		if out.Doc, err = decodeDoc(r.Doc); err != nil {
			return store.Row{}, fmt.Errorf("row %q: %w", r.ID, err)
		}
	}
	if len(r.Blob) > 0 {
		out.Blob = r.Blob
	}
	return out, nil
}

// getBatch bounds the ids of one query.
const getBatch = 5000

// Get reads rows by id.
func (r reader) Get(ctx context.Context, table, tenant, part string, ids []string) (map[string]store.Row, error) {
	c, err := r.s.collection(table, part)
	if err != nil {
		return nil, fmt.Errorf("get rows: %w", err)
	}
	found := make(map[string]store.Row, len(ids))
	for batch := range slices.Chunk(ids, getBatch) {
		list := make(bson.A, 0, len(batch))
		for _, id := range batch {
			if utf8.ValidString(id) {
				list = append(list, id)
			}
		}
		rows, err := r.fetch(ctx, c, part, all(doc("_id", doc("$in", list)), doc("t", tenant)), options.Find())
		if err != nil {
			return nil, fmt.Errorf("get rows of %s: %w", table, err)
		}
		for _, row := range rows {
			found[row.ID] = row
		}
	}
	return found, nil
}

func (r reader) fetch(ctx context.Context, c *mongo.Collection, part string, where bson.D, o *options.FindOptionsBuilder) (rows []store.Row, err error) {
	cur, err := c.Find(ctx, where, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cur.Close(ctx)) }()
	for cur.Next(ctx) {
		var stored storedRow
		if err := cur.Decode(&stored); err != nil {
			return nil, err
		}
		row, err := stored.row(part)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, cur.Err()
}

// where checks a query and makes its condition.
func (r reader) where(q store.Query) (*mongo.Collection, bson.D, error) {
	t, ok := r.s.tables[q.Table]
	if !ok {
		return nil, nil, fmt.Errorf("find rows: table %q is not declared", q.Table)
	}
	if err := store.CheckQuery(t, q); err != nil {
		return nil, nil, err
	}
	c, err := r.s.collection(q.Table, q.Part)
	if err != nil {
		return nil, nil, err
	}
	cond := condition(q.Where)
	if !q.AllTenants {
		cond = all(doc("t", q.Tenant), cond)
	}
	return c, cond, nil
}

// Find answers a page of rows.
func (r reader) Find(ctx context.Context, q store.Query) (store.Page, error) {
	c, where, err := r.where(q)
	if err != nil {
		return store.Page{}, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = store.DefaultLimit
	}
	var after *store.Cursor
	if q.After != "" {
		at, err := store.DecodeCursor(q.After, q.Order)
		if err != nil {
			return store.Page{}, err
		}
		after = &at
	}
	first, last := streams(q.Order, after)
	rows, err := r.merge(ctx, c, q, where, first, limit+1)
	if err == nil && len(rows) <= limit {
		var more []store.Row
		more, err = r.merge(ctx, c, q, where, last, limit+1-len(rows))
		rows = append(rows, more...)
	}
	if err != nil {
		return store.Page{}, fmt.Errorf("find rows of %s: %w", q.Table, err)
	}
	page := store.Page{Rows: rows}
	if len(rows) > limit {
		page.Rows = rows[:limit]
		at, err := store.CursorOf(q.Order, rows[limit-1])
		if err != nil {
			return store.Page{}, fmt.Errorf("find rows of %s: %w", q.Table, err)
		}
		if page.Next, err = at.Encode(q.Order); err != nil {
			return store.Page{}, fmt.Errorf("find rows of %s: %w", q.Table, err)
		}
	}
	return page, nil
}

// placed is a row with its place in the order.
type placed struct {
	row store.Row
	at  store.Cursor
}

// merge reads the streams and answers the first rows of all.
func (r reader) merge(ctx context.Context, c *mongo.Collection, q store.Query, where bson.D, list []stream, limit int) ([]store.Row, error) {
	var found []placed
	for _, st := range list {
		o := options.Find().SetSort(st.sort).SetLimit(int64(limit))
		switch {
		case q.Bare:
			o.SetProjection(bson.D{{Key: "t", Value: 1}, {Key: "v", Value: 1}})
		case !q.WithBlob:
			o.SetProjection(doc("b", 0))
		}
		rows, err := r.fetch(ctx, c, q.Part, all(where, st.filter), o)
		if err != nil {
			return nil, err
		}
		if len(list) == 1 {
			return rows, nil
		}
		for _, row := range rows {
			at, err := store.CursorOf(q.Order, row)
			if err != nil {
				return nil, err
			}
			found = append(found, placed{row, at})
		}
	}
	slices.SortFunc(found, func(a, b placed) int { return store.CompareCursors(q.Order, a.at, b.at) })
	rows := make([]store.Row, 0, min(limit, len(found)))
	for _, p := range found[:min(limit, len(found))] {
		rows = append(rows, p.row)
	}
	return rows, nil
}

// Count counts rows.
func (r reader) Count(ctx context.Context, q store.Query, max int) (int, error) {
	c, where, err := r.where(q)
	if err != nil {
		return 0, err
	}
	o := options.Count()
	if max > 0 {
		o.SetLimit(int64(max))
	}
	n, err := c.CountDocuments(ctx, where, o)
	if err != nil {
		return 0, fmt.Errorf("count rows of %s: %w", q.Table, err)
	}
	return int(n), nil
}

// Group counts rows by values. Null, missing and values of another type are one group, which is put together here.
func (r reader) Group(ctx context.Context, q store.Query, by []filter.Field) ([]store.Group, error) {
	counts := map[string]*store.Group{}
	err := r.eachGroup(ctx, q, by, func(g store.Group) {
		key := fmt.Sprintf("%#v", g.Values)
		if have := counts[key]; have != nil {
			have.Count += g.Count
		} else {
			counts[key] = &g
		}
	})
	if err != nil {
		return nil, fmt.Errorf("group rows of %s: %w", q.Table, err)
	}
	return largest(counts, q.Limit), nil
}

// Tally counts rows by the values of each of several fields.
func (s *Store) Tally(ctx context.Context, q store.Query, by []filter.Field) ([][]store.Group, error) {
	return reader{s}.Tally(ctx, q, by)
}

// Tally has the server group by all fields of one value at once, and counts each of them from those groups.
func (r reader) Tally(ctx context.Context, q store.Query, by []filter.Field) ([][]store.Group, error) {
	var pass []int
	var fields []filter.Field
	for i, f := range by {
		if !f.Multi {
			pass, fields = append(pass, i), append(fields, f)
		}
	}
	tally := store.NewTally(len(pass))
	if len(pass) > 0 {
		err := r.eachGroup(ctx, q, fields, func(g store.Group) {
			for n, v := range g.Values {
				tally.Add(n, v, g.Count)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("tally rows of %s: %w", q.Table, err)
		}
	}
	out := make([][]store.Group, len(by))
	for i, f := range by {
		if n := slices.Index(pass, i); n >= 0 {
			groups, ok := tally.Groups(n, q.Limit)
			if out[i] = groups; ok {
				continue
			}
		}
		groups, err := r.Group(ctx, q, []filter.Field{f})
		if err != nil {
			return nil, err
		}
		out[i] = groups
	}
	return out, nil
}

// eachGroup hands on what the server counts; groups that are one to us may come apart.
func (r reader) eachGroup(ctx context.Context, q store.Query, by []filter.Field, each func(store.Group)) error {
	c, where, err := r.where(q)
	if err != nil {
		return err
	}
	if len(by) == 0 {
		return errors.New("by nothing")
	}
	steps := mongo.Pipeline{doc("$match", where)}
	key := bson.D{}
	for i, f := range by {
		if len(by) == 1 && f.Multi && f.Type == filter.String && len(f.Path) == 1 {
			steps = append(steps, doc("$unwind", "$"+pathOf(f.Path)))
		} else if err := filter.CheckOrder(f); err != nil {
			return err
		}
		key = append(key, bson.E{Key: fmt.Sprintf("f%d", i), Value: "$" + pathOf(f.Path)})
	}
	cur, err := c.Aggregate(ctx, append(steps, doc("$group", bson.D{{Key: "_id", Value: key}, {Key: "n", Value: doc("$sum", 1)}})))
	if err != nil {
		return err
	}
	defer func() { _ = cur.Close(ctx) }() // read to its end or failed already
	for cur.Next(ctx) {
		g, err := readGroup(cur.Current, by)
		if err != nil {
			return err
		}
		each(g)
	}
	return cur.Err()
}

func readGroup(raw bson.Raw, by []filter.Field) (store.Group, error) {
	var row struct {
		ID map[string]bson.RawValue `bson:"_id"`
		N  float64                  `bson:"n"`
	}
	if err := bson.Unmarshal(raw, &row); err != nil {
		return store.Group{}, err
	}
	g := store.Group{Values: make([]any, len(by)), Count: int(row.N)}
	for i, f := range by {
		g.Values[i] = groupValue(f.Type, row.ID[fmt.Sprintf("f%d", i)])
	}
	return g, nil
}

func groupValue(t filter.Type, v bson.RawValue) any {
	switch t {
	case filter.Bool:
		if b, ok := v.BooleanOK(); ok {
			return b
		}
	case filter.Number:
		if n, ok := v.AsFloat64OK(); ok {
			return n
		}
	default:
		if s, ok := v.StringValueOK(); ok {
			return s
		}
	}
	return nil
}

func largest(counts map[string]*store.Group, limit int) []store.Group {
	var groups []store.Group
	for _, g := range counts {
		groups = append(groups, *g)
	}
	slices.SortFunc(groups, func(a, b store.Group) int {
		return cmp.Or(store.CompareGroups(a, b), strings.Compare(fmt.Sprint(a.Values), fmt.Sprint(b.Values)))
	})
	if limit <= 0 {
		limit = store.DefaultLimit
	}
	return groups[:min(limit, len(groups))]
}
