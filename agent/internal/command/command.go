// Package command is the agent's command line. It is apart from main so that tests run the commands as they are.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"maestro.internal/agent"
	"maestro.internal/agent/internal/credential"
	"maestro.internal/internal/build"
	"maestro.internal/internal/config"
)

// Exit codes for scripts.
const (
	ExitOK      = 0
	ExitFailed  = 1
	ExitUsage   = 2
	ExitPartial = 3
)

// exit is an error that carries its code and has been said already.
type exit struct{ code int }

func (e exit) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// usage marks a mistake on the command line.
type usage struct{ error }

// Main runs one command and answers the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var code exit
	var wrong usage
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &code):
		return code.code
	case errors.As(err, &wrong), agent.Misused(err):
		fmt.Fprintf(stderr, "maestro-agent: %v\n", err)
		return ExitUsage
	}
	fmt.Fprintf(stderr, "maestro-agent: %v\n", err)
	return ExitFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "maestro-agent",
		Short: "Reads what is in this network and pushes it to a Maestro collector",
		Long: "Reads what is in this network through provider plugins and pushes it to a Maestro collector.\n" +
			"Without a command it serves. Configuration: file (--config), then " + agent.EnvPrefix + "_* variables, then flags.\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage or configuration; of run and check 3 when only a part could be read.",
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.NoArgs,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage{err} })
	cfg := agent.DefaultConfig()
	root.PersistentFlags().String("config", os.Getenv(agent.EnvPrefix+"_CONFIG"), "Configuration file (YAML).")
	if err := config.Define(root.PersistentFlags(), &cfg); err != nil {
		panic(err) // the struct is ours; any test finds this
	}
	serve := serveCommand()
	root.RunE = serve.RunE
	root.AddCommand(serve, enrollCommand(), statusCommand(), versionCommand(), runCommand(), checkCommand(), describeCommand(), supportCommand())
	wrapArgs(root)
	return root
}

// wrapArgs makes cobra's complaints about arguments usage errors.
func wrapArgs(c *cobra.Command) {
	check := c.Args
	c.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usage{err}
		}
		return nil
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}

// load reads the configuration for a command.
func load(cmd *cobra.Command) (agent.Config, error) {
	cfg := agent.DefaultConfig()
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return cfg, err
	}
	if err := config.Load(path, agent.EnvPrefix, cmd.Flags(), &cfg); err != nil {
		return cfg, usage{err}
	}
	return cfg, nil
}

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Run the agent (the default)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg, err := load(cmd)
			if err != nil {
				return err
			}
			log, err := cfg.Log.Logger(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			a, err := agent.New(cfg, agent.Options{Log: log})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, a.Close()) }()
			return a.Run(cmd.Context())
		},
	}
}

func enrollCommand() *cobra.Command {
	return &cobra.Command{
		Use: "enroll", Short: "Bind this agent to a collector with a join token, and end", Args: cobra.NoArgs,
		Long: "Bind this agent to a collector. The single-use join token is asked for, or read from --join-token-file (- is standard\n" +
			"input) or " + agent.EnvPrefix + "_JOIN_TOKEN. It names the collector's authority, so nothing else needs to be trusted.\n" +
			"Where the collector wants somebody to let new agents in, this waits until he has, and says so.",
		Example: "  maestro-agent enroll --collector maestro.example.org:7071",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg, err := load(cmd)
			if err != nil {
				return err
			}
			log, err := cfg.Log.Logger(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := askForToken(cmd, &cfg); err != nil {
				return err
			}
			a, err := agent.New(cfg, agent.Options{Log: log})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, a.Close()) }()
			return a.Enroll(cmd.Context())
		},
	}
}

// askForToken takes the join token from where a person gives it: neither the history of a shell nor a list of processes shows it.
func askForToken(cmd *cobra.Command, cfg *agent.Config) error {
	in := cmd.InOrStdin()
	if cfg.JoinTokenFile == "-" {
		b, err := io.ReadAll(io.LimitReader(in, 4096))
		if err != nil {
			return fmt.Errorf("read join token: %w", err)
		}
		cfg.JoinToken, cfg.JoinTokenFile = credential.NewSecret(strings.TrimSpace(string(b))), ""
		return nil
	}
	file, ok := in.(*os.File)
	if cfg.JoinTokenFile != "" || cfg.JoinToken.Reveal() != "" || !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	fmt.Fprint(cmd.ErrOrStderr(), "Join token (it is not shown): ")
	b, err := term.ReadPassword(int(file.Fd()))
	fmt.Fprintln(cmd.ErrOrStderr())
	if err != nil {
		return fmt.Errorf("read join token: %w", err)
	}
	cfg.JoinToken = credential.NewSecret(strings.TrimSpace(string(b)))
	return nil
}

func versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Say which version this is", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), build.Line("maestro-agent"))
			return err
		}}
}

func statusCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "status", Short: "Say how the agent that runs here stands", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "json" && output != "text" {
				return usage{fmt.Errorf("--output %s: want text or json", output)}
			}
			cfg, err := load(cmd)
			if err != nil {
				return err
			}
			st, err := agent.ReadStatus(cfg.DataDir)
			if err != nil {
				return err
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(st)
			}
			return showStatus(cmd.OutOrStdout(), st)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json.")
	return cmd
}

func showStatus(out io.Writer, st agent.Status) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	if st.Waiting != nil {
		fmt.Fprintf(w, "agent\twaiting for approval since %s (version %s, pid %d)\n", st.Waiting.Since.Local().Format(time.DateTime), st.Version, st.PID)
		fmt.Fprintf(w, "key\t%s\n", st.Waiting.Key)
		fmt.Fprintf(w, "collector\t%s\n", st.Waiting.For)
		return w.Flush()
	}
	link := "no session: " + st.Uplink.Problem
	if st.Uplink.Connected {
		link = "connected since " + st.Uplink.Since.Local().Format(time.DateTime)
	}
	fmt.Fprintf(w, "agent\t%s (version %s, pid %d)\n", st.AgentID, st.Version, st.PID)
	fmt.Fprintf(w, "collector\t%s, %s\n", st.Collector, link)
	fmt.Fprintf(w, "certificate\tvalid until %s\n", st.CertificateNotAfter.Local().Format(time.DateTime))
	fmt.Fprintf(w, "sealing key\t%s\n", st.SealingKey)
	fmt.Fprintf(w, "copy\t%s\n", st.Copy)
	fmt.Fprintf(w, "spool\t%d captures of %d runs wait, %d of %d bytes\n", st.Spool.Captures, st.Spool.Runs, st.Spool.Bytes, st.Spool.MaxBytes)
	for _, r := range st.Running {
		fmt.Fprintf(w, "running\t%s of connection %s: %s, %d resources\n", r.RunID, r.Connection, r.Phase, r.Listed)
	}
	for _, n := range st.Spool.Notices {
		fmt.Fprintf(w, "notice\t%s\n", n)
	}
	return w.Flush()
}
