package inventory

import (
	"context"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

// hopThen is hop at a moment: the condition is about resources as they were, and relations led where they led then. What the
// caller may see is decided by today's rights, at both ends.
func (s *Service) hopThen(ctx context.Context, c Caller, kind string, h filter.Hop, at time.Time) ([]string, error) {
	target, where, err := s.farSide(ctx, c, h)
	if err != nil || target == nil {
		return nil, err
	}
	var ends *pastEnds
	err = s.differing(ctx, c, target, at, !h.StateNamed, func(p *pastSet) error {
		ends = &pastEnds{s: s, c: c, at: at, h: h, kind: kind, target: target, batch: map[string][]edge{}, found: map[string]bool{}}
		if err := s.eachThen(ctx, c, p, where, func(row store.Row) error { return ends.add(ctx, row) }); err != nil {
			return err
		}
		return ends.flush(ctx)
	})
	if err != nil {
		return nil, err
	}
	return keysOf(ends.found), nil
}

// pastEnds is hopEnds at a moment.
type pastEnds struct {
	s      *Service
	c      Caller
	at     time.Time
	h      filter.Hop
	kind   string
	target *schema.Kind
	n      int
	batch  map[string][]edge // the edges of each resource at the far end, of the relation's verb
	keys   map[string]bool   // under which edges find those
	found  map[string]bool
}

func (e *pastEnds) add(ctx context.Context, row store.Row) error {
	if e.n++; e.n > hopIDs {
		return tooBroad(e.h, "%s led to more than %d resources of the kind %s", e.h.Name, hopIDs, e.target.Name)
	}
	doc, err := decodeRow[resourceDoc](row)
	if err != nil {
		return err
	}
	if e.h.Relation.Direction == "in" {
		e.batch[row.ID] = slices.DeleteFunc(doc.Edges, func(x edge) bool { return x.Verb != e.h.Relation.Verb })
	} else {
		if e.keys == nil {
			e.keys = map[string]bool{}
		}
		e.batch[row.ID] = nil
		e.keys[wantResource(row.ID)] = true
		for _, key := range keysHeld(e.target, &doc.revision) {
			e.keys[key] = true
		}
	}
	if len(e.batch) < hopBatch {
		return nil
	}
	return e.flush(ctx)
}

func (e *pastEnds) flush(ctx context.Context) error {
	if len(e.batch) == 0 {
		return nil
	}
	follow := e.wanting
	if e.h.Relation.Direction == "in" {
		follow = e.wanted
	}
	ids, err := follow(ctx)
	if err != nil {
		return err
	}
	clear(e.batch)
	e.keys = nil
	for _, id := range ids {
		e.found[id] = true
	}
	if len(e.found) > hopIDs {
		return tooBroad(e.h, "%s led from more than %d resources of the kind %s", e.h.Name, hopIDs, e.kind)
	}
	return nil
}

// wanting are the resources that had an edge to one of the batch.
func (e *pastEnds) wanting(ctx context.Context) ([]string, error) {
	if err := e.s.everHeld(ctx, e.c.Tenant, keysOf(e.batch), e.keys); err != nil {
		return nil, err
	}
	sources, err := e.s.everWanting(ctx, e.c, e.keys, e.at)
	if err != nil {
		return nil, err
	}
	var used []string
	leading := func(each func(from *wasThen, want string)) {
		for _, from := range sources {
			if from.Kind != e.kind {
				continue
			}
			for _, x := range from.edges {
				if x.Verb == e.h.Relation.Verb && e.keys[x.Want] {
					each(from, x.Want)
				}
			}
		}
	}
	leading(func(_ *wasThen, want string) { used = append(used, want) })
	targets, err := e.s.heldThen(ctx, e.c.Tenant, used, e.at)
	if err != nil {
		return nil, err
	}
	var out []string
	leading(func(from *wasThen, want string) {
		if hits := targets[want]; len(hits) == 1 {
			if _, here := e.batch[hits[0]]; here {
				out = append(out, from.ID)
			}
		}
	})
	return out, nil
}

// wanted are the resources to which the batch's edges led.
func (e *pastEnds) wanted(ctx context.Context) ([]string, error) {
	var edges []edge
	for _, list := range e.batch {
		edges = append(edges, list...)
	}
	var ids []string
	for part := range slices.Chunk(unique(wantsOf(edges)), hopBatch) {
		targets, err := e.s.heldThen(ctx, e.c.Tenant, part, e.at)
		if err != nil {
			return nil, err
		}
		for _, hits := range targets {
			if len(hits) == 1 {
				ids = append(ids, hits[0])
			}
		}
	}
	var out []string
	for part := range slices.Chunk(unique(ids), hopBatch) {
		there, err := e.s.then(ctx, e.c, part, e.at)
		if err != nil {
			return nil, err
		}
		for id, w := range there {
			if w.Kind == e.kind {
				out = append(out, id)
			}
		}
	}
	return out, nil
}
