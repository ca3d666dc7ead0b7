package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

// EditRequest edits every resource that a filter finds.
type EditRequest struct {
	Query  inventory.ListQuery
	Filter string // as it was written
	Set    map[string]json.RawMessage
	Reset  []string
	DryRun bool
	Expect *int
	Reason string
	// Text is the request as it came, to be asked with.
	Text json.RawMessage
	// approved is what was approved; nil for what nobody was asked about.
	approved *Asking
}

// Edit begins a bulk edit. What the filter finds is fixed first, so that an edit that changes what the filter looks at does
// not lead it astray.
func (s *Service) Edit(ctx context.Context, c inventory.Caller, req EditRequest) (rest.Operation, error) {
	if len(req.Set)+len(req.Reset) == 0 {
		return rest.Operation{}, &inventory.InvalidError{Problem: "says nothing to set or to reset"}
	}
	if req.Filter == "" {
		return rest.Operation{}, &inventory.InvalidError{Pointer: "/filter", Problem: `is missing, and so are ids; to edit all resources of the kind write state = "active"`}
	}
	op := rest.Operation{Type: "edit", DryRun: req.DryRun, Kind: req.Query.Kind, Filter: req.Filter, Reason: req.Reason, Phase: "checking"}
	return s.start(ctx, c, op, nil, func(ctx context.Context, r *running) error { return r.edit(ctx, req) })
}

// mostEdited bounds what one edit touches: their ids are kept in memory.
const mostEdited = 1_000_000

func (r *running) edit(ctx context.Context, req EditRequest) error {
	ids, err := r.s.opt.Inventory.IDs(ctx, r.caller, req.Query, mostEdited)
	if err != nil {
		return err
	}
	if req.Expect != nil && *req.Expect != len(ids) {
		return &inventory.ConflictError{Problem: fmt.Sprintf("the filter finds %d resources now, it found %d; look at it again", len(ids), *req.Expect)}
	}
	if stop, err := r.gate(ctx, req, ids); stop || err != nil {
		return err
	}
	do := r.s.opt.Inventory.PreviewEdits
	if !req.DryRun && len(ids) > 0 {
		if err := r.write(ctx, map[string]any{"filter": req.Filter, "resources": len(ids)}); err != nil {
			return err
		}
		do = r.s.opt.Inventory.ApplyEdits
	}
	for n := 0; n < len(ids); {
		edits := req.edits(ids[n:min(n+inventory.MostEdits, len(ids))])
		done, err := do(ctx, r.caller, r.account(), req.Query.Kind, edits)
		if err != nil {
			return err
		}
		n += len(edits)
		r.op.Rows = n
		r.count(done, req.Query.Kind, "", true)
		if err := r.say(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (req *EditRequest) edits(ids []string) []inventory.Edit {
	edits := make([]inventory.Edit, len(ids))
	for i, id := range ids {
		edits[i] = inventory.Edit{ID: id, Set: req.Set, Reset: req.Reset}
	}
	return edits
}

// Undo begins to take an operation back.
func (s *Service) Undo(ctx context.Context, c inventory.Caller, id string, req rest.Undo) (rest.Operation, error) {
	of, err := s.Operation(ctx, c, id)
	if err != nil {
		return of, err
	}
	switch {
	case of.State == Running:
		return of, &inventory.ConflictError{Problem: "the operation is still running"}
	case of.State == Undone:
		return of, &inventory.ConflictError{Problem: "it was undone already; to do it again, undo " + of.UndoneBy}
	case of.DryRun:
		return of, &inventory.ConflictError{Problem: "it was a dry run and wrote nothing"}
	}
	some, err := s.opt.Inventory.HasEdits(ctx, c.Tenant, id, of.Type == "undo")
	if err != nil {
		return of, err
	}
	if !some {
		return of, &inventory.ConflictError{Problem: "it wrote nothing, or is too old to be undone"}
	}
	op := rest.Operation{Type: "undo", DryRun: req.DryRun, Kind: of.Kind, Of: id, Reason: req.Reason, Phase: "checking"}
	return s.start(ctx, c, op, nil, func(ctx context.Context, r *running) error { return r.undo(ctx, of) })
}

func (r *running) undo(ctx context.Context, of rest.Operation) error {
	told := func(done []inventory.Edited) error {
		r.op.Rows += len(done)
		r.count(done, r.op.Kind, "", true)
		return r.say(ctx)
	}
	if r.op.DryRun {
		return r.s.opt.Inventory.PreviewUndo(ctx, r.caller, r.account(), of.ID, told)
	}
	if err := r.write(ctx, map[string]any{"of": of.ID}); err != nil {
		return err
	}
	if err := r.s.opt.Inventory.UndoEdits(ctx, r.caller, r.account(), of.ID, told); err != nil {
		return err
	}
	of.State, of.UndoneBy, of.UpdatedAt = Undone, r.op.ID, r.s.opt.Clock().UTC()
	if err := r.s.put(ctx, r.caller.Tenant, &of); err != nil || of.Type != "undo" {
		return err
	}
	// What an undo took back is as it was done again.
	first, err := r.s.Operation(ctx, r.caller, of.Of)
	if errors.Is(err, store.ErrNotFound) {
		return nil // it is forgotten
	}
	if err != nil || first.UndoneBy != of.ID {
		return err
	}
	first.State, first.UndoneBy, first.UpdatedAt = Done, "", r.s.opt.Clock().UTC()
	return r.s.put(ctx, r.caller.Tenant, &first)
}

// Delete removes one record that people made, at once. It is an operation like any other, so that it can be undone.
func (s *Service) Delete(ctx context.Context, c inventory.Caller, req inventory.DeleteRequest) (rest.Operation, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return rest.Operation{}, fmt.Errorf("make operation id: %w", err)
	}
	at := s.opt.Clock().UTC()
	op := rest.Operation{ID: id.String(), Type: "delete", State: Running, Kind: req.Kind, Actor: c.Name, Reason: req.Reason, StartedAt: at, UpdatedAt: at, Phase: "writing"}
	if err := s.put(ctx, c.Tenant, &op); err != nil {
		return op, err
	}
	r := &running{s: s, caller: c, op: op, version: 1}
	req.Operation = op.ID
	done, failed := s.opt.Inventory.Delete(ctx, c, req)
	if failed != nil {
		// Who asked is told at once; there is nothing to remember.
		err := s.opt.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
			_, err := tx.Write(ctx, store.Write{Table: tOperations, Op: store.Delete, Row: store.Row{ID: store.Key(c.Tenant, op.ID), Tenant: c.Tenant}})
			return err
		})
		return op, errors.Join(failed, err)
	}
	at = s.opt.Clock().UTC()
	r.op.State, r.op.Phase, r.op.FinishedAt, r.op.UpdatedAt, r.op.Rows = Done, "", at, at, 1
	r.count([]inventory.Edited{done}, req.Kind, "", true)
	return r.op, s.put(context.WithoutCancel(ctx), c.Tenant, &r.op)
}
