package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/contexts"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/support"
)

// supportSources are what a bundle is made of beside the collector's answers.
type supportSources struct {
	file, site    string
	configs, logs []string
}

func (a *app) supportBundle() *cobra.Command {
	var from supportSources
	cmd := &cobra.Command{
		Use: "support-bundle", Short: "Put together what somebody needs who helps, without any secret", Args: cobra.NoArgs,
		Long: `Put together what somebody needs who helps, without any secret: the collector's state, health and figures, agents, connections,
the latest runs and why they failed; and from this machine configuration files, the ends of logs, and what lies in the data
folders. Passwords, tokens and keys are taken out; names of machines and addresses stay, nothing of the inventory itself is in it.

It works when the collector does not answer: then the bundle has the local part, and the exit code is 3.
` + "`maestro-agent support-bundle`" + ` makes one of an agent.`,
		Example: "  maestro support-bundle --config /etc/maestro/collector.yaml --log /var/log/maestro-collector.log\n  maestro support-bundle --site .maestro",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from.file == "" {
				from.file = "maestro-support-" + a.env.Now().UTC().Format("20060102-150405") + ".zip"
			}
			if from.site != "" {
				if err := from.addSite(); err != nil {
					return err
				}
			}
			whole := false
			err := writeFile(from.file, func(w io.Writer) (err error) {
				whole, err = a.fillBundle(cmd.Context(), w, from)
				return err
			})
			if err != nil {
				return err
			}
			answer := map[string]any{"file": from.file, "complete": whole}
			if err := a.print(answer, func() output.Table {
				return output.Table{Note: "Wrote " + from.file + ". Look into it before you send it; README.txt in it lists what there is."}
			}); err != nil {
				return err
			}
			if !whole {
				a.warn("not everything could be had; README.txt in the bundle says what")
				return errPartial
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&from.file, "file", "", "`path` of the bundle (default maestro-support-<time>.zip)")
	cmd.Flags().StringArrayVar(&from.configs, "config", nil, "`file` with the configuration of a collector or an agent on this machine; may be given several times")
	cmd.Flags().StringArrayVar(&from.logs, "log", nil, "`file` of a log, of which the end comes along; may be given several times")
	cmd.Flags().StringVar(&from.site, "site", "", "`folder` of a `maestro dev`: its configuration, logs and data")
	return cmd
}

// addSite finds what `maestro dev` lays out.
func (s *supportSources) addSite() error {
	if _, err := os.Stat(s.site); err != nil {
		return usageError{fmt.Errorf("--site: %w", err)}
	}
	for _, name := range []string{"collector.yaml", "agent.yaml"} {
		if path := filepath.Join(s.site, name); !slices.Contains(s.configs, path) {
			if _, err := os.Stat(path); err == nil {
				s.configs = append(s.configs, path)
			}
		}
	}
	logs, err := filepath.Glob(filepath.Join(s.site, "log", "*.log"))
	if err != nil {
		return usageError{fmt.Errorf("--site: %w", err)}
	}
	s.logs = append(s.logs, logs...)
	return nil
}

func (a *app) fillBundle(ctx context.Context, w io.Writer, from supportSources) (whole bool, err error) {
	folders := dataFolders(from)
	b := support.New(w, support.NewRedactor(a.knownSecrets(folders, from.site)...), a.env.Now())
	if err := b.Machine("maestro"); err != nil {
		return false, err
	}
	for i, path := range from.configs {
		if err := b.Config(fmt.Sprintf("local/config-%d-%s", i+1, filepath.Base(path)), path); err != nil {
			return false, err
		}
	}
	for i, dir := range folders {
		if err := b.Folder(fmt.Sprintf("local/data-%d.txt", i+1), dir); err != nil {
			return false, err
		}
	}
	for i, path := range from.logs {
		if err := b.Log(fmt.Sprintf("logs/%d-%s", i+1, filepath.Base(path)), path); err != nil {
			return false, err
		}
	}
	c, err := a.client()
	if err != nil {
		b.Missing("collector", err)
		return false, b.Close()
	}
	if err := a.collectorPart(ctx, c, b); err != nil {
		return false, err
	}
	return b.Whole(), b.Close()
}

// dataFolders are those that the configurations name.
func dataFolders(from supportSources) []string {
	var out []string
	for _, path := range from.configs {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the bundle says so where it adds the file
		}
		var config struct {
			DataDir string `yaml:"data_dir"`
		}
		if err := yaml.Unmarshal(text, &config); err == nil && config.DataDir != "" {
			out = append(out, config.DataDir)
		}
	}
	return out
}

// knownSecrets are those of this machine that can be read: they are looked for by their values too. None of them is in the bundle.
func (a *app) knownSecrets(folders []string, site string) []string {
	known := []string{a.env.Getenv("MAESTRO_TOKEN")}
	if path, err := contexts.Path(a.env.Getenv); err == nil {
		if file, err := contexts.Load(path); err == nil {
			for _, c := range file.Contexts {
				known = append(known, c.Token)
			}
		}
	}
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "MAESTRO_") && (strings.Contains(name, "TOKEN") || strings.Contains(name, "PASSWORD") || strings.Contains(name, "SECRET")) {
			known = append(known, value)
		}
	}
	if site != "" {
		folders = append(slices.Clone(folders), site)
	}
	for _, dir := range folders {
		for _, name := range []string{"initial-admin.json", "dev.json", "demo-ready.json", "join-token", "vcenter.password", "master.key"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				continue // there is none
			}
			var doc map[string]any
			if yaml.Unmarshal(text, &doc) != nil || len(doc) == 0 {
				known = append(known, strings.TrimSpace(string(text)))
			}
			for k, v := range doc {
				if s, ok := v.(string); ok && (strings.Contains(k, "password") || strings.Contains(k, "token")) {
					known = append(known, s)
				}
			}
		}
	}
	return known
}

// collectorPart asks the collector for all that it knows of itself. The first failure to reach it ends the asking.
func (a *app) collectorPart(ctx context.Context, c *client.Client, b *support.Bundle) error {
	type question struct {
		name, path string
		query      url.Values
		outside    bool
	}
	page := url.Values{"page_size": {"200"}}
	list := []question{
		{name: "collector/health.txt", path: "/healthz", outside: true},
		{name: "collector/ready.txt", path: "/readyz", outside: true},
		{name: "collector/metrics.txt", path: "/metrics", outside: true},
		{name: "collector/session.json", path: "/session"},
		{name: "collector/summary.json", path: "/summary"},
		{name: "collector/coverage.json", path: "/coverage"},
		{name: "collector/agents.json", path: "/agents", query: page},
		{name: "collector/plugins.json", path: "/plugins", query: url.Values{"page_size": {"200"}, "fields": {"provider,version,digest,agents"}}},
		{name: "collector/connections.json", path: "/connections", query: page},
		{name: "collector/datacenters.json", path: "/datacenters", query: page},
		{name: "collector/kinds.json", path: "/kinds", query: url.Values{"page_size": {"1000"}, "fields": {"name,major,minor,approval,built_in"}}},
		{name: "collector/mapping.json", path: "/mapping"},
		{name: "collector/removals.json", path: "/removals", query: page},
		{name: "collector/operations.json", path: "/operations", query: url.Values{"page_size": {"50"}}},
		{name: "collector/runs.json", path: "/runs", query: page},
	}
	runs, err := client.Get[rest.List[rest.Run]](ctx, c, "/runs", url.Values{"page_size": {"200"}})
	if err == nil {
		n := 0
		for _, r := range runs.Items {
			if r.State == "succeeded" || n == 10 {
				continue
			}
			n++
			list = append(list, question{name: "collector/runs/" + r.ID + ".json", path: "/runs/" + url.PathEscape(r.ID)},
				question{name: "collector/runs/" + r.ID + "-scopes.json", path: "/runs/" + url.PathEscape(r.ID) + "/scopes", query: url.Values{"page_size": {"1000"}}})
		}
	}
	bar := a.progress()
	defer bar.Done("")
	for i, q := range list {
		bar.Set(q.name, i, len(list))
		var text bytes.Buffer
		if err := c.Copy(ctx, client.Request{Method: http.MethodGet, Path: q.path, Query: q.query, Outside: q.outside}, &text); err != nil {
			b.Missing(q.name, err)
			var answered *client.Error
			if !errors.As(err, &answered) {
				return nil // nobody answers; the bundle says so once
			}
			continue
		}
		add := b.JSON
		if q.outside {
			add = b.Text
		}
		if err := add(q.name, text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
