package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// Edit is what an import's row or a bulk edit makes of one resource. Only what differs from what the resource shows is
// written, so that the same edit again writes nothing.
type Edit struct {
	// Row tells the edits of an operation apart; an import's is the row of the file.
	Row int
	// ID of the resource; "" makes a new one.
	ID string
	// Set maps JSON pointers to values; null hides what was discovered.
	Set map[string]json.RawMessage
	// Reset lists pointers to hand back to discovery.
	Reset []string
	// Identifiers and Relations are added to those there are; Unrelate are relations to take away.
	Identifiers []resource.Identifier
	Relations   []PersonRelation
	Unrelate    []PersonRelation
}

// PersonRelation is a relation that a person states: the resource Verb the other one.
type PersonRelation struct {
	Verb string
	// The other end.
	Kind, ID, Name string
}

// The actions of Edited.
const (
	EditCreated   = "created"
	EditUpdated   = "updated"
	EditUnchanged = "unchanged"
	EditRefused   = "refused"
	EditRemoved   = "removed"
)

// Edited is what an Edit did, or would do.
type Edited struct {
	Row      int
	ID, Name string
	// Kind is of what is undone, where one operation may be of several.
	Kind   string
	Action string
	Diff   []FieldChange
	// Err says why it was refused.
	Err error
	// Conflicts are the pointers that an undo left alone, since they were changed meanwhile.
	Conflicts []string
}

// Operation is on whose account edits are made: the audit entry that was written first, and the operation that undoes them.
type Operation struct {
	ID      string
	AuditID string
	Reason  string
	// Number of the batch; each has its own.
	Number int
}

// MostEdits bounds a batch of edits.
const MostEdits = 500

// PreviewEdits says what ApplyEdits would do, and writes nothing.
func (s *Service) PreviewEdits(ctx context.Context, c Caller, op Operation, kind string, edits []Edit) ([]Edited, error) {
	k, err := s.kind(ctx, c.Tenant, kind)
	if err != nil {
		return nil, err
	}
	if err := s.ensureKind(ctx, k.Kind); err != nil {
		return nil, err
	}
	b := &batch{s: s, c: c, op: op, kind: k.Kind, kept: map[string]editItem{}}
	if err := b.related(ctx, edits); err != nil {
		return nil, err
	}
	u, err := s.trial(ctx, c, kind)
	if err != nil {
		return nil, err
	}
	if err := b.edit(ctx, u, edits); err != nil {
		return nil, err
	}
	if err := u.settle(); err != nil {
		return nil, err
	}
	return b.results(), nil
}

// ApplyEdits makes a batch of edits of one kind, as one piece of work. What it is going to do is written down first, for
// Undo. An edit that is refused does not stop the others.
func (s *Service) ApplyEdits(ctx context.Context, c Caller, op Operation, kind string, edits []Edit) ([]Edited, error) {
	k, err := s.kind(ctx, c.Tenant, kind)
	if err != nil {
		return nil, err
	}
	b := &batch{s: s, c: c, op: op, kind: k.Kind, kept: map[string]editItem{}}
	if err := b.related(ctx, edits); err != nil {
		return nil, err
	}
	cs := cause{actor: c.Name, auditID: op.AuditID, reason: op.Reason}
	err = s.work(ctx, c.Tenant, k.Kind, cs, func(u *unit) error {
		if err := b.edit(ctx, u, edits); err != nil {
			return err
		}
		return b.announce(u)
	})
	if err != nil {
		return nil, err
	}
	return b.results(), nil
}

// readOnly is the unit's way to the store where nothing is to be written.
type readOnly struct{ store.Reader }

func (readOnly) Write(context.Context, ...store.Write) ([]int, error) {
	return nil, errors.New("a preview writes nothing")
}

// batch is a batch of edits in work. A unit may run several times; kept is what earlier ones may have written already.
type batch struct {
	s    *Service
	c    Caller
	op   Operation
	kind *schema.Kind
	// targets are, by resource, the verbs and ids of what it is related to.
	targets map[string]map[string]bool
	kept    map[string]editItem

	u     *unit
	items []editItem
	out   []*pendingEdit
}

type pendingEdit struct {
	Edited
	rec *resRec
	was revision
}

// NewEditID is the id of the resource that a row of an operation makes: the same when a batch is repeated, and known before. Ids of an
// operation rise with its rows, so that what a store keeps in the order of ids is appended to: ids that lie anywhere cost a page of each
// index, read and written, for each row.
func NewEditID(tenant, kind, operation string, row int) string {
	id := uuidOf("request", tenant, kind, operation+"|"+strconv.Itoa(row), "0")
	begun, err := uuid.Parse(operation)
	if err != nil || begun.Version() != 7 || row < 0 {
		return id // an operation without a time of its own
	}
	made := uuid.MustParse(id)
	copy(made[:6], begun[:6]) // the time
	n := uint32(row)          // #nosec G115 -- what is beyond begins anew, and the rest tells them apart
	made[6], made[7] = 0x80|byte(n>>22)&0x0f, byte(n>>14)
	made[8], made[9] = 0x80|byte(n>>8)&0x3f, byte(n)
	return made.String()
}

// related finds what the resources are related to already, if an edit states relations.
func (b *batch) related(ctx context.Context, edits []Edit) error {
	var ids []string
	for _, e := range edits {
		if e.ID != "" && len(e.Relations) > 0 {
			ids = append(ids, e.ID)
		}
	}
	b.targets = map[string]map[string]bool{}
	if len(ids) == 0 {
		return nil
	}
	rows, err := getChunks(ctx, b.s.opt.Store, tResources, b.c.Tenant, b.kind.Name, unique(ids))
	if err != nil {
		return err
	}
	edges := map[string][]edge{}
	var wants []string
	for id, row := range rows {
		doc, err := decodeRow[resourceDoc](row)
		if err != nil {
			return err
		}
		edges[id] = doc.Edges
		wants = append(wants, wantsOf(doc.Edges)...)
	}
	found, err := b.s.resolveWants(ctx, b.c.Tenant, unique(wants))
	if err != nil {
		return err
	}
	for id, list := range edges {
		has := map[string]bool{}
		for _, e := range list {
			if to := found[e.Want]; len(to) == 1 {
				has[e.Verb+" "+to[0]] = true
			}
		}
		b.targets[id] = has
	}
	return nil
}

func (b *batch) edit(ctx context.Context, u *unit, edits []Edit) error {
	b.u, b.items, b.out = u, nil, nil
	ids := make([]string, len(edits))
	var idents []resource.Identifier
	for i, e := range edits {
		if ids[i] = e.ID; e.ID == "" {
			ids[i] = NewEditID(b.c.Tenant, b.kind.Name, b.op.ID, e.Row)
		}
		for _, id := range e.Identifiers {
			if v, ok := schema.NormalizeIdentifier(id.Type, id.Value); ok {
				idents = append(idents, resource.Identifier{Type: id.Type, Value: v})
			}
		}
	}
	if err := u.loadResources(ctx, ids); err != nil {
		return err
	}
	if err := u.loadClaims(ctx, idents); err != nil {
		return err
	}
	for i, e := range edits {
		p := &pendingEdit{Edited: Edited{Row: e.Row, ID: ids[i]}}
		b.out = append(b.out, p)
		stated := make([]edge, len(e.Relations))
		for j, r := range e.Relations {
			stated[j] = edgeOf(r)
		}
		err := b.s.mayServe(ctx, b.c, b.kind.Name, stated)
		if err == nil {
			err = b.editOne(u, e, p)
		}
		if err != nil {
			p.Action, p.Err, p.rec = EditRefused, err, nil
		}
	}
	return nil
}

// editOne decides what one edit comes to, and only then touches anything.
func (b *batch) editOne(u *unit, e Edit, p *pendingEdit) error {
	rec := u.newResource(u.resolve(p.ID))
	p.ID, p.was = rec.id, rec.rev
	created := rec.version == 0
	switch {
	case created && e.ID != "", !created && !b.c.mayRoots(rec.rev.AccessRoots):
		return fmt.Errorf("%s %s: %w", b.kind.Name, e.ID, ErrNotFound)
	case !created && b.c.mayChange(e, rec.rev.AccessRoots) != nil:
		return ErrForbidden
	case rec.next != nil || rec.touched:
		return &InvalidError{Problem: "is named twice in one batch"}
	}
	if to, set := e.Set["/datacenter"]; set || created {
		name, _ := decodeJSON(to).(string)
		if err := b.c.mayMove(rec.rev.Datacenter, name); err != nil || created && name == "" && b.c.mayWrite(nil) != nil {
			return ErrForbidden
		}
	}
	next := rec.rev
	next.Curated = slices.Clone(next.Curated)
	next.ManualIdentifiers = slices.Clone(next.ManualIdentifiers)
	next.ManualEdges = slices.Clone(next.ManualEdges)
	item := editItem{ResourceID: rec.id, Row: e.Row, Created: created}
	if created {
		if name, _ := decodeJSON(e.Set["/name"]).(string); strings.TrimSpace(name) == "" {
			return &InvalidError{Pointer: "/name", Problem: "is missing"}
		}
		next.Manual = true
	}
	if err := b.setFields(u, &next, e, &item); err != nil {
		return err
	}
	claim, err := b.addIdentifiers(u, rec, &next, e, &item)
	if err != nil {
		return err
	}
	if err := b.relate(&next, e, &item); err != nil {
		return err
	}
	p.rec = rec
	if item.empty() && !created {
		b.keep(rec.id)
		return nil
	}
	for _, id := range claim {
		u.claim(id, rec.id)
	}
	b.items = append(b.items, item)
	b.kept[rec.id] = item
	rec.next = &next
	u.touch(rec)
	return nil
}

func (b *batch) setFields(u *unit, next *revision, e Edit, item *editItem) error {
	content := contentOf(next, nil)
	for _, p := range keysOf(e.Set) {
		v := e.Set[p]
		if err := checkCurated(b.kind, p, v); err != nil {
			return err
		}
		if slices.Contains(e.Reset, p) {
			return &InvalidError{Pointer: p, Problem: "is both set and reset"}
		}
		if shows(content, b.kind, p, v) {
			continue
		}
		item.Fields = append(item.Fields, editField{Pointer: p, Before: curatedAt(next.Curated, p), After: v})
		next.Curated = slices.DeleteFunc(next.Curated, func(c curated) bool { return c.Pointer == p })
		next.Curated = append(next.Curated, curated{Pointer: p, Value: v, Actor: b.c.Name, At: store.At(u.now)})
	}
	for _, c := range slices.Clone(next.Curated) {
		if covers(e.Reset, c.Pointer) {
			item.Fields = append(item.Fields, editField{Pointer: c.Pointer, Before: c.Value})
			next.Curated = slices.DeleteFunc(next.Curated, func(x curated) bool { return x.Pointer == c.Pointer })
		}
	}
	if len(next.Curated) > maxCurated {
		return &InvalidError{Problem: fmt.Sprintf("more than %d fields set by hand", maxCurated)}
	}
	slices.SortFunc(next.Curated, func(a, b curated) int { return strings.Compare(a.Pointer, b.Pointer) })
	return nil
}

// shows says whether a resource shows a value already. Lists whose order means nothing are compared without it.
func shows(content leaves, k *schema.Kind, pointer string, raw json.RawMessage) bool {
	want := decodeJSON(raw)
	have, ok := content[pointer]
	if !ok { // an object as one leaf, or nothing
		tree := map[string]any{}
		for p, v := range content {
			if rest, below := strings.CutPrefix(p, pointer+"/"); below {
				setLeaf(tree, strings.Split(rest, "/"), v)
			}
		}
		if have = nil; len(tree) > 0 {
			have = tree
		}
	}
	if sameValue(have, want) {
		return true
	}
	a, isList := have.([]any)
	b, both := want.([]any)
	if !isList || !both || len(a) != len(b) {
		return false
	}
	if f, ok := fieldAt(k, pointer); !ok || !f.Set && f.Key == "" {
		return false
	}
	return slices.Equal(sortedTexts(a), sortedTexts(b))
}

func sortedTexts(list []any) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(encodeJSON(v))
	}
	slices.Sort(out)
	return out
}

func curatedAt(list []curated, pointer string) json.RawMessage {
	if i := slices.IndexFunc(list, func(c curated) bool { return c.Pointer == pointer }); i >= 0 {
		return list[i].Value
	}
	return nil
}

// addIdentifiers answers those that are new to the resource and free.
func (b *batch) addIdentifiers(u *unit, rec *resRec, next *revision, e Edit, item *editItem) (claim []resource.Identifier, err error) {
	for _, id := range e.Identifiers {
		value, ok := schema.NormalizeIdentifier(id.Type, id.Value)
		if !schema.KnownIdentifier(id.Type) {
			return nil, &InvalidError{Pointer: "/identifiers/" + escapeToken(id.Type), Problem: noSuchType(id.Type)}
		}
		if !ok {
			return nil, &InvalidError{Pointer: "/identifiers/" + escapeToken(id.Type), Problem: fmt.Sprintf("%q is no %s", id.Value, id.Type)}
		}
		id.Value = value
		if slices.Contains(next.Identifiers, id) || slices.Contains(next.ManualIdentifiers, id) {
			continue
		}
		if cl := u.claims[claimID(b.c.Tenant, b.kind.Name, id)]; cl != nil && !cl.drop {
			if cl.doc.Contested {
				return nil, &InvalidError{Pointer: "/identifiers/" + escapeToken(id.Type), Problem: id.Value + " names several things"}
			}
			// A claim on something that was never made is what a crash left.
			owner := u.newResource(u.resolve(cl.doc.ResourceID))
			if owner != rec && (owner.version > 0 || owner.touched) {
				return nil, b.c.taken(id, owner)
			}
		}
		next.ManualIdentifiers = append(next.ManualIdentifiers, id)
		item.Identifiers = append(item.Identifiers, id)
		claim = append(claim, id)
	}
	return claim, nil
}

func (b *batch) relate(next *revision, e Edit, item *editItem) error {
	for _, r := range e.Relations {
		if r.Verb == "" || r.ID == "" || r.ID == item.ResourceID {
			return &InvalidError{Pointer: "/relations/" + escapeToken(r.Verb), Problem: "needs a verb and another resource"}
		}
		ed := edgeOf(r)
		if b.targets[item.ResourceID][r.Verb+" "+r.ID] || hasEdge(next.ManualEdges, ed) {
			continue
		}
		next.ManualEdges = append(next.ManualEdges, ed)
		item.Related = append(item.Related, ed)
	}
	for _, r := range e.Unrelate {
		ed := edgeOf(r)
		if i := slices.IndexFunc(next.ManualEdges, sameEdge(ed)); i >= 0 {
			item.Unrelated = append(item.Unrelated, next.ManualEdges[i])
			next.ManualEdges = slices.Delete(next.ManualEdges, i, i+1)
		}
	}
	return nil
}

// results is to be asked once the unit is settled.
func (b *batch) results() []Edited {
	out := make([]Edited, 0, len(b.out))
	for _, p := range b.out {
		r := p.Edited
		if p.rec == nil {
			out = append(out, r)
			continue
		}
		r.Name, r.Action = p.rec.rev.Name, EditUnchanged
		if _, wrote := b.kept[p.rec.id]; wrote && p.rec.rev.Kind != "" {
			r.Diff = b.diff(p)
			switch {
			case p.rec.rev.Retired && !p.was.Retired:
				r.Action = EditRemoved
			case p.was.Kind == "" || p.was.Retired && !p.rec.rev.Retired:
				r.Action = EditCreated
			default:
				r.Action = EditUpdated
			}
		}
		out = append(out, r)
	}
	return out
}

func (b *batch) diff(p *pendingEdit) []FieldChange {
	was, is := b.u.discreet(p.was), b.u.discreet(p.rec.rev)
	return diff(&was, &is, b.u.keyed)
}
