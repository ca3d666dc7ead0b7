package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/provider"
)

const (
	pluginPrefix = "maestro-plugin-"
	// look is how often the binary is looked at; a file that was written within the last look is not complete yet.
	look = 500 * time.Millisecond
	// describeWithin is how long a plugin may take to say what it is.
	describeWithin = 30 * time.Second
)

// workshop is a plugin under development: its binary is watched, and each time it was built anew it is put in front of the agent,
// described, checked and run twice.
type workshop struct {
	site  *site
	path  string
	agent string
	// provider is known when the plugin has described itself once.
	provider string
	seen     stamp
}

// stamp tells one build of a file from the next.
type stamp struct {
	at   time.Time
	size int64
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return stamp{}, fmt.Errorf("%s is no program", path)
	}
	return stamp{info.ModTime(), info.Size()}, nil
}

// pluginDir is where the agent finds plugins: the siblings' own folder, or for a workshop one with links to them, so that nothing is
// written beside them.
func (s *site) pluginDir() (string, error) {
	if s.opt.Plugin == "" {
		return s.opt.BinDir, nil
	}
	dir := s.path("plugins")
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("clear plugin folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make plugin folder: %w", err)
	}
	siblings, err := filepath.Glob(filepath.Join(s.opt.BinDir, pluginPrefix+"*"))
	if err != nil {
		return "", fmt.Errorf("find plugins: %w", err)
	}
	for _, path := range siblings {
		if err := os.Symlink(path, filepath.Join(dir, filepath.Base(path))); err != nil {
			return "", fmt.Errorf("link plugin: %w", err)
		}
	}
	return dir, nil
}

// run works on the plugin until ctx is done. What is wrong with the plugin is said, and the next build awaited.
func (w *workshop) run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for first := true; ; first = false {
		now, err := stampOf(w.path)
		switch {
		case err != nil && first:
			return fmt.Errorf("find plugin: %w", err)
		case err == nil && now != w.seen && w.site.opt.Now().Sub(now.at) >= look:
			w.seen = now
			if err := w.load(ctx); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				w.site.say("  %s", output.Clean(err.Error()))
			}
			w.site.say("\nWatching %s: build it anew and it is loaded again.", w.path)
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-w.site.procs.ended:
			return err
		case <-tick.C:
		}
	}
}

// load is one turn with a build of the plugin.
func (w *workshop) load(ctx context.Context) error {
	w.site.say("\n%s  loading %s", w.site.opt.Now().Format(time.TimeOnly), w.path)
	d, err := w.describe(ctx)
	if err != nil {
		return err
	}
	w.site.say("%s", describeText(d))
	for _, h := range hints(d) {
		w.site.say("  hint: %s", h)
	}
	w.conform(ctx)
	if err := w.install(ctx, d.Provider); err != nil {
		return err
	}
	conn, err := w.connect(ctx, d)
	if err != nil {
		return fmt.Errorf("make a connection: %w; say what its settings are with --plugin-settings FILE, and its credential with --plugin-credential NAME", err)
	}
	w.check(ctx, conn)
	first, err := w.read(ctx, conn, "first run")
	if err != nil {
		return err
	}
	second, err := w.read(ctx, conn, "second run")
	if err != nil {
		return err
	}
	if n := second.Created + second.Updated + second.Gone; n > 0 && first.State == second.State {
		w.site.say("  hint: the second run changed %d things. Unless they really did, mark what differs at every reading as volatile, and lists without an order as sets", n)
	}
	return nil
}

// describe has the agent's own supervisor start the plugin, so that what is wrong with it is found the same way as at a site.
func (w *workshop) describe(ctx context.Context) (d provider.Description, err error) {
	ctx, cancel := context.WithTimeout(ctx, describeWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(w.site.opt.BinDir, "maestro-agent"), "describe", "--plugin", w.path, "--data-dir", w.site.path("workshop"))
	cmd.Env = cleanEnvironment()
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		lines := strings.Split(strings.TrimSpace(string(exit.Stderr)), "\n")
		return d, fmt.Errorf("the plugin does not describe itself: %s", strings.TrimPrefix(lines[len(lines)-1], "maestro-agent: "))
	}
	if err != nil {
		return d, fmt.Errorf("describe plugin: %w", err)
	}
	if err := json.Unmarshal(out, &d); err != nil {
		return d, fmt.Errorf("read description: %w", err)
	}
	return d, nil
}

func describeText(d provider.Description) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, provider %s\n", output.Clean(d.Title), output.Clean(d.Version), output.Clean(d.Provider))
	fmt.Fprintf(&b, "  %-28s %-9s %s\n", "KIND", "EVERY", "FIELDS")
	for _, k := range d.Kinds {
		var schema struct {
			Properties map[string]any `json:"properties"`
		}
		fields := "as built in"
		if len(k.Schema) > 0 && json.Unmarshal(k.Schema, &schema) == nil {
			fields = fmt.Sprint(len(schema.Properties))
		}
		every := "usual"
		if k.IntervalSeconds > 0 {
			every = output.Span(time.Duration(k.IntervalSeconds) * time.Second)
		}
		fmt.Fprintf(&b, "  %-28s %-9s %s\n", output.Clean(k.Kind), every, fields)
	}
	var settings struct {
		Properties map[string]struct {
			Type        any    `json:"type"`
			Description string `json:"description"`
		} `json:"properties"`
		Required []string `json:"required"`
	}
	if json.Unmarshal(d.Settings, &settings) == nil && len(settings.Properties) > 0 {
		b.WriteString("  settings:")
		for _, name := range sortedKeys(settings.Properties) {
			mark := ""
			for _, r := range settings.Required {
				if r == name {
					mark = " (required)"
				}
			}
			fmt.Fprintf(&b, "\n    %-26s %v%s %s", output.Clean(name), settings.Properties[name].Type, mark, output.Clean(settings.Properties[name].Description))
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// hints are what a plugin can do without and its users cannot.
func hints(d provider.Description) (out []string) {
	hint := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if d.Title == "" || d.Title == d.Provider {
		hint("give it a title that people know it by")
	}
	if d.Version == "" {
		hint("give it a version; the collector tells plugins of two versions apart by it")
	}
	if len(d.Kinds) == 0 {
		hint("it reads no kind")
	}
	for _, k := range d.Kinds {
		if len(k.Permissions) == 0 && k.Policy == "" {
			hint("%s: say which permissions it needs", output.Clean(k.Kind))
		}
		var schema struct {
			Properties map[string]struct {
				Title string `json:"title"`
			} `json:"properties"`
		}
		if len(k.Schema) == 0 || json.Unmarshal(k.Schema, &schema) != nil {
			continue
		}
		bare := 0
		for _, p := range schema.Properties {
			if p.Title == "" {
				bare++
			}
		}
		if bare > 0 {
			hint("%s: %d of %d fields have no title; lists and forms then show their names", output.Clean(k.Kind), bare, len(schema.Properties))
		}
	}
	return out
}

// install puts the binary in front of the agent, whole, and has the agent start with it.
func (w *workshop) install(ctx context.Context, name string) error {
	if w.provider != "" && name != w.provider {
		return fmt.Errorf("the provider was %s and is %s now: end this and begin again", w.provider, name)
	}
	b, err := os.ReadFile(w.path)
	if err != nil {
		return fmt.Errorf("read plugin: %w", err)
	}
	to := filepath.Join(w.site.path("plugins"), pluginPrefix+name)
	if err := os.WriteFile(to+".new", b, 0o700); err != nil {
		return fmt.Errorf("install plugin: %w", err)
	}
	if err := os.Rename(to+".new", to); err != nil {
		return fmt.Errorf("install plugin: %w", err)
	}
	w.provider = name
	if err := w.site.procs.end("maestro-agent", 15*time.Second); err != nil {
		return err
	}
	began := w.site.opt.Now()
	if err := w.site.procs.start("maestro-agent", nil, "serve", "--config", w.site.path("agent.yaml")); err != nil {
		return err
	}
	// The collector tells descriptions apart, not builds of one: that the agent has spoken since is how a new build is known to be there.
	return w.site.poll(ctx, "the agent to tell of the plugin", time.Minute, func() (bool, error) {
		a, err := client.Get[rest.Agent](ctx, w.site.api, "/agents/"+url.PathEscape(w.agent), nil)
		if err != nil || a.Status != "online" || !a.LastContact.After(began) {
			return false, err
		}
		return slices.ContainsFunc(a.Plugins, func(p rest.AgentPlugin) bool {
			return p.Provider == name
		}), nil
	})
}

// connect makes sure of the connection that tries the plugin, with the settings of now.
func (w *workshop) connect(ctx context.Context, d provider.Description) (rest.Connection, error) {
	name := "workshop " + d.Provider
	want := rest.ConnectionWrite{Name: name, Provider: d.Provider, Agent: w.agent, Credential: w.site.opt.PluginCredential, Settings: json.RawMessage("{}")}
	if w.site.opt.PluginSettings != "" {
		b, err := os.ReadFile(w.site.opt.PluginSettings)
		if err != nil {
			return rest.Connection{}, fmt.Errorf("read settings: %w", err)
		}
		if want.Settings, err = yaml.YAMLToJSON(b); err != nil {
			return rest.Connection{}, fmt.Errorf("read settings %s: %w", w.site.opt.PluginSettings, err)
		}
	}
	have, err := client.All[rest.Connection](ctx, w.site.api, "/connections", nil, 0)
	if err != nil {
		return rest.Connection{}, err
	}
	var c rest.Connection
	for _, x := range have.Items {
		if x.Name == name {
			// Written again: the agent then reads with the new build and the settings of now, and kinds that are new are on.
			req := client.Request{Method: http.MethodPut, Path: "/connections/" + url.PathEscape(x.ID), IfMatch: fmt.Sprintf("%q", fmt.Sprint(x.Version)), Body: want}
			return c, w.site.api.Do(ctx, req, &c)
		}
	}
	err = w.site.api.Do(ctx, client.Request{Method: http.MethodPost, Path: "/connections", Body: want}, &c)
	return c, err
}

// check says what the plugin says of the credential's rights.
func (w *workshop) check(ctx context.Context, c rest.Connection) {
	result := rest.CheckResult{State: "pending"}
	for result.State == "pending" {
		if err := w.site.api.Do(ctx, client.Request{Method: http.MethodPost, Path: "/connections/" + url.PathEscape(c.ID) + "/check"}, &result); err != nil {
			w.site.say("  check: %s", output.Clean(err.Error()))
			return
		}
	}
	if result.Report == nil {
		w.site.say("  check: %s %s", result.State, output.Clean(result.Error))
		return
	}
	bad := 0
	for _, i := range result.Report.Items {
		if !i.OK {
			bad++
			w.site.say("  check: %s %s: %s %s", output.Clean(i.Kind), output.Clean(i.Name), output.Clean(i.Message), output.Clean(i.Advice))
		}
	}
	w.site.say("  check: %d of %d things may be read", len(result.Report.Items)-bad, len(result.Report.Items))
	if len(result.Report.Items) == 0 {
		w.site.say("  hint: the check says nothing; people then learn from the first run what is not permitted")
	}
}

// read has the connection read now and says what came of it.
func (w *workshop) read(ctx context.Context, c rest.Connection, what string) (rest.Run, error) {
	var run rest.Run
	path := "/connections/" + url.PathEscape(c.ID) + "/runs"
	if err := w.site.poll(ctx, "an earlier run to end", 5*time.Minute, func() (bool, error) {
		err := w.site.api.Do(ctx, client.Request{Method: http.MethodPost, Path: path, Body: rest.RunRequest{}}, &run)
		if client.IsStatus(err, http.StatusConflict) { // it reads already
			return false, nil
		}
		return err == nil, err
	}); err != nil {
		return run, err
	}
	err := w.site.poll(ctx, "the run to end", 10*time.Minute, func() (done bool, err error) {
		run, err = client.Get[rest.Run](ctx, w.site.api, "/runs/"+url.PathEscape(run.ID), nil)
		return err == nil && run.State != "queued" && run.State != "running", err
	})
	if err != nil {
		return run, err
	}
	w.site.say("  %s: %s, %d listed: %d new, %d changed, %d gone, %d rejected", what, run.State, run.Listed, run.Created, run.Updated, run.Gone, run.Rejected)
	if run.Error != "" {
		w.site.say("    %s", output.Clean(run.Error))
	}
	scopes, err := client.All[rest.RunScope](ctx, w.site.api, "/runs/"+url.PathEscape(run.ID)+"/scopes", nil, 200)
	if err != nil {
		return run, err
	}
	for _, s := range scopes.Items {
		if s.Outcome.Status != "complete" {
			w.site.say("    %s %s: %s", output.Clean(s.Kind), s.Outcome.Status, output.Clean(s.Outcome.Error))
			if s.Outcome.Advice == "" {
				w.site.say("    hint: say what to do about it in the outcome's advice")
			}
		}
		for i, r := range s.Rejected {
			if i == 5 {
				w.site.say("    and %d more rejected", len(s.Rejected)-i)
				break
			}
			w.site.say("    rejected %s: %s", output.Clean(r.ExternalID), output.Clean(r.Reason))
		}
	}
	for _, l := range run.Log {
		w.site.say("    log: %s", output.Clean(l))
	}
	return run, nil
}

// end ends a child, by its name, on purpose.
func (p *processes) end(name string, limit time.Duration) error {
	p.mu.Lock()
	var found *child
	for i, c := range p.children {
		if c.name == name {
			found = c
			p.children = append(p.children[:i:i], p.children[i+1:]...)
			break
		}
	}
	if found != nil {
		found.wanted = true
	}
	p.mu.Unlock()
	if found == nil {
		return fmt.Errorf("end %s: %w", name, fs.ErrNotExist)
	}
	return found.finish(limit)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
