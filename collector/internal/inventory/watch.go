package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Watching is polling: the store is what several collectors have in common, and a change is there as soon as it is
// committed. Its moment is older than its commit, by as much as a unit of work takes, so whoever follows the newest
// moment misses what commits late. A watch counts instead: changes are never rewritten, so a count from a fixed moment
// on only grows, and grows by exactly what was committed meanwhile.
const (
	// watchOverlap is how much older than its commit a change may be and still be noticed.
	watchOverlap = 30 * time.Second
	// watchMoves is when a watch counts from a later moment on, so that it never counts much.
	watchMoves = 30 * time.Second
	// watchNamed is up to how many changes of one look are told one by one.
	watchNamed = 200
	// watchRead is up to how many changes a look reads to find the new ones among them.
	watchRead = 500
)

// Changed is what happened to the resources of a kind since the last look. Resources are named when there are few.
type Changed struct {
	Kind      string
	Count     int
	Resources []ChangedResource
}

// ChangedResource is one of them.
type ChangedResource struct {
	ID      string
	Name    string
	Version int64
	State   State
	Action  string
}

// ChangeWatch tells what changed between two looks at it, as far as the caller may see it. It is not for several
// goroutines at once.
type ChangeWatch struct {
	s      *Service
	c      Caller
	anchor time.Time
	total  int
	// byKind counts like total, and seen are the changes counted one by one; without it, kinds are all that is known.
	byKind map[string]int
	seen   map[string]time.Time
}

// WatchChanges begins a watch of what is committed from now on.
func (s *Service) WatchChanges(ctx context.Context, c Caller, now time.Time) (*ChangeWatch, error) {
	w := &ChangeWatch{s: s, c: c}
	return w, w.begin(ctx, now.Add(-watchOverlap))
}

// ChangesSince is all that was committed since a moment, told like a watch tells it, and a little of what was before.
func (s *Service) ChangesSince(ctx context.Context, c Caller, since time.Time) ([]Changed, error) {
	w := &ChangeWatch{s: s, c: c, anchor: since.Add(-watchOverlap), byKind: map[string]int{}, seen: map[string]time.Time{}}
	return w.look(ctx)
}

func (w *ChangeWatch) query(more ...filter.Expr) store.Query {
	where := append(filter.And{w.c.may(), filter.Compare{Field: when("at"), Op: filter.Ge, Value: w.anchor.UTC().Format(store.TimeLayout)}}, more...)
	return store.Query{Table: tChanges, Tenant: w.c.Tenant, Where: where, Order: []store.Order{{Field: when("at"), Desc: true}}}
}

// begin takes what is there from the anchor on for known.
func (w *ChangeWatch) begin(ctx context.Context, anchor time.Time) error {
	w.anchor, w.byKind, w.seen = anchor, map[string]int{}, map[string]time.Time{}
	var err error
	if w.total, err = w.s.opt.Store.Count(ctx, w.query(), 0); err != nil {
		return fmt.Errorf("count changes: %w", err)
	}
	if w.total > watchRead {
		w.seen = nil
		w.byKind, err = w.kinds(ctx)
		return err
	}
	q := w.query()
	q.Limit = watchRead
	page, err := w.s.opt.Store.Find(ctx, q)
	if err != nil {
		return fmt.Errorf("read changes: %w", err)
	}
	for _, row := range page.Rows {
		d, err := decodeRow[changeDoc](row)
		if err != nil {
			return err
		}
		w.seen[row.ID] = d.At.Time
		w.byKind[d.Kind]++
	}
	// What was committed between counting and reading is known too.
	w.total = max(w.total, len(page.Rows))
	return nil
}

func (w *ChangeWatch) kinds(ctx context.Context) (map[string]int, error) {
	kinds, err := w.s.Kinds(ctx, w.c.Tenant)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for i := range kinds {
		n, err := w.s.opt.Store.Count(ctx, w.query(eq(text("kind"), kinds[i].Name)), 0)
		if err != nil {
			return nil, fmt.Errorf("count changes: %w", err)
		}
		if n > 0 {
			counts[kinds[i].Name] = n
		}
	}
	return counts, nil
}

// Look answers what was committed since the last look, by kind. Now and then something is told twice, never not at all,
// unless it was committed by watchOverlap later than it says.
func (w *ChangeWatch) Look(ctx context.Context, now time.Time) ([]Changed, error) {
	if now.Sub(w.anchor) < watchOverlap+watchMoves {
		return w.look(ctx)
	}
	// The later anchor counts first: what is committed between the two is then told, if not by this look, by the next.
	next := &ChangeWatch{s: w.s, c: w.c}
	if err := next.begin(ctx, now.Add(-watchOverlap)); err != nil {
		return nil, err
	}
	found, err := w.look(ctx)
	if err != nil {
		return nil, err
	}
	*w = *next
	return found, nil
}

func (w *ChangeWatch) look(ctx context.Context) ([]Changed, error) {
	total, err := w.s.opt.Store.Count(ctx, w.query(), 0)
	if err != nil {
		return nil, fmt.Errorf("count changes: %w", err)
	}
	grown := total - w.total
	if grown <= 0 {
		return nil, nil
	}
	if w.seen != nil && grown <= watchNamed {
		found, all, err := w.name(ctx, grown)
		if err != nil {
			return nil, err
		}
		if all {
			w.total = total
			return found, nil
		}
	}
	counts, err := w.kinds(ctx)
	if err != nil {
		return nil, err
	}
	var found []Changed
	for _, kind := range keysOf(counts) {
		if n := counts[kind] - w.byKind[kind]; n > 0 {
			found = append(found, Changed{Kind: kind, Count: n})
		}
	}
	w.total, w.byKind, w.seen = total, counts, nil
	return found, nil
}

// name reads the newest changes until it has found as many new ones as there must be; all says that it has.
func (w *ChangeWatch) name(ctx context.Context, grown int) (found []Changed, all bool, err error) {
	fresh := map[string]time.Time{}
	byKind := map[string]*Changed{}
	q := w.query()
	q.Limit = min(grown+20, watchRead)
	for read := 0; read < watchRead && len(fresh) < grown; read += q.Limit {
		page, err := w.s.opt.Store.Find(ctx, q)
		if err != nil {
			return nil, false, fmt.Errorf("read changes: %w", err)
		}
		for _, row := range page.Rows {
			if _, known := w.seen[row.ID]; known {
				continue
			}
			d, err := decodeRow[changeDoc](row)
			if err != nil {
				return nil, false, err
			}
			fresh[row.ID] = d.At.Time
			k := byKind[d.Kind]
			if k == nil {
				k = &Changed{Kind: d.Kind}
				byKind[d.Kind] = k
			}
			k.add(&d)
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if len(fresh) < grown {
		return nil, false, nil
	}
	for id, at := range fresh {
		w.seen[id] = at
	}
	for _, kind := range keysOf(byKind) {
		k := byKind[kind]
		w.byKind[kind] += k.Count
		slices.SortFunc(k.Resources, func(a, b ChangedResource) int { return strings.Compare(a.ID, b.ID) })
		found = append(found, *k)
	}
	return found, true, nil
}

// add tells of a resource once, as its newest change has it.
func (k *Changed) add(d *changeDoc) {
	k.Count++
	r := ChangedResource{ID: d.ResourceID, Name: d.Name, Version: d.Version, State: d.Revision.State, Action: d.Action}
	for i, other := range k.Resources {
		if other.ID == r.ID {
			if other.Version < r.Version {
				k.Resources[i] = r
			}
			return
		}
	}
	k.Resources = append(k.Resources, r)
}

// RunWatch tells which runs moved between two looks at it.
type RunWatch struct {
	s     *Service
	c     Caller
	known map[string]int64
	going map[string]bool
}

// runsWatched is how many of the newest runs a watch looks at, besides those that go on.
const runsWatched = 50

// WatchRuns begins a watch; what its first look finds is known and not told.
func (s *Service) WatchRuns(ctx context.Context, c Caller) (*RunWatch, error) {
	w := &RunWatch{s: s, c: c}
	_, err := w.Look(ctx)
	return w, err
}

// Look answers the runs that moved, as they are now.
func (w *RunWatch) Look(ctx context.Context) ([]RunInfo, error) {
	latest, err := w.find(ctx, nil, runsWatched)
	if err != nil {
		return nil, err
	}
	going, err := w.find(ctx, in(text("state"), []string{"queued", "running"}), watchRead)
	if err != nil {
		return nil, err
	}
	rows := map[string]store.Row{}
	for _, r := range slices.Concat(latest, going) {
		rows[r.ID] = r
	}
	// Those that went on at the last look and are too old for the newest.
	var ended []string
	for id := range w.going {
		if _, there := rows[id]; !there {
			ended = append(ended, id)
		}
	}
	more, err := getChunks(ctx, w.s.opt.Store, tRuns, w.c.Tenant, "", ended)
	if err != nil {
		return nil, err
	}
	for id, r := range more {
		rows[id] = r
	}
	first, known := w.known == nil, map[string]int64{}
	var moved []RunInfo
	w.going = map[string]bool{}
	for _, id := range keysOf(rows) {
		r := rows[id]
		d, err := decodeRow[runDoc](r)
		if err != nil {
			return nil, err
		}
		known[id] = r.Version
		if !over(d.State) {
			w.going[id] = true
		}
		if !first && w.known[id] != r.Version {
			moved = append(moved, d.view(id))
		}
	}
	w.known = known
	return moved, nil
}

func (w *RunWatch) find(ctx context.Context, where filter.Expr, limit int) ([]store.Row, error) {
	all := filter.And{}
	if !w.c.TenantWide {
		all = append(all, in(text("connection"), w.c.Connections))
	}
	if where != nil {
		all = append(all, where)
	}
	page, err := w.s.opt.Store.Find(ctx, store.Query{Table: tRuns, Tenant: w.c.Tenant, Where: all, Limit: limit,
		Order: []store.Order{{Field: when("ordered_at"), Desc: true}}})
	if err != nil {
		return nil, fmt.Errorf("watch runs: %w", err)
	}
	return page.Rows, nil
}

// Waits counts what waits for a person.
type Waits struct{ Held, Reviews int }

// Waits counts held removals and open reviews that the caller sees, up to 10,000 each.
func (s *Service) Waits(ctx context.Context, c Caller) (Waits, error) {
	var out Waits
	var err error
	if out.Held, err = s.opt.Store.Count(ctx, store.Query{Table: tHeld, Tenant: c.Tenant, Where: c.waitsHeld()}, countMax); err != nil {
		return out, fmt.Errorf("count held removals: %w", err)
	}
	if c.TenantWide { // what one may see of a review is decided by both its resources, which only others need to ask
		out.Reviews, err = s.opt.Store.Count(ctx, store.Query{Table: tReviews, Tenant: c.Tenant, Where: eq(text("state"), "open")}, countMax)
		if err != nil {
			return out, fmt.Errorf("count review items: %w", err)
		}
		return out, nil
	}
	list, err := s.ReviewItems(ctx, c, ReviewQuery{Limit: 1})
	if err != nil {
		return out, err
	}
	out.Reviews = list.Total
	return out, nil
}
