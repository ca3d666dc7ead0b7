package cli

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

func (a *app) why() *cobra.Command {
	var kind, connection string
	var all bool
	cmd := &cobra.Command{
		Use: "why NAME", Short: "Say why something that should be in the inventory is not there", Args: cobra.ExactArgs(1),
		Long: "Say why something that should be in the inventory is not there. NAME is a name, an id, a serial number or any other\n" +
			"identifier, an address, or what its provider calls it. The answer walks the way that it would have come: inventory,\n" +
			"connection, permission, run, spool, receipt, merge, access. With -o json a script finds \"verdict\" (ok: it is there after all) and \"stops_at\".",
		Example: "  maestro why web-17\n  maestro why VMware-421a3bd0 --kind server --connection fra-vcenter",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			q := url.Values{"name": {args[0]}}
			if kind != "" {
				q.Set("kind", kind)
			}
			if connection != "" {
				conn, err := findConnection(cmd.Context(), c, connection)
				if err != nil {
					return err
				}
				q.Set("connection", conn.ID)
			}
			answer, err := client.Get[rest.Why](cmd.Context(), c, "/why", q)
			if err != nil {
				return err
			}
			return a.print(answer, func() output.Table { return whyTable(answer, all) })
		}),
	}
	cmd.Flags().StringVar(&kind, "kind", "", "`kind` that it should be of")
	cmd.Flags().StringVar(&connection, "connection", "", "`connection`, by id or name, that should see it")
	cmd.Flags().BoolVar(&all, "all", false, "print every finding of every step")
	return cmd
}

var verdictWords = map[string]string{"ok": "ok", "stops_here": "stops here", "cannot_tell": "cannot tell"}

// whyTable has a line for each step, and below those that are not well what was found there.
func whyTable(w rest.Why, all bool) output.Table {
	t := output.Table{Header: []string{"step", "verdict", "found"}}
	for _, s := range w.Steps {
		t.Rows = append(t.Rows, []string{s.Step, verdictWords[s.Verdict], s.Found})
		if s.Advice != "" {
			t.Rows = append(t.Rows, []string{"", "", "-> " + s.Advice})
		}
		if !all && s.Verdict == "ok" {
			continue
		}
		shown := 0
		for _, f := range s.Findings {
			if !all && (f.Text == s.Found || f.Verdict == "ok" || shown == 5) {
				continue
			}
			shown++
			t.Rows = append(t.Rows, []string{"", "  " + verdictWords[f.Verdict], f.Text})
			if f.Advice != "" && f.Advice != s.Advice {
				t.Rows = append(t.Rows, []string{"", "", "-> " + f.Advice})
			}
		}
		if s.More > 0 {
			t.Rows = append(t.Rows, []string{"", "", fmt.Sprintf("and %d more", s.More)})
		}
	}
	notes := []string{"", output.Clean(w.Summary)}
	for _, r := range w.Resources {
		line := fmt.Sprintf("%s %s %s (%s), found by %s", r.Resource.Kind, r.Resource.ID, r.Resource.Name, r.Resource.State, r.Detail)
		if r.How == "words" {
			line = fmt.Sprintf("alike: %s %s %s (%s)", r.Resource.Kind, r.Resource.ID, r.Resource.Name, r.Resource.State)
		}
		notes = append(notes, output.Clean(line))
	}
	t.Note = strings.Join(notes, "\n")
	return t
}
