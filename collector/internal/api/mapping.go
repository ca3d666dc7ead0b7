package api

import (
	"context"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/mapping"
	"maestro.internal/internal/rest"
)

type (
	mappingIn struct {
		IfMatch string `header:"If-Match" doc:"The version edited, as in the ETag; required"`
		Body    rest.MappingWrite
	}
	complianceIn struct {
		Kind string `query:"kind" maxLength:"200" doc:"Absent: all kinds"`
	}
	mappingTryIn struct {
		Kind string `query:"kind" maxLength:"200" doc:"Absent: all kinds"`
		Body rest.MappingWrite
	}
)

func mappingOf(w rest.MappingWrite) inventory.Mapping {
	m := inventory.Mapping{Rules: make([]mapping.Rule, len(w.Rules)), Spellings: make([]mapping.Spelling, len(w.Spellings)),
		Policy: make([]mapping.Requirement, len(w.Policy))}
	for i, r := range w.Rules {
		m.Rules[i] = mapping.Rule(r)
	}
	for i, s := range w.Spellings {
		m.Spellings[i] = mapping.Spelling(s)
	}
	for i, r := range w.Policy {
		m.Policy[i] = mapping.Requirement(r)
	}
	return m
}

func mappingDocument(m *inventory.Mapping) rest.Mapping {
	doc := rest.Mapping{Version: m.Version, Rules: make([]rest.FieldRule, len(m.Rules)), Spellings: make([]rest.TagSpelling, len(m.Spellings)),
		Policy:  make([]rest.TagRequirement, len(m.Policy)),
		SavedAt: m.SavedAt, SavedBy: m.SavedBy, Reason: m.Reason}
	for i, r := range m.Rules {
		doc.Rules[i] = rest.FieldRule(r)
	}
	for i, s := range m.Spellings {
		doc.Spellings[i] = rest.TagSpelling(s)
	}
	for i, r := range m.Policy {
		doc.Policy[i] = rest.TagRequirement(r)
	}
	return doc
}

func (s *Server) getMapping(ctx context.Context, c access.Caller, _ *struct{}) (*versioned[rest.Mapping], error) {
	m, err := s.opt.Inventory.Mapping(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	job, err := s.opt.Inventory.MappingJob(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	doc := mappingDocument(m)
	if job.Version == m.Version && m.Version > 0 {
		doc.Job = &rest.MappingJob{Running: job.Running, Done: job.Done, Total: job.Total, Changed: job.Changed, Began: job.Began, Ended: job.Ended}
	}
	return &versioned[rest.Mapping]{ETag: etag(m.Version), Body: doc}, nil
}

func (s *Server) putMapping(ctx context.Context, c access.Caller, in *mappingIn) (*versioned[rest.Mapping], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	m := mappingOf(in.Body)
	m.Version = version
	if _, err := s.opt.Inventory.SaveMapping(ctx, domainCaller(c), m, in.Body.Reason); err != nil {
		return nil, err
	}
	return s.getMapping(ctx, c, nil)
}

func (s *Server) previewMapping(ctx context.Context, c access.Caller, in *mappingTryIn) (*out[rest.MappingEffect], error) {
	if in.Kind != "" {
		if _, err := s.kind(ctx, c, in.Kind); err != nil {
			return nil, err
		}
	}
	effect, err := s.opt.Inventory.PreviewMapping(ctx, domainCaller(c), mappingOf(in.Body), in.Kind)
	if err != nil {
		return nil, err
	}
	return &out[rest.MappingEffect]{Body: effectDocument(effect)}, nil
}

func effectDocument(effect *inventory.MappingEffect) rest.MappingEffect {
	doc := rest.MappingEffect{Looked: effect.Looked, Total: effect.Total, Changed: effect.Changed, Samples: []rest.MappingSample{}, Wanted: effect.Wanted}
	for _, x := range effect.Samples {
		sample := rest.MappingSample{Resource: rest.Ref{ID: x.ID, Name: x.Name, Kind: x.Kind}, Diff: []rest.FieldChange{}}
		for _, d := range x.Diff {
			sample.Diff = append(sample.Diff, fieldChange(d))
		}
		doc.Samples = append(doc.Samples, sample)
	}
	for _, x := range effect.Conflicts {
		conflict := rest.MappingConflict{Pointer: x.Pointer, Rule: x.Rule, Over: x.Over, Count: x.Count, Samples: []rest.MappingConflictSample{}}
		for _, s := range x.Samples {
			conflict.Samples = append(conflict.Samples, rest.MappingConflictSample{Resource: rest.Ref{ID: s.ID, Name: s.Name, Kind: s.Kind}, Value: s.Value, Over: s.OverValue})
		}
		doc.Conflicts = append(doc.Conflicts, conflict)
	}
	return doc
}

func (s *Server) listMappings(ctx context.Context, c access.Caller, _ *struct{}) (*out[rest.List[rest.Mapping]], error) {
	history, err := s.opt.Inventory.MappingHistory(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	doc := rest.List[rest.Mapping]{Items: []rest.Mapping{}, TotalSize: len(history)}
	for i := range history {
		doc.Items = append(doc.Items, mappingDocument(&history[i]))
	}
	return &out[rest.List[rest.Mapping]]{Body: doc}, nil
}

func fieldChange(d inventory.FieldChange) rest.FieldChange {
	return rest.FieldChange{Pointer: d.Pointer, Old: value(d.Old), New: value(d.New)}
}

func (s *Server) listCompliance(ctx context.Context, c access.Caller, in *complianceIn) (*out[rest.List[rest.TagCompliance]], error) {
	list, err := s.opt.Inventory.Compliance(ctx, domainCaller(c), in.Kind)
	if err != nil {
		return nil, err
	}
	doc := rest.List[rest.TagCompliance]{Items: []rest.TagCompliance{}, TotalSize: len(list)}
	for _, x := range list {
		doc.Items = append(doc.Items, rest.TagCompliance(x))
	}
	return &out[rest.List[rest.TagCompliance]]{Body: doc}, nil
}
