package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// Operations change which observations a resource consists of. Each is a row that is written first and carried out afterwards, by
// whoever wrote it or by the sweeper: stopping anywhere and doing it again comes to the same end.
const (
	opMerge = "merge" // From lives on as To
	opSplit = "split" // Observations of From become, or come back as, To
	opApart = "apart" // From and To are two, whatever identifiers they share
	opKeep  = "keep"  // To is one, whatever its sources contradict each other in
)

// operationDoc is a merge or split, written before anything of it is done. Without an actor it is a rule's.
type operationDoc struct {
	Type  string     `json:"type"`
	State string     `json:"state"` // open, done
	Kind  string     `json:"kind"`
	From  string     `json:"from"`
	To    string     `json:"to"`
	Pair  string     `json:"pair"`
	RunID string     `json:"run_id,omitempty"`
	At    store.Time `json:"at"`
	// Observations are what a split moves.
	Observations []string `json:"observations,omitempty"`
	Actor        string   `json:"actor,omitempty"`
	AuditID      string   `json:"audit_id,omitempty"`
	Reason       string   `json:"reason,omitempty"`
	// Approval that allowed it, where one was wanted.
	Approval string `json:"approval,omitempty"`
	// Review is the review item that it settles.
	Review string `json:"review,omitempty"`
}

// pinDoc holds an observation at a resource because a person decided so. It outlives the observation's row, so that what is
// pruned and seen again comes back to where it was put.
type pinDoc struct {
	ResourceID string     `json:"resource_id"`
	Actor      string     `json:"actor"`
	At         store.Time `json:"at"`
}

// match says in the observations that an operation moved why they moved.
func (op *operationDoc) match() string {
	switch {
	case op.Actor == "":
		return "merged: " + op.Pair
	case op.Type == opSplit:
		return "split off by " + op.Actor
	}
	return "merged by " + op.Actor
}

func (op *operationDoc) cause() cause {
	if op.Actor != "" {
		return cause{actor: op.Actor, auditID: op.AuditID, reason: op.Reason}
	}
	return cause{actor: "rule:identity", runID: op.RunID, reason: op.Pair + " belongs to both"}
}

// runOperations carries out what was announced, oldest first.
func (s *Service) runOperations(ctx context.Context, tenant string) error {
	q := store.Query{Table: tOperations, Tenant: tenant, AllTenants: tenant == "", Where: eq(text("state"), "open")}
	type open struct {
		row store.Row
		doc operationDoc
	}
	var ops []open
	err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
		doc, err := decodeRow[operationDoc](row)
		ops = append(ops, open{row, doc})
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(ops, func(a, b open) int { return cmp.Or(a.doc.At.Compare(b.doc.At.Time), cmp.Compare(a.row.ID, b.row.ID)) })
	for _, op := range ops {
		err = errors.Join(err, s.operate(ctx, op.row, op.doc))
	}
	return err
}

// operate carries out one operation.
func (s *Service) operate(ctx context.Context, row store.Row, op operationDoc) error {
	kind, err := s.kind(ctx, row.Tenant, op.Kind)
	if err == nil {
		err = s.work(ctx, row.Tenant, kind.Kind, op.cause(), func(u *unit) error {
			if err := u.do(ctx, &op); err != nil {
				return err
			}
			done := op
			done.State = "done"
			r, err := encodeRow(row.ID, u.tenant, "", row.Version+1, done)
			u.last = append(u.last, store.Write{Table: tOperations, Op: store.Put, Row: r})
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("%s %s and %s: %w", op.Type, op.From, op.To, err)
	}
	return nil
}

func (u *unit) do(ctx context.Context, op *operationDoc) error {
	if err := u.loadResources(ctx, []string{op.From, op.To}); err != nil {
		return err
	}
	if err := u.loadObs(ctx, op.Observations); err != nil {
		return err
	}
	for _, id := range []string{op.From, op.To} {
		if u.awaits(u.res[id], op) {
			return &raceError{wait: true}
		}
	}
	if op.Review != "" {
		if err := u.closeReview(ctx, op); err != nil {
			return err
		}
	}
	switch op.Type {
	case opSplit:
		return u.cleave(ctx, op)
	case opKeep:
		u.pin(op, u.res[u.resolve(op.To)])
		return nil
	case opApart:
		a, b := u.res[u.resolve(op.From)], u.res[u.resolve(op.To)]
		if a == b {
			return nil
		}
		return u.part(ctx, a, b)
	}
	return u.fuse(ctx, op)
}

// awaits is behind, without the observations that this operation itself was moving when it stopped.
func (u *unit) awaits(rec *resRec, op *operationDoc) bool {
	begun := op.Type != opMerge || rec.id != op.To || slices.ContainsFunc(rec.rev.Absorbed, func(a absorbed) bool { return a.ID == op.From })
	return u.behind(rec) && slices.ContainsFunc(rec.rev.Sources, func(src source) bool {
		o := u.obs[src.Observation]
		return o == nil || (o.doc.ResourceID == rec.id || !begun) && o.row < src.Row
	})
}

// fuse makes one resource of two. The other leads to it.
func (u *unit) fuse(ctx context.Context, op *operationDoc) error {
	from, to := u.res[op.From], u.res[u.resolve(op.To)]
	switch {
	case from == to, from.version == 0, from.rev.State == Merged && from.rev.RedirectTo != to.id:
		return nil
	case op.Actor == "" && u.apart(from, to):
		return nil // a person said otherwise meanwhile
	}
	if from.rev.State != Merged {
		from.mergedInto = to.id
	}
	u.touch(from)
	u.touch(to)
	if to.version == 0 {
		to.rev.CreatedAt = from.rev.CreatedAt
	}
	for _, src := range from.rev.Sources {
		if o := u.obs[src.Observation]; o != nil && o.doc.ResourceID == from.id {
			u.join(u.moved(o, op), to)
		}
	}
	next := to.draft()
	if !slices.ContainsFunc(next.Absorbed, func(a absorbed) bool { return a.ID == from.id }) {
		for _, c := range from.rev.Curated {
			if !slices.ContainsFunc(next.Curated, func(x curated) bool { return x.Pointer == c.Pointer }) {
				next.Curated = append(next.Curated, c)
			}
		}
		for _, id := range from.rev.ManualIdentifiers {
			if !slices.Contains(next.ManualIdentifiers, id) {
				next.ManualIdentifiers = append(next.ManualIdentifiers, id)
			}
		}
		for _, e := range from.rev.ManualEdges {
			if !hasEdge(next.ManualEdges, e) && e.Want != wantResource(to.id) {
				next.ManualEdges = append(next.ManualEdges, e)
			}
		}
		next.Absorbed = append(next.Absorbed, absorbed{ID: from.id, Name: from.rev.Name, Manual: from.rev.Manual && !next.Manual})
		next.Manual = next.Manual || from.rev.Manual
		next.Apart = unique(append(next.Apart, from.rev.Apart...))
	}
	next.Apart = slices.DeleteFunc(next.Apart, func(id string) bool { return u.resolve(id) == to.id || id == from.id })
	u.relate(to, from.id, from.rev.ManualEdges)
	if err := u.takeClaims(ctx, from.id, to.id); err != nil {
		return err
	}
	if op.Actor == "" {
		return nil
	}
	u.pin(op, to)
	return u.reconcile(ctx, to)
}

// relate writes the relations by people that go over to a resource, whose rows nothing else would write again after a crash.
func (u *unit) relate(to *resRec, from string, edges []edge) {
	if len(edges) == 0 {
		return
	}
	u.relink = append(u.relink, to.id)
	for _, e := range edges {
		u.dropped = append(u.dropped, store.Key(u.tenant, from, e.Verb, e.Want))
	}
}

// moved is the observation as it is to be written by an operation.
func (u *unit) moved(o *obsRec, op *operationDoc) *obsRec {
	rec := u.copyOf(o)
	rec.doc.Match, rec.doc.Matched = op.match(), nil
	return rec
}

// copyOf makes an observation that may be changed and will be written.
func (u *unit) copyOf(o *obsRec) *obsRec {
	rec := *o
	seen := *o.seen
	rec.seen, rec.dirty = &seen, true
	u.obs[o.id] = &rec
	return &rec
}

// pin holds the observations of a resource where they are.
func (u *unit) pin(op *operationDoc, rec *resRec) {
	for m := range rec.members {
		row, err := encodeRow(m, u.tenant, "", 1, pinDoc{ResourceID: rec.id, Actor: op.Actor, At: op.At})
		if err == nil { // strings only
			u.first = append(u.first, store.Write{Table: tPins, Op: store.Put, Row: row})
		}
	}
}

// loadPins reads where people put observations that the store has no row of.
func (u *unit) loadPins(ctx context.Context, ids []string) (owners []string, err error) {
	rows, err := getChunks(ctx, u.tx, tPins, u.tenant, "", unique(ids))
	if err != nil {
		return nil, err
	}
	for id, row := range rows {
		doc, err := decodeRow[pinDoc](row)
		if err != nil {
			return nil, err
		}
		u.pins[id] = doc
		owners = append(owners, doc.ResourceID)
	}
	return owners, nil
}

// cleave takes observations out of a resource. What they become is a resource that was merged into it, which comes back with
// its id, its history and what people had set on it, or a new one.
func (u *unit) cleave(ctx context.Context, op *operationDoc) error {
	from, to := u.res[u.resolve(op.From)], u.res[op.To]
	if to.rev.State == Merged && u.resolve(to.id) != from.id || from == to {
		return nil // it was merged into something else meanwhile
	}
	if to.rev.State == Merged {
		delete(u.alias, to.id)
		to.restored = true
		to.draft()
	}
	next := from.draft()
	if i := slices.IndexFunc(next.Absorbed, func(a absorbed) bool { return a.ID == to.id }); i >= 0 {
		next.Manual = next.Manual && !next.Absorbed[i].Manual
		next.Absorbed = slices.Delete(next.Absorbed, i, i+1)
		next.Curated = slices.DeleteFunc(next.Curated, func(c curated) bool {
			return slices.ContainsFunc(to.rev.Curated, func(x curated) bool {
				return x.Pointer == c.Pointer && x.Actor == c.Actor && x.At.Equal(c.At.Time)
			})
		})
		next.ManualEdges = slices.DeleteFunc(next.ManualEdges, func(e edge) bool { return hasEdge(to.rev.ManualEdges, e) })
		next.ManualIdentifiers = slices.DeleteFunc(next.ManualIdentifiers, func(id resource.Identifier) bool {
			return slices.Contains(to.rev.ManualIdentifiers, id)
		})
	}
	u.touch(from)
	u.touch(to)
	for _, id := range op.Observations {
		o := u.obs[id]
		if o == nil {
			continue
		}
		if at := u.resolve(o.doc.ResourceID); at == from.id || at == to.id {
			u.join(u.moved(o, op), to)
		}
	}
	u.relate(to, from.id, to.rev.ManualEdges)
	u.pin(op, from)
	u.pin(op, to)
	return u.part(ctx, from, to)
}

// apart says whether a person decided that two resources are two.
func (u *unit) apart(a, b *resRec) bool {
	says := func(x, y *resRec) bool {
		return slices.ContainsFunc(x.content().Apart, func(id string) bool { return u.resolve(id) == y.id })
	}
	return says(a, b) || says(b, a)
}

// part keeps two resources apart from now on: no rule joins them, and an identifier that both have joins nothing.
func (u *unit) part(ctx context.Context, a, b *resRec) error {
	for _, p := range [][2]*resRec{{a, b}, {b, a}} {
		next := p[0].draft()
		next.Apart = unique(append(next.Apart, p[1].id))
		u.touch(p[0])
	}
	ids, err := u.loadClaimsOf(ctx, a, b)
	if err != nil {
		return err
	}
	for _, id := range ids {
		inA, inB := u.holders(a, id, true), u.holders(b, id, true)
		switch cl := u.claims[claimID(u.tenant, u.kind.Name, id)]; {
		case len(inA) > 0 && len(inB) > 0:
			if cl == nil || !cl.doc.Contested || cl.drop {
				u.claim(id, "")
				cl = u.claims[claimID(u.tenant, u.kind.Name, id)]
				cl.doc.Contested = true
			}
			for _, m := range slices.Concat(inA, inB) {
				if o := u.obs[m]; !slices.Contains(cl.doc.Holders, m) {
					u.addHolder(cl, u.copyOf(o))
				}
			}
		case cl != nil && cl.doc.Contested:
		case a.manual(id) || b.manual(id):
		case b.has(u, id) && !a.has(u, id):
			u.give(id, b)
		case a.has(u, id) && !b.has(u, id):
			u.give(id, a)
		}
	}
	for _, rec := range []*resRec{a, b} {
		for _, id := range rec.content().ManualIdentifiers {
			u.give(id, rec)
		}
	}
	return nil
}

// give claims an identifier for a resource that may have it already.
func (u *unit) give(id resource.Identifier, rec *resRec) {
	if cl := u.claims[claimID(u.tenant, u.kind.Name, id)]; cl == nil || cl.drop || cl.doc.Contested || cl.doc.ResourceID != rec.id {
		u.claim(id, rec.id)
	}
}

// reconcile looks again at identifiers that were contested between what has become one resource.
func (u *unit) reconcile(ctx context.Context, rec *resRec) error {
	ids, err := u.loadClaimsOf(ctx, rec)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if cl := u.claims[claimID(u.tenant, u.kind.Name, id)]; cl != nil && cl.doc.Contested && !cl.drop {
			u.stillContested(cl, nil)
		}
	}
	return nil
}

// loadClaimsOf reads the claims on all identifiers of resources.
func (u *unit) loadClaimsOf(ctx context.Context, recs ...*resRec) ([]resource.Identifier, error) {
	var ids []resource.Identifier
	for _, rec := range recs {
		for m := range rec.members {
			for _, r := range u.identifiers(&u.obs[m].seen.env) {
				ids = append(ids, r.Identifier)
			}
		}
		ids = append(ids, rec.content().ManualIdentifiers...)
	}
	slices.SortFunc(ids, func(a, b resource.Identifier) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value))
	})
	ids = slices.Compact(ids)
	return ids, u.loadClaims(ctx, ids)
}

// holders are the observations of a resource that have an identifier.
func (u *unit) holders(rec *resRec, id resource.Identifier, live bool) []string {
	var out []string
	for m := range rec.members {
		if o := u.obs[m]; u.holds(o, id) && (!live || o.seen.live()) {
			out = append(out, m)
		}
	}
	slices.Sort(out)
	return out
}

func (r *resRec) manual(id resource.Identifier) bool {
	return slices.Contains(r.content().ManualIdentifiers, id)
}

// has says whether anything of the resource has the identifier.
func (r *resRec) has(u *unit, id resource.Identifier) bool {
	return r.manual(id) || len(u.holders(r, id, false)) > 0
}

// takeClaims gives all claims of one resource to another.
func (u *unit) takeClaims(ctx context.Context, from, to string) error {
	return store.Each(ctx, u.tx, store.Query{Table: tClaims, Tenant: u.tenant, Where: eq(text("resource_id"), from)}, func(row store.Row) error {
		doc, err := decodeRow[claimDoc](row)
		if err != nil {
			return err
		}
		stored := doc
		doc.ResourceID = to
		u.claims[row.ID] = &claimRec{id: row.ID, doc: doc, stored: stored, version: row.Version, dirty: true}
		return nil
	})
}
