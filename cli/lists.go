package cli

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// lists are what `get` prints beside the kinds.
func (a *app) lists() map[string]func(*cobra.Command, *client.Client, listFlags) error {
	return map[string]func(*cobra.Command, *client.Client, listFlags) error{
		"changes": func(cmd *cobra.Command, c *client.Client, f listFlags) error {
			return printList(a, cmd, c, "/changes", f, []string{"at", "action", "kind", "name", "by", "what"}, func(x rest.Change, now time.Time) []string {
				return []string{output.Ago(x.At, now), x.Action, x.Kind, x.Name, x.Actor, diffText(x.Diff)}
			})
		},
		"audit": func(cmd *cobra.Command, c *client.Client, f listFlags) error {
			return printList(a, cmd, c, "/audit", f, []string{"at", "who", "did", "to", "outcome", "reason"}, func(x rest.AuditEntry, now time.Time) []string {
				object := ""
				if x.Object != nil {
					object = strings.TrimSpace(x.Object.Kind + " " + nameOf(x.Object))
				}
				return []string{output.Ago(x.At, now), x.Actor, x.Action, object, x.Outcome, x.Reason}
			})
		},
		"runs": func(cmd *cobra.Command, c *client.Client, f listFlags) error {
			return printList(a, cmd, c, "/runs", f, runHeader, runRow)
		},
		"datacenters": func(cmd *cobra.Command, c *client.Client, f listFlags) error {
			return printList(a, cmd, c, "/datacenters", f, []string{"id", "name", "provider", "client", "resources"}, func(x rest.Datacenter, _ time.Time) []string {
				n := 0
				for _, c := range x.Counts {
					n += c
				}
				return []string{x.ID, x.Name, x.Provider, nameOf(x.Client), strconv.Itoa(n)}
			})
		},
		"removals": func(cmd *cobra.Command, c *client.Client, f listFlags) error {
			return printList(a, cmd, c, "/removals", f, removalHeader, removalRow)
		},
		"reviews": func(cmd *cobra.Command, c *client.Client, f listFlags) error {
			return printList(a, cmd, c, "/review-items", f, reviewHeader, reviewRow)
		},
		"views": func(cmd *cobra.Command, c *client.Client, f listFlags) error {
			return printList(a, cmd, c, "/views", f, []string{"id", "of", "name", "filter", "order", "shared", "by"}, func(x rest.View, _ time.Time) []string {
				return []string{x.ID, x.Kind, x.Name, x.Filter, x.OrderBy, output.Value(x.Shared), x.Owner}
			})
		},
		"kinds": func(cmd *cobra.Command, c *client.Client, f listFlags) error {
			return printList(a, cmd, c, "/kinds", f, []string{"kind", "label", "group", "version", "standing"}, func(x rest.KindInfo, _ time.Time) []string {
				return []string{x.Name, x.Label, x.Group, fmt.Sprintf("%d.%d", x.Major, x.Minor), x.Approval}
			})
		},
	}
}

// eventsOf are the live events that tell of a list; "" when none do.
func eventsOf(path string) string {
	switch path {
	case "/runs", "/agents":
		return strings.TrimPrefix(path, "/")
	case "/connections":
		return "connections,runs"
	case "/removals", "/review-items":
		return "reviews"
	case "/changes":
		return "resources"
	}
	return ""
}

func printList[T any](a *app, cmd *cobra.Command, c *client.Client, path string, f listFlags, header []string, row func(T, time.Time) []string) error {
	if types := eventsOf(path); types != "" {
		f.source, f.events = c, url.Values{"types": {types}}
	}
	return watched(a, cmd, f, idOf[T], func(ctx context.Context) (rest.List[T], func() output.Table, error) {
		list, err := client.All[T](ctx, c, path, f.query(), f.limit)
		return list, func() output.Table {
			t := output.Table{Header: header}
			for _, x := range list.Items {
				t.Rows = append(t.Rows, row(x, a.env.Now()))
			}
			if len(list.Items) == 0 {
				t.Note = "None."
			} else if len(list.Items) < list.TotalSize {
				t.Note = fmt.Sprintf("%d of %d; --limit 0 prints all", len(list.Items), list.TotalSize)
			}
			return t
		}, err
	})
}

func nameOf(r *rest.Ref) string {
	switch {
	case r == nil:
		return "-"
	case r.Name != "":
		return r.Name
	}
	return r.ID
}

// diffText is a change's first fields in one cell.
func diffText(diff []rest.FieldChange) string {
	var parts []string
	for i, d := range diff {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("and %d more", len(diff)-i))
			break
		}
		name := fieldName(d.Pointer)
		parts = append(parts, fmt.Sprintf("%s %s -> %s", name, short(output.Value(d.Was())), short(output.Value(d.Is()))))
	}
	return strings.Join(parts, ", ")
}

// short cuts long text in the middle, where it matters least.
func short(s string) string {
	r := []rune(s)
	if len(r) <= 40 {
		return s
	}
	return string(r[:20]) + "…" + string(r[len(r)-18:])
}

var runHeader = []string{"id", "state", "connection", "scopes", "listed", "new", "changed", "gone", "started", "took", "error"}

func runRow(x rest.Run, now time.Time) []string {
	took := "-"
	if !x.FinishedAt.IsZero() && !x.StartedAt.IsZero() {
		took = output.Span(x.FinishedAt.Sub(x.StartedAt))
	}
	return []string{
		x.ID, x.State, nameOf(&x.Connection), fmt.Sprintf("%d/%d", x.ScopesDone, x.ScopesTotal), strconv.FormatInt(x.Listed, 10),
		strconv.Itoa(x.Created), strconv.Itoa(x.Updated), strconv.Itoa(x.Gone), output.Ago(x.StartedAt, now), took, x.Error,
	}
}
