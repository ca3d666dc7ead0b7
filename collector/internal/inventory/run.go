package inventory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// Run is the receiving end of one run of one connection. It is used by one goroutine at a time; nothing of it
// is needed after a crash, since the agent replays the run from its beginning.
type Run struct {
	s     *Service
	start RunStart
	pos   position
	set   *scopeSet
	doc   runDoc
	row   int64

	plan     []resource.Scope
	planned  bool
	complete bool
	scopes   []runScope
	// captures are those that go on, and a few that are over; ends is how those ended that are.
	captures map[int]*capture
	ends     []captureEnd
	ended    int
	// dirty are the chunks of scopes that the store does not have as they are, positions where a scope is in the plan.
	dirty     map[int]bool
	positions map[string]int
	// saved is when the row was last written while the run goes on.
	saved store.Time
}

// captureEnd is what a run remembers of a capture that is over.
type captureEnd struct {
	verdict Verdict
	status  resource.Status
	readAt  store.Time
}

// OpenRun begins a run, or ends it at once when its root shows that nothing changed. The Run is nil unless the
// verdict is Send.
func (s *Service) OpenRun(ctx context.Context, start RunStart) (run *Run, v Verdict, reason string, err error) {
	if start.Tenant == "" || start.RunID == "" || start.Connection.ID == "" {
		return nil, Refused, "run without tenant, id or connection", nil
	}
	doc, row, err := s.runRow(ctx, s.opt.Store, start.Tenant, start.RunID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, "", "", err
	}
	switch {
	case row > 0 && doc.Connection != start.Connection.ID:
		return nil, Refused, "run of another connection", nil
	case row > 0 && doc.Closed && !(position{doc.Epoch, doc.Generation}).less(position{start.Epoch, start.Generation}):
		return nil, Done, "closed before", nil
	}
	// Closed under a lower generation it was read twice: an agent that was killed while it began the run has begun it again. That reading is
	// news. To say that it is settled would acknowledge a generation that the store does not know.
	set, err := loadScopes(ctx, s.opt.Store, start.Tenant, start.Connection.ID)
	if err != nil {
		return nil, "", "", fmt.Errorf("read scopes: %w", err)
	}
	run = &Run{s: s, start: start, pos: position{start.Epoch, start.Generation}, set: set, doc: doc, row: row, captures: map[int]*capture{}, dirty: map[int]bool{}}
	for _, st := range set.states {
		if st.Applied.Epoch > start.Epoch {
			const why = "a newer assignment of the connection has reported"
			return nil, Superseded, why, s.SupersedeRun(ctx, start.Tenant, start.Connection.ID, start.RunID, why)
		}
	}
	// A run that was received in part before has to be gone through to its end, whatever it still has to tell.
	begun := row > 0 && doc.Epoch == start.Epoch && doc.Generation == start.Generation
	run.fill()
	if len(start.Root) > 0 && !begun {
		same, err := run.sameRoot(ctx)
		if err != nil {
			return nil, "", "", err
		}
		if same {
			return nil, Done, "", run.unchanged(ctx)
		}
	}
	run.doc.State = "running"
	if err := run.save(ctx); err != nil {
		return nil, "", "", err
	}
	return run, Send, "", nil
}

// fill writes what the opening says into the run's row.
func (r *Run) fill() {
	d, now := &r.doc, store.At(r.s.now())
	d.Connection, d.ConnectionName = r.start.Connection.ID, r.start.Connection.Name
	d.Provider, d.Agent = r.start.Connection.Provider, r.start.Connection.AgentID
	if r.start.Trigger != "" {
		d.Trigger = r.start.Trigger
	}
	if len(r.start.Kinds) > 0 {
		d.Kinds = r.start.Kinds
	}
	d.StartedAt, d.FinishedAt = store.At(r.start.StartedAt), store.Time{}
	if d.StartedAt.IsZero() {
		d.StartedAt = now
	}
	if d.OrderedAt.IsZero() {
		d.OrderedAt = d.StartedAt
	}
	d.UpdatedAt, d.PluginVersion = now, r.start.PluginVersion
	d.Epoch, d.Generation = r.start.Epoch, r.start.Generation
	d.ScopesTotal = max(d.ScopesTotal, r.start.Scopes)
	d.Error, d.Closed, d.Unchanged = "", false, false
}

// concerned are the states of the scopes that a run of the same kinds reads, as of the latest plans.
func (r *Run) concerned() []*scopeState {
	var out []*scopeState
	for _, st := range r.set.states {
		if st.Planned && r.asked(st.Key) {
			out = append(out, st)
		}
	}
	return out
}

// asked says whether the run was asked to read the scope's kind. A run that names no kinds may read any.
func (r *Run) asked(scopeKey string) bool {
	scope, err := resource.ParseScopeKey(scopeKey)
	return err == nil && (len(r.start.Kinds) == 0 || slices.Contains(r.start.Kinds, scope.Kind))
}

func (r *Run) sameRoot(ctx context.Context) (bool, error) {
	root, complete := []resource.ScopeState{}, true
	for _, st := range r.concerned() {
		kind, err := r.kindOf(ctx, st.Key)
		if err != nil {
			return false, err
		}
		if r.pos.less(st.Applied) || kind == nil || !st.settled(rule(kind)) || st.refreshDue(kind, r.s.now()) {
			return false, nil
		}
		rs, err := st.forRoot()
		if err != nil {
			return false, err
		}
		root = append(root, rs)
		complete = complete && st.PlanComplete
	}
	if len(root) == 0 || complete && r.leftOver() {
		return false, nil
	}
	h := resource.Root(root, complete)
	return bytes.Equal(h[:], r.start.Root), nil
}

// leftOver says that there are scopes which a complete plan has no longer and that still have to be turned unwatched.
func (r *Run) leftOver() bool {
	return slices.ContainsFunc(r.set.states, func(st *scopeState) bool {
		return !st.Planned && !st.Dropped && (st.Applied != position{} || st.Open != position{}) && r.asked(st.Key)
	})
}

// kindOf is nil for a kind that is not registered.
func (r *Run) kindOf(ctx context.Context, scopeKey string) (*KindInfo, error) {
	scope, err := resource.ParseScopeKey(scopeKey)
	if err != nil {
		return nil, err
	}
	k, err := r.s.kind(ctx, r.start.Tenant, scope.Kind)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return k, err
}

// unchanged ends a run of which nothing needs to travel: its row, its scopes and their states are all that is written.
func (r *Run) unchanged(ctx context.Context) error {
	finished := store.At(r.start.FinishedAt)
	if finished.IsZero() {
		finished = store.At(r.s.now())
	}
	statuses := map[string]int{}
	r.doc.Listed, r.doc.Rejected = 0, 0 // progress has counted already
	for _, st := range r.concerned() {
		st.Applied, st.LastRun, st.Changed, st.Verdict = r.pos, r.start.RunID, false, "unchanged"
		if st.Status == resource.StatusComplete {
			st.LastComplete, st.CompletePos, st.CompleteFingerprint = finished, r.pos, st.Fingerprint
			st.Unread = false
		}
		r.set.touch(st.Key)
		statuses[string(st.Status)]++
		r.complete = st.PlanComplete
		r.touch(len(r.scopes))
		r.scopes = append(r.scopes, runScope{Key: st.Key, Verdict: "unchanged",
			Outcome: resource.Outcome{Status: st.Status, Listed: int(st.Digest.Count), Error: st.Error, Advice: st.Advice}})
		r.doc.Listed += st.Digest.Count
		r.doc.Rejected += st.Rejected
	}
	d := &r.doc
	d.Unchanged, d.PlanComplete, d.Closed, d.FinishedAt = true, r.complete, true, finished
	d.ScopesTotal, d.ScopesDone = len(r.scopes), len(r.scopes)
	d.Statuses, d.State, d.Phase = countedOf(statuses), stateOf(statuses, ""), ""
	return r.flush(ctx)
}

// Plan sets what the run is going to read. It is called once, with all scopes.
func (r *Run) Plan(ctx context.Context, scopes []resource.Scope, complete bool, warnings []string) error {
	now := store.At(r.s.now())
	seen := make(map[string]bool, len(scopes))
	r.scopes, r.ends, r.positions = make([]runScope, len(scopes)), make([]captureEnd, len(scopes)), nil
	for i, sc := range scopes {
		if err := sc.Check(); err != nil {
			return &InvalidError{Problem: fmt.Sprintf("plan: scope %d: %v", i, err)}
		}
		key := sc.Key()
		if seen[key] {
			return &InvalidError{Problem: fmt.Sprintf("plan: scope %s repeats", key)}
		}
		seen[key] = true
		r.scopes[i] = runScope{Key: key}
		r.touch(i)
		st := r.set.state(key, now)
		if r.pos.less(st.Applied) {
			continue // a late run says nothing about what is planned now
		}
		if !st.Planned || st.PlanComplete != complete || st.Dropped {
			st.Planned, st.PlanComplete, st.Dropped = true, complete, false
			r.set.touch(key)
		}
	}
	for _, st := range r.set.states {
		if st.Planned && !seen[st.Key] && !r.pos.less(st.Applied) && r.asked(st.Key) && (complete || len(r.start.Kinds) > 0) {
			st.Planned = false
			r.set.touch(st.Key)
		}
	}
	r.plan, r.complete, r.planned = scopes, complete, true
	r.doc.PlanComplete, r.doc.Warnings, r.doc.ScopesTotal = complete, warnings, len(scopes)
	if r.doc.Phase == "" {
		r.doc.Phase = "receiving"
	}
	return r.save(ctx)
}

// save writes the run's row and its scopes while it goes on.
func (r *Run) save(ctx context.Context) error {
	if err := r.hear(ctx); err != nil {
		return err
	}
	r.doc.UpdatedAt = store.At(r.s.now())
	ops, err := r.rowWrites(true)
	if err != nil {
		return err
	}
	err = r.s.opt.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, ops...)
		return err
	})
	if err != nil {
		return fmt.Errorf("write run: %w", err)
	}
	r.row++
	clear(r.dirty)
	r.saved = r.doc.UpdatedAt
	return nil
}

// touch notes that what is known of a scope changed.
func (r *Run) touch(scope int) { r.dirty[scope/scopesPerRunChunk] = true }

// hear takes over what the agent told of the run beside the push, which may be ahead of it: what people see of a run that
// goes on never goes back.
func (r *Run) hear(ctx context.Context) error {
	told, row, err := r.s.runRow(ctx, r.s.opt.Store, r.start.Tenant, r.start.RunID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	d := &r.doc
	d.ScopesTotal, d.ScopesDone, d.Listed = max(d.ScopesTotal, told.ScopesTotal), max(d.ScopesDone, told.ScopesDone), max(d.Listed, told.Listed)
	d.Phase = cmp.Or(told.Phase, d.Phase)
	if len(told.Log) > 0 {
		d.Log = told.Log
	}
	r.row = row
	return nil
}

// flush writes everything at the run's end: states, scopes, and the row last.
func (r *Run) flush(ctx context.Context) error {
	r.doc.UpdatedAt = store.At(r.s.now())
	rows, err := r.rowWrites(false)
	if err != nil {
		return err
	}
	err = r.s.opt.Store.Update(ctx, func(tx store.Tx) error {
		if err := r.set.write(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Write(ctx, rows...)
		return err
	})
	if err != nil {
		return fmt.Errorf("write run: %w", err)
	}
	r.set.written()
	clear(r.dirty)
	r.row++
	return nil
}

func (r *Run) rowWrites(rowFirst bool) ([]store.Write, error) {
	var ops []store.Write
	for _, n := range slices.Sorted(maps.Keys(r.dirty)) {
		part := r.scopes[n*scopesPerRunChunk : min(len(r.scopes), (n+1)*scopesPerRunChunk)]
		row, err := encodeRow(runChunkID(r.start.RunID, n), r.start.Tenant, "", 1, runChunk{RunID: r.start.RunID, Number: n, Scopes: part})
		if err != nil {
			return nil, err
		}
		ops = append(ops, store.Write{Table: tRunChunks, Op: store.Put, Row: row})
	}
	row, err := encodeRow(r.start.RunID, r.start.Tenant, "", r.row+1, r.doc)
	if err != nil {
		return nil, err
	}
	w := store.Write{Table: tRuns, Op: store.Put, Row: row}
	if rowFirst {
		return append([]store.Write{w}, ops...), nil
	}
	return append(ops, w), nil
}

// Close ends the run: absences are decided now.
func (r *Run) Close(ctx context.Context, said RunEnd) (v Verdict, reason string, err error) {
	done := map[string]bool{} // scopes whose complete capture of this run went through
	statuses := map[string]int{}
	for i := range r.scopes {
		end, going := r.ends[i], r.captures[i] != nil
		st := r.set.state(r.scopes[i].Key, store.At(r.s.now()))
		if end.verdict == "" && !going {
			r.touch(i)
			r.scopes[i].Outcome = resource.Outcome{Status: resource.StatusNotTried, Error: said.Error}
			if st.Applied.less(r.pos) && st.Status != resource.StatusNotTried {
				st.Status, st.Error, st.Advice = resource.StatusNotTried, said.Error, ""
				st.LastRun = r.start.RunID
				r.set.touch(st.Key)
			}
		} else if end.verdict == Done && end.status == resource.StatusComplete {
			done[st.Key] = true
		} else if end.verdict == "" {
			r.touch(i)
			r.scopes[i].Outcome.Status = resource.StatusFailed
			r.scopes[i].Verdict, r.scopes[i].Reason = "failed", "the run was closed before the scope was finished"
		}
		statuses[string(r.scopes[i].Outcome.Status)]++
	}
	if err := r.decide(ctx, done); err != nil {
		return "", "", fmt.Errorf("decide removals: %w", err)
	}
	if err := r.unplanned(ctx); err != nil {
		return "", "", fmt.Errorf("unwatch scopes: %w", err)
	}
	if err := r.tally(ctx); err != nil {
		return "", "", fmt.Errorf("count changes: %w", err)
	}
	d := &r.doc
	d.FinishedAt = store.At(said.FinishedAt)
	if d.FinishedAt.IsZero() {
		d.FinishedAt = store.At(r.s.now())
	}
	d.Error, d.Log, d.Closed, d.Phase = said.Error, said.Log, true, ""
	d.Statuses, d.State = countedOf(statuses), stateOf(statuses, said.Error)
	if err := r.flush(ctx); err != nil {
		return "", "", err
	}
	return Done, "", nil
}

// decide settles what complete captures did not list.
func (r *Run) decide(ctx context.Context, done map[string]bool) error {
	for i := range r.scopes {
		st := r.set.state(r.scopes[i].Key, store.Time{})
		if !done[st.Key] || !st.Undecided {
			continue
		}
		a := r.absence(r.plan[i], r.ends[i].readAt)
		if err := a.decide(ctx, int(st.Digest.Count)); err != nil {
			return err
		}
		r.scopes[i].Changed = true
		r.touch(i)
		st.Undecided = false
		r.set.touch(st.Key)
	}
	return nil
}

func (r *Run) absence(scope resource.Scope, at store.Time) *absence {
	return &absence{s: r.s, tenant: r.start.Tenant, conn: r.start.Connection.ID, scope: scope, cause: r.cause(at), set: r.set, seen: r.read}
}

// read says whether the run read a scope, to its end or in part. What a partial capture still lists cannot be told from what it
// did not come to, so none of it is taken for absent.
func (r *Run) read(scopeKey string) bool {
	if r.positions == nil {
		r.positions = make(map[string]int, len(r.scopes))
		for i := range r.scopes {
			r.positions[r.scopes[i].Key] = i
		}
	}
	at, ok := r.positions[scopeKey]
	return ok && r.ends[at].verdict == Done && (r.ends[at].status == resource.StatusComplete || r.ends[at].status == resource.StatusPartial)
}

func (r *Run) cause(at store.Time) cause {
	return cause{actor: "run:" + r.start.RunID, runID: r.start.RunID, connection: r.start.Connection.ID, observedAt: at.Time}
}

// unplanned turns unwatched what a complete plan has no longer, for the kinds that the run was asked to read.
func (r *Run) unplanned(ctx context.Context) error {
	if !r.planned || !r.complete || len(r.start.Kinds) == 0 {
		return nil
	}
	for _, st := range r.set.states {
		if st.Planned || st.Dropped || !r.asked(st.Key) || st.Applied == (position{}) && st.Open == (position{}) {
			continue
		}
		if r.pos.less(st.Applied) {
			continue
		}
		if err := r.s.dropScope(ctx, r.set, st, r.cause(store.At(r.start.StartedAt)), "its scope is no longer planned", r.read); err != nil {
			return err
		}
	}
	return nil
}

// dropScope turns everything in a scope unwatched.
func (s *Service) dropScope(ctx context.Context, set *scopeSet, st *scopeState, c cause, reason string, seen func(string) bool) error {
	scope, err := resource.ParseScopeKey(st.Key)
	if err != nil {
		return err
	}
	set.doubt(st.Key, store.At(s.now()))
	if err := s.saveScopes(ctx, set); err != nil {
		return err
	}
	a := &absence{s: s, tenant: set.tenant, conn: set.connection, scope: scope, cause: c, set: set, seen: seen}
	if err := a.unwatch(ctx, reason); err != nil {
		return err
	}
	if err := s.recount(ctx, set, st.Key); err != nil {
		return err
	}
	st.Dropped, st.Undecided, st.Open = true, false, position{}
	set.touch(st.Key)
	return nil
}
