package api

import (
	"context"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

type referenceTryIn struct {
	Body rest.ReferenceTry
}

// shownEntries bounds what a preview lists of a file.
const shownEntries = 200

func (s *Server) previewReference(ctx context.Context, c access.Caller, in *referenceTryIn) (*out[rest.ReferencePreview], error) {
	p, err := s.opt.Inventory.PreviewReference(ctx, domainCaller(c), in.Body.Name, []byte(in.Body.Text))
	if err != nil {
		return nil, err
	}
	doc := rest.ReferencePreview{File: rest.ReferenceFile{Name: p.File.Name, Version: p.File.Version, Date: p.File.Date, Entries: p.File.Entries},
		Entries: []rest.ReferenceChange{}, Effect: effectDocument(&p.Effect)}
	for _, e := range p.Entries {
		switch {
		case e.Old == "":
			doc.Added++
		case e.New == "":
			doc.Removed++
		default:
			doc.Changed++
		}
		if len(doc.Entries) < shownEntries {
			doc.Entries = append(doc.Entries, rest.ReferenceChange(e))
		}
	}
	return &out[rest.ReferencePreview]{Body: doc}, nil
}
