package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/rest"
)

// An agent may have a plugin in several versions. Which are there, and which may run, its operator decides (files and manifest); which
// of these runs, the tenant: by a pin for a group of agents, or for all that are in no group with a pin of its own. A version that an agent
// does not have is never asked of it: it goes on with the one before, and the list says that it lacks the other.

const tPins = "plugin_pins"

const (
	maxGroup = 100
	// maxLabels bounds what is remembered of descriptions.
	maxLabels = 10_000
)

// pinDoc is which version of a plugin a group runs. Its row stays when nothing is pinned any more, for the version before.
type pinDoc struct {
	Group    string `json:"group"`
	Provider string `json:"provider"`
	// Version is empty where each agent uses the one that it prefers.
	Version  string `json:"version,omitempty"`
	Previous string `json:"previous,omitempty"`
	// Kept says that Previous is something to go back to, be it none.
	Kept  bool       `json:"kept,omitempty"`
	SetAt store.Time `json:"set_at"`
	SetBy string     `json:"set_by"`
	// Rollout is the latest one. rollout.go.
	Rollout *rolloutDoc `json:"rollout,omitempty"`
}

func pinID(tenant, group, provider string) string { return store.Key(tenant, group, provider) }

// label is what a description says of itself; it is the same forever, since descriptions go by their digest.
type label struct{ provider, version string }

func (s *Service) label(ctx context.Context, tenant, digest string) (label, error) {
	key := store.Key(tenant, digest)
	s.mu.Lock()
	l, ok := s.labels[key]
	s.mu.Unlock()
	if ok {
		return l, nil
	}
	d, err := s.description(ctx, tenant, digest)
	if errors.Is(err, store.ErrNotFound) {
		return label{}, nil // it has been asked for
	}
	if err != nil {
		return label{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.labels) >= maxLabels {
		clear(s.labels)
	}
	s.labels[key] = label{d.Provider, d.Version}
	return s.labels[key], nil
}

// atHandOf are the versions of a provider's plugin that an agent has, the one that it prefers first, with their descriptions.
func (s *Service) atHandOf(ctx context.Context, tenant string, d agentDoc, provider string) (versions, digests []string, err error) {
	for _, p := range d.Plugins {
		l, err := s.label(ctx, tenant, p.Digest)
		if err != nil {
			return nil, nil, err
		}
		if l.provider == provider && !slices.Contains(versions, l.version) {
			versions, digests = append(versions, l.version), append(digests, p.Digest)
		}
	}
	return versions, digests, nil
}

// pins are a tenant's, by group and provider.
type pins map[[2]string]pinDoc

func (s *Service) pins(ctx context.Context, tenant string) (pins, error) {
	list, err := all[pinDoc](ctx, s.opt.Store, tPins, tenant, nil)
	out := make(pins, len(list))
	for _, o := range list {
		out[[2]string{o.doc.Group, o.doc.Provider}] = o.doc
	}
	return out, err
}

// wanted are the versions that an agent is to run of a plugin, the first that it has.
func (p pins) wanted(agent, group, provider string) []string {
	pin, ok := p[[2]string{group, provider}]
	if !ok && group != "" {
		pin = p[[2]string{"", provider}]
	}
	var out []string
	if r := pin.Rollout; r != nil && r.open() && slices.Contains(r.Canaries, agent) {
		out = append(out, r.Version)
	}
	for _, v := range []string{pin.Version, pin.Previous} {
		if v != "" && pin.Version != "" {
			out = append(out, v)
		}
	}
	return out
}

// runs answers which version an agent runs: "" is the one that it prefers. lacks is the one that it should run and does not have.
func (p pins) runs(agent string, d agentDoc, provider string, have []string) (version, lacks string) {
	wanted := p.wanted(agent, d.Group, provider)
	if len(wanted) == 0 {
		return "", ""
	}
	if d.Capability < protocol.CapabilityVersions {
		return "", wanted[0] // it would not listen
	}
	for _, v := range wanted {
		if slices.Contains(have, v) {
			if v != wanted[0] {
				lacks = wanted[0]
			}
			return v, lacks
		}
	}
	return "", wanted[0]
}

// withVersions says with assignments which version of their plugins the agent is to run.
func (s *Service) withVersions(ctx context.Context, k Known, list []Assignment) error {
	if len(list) == 0 {
		return nil
	}
	p, err := s.pins(ctx, k.Tenant)
	if err != nil || len(p) == 0 {
		return err
	}
	agent, err := load[agentDoc](ctx, s.opt.Store, tAgents, k.Tenant, k.ID)
	if err != nil {
		return err
	}
	for i := range list {
		have, _, err := s.atHandOf(ctx, k.Tenant, agent.doc, list[i].Provider)
		if err != nil {
			return err
		}
		list[i].PluginVersion, _ = p.runs(k.ID, agent.doc, list[i].Provider, have)
	}
	return nil
}

// digestFor is the description of the plugin that an agent runs for a provider; empty when it has none.
func (s *Service) digestFor(ctx context.Context, tenant string, p pins, agent string, d agentDoc, provider string) (string, error) {
	have, digests, err := s.atHandOf(ctx, tenant, d, provider)
	if err != nil || len(have) == 0 {
		return "", err
	}
	version, _ := p.runs(agent, d, provider, have)
	return digests[max(0, slices.Index(have, version))], nil
}

// GroupAgent puts an agent into a group; empty takes it out.
func (s *Service) GroupAgent(ctx context.Context, c inventory.Caller, id, group string) (rest.Agent, error) {
	group = strings.TrimSpace(group)
	if len(group) > maxGroup || strings.ContainsFunc(group, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return rest.Agent{}, &inventory.InvalidError{Pointer: "/group", Problem: fmt.Sprintf("want at most %d letters and no line breaks", maxGroup)}
	}
	var before string
	o, err := change(ctx, s, tAgents, c.Tenant, id, func(o *object[agentDoc]) error {
		before = o.doc.Group
		if before == group {
			return errSame
		}
		o.doc.Group = group
		return nil
	})
	if err != nil {
		return rest.Agent{}, err
	}
	if before != group {
		if err := s.audit(ctx, c, "agent.group", audit.Ref{ID: id, Name: o.doc.Name, Kind: "agent"}, "", map[string]any{"group": group, "before": before}); err != nil {
			return rest.Agent{}, err
		}
	}
	s.signal(id)
	return s.agentView(ctx, o)
}

// members are the agents that a pin of a group is for: those of the group, or, for all, those whose group has no pin of its own.
func members(agents []object[agentDoc], p pins, group, provider string) []object[agentDoc] {
	return slices.DeleteFunc(slices.Clone(agents), func(a object[agentDoc]) bool {
		own := a.doc.Group
		if _, ok := p[[2]string{own, provider}]; !ok {
			own = ""
		}
		return !a.doc.RevokedAt.IsZero() || a.doc.Group != group && own != group
	})
}

// fleetVersions is what there is to decide about versions.
type fleetVersions struct {
	agents []object[agentDoc]
	pins   pins
}

func (s *Service) fleetVersions(ctx context.Context, tenant string) (fleetVersions, error) {
	agents, err := all[agentDoc](ctx, s.opt.Store, tAgents, tenant, nil)
	if err != nil {
		return fleetVersions{}, err
	}
	p, err := s.pins(ctx, tenant)
	return fleetVersions{agents, p}, err
}

// PluginVersions say of each provider and group which versions its agents have, which is pinned and which they run.
func (s *Service) PluginVersions(ctx context.Context, c inventory.Caller) ([]rest.PluginVersions, error) {
	out := []rest.PluginVersions{}
	if !c.TenantWide {
		return out, nil
	}
	f, err := s.fleetVersions(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	rows := map[[2]string]bool{}
	for key := range f.pins {
		rows[key] = true
	}
	for _, a := range f.agents {
		if names[a.id] = a.doc.Name; !a.doc.RevokedAt.IsZero() {
			continue
		}
		for _, p := range a.doc.Plugins {
			l, err := s.label(ctx, c.Tenant, p.Digest)
			if err != nil {
				return nil, err
			}
			if l.provider != "" {
				rows[[2]string{a.doc.Group, l.provider}] = true
			}
		}
	}
	for key := range rows {
		view, err := s.versionsView(ctx, c.Tenant, f, key[0], key[1], names)
		if err != nil {
			return nil, err
		}
		out = append(out, view)
	}
	slices.SortFunc(out, func(x, y rest.PluginVersions) int {
		if n := strings.Compare(x.Provider, y.Provider); n != 0 {
			return n
		}
		return strings.Compare(x.Group, y.Group)
	})
	return out, nil
}

func (s *Service) versionsView(ctx context.Context, tenant string, f fleetVersions, group, provider string, names map[string]string) (rest.PluginVersions, error) {
	pin := f.pins[[2]string{group, provider}]
	out := rest.PluginVersions{ID: provider + "@" + group, Provider: provider, Group: group, Pinned: pin.Version, Previous: pin.Previous, SetAt: pin.SetAt.Time, SetBy: pin.SetBy,
		Versions: []rest.PluginVersion{}, Rollout: pin.Rollout.view(names)}
	at := map[string]int{}
	of := func(version string) *rest.PluginVersion {
		i, ok := at[version]
		if !ok {
			i, at[version] = len(out.Versions), len(out.Versions)
			out.Versions = append(out.Versions, rest.PluginVersion{Version: version, Agents: []rest.Ref{}, Running: []rest.Ref{}})
		}
		return &out.Versions[i]
	}
	for _, a := range f.agents {
		if a.doc.Group != group || !a.doc.RevokedAt.IsZero() {
			continue
		}
		have, _, err := s.atHandOf(ctx, tenant, a.doc, provider)
		if err != nil {
			return out, err
		}
		if len(have) == 0 {
			continue
		}
		ref := rest.Ref{ID: a.id, Name: a.doc.Name}
		out.Agents++
		runs, lacks := f.pins.runs(a.id, a.doc, provider, have)
		for _, v := range have {
			x := of(v)
			x.Agents = append(x.Agents, ref)
		}
		if runs == "" {
			runs = have[0]
		}
		x := of(runs)
		x.Running = append(x.Running, ref)
		if lacks != "" {
			why := "has no file of " + lacks
			if a.doc.Capability < protocol.CapabilityVersions {
				why = "is too old to be told which version to run"
			}
			out.Lacking = append(out.Lacking, rest.PluginLack{Agent: ref, Version: lacks, Reason: why})
		}
	}
	slices.SortFunc(out.Versions, func(x, y rest.PluginVersion) int { return strings.Compare(x.Version, y.Version) })
	return out, nil
}

// Pin has a group of agents run one version of a plugin from their next runs on; an empty version leaves it to each agent. What goes
// on ends with the version that it began with. A rollout that goes on has to be ended first.
func (s *Service) Pin(ctx context.Context, c inventory.Caller, w rest.PluginPin) (rest.PluginVersions, error) {
	f, err := s.fleetVersions(ctx, c.Tenant)
	if err != nil {
		return rest.PluginVersions{}, err
	}
	if w.Version != "" {
		if _, err := s.whoHas(ctx, c.Tenant, f, w.Group, w.Provider, w.Version); err != nil {
			return rest.PluginVersions{}, err
		}
	}
	action := "plugin.pin"
	if w.Version == "" {
		action = "plugin.unpin"
	}
	return s.repin(ctx, c, w.Group, w.Provider, action, w.Reason, func(d *pinDoc) error {
		switch {
		case d.Rollout != nil && d.Rollout.open():
			return &inventory.ConflictError{ResourceID: w.Provider, Problem: fmt.Sprintf("%s is being rolled out there; roll it back or let it end first", d.Rollout.Version)}
		case d.Version == w.Version:
			return errSame
		}
		d.Previous, d.Version, d.Kept = d.Version, w.Version, true
		return nil
	})
}

// whoHas are the members of a group that have a version; there must be one.
func (s *Service) whoHas(ctx context.Context, tenant string, f fleetVersions, group, provider, version string) ([]object[agentDoc], error) {
	var out []object[agentDoc]
	var seen []string
	for _, a := range members(f.agents, f.pins, group, provider) {
		have, _, err := s.atHandOf(ctx, tenant, a.doc, provider)
		if err != nil {
			return nil, err
		}
		for _, v := range have {
			if !slices.Contains(seen, v) {
				seen = append(seen, v)
			}
		}
		if slices.Contains(have, version) {
			out = append(out, a)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	problem := fmt.Sprintf("no agent of %s has the plugin %s", groupWord(group), provider)
	if len(seen) > 0 {
		slices.Sort(seen)
		problem = fmt.Sprintf("no agent of %s has %s %s; there is %s. Put the file into the agents' plugin folder first", groupWord(group), provider, version, strings.Join(seen, ", "))
	}
	return nil, &inventory.InvalidError{Pointer: "/version", Problem: problem}
}

func groupWord(group string) string {
	if group == "" {
		return "those without a pin of their group"
	}
	return fmt.Sprintf("the group %q", group)
}

func pinRef(group, provider string) audit.Ref {
	name := provider + ", all agents"
	if group != "" {
		name = provider + ", group " + group
	}
	return audit.Ref{ID: provider + "@" + group, Name: name, Kind: "plugin"}
}

// repin changes a pin, audits it and tells the agents.
func (s *Service) repin(ctx context.Context, c inventory.Caller, group, provider, action, reason string, edit func(*pinDoc) error) (rest.PluginVersions, error) {
	id := pinID(c.Tenant, group, provider)
	err := insert(ctx, s.opt.Store, tPins, object[pinDoc]{id: id, tenant: c.Tenant, doc: pinDoc{Group: group, Provider: provider, SetAt: store.At(s.now()), SetBy: c.Name}})
	if err != nil && !errors.Is(err, errRaced) {
		return rest.PluginVersions{}, err
	}
	changed := false
	o, err := change(ctx, s, tPins, c.Tenant, id, func(o *object[pinDoc]) error {
		changed = false
		if err := edit(&o.doc); err != nil {
			return err
		}
		o.doc.SetAt, o.doc.SetBy, changed = store.At(s.now()), c.Name, true
		return nil
	})
	if err != nil {
		return rest.PluginVersions{}, err
	}
	if changed {
		detail := map[string]any{"version": o.doc.Version, "previous": o.doc.Previous}
		if r := o.doc.Rollout; r != nil {
			detail["rollout"], detail["rollout_state"] = r.Version, r.State
		}
		if err := s.audit(ctx, c, action, pinRef(group, provider), reason, detail); err != nil {
			return rest.PluginVersions{}, err
		}
	}
	f, err := s.fleetVersions(ctx, c.Tenant)
	if err != nil {
		return rest.PluginVersions{}, err
	}
	names := map[string]string{}
	for _, a := range f.agents {
		names[a.id] = a.doc.Name
		s.signal(a.id)
	}
	return s.versionsView(ctx, c.Tenant, f, group, provider, names)
}
