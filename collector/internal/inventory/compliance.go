package inventory

import (
	"context"
	"fmt"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// Compliance is how the things of one kind keep one requirement of the tag policy.
type Compliance struct {
	// Requirement is its place in the policy.
	Requirement int
	Key, Kind   string
	Total       int
	// Missing lack the key, Wrong have a value that is not allowed; the filters find them.
	Missing, Wrong             int
	MissingFilter, WrongFilter string
}

// Compliance counts what the caller may see, of a kind or of all.
func (s *Service) Compliance(ctx context.Context, c Caller, kind string) ([]Compliance, error) {
	doc, version, err := s.currentMapping(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	ready, err := readyRules(doc, version)
	if err != nil {
		return nil, fmt.Errorf("read tag policy: %w", err)
	}
	summary, err := s.Summary(ctx, c, time.Time{})
	if err != nil {
		return nil, err
	}
	var out []Compliance
	for i := range doc.Policy {
		r := &doc.Policy[i]
		for _, k := range summary.Kinds {
			if kind != "" && k.Kind != kind || !r.For(k.Kind) || k.Active+k.Unwatched == 0 {
				continue
			}
			row := Compliance{Requirement: i, Key: r.Key, Kind: k.Kind, Total: k.Active + k.Unwatched}
			row.MissingFilter, row.WrongFilter = r.Filters(ready.spellings)
			if row.Missing, err = s.countBy(ctx, c, k.Kind, row.MissingFilter); err != nil {
				return nil, err
			}
			if row.Wrong, err = s.countBy(ctx, c, k.Kind, row.WrongFilter); err != nil {
				return nil, err
			}
			out = append(out, row)
		}
	}
	return out, nil
}

// countBy counts the records of a kind that a filter finds; those that are gone are not among them.
func (s *Service) countBy(ctx context.Context, c Caller, kind, text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	k, err := s.kind(ctx, c.Tenant, kind)
	if err != nil {
		return 0, err
	}
	if err := s.ensureKind(ctx, k.Kind); err != nil {
		return 0, err
	}
	e, _, err := filter.Parse(text, FieldsOf(k.Kind), s.now())
	if err != nil {
		return 0, fmt.Errorf("read tag policy: %w", err)
	}
	n, _, err := s.countUpTo(ctx, store.Query{Table: tResources, Tenant: c.Tenant, Part: kind, Where: filter.And{c.may(), shown(false), e}}, true)
	return n, err
}
