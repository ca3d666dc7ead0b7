package cli

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// agentRelease decides which of two copies of an agent is the agent, or shows them.
func (a *app) agentRelease() *cobra.Command {
	var keep, reason string
	cmd := &cobra.Command{
		Use: "release ID", Short: "Say which of two copies of an agent is the agent", Args: cobra.ExactArgs(1),
		Long: "Say which of two copies of an agent is the agent. When a disk or a data directory is copied, both copies speak as one agent; the\n" +
			"collector notices and holds both: they go on reading, and what they push waits. Without --keep the copies are listed. The other one is\n" +
			"shut out: delete its data directory and enroll it with a join token of its own.",
		Example: "  maestro agents release 0190c7f2-...\n  maestro agents release 0190c7f2-... --keep 8d1f.../QX7... --reason 'the other is a test clone'",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			var agent rest.Agent
			req := client.Request{Method: http.MethodGet, Path: "/agents/" + url.PathEscape(args[0])}
			if keep != "" {
				req = client.Request{Method: http.MethodPost, Path: req.Path + "/release", Body: rest.AgentRelease{Keep: keep, Reason: reason}}
			}
			if err := c.Do(cmd.Context(), req, &agent); err != nil {
				return err
			}
			return a.print(agent, func() output.Table {
				switch {
				case keep != "":
					return output.Table{Note: fmt.Sprintf("%s is released. The other copy is shut out.", output.Clean(agent.Name))}
				case agent.Hold == nil:
					return output.Table{Note: output.Clean(agent.Name) + " is not held."}
				}
				t := output.Table{Header: []string{"COPY", "HOST", "ADDRESS", "LAST HEARD"}, Note: agent.Hold.Reason + "\n" + agent.Hold.Advice}
				for _, x := range agent.Hold.Copies {
					t.Rows = append(t.Rows, []string{output.Clean(x.ID), output.Clean(x.Hostname), output.Clean(x.Address), output.Ago(x.LastHeard, a.env.Now())})
				}
				return t
			})
		}),
	}
	cmd.Flags().StringVar(&keep, "keep", "", "the `copy` that is the agent")
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit log")
	return cmd
}
