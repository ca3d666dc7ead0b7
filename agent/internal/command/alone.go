package command

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"maestro.internal/agent"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// alone is what the commands that need no collector have in common.
type alone struct {
	plugin     string
	settings   string
	credential string
	kinds      []string
	files      string
	output     string
	quiet      bool
}

func (a *alone) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.plugin, "plugin", "", "Name or path of the plugin.")
	f.StringVar(&a.settings, "settings", "", "File of the connection's settings, YAML or JSON; - is standard input.")
	f.StringVar(&a.credential, "credential", "", "Name of a credential in the credentials file.")
	f.StringSliceVar(&a.kinds, "kinds", nil, "Kinds to read; all that the plugin knows when empty.")
	f.StringVar(&a.files, "files", "", "Folder of files, for plugins that read files uploaded to their connection.")
	f.StringVarP(&a.output, "output", "o", "ndjson", "ndjson or json.")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "No progress, and only errors are logged.")
}

// open makes the agent's parts for one call. The plugin's log goes to stderr from warnings on.
func (a *alone) open(cmd *cobra.Command) (*agent.Alone, agent.Job, error) {
	var job agent.Job
	if a.plugin == "" {
		return nil, job, usage{errors.New("--plugin is required")}
	}
	if a.output != "ndjson" && a.output != "json" {
		return nil, job, usage{fmt.Errorf("--output %s: want ndjson or json", a.output)}
	}
	cfg, err := load(cmd)
	if err != nil {
		return nil, job, err
	}
	level := slog.LevelWarn
	if a.quiet {
		level = slog.LevelError
	}
	if cmd.Flags().Changed("log-level") {
		if err := level.UnmarshalText([]byte(cfg.Log.Level)); err != nil {
			return nil, job, usage{err}
		}
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
	settings, err := a.readSettings(cmd.InOrStdin())
	if err != nil {
		return nil, job, err
	}
	files, err := a.folder()
	if err != nil {
		return nil, job, err
	}
	job = agent.Job{Files: files, Plugin: a.plugin, Settings: settings, Credential: a.credential, Kinds: a.kinds}
	out, err := agent.NewAlone(cfg, log)
	return out, job, err
}

// folder is --files as a path that holds wherever the plugin is started.
func (a *alone) folder() (string, error) {
	if a.files == "" {
		return "", nil
	}
	dir, err := filepath.Abs(a.files)
	if err != nil {
		return "", fmt.Errorf("read --files: %w", err)
	}
	if info, err := os.Stat(dir); err != nil {
		return "", usage{fmt.Errorf("read --files: %w", err)}
	} else if !info.IsDir() {
		return "", usage{fmt.Errorf("--files %s: want a folder", a.files)}
	}
	return dir, nil
}

func (a *alone) readSettings(stdin io.Reader) (json.RawMessage, error) {
	if a.settings == "" {
		return json.RawMessage("{}"), nil
	}
	var b []byte
	var err error
	if a.settings == "-" {
		b, err = io.ReadAll(io.LimitReader(stdin, 4<<20))
	} else {
		b, err = os.ReadFile(a.settings)
	}
	if err != nil {
		return nil, usage{fmt.Errorf("read settings: %w", err)}
	}
	out, err := yaml.YAMLToJSON(b)
	if err != nil {
		return nil, usage{fmt.Errorf("read settings: %s: %w", a.settings, err)}
	}
	var tree map[string]any
	if err := json.Unmarshal(out, &tree); err != nil {
		return nil, usage{fmt.Errorf("read settings: %s is not an object", a.settings)}
	}
	return out, nil
}

func describeCommand() *cobra.Command {
	var a alone
	cmd := &cobra.Command{
		Use: "describe", Short: "Say what a plugin can do", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			parts, job, err := a.open(cmd)
			if err != nil {
				return err
			}
			d, err := parts.Describe(cmd.Context(), job.Plugin)
			if err != nil {
				return err
			}
			return a.encode(cmd.OutOrStdout(), d)
		},
	}
	a.flags(cmd)
	return cmd
}

func (a *alone) encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if a.output == "json" {
		enc.SetIndent("", "  ")
	}
	return enc.Encode(v)
}

func checkCommand() *cobra.Command {
	var a alone
	cmd := &cobra.Command{
		Use: "check", Short: "Say what a connection may read, without a collector", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			parts, job, err := a.open(cmd)
			if err != nil {
				return err
			}
			report, err := parts.Check(cmd.Context(), job)
			if err != nil {
				return err
			}
			if err := a.encode(cmd.OutOrStdout(), report); err != nil {
				return err
			}
			if slices.ContainsFunc(report.Items, func(i provider.CheckItem) bool { return !i.OK }) {
				return exit{ExitPartial}
			}
			return nil
		},
	}
	a.flags(cmd)
	return cmd
}

func runCommand() *cobra.Command {
	var a alone
	cmd := &cobra.Command{
		Use: "run", Short: "Read a connection once and print what is there, without a collector", Args: cobra.NoArgs,
		Long: "Read a connection once and print what is there, one JSON document a line (ndjson) or one document (json).\n" +
			"Exit codes: 0 everything was read, 3 some scopes were not, 1 nothing was, 2 wrong usage: a flag, the\n" +
			"configuration, a kind that the plugin does not read, a setting that is missing, unknown or wrong.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			parts, job, err := a.open(cmd)
			if err != nil {
				return err
			}
			return a.run(cmd.Context(), parts, job, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	a.flags(cmd)
	return cmd
}

func (a *alone) run(ctx context.Context, parts *agent.Alone, job agent.Job, stdout, stderr io.Writer) error {
	p := &printer{out: stdout, lines: a.output == "ndjson", show: newTicker(stderr, a.quiet)}
	began := time.Now()
	result, err := parts.Run(ctx, job, p)
	p.show.clear()
	if err == nil {
		err = p.close(result)
	}
	if err != nil {
		return err
	}
	complete, others := 0, []string{}
	for key, o := range result.Outcomes {
		if o.Status == resource.StatusComplete {
			complete++
		} else {
			others = append(others, strings.TrimSpace(fmt.Sprintf("  %s: %s %s", key, o.Status, o.Error)))
		}
	}
	slices.Sort(others)
	if !a.quiet {
		fmt.Fprintf(stderr, "%d resources, %d of %d scopes complete, %s\n", p.count, complete, len(result.Outcomes),
			time.Since(began).Round(time.Millisecond))
	}
	for _, line := range others {
		fmt.Fprintln(stderr, line)
	}
	switch {
	case result.Error != "":
		fmt.Fprintf(stderr, "maestro-agent: %s\n", result.Error)
		if result.Misused {
			return exit{ExitUsage}
		}
		if complete == 0 {
			return exit{ExitFailed}
		}
		return exit{ExitPartial}
	case complete == 0 && len(result.Outcomes) > 0 && !result.Complete:
		return exit{ExitFailed}
	case !result.Complete:
		return exit{ExitPartial}
	}
	return nil
}

// printer writes resources as they come.
type printer struct {
	out    io.Writer
	lines  bool
	count  int
	plan   provider.Plan
	show   *ticker
	opened bool
}

type line struct {
	Type     string            `json:"type"`
	Plan     *provider.Plan    `json:"plan,omitempty"`
	Scope    string            `json:"scope,omitempty"`
	Hash     string            `json:"hash,omitempty"`
	Resource json.RawMessage   `json:"resource,omitempty"`
	Volatile json.RawMessage   `json:"volatile,omitempty"`
	Outcome  *resource.Outcome `json:"outcome,omitempty"`
	Error    string            `json:"error,omitempty"`
}

func (p *printer) write(v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	p.show.clear()
	_, err = p.out.Write(b)
	return err
}

// encode leaves < and & as they are: the bytes of a resource are what its hash is over.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// Plan is the first line.
func (p *printer) Plan(plan provider.Plan) error {
	p.plan = plan
	if p.lines {
		return p.write(line{Type: "plan", Plan: &plan})
	}
	return nil
}

// Resource is a line, or an element of the one document's list.
func (p *printer) Resource(scope string, r agent.Resource) error {
	p.count++
	if p.lines {
		return p.write(line{Type: "resource", Scope: scope, Hash: r.Hash, Resource: r.Canonical, Volatile: r.Volatile})
	}
	before := ",\n    "
	if !p.opened {
		p.opened = true
		before = "{\n  \"resources\": [\n    "
	}
	b, err := encode(line{Type: "resource", Scope: scope, Hash: r.Hash, Resource: r.Canonical, Volatile: r.Volatile})
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(p.out, before, strings.TrimSpace(string(b)))
	return err
}

// Outcome says how a scope ended.
func (p *printer) Outcome(scope string, o resource.Outcome) error {
	if p.lines {
		return p.write(line{Type: "outcome", Scope: scope, Outcome: &o})
	}
	return nil
}

// Progress is shown on a terminal only.
func (p *printer) Progress(text string) { p.show.tell(text) }

func (p *printer) close(result agent.Result) error {
	if p.lines {
		return p.write(line{Type: "end", Error: result.Error})
	}
	start := "\n  ],\n"
	if !p.opened {
		start = "{\n  \"resources\": [],\n"
	}
	rest, err := json.MarshalIndent(struct {
		Plan     provider.Plan               `json:"plan"`
		Outcomes map[string]resource.Outcome `json:"outcomes"`
		Error    string                      `json:"error,omitempty"`
	}{p.plan, result.Outcomes, result.Error}, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "%s%s\n", start, strings.TrimPrefix(string(rest), "{\n"))
	return err
}

// ticker is one line on a terminal that is written over.
type ticker struct {
	out   io.Writer
	width int
}

func newTicker(w io.Writer, quiet bool) *ticker {
	file, ok := w.(*os.File)
	if quiet || !ok || !term.IsTerminal(int(file.Fd())) {
		return &ticker{}
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		width = 80
	}
	return &ticker{out: w, width: cmp.Or(width, 80)}
}

func (t *ticker) tell(text string) {
	if t.out == nil {
		return
	}
	if r := []rune(text); len(r) >= t.width {
		text = string(r[:t.width-1])
	}
	fmt.Fprintf(t.out, "\r\x1b[K%s", text)
}

func (t *ticker) clear() {
	if t.out != nil {
		fmt.Fprint(t.out, "\r\x1b[K")
	}
}
