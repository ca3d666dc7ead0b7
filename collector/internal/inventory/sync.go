package inventory

import (
	"context"
	"slices"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// scopeWork is what a unit needs to know of the capture that it applies.
type scopeWork struct {
	tenant   string
	conn     Connection
	key      string // of the scope
	id       string // scopeID
	part     resource.Partition
	pos      position
	runID    string
	readAt   store.Time
	fp       string
	rule     string // by which items are rejected now
	complete bool
}

// tally is what a unit did to the scope; it counts only when the unit went through.
type tally struct {
	digest   resource.Digest
	rejected int
	// undecided rows became pending or leaving; seen are held removals of which something was seen again.
	undecided bool
	seenHeld  []string
	changed   bool
	want      []string
}

func (t *tally) drop(row *indexDoc) {
	if row != nil && row.State.counts() {
		t.digest.RemoveRow(row.Key, hashOfText(row.Hash))
		if row.State == rowRejected {
			t.rejected--
		}
	}
}

func (t *tally) add(row *indexDoc) {
	if row.State.counts() {
		t.digest.AddRow(row.Key, hashOfText(row.Hash))
		if row.State == rowRejected {
			t.rejected++
		}
	}
}

func hashOfText(s string) resource.Hash {
	h, err := resource.ParseHash(s)
	if err != nil {
		return resource.Hash{}
	}
	return h
}

// indexRows reads rows of the scope by key.
func (u *unit) indexRows(ctx context.Context, w *scopeWork, keys []string) (map[string]*indexDoc, error) {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = indexID(u.tenant, w.id, k)
	}
	rows, err := getChunks(ctx, u.tx, tIndex, u.tenant, "", unique(ids))
	if err != nil {
		return nil, err
	}
	out := make(map[string]*indexDoc, len(rows))
	for _, r := range rows {
		doc, err := decodeRow[indexDoc](r)
		if err != nil {
			return nil, err
		}
		out[doc.Key] = &doc
	}
	return out, nil
}

// setIndex replaces a row of the scope's index and keeps the count.
func (u *unit) setIndex(w *scopeWork, t *tally, old *indexDoc, row indexDoc) error {
	row.ScopeID = w.id
	t.drop(old)
	t.add(&row)
	r, err := encodeRow(indexID(u.tenant, w.id, row.Key), u.tenant, "", 1, row)
	if err != nil {
		return err
	}
	u.index = append(u.index, store.Write{Table: tIndex, Op: store.Put, Row: r})
	t.changed = true
	return nil
}

func (u *unit) dropIndex(scopeID string, t *tally, row *indexDoc) {
	t.drop(row)
	u.index = append(u.index, store.Write{Table: tIndex, Op: store.Delete,
		Row: store.Row{ID: indexID(u.tenant, scopeID, row.Key), Tenant: u.tenant}})
	t.changed = true
}

func (w *scopeWork) row(key, hash string, state rowState) indexDoc {
	return indexDoc{ScopeID: w.id, Key: key, Hash: hash, State: state, Fingerprint: w.fp, Epoch: w.pos.Epoch, Generation: w.pos.Generation}
}

// upsert takes items of a scope: their observations, the resources these make up, and the index.
func (u *unit) upsert(ctx context.Context, w *scopeWork, t *tally, items []incoming) error {
	keys, obs := make([]string, len(items)), make([]string, len(items))
	for i, it := range items {
		keys[i], obs[i] = it.key, obsID(u.tenant, w.conn.ID, u.kind.Name, it.key)
	}
	rows, err := u.indexRows(ctx, w, keys)
	if err != nil {
		return err
	}
	if err := u.loadObs(ctx, obs); err != nil {
		return err
	}
	var taken []*obsRec
	var givenUp []incoming
	for i, it := range items {
		row, hash := rows[it.key], it.hash.String()
		next := w.row(it.key, hash, rowApplied)
		switch {
		case it.reject != "":
			if row != nil && row.State == rowRejected && row.Hash == hash && row.Rule == w.rule {
				continue
			}
			next.State, next.Reason, next.Rule, next.Name, next.RejectedAt = rowRejected, it.reject, w.rule, it.env.Name, store.At(u.now)
			if row != nil && row.State == rowRejected && !row.RejectedAt.IsZero() {
				next.RejectedAt = row.RejectedAt
			}
			if it.keep {
				next.Kept = len(it.bytes)
				if !it.leave {
					givenUp = append(givenUp, it)
				}
			}
		case row != nil && row.State == rowApplied && row.Hash == hash:
			u.freshen(obs[i], it.volatile)
			continue
		default:
			taken = append(taken, u.record(w, obs[i], it))
		}
		if row != nil && row.State == rowHeld {
			t.seenHeld = append(t.seenHeld, row.Held)
		}
		if err := u.setIndex(w, t, row, next); err != nil {
			return err
		}
		if it.keep {
			u.index[len(u.index)-1].Row.Blob = it.bytes
		}
		rows[it.key] = &next
	}
	if len(givenUp) > 0 {
		if err := u.takeBack(ctx, w, givenUp); err != nil {
			return err
		}
	}
	return u.place(ctx, taken)
}

// freshen takes volatile values that came by themselves.
func (u *unit) freshen(id, volatile string) {
	if o := u.obs[id]; o != nil && volatile != "" && o.doc.Volatile != volatile {
		o.doc.Volatile, o.dirty = volatile, true
	}
}

// record is the observation that an item makes.
func (u *unit) record(w *scopeWork, id string, it incoming) *obsRec {
	old := u.obs[id]
	doc := obsDoc{Connection: w.conn.ID, Provider: w.conn.Provider, Kind: u.kind.Name, ExternalID: it.key, Hash: it.hash.String(),
		ObservedAt: w.readAt, Volatile: it.volatile, Warnings: unique(slices.Clone(it.warnings))}
	rec := &obsRec{id: id, blob: it.bytes}
	env := it.env
	if old != nil {
		doc.ResourceID, doc.Match, doc.Matched = old.doc.ResourceID, old.doc.Match, old.doc.Matched
		doc.Scope, doc.Also, doc.State, doc.StateSince = old.doc.Scope, old.doc.Also, old.doc.State, old.doc.StateSince
		if doc.Volatile == "" {
			doc.Volatile = old.doc.Volatile
		}
		doc.Previous = fillUnread(&env, old.seen, old.doc.Previous, old.doc.Hash, old.doc.ObservedAt)
		rec.was, rec.row = old.was, old.row
	}
	rec.doc = doc
	u.attach(rec, w)
	rec.seen = observedOf(id, &rec.doc, env)
	for _, p := range rec.doc.Previous {
		rec.seen.stale = append(rec.seen.stale, p.Pointer)
	}
	u.obs[id] = rec
	return rec
}

// attach makes the observation live and part of the scope.
func (u *unit) attach(o *obsRec, w *scopeWork) {
	d := &o.doc
	if d.Scope != "" && d.Scope != w.key && d.State != Gone {
		d.Also = append(slices.Clone(d.Also), d.Scope)
	}
	d.Also = slices.DeleteFunc(unique(slices.Clone(d.Also)), func(s string) bool { return s == w.key })
	d.Scope = w.key
	if d.State != Active && d.State != stateHeld {
		d.StateSince = store.At(u.now)
	}
	d.State, d.StateReason = Active, ""
	d.WrittenAt, d.RunID, d.Epoch, d.Generation = store.At(u.now), w.runID, w.pos.Epoch, w.pos.Generation
	d.Precedence, d.Preference, d.Silent = w.conn.Precedence, w.conn.preference(u.kind.Name), false
	d.Datacenter, d.Client = located(w.conn, w.part)
	o.dirty = true
}

// located says where what was read in a partition belongs.
func located(c Connection, p resource.Partition) (datacenter, client string) {
	datacenter = c.Datacenter
	for _, r := range c.Rules {
		if v, ok := p.Get(r.Label); !ok || v != r.Value {
			continue
		}
		if r.Datacenter != "" {
			datacenter = r.Datacenter
		}
		if client == "" {
			client = r.Client
		}
		break
	}
	return datacenter, client
}

// place finds the resources that the observations belong to.
func (u *unit) place(ctx context.Context, recs []*obsRec) error {
	var ids []resource.Identifier
	var owners, fresh []string
	for _, o := range recs {
		if o.doc.ResourceID != "" {
			owners = append(owners, o.doc.ResourceID)
		} else {
			fresh = append(fresh, o.id)
		}
		for _, r := range u.identifiers(&o.seen.env) {
			ids = append(ids, r.Identifier)
		}
		if o.was != nil {
			for _, r := range u.identifiers(&o.was.env) {
				ids = append(ids, r.Identifier)
			}
		}
	}
	pinned, err := u.loadPins(ctx, fresh)
	if err != nil {
		return err
	}
	if err := u.loadResources(ctx, append(owners, pinned...)); err != nil {
		return err
	}
	if err := u.loadClaims(ctx, ids); err != nil {
		return err
	}
	for _, o := range recs {
		var known, had []ranked
		if o.was != nil {
			had = u.identifiers(&o.was.env)
			if o.was.live() {
				known = had
			}
		}
		u.identify(o, known)
		now := u.identifiers(&o.seen.env)
		u.release(o, slices.DeleteFunc(slices.Clone(had), func(r ranked) bool { return slices.Contains(now, r) }))
	}
	return nil
}

// revive brings keys back that are listed again with the hash that the collector has, without their bodies. What it has not
// got after all goes into t.want.
func (u *unit) revive(ctx context.Context, w *scopeWork, t *tally, rows []*indexDoc) error {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = obsID(u.tenant, w.conn.ID, u.kind.Name, r.Key)
	}
	if err := u.loadObs(ctx, ids); err != nil {
		return err
	}
	var back []*obsRec
	for i, r := range rows {
		old := u.obs[ids[i]]
		if old == nil || old.doc.Hash != r.Hash {
			t.want = append(t.want, r.Key)
			continue
		}
		if r.State == rowHeld {
			t.seenHeld = append(t.seenHeld, r.Held)
		}
		if old.doc.State != Active || old.doc.Scope != w.key {
			rec := *old
			seen := *old.seen
			rec.seen = &seen
			u.attach(&rec, w)
			rec.seen.state, rec.seen.since, rec.seen.reason = rec.doc.State, rec.doc.StateSince.Time, ""
			rec.seen.datacenter, rec.seen.client, rec.seen.precedence = rec.doc.Datacenter, rec.doc.Client, rec.doc.Precedence
			rec.seen.preference, rec.seen.silent = rec.doc.Preference, false
			u.obs[rec.id] = &rec
			back = append(back, &rec)
		}
		if err := u.setIndex(w, t, r, w.row(r.Key, r.Hash, rowApplied)); err != nil {
			return err
		}
	}
	return u.place(ctx, back)
}

// unlist notes that keys are no longer listed by a complete capture. What it means is decided when the run closes.
func (u *unit) unlist(w *scopeWork, t *tally, st *scopeState, rows []*indexDoc) error {
	for _, r := range rows {
		if !r.State.counts() {
			continue
		}
		next := *r
		next.State = rowPending
		if !seenUnder(w.fp, r, st) {
			next.State = rowLeaving
		}
		t.undecided = true
		if err := u.setIndex(w, t, r, next); err != nil {
			return err
		}
	}
	return nil
}

// seenUnder says whether the key was last seen under the settings of the capture that does not list it: by the capture
// that wrote its row, or by a complete one since.
func seenUnder(fp string, r *indexDoc, st *scopeState) bool {
	at := position{r.Epoch, r.Generation}
	if r.Fingerprint == fp || (st.CompletePos == position{}) {
		return r.Fingerprint == fp
	}
	return !st.CompletePos.less(at) && st.CompleteFingerprint == fp
}
