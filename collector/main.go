package collector

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"maestro.internal/internal/build"
	"maestro.internal/internal/config"
)

// Main is the maestro-collector command; it answers the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	root, err := command(stderr)
	if err == nil {
		root.SetArgs(args)
		root.SetOut(stdout)
		root.SetErr(stderr)
		err = root.ExecuteContext(ctx)
	}
	if err != nil {
		fmt.Fprintln(stderr, "maestro-collector:", err)
		return 1
	}
	return 0
}

func command(stderr io.Writer) (*cobra.Command, error) {
	cfg := DefaultConfig()
	var file string
	serve := &cobra.Command{
		Use: "serve", Short: "Run the collector until it is told to stop (the default)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := config.Load(file, EnvPrefix, cmd.Flags(), &cfg); err != nil {
				return err
			}
			return serveUntil(cmd.Context(), cfg, stderr)
		},
	}
	root := &cobra.Command{
		Use: "maestro-collector", Short: "Store, show and steer the inventory", Args: cobra.NoArgs,
		SilenceUsage: true, SilenceErrors: true, RunE: serve.RunE,
	}
	for _, c := range []*cobra.Command{root, serve} {
		c.Flags().StringVar(&file, "config", "", "configuration `file` (YAML)")
		if err := config.Define(c.Flags(), &cfg); err != nil {
			return nil, err
		}
	}
	root.AddCommand(serve, &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), build.Line("maestro-collector"))
			return err
		},
	})
	return root, nil
}

func serveUntil(ctx context.Context, cfg Config, stderr io.Writer) error {
	log, err := newLogger(cfg.Log, stderr)
	if err != nil {
		return err
	}
	c, err := New(ctx, cfg, Options{Log: log})
	if err != nil {
		return err
	}
	err = c.Run(ctx)
	if e := c.Close(); err == nil {
		err = e
	}
	return err
}

func newLogger(cfg LogConfig, w io.Writer) (*slog.Logger, error) {
	level, err := cfg.level()
	if err != nil {
		return nil, err
	}
	opt := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opt)), nil
	}
	return slog.New(slog.NewTextHandler(w, opt)), nil
}
