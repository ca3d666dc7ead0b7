package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

func (a *app) history() *cobra.Command {
	flags := listFlags{}
	cmd := &cobra.Command{
		Use: "history KIND NAME-OR-ID", Short: "What happened to a resource, newest first, field by field", Args: cobra.ExactArgs(2),
		Example: "  maestro history server web-1\n  maestro history server 8f0c... --limit 0 -o json",
		Long:    "Print what happened to a resource, newest first: who changed which field from what to what. `maestro get KIND ID --as-of MOMENT`\nshows the whole of it as it was; `maestro diff --since MOMENT KIND ID` only what is different now.",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			id, err := findResource(cmd.Context(), c, args[0], args[1])
			if err != nil {
				return err
			}
			list, err := client.All[rest.Change](cmd.Context(), c, resourcePath(args[0], id)+"/history", flags.query(), flags.limit)
			if err != nil {
				return err
			}
			return a.print(list, func() output.Table { return historyTable(list, a.env.Now()) })
		}),
	}
	cmd.Flags().IntVar(&flags.limit, "limit", 100, "most `changes` to print; 0 for all")
	return cmd
}

func historyTable(list rest.List[rest.Change], now time.Time) output.Table {
	t := output.Table{Header: []string{"version", "when", "what", "by", "field", "was", "is"}}
	for _, c := range list.Items {
		by := c.Actor
		if c.Connection != nil {
			by = c.Connection.Name
		}
		if c.Reason != "" {
			by += " (" + c.Reason + ")"
		}
		first := []string{strconv.FormatInt(c.Version, 10), output.Ago(c.At, now), c.Action, by}
		for _, d := range c.Diff {
			name := fieldName(d.Pointer)
			t.Rows = append(t.Rows, append(first, name, short(output.Value(d.Was())), short(output.Value(d.Is()))))
			first = []string{"", "", "", ""}
		}
		if len(c.Diff) == 0 {
			t.Rows = append(t.Rows, append(first, "", "", ""))
		}
	}
	if len(list.Items) < list.TotalSize {
		t.Note = fmt.Sprintf("%d of %d; --limit 0 prints all", len(list.Items), list.TotalSize)
	}
	return t
}

func resourcePath(kind, id string) string {
	return "/resources/" + url.PathEscape(kind) + "/" + url.PathEscape(id)
}

// findResource answers the id of what somebody names: by its id, or by a name that only one has.
func findResource(ctx context.Context, c *client.Client, kind, nameOrID string) (string, error) {
	var r rest.Resource
	err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: resourcePath(kind, nameOrID)}, &r)
	if err == nil {
		return r.ID, nil
	}
	if !client.IsStatus(err, http.StatusNotFound) {
		return "", err
	}
	q := url.Values{"filter": {"name = " + filterText(nameOrID)}, "fields": {"id,name,state"}, "page_size": {"10"}}
	list, e := client.Get[rest.List[rest.Resource]](ctx, c, "/resources/"+url.PathEscape(kind), q)
	if e != nil {
		return "", e
	}
	switch len(list.Items) {
	case 0:
		var missing *client.Error
		if errors.As(err, &missing) {
			missing.Detail = fmt.Sprintf("There is no %s named %q, or you may not see it.", kind, nameOrID)
		}
		return "", err
	case 1:
		return list.Items[0].ID, nil
	}
	ids := make([]string, len(list.Items))
	for i, x := range list.Items {
		ids[i] = x.ID
	}
	return "", usageError{fmt.Errorf("%d of kind %s are named %q; use an id: %s", list.TotalSize, kind, nameOrID, strings.Join(ids, ", "))}
}

// filterText is a text as the filter language has it.
func filterText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// datacenterNamed answers the id of a datacenter.
func datacenterNamed(ctx context.Context, c *client.Client, name string) (string, error) {
	d, err := findNamed(ctx, c, "/datacenters", "datacenter", "`maestro get datacenters` lists them", name, func(d rest.Datacenter) (string, string) { return d.ID, d.Name })
	return d.ID, err
}
