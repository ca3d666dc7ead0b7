package cli

import (
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

// merge says that two resources are one.
func (a *app) merge() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "merge KIND ID OTHER",
		Short: "Say that OTHER is the same thing as ID and lives on as it",
		Long: `Say that OTHER is the same thing as ID and lives on as it.

It stays so whatever later readings say, until somebody splits the two again; nothing is lost: see ` + "`maestro split`" + `.`,
		Example: "  maestro merge server 8f0c... 77ab... --reason 'same serial on the label'",
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decideResource(cmd, args[0], args[1], "merge", rest.ResourceMerge{With: args[2], Reason: reason})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`text` for the audit trail")
	return cmd
}

// split says that a resource is two.
func (a *app) split() *cobra.Command {
	var reason, back string
	var observations []string
	cmd := &cobra.Command{
		Use:   "split KIND ID",
		Short: "Say that a resource is two things, and print the one that is split off",
		Long: `Say that a resource is two things, and print the one that is split off.

With --resource, one that was merged into it comes back with its id, its history and what people had set on it.
With --observation, what those connections saw becomes a resource of its own. No later reading joins the two again.
` + "`maestro get KIND ID -o yaml`" + ` shows both: absorbed and observations.`,
		Example: `  maestro split server 8f0c... --resource 77ab...
  maestro split server 8f0c... --observation ansible/web01 --reason 'a clone'`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (back == "") == (len(observations) == 0) {
				return usageError{errors.New("want --resource or --observation")}
			}
			body := rest.ResourceSplit{Resource: back, Reason: reason}
			c, err := a.client()
			if err != nil {
				return err
			}
			for _, o := range observations {
				name, external, ok := strings.Cut(o, "/")
				if !ok {
					return usageError{fmt.Errorf("--observation %q: want connection/external id", o)}
				}
				conn, err := findConnection(cmd.Context(), c, name)
				if err != nil {
					return err
				}
				body.Observations = append(body.Observations, rest.ObservationRef{Connection: conn.ID, ExternalID: external})
			}
			return a.decideResource(cmd, args[0], args[1], "split", body)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`text` for the audit trail")
	cmd.Flags().StringVar(&back, "resource", "", "`id` of a merged resource that comes back")
	cmd.Flags().StringArrayVar(&observations, "observation", nil, "`connection/external-id` of what is split off; may be repeated")
	return cmd
}

// decideResource posts a decision on a resource as it is now.
func (a *app) decideResource(cmd *cobra.Command, kind, id, verb string, body any) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	path := "/resources/" + url.PathEscape(kind) + "/" + url.PathEscape(id)
	now, err := client.Get[rest.Resource](cmd.Context(), c, path, nil)
	if err != nil {
		return err
	}
	var r rest.Resource
	if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: path + "/" + verb, IfMatch: strconv.Quote(strconv.FormatInt(now.Version, 10)), Body: body}, &r); err != nil {
		return err
	}
	return a.print(r, func() output.Table {
		t := onePage(r, a.env.Now())
		t.Note = waitsFor(r.Approval, t.Note)
		return t
	})
}

// waitsFor says before a note that nothing is done yet, where that is so.
func waitsFor(approval, note string) string {
	if approval == "" {
		return note
	}
	waits := "nothing is done yet: it waits for approval " + approval + "; maestro approvals show " + approval
	if note == "" {
		return waits
	}
	return waits + "; " + note
}

// review decides on review items.
func (a *app) review() *cobra.Command {
	cmd := &cobra.Command{Use: "review", Short: "Decide whether two resources are one",
		Long: "Decide whether two resources are one.\n`maestro get reviews` lists what waits for a decision."}
	for _, v := range []struct{ use, path, short string }{
		{"merge", "merge", "The two are one; the older one stays"},
		{"keep-apart", "keep-apart", "The two are two, and no rule joins them from now on"},
	} {
		var reason string
		sub := &cobra.Command{Use: v.use + " ID", Short: v.short, Args: cobra.ExactArgs(1), RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			var item rest.ReviewItem
			err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/review-items/" + url.PathEscape(args[0]) + "/" + v.path, Body: rest.Decision{Reason: reason}}, &item)
			if err != nil {
				return err
			}
			return a.print(item, func() output.Table {
				return output.Table{Header: reviewHeader, Rows: [][]string{reviewRow(item, a.env.Now())}, Note: waitsFor(item.Approval, "")}
			})
		})}
		sub.Flags().StringVar(&reason, "reason", "", "`text` for the audit trail")
		cmd.AddCommand(sub)
	}
	return cmd
}

var reviewHeader = []string{"id", "type", "state", "kind", "one", "other", "why", "since"}

func reviewRow(x rest.ReviewItem, now time.Time) []string {
	row := []string{x.ID, x.Type, x.State, x.Kind, "-", "-", x.Detail, output.Ago(x.At, now)}
	for i, r := range x.Resources[:min(len(x.Resources), 2)] {
		row[4+i] = r.Name
		if r.Name == "" {
			row[4+i] = r.ID
		}
	}
	if x.Identifier != nil && x.Detail == "" {
		row[6] = "both have " + x.Identifier.Type + " " + x.Identifier.Value
	}
	return row
}
