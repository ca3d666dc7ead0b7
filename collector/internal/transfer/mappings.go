package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

type mappingDoc struct {
	Name string `json:"name"`
	Says string `json:"says"` // columns may have any names
}

func mappingOf(row store.Row) (rest.ImportMapping, error) {
	var doc mappingDoc
	var m rest.ImportMapping
	err := json.Unmarshal(row.Doc, &doc)
	if err == nil {
		err = json.Unmarshal([]byte(doc.Says), &m)
	}
	if err != nil {
		return m, fmt.Errorf("decode mapping %s: %w", row.ID, err)
	}
	m.Version = row.Version
	return m, nil
}

// Mappings are all of them, with those that ship with the product.
func (s *Service) Mappings(ctx context.Context, c inventory.Caller) ([]rest.ImportMapping, error) {
	out := slices.Clone(builtin())
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tMappings, Tenant: c.Tenant}, func(row store.Row) error {
		m, err := mappingOf(row)
		out = append(out, m)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list mappings: %w", err)
	}
	return out, nil
}

// Mapping finds one by id or name.
func (s *Service) Mapping(ctx context.Context, c inventory.Caller, id string) (rest.ImportMapping, error) {
	for _, m := range builtin() {
		if m.ID == id {
			return m, nil
		}
	}
	rows, err := s.opt.Store.Get(ctx, tMappings, c.Tenant, "", []string{store.Key(c.Tenant, id)})
	if err != nil {
		return rest.ImportMapping{}, fmt.Errorf("read mapping: %w", err)
	}
	for _, row := range rows {
		return mappingOf(row)
	}
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tMappings, Tenant: c.Tenant, Limit: 1,
		Where: filter.Compare{Field: fieldName, Op: filter.Eq, Value: id}})
	if err != nil {
		return rest.ImportMapping{}, fmt.Errorf("read mapping: %w", err)
	}
	if len(page.Rows) == 0 {
		return rest.ImportMapping{}, fmt.Errorf("mapping %s: %w", id, store.ErrNotFound)
	}
	return mappingOf(page.Rows[0])
}

// CreateMapping saves a mapping under a new name.
func (s *Service) CreateMapping(ctx context.Context, c inventory.Caller, w rest.ImportMappingWrite) (rest.ImportMapping, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return rest.ImportMapping{}, fmt.Errorf("make mapping id: %w", err)
	}
	return s.saveMapping(ctx, c, id.String(), 0, w)
}

// UpdateMapping replaces what is said of a mapping.
func (s *Service) UpdateMapping(ctx context.Context, c inventory.Caller, id string, version int64, w rest.ImportMappingWrite) (rest.ImportMapping, error) {
	m, err := s.Mapping(ctx, c, id)
	switch {
	case err != nil:
		return m, err
	case m.BuiltIn:
		return m, &inventory.ConflictError{Problem: "this mapping ships with the product; save a copy under another name"}
	case m.Version != version:
		return m, &inventory.StaleError{Current: m.Version}
	}
	return s.saveMapping(ctx, c, m.ID, version, w)
}

func (s *Service) saveMapping(ctx context.Context, c inventory.Caller, id string, version int64, w rest.ImportMappingWrite) (rest.ImportMapping, error) {
	w.Name = strings.TrimSpace(w.Name)
	if w.Name == "" {
		return rest.ImportMapping{}, &inventory.InvalidError{Pointer: "/name", Problem: "is missing"}
	}
	k, err := s.opt.Inventory.Kind(ctx, c.Tenant, w.Kind)
	if errors.Is(err, store.ErrNotFound) {
		return rest.ImportMapping{}, &inventory.InvalidError{Pointer: "/kind", Problem: fmt.Sprintf("there is no kind %q", w.Kind)}
	}
	if err != nil {
		return rest.ImportMapping{}, err
	}
	if _, err := prepare(k.Kind, w, false); err != nil {
		return rest.ImportMapping{}, err
	}
	other, err := s.Mapping(ctx, c, w.Name)
	if err == nil && other.ID != id {
		return rest.ImportMapping{}, &inventory.ConflictError{ResourceID: other.ID, Problem: fmt.Sprintf("there is a mapping %q already", w.Name)}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return rest.ImportMapping{}, err
	}
	m := rest.ImportMapping{ID: id, Version: version + 1, ImportMappingWrite: w, UpdatedAt: s.opt.Clock().UTC().Truncate(time.Millisecond), UpdatedBy: c.Name}
	says, err := json.Marshal(m)
	if err != nil {
		return m, fmt.Errorf("encode mapping: %w", err)
	}
	b, err := json.Marshal(mappingDoc{Name: w.Name, Says: string(says)})
	if err != nil {
		return m, fmt.Errorf("encode mapping: %w", err)
	}
	op, action := store.Insert, "import_mapping.create"
	if version > 0 {
		op, action = store.Replace, "import_mapping.update"
	}
	if err := s.writeMapping(ctx, op, store.Row{ID: store.Key(c.Tenant, id), Tenant: c.Tenant, Version: m.Version, Doc: b}); err != nil {
		return m, err
	}
	return m, s.audit(ctx, c, action, audit.Ref{ID: id, Name: w.Name, Kind: "import_mapping"})
}

func (s *Service) writeMapping(ctx context.Context, op store.Op, row store.Row) error {
	var conflicts []int
	err := s.opt.Store.Update(ctx, func(tx store.Tx) (err error) {
		conflicts, err = tx.Write(ctx, store.Write{Table: tMappings, Op: op, Row: row})
		return err
	})
	if err != nil {
		return fmt.Errorf("write mapping: %w", err)
	}
	if len(conflicts) > 0 {
		return &inventory.StaleError{Current: row.Version}
	}
	return nil
}

func (s *Service) audit(ctx context.Context, c inventory.Caller, action string, object audit.Ref) error {
	_, err := s.opt.Audit.Write(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Address: c.Address, Action: action, Object: &object})
	return err
}

// DeleteMapping forgets a mapping. What was imported with it stays.
func (s *Service) DeleteMapping(ctx context.Context, c inventory.Caller, id string) error {
	m, err := s.Mapping(ctx, c, id)
	if err != nil {
		return err
	}
	if m.BuiltIn {
		return &inventory.ConflictError{Problem: "this mapping ships with the product and cannot be deleted"}
	}
	if err := s.writeMapping(ctx, store.Delete, store.Row{ID: store.Key(c.Tenant, m.ID), Tenant: c.Tenant}); err != nil {
		return err
	}
	return s.audit(ctx, c, "import_mapping.delete", audit.Ref{ID: m.ID, Name: m.Name, Kind: "import_mapping"})
}
