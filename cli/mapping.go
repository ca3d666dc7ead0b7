package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

func (a *app) mapping() *cobra.Command {
	cmd := &cobra.Command{
		Use: "mapping", Short: "Show, try and change the rules that turn tags and names into owner, client, environment, system", Args: cobra.NoArgs,
		Example: `  maestro mapping -o json > mapping.json
  maestro mapping preview -f mapping.json
  maestro mapping set -f mapping.json --reason "one spelling for environments"
  maestro mapping undo`,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			m, err := client.Get[rest.Mapping](cmd.Context(), c, "/mapping", nil)
			if err != nil {
				return err
			}
			return a.print(m, func() output.Table { return mappingTable(m) })
		}),
	}
	cmd.AddCommand(a.mappingPreview(), a.mappingSet(), a.mappingHistory(), a.mappingUndo(), a.compliance())
	return cmd
}

func mappingTable(m rest.Mapping) output.Table {
	t := output.Table{Header: []string{"rule", "from", "sets", "value", "for"}}
	for _, r := range m.Rules {
		value := r.Value
		if len(r.Values) > 0 {
			value = strings.TrimSpace(value + " " + strconv.Itoa(len(r.Values)) + " translations")
		}
		scope := strings.Join(append(slices.Clone(r.Kinds), r.Where), " ")
		if r.Off {
			scope = "off"
		}
		t.Rows = append(t.Rows, []string{r.Name, strings.Join(r.From, ", "), r.Set, value, strings.TrimSpace(scope)})
	}
	t.Note = fmt.Sprintf("version %d", m.Version)
	if j := m.Job; j != nil && j.Running {
		t.Note += fmt.Sprintf("; %d of %d resources follow it so far", j.Done, j.Total)
	}
	return t
}

// readMapping takes what `maestro mapping -o json` prints, or the bare rules.
func (a *app) readMapping(file string) (rest.MappingWrite, error) {
	var m rest.Mapping
	if err := a.document(file, os.ReadFile, &m); err != nil {
		return rest.MappingWrite{}, err
	}
	if m.Rules == nil {
		return rest.MappingWrite{}, fmt.Errorf("read mapping: the document has no rules; an empty list takes all of them away")
	}
	return rest.MappingWrite{Rules: m.Rules, Spellings: m.Spellings, Policy: m.Policy}, nil
}

func (a *app) mappingPreview() *cobra.Command {
	var file, kind string
	cmd := &cobra.Command{
		Use: "preview -f FILE", Short: "Say what rules would change, without changing it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.readMapping(file)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			var e rest.MappingEffect
			q := url.Values{}
			if kind != "" {
				q.Set("kind", kind)
			}
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/mapping/preview", Query: q, Body: w}, &e); err != nil {
				return err
			}
			return a.print(e, func() output.Table { return effectTable(e) })
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "-", "`file` with the rules as a JSON document; - is standard input")
	cmd.Flags().StringVar(&kind, "kind", "", "try them on this `kind` only")
	return cmd
}

func effectTable(e rest.MappingEffect) output.Table {
	t := output.Table{Header: []string{"kind", "name", "field", "is", "would be"}}
	text := func(v any) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprint(v)
	}
	for _, s := range e.Samples {
		for _, d := range s.Diff {
			t.Rows = append(t.Rows, []string{s.Resource.Kind, s.Resource.Name, fieldName(d.Pointer), text(d.Old), text(d.New)})
		}
	}
	t.Note = fmt.Sprintf("%d of the %d resources looked at would change", e.Changed, e.Looked)
	if e.Looked < e.Total {
		t.Note += fmt.Sprintf("; there are %d", e.Total)
	}
	for _, x := range e.Conflicts {
		t.Note += fmt.Sprintf("\n%s of %d: %q stands before %q, which says otherwise", fieldName(x.Pointer), x.Count, x.Rule, x.Over)
	}
	for name, n := range e.Wanted {
		t.Note += fmt.Sprintf("\n%d would belong to %s, which is not recorded", n, name)
	}
	return t
}

func (a *app) mappingSet() *cobra.Command {
	var file, reason string
	cmd := &cobra.Command{
		Use: "set -f FILE", Short: "Replace the rules; the inventory follows in the background", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.readMapping(file)
			if err != nil {
				return err
			}
			w.Reason = reason
			return a.putMapping(cmd, w)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "-", "`file` with the rules as a JSON document; - is standard input")
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit log")
	return cmd
}

func (a *app) putMapping(cmd *cobra.Command, w rest.MappingWrite) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	now, err := client.Get[rest.Mapping](cmd.Context(), c, "/mapping", nil)
	if err != nil {
		return err
	}
	var m rest.Mapping
	req := client.Request{Method: http.MethodPut, Path: "/mapping", IfMatch: strconv.FormatInt(now.Version, 10), Body: w}
	if err := c.Do(cmd.Context(), req, &m); err != nil {
		return err
	}
	return a.print(m, func() output.Table {
		return output.Table{Note: fmt.Sprintf("Saved version %d with %d rules; the inventory follows in the background.", m.Version, len(m.Rules))}
	})
}

func (a *app) mappingHistory() *cobra.Command {
	return &cobra.Command{
		Use: "history", Short: "List earlier versions of the rules", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			list, err := client.Get[rest.List[rest.Mapping]](cmd.Context(), c, "/mapping/history", nil)
			if err != nil {
				return err
			}
			return a.print(list.Items, func() output.Table {
				t := output.Table{Header: []string{"version", "saved", "by", "rules", "reason"}}
				for _, m := range list.Items {
					t.Rows = append(t.Rows, []string{strconv.FormatInt(m.Version, 10), output.Ago(m.SavedAt, time.Now()), m.SavedBy, strconv.Itoa(len(m.Rules)), m.Reason})
				}
				return t
			})
		}),
	}
}

func (a *app) mappingUndo() *cobra.Command {
	var to int64
	cmd := &cobra.Command{
		Use: "undo", Short: "Go back to the rules before the last change, or to a given version", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			list, err := client.Get[rest.List[rest.Mapping]](cmd.Context(), c, "/mapping/history", nil)
			if err != nil {
				return err
			}
			at := 1
			if to > 0 {
				at = slices.IndexFunc(list.Items, func(m rest.Mapping) bool { return m.Version == to })
			}
			if at < 0 || at >= len(list.Items) {
				return fmt.Errorf("undo mapping: that version is not kept; `maestro mapping history` lists those that are")
			}
			m := list.Items[at]
			return a.putMapping(cmd, rest.MappingWrite{Rules: m.Rules, Spellings: m.Spellings, Policy: m.Policy, Reason: fmt.Sprintf("back to version %d", m.Version)})
		}),
	}
	cmd.Flags().Int64Var(&to, "to", 0, "`version` to go back to")
	return cmd
}

func (a *app) compliance() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use: "compliance", Short: "Say how the tag policy is kept", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			q := url.Values{}
			if kind != "" {
				q.Set("kind", kind)
			}
			list, err := client.Get[rest.List[rest.TagCompliance]](cmd.Context(), c, "/mapping/compliance", q)
			if err != nil {
				return err
			}
			return a.print(list.Items, func() output.Table {
				t := output.Table{Header: []string{"key", "kind", "resources", "missing", "wrong", "find them"}}
				for _, x := range list.Items {
					find := "-"
					switch {
					case x.Missing > 0:
						find = x.MissingFilter
					case x.Wrong > 0:
						find = x.WrongFilter
					}
					t.Rows = append(t.Rows, []string{x.Key, x.Kind, strconv.Itoa(x.Total), strconv.Itoa(x.Missing), strconv.Itoa(x.Wrong), find})
				}
				if len(list.Items) == 0 {
					t.Note = "There is no tag policy; it is the member policy of the mapping."
				}
				return t
			})
		}),
	}
	cmd.Flags().StringVar(&kind, "kind", "", "only of this `kind`")
	return cmd
}
