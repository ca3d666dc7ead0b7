package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// may is the condition on rows with access roots that the caller's rights make. Every read goes through it.
func (c Caller) may() filter.Expr {
	if c.TenantWide {
		return filter.Const(true)
	}
	return in(texts("access_roots"), c.Roots)
}

func (c Caller) mayRoots(roots []string) bool {
	return c.TenantWide || slices.ContainsFunc(roots, func(r string) bool { return slices.Contains(c.Roots, r) })
}

// sees says whether a connection may be named to the caller.
func (c Caller) sees(connection string) bool {
	return c.TenantWide || slices.Contains(c.Connections, connection)
}

// waitsHeld is the condition on removals that wait for a decision and may be known to the caller: those of his connections.
func (c Caller) waitsHeld() filter.And {
	where := filter.And{eq(text("state"), "held")}
	if !c.TenantWide {
		where = append(where, in(text("connection"), c.Connections))
	}
	return where
}

func (c Caller) name(connection string) string {
	if c.sees(connection) {
		return connection
	}
	return ""
}

func (r *revision) view(c Caller, id string, version int64) Resource {
	out := Resource{ID: id, Tenant: c.Tenant, Kind: r.Kind, Major: r.Major, Version: version, State: r.State, StateSince: r.StateSince.Time,
		StateReason: r.StateReason, RedirectTo: r.RedirectTo, Name: r.Name, Region: r.Region, Zone: r.Zone, Datacenter: r.Datacenter,
		Tags: r.Tags, Labels: r.Labels, Identifiers: r.Identifiers, ConsoleURL: r.ConsoleURL, Attributes: r.Attributes, Common: r.Common,
		Stale: r.Stale, Withheld: r.Withheld, Conflicts: r.Conflicts, Warnings: r.Warnings, AccessRoots: r.AccessRoots,
		CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time, Apart: r.Apart, Origin: r.origin()}
	for _, a := range r.Absorbed {
		out.Absorbed = append(out.Absorbed, Absorbed{ID: a.ID, Name: a.Name})
	}
	if len(out.Attributes) == 0 {
		out.Attributes = json.RawMessage("{}")
	}
	if len(out.Common) == 0 {
		out.Common = json.RawMessage("{}")
	}
	for _, conn := range r.Connections {
		if c.sees(conn) {
			out.Connections = append(out.Connections, conn)
		}
	}
	return out
}

// reduce leaves out what the caller may not read.
func (r *Resource) reduce(c Caller, kind *schema.Kind) {
	if !c.Sensitive {
		r.Attributes = without(r.Attributes, sensitivePointers(kind))
	}
}

// current reads a resource's projection; ErrNotFound also when the caller may not know of it.
func (s *Service) current(ctx context.Context, r store.Reader, c Caller, kind, id string) (resourceDoc, int64, *KindInfo, error) {
	k, err := s.kind(ctx, c.Tenant, kind)
	if err != nil {
		return resourceDoc{}, 0, nil, err
	}
	if err := s.ensureKind(ctx, k.Kind); err != nil {
		return resourceDoc{}, 0, nil, err
	}
	rows, err := getRows(ctx, r, tResources, c.Tenant, kind, []string{id})
	if err != nil {
		return resourceDoc{}, 0, nil, err
	}
	row, ok := rows[id]
	if !ok {
		return resourceDoc{}, 0, nil, fmt.Errorf("%s %s: %w", kind, id, ErrNotFound)
	}
	doc, err := decodeRow[resourceDoc](row)
	if err != nil {
		return doc, 0, nil, err
	}
	if !c.mayRoots(doc.AccessRoots) {
		return resourceDoc{}, 0, nil, fmt.Errorf("%s %s: %w", kind, id, ErrNotFound)
	}
	return doc, row.Version, k, nil
}

// Get is one resource as it is now, with provenance and last seen. One that was merged into another is answered
// with state merged and RedirectTo.
func (s *Service) Get(ctx context.Context, c Caller, kind, id string) (*Resource, error) {
	doc, version, k, err := s.current(ctx, s.opt.Store, c, kind, id)
	if err != nil {
		return nil, err
	}
	out := doc.view(c, id, version)
	out.reduce(c, k.Kind)
	out.Provenance = provenanceFor(c, &doc.revision, k.Kind)
	under, err := s.underCurated(ctx, c, k, id, &doc.revision)
	if err != nil {
		return nil, err
	}
	for i, p := range out.Provenance {
		if p.Curated {
			out.Provenance[i].Discovered = under[p.Pointer]
		}
	}
	obs, err := s.observationsOf(ctx, c, k, &doc.revision)
	if err != nil {
		return nil, err
	}
	volatile := map[string]json.RawMessage{}
	for _, o := range obs {
		if o.LastSeen.After(out.LastSeen) {
			out.LastSeen = o.LastSeen
		}
		var values map[string]json.RawMessage
		if len(o.Volatile) > 0 && (o.State == string(Active) || len(obs) == 1) && json.Unmarshal(o.Volatile, &values) == nil {
			for name, v := range values {
				if _, taken := volatile[name]; !taken {
					volatile[name] = v
				}
			}
		}
	}
	if len(volatile) > 0 {
		out.Volatile = encodeJSON(volatile)
	}
	return &out, nil
}

func provenanceFor(c Caller, rev *revision, kind *schema.Kind) []Provenance {
	list := expandProvenance(rev, keyedArrays(kind))
	for i := range list {
		list[i].Connection = c.name(list[i].Connection)
	}
	return list
}

// Observations is what the connections saw of a resource.
func (s *Service) Observations(ctx context.Context, c Caller, kind, id string) ([]ObservationView, error) {
	doc, _, k, err := s.current(ctx, s.opt.Store, c, kind, id)
	if err != nil {
		return nil, err
	}
	return s.observationsOf(ctx, c, k, &doc.revision)
}

func (s *Service) observationsOf(ctx context.Context, c Caller, k *KindInfo, rev *revision) ([]ObservationView, error) {
	ids := make([]string, len(rev.Sources))
	for i, src := range rev.Sources {
		ids[i] = src.Observation
	}
	rows, err := getChunks(ctx, s.opt.Store, tObservations, c.Tenant, "", ids)
	if err != nil {
		return nil, err
	}
	sets := map[string]*scopeSet{}
	var out []ObservationView
	for _, id := range ids {
		row, ok := rows[id]
		if !ok {
			continue
		}
		doc, err := decodeRow[obsDoc](row)
		if err != nil {
			return nil, err
		}
		set := sets[doc.Connection]
		if set == nil {
			if set, err = loadScopes(ctx, s.opt.Store, c.Tenant, doc.Connection); err != nil {
				return nil, err
			}
			sets[doc.Connection] = set
		}
		v := observationView(c, doc, row, set)
		if !c.Sensitive && len(sensitivePointers(k.Kind)) > 0 {
			v.Envelope = nil
		}
		out = append(out, v)
	}
	return out, nil
}

func observationView(c Caller, doc obsDoc, row store.Row, set *scopeSet) ObservationView {
	v := ObservationView{Connection: c.name(doc.Connection), Kind: doc.Kind, ExternalID: doc.ExternalID, State: string(doc.State),
		StateSince: doc.StateSince.Time, StateReason: doc.StateReason, Match: doc.Match, Matched: doc.Matched.view(), Warnings: doc.Warnings, Hash: doc.Hash,
		ObservedAt: doc.ObservedAt.Time, RunID: doc.RunID}
	if scope, err := resource.ParseScopeKey(doc.Scope); err == nil {
		v.Partition = scope.Partition
	}
	if c.sees(doc.Connection) {
		v.Envelope = row.Blob
	}
	if doc.Volatile != "" {
		v.Volatile = json.RawMessage(doc.Volatile)
	}
	v.LastSeen = doc.lastSeen(set)
	return v
}

// lastSeen of a live observation is whenever its scope was read to its end; of others, when it was written.
func (d obsDoc) lastSeen(set *scopeSet) time.Time {
	seen := d.ObservedAt.Time
	if i, ok := set.byKey[d.Scope]; ok && d.State == Active {
		if last := set.states[i].LastComplete.Time; last.After(seen) {
			return last
		}
	}
	return seen
}

// lastRevision is the newest revision of a resource at a moment; zero version when it was not there yet.
func (s *Service) lastRevision(ctx context.Context, tenant, id string, at time.Time) (changeDoc, error) {
	page, err := s.opt.Store.Find(ctx, store.Query{Table: tChanges, Tenant: tenant, Limit: 1,
		Where: filter.And{eq(text("resource_id"), id), filter.Compare{Field: when("at"), Op: filter.Le, Value: at.UTC().Format(store.TimeLayout)}},
		Order: []store.Order{{Field: number("version"), Desc: true}}})
	if err != nil || len(page.Rows) == 0 {
		return changeDoc{}, err
	}
	return decodeRow[changeDoc](page.Rows[0])
}

// AsOf is one resource as it was. Who may see it is decided by what it is today.
func (s *Service) AsOf(ctx context.Context, c Caller, kind, id string, at time.Time) (*Resource, error) {
	if err := s.withinHorizon(ctx, c.Tenant, at); err != nil {
		return nil, err
	}
	if _, _, _, err := s.current(ctx, s.opt.Store, c, kind, id); err != nil {
		return nil, err
	}
	ch, err := s.lastRevision(ctx, c.Tenant, id, at)
	if err != nil {
		return nil, fmt.Errorf("read %s as of %s: %w", id, at, err)
	}
	if ch.Version == 0 || ch.Kind != kind {
		return nil, fmt.Errorf("%s %s as of %s: %w", kind, id, at.Format(time.RFC3339), ErrNotFound)
	}
	k, err := s.kind(ctx, c.Tenant, kind)
	if err != nil {
		return nil, err
	}
	out := ch.Revision.view(c, id, ch.Version)
	out.reduce(c, k.Kind)
	out.Provenance = provenanceFor(c, &ch.Revision, k.Kind)
	return &out, nil
}

// shown is the condition that lists put on states: what was merged away is never listed, what is gone only when the
// filter speaks of states.
func shown(stateNamed bool) filter.Expr {
	hidden := []string{string(Merged)}
	if !stateNamed {
		hidden = append(hidden, string(Gone))
	}
	return filter.Not{Of: in(text("state"), hidden)}
}

// List is a page of a kind's resources.
func (s *Service) List(ctx context.Context, c Caller, q ListQuery) (*ResourceList, error) {
	if !q.AsOf.IsZero() {
		return s.listPast(ctx, c, q)
	}
	sq, k, err := s.listed(ctx, c, q)
	if err != nil {
		return nil, err
	}
	page, err := s.opt.Store.Find(ctx, sq)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", q.Kind, err)
	}
	out := &ResourceList{Next: page.Next}
	var revs []*revision
	for _, row := range page.Rows {
		doc, err := decodeRow[resourceDoc](row)
		if err != nil {
			return nil, err
		}
		revs = append(revs, &doc.revision)
		out.Items = append(out.Items, doc.view(c, row.ID, row.Version))
		out.Items[len(out.Items)-1].reduce(c, k.Kind)
	}
	if err := s.fillLastSeen(ctx, c, revs, out.Items); err != nil {
		return nil, err
	}
	out.Total, out.More, err = s.countPage(ctx, sq, page, q.CountExact)
	return out, err
}

// fillLastSeen reads the observations of a page at once, and the scopes of each connection once.
func (s *Service) fillLastSeen(ctx context.Context, c Caller, revs []*revision, items []Resource) error {
	var ids []string
	for _, rev := range revs {
		for _, src := range rev.Sources {
			ids = append(ids, src.Observation)
		}
	}
	rows, err := getChunks(ctx, s.opt.Store, tObservations, c.Tenant, "", ids)
	if err != nil {
		return err
	}
	sets := map[string]*scopeSet{}
	for i, rev := range revs {
		for _, src := range rev.Sources {
			row, ok := rows[src.Observation]
			if !ok {
				continue
			}
			doc, err := decodeRow[obsDoc](row)
			if err != nil {
				return err
			}
			if sets[doc.Connection] == nil {
				if sets[doc.Connection], err = loadScopes(ctx, s.opt.Store, c.Tenant, doc.Connection); err != nil {
					return err
				}
			}
			if seen := doc.lastSeen(sets[doc.Connection]); seen.After(items[i].LastSeen) {
				items[i].LastSeen = seen
			}
		}
	}
	return nil
}

// ErrTooBroad says that a question goes through too much to be answered.
var ErrTooBroad = fmt.Errorf("filter too broad")

// Heads is a page of resources across kinds; q.Kind is ignored, the fields are those of HeadFields.
func (s *Service) Heads(ctx context.Context, c Caller, q ListQuery) (*HeadList, error) {
	if !q.AsOf.IsZero() {
		return s.headsPast(ctx, c, q)
	}
	where := filter.And{c.may(), shown(q.StateNamed)}
	if q.Where != nil {
		where = append(where, q.Where)
	}
	sq := store.Query{Table: tHeads, Tenant: c.Tenant, Where: where, Order: q.Order, After: q.After, Limit: q.Limit}
	page, err := s.opt.Store.Find(ctx, sq)
	if err != nil {
		return nil, fmt.Errorf("list resources: %w", err)
	}
	out := &HeadList{Next: page.Next}
	for _, row := range page.Rows {
		doc, err := decodeRow[headDoc](row)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, doc.view(row))
	}
	out.Total, out.More, err = s.countPage(ctx, sq, page, q.CountExact)
	return out, err
}

func (d headDoc) view(row store.Row) Head {
	return Head{ID: row.ID, Kind: d.Kind, Name: d.Name, State: d.State, Datacenter: d.Datacenter, Version: row.Version, UpdatedAt: d.UpdatedAt.Time}
}

// heads reads heads by id, following merges, as far as the caller may see them.
func (s *Service) heads(ctx context.Context, c Caller, ids []string) (map[string]Head, error) {
	out := map[string]Head{}
	ask := map[string][]string{} // id to read -> ids asked for
	for _, id := range ids {
		ask[id] = append(ask[id], id)
	}
	for depth := 0; len(ask) > 0 && depth < 20; depth++ {
		var keys []string
		for id := range ask {
			keys = append(keys, id)
		}
		rows, err := getChunks(ctx, s.opt.Store, tHeads, c.Tenant, "", unique(keys))
		if err != nil {
			return nil, err
		}
		next := map[string][]string{}
		for id, row := range rows {
			doc, err := decodeRow[headDoc](row)
			if err != nil {
				return nil, err
			}
			if doc.State == Merged && doc.RedirectTo != "" {
				next[doc.RedirectTo] = append(next[doc.RedirectTo], ask[id]...)
				continue
			}
			if !c.mayRoots(doc.AccessRoots) {
				continue
			}
			for _, asked := range ask[id] {
				out[asked] = doc.view(row)
			}
		}
		ask = next
	}
	return out, nil
}

// History is a page of one resource's changes, newest first.
func (s *Service) History(ctx context.Context, c Caller, kind, id, after string, limit int) (*ChangeList, error) {
	if _, _, _, err := s.current(ctx, s.opt.Store, c, kind, id); err != nil {
		return nil, err
	}
	return s.changes(ctx, c, store.Query{Where: eq(text("resource_id"), id), After: after, Limit: limit,
		Order: []store.Order{{Field: number("version"), Desc: true}}})
}

// Changes is a page of changes, newest first.
func (s *Service) Changes(ctx context.Context, c Caller, q ChangeQuery) (*ChangeList, error) {
	where := filter.And{c.may()}
	for _, f := range []struct{ field, value string }{{"kind", q.Kind}, {"resource_id", q.ResourceID}, {"run_id", q.RunID},
		{"connection", q.Connection}, {"action", q.Action}} {
		if f.value != "" {
			where = append(where, eq(text(f.field), f.value))
		}
	}
	if !q.Since.IsZero() {
		where = append(where, filter.Compare{Field: when("at"), Op: filter.Ge, Value: q.Since.UTC().Format(store.TimeLayout)})
	}
	if !q.Until.IsZero() {
		where = append(where, filter.Compare{Field: when("at"), Op: filter.Le, Value: q.Until.UTC().Format(store.TimeLayout)})
	}
	sq := store.Query{Where: where, After: q.After, Limit: q.Limit, Order: []store.Order{{Field: when("at"), Desc: true}}}
	if c.TenantWide {
		return s.changes(ctx, c, sq)
	}
	return s.changesOfToday(ctx, c, sq)
}

func (s *Service) changes(ctx context.Context, c Caller, q store.Query) (*ChangeList, error) {
	q.Table, q.Tenant, q.Where = tChanges, c.Tenant, notQuiet(q.Where)
	page, err := s.opt.Store.Find(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list changes: %w", err)
	}
	out := &ChangeList{Next: page.Next}
	for _, row := range page.Rows {
		d, err := decodeRow[changeDoc](row)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, Change{ID: row.ID, ResourceID: d.ResourceID, Kind: d.Kind, Name: d.Name, Version: d.Version,
			Action: d.Action, At: d.At.Time, ObservedAt: d.ObservedAt.Time, Actor: d.Actor, RunID: d.RunID, Connection: c.name(d.Connection),
			AuditID: d.AuditID, Reason: d.Reason, Diff: c.withoutEnds(d.Diff), PrevHash: d.PrevHash, Hash: d.Hash})
	}
	out.Total, out.More, err = s.countUpTo(ctx, q, false)
	return out, err
}
