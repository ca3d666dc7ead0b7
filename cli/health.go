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

func (a *app) connectionHealth() *cobra.Command {
	var datacenter, provider, filter string
	var bad bool
	cmd := &cobra.Command{
		Use: "health", Short: "Print how each kind of each connection stands, and when it was last read completely", Args: cobra.NoArgs,
		Long: "Print a line for each kind that each connection reads: the worst outcome of its scopes, and when it was last read to its end in\n" +
			"all of them. In JSON and YAML a connection is one document with its kinds.",
		Example: "  maestro connections health --datacenter fra\n  maestro connections health --provider aws --bad\n  maestro connections health -o json",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			var where []string
			if datacenter != "" {
				where = append(where, "datacenter.name = "+strconv.Quote(datacenter))
			}
			if provider != "" {
				where = append(where, "provider = "+strconv.Quote(provider))
			}
			if filter != "" {
				where = append(where, "("+filter+")")
			}
			flags := listFlags{filter: strings.Join(where, " AND ")}
			list, err := client.All[rest.ConnectionHealth](cmd.Context(), c, "/connections/health", flags.query(), 0)
			if err != nil {
				return err
			}
			if bad {
				list.Items = onlyBad(list.Items)
				list.TotalSize = len(list.Items)
			}
			return a.print(list, func() output.Table { return healthTable(list.Items, a.env.Now()) })
		}),
	}
	cmd.Flags().StringVar(&datacenter, "datacenter", "", "only connections of the `datacenter` with this name")
	cmd.Flags().StringVar(&provider, "provider", "", "only connections of this `provider`")
	cmd.Flags().StringVar(&filter, "filter", "", "only connections that this `expression` takes")
	cmd.Flags().BoolVar(&bad, "bad", false, "only kinds that are not complete, or late")
	return cmd
}

func onlyBad(items []rest.ConnectionHealth) []rest.ConnectionHealth {
	out := []rest.ConnectionHealth{}
	for _, x := range items {
		kinds := []rest.KindHealth{}
		for _, k := range x.Kinds {
			if k.Late || k.Status != "complete" && k.Status != "unsupported" {
				kinds = append(kinds, k)
			}
		}
		if x.Kinds = kinds; len(kinds) > 0 {
			out = append(out, x)
		}
	}
	return out
}

func healthTable(items []rest.ConnectionHealth, now time.Time) output.Table {
	t := output.Table{Header: []string{"connection", "provider", "datacenter", "kind", "status", "scopes", "listed", "last complete", "what happened"}}
	for _, x := range items {
		for _, k := range x.Kinds {
			last := "never"
			if k.LastComplete != nil {
				last = output.Ago(*k.LastComplete, now)
			}
			if k.Late {
				last += " (late)"
			}
			what := k.Error
			if k.Advice != "" {
				what = fmt.Sprintf("%s -> %s", k.Error, k.Advice)
			}
			t.Rows = append(t.Rows, []string{x.Name, x.Provider, nameOf(x.Datacenter), k.Kind, strings.ReplaceAll(k.Status, "_", " "), fmt.Sprintf("%d/%d", k.Complete, k.Scopes), strconv.Itoa(k.Listed), last, what})
		}
	}
	if len(t.Rows) == 0 {
		t.Note = "None."
	}
	return t
}
