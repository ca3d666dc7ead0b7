package cli

import (
	"cmp"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

func (a *app) kinds() *cobra.Command {
	cmd := &cobra.Command{
		Use: "kinds", Short: "List the kinds; define kinds and fields of your own", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			return printList(a, cmd, c, "/kinds", listFlags{}, []string{"kind", "label", "version", "from", "fields", "custom fields", "approval"}, func(k rest.KindInfo, _ time.Time) []string {
				from := "Maestro"
				if provider, _, ok := strings.Cut(k.Name, "."); ok {
					from = provider
				}
				return []string{k.Name, k.Label, strconv.Itoa(k.Major) + "." + strconv.Itoa(k.Minor), from, strconv.Itoa(len(k.Fields)), strconv.Itoa(len(k.CustomFields)), approvalOf(k)}
			})
		}),
	}
	cmd.AddCommand(a.kindApprove(), a.kindFields(), a.kindDefine(), a.kindDrop())
	return cmd
}

// approvalOf says what of a kind waits for an administrator.
func approvalOf(k rest.KindInfo) string {
	var waiting []string
	for _, f := range k.Extensions {
		if f.Approval == "pending" {
			waiting = append(waiting, f.Provider)
		}
	}
	if len(waiting) > 0 && k.Approval != "pending" {
		return "fields of " + strings.Join(waiting, ", ") + " pending"
	}
	return k.Approval
}

func (a *app) kindApprove() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "approve KIND", Short: "Let in a kind that a plugin declares, or the fields that plugins add to a kind", Args: cobra.ExactArgs(1),
		Long: "Let in a kind that a plugin declares, or the fields that plugins add to a kind. Until then resources of the kind are not\ntaken, and added fields have no index and no column, and are not searched.",
		Example: `  maestro kinds
  maestro explain acme.rack
  maestro kinds approve acme.rack --reason 'reviewed with the storage team'`,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			var k rest.KindInfo
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/kinds/" + url.PathEscape(args[0]) + "/approve", Body: rest.Decision{Reason: reason}}, &k); err != nil {
				return err
			}
			return a.print(k, func() output.Table {
				return output.Table{Note: "Approved " + k.Name + ". Its resources come with the next run."}
			})
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit log")
	return cmd
}

func (a *app) kindFields() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "fields KIND [-f FILE]", Short: "Show the custom fields of a kind, or say which it has from now on", Args: cobra.ExactArgs(1),
		Long: "Show the custom fields of a kind, or, with -f, say which it has from now on: all of them. A field that records\nhave a value in can change its label, help and looks, but neither go nor become another type.",
		Example: `  maestro kinds fields server -o json > fields.json
  echo '{"fields": [{"name": "rack_unit", "type": "integer", "label": "Rack unit", "column": true}]}' | maestro kinds fields server -f -
  maestro get server --filter 'custom.rack_unit > 40'`,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			path := "/kinds/" + url.PathEscape(args[0])
			var k rest.KindInfo
			var err error
			if file == "" {
				k, err = client.Get[rest.KindInfo](cmd.Context(), c, path, nil)
			} else {
				var w rest.CustomFieldsWrite
				if err := a.document(file, os.ReadFile, &w); err != nil {
					return err
				}
				err = c.Do(cmd.Context(), client.Request{Method: http.MethodPut, Path: path + "/custom-fields", Body: w}, &k)
			}
			if err != nil {
				return err
			}
			fields := rest.CustomFieldsWrite{Fields: k.CustomFields}
			return a.print(fields, func() output.Table { return customTable(k) })
		}),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "`file` with the fields as a JSON or YAML document; - is standard input")
	return cmd
}

func customTable(k rest.KindInfo) output.Table {
	t := output.Table{Header: []string{"field", "type", "label", "choices", "help"}}
	for _, f := range k.CustomFields {
		name := "custom." + f.Name
		if strings.HasPrefix(k.Name, "custom.") {
			name = f.Name
		}
		t.Rows = append(t.Rows, []string{name, f.Type, cmp.Or(f.Label, "-"), cmp.Or(strings.Join(f.Choices, ", "), "-"), f.Help})
	}
	if len(t.Rows) == 0 {
		t.Note = k.Name + " has no custom fields."
	}
	return t
}

func (a *app) kindDefine() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "define -f FILE", Short: "Define a kind of your own, or change it", Args: cobra.NoArgs,
		Example: `  echo '{"name": "rack", "label": "Rack", "plural": "Racks", "identifiers": {"serial": 1},
         "fields": [{"name": "units", "type": "integer", "column": true}],
         "relations": [{"alias": "servers", "verb": "contains", "target": "server"}]}' | maestro kinds define -f -
  maestro get custom.rack -f 'servers.name = web-1'
  maestro get server -f 'racks.name = "R1"'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var w rest.CustomKindWrite
			if err := a.document(file, os.ReadFile, &w); err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			var k rest.KindInfo
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: "/kinds", Body: w}, &k); err != nil {
				return err
			}
			return a.print(k, func() output.Table { return output.Table{Note: "Defined " + k.Name + "."} })
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "-", "`file` with the document in JSON or YAML; - is standard input")
	return cmd
}

func (a *app) kindDrop() *cobra.Command {
	return &cobra.Command{
		Use: "drop KIND", Short: "Drop a kind of your own that has no records", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := c.Do(cmd.Context(), client.Request{Method: http.MethodDelete, Path: "/kinds/" + url.PathEscape(args[0])}, nil); err != nil {
				return err
			}
			return a.print(struct{}{}, func() output.Table { return output.Table{Note: "Dropped " + args[0] + "."} })
		}),
	}
}
