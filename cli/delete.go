package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/internal/rest"
)

func (a *app) deleteRecord() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "delete KIND NAME-OR-ID", Short: "Delete a record that people made", Args: cobra.ExactArgs(2),
		Long: "Delete a record that people made. It is gone from the lists, keeps its history until it is pruned, its identifiers are free and the\n" +
			"relations it states end; `maestro undo` with the operation that is printed brings it back. What discovery sees is refused, since the\n" +
			"next reading would bring it back: it goes by itself when it is no longer found.",
		Example: "  maestro delete server web-99 --reason 'it was never bought'",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			id, err := findResource(cmd.Context(), c, args[0], args[1])
			if err != nil {
				return err
			}
			path := resourcePath(args[0], id)
			now, err := client.Get[rest.Resource](cmd.Context(), c, path, nil)
			if err != nil {
				return err
			}
			q := url.Values{}
			if reason != "" {
				q.Set("reason", reason)
			}
			var op rest.Operation
			req := client.Request{Method: http.MethodDelete, Path: path, Query: q, IfMatch: strconv.Quote(strconv.FormatInt(now.Version, 10))}
			if err := c.Do(cmd.Context(), req, &op); err != nil {
				return fmt.Errorf("delete %s %s: %w", args[0], now.Name, err)
			}
			return a.followOperation(cmd.Context(), c, op)
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`text` for the history")
	return cmd
}
