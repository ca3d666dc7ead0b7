package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/schema"
)

// mostIndexes of a kind, all tenants' plugins together; a MongoDB collection may have 64 and a few are for every kind.
const mostIndexes = 48

// declaredKind is a row of what plugins declared.
type declaredKind struct {
	id, tenant string
	kindDoc
}

func (s *Service) kindDocs(ctx context.Context, q store.Query) ([]declaredKind, error) {
	var out []declaredKind
	err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
		doc, err := decodeRow[kindDoc](row)
		out = append(out, declaredKind{row.ID, row.Tenant, doc})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read kinds: %w", err)
	}
	// Who came first keeps its indexes.
	slices.SortFunc(out, func(a, b declaredKind) int {
		return cmp.Or(a.Since.Compare(b.Since.Time), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.id, b.id))
	})
	return out, nil
}

func byName(docs []declaredKind) map[string][]declaredKind {
	out := map[string][]declaredKind{}
	for _, d := range docs {
		out[d.Name] = append(out[d.Name], d)
	}
	return out
}

// signature names what assemble makes a kind of.
func signature(of []declaredKind) string {
	var b strings.Builder
	b.WriteString(of[0].Name)
	for _, d := range of {
		fmt.Fprintf(&b, " %s %d %s %s %s", d.Provider, d.Minor, d.Digest, d.Approval, d.Plugin)
	}
	return b.String()
}

// parse reads what a plugin declared, by itself.
func (d *kindDoc) parse() (*schema.Kind, error) {
	if d.Extends {
		return schema.ParseFields(d.Provider, []byte(d.Schema))
	}
	return schema.Parse(d.Name, d.Major, d.Minor, []byte(d.Schema))
}

func (d *kindDoc) title() string {
	if d.Extends {
		return "fields of kind " + d.Name
	}
	return "kind " + d.Name
}

// assemble makes a kind of what plugins declared of it: a plugin's own kind, or a built-in one with the fields of each
// provider. Fields that wait for approval are checked, hidden if they are sensitive, and cost nothing: no index, no
// column, no words of the search.
func (s *Service) assemble(of []declaredKind) (*KindInfo, error) {
	base := s.builtin[of[0].Name]
	if base == nil {
		own := slices.IndexFunc(of, func(d declaredKind) bool { return !d.Extends })
		if own < 0 {
			return nil, nil // a built-in kind of a newer collector
		}
		d := of[own]
		k, err := d.parse()
		if err != nil {
			return nil, fmt.Errorf("read kind %s: %w", d.Name, err)
		}
		base, of = &KindInfo{Kind: k, Approval: d.Approval, Provider: d.Provider}, slices.Delete(slices.Clone(of), own, own+1)
		if d.Custom != nil {
			base.Custom = d.Custom.Fields
		}
	}
	out := *base
	left := schema.MaxIndexed
	for _, d := range of {
		k, used, err := extended(out.Kind, &d.kindDoc, left)
		if err != nil {
			// A newer Maestro may have the field itself, or know better. The kind works without.
			s.opt.Log.Warn("fields of a plugin are left out", "kind", d.Name, "provider", d.Provider, "error", err)
			continue
		}
		left -= used
		out.Kind = k
		if d.Custom != nil {
			out.Custom = d.Custom.Fields
			continue
		}
		out.Extensions = append(out.Extensions, Extension{Provider: d.Provider, Plugin: d.Plugin, Approval: d.Approval})
	}
	out.Kind = withBelonging(out.Kind)
	return &out, nil
}

func extended(k *schema.Kind, d *kindDoc, indexes int) (out *schema.Kind, used int, err error) {
	var text []byte
	if d.Approval == Approved {
		text, err = schema.LimitIndexes([]byte(d.Schema), indexes)
	} else {
		text, err = schema.Plain([]byte(d.Schema))
	}
	if err == nil {
		out, err = schema.Extend(k, d.Provider, text)
	}
	if err != nil {
		return nil, 0, err
	}
	return out, len(indexesOf(out)) - len(indexesOf(k)), nil
}

// registerFields takes the fields that a plugin adds to a built-in kind. What is wrong with them is a finding, said to
// whoever reads the warnings; an error is the store's.
func (s *Service) registerFields(ctx context.Context, tenant string, base *schema.Kind, d provider.Description, ks provider.KindSupport) (string, error) {
	if _, err := schema.Extend(base, d.Provider, ks.Schema); err != nil {
		return err.Error(), nil //nolint:nilerr // a finding
	}
	parsed, err := schema.ParseFields(d.Provider, ks.Schema)
	if err != nil {
		return err.Error(), nil //nolint:nilerr // a finding
	}
	doc := kindDoc{Name: ks.Kind, Major: ks.Major, Schema: string(parsed.Schema), Digest: parsed.Digest, Provider: d.Provider,
		Plugin: d.Version, Extends: true}
	return s.take(ctx, tenant, store.Key(tenant, ks.Kind, d.Provider), doc, parsed)
}

// ensureKind makes the tables ready for a kind's resources. They hold all tenants' resources of the kind, so their
// indexes are those that any tenant's kind asks for.
func (s *Service) ensureKind(ctx context.Context, k *schema.Kind) error {
	key := k.Name + " " + k.Digest
	s.kinds.mu.Lock()
	ready := s.kinds.ready[key]
	s.kinds.mu.Unlock()
	if ready {
		return nil
	}
	docs, err := s.kindDocs(ctx, store.Query{Table: tKinds, AllTenants: true, Where: eq(text("name"), k.Name)})
	if err != nil {
		return err
	}
	return s.ensureIndexes(ctx, k, docs)
}

// ensureIndexes makes the indexes of a kind. docs are what all tenants' plugins declared of it.
func (s *Service) ensureIndexes(ctx context.Context, k *schema.Kind, docs []declaredKind) error {
	kinds := []*schema.Kind{k}
	if b := s.builtin[k.Name]; b != nil {
		kinds[0] = b.Kind
	}
	tenants := map[string][]declaredKind{}
	for _, d := range docs {
		tenants[d.tenant] = append(tenants[d.tenant], d)
	}
	for _, tenant := range keysOf(tenants) {
		info, err := s.assemble(tenants[tenant])
		if err != nil {
			return err
		}
		if info != nil {
			kinds = append(kinds, info.Kind)
		}
	}
	var indexes []store.Index
	var ready []string
	for _, kind := range kinds {
		for _, ix := range indexesOf(kind) {
			known := slices.ContainsFunc(indexes, func(x store.Index) bool { return x.Name == ix.Name })
			if !known && len(indexes) < mostIndexes {
				indexes = append(indexes, ix)
			}
		}
		ready = append(ready, kind.Name+" "+kind.Digest)
	}
	// What a tenant's plugins add has no say in the index for facets, or one tenant would have it made anew after the other.
	counted := kinds[0]
	if s.builtin[k.Name] == nil && len(kinds) > 1 {
		counted = kinds[1]
	}
	if ix, ok := facetIndex(counted); ok {
		indexes = append(indexes, ix)
	}
	if err := s.opt.Store.EnsurePart(ctx, tResources, k.Name, indexes); err != nil {
		return fmt.Errorf("make indexes of kind %s: %w", k.Name, err)
	}
	s.kinds.mu.Lock()
	defer s.kinds.mu.Unlock()
	for _, key := range append(ready, k.Name+" "+k.Digest) {
		s.kinds.ready[key] = true
	}
	return nil
}
