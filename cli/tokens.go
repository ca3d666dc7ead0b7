package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

var tokenHeader = []string{"name", "role", "made", "ends", "last used", "id"}

func tokenRow(t rest.Token, now time.Time) []string {
	ends := "never"
	if !t.ExpiresAt.IsZero() {
		ends = output.Ago(t.ExpiresAt, now)
	}
	return []string{t.Name, t.Role, output.Ago(t.CreatedAt, now), ends, output.Ago(t.LastUsed, now), t.ID}
}

// tokens shows, makes and ends what programs sign in with.
func (a *app) tokens() *cobra.Command {
	var flags listFlags
	list := func(cmd *cobra.Command, c *client.Client, _ []string) error {
		return printList(a, cmd, c, "/tokens", flags, tokenHeader, tokenRow)
	}
	cmd := &cobra.Command{
		Use: "tokens", Short: "Show, make and end API tokens, which programs sign in with", Args: cobra.NoArgs,
		Long: `Show, make and end API tokens, which programs sign in with.

A token has a role that you hold yourself; with the role none it sees and does only what is granted to it.`,
		Example: `  maestro tokens
  maestro tokens create backup --role reader --ttl 720h
  maestro tokens create "inventory of FRA1" --role none
  maestro access grant read "token:inventory of FRA1" datacenter FRA1
  maestro tokens delete backup`,
		RunE: a.online(list),
	}
	flags.add(cmd)
	listed := &cobra.Command{Use: "list", Short: "List the tokens; their secrets are shown to nobody", Args: cobra.NoArgs, RunE: a.online(list)}
	flags.add(listed)
	cmd.AddCommand(listed, a.tokenCreate(), a.tokenDelete())
	return cmd
}

func (a *app) tokenCreate() *cobra.Command {
	var w rest.TokenCreate
	var ttl time.Duration
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a token, and show its secret this once", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if ttl < 0 || ttl%time.Second != 0 {
				return usageError{fmt.Errorf("--ttl %s: want whole seconds, such as 24h; 0 is without end", ttl)}
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			w.Name, w.TTLSeconds = args[0], int64(ttl/time.Second)
			var made rest.Token
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/tokens", Body: w}, &made); err != nil {
				return err
			}
			return a.print(made, func() output.Table {
				return output.Table{Header: tokenHeader, Rows: [][]string{tokenRow(made, a.env.Now())}, Note: "Secret, shown this once: " + made.Secret}
			})
		},
	}
	cmd.Flags().StringVar(&w.Role, "role", "reader", "`role` that you hold yourself, or none (maestro roles)")
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "for `how long` it signs in, such as 720h; 0 is without end")
	return cmd
}

func (a *app) tokenDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete TOKEN", Short: "End a token, given by its name or id", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			t, err := findToken(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return c.Do(cmd.Context(), client.Request{Method: http.MethodDelete, Path: "/tokens/" + url.PathEscape(t.ID)}, nil)
		}),
	}
}

// findToken takes a name or an id.
func findToken(ctx context.Context, c *client.Client, nameOrID string) (rest.Token, error) {
	return findNamed(ctx, c, "/tokens", "token", "`maestro tokens` lists them", nameOrID, func(t rest.Token) (string, string) { return t.ID, t.Name })
}

// findNamed is the one of a short list that somebody names, by its id or by a name that only one has.
func findNamed[T any](ctx context.Context, c *client.Client, path, what, where, nameOrID string, named func(T) (id, name string)) (T, error) {
	var none T
	list, err := client.All[T](ctx, c, path, nil, 0)
	if err != nil {
		return none, err
	}
	var found []T
	var ids []string
	for _, x := range list.Items {
		id, name := named(x)
		if id == nameOrID {
			return x, nil
		}
		if strings.EqualFold(name, nameOrID) {
			found, ids = append(found, x), append(ids, id)
		}
	}
	switch len(found) {
	case 0:
		return none, &client.Error{Status: http.StatusNotFound, Detail: fmt.Sprintf("there is no %s %q, or you may not see it; %s", what, nameOrID, where)}
	case 1:
		return found[0], nil
	}
	return none, usageError{fmt.Errorf("%d are named %q; use an id of %s: %s", len(found), nameOrID, what, strings.Join(ids, ", "))}
}
