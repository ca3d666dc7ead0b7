package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

var removalHeader = []string{"id", "state", "connection", "kind", "removals", "of", "held"}

func removalRow(x rest.HeldRemoval, now time.Time) []string {
	return []string{x.ID, x.State, nameOf(&x.Connection), x.Kind, strconv.Itoa(x.Count), strconv.Itoa(x.ScopeSize), output.Ago(x.HeldAt, now)}
}

func (a *app) removals() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use: "removals [ID]", Short: "List removals that wait for a person, show one, decide", Args: cobra.MaximumNArgs(1),
		Long: "When a run no longer finds much of what was there, nothing is taken for gone until a person says so. List what waits, or show\n" +
			"one with the first of the resources concerned.",
		Example: "  maestro removals\n  maestro removals 0190c7f2-...\n  maestro removals approve 0190c7f2-... --reason 'rack 4 was switched off'",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if len(args) == 0 {
				return printList(a, cmd, c, "/removals", flags, removalHeader, removalRow)
			}
			r, err := client.Get[rest.HeldRemoval](cmd.Context(), c, "/removals/"+url.PathEscape(args[0]), nil)
			if err != nil {
				return err
			}
			return a.print(r, func() output.Table { return removalTable(r, a.env.Now()) })
		}),
	}
	flags.add(cmd)
	flags.addWatch(cmd)
	cmd.AddCommand(
		a.decideRemoval("approve", "Believe it: the resources are gone"),
		a.decideRemoval("refuse", "Keep the resources until they are seen again"))
	return cmd
}

func removalTable(r rest.HeldRemoval, now time.Time) output.Table {
	t := output.Table{Header: []string{"kind", "id", "name"}}
	for _, x := range r.Items {
		t.Rows = append(t.Rows, []string{r.Kind, x.ID, x.Name})
	}
	t.Note = fmt.Sprintf("%s: %d of %d %s of %s, by run %s, held %s", r.State, r.Count, r.ScopeSize, r.Kind, nameOf(&r.Connection), r.RunID, output.Ago(r.HeldAt, now))
	if r.DecidedBy != "" {
		t.Note += fmt.Sprintf("; decided by %s %s: %s", r.DecidedBy, output.Ago(r.DecidedAt, now), r.Reason)
	}
	if len(r.Items) < r.Count {
		t.Note += fmt.Sprintf("; the first %d are shown", len(r.Items))
	}
	return t
}

func (a *app) decideRemoval(verb, short string) *cobra.Command {
	return decision(a, "/removals/", verb, short, "`why`, for the audit log", removalHeader, removalRow)
}

// decision is a command that says one word about each of some things that wait for it.
func decision[T any](a *app, path, verb, short, why string, header []string, row func(T, time.Time) []string) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: verb + " ID...", Short: short, Args: cobra.MinimumNArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			var done []T
			for _, id := range args {
				var x T
				req := client.Request{Method: http.MethodPost, Path: path + url.PathEscape(id) + "/" + verb, Body: rest.Decision{Reason: reason}}
				if err := c.Do(cmd.Context(), req, &x); err != nil {
					return fmt.Errorf("%s %s: %w", verb, id, err)
				}
				done = append(done, x)
			}
			return a.print(done, func() output.Table {
				t := output.Table{Header: header}
				for _, x := range done {
					t.Rows = append(t.Rows, row(x, a.env.Now()))
				}
				return t
			})
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", why)
	return cmd
}
