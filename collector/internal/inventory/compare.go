package inventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// CompareQuery asks what is different between two moments.
type CompareQuery struct {
	Since time.Time
	// Until is now when it is zero.
	Until time.Time
	Kind  string
	// Datacenter is an id; resources count that were or are in it.
	Datacenter string
	After      string
	Limit      int
}

// Difference is one resource at two moments. What changed and changed back in between is none.
type Difference struct {
	ID, Kind, Name string
	// Action is what happened on the whole: created, updated, gone, returned, unwatched, merged.
	Action string
	// Before is "" when it was not there yet.
	Before, After State
	// From and To are the versions at the two moments; From is 0 when it was not there yet. Changes is how many lie between.
	From, To int64
	Changes  int
	// At is the moment of the last change.
	At   time.Time
	Diff []FieldChange
}

// DifferenceList is one page of differences.
type DifferenceList struct {
	Items []Difference
	Next  string
}

// add puts what was found on the page, and says whether that is full.
func (l *DifferenceList) add(found []Difference, limit int) (full bool) {
	for _, d := range found {
		if len(l.Items) == limit {
			last := l.Items[limit-1]
			l.Next = last.Kind + "|" + last.ID
			return true
		}
		l.Items = append(l.Items, d)
	}
	return false
}

// span is what happened to a resource between two moments.
type span struct {
	kind        string
	first, last int64
	n           int
}

// Compare is a page of the resources that are different between two moments, ordered by kind and id. It costs a reading
// of the changes in between, however many resources there are.
func (s *Service) Compare(ctx context.Context, c Caller, q CompareQuery) (*DifferenceList, error) {
	if q.Until.IsZero() {
		q.Until = s.now()
	}
	if !q.Since.Before(q.Until) {
		return nil, &InvalidError{Pointer: "/since", Problem: "is not before the other moment"}
	}
	if err := s.withinHorizon(ctx, c.Tenant, q.Since); err != nil {
		return nil, err
	}
	where := filter.And{filter.Compare{Field: when("at"), Op: filter.Gt, Value: q.Since.UTC().Format(store.TimeLayout)},
		filter.Compare{Field: when("at"), Op: filter.Le, Value: q.Until.UTC().Format(store.TimeLayout)}}
	if q.Kind != "" {
		where = append(where, eq(text("kind"), q.Kind))
	}
	if q.Limit <= 0 {
		q.Limit = store.DefaultLimit
	}
	spans, err := s.spans(ctx, c.Tenant, q.Kind, where)
	if errors.Is(err, ErrTooBroad) {
		return s.compareMany(ctx, c, q)
	}
	if err != nil {
		return nil, err
	}
	key := func(id string) string { return spans[id].kind + "|" + id }
	ids := slices.SortedFunc(maps.Keys(spans), func(a, b string) int { return strings.Compare(key(a), key(b)) })
	out := &DifferenceList{}
	start, _ := slices.BinarySearchFunc(ids, q.After, func(id, after string) int {
		if key(id) <= after {
			return -1
		}
		return 1
	})
	for part := range slices.Chunk(ids[start:], min(q.Limit, rowsPerUnit)) {
		found, err := s.differences(ctx, c, q.Datacenter, part, spans)
		if err != nil {
			return nil, err
		}
		if out.add(found, q.Limit) {
			break
		}
	}
	return out, nil
}

// CompareOne is one resource at two moments; a Difference without Action is none.
func (s *Service) CompareOne(ctx context.Context, c Caller, kind, id string, since, until time.Time) (*Difference, error) {
	doc, _, _, err := s.current(ctx, s.opt.Store, c, kind, id)
	if err != nil {
		return nil, err
	}
	if until.IsZero() {
		until = s.now()
	}
	if !since.Before(until) {
		return nil, &InvalidError{Pointer: "/since", Problem: "is not before the other moment"}
	}
	if err := s.withinHorizon(ctx, c.Tenant, since); err != nil {
		return nil, err
	}
	spans, err := s.spans(ctx, c.Tenant, kind, filter.And{eq(text("resource_id"), id),
		filter.Compare{Field: when("at"), Op: filter.Gt, Value: since.UTC().Format(store.TimeLayout)},
		filter.Compare{Field: when("at"), Op: filter.Le, Value: until.UTC().Format(store.TimeLayout)}})
	if err != nil {
		return nil, err
	}
	found, err := s.differences(ctx, c, "", slices.Collect(maps.Keys(spans)), spans)
	if err != nil {
		return nil, err
	}
	if len(found) == 1 {
		return &found[0], nil
	}
	return &Difference{ID: id, Kind: kind, Name: doc.Name, Changes: spans[id].n}, nil
}

// spans, if they are no more than are held, are the versions that resources got by the changes that are asked for; kind is what these are all of, "" when they are of several.
func (s *Service) spans(ctx context.Context, tenant, kind string, where filter.Expr) (map[string]span, error) {
	q := store.Query{Table: tChanges, Tenant: tenant, Where: where, Order: []store.Order{{Field: when("at")}}}
	if n, err := s.opt.Store.Count(ctx, q, s.opt.ChangesHeld+1); err != nil {
		return nil, fmt.Errorf("count changes: %w", err)
	} else if n > s.opt.ChangesHeld {
		return nil, fmt.Errorf("compare: %w: more than %d changes lie between the two moments; choose moments closer to each other, or one kind", ErrTooBroad, s.opt.ChangesHeld)
	}
	spans := map[string]span{}
	err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
		id, version, err := changeOf(row.ID)
		if err != nil {
			return err
		}
		sp, known := spans[id]
		if !known {
			sp = span{kind: kind, first: version}
		}
		if sp.kind == "" {
			ch, err := decodeRow[struct {
				Kind string `json:"kind"`
			}](row)
			if err != nil {
				return err
			}
			sp.kind = ch.Kind
		}
		sp.first, sp.last = min(sp.first, version), max(sp.last, version)
		sp.n++
		spans[id] = sp
		return nil
	})
	return spans, err
}

// differences reads both ends of some resources, and today's rights to them.
func (s *Service) differences(ctx context.Context, c Caller, datacenter string, ids []string, spans map[string]span) ([]Difference, error) {
	var keys []string
	for _, id := range ids {
		keys = append(keys, changeID(id, spans[id].last))
		if first := spans[id].first; first > 1 {
			keys = append(keys, changeID(id, first-1))
		}
	}
	rows, err := getChunks(ctx, s.opt.Store, tChanges, c.Tenant, "", keys)
	if err != nil {
		return nil, err
	}
	heads, err := getChunks(ctx, s.opt.Store, tHeads, c.Tenant, "", ids)
	if err != nil {
		return nil, err
	}
	var out []Difference
	for _, id := range ids {
		sp := spans[id]
		last, ok := rows[changeID(id, sp.last)]
		if !ok {
			continue // purged meanwhile
		}
		to, err := decodeRow[changeDoc](last)
		if err != nil {
			return nil, err
		}
		roots := to.AccessRoots
		if row, ok := heads[id]; ok {
			head, err := decodeRow[headDoc](row)
			if err != nil {
				return nil, err
			}
			roots = head.AccessRoots // rights are today's
		}
		if !c.mayRoots(roots) {
			continue
		}
		var from changeDoc
		if row, ok := rows[changeID(id, sp.first-1)]; ok {
			if from, err = decodeRow[changeDoc](row); err != nil {
				return nil, err
			}
		}
		if datacenter != "" && from.Revision.Datacenter != datacenter && to.Revision.Datacenter != datacenter {
			continue
		}
		if d := s.difference(ctx, c.Tenant, &from, &to); d != nil {
			d.Changes, d.Diff = sp.n, c.withoutEnds(d.Diff)
			out = append(out, *d)
		}
	}
	return out, nil
}

// difference is nil when there is none in the end.
func (s *Service) difference(ctx context.Context, tenant string, from, to *changeDoc) *Difference {
	d := &Difference{ID: to.ResourceID, Kind: to.Kind, Name: to.Name, Before: from.Revision.State, After: to.Revision.State,
		From: from.Version, To: to.Version, At: to.At.Time}
	var keyed map[string]string
	if k, err := s.kind(ctx, tenant, to.Kind); err == nil { // without it lists are compared as wholes
		keyed = keyedArrays(k.Kind)
	}
	switch {
	case from.Version == 0 && (d.After == Active || d.After == Unwatched):
		d.Action = "created"
	case from.Version == 0:
		d.Action = string(d.After)
	default:
		d.Action = actionOf(d.Before, d.After)
		d.Diff = diff(&from.Revision, &to.Revision, keyed)
		if d.Action == "updated" && len(d.Diff) == 0 {
			return nil
		}
	}
	return d
}
