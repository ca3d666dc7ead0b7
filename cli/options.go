package cli

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

func (a *app) options() *cobra.Command {
	cmd := &cobra.Command{
		Use: "options", Short: "List what forms offer: environments, operating systems, languages ...", Args: cobra.NoArgs,
		Example: "  maestro options set environment production acceptance development\n  maestro options set environment",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			return printList(a, cmd, c, "/option-lists", listFlags{}, []string{"name", "for", "values"}, func(l rest.OptionList, _ time.Time) []string {
				return []string{l.Name, strings.Join(l.Fields, " "), strings.Join(l.Values, ", ")}
			})
		}),
	}
	cmd.AddCommand(&cobra.Command{
		Use: "set NAME [VALUE...]", Short: "Say what a list offers from now on; without values what it did at first", Args: cobra.MinimumNArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			var l rest.OptionList
			err := c.Do(cmd.Context(), client.Request{Method: http.MethodPut, Path: "/option-lists/" + url.PathEscape(args[0]), Body: rest.OptionListWrite{Values: append([]string{}, args[1:]...)}}, &l)
			if err != nil {
				return err
			}
			return a.print(l, func() output.Table { return output.Table{Note: l.Label + ": " + strings.Join(l.Values, ", ")} })
		}),
	})
	return cmd
}
