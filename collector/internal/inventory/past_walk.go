package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// pastWalk hands out the revisions that were their resources' newest at a moment, in an order that the changes have an index for. So
// a page costs what lies before its end in that order, however much there is and happened.
type pastWalk struct {
	s      *Service
	tenant string
	at     time.Time
	query  store.Query // of changes
	work   *pastWork
	// shown has a resource stand where its last change stands that is shown: later ones, by rules alone, leave it there.
	shown bool
	// meets says that only what meets the condition comes. Else, in the order of ids, all changes of a resource come together.
	meets bool
	// counts asks for no documents.
	counts bool
	over   bool
}

// walkedBy says by which field of changes a list's order is gone through: the id, the name, or newest first.
func walkedBy(order []store.Order) (by []store.Order, ok bool) {
	switch {
	case len(order) == 0:
		return nil, true
	case len(order) > 1 || len(order[0].Field.Path) != 1:
		return nil, false
	case order[0].Field.Path[0] == "name":
		return []store.Order{{Field: text("name"), Desc: order[0].Desc}}, true
	case order[0].Field.Path[0] == "updated_at" && order[0].Desc:
		return []store.Order{{Field: when("at"), Desc: true}}, true
	}
	return nil, false
}

// walk begins behind a position of the list; false where no index has the order. What the condition says that revisions answer is asked
// of the store where that says for certain whether a revision of the moment meets it, and is worth it.
func (s *Service) walk(tenant, kind string, p *pastSet, order []store.Order, after *store.Cursor, cond *pastCondition) (*pastWalk, bool, error) {
	by, ok := walkedBy(order)
	if !ok {
		return nil, false, nil
	}
	w := &pastWalk{s: s, tenant: tenant, at: p.at, work: p.work, shown: len(by) > 0 && by[0].Field.Type == filter.Time}
	w.meets = !w.shown && (len(by) > 0 || cond.narrow)
	// In the order of ids the documents are read of those that were the newest.
	w.query = store.Query{Table: tChanges, Tenant: tenant, Order: by, Where: w.where(kind, cond, w.shown, len(by) > 0), Limit: p.work.atMost(firstWalked), Bare: len(by) == 0}
	if w.shown {
		w.query.Where = notQuiet(w.query.Where)
	}
	if after != nil {
		if err := w.behind(*after); err != nil {
			return nil, false, err
		}
	}
	return w, true, nil
}

// behind goes on after all changes of a resource that stand in one place.
func (w *pastWalk) behind(at store.Cursor) (err error) {
	if w.query.After, err = (store.Cursor{Values: at.Values, ID: at.ID + "/~"}).Encode(w.query.Order); err != nil {
		return fmt.Errorf("begin page: %w", err)
	}
	return nil
}

// walkAll begins with all there was, in no order; counts asks for no revisions. Where most do not meet the condition it is the order in
// which changes were made, as they lie in a store, so that what is read lies together. Else it is that of ids, which has a resource's together.
func (s *Service) walkAll(tenant string, p *pastSet, cond *pastCondition, counts bool) *pastWalk {
	w := &pastWalk{s: s, tenant: tenant, at: p.at, work: p.work, meets: cond.narrow || counts, counts: counts}
	w.query = store.Query{Table: tChanges, Tenant: tenant, Where: w.where(p.kindName(), cond, cond.narrow, cond.narrow), Limit: p.work.atMost(rowsPerUnit), Bare: !cond.narrow}
	if cond.narrow {
		w.query.Order = []store.Order{{Field: when("at")}}
	}
	return w
}

// where is what changes have to meet: at and kind say whether an index may answer of when and what they were.
func (w *pastWalk) where(kind string, cond *pastCondition, at, ofKind bool) filter.Expr {
	var where filter.And
	if w.meets && cond.narrow { // first what most do not meet: a store asks no more of these
		where = append(where, inRevision(cond.early))
	}
	where = append(where, w.until(!at))
	switch {
	case kind == "":
	case ofKind:
		where = append(where, eq(text("kind"), kind))
	default:
		where = append(where, unindexed(text("kind"), kind))
	}
	if w.meets && !cond.narrow {
		where = append(where, inRevision(cond.early))
	}
	return where
}

// firstWalked is how many changes are read first: a page's worth. Each time it doubles, to rowsPerUnit.
const firstWalked = 64

// until is met by changes until the moment. Said the other way round no index answers it, so that the store keeps to the list's order
// and sorts nothing.
func (w *pastWalk) until(unindexed bool) filter.Expr {
	at := w.at.UTC().Format(store.TimeLayout)
	if unindexed {
		return filter.Not{Of: filter.Compare{Field: when("at"), Op: filter.Gt, Value: at}}
	}
	return filter.Compare{Field: when("at"), Op: filter.Le, Value: at}
}

// unindexed is that a field has a value, in words that no index answers.
func unindexed(f filter.Field, value string) filter.Expr {
	return filter.And{filter.Not{Of: filter.Compare{Field: f, Op: filter.Lt, Value: value}}, filter.Not{Of: filter.Compare{Field: f, Op: filter.Gt, Value: value}}}
}

// next are the following ones of the order; none at its end.
func (w *pastWalk) next(ctx context.Context) ([]pastRow, error) {
	for !w.over {
		page, err := w.s.opt.Store.Find(ctx, w.query)
		if err != nil {
			return nil, fmt.Errorf("go through changes: %w", err)
		}
		w.work.spend(workOfChange * len(page.Rows))
		if !w.query.Bare {
			w.work.spend(workOfRevision * len(page.Rows))
		}
		w.query.After, w.query.Limit, w.over = page.Next, w.work.atMost(min(2*w.query.Limit, rowsPerUnit)), page.Next == ""
		rows, err := w.newest(ctx, page.Rows)
		if err != nil || len(rows) > 0 {
			return rows, err
		}
	}
	return nil, nil
}

// newest leaves of changes until the moment those that no other until then followed.
func (w *pastWalk) newest(ctx context.Context, changes []store.Row) ([]pastRow, error) {
	rows := make([]pastRow, 0, len(changes))
	last := map[string]int64{}
	for _, ch := range changes {
		r, err := w.rowOf(ch)
		if err != nil {
			return nil, err
		}
		last[r.id] = max(last[r.id], r.version)
		rows = append(rows, r)
	}
	rows = slices.DeleteFunc(rows, func(r pastRow) bool { return r.version < last[r.id] })
	rows, err := w.dropFollowed(ctx, rows)
	if err != nil {
		return nil, err
	}
	if rows, err = w.s.withoutPruned(ctx, w.tenant, w.at, rows); err != nil || !w.query.Bare || w.counts {
		return rows, err
	}
	return w.read(ctx, rows)
}

func (w *pastWalk) rowOf(change store.Row) (r pastRow, err error) {
	if w.query.Bare {
		r.id, r.version, err = changeOf(change.ID)
		return r, err
	}
	if r, err = revisionOf(change); err != nil {
		return r, err
	}
	r.at, err = store.CursorOf(w.query.Order, change)
	r.at.ID = r.id
	return r, err
}

// read reads the revisions of rows that have none yet. What was purged meanwhile is left out.
func (w *pastWalk) read(ctx context.Context, rows []pastRow) ([]pastRow, error) {
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = changeID(r.id, r.version)
	}
	w.work.spend(workOfRevision * len(keys))
	found, err := getRows(ctx, w.s.opt.Store, tChanges, w.tenant, "", keys)
	if err != nil {
		return nil, err
	}
	out := rows[:0]
	for _, key := range keys {
		ch, ok := found[key]
		if !ok {
			continue
		}
		r, err := revisionOf(ch)
		if err != nil {
			return nil, err
		}
		r.at = store.Cursor{ID: r.id}
		out = append(out, r)
	}
	return out, nil
}

// dropFollowed drops what another change until the moment followed. Where a walk is by what is shown, what is not shown takes the
// place of what it followed.
func (w *pastWalk) dropFollowed(ctx context.Context, rows []pastRow) ([]pastRow, error) {
	open := make(map[string]int, len(rows)) // by the id of the change that would follow
	for i, r := range rows {
		if w.meets || w.shown || i == 0 || i == len(rows)-1 { // else all others of its resource came with it
			open[changeID(r.id, r.version+1)] = i
		}
	}
	for len(open) > 0 {
		q := store.Query{Table: tChanges, Tenant: w.tenant, Limit: len(open), Bare: !w.shown, Where: filter.And{in(filter.RowID, keysOf(open)), w.until(true)}}
		page, err := w.s.opt.Store.Find(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("look for later changes: %w", err)
		}
		still := map[string]int{}
		for _, ch := range page.Rows {
			i := open[ch.ID]
			r := &rows[i]
			hidden := false
			if w.shown {
				doc, err := decodeRow[struct {
					Quiet    bool            `json:"quiet"`
					Revision json.RawMessage `json:"revision"`
				}](ch)
				if err != nil {
					return nil, err
				}
				if hidden = doc.Quiet; hidden {
					r.version, r.doc = r.version+1, doc.Revision
					still[changeID(r.id, r.version+1)] = i
				}
			}
			if !hidden {
				r.id = ""
			}
		}
		open = still
	}
	return slices.DeleteFunc(rows, func(r pastRow) bool { return r.id == "" }), nil
}

// pastMerge is one walk, or one for each kind whose rows are taken in the order of all.
type pastMerge struct {
	order []store.Order
	walks []*pastWalk
	ready [][]pastRow // of each walk
	// meets and shown are as of each walk.
	meets, shown bool
}

// walks begins where a list's page does. Names are indexed by kind, so a list of all kinds by name is one of each, merged.
func (s *Service) walks(ctx context.Context, tenant string, p *pastSet, order []store.Order, after *store.Cursor, cond *pastCondition) (*pastMerge, bool, error) {
	kinds := []string{p.kindName()}
	if by, ok := walkedBy(order); p.kind == nil && ok && len(by) > 0 && by[0].Field.Type == filter.String {
		var err error
		if kinds, err = s.kindsOfChanges(ctx, tenant); err != nil {
			return nil, false, err
		}
	}
	m := &pastMerge{order: order}
	for _, kind := range kinds {
		w, ok, err := s.walk(tenant, kind, p, order, after, cond)
		if err != nil || !ok {
			return nil, false, err
		}
		m.walks, m.ready, m.meets, m.shown = append(m.walks, w), append(m.ready, nil), w.meets, w.shown
	}
	return m, true, nil
}

// kindsOfChanges are those that anything ever was of, one search of an index for each.
func (s *Service) kindsOfChanges(ctx context.Context, tenant string) ([]string, error) {
	var kinds []string
	q := store.Query{Table: tChanges, Tenant: tenant, Order: []store.Order{{Field: text("kind")}, {Field: when("at")}}, Limit: 1}
	for {
		page, err := s.opt.Store.Find(ctx, q)
		if err != nil || len(page.Rows) == 0 {
			return kinds, err
		}
		ch, err := decodeRow[struct {
			Kind string `json:"kind"`
		}](page.Rows[0])
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, ch.Kind)
		q.Where = filter.Compare{Field: text("kind"), Op: filter.Gt, Value: ch.Kind}
	}
}

// next are some of the following ones of the order; none at its end.
func (m *pastMerge) next(ctx context.Context) ([]pastRow, error) {
	if len(m.walks) == 1 && len(m.ready[0]) == 0 {
		return m.walks[0].next(ctx)
	}
	var out []pastRow
	for len(out) < rowsPerUnit {
		first := -1
		for i := 0; i < len(m.walks); i++ {
			if len(m.ready[i]) == 0 {
				rows, err := m.walks[i].next(ctx)
				if err != nil {
					return nil, err
				}
				if m.ready[i] = rows; len(rows) == 0 {
					m.walks, m.ready = slices.Delete(m.walks, i, i+1), slices.Delete(m.ready, i, i+1)
					i--
					continue
				}
			}
			if first < 0 || store.CompareCursors(m.order, m.ready[i][0].at, m.ready[first][0].at) < 0 {
				first = i
			}
		}
		if first < 0 {
			break
		}
		out, m.ready[first] = append(out, m.ready[first][0]), m.ready[first][1:]
	}
	return out, nil
}

// inRevision is a condition on revisions as one on changes, which have them. All of it is said by revisions (saidByRevision).
func inRevision(e filter.Expr) filter.Expr {
	field := func(f filter.Field) filter.Field {
		if f.Type == filter.ID {
			return text("resource_id")
		}
		f.Path = append([]string{"revision"}, f.Path...)
		return f
	}
	list := func(from []filter.Expr) []filter.Expr {
		out := make([]filter.Expr, len(from))
		for i, x := range from {
			out[i] = inRevision(x)
		}
		return out
	}
	switch e := e.(type) {
	case filter.And:
		return filter.And(list(e))
	case filter.Or:
		return filter.Or(list(e))
	case filter.Not:
		return filter.Not{Of: inRevision(e.Of)}
	case filter.Compare:
		e.Field = field(e.Field)
		return e
	case filter.In:
		e.Field = field(e.Field)
		return e
	case filter.Exists:
		e.Field = field(e.Field)
		return e
	}
	return e
}
