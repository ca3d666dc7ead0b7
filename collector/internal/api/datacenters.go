package api

import (
	"context"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

func (s *Server) listDatacenters(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Datacenter]], error) {
	list, err := s.opt.Fleet.Datacenters(ctx, domainCaller(c))
	if err != nil {
		return nil, err
	}
	if err := s.withCounts(ctx, c, list); err != nil {
		return nil, err
	}
	return small(s, in, list, func(d rest.Datacenter) string { return d.ID }, "name")
}

func (s *Server) getDatacenter(ctx context.Context, c access.Caller, in *idIn) (*versioned[rest.Datacenter], error) {
	d, err := s.opt.Fleet.Datacenter(ctx, domainCaller(c), in.ID)
	return s.oneDatacenter(ctx, c, d, err)
}

func (s *Server) createDatacenter(ctx context.Context, c access.Caller, in *bodyIn[rest.DatacenterWrite]) (*versioned[rest.Datacenter], error) {
	if err := s.mayServe(ctx, c, &in.Body.Client, nil, nil); err != nil {
		return nil, err
	}
	d, err := s.opt.Fleet.CreateDatacenter(ctx, domainCaller(c), in.Body)
	return s.oneDatacenter(ctx, c, d, err)
}

func (s *Server) updateDatacenter(ctx context.Context, c access.Caller, in *putIn[rest.DatacenterWrite]) (*versioned[rest.Datacenter], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	if in.Body.Client != "" {
		p, err := s.place(ctx, c, access.KindDatacenter, in.ID)
		if err != nil {
			return nil, err
		}
		was, err := s.opt.Fleet.Datacenter(ctx, domainCaller(c), in.ID)
		if err == nil {
			err = s.mayServe(ctx, c, &in.Body.Client, was.Client, p.roots())
		}
		if err != nil {
			return nil, orNotFound(err, "datacenter")
		}
	}
	d, err := s.opt.Fleet.UpdateDatacenter(ctx, domainCaller(c), in.ID, version, in.Body)
	return s.oneDatacenter(ctx, c, d, err)
}

func (s *Server) deleteDatacenter(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	if err := s.opt.Fleet.DeleteDatacenter(ctx, domainCaller(c), in.ID); err != nil {
		return nil, orNotFound(err, "datacenter")
	}
	return &none{}, nil
}

func (s *Server) oneDatacenter(ctx context.Context, c access.Caller, d rest.Datacenter, err error) (*versioned[rest.Datacenter], error) {
	if err != nil {
		return nil, orNotFound(err, "datacenter")
	}
	list := []rest.Datacenter{d}
	if err := s.withCounts(ctx, c, list); err != nil {
		return nil, err
	}
	return &versioned[rest.Datacenter]{ETag: etag(d.Version), Body: list[0]}, nil
}

// withCounts adds how many active resources of each kind a datacenter has.
func (s *Server) withCounts(ctx context.Context, c access.Caller, list []rest.Datacenter) error {
	ids := make([]string, len(list))
	for i, d := range list {
		ids[i] = d.ID
	}
	counts, err := s.opt.Inventory.CountBy(ctx, domainCaller(c), ids, time.Time{})
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Counts = counts[list[i].ID]
	}
	return nil
}
