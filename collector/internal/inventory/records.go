package inventory

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// Where a resource is known from. A datacenter's resources fall into three lists by it: what only people know of, what only
// discovery knows of, and what both do.
const (
	OriginRecorded   = "recorded"
	OriginDiscovered = "discovered"
	OriginBoth       = "both"
)

func origins() []string { return []string{OriginRecorded, OriginDiscovered, OriginBoth} }

// origin says where it is known from.
func (r *revision) origin() string {
	switch {
	case len(r.Sources) == 0:
		return OriginRecorded
	case r.Manual:
		return OriginBoth
	}
	return OriginDiscovered
}

// OriginCount counts a kind's active resources in a datacenter by where they are known from.
type OriginCount struct {
	Kind                       string
	Recorded, Discovered, Both int
}

// Origins are the three lists of a datacenter, counted by kind, now or at a moment.
func (s *Service) Origins(ctx context.Context, c Caller, datacenter string, at time.Time) ([]OriginCount, error) {
	groups, err := s.groupsAt(ctx, c, at, nil, filter.And{c.may(), eq(text("datacenter"), datacenter), eq(text("state"), string(Active))},
		[]filter.Field{text("kind"), text("origin")}, 10_000)
	if err != nil {
		return nil, fmt.Errorf("count resources: %w", err)
	}
	byKind := map[string]*OriginCount{}
	for _, g := range groups {
		kind, _ := g.Values[0].(string)
		origin, _ := g.Values[1].(string)
		n := byKind[kind]
		if n == nil {
			n = &OriginCount{Kind: kind}
			byKind[kind] = n
		}
		switch origin {
		case OriginRecorded:
			n.Recorded = g.Count
		case OriginBoth:
			n.Both = g.Count
		default:
			n.Discovered += g.Count
		}
	}
	out := make([]OriginCount, 0, len(byKind))
	for _, kind := range keysOf(byKind) {
		out = append(out, *byKind[kind])
	}
	return out, nil
}

// TakenQuery asks whether a name or an address is in use already.
type TakenQuery struct {
	Kind, Name, Address, Datacenter string
	// Except is the resource that is being edited.
	Except string
}

// TakenBy is a resource that has the name or the address.
type TakenBy struct {
	Head
	// What it has in common: "name", "address" or both.
	What []string
}

// takenLimit bounds the answer: one is enough for a warning.
const takenLimit = 10

// Taken finds the resources of a kind that have a name or an address already: in the same datacenter, since two may use one
// network, or in none. The caller sees what it may read.
func (s *Service) Taken(ctx context.Context, c Caller, q TakenQuery) ([]TakenBy, error) {
	k, err := s.kind(ctx, c.Tenant, q.Kind)
	if err != nil {
		return nil, err
	}
	if err := s.ensureKind(ctx, k.Kind); err != nil {
		return nil, err
	}
	near := filter.Expr(filter.Const(true))
	if q.Datacenter != "" {
		near = filter.Or{eq(text("datacenter"), q.Datacenter), filter.Not{Of: filter.Exists{Field: text("datacenter")}}}
	}
	asks := map[string]filter.Expr{}
	if name := strings.TrimSpace(q.Name); name != "" {
		asks["name"] = eq(text("name"), name)
	}
	if q.Address != "" {
		var any filter.Or
		for _, f := range k.Fields {
			if f.Type == schema.TypeIP && f.Indexed {
				any = append(any, eq(text(append([]string{"attributes"}, strings.Split(f.Path, ".")...)...), q.Address))
			} else if f.Indexed && f.Type == schema.TypeArray && len(f.Items) == 1 && f.Items[0].Path == "" && f.Items[0].Type == schema.TypeIP {
				any = append(any, eq(texts(append([]string{"attributes"}, strings.Split(f.Path, ".")...)...), q.Address))
			}
		}
		if len(any) > 0 {
			asks["address"] = any
		}
	}
	found := map[string]*TakenBy{}
	for _, what := range keysOf(asks) {
		page, err := s.opt.Store.Find(ctx, store.Query{Table: tResources, Tenant: c.Tenant, Part: k.Name, Limit: takenLimit + 1,
			Where: filter.And{c.may(), asks[what], eq(text("state"), string(Active)), near}})
		if err != nil {
			return nil, fmt.Errorf("find who has the %s: %w", what, err)
		}
		for _, row := range page.Rows {
			if row.ID == q.Except {
				continue
			}
			doc, err := decodeRow[resourceDoc](row)
			if err != nil {
				return nil, err
			}
			t := found[row.ID]
			if t == nil {
				t = &TakenBy{Head: Head{ID: row.ID, Kind: doc.Kind, Name: doc.Name, State: doc.State, Datacenter: doc.Datacenter, Version: row.Version, UpdatedAt: doc.UpdatedAt.Time}}
				found[row.ID] = t
			}
			t.What = append(t.What, what)
		}
	}
	out := make([]TakenBy, 0, len(found))
	for _, id := range keysOf(found) {
		out = append(out, *found[id])
	}
	slices.SortFunc(out, func(a, b TakenBy) int {
		return cmp.Or(-cmp.Compare(len(a.What), len(b.What)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return out[:min(len(out), takenLimit)], nil
}

// underCurated is what discovery says at the fields that people corrected, by pointer: what they would be if they were handed back.
func (s *Service) underCurated(ctx context.Context, c Caller, k *KindInfo, id string, rev *revision) (map[string]json.RawMessage, error) {
	if len(rev.Curated) == 0 || len(rev.Sources) == 0 {
		return nil, nil
	}
	ids := make([]string, len(rev.Sources))
	for i, src := range rev.Sources {
		ids[i] = src.Observation
	}
	rows, err := getChunks(ctx, s.opt.Store, tObservations, c.Tenant, "", ids)
	if err != nil {
		return nil, err
	}
	u := &unit{s: s, tenant: c.Tenant, kind: k.Kind, now: s.now()}
	bare := *rev
	bare.Curated = nil
	in := mergeInput{id: id, kind: k.Kind, prev: &bare, now: u.now}
	for _, obs := range ids {
		row, ok := rows[obs]
		if !ok {
			continue
		}
		doc, err := decodeRow[obsDoc](row)
		if err != nil {
			return nil, err
		}
		seen, err := u.observed(obs, &doc, row.Blob)
		if err != nil {
			return nil, err
		}
		in.obs = append(in.obs, seen)
	}
	merged := merge(in)
	tree := map[string]any{"name": merged.Name, "region": merged.Region, "zone": merged.Zone, "console_url": merged.ConsoleURL, "datacenter": merged.Datacenter,
		"attributes": decodeJSON(merged.Attributes), "common": decodeJSON(merged.Common)}
	tags := leaves{}
	addTags(tags, merged.Tags)
	out := map[string]json.RawMessage{}
	for _, cur := range rev.Curated {
		v, ok := tags[cur.Pointer]
		if !ok {
			v, ok = valueAt(tree, cur.Pointer)
		}
		if ok && v != nil && v != "" {
			out[cur.Pointer] = encodeJSON(v)
		}
	}
	return out, nil
}

// taken says that another resource has an identifier already; which one, to whoever may see it.
func (c Caller) taken(id resource.Identifier, owner *resRec) error {
	if owner == nil || owner.version == 0 || !c.mayRoots(owner.rev.AccessRoots) {
		return &ConflictError{Problem: fmt.Sprintf("identifier %s belongs to another resource", pairOf(id))}
	}
	return &ConflictError{ResourceID: owner.id, Problem: fmt.Sprintf("identifier %s belongs to %q (%s) already; merge the two if they are one", pairOf(id), owner.rev.Name, owner.id)}
}

// claimByHand gives a resource identifiers by a person's word, so that discovery adopts it, and takes others away.
func (u *unit) claimByHand(ctx context.Context, c Caller, rec *resRec, add, remove []resource.Identifier) error {
	ids := slices.Concat(add, remove)
	if len(ids) == 0 {
		return nil
	}
	if err := u.loadClaims(ctx, ids); err != nil {
		return err
	}
	next := rec.draft()
	for _, id := range add {
		cl := u.claims[claimID(u.tenant, u.kind.Name, id)]
		switch {
		case slices.Contains(next.ManualIdentifiers, id):
			continue
		case cl == nil || cl.drop:
		case cl.doc.Contested:
			return &InvalidError{Pointer: "/identifiers/" + escapeToken(id.Type), Problem: id.Value + " names several things, so it would join nothing"}
		case u.resolve(cl.doc.ResourceID) != rec.id:
			if owner := u.newResource(u.resolve(cl.doc.ResourceID)); owner.version > 0 {
				return c.taken(id, owner)
			}
		}
		next.ManualIdentifiers = append(next.ManualIdentifiers, id)
		u.give(id, rec)
	}
	for _, id := range remove {
		i := slices.Index(next.ManualIdentifiers, id)
		if i < 0 {
			return &InvalidError{Pointer: "/identifiers/" + escapeToken(id.Type), Problem: "was not given by a person"}
		}
		next.ManualIdentifiers = slices.Delete(next.ManualIdentifiers, i, i+1)
		cl := u.claims[claimID(u.tenant, u.kind.Name, id)]
		if cl != nil && !cl.doc.Contested && u.resolve(cl.doc.ResourceID) == rec.id && len(u.holders(rec, id, false)) == 0 {
			cl.dirty, cl.drop = true, true
		}
	}
	return nil
}
