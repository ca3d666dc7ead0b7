package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/internal/protocol"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
)

// question is what a plugin is asked about one of its settings: the connection as it might be saved.
type question struct {
	Setting    string `json:"setting"`
	Provider   string `json:"provider"`
	Settings   string `json:"settings"` // JSON as text: its keys are the plugin's
	Credential string `json:"credential,omitempty"`
}

// Choices asks the provider, by way of agent and plugin, what a setting may be, and waits for the answer. The same question
// that is still open is waited for, not asked again.
func (s *Service) Choices(ctx context.Context, c inventory.Caller, providerName string, w rest.ChoicesRequest, wait time.Duration) (rest.ChoicesResult, error) {
	d, ref, err := s.asker(ctx, c, providerName, w)
	if err != nil {
		return rest.ChoicesResult{}, err
	}
	desc, err := s.describe(ctx, c, providerName, d.Agent)
	if err != nil {
		return rest.ChoicesResult{}, err
	}
	if !slices.Contains(desc.Choices, w.Setting) {
		return rest.ChoicesResult{State: "unsupported", Error: fmt.Sprintf("The plugin %s %s does not say what this setting may be: type it.", desc.Title, desc.Version)}, nil
	}
	agent, err := load[agentDoc](ctx, s.opt.Store, tAgents, c.Tenant, d.Agent)
	if err != nil {
		return rest.ChoicesResult{}, err
	}
	if agent.doc.Capability < protocol.CapabilityChoices {
		return rest.ChoicesResult{State: "unsupported", Error: fmt.Sprintf("The agent %s is too old to ask its providers for choices: type it, or upgrade the agent.", agent.doc.Name)}, nil
	}
	if err := s.checkCredential(ctx, c, connectionDoc{Provider: providerName, Agent: d.Agent, Credential: d.Question.Credential}); err != nil {
		return rest.ChoicesResult{}, err
	}
	id, err := s.open(ctx, c.Tenant, d.Agent, func(x commandDoc) bool {
		return x.Type == CommandChoices && x.Connection == d.Connection && x.Question != nil && *x.Question == *d.Question
	})
	if err != nil {
		return rest.ChoicesResult{}, err
	}
	if id == "" {
		if id, err = s.command(ctx, c.Tenant, d); err != nil {
			return rest.ChoicesResult{}, err
		}
		if err := s.audit(ctx, c, "connection.choices", ref, "", map[string]any{"setting": w.Setting, "provider": providerName}); err != nil {
			return rest.ChoicesResult{}, err
		}
	}
	return s.awaitChoices(ctx, c.Tenant, id, wait)
}

// asker makes the command: who asks, with what. A connection that exists lends its agent and its credentials, the sealed one
// too, which the agent opens only if the settings lead to the same place.
func (s *Service) asker(ctx context.Context, c inventory.Caller, providerName string, w rest.ChoicesRequest) (commandDoc, audit.Ref, error) {
	d := commandDoc{Agent: w.Agent, Type: CommandChoices, Connection: w.Connection,
		Question: &question{Setting: w.Setting, Provider: providerName, Settings: strings.TrimSpace(string(w.Settings)), Credential: w.Credential}}
	ref := audit.Ref{ID: providerName, Name: providerName, Kind: "plugin"}
	if w.Connection != "" {
		o, err := s.connection(ctx, c, w.Connection)
		if err != nil {
			return d, ref, err
		}
		if o.doc.Provider != providerName {
			return d, ref, &inventory.InvalidError{Pointer: "/connection", Problem: "is one of " + o.doc.Provider}
		}
		ref, d.Epoch = connectionRef(o), o.doc.Epoch
		if d.Agent == "" {
			d.Agent = o.doc.Agent
		}
		if d.Agent == o.doc.Agent && d.Question.Credential == "" {
			d.Question.Credential = o.doc.Credential
		}
		if d.Question.Settings == "" {
			d.Question.Settings = o.doc.Settings
		}
	}
	if d.Question.Settings == "" {
		d.Question.Settings = "{}"
	}
	if d.Agent == "" {
		return d, ref, &inventory.InvalidError{Pointer: "/agent", Problem: "choose the agent that is to ask the provider"}
	}
	return d, ref, nil
}

// open is an unanswered command of an agent; empty when there is none.
func (s *Service) open(ctx context.Context, tenant, agent string, is func(commandDoc) bool) (string, error) {
	for _, state := range []string{statePending, stateSent} {
		list, err := all[commandDoc](ctx, s.opt.Store, tCommands, tenant, filter.And{eq(text("agent"), agent), eq(text("state"), state)})
		if err != nil {
			return "", err
		}
		for _, o := range list {
			if is(o.doc) && s.now().Sub(o.doc.CreatedAt.Time) < commandLife {
				return o.id, nil
			}
		}
	}
	return "", nil
}

func (s *Service) awaitChoices(ctx context.Context, tenant, id string, wait time.Duration) (rest.ChoicesResult, error) {
	o, err := s.answer(ctx, tenant, id, wait)
	if err != nil {
		return rest.ChoicesResult{}, err
	}
	switch o.doc.State {
	case stateFailed:
		var why protocol.Problem
		if o.doc.Detail != "" && !readable(o.doc.Detail, &why) {
			why = protocol.Problem{}
		}
		return rest.ChoicesResult{State: "failed", Error: o.doc.Error, Advice: foreign(why.Advice), Setting: foreign(why.Setting)}, nil
	case stateDone:
		var got provider.Choices
		if !readable(o.doc.Detail, &got) {
			return rest.ChoicesResult{State: "failed", Error: "the agent's answer cannot be read"}, nil
		}
		if got.Items == nil {
			got.Items = []provider.Choice{}
		}
		return rest.ChoicesResult{State: "done", Choices: &got}, nil
	}
	agent, err := load[agentDoc](ctx, s.opt.Store, tAgents, tenant, o.doc.Agent)
	if err != nil {
		return rest.ChoicesResult{}, err
	}
	out := rest.ChoicesResult{State: "pending", Error: fmt.Sprintf("The agent %s has not answered yet.", agent.doc.Name)}
	if !agent.doc.Connected {
		out.Error = fmt.Sprintf("The agent %s is not connected: it is asked when it is back. Type the setting meanwhile.", agent.doc.Name)
	}
	return out, nil
}

// answer waits for a command to end, and answers it as it is then.
func (s *Service) answer(ctx context.Context, tenant, id string, wait time.Duration) (object[commandDoc], error) {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		o, err := load[commandDoc](ctx, s.opt.Store, tCommands, tenant, id)
		if err != nil || o.doc.State == stateDone || o.doc.State == stateFailed {
			return o, err
		}
		select {
		case <-ctx.Done():
			return o, ctx.Err()
		case <-deadline.C:
			return o, nil
		case <-tick.C:
		}
	}
}

// questioned is the assignment that a question is about: the connection's, with what it might become. Without a connection it
// is nobody's, and no sealed credential fits it.
func questioned(o object[commandDoc], conn object[connectionDoc]) Assignment {
	a := assignment(conn)
	q := o.doc.Question
	a.Tenant, a.AgentID, a.Provider, a.Settings, a.Credential = o.tenant, o.doc.Agent, q.Provider, q.Settings, q.Credential
	return a
}
