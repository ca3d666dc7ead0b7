package inventory

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// capture is one scope of a run on its way in.
type capture struct {
	in     Capture
	scope  resource.Scope
	kind   *KindInfo
	st     *scopeState
	work   scopeWork
	cause  cause
	digest resource.Digest
	// rejected counts the rejected rows of the scope.
	rejected int
	// listing says that the (key, hash) list is coming; listed that it has come once, so that it is not asked for again.
	listing bool
	listed  bool
	// after is the last key of the list so far; wanted are keys whose bodies were asked for.
	after  string
	wanted map[string]bool
	// parts are those that the list speaks of, nil for all; pieces counts its batches.
	parts  *resource.BucketSet
	pieces int
	// refresh has every body of the list asked for, since volatile values are in no hash.
	refresh bool
	opened  bool // the state says that the capture has begun to write
	changed bool
	undecid bool
	heldIDs []string
	rejects []Rejection
	verdict Verdict
}

func (c *capture) complete() bool { return c.in.Outcome.Status == resource.StatusComplete }

func (c *capture) readAt() store.Time {
	if c.in.ReadAt.IsZero() {
		return store.At(time.Time{})
	}
	return store.At(c.in.ReadAt)
}

// whole says that the capture's digest is over all that the agent knows to be in the scope.
func (c *capture) whole() bool { return c.complete() || c.in.Baseline != nil }

// OpenCapture announces a scope.
func (r *Run) OpenCapture(ctx context.Context, in Capture) (v Verdict, reason string, err error) {
	if in.Scope < 0 || in.Scope >= len(r.plan) {
		return Refused, fmt.Sprintf("scope %d is not in the plan", in.Scope), nil
	}
	r.forget()
	r.ends[in.Scope] = captureEnd{}
	r.touch(in.Scope)
	scope := r.plan[in.Scope]
	st := r.set.state(scope.Key(), store.At(r.s.now()))
	rs := &r.scopes[in.Scope]
	rs.Outcome = in.Outcome
	kind, err := r.s.kind(ctx, r.start.Tenant, scope.Kind)
	if errors.Is(err, ErrNotFound) {
		// Nothing of it can be kept, so nothing is believed of it either.
		rs.Verdict, rs.Reason = "failed", "kind "+scope.Kind+" is not declared"
		rs.Outcome.Status, rs.Outcome.Error = resource.StatusFailed, rs.Reason
		r.over(&capture{in: in}, Failed)
		return Failed, rs.Reason, nil
	}
	if err != nil {
		return "", "", err
	}
	c := &capture{in: in, scope: scope, kind: kind, st: st, digest: st.Digest, rejected: st.Rejected, wanted: map[string]bool{}, cause: r.cause(store.At(in.ReadAt))}
	c.work = scopeWork{tenant: r.start.Tenant, conn: r.start.Connection, key: st.Key, id: scopeID(r.start.Connection.ID, st.Key),
		part: scope.Partition, pos: r.pos, runID: r.start.RunID, readAt: store.At(in.ReadAt), fp: hex.EncodeToString(in.Fingerprint),
		rule: rule(kind), complete: c.complete()}
	r.captures[in.Scope] = c
	// An equal position is this run once more, or one of a copy of the agent, which counts alike and has read something else.
	if r.pos.less(st.Applied) || r.pos == st.Applied && st.LastRun != "" && st.LastRun != r.start.RunID {
		r.over(c, Superseded)
		rs.Verdict, rs.Reason = "superseded", "newer state is applied already"
		return Superseded, rs.Reason, nil
	}
	return r.begin(ctx, c)
}

// over notes that a capture has come to its end.
func (r *Run) over(c *capture, v Verdict) {
	c.verdict = v
	r.ends[c.in.Scope] = captureEnd{verdict: v, status: c.in.Outcome.Status, readAt: c.readAt()}
}

// forget drops the captures that are over: there may be a hundred thousand in a run.
func (r *Run) forget() {
	maps.DeleteFunc(r.captures, func(_ int, c *capture) bool { return c.verdict != "" })
}

// begin decides what has to travel for a capture.
func (r *Run) begin(ctx context.Context, c *capture) (Verdict, string, error) {
	st, in := c.st, c.in
	sameRules := st.HashFormat == in.HashFormat && st.KindDigest == hex.EncodeToString(in.KindDigest) &&
		st.PolicyDigest == hex.EncodeToString(in.PolicyDigest)
	known := st.Applied != (position{})
	if known && !sameRules {
		c.cause.rules, c.cause.kindChanged = true, st.KindDigest != hex.EncodeToString(in.KindDigest)
	}
	if st.Open != (position{}) {
		// A capture began to write and was never finished: what the state says of the index is out of date.
		d, rejected, err := r.s.count(ctx, r.s.opt.Store, r.start.Tenant, c.work.id)
		if err != nil {
			return "", "", err
		}
		waiting, err := r.s.waiting(ctx, r.start.Tenant, c.work.id)
		if err != nil {
			return "", "", err
		}
		c.digest, c.rejected, c.opened, c.undecid = d, rejected, true, waiting
		c.changed = c.changed || st.Open == r.pos
	}
	c.refresh = c.complete() && known && st.refreshDue(c.kind, r.s.now())
	if c.rejected > 0 && st.Rule != c.work.rule {
		// What was rejected by another rule is looked at again.
		if err := r.s.askRejected(ctx, r.set, st, c.work.rule); err != nil {
			return "", "", err
		}
		c.digest, c.rejected = st.Digest, st.Rejected
	}
	ask := st.Resend || c.refresh
	if c.digest == in.Digest && !ask && (c.whole() || c.digest.Count == 0) {
		v := "unchanged"
		if c.changed || st.Applied == r.pos && st.Changed {
			v, c.changed = "applied", true
		}
		r.end(c, Done, v, "")
		return Done, "", nil
	}
	switch {
	case in.Baseline == nil && c.digest.Count == 0 && !ask, in.Baseline == nil && in.Digest.Count == 0 && !c.complete():
		c.refresh = c.complete() // everything comes anyway
		return Send, "", nil
	case in.Baseline != nil && in.Baseline.Digest == st.Digest && (sameRules || !known) && !ask:
		return Send, "", nil
	}
	c.list()
	return List, "", nil
}

// list goes over to the (key, hash) list. What a capture that is not complete had for a baseline means nothing here, so from
// now on it speaks of what it lists only.
func (c *capture) list() {
	c.listing, c.after, c.wanted, c.parts, c.pieces = true, "", map[string]bool{}, nil, 0
	if !c.complete() {
		c.in.Baseline = nil
	}
}

// Apply takes a batch of a capture that OpenCapture answered Send or List.
func (r *Run) Apply(ctx context.Context, b Batch) (BatchResult, error) {
	c := r.captures[b.Scope]
	switch {
	case c == nil && b.Scope >= 0 && b.Scope < len(r.ends) && r.ends[b.Scope].verdict != "":
		return BatchResult{Verdict: r.ends[b.Scope].verdict, Reason: "the capture is over"}, nil
	case c == nil:
		return BatchResult{Verdict: Refused, Reason: "the capture was not opened"}, nil
	case c.verdict != "":
		return BatchResult{Verdict: c.verdict, Reason: "the capture is over"}, nil
	case len(b.Upserts)+len(b.Removed)+len(b.List) > 3*resource.MaxBatchItems:
		return BatchResult{Verdict: Refused, Reason: fmt.Sprintf("batch of more than %d items", resource.MaxBatchItems)}, nil
	}
	if c.listing && b.Last && len(b.List) == 0 && len(b.Upserts) > 0 {
		return r.fail(ctx, c, "bodies ended before the list did")
	}
	var res BatchResult
	items, err := r.inspect(c, b.Upserts, &res)
	if err != nil {
		// Not even a key can be told: whatever the scope is said to hold, it cannot be proven.
		return r.fail(ctx, c, err.Error())
	}
	if problem := cmp.Or(checkList(c, b.List), c.narrow(b)); problem != "" {
		return r.fail(ctx, c, problem)
	}
	if err := r.take(ctx, c, b, items, &res); err != nil {
		return BatchResult{}, err
	}
	if !b.Last {
		return res, r.breathe(ctx)
	}
	return r.finish(ctx, c, len(b.List) > 0 || c.listing && len(b.Upserts) == 0, res)
}

// inspect looks at the items before anything is locked.
func (r *Run) inspect(c *capture, in []Item, res *BatchResult) ([]incoming, error) {
	items := make([]incoming, 0, len(in))
	for _, it := range in {
		x, err := inspect(it, c.kind.Kind, c.kind.Approval == Approved)
		if err != nil {
			return nil, err
		}
		if x.reject != "" {
			res.Rejected = append(res.Rejected, Rejection{Key: x.key, Reason: x.reject})
		}
		x.warnings = append(x.warnings, r.s.junkOf(&x.env, c.kind.Kind)...)
		for _, w := range x.warnings {
			if len(res.Warnings) < 100 {
				res.Warnings = append(res.Warnings, x.key+": "+w)
			}
		}
		items = append(items, x)
	}
	return items, nil
}

// checkList says what is wrong with a piece of a list; its order is what absence is read from.
func checkList(c *capture, list []Row) string {
	if len(list) > 0 && !c.listing {
		return "a list that was not asked for"
	}
	last, started := c.after, c.after != ""
	for _, row := range list {
		if row.Key == "" || len(row.Key) > resource.MaxExternalID || len(row.Hash) != len(resource.Hash{}) {
			return "a list with a row that has no key or no hash"
		}
		if started && row.Key <= last {
			return "a list that is not sorted by key"
		}
		last, started = row.Key, true
	}
	return ""
}

func (r *Run) applyBatch(ctx context.Context, c *capture, b Batch, items []incoming, res *BatchResult) error {
	listBatch := c.listing && (len(b.List) > 0 || b.Last && len(items) == 0)
	if len(items) == 0 && len(b.Removed) == 0 && !listBatch {
		return nil
	}
	var t tally
	var opened, merges bool
	err := r.s.work(ctx, r.start.Tenant, c.kind.Kind, c.cause, func(u *unit) error {
		t = tally{digest: c.digest, rejected: c.rejected}
		if err := u.upsert(ctx, &c.work, &t, items); err != nil {
			return err
		}
		if len(b.Removed) > 0 && c.complete() {
			rows, err := u.indexRows(ctx, &c.work, b.Removed)
			if err != nil {
				return err
			}
			var gone []*indexDoc
			for _, key := range unique(slices.Clone(b.Removed)) {
				if row := rows[key]; row != nil {
					gone = append(gone, row)
				}
			}
			if err := u.unlist(&c.work, &t, c.st, gone); err != nil {
				return err
			}
		}
		if listBatch {
			if err := r.compare(ctx, u, c, &t, b); err != nil {
				return err
			}
		}
		opened, merges = r.markOpen(u, c, &t), len(u.merges) > 0
		return nil
	})
	if err != nil {
		return err
	}
	if merges {
		if err := r.s.runOperations(ctx, r.start.Tenant); err != nil {
			return err
		}
	}
	if opened {
		r.set.written()
		c.opened = true
	}
	c.digest, c.rejected = t.digest, t.rejected
	c.changed, c.undecid = c.changed || t.changed, c.undecid || t.undecided
	c.heldIDs = append(c.heldIDs, t.seenHeld...)
	for _, it := range items {
		delete(c.wanted, it.key)
	}
	for _, k := range t.want {
		c.wanted[k] = true
	}
	res.Want = t.want
	if n := len(b.List); n > 0 {
		c.after = b.List[n-1].Key
	}
	c.rejects = append(c.rejects, res.Rejected...)
	return nil
}

// markOpen has the store remember, before the first row is written, that the scope's index is being changed.
func (r *Run) markOpen(u *unit, c *capture, t *tally) bool {
	if c.opened || !t.changed {
		return false
	}
	c.st.Open = r.pos
	r.set.touch(c.st.Key)
	u.scopes = r.set
	return true
}

// compare goes through a piece of the (key, hash) list beside the same piece of the index.
func (r *Run) compare(ctx context.Context, u *unit, c *capture, t *tally, b Batch) error {
	where := filter.And{eq(text("scope_id"), c.work.id)}
	if c.after != "" {
		where = append(where, filter.Compare{Field: text("key"), Op: filter.Gt, Value: c.after})
	}
	if !b.Last {
		where = append(where, filter.Compare{Field: text("key"), Op: filter.Le, Value: b.List[len(b.List)-1].Key})
	}
	have := map[string]*indexDoc{}
	var order []string
	err := store.Each(ctx, u.tx, store.Query{Table: tIndex, Tenant: u.tenant, Where: where, Order: []store.Order{{Field: text("key")}}},
		func(row store.Row) error {
			doc, err := decodeRow[indexDoc](row)
			if c.parts != nil && !c.parts.Has(doc.Key) {
				return err
			}
			have[doc.Key] = &doc
			order = append(order, doc.Key)
			return err
		})
	if err != nil {
		return err
	}
	var back, gone []*indexDoc
	listed := make(map[string]bool, len(b.List))
	for _, l := range b.List {
		listed[l.Key] = true
		row := have[l.Key]
		same := row != nil && row.Hash == resource.Hash(l.Hash).String()
		switch {
		case !same:
			t.want = append(t.want, l.Key)
		case !row.State.counts():
			back = append(back, row)
		}
		if c.refresh && same && row.State == rowApplied {
			t.want = append(t.want, l.Key)
		}
	}
	if c.complete() {
		for _, key := range order {
			if !listed[key] {
				gone = append(gone, have[key])
			}
		}
	}
	if err := u.revive(ctx, &c.work, t, back); err != nil {
		return err
	}
	return u.unlist(&c.work, t, c.st, gone)
}

// finish is called with the last batch of a difference, a list, or the bodies asked for.
func (r *Run) finish(ctx context.Context, c *capture, wasList bool, res BatchResult) (BatchResult, error) {
	if c.listing && wasList {
		c.listed, c.listing, c.after = true, false, ""
		if len(c.wanted) > 0 {
			res.Verdict = Send
			return res, nil
		}
	}
	c.listing = false
	ok := len(c.wanted) == 0
	if c.whole() {
		ok = c.digest == c.in.Digest
		if !ok {
			// What was kept in memory may have drifted; the rows are what counts.
			d, rejected, err := r.s.count(ctx, r.s.opt.Store, r.start.Tenant, c.work.id)
			if err != nil {
				return BatchResult{}, err
			}
			c.digest, c.rejected = d, rejected
			ok = d == c.in.Digest
		}
	}
	switch {
	case ok:
		word := "applied"
		if c.refresh && c.listed && !c.changed {
			word = "unchanged"
		}
		r.end(c, Done, word, "")
		if err := r.s.saveScopes(ctx, r.set); err != nil {
			return BatchResult{}, err
		}
		if err := r.s.releaseHeld(ctx, r.start.Tenant, c.heldIDs); err != nil {
			return BatchResult{}, err
		}
		res.Verdict = Done
		if !c.complete() {
			rows, err := r.baseline(ctx, c)
			if err != nil {
				return BatchResult{}, err
			}
			res.Index = rows
		}
		return res, r.breathe(ctx)
	case !c.listed && c.whole():
		c.list()
		res.Verdict, res.Reason = List, "the digest differs"
		return res, nil
	}
	failed, err := r.fail(ctx, c, "the digest still differs after a list")
	failed.Rejected, failed.Warnings = res.Rejected, res.Warnings
	return failed, err
}

// fail ends a capture that cannot be proven: what it brought stays, what it did not list is not believed.
func (r *Run) fail(ctx context.Context, c *capture, reason string) (BatchResult, error) {
	r.end(c, Failed, "failed", reason)
	if err := r.s.saveScopes(ctx, r.set); err != nil {
		return BatchResult{}, err
	}
	return BatchResult{Verdict: Failed, Reason: reason}, nil
}

// end notes in the state of the scope how the capture ended.
func (r *Run) end(c *capture, v Verdict, word, reason string) {
	st, in := c.st, c.in
	rs := &r.scopes[in.Scope]
	r.over(c, v)
	r.touch(in.Scope)
	st.Applied, st.Open, st.LastRun, st.Changed, st.Verdict = r.pos, position{}, r.start.RunID, c.changed, word
	st.Status, st.Error, st.Advice = in.Outcome.Status, in.Outcome.Error, in.Outcome.Advice
	st.Digest, st.Rejected = c.digest, c.rejected
	st.Undecided = st.Undecided || c.undecid
	if v == Done {
		st.Failures = 0
		st.Fingerprint, st.HashFormat = c.work.fp, in.HashFormat
		st.KindDigest, st.PolicyDigest = hex.EncodeToString(in.KindDigest), hex.EncodeToString(in.PolicyDigest)
		st.Rule = c.work.rule
		st.Resend = st.Resend && !c.listed
		if c.complete() {
			st.Resend, st.Unread = false, false
			if c.refresh {
				st.Refreshed = store.At(r.s.now())
			}
			st.LastComplete, st.CompletePos, st.CompleteFingerprint = c.readAt(), r.pos, c.work.fp
			if st.LastComplete.IsZero() {
				st.LastComplete = store.At(r.s.now())
			}
		}
	} else {
		st.Status, st.Error, st.Resend = resource.StatusFailed, reason, true
		rs.Outcome.Status, rs.Outcome.Error = resource.StatusFailed, reason
	}
	r.set.touch(st.Key)
	rs.Verdict, rs.Reason, rs.Changed = word, reason, c.changed
	rs.Rejected = c.rejects[:min(len(c.rejects), 100)]
	r.ended++
	r.doc.ScopesDone = max(r.doc.ScopesDone, r.ended)
}

// baseline is the rows that the scope counts, for an agent whose capture did not reach its end.
func (r *Run) baseline(ctx context.Context, c *capture) ([]Row, error) {
	rows, err := r.s.rows(ctx, r.s.opt.Store, r.start.Tenant, c.work.id, rowApplied, rowRejected)
	if err != nil {
		return nil, err
	}
	out := make([]Row, len(rows))
	for i, row := range rows {
		h := hashOfText(row.Hash)
		out[i] = Row{Key: row.Key, Hash: h[:]}
	}
	return out, nil
}

// breathe writes the run's progress for those who watch, at most once a second.
func (r *Run) breathe(ctx context.Context) error {
	if r.s.now().Sub(r.saved.Time) < time.Second {
		return nil
	}
	return r.save(ctx)
}
