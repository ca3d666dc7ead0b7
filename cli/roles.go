package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// roles shows and changes roles and the permission groups that they are made of.
func (a *app) roles() *cobra.Command {
	cmd := &cobra.Command{
		Use: "roles", Short: "Show and change roles and permission groups", Args: cobra.NoArgs,
		Long: `Show and change roles and permission groups.

A permission group is a set of actions in the whole tenant, a role is made of groups. The first level that gives any group is the one
that counts: what a user has in place of the role, the role, what everybody has. Grants on single objects add to it.`,
		Example: `  maestro roles
  maestro roles groups
  maestro roles actions
  maestro roles set-group operators read run.request agent.manage --description "Keeps the agents running"
  maestro roles set operations operators resources_read_only
  maestro users role carla operations
  maestro roles everybody resources_read_only`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listed(a, cmd, "/roles", []string{"role", "groups", "users", "tokens", "description"}, func(r rest.Role) []string {
				return []string{r.Name, strings.Join(r.Groups, ", "), fmt.Sprint(r.Users), fmt.Sprint(r.Tokens), r.Description}
			})
		},
	}
	cmd.AddCommand(
		&cobra.Command{Use: "groups", Short: "Show permission groups", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			return listed(a, cmd, "/permission-groups", []string{"group", "actions", "roles", "description"}, func(g rest.PermissionGroup) []string {
				return []string{g.Name, strings.Join(g.Actions, ", "), strings.Join(g.Roles, ", "), g.Description}
			})
		}},
		&cobra.Command{Use: "actions", Short: "Show what one may be allowed to do", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			return listed(a, cmd, "/actions", []string{"action", "yours", "description"}, func(x rest.ActionInfo) []string {
				return []string{x.Name, map[bool]string{true: "yes", false: "no"}[x.Mine], x.Description}
			})
		}},
		a.roleSet(), a.groupSet(), a.namedDelete("delete ROLE", "Remove a role that nobody has", "/roles/"),
		a.namedDelete("delete-group GROUP", "Remove a permission group that nothing is made of", "/permission-groups/"), a.rolesEverybody())
	return cmd
}

// listed prints all of a short list.
func listed[T any](a *app, cmd *cobra.Command, path string, header []string, row func(T) []string) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	list, err := client.Get[rest.List[T]](cmd.Context(), c, path, url.Values{"page_size": {"1000"}})
	if err != nil {
		return err
	}
	return a.print(list, func() output.Table {
		t := output.Table{Header: header}
		for _, x := range list.Items {
			t.Rows = append(t.Rows, row(x))
		}
		if len(list.Items) == 0 {
			t.Note = "None."
		}
		return t
	})
}

func (a *app) roleSet() *cobra.Command {
	var description string
	cmd := &cobra.Command{
		Use: "set ROLE GROUP...", Short: "Make a role of permission groups, or change one", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return setNamed(a, cmd, "/roles", args[0], func(was rest.Role, create bool) (any, int64) {
				w := rest.RoleWrite{Description: described(cmd, description, was.Description), Groups: append([]string{}, args[1:]...)}
				if create {
					return rest.RoleCreate{Name: args[0], RoleWrite: w}, 0
				}
				return w, was.Version
			})
		},
	}
	cmd.Flags().StringVar(&description, "description", "", "`text` that says what it is for")
	return cmd
}

func (a *app) groupSet() *cobra.Command {
	var description string
	cmd := &cobra.Command{
		Use: "set-group GROUP ACTION...", Short: "Make a permission group of actions, or change one", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return setNamed(a, cmd, "/permission-groups", args[0], func(was rest.PermissionGroup, create bool) (any, int64) {
				w := rest.PermissionGroupWrite{Description: described(cmd, description, was.Description), Actions: append([]string{}, args[1:]...)}
				if create {
					return rest.PermissionGroupCreate{Name: args[0], PermissionGroupWrite: w}, 0
				}
				return w, was.Version
			})
		},
	}
	cmd.Flags().StringVar(&description, "description", "", "`text` that says what it is for")
	return cmd
}

func described(cmd *cobra.Command, given, was string) string {
	if cmd.Flags().Changed("description") {
		return given
	}
	return was
}

// setNamed makes what is not there and changes what is.
func setNamed[T any](a *app, cmd *cobra.Command, path, name string, write func(was T, create bool) (body any, version int64)) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	one := path + "/" + url.PathEscape(name)
	was, err := client.Get[T](cmd.Context(), c, one, nil)
	req := client.Request{Method: http.MethodPut, Path: one}
	switch {
	case client.IsStatus(err, http.StatusNotFound):
		req.Method, req.Path = http.MethodPost, path
		req.Body, _ = write(was, true)
	case err != nil:
		return err
	default:
		var version int64
		req.Body, version = write(was, false)
		req.IfMatch = quoted(version)
	}
	var next T
	if err := c.Do(cmd.Context(), req, &next); err != nil {
		return err
	}
	return a.print(next, func() output.Table {
		t := output.Table{Header: []string{"name", "made of"}}
		switch x := any(next).(type) {
		case rest.Role:
			t.Rows = [][]string{{x.Name, strings.Join(x.Groups, ", ")}}
		case rest.PermissionGroup:
			t.Rows = [][]string{{x.Name, strings.Join(x.Actions, ", ")}}
		}
		return t
	})
}

func (a *app) namedDelete(use, short, path string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			return c.Do(cmd.Context(), client.Request{Method: http.MethodDelete, Path: path + url.PathEscape(args[0])}, nil)
		},
	}
}

func (a *app) rolesEverybody() *cobra.Command {
	var nothing bool
	cmd := &cobra.Command{
		Use: "everybody [GROUP...]", Short: "Show or decide the permission groups of people who get none otherwise", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			e, err := client.Get[rest.Everybody](cmd.Context(), c, "/everybody", nil)
			if err != nil {
				return err
			}
			if len(args) > 0 || nothing {
				req := client.Request{Method: http.MethodPut, Path: "/everybody", IfMatch: quoted(e.Version), Body: rest.EverybodyWrite{Groups: append([]string{}, args...)}}
				if err := c.Do(cmd.Context(), req, &e); err != nil {
					return err
				}
			}
			return a.print(e, func() output.Table {
				return output.Table{Header: []string{"everybody has"}, Rows: [][]string{{strings.Join(e.Groups, ", ")}}}
			})
		},
	}
	cmd.Flags().BoolVar(&nothing, "nothing", false, "take all of them from everybody")
	return cmd
}
