package inventory

import (
	"context"
	"fmt"
	"slices"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/sdk/resource"
)

// DeleteRequest removes a record that people made.
type DeleteRequest struct {
	Kind, ID string
	// Version that the person looked at.
	Version int64
	Reason  string
	// Operation is on whose account it happens, so that it can be undone.
	Operation string
}

// Delete removes a record that people made: it is gone, with its history and its last looks until it is pruned, its identifiers are free
// for another record, and the relations that it states end. What others state about it stays, and leads to something that is gone. What
// discovery sees cannot be removed, since the next reading would bring it back: *ConflictError says what to do instead.
func (s *Service) Delete(ctx context.Context, c Caller, req DeleteRequest) (Edited, error) {
	doc, version, k, err := s.writable(ctx, s.opt.Store, c, req.Kind, req.ID)
	switch {
	case err != nil:
		return Edited{}, err
	case doc.State == Merged:
		return Edited{}, &ConflictError{ResourceID: doc.RedirectTo, Problem: "it was merged into another resource"}
	case version != req.Version:
		return Edited{}, &StaleError{Current: version}
	}
	if err := s.refuseServed(ctx, c.Tenant, req.Kind, req.ID); err != nil {
		return Edited{}, err
	}
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "resource.delete", Address: c.Address,
		Object: &audit.Ref{ID: req.ID, Name: doc.Name, Kind: req.Kind}, Reason: req.Reason})
	if err != nil {
		return Edited{}, err
	}
	b := &batch{s: s, c: c, op: Operation{ID: req.Operation, AuditID: entry, Reason: req.Reason, Number: 1}, kind: k.Kind, kept: map[string]editItem{}}
	err = s.work(ctx, c.Tenant, k.Kind, cause{actor: c.Name, auditID: entry, reason: req.Reason}, func(u *unit) error {
		if err := b.remove(ctx, u, req); err != nil {
			return err
		}
		return b.announce(u)
	})
	if err = s.finish(ctx, c.Tenant, entry, err); err != nil {
		return Edited{}, err
	}
	done := b.results()[0]
	done.Action = EditRemoved
	return done, nil
}

func (b *batch) remove(ctx context.Context, u *unit, req DeleteRequest) error {
	b.u, b.items, b.out = u, nil, nil
	if err := u.loadResources(ctx, []string{req.ID}); err != nil {
		return err
	}
	rec := u.newResource(req.ID)
	p := &pendingEdit{Edited: Edited{ID: rec.id, Name: rec.rev.Name}, was: rec.rev, rec: rec}
	b.out = append(b.out, p)
	if _, tried := b.kept[rec.id]; tried && rec.rev.Retired {
		b.keep(rec.id)
		return nil
	}
	if rec.version != req.Version {
		return &StaleError{Current: rec.version}
	}
	for m := range rec.members {
		if o := u.obs[m]; o != nil && o.seen.live() {
			return &ConflictError{ResourceID: rec.id, Problem: fmt.Sprintf("%q is discovered, so the next reading would bring it back. It goes by itself when it is no "+
				"longer found. To leave it out, narrow the settings of the connection that finds it or turn the kind off there; to take back what people set, reset the fields", rec.rev.Name)}
		}
	}
	switch {
	case rec.rev.Retired:
		return &ConflictError{ResourceID: rec.id, Problem: "it was deleted already"}
	case !rec.rev.Manual:
		return &ConflictError{ResourceID: rec.id, Problem: "nobody has recorded it: discovery found it once, and it is deleted for good when its retention ends"}
	}
	if err := u.loadClaims(ctx, rec.rev.ManualIdentifiers); err != nil {
		return err
	}
	next := rec.rev
	next.ManualIdentifiers = slices.Clone(next.ManualIdentifiers)
	next.Retired, next.Manual = true, false
	item := editItem{ResourceID: rec.id, Removed: true, Unrelated: slices.Clone(next.ManualEdges)}
	for _, id := range slices.Clone(next.ManualIdentifiers) {
		if b.dropIdentifier(u, rec, &next, id) {
			item.Dropped = append(item.Dropped, id)
		}
	}
	if len(next.ManualIdentifiers) == 0 {
		next.ManualIdentifiers = []resource.Identifier(nil)
	}
	next.ManualEdges = nil
	b.items = append(b.items, item)
	b.kept[rec.id] = item
	rec.next = &next
	u.touch(rec)
	return nil
}
