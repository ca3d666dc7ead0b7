package cli

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
	"maestro.internal/sdk/resource"
)

// runLog is all that is kept of how a run went.
type runLog struct {
	Run    rest.Run        `json:"run"`
	Scopes []rest.RunScope `json:"scopes"`
}

func (a *app) runLogs() *cobra.Command {
	var follow, all bool
	cmd := &cobra.Command{
		Use: "logs ID", Short: "How a run went: its scopes, the provider's own errors, what was rejected, the plugin's log", Args: cobra.ExactArgs(1),
		Long: "Print how a run went: every scope that was not complete with the provider's own error and what to do about it, what was rejected\n" +
			"and why, warnings, and the lines that the plugin wrote. ID may be a connection's name: then it is its latest run.",
		Example: "  maestro runs logs 0190c7f2-...\n  maestro runs logs vcenter-fra --follow",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			id, err := findRun(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if follow {
				if _, err := a.follow(cmd.Context(), c, id); err != nil {
					return err
				}
			}
			var l runLog
			if l.Run, err = client.Get[rest.Run](cmd.Context(), c, "/runs/"+url.PathEscape(id), nil); err != nil {
				return err
			}
			scopes, err := client.All[rest.RunScope](cmd.Context(), c, "/runs/"+url.PathEscape(id)+"/scopes", url.Values{"page_size": {"1000"}}, 0)
			if err != nil {
				return err
			}
			l.Scopes = scopes.Items
			return a.print(l, func() output.Table { return runLogTable(l, all, a.env.Now()) })
		}),
	}
	cmd.Flags().BoolVar(&follow, "follow", false, "wait until it has ended")
	cmd.Flags().BoolVar(&all, "all", false, "show complete scopes too")
	return cmd
}

// findRun takes a run's id, or a connection of which it is the latest.
func findRun(ctx context.Context, c *client.Client, nameOrID string) (string, error) {
	run, err := client.Get[rest.Run](ctx, c, "/runs/"+url.PathEscape(nameOrID), nil)
	if err == nil {
		return run.ID, nil
	}
	if !client.IsStatus(err, 404) {
		return "", err
	}
	conn, e := findConnection(ctx, c, nameOrID)
	switch {
	case client.IsStatus(e, 404):
		return "", &client.Error{Status: 404, Detail: fmt.Sprintf("there is no run and no connection %q; `maestro runs` lists runs", nameOrID)}
	case e != nil:
		return "", e
	case conn.LastRun == nil:
		return "", &client.Error{Status: 404, Detail: fmt.Sprintf("the connection %s has had no run yet", conn.Name)}
	}
	return conn.LastRun.ID, nil
}

func runLogTable(l runLog, all bool, now time.Time) output.Table {
	t := output.Table{Header: []string{"scope", "outcome", "listed", "collector", "took", "says", "do"}}
	complete := 0
	for _, s := range l.Scopes {
		if s.Outcome.Status == resource.StatusComplete {
			complete++
			if !all && len(s.Rejected) == 0 && s.Verdict != "failed" {
				continue
			}
		}
		name := s.Kind
		for _, p := range s.Partition {
			name += " " + p.Value
		}
		t.Rows = append(t.Rows, []string{name, string(s.Outcome.Status), fmt.Sprint(s.Outcome.Listed), s.Verdict, output.Span(time.Duration(s.Outcome.DurationMS) * time.Millisecond), s.Outcome.Error, s.Outcome.Advice})
		for _, r := range s.Rejected {
			t.Rows = append(t.Rows, []string{"  " + r.ExternalID, "rejected", "", "", "", r.Reason, ""})
		}
	}
	r := l.Run
	lines := []string{fmt.Sprintf("Run %s of %s, %s (%s), began %s", r.ID, nameOf(&r.Connection), r.State, r.Trigger, output.Ago(r.StartedAt, now))}
	if !r.FinishedAt.IsZero() && !r.StartedAt.IsZero() {
		lines[0] += ", took " + output.Span(r.FinishedAt.Sub(r.StartedAt))
	}
	lines = append(lines, fmt.Sprintf("%d of %d scopes complete, %d listed: %d new, %d changed, %d gone, %d held, %d rejected", complete, r.ScopesTotal, r.Listed, r.Created, r.Updated, r.Gone, r.Held, r.Rejected))
	if r.Unchanged {
		lines = append(lines, "Nothing had changed since the run before, so nothing else travelled.")
	}
	if !r.PlanComplete && ended(r) {
		lines = append(lines, "The plugin could not find out everything that there is to read.")
	}
	if r.Error != "" {
		lines = append(lines, "Error: "+output.Clean(r.Error))
	}
	for _, w := range r.Warnings {
		lines = append(lines, "Warning: "+output.Clean(w))
	}
	if len(r.Log) > 0 {
		lines = append(lines, "", "The plugin's log:")
		for _, l := range r.Log {
			lines = append(lines, "  "+output.Clean(l))
		}
	}
	t.Note = strings.Join(lines, "\n")
	return t
}
