package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

// Gate asks before much is edited at once.
type Gate interface {
	// Asks says whether an edit of so many resources has to be approved.
	Asks(ctx context.Context, tenant string, resources int) (bool, error)
	// Ask asks, and answers the approval's id.
	Ask(ctx context.Context, c inventory.Caller, a Asking) (string, error)
}

// Asking is an edit that waits for approval, as it was shown.
type Asking struct {
	Operation string `json:"operation"`
	Kind      string `json:"kind"`
	Filter    string `json:"filter"`
	// Request is what was asked for, as it came.
	Request json.RawMessage `json:"request"`
	// Resources are as many as it found, Changed of them it would change; Digest is of what it would do to each of them: before and after.
	Resources int    `json:"resources"`
	Changed   int    `json:"changed,omitempty"`
	Digest    string `json:"digest"`
	// Roots are the access roots that all of them have in common.
	Roots  []string   `json:"roots,omitempty"`
	Sample []rest.Ref `json:"sample,omitempty"`
	Set    []string   `json:"set,omitempty"`
	Reset  []string   `json:"reset,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

// mostSampled bounds the resources that an approval names.
const mostSampled = 50

// gate ends an edit that has to be approved first: it says what it would do, asks, and writes nothing. One that was approved goes on
// if it would do exactly what was shown then; if not, it is asked anew.
func (r *running) gate(ctx context.Context, req EditRequest, ids []string) (stop bool, err error) {
	if req.DryRun || r.s.opt.Gate == nil {
		return false, nil
	}
	if req.approved == nil {
		asks, err := r.s.opt.Gate.Asks(ctx, r.caller.Tenant, len(ids))
		if err != nil || !asks {
			return false, err
		}
	}
	is, err := r.shown(ctx, req, ids)
	if err != nil {
		return false, err
	}
	if req.approved != nil && is.Digest == req.approved.Digest {
		r.op.Rows, r.op.Created, r.op.Updated, r.op.Unchanged, r.op.Refused, r.op.Sample, r.op.Errors = 0, 0, 0, 0, 0, nil, nil
		return false, nil
	}
	if is.Resources == 0 {
		return false, &inventory.ConflictError{Problem: "the filter finds nothing any more"}
	}
	if is.Changed == 0 {
		r.op.State = Done // as it was looked at; nobody has to decide nothing
		return true, nil
	}
	if r.op.Approval, err = r.s.opt.Gate.Ask(ctx, r.caller, is); err != nil {
		return false, err
	}
	r.op.State = Asked
	return true, nil
}

// shown is what the edit would do, batch by batch: the counts and the sample go into the operation.
func (r *running) shown(ctx context.Context, req EditRequest, ids []string) (Asking, error) {
	a := Asking{Operation: r.op.ID, Kind: req.Query.Kind, Filter: req.Filter, Request: req.Text, Resources: len(ids), Reset: req.Reset, Reason: req.Reason}
	for pointer := range req.Set {
		a.Set = append(a.Set, pointer)
	}
	slices.Sort(a.Set)
	r.op.Rows, r.op.Updated, r.op.Unchanged, r.op.Refused, r.op.Sample, r.op.Errors = 0, 0, 0, 0, nil, nil
	sum := sha256.New()
	for n := 0; n < len(ids); n += inventory.MostEdits {
		part := ids[n:min(n+inventory.MostEdits, len(ids))]
		done, err := r.s.opt.Inventory.PreviewEdits(ctx, r.caller, r.account(), req.Query.Kind, req.edits(part))
		if err != nil {
			return a, err
		}
		roots, err := r.s.opt.Inventory.CommonRoots(ctx, r.caller.Tenant, req.Query.Kind, part)
		if err != nil {
			return a, err
		}
		if n > 0 {
			roots = slices.DeleteFunc(roots, func(root string) bool { return !slices.Contains(a.Roots, root) })
		}
		a.Roots = roots
		for _, e := range done {
			why := ""
			if e.Err != nil {
				why = e.Err.Error()
			}
			line, err := json.Marshal([]any{e.ID, e.Action, e.Diff, why})
			if err != nil {
				return a, fmt.Errorf("encode preview: %w", err)
			}
			sum.Write(line)
			if len(a.Sample) < mostSampled && e.Action == inventory.EditUpdated {
				a.Sample = append(a.Sample, rest.Ref{ID: e.ID, Name: e.Name, Kind: req.Query.Kind})
			}
		}
		r.op.Rows = n + len(part)
		r.count(done, req.Query.Kind, "", true)
		if err := r.say(ctx); err != nil {
			return a, err
		}
	}
	a.Changed, a.Digest = r.op.Updated, hex.EncodeToString(sum.Sum(nil))
	return a, nil
}

// Sample is what an edit does to the first resources, for somebody who sees the approval that it waits, or waited, for: whether he
// does is not asked here. Nothing, where the operation is forgotten or waits for another approval by now.
func (s *Service) Sample(ctx context.Context, tenant, approval, id string) ([]rest.OperationChange, error) {
	op, _, err := s.atVersion(ctx, tenant, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && op.Approval != approval {
		return nil, nil
	}
	return op.Sample, err
}

// ErrElsewhere says that an operation waits for another approval, or is being carried out by another collector.
var ErrElsewhere = errors.New("the operation is not this approval's")

// Carry takes an edit up that was approved, unless that was done, and answers how far it is. c is who asked, with the rights of now.
func (s *Service) Carry(ctx context.Context, c inventory.Caller, approval string, a Asking, req EditRequest) (rest.Operation, error) {
	op, version, err := s.atVersion(ctx, c.Tenant, a.Operation)
	if err != nil {
		return op, err
	}
	switch {
	case op.Approval != "" && op.Approval != approval:
		return op, ErrElsewhere
	case op.State == Running && op.Approval == approval, op.State == Done, op.State == Failed, op.State == Undone, op.State == Dropped, op.AuditID != "":
		return op, nil // what wrote already is not begun twice
	}
	if err := s.enter(op.ID); err != nil {
		return op, err
	}
	free := func() {}
	at := s.opt.Clock().UTC()
	op.State, op.Phase, op.Approval, op.UpdatedAt = Running, "checking", approval, at
	version++
	row, err := operationRow(c.Tenant, &op, version)
	if err == nil {
		err = s.opt.Store.Update(ctx, func(tx store.Tx) error {
			conflicts, err := tx.Write(ctx, store.Write{Table: tOperations, Op: store.Replace, Row: row})
			if err == nil && len(conflicts) > 0 {
				return ErrElsewhere
			}
			return err
		})
	}
	if err != nil {
		s.leave(op.ID, free)
		return op, err
	}
	req.approved, req.Expect, req.DryRun = &a, nil, false
	r := &running{s: s, caller: c, op: op, version: version}
	go func() {
		defer s.leave(op.ID, free)
		r.run(s.ctx, func(ctx context.Context, r *running) error { return r.edit(ctx, req) })
	}()
	return op, nil
}

// Drop ends an edit that was not approved; nothing of it was done.
func (s *Service) Drop(ctx context.Context, tenant, approval, id, why string) error {
	op, version, err := s.atVersion(ctx, tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || op.State == Dropped || op.AuditID != "" || op.Approval != "" && op.Approval != approval {
		return err
	}
	at := s.opt.Clock().UTC()
	op.State, op.Phase, op.Error, op.FinishedAt, op.UpdatedAt = Dropped, "", why, at, at
	return s.putAt(ctx, tenant, &op, version+1)
}

func (s *Service) atVersion(ctx context.Context, tenant, id string) (rest.Operation, int64, error) {
	key := store.Key(tenant, id)
	rows, err := s.opt.Store.Get(ctx, tOperations, tenant, "", []string{key})
	if err != nil {
		return rest.Operation{}, 0, fmt.Errorf("read operation: %w", err)
	}
	row, ok := rows[key]
	if !ok {
		return rest.Operation{}, 0, fmt.Errorf("operation %s: %w", id, store.ErrNotFound)
	}
	op, err := operationOf(row)
	return op, row.Version, err
}
