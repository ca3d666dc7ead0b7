package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

func (a *app) datacenters() *cobra.Command {
	cmd := &cobra.Command{
		Use: "datacenters", Short: "List the datacenters; move one to another client", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			return a.lists()["datacenters"](cmd, c, listFlags{})
		}),
	}
	cmd.AddCommand(a.accountMove("datacenter", func(ctx context.Context, c *client.Client, nameOrID string) (string, int64, error) {
		id, err := datacenterNamed(ctx, c, nameOrID)
		if err != nil {
			return "", 0, err
		}
		d, err := client.Get[rest.Datacenter](ctx, c, "/datacenters/"+url.PathEscape(id), nil)
		return id, d.Version, err
	}))
	return cmd
}

func (a *app) connectionMove() *cobra.Command {
	return a.accountMove("connection", func(ctx context.Context, c *client.Client, nameOrID string) (string, int64, error) {
		x, err := findConnection(ctx, c, nameOrID)
		return x.ID, x.Version, err
	})
}

// accountMove has a datacenter or a connection serve another client.
func (a *app) accountMove(kind string, find func(ctx context.Context, c *client.Client, nameOrID string) (id string, version int64, err error)) *cobra.Command {
	var to string
	var nobody bool
	var m rest.AccountMove
	cmd := &cobra.Command{
		Use: "move " + map[string]string{"datacenter": "DATACENTER", "connection": "CONNECTION"}[kind], Short: "Have it serve another client", Args: cobra.ExactArgs(1),
		Long: "Have a " + kind + " serve another client, or nobody in particular. People with a grant on the client that it served lose what they saw of it\n" +
			"at once, and those of the other client see it with its history. Grants on the " + kind + " itself, and on what is in it, are taken\n" +
			"away from those to whom nothing is granted on the other client, neither to them nor to a team of theirs, unless the grants are kept.\n" +
			"--dry-run says all that and does nothing. It takes the right to administer the " + kind + " and both clients.",
		Example: "  maestro " + kind + "s move Frankfurt --client Globex --dry-run\n  maestro " + kind + "s move Frankfurt --client Globex --reason 'sold'\n  maestro " + kind + "s move Frankfurt --nobody",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if (to == "") == !nobody {
				return usageError{errors.New("say which client with --client, or --nobody")}
			}
			id, version, err := find(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if to != "" {
				if m.Client, err = findResource(cmd.Context(), c, "client", to); err != nil {
					return err
				}
			}
			var done rest.AccountMoved
			req := client.Request{Method: http.MethodPost, Path: "/" + kind + "s/" + url.PathEscape(id) + "/move", IfMatch: quoted(version), Body: m}
			if err := c.Do(cmd.Context(), req, &done); err != nil {
				return err
			}
			return a.print(done, func() output.Table { return movedTable(done) })
		}),
	}
	cmd.Flags().StringVar(&to, "client", "", "the `client` that it is to serve: a name or id")
	cmd.Flags().BoolVar(&nobody, "nobody", false, "it serves nobody in particular")
	cmd.Flags().BoolVar(&m.KeepGrants, "keep-grants", false, "leave grants on it, and on what is in it, as they are")
	cmd.Flags().StringSliceVar(&m.Keep, "keep", nil, "`ids` of grants to leave; the others go")
	cmd.Flags().BoolVar(&m.DryRun, "dry-run", false, "say what would be done, and do nothing")
	cmd.Flags().StringVar(&m.Reason, "reason", "", "`why`, for the audit log")
	return cmd
}

// movedTable lists who and what a move is about, one line each.
func movedTable(d rest.AccountMoved) output.Table {
	t := output.Table{Header: []string{"what", "who or which", "before", "after"}}
	add := func(cells ...string) { t.Rows = append(t.Rows, cells) }
	who := func(r *rest.Ref) string {
		if r == nil {
			return "nobody in particular"
		}
		return nameOf(r)
	}
	add("serves", d.Account.Name, who(d.From), who(d.To))
	for _, x := range d.Connections {
		add("connection", x.Name, "", "goes along")
	}
	for _, x := range d.Loses {
		add("loses", nameOfSubject(x.Subject), x.Before, x.After)
	}
	for _, x := range d.Gains {
		add("gains", nameOfSubject(x.Subject), x.Before, x.After)
	}
	for _, g := range d.Grants {
		fate := "taken away"
		if g.Kept {
			fate = "kept"
		}
		add("grant "+g.ID, nameOfSubject(g.Subject)+" on the "+g.Target.Kind+" "+g.Target.Name, g.Right, fate)
	}
	for _, x := range d.Systems {
		add("system", x.Name, "", fmt.Sprintf("%d of its parts stay seen by %s", x.Parts, who(d.From)))
	}
	more := ""
	if d.More {
		more = "more than "
	}
	verb := "Moved"
	if d.DryRun {
		verb = "Would move"
	}
	t.Note = fmt.Sprintf("%s the %s %s with %s%s resources.", verb, d.Account.Kind, output.Clean(d.Account.Name), more, strconv.Itoa(d.Resources))
	if shown := len(d.Loses) + len(d.Gains); shown < d.Shifts {
		t.Note += fmt.Sprintf(" %d more people and tokens lose or gain.", d.Shifts-shown)
	}
	return t
}
