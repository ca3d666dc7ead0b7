package api

import (
	"bytes"
	"encoding/json"
	"fmt"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/schema"
)

func kindDocument(k *inventory.KindInfo) rest.KindInfo {
	doc := rest.KindInfo{Kind: *k.Kind, Approval: k.Approval, BuiltIn: k.BuiltIn, CommonFields: schema.CommonFields(), FilterFields: []rest.FilterField{}}
	if doc.Fields == nil {
		doc.Fields = []schema.Field{}
	}
	for _, x := range k.Extensions {
		doc.Extensions = append(doc.Extensions, rest.KindExtension{Provider: x.Provider, PluginVersion: x.Plugin, Approval: x.Approval})
	}
	for _, f := range k.Custom {
		doc.CustomFields = append(doc.CustomFields, rest.CustomField(f))
	}
	fields := inventory.FieldsOf(k.Kind)
	for _, name := range fields.Names() {
		f, ok := fields.Field(name)
		if !ok {
			continue
		}
		doc.FilterFields = append(doc.FilterFields, rest.FilterField{Name: name, Type: string(f.Type), Enum: fields.Enum(name),
			Sort: filter.CheckOrder(f) == nil})
	}
	return doc
}

func resourceDocument(r *inventory.Resource, n *names) (rest.Resource, error) {
	doc := rest.Resource{
		ID: r.ID, Kind: r.Kind, Major: r.Major, Version: r.Version, State: string(r.State), StateSince: r.StateSince,
		StateReason: r.StateReason, RedirectTo: r.RedirectTo, Name: r.Name, Region: r.Region, Zone: r.Zone,
		Datacenter: n.datacenter(r.Datacenter), Tags: r.Tags, Labels: r.Labels, Identifiers: r.Identifiers, ConsoleURL: r.ConsoleURL,
		Stale: r.Stale, Withheld: r.Withheld, Conflicts: r.Conflicts, Warnings: r.Warnings, Origin: r.Origin,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, LastSeen: r.LastSeen,
	}
	var err error
	if doc.Attributes, err = object(r.Attributes); err != nil {
		return doc, fmt.Errorf("read attributes of %s: %w", r.ID, err)
	}
	if len(r.Volatile) > 0 {
		if doc.Volatile, err = object(r.Volatile); err != nil {
			return doc, fmt.Errorf("read volatile values of %s: %w", r.ID, err)
		}
	}
	if len(r.Common) > 0 {
		if err := json.Unmarshal(r.Common, &doc.Common); err != nil {
			return doc, fmt.Errorf("read common block of %s: %w", r.ID, err)
		}
	}
	return doc, nil
}

// object reads a JSON object, numbers as they are written.
func object(raw json.RawMessage) (map[string]any, error) {
	m := map[string]any{}
	if len(raw) == 0 {
		return m, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	if m == nil {
		m = map[string]any{}
	}
	return m, nil
}

func value(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	return raw
}

func headDocument(h *inventory.Head, n *names) rest.ResourceHead {
	return rest.ResourceHead{ID: h.ID, Kind: h.Kind, Version: h.Version, State: string(h.State), Name: h.Name,
		Datacenter: n.datacenter(h.Datacenter), UpdatedAt: h.UpdatedAt}
}

func provenanceDocument(list []inventory.Provenance, n *names) map[string]rest.Source {
	if len(list) == 0 {
		return nil
	}
	doc := make(map[string]rest.Source, len(list))
	for _, p := range list {
		src := rest.Source{Type: "discovered", Connection: n.connection(p.Connection), At: p.At, Stale: p.Stale}
		if p.Curated {
			src.Type, src.Actor, src.Discovered = "curated", p.Actor, value(p.Discovered)
		} else if src.Connection == nil {
			src.Actor = p.Actor // a rule, or reference data
		}
		doc[p.Pointer] = src
	}
	return doc
}

func observationDocument(o *inventory.ObservationView, n *names) rest.Observation {
	env := o.Envelope
	if len(env) == 0 {
		env = json.RawMessage("{}")
	}
	doc := rest.Observation{Connection: n.connection(o.Connection), ExternalID: o.ExternalID, Partition: o.Partition, State: o.State,
		StateSince: o.StateSince, StateReason: o.StateReason, Match: o.Match, Hash: o.Hash, ObservedAt: o.ObservedAt,
		LastSeen: o.LastSeen, RunID: o.RunID, Warnings: o.Warnings, Envelope: env}
	if m := o.Matched; m != nil {
		doc.MatchedOn = &rest.MatchedOn{Identifier: m.Identifier, Rank: m.Rank, Conflicts: m.Conflicts}
	}
	return doc
}

func changeDocument(c *inventory.Change, n *names) rest.Change {
	doc := rest.Change{ID: c.ID, ResourceID: c.ResourceID, Kind: c.Kind, Name: c.Name, Version: c.Version, Action: c.Action, At: c.At,
		ObservedAt: c.ObservedAt, Actor: c.Actor, RunID: c.RunID, Connection: n.connection(c.Connection), AuditID: c.AuditID,
		Reason: c.Reason, PrevHash: c.PrevHash, Hash: c.Hash}
	for _, d := range c.Diff {
		doc.Diff = append(doc.Diff, n.called(fieldChange(d)))
	}
	return doc
}

func runDocument(r *inventory.RunInfo, n *names) rest.Run {
	return rest.Run{ID: r.ID, Connection: n.connectionOr(r.Connection, r.ConnectionRef), Agent: n.agent(r.Agent), Provider: r.Provider,
		State: r.State, Trigger: r.Trigger, Kinds: r.Kinds, QueuedAt: r.QueuedAt, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt,
		ScopesTotal: r.ScopesTotal, ScopesDone: r.ScopesDone, Listed: r.Listed, Phase: r.Phase,
		Created: r.Created, Updated: r.Updated, Gone: r.Gone, Returned: r.Returned, Held: r.Held, Rejected: r.Rejected,
		Unchanged: r.Unchanged, PlanComplete: r.PlanComplete, Statuses: r.Statuses, Error: r.Error, Warnings: r.Warnings,
		Log: r.Log, PluginVersion: r.PluginVersion}
}

func runScopeDocument(r *inventory.RunScope) rest.RunScope {
	doc := rest.RunScope{Kind: r.Scope.Kind, Partition: r.Scope.Partition, Outcome: r.Outcome, Changed: r.Changed, Verdict: r.Verdict}
	if doc.Outcome.Status == "" {
		doc.Outcome.Status = "not_tried"
	}
	if r.Reason != "" && doc.Outcome.Error == "" {
		doc.Outcome.Error = r.Reason
	}
	for _, x := range r.Rejected {
		doc.Rejected = append(doc.Rejected, rest.Rejection{ExternalID: x.Key, Reason: x.Reason})
	}
	return doc
}

func removalDocument(h *inventory.HeldRemoval, n *names) rest.HeldRemoval {
	doc := rest.HeldRemoval{ID: h.ID, Connection: n.connectionOr(h.Connection, ""), Kind: h.Kind, Partition: h.Partition, RunID: h.RunID,
		HeldAt: h.HeldAt, State: h.State, Count: h.Count, ScopeSize: h.ScopeSize, DecidedBy: h.DecidedBy, DecidedAt: h.DecidedAt, Reason: h.Reason}
	for _, i := range h.Items {
		doc.Items = append(doc.Items, rest.Ref{ID: i.ID, Name: i.Name, Kind: i.Kind})
	}
	return doc
}

func reviewDocument(r *inventory.ReviewItem, n *names) rest.ReviewItem {
	doc := rest.ReviewItem{ID: r.ID, Kind: r.Kind, Type: r.Type, State: r.State, Detail: r.Detail, Connection: n.connection(r.Connection),
		ExternalID: r.ExternalID, At: r.At, DecidedBy: r.DecidedBy, DecidedAt: r.DecidedAt, Reason: r.Reason}
	if r.Identifier.Type != "" {
		doc.Identifier = &r.Identifier
	}
	for i := range r.Resources {
		if i == 0 || r.Resources[i].ID != r.Resources[0].ID {
			doc.Resources = append(doc.Resources, headDocument(&r.Resources[i], n))
		}
	}
	return doc
}

func coverageDocument(c *inventory.Coverage, n *names) rest.Coverage {
	doc := rest.Coverage{AsOf: c.AsOf, Scopes: c.Scopes, Complete: c.Complete, Unwatched: c.Unwatched, Held: c.Held}
	for _, e := range c.Exceptions {
		doc.Exceptions = append(doc.Exceptions, rest.CoverageException{Connection: n.connectionOr(e.Connection, ""), Kind: e.Scope.Kind,
			Partition: e.Scope.Partition, Status: e.Status, Error: e.Error, Advice: e.Advice, RunID: e.RunID, LastComplete: e.LastComplete})
	}
	return doc
}
