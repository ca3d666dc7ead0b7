package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/adhocore/gronx"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
)

// commandLife is how long a command waits for its agent.
const commandLife = time.Hour

// The kinds of commands, and their states.
const (
	CommandRun    = "run"
	CommandCheck  = "check"
	CommandCancel = "cancel"
	CommandResend = "resend"
	// CommandChoices asks what a setting may be.
	CommandChoices = "choices"
	// CommandVerify is a check with a credential that is to be used if it works. To the agent it is a check like any other.
	CommandVerify = "verify"

	statePending = "pending"
	stateSent    = "sent"
	stateDone    = "done"
	stateFailed  = "failed"
)

// Command is something that an agent is asked to do now.
type Command struct {
	ID         string
	Type       string
	RunID      string
	Connection string
	Epoch      int64
	Kinds      []string
	// Assignment of a check: the connection as it is; of choices: as it might be.
	Assignment Assignment
	// Setting whose choices are asked for.
	Setting string
}

type commandDoc struct {
	Agent      string    `json:"agent"`
	Type       string    `json:"type"`
	RunID      string    `json:"run_id,omitempty"`
	Connection string    `json:"connection"`
	Epoch      int64     `json:"epoch"`
	Kinds      []string  `json:"kinds,omitempty"`
	Question   *question `json:"question,omitempty"`
	// Candidate is the credential that is checked, by its name.
	Candidate string     `json:"candidate,omitempty"`
	State     string     `json:"state"`
	Error     string     `json:"error,omitempty"`
	Detail    string     `json:"detail,omitempty"` // JSON as text
	CreatedAt store.Time `json:"created_at"`
	UpdatedAt store.Time `json:"updated_at"`
}

func (s *Service) command(ctx context.Context, tenant string, d commandDoc) (string, error) {
	id, err := newID()
	if err != nil {
		return "", err
	}
	d.State, d.CreatedAt, d.UpdatedAt = statePending, store.At(s.now()), store.At(s.now())
	if err := insert(ctx, s.opt.Store, tCommands, object[commandDoc]{id: id, tenant: tenant, doc: d}); err != nil {
		return "", err
	}
	s.signal(d.Agent)
	return id, nil
}

// RequestRun queues a run and tells the agent.
func (s *Service) RequestRun(ctx context.Context, c inventory.Caller, id string, kinds []string) (string, error) {
	o, err := s.connection(ctx, c, id)
	if err != nil {
		return "", err
	}
	d := o.doc
	switch {
	case d.Agent == "":
		return "", &inventory.ConflictError{ResourceID: id, Problem: "the connection has no agent that could run it"}
	case d.Paused:
		return "", &inventory.ConflictError{ResourceID: id, Problem: "the connection is paused"}
	}
	if a, err := load[agentDoc](ctx, s.opt.Store, tAgents, c.Tenant, d.Agent); err != nil {
		return "", fmt.Errorf("find agent: %w", err)
	} else if !a.doc.RevokedAt.IsZero() {
		return "", &inventory.ConflictError{ResourceID: id, Problem: fmt.Sprintf("its agent %q was revoked; give the connection another one", a.doc.Name)}
	} else if a.doc.Drain != nil {
		return "", &inventory.ConflictError{ResourceID: id, Problem: fmt.Sprintf("its agent %q is being drained and takes no runs; resume the agent, or give the connection another one", a.doc.Name)}
	}
	if !slices.ContainsFunc(d.Kinds, func(k rest.KindSchedule) bool { return k.Enabled }) {
		return "", &inventory.ConflictError{ResourceID: id, Problem: "no kind of the connection is on, so there is nothing to read; turn one on"}
	}
	for _, kind := range kinds {
		if !enabled(d.Kinds, kind) {
			return "", &inventory.InvalidError{Pointer: "/kinds", Problem: fmt.Sprintf("the kind %q is not on for this connection", kind)}
		}
	}
	runID, err := s.opt.Inventory.RequestRun(ctx, inventory.RunRequest{Tenant: c.Tenant, Connection: facts(o), Kinds: kinds, Trigger: c.Name})
	if err != nil {
		return "", err
	}
	if err := s.audit(ctx, c, "run.request", connectionRef(o), "", map[string]any{"run": runID}); err != nil {
		return "", err
	}
	_, err = s.command(ctx, c.Tenant, commandDoc{Agent: d.Agent, Type: CommandRun, RunID: runID, Connection: id, Epoch: d.Epoch, Kinds: kinds})
	return runID, err
}

func enabled(kinds []rest.KindSchedule, kind string) bool {
	for _, k := range kinds {
		if k.Kind == kind {
			return k.Enabled
		}
	}
	return false
}

// Check asks the agent what the credential may read, and waits for its answer. A check that is under way is waited
// for, not asked again.
func (s *Service) Check(ctx context.Context, c inventory.Caller, id string, kinds []string, wait time.Duration) (rest.CheckResult, error) {
	o, err := s.connection(ctx, c, id)
	if err != nil {
		return rest.CheckResult{}, err
	}
	if o.doc.Agent == "" {
		return rest.CheckResult{}, &inventory.ConflictError{ResourceID: id, Problem: "the connection has no agent that could check it"}
	}
	rows, err := s.sealedRows(ctx, o.tenant, []object[connectionDoc]{o})
	if err != nil {
		return rest.CheckResult{}, err
	}
	commandID, err := s.open(ctx, o.tenant, o.doc.Agent, func(x commandDoc) bool {
		// What was asked before the credential was entered does not tell of it.
		row := rows[o.id]
		return x.Type == CommandCheck && x.Connection == o.id && x.Epoch == o.doc.Epoch && (row == nil || !x.CreatedAt.Before(row.SealedAt.Time))
	})
	if err != nil {
		return rest.CheckResult{}, err
	}
	if commandID == "" {
		if commandID, err = s.command(ctx, c.Tenant, commandDoc{Agent: o.doc.Agent, Type: CommandCheck, Connection: id, Epoch: o.doc.Epoch, Kinds: kinds}); err != nil {
			return rest.CheckResult{}, err
		}
		if err := s.audit(ctx, c, "connection.check", connectionRef(o), "", nil); err != nil {
			return rest.CheckResult{}, err
		}
	}
	return s.awaitCheck(ctx, c.Tenant, commandID, wait)
}

func (s *Service) awaitCheck(ctx context.Context, tenant, id string, wait time.Duration) (rest.CheckResult, error) {
	o, err := s.answer(ctx, tenant, id, wait)
	if err != nil {
		return rest.CheckResult{}, err
	}
	switch o.doc.State {
	case stateFailed:
		return rest.CheckResult{State: "failed", Error: o.doc.Error}, nil
	case stateDone:
		var report provider.CheckReport
		if !readable(o.doc.Detail, &report) {
			return rest.CheckResult{State: "failed", Error: "the agent's answer cannot be read"}, nil
		}
		return rest.CheckResult{State: "done", Report: &report}, nil
	}
	return rest.CheckResult{State: "pending"}, nil
}

// Resume puts back what was sent in a session that broke before the agent answered: it is sent again, since an agent
// knows a run by its id. It is called when a session begins.
func (s *Service) Resume(ctx context.Context, k Known) error {
	list, err := all[commandDoc](ctx, s.opt.Store, tCommands, k.Tenant, filter.And{eq(text("agent"), k.ID), eq(text("state"), stateSent)})
	if err != nil {
		return err
	}
	for _, o := range list {
		next := statePending
		if o.doc.Type == CommandRun {
			run, err := s.opt.Inventory.Run(ctx, inventory.Caller{Tenant: k.Tenant, TenantWide: true}, o.doc.RunID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if err != nil || run.State != "queued" {
				next = stateDone // it was heard of since
			}
		}
		_, err := change(ctx, s, tCommands, k.Tenant, o.id, func(c *object[commandDoc]) error {
			if c.doc.State != stateSent {
				return errSame
			}
			c.doc.State = next
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Due are the commands that wait for an agent, oldest first; they are marked as sent.
func (s *Service) Due(ctx context.Context, k Known) ([]Command, error) {
	list, err := all[commandDoc](ctx, s.opt.Store, tCommands, k.Tenant, filter.And{eq(text("agent"), k.ID), eq(text("state"), statePending)})
	if err != nil {
		return nil, err
	}
	draining, err := s.Draining(ctx, k)
	if err != nil {
		return nil, err
	}
	var out []Command
	for _, o := range list {
		if s.now().Sub(o.doc.CreatedAt.Time) > commandLife {
			continue // the sweeper ends it
		}
		var x object[connectionDoc]
		next := stateSent
		if o.doc.Connection != "" || o.doc.Question == nil { // a question may come before there is a connection
			if x, err = load[connectionDoc](ctx, s.opt.Store, tConnections, k.Tenant, o.doc.Connection); err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
			if err != nil || !x.doc.DeletedAt.IsZero() {
				next = stateFailed
			}
		}
		tried := Assignment{}
		if o.doc.Type == CommandVerify && next == stateSent {
			tried = assignment(x)
			there, err := s.withCandidate(ctx, k, o.doc, &tried)
			if err != nil {
				return nil, err
			}
			if !there {
				next = stateFailed // nobody waits for the answer any more
			}
		}
		if o.doc.Type == CommandRun && draining { // asked for while the drain began, or given back by a session that broke
			next = stateFailed
			if err := s.opt.Inventory.FailRun(ctx, k.Tenant, o.doc.RunID, "its agent is being drained and had not begun it"); err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
		}
		_, err = change(ctx, s, tCommands, k.Tenant, o.id, func(c *object[commandDoc]) error {
			if c.doc.State != statePending {
				return errRaced
			}
			c.doc.State, c.doc.UpdatedAt = next, store.At(s.now())
			if c.doc.Type == CommandVerify && next == stateSent {
				c.doc.Epoch = x.doc.Epoch // of what is checked; the answer is good for nothing else
			}
			return nil
		})
		if errors.Is(err, errRaced) {
			continue // another session of the agent took it
		}
		if err != nil {
			return nil, err
		}
		if next == stateSent {
			// The epoch is today's: an edit between asking and delivering must not void the request.
			a := []Assignment{assignment(x)}
			command := Command{ID: o.id, Type: o.doc.Type, RunID: o.doc.RunID, Connection: o.doc.Connection, Epoch: x.doc.Epoch, Kinds: o.doc.Kinds}
			if o.doc.Type == CommandChoices {
				a[0], command.Setting = questioned(o, x), o.doc.Question.Setting
			}
			if o.doc.Type == CommandCheck || o.doc.Type == CommandChoices {
				if err := s.withSealed(ctx, k, a); err != nil {
					return nil, err
				}
			}
			if command.Assignment = a[0]; o.doc.Type == CommandVerify {
				command.Type, command.Assignment = CommandCheck, tried
			}
			with := []Assignment{command.Assignment}
			if err := s.withVersions(ctx, k, with); err != nil {
				return nil, err
			}
			command.Assignment = with[0]
			out = append(out, command)
		}
	}
	return out, nil
}

// Answered notes an agent's result of a command.
func (s *Service) Answered(ctx context.Context, k Known, id string, ok bool, problem string, detail []byte) error {
	if len(detail) > maxDescription || !json.Valid(detail) {
		detail = nil
	}
	o, err := change(ctx, s, tCommands, k.Tenant, id, func(o *object[commandDoc]) error {
		if o.doc.Agent != k.ID || o.doc.State == stateDone || o.doc.State == stateFailed {
			return errSame
		}
		o.doc.State, o.doc.Error, o.doc.Detail, o.doc.UpdatedAt = stateDone, foreign(problem), string(detail), store.At(s.now())
		if !ok {
			o.doc.State = stateFailed
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil // pruned meanwhile
	}
	if err != nil {
		return err
	}
	if o.doc.Agent == k.ID && o.doc.Type == CommandCancel {
		return s.canceled(ctx, k, o.doc.RunID, ok)
	}
	if o.doc.Agent == k.ID && o.doc.Type == CommandVerify {
		return s.judge(ctx, k.Tenant, o.doc)
	}
	if o.doc.Agent == k.ID && o.doc.Type == CommandRun && !ok {
		return s.opt.Inventory.FailRun(ctx, k.Tenant, o.doc.RunID, "the agent did not begin it: "+foreign(problem))
	}
	return nil
}

// Sweep finishes what a crash left undone, ends commands that nobody took, with their runs, and forgets old ones.
func (s *Service) Sweep(ctx context.Context, now time.Time) error {
	return errors.Join(s.sweepUnsettled(ctx), s.sweepCommands(ctx, now), s.sweepChunks(ctx, now), s.sweepSealed(ctx), s.sweepRollouts(ctx))
}

// sweepUnsettled looks through the connections; there are few of them.
func (s *Service) sweepUnsettled(ctx context.Context) error {
	return store.Each(ctx, s.opt.Store, store.Query{Table: tConnections, AllTenants: true}, func(row store.Row) error {
		o, err := decode[connectionDoc](row)
		// One that was edited just now is being settled by who edited it.
		if err != nil || o.doc.Unsettled == nil || s.now().Sub(o.doc.UpdatedAt.Time) < time.Minute {
			return err
		}
		_, err = s.settle(ctx, o)
		return err
	})
}

func (s *Service) sweepCommands(ctx context.Context, now time.Time) error {
	return store.Each(ctx, s.opt.Store, store.Query{Table: tCommands, AllTenants: true}, func(row store.Row) error {
		o, err := decode[commandDoc](row)
		if err != nil || now.Sub(o.doc.UpdatedAt.Time) <= o.doc.life() {
			return err
		}
		if o.doc.Type == CommandRun && o.doc.State == statePending {
			if err := s.opt.Inventory.FailRun(ctx, o.tenant, o.doc.RunID, "its agent was not reached in time"); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return write(ctx, s.opt.Store, tCommands, store.Delete, o)
	})
}

func validCron(expr string) bool { return gronx.IsValid(expr) }

// readable tells whether what an agent answered is what was asked for; what is wrong with it is of use to nobody.
func readable(detail string, into any) bool { return json.Unmarshal([]byte(detail), into) == nil }
