// Package view keeps the lists that people save: a filter, an order and columns of one kind, for themselves or for
// everybody of the tenant.
//
// A view grants nothing: whoever opens it sees what the filter finds of what he may see. So a view that names a field
// which its reader may not read is refused to him by the list, like the same filter typed by hand.
package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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

const table = "views"

// mostViews bounds what one owner, and what all that share, may keep.
const mostViews = 500

var (
	fieldOwner  = filter.Field{Path: []string{"owner"}, Type: filter.String}
	fieldShared = filter.Field{Path: []string{"shared"}, Type: filter.Bool}
)

// Tables are the tables that the Service needs.
func Tables() []store.Table {
	return []store.Table{{Name: table, Indexes: []store.Index{{Name: "owner", Fields: []filter.Field{fieldOwner}}}}}
}

// Auditor records what was done.
type Auditor interface {
	Begin(ctx context.Context, e audit.Entry) (id string, err error)
	Finish(ctx context.Context, tenant, id string, cause error) error
}

// Service keeps views.
type Service struct {
	store store.Store
	audit Auditor
	clock func() time.Time
	log   *slog.Logger
}

// New makes a Service.
func New(s store.Store, a Auditor, clock func() time.Time, log *slog.Logger) *Service {
	return &Service{store: s, audit: a, clock: clock, log: log}
}

// Caller is who asks. Shares says that he may make and edit what everybody sees.
type Caller struct {
	inventory.Caller
	Shares bool
}

type doc struct {
	rest.ViewWrite
	Owner     string     `json:"owner"`
	Shared    bool       `json:"shared"` // always there, to be found by
	CreatedAt store.Time `json:"created_at"`
	UpdatedAt store.Time `json:"updated_at"`
	UpdatedBy string     `json:"updated_by,omitempty"`
}

func (d doc) visible(c Caller) bool { return d.Shared || d.Owner == c.Name }

func (d doc) editable(c Caller) bool { return d.Owner == c.Name && !d.Shared || d.Shared && c.Shares }

func (d doc) view(c Caller, row store.Row) rest.View {
	v := rest.View{ID: row.ID, Version: row.Version, ViewWrite: d.ViewWrite, Owner: d.Owner, Mine: d.Owner == c.Name, Editable: d.editable(c),
		CreatedAt: d.CreatedAt.Time, UpdatedAt: d.UpdatedAt.Time, UpdatedBy: d.UpdatedBy}
	v.ViewWrite.Shared = d.Shared
	return v
}

// Views are those that the caller sees: his own and the shared ones.
func (s *Service) Views(ctx context.Context, c Caller) ([]rest.View, error) {
	var out []rest.View
	err := s.each(ctx, c.Tenant, filter.Or{eq(fieldOwner, c.Name), eq(fieldShared, true)}, func(row store.Row, d doc) {
		out = append(out, d.view(c, row))
	})
	return out, err
}

func (s *Service) each(ctx context.Context, tenant string, where filter.Expr, fn func(store.Row, doc)) error {
	q := store.Query{Table: table, Tenant: tenant, Where: where, Limit: 500}
	for {
		page, err := s.store.Find(ctx, q)
		if err != nil {
			return fmt.Errorf("list views: %w", err)
		}
		for _, row := range page.Rows {
			d, err := decode(row)
			if err != nil {
				return err
			}
			fn(row, d)
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
	}
}

func eq(f filter.Field, v any) filter.Expr { return filter.Compare{Field: f, Op: filter.Eq, Value: v} }

func decode(row store.Row) (doc, error) {
	var d doc
	if err := json.Unmarshal(row.Doc, &d); err != nil {
		return d, fmt.Errorf("decode view %s: %w", row.ID, err)
	}
	return d, nil
}

// View is one of those that the caller sees.
func (s *Service) View(ctx context.Context, c Caller, id string) (rest.View, error) {
	row, d, err := s.load(ctx, c, id)
	if err != nil {
		return rest.View{}, err
	}
	return d.view(c, row), nil
}

func (s *Service) load(ctx context.Context, c Caller, id string) (store.Row, doc, error) {
	rows, err := s.store.Get(ctx, table, c.Tenant, "", []string{id})
	if err != nil {
		return store.Row{}, doc{}, fmt.Errorf("read view: %w", err)
	}
	row, ok := rows[id]
	if !ok {
		return store.Row{}, doc{}, fmt.Errorf("view %s: %w", id, store.ErrNotFound)
	}
	d, err := decode(row)
	if err == nil && !d.visible(c) {
		err = fmt.Errorf("view %s: %w", id, store.ErrNotFound)
	}
	return row, d, err
}

// ErrMayNot says that the view is everybody's, and the caller may not edit what is.
var ErrMayNot = errors.New("shared views are edited by administrators; save a copy of your own")

// Create saves a view.
func (s *Service) Create(ctx context.Context, c Caller, w rest.ViewWrite) (rest.View, error) {
	if err := s.check(ctx, c, &w, ""); err != nil {
		return rest.View{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return rest.View{}, fmt.Errorf("make view id: %w", err)
	}
	now := store.At(s.clock())
	d := doc{ViewWrite: w, Owner: c.Name, Shared: w.Shared, CreatedAt: now, UpdatedAt: now}
	return s.write(ctx, c, "view.create", store.Insert, store.Row{ID: id.String(), Tenant: c.Tenant, Version: 1}, d)
}

// Update replaces a view that is at a version.
func (s *Service) Update(ctx context.Context, c Caller, id string, version int64, w rest.ViewWrite) (rest.View, error) {
	row, d, err := s.load(ctx, c, id)
	switch {
	case err != nil:
		return rest.View{}, err
	case !d.editable(c):
		return rest.View{}, ErrMayNot
	case row.Version != version:
		return rest.View{}, &inventory.StaleError{Current: row.Version}
	}
	if err := s.check(ctx, c, &w, id); err != nil {
		return rest.View{}, err
	}
	w.ManagedBy = d.ManagedBy
	d.ViewWrite, d.Shared, d.UpdatedAt, d.UpdatedBy = w, w.Shared, store.At(s.clock()), c.Name
	row.Version++
	return s.write(ctx, c, "view.update", store.Replace, row, d)
}

// Delete forgets a view.
func (s *Service) Delete(ctx context.Context, c Caller, id string) error {
	row, d, err := s.load(ctx, c, id)
	if err != nil {
		return err
	}
	if !d.editable(c) {
		return ErrMayNot
	}
	_, err = s.write(ctx, c, "view.delete", store.Delete, row, d)
	return err
}

func (s *Service) write(ctx context.Context, c Caller, action string, op store.Op, row store.Row, d doc) (rest.View, error) {
	var err error
	if row.Doc, err = json.Marshal(d); err != nil {
		return rest.View{}, fmt.Errorf("encode view: %w", err)
	}
	entry, err := s.audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Address: c.Address, Action: action,
		Object: &audit.Ref{ID: row.ID, Name: d.Name, Kind: "view"}, Detail: map[string]any{"kind": d.Kind, "shared": d.Shared}})
	if err != nil {
		return rest.View{}, fmt.Errorf("audit view: %w", err)
	}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		conflicts, err := tx.Write(ctx, store.Write{Table: table, Op: op, Row: row})
		if err == nil && len(conflicts) > 0 {
			err = &inventory.StaleError{Current: row.Version}
		}
		return err
	})
	if e := s.audit.Finish(context.WithoutCancel(ctx), c.Tenant, entry, err); e != nil {
		s.log.Warn("finish audit entry of a view", "error", e) // the sweeper ends it
	}
	if err != nil {
		var stale *inventory.StaleError
		if errors.As(err, &stale) {
			return rest.View{}, err
		}
		return rest.View{}, fmt.Errorf("save view: %w", err)
	}
	return d.view(c, row), nil
}

// check cleans what people said, and refuses a second view of a kind with one name among those that would be seen together.
func (s *Service) check(ctx context.Context, c Caller, w *rest.ViewWrite, self string) error {
	w.Name, w.Filter, w.OrderBy = strings.TrimSpace(w.Name), strings.TrimSpace(w.Filter), strings.TrimSpace(w.OrderBy)
	switch {
	case w.Name == "":
		return &inventory.InvalidError{Pointer: "/name", Problem: "may not be empty"}
	case w.Shared && !c.Shares:
		return &inventory.InvalidError{Pointer: "/shared", Problem: "may be set by administrators only"}
	}
	for i, name := range w.Columns {
		if name = strings.TrimSpace(name); name == "" || len(name) > 300 || strings.Contains(name, ",") {
			return &inventory.InvalidError{Pointer: fmt.Sprintf("/columns/%d", i), Problem: "is no name of a column"}
		}
		if slices.Contains(w.Columns[:i], name) {
			return &inventory.InvalidError{Pointer: fmt.Sprintf("/columns/%d", i), Problem: "is there twice"}
		}
		w.Columns[i] = name
	}
	n, taken := 0, false
	err := s.each(ctx, c.Tenant, filter.Or{eq(fieldOwner, c.Name), eq(fieldShared, true)}, func(row store.Row, d doc) {
		if row.ID == self {
			return
		}
		if d.Shared == w.Shared {
			n++
			taken = taken || d.Kind == w.Kind && strings.EqualFold(d.Name, w.Name)
		}
	})
	switch {
	case err != nil:
		return err
	case taken:
		return &inventory.InvalidError{Pointer: "/name", Problem: fmt.Sprintf("another view is named %q", w.Name)}
	case n >= mostViews:
		return &inventory.InvalidError{Pointer: "/name", Problem: fmt.Sprintf("there are %d views already: delete some", mostViews)}
	}
	return nil
}
