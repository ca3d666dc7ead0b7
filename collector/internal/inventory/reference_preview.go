package inventory

import (
	"context"
	"errors"

	"maestro.internal/collector/internal/reference"
)

// ReferencePreview is what another text in the place of a reference file would change: entries of it, and resources that the caller
// may see.
type ReferencePreview struct {
	File    reference.File
	Entries []reference.EntryChange
	Effect  MappingEffect
}

// PreviewReference tries a reference file before somebody puts it into the collector's folder. Nothing is written.
func (s *Service) PreviewReference(ctx context.Context, c Caller, name string, text []byte) (*ReferencePreview, error) {
	next, entries, err := s.opt.Reference.Replaced(name, text)
	if err != nil {
		pointer := "/text"
		if errors.Is(err, reference.ErrUnknownFile) {
			pointer = "/name"
		}
		return nil, &InvalidError{Pointer: pointer, Problem: err.Error()}
	}
	effect, err := s.preview(ctx, c, "", func(u *unit) { u.reference = next })
	if err != nil {
		return nil, err
	}
	out := &ReferencePreview{Entries: entries, Effect: *effect}
	for _, f := range next.Files {
		if f.Name == name {
			out.File = f
		}
	}
	return out, nil
}
