package fleet

import (
	"context"
	"errors"
	"fmt"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

// Draining an agent empties it before its machine is stopped or replaced: it is told its assignments as paused, so that its own clock
// begins nothing, and is given no run; what goes on ends, and what was read is sent. The connections stay as they are, so undoing it
// leaves no trace in them. That it is empty is not noted but seen each time, from what the agent says and how its runs stand: what
// happens against expectation shows.

// drainDoc is there from the order to drain until it is taken back.
type drainDoc struct {
	Since  store.Time `json:"since"`
	By     string     `json:"by"`
	Reason string     `json:"reason,omitempty"`
	// Told is when the agent was sent its assignments as paused, Heard how often it spoke since, as far as it matters, and Running how
	// many runs it then had.
	Told    store.Time `json:"told,omitzero"`
	Heard   int        `json:"heard,omitempty"`
	Running int        `json:"running,omitempty"`
}

// enoughHeard is how often an agent must have spoken since it was told: its first word may have been on its way before.
const enoughHeard = 2

// heard notes a sign of life.
func (d *drainDoc) heard(running int) {
	if d == nil || d.Told.IsZero() {
		return
	}
	d.Heard, d.Running = min(d.Heard+1, enoughHeard), running
}

// DrainAgent has an agent take no new work. Draining again changes nothing.
func (s *Service) DrainAgent(ctx context.Context, c inventory.Caller, id, reason string) (rest.Agent, error) {
	o, err := change(ctx, s, tAgents, c.Tenant, id, func(o *object[agentDoc]) error {
		switch {
		case !o.doc.RevokedAt.IsZero():
			return &inventory.ConflictError{ResourceID: id, Problem: "the agent was revoked; there is nothing to drain"}
		case o.doc.Drain != nil:
			return errSame
		}
		o.doc.Drain = &drainDoc{Since: store.At(s.now()), By: c.Name, Reason: reason}
		return nil
	})
	if err != nil {
		return rest.Agent{}, err
	}
	if err := s.audit(ctx, c, "agent.drain", audit.Ref{ID: id, Name: o.doc.Name, Kind: "agent"}, reason, nil); err != nil {
		return rest.Agent{}, err
	}
	if err := s.refuseRuns(ctx, c.Tenant, id); err != nil {
		return rest.Agent{}, err
	}
	s.signal(id)
	return s.agentView(ctx, o)
}

// ResumeAgent takes a drain back. What was due meanwhile is made up for once, as after any pause.
func (s *Service) ResumeAgent(ctx context.Context, c inventory.Caller, id, reason string) (rest.Agent, error) {
	o, err := change(ctx, s, tAgents, c.Tenant, id, func(o *object[agentDoc]) error {
		if o.doc.Drain == nil {
			return &inventory.ConflictError{ResourceID: id, Problem: "the agent is not being drained"}
		}
		o.doc.Drain = nil
		return nil
	})
	if err != nil {
		return rest.Agent{}, err
	}
	if err := s.audit(ctx, c, "agent.resume", audit.Ref{ID: id, Name: o.doc.Name, Kind: "agent"}, reason, nil); err != nil {
		return rest.Agent{}, err
	}
	s.signal(id)
	return s.agentView(ctx, o)
}

// refuseRuns ends the runs that the agent was not given yet; those asked for later are refused at once.
func (s *Service) refuseRuns(ctx context.Context, tenant, agent string) error {
	list, err := all[commandDoc](ctx, s.opt.Store, tCommands, tenant, filter.And{eq(text("agent"), agent), eq(text("state"), statePending)})
	if err != nil {
		return err
	}
	for _, o := range list {
		if o.doc.Type != CommandRun {
			continue
		}
		if err := s.opt.Inventory.FailRun(ctx, tenant, o.doc.RunID, "its agent is being drained and had not begun it"); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := write(ctx, s.opt.Store, tCommands, store.Delete, o); err != nil {
			return err
		}
	}
	return nil
}

// Draining says whether an agent is to take no work.
func (s *Service) Draining(ctx context.Context, k Known) (bool, error) {
	o, err := load[agentDoc](ctx, s.opt.Store, tAgents, k.Tenant, k.ID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return o.doc.Drain != nil, err
}

// DrainTold notes that an agent has been sent its assignments as paused.
func (s *Service) DrainTold(ctx context.Context, k Known) error {
	_, err := change(ctx, s, tAgents, k.Tenant, k.ID, func(o *object[agentDoc]) error {
		if o.doc.Drain == nil || !o.doc.Drain.Told.IsZero() {
			return errSame
		}
		o.doc.Drain.Told = store.At(s.now())
		return nil
	})
	return err
}

// drain is how far it is.
func (s *Service) drain(ctx context.Context, o object[agentDoc]) (*rest.AgentDrain, error) {
	d := o.doc.Drain
	if d == nil {
		return nil, nil
	}
	out := &rest.AgentDrain{State: "draining", Since: d.Since.Time, By: d.By, Reason: d.Reason, Captures: o.doc.Spool.Captures, Runs: d.Running}
	open := 0
	for _, state := range []string{"queued", "running"} {
		list, err := s.opt.Inventory.Runs(ctx, inventory.Caller{Tenant: o.tenant, TenantWide: true}, inventory.RunQuery{Agent: o.id, State: state, Limit: 100})
		if err != nil {
			return nil, fmt.Errorf("find runs of agent: %w", err)
		}
		open += len(list.Items)
	}
	out.Runs = max(out.Runs, open)
	switch status := s.status(o.doc); {
	case d.Told.IsZero() && status == "offline":
		out.Waits = "for the agent, which is offline and does not know yet"
	case d.Told.IsZero(), d.Heard < enoughHeard:
		out.Waits = "for the agent to confirm"
	case out.Runs > 0:
		out.Waits = fmt.Sprintf("for runs to end: %d", out.Runs)
	case out.Captures > 0 && status == "offline":
		out.Waits = fmt.Sprintf("for the agent, which is offline and has captures to send: %d", out.Captures)
	case out.Captures > 0:
		out.Waits = fmt.Sprintf("for captures to be sent: %d", out.Captures)
	default:
		out.State = "drained"
	}
	return out, nil
}
