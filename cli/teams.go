package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// teams shows and changes who gets rights together.
func (a *app) teams() *cobra.Command {
	cmd := &cobra.Command{
		Use: "teams", Short: "Show and change teams and their members", Args: cobra.NoArgs,
		Example: `  maestro teams
  maestro teams create "Operations" --mail ops@example.org --lead anna --member ben
  maestro teams add Operations carla
  maestro teams remove Operations ben`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listed(a, cmd, "/teams", []string{"name", "mail", "members", "id"}, func(x rest.Team) []string {
				return []string{x.Name, x.Email, membersOf(x), x.ID}
			})
		},
	}
	cmd.AddCommand(a.teamCreate(), a.teamMembers("add", "Put people into a team"), a.teamMembers("remove", "Take people out of a team"), a.teamDelete())
	return cmd
}

func membersOf(t rest.Team) string {
	names := make([]string, len(t.Members))
	for i, m := range t.Members {
		names[i] = m.Username
		if m.Role == "lead" {
			names[i] += " (lead)"
		}
	}
	return strings.Join(names, ", ")
}

func (a *app) teamCreate() *cobra.Command {
	var w rest.TeamWrite
	var leads, members []string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a team", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			w.Name, w.Members = args[0], []rest.TeamMember{}
			for _, m := range leads {
				w.Members = append(w.Members, rest.TeamMember{Username: m, Role: "lead"})
			}
			for _, m := range members {
				w.Members = append(w.Members, rest.TeamMember{Username: m, Role: "member"})
			}
			var t rest.Team
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/teams", Body: w}, &t); err != nil {
				return err
			}
			return a.printTeam(t)
		}),
	}
	cmd.Flags().StringVar(&w.Email, "mail", "", "`address` of the team")
	cmd.Flags().StringArrayVar(&leads, "lead", nil, "`user` who may change the team; may be repeated")
	cmd.Flags().StringArrayVar(&members, "member", nil, "`user` in the team; may be repeated")
	return cmd
}

func (a *app) printTeam(t rest.Team) error {
	return a.print(t, func() output.Table {
		return output.Table{Header: []string{"name", "mail", "members", "id"}, Rows: [][]string{{t.Name, t.Email, membersOf(t), t.ID}}}
	})
}

// findTeam takes a name or an id.
func (a *app) findTeam(cmd *cobra.Command, c *client.Client, name string) (rest.Team, error) {
	return findNamed(cmd.Context(), c, "/teams", "team", "`maestro teams` lists them", name, func(t rest.Team) (string, string) { return t.ID, t.Name })
}

func (a *app) teamMembers(verb, short string) *cobra.Command {
	var lead bool
	cmd := &cobra.Command{
		Use: verb + " TEAM USER...", Short: short, Args: cobra.MinimumNArgs(2),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			t, err := a.findTeam(cmd, c, args[0])
			if err != nil {
				return err
			}
			w := rest.TeamWrite{Name: t.Name, Email: t.Email, Members: slices.DeleteFunc(slices.Clone(t.Members), func(m rest.TeamMember) bool {
				return slices.ContainsFunc(args[1:], func(u string) bool { return strings.EqualFold(u, m.Username) })
			})}
			if w.Members == nil {
				w.Members = []rest.TeamMember{}
			}
			if verb == "add" {
				role := map[bool]string{true: "lead", false: "member"}[lead]
				for _, u := range args[1:] {
					w.Members = append(w.Members, rest.TeamMember{Username: u, Role: role})
				}
			}
			var next rest.Team
			err = c.Do(cmd.Context(), client.Request{Method: http.MethodPut, Path: "/teams/" + url.PathEscape(t.ID), Body: w, IfMatch: quoted(t.Version)}, &next)
			if err != nil {
				return err
			}
			return a.printTeam(next)
		}),
	}
	if verb == "add" {
		cmd.Flags().BoolVar(&lead, "lead", false, "they may change the team")
	}
	return cmd
}

func (a *app) teamDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete TEAM", Short: "Remove a team with everything that was granted to it", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			t, err := a.findTeam(cmd, c, args[0])
			if err != nil {
				return err
			}
			return c.Do(cmd.Context(), client.Request{Method: http.MethodDelete, Path: "/teams/" + url.PathEscape(t.ID)}, nil)
		}),
	}
}

// access says who may do what, and changes it.
func (a *app) access() *cobra.Command {
	cmd := &cobra.Command{
		Use: "access KIND NAME-OR-ID", Short: "Say who may do what with an object, and why; grant and revoke", Args: cobra.ExactArgs(2),
		Long: `Say who may do what with an object, and through which role or grant.

KIND is datacenter, connection, tenant, or the kind of a resource; of what bears one name several times, the ids are told. Resources inherit what was granted on their datacenter, on the
connections that they come from, and on the systems that they say they are part of.`,
		Example: `  maestro access server web-1
  maestro access explain anna server web-1
  maestro access grant write team:Operations datacenter FRA1
  maestro access revoke team:Operations datacenter FRA1`,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			path, _, err := accessPath(cmd.Context(), c, args[0], args[1])
			if err != nil {
				return err
			}
			to, err := client.Get[rest.AccessTo](cmd.Context(), c, path, nil)
			if err != nil {
				return err
			}
			return a.print(to, func() output.Table {
				t := output.Table{Header: []string{"who", "right", "through"}}
				for _, e := range to.Entries {
					t.Rows = append(t.Rows, []string{holderOf(e), e.Right, throughOf(e)})
				}
				return t
			})
		}),
	}
	cmd.AddCommand(a.accessExplain(), a.accessGrant(), a.accessRevoke())
	return cmd
}

// accessPath finds what somebody names, and answers with its id where the access to it is told.
func accessPath(ctx context.Context, c *client.Client, kind, nameOrID string) (path, id string, err error) {
	switch kind {
	case "tenant":
		id = nameOrID
	case "datacenter":
		id, err = datacenterNamed(ctx, c, nameOrID)
	case "connection":
		var x rest.Connection
		x, err = findConnection(ctx, c, nameOrID)
		id = x.ID
	default:
		id, err = findResource(ctx, c, kind, nameOrID)
	}
	return "/access/" + url.PathEscape(kind) + "/" + url.PathEscape(id), id, err
}

func nameOfSubject(s rest.AccessSubject) string {
	if s.Name != "" {
		return s.Type + ":" + s.Name
	}
	return s.Type + ":" + s.ID
}

// holderOf is who has a right, and why it is of no use now.
func holderOf(e rest.AccessEntry) string {
	if e.OffBecause != "" {
		return nameOfSubject(e.Subject) + " (" + e.OffBecause + ")"
	}
	return nameOfSubject(e.Subject)
}

func throughOf(e rest.AccessEntry) string {
	var parts []string
	for _, r := range e.Reasons {
		switch {
		case r.Through == "role":
			parts = append(parts, r.Right+" by "+standingWords(r))
		case r.Team != "":
			parts = append(parts, fmt.Sprintf("%s of the team %s on %s %s", r.Right, r.Team, r.Target.Kind, r.Target.Name))
		case r.Target != nil:
			parts = append(parts, fmt.Sprintf("%s on %s %s", r.Right, r.Target.Kind, r.Target.Name))
		}
	}
	return strings.Join(parts, "; ")
}

// standingWords names the role with the permission groups that give the right, or what somebody has in its place.
func standingWords(r rest.AccessReason) string {
	groups := strings.Join(r.Groups, ", ")
	switch {
	case r.Level == "user":
		return groups + " in place of a role"
	case r.Level == "tenant":
		return groups + ", which everybody has"
	case groups != "":
		return "the role " + r.Role + " (" + groups + ")"
	}
	return "the role " + r.Role
}

func (a *app) accessExplain() *cobra.Command {
	return &cobra.Command{
		Use: "explain WHO KIND NAME-OR-ID", Short: "Say why somebody can, or cannot, see an object", Args: cobra.ExactArgs(3),
		Long: "Say why somebody can, or cannot, see an object. WHO is a user name; or token: or team: and the name or id of a token or a team, of which it says what\nits members have by it.",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			name := args[0]
			if !strings.HasPrefix(name, "token:") && !strings.HasPrefix(name, "team:") {
				name = "user:" + strings.TrimPrefix(name, "user:")
			}
			who, err := a.subject(cmd, c, name)
			if err != nil {
				return err
			}
			path, _, err := accessPath(cmd.Context(), c, args[1], args[2])
			if err != nil {
				return err
			}
			x, err := client.Get[rest.AccessExplained](cmd.Context(), c, path+"/explain", url.Values{"subject": {who.Type + ":" + who.ID}})
			if err != nil {
				return err
			}
			return a.print(x, func() output.Table {
				t := output.Table{Header: []string{"who", "right", "through"}, Rows: [][]string{{holderOf(x.Entry), x.Entry.Right, throughOf(x.Entry)}}}
				t.Note = strings.TrimSpace(x.Found + " " + x.Advice)
				return t
			})
		}),
	}
}

// subject reads user:NAME, team:NAME-OR-ID or token:NAME-OR-ID.
func (a *app) subject(cmd *cobra.Command, c *client.Client, text string) (rest.AccessSubject, error) {
	sort, id, ok := strings.Cut(text, ":")
	if !ok || id == "" || !slices.Contains([]string{"user", "team", "token"}, sort) {
		return rest.AccessSubject{}, usageError{errors.New("want user:NAME, team:NAME or token:NAME")}
	}
	if sort == "team" {
		t, err := a.findTeam(cmd, c, id)
		if err != nil {
			return rest.AccessSubject{}, err
		}
		id = t.ID
	}
	if sort == "token" {
		t, err := findToken(cmd.Context(), c, id)
		switch {
		case client.IsStatus(err, http.StatusForbidden): // who may not list tokens may know the id of one
		case err != nil:
			return rest.AccessSubject{}, err
		default:
			id = t.ID
		}
	}
	return rest.AccessSubject{Type: sort, ID: id}, nil
}

// targetOf leaves out the id of the tenant, of which there is one.
func targetOf(kind, id string) rest.AccessTarget {
	if kind == "tenant" {
		id = ""
	}
	return rest.AccessTarget{Kind: kind, ID: id}
}

func (a *app) accessGrant() *cobra.Command {
	return &cobra.Command{
		Use: "grant RIGHT WHO KIND NAME-OR-ID", Short: "Grant read, write or admin, in place of what WHO had on the same object", Args: cobra.ExactArgs(4),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			who, err := a.subject(cmd, c, args[1])
			if err != nil {
				return err
			}
			_, id, err := accessPath(cmd.Context(), c, args[2], args[3])
			if err != nil {
				return err
			}
			var g rest.Grant
			err = c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/grants", Body: rest.GrantWrite{Subject: who, Right: args[0], Target: targetOf(args[2], id)}}, &g)
			if err != nil {
				return err
			}
			return a.print(g, func() output.Table {
				return output.Table{Header: []string{"who", "right", "on", "id"}, Rows: [][]string{{nameOfSubject(g.Subject), g.Right, g.Target.Kind + " " + g.Target.Name, g.ID}}}
			})
		}),
	}
}

func (a *app) accessRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke WHO KIND NAME-OR-ID", Short: "Take back what was granted to WHO on an object", Args: cobra.ExactArgs(3),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			who, err := a.subject(cmd, c, args[0])
			if err != nil {
				return err
			}
			path, _, err := accessPath(cmd.Context(), c, args[1], args[2])
			if err != nil {
				return err
			}
			to, err := client.Get[rest.AccessTo](cmd.Context(), c, path, nil)
			if err != nil {
				return err
			}
			for _, g := range to.Grants {
				if g.Subject.Type == who.Type && strings.EqualFold(g.Subject.ID, who.ID) {
					return c.Do(cmd.Context(), client.Request{Method: http.MethodDelete, Path: "/grants/" + url.PathEscape(g.ID)}, nil)
				}
			}
			return fmt.Errorf("revoke grant: nothing was granted to %s on this %s itself", args[0], args[1])
		}),
	}
}
