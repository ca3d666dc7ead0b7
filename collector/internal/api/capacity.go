package api

import (
	"context"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

func (s *Server) listCapacity(ctx context.Context, c access.Caller, in *countsIn) (*out[rest.List[rest.Capacity]], error) {
	if _, err := s.opt.Fleet.Datacenter(ctx, domainCaller(c), in.ID); err != nil {
		return nil, orNotFound(err, "datacenter")
	}
	found, err := s.opt.Inventory.Capacity(ctx, domainCaller(c), in.ID, in.AsOf)
	if err != nil {
		return nil, err
	}
	items := make([]rest.Capacity, 0, len(found))
	for _, x := range found {
		items = append(items, rest.Capacity{Kind: x.Kind, Type: x.Type, Count: x.Count, CPUCount: x.CPUCount, MemoryBytes: x.MemoryBytes, SizeBytes: x.SizeBytes})
	}
	return listOf(items, "capacity", "", len(items), false)
}
