package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

func (a *app) agentDrain() *cobra.Command {
	var reason string
	var wait bool
	cmd := &cobra.Command{
		Use: "drain AGENT", Short: "Have an agent take no new work, so that it can be stopped", Args: cobra.ExactArgs(1),
		Long: "Have an agent take no new work. Runs that go on end, and what was read is sent; its connections stay as they are, and runs asked for\n" +
			"meanwhile are refused. The agent is drained when nothing goes on and nothing waits to be sent: --wait says when. An agent that is\n" +
			"offline is drained only once it has been back. `maestro agents resume` takes it back.",
		Example: "  maestro agents drain fra-1 --wait --reason 'its machine is replaced' && ssh fra-1 systemctl stop maestro-agent",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			agent, err := a.decideAgent(cmd.Context(), c, args[0], "drain", reason)
			if err != nil {
				return err
			}
			if wait {
				if agent, err = a.followDrain(cmd.Context(), c, agent); err != nil {
					return err
				}
			}
			return a.print(agent, func() output.Table { return output.Table{Note: drainLine(agent) + "."} })
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit log")
	cmd.Flags().BoolVarP(&wait, "wait", "w", false, "wait until it is drained")
	return cmd
}

func (a *app) agentResume() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "resume AGENT", Short: "Have a drained agent take work again", Args: cobra.ExactArgs(1),
		Long: "Have a drained agent take work again. What was due meanwhile is made up for once.",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			agent, err := a.decideAgent(cmd.Context(), c, args[0], "resume", reason)
			if err != nil {
				return err
			}
			return a.print(agent, func() output.Table { return output.Table{Note: output.Clean(agent.Name) + " takes work again."} })
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit log")
	return cmd
}

// decideAgent says what is to become of an agent that is named by its id or its name.
func (a *app) decideAgent(ctx context.Context, c *client.Client, nameOrID, verb, reason string) (rest.Agent, error) {
	var agent rest.Agent
	id, err := findAgent(ctx, c, nameOrID)
	if err == nil {
		err = c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/agents/" + url.PathEscape(id) + "/" + verb, Body: rest.Decision{Reason: reason}}, &agent)
	}
	return agent, err
}

func findAgent(ctx context.Context, c *client.Client, nameOrID string) (string, error) {
	list, err := client.All[rest.Agent](ctx, c, "/agents", nil, 0)
	if err != nil {
		return "", err
	}
	var found []string
	for _, x := range list.Items {
		if x.ID == nameOrID {
			return x.ID, nil
		}
		if x.Name == nameOrID && x.Status != "revoked" {
			found = append(found, x.ID)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", &client.Error{Status: http.StatusNotFound, Detail: fmt.Sprintf("no agent %q; `maestro agents` lists them", nameOrID)}
	}
	return "", usageError{fmt.Errorf("%d agents are named %q; use an id", len(found), nameOrID)}
}

// followDrain waits until the agent is drained, or somebody took that back.
func (a *app) followDrain(ctx context.Context, c *client.Client, agent rest.Agent) (rest.Agent, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	bar := a.progress()
	defer bar.Done("")
	for {
		switch {
		case agent.Drain == nil:
			return agent, fmt.Errorf("wait for agent %s: somebody has it take work again", output.Clean(agent.Name))
		case agent.Drain.State == "drained":
			return agent, nil
		}
		bar.Set(drainLine(agent), 0, 0)
		select {
		case <-ctx.Done():
			return agent, ctx.Err()
		case <-tick.C:
		}
		next, err := client.Get[rest.Agent](ctx, c, "/agents/"+url.PathEscape(agent.ID), nil)
		if err != nil {
			return agent, err
		}
		agent = next
	}
}

// drainLine is how far the agent is.
func drainLine(x rest.Agent) string {
	line := output.Clean(x.Name)
	switch {
	case x.Drain == nil:
		return line + " takes work"
	case x.Drain.State == "drained":
		return line + " is drained: it can be stopped"
	}
	return line + " takes no new work; it waits " + output.Clean(x.Drain.Waits)
}

// agentStatus is its status with how far it is drained.
func agentStatus(x rest.Agent) string {
	if x.Drain == nil {
		return x.Status
	}
	return x.Status + ", " + x.Drain.State
}
