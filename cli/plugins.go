package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// plugins are about which version of a plugin which agents run.
func (a *app) plugins() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use: "plugins", Short: "List the versions of plugins, and decide which agents run which", Args: cobra.NoArgs,
		Long: "List for each plugin and group of agents which versions its agents have, which is pinned, and which they run. Versions lie side by side in an\n" +
			"agent's plugin folder (maestro-plugin-aws, maestro-plugin-aws@1.2.3), put there by who runs its machine; the collector chooses among them.\n" +
			"A pin or rollout without --group is for all agents whose group has none of its own. Groups: `maestro agents group`.",
		Example: "  maestro plugins\n  maestro plugins pin aws 1.2.3 --group edge\n  maestro plugins rollout aws 1.3.0 --canary fra-1 --runs 5\n  maestro plugins rollback aws",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			return printList(a, cmd, c, "/plugin-versions", f, []string{"plugin", "group", "pinned", "versions", "rollout", "lacking"}, func(x rest.PluginVersions, now time.Time) []string {
				return versionsRow(x, now)
			})
		}),
	}
	f.add(cmd)
	cmd.AddCommand(a.pluginsPin(), a.pluginsUnpin(), a.pluginsRollout(),
		a.pluginsSteer("pause", "Leave a rollout as it is until it is resumed"),
		a.pluginsSteer("resume", "Go on with a rollout that was paused"),
		a.pluginsSteer("rollback", "Take a rollout back; without one, pin the version that was pinned before"))
	return cmd
}

func versionsRow(x rest.PluginVersions, now time.Time) []string {
	var versions, lacking []string
	for _, v := range x.Versions {
		versions = append(versions, fmt.Sprintf("%s (%d of %d run it)", v.Version, len(v.Running), len(v.Agents)))
	}
	for _, l := range x.Lacking {
		lacking = append(lacking, fmt.Sprintf("%s: %s", l.Agent.Name, l.Reason))
	}
	group, pinned := x.Group, x.Pinned
	if group == "" {
		group = "(all)"
	}
	if pinned == "" {
		pinned = "-"
	}
	return []string{x.Provider, group, pinned, strings.Join(versions, ", "), rolloutText(x.Rollout, now), strings.Join(lacking, "; ")}
}

func rolloutText(r *rest.PluginRollout, now time.Time) string {
	if r == nil {
		return "-"
	}
	switch r.State {
	case "canary", "paused":
		var names []string
		for _, a := range r.Canaries {
			names = append(names, a.Name)
		}
		text := fmt.Sprintf("%s at %s: %d of %d runs", r.Version, strings.Join(names, ", "), r.Good, r.Runs)
		if r.State == "paused" {
			text += ", paused"
		}
		return text
	case "rolled_back":
		return fmt.Sprintf("%s rolled back %s: %s", r.Version, output.Ago(r.EndedAt, now), r.Reason)
	}
	return fmt.Sprintf("%s done %s", r.Version, output.Ago(r.EndedAt, now))
}

func (a *app) printVersions(x rest.PluginVersions) error {
	return a.print(x, func() output.Table {
		t := output.Table{Header: []string{"PLUGIN", "GROUP", "PINNED", "VERSIONS", "ROLLOUT", "LACKING"}, Rows: [][]string{versionsRow(x, a.env.Now())}}
		for i := range t.Rows[0] {
			t.Rows[0][i] = output.Clean(t.Rows[0][i])
		}
		return t
	})
}

func (a *app) pluginsPin() *cobra.Command {
	var w rest.PluginPin
	cmd := &cobra.Command{
		Use: "pin PLUGIN VERSION", Short: "Have agents run one version of a plugin from their next runs on", Args: cobra.ExactArgs(2),
		Long: "Have agents run one version of a plugin from their next runs on; what goes on ends with the version that it began with. An agent that does not\n" +
			"have the version goes on with the one before and is listed as lacking it.",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			w.Provider, w.Version = args[0], args[1]
			return a.repin(cmd, c, http.MethodPut, "/plugin-pins", w)
		}),
	}
	groupFlags(cmd, &w.Group, &w.Reason)
	return cmd
}

func (a *app) pluginsUnpin() *cobra.Command {
	var w rest.PluginPin
	cmd := &cobra.Command{
		Use: "unpin PLUGIN", Short: "Leave the version of a plugin to each agent", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			w.Provider = args[0]
			return a.repin(cmd, c, http.MethodPut, "/plugin-pins", w)
		}),
	}
	groupFlags(cmd, &w.Group, &w.Reason)
	return cmd
}

func groupFlags(cmd *cobra.Command, group, reason *string) {
	cmd.Flags().StringVar(group, "group", "", "`group` of agents; without it all whose group has no pin of its own")
	cmd.Flags().StringVar(reason, "reason", "", "`why`, for the audit log")
}

func (a *app) repin(cmd *cobra.Command, c *client.Client, method, path string, body any) error {
	var x rest.PluginVersions
	if err := c.Do(cmd.Context(), client.Request{Method: method, Path: path, Body: body}, &x); err != nil {
		return err
	}
	return a.printVersions(x)
}

func (a *app) pluginsRollout() *cobra.Command {
	var w rest.PluginRolloutWrite
	var canaries []string
	cmd := &cobra.Command{
		Use: "rollout PLUGIN VERSION", Short: "Have some agents run a version first, and the others once it has worked", Args: cobra.ExactArgs(2),
		Long: "Have some agents, the canaries, run a version of a plugin first. When each of them has ended so many runs well the others follow. It comes back by\n" +
			"itself when a run of a canary fails for the plugin's own sake, when a removal is held, or when a kind that was there is read as empty. What the\n" +
			"provider refuses (denied, throttled, unreachable) counts neither way. `maestro plugins` says how it goes; pause, resume and rollback steer it.",
		Example: "  maestro plugins rollout aws 1.3.0 --share 20 --runs 5\n  maestro plugins rollout vsphere 2.0.0 --group edge --canary fra-1,ber-1",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			w.Provider, w.Version = args[0], args[1]
			for _, name := range canaries {
				id, err := findAgent(cmd.Context(), c, name)
				if err != nil {
					return err
				}
				if !slices.Contains(w.Canaries, id) {
					w.Canaries = append(w.Canaries, id)
				}
			}
			return a.repin(cmd, c, http.MethodPost, "/plugin-rollouts", w)
		}),
	}
	groupFlags(cmd, &w.Group, &w.Reason)
	cmd.Flags().StringSliceVar(&canaries, "canary", nil, "`agents` that run it first")
	cmd.Flags().IntVar(&w.SharePercent, "share", 10, "without --canary: how many of the agents run it first, in `percent`")
	cmd.Flags().IntVar(&w.Runs, "runs", 3, "how many runs each of them has to end well")
	return cmd
}

func (a *app) pluginsSteer(verb, short string) *cobra.Command {
	var w rest.PluginDecision
	cmd := &cobra.Command{
		Use: verb + " PLUGIN", Short: short, Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			w.Provider = args[0]
			return a.repin(cmd, c, http.MethodPost, "/plugin-rollouts/"+verb, w)
		}),
	}
	groupFlags(cmd, &w.Group, &w.Reason)
	return cmd
}

func (a *app) agentGroup() *cobra.Command {
	return &cobra.Command{
		Use: "group AGENT [GROUP]", Short: "Put an agent into a group, or take it out", Args: cobra.RangeArgs(1, 2),
		Long: "Put an agent into a group: versions of plugins are decided for groups, and lists can be filtered by them. Without a group it is taken out.",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			id, err := findAgent(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			var w rest.AgentGroup
			if len(args) == 2 {
				w.Group = args[1]
			}
			var agent rest.Agent
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPut, Path: "/agents/" + url.PathEscape(id) + "/group", Body: w}, &agent); err != nil {
				return err
			}
			return a.print(agent, func() output.Table {
				if agent.Group == "" {
					return output.Table{Note: output.Clean(agent.Name) + " is in no group."}
				}
				return output.Table{Note: output.Clean(agent.Name + " is in the group " + agent.Group + ".")}
			})
		}),
	}
}
