package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

func (a *app) coverage() *cobra.Command {
	var kind, connection, status string
	var limit int
	cmd := &cobra.Command{
		Use: "coverage", Short: "Print how every scope of every connection stands: what the lists can be believed of", Args: cobra.NoArgs,
		Long: "Print how every scope of every connection stands. Only a scope that was read to its end proves that something is absent.\n" +
			"--status takes an outcome (complete, partial, denied, throttled, unreachable, unsupported, failed, not_tried), never for what\n" +
			"was never read, or incomplete for all that is not complete.",
		Example: "  maestro coverage --status incomplete\n  maestro coverage --kind server --connection fra-vcenter",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			var where []string
			if connection != "" {
				conn, err := findConnection(cmd.Context(), c, connection)
				if err != nil {
					return err
				}
				where = append(where, "connection = "+strconv.Quote(conn.ID))
			}
			for name, value := range map[string]string{"kind": kind, "status": status} {
				if value != "" {
					where = append(where, name+" = "+strconv.Quote(value))
				}
			}
			flags := listFlags{filter: strings.Join(where, " AND "), limit: limit}
			return printList(a, cmd, c, "/coverage/scopes", flags, scopeHeader, scopeRow)
		}),
	}
	cmd.Flags().StringVar(&kind, "kind", "", "only this `kind`")
	cmd.Flags().StringVar(&connection, "connection", "", "only this `connection`, by id or name")
	cmd.Flags().StringVar(&status, "status", "", "only scopes of this `status`")
	cmd.Flags().IntVar(&limit, "limit", 100, "most `items` to print; 0 for all")
	return cmd
}

var scopeHeader = []string{"connection", "kind", "scope", "status", "listed", "rejected", "last complete", "what happened"}

func scopeRow(x rest.Scope, now time.Time) []string {
	var labels []string
	for _, l := range x.Partition {
		labels = append(labels, l.Value)
	}
	last := "never"
	if !x.LastComplete.IsZero() {
		last = output.Ago(x.LastComplete, now)
	}
	what := x.Error
	if x.Advice != "" {
		what = fmt.Sprintf("%s -> %s", x.Error, x.Advice)
	}
	if x.Unwatched != "" {
		what = "unwatched: " + x.Unwatched
	}
	return []string{nameOf(&x.Connection), x.Kind, strings.Join(labels, " / "), strings.ReplaceAll(x.Status, "_", " "), strconv.Itoa(x.Listed), strconv.Itoa(x.Rejected), last, what}
}
