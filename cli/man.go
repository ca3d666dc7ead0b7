package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/reference"
	"maestro.internal/internal/build"
)

// man writes the manual pages of all commands.
func (a *app) man() *cobra.Command {
	return &cobra.Command{
		Use: "man FOLDER", Short: "Write the manual pages into a folder", Args: cobra.ExactArgs(1),
		Example: "  maestro man ~/.local/share/man/man1 && man maestro-get",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("write manual: %w", err)
			}
			root := cmd.Root()
			root.InitDefaultCompletionCmd()
			pages := reference.Man(root, build.Version())
			for name, text := range pages {
				if err := os.WriteFile(filepath.Join(args[0], name), []byte(text), 0o644); err != nil {
					return fmt.Errorf("write manual: %w", err)
				}
			}
			fmt.Fprintf(a.env.Err, "Wrote %d pages into %s.\n", len(pages), args[0])
			return nil
		},
	}
}
