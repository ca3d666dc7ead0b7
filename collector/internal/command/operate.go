package command

import (
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/collector"
)

// operator is for commands that work on the store of the configuration and serve nothing.
func operator(cmd *cobra.Command) (*collector.Operator, error) {
	cfg, err := load(cmd)
	if err != nil {
		return nil, err
	}
	return &collector.Operator{Config: cfg, Out: cmd.OutOrStdout(), Now: time.Now}, nil
}

func exactly(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usage{errWant(what)}
		}
		return nil
	}
}

type errWant string

func (e errWant) Error() string { return "want " + string(e) }

func backupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Write the whole store into a file, while the collector goes on", Args: exactly(1, "one file to write"),
		Long: "Writes the whole store into a file, while the collector goes on. The file is a SQLite database whatever the engine of the\n" +
			"store, and any engine can be restored from it. The master key is not in it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := operator(cmd)
			if err != nil {
				return err
			}
			return o.Backup(cmd.Context(), args[0])
		},
	}
}

func restoreCommand() *cobra.Command {
	var overwrite bool
	c := &cobra.Command{
		Use: "restore FILE", Short: "Put a backup in place of the store; no collector may run", Args: exactly(1, "one file to restore from"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := operator(cmd)
			if err != nil {
				return err
			}
			return o.Restore(cmd.Context(), args[0], overwrite)
		},
	}
	c.Flags().BoolVar(&overwrite, "overwrite", false, "Replace what a MongoDB database holds of the same installation. A SQLite file is put aside instead.")
	return c
}

func migrateCommand() *cobra.Command {
	var from, to string
	var overwrite bool
	c := &cobra.Command{
		Use: "migrate --from STORE --to STORE", Short: "Move the installation from one store to another; no collector may run", Args: exactly(0, "--from and --to only"),
		Long: "Moves the installation from one store to another, and proves by counts and digests that nothing is missing. Stopped, it goes\n" +
			"on when it is run again. STORE is configured (what the configuration says), a SQLite file, mongodb://HOST/DATABASE, or\n" +
			"@FILE with one of these in it, so that a password is on no command line.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := operator(cmd)
			if err != nil {
				return err
			}
			return o.Migrate(cmd.Context(), from, to, overwrite)
		},
	}
	c.Flags().StringVar(&from, "from", "configured", "Store to read.")
	c.Flags().StringVar(&to, "to", "", "Store to write.")
	c.Flags().BoolVar(&overwrite, "overwrite", false, "Replace what the target holds of the same installation.")
	return c
}

func upgradeCommand() *cobra.Command {
	var rehearse bool
	c := &cobra.Command{
		Use: "upgrade", Short: "Bring the store to this release, as the collector does when it starts", Args: exactly(0, "no arguments"),
		Long: "Brings the store to this release, after a backup into data_dir/backups, as the collector does by itself when it starts.\n" +
			"With --rehearse it does so to a copy, says what was done and how long it took, and removes the copy.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := operator(cmd)
			if err != nil {
				return err
			}
			return o.Upgrade(cmd.Context(), rehearse)
		},
	}
	c.Flags().BoolVar(&rehearse, "rehearse", false, "Do it to a copy and remove that.")
	return c
}

func verifyCommand() *cobra.Command {
	var expect []string
	c := &cobra.Command{
		Use: "verify", Short: "Find changes and audit entries that were removed, edited or put in", Args: exactly(0, "no arguments"),
		Long: "Reads the whole history and compares it with the signed checkpoints. It needs the master key, and may run beside a collector.\n" +
			"Keep the hashes that it prints somewhere else: given with --expect, they prove later that the end was not cut off.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := operator(cmd)
			if err != nil {
				return err
			}
			return o.Verify(cmd.Context(), expect)
		},
	}
	c.Flags().StringSliceVar(&expect, "expect", nil, "Hash of a checkpoint that must be there.")
	return c
}
