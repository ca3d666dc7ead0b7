package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

// editChunk is one batch of an operation: what it was going to do to each resource, and what was there before. It is
// written before any of it is done. Undo compares it with what is there now, so it does not matter how far the batch came.
type editChunk struct {
	Operation string     `json:"operation"`
	Number    int        `json:"number"`
	Kind      string     `json:"kind"`
	At        store.Time `json:"at"`
	// Items are JSON as text: values may be objects with any names.
	Items string `json:"items"`
	// Format is 2 where what was taken away is told from what was added, so that an undo can be undone.
	Format int `json:"format,omitempty"`
}

const chunkFormat = 2

// editItem is what a batch does to one resource.
type editItem struct {
	ResourceID  string                `json:"resource_id"`
	Row         int                   `json:"row"`
	Created     bool                  `json:"created,omitempty"`
	Fields      []editField           `json:"fields,omitempty"`
	Identifiers []resource.Identifier `json:"identifiers,omitempty"`
	Related     []edge                `json:"related,omitempty"`
	Unrelated   []edge                `json:"unrelated,omitempty"`
	// Dropped are identifiers that were taken away. Removed says that the record itself was, Disowned that it is discovery's alone now.
	Dropped  []resource.Identifier `json:"dropped,omitempty"`
	Removed  bool                  `json:"removed,omitempty"`
	Disowned bool                  `json:"disowned,omitempty"`
}

// edit is what taking it back comes to, as far as it matters who may.
func (i *editItem) edit() Edit {
	e := Edit{Identifiers: slices.Concat(i.Identifiers, i.Dropped), Relations: make([]PersonRelation, len(i.Related)+len(i.Unrelated))}
	for _, f := range i.Fields {
		e.Reset = append(e.Reset, f.Pointer)
	}
	if i.Created || i.Removed || i.Disowned {
		e.Reset = append(e.Reset, "") // all of it
	}
	return e
}

func (i *editItem) empty() bool {
	return len(i.Fields)+len(i.Identifiers)+len(i.Related)+len(i.Unrelated)+len(i.Dropped) == 0 && !i.Removed && !i.Disowned && !i.Created
}

// editField is a curated field: nil is none.
type editField struct {
	Pointer string          `json:"pointer"`
	Before  json.RawMessage `json:"before,omitempty"`
	After   json.RawMessage `json:"after,omitempty"`
}

func editChunkID(tenant, operation string, number int) string {
	return store.Key(tenant, operation, fmt.Sprintf("%08d", number))
}

// announce writes down what the batch is going to do.
func (b *batch) announce(u *unit) error {
	if len(b.items) == 0 {
		return nil
	}
	items, err := json.Marshal(b.items)
	if err != nil {
		return fmt.Errorf("encode edits: %w", err)
	}
	row, err := encodeRow(editChunkID(u.tenant, b.op.ID, b.op.Number), u.tenant, "", 1, editChunk{Operation: b.op.ID, Number: b.op.Number,
		Kind: b.kind.Name, At: store.At(u.now), Items: string(items), Format: chunkFormat})
	if err != nil {
		return err
	}
	u.first = append(u.first, store.Write{Table: tEditChunks, Op: store.Put, Row: row})
	return b.announceRelations(u)
}

// editChunks are the batches of an operation, last first, each with its kind.
func (s *Service) editChunks(ctx context.Context, tenant, operation string, fn func(editChunk, []editItem) error) error {
	q := store.Query{Table: tEditChunks, Tenant: tenant, Where: eq(text("operation"), operation),
		Order: []store.Order{{Field: number("number"), Desc: true}}, Limit: 20}
	return store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
		chunk, err := decodeRow[editChunk](row)
		if err != nil {
			return err
		}
		var items []editItem
		if err := json.Unmarshal([]byte(chunk.Items), &items); err != nil {
			return fmt.Errorf("decode edits %s: %w", row.ID, err)
		}
		return fn(chunk, items)
	})
}

// UndoEdits takes back what an operation did, last batch first: a field goes back to what it was before unless it was changed
// since, and a resource that the operation made is removed unless somebody changed it since. What stays is told as a conflict.
// Repeating it changes nothing more. done is told of each batch; op is the operation on whose account it happens.
func (s *Service) UndoEdits(ctx context.Context, c Caller, op Operation, of string, done func([]Edited) error) error {
	return s.editChunks(ctx, c.Tenant, of, func(chunk editChunk, items []editItem) error {
		k, err := s.kind(ctx, c.Tenant, chunk.Kind)
		if err != nil {
			return err
		}
		op.Number++
		b := &batch{s: s, c: c, op: op, kind: k.Kind, kept: map[string]editItem{}}
		cs := cause{actor: c.Name, auditID: op.AuditID, reason: op.Reason}
		err = s.work(ctx, c.Tenant, k.Kind, cs, func(u *unit) error {
			if err := b.undo(ctx, u, items); err != nil {
				return err
			}
			return b.announce(u)
		})
		if err != nil {
			return err
		}
		return done(b.results())
	})
}

// PreviewUndo says what UndoEdits would do.
func (s *Service) PreviewUndo(ctx context.Context, c Caller, op Operation, of string, done func([]Edited) error) error {
	return s.editChunks(ctx, c.Tenant, of, func(chunk editChunk, items []editItem) error {
		k, err := s.kind(ctx, c.Tenant, chunk.Kind)
		if err != nil {
			return err
		}
		b := &batch{s: s, c: c, op: op, kind: k.Kind, kept: map[string]editItem{}}
		u, err := s.trial(ctx, c, chunk.Kind)
		if err != nil {
			return err
		}
		if err := b.undo(ctx, u, items); err != nil {
			return err
		}
		if err := u.settle(); err != nil {
			return err
		}
		return done(b.results())
	})
}

func (b *batch) undo(ctx context.Context, u *unit, items []editItem) error {
	b.u, b.items, b.out = u, nil, nil
	ids := make([]string, len(items))
	var idents []resource.Identifier
	for i, it := range items {
		ids[i] = it.ResourceID
		idents = append(append(idents, it.Identifiers...), it.Dropped...)
	}
	if err := u.loadResources(ctx, ids); err != nil {
		return err
	}
	if err := u.loadClaims(ctx, idents); err != nil {
		return err
	}
	for _, it := range items {
		rec := u.newResource(u.resolve(it.ResourceID))
		if rec.version == 0 {
			continue // it was never made, or is pruned
		}
		p := &pendingEdit{Edited: Edited{Row: it.Row, ID: rec.id, Name: rec.rev.Name, Kind: u.kind.Name}, was: rec.rev}
		b.out = append(b.out, p)
		err := b.s.mayServe(ctx, b.c, b.kind.Name, it.Unrelated)
		if err == nil && it.Created {
			err = b.s.refuseServed(ctx, b.c.Tenant, b.kind.Name, rec.id)
		}
		if err == nil {
			err = b.undoOne(u, rec, it, p)
		}
		if err != nil {
			p.Action, p.Err, p.rec = EditRefused, err, nil
		}
	}
	return nil
}

func (b *batch) undoOne(u *unit, rec *resRec, it editItem, p *pendingEdit) error {
	switch {
	case !b.c.mayRoots(rec.rev.AccessRoots):
		return fmt.Errorf("%s %s: %w", b.kind.Name, it.ResourceID, ErrNotFound)
	case b.c.mayChange(it.edit(), rec.rev.AccessRoots) != nil:
		return ErrForbidden
	case rec.id != it.ResourceID:
		return &ConflictError{ResourceID: rec.id, Problem: "it was merged into another resource"}
	case rec.touched:
		return errors.New("it is named twice in one batch")
	}
	for _, f := range it.Fields {
		if f.Pointer == "/datacenter" && f.Before != nil {
			name, _ := decodeJSON(f.Before).(string)
			if err := b.c.mayMove(rec.rev.Datacenter, name); err != nil {
				return err
			}
		}
	}
	p.rec = rec
	next := rec.rev
	next.Curated = slices.Clone(next.Curated)
	next.ManualIdentifiers = slices.Clone(next.ManualIdentifiers)
	next.ManualEdges = slices.Clone(next.ManualEdges)
	back := editItem{ResourceID: rec.id, Row: it.Row}
	if it.Created {
		if others := changedSince(&rec.rev, it); len(others) > 0 {
			p.Conflicts = others
			return &ConflictError{ResourceID: rec.id, Problem: "was changed since: " + strings.Join(others, ", ")}
		}
		if rec.rev.Retired || !rec.rev.Manual {
			b.keep(rec.id) // undone already
			return nil
		}
	}
	live := len(rec.members) > 0
	switch {
	case it.Created && !live:
		next.Retired, next.Manual = true, false // it keeps its last looks
		back.Removed = true
	case it.Removed && rec.rev.Retired:
		next.Retired, next.Manual = false, true
		back.Created = true
		for _, c := range next.Curated { // what it is made of again
			back.Fields = append(back.Fields, editField{Pointer: c.Pointer, After: c.Value})
		}
	case it.Removed && rec.rev.Manual:
		b.keep(rec.id) // undone already
		return nil
	default:
		if it.Created {
			next.Manual, back.Disowned = false, true
		}
		if it.Disowned && !next.Manual {
			next.Manual, back.Created = true, true
		}
		p.Conflicts = b.restoreFields(u, &next, it, &back)
	}
	p.Conflicts = append(p.Conflicts, b.takeBack(u, rec, &next, it, &back)...)
	if back.empty() {
		b.keep(rec.id)
		return nil
	}
	slices.SortFunc(next.Curated, func(a, b curated) int { return strings.Compare(a.Pointer, b.Pointer) })
	b.items = append(b.items, back)
	b.kept[rec.id] = back
	rec.next = &next
	u.touch(rec)
	return nil
}

// keep writes down again what an attempt before this one may have done to a resource.
func (b *batch) keep(id string) {
	if before, ok := b.kept[id]; ok {
		b.items = append(b.items, before)
	}
}

// restoreFields gives fields back what they had, and answers those that somebody changed since.
func (b *batch) restoreFields(u *unit, next *revision, it editItem, back *editItem) (conflicts []string) {
	for _, f := range it.Fields {
		is := curatedAt(next.Curated, f.Pointer)
		switch {
		case sameRaw(is, f.Before):
		case !sameRaw(is, f.After):
			conflicts = append(conflicts, f.Pointer)
		default:
			next.Curated = slices.DeleteFunc(next.Curated, func(c curated) bool { return c.Pointer == f.Pointer })
			if f.Before != nil {
				next.Curated = append(next.Curated, curated{Pointer: f.Pointer, Value: f.Before, Actor: b.c.Name, At: store.At(u.now)})
			}
			back.Fields = append(back.Fields, editField{Pointer: f.Pointer, Before: f.After, After: f.Before})
		}
	}
	return conflicts
}

// takeBack takes identifiers and relations that were added away again, and the other way round. It answers the identifiers that
// somebody else has meanwhile.
func (b *batch) takeBack(u *unit, rec *resRec, next *revision, it editItem, back *editItem) (conflicts []string) {
	for _, id := range it.Identifiers {
		if b.dropIdentifier(u, rec, next, id) {
			back.Dropped = append(back.Dropped, id)
		}
	}
	for _, id := range it.Dropped {
		if slices.Contains(next.ManualIdentifiers, id) {
			continue
		}
		if cl := u.claims[claimID(b.c.Tenant, b.kind.Name, id)]; cl != nil && !cl.drop && (cl.doc.Contested || u.resolve(cl.doc.ResourceID) != rec.id) {
			conflicts = append(conflicts, "/identifiers/"+escapeToken(id.Type))
			continue
		}
		next.ManualIdentifiers = append(next.ManualIdentifiers, id)
		back.Identifiers = append(back.Identifiers, id)
		u.claim(id, rec.id)
	}
	for _, e := range it.Related {
		if i := slices.IndexFunc(next.ManualEdges, sameEdge(e)); i >= 0 {
			next.ManualEdges = slices.Delete(next.ManualEdges, i, i+1)
			back.Unrelated = append(back.Unrelated, e)
		}
	}
	for _, e := range it.Unrelated {
		if !hasEdge(next.ManualEdges, e) {
			next.ManualEdges = append(next.ManualEdges, e)
			back.Related = append(back.Related, e)
		}
	}
	return conflicts
}

// dropIdentifier takes an identifier that a person gave away, and the claim with it unless discovery has it too.
func (b *batch) dropIdentifier(u *unit, rec *resRec, next *revision, id resource.Identifier) bool {
	i := slices.Index(next.ManualIdentifiers, id)
	if i < 0 {
		return false
	}
	next.ManualIdentifiers = slices.Delete(next.ManualIdentifiers, i, i+1)
	cl := u.claims[claimID(b.c.Tenant, b.kind.Name, id)]
	if cl != nil && u.resolve(cl.doc.ResourceID) == rec.id && len(u.holders(rec, id, true)) == 0 {
		cl.dirty, cl.drop = true, true
	}
	return true
}

// changedSince are what people did to a resource after an operation made it.
func changedSince(rev *revision, it editItem) []string {
	var out []string
	for _, c := range rev.Curated {
		i := slices.IndexFunc(it.Fields, func(f editField) bool { return f.Pointer == c.Pointer })
		if i < 0 || !sameRaw(it.Fields[i].After, c.Value) {
			out = append(out, c.Pointer)
		}
	}
	for _, f := range it.Fields {
		if curatedAt(rev.Curated, f.Pointer) == nil {
			out = append(out, f.Pointer)
		}
	}
	for _, id := range rev.ManualIdentifiers {
		if !slices.Contains(it.Identifiers, id) {
			out = append(out, "/identifiers/"+escapeToken(id.Type))
		}
	}
	for _, e := range rev.ManualEdges {
		if !hasEdge(it.Related, e) {
			out = append(out, "/relations/"+escapeToken(e.Verb))
		}
	}
	return unique(out)
}

// sameRaw compares JSON values; nil is the absence of one, which null is not.
func sameRaw(a, b json.RawMessage) bool {
	if (a == nil) != (b == nil) {
		return false
	}
	return sameValue(decodeJSON(a), decodeJSON(b))
}

// HasEdits says whether an operation did anything that could be undone. Of an undo that an older release made it is not known
// what it took away and what it put back.
func (s *Service) HasEdits(ctx context.Context, tenant, operation string, undo bool) (bool, error) {
	where := filter.And{eq(text("operation"), operation)}
	if undo {
		where = append(where, filter.Compare{Field: number("format"), Op: filter.Eq, Value: float64(chunkFormat)})
	}
	n, err := s.opt.Store.Count(ctx, store.Query{Table: tEditChunks, Tenant: tenant, Where: where}, 1)
	return n > 0, err
}
