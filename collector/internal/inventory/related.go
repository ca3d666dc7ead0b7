package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// RelatedTo is the edges of a resource in both directions, as far as the caller may see the other end.
//
// What an edge leads to is found when it is read: by the observation that it names, or by the claim on its identifier. So
// an edge can never point to what it did not mean, whatever was joined, merged or came later.
func (s *Service) RelatedTo(ctx context.Context, c Caller, kind, id string) ([]Related, error) {
	doc, _, _, err := s.current(ctx, s.opt.Store, c, kind, id)
	if err != nil {
		return nil, err
	}
	out, err := s.outgoing(ctx, c, id)
	if err != nil {
		return nil, err
	}
	back, err := s.incoming(ctx, c, kind, id, &doc.revision)
	if err != nil {
		return nil, err
	}
	return sortedRelated(append(out, back...)), nil
}

func sortedRelated(out []Related) []Related {
	slices.SortFunc(out, func(a, b Related) int {
		return cmp.Or(-strings.Compare(a.Direction, b.Direction), strings.Compare(a.Verb, b.Verb), strings.Compare(a.Kind, b.Kind),
			strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID), strings.Compare(a.Wanted, b.Wanted))
	})
	return slices.CompactFunc(out, func(a, b Related) bool { return a == b })
}

func (s *Service) outgoing(ctx context.Context, c Caller, id string) ([]Related, error) {
	var edges []edge
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tRelations, Tenant: c.Tenant, Where: eq(text("from"), id)}, func(row store.Row) error {
		doc, err := decodeRow[relationDoc](row)
		edges = append(edges, doc.edge)
		return err
	})
	if err != nil {
		return nil, err
	}
	targets, err := s.resolveWants(ctx, c.Tenant, wantsOf(edges))
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, t := range targets {
		ids = append(ids, t...)
	}
	heads, err := s.heads(ctx, c, ids)
	if err != nil {
		return nil, err
	}
	var out []Related
	for _, e := range edges {
		if isDerived(e.Want) && len(targets[e.Want]) == 0 {
			continue // nobody said that there is one
		}
		r := Related{Verb: e.Verb, Direction: "out", Kind: e.Kind, Wanted: e.Label, Source: provenanceOf(e)}
		switch hits := targets[e.Want]; len(hits) {
		case 0:
		case 1:
			h, ok := heads[hits[0]]
			if !ok {
				continue // the caller may not know of it
			}
			r = Related{Verb: e.Verb, Direction: "out", ID: h.ID, Kind: h.Kind, Name: h.Name, State: h.State, Source: provenanceOf(e)}
		default:
			r.Warning = fmt.Sprintf("%d resources have %s", len(hits), e.Label)
			if !c.TenantWide { // how many there are is not the caller's to know
				if !slices.ContainsFunc(hits, func(id string) bool { _, ok := heads[id]; return ok }) {
					continue
				}
				r.Warning = "more than one resource has " + e.Label
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// resolveWants finds the resources that want keys lead to.
func (s *Service) resolveWants(ctx context.Context, tenant string, wants []string) (map[string][]string, error) {
	out := map[string][]string{}
	obs, claims, pairs := map[string]string{}, map[string]string{}, map[string][]string{}
	names := map[string][]string{} // by kind
	var services []string
	for _, w := range wants {
		switch form, rest := w[:1], strings.TrimPrefix(w[1:], "|"); form {
		case "x": // the rest is the observation's key without its tenant
			obs[store.Key(tenant)+"|"+rest] = w
		case "s":
			kind, pair, _ := strings.Cut(rest, "|")
			typ, value, _ := strings.Cut(pair, "=")
			claims[store.Key(tenant)+"|"+kind+"|"+typ+"|"+value] = w
		case "r":
			out[w] = []string{unescapeKey(rest)}
		case "n":
			kind, name, _ := strings.Cut(rest, "|")
			names[unescapeKey(kind)] = append(names[unescapeKey(kind)], unescapeKey(name))
		case "v":
			services = append(services, w)
		case "i":
			pairs[unescapeKey(rest)] = append(pairs[unescapeKey(rest)], w)
		}
	}
	if err := s.resolveNames(ctx, tenant, names, out); err != nil {
		return nil, err
	}
	if err := s.resolveServices(ctx, tenant, services, out); err != nil {
		return nil, err
	}
	rows, err := getChunks(ctx, s.opt.Store, tObservations, tenant, "", keysOf(obs))
	if err != nil {
		return nil, err
	}
	for key, row := range rows {
		doc, err := decodeRow[obsDoc](row)
		if err != nil {
			return nil, err
		}
		out[obs[key]] = append(out[obs[key]], doc.ResourceID)
	}
	if rows, err = getChunks(ctx, s.opt.Store, tClaims, tenant, "", keysOf(claims)); err != nil {
		return nil, err
	}
	for key, row := range rows {
		if err := addClaimed(out, claims[key], row); err != nil {
			return nil, err
		}
	}
	for part := range slices.Chunk(keysOf(pairs), 200) {
		err := store.Each(ctx, s.opt.Store, store.Query{Table: tClaims, Tenant: tenant, Where: in(text("pair"), part)}, func(row store.Row) error {
			doc, err := decodeRow[claimDoc](row)
			if err != nil {
				return err
			}
			for _, w := range pairs[doc.Pair] {
				if err := addClaimed(out, w, row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// resolveNames finds what is recorded under names, by kind. What is gone names nothing any more.
func (s *Service) resolveNames(ctx context.Context, tenant string, names map[string][]string, out map[string][]string) error {
	for _, kind := range keysOf(names) {
		for part := range slices.Chunk(unique(names[kind]), 200) {
			err := store.Each(ctx, s.opt.Store, store.Query{Table: tHeads, Tenant: tenant, Where: filter.And{in(text("name"), part), eq(text("kind"), kind),
				eq(text("state"), string(Active))}}, func(row store.Row) error {
				doc, err := decodeRow[headDoc](row)
				want := wantName(kind, doc.Name)
				out[want] = append(out[want], row.ID)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func addClaimed(out map[string][]string, want string, row store.Row) error {
	doc, err := decodeRow[claimDoc](row)
	if err == nil && doc.ResourceID != "" {
		out[want] = unique(append(out[want], doc.ResourceID))
	}
	return err
}

func keysOf[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// unescapeKey undoes store.Key for a single part.
func unescapeKey(s string) string {
	return strings.NewReplacer(`\p`, "|", `\\`, `\`).Replace(s)
}

// claimsOf are the want keys of the identifiers that resources have claimed. They may be more than their revisions show: what
// a source that is gone said of a thing still leads to it.
func (s *Service) claimsOf(ctx context.Context, tenant string, ids []string) (map[string][]string, error) {
	out := map[string][]string{}
	for part := range slices.Chunk(ids, 200) {
		err := store.Each(ctx, s.opt.Store, store.Query{Table: tClaims, Tenant: tenant, Where: in(text("resource_id"), part)}, func(row store.Row) error {
			doc, err := decodeRow[claimDoc](row)
			ident := resource.Identifier{Type: doc.Type, Value: doc.Value}
			out[doc.ResourceID] = append(out[doc.ResourceID], wantIdentifier("", ident), wantIdentifier(doc.Kind, ident))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// incoming finds the edges of others that lead here: to one of the resource's observations or identifiers.
func (s *Service) incoming(ctx context.Context, c Caller, kind, id string, rev *revision) ([]Related, error) {
	k, err := s.kind(ctx, c.Tenant, kind)
	if err != nil {
		return nil, err
	}
	claimed, err := s.claimsOf(ctx, c.Tenant, []string{id})
	if err != nil {
		return nil, err
	}
	wants := unique(slices.Concat(keysHeld(k.Kind, rev), claimed[id], []string{wantResource(id)}))
	type from struct{ id, verb, want, source string }
	var found []from
	for part := range slices.Chunk(wants, 200) {
		err := store.Each(ctx, s.opt.Store, store.Query{Table: tRelations, Tenant: c.Tenant, Where: in(text("want"), part)}, func(row store.Row) error {
			doc, err := decodeRow[relationDoc](row)
			found = append(found, from{doc.From, doc.Verb, doc.Want, provenanceOf(doc.edge)})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	var ids, used []string
	for _, f := range found {
		ids, used = append(ids, f.id), append(used, f.want)
	}
	heads, err := s.heads(ctx, c, ids)
	if err != nil {
		return nil, err
	}
	// An identifier leads here only if its claim does, and nowhere else besides.
	targets, err := s.resolveWants(ctx, c.Tenant, unique(used))
	if err != nil {
		return nil, err
	}
	var out []Related
	for _, f := range found {
		h, ok := heads[f.id]
		if !ok || len(targets[f.want]) != 1 {
			continue
		}
		if t := targets[f.want][0]; t != id {
			at, err := s.heads(ctx, Caller{Tenant: c.Tenant, TenantWide: true}, []string{t})
			if err != nil {
				return nil, err
			}
			if at[t].ID != id {
				continue
			}
		}
		out = append(out, Related{Verb: f.verb, Direction: "in", ID: h.ID, Kind: h.Kind, Name: h.Name, State: h.State, Source: f.source})
	}
	return out, nil
}

// Coverage says how far lists of a kind can be trusted; of all kinds when kind is empty.
func (s *Service) Coverage(ctx context.Context, c Caller, kind string) (*Coverage, error) {
	out := &Coverage{}
	never := false
	err := s.eachPlanned(ctx, c, func(st *scopeState, scope resource.Scope, connection string) {
		if kind == "" || scope.Kind == kind {
			out.add(st, scope, connection, &never)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read scopes: %w", err)
	}
	if never {
		out.AsOf = time.Time{}
	}
	where := filter.And{c.may(), eq(text("state"), string(Unwatched))}
	if kind != "" {
		where = append(where, eq(text("kind"), kind))
	}
	if out.Unwatched, _, err = s.countUpTo(ctx, store.Query{Table: tHeads, Tenant: c.Tenant, Where: where}, false); err != nil {
		return nil, err
	}
	held := c.waitsHeld()
	if kind != "" {
		held = append(held, eq(text("kind"), kind))
	}
	out.Held, _, err = s.countUpTo(ctx, store.Query{Table: tHeld, Tenant: c.Tenant, Where: held}, false)
	return out, err
}

// eachPlanned hands out the scopes that are read, of connections that the caller may know.
func (s *Service) eachPlanned(ctx context.Context, c Caller, fn func(st *scopeState, scope resource.Scope, connection string)) error {
	return store.Each(ctx, s.opt.Store, store.Query{Table: tScopes, Tenant: c.Tenant}, func(row store.Row) error {
		chunk, err := decodeRow[scopeChunk](row)
		if err != nil || !c.sees(chunk.Connection) {
			return err
		}
		for i := range chunk.States {
			if st := &chunk.States[i]; st.Planned {
				scope, err := resource.ParseScopeKey(st.Key)
				if err != nil {
					return err
				}
				fn(st, scope, chunk.Connection)
			}
		}
		return nil
	})
}

func (cov *Coverage) add(st *scopeState, scope resource.Scope, connection string, never *bool) {
	cov.Scopes++
	last := st.LastComplete.Time
	switch {
	case last.IsZero():
		*never = true
	case cov.AsOf.IsZero() || last.Before(cov.AsOf):
		cov.AsOf = last
	}
	if st.Status == resource.StatusComplete {
		cov.Complete++
		return
	}
	if len(cov.Exceptions) < 100 {
		cov.Exceptions = append(cov.Exceptions, CoverageException{Connection: connection, Scope: scope, Status: st.Status,
			Error: st.Error, Advice: st.Advice, RunID: st.LastRun, LastComplete: last})
	}
}

// Summary is the tenant's counts, as far as the caller may see; of resources at a moment unless it is zero, of what waits for a decision always now.
func (s *Service) Summary(ctx context.Context, c Caller, at time.Time) (*Summary, error) {
	groups, err := s.groupsAt(ctx, c, at, nil, filter.And{c.may()}, []filter.Field{text("kind"), text("state")}, 10_000)
	if err != nil {
		return nil, fmt.Errorf("count resources: %w", err)
	}
	byKind := map[string]*KindCount{}
	out := &Summary{}
	for _, g := range groups {
		kind, _ := g.Values[0].(string)
		state, _ := g.Values[1].(string)
		k := byKind[kind]
		if k == nil {
			k = &KindCount{Kind: kind}
			byKind[kind] = k
		}
		switch State(state) {
		case Active:
			k.Active = g.Count
		case Gone:
			k.Gone = g.Count
		case Unwatched:
			k.Unwatched = g.Count
		}
	}
	for _, kind := range keysOf(byKind) {
		out.Kinds = append(out.Kinds, *byKind[kind])
	}
	if out.Held, _, err = s.countUpTo(ctx, store.Query{Table: tHeld, Tenant: c.Tenant, Where: c.waitsHeld()}, false); err != nil {
		return nil, err
	}
	kinds, err := s.declared(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	for _, k := range kinds {
		if k.Waits() {
			out.PendingKinds++
		}
	}
	return out, nil
}

// CountBy counts the caller's active resources by kind for each of the given datacenters, now or at a moment.
func (s *Service) CountBy(ctx context.Context, c Caller, datacenters []string, at time.Time) (map[string]map[string]int, error) {
	out := map[string]map[string]int{}
	if len(datacenters) == 0 {
		return out, nil
	}
	groups, err := s.groupsAt(ctx, c, at, nil, filter.And{c.may(), eq(text("state"), string(Active)), in(text("datacenter"), datacenters)},
		[]filter.Field{text("datacenter"), text("kind")}, 100_000)
	if err != nil {
		return nil, fmt.Errorf("count resources: %w", err)
	}
	for _, g := range groups {
		dc, _ := g.Values[0].(string)
		kind, _ := g.Values[1].(string)
		if out[dc] == nil {
			out[dc] = map[string]int{}
		}
		out[dc][kind] = g.Count
	}
	return out, nil
}
