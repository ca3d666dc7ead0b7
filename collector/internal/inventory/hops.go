package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// hopIDs is how many resources one step over a relation may lead to.
const hopIDs = 50_000

// FilterError says what is wrong with a filter that could be read, and where; Of is the kind of trouble, nil if it has no name.
type FilterError struct {
	Problem *filter.Error
	Of      error
}

func (e *FilterError) Error() string { return e.Problem.Error() }

func (e *FilterError) Unwrap() error { return e.Of }

func tooBroad(h filter.Hop, format string, args ...any) error {
	return &FilterError{Of: ErrTooBroad, Problem: &filter.Error{Offset: h.Offset, Rune: h.Rune,
		Message:  fmt.Sprintf("filter too broad: "+format, args...),
		Expected: "a narrower condition on " + h.Name}}
}

// Fields are the names of the filter language for lists of a kind, with those of the kinds that its relations lead to.
func (s *Service) Fields(ctx context.Context, tenant, kind string) (*FieldSet, error) {
	k, err := s.kind(ctx, tenant, kind)
	if err != nil {
		return nil, err
	}
	declared, err := s.declared(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return fieldsWith(k.Kind, func(name string) *schema.Kind {
		if k := declared[name]; k != nil {
			return k.Kind
		}
		if k := s.builtin[name]; k != nil {
			return k.Kind
		}
		return nil
	}), nil
}

// resolveHops puts in the place of every relation the resources of the kind that it holds for. The caller's rights decide at
// every step: what one may not see, no filter tells of. A moment has relations be followed as they were then.
func (s *Service) resolveHops(ctx context.Context, c Caller, kind string, e filter.Expr, at time.Time) (filter.Expr, error) {
	follow := s.hop
	if !at.IsZero() {
		follow = func(ctx context.Context, c Caller, kind string, h filter.Hop) ([]string, error) {
			return s.hopThen(ctx, c, kind, h, at)
		}
	}
	return filter.ResolveFrom(e, kind, func(from string, h filter.Hop) (filter.Expr, error) {
		var ids []string
		for _, r := range alike(from, h.Relation) {
			h.Relation = r
			found, err := follow(ctx, c, from, h)
			if err != nil {
				return nil, fmt.Errorf("follow %s: %w", h.Name, err)
			}
			ids = append(ids, found...)
		}
		if len(ids) == 0 {
			return filter.Const(false), nil
		}
		return in(filter.RowID, unique(ids)), nil
	})
}

// farSide is the kind that a hop leads to, and which of it are meant, as far as the caller may see them; no kind where none can be meant.
func (s *Service) farSide(ctx context.Context, c Caller, h filter.Hop) (*schema.Kind, filter.And, error) {
	if e, ok := h.Of.(filter.Const); ok && !bool(e) {
		return nil, nil, nil
	}
	target, err := s.kind(ctx, c.Tenant, h.Relation.Target)
	if err != nil {
		return nil, nil, err
	}
	if err := s.ensureKind(ctx, target.Kind); err != nil {
		return nil, nil, err
	}
	where := filter.And{c.may(), shown(h.StateNamed)}
	if h.Of != nil {
		where = append(where, h.Of)
	}
	return target.Kind, where, nil
}

// hop finds the resources of a kind that the relation leads from, to some resource for which the hop's condition holds.
func (s *Service) hop(ctx context.Context, c Caller, kind string, h filter.Hop) ([]string, error) {
	target, where, err := s.farSide(ctx, c, h)
	if err != nil || target == nil {
		return nil, err
	}
	q := store.Query{Table: tResources, Tenant: c.Tenant, Part: target.Name, Where: where}
	n, err := s.opt.Store.Count(ctx, q, hopIDs+1)
	if err != nil {
		return nil, err
	}
	if n > hopIDs {
		return nil, tooBroad(h, "%s leads to more than %d resources of the kind %s", h.Name, hopIDs, target.Name)
	}
	ends := hopEnds{s: s, c: c, h: h, kind: kind, target: target, found: map[string]bool{}}
	err = store.Each(ctx, s.opt.Store, q, func(row store.Row) error { return ends.add(ctx, row) })
	if err == nil {
		err = ends.flush(ctx)
	}
	if err != nil {
		return nil, err
	}
	return keysOf(ends.found), nil
}

// hopEnds goes from the resources at a relation's far end back to those that it begins with, a batch at a time.
type hopEnds struct {
	s      *Service
	c      Caller
	h      filter.Hop
	kind   string
	target *schema.Kind
	batch  []farEnd
	found  map[string]bool
}

// farEnd is a resource at the other end with the keys under which edges find it.
type farEnd struct {
	id    string
	wants []string
}

const hopBatch = 500

func (e *hopEnds) add(ctx context.Context, row store.Row) error {
	end := farEnd{id: row.ID}
	if e.h.Relation.Direction != "in" {
		doc, err := decodeRow[resourceDoc](row)
		if err != nil {
			return err
		}
		end.wants = append(keysHeld(e.target, &doc.revision), wantResource(row.ID))
	}
	e.batch = append(e.batch, end)
	if len(e.batch) < hopBatch {
		return nil
	}
	return e.flush(ctx)
}

func (e *hopEnds) flush(ctx context.Context) error {
	if len(e.batch) == 0 {
		return nil
	}
	batch := e.batch
	e.batch = nil
	var err error
	var ids []string
	if e.h.Relation.Direction == "in" {
		ids, err = e.wanted(ctx, batch)
	} else {
		ids, err = e.wanting(ctx, batch)
	}
	if err != nil {
		return err
	}
	heads, err := e.s.heads(ctx, e.c, unique(ids))
	if err != nil {
		return err
	}
	for _, h := range heads {
		if h.Kind == e.kind {
			e.found[h.ID] = true
		}
	}
	if len(e.found) > hopIDs {
		return tooBroad(e.h, "%s leads from more than %d resources of the kind %s", e.h.Name, hopIDs, e.kind)
	}
	return nil
}

// wanting are the resources with an edge to one of the batch.
func (e *hopEnds) wanting(ctx context.Context, batch []farEnd) ([]string, error) {
	ends := make([]string, len(batch))
	for i, end := range batch {
		ends[i] = end.id
	}
	claimed, err := e.s.claimsOf(ctx, e.c.Tenant, ends)
	if err != nil {
		return nil, err
	}
	holder := map[string][]string{} // want -> the batch's resources that have it
	for _, end := range batch {
		end.wants = unique(append(end.wants, claimed[end.id]...))
		for _, w := range end.wants {
			holder[w] = append(holder[w], end.id)
		}
	}
	from := map[string][]string{} // want -> the edges' beginnings
	for part := range slices.Chunk(keysOf(holder), hopBatch) {
		q := store.Query{Table: tRelations, Tenant: e.c.Tenant, Where: filter.And{in(text("want"), part), eq(text("verb"), e.h.Relation.Verb)}}
		err := store.Each(ctx, e.s.opt.Store, q, func(row store.Row) error {
			doc, err := decodeRow[relationDoc](row)
			from[doc.Want] = append(from[doc.Want], doc.From)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	// As when relations are shown: an edge leads somewhere only if what it names is one resource.
	targets, err := e.s.resolveWants(ctx, e.c.Tenant, keysOf(from))
	if err != nil {
		return nil, err
	}
	var merged []string
	for _, hits := range targets {
		merged = append(merged, hits...)
	}
	at, err := e.s.heads(ctx, Caller{Tenant: e.c.Tenant, TenantWide: true}, unique(merged))
	if err != nil {
		return nil, err
	}
	var out []string
	for want, ids := range from {
		if hits := targets[want]; len(hits) == 1 && slices.Contains(holder[want], at[hits[0]].ID) {
			out = append(out, ids...)
		}
	}
	return out, nil
}

// wanted are the resources to which the batch's edges lead.
func (e *hopEnds) wanted(ctx context.Context, batch []farEnd) ([]string, error) {
	ids := make([]string, len(batch))
	for i, end := range batch {
		ids[i] = end.id
	}
	var edges []edge
	q := store.Query{Table: tRelations, Tenant: e.c.Tenant, Where: filter.And{in(text("from"), ids), eq(text("verb"), e.h.Relation.Verb)}}
	err := store.Each(ctx, e.s.opt.Store, q, func(row store.Row) error {
		doc, err := decodeRow[relationDoc](row)
		edges = append(edges, doc.edge)
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []string
	for part := range slices.Chunk(unique(wantsOf(edges)), hopBatch) {
		targets, err := e.s.resolveWants(ctx, e.c.Tenant, part)
		if err != nil {
			return nil, err
		}
		for _, hits := range targets {
			if len(hits) == 1 {
				out = append(out, hits[0])
			}
		}
	}
	return out, nil
}
