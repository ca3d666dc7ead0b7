package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// errPageFull ends a walk that has found enough.
var errPageFull = errors.New("the page is full")

// compareMany is Compare where more changes lie between the moments than are held. Kinds with few are compared as ever; of those with many
// the changes are gone through in the order of their resources, from where the page begins: with so many, a page is soon found.
func (s *Service) compareMany(ctx context.Context, c Caller, q CompareQuery) (*DifferenceList, error) {
	kinds, err := s.Kinds(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(kinds, func(a, b KindInfo) int { return cmp.Compare(a.Name+"|", b.Name+"|") })
	kind, id, _ := strings.Cut(q.After, "|")
	out := &DifferenceList{}
	for _, k := range kinds {
		if q.Kind != "" && k.Name != q.Kind || q.After != "" && k.Name+"|" < kind+"|" {
			continue
		}
		if k.Name != kind {
			id = ""
		}
		full, err := s.compareKind(ctx, c, q, k.Name, id, out)
		if err != nil || full {
			return out, err
		}
	}
	return out, nil
}

// compareKind puts the differences of a kind behind a resource on the page.
func (s *Service) compareKind(ctx context.Context, c Caller, q CompareQuery, kind, after string, out *DifferenceList) (full bool, err error) {
	within := filter.And{filter.Compare{Field: when("at"), Op: filter.Gt, Value: q.Since.UTC().Format(store.TimeLayout)},
		filter.Compare{Field: when("at"), Op: filter.Le, Value: q.Until.UTC().Format(store.TimeLayout)}, eq(text("kind"), kind)}
	spans, err := s.spans(ctx, c.Tenant, kind, within)
	if err == nil {
		ids := slices.DeleteFunc(keysOf(spans), func(id string) bool { return id <= after })
		for part := range slices.Chunk(ids, min(q.Limit, rowsPerUnit)) {
			found, err := s.differences(ctx, c, q.Datacenter, part, spans)
			if err != nil || out.add(found, q.Limit) {
				return err == nil, err
			}
		}
		return false, nil
	}
	if !errors.Is(err, ErrTooBroad) {
		return false, err
	}
	return s.walkKind(ctx, c, q, kind, after, out)
}

// walkKind is compareKind by going through the changes in the order of their resources.
func (s *Service) walkKind(ctx context.Context, c Caller, q CompareQuery, kind, after string, out *DifferenceList) (full bool, err error) {
	is := func(f filter.Field, op filter.Op, value string) filter.Expr {
		return filter.Not{Of: filter.Compare{Field: f, Op: op, Value: value}}
	}
	// What is not said to be less and not said to be more no index answers, so that the store goes through the order of ids and sorts nothing.
	walk := store.Query{Table: tChanges, Tenant: c.Tenant, Limit: rowsPerUnit, Where: filter.And{is(when("at"), filter.Le, q.Since.UTC().Format(store.TimeLayout)),
		is(when("at"), filter.Gt, q.Until.UTC().Format(store.TimeLayout)), is(text("kind"), filter.Lt, kind), is(text("kind"), filter.Gt, kind)}}
	if after != "" {
		if walk.After, err = (store.Cursor{ID: after + "/~"}).Encode(nil); err != nil { // behind all its changes
			return false, fmt.Errorf("begin page: %w", err)
		}
	}
	var ids []string
	spans := map[string]span{}
	flush := func() error {
		found, err := s.differences(ctx, c, q.Datacenter, ids, spans)
		ids = nil
		clear(spans)
		if err == nil && out.add(found, q.Limit) {
			return errPageFull
		}
		return err
	}
	err = store.Each(ctx, s.opt.Store, walk, func(row store.Row) error {
		id, version, err := changeOf(row.ID)
		if err != nil {
			return err
		}
		sp, known := spans[id]
		if !known {
			if len(ids) == min(q.Limit+1, rowsPerUnit) {
				if err := flush(); err != nil {
					return err
				}
			}
			ids, sp = append(ids, id), span{kind: kind, first: version}
		}
		sp.first, sp.last = min(sp.first, version), max(sp.last, version)
		sp.n++
		spans[id] = sp
		return nil
	})
	if err == nil && len(ids) > 0 {
		err = flush()
	}
	if errors.Is(err, errPageFull) {
		return true, nil
	}
	return false, err
}
