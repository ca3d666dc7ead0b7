package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// connectionRejected shows what does not come into the inventory, and what is kept of it.
func (a *app) connectionRejected() *cobra.Command {
	var body string
	cmd := &cobra.Command{
		Use: "rejected CONNECTION", Short: "Show what a connection reads and the collector does not take", Args: cobra.ExactArgs(1),
		Long: "Show what a connection reads and the collector does not take, and why. A reason that begins with \"internal\" is a fault of the\n" +
			"collector's own: it keeps what it could not take, and --body prints it, for a report. `maestro connections resend` has everything\n" +
			"that was rejected asked for again.",
		Example: "  maestro connections rejected aws-prod\n  maestro connections rejected aws-prod --body i-0123456789abcdef0",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			conn, err := findConnection(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			path := "/connections/" + url.PathEscape(conn.ID) + "/rejected"
			var list rest.RejectedItems
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodGet, Path: path}, &list); err != nil {
				return err
			}
			if body == "" {
				return a.print(list, func() output.Table { return rejectedTable(list, conn.Name) })
			}
			for _, it := range list.Items {
				if it.ExternalID != body || it.KeptBytes == 0 {
					continue
				}
				var kept rest.RejectedBody
				req := client.Request{Method: http.MethodGet, Path: path + "/body", Query: url.Values{"scope": {it.Scope}, "external_id": {it.ExternalID}}}
				if err := c.Do(cmd.Context(), req, &kept); err != nil {
					return err
				}
				return a.print(kept, func() output.Table { return output.Table{Note: output.Clean(kept.Canonical)} })
			}
			return fmt.Errorf("nothing is kept of %s; only what the collector itself failed on is", body)
		}),
	}
	cmd.Flags().StringVar(&body, "body", "", "print what is kept of the item with this `external id`")
	return cmd
}

func rejectedTable(list rest.RejectedItems, connection string) output.Table {
	t := output.Table{Header: []string{"KIND", "EXTERNAL ID", "SINCE", "KEPT", "REASON"}}
	for _, it := range list.Items {
		kept := ""
		if it.KeptBytes > 0 {
			kept = fmt.Sprintf("%d bytes", it.KeptBytes)
		}
		since := ""
		if !it.RejectedAt.IsZero() {
			since = output.Ago(it.RejectedAt, time.Now())
		}
		t.Rows = append(t.Rows, []string{it.Kind, output.Clean(it.ExternalID), since, kept, output.Clean(it.Reason)})
	}
	switch {
	case list.More:
		t.Note = "There are more than are listed."
	case len(list.Items) == 0:
		t.Note = fmt.Sprintf("Everything that %s reads is taken.", output.Clean(connection))
	}
	return t
}
