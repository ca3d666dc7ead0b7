package cli

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

func (a *app) staleness() *cobra.Command {
	cmd := &cobra.Command{
		Use: "staleness", Short: "Show or change how long a preferred source may be silent before others write what it says too", Args: cobra.NoArgs,
		Example: `  maestro staleness
  maestro staleness set 14d --kind server=2d --kind software=never --reason "the CMDB import is monthly"
  maestro staleness set default --kind server=default`,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			r, err := client.Get[rest.Staleness](cmd.Context(), c, "/staleness", nil)
			if err != nil {
				return err
			}
			return a.print(r, func() output.Table { return stalenessTable(r) })
		}),
	}
	cmd.AddCommand(a.stalenessSet())
	return cmd
}

func stalenessTable(r rest.Staleness) output.Table {
	from := "the collector's configuration"
	if r.Own {
		from = "this tenant"
	}
	t := output.Table{Header: []string{"kind", "silent for", "said by"}, Rows: [][]string{{"all others", silenceText(r.SilentAfterSeconds), from}}}
	for _, k := range r.Kinds {
		t.Rows = append(t.Rows, []string{k.Kind, silenceText(k.SilentAfterSeconds), "this tenant"})
	}
	if len(r.Kinds) == 0 {
		t.Rows[0][0] = "all"
	}
	if r.Version > 0 {
		t.Note = fmt.Sprintf("version %d, saved by %s %s", r.Version, r.SavedBy, output.Ago(r.SavedAt, time.Now()))
	}
	return t
}

func (a *app) stalenessSet() *cobra.Command {
	var kinds []string
	var reason string
	cmd := &cobra.Command{
		Use: "set [TIME|never|default]", Short: "Change the rule, of all kinds or of those named; the others stay", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && len(kinds) == 0 {
				return fmt.Errorf("set staleness: name a time such as 7d, or a kind with --kind server=2d")
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			now, err := client.Get[rest.Staleness](cmd.Context(), c, "/staleness", nil)
			if err != nil {
				return err
			}
			w, err := stalenessAfter(now, args, kinds)
			if err != nil {
				return err
			}
			w.Reason = reason
			var r rest.Staleness
			req := client.Request{Method: http.MethodPut, Path: "/staleness", IfMatch: strconv.FormatInt(now.Version, 10), Body: w}
			if err := c.Do(cmd.Context(), req, &r); err != nil {
				return err
			}
			return a.print(r, func() output.Table { return stalenessTable(r) })
		},
	}
	cmd.Flags().StringArrayVar(&kinds, "kind", nil, "`KIND=TIME` that differs from the rest; KIND=default for one that no longer does")
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit log")
	return cmd
}

// stalenessAfter is the rule with what a command line changes of it.
func stalenessAfter(now rest.Staleness, args, kinds []string) (rest.StalenessWrite, error) {
	w := rest.StalenessWrite{Kinds: now.Kinds}
	if now.Own {
		w.SilentAfterSeconds = &now.SilentAfterSeconds
	}
	if len(args) > 0 {
		n, own, err := silence(args[0])
		if err != nil {
			return w, err
		}
		w.SilentAfterSeconds = nil
		if own {
			w.SilentAfterSeconds = &n
		}
	}
	for _, text := range kinds {
		kind, span, ok := strings.Cut(text, "=")
		if !ok || kind == "" {
			return w, fmt.Errorf("set staleness: --kind %s: want KIND=TIME, such as server=2d", text)
		}
		n, own, err := silence(span)
		if err != nil {
			return w, err
		}
		w.Kinds = slices.DeleteFunc(slices.Clone(w.Kinds), func(k rest.KindStaleness) bool { return k.Kind == kind })
		if own {
			w.Kinds = append(w.Kinds, rest.KindStaleness{Kind: kind, SilentAfterSeconds: n})
		}
	}
	return w, nil
}

// silence reads 7d, 36h, never or default.
func silence(text string) (seconds int64, own bool, err error) {
	switch text {
	case "default":
		return 0, false, nil
	case "never", "0":
		return 0, true, nil
	}
	var d time.Duration
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, e := strconv.ParseInt(days, 10, 32)
		d, err = time.Duration(n)*24*time.Hour, e
	} else {
		d, err = time.ParseDuration(text)
	}
	if err != nil || d < time.Second || d > 10*365*24*time.Hour {
		return 0, false, fmt.Errorf("set staleness: %q is no time: want days such as 7d, hours such as 36h, never, or default", text)
	}
	return int64(d / time.Second), true, nil
}

func silenceText(seconds int64) string {
	d := time.Duration(seconds) * time.Second
	switch {
	case d == 0:
		return "never"
	case d%(24*time.Hour) == 0:
		return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
	}
	return d.String()
}
