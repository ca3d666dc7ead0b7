package fleet

import (
	"context"
	"errors"
	"fmt"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
)

// CancelRun ends a run: at once when its agent has not heard of it yet, else by asking the agent, which tells what it had
// read by then.
func (s *Service) CancelRun(ctx context.Context, c inventory.Caller, runID, reason string) error {
	run, err := s.opt.Inventory.Run(ctx, c, runID)
	if err != nil {
		return err
	}
	if run.State != "queued" && run.State != "running" {
		return &inventory.ConflictError{ResourceID: runID, Problem: "the run is over: it " + ended(run.State)}
	}
	o, err := load[connectionDoc](ctx, s.opt.Store, tConnections, c.Tenant, run.Connection)
	if err != nil {
		return err
	}
	if !mayReadConnection(c, o) {
		return fmt.Errorf("run %s: %w", runID, store.ErrNotFound)
	}
	ref := audit.Ref{ID: runID, Name: o.doc.Name, Kind: "run"}
	if err := s.audit(ctx, c, "run.cancel", ref, reason, map[string]any{"connection": o.id}); err != nil {
		return err
	}
	withdrawn, err := s.withdraw(ctx, c.Tenant, run.Agent, runID)
	if err != nil {
		return err
	}
	agent, err := load[agentDoc](ctx, s.opt.Store, tAgents, c.Tenant, run.Agent)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	// Where there is nobody to ask nothing else will be heard of the run.
	if alone := err != nil || !agent.doc.RevokedAt.IsZero() || !o.doc.DeletedAt.IsZero(); withdrawn || alone {
		return s.opt.Inventory.CancelRun(ctx, c.Tenant, runID, inventory.CanceledOnRequest)
	}
	_, err = s.command(ctx, c.Tenant, commandDoc{Agent: run.Agent, Type: CommandCancel, RunID: runID, Connection: o.id, Epoch: o.doc.Epoch})
	return err
}

func ended(state string) string {
	if state == "canceled" {
		return "was canceled"
	}
	return state
}

// withdraw takes back the commands to begin a run that were not delivered.
func (s *Service) withdraw(ctx context.Context, tenant, agent, runID string) (bool, error) {
	waiting, err := all[commandDoc](ctx, s.opt.Store, tCommands, tenant, filter.And{eq(text("agent"), agent), eq(text("state"), statePending)})
	if err != nil {
		return false, err
	}
	withdrawn := false
	for _, o := range waiting {
		if o.doc.Type != CommandRun || o.doc.RunID != runID {
			continue
		}
		_, err := change(ctx, s, tCommands, tenant, o.id, func(x *object[commandDoc]) error {
			if x.doc.State != statePending {
				return errRaced
			}
			x.doc.State, x.doc.UpdatedAt = stateDone, store.At(s.now())
			return nil
		})
		if err != nil && !errors.Is(err, errRaced) {
			return withdrawn, err
		}
		withdrawn = withdrawn || err == nil
	}
	return withdrawn, nil
}

// canceled takes the agent's answer to a cancel. What it had begun it tells itself; of what it had not, or knows no more,
// nothing else will be heard.
func (s *Service) canceled(ctx context.Context, k Known, runID string, ok bool) error {
	run, err := s.opt.Inventory.Run(ctx, inventory.Caller{Tenant: k.Tenant, TenantWide: true}, runID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if ok && run.State == "running" {
		return nil
	}
	return s.opt.Inventory.CancelRun(ctx, k.Tenant, runID, inventory.CanceledOnRequest)
}

// Resend has everything of a connection compared again with its next run: whole lists, and the bodies of what differs or was
// rejected. Its agent is told too, so that it drops baselines that may be what is wrong.
func (s *Service) Resend(ctx context.Context, c inventory.Caller, id, reason string) error {
	o, err := s.connection(ctx, c, id)
	if err != nil {
		return err
	}
	if err := s.audit(ctx, c, "connection.resend", connectionRef(o), reason, nil); err != nil {
		return err
	}
	if err := s.opt.Inventory.Resend(ctx, c.Tenant, id); err != nil {
		return fmt.Errorf("ask for everything again: %w", err)
	}
	if o.doc.Agent == "" {
		return nil
	}
	_, err = s.command(ctx, c.Tenant, commandDoc{Agent: o.doc.Agent, Type: CommandResend, Connection: id, Epoch: o.doc.Epoch})
	return err
}
