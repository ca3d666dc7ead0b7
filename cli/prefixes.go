package cli

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// prefixes shows the ranges of addresses of a routing domain as a tree, or one of them.
func (a *app) prefixes() *cobra.Command {
	var flags listFlags
	var domain, within string
	cmd := &cobra.Command{
		Use:   "prefixes [RANGE]",
		Short: "Print the ranges of addresses of a routing domain as a tree, or one range with its addresses",
		Example: `  maestro prefixes domains
  maestro prefixes --domain Frankfurt
  maestro prefixes --domain Frankfurt --within 10.1.0.0/16
  maestro prefixes --domain Frankfurt 10.1.4.0/24
  maestro prefixes --domain Frankfurt --as-of monday`,
		Args: cobra.MaximumNArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := flags.past(a.env.Now()); err != nil {
				return err
			}
			if len(args) == 1 {
				return a.onePrefix(cmd, c, domain, args[0], flags.asOf)
			}
			query := flags.query()
			query.Set("domain", domain)
			query.Set("within", within)
			list, err := client.All[rest.Prefix](cmd.Context(), c, "/prefixes", query, flags.limit)
			if err != nil {
				return whichDomain(cmd.Context(), c, domain, err)
			}
			return a.print(list, func() output.Table {
				t := prefixTable(list.Items)
				t.Note = asItWas(t.Note, flags.asOf)
				return t
			})
		}),
	}
	flags.add(cmd)
	flags.addPast(cmd)
	cmd.PersistentFlags().StringVar(&domain, "domain", "", "`name or id` of the routing domain")
	cmd.Flags().StringVar(&within, "within", "", "only `range` and what lies in it")
	cmd.AddCommand(a.routingDomains())
	return cmd
}

// whichDomain names the routing domains to whoever has to say one.
func whichDomain(ctx context.Context, c *client.Client, domain string, err error) error {
	if domain != "" || !client.IsStatus(err, http.StatusBadRequest) {
		return err
	}
	list, failed := client.All[rest.RoutingDomain](ctx, c, "/routing_domains", nil, 0)
	if failed != nil || len(list.Items) < 2 {
		return err
	}
	var names []string
	for _, d := range list.Items {
		names = append(names, strconv.Quote(output.Clean(d.Name)))
	}
	return usageError{fmt.Errorf("say which routing domain with --domain; there are %s", strings.Join(names, ", "))}
}

func (a *app) routingDomains() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:   "domains",
		Short: "List the routing domains",
		Args:  cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			names := func(list []rest.Ref) string {
				var out []string
				for i := range list {
					out = append(out, nameOf(&list[i]))
				}
				return strings.Join(out, ", ")
			}
			return printList(a, cmd, c, "/routing_domains", flags, []string{"id", "name", "datacenters", "connections"}, func(d rest.RoutingDomain, _ time.Time) []string {
				return []string{d.ID, d.Name, names(d.Datacenters), names(d.Connections)}
			})
		}),
	}
	flags.add(cmd)
	return cmd
}

func prefixTable(list []rest.Prefix) output.Table {
	t := output.Table{Header: []string{"range", "used", "free", "size", "is", "look at"}}
	for _, p := range list {
		t.Rows = append(t.Rows, []string{strings.Repeat("  ", p.Depth) + p.Prefix, amount(p.Used, p.UsedIsLowerBound), amount(p.Free, false), amount(p.Size, false),
			refsText(p.Resources), prefixTrouble(p)})
	}
	if len(list) == 0 {
		t.Note = "There are no ranges in this routing domain."
	}
	return t
}

func prefixTrouble(p rest.Prefix) string {
	var out []string
	if p.Duplicate {
		out = append(out, "duplicate")
	}
	if len(p.Overlaps) > 0 {
		out = append(out, "overlaps "+refsText(p.Overlaps))
	}
	return strings.Join(out, ", ")
}

func refsText(list []rest.Ref) string {
	const most = 3
	var out []string
	for _, r := range list[:min(len(list), most)] {
		out = append(out, strings.TrimSpace(r.Kind+" "+nameOf(&r)))
	}
	if n := len(list) - most; n > 0 {
		out = append(out, fmt.Sprintf("%d more", n))
	}
	return strings.Join(out, ", ")
}

// amount of addresses: exact as far as people read digits, beyond that a power of two.
func amount(n float64, atLeast bool) string {
	text := strconv.FormatFloat(n, 'f', 0, 64)
	if n >= 1e9 {
		text = fmt.Sprintf("2^%.1f", math.Log2(n))
		text = strings.TrimSuffix(text, ".0")
	}
	if atLeast {
		return ">= " + text
	}
	return text
}

// onePrefix prints a range, what is free in it and its addresses.
func (a *app) onePrefix(cmd *cobra.Command, c *client.Client, domain, text, asOf string) error {
	moment := url.Values{}
	if asOf != "" {
		moment.Set("as_of", asOf)
	}
	asked := url.Values{"domain": {domain}, "within": {text}, "filter": {`prefix = "` + text + `"`}}
	maps.Copy(asked, moment)
	found, err := client.All[rest.Prefix](cmd.Context(), c, "/prefixes", asked, 1)
	if err != nil {
		return whichDomain(cmd.Context(), c, domain, err)
	}
	if len(found.Items) == 0 {
		return &client.Error{Status: http.StatusNotFound, Title: "Not Found",
			Detail: fmt.Sprintf("Nothing says that it is %s in this routing domain. `maestro prefixes` lists the ranges there are.", text)}
	}
	at := "/prefixes/" + url.PathEscape(found.Items[0].ID)
	detail, err := client.Get[rest.PrefixDetail](cmd.Context(), c, at, moment)
	if err != nil {
		return err
	}
	used, err := client.All[rest.PrefixAddress](cmd.Context(), c, at+"/addresses", moment, 0)
	if err != nil {
		return err
	}
	both := struct {
		rest.PrefixDetail
		Addresses []rest.PrefixAddress `json:"addresses"`
	}{detail, used.Items}
	return a.print(both, func() output.Table {
		p := detail.Prefix
		t := output.Table{Header: []string{"address", "is of", "look at"}}
		for _, x := range used.Items {
			trouble := ""
			if x.Duplicate {
				trouble = "duplicate"
			}
			t.Rows = append(t.Rows, []string{x.Address, refsText(x.Resources), trouble})
		}
		free := strings.Join(detail.FreeBlocks[:min(len(detail.FreeBlocks), 20)], ", ")
		if detail.MoreFreeBlocks || len(detail.FreeBlocks) > 20 {
			free += ", ..."
		}
		t.Note = fmt.Sprintf("%s in %s: %s\n%s used, %s free of %s; %d ranges around it, %d within\nFree: %s", p.Prefix, p.Domain.Name, refsText(p.Resources),
			amount(p.Used, p.UsedIsLowerBound), amount(p.Free, false), amount(p.Size, false), len(detail.Around), len(detail.Within), free)
		if trouble := prefixTrouble(p); trouble != "" {
			t.Note += "\nLook at: " + trouble
		}
		t.Note = asItWas(t.Note, asOf)
		return t
	})
}
