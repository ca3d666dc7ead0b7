package cli

import (
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

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/manifest"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

func (a *app) apply() *cobra.Command {
	var files []string
	opt := applyOptions{}
	cmd := &cobra.Command{
		Use: "apply -f FILE", Short: "Make datacenters, connections, schedules, rules ... what documents say", Args: cobra.NoArgs,
		Long: `Make datacenters, connections, schedules and rules what documents in YAML or JSON say. What a document does not name
stays as it is; the same documents again write nothing. All documents are read before anything is written, and what others
lead to is made first, whatever their order. A document that is refused doesn't keep the others from being applied.

Kinds of documents, each with the names that the API has:
  datacenter   name, provider, description, regions, zones, routing_domain, client (a name)
  connection   name, provider, agent (a name), datacenter (a name), client (a name), settings, credential, kinds ...
  schedule     connection, kinds, every (15m) or cron, quiet_hours, time_zone, paused
  option_list  name, values
  mapping      rules, spellings, policy
  view         of (a kind of resources), name, filter, order_by, columns, pinned, description, shared

--prune removes views, datacenters and connections that earlier documents of the same set made and none of these has: nothing that
a person made, and nothing when a document failed.`,
		Example: `  maestro apply -f site.yaml --dry-run
  maestro apply -f datacenters/ -f connections.yaml --set production --prune
  printf 'kind: datacenter\nname: Frankfurt\n---\nkind: schedule\nconnection: vcenter-fra\nevery: 15m\n' | maestro apply -f -`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			docs, wrong, err := a.manifests(files)
			if err != nil {
				return err
			}
			if len(wrong) > 0 {
				for _, w := range wrong {
					a.warn("%v", w)
				}
				return usageError{errors.New("nothing was written: not every document is understood")}
			}
			if len(docs) == 0 {
				return usageError{errors.New("there are no documents in what was given; nothing was written")}
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			return a.applyAll(cmd.Context(), c, docs, opt)
		},
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "`file` or folder with documents; - is standard input; may be given several times")
	cmd.Flags().BoolVar(&opt.dryRun, "dry-run", false, "show what would change, and write nothing")
	cmd.Flags().BoolVar(&opt.prune, "prune", false, "remove what earlier documents of the set made and these do not have")
	cmd.Flags().StringVar(&opt.set, "set", "apply", "`name` of the set of documents; what they make is marked with it")
	cobra.CheckErr(cmd.MarkFlagRequired("file"))
	return cmd
}

type applyOptions struct {
	dryRun, prune bool
	set           string
}

// manifests reads all files; a folder is its .yaml, .yml and .json files in the order of their names.
func (a *app) manifests(files []string) (docs []manifest.Document, wrong []*manifest.Error, err error) {
	seen := map[string]string{}
	read := func(name string, text []byte) {
		some, bad := manifest.Parse(name, text)
		wrong = append(wrong, bad...)
		for _, d := range some {
			if !slices.Contains(documentOrder, d.Kind) {
				wrong = append(wrong, &manifest.Error{Source: d.Source, Problem: fmt.Sprintf("unknown kind %q: want %s", d.Kind, strings.Join(documentOrder, ", "))})
				continue
			}
			key := documentKey(d)
			if other, twice := seen[key]; twice {
				wrong = append(wrong, &manifest.Error{Source: d.Source, Problem: "it says how the same thing should be as " + other})
				continue
			}
			seen[key] = d.Source
			docs = append(docs, d)
		}
	}
	for _, file := range files {
		paths := []string{file}
		if info, err := os.Stat(file); file != "-" && err == nil && info.IsDir() {
			paths = nil
			for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
				found, err := filepath.Glob(filepath.Join(file, pattern))
				if err != nil {
					return nil, nil, usageError{fmt.Errorf("read %s: %w", file, err)}
				}
				paths = append(paths, found...)
			}
			slices.Sort(paths)
		}
		for _, path := range paths {
			text, err := a.readText(path)
			if err != nil {
				return nil, nil, err
			}
			read(path, text)
		}
	}
	return docs, wrong, nil
}

func (a *app) readText(path string) ([]byte, error) {
	var b []byte
	var err error
	if path == "-" {
		b, err = io.ReadAll(io.LimitReader(a.env.In, manifest.MaxBytes+1))
	} else {
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("read %s: %w", path, err)}
	}
	return b, nil
}

// documentKey names the thing that a document is about.
func documentKey(d manifest.Document) string {
	name := d.Name
	switch d.Kind {
	case "view":
		name = fmt.Sprint(d.Fields["of"], " ", d.Name)
	case "schedule":
		name = fmt.Sprint(d.Fields["connection"], " ", d.Fields["kinds"])
	}
	return d.Kind + " " + name
}

// applied is what became of one document, or of one thing that was pruned.
type applied struct {
	Document string             `json:"document,omitempty"`
	Kind     string             `json:"kind"`
	Name     string             `json:"name,omitempty"`
	Action   string             `json:"action"`
	Diff     []rest.FieldChange `json:"diff,omitempty"`
	Error    string             `json:"error,omitempty"`
}

// applyAll does one document after the other.
func (a *app) applyAll(ctx context.Context, c *client.Client, docs []manifest.Document, opt applyOptions) error {
	slices.SortStableFunc(docs, func(x, y manifest.Document) int {
		return slices.Index(documentOrder, x.Kind) - slices.Index(documentOrder, y.Kind)
	})
	s := &desired{client: c, opt: opt}
	if err := s.load(ctx); err != nil {
		return err
	}
	for _, d := range docs {
		if d.Kind == "schedule" {
			s.schedules = append(s.schedules, d)
		}
	}
	results := []applied{}
	failed := 0
	bar := a.progress()
	for i, d := range docs {
		result := applied{Document: d.Source, Kind: d.Kind, Name: d.Name}
		if of, ok := d.Fields["connection"].(string); ok && d.Kind == "schedule" {
			result.Name = of // it has no other
		}
		bar.Set(fmt.Sprintf("%d of %d: %s %s", i+1, len(docs), d.Kind, result.Name), i, len(docs))
		var err error
		if result.Action, result.Diff, err = s.apply(ctx, d); err != nil {
			if ctx.Err() != nil {
				return err
			}
			result.Action, result.Error, result.Diff = "failed", err.Error(), nil
			failed++
		}
		results = append(results, result)
	}
	if opt.prune && failed == 0 {
		pruned, err := s.prune(ctx, docs)
		results = append(results, pruned...)
		if err != nil {
			failed++
		}
	}
	bar.Done("")
	if err := a.print(results, func() output.Table { return appliedTable(results, opt.dryRun) }); err != nil {
		return err
	}
	if failed > 0 {
		if opt.dryRun {
			return fmt.Errorf("%d of %d documents would fail; the others would be applied", failed, len(results))
		}
		return fmt.Errorf("%d of %d documents failed; the others are applied", failed, len(results))
	}
	return nil
}

func appliedTable(results []applied, dryRun bool) output.Table {
	t := output.Table{Header: []string{"what", "kind", "name", "field", "was", "is"}}
	counts := map[string]int{}
	for _, r := range results {
		counts[r.Action]++
		first := []string{r.Action, r.Kind, r.Name}
		if r.Error != "" {
			t.Rows = append(t.Rows, append(first, r.Document+": "+r.Error, "", ""))
			continue
		}
		for _, d := range r.Diff {
			t.Rows = append(t.Rows, append(first, fieldName(d.Pointer), short(output.Value(d.Old)), short(output.Value(d.New))))
			first = []string{"", "", ""}
		}
		if len(r.Diff) == 0 && r.Action != "unchanged" {
			t.Rows = append(t.Rows, append(first, "", "", ""))
		}
	}
	var parts []string
	for _, action := range []string{"created", "updated", "unchanged", "removed", "failed"} {
		if n := counts[action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, action))
		}
	}
	t.Note = strings.Join(parts, ", ") + "."
	if dryRun {
		t.Note = "Dry run, nothing was written: " + t.Note
	}
	return t
}

// prune removes what the set made earlier and no document has: connections first, since they lead to datacenters.
func (s *desired) prune(ctx context.Context, docs []manifest.Document) (done []applied, err error) {
	wanted := map[string]bool{}
	for _, d := range docs {
		wanted[documentKey(d)] = true
	}
	remove := func(d manifest.Document, path string) {
		if wanted[documentKey(d)] {
			return
		}
		r := applied{Kind: d.Kind, Name: d.Name, Action: "removed"}
		if !s.opt.dryRun {
			e := s.client.Do(ctx, client.Request{Method: http.MethodDelete, Path: path}, nil)
			if e != nil && !client.IsStatus(e, http.StatusNotFound) {
				r.Action, r.Error, err = "failed", e.Error(), e
			}
		}
		done = append(done, r)
	}
	views, err := client.All[rest.View](ctx, s.client, "/views", nil, 0)
	if err != nil {
		return nil, err
	}
	for _, x := range views.Items {
		if x.ManagedBy == s.opt.set && x.Editable {
			remove(manifest.Document{Kind: "view", Name: x.Name, Fields: map[string]any{"of": x.Kind}}, "/views/"+url.PathEscape(x.ID))
		}
	}
	for _, x := range s.connections {
		if x.ManagedBy == s.opt.set {
			remove(manifest.Document{Kind: "connection", Name: x.Name}, "/connections/"+url.PathEscape(x.ID))
		}
	}
	for _, x := range s.datacenters {
		if x.ManagedBy == s.opt.set {
			remove(manifest.Document{Kind: "datacenter", Name: x.Name}, "/datacenters/"+url.PathEscape(x.ID))
		}
	}
	return done, err
}
