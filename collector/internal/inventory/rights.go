package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/collector/internal/store"
)

// ErrForbidden says that the caller may see a resource and may not change it, or may not have one where it would be.
var ErrForbidden = errors.New("not allowed")

// accessRoots are what grants on lead to a resource: itself, its datacenter and the connections that it comes from. They lie in its
// row, so that a list asks for them by an index and a changed grant rewrites nothing. What is part of a system changes
// without the part being written, so systems are looked up when the caller is recognised (PartsOf).
func accessRoots(id string, rev *revision) []string {
	roots := []string{id}
	if rev.Datacenter != "" {
		roots = append(roots, rev.Datacenter)
	}
	for _, src := range rev.Sources {
		if src.Connection != "" && !slices.Contains(roots, src.Connection) {
			roots = append(roots, src.Connection)
		}
	}
	return roots
}

// mayWrite says whether the caller may change what has these roots; nil roots are of what would be nowhere.
func (c Caller) mayWrite(roots []string) error {
	if c.Writes == nil || c.Writes(roots) {
		return nil
	}
	return ErrForbidden
}

// costs are the fields that say what a resource costs and who bears it, with all that is in them.
var costs = []string{"/common/cost_center", "/common/monthly_cost"}

// onlyCosts says whether all pointers are of costs.
func onlyCosts(pointers ...[]string) bool {
	for _, p := range slices.Concat(pointers...) {
		if !slices.ContainsFunc(costs, func(c string) bool { return p == c || strings.HasPrefix(p, c+"/") }) {
			return false
		}
	}
	return true
}

// mayChange says whether the caller may make an edit of what has these roots: who may only say what things cost may do no other.
func (c Caller) mayChange(e Edit, roots []string) error {
	if c.Costs != nil && len(e.Identifiers)+len(e.Relations)+len(e.Unrelate) == 0 && onlyCosts(keysOf(e.Set), e.Reset) && c.Costs(roots) {
		return nil
	}
	return c.mayWrite(roots)
}

// mayPlace says whether the caller may have something in a datacenter.
func (c Caller) mayPlace(datacenter string) error {
	if datacenter == "" {
		return c.mayWrite(nil)
	}
	return c.mayWrite([]string{datacenter})
}

// mayMove says whether a change of datacenter is the caller's to make: where it goes must be open to him as well.
func (c Caller) mayMove(from, to string) error {
	if from == to {
		return nil
	}
	return c.mayPlace(to)
}

// writable is current for what is about to be changed.
func (s *Service) writable(ctx context.Context, r store.Reader, c Caller, kind, id string) (resourceDoc, int64, *KindInfo, error) {
	doc, version, k, err := s.current(ctx, r, c, kind, id)
	if err == nil {
		if err = c.mayWrite(doc.AccessRoots); err != nil {
			err = fmt.Errorf("%s %s: %w", kind, id, err)
		}
	}
	return doc, version, k, err
}

// Roots are the access roots of a resource that the caller may read.
func (s *Service) Roots(ctx context.Context, c Caller, kind, id string) ([]string, error) {
	doc, _, _, err := s.current(ctx, s.opt.Store, c, kind, id)
	return doc.AccessRoots, err
}

// CommonRoots are the access roots that all of some resources have: who has a right on one of them has it on each.
func (s *Service) CommonRoots(ctx context.Context, tenant, kind string, ids []string) ([]string, error) {
	rows, err := getChunks(ctx, s.opt.Store, tResources, tenant, kind, unique(slices.Clone(ids)))
	if err != nil {
		return nil, err
	}
	var common []string
	for i, id := range ids {
		row, ok := rows[id]
		if !ok {
			return nil, nil
		}
		doc, err := decodeRow[resourceDoc](row)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			common = slices.Clone(doc.AccessRoots)
		}
		common = slices.DeleteFunc(common, func(root string) bool { return !slices.Contains(doc.AccessRoots, root) })
	}
	return common, nil
}

// mostParts bounds what inherits from one system.
const mostParts = 20_000

// PartsOf are the resources that say of themselves that they are part of a system; nobody makes something part of it without
// being able to write the part. A system that is not there has none.
func (s *Service) PartsOf(ctx context.Context, tenant, system string) ([]string, error) {
	related, err := s.RelatedTo(ctx, Caller{Tenant: tenant, TenantWide: true}, "system", system)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find parts of system: %w", err)
	}
	var parts []string
	for _, r := range related {
		if r.Direction == "in" && r.Verb == "part_of" && r.ID != "" && len(parts) < mostParts {
			parts = append(parts, r.ID)
		}
	}
	return parts, nil
}

// withoutEnds leaves out of differences what relations lead to: they name the other end, which is not always the caller's to know.
// The relations of today are listed by themselves, each end by its own rights.
func (c Caller) withoutEnds(list []FieldChange) []FieldChange {
	if c.TenantWide {
		return list
	}
	out := slices.Clone(list)
	for i, f := range out {
		if strings.HasPrefix(f.Pointer, "/relations/") {
			out[i] = FieldChange{Pointer: f.Pointer}
		}
	}
	return out
}

// changesOfToday is a page of changes for who does not read everything. A change has the access roots that its resource had then; what
// was moved to where the caller may not read is left out with all its past, since rights are today's. What is left is counted only as
// far as it was read.
func (s *Service) changesOfToday(ctx context.Context, c Caller, q store.Query) (*ChangeList, error) {
	out := &ChangeList{}
	size := q.Limit
	for {
		q.Limit = size - len(out.Items)
		page, err := s.changes(ctx, c, q)
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, ch := range page.Items {
			ids = append(ids, ch.ResourceID)
		}
		heads, err := s.heads(ctx, c, unique(ids))
		if err != nil {
			return nil, err
		}
		for _, ch := range page.Items {
			if _, ok := heads[ch.ResourceID]; ok {
				out.Items = append(out.Items, ch)
			}
		}
		q.After, out.Next = page.Next, page.Next
		if page.Next == "" || len(out.Items) >= size {
			out.Total, out.More = len(out.Items), page.Next != ""
			return out, nil
		}
	}
}
