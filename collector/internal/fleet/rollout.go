package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

// A rollout gives a version of a plugin to some agents of a group first, the canaries. When each of them has ended so many runs with it well,
// the group is pinned to it. It ends by itself, and the canaries go back, when a run with it fails for the plugin's own sake, when a removal
// of one is held, or when a kind that was there is read as empty. What the provider refuses or cannot do says nothing about the plugin.

const (
	rolloutCanary = "canary"
	rolloutPaused = "paused"
	rolloutDone   = "done"
	rolloutBack   = "rolled_back"

	defaultRuns = 3
	maxRuns     = 1000
	// mostRuns is how many runs of a canary are looked at.
	mostRuns = 500
)

type rolloutDoc struct {
	Version  string   `json:"version"`
	State    string   `json:"state"`
	Canaries []string `json:"canaries"`
	// Runs that each canary has to end well.
	Runs      int        `json:"runs"`
	Good      int        `json:"good"` // of the canary that is behind
	StartedAt store.Time `json:"started_at"`
	StartedBy string     `json:"started_by"`
	EndedAt   store.Time `json:"ended_at,omitzero"`
	Reason    string     `json:"reason,omitempty"`
	RunID     string     `json:"run_id,omitempty"` // that ended it
	// Untold says that it ended by itself and the audit trail does not have it yet.
	Untold bool `json:"untold,omitempty"`
}

// open says whether canaries run the new version.
func (r *rolloutDoc) open() bool { return r.State == rolloutCanary || r.State == rolloutPaused }

func (r *rolloutDoc) view(names map[string]string) *rest.PluginRollout {
	if r == nil {
		return nil
	}
	out := &rest.PluginRollout{Version: r.Version, State: r.State, Canaries: []rest.Ref{}, Runs: r.Runs, Good: r.Good, StartedAt: r.StartedAt.Time, StartedBy: r.StartedBy,
		EndedAt: r.EndedAt.Time, Reason: r.Reason, RunID: r.RunID}
	for _, id := range r.Canaries {
		out.Canaries = append(out.Canaries, rest.Ref{ID: id, Name: names[id]})
	}
	return out
}

// Rollout begins one.
func (s *Service) Rollout(ctx context.Context, c inventory.Caller, w rest.PluginRolloutWrite) (rest.PluginVersions, error) {
	f, err := s.fleetVersions(ctx, c.Tenant)
	if err != nil {
		return rest.PluginVersions{}, err
	}
	have, err := s.whoHas(ctx, c.Tenant, f, w.Group, w.Provider, w.Version)
	if err != nil {
		return rest.PluginVersions{}, err
	}
	if everywhere, err := s.runsEverywhere(ctx, c.Tenant, f, w.Group, w.Provider, w.Version); err != nil {
		return rest.PluginVersions{}, err
	} else if everywhere {
		return rest.PluginVersions{}, &inventory.ConflictError{ResourceID: w.Provider, Problem: fmt.Sprintf("every agent of %s runs %s %s already; pin it to keep it", groupWord(w.Group), w.Provider, w.Version)}
	}
	canaries, err := s.canaries(ctx, c.Tenant, have, w)
	if err != nil {
		return rest.PluginVersions{}, err
	}
	next := &rolloutDoc{Version: w.Version, State: rolloutCanary, Canaries: canaries, Runs: w.Runs, StartedAt: store.At(s.now()), StartedBy: c.Name}
	if next.Runs == 0 {
		next.Runs = defaultRuns
	}
	if next.Runs < 0 || next.Runs > maxRuns {
		return rest.PluginVersions{}, &inventory.InvalidError{Pointer: "/runs", Problem: fmt.Sprintf("want 1 to %d", maxRuns)}
	}
	return s.repin(ctx, c, w.Group, w.Provider, "plugin.rollout", w.Reason, func(d *pinDoc) error {
		switch {
		case d.Rollout != nil && d.Rollout.open():
			return &inventory.ConflictError{ResourceID: w.Provider, Problem: fmt.Sprintf("%s is being rolled out there already; roll it back or let it end first", d.Rollout.Version)}
		case d.Version == w.Version:
			return &inventory.ConflictError{ResourceID: w.Provider, Problem: fmt.Sprintf("it is pinned to %s already", w.Version)}
		}
		d.Rollout = next
		return nil
	})
}

// runsEverywhere says that there is nobody left to roll a version out to.
func (s *Service) runsEverywhere(ctx context.Context, tenant string, f fleetVersions, group, provider, version string) (bool, error) {
	for _, a := range members(f.agents, f.pins, group, provider) {
		have, _, err := s.atHandOf(ctx, tenant, a.doc, provider)
		if err != nil {
			return false, err
		}
		runs, _ := f.pins.runs(a.id, a.doc, provider, have)
		if runs == "" && len(have) > 0 {
			runs = have[0]
		}
		if len(have) > 0 && runs != version {
			return false, nil
		}
	}
	return true, nil
}

// canaries are those that were named, or a share of those that have the version and connections to run with it.
func (s *Service) canaries(ctx context.Context, tenant string, have []object[agentDoc], w rest.PluginRolloutWrite) ([]string, error) {
	conns, err := s.live(ctx, tenant, eq(text("provider"), w.Provider))
	if err != nil {
		return nil, err
	}
	able := slices.DeleteFunc(slices.Clone(have), func(a object[agentDoc]) bool {
		return !slices.ContainsFunc(conns, func(o object[connectionDoc]) bool { return o.doc.Agent == a.id && !o.doc.Paused })
	})
	if len(w.Canaries) > 0 {
		for _, id := range w.Canaries {
			if !slices.ContainsFunc(able, func(a object[agentDoc]) bool { return a.id == id }) {
				return nil, &inventory.InvalidError{Pointer: "/canaries", Problem: fmt.Sprintf("the agent %s is not of %s, does not have %s %s, or runs no connection with it: nothing would show whether it works", id, groupWord(w.Group), w.Provider, w.Version)}
			}
		}
		return slices.Compact(slices.Sorted(slices.Values(w.Canaries))), nil
	}
	if len(able) == 0 {
		return nil, &inventory.InvalidError{Pointer: "/version", Problem: fmt.Sprintf("no agent that has %s %s runs a connection with it: nothing would show whether it works; pin it instead", w.Provider, w.Version)}
	}
	share := w.SharePercent
	if share == 0 {
		share = 10
	}
	if share < 1 || share > 100 {
		return nil, &inventory.InvalidError{Pointer: "/share_percent", Problem: "want 1 to 100"}
	}
	n := max(1, len(able)*share/100)
	var out []string
	for _, a := range able[:n] {
		out = append(out, a.id)
	}
	return out, nil
}

// PauseRollout keeps the canaries at the new version and the others at theirs, whatever happens; ResumeRollout goes on.
func (s *Service) PauseRollout(ctx context.Context, c inventory.Caller, w rest.PluginDecision) (rest.PluginVersions, error) {
	return s.steer(ctx, c, w, "plugin.rollout_pause", rolloutCanary, rolloutPaused)
}

// ResumeRollout goes on with a rollout that was paused; what its canaries did meanwhile counts.
func (s *Service) ResumeRollout(ctx context.Context, c inventory.Caller, w rest.PluginDecision) (rest.PluginVersions, error) {
	return s.steer(ctx, c, w, "plugin.rollout_resume", rolloutPaused, rolloutCanary)
}

func (s *Service) steer(ctx context.Context, c inventory.Caller, w rest.PluginDecision, action, from, to string) (rest.PluginVersions, error) {
	return s.repin(ctx, c, w.Group, w.Provider, action, w.Reason, func(d *pinDoc) error {
		if d.Rollout == nil || d.Rollout.State != from {
			return &inventory.ConflictError{ResourceID: w.Provider, Problem: "there is no rollout in this state; look again"}
		}
		next := *d.Rollout
		next.State = to
		d.Rollout = &next
		return nil
	})
}

// Rollback takes a rollout back, or, without one, pins the version that was pinned before.
func (s *Service) Rollback(ctx context.Context, c inventory.Caller, w rest.PluginDecision) (rest.PluginVersions, error) {
	return s.repin(ctx, c, w.Group, w.Provider, "plugin.rollback", w.Reason, func(d *pinDoc) error {
		switch {
		case d.Rollout != nil && d.Rollout.open():
			next := *d.Rollout
			next.State, next.EndedAt, next.Reason = rolloutBack, store.At(s.now()), "rolled back by "+c.Name
			d.Rollout = &next
		case d.Kept:
			d.Version, d.Previous, d.Kept = d.Previous, d.Version, false
		default:
			return &inventory.ConflictError{ResourceID: w.Provider, Problem: "there is nothing to go back to: no rollout goes on, and no version was pinned before this one"}
		}
		return nil
	})
}

// sweepRollouts looks how the canaries do.
func (s *Service) sweepRollouts(ctx context.Context) error {
	var open []object[pinDoc]
	err := store.Each(ctx, s.opt.Store, store.Query{Table: tPins, AllTenants: true}, func(row store.Row) error {
		o, err := decode[pinDoc](row)
		if r := o.doc.Rollout; r != nil && (r.State == rolloutCanary || r.Untold) {
			open = append(open, o)
		}
		return err
	})
	for _, o := range open {
		if err == nil && o.doc.Rollout.Untold {
			err = s.tellRollout(ctx, o)
		} else if err == nil {
			err = s.watchCanaries(ctx, o)
		}
	}
	return err
}

// watchCanaries ends a rollout by what its canaries' runs say.
func (s *Service) watchCanaries(ctx context.Context, o object[pinDoc]) error {
	r := o.doc.Rollout
	least, why, bad := -1, "", ""
	for _, agent := range r.Canaries {
		good, problem, run, err := s.canaryRuns(ctx, o.tenant, agent, o.doc.Provider, r)
		if err != nil {
			return err
		}
		if problem != "" {
			why, bad = problem, run
			break
		}
		if least < 0 || good < least {
			least = good
		}
	}
	if why == "" && least == r.Good && least < r.Runs {
		return nil
	}
	after, err := change(ctx, s, tPins, o.tenant, o.id, func(x *object[pinDoc]) error {
		if x.doc.Rollout == nil || x.doc.Rollout.State != rolloutCanary || x.doc.Rollout.StartedAt != r.StartedAt {
			return errSame // somebody decided meanwhile
		}
		next := *x.doc.Rollout
		next.Good = max(least, 0)
		switch {
		case why != "":
			next.State, next.Reason, next.RunID, next.EndedAt, next.Untold = rolloutBack, why, bad, store.At(s.now()), true
		case least >= r.Runs:
			next.State, next.EndedAt, next.Untold = rolloutDone, store.At(s.now()), true
			x.doc.Previous, x.doc.Version, x.doc.Kept = x.doc.Version, next.Version, true
			x.doc.SetAt, x.doc.SetBy = next.EndedAt, next.StartedBy
		}
		x.doc.Rollout = &next
		return nil
	})
	if err != nil || !after.doc.Rollout.Untold {
		return err
	}
	return s.tellRollout(ctx, after)
}

// tellRollout writes how a rollout ended by itself into the audit trail, and wakes the agents.
func (s *Service) tellRollout(ctx context.Context, o object[pinDoc]) error {
	r := o.doc.Rollout
	ref := pinRef(o.doc.Group, o.doc.Provider)
	entry := audit.Entry{Tenant: o.tenant, Actor: "rule:rollout", Action: "plugin.rollout_done", Object: &ref, Reason: r.Reason,
		Detail: map[string]any{"version": o.doc.Version, "rollout": r.Version, "started_by": r.StartedBy}}
	if r.State == rolloutBack {
		entry.Action, entry.Outcome = "plugin.rollback", audit.Failed
		entry.Detail["run"] = r.RunID
	}
	if _, err := s.opt.Audit.Write(ctx, entry); err != nil {
		return fmt.Errorf("audit %s: %w", entry.Action, err)
	}
	_, err := change(ctx, s, tPins, o.tenant, o.id, func(x *object[pinDoc]) error {
		if x.doc.Rollout == nil || !x.doc.Rollout.Untold || x.doc.Rollout.StartedAt != r.StartedAt {
			return errSame
		}
		next := *x.doc.Rollout
		next.Untold = false
		x.doc.Rollout = &next
		return nil
	})
	if err != nil {
		return err
	}
	agents, err := all[agentDoc](ctx, s.opt.Store, tAgents, o.tenant, nil)
	for _, a := range agents {
		s.signal(a.id)
	}
	return err
}

// canaryRuns counts the runs of an agent that ended well with the new version, and says what was wrong with the first that did not.
func (s *Service) canaryRuns(ctx context.Context, tenant, agent, provider string, r *rolloutDoc) (good int, why, run string, err error) {
	everyone := inventory.Caller{Tenant: tenant, TenantWide: true}
	list, err := s.opt.Inventory.Runs(ctx, everyone, inventory.RunQuery{Agent: agent, FinishedFrom: r.StartedAt.Time, FinishedUntil: s.now().Add(time.Hour), Limit: mostRuns})
	if err != nil {
		return 0, "", "", fmt.Errorf("read a canary's runs: %w", err)
	}
	for _, x := range slices.Backward(list.Items) {
		// One that broke before it could say its version began after the canary was told.
		mine := x.PluginVersion == r.Version || x.PluginVersion == "" && x.State == "failed" && x.StartedAt.After(r.StartedAt.Time)
		if x.Provider != provider || !mine {
			continue
		}
		if why, err = s.verdictOf(ctx, everyone, x); err != nil || why != "" {
			return 0, fmt.Sprintf("the run of %s %s", x.ConnectionRef, why), x.ID, err
		}
		if x.State == "succeeded" || x.State == "partial" && x.Statuses[string(resource.StatusComplete)] > 0 {
			good++
		}
	}
	return good, "", "", nil
}

// verdictOf says what a run holds against the plugin; empty for nothing.
func (s *Service) verdictOf(ctx context.Context, c inventory.Caller, x inventory.RunInfo) (string, error) {
	switch {
	case x.State == "failed" && len(x.Statuses) == 0, x.Statuses[string(resource.StatusFailed)] > 0:
		return strings.TrimSpace("failed: " + foreign(x.Error)), nil
	case x.Held > 0:
		return "would have removed so much that the removal is held", nil
	case x.Gone == 0 || x.State != "succeeded" && x.State != "partial":
		return "", nil
	}
	// Something went; did a kind go as a whole?
	scopes, err := s.opt.Inventory.RunScopes(ctx, c, x.ID, "", mostRuns)
	if err != nil {
		return "", fmt.Errorf("read a canary's scopes: %w", err)
	}
	listed, changed := map[string]int{}, map[string]bool{}
	for _, sc := range scopes.Items {
		listed[sc.Scope.Kind] += sc.Outcome.Listed
		changed[sc.Scope.Kind] = changed[sc.Scope.Kind] || sc.Changed
	}
	for kind := range changed {
		if changed[kind] && listed[kind] == 0 {
			return fmt.Sprintf("found no %s any more where there were some", kind), nil
		}
	}
	return "", nil
}
