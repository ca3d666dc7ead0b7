package inventory

import (
	"context"
	"fmt"
	"time"

	"maestro.internal/collector/internal/filter"
)

// Capacity is what the active resources of one sort hold together: of servers by their type, since a hypervisor's memory and
// its guests' are not to be added, and of storage.
type Capacity struct {
	Kind string
	// Type tells sorts of one kind apart; empty where the kind has none or the resource does not say.
	Type        string
	Count       int
	CPUCount    int64
	MemoryBytes int64
	SizeBytes   int64
}

// capacities are the kinds whose sizes are summed up. The resources of a group of equal sizes are counted by the store, so that
// nothing is read one by one.
var capacities = []struct {
	kind, typ string
	sums      map[string]func(*Capacity) *int64
}{
	{kind: "server", typ: "type", sums: map[string]func(*Capacity) *int64{
		"cpu_count":    func(c *Capacity) *int64 { return &c.CPUCount },
		"memory_bytes": func(c *Capacity) *int64 { return &c.MemoryBytes },
	}},
	{kind: "storage_pool", sums: map[string]func(*Capacity) *int64{"size_bytes": func(c *Capacity) *int64 { return &c.SizeBytes }}},
	{kind: "volume", sums: map[string]func(*Capacity) *int64{"size_bytes": func(c *Capacity) *int64 { return &c.SizeBytes }}},
}

// distinctSizes bounds how many different sizes of one sort are summed up. Sizes repeat: they are chosen from catalogues.
const distinctSizes = 100_000

// Capacity sums up what a datacenter's active resources that the caller may read hold, or held at a moment.
func (s *Service) Capacity(ctx context.Context, c Caller, datacenter string, at time.Time) ([]Capacity, error) {
	var out []Capacity
	for _, of := range capacities {
		k, err := s.kind(ctx, c.Tenant, of.kind)
		if err != nil {
			return nil, err
		}
		if err := s.ensureKind(ctx, k.Kind); err != nil {
			return nil, err
		}
		where := filter.And{c.may(), eq(text("datacenter"), datacenter), eq(text("state"), string(Active))}
		types := []filter.Field{text("kind")}
		if of.typ != "" {
			types = []filter.Field{text("attributes", of.typ)}
		}
		groups, err := s.groupsAt(ctx, c, at, k.Kind, where, types, distinctSizes)
		if err != nil {
			return nil, fmt.Errorf("count %s: %w", of.kind, err)
		}
		line := map[string]int{}
		for _, g := range groups {
			typ, _ := g.Values[0].(string)
			line[typ] = len(out)
			one := Capacity{Kind: of.kind, Count: g.Count}
			if of.typ != "" {
				one.Type = typ
			}
			out = append(out, one)
		}
		for _, name := range keysOf(of.sums) {
			groups, err := s.groupsAt(ctx, c, at, k.Kind, where, append(types[:1:1], number("attributes", name)), distinctSizes)
			if err != nil {
				return nil, fmt.Errorf("sum up %s of %s: %w", name, of.kind, err)
			}
			for _, g := range groups {
				typ, _ := g.Values[0].(string)
				size, said := g.Values[1].(float64)
				// What was added between two counts has no line yet; it is in the next answer.
				if i, known := line[typ]; known && said {
					*of.sums[name](&out[i]) += int64(size) * int64(g.Count)
				}
			}
		}
	}
	return out, nil
}
