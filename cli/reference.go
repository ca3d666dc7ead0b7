package cli

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/internal/rest"
)

func (a *app) reference() *cobra.Command {
	return &cobra.Command{
		Use: "reference", Short: "Print which files of end-of-support dates and list prices are applied", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			return printList(a, cmd, c, "/reference", listFlags{limit: 100}, []string{"file", "version", "date", "entries", "from"}, func(x rest.ReferenceFile, _ time.Time) []string {
				from := "the collector's folder"
				if x.Shipped {
					from = "shipped"
				}
				return []string{x.Name, x.Version, x.Date.Format(time.DateOnly), strconv.Itoa(x.Entries), from}
			})
		},
	}
}
