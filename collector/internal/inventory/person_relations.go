package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Relations that people state are part of the resource, beside those of its observations. What they lead to is named by
// its id, since that is what a person points at; a merge leads on from there.

// wantResource is the key by which an edge finds a resource itself.
func wantResource(id string) string { return store.Key("r", id) }

func edgeOf(r PersonRelation) edge {
	label := r.Name
	if label == "" {
		label = r.ID
	}
	return edge{Verb: r.Verb, Kind: r.Kind, Want: wantResource(r.ID), Label: label}
}

func sameEdge(e edge) func(edge) bool {
	return func(x edge) bool { return x.Verb == e.Verb && x.Want == e.Want }
}

func hasEdge(list []edge, e edge) bool { return slices.ContainsFunc(list, sameEdge(e)) }

// relinkDoc announces that rows of relations are going to follow what people stated. Nothing else would write them again
// after a crash: an observation comes again, a person does not. Dropped are the rows to be deleted.
type relinkDoc struct {
	Kind      string     `json:"kind"`
	Resources []string   `json:"resources"`
	Dropped   []string   `json:"dropped,omitempty"`
	At        store.Time `json:"at"`
}

// relinkAfter is when a relink that is not done yet is taken for left behind.
const relinkAfter = time.Minute

func (b *batch) announceRelations(u *unit) error {
	doc := relinkDoc{Kind: b.kind.Name, At: store.At(u.now)}
	for _, it := range b.items {
		if len(it.Related)+len(it.Unrelated) == 0 {
			continue
		}
		doc.Resources = append(doc.Resources, it.ResourceID)
		for _, e := range it.Unrelated {
			doc.Dropped = append(doc.Dropped, store.Key(u.tenant, it.ResourceID, e.Verb, e.Want))
		}
		u.relink = append(u.relink, it.ResourceID)
	}
	if len(doc.Resources) == 0 {
		return nil
	}
	row, err := encodeRow(editChunkID(u.tenant, b.op.ID, b.op.Number), u.tenant, "", 1, doc)
	if err != nil {
		return err
	}
	u.first = append(u.first, store.Write{Table: tRelinks, Op: store.Put, Row: row})
	u.dropped = append(u.dropped, doc.Dropped...)
	u.last = append(u.last, store.Write{Table: tRelinks, Op: store.Delete, Row: store.Row{ID: row.ID, Tenant: u.tenant}})
	return nil
}

// sweepRelinks writes the relations that a crash left unwritten.
func (s *Service) sweepRelinks(ctx context.Context, now time.Time) error {
	var rows []store.Row
	q := store.Query{Table: tRelinks, AllTenants: true, Where: filter.Compare{Field: when("at"), Op: filter.Lt,
		Value: now.Add(-relinkAfter).UTC().Format(store.TimeLayout)}}
	if err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error { rows = append(rows, row); return nil }); err != nil {
		return err
	}
	for _, row := range rows {
		doc, err := decodeRow[relinkDoc](row)
		if err != nil {
			return err
		}
		k, err := s.kind(ctx, row.Tenant, doc.Kind)
		if err != nil {
			return err
		}
		err = s.work(ctx, row.Tenant, k.Kind, cause{actor: "system"}, func(u *unit) error {
			// Those whose changes are further than their projections are rolled forward on the way.
			for _, id := range doc.Resources {
				u.roll[id] = true
			}
			if err := u.loadResources(ctx, doc.Resources); err != nil {
				return err
			}
			u.relink, u.dropped = doc.Resources, doc.Dropped
			u.last = append(u.last, store.Write{Table: tRelinks, Op: store.Delete, Row: store.Row{ID: row.ID, Tenant: row.Tenant}})
			return nil
		})
		if err != nil {
			return fmt.Errorf("relate %s: %w", doc.Kind, err)
		}
	}
	return nil
}

// manualWrites are the rows of relations that people stated.
func (u *unit) manualWrites(old, new map[string]relationDoc) {
	collect := func(into map[string]relationDoc, id string, edges []edge) {
		for _, e := range edges {
			into[store.Key(u.tenant, id, e.Verb, e.Want)] = relationDoc{From: id, FromKind: u.kind.Name, edge: e}
		}
	}
	for _, id := range u.touched {
		rec := u.res[id]
		collect(old, id, rec.manualBefore)
		if rec.rev.State != Merged {
			collect(new, id, rec.rev.ManualEdges)
		}
	}
	for _, id := range u.relink {
		rec := u.res[u.resolve(id)]
		if rec == nil || rec.rev.State == Merged {
			continue
		}
		for _, e := range rec.rev.ManualEdges {
			key := store.Key(u.tenant, rec.id, e.Verb, e.Want)
			new[key] = relationDoc{From: rec.id, FromKind: u.kind.Name, edge: e}
			delete(old, key)
		}
	}
	for _, key := range u.dropped {
		if _, stays := new[key]; !stays {
			old[key] = relationDoc{}
		}
	}
}
