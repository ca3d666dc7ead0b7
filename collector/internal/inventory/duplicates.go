package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/schema"
)

const (
	// lookAfter is how old a change must be before it is looked at, so that none that is written late is passed by.
	lookAfter = time.Minute
	// changesPerLook bounds what one sweep looks through, namesakes how many resources of one name still mean something: "localhost"
	// says nothing of who is who.
	changesPerLook = 5000
	namesakes      = 4
)

// markDoc is how far a sweep has looked through the changes of a tenant.
type markDoc struct {
	After string `json:"after"`
}

// sweepDuplicates looks for resources that may be one although no identifier says so: those that changed lately and have their name
// and datacenter, or their address, in common with one that other connections see.
func (s *Service) sweepDuplicates(ctx context.Context, now time.Time) error {
	tenants, err := s.opt.Store.Tenants(ctx, tChanges)
	if err != nil {
		return fmt.Errorf("list tenants: %w", err)
	}
	for _, tenant := range tenants {
		if err := s.lookForDuplicates(ctx, tenant, now); err != nil {
			return fmt.Errorf("tenant %s: %w", tenant, err)
		}
	}
	return nil
}

func (s *Service) lookForDuplicates(ctx context.Context, tenant string, now time.Time) error {
	id := store.Key(tenant, "duplicates")
	rows, err := getRows(ctx, s.opt.Store, tMarks, tenant, "", []string{id})
	if err != nil {
		return err
	}
	var mark markDoc
	if row, ok := rows[id]; ok {
		if mark, err = decodeRow[markDoc](row); err != nil {
			return err
		}
	}
	q := store.Query{Table: tChanges, Tenant: tenant, Order: []store.Order{{Field: when("at")}}, After: mark.After, Limit: 1000,
		Where: filter.Compare{Field: when("at"), Op: filter.Lt, Value: now.Add(-lookAfter).UTC().Format(store.TimeLayout)}}
	for range changesPerLook / q.Limit {
		page, err := s.opt.Store.Find(ctx, q)
		if err != nil || len(page.Rows) == 0 {
			return err
		}
		if err := s.compareChanged(ctx, tenant, page.Rows); err != nil {
			return err
		}
		if q.After, err = cursorOf(q.Order, page.Rows[len(page.Rows)-1]); err != nil {
			return err
		}
		row, err := encodeRow(id, tenant, "", 1, markDoc{After: q.After})
		if err != nil {
			return err
		}
		if err := s.put(ctx, store.Write{Table: tMarks, Op: store.Put, Row: row}); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
	}
	return nil
}

func (s *Service) put(ctx context.Context, ops ...store.Write) error {
	return s.opt.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, ops...)
		return err
	})
}

// compareChanged looks at the resources that changes made or renamed.
func (s *Service) compareChanged(ctx context.Context, tenant string, rows []store.Row) error {
	names, addresses := map[string][]string{}, map[string]map[string][]string{} // by kind; and by path
	kinds := map[string]*KindInfo{}
	for _, row := range rows {
		c, err := decodeRow[changeDoc](row)
		if err != nil {
			return err
		}
		if kinds[c.Kind] == nil {
			if kinds[c.Kind], err = s.kind(ctx, tenant, c.Kind); errors.Is(err, ErrNotFound) {
				continue
			} else if err != nil {
				return err
			}
		}
		k := kinds[c.Kind]
		if len(k.Ranks) == 0 || c.Revision.State != Active {
			continue
		}
		if c.Action == "created" || touches(c.Diff, "/name") || touches(c.Diff, "/datacenter") {
			names[c.Kind] = append(names[c.Kind], c.Revision.Name)
		}
		attributes := decodeJSON(c.Revision.Attributes)
		for _, f := range k.Fields {
			if f.Type != schema.TypeIP || !f.Indexed || c.Action != "created" && !touches(c.Diff, f.Pointer) && !touches(c.Diff, "/datacenter") {
				continue
			}
			if values := textsAt(attributes, strings.Split(f.Path, ".")); len(values) == 1 {
				if addresses[c.Kind] == nil {
					addresses[c.Kind] = map[string][]string{}
				}
				addresses[c.Kind][f.Path] = append(addresses[c.Kind][f.Path], values[0])
			}
		}
	}
	for _, kind := range keysOf(names) {
		if err := s.askNamesakes(ctx, tenant, kinds[kind], []string{"name"}, names[kind]); err != nil {
			return err
		}
	}
	for _, kind := range keysOf(addresses) {
		for _, path := range keysOf(addresses[kind]) {
			if err := s.askNamesakes(ctx, tenant, kinds[kind], append([]string{"attributes"}, strings.Split(path, ".")...), addresses[kind][path]); err != nil {
				return err
			}
		}
	}
	return nil
}

func touches(diff []FieldChange, pointer string) bool {
	return slices.ContainsFunc(diff, func(d FieldChange) bool { return d.Pointer == pointer })
}

// askNamesakes puts the question for each pair that has a value in common.
func (s *Service) askNamesakes(ctx context.Context, tenant string, k *KindInfo, path, values []string) error {
	type namesake struct {
		id  string
		doc resourceDoc
	}
	for part := range slices.Chunk(unique(slices.Clone(values)), rowsPerUnit) {
		groups := map[string][]namesake{}
		q := store.Query{Table: tResources, Tenant: tenant, Part: k.Name, Where: filter.And{in(text(path...), part), eq(text("state"), string(Active))}}
		err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
			doc, err := decodeRow[resourceDoc](row)
			value := doc.Name
			if path[0] == "attributes" {
				value = textsAt(decodeJSON(doc.Attributes), path[1:])[0]
			}
			key := store.Key(value, doc.Datacenter)
			if len(groups[key]) <= namesakes {
				groups[key] = append(groups[key], namesake{row.ID, doc})
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("find namesakes: %w", err)
		}
		var asks []store.Write
		for _, key := range keysOf(groups) {
			group := groups[key]
			if len(group) > namesakes {
				continue
			}
			for i, a := range group {
				for _, b := range group[i+1:] {
					if !disjoint(a.doc.Connections, b.doc.Connections) || slices.Contains(a.doc.Apart, b.id) || slices.Contains(b.doc.Apart, a.id) {
						continue
					}
					w, err := duplicateReview(tenant, k.Name, path, a.id, b.id, &a.doc, s.now())
					if err != nil {
						return err
					}
					asks = append(asks, w)
				}
			}
		}
		if len(asks) > 0 {
			if err := s.put(ctx, asks...); err != nil {
				return fmt.Errorf("write review items: %w", err)
			}
		}
	}
	return nil
}

func duplicateReview(tenant, kind string, path []string, a, b string, doc *resourceDoc, now time.Time) (store.Write, error) {
	detail := fmt.Sprintf("both are called %q", doc.Name)
	if path[0] == "attributes" {
		detail = "both have the address " + textsAt(decodeJSON(doc.Attributes), path[1:])[0]
	}
	if doc.Datacenter != "" {
		detail += " in one datacenter"
	}
	row, err := encodeRow(uuidOf("review", tenant, min(a, b), max(a, b), ReviewDuplicate), tenant, "", 1, reviewDoc{Kind: kind, State: "open", Type: ReviewDuplicate,
		Detail: detail, ResourceID: a, OtherID: b, At: store.At(now)})
	return store.Write{Table: tReviews, Op: store.Insert, Row: row}, err
}
