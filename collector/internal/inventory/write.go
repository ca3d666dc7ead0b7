package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"maestro.internal/collector/internal/store"
)

// write performs the unit's writes. Their order is what makes a stop between any two of them harmless:
//
//	scopes                   that an index is being changed is known before it is
//	operations and reviews   a merge is announced before anything of it is done
//	what was                 edges and keys that now end
//	claims                   decide who is who; one that leads to nothing yet is found again by the same observation
//	changes                  the commit; a conflict means somebody was first, or a projection is behind
//	heads, resources         projections, rolled forward from the change when missing
//	relations                derived from the stored observations, so the difference is found again
//	observations             until they are written the same item leads to the same work
//	scope index              last: only what it says is applied is never asked for again
func (u *unit) write(ctx context.Context) error {
	if u.scopes != nil {
		if err := u.scopes.write(ctx, u.tx); err != nil {
			return err
		}
	}
	if len(u.first) > 0 { // conflicts: announced before
		if _, err := u.tx.Write(ctx, u.first...); err != nil {
			return fmt.Errorf("write operations: %w", err)
		}
	}
	if err := u.writePast(ctx); err != nil {
		return err
	}
	if err := u.writeClaims(ctx); err != nil {
		return err
	}
	if err := u.writeChanges(ctx); err != nil {
		return err
	}
	if err := u.writeProjections(ctx); err != nil {
		return err
	}
	observations, err := u.writeObservations(ctx)
	if err != nil {
		return err
	}
	rest := slices.Concat(u.relationWrites(), observations, u.index, u.last)
	if len(rest) > 0 {
		if _, err := u.tx.Write(ctx, rest...); err != nil {
			return fmt.Errorf("write observations: %w", err)
		}
	}
	return nil
}

// writeObservations writes those whose resource has no change here, which would have told that somebody else was first: on a
// store without transactions they would put back what a merge or a split has moved meanwhile. It returns the others, to be written.
func (u *unit) writeObservations(ctx context.Context) (rest []store.Write, err error) {
	var guarded []store.Write
	for _, id := range slices.Sorted(maps.Keys(u.obs)) {
		o := u.obs[id]
		if !o.dirty {
			continue
		}
		row, err := encodeRow(o.id, u.tenant, "", o.row+1, o.doc)
		if err != nil {
			return nil, err
		}
		row.Blob = o.blob
		if rec := u.res[u.resolve(o.doc.ResourceID)]; o.row > 0 && (rec == nil || rec.change == nil) {
			guarded = append(guarded, store.Write{Table: tObservations, Op: store.Replace, Row: row})
			continue
		}
		rest = append(rest, store.Write{Table: tObservations, Op: store.Put, Row: row})
	}
	if len(guarded) == 0 {
		return rest, nil
	}
	conflicts, err := u.tx.Write(ctx, guarded...)
	if err != nil {
		return nil, fmt.Errorf("write observations: %w", err)
	}
	if len(conflicts) > 0 {
		return nil, &raceError{}
	}
	return rest, nil
}

func (u *unit) writeClaims(ctx context.Context) error {
	var ops []store.Write
	for _, id := range slices.Sorted(maps.Keys(u.claims)) {
		c := u.claims[id]
		if !c.dirty {
			continue
		}
		if c.drop {
			if c.version > 0 {
				ops = append(ops, store.Write{Table: tClaims, Op: store.Delete, Row: store.Row{ID: id, Tenant: u.tenant}})
			}
			continue
		}
		row, err := encodeRow(id, u.tenant, "", c.version+1, c.doc)
		if err != nil {
			return err
		}
		op := store.Insert
		if c.version > 0 {
			op = store.Replace
		}
		ops = append(ops, store.Write{Table: tClaims, Op: op, Row: row})
	}
	if len(ops) == 0 {
		return nil
	}
	conflicts, err := u.tx.Write(ctx, ops...)
	if err != nil {
		return fmt.Errorf("write claims: %w", err)
	}
	if len(conflicts) > 0 {
		return &raceError{}
	}
	return nil
}

func (u *unit) writeChanges(ctx context.Context) error {
	var ops []store.Write
	var owners []string
	for _, id := range u.touched {
		c := u.res[id].change
		if c == nil {
			continue
		}
		row, err := encodeRow(changeID(id, c.Version), u.tenant, "", 1, c)
		if err != nil {
			return err
		}
		ops = append(ops, store.Write{Table: tChanges, Op: store.Insert, Row: row})
		owners = append(owners, id)
	}
	if len(ops) == 0 {
		return nil
	}
	conflicts, err := u.tx.Write(ctx, ops...)
	if err != nil {
		return fmt.Errorf("write changes: %w", err)
	}
	if len(conflicts) > 0 {
		race := &raceError{}
		for _, i := range conflicts {
			race.resources = append(race.resources, owners[i])
		}
		return race
	}
	return nil
}

func (u *unit) writeProjections(ctx context.Context) error {
	var heads, docs []store.Write
	for _, id := range u.touched {
		rec := u.res[id]
		if rec.change == nil && !rec.behind {
			continue
		}
		doc := resourceDoc{revision: rec.rev, ChangeHash: rec.hash}
		doc.derive(u.kind)
		head, err := encodeRow(id, u.tenant, "", rec.version, doc.head())
		if err != nil {
			return err
		}
		row, err := encodeRow(id, u.tenant, u.kind.Name, rec.version, doc)
		if err != nil {
			return err
		}
		heads = append(heads, store.Write{Table: tHeads, Op: store.Advance, Row: head})
		docs = append(docs, store.Write{Table: tResources, Op: store.Advance, Row: row})
	}
	if len(docs) == 0 {
		return nil
	}
	if _, err := u.tx.Write(ctx, append(heads, docs...)...); err != nil {
		return fmt.Errorf("write resources: %w", err)
	}
	return nil
}

// relationWrites is the difference between the edges that the stored observations declare and those that they are going
// to declare.
func (u *unit) relationWrites() []store.Write {
	old, new := map[string]relationDoc{}, map[string]relationDoc{}
	for _, id := range u.touched {
		rec := u.res[id]
		collect := func(into map[string]relationDoc, members map[string]bool, pick func(*obsRec) *observed) {
			var seen []*observed
			for m := range members {
				if o := u.obs[m]; o != nil && pick(o) != nil {
					seen = append(seen, pick(o))
				}
			}
			for _, o := range tier(seen) {
				for _, e := range o.edges {
					into[store.Key(u.tenant, id, e.Verb, e.Want)] = relationDoc{From: id, FromKind: u.kind.Name, edge: e}
				}
			}
		}
		collect(old, rec.before, func(o *obsRec) *observed { return o.was })
		for _, e := range rec.stray {
			old[store.Key(u.tenant, id, e.Verb, e.Want)] = relationDoc{From: id, FromKind: u.kind.Name, edge: e}
		}
		collect(new, rec.members, func(o *obsRec) *observed { return o.seen })
	}
	u.manualWrites(old, new)
	u.ruleWrites(old, new)
	var ops []store.Write
	for _, id := range slices.Sorted(maps.Keys(new)) {
		if _, had := old[id]; had {
			continue
		}
		b, err := json.Marshal(new[id])
		if err != nil {
			continue // strings only
		}
		ops = append(ops, store.Write{Table: tRelations, Op: store.Put, Row: store.Row{ID: id, Tenant: u.tenant, Version: 1, Doc: b}})
	}
	for _, id := range slices.Sorted(maps.Keys(old)) {
		if _, has := new[id]; !has {
			ops = append(ops, store.Write{Table: tRelations, Op: store.Delete, Row: store.Row{ID: id, Tenant: u.tenant}})
		}
	}
	return ops
}
