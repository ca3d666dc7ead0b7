package ingest

import (
	"errors"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/internal/upload"
)

// Files brings a connection's files to the agent that holds its epoch. A file that is replaced meanwhile ends the call:
// the agent asks again.
func (s *Server) Files(req *uplinkv1.FilesRequest, stream uplinkv1.Uplink_FilesServer) error {
	peer, err := peerFrom(stream.Context())
	if err != nil {
		return err
	}
	ctx, cancel := s.while(stream.Context())
	defer cancel(nil)
	if id := req.GetConnectionId(); id == "" || len(id) > 200 || len(req.GetHave()) > upload.MaxFiles {
		return status.Error(codes.InvalidArgument, "a request without its connection, or with too many contents")
	}
	if err := s.admitted(ctx, peer); err != nil {
		return err
	}
	broken := func(err error) error {
		if ctx.Err() != nil {
			return whyDone(ctx)
		}
		s.metrics.errors.Inc()
		s.opt.Log.Error("send files", "connection", req.GetConnectionId(), "agent", peer.ID, "error", err)
		return status.Error(codes.Unavailable, "the collector could not read the files; its log says why")
	}
	holds, _, err := s.opt.Fleet.Holds(ctx, peer, req.GetConnectionId(), req.GetEpoch())
	switch {
	case err != nil:
		return broken(err)
	case holds == fleet.Once:
		return status.Error(codes.FailedPrecondition, "the connection was edited, moved or deleted since")
	case holds != fleet.Now:
		const reason = "the connection was never given to this agent"
		s.refused(ctx, audit.Entry{Tenant: peer.Tenant, Actor: "agent:" + peer.ID, Action: "connection.read_files", Address: addressOf(ctx), Reason: reason,
			Object: &audit.Ref{ID: req.GetConnectionId(), Kind: "connection"}, Detail: map[string]any{"epoch": req.GetEpoch()}})
		return status.Error(codes.PermissionDenied, reason)
	}
	files, err := s.opt.Fleet.FilesFor(ctx, peer, req.GetConnectionId())
	if err != nil {
		return broken(err)
	}
	list := &uplinkv1.FileList{}
	for _, f := range files {
		list.Files = append(list.Files, &uplinkv1.ConnectionFile{Name: f.Name, Size: f.Size, Sha256: f.SHA256})
	}
	if err := stream.Send(&uplinkv1.FilesResponse{Message: &uplinkv1.FilesResponse_List{List: list}}); err != nil {
		return err
	}
	have := slices.Clone(req.GetHave())
	slices.Sort(have)
	for i, f := range files {
		if _, ok := slices.BinarySearch(have, f.SHA256); ok {
			continue
		}
		err := s.opt.Fleet.ReadFile(ctx, peer, f, func(offset int64, data []byte) error {
			chunk := &uplinkv1.FileChunk{File: int32(i), Offset: offset, Data: data}
			return stream.Send(&uplinkv1.FilesResponse{Message: &uplinkv1.FilesResponse_Chunk{Chunk: chunk}})
		})
		if errors.Is(err, fleet.ErrReplaced) {
			return status.Error(codes.Aborted, err.Error())
		}
		var lost *fleet.LostError
		if errors.As(err, &lost) {
			s.opt.Log.Error("send files", "connection", req.GetConnectionId(), "agent", peer.ID, "error", err)
			return status.Error(codes.DataLoss, err.Error())
		}
		if _, ok := status.FromError(err); ok && err != nil {
			return err
		}
		if err != nil {
			return broken(err)
		}
	}
	return nil
}
