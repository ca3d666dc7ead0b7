package api

import (
	"context"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

// uploadWithin is for the largest file over a slow line.
const uploadWithin = 5 * time.Minute

func (s *Server) listFiles(ctx context.Context, c access.Caller, in *listOfIn) (*out[rest.List[rest.ConnectionFile]], error) {
	list, err := s.opt.Fleet.Files(ctx, domainCaller(c), in.ID)
	if err != nil {
		return nil, orNotFound(err, "connection")
	}
	return small(s, &in.ListIn, list, func(f rest.ConnectionFile) string { return f.Name }, "name")
}

func (s *Server) uploadFile(ctx context.Context, c access.Caller, in *uploadIn) (*out[rest.ConnectionFile], error) {
	f, err := s.opt.Fleet.Upload(ctx, domainCaller(c), in.ID, in.Name, in.RawBody)
	if err != nil {
		return nil, orNotFound(err, "connection")
	}
	return &out[rest.ConnectionFile]{Body: f}, nil
}

func (s *Server) deleteFile(ctx context.Context, c access.Caller, in *FileIn) (*none, error) {
	if err := s.opt.Fleet.DeleteFile(ctx, domainCaller(c), in.ID, in.Name); err != nil {
		return nil, orNotFound(err, "file")
	}
	return &none{}, nil
}
