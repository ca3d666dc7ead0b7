package cli

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

func (a *app) diff() *cobra.Command {
	var since, until, kind, datacenter string
	var limit int
	cmd := &cobra.Command{
		Use:   "diff --since MOMENT [KIND NAME-OR-ID]",
		Short: "What is different between two moments",
		Long: "Print what is different between two moments: of one resource, of a kind, of a datacenter, or of everything. What changed and\n" +
			"changed back in between is not. A moment is RFC 3339, a date, a time ago (3d, 12h), today, yesterday or a day of the week.",
		Example: `  maestro diff --since monday
  maestro diff --since 2026-11-01 --until 2026-11-08 --datacenter Frankfurt --kind server
  maestro diff --since -12h server 8f0c...`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return usageError{fmt.Errorf("want both a kind and an id, or --kind %s", args[0])}
			}
			q := url.Values{}
			for name, text := range map[string]string{"since": since, "until": until} {
				if text == "" {
					continue
				}
				at, err := moment(text, a.env.Now())
				if err != nil {
					return usageError{fmt.Errorf("--%s: %w", name, err)}
				}
				q.Set(name, at.UTC().Format(time.RFC3339Nano))
			}
			if since == "" {
				return usageError{fmt.Errorf("--since is missing: the earlier moment")}
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			if len(args) == 2 {
				id, err := findResource(cmd.Context(), c, args[0], args[1])
				if err != nil {
					return err
				}
				d, err := client.Get[rest.Difference](cmd.Context(), c, resourcePath(args[0], id)+"/compare", q)
				if err != nil {
					return err
				}
				return a.print(d, func() output.Table { return a.differences([]rest.Difference{d}, false) })
			}
			if kind != "" {
				q.Set("kind", kind)
			}
			if datacenter != "" {
				id, err := datacenterNamed(cmd.Context(), c, datacenter)
				if err != nil {
					return err
				}
				q.Set("datacenter", id)
			}
			q.Set("page_size", "1000")
			if limit > 0 {
				q.Set("page_size", strconv.Itoa(min(limit, 1000)))
			}
			list, err := client.All[rest.Difference](cmd.Context(), c, "/changes/compare", q, limit)
			if err != nil {
				return err
			}
			return a.print(list, func() output.Table { return a.differences(list.Items, limit > 0 && len(list.Items) == limit) })
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "the earlier `moment`")
	cmd.Flags().StringVar(&until, "until", "", "the later `moment` (default now)")
	cmd.Flags().StringVar(&kind, "kind", "", "resources of this `kind` only")
	cmd.Flags().StringVar(&datacenter, "datacenter", "", "resources that were or are in this datacenter: `name` or id")
	cmd.Flags().IntVar(&limit, "limit", 100, "most `items` to print; 0 for all")
	return cmd
}

func (a *app) differences(items []rest.Difference, cut bool) output.Table {
	t := output.Table{Header: []string{"what", "kind", "name", "changes", "last", "difference"}}
	for _, d := range items {
		if d.Action == "none" {
			continue
		}
		what := diffText(d.Diff)
		if what == "" && d.StateBefore != "" && d.StateBefore != d.StateAfter {
			what = d.StateBefore + " -> " + d.StateAfter
		}
		t.Rows = append(t.Rows, []string{d.Action, d.Kind, d.Name, strconv.Itoa(d.Changes), output.Ago(d.At, a.env.Now()), what})
	}
	switch {
	case len(t.Rows) == 0:
		t.Note = "Nothing is different."
	case cut:
		t.Note = "There may be more; --limit 0 prints all"
	}
	return t
}

// moment reads what people call a moment. Days begin at midnight where the command runs; a day of the week is the last one.
func moment(text string, now time.Time) (time.Time, error) {
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch lower := strings.ToLower(strings.TrimSpace(text)); lower {
	case "now":
		return now, nil
	case "today":
		return midnight, nil
	case "yesterday":
		return midnight.AddDate(0, 0, -1), nil
	default:
		for day := time.Sunday; day <= time.Saturday; day++ {
			if lower == strings.ToLower(day.String()) || lower == strings.ToLower(day.String()[:3]) {
				return midnight.AddDate(0, 0, -int((now.Weekday()-day+7)%7)), nil
			}
		}
		if at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(text)); err == nil {
			return at, nil
		}
		for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
			if at, err := time.ParseInLocation(layout, strings.TrimSpace(text), now.Location()); err == nil {
				return at, nil
			}
		}
		// Nobody asks about what is to come, so 12h is -12h.
		ago := strings.TrimPrefix(lower, "-")
		if days, ok := strings.CutSuffix(ago, "d"); ok {
			if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36_500 {
				return now.AddDate(0, 0, -n).Truncate(time.Second), nil
			}
		} else if d, err := time.ParseDuration(ago); err == nil && d >= 0 {
			return now.Add(-d).Truncate(time.Second), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no moment: want 2026-11-01, 2026-11-01T08:00:00Z, -3d, -12h, yesterday or monday", text)
}
