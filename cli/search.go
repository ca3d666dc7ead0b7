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

// addPast is for what can be shown as it was.
func (f *listFlags) addPast(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.asOf, "as-of", "", "`moment` to look back to: 2026-11-01, 2026-11-01T08:00:00Z, -3d, monday")
}

// past makes of what was typed the moment that the collector is asked for.
func (f *listFlags) past(now time.Time) error {
	if f.asOf == "" {
		return nil
	}
	at, err := moment(f.asOf, now)
	if err != nil {
		return usageError{fmt.Errorf("--as-of: %w", err)}
	}
	f.asOf = at.UTC().Format(time.RFC3339Nano)
	return nil
}

// search finds resources of all kinds.
func (a *app) search() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:   "search [WORD...]",
		Short: "Find resources of all kinds by words, an address, a range, a MAC or an id",
		Example: `  maestro search web frankfurt
  maestro search 10.1.4.7
  maestro search -f 'datacenter = "Frankfurt" AND state = gone' --order-by 'updated_at desc'
  maestro search web --as-of monday`,
		Args: cobra.ArbitraryArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := flags.past(a.env.Now()); err != nil {
				return err
			}
			query := flags.query()
			query.Set("q", strings.Join(args, " "))
			list, err := client.All[rest.ResourceHead](cmd.Context(), c, "/resources", query, flags.limit)
			if err != nil {
				return err
			}
			return a.print(list, func() output.Table { return searchTable(list, flags.asOf, a.env.Now()) })
		}),
	}
	flags.add(cmd)
	flags.addPast(cmd)
	return cmd
}

func searchTable(list rest.List[rest.ResourceHead], asOf string, now time.Time) output.Table {
	t := output.Table{Header: []string{"id", "kind", "name", "datacenter", "state", "changed"}}
	for _, r := range list.Items {
		t.Rows = append(t.Rows, []string{r.ID, r.Kind, r.Name, nameOf(r.Datacenter), r.State, output.Ago(r.UpdatedAt, now)})
	}
	more := ""
	if list.TotalSizeIsLowerBound {
		more = "more than "
	}
	switch {
	case len(list.Items) == 0:
		t.Note = "Nothing is found."
	case len(list.Items) < list.TotalSize:
		t.Note = strconv.Itoa(len(list.Items)) + " of " + more + strconv.Itoa(list.TotalSize) + "; --limit 0 prints all"
	}
	t.Note = asItWas(t.Note, asOf)
	return t
}

// asItWas says below a list of which moment it is.
func asItWas(note, asOf string) string {
	if asOf == "" {
		return note
	}
	return strings.TrimSpace(note + "\nAs it was at " + asOf + ".")
}
