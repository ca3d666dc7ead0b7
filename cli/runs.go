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

func (a *app) runs() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use: "runs", Short: "List the runs, newest first; cancel one", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			return printList(a, cmd, c, "/runs", flags, runHeader, runRow)
		}),
	}
	flags.add(cmd)
	flags.addWatch(cmd)
	cmd.AddCommand(a.runCancel(), a.runLogs())
	return cmd
}

func (a *app) runCancel() *cobra.Command {
	var reason string
	var wait bool
	cmd := &cobra.Command{
		Use: "cancel ID", Short: "End a run early; what it has read by then stays", Args: cobra.ExactArgs(1),
		Long: "End a run early. What it has read by then stays, and nothing that it did not come to is taken for gone. One that its\n" +
			"agent has not heard of yet ends at once; else the agent ends it, within seconds.",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			var run rest.Run
			req := client.Request{Method: http.MethodPost, Path: "/runs/" + url.PathEscape(args[0]) + "/cancel", Body: rest.Decision{Reason: reason}}
			if err := c.Do(cmd.Context(), req, &run); err != nil {
				return err
			}
			if wait {
				var err error
				if run, err = a.follow(cmd.Context(), c, run.ID); err != nil {
					return err
				}
			}
			return a.print(run, func() output.Table {
				return output.Table{Header: runHeader, Rows: [][]string{runRow(run, a.env.Now())}}
			})
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit log")
	cmd.Flags().BoolVarP(&wait, "wait", "w", false, "wait until it has ended")
	return cmd
}

func (a *app) connectionResend() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "resend CONNECTION", Short: "Have everything of a connection compared again with its next run", Args: cobra.ExactArgs(1),
		Long: "Have everything of a connection compared again with its next run: the collector asks for whole lists, for whatever differs\n" +
			"from what it holds, and for what it had to reject. Nothing is lost by it; it costs one long run.",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			conn, err := findConnection(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			req := client.Request{Method: http.MethodPost, Path: "/connections/" + url.PathEscape(conn.ID) + "/resend", Body: rest.Decision{Reason: reason}}
			if err := c.Do(cmd.Context(), req, &conn); err != nil {
				return err
			}
			return a.print(conn, func() output.Table {
				return output.Table{Note: fmt.Sprintf("The next run of %s compares everything; `maestro run %s` begins one.", output.Clean(conn.Name), conn.ID)}
			})
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit log")
	return cmd
}
