package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// connectionChoices asks a provider what a setting may be.
func (a *app) connectionChoices() *cobra.Command {
	var ask rest.ChoicesRequest
	var provider, settings string
	cmd := &cobra.Command{
		Use: "choices [CONNECTION] SETTING", Short: "Ask the provider what a setting may be: its regions, projects, datacenters", Args: cobra.RangeArgs(1, 2),
		Long: "Ask the provider what a setting may be, by way of the agent and its plugin. With a connection its agent, settings and credential are used;\n" +
			"without one name the provider, the agent and a credential of the agent's own file. Anything else may be set all the same.",
		Example: "  maestro connections choices aws-prod regions\n  maestro connections choices --provider vsphere --agent 0190c7f2-... --credential vc --settings vc.json datacenters",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			switch {
			case len(args) == 2 && provider != "":
				return usageError{errors.New("want a connection or --provider, not both")}
			case len(args) == 2:
				conn, err := findConnection(cmd.Context(), c, args[0])
				if err != nil {
					return err
				}
				ask.Connection, provider = conn.ID, conn.Provider
			case provider == "":
				return usageError{errors.New("want a connection, or --provider with --agent")}
			}
			ask.Setting = args[len(args)-1]
			if !strings.HasPrefix(ask.Setting, "/") {
				ask.Setting = "/" + strings.ReplaceAll(ask.Setting, ".", "/")
			}
			if settings != "" {
				var doc json.RawMessage
				if err := a.document(settings, os.ReadFile, &doc); err != nil {
					return err
				}
				ask.Settings = doc
			}
			var got rest.ChoicesResult
			for tries := 0; tries == 0 || got.State == "pending" && tries < 3; tries++ {
				got = rest.ChoicesResult{}
				if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/plugins/" + url.PathEscape(provider) + "/choices", Body: ask}, &got); err != nil {
					return err
				}
			}
			if err := a.print(got, func() output.Table { return choicesTable(got) }); err != nil {
				return err
			}
			if got.State != "done" {
				return errors.New(whyNoChoices(ask.Setting, got))
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&provider, "provider", "", "`provider` to ask, where there is no connection yet")
	cmd.Flags().StringVar(&ask.Agent, "agent", "", "`id` of the agent that asks")
	cmd.Flags().StringVar(&ask.Credential, "credential", "", "`name` of a credential in the agent's own file")
	cmd.Flags().StringVar(&settings, "settings", "", "`file` with the settings so far, instead of those of the connection; - is standard input")
	return cmd
}

func choicesTable(r rest.ChoicesResult) output.Table {
	t := output.Table{Header: []string{"value", "label", "note"}}
	if r.Choices == nil {
		return t
	}
	for _, i := range r.Choices.Items {
		t.Rows = append(t.Rows, []string{i.Value, i.Label, i.Note})
	}
	if r.Choices.More {
		t.Note = "There are more than are listed."
	}
	return t
}

func whyNoChoices(setting string, r rest.ChoicesResult) string {
	text := fmt.Sprintf("choices of %s: %s", setting, output.Clean(r.Error))
	if r.Setting != "" {
		text += " (setting " + output.Clean(r.Setting) + ")"
	}
	if r.Advice != "" {
		text += "; " + output.Clean(r.Advice)
	}
	return text
}
