package api

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/upload"
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
	if err := s.mayEdit(ctx, c, in.ID); err != nil {
		return nil, err
	}
	f, err := s.opt.Fleet.Upload(ctx, domainCaller(c), in.ID, in.Name, in.RawBody)
	if err != nil {
		return nil, orNotFound(err, "connection")
	}
	return &out[rest.ConnectionFile]{Body: f}, nil
}

func (s *Server) uploadFiles(ctx context.Context, c access.Caller, in *uploadManyIn) (*out[rest.ConnectionUpload], error) {
	if err := s.mayEdit(ctx, c, in.ID); err != nil {
		return nil, err
	}
	files, err := unpack(in.RawBody)
	if err != nil {
		return nil, err
	}
	done, err := s.opt.Fleet.UploadMany(ctx, domainCaller(c), in.ID, files)
	if err != nil {
		return nil, orNotFound(err, "connection")
	}
	return &out[rest.ConnectionUpload]{Body: done}, nil
}

// unpack reads a tar archive of plain files. Their contents are no more than the archive itself.
func unpack(archive []byte) ([]fleet.NewFile, error) {
	var files []fleet.NewFile
	room := int64(len(archive)) // what is sparse would be longer
	for in := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		var content []byte
		switch {
		case err != nil:
		case h.Typeflag != tar.TypeReg:
			err = fmt.Errorf("%q is no plain file", h.Name)
		case h.Size > room:
			err = fmt.Errorf("%q is longer than the archive", h.Name)
		case len(files) >= upload.MaxBatchFiles:
			return nil, &fleet.TooLargeError{Problem: fmt.Sprintf("an archive has at most %d files", upload.MaxBatchFiles)}
		default:
			room -= h.Size
			content, err = io.ReadAll(in)
		}
		if err != nil {
			return nil, &inventory.InvalidError{Problem: "read the tar archive: " + err.Error()}
		}
		files = append(files, fleet.NewFile{Name: h.Name, Content: content})
	}
}

func (s *Server) deleteFile(ctx context.Context, c access.Caller, in *FileIn) (*none, error) {
	if err := s.mayEdit(ctx, c, in.ID); err != nil {
		return nil, err
	}
	if err := s.opt.Fleet.DeleteFile(ctx, domainCaller(c), in.ID, in.Name); err != nil {
		return nil, orNotFound(err, "file")
	}
	return &none{}, nil
}
