package cli

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/schema"
)

func (a *app) explain() *cobra.Command {
	return &cobra.Command{
		Use: "explain KIND", Short: "Say what a kind is made of, and how its things are told apart", Args: cobra.ExactArgs(1),
		Long: "Say what a kind is made of, and how its things are told apart. With a collector at hand it answers for every kind,\nplugins' own included; without one, for the built-in kinds.",
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, err := a.kind(cmd, args[0])
			if err != nil {
				return err
			}
			return a.print(kind.Kind, func() output.Table { return kindTable(kind) })
		},
	}
}

func (a *app) kind(cmd *cobra.Command, name string) (rest.KindInfo, error) {
	c, err := a.client()
	if err != nil {
		if k, ok := schema.Lookup(name); ok {
			return rest.KindInfo{Kind: *k}, nil
		}
		return rest.KindInfo{}, fmt.Errorf("%q is not built in, and for others a collector must be asked: %w", name, err)
	}
	return client.Get[rest.KindInfo](cmd.Context(), c, "/kinds/"+url.PathEscape(name), nil)
}

func kindTable(k rest.KindInfo) output.Table {
	t := output.Table{Header: []string{"field", "type", "unit", "marks", "meaning"}}
	for _, f := range k.Fields {
		t.Rows = append(t.Rows, []string{f.Path, string(f.Type), f.Unit, marks(f), f.Help})
		for _, item := range f.Items {
			if item.Path != "" {
				t.Rows = append(t.Rows, []string{"  " + f.Path + "[]." + item.Path, string(item.Type), item.Unit, marks(item), item.Help})
			}
		}
	}
	notes := []string{"", fmt.Sprintf("%s %d.%d: %s", k.Label, k.Major, k.Minor, k.Summary)}
	for rank := 1; rank <= len(k.Ranks); rank++ {
		for typ, r := range k.Ranks {
			if r == rank {
				notes = append(notes, fmt.Sprintf("joined by %s (rank %d)", typ, rank))
			}
		}
	}
	for _, r := range k.Relations {
		notes = append(notes, fmt.Sprintf("relation %s: %s %s (%s)", r.Alias, r.Verb, r.Target, r.Direction))
	}
	for _, x := range k.Extensions {
		note := fmt.Sprintf("fields %s.* are those of plugin %s %s", x.Provider, x.Provider, x.PluginVersion)
		if x.Approval != "approved" {
			note += " and wait for an administrator: no index, no column, no search until the kind is approved"
		}
		notes = append(notes, note)
	}
	t.Note = strings.Join(notes, "\n")
	return t
}

func marks(f schema.Field) string {
	var m []string
	for _, x := range []struct {
		on   bool
		name string
	}{{f.Column, "column"}, {f.Indexed, "indexed"}, {f.Searchable, "searchable"}, {f.Volatile, "volatile"}, {f.Sensitive, "sensitive"}} {
		if x.on {
			m = append(m, x.name)
		}
	}
	return strings.Join(m, " ")
}
