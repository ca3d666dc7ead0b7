package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// pastEdgeDoc remembers that a resource once declared an edge, and pastHolderDoc that it once held what edges look for: an
// observation or, from Since until Until, an identifier. Of edges and observations no times are kept: what they were worth
// at a moment is in the revisions of that moment. A row is written before what makes it necessary; one too many does no harm.
type (
	pastEdgeDoc struct {
		From string `json:"from"`
		Want string `json:"want"`
	}
	pastHolderDoc struct {
		ResourceID string     `json:"resource_id"`
		Want       string     `json:"want"` // an identifier's has no kind
		Kind       string     `json:"kind,omitempty"`
		Since      store.Time `json:"since,omitzero"`
		Until      store.Time `json:"until,omitzero"`
	}
)

// keysHeld are the want keys under which edges find a resource.
func keysHeld(kind *schema.Kind, rev *revision) []string {
	out := heldByItself(kind.Name, rev)
	for _, r := range identifiersOf(&resource.Envelope{Identifiers: rev.Identifiers}, kind) {
		out = append(out, wantIdentifier("", r.Identifier), wantIdentifier(kind.Name, r.Identifier))
	}
	return out
}

func observationsHeld(rev *revision) []string {
	var out []string
	for _, src := range rev.Sources {
		_, rest, _ := strings.Cut(src.Observation, "|")
		out = append(out, "x|"+rest)
	}
	return out
}

// heldByItself are the keys that the resource's own revisions tell the times of: observations, and its name where rules
// relate things to it by name.
func heldByItself(kind string, rev *revision) []string {
	return slices.Concat(observationsHeld(rev), namesHeld(kind, rev), servicesHeld(rev))
}

func wantsOf(edges []edge) []string {
	out := make([]string, len(edges))
	for i, e := range edges {
		out[i] = e.Want
	}
	return out
}

// rememberPast notes what the next version of a resource no longer has.
func (u *unit) rememberPast(rec *resRec, next *revision) error {
	lost := func(had, has []string) []string {
		if next.State == Merged {
			has = nil
		}
		return slices.DeleteFunc(unique(had), func(w string) bool { return slices.Contains(has, w) })
	}
	for _, want := range lost(heldByItself(u.kind.Name, &rec.rev), heldByItself(u.kind.Name, next)) {
		doc := pastHolderDoc{ResourceID: rec.id, Want: want}
		if err := u.putPast(tPastHolders, store.Key(u.tenant, rec.id, want), doc); err != nil {
			return err
		}
	}
	for _, want := range lost(wantsOf(rec.rev.Edges), wantsOf(next.Edges)) {
		if err := u.putPast(tPastRelations, store.Key(u.tenant, rec.id, want), pastEdgeDoc{From: rec.id, Want: want}); err != nil {
			return err
		}
	}
	return nil
}

// rememberClaim dates a claim that passes to another resource, and notes whose it was.
func (u *unit) rememberClaim(c *claimRec) error {
	had, has := c.stored.ResourceID, c.doc.ResourceID
	if c.drop {
		has = ""
	}
	if had == has {
		c.doc.Since = c.stored.Since
		return nil
	}
	c.doc.Since = store.At(u.now)
	if had == "" {
		return nil
	}
	doc := pastHolderDoc{ResourceID: had, Kind: c.stored.Kind, Want: wantIdentifier("", resource.Identifier{Type: c.stored.Type, Value: c.stored.Value}),
		Since: c.stored.Since, Until: store.At(u.now)}
	return u.putPast(tPastHolders, store.Key(u.tenant, had, doc.Want, doc.Since.UTC().Format(store.TimeLayout)), doc)
}

func (u *unit) putPast(table, id string, doc any) error {
	row, err := encodeRow(id, u.tenant, "", 1, doc)
	if err != nil {
		return err
	}
	u.past = append(u.past, store.Write{Table: table, Op: store.Put, Row: row})
	return nil
}

func (u *unit) writePast(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(u.claims)) {
		if c := u.claims[id]; c.dirty {
			if err := u.rememberClaim(c); err != nil {
				return err
			}
		}
	}
	if len(u.past) == 0 {
		return nil
	}
	if _, err := u.tx.Write(ctx, u.past...); err != nil {
		return fmt.Errorf("write past relations: %w", err)
	}
	return nil
}

// wasThen is what relations need of a resource as it was.
type wasThen struct {
	Head
	holds map[string]bool
	edges []edge
}

// then reads resources as they were at a moment, as far as the caller may see them today. Those that were not there yet,
// or lived on as another one, are absent.
func (s *Service) then(ctx context.Context, c Caller, ids []string, at time.Time) (map[string]*wasThen, error) {
	ids = unique(ids)
	rows, err := getChunks(ctx, s.opt.Store, tHeads, c.Tenant, "", ids)
	if err != nil {
		return nil, err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool {
		row, ok := rows[id]
		if !ok {
			return true
		}
		doc, e := decodeRow[headDoc](row)
		if e != nil {
			err = e
		}
		return !c.mayRoots(doc.AccessRoots)
	})
	if err != nil {
		return nil, err
	}
	out := map[string]*wasThen{}
	for part := range slices.Chunk(ids, 200) {
		err := store.Each(ctx, s.opt.Store, store.Query{Table: tChanges, Tenant: c.Tenant, Where: filter.And{in(text("resource_id"), part),
			filter.Compare{Field: when("at"), Op: filter.Le, Value: at.UTC().Format(store.TimeLayout)}}}, func(row store.Row) error {
			ch, err := decodeRow[changeDoc](row)
			if err != nil {
				return err
			}
			if w := out[ch.ResourceID]; w != nil && w.Version > ch.Version {
				return nil
			}
			k, err := s.kind(ctx, c.Tenant, ch.Kind)
			if err != nil {
				return err
			}
			w := &wasThen{Head: Head{ID: ch.ResourceID, Kind: ch.Kind, Name: ch.Revision.Name, State: ch.Revision.State,
				Datacenter: ch.Revision.Datacenter, Version: ch.Version, UpdatedAt: ch.Revision.UpdatedAt.Time},
				holds: map[string]bool{wantResource(ch.ResourceID): true}, edges: ch.Revision.Edges}
			for _, key := range keysHeld(k.Kind, &ch.Revision) {
				w.holds[key] = true
			}
			out[ch.ResourceID] = w
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for id, w := range out {
		if w.State == Merged {
			delete(out, id)
		}
	}
	return out, nil
}

// heldThen says which resources want keys led to at a moment, by id.
func (s *Service) heldThen(ctx context.Context, tenant string, wants []string, at time.Time) (map[string][]string, error) {
	wants = unique(slices.Clone(wants))
	out, err := s.claimedThen(ctx, tenant, wants, at)
	if err != nil {
		return nil, err
	}
	observations := slices.DeleteFunc(slices.Clone(wants), func(w string) bool {
		return !strings.HasPrefix(w, "x|") && !strings.HasPrefix(w, "n|") && !isDerived(w)
	})
	ever, err := s.resolveWants(ctx, tenant, observations)
	if err != nil {
		return nil, err
	}
	for part := range slices.Chunk(observations, 200) {
		err := store.Each(ctx, s.opt.Store, store.Query{Table: tPastHolders, Tenant: tenant, Where: in(text("want"), part)}, func(row store.Row) error {
			doc, err := decodeRow[pastHolderDoc](row)
			ever[doc.Want] = append(ever[doc.Want], doc.ResourceID)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, w := range wants {
		if id, ok := strings.CutPrefix(w, "r|"); ok {
			ever[w] = append(ever[w], unescapeKey(id))
		}
	}
	var ids []string
	for _, candidates := range ever {
		ids = append(ids, candidates...)
	}
	then, err := s.then(ctx, Caller{Tenant: tenant, TenantWide: true}, ids, at)
	if err != nil {
		return nil, err
	}
	for want, candidates := range ever {
		for _, id := range unique(candidates) {
			if w := then[id]; w != nil && w.holds[want] {
				out[want] = append(out[want], id)
			}
		}
	}
	return out, nil
}

// claimedThen says whose the identifiers among want keys were.
func (s *Service) claimedThen(ctx context.Context, tenant string, wants []string, at time.Time) (map[string][]string, error) {
	type asked struct{ kind, want string }
	pairs, plain := map[string][]asked{}, map[string][]asked{} // by the claims' pair, by the past's want
	for _, w := range wants {
		var kind, pair string
		switch form, rest, _ := strings.Cut(w, "|"); form {
		case "s":
			kind, pair, _ = strings.Cut(rest, "|")
		case "i":
			pair = rest
		default:
			continue
		}
		pairs[unescapeKey(pair)] = append(pairs[unescapeKey(pair)], asked{unescapeKey(kind), w})
		plain["i|"+pair] = append(plain["i|"+pair], asked{unescapeKey(kind), w})
	}
	out := map[string][]string{}
	add := func(by []asked, kind, holder string, since, until store.Time) {
		if holder == "" || since.After(at) || !until.IsZero() && !until.After(at) {
			return
		}
		for _, a := range by {
			if a.kind == "" || a.kind == kind {
				out[a.want] = unique(append(out[a.want], holder))
			}
		}
	}
	for part := range slices.Chunk(keysOf(pairs), 200) {
		err := store.Each(ctx, s.opt.Store, store.Query{Table: tClaims, Tenant: tenant, Where: in(text("pair"), part)}, func(row store.Row) error {
			doc, err := decodeRow[claimDoc](row)
			add(pairs[doc.Pair], doc.Kind, doc.ResourceID, doc.Since, store.Time{})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for part := range slices.Chunk(keysOf(plain), 200) {
		err := store.Each(ctx, s.opt.Store, store.Query{Table: tPastHolders, Tenant: tenant, Where: in(text("want"), part)}, func(row store.Row) error {
			doc, err := decodeRow[pastHolderDoc](row)
			add(plain[doc.Want], doc.Kind, doc.ResourceID, doc.Since, doc.Until)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// RelatedAsOf is the edges of a resource in both directions as they were at a moment, with names and states of that
// moment. Who may see an end of them is decided by what it is today.
func (s *Service) RelatedAsOf(ctx context.Context, c Caller, kind, id string, at time.Time) ([]Related, error) {
	if err := s.withinHorizon(ctx, c.Tenant, at); err != nil {
		return nil, err
	}
	if _, _, _, err := s.current(ctx, s.opt.Store, c, kind, id); err != nil {
		return nil, err
	}
	here, err := s.then(ctx, c, []string{id}, at)
	if err != nil {
		return nil, fmt.Errorf("read %s as of %s: %w", id, at, err)
	}
	me := here[id]
	if me == nil || me.Kind != kind {
		return nil, fmt.Errorf("%s %s as of %s: %w", kind, id, at.Format(time.RFC3339), ErrNotFound)
	}
	out, err := s.outgoingThen(ctx, c, me, at)
	if err != nil {
		return nil, err
	}
	back, err := s.incomingThen(ctx, c, me, at)
	if err != nil {
		return nil, err
	}
	return sortedRelated(append(out, back...)), nil
}

func (s *Service) outgoingThen(ctx context.Context, c Caller, me *wasThen, at time.Time) ([]Related, error) {
	targets, err := s.heldThen(ctx, c.Tenant, wantsOf(me.edges), at)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, hits := range targets {
		ids = append(ids, hits...)
	}
	seen, err := s.then(ctx, c, ids, at)
	if err != nil {
		return nil, err
	}
	var out []Related
	for _, e := range me.edges {
		if isDerived(e.Want) && len(targets[e.Want]) == 0 {
			continue
		}
		r := Related{Verb: e.Verb, Direction: "out", Kind: e.Kind, Wanted: e.Label, Source: provenanceOf(e)}
		switch hits := targets[e.Want]; len(hits) {
		case 0:
		case 1:
			t := seen[hits[0]]
			if t == nil {
				continue // the caller may not know of it
			}
			r = Related{Verb: e.Verb, Direction: "out", ID: t.ID, Kind: t.Kind, Name: t.Name, State: t.State, Source: provenanceOf(e)}
		default:
			r.Warning = fmt.Sprintf("%d resources had %s", len(hits), e.Label)
		}
		out = append(out, r)
	}
	return out, nil
}

// everHeld adds to keys all identifiers that any of some resources ever claimed.
func (s *Service) everHeld(ctx context.Context, tenant string, ids []string, keys map[string]bool) error {
	claimed, err := s.claimsOf(ctx, tenant, ids)
	if err != nil {
		return err
	}
	for _, wants := range claimed {
		for _, want := range wants {
			keys[want] = true
		}
	}
	for part := range slices.Chunk(ids, 200) {
		err = store.Each(ctx, s.opt.Store, store.Query{Table: tPastHolders, Tenant: tenant, Where: in(text("resource_id"), part)}, func(row store.Row) error {
			doc, err := decodeRow[pastHolderDoc](row)
			if pair, ok := strings.CutPrefix(doc.Want, "i|"); ok {
				keys[doc.Want], keys[store.Key("s", doc.Kind)+"|"+pair] = true, true
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// everWanting are those that have or once had an edge to one of some keys, as they were at a moment.
func (s *Service) everWanting(ctx context.Context, c Caller, keys map[string]bool, at time.Time) (map[string]*wasThen, error) {
	var ids []string
	for part := range slices.Chunk(keysOf(keys), 200) {
		for _, table := range []string{tRelations, tPastRelations} {
			err := store.Each(ctx, s.opt.Store, store.Query{Table: table, Tenant: c.Tenant, Where: in(text("want"), part)}, func(row store.Row) error {
				doc, err := decodeRow[pastEdgeDoc](row)
				ids = append(ids, doc.From)
				return err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return s.then(ctx, c, ids, at)
}

func (s *Service) incomingThen(ctx context.Context, c Caller, me *wasThen, at time.Time) ([]Related, error) {
	keys := maps.Clone(me.holds)
	if err := s.everHeld(ctx, c.Tenant, []string{me.ID}, keys); err != nil {
		return nil, err
	}
	sources, err := s.everWanting(ctx, c, keys, at)
	if err != nil {
		return nil, err
	}
	var used []string
	for _, from := range sources {
		for _, e := range from.edges {
			if keys[e.Want] {
				used = append(used, e.Want)
			}
		}
	}
	targets, err := s.heldThen(ctx, c.Tenant, used, at)
	if err != nil {
		return nil, err
	}
	var out []Related
	for _, from := range sources {
		for _, e := range from.edges {
			if hits := targets[e.Want]; len(hits) == 1 && hits[0] == me.ID {
				out = append(out, Related{Verb: e.Verb, Direction: "in", ID: from.ID, Kind: from.Kind, Name: from.Name, State: from.State, Source: provenanceOf(e)})
			}
		}
	}
	return out, nil
}
