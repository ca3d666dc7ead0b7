// Package command is the collector's command line. It is apart from main so that tests run the commands as they are.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"maestro.internal/collector"
	"maestro.internal/internal/build"
	"maestro.internal/internal/config"
)

// Exit codes.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2
)

// usage marks a mistake on the command line or in the configuration.
type usage struct{ error }

// Main runs one command and answers the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root, err := newRoot()
	if err == nil {
		root.SetArgs(args)
		root.SetOut(stdout)
		root.SetErr(stderr)
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		return ExitOK
	}
	fmt.Fprintf(stderr, "maestro-collector: %v\n", err)
	if errors.As(err, &usage{}) {
		return ExitUsage
	}
	return ExitFailed
}

func newRoot() (*cobra.Command, error) {
	serve := serveCommand()
	root := &cobra.Command{
		Use: "maestro-collector", Short: "Keeps the inventory and answers people and agents",
		Long: "Keeps the inventory and answers people and agents. Without a command it serves.\n" +
			"Configuration: file (--config), then " + collector.EnvPrefix + "_* variables, then flags.\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.",
		SilenceErrors: true, SilenceUsage: true, CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args: cobra.NoArgs, RunE: serve.RunE,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage{err} })
	cfg := collector.DefaultConfig()
	root.PersistentFlags().String("config", os.Getenv(collector.EnvPrefix+"_CONFIG"), "Configuration file (YAML).")
	if err := config.Define(root.PersistentFlags(), &cfg); err != nil {
		return nil, err
	}
	root.AddCommand(serve, backupCommand(), restoreCommand(), migrateCommand(), upgradeCommand(), verifyCommand(), versionCommand())
	return root, nil
}

// load reads the configuration for a command. A mistake in it is one of usage.
func load(cmd *cobra.Command) (collector.Config, error) {
	cfg := collector.DefaultConfig()
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return cfg, err
	}
	if err := config.Load(path, collector.EnvPrefix, cmd.Flags(), &cfg); err != nil {
		return cfg, usage{err}
	}
	return cfg, nil
}

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Run the collector (the default)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg, err := load(cmd)
			if err != nil {
				return err
			}
			log, err := cfg.Log.Logger(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if os.Getenv("GOGC") == "" {
				// A push makes garbage by the gigabyte and keeps little of it; looking for it sooner costs some CPU and saves as much memory as lives.
				debug.SetGCPercent(50)
			}
			c, err := collector.New(cmd.Context(), cfg, collector.Options{Log: log})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, c.Close()) }()
			return c.Run(cmd.Context())
		},
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Say which version this is", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), build.Line("maestro-collector"))
			return err
		}}
}
