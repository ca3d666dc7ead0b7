// Package cli is the maestro command: a client of the collector's REST API, and `maestro dev`, which starts the
// sibling binaries on one machine.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/contexts"
	"maestro.internal/cli/internal/output"
	"maestro.internal/cli/internal/progress"
	"maestro.internal/internal/build"
)

// Exit codes, for scripts.
const (
	exitOK       = 0
	exitFailed   = 1 // anything else
	exitUsage    = 2 // the command line is off
	exitPartial  = 3 // a run ended, but not every scope of it was complete
	exitDenied   = 4 // not signed in, or not allowed
	exitNotFound = 5
)

// errPartial ends a command with exitPartial after it has said everything.
var errPartial = errors.New("not every scope was complete")

// usageError is a mistake on the command line.
type usageError struct{ error }

// Environment is what the command takes from the system.
type Environment struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	Now      func() time.Time
	// Terminal says that Out is looked at by a person, ErrTerminal that Err is.
	Terminal, ErrTerminal bool
	// ReadPassword asks without echo; nil when there is no terminal.
	ReadPassword func(prompt string) (string, error)
}

// System is the real environment.
func System() Environment {
	env := Environment{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Now: time.Now}
	env.Terminal, env.ErrTerminal = term.IsTerminal(int(os.Stdout.Fd())), term.IsTerminal(int(os.Stderr.Fd()))
	if fd := int(os.Stdin.Fd()); term.IsTerminal(fd) {
		env.ReadPassword = func(prompt string) (string, error) {
			fmt.Fprint(os.Stderr, prompt)
			b, err := term.ReadPassword(fd)
			fmt.Fprintln(os.Stderr)
			return string(b), err
		}
	}
	return env
}

// app is one execution of the command.
type app struct {
	env     Environment
	format  string
	fields  []string
	context string
	tenant  string
	timeout time.Duration
}

// Main runs the command line and answers the exit code.
func Main(args []string, env Environment) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(&app{env: env})
	root.SetArgs(args)
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	return exitCode(plainUsage(root.ExecuteContext(ctx)), env.Err)
}

// plainUsage tells cobra's complaints about an unknown command or a missing flag, which have no type of their own, on one line and
// as what they are.
func plainUsage(err error) error {
	switch {
	case err == nil:
		return nil
	case strings.HasPrefix(err.Error(), "required flag(s)"):
		return usageError{err}
	case !strings.HasPrefix(err.Error(), "unknown command "):
		return err
	}
	text, suggestions, found := strings.Cut(err.Error(), "Did you mean this?")
	text = strings.TrimSpace(text)
	if found {
		text += "; did you mean " + strings.Join(strings.Fields(suggestions), " or ") + "?"
	}
	return usageError{errors.New(text)}
}

func exitCode(err error, w io.Writer) int {
	if err == nil {
		return exitOK
	}
	if !errors.Is(err, errPartial) {
		fmt.Fprintln(w, "maestro:", output.Clean(err.Error()))
	}
	var usage usageError
	switch {
	case errors.Is(err, errPartial):
		return exitPartial
	case errors.As(err, &usage):
		return exitUsage
	case client.IsStatus(err, http.StatusBadRequest), client.IsStatus(err, http.StatusUnprocessableEntity):
		return exitUsage // the collector does not understand what was asked for: a filter, a kind, a document
	case client.IsStatus(err, http.StatusUnauthorized), client.IsStatus(err, http.StatusForbidden):
		return exitDenied
	case client.IsStatus(err, http.StatusNotFound):
		return exitNotFound
	}
	return exitFailed
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "maestro",
		Short: "Ask and steer the inventory of all your datacenters",
		Long: `Ask and steer the inventory of all your datacenters.

The collector is the one of ` + "`maestro login`" + `, of --context, or of MAESTRO_URL and MAESTRO_TOKEN.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a run was partial, 4 not signed in or not allowed, 5 not found.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		// Before anything is asked or done: a wrong -o would only be seen when it is too late.
		PersistentPreRunE: func(*cobra.Command, []string) error { return asUsage(a.style().Check()) },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().StringVarP(&a.format, "output", "o", "table", "how to print: "+strings.Join(output.Formats, ", "))
	root.PersistentFlags().StringSliceVar(&a.fields, "fields", nil, "`names` of the only fields to print, separated by commas: name,os.name,tags.env")
	root.PersistentFlags().StringVar(&a.context, "context", "", "`name` of the collector to ask, as given to login")
	root.PersistentFlags().StringVar(&a.tenant, "tenant", "", "`id` of the tenant to ask, of those that you have signed in to with login --tenant")
	root.PersistentFlags().DurationVar(&a.timeout, "timeout", time.Minute, "how long to wait for an answer: a list of the past of a large site may take minutes")
	root.AddCommand(
		a.login(),
		a.contexts(),
		a.get(),
		a.search(),
		a.why(),
		a.coverage(),
		a.reference(),
		a.merge(),
		a.split(),
		a.review(),
		a.prefixes(),
		a.run(),
		a.runs(),
		a.agents(),
		a.plugins(),
		a.connections(),
		a.datacenters(),
		a.seal(),
		a.sealed(),
		a.explain(),
		a.diff(),
		a.history(),
		a.removals(),
		a.approvals(),
		a.apply(),
		a.ansibleInventory(),
		a.audit(),
		a.kinds(),
		a.mapping(),
		a.users(),
		a.roles(),
		a.teams(),
		a.tokens(),
		a.tenants(),
		a.access(),
		a.staleness(),
		a.options(),
		a.dev(),
		a.version(),
		a.importFile(),
		a.importMappings(),
		a.export(),
		a.edit(),
		a.deleteRecord(),
		a.undo(),
		a.operations(),
		a.man(),
		a.supportBundle(),
	)
	for _, c := range root.Commands() {
		wrapArgs(c)
	}
	cobra.CheckErr(root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "yaml", "csv", "template="}, cobra.ShellCompDirectiveNoFileComp)))
	a.complete(root)
	root.SetOut(a.env.Out)
	completeInPlainBash(root)
	return root
}

// wrapArgs makes cobra's complaints about arguments usage errors.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			switch {
			case err == nil:
				return nil
			case strings.HasPrefix(err.Error(), "accepts "), strings.HasPrefix(err.Error(), "requires "):
				return usageError{fmt.Errorf("want %s, and %d came after it; %s --help says more", strings.TrimSuffix(cmd.UseLine(), " [flags]"), len(args), cmd.CommandPath())}
			}
			return usageError{err}
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}

// online runs what talks to the chosen collector. Commands with usage to check first ask for the client themselves, after it: a wrong
// command line is told even by somebody who is not signed in.
func (a *app) online(run func(cmd *cobra.Command, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := a.client()
		if err != nil {
			return err
		}
		return run(cmd, c, args)
	}
}

// client is the one for the chosen collector.
func (a *app) client() (*client.Client, error) {
	if u := a.env.Getenv("MAESTRO_URL"); u != "" && a.context == "" {
		return a.inTenant(newClient(u, a.env.Getenv("MAESTRO_TOKEN")))
	}
	path, err := contexts.Path(a.env.Getenv)
	if err != nil {
		return nil, err
	}
	file, err := contexts.Load(path)
	if err != nil {
		return nil, err
	}
	chosen, err := file.Choose(a.context)
	if err != nil && a.context != "" {
		return nil, usageError{err}
	}
	if err != nil {
		return nil, err
	}
	if chosen, err = file.In(chosen, a.tenant); err != nil {
		return nil, usageError{err}
	}
	return a.inTenant(newClient(chosen.URL, chosen.Token))
}

// inTenant makes the collector refuse a token of another tenant than the one that was asked for, and waits for it as long as was said.
func (a *app) inTenant(c *client.Client, err error) (*client.Client, error) {
	if err == nil {
		c.Tenant = a.tenant
		c.WaitFor(a.timeout)
		bar := a.progress()
		c.Looked = func(resources int) {
			if resources == 0 {
				bar.Done("")
				return
			}
			bar.Set(fmt.Sprintf("Looked through %d resources as they were, and looking on.", resources), 0, 0)
		}
	}
	return c, err
}

// newClient fails only for an address that is none.
func newClient(base, token string) (*client.Client, error) {
	c, err := client.New(base, client.Secret(token), http.DefaultTransport)
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

func (a *app) style() output.Style {
	return output.Style{Format: a.format, Fields: a.fields, Terminal: a.env.Terminal}
}

func (a *app) print(value any, table func() output.Table) error {
	return asUsage(output.Print(a.env.Out, a.style(), value, table))
}

func asUsage(err error) error {
	if errors.Is(err, output.ErrUsage) {
		return usageError{err}
	}
	return err
}

// progress shows how far something is; where a program reads the answer, only to a person.
func (a *app) progress() *progress.Bar {
	return progress.New(a.env.Err, a.env.ErrTerminal, a.format != "table", a.env.Now)
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{"version": build.Version(), "commit": build.Commit()}
			return a.print(v, func() output.Table { return output.Table{Note: build.Line("maestro")} })
		},
	}
}
