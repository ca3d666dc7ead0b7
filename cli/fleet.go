package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

func (a *app) run() *cobra.Command {
	var kinds []string
	var wait bool
	cmd := &cobra.Command{
		Use:     "run CONNECTION",
		Short:   "Ask for a run of a connection now",
		Long:    "Ask for a run of a connection, by name or id. With --wait the exit code is 0 when every scope was complete, 3 when\nsome were not, 1 when the run failed.",
		Example: "  maestro run vcenter-fra --wait\n  maestro run vcenter-fra --kinds server,volume",
		Args:    cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			conn, err := findConnection(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			var run rest.Run
			req := client.Request{Method: http.MethodPost, Path: "/connections/" + url.PathEscape(conn.ID) + "/runs", Body: rest.RunRequest{Kinds: kinds}}
			if err := c.Do(cmd.Context(), req, &run); err != nil {
				return err
			}
			if wait {
				if run, err = a.follow(cmd.Context(), c, run.ID); err != nil {
					return err
				}
			}
			if err := a.print(run, func() output.Table {
				t := output.Table{Header: runHeader, Rows: [][]string{runRow(run, a.env.Now())}}
				if wait && run.State == "partial" {
					t.Note = "Not everything was read: " + output.Clean(whyNot(run)) + "."
				}
				return t
			}); err != nil {
				return err
			}
			return runResult(run, wait)
		}),
	}
	cmd.Flags().StringSliceVar(&kinds, "kinds", nil, "`kinds` to read (default: all that are on)")
	cmd.Flags().BoolVarP(&wait, "wait", "w", false, "wait until it has ended")
	return cmd
}

func runResult(run rest.Run, waited bool) error {
	switch {
	case !waited || run.State == "succeeded":
		return nil
	case run.State == "partial":
		return errPartial
	}
	return fmt.Errorf("run %s %s: %s", run.ID, run.State, whyNot(run))
}

// whyNot is the run's own error, or else how its scopes ended that were not complete.
func whyNot(run rest.Run) string {
	if run.Error != "" {
		return run.Error
	}
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(run.Statuses)) {
		if status != string(resource.StatusComplete) {
			parts = append(parts, fmt.Sprintf("%d %s", run.Statuses[status], status))
		}
	}
	return fmt.Sprintf("of %d scopes %s", run.ScopesTotal, strings.Join(parts, ", "))
}

// follow waits for a run's end and shows its progress to a person.
func (a *app) follow(ctx context.Context, c *client.Client, id string) (rest.Run, error) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	bar := a.progress()
	defer bar.Done("")
	for {
		run, err := client.Get[rest.Run](ctx, c, "/runs/"+url.PathEscape(id), nil)
		if err != nil {
			return run, err
		}
		line := fmt.Sprintf("%s: %d of %d scopes, %d listed", run.State, run.ScopesDone, run.ScopesTotal, run.Listed)
		bar.Set(line, run.ScopesDone, run.ScopesTotal)
		if ended(run) {
			bar.Done(line)
			return run, nil
		}
		select {
		case <-ctx.Done():
			return run, ctx.Err()
		case <-tick.C:
		}
	}
}

func ended(run rest.Run) bool { return run.State != "queued" && run.State != "running" }

// findConnection takes an id or a name.
func findConnection(ctx context.Context, c *client.Client, nameOrID string) (rest.Connection, error) {
	list, err := client.All[rest.Connection](ctx, c, "/connections", nil, 0)
	if err != nil {
		return rest.Connection{}, err
	}
	var found []rest.Connection
	for _, x := range list.Items {
		if x.ID == nameOrID {
			return x, nil
		}
		if x.Name == nameOrID {
			found = append(found, x)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return rest.Connection{}, &client.Error{Status: http.StatusNotFound, Detail: fmt.Sprintf("no connection %q; `maestro connections` lists them", nameOrID)}
	}
	ids := make([]string, len(found))
	for i, x := range found {
		ids[i] = x.ID
	}
	return rest.Connection{}, usageError{fmt.Errorf("%d connections are named %q; use an id: %s", len(found), nameOrID, strings.Join(ids, ", "))}
}

func (a *app) agents() *cobra.Command {
	cmd := &cobra.Command{
		Use: "agents", Short: "List the agents, let new ones in", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			return printList(a, cmd, c, "/agents", listFlags{}, []string{"id", "name", "site", "group", "status", "version", "last contact", "spool", "plugins"}, func(x rest.Agent, now time.Time) []string {
				return []string{x.ID, x.Name, x.Site, x.Group, agentStatus(x), x.Version, output.Ago(x.LastContact, now), strconv.Itoa(x.Spool.Captures), strconv.Itoa(len(x.Plugins))}
			})
		}),
	}
	var want rest.JoinTokenCreate
	var ttl time.Duration
	join := &cobra.Command{
		Use: "join-token", Short: "Make a token that lets one agent in", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			want.TTLSeconds = int(ttl.Seconds())
			var token rest.JoinToken
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/join-tokens", Body: want}, &token); err != nil {
				return err
			}
			return a.print(token, func() output.Table {
				return output.Table{Note: fmt.Sprintf("%s\n\nIt lets one agent in until %s. On its machine run this and paste the token when asked:\n  %s", token.Token, token.ExpiresAt.Local().Format(time.DateTime), token.Command)}
			})
		}),
	}
	join.Flags().StringVar(&want.Name, "name", "", "`name` of the agent")
	join.Flags().StringVar(&want.Site, "site", "", "`site` of the agent")
	join.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long it may be used")
	var reason string
	revoke := &cobra.Command{
		Use: "revoke ID", Short: "Shut an agent out for good", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			var agent rest.Agent
			req := client.Request{Method: http.MethodPost, Path: "/agents/" + url.PathEscape(args[0]) + "/revoke", Body: rest.Decision{Reason: reason}}
			if err := c.Do(cmd.Context(), req, &agent); err != nil {
				return err
			}
			return a.print(agent, func() output.Table { return output.Table{Note: "Revoked " + output.Clean(agent.Name) + "."} })
		}),
	}
	revoke.Flags().StringVar(&reason, "reason", "", "`why`, for the audit log")
	cmd.AddCommand(join, revoke, a.agentDrain(), a.agentResume(), a.agentRecovery(), a.agentRelease(), a.agentGroup())
	return cmd
}

func (a *app) agentRecovery() *cobra.Command {
	var count int
	var ttl time.Duration
	var reason string
	cmd := &cobra.Command{
		Use: "recovery ID", Short: "Let an agent whose certificate has expired get another", Args: cobra.ExactArgs(1),
		Long: "Let an agent whose certificate has expired get another with the key that it enrolled with. The agent asks by itself, within\n" +
			"two minutes. Until its certificate has expired it needs none of this: it renews. --count 0 takes back what was allowed.",
		Example: "  maestro agents recovery 0190c7f2-... --reason 'was switched off over the holidays'",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			var agent rest.Agent
			req := client.Request{Method: http.MethodPost, Path: "/agents/" + url.PathEscape(args[0]) + "/recovery",
				Body: rest.RecoveryGrant{Count: &count, TTLSeconds: int(ttl.Seconds()), Reason: reason}}
			if err := c.Do(cmd.Context(), req, &agent); err != nil {
				return err
			}
			return a.print(agent, func() output.Table {
				if agent.Recoveries == 0 {
					return output.Table{Note: output.Clean(agent.Name) + " may not recover."}
				}
				return output.Table{Note: fmt.Sprintf("%s may recover %d times until %s.", output.Clean(agent.Name), agent.Recoveries,
					agent.RecoveryUntil.Local().Format(time.DateTime))}
			})
		}),
	}
	cmd.Flags().IntVar(&count, "count", 1, "how many times")
	cmd.Flags().DurationVar(&ttl, "ttl", 24*time.Hour, "until when")
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit log")
	return cmd
}

func (a *app) connections() *cobra.Command {
	cmd := &cobra.Command{
		Use: "connections", Short: "List the connections; create, change, check and delete them", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			return printList(a, cmd, c, "/connections", listFlags{}, []string{"id", "name", "provider", "agent", "datacenter", "client", "health", "last run"}, func(x rest.Connection, now time.Time) []string {
				last := "-"
				if x.LastRun != nil {
					last = x.LastRun.State + " " + output.Ago(x.LastRun.StartedAt, now)
				}
				return []string{x.ID, x.Name, x.Provider, nameOf(x.Agent), nameOf(x.Datacenter), nameOf(x.Client), x.Health, last}
			})
		}),
	}
	cmd.AddCommand(a.connectionCreate(), a.connectionSet(), a.connectionHealth(), a.connectionCheck(), a.connectionChoices(), a.connectionFiles(), a.connectionUpload(), a.connectionResend(), a.connectionRejected(), a.connectionMove(), a.connectionDelete())
	return cmd
}

func (a *app) connectionCreate() *cobra.Command {
	var file string
	var dry bool
	var s sealing
	cmd := &cobra.Command{
		Use: "create -f FILE", Short: "Create a connection from a JSON document, or many from a table", Args: cobra.NoArgs,
		Long: "Create a connection from a JSON document, or many from a table: CSV whose first line names columns, or a YAML list. The columns are name, provider,\n" +
			"agent and datacenter (by name or id), credential (a name in the agent's file), kinds, paused, and the provider's settings by name (lists divided\n" +
			"by semicolons). Each row stands for itself: what is wrong with one is named, and the others are made. A connection of the name that is there\n" +
			"already is changed where the row says something else, so the same table may be given again. A table holds no secret: --set and --seal give\n" +
			"values that are encrypted here for each connection of the table, as `maestro seal` does.",
		Example: `  echo '{"name": "vcenter-fra", "provider": "vsphere", "agent": "0190...", "credential": "vcenter",
         "settings": {"url": "https://vcenter.example.org"}}' | maestro connections create -f -
  maestro connections create -f vcenters.csv --dry-run
  maestro connections create -f vcenters.csv --set VSPHERE_USERNAME=maestro@vsphere.local --seal VSPHERE_PASSWORD=pw.txt`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := a.readFile(file)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			if isTable(text) {
				return a.createMany(cmd.Context(), c, string(text), dry, s)
			}
			if dry || len(s.set)+len(s.files) > 0 {
				return usageError{errors.New("--dry-run, --set and --seal are for tables")}
			}
			var w rest.ConnectionWrite
			if err := a.document("the document", func(string) ([]byte, error) { return text, nil }, &w); err != nil {
				return err
			}
			var made rest.Connection
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/connections", Body: w}, &made); err != nil {
				return err
			}
			return a.print(made, func() output.Table { return output.Table{Note: "Created " + made.ID + "."} })
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "-", "`file` with the document or table; - is standard input")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what a table would do, and do nothing")
	cmd.Flags().StringArrayVar(&s.set, "set", nil, "`NAME=VALUE` of a credential's variable that is no secret, for a table")
	cmd.Flags().StringArrayVar(&s.files, "seal", nil, "`NAME=PATH` of a file with the value of a credential's variable, for a table")
	cmd.Flags().StringSliceVar(&s.only, "only", nil, "`fingerprints` of the keys that it may be sealed to; any other is refused")
	return cmd
}

func (a *app) connectionSet() *cobra.Command {
	var on, off []string
	var every time.Duration
	var pause, resume bool
	cmd := &cobra.Command{
		Use: "set CONNECTION", Short: "Turn kinds on and off, set their interval, pause and resume", Args: cobra.ExactArgs(1),
		Example: "  maestro connections set vcenter-fra --on server,volume --every 15m\n  maestro connections set vcenter-fra --pause",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			conn, err := findConnection(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			w := writeOf(conn)
			if err := schedule(&w, on, off, every); err != nil {
				return err
			}
			w.Paused = (w.Paused || pause) && !resume
			var saved rest.Connection
			req := client.Request{Method: http.MethodPut, Path: "/connections/" + url.PathEscape(conn.ID), IfMatch: fmt.Sprintf("%q", strconv.FormatInt(conn.Version, 10)), Body: w}
			if err := c.Do(cmd.Context(), req, &saved); err != nil {
				return err
			}
			return a.print(saved, func() output.Table {
				t := output.Table{Header: []string{"kind", "on", "every"}}
				for _, k := range saved.Kinds {
					when := k.Cron
					if when == "" {
						when = output.Span(time.Duration(k.IntervalSeconds) * time.Second)
					}
					t.Rows = append(t.Rows, []string{k.Kind, output.Value(k.Enabled), when})
				}
				return t
			})
		}),
	}
	cmd.Flags().StringSliceVar(&on, "on", nil, "`kinds` to read")
	cmd.Flags().StringSliceVar(&off, "off", nil, "`kinds` not to read any longer; what was found becomes unwatched")
	cmd.Flags().DurationVar(&every, "every", 0, "`interval` of the kinds named by --on, or of all")
	cmd.Flags().BoolVar(&pause, "pause", false, "run nothing until resumed")
	cmd.Flags().BoolVar(&resume, "resume", false, "run again")
	return cmd
}

func writeOf(c rest.Connection) rest.ConnectionWrite {
	w := rest.ConnectionWrite{
		Name: c.Name, Provider: c.Provider, Settings: c.Settings, Credential: c.Credential, Kinds: rest.WriteKinds(c.Kinds), Rules: c.Rules, Paused: c.Paused,
		Precedence: c.Precedence, MaxRequestsPerSecond: c.MaxRequestsPerSecond, MaxParallelRequests: c.MaxParallelRequests, QuietHours: c.QuietHours, TimeZone: c.TimeZone,
	}
	if c.Agent != nil {
		w.Agent = c.Agent.ID
	}
	if c.Datacenter != nil {
		w.Datacenter = c.Datacenter.ID
	}
	if c.Client != nil && c.OwnClient {
		w.Client = c.Client.ID
	}
	return w
}

func schedule(w *rest.ConnectionWrite, on, off []string, every time.Duration) error {
	at := map[string]int{}
	for i, k := range w.Kinds {
		at[k.Kind] = i
	}
	for _, list := range []struct {
		kinds   []string
		enabled bool
	}{{on, true}, {off, false}} {
		for _, kind := range list.kinds {
			i, ok := at[kind]
			if !ok {
				return usageError{fmt.Errorf("the plugin %s does not read the kind %q", w.Provider, kind)}
			}
			w.Kinds[i].Enabled = &list.enabled
			if every > 0 && list.enabled {
				w.Kinds[i].IntervalSeconds, w.Kinds[i].Cron = int64(every.Seconds()), ""
			}
		}
	}
	if every > 0 && len(on) == 0 {
		for i := range w.Kinds {
			w.Kinds[i].IntervalSeconds, w.Kinds[i].Cron = int64(every.Seconds()), ""
		}
	}
	return nil
}

func (a *app) connectionCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check CONNECTION", Short: "Ask the agent what the connection may read", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			conn, err := findConnection(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			result := rest.CheckResult{State: "pending"}
			for result.State == "pending" {
				req := client.Request{Method: http.MethodPost, Path: "/connections/" + url.PathEscape(conn.ID) + "/check"}
				if err := c.Do(cmd.Context(), req, &result); err != nil {
					return err
				}
			}
			if err := a.print(result, func() output.Table { return checkTable(result) }); err != nil {
				return err
			}
			if result.State == "failed" {
				return fmt.Errorf("check %s: %s", conn.Name, result.Error)
			}
			for _, item := range result.Report.Items {
				if !item.OK {
					return errPartial
				}
			}
			return nil
		}),
	}
}

func checkTable(r rest.CheckResult) output.Table {
	t := output.Table{Header: []string{"ok", "kind", "what", "says", "do"}}
	if r.Report == nil {
		return t
	}
	for _, i := range r.Report.Items {
		t.Rows = append(t.Rows, []string{output.Value(i.OK), i.Kind, i.Name, i.Message, i.Advice})
	}
	t.Note = r.Report.Policy
	return t
}

func (a *app) connectionDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete CONNECTION", Short: "Delete a connection; what it found becomes unwatched", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			conn, err := findConnection(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodDelete, Path: "/connections/" + url.PathEscape(conn.ID)}, nil); err != nil {
				return err
			}
			fmt.Fprintf(a.env.Err, "Deleted %s.\n", output.Clean(conn.Name))
			return nil
		}),
	}
}
