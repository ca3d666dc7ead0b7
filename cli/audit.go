package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// verifyWithin is for reading the whole history of a large site.
const verifyWithin = 5 * time.Minute

func (a *app) audit() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "What anyone did, and whether the record of it is whole"}
	cmd.AddCommand(a.auditVerify(), a.auditExport())
	return cmd
}

func (a *app) auditVerify() *cobra.Command {
	var expect []string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Find changes and audit entries that were removed, edited or put in",
		Long: "Has the collector compare the whole history with its signed checkpoints. Keep the hashes that it prints somewhere else: given\n" +
			"with --expect, they prove later that the end was not cut off. Exit code 1 says that something was found.",
		Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			var v rest.AuditVerification
			req := client.Request{Method: http.MethodPost, Path: "/audit/verify", Body: rest.AuditVerify{Expect: expect}, Within: verifyWithin}
			if err := c.Do(cmd.Context(), req, &v); err != nil {
				return err
			}
			if err := a.print(v, func() output.Table { return verificationTable(v) }); err != nil {
				return err
			}
			if !v.OK {
				return errors.New("the history is not as it was written")
			}
			return nil
		}),
	}
	cmd.Flags().StringSliceVar(&expect, "expect", nil, "`hash` of a checkpoint that must be there")
	return cmd
}

func verificationTable(v rest.AuditVerification) output.Table {
	t := output.Table{Header: []string{"what", "entry", "at", "problem"}}
	for _, f := range v.Findings {
		at := "-"
		if !f.At.IsZero() {
			at = f.At.Format(time.RFC3339)
		}
		t.Rows = append(t.Rows, []string{f.Stream, f.ID, at, f.Problem})
	}
	if v.More {
		t.Rows = append(t.Rows, []string{"...", "", "", "and more"})
	}
	for _, h := range v.Heads {
		t.Note += fmt.Sprintf("%s sealed up to %s by checkpoint %d, %s\n", h.Stream, h.Until.Format(time.RFC3339), h.Number, h.Hash)
	}
	t.Note += fmt.Sprintf("%d entries read, %d of them sealed by %d checkpoints; %d were purged.", v.Entries, v.Sealed, v.Checkpoints, v.Purged)
	if v.OK {
		t.Note += " Nothing was removed, edited or put in."
	}
	return t
}

func (a *app) auditExport() *cobra.Command {
	var filter, format string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write all audit entries, newest first, as CSV or one JSON document a line",
		Example: `  maestro audit export > audit.ndjson
  maestro audit export --format csv -f 'at >= -30d AND outcome = "refused"' > refused.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "csv" && format != "ndjson" {
				return usageError{fmt.Errorf("unknown format %q: want csv or ndjson", format)}
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			req := client.Request{Method: http.MethodGet, Path: "/audit/export", Query: url.Values{"format": {format}}, Within: verifyWithin}
			if filter != "" {
				req.Query.Set("filter", filter)
			}
			return c.Copy(cmd.Context(), req, a.env.Out)
		},
	}
	cmd.Flags().StringVarP(&filter, "filter", "f", "", "`expression` over actor, action, object, outcome and at")
	cmd.Flags().StringVar(&format, "format", "ndjson", "csv or ndjson")
	return cmd
}
