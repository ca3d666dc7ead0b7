package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// loadClaims reads the claims on identifiers, the resources that own them and the observations that contest them.
func (u *unit) loadClaims(ctx context.Context, ids []resource.Identifier) error {
	var keys []string
	for _, id := range ids {
		if key := claimID(u.tenant, u.kind.Name, id); u.claims[key] == nil {
			keys = append(keys, key)
		}
	}
	rows, err := getChunks(ctx, u.tx, tClaims, u.tenant, "", unique(keys))
	if err != nil {
		return err
	}
	var owners, holders []string
	for key, row := range rows {
		doc, err := decodeRow[claimDoc](row)
		if err != nil {
			return err
		}
		u.claims[key] = &claimRec{id: key, doc: doc, stored: doc, version: row.Version}
		if doc.ResourceID != "" {
			owners = append(owners, doc.ResourceID)
		}
		holders = append(holders, doc.Holders...)
	}
	if err := u.loadObs(ctx, holders); err != nil {
		return err
	}
	for _, h := range holders {
		if o := u.obs[h]; o != nil {
			owners = append(owners, o.doc.ResourceID)
		}
	}
	return u.loadResources(ctx, owners)
}

// identify decides which resource an observation belongs to. Claims, owners and the observation's own resource, if it
// has one, are loaded. known are the identifiers that were considered before and are not looked at again.
func (u *unit) identify(o *obsRec, known []ranked) {
	var own *resRec
	if o.doc.ResourceID != "" {
		own = u.newResource(u.resolve(o.doc.ResourceID))
	}
	if pin, ok := u.pins[o.id]; ok && own == nil {
		own = u.newResource(u.resolve(pin.ResourceID))
		o.doc.ResourceID, o.doc.Match = own.id, "decided by "+pin.Actor
	}
	var free, led []resource.Identifier // led to own
	var quarantined []quarantine
	for _, id := range u.identifiers(&o.seen.env) {
		cl := u.claims[claimID(u.tenant, u.kind.Name, id.Identifier)]
		if slices.Contains(known, id) {
			if cl != nil && cl.doc.Contested && slices.Contains(cl.doc.Holders, o.id) {
				u.addHolder(cl, o) // still true of what it says now
			}
			continue
		}
		if cl == nil || cl.drop {
			free = append(free, id.Identifier)
			continue
		}
		if cl.doc.Contested {
			if u.stillContested(cl, o) {
				u.addHolder(cl, o)
				continue
			}
		}
		owner := u.newResource(u.resolve(cl.doc.ResourceID))
		switch {
		case owner == own:
		case u.contests(owner, o, id.Identifier):
			if q, ok := u.quarantines(owner, o, id.Identifier); ok {
				quarantined = append(quarantined, q)
			}
			u.contest(cl, owner, o)
		case u.blocked(owner, o):
			// Two observations of one connection never join. What nothing live has any more passes on.
			if u.heldLive(owner, id.Identifier) {
				u.review(owner, cmp.Or(own, u.newResource(u.resolve(resourceIDOf(o.id)))), o, id.Identifier)
			} else {
				free = append(free, id.Identifier)
			}
		case own == nil:
			own, led = owner, append(led, id.Identifier)
			u.matched(o, owner, id)
			u.doubt(o, owner, id)
		case u.apart(own, owner):
			// A person said that they are two: the identifier stays with who has it.
			if !u.heldLive(owner, id.Identifier) {
				free = append(free, id.Identifier)
			}
		case own.version == 0 && len(own.members) == 0 && u.pins[o.id].ResourceID == "":
			// What a claim led to before was never made; it goes where the others lead.
			own, free, led = owner, append(free, led...), nil
			u.matched(o, owner, id)
		case id.rank == 1 && !u.sameConnection(own, owner):
			u.bridge(own, owner, id.Identifier)
		default:
			u.review(own, owner, o, id.Identifier)
		}
	}
	if own == nil {
		own = u.newResource(u.resolve(resourceIDOf(o.id)))
		o.doc.Matched, o.doc.Match = nil, match{}.text()
	}
	u.join(o, own)
	for _, id := range free {
		u.claim(id, own.id)
	}
	for _, q := range quarantined {
		u.ask(q.other, own, o, reviewDoc{Type: ReviewQuarantine, Pair: pairOf(q.id), Detail: q.detail})
	}
}

func (u *unit) claim(id resource.Identifier, owner string) {
	key := claimID(u.tenant, u.kind.Name, id)
	cl := u.claims[key]
	if cl == nil {
		cl = &claimRec{id: key}
		u.claims[key] = cl
	}
	cl.doc = claimDoc{Kind: u.kind.Name, Type: id.Type, Value: id.Value, Pair: pairOf(id), ResourceID: owner}
	cl.dirty, cl.drop = true, false
}

func (u *unit) holds(o *obsRec, id resource.Identifier) bool {
	return o != nil && slices.ContainsFunc(u.identifiers(&o.seen.env), func(r ranked) bool { return r.Identifier == id })
}

// contests says whether the identifier names two things at once: a live observation of the same connection has it too,
// or one of another connection of the same plugin under another global id.
func (u *unit) contests(owner *resRec, o *obsRec, id resource.Identifier) bool {
	for m := range owner.members {
		if other := u.obs[m]; m != o.id && other.seen.live() && u.holds(other, id) && u.differ(other, o) {
			return true
		}
	}
	return false
}

// differ says whether two observations having an identifier in common are of different things.
func (u *unit) differ(a, b *obsRec) bool {
	if x, y := u.res[u.resolve(a.doc.ResourceID)], u.res[u.resolve(b.doc.ResourceID)]; x != nil && y != nil {
		if x == y {
			return false // they are one already, by what was known or by a person's word
		}
		if u.apart(x, y) {
			return true
		}
	}
	if a.doc.Connection == b.doc.Connection {
		return true
	}
	if a.doc.Provider != b.doc.Provider {
		return false
	}
	typ := a.doc.Provider + ".id"
	x, y := identifierOf(&a.seen.env, typ), identifierOf(&b.seen.env, typ)
	return x != "" && y != "" && x != y || len(u.contradictions(a, b)) > 0
}

func identifierOf(env *resource.Envelope, typ string) string {
	for _, id := range env.Identifiers {
		if id.Type == typ {
			return id.Value
		}
	}
	return ""
}

// blocked says whether the resource has an observation of the same connection already, whatever its state, or one that
// is live, of the same plugin, and under another global id.
func (u *unit) blocked(owner *resRec, o *obsRec) bool {
	for m := range owner.members {
		other := u.obs[m]
		if m != o.id && (other.doc.Connection == o.doc.Connection || other.seen.live() && u.differ(other, o)) {
			return true
		}
	}
	return false
}

func (u *unit) heldLive(owner *resRec, id resource.Identifier) bool {
	if owner.manual(id) {
		return true
	}
	for m := range owner.members {
		if other := u.obs[m]; other.seen.live() && u.holds(other, id) {
			return true
		}
	}
	return false
}

func (u *unit) sameConnection(a, b *resRec) bool {
	for m := range a.members {
		for n := range b.members {
			if u.obs[m].doc.Connection == u.obs[n].doc.Connection {
				return true
			}
		}
	}
	return false
}

// contest marks an identifier as naming several things: it joins nothing from now on.
func (u *unit) contest(cl *claimRec, owner *resRec, o *obsRec) {
	id := resource.Identifier{Type: cl.doc.Type, Value: cl.doc.Value}
	cl.doc.Contested, cl.doc.ResourceID, cl.dirty = true, "", true
	for m := range owner.members {
		if u.holds(u.obs[m], id) {
			cl.doc.Holders = append(cl.doc.Holders, m)
		}
	}
	u.addHolder(cl, o)
}

func (u *unit) addHolder(cl *claimRec, o *obsRec) {
	o.warn(fmt.Sprintf("identifier %s names several things and joins nothing", cl.doc.Pair))
	if !slices.Contains(cl.doc.Holders, o.id) {
		cl.doc.Holders = append(cl.doc.Holders, o.id)
		cl.dirty = true
	}
	slices.Sort(cl.doc.Holders)
}

func (o *obsRec) warn(w string) {
	if !slices.Contains(o.doc.Warnings, w) {
		o.doc.Warnings = unique(append(slices.Clone(o.doc.Warnings), w))
		o.seen.warnings = o.doc.Warnings
	}
}

// stillContested looks again at a contested claim when an observation comes with its identifier. If it is not any more, the
// claim goes to the resource that has it; o may be nil.
func (u *unit) stillContested(cl *claimRec, o *obsRec) bool {
	id := resource.Identifier{Type: cl.doc.Type, Value: cl.doc.Value}
	var live []*obsRec
	for _, h := range cl.doc.Holders {
		if rec := u.obs[h]; rec != nil && rec.seen.live() && u.holds(rec, id) && (o == nil || h != o.id) {
			live = append(live, rec)
		}
	}
	for i, a := range live {
		for _, b := range live[i+1:] {
			if u.differ(a, b) {
				return true
			}
		}
		if o != nil && u.differ(a, o) {
			return true
		}
	}
	if len(live) == 0 {
		cl.doc.Contested, cl.doc.Holders, cl.dirty = false, nil, true
		if o != nil && o.doc.ResourceID != "" {
			cl.doc.ResourceID = u.resolve(o.doc.ResourceID)
		} else if o != nil {
			cl.doc.ResourceID = u.resolve(resourceIDOf(o.id))
		} else {
			cl.drop = true
		}
		return false
	}
	owner := u.resolve(live[0].doc.ResourceID)
	cl.doc.Contested, cl.doc.Holders, cl.doc.ResourceID, cl.dirty = false, nil, owner, true
	return false
}

// release gives up identifiers that an observation has no more, unless another one of its resource still has them.
// What was joined by them stays joined.
func (u *unit) release(o *obsRec, gone []ranked) {
	for _, id := range gone {
		cl := u.claims[claimID(u.tenant, u.kind.Name, id.Identifier)]
		if cl == nil || cl.drop {
			continue
		}
		if cl.doc.Contested {
			if i := slices.Index(cl.doc.Holders, o.id); i >= 0 {
				cl.doc.Holders = slices.Delete(slices.Clone(cl.doc.Holders), i, i+1)
				cl.dirty = true
				u.stillContested(cl, nil)
			}
			continue
		}
		owner := u.res[u.resolve(cl.doc.ResourceID)]
		if owner == nil || !owner.members[o.id] {
			continue
		}
		held := owner.manual(id.Identifier)
		for m := range owner.members {
			held = held || m != o.id && u.holds(u.obs[m], id.Identifier)
		}
		if !held {
			cl.dirty, cl.drop = true, true
		}
	}
}

// bridge announces that two resources are one: the older id survives.
func (u *unit) bridge(a, b *resRec, id resource.Identifier) {
	if a.id == b.id {
		return
	}
	to, from := a, b
	if older(b, a) {
		to, from = b, a
	}
	op := operationDoc{Type: opMerge, State: "open", Kind: u.kind.Name, From: from.id, To: to.id, Pair: pairOf(id),
		RunID: u.cause.runID, At: store.At(u.now)}
	row, err := encodeRow(store.Key(u.tenant, "merge", from.id, to.id), u.tenant, "", 1, op)
	if err != nil {
		return
	}
	u.first = append(u.first, store.Write{Table: tOperations, Op: store.Insert, Row: row})
	u.merges = append(u.merges, op)
}

// older says whether a was there before b; what is only being made now is the youngest.
func older(a, b *resRec) bool {
	if (a.version == 0) != (b.version == 0) {
		return b.version == 0
	}
	if !a.rev.CreatedAt.Equal(b.rev.CreatedAt.Time) {
		return a.rev.CreatedAt.Before(b.rev.CreatedAt.Time)
	}
	return a.id < b.id
}

// review asks a person whether two resources are one, because of an identifier that is too weak to join them.
func (u *unit) review(a, b *resRec, o *obsRec, id resource.Identifier) {
	if u.apart(a, b) {
		return // the person has said so already
	}
	o.warn(fmt.Sprintf("identifier %s belongs to another resource as well; see review items", pairOf(id)))
	u.ask(a, b, o, reviewDoc{Type: ReviewBridge, Pair: pairOf(id)})
}

// ask puts a question to people, once.
func (u *unit) ask(a, b *resRec, o *obsRec, doc reviewDoc) {
	doc.Kind, doc.State, doc.ResourceID, doc.OtherID, doc.Observation, doc.At = u.kind.Name, "open", a.id, b.id, o.id, store.At(u.now)
	parts := []string{"review", u.tenant, min(a.id, b.id), max(a.id, b.id), doc.Pair}
	if a.id == b.id {
		parts = append(parts, o.id)
	}
	row, err := encodeRow(uuidOf(parts...), u.tenant, "", 1, doc)
	if err != nil {
		return
	}
	u.first = append(u.first, store.Write{Table: tReviews, Op: store.Insert, Row: row})
}
