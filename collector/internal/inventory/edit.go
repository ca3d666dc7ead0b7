package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// maxCurated bounds what people may set on one resource.
const maxCurated = 1000

// Create makes a resource by hand.
func (s *Service) Create(ctx context.Context, c Caller, req CreateRequest) (*Resource, error) {
	k, err := s.kind(ctx, c.Tenant, req.Kind)
	if err != nil {
		return nil, err
	}
	set, ids, err := curationOf(k.Kind, req)
	if err != nil {
		return nil, err
	}
	if req.RequestID == "" {
		req.RequestID = uuid.NewString()
	}
	id := uuidOf("request", c.Tenant, req.Kind, req.RequestID, "0")
	if doc, version, _, err := s.current(ctx, s.opt.Store, c, req.Kind, id); err == nil {
		out := doc.view(c, id, version)
		return &out, nil // the same request came before
	}
	if err := c.mayPlace(req.Datacenter); err != nil {
		return nil, err
	}
	edges, err := s.statedBy(ctx, c, id, req.Relations)
	if err == nil {
		err = s.mayServe(ctx, c, req.Kind, edges)
	}
	if err != nil {
		return nil, err
	}
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "resource.create", Address: c.Address,
		Object: &audit.Ref{ID: id, Name: req.Name, Kind: req.Kind}, Reason: req.Reason})
	if err != nil {
		return nil, err
	}
	cs := cause{actor: c.Name, auditID: entry, reason: req.Reason}
	err = s.work(ctx, c.Tenant, k.Kind, cs, func(u *unit) error {
		if err := u.loadClaims(ctx, ids); err != nil {
			return err
		}
		for _, ident := range ids {
			if cl := u.claims[claimID(c.Tenant, req.Kind, ident)]; cl != nil && cl.doc.ResourceID != id {
				return c.taken(ident, u.res[u.resolve(cl.doc.ResourceID)])
			}
			u.claim(ident, id)
		}
		rec := u.newResource(id)
		if rec.version > 0 {
			return nil // an attempt that stopped in the middle made it
		}
		rec.rev.Manual, rec.rev.ManualIdentifiers, rec.rev.ManualEdges = true, ids, edges
		now := store.At(u.now)
		for _, p := range keysOf(set) {
			rec.rev.Curated = append(rec.rev.Curated, curated{Pointer: p, Value: set[p], Actor: c.Name, At: now})
		}
		u.touch(rec)
		b := &batch{op: Operation{ID: "create " + id}, kind: k.Kind, items: []editItem{{ResourceID: id, Related: edges}}}
		return b.announceRelations(u)
	})
	if err = s.finish(ctx, c.Tenant, entry, err); err != nil {
		return nil, err
	}
	return s.Get(ctx, c, req.Kind, id)
}

// maxStated bounds the relations that one request states.
const maxStated = 100

// statedBy are the edges of relations that a person states, to resources that the person may see.
func (s *Service) statedBy(ctx context.Context, c Caller, from string, list []PersonRelation) ([]edge, error) {
	if len(list) > maxStated {
		return nil, &InvalidError{Pointer: "/relations", Problem: fmt.Sprintf("are more than %d", maxStated)}
	}
	byKind := map[string][]string{}
	for i, r := range list {
		if r.Verb == "" || r.Kind == "" || r.ID == "" || r.ID == from {
			return nil, &InvalidError{Pointer: fmt.Sprintf("/relations/%d", i), Problem: "needs a verb, and the kind and id of another resource"}
		}
		byKind[r.Kind] = append(byKind[r.Kind], r.ID)
	}
	names := map[string]string{}
	for _, kind := range keysOf(byKind) {
		k, err := s.kind(ctx, c.Tenant, kind)
		if err == nil {
			err = s.ensureKind(ctx, k.Kind)
		}
		if errors.Is(err, ErrNotFound) {
			continue // said below
		}
		if err != nil {
			return nil, err
		}
		rows, err := getRows(ctx, s.opt.Store, tResources, c.Tenant, kind, unique(byKind[kind]))
		if err != nil {
			return nil, err
		}
		for id, row := range rows {
			doc, err := decodeRow[resourceDoc](row)
			if err != nil {
				return nil, err
			}
			if c.mayRoots(doc.AccessRoots) && doc.State != Merged {
				names[kind+" "+id] = doc.Name
			}
		}
	}
	var edges []edge
	for i, r := range list {
		name, ok := names[r.Kind+" "+r.ID]
		if !ok {
			return nil, &InvalidError{Pointer: fmt.Sprintf("/relations/%d", i), Problem: fmt.Sprintf("there is no %s %s, or you may not see it", r.Kind, r.ID)}
		}
		r.Name = name
		if e := edgeOf(r); !hasEdge(edges, e) {
			edges = append(edges, e)
		}
	}
	return edges, nil
}

// curationOf turns a creation into curated fields.
func curationOf(k *schema.Kind, req CreateRequest) (map[string]json.RawMessage, []resource.Identifier, error) {
	set := map[string]json.RawMessage{}
	for p, v := range map[string]string{"/name": req.Name, "/datacenter": req.Datacenter, "/region": req.Region, "/zone": req.Zone} {
		if v != "" {
			set[p] = encodeJSON(v)
		}
	}
	if strings.TrimSpace(req.Name) == "" {
		return nil, nil, &InvalidError{Pointer: "/name", Problem: "is missing"}
	}
	for _, t := range req.Tags {
		set["/tags/"+escapeToken(t.Key)] = encodeJSON(t.Value)
	}
	for _, part := range []struct {
		at     string
		raw    json.RawMessage
		fields []schema.Field
	}{{"/attributes", req.Attributes, k.Fields}, {"/common", req.Common, schema.CommonFields()}} {
		tree, ok := decodeJSON(part.raw).(map[string]any)
		if !ok && len(part.raw) > 0 && string(part.raw) != "null" {
			return nil, nil, &InvalidError{Pointer: part.at, Problem: "is not an object"}
		}
		rest := leaves{}
		for name, v := range tree {
			rest.add(part.at+"/"+escapeToken(name), v, nil)
		}
		for _, f := range part.fields {
			v, ok := valueAt(tree, strings.TrimPrefix(f.Pointer, part.at))
			if !ok || v == nil {
				continue
			}
			set[f.Pointer] = encodeJSON(v)
			for p := range rest {
				if covers([]string{f.Pointer}, p) {
					delete(rest, p)
				}
			}
		}
		for p := range rest {
			return nil, nil, &InvalidError{Pointer: p, Problem: "is no field of kind " + k.Name}
		}
	}
	for p, v := range set {
		if err := checkCurated(k, p, v); err != nil {
			return nil, nil, err
		}
	}
	ids, err := typedIdentifiers("/identifiers", req.Identifiers)
	return set, ids, err
}

func noSuchType(typ string) string {
	var names []string
	for _, t := range schema.IdentifierTypes() {
		names = append(names, t.Name)
	}
	return fmt.Sprintf("there is no type of identifier %q; there are %s, and those of plugins, <provider>.<type>", typ, strings.Join(names, ", "))
}

// typedIdentifiers brings what a person typed into the spelling by which discovery finds it.
func typedIdentifiers(at string, list []resource.Identifier) ([]resource.Identifier, error) {
	var ids []resource.Identifier
	for i, id := range list {
		value, ok := schema.NormalizeIdentifier(id.Type, id.Value)
		if !schema.KnownIdentifier(id.Type) {
			return nil, &InvalidError{Pointer: fmt.Sprintf("%s/%d/type", at, i), Problem: noSuchType(id.Type)}
		}
		if !ok {
			return nil, &InvalidError{Pointer: fmt.Sprintf("%s/%d", at, i), Problem: fmt.Sprintf("%q is no %s that names a single thing", id.Value, id.Type)}
		}
		ids = append(ids, resource.Identifier{Type: id.Type, Value: value})
	}
	return ids, nil
}

// checkCurated says what is wrong with a value that a person gives to a field.
func checkCurated(k *schema.Kind, pointer string, value json.RawMessage) error {
	bad := func(problem string) error { return &InvalidError{Pointer: pointer, Problem: problem} }
	if len(value) > 64<<10 {
		return bad("is longer than 64 KiB")
	}
	if !json.Valid(value) {
		return bad("is no JSON value")
	}
	null := string(value) == "null"
	switch pointer {
	case "/name", "/region", "/zone", "/datacenter", "/console_url":
		var s string
		if null && pointer != "/name" {
			return nil
		}
		if json.Unmarshal(value, &s) != nil {
			return bad("should be text")
		}
		if pointer == "/name" && (strings.TrimSpace(s) == "" || utf8.RuneCountInString(s) > 500) {
			return bad("should have 1 to 500 characters")
		}
		return nil
	}
	if key, ok := strings.CutPrefix(pointer, "/tags/"); ok && key != "" && !strings.Contains(key, "/") {
		var s string
		if !null && json.Unmarshal(value, &s) != nil {
			return bad("should be text")
		}
		return nil
	}
	f, ok := fieldAt(k, pointer)
	if !ok {
		return bad("is no field of kind " + k.Name)
	}
	if null {
		return nil
	}
	if f.Sensitive {
		return bad("is sensitive and comes from discovery only")
	}
	if f.Volatile {
		return bad("changes all the time and cannot be set")
	}
	if err := f.Check(value); err != nil {
		return bad(err.Error())
	}
	return nil
}

// fieldAt finds the leaf that a pointer names.
func fieldAt(k *schema.Kind, pointer string) (*schema.Field, bool) {
	if f, ok := k.FieldAt(pointer); ok {
		return f, true
	}
	for _, f := range schema.CommonFields() {
		if f.Pointer == pointer {
			return &f, true
		}
	}
	return nil, false
}

// Patch curates fields. *StaleError when the version is not the current one, *InvalidError for a bad value.
func (s *Service) Patch(ctx context.Context, c Caller, req PatchRequest) (*Resource, error) {
	doc, version, k, err := s.current(ctx, s.opt.Store, c, req.Kind, req.ID)
	if err != nil {
		return nil, err
	}
	if err := c.mayChange(Edit{Set: req.Set, Reset: req.Reset, Identifiers: slices.Concat(req.Identifiers, req.RemoveIdentifiers)}, doc.AccessRoots); err != nil {
		return nil, fmt.Errorf("%s %s: %w", req.Kind, req.ID, err)
	}
	if to, set := req.Set["/datacenter"]; set {
		name, _ := decodeJSON(to).(string)
		if err := c.mayMove(doc.Datacenter, name); err != nil {
			return nil, err
		}
	}
	if doc.State == Merged {
		return nil, &ConflictError{ResourceID: doc.RedirectTo, Problem: "it was merged into another resource"}
	}
	if version != req.Version {
		return nil, &StaleError{Current: version}
	}
	for _, p := range keysOf(req.Set) {
		if err := checkCurated(k.Kind, p, req.Set[p]); err != nil {
			return nil, err
		}
		if slices.Contains(req.Reset, p) {
			return nil, &InvalidError{Pointer: p, Problem: "is both set and reset"}
		}
	}
	if req.Identifiers, err = typedIdentifiers("/identifiers", req.Identifiers); err != nil {
		return nil, err
	}
	if req.RemoveIdentifiers, err = typedIdentifiers("/remove_identifiers", req.RemoveIdentifiers); err != nil {
		return nil, err
	}
	entry, err := s.opt.Audit.Begin(ctx, audit.Entry{Tenant: c.Tenant, Actor: c.Name, Action: "resource.update", Address: c.Address,
		Object: &audit.Ref{ID: req.ID, Name: doc.Name, Kind: req.Kind}, Reason: req.Reason,
		Detail: map[string]any{"set": keysOf(req.Set), "reset": req.Reset, "identifiers": req.Identifiers, "remove_identifiers": req.RemoveIdentifiers}})
	if err != nil {
		return nil, err
	}
	cs := cause{actor: c.Name, auditID: entry, reason: req.Reason}
	err = s.work(ctx, c.Tenant, k.Kind, cs, func(u *unit) error { return u.curate(ctx, c, req) })
	var stale *StaleError
	if errors.As(err, &stale) {
		err = errors.Join(err, s.rollForward(ctx, c.Tenant, k.Kind, req.ID))
	}
	if err = s.finish(ctx, c.Tenant, entry, err); err != nil {
		return nil, err
	}
	return s.Get(ctx, c, req.Kind, req.ID)
}

// rollForward brings a resource's projection to its latest change, if a crash left it behind: else whoever reads it anew would be
// told again that it was changed meanwhile.
func (s *Service) rollForward(ctx context.Context, tenant string, kind *schema.Kind, id string) error {
	return s.work(ctx, tenant, kind, cause{actor: "rule:identity"}, func(u *unit) error {
		u.roll[id] = true
		return u.loadResources(ctx, []string{id})
	})
}

func (u *unit) curate(ctx context.Context, c Caller, req PatchRequest) error {
	if err := u.loadResources(ctx, []string{req.ID}); err != nil {
		return err
	}
	rec := u.res[req.ID]
	if rec.version != req.Version {
		return &StaleError{Current: rec.version}
	}
	next := rec.draft()
	next.Curated = nil
	for _, old := range rec.rev.Curated {
		if _, again := req.Set[old.Pointer]; !again && !covers(req.Reset, old.Pointer) {
			next.Curated = append(next.Curated, old)
		}
	}
	for _, p := range keysOf(req.Set) {
		next.Curated = append(next.Curated, curated{Pointer: p, Value: req.Set[p], Actor: c.Name, At: store.At(u.now)})
	}
	if len(next.Curated) > maxCurated {
		return &InvalidError{Problem: fmt.Sprintf("more than %d fields set by hand", maxCurated)}
	}
	slices.SortFunc(next.Curated, func(a, b curated) int { return strings.Compare(a.Pointer, b.Pointer) })
	u.touch(rec)
	return u.claimByHand(ctx, c, rec, req.Identifiers, req.RemoveIdentifiers)
}
