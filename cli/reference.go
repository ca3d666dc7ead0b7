package cli

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

func (a *app) reference() *cobra.Command {
	cmd := &cobra.Command{
		Use: "reference", Short: "Print which files of end-of-support dates and list prices are applied", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			return printList(a, cmd, c, "/reference", listFlags{limit: 100}, []string{"file", "version", "date", "entries", "from"}, func(x rest.ReferenceFile, _ time.Time) []string {
				from := "the collector's folder"
				if x.Shipped {
					from = "shipped"
				}
				return []string{x.Name, x.Version, x.Date.Format(time.DateOnly), strconv.Itoa(x.Entries), from}
			})
		}),
	}
	cmd.AddCommand(a.referencePreview())
	return cmd
}

func (a *app) referencePreview() *cobra.Command {
	return &cobra.Command{
		Use: "preview FILE", Short: "Say what a file would change before it goes into the collector's folder", Args: cobra.ExactArgs(1),
		Long: "Say what end-of-support.yaml or prices.yaml would change: entries of the file that is applied now, and resources. Nothing is written;\n" +
			"the file counts once it lies in the collector's reference folder and the collector was restarted.",
		Example: "  maestro reference preview prices.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("read reference file: %w", err)
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			var p rest.ReferencePreview
			req := client.Request{Method: http.MethodPost, Path: "/reference/preview", Body: rest.ReferenceTry{Name: filepath.Base(args[0]), Text: string(text)}}
			if err := c.Do(cmd.Context(), req, &p); err != nil {
				return err
			}
			return a.print(p, func() output.Table { return referenceTable(p) })
		},
	}
}

func referenceTable(p rest.ReferencePreview) output.Table {
	t := output.Table{Header: []string{"entry", "is", "would be"}}
	for _, e := range p.Entries {
		t.Rows = append(t.Rows, []string{output.Clean(e.Entry), cmp.Or(output.Clean(e.Old), "-"), cmp.Or(output.Clean(e.New), "-")})
	}
	t.Note = fmt.Sprintf("%d entries would be new, %d others, %d gone; %d of the %d resources looked at would change", p.Added, p.Changed, p.Removed, p.Effect.Changed, p.Effect.Looked)
	if p.Effect.Looked < p.Effect.Total {
		t.Note += fmt.Sprintf("; there are %d", p.Effect.Total)
	}
	return t
}
