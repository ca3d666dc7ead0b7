package inventory

import (
	"context"
	"math"
	"slices"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// mostPassed is how many are passed by newest first that do not meet a condition which the store is better asked for.
const mostPassed = 20_000

// walkedPage is a page of a list that is gone through in its order, and the count of what is found on the way.
type walkedPage struct {
	*pastPage
	s    *Service
	c    Caller
	p    *pastSet
	cond *pastCondition
	from pastPosition
	m    *pastMerge
	// rows came last, end says that none come any more.
	rows []pastRow
	end  bool
}

// pageWalked is a page of a list whose order the changes have an index for; false of another one, and where so few of those newest first
// meet the condition that the store is better asked for these. A page that took all the work there is for it ends where that ended.
func (s *Service) pageWalked(ctx context.Context, c Caller, p *pastSet, q ListQuery, where filter.And, from pastPosition) (found pastFound, ok bool, err error) {
	page := &walkedPage{s: s, c: c, p: p, cond: newPastCondition(where), from: from}
	if page.pastPage, err = newPastPage(q); err != nil {
		return found, false, err
	}
	if page.m, ok, err = s.walks(ctx, c.Tenant, p, q.Order, page.after, page.cond); err != nil || !ok {
		return found, false, err
	}
	looked := 0
	for len(page.first) < page.limit && !page.end && (len(page.rows) == 0 || !p.work.used()) {
		looked += len(page.rows)
		if err := page.on(ctx); err != nil {
			return found, false, err
		}
		if page.m.shown && page.cond.narrow && looked+len(page.rows)-page.matched > mostPassed {
			return found, false, nil
		}
	}
	found, err = page.cutAt(ctx, q, looked)
	if err != nil {
		return found, false, err
	}
	found.total, found.more, err = page.total(ctx, q)
	return found, true, err
}

// on takes the next ones.
func (w *walkedPage) on(ctx context.Context) (err error) {
	if w.rows, err = w.m.next(ctx); err != nil || len(w.rows) == 0 {
		w.end = err == nil
		return err
	}
	if w.m.meets && !w.cond.late {
		w.followAll(w.rows)
		return nil
	}
	return w.s.meeting(ctx, w.c, w.p, w.cond, w.rows, w.m.meets, false, func(was pastRow, _ filter.Reader) error { w.follow(was); return nil })
}

// cutAt is the page, which ends where it is full or where the work for it was used up; looked is what was gone through before the last rows came.
func (w *walkedPage) cutAt(ctx context.Context, q ListQuery, looked int) (found pastFound, err error) {
	if !w.cond.late {
		if err := w.s.complete(ctx, w.c, w.p.kind, w.first); err != nil {
			return found, err
		}
	}
	rows := make([]store.Row, len(w.first))
	for i, r := range w.first {
		rows[i] = r.row(w.c, w.p)
	}
	if found, err = pageOf(rows, q); err != nil {
		return found, err
	}
	next := pastPosition{After: found.next, Found: w.from.Found}
	switch {
	case found.next != "":
		last := found.rows[len(found.rows)-1].ID
		looked += 1 + slices.IndexFunc(w.rows, func(r pastRow) bool { return r.id == last })
	case w.end:
		return found, nil
	default:
		if next.After, err = w.rows[len(w.rows)-1].at.Encode(q.Order); err != nil {
			return found, err
		}
		looked += len(w.rows)
		found.looked = w.from.Looked + looked
	}
	if next.Looked = w.from.Looked + looked; w.from.Found >= 0 {
		next.Found += len(found.rows)
	}
	found.next, err = next.text()
	return found, err
}

// total is how many met the condition at the moment, or of how many that is known within the work for a page. What only rows answer is
// counted in the page's own order, on from where it ended; of other conditions a store knows a faster way.
func (w *walkedPage) total(ctx context.Context, q ListQuery) (total int, more bool, err error) {
	most := countMax
	if q.CountExact {
		most = math.MaxInt
	}
	before := max(w.from.Found, 0)
	switch {
	case w.cond.late:
		for !w.end && before+w.matched < most && !w.p.work.used() {
			if err := w.on(ctx); err != nil {
				return 0, false, err
			}
		}
		more = !w.end || w.from.Found < 0
	case w.end && w.after == nil:
	default:
		if total, more, err = w.s.countWalked(ctx, w.c, w.p, w.cond, most); err != nil || !more {
			return total, more, err
		}
	}
	total = max(total, before+w.matched)
	return min(total, most), more || total >= most, nil
}

// countWalked is how many met a condition at the moment that revisions answer, counted up to most; more says that there may be others.
func (s *Service) countWalked(ctx context.Context, c Caller, p *pastSet, cond *pastCondition, most int) (n int, more bool, err error) {
	for w := s.walkAll(c.Tenant, p, cond, true); n < most; {
		rows, err := w.next(ctx)
		if n += len(rows); err != nil || len(rows) == 0 {
			return n, false, err
		}
		if p.work.used() && !w.over {
			return n, true, nil
		}
	}
	return n, true, nil
}

// pageSwept is a page of a list whose order no index has: it may begin anywhere, so all is gone through before it is known. Where that is more than
// the work for a page it is empty, and its position has how far that came and what comes first so far.
func (s *Service) pageSwept(ctx context.Context, c Caller, p *pastSet, q ListQuery, where filter.And, from pastPosition) (pastFound, error) {
	if from.Limit > 0 {
		q.Limit = min(q.Limit, from.Limit) // of a longer page the best so far are not known
	}
	past, err := newPastPage(q)
	if err != nil {
		return pastFound{}, err
	}
	cond := newPastCondition(where)
	complete := cond.late || slices.ContainsFunc(q.Order, func(o store.Order) bool { return isDerivedField(o.Field) })
	take := func(was pastRow, doc filter.Reader) error { past.take(was, doc); return nil }
	w := s.walkAll(c.Tenant, p, cond, false)
	if from.Gone != "" {
		at, err := store.DecodeCursor(from.Gone, w.query.Order)
		if err != nil {
			return pastFound{}, err
		}
		if err := w.behind(at); err != nil {
			return pastFound{}, err
		}
		best, err := s.stillBest(ctx, c, p, from.Best)
		if err != nil {
			return pastFound{}, err
		}
		if err := s.meeting(ctx, c, p, cond, best, false, complete, take); err != nil {
			return pastFound{}, err
		}
		past.matched, p.work.looked = from.Found, from.Looked
	}
	for {
		rows, err := w.next(ctx)
		if err != nil {
			return pastFound{}, err
		}
		if len(rows) == 0 {
			break
		}
		p.work.look(len(rows))
		if err := s.meeting(ctx, c, p, cond, rows, w.meets, complete, take); err != nil {
			return pastFound{}, err
		}
		if p.work.used() && !w.over {
			return past.unfinished(p, q, w, rows[len(rows)-1].at)
		}
	}
	past.cut()
	if !complete {
		if err := s.complete(ctx, c, p.kind, past.first); err != nil {
			return pastFound{}, err
		}
	}
	out := make([]store.Row, len(past.first))
	for i, r := range past.first {
		out[i] = r.row(c, p)
	}
	found, err := pageOf(out, q)
	found.total = past.matched
	return found, err
}

// unfinished is the empty page of what was gone through until a place.
func (p *pastPage) unfinished(of *pastSet, q ListQuery, w *pastWalk, last store.Cursor) (pastFound, error) {
	limit := min(q.Limit, mostBest)
	p.limit = limit + 1
	p.cut()
	gone, err := last.Encode(w.query.Order)
	if err != nil {
		return pastFound{}, err
	}
	at := pastPosition{After: q.After, Found: p.matched, Looked: of.work.looked, Gone: gone, Limit: limit}
	for _, r := range p.first {
		at.Best = append(at.Best, changeID(r.id, r.version))
	}
	next, err := at.text()
	return pastFound{next: next, total: p.matched, more: true, looked: at.Looked}, err
}

// stillBest reads what a position says comes first so far, of which only that is taken which was a resource's newest at the moment.
func (s *Service) stillBest(ctx context.Context, c Caller, p *pastSet, keys []string) ([]pastRow, error) {
	found, err := getChunks(ctx, s.opt.Store, tChanges, c.Tenant, "", unique(slices.Clone(keys)))
	if err != nil {
		return nil, err
	}
	var changes []store.Row
	for _, row := range found {
		ch, err := decodeRow[struct {
			Kind string     `json:"kind"`
			At   store.Time `json:"at"`
		}](row)
		if err != nil {
			return nil, err
		}
		if !ch.At.After(p.at) && (p.kind == nil || ch.Kind == p.kind.Name) {
			changes = append(changes, row)
		}
	}
	w := &pastWalk{s: s, tenant: c.Tenant, at: p.at, meets: true}
	return w.newest(ctx, changes)
}
