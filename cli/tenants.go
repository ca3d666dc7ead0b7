package cli

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// tenants shows and changes the tenants of an installation and who is in them.
func (a *app) tenants() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tenants", Short: "Show and change the tenants of the installation", Args: cobra.NoArgs,
		Long: `Show and change the tenants of the installation.

Nothing in one tenant is seen from another. This is for administrators of the installation: those of its first tenant, called default.
Members are people of other tenants; a tenant's own people are its users.`,
		Example: `  maestro tenants
  maestro tenants create acme "Acme Ltd" --administrator anna
  maestro tenants disable acme --reason "the contract ended"
  maestro tenants members acme
  maestro tenants member acme ben --role reader
  maestro --tenant acme get server`,
		RunE: a.online(func(cmd *cobra.Command, _ *client.Client, _ []string) error { return a.listTenants(cmd) }),
	}
	list := &cobra.Command{Use: "list", Short: "List the tenants", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, _ *client.Client, _ []string) error { return a.listTenants(cmd) })}
	cmd.AddCommand(list, a.tenantCreate(), a.tenantChange("rename ID NAME", "Give a tenant another name", 2, func(w *rest.TenantWrite, args []string) { w.Name = args[1] }),
		a.tenantDisable(), a.tenantChange("enable ID", "Let people, tokens and agents in again", 1, func(w *rest.TenantWrite, _ []string) { w.Disabled, w.Reason = false, "" }),
		a.tenantMail(), a.tenantMembers(), a.tenantMember(), a.tenantRemove(), a.tenantGroups(), a.ownTenants())
	return cmd
}

func (a *app) listTenants(cmd *cobra.Command) error {
	return listed(a, cmd, "/tenants", []string{"id", "name", "group", "state", "version"}, func(t rest.Tenant) []string { return tenantRow(t) })
}

func tenantRow(t rest.Tenant) []string {
	group, state := "", "open"
	if t.Group != nil {
		group = t.Group.Name
	}
	if t.Disabled {
		state = "disabled: " + t.Reason
	}
	return []string{t.ID, t.Name, group, state, output.Value(t.Version)}
}

func (a *app) printTenant(t rest.Tenant) error {
	return a.print(t, func() output.Table {
		return output.Table{Header: []string{"id", "name", "group", "state", "version"}, Rows: [][]string{tenantRow(t)}}
	})
}

func (a *app) tenantCreate() *cobra.Command {
	var w rest.TenantCreate
	cmd := &cobra.Command{
		Use: "create ID NAME", Short: "Make a tenant, with its first administrator", Args: cobra.ExactArgs(2),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			w.ID, w.Name = args[0], args[1]
			var t rest.Tenant
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/tenants", Body: w}, &t); err != nil {
				return err
			}
			return a.printTenant(t)
		}),
	}
	cmd.Flags().StringVar(&w.Administrator, "administrator", "", "`user` of any tenant who becomes its first administrator")
	cmd.Flags().StringVar(&w.Group, "group", "", "`id` of a tenant group")
	_ = cmd.MarkFlagRequired("administrator") // a token, which this command has, is no person
	return cmd
}

func (a *app) changeTenant(cmd *cobra.Command, c *client.Client, id string, change func(*rest.TenantWrite)) error {
	path := "/tenants/" + url.PathEscape(id)
	was, err := client.Get[rest.Tenant](cmd.Context(), c, path, nil)
	if err != nil {
		return err
	}
	w := rest.TenantWrite{Name: was.Name, Disabled: was.Disabled, Reason: was.Reason, MailName: was.MailName, MailReplyTo: was.MailReplyTo, Language: was.Language}
	if was.Group != nil {
		w.Group = was.Group.ID
	}
	change(&w)
	var t rest.Tenant
	if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPut, Path: path, Body: w, IfMatch: quoted(was.Version)}, &t); err != nil {
		return err
	}
	return a.printTenant(t)
}

func (a *app) tenantChange(use, short string, args int, change func(*rest.TenantWrite, []string)) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(args),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			return a.changeTenant(cmd, c, args[0], func(w *rest.TenantWrite) { change(w, args) })
		})}
}

func (a *app) tenantDisable() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "disable ID", Short: "Keep everybody out of a tenant: people, tokens and agents; nothing is lost", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			return a.changeTenant(cmd, c, args[0], func(w *rest.TenantWrite) { w.Disabled, w.Reason = true, reason })
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`why`; those who are kept out read it")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (a *app) tenantMail() *cobra.Command {
	var name, reply string
	cmd := &cobra.Command{
		Use: "mail ID", Short: "Say how the letters of a tenant introduce themselves; their address stays the installation's", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			return a.changeTenant(cmd, c, args[0], func(w *rest.TenantWrite) { w.MailName, w.MailReplyTo = name, reply })
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "`name` of the sender; without it the installation's")
	cmd.Flags().StringVar(&reply, "reply-to", "", "`address` that answers go to")
	return cmd
}

func (a *app) tenantMembers() *cobra.Command {
	return &cobra.Command{
		Use: "members ID", Short: "List the people of other tenants who are in one", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, _ *client.Client, args []string) error {
			return listed(a, cmd, "/tenants/"+url.PathEscape(args[0])+"/members", []string{"user", "of", "role", "by group"}, func(m rest.TenantMember) []string {
				return []string{m.Username, m.Home, m.Role, m.Group}
			})
		}),
	}
}

func (a *app) tenantMember() *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use: "member ID USER", Short: "Make a member of a person, or give a member another role", Args: cobra.ExactArgs(2),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			var m rest.TenantMember
			path := "/tenants/" + url.PathEscape(args[0]) + "/members/" + url.PathEscape(args[1])
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPut, Path: path, Body: rest.TenantMemberWrite{Role: role}}, &m); err != nil {
				return err
			}
			return a.print(m, func() output.Table {
				return output.Table{Header: []string{"user", "of", "role"}, Rows: [][]string{{m.Username, m.Home, m.Role}}}
			})
		}),
	}
	cmd.Flags().StringVar(&role, "role", "", "`role` in that tenant: admin, reader, none or one that it has made")
	_ = cmd.MarkFlagRequired("role")
	return cmd
}

func (a *app) tenantRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove ID USER", Short: "End a membership, with the teams and grants in that tenant", Args: cobra.ExactArgs(2),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			path := "/tenants/" + url.PathEscape(args[0]) + "/members/" + url.PathEscape(args[1])
			return c.Do(cmd.Context(), client.Request{Method: http.MethodDelete, Path: path}, nil)
		}),
	}
}

func (a *app) tenantGroups() *cobra.Command {
	return &cobra.Command{
		Use: "groups", Short: "List the tenant groups, their people and what these have in each tenant", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, _ *client.Client, _ []string) error {
			return listed(a, cmd, "/tenant-groups", []string{"id", "name", "tenants", "people", "everybody"}, func(g rest.TenantGroup) []string {
				var tenants, people []string
				for _, t := range g.Tenants {
					tenants = append(tenants, t.ID)
				}
				for _, m := range g.Members {
					people = append(people, m.Username+" ("+m.Role+")")
				}
				return []string{g.ID, g.Name, strings.Join(tenants, ", "), strings.Join(people, ", "), strings.Join(g.Everybody, ", ")}
			})
		}),
	}
}

func (a *app) ownTenants() *cobra.Command {
	return &cobra.Command{
		Use: "own", Short: "Show the tenant that your token is of", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, _ *client.Client, _ []string) error {
			return listed(a, cmd, "/session/tenants", []string{"tenant", "name", "role"}, func(p rest.Place) []string { return []string{p.Tenant, p.Name, p.Role} })
		}),
	}
}
