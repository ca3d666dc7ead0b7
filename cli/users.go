package cli

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// users shows and changes who signs in.
func (a *app) users() *cobra.Command {
	cmd := &cobra.Command{
		Use: "users", Short: "Show, invite and change who signs in", Args: cobra.NoArgs,
		Example: `  maestro users
  maestro users invite carla --name "Carla Weber" --mail carla@example.org --role reader
  maestro users role carla operations
  maestro users disable carla
  maestro users link carla
  maestro users sessions carla --end
  maestro users reset-factor carla`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			list, err := client.Get[rest.List[rest.User]](cmd.Context(), c, "/users", url.Values{"page_size": {"1000"}})
			if err != nil {
				return err
			}
			return a.print(list, func() output.Table { return usersTable(list.Items) })
		},
	}
	cmd.AddCommand(a.userInvite(), a.userRole(), a.userSwitch("disable", "Keep somebody out; all sessions end", true),
		a.userSwitch("enable", "Let somebody in again", false), a.userLink(), a.userFactor(), a.userSessions(), a.userDelete())
	return cmd
}

func usersTable(users []rest.User) output.Table {
	t := output.Table{Header: []string{"user", "name", "mail", "role", "state", "second factor"}}
	for _, u := range users {
		t.Rows = append(t.Rows, []string{u.Username, u.DisplayName, u.Email, standingOf(u), stateOfUser(u), map[bool]string{true: "yes", false: "no"}[u.Factor]})
	}
	return t
}

// standingOf is the role, or what somebody has in its place.
func standingOf(u rest.User) string {
	if len(u.Groups) > 0 {
		return "group " + strings.Join(u.Groups, ", ") + " (in place of the role " + u.Role + ")"
	}
	return u.Role
}

func stateOfUser(u rest.User) string {
	switch {
	case u.Disabled:
		return "disabled"
	case u.Invited:
		return "invited"
	}
	return "active"
}

func (a *app) userInvite() *cobra.Command {
	w := rest.UserCreate{}
	cmd := &cobra.Command{
		Use: "invite NAME", Short: "Make a user, and the link by which the user sets a password", Args: cobra.ExactArgs(1),
		Long: "Make a user, and the link by which the user sets a password. The link is shown this once; it is sent by mail too where the collector has a mail server.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			w.Username = args[0]
			var made rest.UserInvited
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/users", Body: w}, &made); err != nil {
				return err
			}
			made.Link.Link = c.Address(made.Link.Link)
			return a.print(made, func() output.Table {
				t := usersTable([]rest.User{made.User})
				t.Note = linkNote(made.Link)
				return t
			})
		},
	}
	cmd.Flags().StringVar(&w.DisplayName, "name", "", "`name` for people")
	cmd.Flags().StringVar(&w.Email, "mail", "", "`address`")
	cmd.Flags().StringVar(&w.Role, "role", "reader", "`role` in the whole tenant (maestro roles)")
	cmd.Flags().StringArrayVar(&w.Groups, "group", nil, "permission `group` in place of those of the role; may be repeated")
	return cmd
}

func linkNote(l rest.UserLink) string {
	note := "Link, shown this once: " + l.Link
	switch {
	case l.Mailed:
		note += " (sent by mail too)"
	case l.MailProblem != "":
		note += " (" + l.MailProblem + ")"
	}
	return note
}

func userPath(name string) string { return "/users/" + url.PathEscape(name) }

// changeUser reads a user, changes and writes it.
func (a *app) changeUser(cmd *cobra.Command, name string, change func(*rest.UserWrite)) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	u, err := client.Get[rest.User](cmd.Context(), c, userPath(name), nil)
	if err != nil {
		return err
	}
	w := rest.UserWrite{DisplayName: u.DisplayName, Email: u.Email, Role: u.Role, Groups: u.Groups, Disabled: u.Disabled}
	change(&w)
	var next rest.User
	if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPut, Path: userPath(name), Body: w, IfMatch: quoted(u.Version)}, &next); err != nil {
		return err
	}
	return a.print(next, func() output.Table { return usersTable([]rest.User{next}) })
}

func (a *app) userRole() *cobra.Command {
	var groups []string
	cmd := &cobra.Command{
		Use: "role NAME ROLE", Short: "Give somebody another role", Args: cobra.ExactArgs(2),
		Long: "Give somebody another role. With --group the user has these permission groups in place of those of the role; without, the role counts again.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeUser(cmd, args[0], func(w *rest.UserWrite) { w.Role, w.Groups = args[1], groups })
		},
	}
	cmd.Flags().StringArrayVar(&groups, "group", nil, "permission `group` in place of those of the role; may be repeated")
	return cmd
}

func (a *app) userSwitch(verb, short string, off bool) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeUser(cmd, args[0], func(w *rest.UserWrite) { w.Disabled = off })
		},
	}
}

func (a *app) userLink() *cobra.Command {
	return &cobra.Command{
		Use: "link NAME", Short: "Make a link by which somebody sets a password; earlier ones end", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			var l rest.UserLink
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: userPath(args[0]) + "/link"}, &l); err != nil {
				return err
			}
			l.Link = c.Address(l.Link)
			return a.print(l, func() output.Table {
				return output.Table{Header: []string{"for", "ends"}, Rows: [][]string{{strings.ReplaceAll(l.Purpose, "_", " "), l.ExpiresAt.Local().Format(time.DateTime)}}, Note: linkNote(l)}
			})
		},
	}
}

func (a *app) userFactor() *cobra.Command {
	return &cobra.Command{
		Use: "reset-factor NAME", Short: "Take somebody's second factor off, when both the authenticator and the recovery codes are lost", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			return c.Do(cmd.Context(), client.Request{Method: http.MethodDelete, Path: userPath(args[0]) + "/second-factor"}, nil)
		}),
	}
}

// userSessions lists where somebody is signed in, or ends that.
func (a *app) userSessions() *cobra.Command {
	var end bool
	cmd := &cobra.Command{
		Use: "sessions NAME", Short: "Show where somebody is signed in, or end all of it", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			path := userPath(args[0]) + "/sessions"
			if end {
				return c.Do(cmd.Context(), client.Request{Method: http.MethodDelete, Path: path}, nil)
			}
			return listed(a, cmd, path, []string{"started", "last used", "ends", "address", "browser"}, func(s rest.SessionInfo) []string {
				now := a.env.Now()
				return []string{output.Ago(s.StartedAt, now), output.Ago(s.LastUsed, now), output.Ago(s.ExpiresAt, now), s.Address, s.Browser}
			})
		}),
	}
	cmd.Flags().BoolVar(&end, "end", false, "end all of them")
	return cmd
}

func (a *app) userDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Remove a user with all sessions, grants and memberships", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			return c.Do(cmd.Context(), client.Request{Method: http.MethodDelete, Path: userPath(args[0])}, nil)
		},
	}
}
