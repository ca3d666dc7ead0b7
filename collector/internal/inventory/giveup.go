package inventory

import (
	"context"
	"slices"

	"maestro.internal/sdk/resource"
)

// An item that is given up was tried before, and on a store without transactions what the tries wrote before they failed is still there:
// claims that lead to a resource which was never made, a revision of values that no observation has, relations. Given up means not taken, so
// that is taken back with the same unit that notes the rejection. Where everything is undone by itself nothing is found to take back.

// takeBack has everything that a resource was made of without its being stored made again from what is stored.
func (u *unit) takeBack(ctx context.Context, w *scopeWork, items []incoming) error {
	var ids []resource.Identifier
	var obs, owners []string
	for _, it := range items {
		id := obsID(u.tenant, w.conn.ID, u.kind.Name, it.key)
		obs, owners = append(obs, id), append(owners, resourceIDOf(id))
		for _, r := range u.identifiers(&it.env) {
			ids = append(ids, r.Identifier)
		}
		if o := u.obs[id]; o != nil {
			owners = append(owners, o.doc.ResourceID)
			for _, r := range u.identifiers(&o.seen.env) {
				ids = append(ids, r.Identifier)
			}
		}
	}
	pinned, err := u.loadPins(ctx, obs)
	if err != nil {
		return err
	}
	if err := u.loadClaims(ctx, ids); err != nil {
		return err
	}
	owners = append(owners, pinned...)
	for _, id := range ids {
		if cl := u.claims[claimID(u.tenant, u.kind.Name, id)]; cl != nil && cl.doc.ResourceID != "" {
			owners = append(owners, cl.doc.ResourceID)
		}
	}
	// A change may have got in whose projection did not: each is looked at as of its latest change.
	race := &raceError{}
	for _, id := range unique(owners) {
		if !u.roll[id] {
			race.resources = append(race.resources, id)
		}
	}
	if len(race.resources) > 0 {
		return race
	}
	if err := u.loadResources(ctx, owners); err != nil {
		return err
	}
	for i, it := range items {
		u.takeBackOne(w, obs[i], it, owners)
	}
	return nil
}

func (u *unit) takeBackOne(w *scopeWork, id string, it incoming, owners []string) {
	o := u.obs[id]
	u.givenUp[id] = true
	edges := edgesOf(&it.env, w.conn.ID)
	for _, owner := range unique(owners) {
		rec := u.res[u.resolve(owner)]
		if !slices.ContainsFunc(rec.rev.Sources, func(src source) bool { return src.Observation == id && (o == nil || o.row < src.Row) }) {
			continue
		}
		u.touch(rec)
		rec.stray = append(rec.stray, edges...)
		if o != nil && !o.dirty {
			// It is stated once more as it was, so that the revision's row of it is there.
			again := *o
			again.dirty = true
			u.obs[id] = &again
		}
	}
	u.takeBackClaims(id, it)
}

// takeBackClaims gives up identifiers that only the item has, and claims those again that it was to have no more.
func (u *unit) takeBackClaims(id string, it incoming) {
	holder := &obsRec{id: id}
	tries := u.identifiers(&it.env)
	var has []ranked
	if o := u.obs[id]; o != nil {
		holder, has = o, u.identifiers(&o.seen.env)
	}
	for _, r := range has {
		if u.claims[claimID(u.tenant, u.kind.Name, r.Identifier)] == nil && !slices.Contains(tries, r) {
			u.claim(r.Identifier, u.resolve(holder.doc.ResourceID))
		}
	}
	tries = slices.DeleteFunc(tries, func(r ranked) bool { return slices.Contains(has, r) })
	for _, r := range tries {
		cl := u.claims[claimID(u.tenant, u.kind.Name, r.Identifier)]
		if cl == nil || cl.drop || cl.doc.Contested {
			continue
		}
		if owner := u.res[u.resolve(cl.doc.ResourceID)]; owner.version == 0 && len(owner.members) == 0 {
			cl.dirty, cl.drop = true, true // it leads to what was never made
		}
	}
	u.release(holder, tries)
}
