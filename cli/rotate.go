package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// rotateWait is how long `maestro sealed rotate` waits for the agents: a check of theirs ends after half a minute.
const rotateWait = 2 * time.Minute

// sealedRotate enters credentials that are used once they were tried.
func (a *app) sealedRotate() *cobra.Command {
	s := sealing{tried: true}
	var filter string
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "rotate [CONNECTION...]", Args: cobra.ArbitraryArgs, Short: "Enter new credentials, which are used once their agents have found that they work",
		Long: "Enter new credentials for connections. They are encrypted here, as by `maestro seal`, and kept beside those in use. The agent of each\n" +
			"connection then checks what may be read with the new one. When everything may, it is used from the next run on; otherwise the one in use\n" +
			"stays, and the new one is kept with the reason: try it again with `maestro sealed retry` once that is mended, enter another, or `discard` it.\n" +
			"The same values may be for many: name connections of one plugin, or give --filter. Ends with 1 when not all of them are used.",
		Example: "  maestro sealed rotate vcenter-fra vcenter-ber --set VSPHERE_USERNAME=maestro@vsphere.local --file VSPHERE_PASSWORD=new.txt\n" +
			"  maestro sealed rotate --filter 'provider = aws AND due = true' --file AWS_ACCESS_KEY_ID=id --file AWS_SECRET_ACCESS_KEY=secret",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			terms, err := rotateTerms(cmd.Context(), c, args, filter)
			if err != nil {
				return err
			}
			done, err := a.enter(cmd.Context(), c, s, terms)
			if err != nil {
				return err
			}
			return a.awaitCandidates(cmd.Context(), c, done, wait)
		}),
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&filter, "filter", "", "the connections whose sealed credentials this finds, as `maestro sealed --filter` lists them")
	cmd.Flags().DurationVar(&wait, "wait", rotateWait, "how long to wait for the agents; 0 for not at all")
	return cmd
}

// rotateTerms are the connections that are named or found, all of one plugin.
func rotateTerms(ctx context.Context, c *client.Client, names []string, filter string) ([]rest.SealedCredential, error) {
	switch {
	case (len(names) == 0) == (filter == ""):
		return nil, usageError{errors.New("want the connections by name, or --filter")}
	case filter == "":
		return sealTerms(ctx, c, names)
	}
	list, err := client.All[rest.SealedCredential](ctx, c, "/sealed-credentials", url.Values{"filter": {filter}}, 0)
	if err != nil {
		return nil, err
	}
	if len(list.Items) == 0 {
		return nil, errors.New("the filter finds no connection; nothing was changed")
	}
	for _, t := range list.Items {
		if t.Provider != list.Items[0].Provider {
			return nil, usageError{fmt.Errorf("the filter finds connections of %s and %s: they take different credentials; add provider = %s", list.Items[0].Provider, t.Provider, t.Provider)}
		}
	}
	return list.Items, nil
}

func (a *app) sealedRetry() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "retry CONNECTION...", Short: "Have new credentials checked again that were refused", Args: cobra.MinimumNArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			done, err := eachSealed(cmd.Context(), c, args, http.MethodPost, "/candidate/check")
			if err != nil {
				return err
			}
			return a.awaitCandidates(cmd.Context(), c, done, wait)
		}),
	}
	cmd.Flags().DurationVar(&wait, "wait", rotateWait, "how long to wait for the agents; 0 for not at all")
	return cmd
}

func (a *app) sealedDiscard() *cobra.Command {
	return &cobra.Command{
		Use: "discard CONNECTION...", Short: "Forget new credentials that are not used yet; those in use stay", Args: cobra.MinimumNArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			done, err := eachSealed(cmd.Context(), c, args, http.MethodDelete, "/candidate")
			if err != nil {
				return err
			}
			return a.awaitCandidates(cmd.Context(), c, done, 0)
		}),
	}
}

// eachSealed does the same with the credential of each connection; where one is refused the others are gone on with.
func eachSealed(ctx context.Context, c *client.Client, names []string, method, path string) (rest.SealedResults, error) {
	var done rest.SealedResults
	list, err := client.All[rest.SealedCredential](ctx, c, "/sealed-credentials", nil, 0)
	if err != nil {
		return done, err
	}
	for _, name := range names {
		t, err := pickSealed(list.Items, name)
		if err != nil {
			return done, err
		}
		r := rest.SealedResult{Connection: t.ID, OK: true}
		var refused *client.Error
		switch err := c.Do(ctx, client.Request{Method: method, Path: sealedPath(t.ID) + path}, nil); {
		case errors.As(err, &refused):
			r.OK, r.Error = false, refused.Detail
		case err != nil:
			return done, err
		}
		done.Items = append(done.Items, r)
	}
	return done, nil
}

// awaitCandidates waits until the agents have said of every new credential whether it works, and prints how each connection stands.
func (a *app) awaitCandidates(ctx context.Context, c *client.Client, done rest.SealedResults, wait time.Duration) error {
	deadline := a.env.Now().Add(wait)
	mine := func(x rest.SealedCredential) int {
		return slices.IndexFunc(done.Items, func(r rest.SealedResult) bool { return r.Connection == x.ID })
	}
	for {
		list, err := client.All[rest.SealedCredential](ctx, c, "/sealed-credentials", nil, 0)
		if err != nil {
			return err
		}
		now := slices.DeleteFunc(list.Items, func(x rest.SealedCredential) bool { return mine(x) < 0 })
		checking := slices.ContainsFunc(now, func(x rest.SealedCredential) bool {
			return x.Candidate != nil && x.Candidate.State == "checking" && done.Items[mine(x)].OK
		})
		if checking && a.env.Now().Before(deadline) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(500 * time.Millisecond):
			}
			continue
		}
		return a.printCandidates(now, func(x rest.SealedCredential) rest.SealedResult { return done.Items[mine(x)] })
	}
}

func (a *app) printCandidates(list []rest.SealedCredential, result func(rest.SealedCredential) rest.SealedResult) error {
	table := output.Table{Header: []string{"CONNECTION", "RESULT"}}
	short := 0
	for _, x := range list {
		r, text := result(x), "in use"
		switch {
		case !r.OK:
			text = "refused: " + r.Error
		case x.Candidate != nil && x.Candidate.State == "refused":
			text = "does not work, what was in use stays: " + x.Candidate.Error
		case x.Candidate != nil:
			text = "is being checked. " + x.Candidate.Error
		case x.State == "none":
			text = "nothing is sealed"
		}
		if !r.OK || x.Candidate != nil {
			short++
		}
		table.Rows = append(table.Rows, []string{output.Clean(x.Connection.Name), output.Clean(text)})
	}
	if err := a.print(list, func() output.Table { return table }); err != nil {
		return err
	}
	if short > 0 {
		return fmt.Errorf("%d of %d connections do not use the new one", short, len(list))
	}
	return nil
}

func (a *app) sealedReminder() *cobra.Command {
	return &cobra.Command{
		Use: "reminder [DAYS]", Args: cobra.MaximumNArgs(1), Short: "Show or set after how many days sealed credentials are due to be rotated; 0 for never",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			r, err := client.Get[rest.CredentialRotation](cmd.Context(), c, "/credential-rotation", nil)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				days, err := strconv.Atoi(args[0])
				if err != nil || days < 0 {
					return usageError{fmt.Errorf("%q is no number of days", args[0])}
				}
				if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPut, Path: "/credential-rotation", Body: rest.CredentialRotationWrite{EveryDays: days}}, &r); err != nil {
					return err
				}
			}
			return a.print(r, func() output.Table {
				if r.EveryDays == 0 {
					return output.Table{Note: "There is no reminder."}
				}
				return output.Table{Note: fmt.Sprintf("Sealed credentials are due after %d days; `maestro sealed --due` lists them.", r.EveryDays)}
			})
		}),
	}
}
