package inventory

import (
	"context"
	"fmt"
	"slices"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
)

// MergeRequest says that two resources are one.
type MergeRequest struct {
	Kind string
	// ID is the resource that stays; Other lives on as it.
	ID    string
	Other string
	// Version of ID that the decision is based on.
	Version int64
	Reason  string
}

// SplitRequest says that a resource is two.
type SplitRequest struct {
	Kind    string
	ID      string
	Version int64
	// Absorbed is a resource that was merged into it and is to come back; or else Observations are what another resource is to be
	// made of.
	Absorbed     string
	Observations []ObservationKey
	Reason       string
}

// ObservationKey names an observation of a kind.
type ObservationKey struct{ Connection, ExternalID string }

// Merge makes one resource of two, by a person's word. It stays so whatever later readings say. *AskedError: it waits for an approval.
func (s *Service) Merge(ctx context.Context, c Caller, req MergeRequest) (*Resource, error) {
	return s.merge(ctx, c, req, "")
}

func (s *Service) merge(ctx context.Context, c Caller, req MergeRequest, approval string) (*Resource, error) {
	doc, k, err := s.decidable(ctx, c, req.Kind, req.ID, req.Version, approval)
	if err != nil {
		return nil, err
	}
	if req.Other == req.ID {
		return nil, &InvalidError{Pointer: "/with", Problem: "names the resource itself; it wants another one of its kind"}
	}
	other, _, _, err := s.writable(ctx, s.opt.Store, c, req.Kind, req.Other)
	if err != nil {
		return nil, err
	}
	if other.State == Merged {
		return nil, &ConflictError{ResourceID: other.RedirectTo, Problem: "the other resource was merged already"}
	}
	op := operationDoc{Type: opMerge, Kind: k.Name, From: req.Other, To: req.ID, Reason: req.Reason}
	ref := audit.Ref{ID: req.ID, Name: doc.Name, Kind: req.Kind}
	asked := req
	asked.Version = 0 // of the moment, and so no part of what is asked
	d := decision{approval: approval, title: fmt.Sprintf("Merge %s %s into %s", req.Kind, other.Name, doc.Name), request: Deferred{Merge: &asked},
		heads: []Head{{ID: req.ID, Kind: req.Kind, Name: doc.Name}, {ID: req.Other, Kind: req.Kind, Name: other.Name}}}
	if err := s.decide(ctx, c, "resource.merge", ref, &op, map[string]any{"other": req.Other, "other_name": other.Name}, d); err != nil {
		return nil, err
	}
	return s.Get(ctx, c, req.Kind, req.ID)
}

// Split takes observations out of a resource, by a person's word, and returns what they have become. No later reading joins the
// two again. *AskedError: it waits for an approval.
func (s *Service) Split(ctx context.Context, c Caller, req SplitRequest) (*Resource, error) {
	return s.split(ctx, c, req, "")
}

func (s *Service) split(ctx context.Context, c Caller, req SplitRequest, approval string) (*Resource, error) {
	doc, k, err := s.decidable(ctx, c, req.Kind, req.ID, req.Version, approval)
	if err != nil {
		return nil, err
	}
	op := operationDoc{Type: opSplit, Kind: k.Name, From: req.ID, Reason: req.Reason}
	back := map[string]resourceDoc{}
	if req.Absorbed != "" {
		prior, _, _, err := s.writable(ctx, s.opt.Store, c, req.Kind, req.Absorbed)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(doc.Absorbed, func(a absorbed) bool { return a.ID == req.Absorbed }) {
			return nil, &InvalidError{Pointer: "/resource", Problem: "was not merged into this one"}
		}
		back[req.Absorbed] = prior
		op.To, op.Observations = req.Absorbed, common(prior.Sources, doc.Sources)
	}
	for i, o := range req.Observations {
		id := obsID(c.Tenant, o.Connection, k.Name, o.ExternalID)
		if !c.sees(o.Connection) || !slices.ContainsFunc(doc.Sources, func(src source) bool { return src.Observation == id }) {
			return nil, &InvalidError{Pointer: fmt.Sprintf("/observations/%d", i), Problem: "is no observation of this resource"}
		}
		op.Observations = append(op.Observations, id)
	}
	op.Observations = unique(op.Observations)
	if op.To == "" {
		if err := s.bringsBack(ctx, c, k, &doc, &op, back); err != nil {
			return nil, err
		}
	}
	if err := checkSplit(&doc, back[op.To], &op); err != nil {
		return nil, err
	}
	ref := audit.Ref{ID: req.ID, Name: doc.Name, Kind: req.Kind}
	asked := req
	asked.Version = 0
	d := decision{approval: approval, title: fmt.Sprintf("Split %s %s", req.Kind, doc.Name), request: Deferred{Split: &asked},
		heads: []Head{{ID: req.ID, Kind: req.Kind, Name: doc.Name}}}
	if prior, ok := back[op.To]; ok {
		d.title += ": " + prior.Name + " comes back"
	}
	if err := s.decide(ctx, c, "resource.split", ref, &op, map[string]any{"observations": op.Observations, "absorbed": req.Absorbed}, d); err != nil {
		return nil, err
	}
	return s.Get(ctx, c, req.Kind, op.To)
}

// decidable reads a resource that a person decides on. What was approved is done whatever its version is by now.
func (s *Service) decidable(ctx context.Context, c Caller, kind, id string, version int64, approval string) (resourceDoc, *KindInfo, error) {
	doc, current, k, err := s.writable(ctx, s.opt.Store, c, kind, id)
	switch {
	case err != nil:
	case doc.State == Merged:
		err = &ConflictError{ResourceID: doc.RedirectTo, Problem: "it was merged into another resource"}
	case version != current && approval == "":
		err = &StaleError{Current: current}
	}
	return doc, k, err
}

func common(of, in []source) []string {
	var out []string
	for _, a := range of {
		if slices.ContainsFunc(in, func(b source) bool { return a.Observation == b.Observation }) {
			out = append(out, a.Observation)
		}
	}
	return out
}

// bringsBack finds the merged resource that the observations were before, so that a split restores it rather than making another.
func (s *Service) bringsBack(ctx context.Context, c Caller, k *KindInfo, doc *resourceDoc, op *operationDoc, back map[string]resourceDoc) error {
	var ids []string
	for _, a := range doc.Absorbed {
		ids = append(ids, a.ID)
	}
	for _, o := range op.Observations {
		if first := resourceIDOf(o); first != op.From {
			ids = append(ids, first)
		}
	}
	rows, err := getChunks(ctx, s.opt.Store, tResources, c.Tenant, k.Name, unique(slices.Clone(ids)))
	if err != nil {
		return err
	}
	for _, id := range ids {
		row, ok := rows[id]
		if !ok {
			continue
		}
		prior, err := decodeRow[resourceDoc](row)
		if err != nil {
			return err
		}
		was := common(prior.Sources, doc.Sources)
		all := len(was) > 0 && !slices.ContainsFunc(was, func(o string) bool { return !slices.Contains(op.Observations, o) })
		if prior.State == Merged && prior.RedirectTo == op.From && all {
			op.To, back[id] = id, prior
			return nil
		}
	}
	return nil
}

// checkSplit says what would be wrong with a split: each of the two has to be of something.
func checkSplit(doc *resourceDoc, back resourceDoc, op *operationDoc) error {
	if len(op.Observations) == 0 && !back.Manual {
		return &InvalidError{Pointer: "/observations", Problem: "says nothing that could be split off"}
	}
	manual := doc.Manual
	for _, a := range doc.Absorbed {
		manual = manual && (a.ID != op.To || !a.Manual)
	}
	if len(op.Observations) == len(doc.Sources) && !manual {
		return &InvalidError{Pointer: "/observations", Problem: "is all that the resource consists of"}
	}
	return nil
}

// decide writes what a person decided and carries it out. What has been written is carried out by the sweeper should this
// collector stop in between.
func (s *Service) decide(ctx context.Context, c Caller, action string, ref audit.Ref, op *operationDoc, detail map[string]any, d decision) error {
	if err := s.ask(ctx, c, op.Kind, op.Reason, d); err != nil {
		return err
	}
	if d.approval != "" {
		detail["approval"] = d.approval
	}
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: action, Address: c.Address, Object: &ref, Reason: op.Reason, Detail: detail})
	if err != nil {
		return err
	}
	op.State, op.Actor, op.AuditID, op.Approval, op.At = "open", c.Name, entry, d.approval, store.At(s.now())
	if op.To == "" { // a resource of its own, which begins with this decision
		op.To = uuidOf("request", c.Tenant, op.Kind, entry, "0")
	}
	id := store.Key(c.Tenant, op.Type, entry)
	if d.approval != "" {
		id = approvedID(c.Tenant, d.approval)
	}
	if op.Review != "" {
		id = reviewedID(c.Tenant, op.Review)
	}
	row, err := encodeRow(id, c.Tenant, "", 1, op)
	if err == nil {
		err = s.announce(ctx, row)
	}
	if err == nil {
		err = s.operate(ctx, row, *op)
	}
	return s.finish(ctx, c.Tenant, entry, err)
}

func (s *Service) announce(ctx context.Context, row store.Row) error {
	err := s.opt.Store.Update(ctx, func(tx store.Tx) error {
		conflicts, err := tx.Write(ctx, store.Write{Table: tOperations, Op: store.Insert, Row: row})
		if err == nil && len(conflicts) > 0 {
			err = ErrReviewed
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("write operation: %w", err)
	}
	return nil
}
