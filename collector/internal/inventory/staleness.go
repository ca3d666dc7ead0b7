package inventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
)

// Staleness is the tenant's rule of silence: how long a preferred source may say nothing before the sources after it write what it
// says too. Nobody having written one, the collector's configuration counts.
type Staleness struct {
	Version int64
	// SilentAfter is nil where the collector's own, Default, counts; 0 is never. Kinds are those that differ.
	SilentAfter *time.Duration
	Default     time.Duration
	Kinds       map[string]time.Duration
	SavedAt     time.Time
	SavedBy     string
	Reason      string
}

// after is the silence that is borne of a kind.
func (r *Staleness) after(kind string) time.Duration {
	if d, ok := r.Kinds[kind]; ok {
		return d
	}
	if r.SilentAfter != nil {
		return *r.SilentAfter
	}
	return r.Default
}

// longestSilence keeps a slip of the pen from being a rule.
const longestSilence = 10 * 365 * 24 * time.Hour

// stalenessDoc is one row per tenant; seconds, so that what other tools read is plain.
type stalenessDoc struct {
	SilentAfter *int64           `json:"silent_after_seconds,omitempty"`
	Kinds       map[string]int64 `json:"kinds,omitempty"`
	At          store.Time       `json:"at"`
	By          string           `json:"by"`
	Reason      string           `json:"reason,omitempty"`
}

// Staleness is the tenant's rule.
func (s *Service) Staleness(ctx context.Context, tenant string) (*Staleness, error) {
	out := &Staleness{Default: s.opt.SilentAfter, Kinds: map[string]time.Duration{}}
	rows, err := getRows(ctx, s.opt.Store, tStaleness, tenant, "", []string{store.Key(tenant)})
	if err != nil {
		return nil, err
	}
	row, ok := rows[store.Key(tenant)]
	if !ok {
		return out, nil
	}
	doc, err := decodeRow[stalenessDoc](row)
	if err != nil {
		return nil, err
	}
	out.Version, out.SavedAt, out.SavedBy, out.Reason = row.Version, doc.At.Time, doc.By, doc.Reason
	if doc.SilentAfter != nil {
		d := time.Duration(*doc.SilentAfter) * time.Second
		out.SilentAfter = &d
	}
	for kind, n := range doc.Kinds {
		out.Kinds[kind] = time.Duration(n) * time.Second
	}
	return out, nil
}

func checkSilence(pointer string, d time.Duration) error {
	if d < 0 || d > longestSilence || d%time.Second != 0 {
		return &InvalidError{Pointer: pointer, Problem: "wants whole seconds from 0, which is never, to ten years"}
	}
	return nil
}

// SaveStaleness makes a rule the tenant's, based on the version that its author saw. The inventory follows with the next sweep,
// which it asks for.
func (s *Service) SaveStaleness(ctx context.Context, c Caller, want Staleness, reason string) (*Staleness, error) {
	doc := stalenessDoc{Kinds: map[string]int64{}, At: store.At(s.now()), By: c.Name, Reason: reason}
	if want.SilentAfter != nil {
		if err := checkSilence("/silent_after_seconds", *want.SilentAfter); err != nil {
			return nil, err
		}
		n := int64(*want.SilentAfter / time.Second)
		doc.SilentAfter = &n
	}
	for _, kind := range slices.Sorted(maps.Keys(want.Kinds)) {
		if err := checkSilence("/kinds", want.Kinds[kind]); err != nil {
			return nil, err
		}
		if _, err := s.kind(ctx, c.Tenant, kind); errors.Is(err, ErrNotFound) {
			return nil, &InvalidError{Pointer: "/kinds", Problem: fmt.Sprintf("there is no kind %q", kind)}
		} else if err != nil {
			return nil, err
		}
		doc.Kinds[kind] = int64(want.Kinds[kind] / time.Second)
	}
	before, err := s.Staleness(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	if before.Version != want.Version {
		return nil, &StaleError{Current: before.Version}
	}
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "staleness.save", Address: c.Address,
		Object: &audit.Ref{ID: c.Tenant, Kind: "staleness"}, Reason: reason,
		Detail: map[string]any{"silent_after_seconds": doc.SilentAfter, "kinds": doc.Kinds}})
	if err != nil {
		return nil, err
	}
	if err = s.finish(ctx, c.Tenant, entry, s.writeStaleness(ctx, c.Tenant, doc, before.Version)); err != nil {
		return nil, fmt.Errorf("save staleness rule: %w", err)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return s.Staleness(ctx, c.Tenant)
}

func (s *Service) writeStaleness(ctx context.Context, tenant string, doc stalenessDoc, version int64) error {
	row, err := encodeRow(store.Key(tenant), tenant, "", version+1, doc)
	if err != nil {
		return err
	}
	op := store.Replace
	if version == 0 {
		op = store.Insert
	}
	return s.opt.Store.Update(ctx, func(tx store.Tx) error {
		conflicts, err := tx.Write(ctx, store.Write{Table: tStaleness, Op: op, Row: row})
		if err == nil && len(conflicts) > 0 {
			err = &StaleError{Current: version + 1}
		}
		return err
	})
}
